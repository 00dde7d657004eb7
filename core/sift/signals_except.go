package sift

import (
	"bytes"
	"regexp"
	"strings"

	"penstock/core/event"
)

// holdsOutside says whether the clause's texts are there when what it excepts is
// blotted out. That is done in the text as it was logged, without percent escapes
// undone. An excepted text takes away only texts that it overlaps, so that it must
// be written around a hit: elsewhere in the line it does nothing. What would cost
// more than maxOutside holds unseen, so that nobody can buy silence with length.
func (m *matching) holdsOutside(c *clause) bool {
	if m.outside += len(m.text) + len(m.tail); m.outside > maxOutside {
		return true
	}
	rest := matching{signals: m.signals, ev: m.ev}
	rest.read(blotted(m.text, c.from.Except))
	rest.read(blotted(m.tail, c.from.Except))
	rest.readName(blotted(m.ev.Name, c.from.Except))
	return rest.found.holds(c)
}

// blot stands in no text.
const blot = 0x01

// blotted returns the text with every one of the excepted texts made unreadable.
// Backslashes are passed over, as in every other search.
func blotted(text string, excepted []string) string {
	result := []byte(text)
	plain := make([]byte, 0, len(text))
	at := make([]int, 0, len(text)) // where plain's bytes stand in the text
	for i := range len(text) {
		if text[i] != '\\' {
			plain, at = append(plain, lower(text[i])), append(at, i)
		}
	}
	for _, e := range excepted {
		sought := []byte(withoutBackslashes(strings.ToLower(e)))
		for from := 0; ; {
			i := bytes.Index(plain[from:], sought)
			if i < 0 {
				break
			}
			for k := range sought {
				result[at[from+i+k]] = blot
			}
			from += i + len(sought)
		}
	}
	return string(result)
}

// webServers are programs whose lines about a request hold what a client wrote.
var webServers = []string{
	"nginx*", "apache*", "httpd", "haproxy", "traefik", "caddy", "lighttpd", "squid", "varnish*", "envoy", "tomcat*", "iis", "w3svc*",
	"modsecurity", "coraza*", "openresty", "gunicorn", "uvicorn",
}

// accessLine is how a line of an access log begins, whoever tagged it.
var accessLine = regexp.MustCompile(`^[0-9A-Fa-f.:]+ \S+ \S+ \[\d\d/[A-Z][a-z][a-z]/\d{4}:[0-9: +-]+\] "[A-Z]+ `)

// ofWebServer says whether the event is what a web server says of a request, by
// its format, its beginning and fields that a client cannot add: there a command is text that
// a client sent, not one that ran.
func ofWebServer(ev *event.Event) bool {
	if ev.Format == "access" || accessLine.MatchString(ev.Message) {
		return true
	}
	url, status := ev.Value(event.KeyURL) != "", ev.Value(event.KeyStatus) != ""
	switch ev.Format {
	case "json", "wazuh", "suricata", "journal", "event":
		if url && (status || ev.Format == "suricata") {
			return true
		}
	}
	return globs(webServers, ev.Program) && (url || status || ev.Value(event.KeyPeer) != "")
}
