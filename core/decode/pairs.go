package decode

import (
	"strings"

	"penstock/core/event"
	"penstock/core/logline"
)

// maxPairs is how many pairs of one line are looked at.
const maxPairs = 200

// pairs decodes key=value text. The addresses that a firewall writes under keys
// of its own count as observed where each key stands only once; text that an
// author can shape could repeat them.
func pairs(ev *event.Event, m string) {
	device := strings.Contains(m, "devid=") && strings.Contains(m, "logid=")
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
		if device && (r == rolePeer || r == roleTarget || r == rolePeerPort || r == rolePort) && once(m, key) {
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

// once says whether key= stands only once in m as a key.
func once(m, key string) bool {
	n := 0
	for i := 0; i < len(m); {
		k := strings.Index(m[i:], key)
		if k < 0 {
			break
		}
		at := i + k
		i = at + len(key)
		if i < len(m) && m[i] == '=' && (at == 0 || m[at-1] == ' ') {
			n++
		}
	}
	return n == 1
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
