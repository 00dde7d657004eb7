package decode

import (
	"strings"

	"penstock/core/event"
)

// pam knows the messages of pam_unix, with or without its name in front.
func pam(ev *event.Event, m string) bool {
	if strings.HasPrefix(m, "pam_") {
		_, rest, ok := strings.Cut(m, "): ")
		if !ok {
			return false
		}
		m = rest
	}
	switch {
	case strings.HasPrefix(m, "authentication failure; "):
		ev.Set(event.KeyOutcome, failure, event.Observed)
		return pamFailure(ev, m)
	case strings.HasPrefix(m, "session opened for user "), strings.HasPrefix(m, "session closed for user "):
		user, rest := firstWord(m[len("session opened for user "):])
		user, _, _ = strings.Cut(user, "(")
		ev.Set(event.KeyUser, user, event.Observed)
		if _, by, ok := strings.Cut(rest, "by "); ok {
			by, _, _ = strings.Cut(by, "(")
			ev.Set(event.KeyByUser, by, event.Observed)
		}
		return true
	case strings.HasPrefix(m, "check pass; user unknown"):
		ev.Set(event.KeyOutcome, failure, event.Observed)
		return true
	}
	return false
}

// pamFailure reads rhost= and user=. The remote host stands before the account
// name, so that the first one is PAM's own. sshd puts an address or a name there.
func pamFailure(ev *event.Event, m string) bool {
	if _, rest, ok := strings.Cut(m, " ruser="); ok {
		if ruser, _ := wordHere(rest); ruser != "" {
			ev.Set(event.KeyByUser, ruser, event.Claimed)
		}
	}
	// ruser is the client's text in the old r-services: then nothing is sure.
	origin := event.Observed
	if _, rest, _ := strings.Cut(m, " ruser="); strings.Count(m, "rhost=") > 1 && !strings.HasPrefix(rest, " rhost=") {
		origin = event.Claimed
	}
	if _, rest, ok := strings.Cut(m, " rhost="); ok {
		host, after := wordHere(rest)
		if !setPeer(ev, host, "", origin) {
			ev.Set(KeyPeerName, host, event.Claimed)
		}
		if _, user, ok := strings.Cut(after, "user="); ok {
			ev.Set(event.KeyUser, strings.TrimSpace(user), event.Claimed)
		}
	}
	return true
}

// wordHere returns what stands before the next space, without skipping one.
func wordHere(s string) (word, rest string) {
	word, rest, _ = strings.Cut(s, " ")
	return word, rest
}

// sudo: NAME : [REASON ; ]TTY=... ; PWD=... ; USER=... ; COMMAND=... Only the
// name in front is sudo's own beyond doubt: a folder's name can hold the rest.
func sudo(ev *event.Event, m string) bool {
	by, rest, ok := strings.Cut(m, " : ")
	by = strings.TrimSpace(by)
	if !ok || by == "" || strings.IndexByte(by, ' ') >= 0 {
		return pam(ev, m)
	}
	ev.Set(event.KeyByUser, by, event.Observed)
	if reason, _, ok := strings.Cut(rest, " ; TTY="); ok && !strings.HasPrefix(rest, "TTY=") {
		if strings.Contains(reason, "incorrect password") || strings.Contains(reason, "NOT ") || strings.Contains(reason, "not allowed") {
			ev.Set(event.KeyOutcome, failure, event.Observed)
		}
	}
	head, command, ok := strings.Cut(rest, " ; COMMAND=")
	if !ok {
		return true
	}
	if i := strings.LastIndex(head, " ; USER="); i >= 0 {
		user, _, _ := strings.Cut(head[i+len(" ; USER="):], " ;")
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	ev.Set(event.KeyCommand, command, event.Claimed)
	return true
}

// su: (to NAME) BY on TTY, FAILED SU (to NAME) BY on TTY, 'su NAME' failed for BY on TTY.
func su(ev *event.Event, m string) bool {
	outcome := success
	if strings.HasPrefix(m, "FAILED ") || strings.HasPrefix(m, "BAD ") || strings.Contains(m, "' failed for ") || strings.HasPrefix(m, "pam_authenticate: ") {
		outcome = failure
	}
	if to, ok := between(m, "(to ", ") "); ok {
		_, rest, _ := strings.Cut(m, ") ")
		by, _ := firstWord(rest)
		ev.Set(event.KeyUser, to, event.Observed)
		ev.Set(event.KeyByUser, by, event.Observed)
		ev.Set(event.KeyOutcome, outcome, event.Observed)
		return true
	}
	if to, ok := between(m, "'su ", "'"); ok {
		ev.Set(event.KeyUser, to, event.Observed)
		if _, by, ok := strings.Cut(m, " for "); ok {
			by, _ = firstWord(by)
			ev.Set(event.KeyByUser, by, event.Observed)
		}
		ev.Set(event.KeyOutcome, outcome, event.Observed)
		return true
	}
	if by, rest, ok := strings.Cut(strings.TrimPrefix(m, "BAD SU "), " to "); ok && strings.IndexByte(by, ' ') < 0 { // BSD
		to, tail := firstWord(rest)
		if strings.HasPrefix(tail, "on ") {
			ev.Set(event.KeyUser, to, event.Observed)
			ev.Set(event.KeyByUser, by, event.Observed)
			ev.Set(event.KeyOutcome, outcome, event.Observed)
			return true
		}
	}
	return pam(ev, m)
}

// logind: New session N of user NAME.
func logind(ev *event.Event, m string) bool {
	if _, user, ok := strings.Cut(m, " of user "); ok && strings.HasPrefix(m, "New session ") {
		ev.Set(event.KeyUser, strings.TrimSuffix(user, "."), event.Observed)
		return true
	}
	return strings.HasPrefix(m, "Session ") || strings.HasPrefix(m, "Removed session ")
}

// cron: (NAME) CMD (COMMAND).
func cron(ev *event.Event, m string) bool {
	user, rest, ok := strings.Cut(m, ") ")
	if !ok || m[0] != '(' {
		return pam(ev, m)
	}
	ev.Set(event.KeyUser, user[1:], event.Observed)
	if command, ok := strings.CutPrefix(rest, "CMD ("); ok {
		ev.Set(event.KeyCommand, strings.TrimSpace(strings.TrimSuffix(command, ")")), event.Observed)
	}
	return true
}

// account: new user: name=NAME, UID=..., and relatives of the shadow tools.
func account(ev *event.Event, m string) bool {
	if name, ok := between(m, "name=", ","); ok {
		ev.Set(event.KeyUser, name, event.Observed)
		return true
	}
	if name, ok := between(m, "user '", "'"); ok {
		ev.Set(event.KeyUser, name, event.Observed)
		return true
	}
	if _, name, ok := strings.Cut(m, "password changed for "); ok {
		ev.Set(event.KeyUser, name, event.Observed)
		return true
	}
	return pam(ev, m)
}
