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
	if !ok || !strings.Contains(rule, "IN=") || !strings.Contains(packet, " DST=") {
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

// Where a message of ASA and its kin holds the peer.
type ciscoPlace uint8

const (
	ciscoUnknown ciscoPlace = iota
	ciscoFrom               // behind the first ` from `
	ciscoSource             // behind the first ` src `
	ciscoFor                // behind the first ` for `
	ciscoLast               // behind the last ` from `: a user name stands before it
	ciscoUserIP             // behind the last `user IP = `, for the same reason
)

// ciscoPlaces holds the messages whose address no text of a client's can imitate,
// by number.
var ciscoPlaces = map[string]ciscoPlace{
	"106001": ciscoFrom, "106006": ciscoFrom, "106007": ciscoFrom, "106012": ciscoFrom, "106015": ciscoFrom,
	"106016": ciscoFrom, "106017": ciscoFrom, "106021": ciscoFrom, "106022": ciscoFrom, "305011": ciscoFrom,
	"305012": ciscoFrom, "313001": ciscoFrom, "313008": ciscoFrom, "402117": ciscoFrom, "419002": ciscoFrom,
	"500004": ciscoFrom, "605004": ciscoFrom, "605005": ciscoFrom, "710001": ciscoFrom, "710002": ciscoFrom,
	"710003": ciscoFrom, "710005": ciscoFrom,
	"106010": ciscoSource, "106014": ciscoSource, "106023": ciscoSource, "305005": ciscoSource,
	"305013": ciscoSource, "313005": ciscoSource,
	"302013": ciscoFor, "302014": ciscoFor, "302015": ciscoFor, "302016": ciscoFor,
	"109005": ciscoLast, "109006": ciscoLast, "109007": ciscoLast, "109008": ciscoLast,
	"113005": ciscoUserIP, "113015": ciscoUserIP,
}

// cisco decodes messages of ASA and its kin, `%ASA-6-106015: text`: the number
// says where the address stands. In all others it is a claim.
func cisco(ev *event.Event, m string) bool {
	head, text, ok := strings.Cut(m, ": ")
	if !ok {
		return false
	}
	if user, ok := between(text, "user = ", " :"); ok {
		ev.Set(event.KeyUser, user, event.Claimed)
	} else if _, user, ok := strings.Cut(text, "user \""); ok {
		user, _, _ = strings.Cut(user, "\"")
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	ciscoPeer(ev, ciscoPlaces[head[strings.LastIndexByte(head, '-')+1:]], text)
	switch {
	case strings.HasPrefix(text, "Deny"), strings.Contains(text, "Rejected"), strings.Contains(text, "denied"):
		ev.Set(event.KeyOutcome, failure, event.Observed)
	case strings.Contains(text, "authentication Successful"):
		ev.Set(event.KeyOutcome, success, event.Observed)
	}
	return true
}

// ciscoPeer takes the peer from where it stands.
func ciscoPeer(ev *event.Event, place ciscoPlace, text string) {
	mark := [...]string{ciscoFrom: " from ", ciscoSource: " src ", ciscoFor: " for ", ciscoLast: " from ", ciscoUserIP: "user IP = "}[place]
	switch place {
	case ciscoUnknown:
		for _, mark := range [...]string{" from ", " src ", " for "} {
			if _, rest, ok := strings.Cut(text, mark); ok && ciscoEndpoints(ev, rest, event.Claimed) {
				return
			}
		}
	case ciscoLast, ciscoUserIP:
		if _, rest, ok := cutLast(text, mark); ok {
			ciscoEndpoints(ev, rest, event.Observed)
		}
	default:
		if _, rest, ok := strings.Cut(text, mark); ok {
			ciscoEndpoints(ev, rest, event.Observed)
		}
	}
}

// ciscoEndpoints reads [IFACE:]ADDR/PORT and behind `to` or `dst` another.
func ciscoEndpoints(ev *event.Event, rest string, origin event.Origin) bool {
	word, after := firstWord(rest)
	addr, port, ok := ciscoAddress(word)
	if !ok {
		return false
	}
	setPeer(ev, addr, port, origin)
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
