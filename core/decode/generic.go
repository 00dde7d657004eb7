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

// meaning is what a word says, as bits.
type meaning uint8

const (
	saysBad  meaning = 1 << iota // failure
	saysGood                     // success
	saysAuth                     // logging in
	saysAddr                     // an address follows
	saysUser                     // a user name follows
	saysFor                      // the same, where the text is about logging in
	saysIn                       // logged in, where `in` follows
)

// entry is one word of the vocabulary, in lower case.
type entry struct {
	word   string
	prefix bool // longer words that begin so count as well
	says   meaning
}

// vocabulary holds the words that generic looks for, by their first two letters.
var vocabulary = byPair(
	entry{"auth", true, saysAuth}, entry{"access", false, saysAuth}, entry{"account", false, saysAuth},
	entry{"accepted", false, saysGood}, entry{"addr", false, saysAddr}, entry{"address", false, saysAddr},
	entry{"bad", false, saysBad}, entry{"by", false, saysAddr},
	entry{"credential", true, saysAuth}, entry{"client", true, saysAddr}, entry{"denied", false, saysBad},
	entry{"fail", true, saysBad}, entry{"from", false, saysAddr}, entry{"for", false, saysFor},
	entry{"host", false, saysAddr}, entry{"invalid", false, saysBad}, entry{"incorrect", false, saysBad},
	entry{"ip", false, saysAddr}, entry{"ipaddress", false, saysAddr},
	entry{"login", true, saysAuth}, entry{"logon", false, saysAuth}, entry{"logged", false, saysIn},
	entry{"password", false, saysAuth}, entry{"peer", false, saysAddr}, entry{"rejected", false, saysBad},
	entry{"remote", true, saysAddr}, entry{"rhost", false, saysAddr}, entry{"rip", false, saysAddr},
	entry{"sign", false, saysAuth}, entry{"success", true, saysGood}, entry{"succeeded", false, saysGood},
	entry{"src", true, saysAddr}, entry{"source", true, saysAddr},
	entry{"unsuccessful", false, saysBad}, entry{"unauthorized", false, saysBad}, entry{"unknown", false, saysBad},
	entry{"user", false, saysAuth | saysUser}, entry{"username", false, saysAuth | saysUser}, entry{"wrong", false, saysBad},
)

func byPair(all ...entry) (table [1024][]entry) {
	for _, e := range all {
		at := pair(e.word[0], e.word[1])
		table[at] = append(table[at], e)
	}
	return table
}

// meaningOf returns what the word w says; it has at least two letters.
func meaningOf(w string) meaning {
	for _, e := range vocabulary[pair(w[0], w[1])] {
		if e.prefix && foldPrefix(w, e.word) || fold(w, e.word) {
			return e.says
		}
	}
	return 0
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
	if j-i > 1 && vocabulary[pair(g.m[i], g.m[i+1])] == nil && (j >= len(g.m) || g.m[j] != ':') {
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

// word takes what the word from i to j says.
func (g *words) word(i, j int) {
	says := meaningOf(g.m[i:j])
	if says == 0 {
		return
	}
	g.bad = g.bad || says&saysBad != 0
	g.good = g.good || says&saysGood != 0
	g.auth = g.auth || says&saysAuth != 0
	g.marked = g.marked || says&saysAddr != 0
	switch {
	case says&saysUser != 0, says&saysFor != 0 && g.auth && !strings.HasPrefix(g.m[j:], " user"):
		g.user(j)
	case says&saysIn != 0 && strings.HasPrefix(g.m[j:], " in"):
		g.auth, g.good = true, true
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
		switch q {
		case '<':
			q = '>'
		case '[':
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
