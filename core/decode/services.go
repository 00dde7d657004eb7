package decode

import (
	"strings"

	"penstock/core/event"
)

// mysql: Access denied for user 'NAME'@'HOST' (using password: YES). The name is
// free text; host and what follows are the server's only where the message ends
// with them.
func mysql(ev *event.Event, m string) bool {
	_, rest, ok := strings.Cut(m, "Access denied for user '")
	if !ok {
		return false
	}
	ev.Set(event.KeyOutcome, failure, event.Observed)
	origin := event.Claimed
	if end := strings.LastIndex(rest, "' (using password: "); end >= 0 && strings.Count(rest[end:], " ") == 3 && strings.HasSuffix(rest, ")") {
		rest, origin = rest[:end], event.Observed
	}
	user, host, ok := cutLast(rest, "'@'")
	if !ok {
		return true
	}
	host, _, _ = strings.Cut(host, "'")
	if !setPeer(ev, host, "", origin) {
		ev.Set(KeyPeerName, host, event.Claimed)
	}
	ev.Set(event.KeyUser, user, event.Claimed)
	return true
}

func cutLast(s, mark string) (before, after string, ok bool) {
	i := strings.LastIndex(s, mark)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(mark):], true
}

// postgres names the client before the user, except where the line's prefix is
// the only place that does. The prefix may hold the user's name and what that
// holds: the address is sure only where one level stands in the line.
func postgres(ev *event.Event, m string) bool {
	_, text, fatal := strings.Cut(m, "FATAL:  ")
	if !fatal {
		text = m
	}
	switch {
	case strings.HasPrefix(text, "password authentication failed for user \""),
		strings.HasPrefix(text, "role \""), strings.HasPrefix(text, "Peer authentication failed for user \""):
		ev.Set(event.KeyOutcome, failure, event.Observed)
	case strings.HasPrefix(text, "no pg_hba.conf entry for host \""):
		ev.Set(event.KeyOutcome, failure, event.Observed)
		origin := event.Observed
		if strings.Count(m, ":  ") > 1 {
			origin = event.Claimed
		}
		host, _ := between(text, "host \"", "\"")
		setPeer(ev, host, "", origin)
		_, text, _ = strings.Cut(text, "user ")
	case !fatal && strings.HasPrefix(text, "connection received: host="):
		host, rest := wordHere(text[len("connection received: host="):])
		return setPeer(ev, host, strings.TrimPrefix(rest, "port="), event.Observed)
	default:
		return false
	}
	if user, ok := between(text, "\"", "\""); ok {
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	return true
}

// vsftpd: [NAME] OK LOGIN: Client "ADDR"[, anon password "TEXT"]. The client's
// text may stand on either side, so that the address is sure where it stands once.
func vsftpd(ev *event.Event, m string) bool {
	const mark = ": Client \""
	before, after, ok := strings.Cut(m, mark)
	if !ok {
		return pam(ev, m)
	}
	addr, rest, _ := strings.Cut(after, "\"")
	origin := event.Observed
	if strings.Contains(rest, mark) {
		origin = event.Claimed
	}
	ok = setPeer(ev, addr, "", origin)
	if user, ok := between(before, "[", "] "); ok {
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	switch {
	case strings.HasSuffix(before, "OK LOGIN"):
		ev.Set(event.KeyOutcome, success, event.Observed)
	case strings.HasSuffix(before, "FAIL LOGIN"):
		ev.Set(event.KeyOutcome, failure, event.Observed)
	}
	return ok
}

// proftpd: [HOST ](NAME[ADDR]): text.
func proftpd(ev *event.Event, m string) bool {
	head, text, ok := strings.Cut(m, "])")
	text, colon := strings.CutPrefix(text, ": ")
	text, dash := strings.CutPrefix(text, " - ")
	if !ok || !colon && !dash {
		return pam(ev, m)
	}
	_, addr, ok := cutLast(head, "[")
	if !ok || !setPeer(ev, addr, "", event.Observed) {
		return false
	}
	if rest, ok := strings.CutPrefix(text, "USER "); ok {
		user, after := wordHere(rest)
		ev.Set(event.KeyUser, strings.TrimSuffix(user, ":"), event.Claimed)
		switch {
		case strings.Contains(after, "Login successful"):
			ev.Set(event.KeyOutcome, success, event.Observed)
		case strings.Contains(after, "no such user"), strings.Contains(after, "Login failed"):
			ev.Set(event.KeyOutcome, failure, event.Observed)
		}
	}
	return true
}

// pureftpd: (NAME@ADDR) [LEVEL] text. The name is that of a session that is
// already logged in, or a question mark.
func pureftpd(ev *event.Event, m string) bool {
	head, text, ok := strings.Cut(m, ") ")
	if !ok || m[0] != '(' {
		return false
	}
	_, addr, ok := cutLast(head, "@")
	if !ok || !setPeer(ev, addr, "", event.Observed) {
		return false
	}
	if user, ok := between(text, "for user [", "]"); ok {
		ev.Set(event.KeyUser, user, event.Claimed)
		ev.Set(event.KeyOutcome, failure, event.Observed)
	}
	return true
}

// ftpd: connection from ADDR (NAME) at TIME.
func ftpd(ev *event.Event, m string) bool {
	rest, ok := strings.CutPrefix(m, "connection from ")
	if !ok {
		return pam(ev, m)
	}
	addr, _ := firstWord(rest)
	return setPeer(ev, addr, "", event.Observed)
}

// zabbix: connection from "ADDR" rejected, and requests of an address in quotes,
// which the server writes before the host's name.
func zabbix(ev *event.Event, m string) bool {
	before, rest, _ := strings.Cut(m, "\"")
	for _, mark := range [...]string{"connection from ", "list of active checks to ", "from proxy "} {
		if !strings.HasSuffix(before, mark) || strings.IndexByte(before, '[') >= 0 {
			continue // behind another quote or bracket it may be anyone's text
		}
		addr, _, _ := strings.Cut(rest, "\"")
		return setPeer(ev, addr, "", event.Observed)
	}
	if host, ok := between(m, "on host \"", "\""); ok {
		ev.Set("item_host", host, event.Claimed)
		return true
	}
	return false
}
