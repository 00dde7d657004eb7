package decode

import (
	"strings"

	"penstock/core/event"
)

// named: client [@0x...] ADDR#PORT [(NAME)]: text.
func named(ev *event.Event, m string) bool {
	rest, ok := strings.CutPrefix(m, "client ")
	if !ok {
		return false
	}
	word, after := firstWord(rest)
	if strings.HasPrefix(word, "@0x") {
		word, _ = firstWord(after)
	}
	return setPeer(ev, strings.TrimSuffix(word, ":"), "", event.Observed)
}

// netfilter decodes a packet that the kernel logged: KEY=value pairs of its own.
func netfilter(ev *event.Event, m string) bool {
	rule, packet, ok := strings.Cut(m, " SRC=")
	if !ok || !strings.Contains(m, "IN=") {
		return false
	}
	addr, rest := wordHere(packet)
	setPeer(ev, addr, kernelValue(rest, "SPT="), event.Observed)
	if target, _, ok := address(kernelValue(rest, "DST=")); ok {
		ev.Set(event.KeyTarget, target, event.Observed)
	}
	ev.Set(event.KeyPort, kernelValue(rest, "DPT="), event.Observed)
	ev.Set(event.KeyMethod, kernelValue(rest, "PROTO="), event.Observed)
	if strings.Contains(rule, "BLOCK") || strings.Contains(rule, "DROP") || strings.Contains(rule, "REJECT") {
		ev.Set(event.KeyOutcome, failure, event.Observed)
	}
	return true
}

func kernelValue(s, key string) string {
	i := strings.Index(s, key)
	if i < 0 || i > 0 && s[i-1] != ' ' {
		return ""
	}
	value, _ := wordHere(s[i+len(key):])
	return value
}

// filterlog decodes the comma separated columns of pf's log.
func filterlog(ev *event.Event, m string) bool {
	var column [25]string
	n := 0
	for rest, more := m, true; more && n < len(column); n++ {
		column[n], rest, more = strings.Cut(rest, ",")
	}
	if n < 19 {
		return false
	}
	source := 18
	if column[8] == "6" {
		source = 15
	}
	if !setPeer(ev, column[source], column[source+2], event.Observed) {
		return false
	}
	if addr, _, ok := address(column[source+1]); ok {
		ev.Set(event.KeyTarget, addr, event.Observed)
	}
	if allDigits(column[source+3]) {
		ev.Set(event.KeyPort, column[source+3], event.Observed)
	}
	if column[6] == "block" {
		ev.Set(event.KeyOutcome, failure, event.Observed)
	}
	return true
}

// cisco decodes messages of ASA and its kin: addresses stand before anything a
// user typed, save where a user name is written first.
func cisco(ev *event.Event, m string) bool {
	_, text, ok := strings.Cut(m, ": ")
	if !ok {
		return false
	}
	if user, ok := between(text, "user = ", " :"); ok {
		ev.Set(event.KeyUser, user, event.Claimed)
	} else if _, user, ok := strings.Cut(text, "user \""); ok {
		user, _, _ = strings.Cut(user, "\"")
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	if i := strings.LastIndex(text, "user IP = "); i >= 0 {
		addr, _ := firstWord(text[i+len("user IP = "):])
		setPeer(ev, addr, "", event.Observed)
	}
	for _, mark := range [...]string{" from ", " src ", " for "} {
		if _, rest, ok := strings.Cut(text, mark); ok && ciscoEndpoints(ev, rest) {
			break
		}
	}
	switch {
	case strings.HasPrefix(text, "Deny"), strings.Contains(text, "Rejected"), strings.Contains(text, "denied"):
		ev.Set(event.KeyOutcome, failure, event.Observed)
	case strings.Contains(text, "authentication Successful"):
		ev.Set(event.KeyOutcome, success, event.Observed)
	}
	return true
}

// ciscoEndpoints reads [IFACE:]ADDR/PORT and behind `to` or `dst` another.
func ciscoEndpoints(ev *event.Event, rest string) bool {
	word, after := firstWord(rest)
	addr, port, ok := ciscoAddress(word)
	if !ok {
		return false
	}
	origin := event.Observed
	if _, named := ev.Field(event.KeyUser); named && !strings.HasSuffix(after, "\"") {
		origin = event.Claimed // a user name may stand before it
	}
	if _, known := ev.Field(event.KeyPeer); !known {
		setPeer(ev, addr, port, origin)
	}
	for range 4 {
		word, after = firstWord(after)
		if word == "to" || word == "dst" {
			word, _ = firstWord(after)
			if addr, port, ok := ciscoAddress(word); ok {
				ev.Set(event.KeyTarget, addr, origin)
				ev.Set(event.KeyPort, port, origin)
			}
			return true
		}
	}
	return true
}

func ciscoAddress(word string) (addr, port string, ok bool) {
	if addr, port, ok = address(word); ok {
		return addr, port, true
	}
	_, word, ok = strings.Cut(word, ":")
	if !ok {
		return "", "", false
	}
	return address(word)
}
