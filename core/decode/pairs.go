package decode

import (
	"strings"

	"penstock/core/event"
	"penstock/core/logline"
)

// Bounds of key=value text.
const (
	maxPairs  = 200     // that are looked at in one line
	maxDevice = 8 << 10 // bytes of a line of a firewall, whose lines are short
)

// pairs decodes key=value text. The addresses that a firewall writes under keys
// of its own count as observed where each key stands only once; text that an
// author can shape could repeat them.
func pairs(ev *event.Event, m string) {
	device := len(m) <= maxDevice && strings.Contains(m, "devid=") && strings.Contains(m, "logid=")
	d := Decoder{}
	for i, n := 0, 0; i < len(m) && n < maxPairs; n++ {
		key, value, end := logline.Pair(m, i)
		if end == 0 {
			i = nextWord(m, i)
			continue
		}
		i = end
		for i < len(m) && m[i] == ' ' {
			i++
		}
		r := roleOf("", key)
		origin := event.Claimed
		if device && deviceKey(m, key) {
			origin = event.Observed
		}
		switch r {
		case roleTime, roleNone:
		case roleMessage:
			generic(ev, value)
		default:
			d.leaf(ev, r, value, origin)
		}
	}
	generic(ev, m)
}

// deviceKey says whether key is one that a firewall writes an address or port
// under, and stands only once in m. There are two for the peer, of which a line
// has one.
func deviceKey(m, key string) bool {
	switch key {
	case "srcip":
		return count(m, key) == 1 && count(m, "remip") == 0
	case "remip":
		return count(m, key) == 1 && count(m, "srcip") == 0
	case "srcport", "remport", "dstip", "locip", "dstport", "locport":
		return count(m, key) == 1
	}
	return false
}

// count returns how often key= stands in m as a key, up to two.
func count(m, key string) int {
	n := 0
	for i := 0; n < 2; {
		k := strings.Index(m[i:], key)
		if k < 0 {
			break
		}
		at := i + k
		i = at + len(key)
		if i < len(m) && m[i] == '=' && (at == 0 || !isLetter(m[at-1]) && !isDigit(m[at-1]) && m[at-1] != '_') {
			n++
		}
	}
	return n
}

func nextWord(m string, i int) int {
	k := strings.IndexByte(m[i:], ' ')
	if k < 0 {
		return len(m)
	}
	i += k
	for i < len(m) && m[i] == ' ' {
		i++
	}
	return i
}
