package decode

import (
	"strings"

	"penstock/core/event"
)

// generic takes peer, user and outcome out of the text of any program, all as
// claims. One pass over the words; an ordinary message costs little more than
// that.
func generic(ev *event.Event, m string) {
	if len(m) > maxFlat {
		m = m[:maxFlat]
	}
	g := words{ev: ev, m: m}
	_, g.peerKnown = ev.Field(event.KeyPeer)
	_, g.userKnown = ev.Field(event.KeyUser)
	for i := 0; i < len(m); {
		switch class[m[i]] {
		case letter:
			i = g.letters(i)
		case digit:
			i = g.digits(i)
		case colon: // ::1
			if i+2 < len(m) && m[i+1] == ':' && isHex(m[i+2]) {
				i = g.digits(i)
			} else {
				i++
			}
		default:
			i++
		}
	}
	g.finish()
}

// Classes of bytes for generic.
const (
	other = iota
	letter
	digit
	colon
)

// class holds the class of each byte.
var class = classes()

func classes() (table [256]uint8) {
	for c := range 256 {
		switch b := byte(c); {
		case isLetter(b) || b == '_':
			table[c] = letter
		case isDigit(b):
			table[c] = digit
		case b == ':':
			table[c] = colon
		}
	}
	return table
}

// starts marks the pairs of letters that the words of words.word begin with.
var starts = startPairs("au", "ac", "ad", "ba", "by", "cr", "cl", "de", "fa", "fo", "fr", "ho", "in", "ip", "lo",
	"pa", "pe", "re", "rh", "ri", "si", "su", "sr", "so", "un", "us", "wr")

func startPairs(all ...string) (table [1024]bool) {
	for _, p := range all {
		table[pair(p[0], p[1])] = true
	}
	return table
}

func pair(a, b byte) int { return int(a&31)<<5 | int(b&31) }

// authWords takes only the outcome out of a text.
func authWords(ev *event.Event, m string) {
	g := words{ev: ev, m: m[:min(len(m), maxFlat)], peerKnown: true, userKnown: true}
	for i := 0; i < len(g.m); {
		if class[g.m[i]] == letter {
			i = g.letters(i)
		} else {
			i++
		}
	}
	g.finish()
}

// words is the state of one pass of generic.
type words struct {
	ev        *event.Event
	m         string
	peerKnown bool
	userKnown bool

	marked    bool // the last word announces an address
	bad, good bool // words of failure, of success
	auth      bool // words of logging in
	peer      string
	sure      bool // peer was announced
	others    int  // addresses that were not
}

// letters reads the word at i and returns the offset behind it.
func (g *words) letters(i int) int {
	j := i + 1
	for j < len(g.m) && class[g.m[j]] == letter {
		j++
	}
	if j-i > 1 && !starts[pair(g.m[i], g.m[i+1])] && !(j < len(g.m) && g.m[j] == ':') {
		return j
	}
	if j < len(g.m) && g.m[j] == ':' && isHexWord(g.m[i:j]) && g.looksV6(i) {
		return g.digits(i)
	}
	if n := j - i; n >= 2 && n <= 16 {
		g.word(i, j)
	}
	return j
}

// word judges one word by its first letter and length before it is compared.
func (g *words) word(i, j int) {
	w := g.m[i:j]
	switch w[0] | 0x20 {
	case 'a':
		g.auth = g.auth || foldPrefix(w, "auth") || fold(w, "access") || fold(w, "account")
		g.good = g.good || fold(w, "accepted")
		g.mark(fold(w, "addr") || fold(w, "address"))
	case 'b':
		g.bad = g.bad || fold(w, "bad")
		g.mark(w == "by")
	case 'c':
		g.auth = g.auth || foldPrefix(w, "credential")
		g.mark(foldPrefix(w, "client"))
	case 'd':
		g.bad = g.bad || fold(w, "denied")
	case 'f':
		g.bad = g.bad || foldPrefix(w, "fail")
		g.mark(fold(w, "from"))
		if w == "for" && g.auth && !strings.HasPrefix(g.m[j:], " user") {
			g.user(j)
		}
	case 'h':
		g.mark(fold(w, "host"))
	case 'i':
		g.bad = g.bad || fold(w, "invalid") || fold(w, "incorrect")
		g.mark(fold(w, "ip") || fold(w, "ipaddress"))
	case 'l':
		g.auth = g.auth || foldPrefix(w, "login") || fold(w, "logon")
		if fold(w, "logged") && strings.HasPrefix(g.m[j:], " in") {
			g.auth, g.good = true, true
		}
	case 'p':
		g.auth = g.auth || fold(w, "password")
		g.mark(fold(w, "peer"))
	case 'r':
		g.bad = g.bad || fold(w, "rejected")
		g.mark(foldPrefix(w, "remote") || fold(w, "rhost") || fold(w, "rip"))
	case 's':
		g.auth = g.auth || fold(w, "sign")
		g.good = g.good || foldPrefix(w, "success") || fold(w, "succeeded")
		g.mark(foldPrefix(w, "src") || foldPrefix(w, "source"))
	case 'u':
		g.bad = g.bad || fold(w, "unsuccessful") || fold(w, "unauthorized") || fold(w, "unknown")
		if fold(w, "user") || fold(w, "username") {
			g.auth = true
			g.user(j)
		}
	case 'w':
		g.bad = g.bad || fold(w, "wrong")
	}
}

func (g *words) mark(is bool) {
	if is {
		g.marked = true
	}
}

// user takes the name behind `user`: =name, : name, "name", 'name', or a word.
func (g *words) user(j int) {
	if g.userKnown {
		return
	}
	rest := g.m[j:]
	if strings.HasPrefix(rest, " name ") || strings.HasPrefix(rest, "name") {
		return
	}
	rest = strings.TrimLeft(rest, " =:")
	if rest == "" || len(rest) == len(g.m[j:]) {
		return
	}
	end := 0
	switch q := rest[0]; q {
	case '"', '\'', '`', '<', '[':
		if q == '<' {
			q = '>'
		} else if q == '[' {
			q = ']'
		}
		rest = rest[1:]
		end = strings.IndexByte(rest, q)
	default:
		end = strings.IndexAny(rest, " ,;:)]}\"'")
		if end < 0 {
			end = len(rest)
		}
		rest = strings.TrimSuffix(rest[:end], ".")
		end = len(rest)
	}
	if end <= 0 || end > 128 || stopWord(rest[:end]) {
		return
	}
	g.userKnown = true
	g.ev.Set(event.KeyUser, rest[:end], event.Claimed)
}

// stopWord says whether a word behind `user` is part of the sentence.
func stopWord(w string) bool {
	switch w {
	case "unknown", "is", "was", "has", "not", "from", "with", "for", "or", "and", "does", "agent", "by", "in", "id", "could", "can", "to", "the", "name",
		"db", "invalid", "illegal", "account", "request", "client", "host", "ip":
		return true
	}
	return false
}

// digits reads what begins with a digit, and keeps it where it is an address.
func (g *words) digits(i int) int {
	j := i
	dots, colons := 0, 0
	for j < len(g.m) {
		c := g.m[j]
		if c == '.' {
			dots++
		} else if c == ':' {
			colons++
		} else if !isHex(c) && c != '[' && c != ']' {
			break
		}
		j++
	}
	if dots < 3 && colons < 2 || g.peerKnown {
		return max(j, i+1)
	}
	addr, _, ok := address(strings.TrimRight(g.m[i:j], ".:]"))
	if !ok {
		if addr, _, ok = address(g.m[i:j]); !ok {
			return max(j, i+1)
		}
	}
	switch {
	case g.marked && !g.sure:
		g.peer, g.sure = addr, true
	case !g.sure:
		g.others++
		if g.peer == "" {
			g.peer = addr
		}
	}
	g.marked = false
	return max(j, i+1)
}

// looksV6 says whether an IPv6 address may begin at i.
func (g *words) looksV6(i int) bool {
	if i > 0 && g.m[i-1] != ' ' && g.m[i-1] != '=' && g.m[i-1] != '`' && g.m[i-1] != '"' && g.m[i-1] != '[' && g.m[i-1] != '(' {
		return false
	}
	k := i
	colons := 0
	for k < len(g.m) && (isHex(g.m[k]) || g.m[k] == ':') {
		if g.m[k] == ':' {
			colons++
		}
		k++
	}
	return colons >= 2
}

// finish stores what the pass has found. An address that nothing announced
// counts where it is the only one.
func (g *words) finish() {
	if !g.peerKnown && g.peer != "" && (g.sure || g.others == 1) {
		g.ev.Set(event.KeyPeer, g.peer, event.Claimed)
	}
	if g.auth && g.bad != g.good || g.auth && g.bad {
		setOutcome(g.ev, !g.bad, event.Claimed)
	}
}

func isHex(c byte) bool { return isDigit(c) || (c|0x20)-'a' <= 5 }

func isHexWord(w string) bool {
	for i := range len(w) {
		if !isHex(w[i]) {
			return false
		}
	}
	return len(w) <= 4
}

func fold(w, word string) bool { return len(w) == len(word) && strings.EqualFold(w, word) }

func foldPrefix(w, prefix string) bool {
	return len(w) >= len(prefix) && strings.EqualFold(w[:len(prefix)], prefix)
}
