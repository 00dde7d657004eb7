package decode

import (
	"strings"

	"penstock/core/event"
)

// postfix knows the daemons that write a client's address. Those that deliver
// write what other servers said, which proves nothing.
func postfix(ev *event.Event, m string) bool {
	switch ev.Program[strings.LastIndexByte(ev.Program, '/')+1:] {
	case "smtpd", "postscreen", "tlsproxy":
		return smtpd(ev, m)
	case "cleanup":
		return cleanup(ev, m)
	}
	return false
}

// smtpd writes the client as NAME[ADDR] before anything the client sent: the
// first one is right. The name holds no space or bracket, whatever the name
// server said.
func smtpd(ev *event.Event, m string) bool {
	if rest, ok := strings.CutPrefix(m, "warning: hostname "); ok {
		_, rest = firstWord(rest)
		addr, ok := strings.CutPrefix(rest, "does not resolve to address ")
		addr, _ = firstWord(addr)
		return ok && setPeer(ev, strings.TrimSuffix(addr, ":"), "", event.Observed)
	}
	rest, ok := strings.CutPrefix(m, "warning: ")
	if !ok || strings.HasPrefix(rest, "non-SMTP ") {
		start := strings.Index(m, " from ")
		if client := strings.Index(m, "client="); client >= 0 && (start < 0 || client < start) {
			start, rest = client, m[client+len("client="):]
		} else if start >= 0 {
			rest = m[start+len(" from "):]
		} else {
			return false
		}
		if strings.ContainsAny(m[:start], "[<=") {
			return false // something of the client's stands before it
		}
	}
	tail, ok := bracketed(ev, rest)
	if !ok {
		return false
	}
	if strings.HasPrefix(tail, ": SASL ") && strings.Contains(tail, "authentication failed") {
		ev.Set(event.KeyOutcome, failure, event.Observed)
	}
	if _, user, ok := strings.Cut(tail, "sasl_username="); ok {
		user, _, _ = strings.Cut(user, ",")
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	return true
}

// cleanup: ID: reject: header TEXT from NAME[ADDR]; from=<SENDER> ... The text is a
// part of the mail, so that the last ` from ` is the daemon's, where the mark behind
// it stands once.
func cleanup(ev *event.Event, m string) bool {
	head, tail, ok := strings.Cut(m, "; from=<")
	if !ok || strings.Contains(tail, "; from=<") {
		return false
	}
	_, client, ok := cutLast(head, " from ")
	if !ok {
		return false
	}
	_, ok = bracketed(ev, client)
	return ok
}

// bracketed takes the peer from NAME[ADDR] at the start of s and returns what
// follows.
func bracketed(ev *event.Event, s string) (tail string, ok bool) {
	name, tail, ok := strings.Cut(s, "[")
	addr, tail, ok2 := strings.Cut(tail, "]")
	return tail, ok && ok2 && strings.IndexByte(name, ' ') < 0 && setPeer(ev, addr, "", event.Observed)
}

// dovecot writes rip= behind the user name and before what the client says of
// itself: it is dovecot's own where it stands once.
func dovecot(ev *event.Event, m string) bool {
	service, text, _ := strings.Cut(m, "-login: ")
	switch {
	case strings.HasPrefix(text, "Login: ") && len(service) < 16 && !strings.ContainsAny(service, " (<"), strings.HasPrefix(m, "Login: "):
		ev.Set(event.KeyOutcome, success, event.Observed)
	case strings.Contains(m, "auth failed"), strings.Contains(m, "authentication failure"),
		strings.Contains(m, "Authentication failure"), strings.Contains(m, "unknown user"), strings.Contains(m, "assword mismatch"):
		ev.Set(event.KeyOutcome, failure, event.Observed)
	}
	i := strings.LastIndex(m, ", rip=")
	if i < 0 {
		return dovecotAuth(ev, m)
	}
	addr, rest, _ := strings.Cut(m[i+len(", rip="):], ",")
	origin := event.Observed
	if strings.Index(m, ", rip=") < i {
		origin = event.Claimed
	}
	ok := setPeer(ev, addr, "", origin)
	if target, ok := strings.CutPrefix(rest, " lip="); ok {
		target, _, _ = strings.Cut(target, ",")
		if addr, _, ok := address(target); ok {
			ev.Set(event.KeyTarget, addr, origin)
		}
	}
	if _, user, ok := strings.Cut(m[:i], "user=<"); ok {
		if k := strings.LastIndexByte(user, '>'); k >= 0 {
			ev.Set(event.KeyUser, user[:k], event.Claimed)
		}
	}
	return ok
}

// dovecotAuth: pam(NAME,ADDR[,SESSION]): text. The name may hold a comma, and so
// may what follows, so that the address is a claim.
func dovecotAuth(ev *event.Event, m string) bool {
	head, _, ok := strings.Cut(m, "): ")
	for ok && !strings.Contains(head, ",") {
		var next string
		_, m, _ = strings.Cut(m, "): ")
		if next, _, ok = strings.Cut(m, "): "); ok {
			head = next
		}
	}
	user, addr, ok := strings.Cut(head[strings.LastIndexByte(head, '(')+1:], ",")
	if !ok {
		return false
	}
	addr, _, _ = strings.Cut(addr, ",")
	if !setPeer(ev, addr, "", event.Claimed) {
		return false
	}
	ev.Set(event.KeyUser, user, event.Claimed)
	return true
}

// exim writes [NAME ](HELO) [ADDR]:PORT. What the client sent as HELO holds no
// space, or exim would have refused it; what comes behind the address is free, and
// so is a quoted sender before it.
func exim(ev *event.Event, m string) bool {
	var rest string
	origin := event.Observed
	if before, after, ok := strings.Cut(m, " authenticator failed for "); ok && strings.IndexByte(before, ' ') < 0 {
		rest = after
		ev.Set(event.KeyOutcome, failure, event.Observed)
		if user, ok := between(after, "(set_id=", ")"); ok {
			defer ev.Set(event.KeyUser, user, event.Claimed)
		}
	} else if rest, ok = strings.CutPrefix(m, "H="); !ok {
		if before, rest, ok = strings.Cut(m, " H="); !ok {
			return false
		}
		if strings.Contains(rest, " H=") || strings.IndexByte(before, '"') >= 0 {
			origin = event.Claimed
		}
	}
	for range 3 {
		word, after := firstWord(rest)
		if strings.HasPrefix(word, "[") {
			return setPeer(ev, strings.TrimSuffix(word, ":"), "", origin)
		}
		rest = after
	}
	return false
}
