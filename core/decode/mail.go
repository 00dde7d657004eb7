package decode

import (
	"strings"

	"penstock/core/event"
)

// postfix writes the client as NAME[ADDR] before anything the client sent: the
// first one is right. The name holds no space or bracket, whatever the name
// server said.
func postfix(ev *event.Event, m string) bool {
	var rest string
	switch {
	case strings.HasPrefix(m, "warning: non-SMTP "), !strings.HasPrefix(m, "warning: "):
		start := strings.Index(m, " from ")
		if client := strings.Index(m, "client="); client >= 0 && (start < 0 || client < start) {
			rest = m[client+len("client="):]
		} else if start >= 0 {
			rest = m[start+len(" from "):]
		} else {
			return false
		}
	case strings.HasPrefix(m, "warning: hostname "):
		_, addr, _ := strings.Cut(m, " does not resolve to address ")
		addr, _ = firstWord(addr)
		return setPeer(ev, strings.TrimSuffix(addr, ":"), "", event.Observed)
	default:
		rest = m[len("warning: "):]
	}
	name, tail, ok := strings.Cut(rest, "[")
	addr, tail, ok2 := strings.Cut(tail, "]")
	if !ok || !ok2 || strings.IndexByte(name, ' ') >= 0 || !setPeer(ev, addr, "", event.Observed) {
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

// dovecot writes rip= behind the user name, so that the last one is its own.
func dovecot(ev *event.Event, m string) bool {
	switch {
	case strings.Contains(m, "-login: Login: ") || strings.HasPrefix(m, "Login: "):
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
	ok := setPeer(ev, addr, "", event.Observed)
	if target, ok := strings.CutPrefix(rest, " lip="); ok {
		target, _, _ = strings.Cut(target, ",")
		if addr, _, ok := address(target); ok {
			ev.Set(event.KeyTarget, addr, event.Observed)
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
// space, or exim would have refused it; what comes behind the address is free.
func exim(ev *event.Event, m string) bool {
	var rest string
	if _, after, ok := strings.Cut(m, " authenticator failed for "); ok {
		rest = after
		ev.Set(event.KeyOutcome, failure, event.Observed)
		if user, ok := between(after, "(set_id=", ")"); ok {
			defer ev.Set(event.KeyUser, user, event.Claimed)
		}
	} else if _, after, ok := strings.Cut(m, "H="); ok {
		rest = after
	} else {
		return false
	}
	for range 3 {
		word, after := firstWord(rest)
		if strings.HasPrefix(word, "[") {
			return setPeer(ev, strings.TrimSuffix(word, ":"), "", event.Observed)
		}
		rest = after
	}
	return false
}
