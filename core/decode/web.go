package decode

import (
	"strings"

	"penstock/core/event"
	"penstock/core/logline"
)

// maxNginx is the length from which a message of nginx may have been cut: it cuts
// lines of its error log at 2048 bytes, of which the header takes some.
const maxNginx = 1900

// access decodes a line of a web server's access log: head ends with the time.
// The address in front is the server's own knowledge, unless the columns around it
// may be what a forwarding header said; everything the client sent is a claim. A
// user name may hold spaces, so that the columns behind it are sure only where there
// are exactly two between address and time.
func access(ev *event.Event, head, m string) {
	if i := strings.IndexByte(head, '['); i > 0 {
		head = head[:i]
	}
	accessMessage(ev, head, m)
}

// accessMessage reads `"METHOD URL HTTP/1.1" STATUS SIZE "REFERER" "AGENT"` and the
// columns that stood before the time.
func accessMessage(ev *event.Event, head, m string) {
	sure := accessHead(ev, head)
	request, after, ok := quotedText(m)
	if !ok {
		generic(ev, m)
		return
	}
	request2, protocol := lastWord(request)
	if !strings.HasPrefix(protocol, "HTTP/") {
		request2 = request
	}
	if method, url, ok := strings.Cut(request2, " "); ok && isMethod(method) {
		ev.Set(event.KeyMethod, method, event.Claimed)
		ev.Set(event.KeyURL, url, event.Claimed)
	} else {
		ev.Set(event.KeyURL, request, event.Claimed)
	}
	status, after := firstWord(after)
	if allDigits(status) {
		ev.Set(event.KeyStatus, status, sure)
	}
	accessRest(ev, after)
}

// accessHead reads `[SITE ]ADDR - USER` and says how sure the columns behind are. The
// address is sure where the rest has this form: a list, or another address or name
// beside it, is what a server writes that logs a forwarding header.
func accessHead(ev *event.Event, head string) event.Origin {
	site := ""
	word, rest := firstWord(head)
	addr, port, ok := address(word)
	if !ok {
		second, behind := firstWord(rest)
		if addr, port, ok = address(second); ok {
			site, word, rest = word, second, behind
		}
	}
	identity, user := firstWord(rest)
	user = strings.TrimSpace(user)
	name, more := wordHere(user)
	origin := event.Observed
	if identity != "-" && identity != "" || strings.Contains(site, ",") || strings.HasSuffix(word, ",") ||
		more != "" && (site != "" || holdsAddress(user)) {
		origin = event.Claimed
	}
	if ok {
		ev.Set(event.KeyPeer, addr, origin)
		if allDigits(port) {
			ev.Set(event.KeyPeerPort, port, origin)
		}
	}
	if name != "-" {
		ev.Set(event.KeyUser, name, event.Claimed)
	}
	if name == "" || more != "" {
		return event.Claimed
	}
	return event.Observed
}

// holdsAddress says whether a word of s is an address.
func holdsAddress(s string) bool {
	for s != "" {
		var word string
		word, s = firstWord(s)
		if _, _, ok := address(word); ok {
			return true
		}
	}
	return false
}

// accessRest reads the quoted columns behind the status: referer, agent, and
// what forwarding headers claimed.
func accessRest(ev *event.Event, rest string) {
	for n := range 4 {
		value, after, ok := quotedText(rest)
		if !ok {
			return
		}
		rest = after
		switch {
		case value == "-" || value == "":
		case n == 1:
			ev.Set(event.KeyAgent, value, event.Claimed)
		case n > 1:
			first, _, _ := strings.Cut(value, ",")
			if addr, _, ok := address(strings.TrimSpace(first)); ok {
				ev.Set(event.KeyForwarded, addr, event.Claimed)
			}
		}
	}
}

// quotedText returns the next text in double quotes, in which a backslash
// escapes, and what follows it.
func quotedText(s string) (value, rest string, ok bool) {
	open := strings.IndexByte(s, '"')
	if open < 0 {
		return "", "", false
	}
	for i := open + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[open+1 : i], s[i+1:], true
		}
	}
	return "", "", false
}

func isMethod(s string) bool {
	for i := range len(s) {
		if s[i]-'A' > 25 {
			return false
		}
	}
	return len(s) >= 3 && len(s) <= 10
}

// webError decodes an error log line of nginx or Apache, or an access line that
// came with a tag. Apache writes the client first; nginx writes it behind the
// error's text and before the request, either of which the client can shape, so
// that it is sure only where it stands once, in a message that was not cut.
func webError(ev *event.Event, m string) bool {
	if rest, ok := strings.CutPrefix(m, "[client "); ok {
		client, after, ok := strings.Cut(rest, "]")
		if ok && setPeer(ev, client, "", event.Observed) {
			authWords(ev, after)
		}
		return ok
	}
	if _, after, ok := strings.Cut(m, ", client: "); ok {
		origin := event.Observed
		if strings.Contains(after, ", client: ") || len(m) >= maxNginx || len(m) >= maxWhole && ev.Format == logline.Syslog {
			origin = event.Claimed
		}
		client, rest, _ := strings.Cut(after, ",")
		setPeer(ev, client, "", origin)
		if request, ok := between(rest, "request: \"", "\""); ok {
			method, url, _ := strings.Cut(request, " ")
			if isMethod(method) {
				url, _ = wordHere(url)
				ev.Set(event.KeyMethod, method, event.Claimed)
				ev.Set(event.KeyURL, url, event.Claimed)
			}
		}
		authWords(ev, m)
		return true
	}
	open := strings.IndexByte(m, '[')
	if open <= 0 || strings.Index(m, "] \"") < open {
		return false
	}
	accessMessage(ev, m[:open], m[strings.Index(m, "] \"")+2:])
	return true
}
