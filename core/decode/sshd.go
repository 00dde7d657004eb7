package decode

import (
	"strings"

	"penstock/core/event"
)

// sshd knows the messages of OpenSSH. A client chooses its user name and its
// version text freely, and both may look like the rest of a message. So the
// address is taken from the end, where sshd writes it behind the user name, and
// from the start in the messages that end with the client's text.
func sshd(ev *event.Event, m string) bool {
	if strings.HasPrefix(m, "[ID ") { // Solaris
		_, m, _ = strings.Cut(m, "] ")
	}
	m = strings.TrimPrefix(m, "error: ")
	m = strings.TrimPrefix(m, "fatal: ")
	m = strings.TrimPrefix(m, "PAM: ")
	switch word, _ := firstWord(m); word {
	case "Accepted":
		return sshdAccepted(ev, m)
	case "Failed":
		return sshdFailed(ev, m)
	case "Invalid", "Illegal":
		return sshdUserFrom(ev, m, " user ", event.Observed)
	case "maximum":
		return sshdUserFrom(ev, m, " exceeded for ", event.Observed)
	case "Authentication", "User":
		return sshdRefused(ev, m)
	case "Connection", "Disconnecting", "Disconnected", "Timeout":
		return sshdConnection(ev, m)
	case "Received", "Did", "Unable", "Address", "Bad", "reverse", "banner", "ssh_dispatch_run_fatal:", "drop", "Read":
		return sshdAnchored(ev, m)
	case "input_userauth_request:":
		if _, user, ok := strings.Cut(m, "invalid user "); ok {
			ev.Set(event.KeyUser, strings.TrimSuffix(user, " [preauth]"), event.Claimed)
		}
		return true
	}
	return pam(ev, m)
}

// sshdAccepted: Accepted METHOD for NAME from ADDR. The user exists, so that the
// name is no free text.
func sshdAccepted(ev *event.Event, m string) bool {
	_, rest := firstWord(m)
	_, rest = firstWord(rest)
	rest, ok := strings.CutPrefix(rest, "for ")
	user, rest, ok2 := strings.Cut(rest, " from ")
	addr, rest := firstWord(rest)
	if !ok || !ok2 || strings.IndexByte(user, ' ') >= 0 || !setPeer(ev, addr, portIn(rest), event.Observed) {
		return false
	}
	ev.Set(event.KeyUser, user, event.Observed)
	ev.Set(event.KeyOutcome, success, event.Observed)
	return true
}

// sshdFailed: Failed METHOD for [invalid user] NAME from ADDR port N ssh2[: KEY]. The
// name and the id of a certificate are the client's text, on either side of the
// address: it is sure only where nothing behind looks like another.
func sshdFailed(ev *event.Event, m string) bool {
	origin := event.Observed
	if strings.HasPrefix(m, "Failed publickey ") {
		if head, key, ok := strings.Cut(m, " ssh2: "); ok {
			if strings.Contains(key, " ssh2") || strings.Contains(key, " from ") {
				origin = event.Claimed
			}
			m = head
		}
	}
	ok := sshdUserFrom(ev, m, " for ", origin)
	if ok {
		ev.Set(event.KeyOutcome, failure, event.Observed)
	}
	return ok
}

// sshdUserFrom reads `... <mark>[invalid user ]NAME from ADDR[ port N][ ssh2]` with
// the last ` from `, which sshd writes behind the name.
func sshdUserFrom(ev *event.Event, m, mark string, origin event.Origin) bool {
	head, addr, port, ok := addressAtEnd(m)
	if !ok || !setPeer(ev, addr, port, origin) {
		return false
	}
	if _, user, ok := strings.Cut(head, mark); ok {
		user = strings.TrimPrefix(strings.TrimPrefix(user, "invalid user "), "illegal user ")
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	if mark == " user " || mark == " exceeded for " {
		ev.Set(event.KeyOutcome, failure, event.Observed)
	}
	return true
}

// addressAtEnd reads `HEAD from ADDR[ port N][ ssh2][ [preauth]]`: nothing else
// may follow.
func addressAtEnd(m string) (head, addr, port string, ok bool) {
	m = strings.TrimSuffix(m, " [preauth]")
	m = strings.TrimSuffix(m, " ssh2")
	m = strings.TrimSuffix(m, " ssh1")
	i := strings.LastIndex(m, " from ")
	if i < 0 {
		return "", "", "", false
	}
	addr, rest := firstWord(m[i+len(" from "):])
	if rest != "" {
		number, isPort := strings.CutPrefix(rest, "port ")
		if port = number; !isPort || !allDigits(number) {
			return "", "", "", false
		}
	}
	return m[:i], addr, port, true
}

// portIn reads `port N` at the start of rest.
func portIn(rest string) string {
	number, ok := strings.CutPrefix(rest, "port ")
	if !ok {
		return ""
	}
	number, _ = firstWord(number)
	return strings.TrimRight(number, ":")
}

// sshdRefused: User NAME from ADDR not allowed because ..., and PAM's
// Authentication failure for NAME from ADDR.
func sshdRefused(ev *event.Event, m string) bool {
	if i := strings.LastIndex(m, " not allowed because "); i > 0 {
		m = m[:i]
	}
	if sshdUserFrom(ev, m, " for ", event.Observed) || sshdUserFrom(ev, m, "User ", event.Observed) {
		ev.Set(event.KeyOutcome, failure, event.Observed)
		return true
	}
	return false
}

// sshdConnection: ... [invalid user NAME |authenticating user NAME ]ADDR port N,
// with the reason behind a colon where there is one. The reason may quote names
// of the client's.
func sshdConnection(ev *event.Event, m string) bool {
	for _, start := range [...]string{"Connection from ", "Connection closed by ", "Connection reset by "} {
		if rest, ok := strings.CutPrefix(m, start); ok {
			addr, tail := firstWord(rest)
			if setPeer(ev, addr, portIn(tail), event.Observed) {
				return true
			}
		}
	}
	m = strings.TrimSuffix(m, " [preauth]")
	i := strings.LastIndex(m, " port ")
	if i < 0 {
		return false
	}
	origin := connectionOrigin(m, i)
	if origin == event.Claimed {
		i = strings.Index(m, " port ") // more often the true one than what a reason quotes
	}
	head, addr := lastWord(m[:i])
	if !setPeer(ev, addr, portIn(m[i+1:]), origin) {
		return false
	}
	if _, user, ok := strings.Cut(head, "user "); ok {
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	return true
}

// connectionOrigin says whether the address before the last ` port ` of m, at i,
// is sshd's own: where m ends with it, or with a reason that quotes nobody, or
// where nothing else looks like it.
func connectionOrigin(m string, i int) event.Origin {
	port := strings.TrimSuffix(m[i+len(" port "):], ": Too many authentication failures")
	switch {
	case strings.HasPrefix(m, "Disconnecting: "):
		return event.Claimed
	case allDigits(port), strings.Index(m, " port ") == i && !strings.Contains(m[:i], ": "):
		return event.Observed
	}
	return event.Claimed
}

// sshdAnchored reads messages that begin with words of sshd's own and the
// address, or end with it: what the client wrote stands at the other end.
func sshdAnchored(ev *event.Event, m string) bool {
	for _, start := range [...]string{
		"Received disconnect from ", "Did not receive identification string from ", "Unable to negotiate with ",
		"Address ", "Read error from remote host ", "ssh_dispatch_run_fatal: Connection from ", "banner exchange: Connection from ", "drop connection #",
	} {
		rest, ok := strings.CutPrefix(m, start)
		if !ok {
			continue
		}
		if start == "drop connection #" {
			_, rest, _ = strings.Cut(rest, " from ")
		}
		addr, tail := firstWord(rest)
		return setPeer(ev, strings.TrimRight(addr, ":"), portIn(tail), event.Observed)
	}
	if rest, ok := strings.CutPrefix(m, "reverse mapping checking getaddrinfo for "); ok {
		// The name is the owner's of the address: the bracket behind it is ours.
		if i := strings.LastIndex(rest, "] failed"); i > 0 {
			return setPeer(ev, rest[strings.LastIndexByte(rest[:i], '[')+1:i], "", event.Observed)
		}
	}
	_, addr, port, ok := addressAtEnd(m)
	return ok && setPeer(ev, addr, port, event.Observed)
}

// dropbear: Bad password attempt for 'NAME' from ADDR:PORT, and relatives.
func dropbear(ev *event.Event, m string) bool {
	head, addr, _, ok := addressAtEnd(m)
	if !ok || !setPeer(ev, addr, "", event.Observed) {
		return false
	}
	if user, ok := between(head, "'", "'"); ok {
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	switch {
	case strings.Contains(head[:min(len(head), 40)], "succeeded for"):
		ev.Set(event.KeyOutcome, success, event.Observed)
	case strings.HasPrefix(head, "Bad "), strings.HasPrefix(head, "Login attempt for nonexistent"):
		ev.Set(event.KeyOutcome, failure, event.Observed)
	}
	return true
}
