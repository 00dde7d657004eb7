package cases

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Secret stands where MaskSecrets found one.
const Secret = "<secret>"

// maskRounds bounds how often MaskSecrets looks again at what it has masked. One
// round is enough but for texts made to need more.
const maskRounds = 4

// MaskSecrets returns the text with passwords, keys, tokens and the like replaced
// by Secret; the names before them stay. It takes time linear in the text, and
// applied twice it changes nothing more. It knows shapes, not meanings: a secret
// that looks like a word of a sentence stays.
func MaskSecrets(text string) string { return maskUpTo(text, math.MaxInt) } // masked, it may be longer

// maskUpTo does the same, but of what it returns only the first limit bytes are
// sure to hold no secret.
func maskUpTo(text string, limit int) string {
	if strings.Contains(text, keyBegin) {
		text = maskKeys(text)
	}
	for range maskRounds {
		s := search{text: text, end: min(limit, len(text))}
		s.run()
		if len(s.found) == 0 {
			return text
		}
		text = s.masked()
	}
	return text
}

// maskKeys masks private keys. It comes before the search, since nothing else
// says where a key ends.
func maskKeys(text string) string {
	s := search{text: text}
	for at := 0; ; {
		n := strings.Index(text[at:], keyBegin)
		if n < 0 {
			return s.masked()
		}
		at = s.privateKey(at + n + len(keyBegin))
	}
}

// span is a part of a text.
type span struct{ from, to int }

// search is one pass over a text. It stops only at bytes that can begin a secret
// or the words before one, and judges by hand what stands there: most of a log
// line costs one look into a table per byte.
type search struct {
	text   string
	end    int // where to stop: no secret that begins later is asked for
	found  []span
	active command // commands whose options may follow
	bare   span    // the last value without quotes
	lineTo int     // end of the last value that ran to the end of its line
	noDots int     // no token of several parts begins before this
}

// run finds all secrets. Each method that it calls gets the position it stopped
// at and returns where to go on, or nothing where that is the next byte.
func (s *search) run() {
	for i := 0; i < s.end; {
		switch roles[s.text[i]] {
		case inWord:
			i = s.word(i)
		case inPair:
			s.pair(i)
			i++
		case beforeOption:
			s.option(i)
			i++
		case beforeHash:
			i = s.hash(i)
		case endOfCommand:
			if n := len(s.found); n == 0 || i >= s.found[n-1].to { // what is hidden ends nothing
				s.active = 0
			}
			i++
		default:
			i++
		}
	}
}

// masked returns the text with Secret in place of everything found.
func (s *search) masked() string {
	slices.SortFunc(s.found, func(a, b span) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	var b strings.Builder
	at := 0
	for i := 0; i < len(s.found); {
		from, to := s.found[i].from, s.found[i].to
		for i++; i < len(s.found) && s.found[i].from <= to; i++ {
			to = max(to, s.found[i].to)
		}
		b.WriteString(s.text[at:from])
		b.WriteString(Secret)
		at = to
	}
	b.WriteString(s.text[at:])
	return b.String()
}

// add notes a secret, unless it is none or is masked already.
func (s *search) add(from, to int) {
	if from < to && !strings.HasPrefix(s.text[from:], Secret) && !kept(s.text[:from], s.text[from:to]) {
		s.note(from, to)
	}
}

// note notes a secret; as many bytes as it hides come into sight at the end.
func (s *search) note(from, to int) {
	s.found = append(s.found, span{from, to})
	s.end = min(s.end+to-from, len(s.text))
}

// word looks at the word that begins at i. In escaped text the letter of \n, \r
// or \t may stand before its first.
func (s *search) word(i int) int {
	to := s.opener(i)
	if i > 0 && s.text[i-1] == '\\' && strings.IndexByte("nrt", s.text[i]) >= 0 && i+1 < len(s.text) {
		to = max(to, s.opener(i+1))
	}
	for i++; i < len(s.text) && roles[s.text[i]] == inWord; i++ {
	}
	return max(i, to)
}

// opener finds what begins a secret, or stands before one, at i.
func (s *search) opener(i int) int {
	rest := s.text[i:]
	first := &openers[rest[0]|0x20]
	if len(rest) < 2 || first.second&bit(rest[1]) == 0 {
		return 0
	}
	for k := range first.list {
		o := &first.list[k]
		switch {
		case o.parts != nil:
			if strings.HasPrefix(rest, o.text) && s.token(i, o) {
				return s.found[len(s.found)-1].to
			}
		case !hasPrefixFold(rest, o.text):
		case o.shape != nil:
			s.phrase(i, o)
		case len(rest) == len(o.text) || roles[rest[len(o.text)]] != inWord:
			s.active |= o.command
		}
	}
	return 0
}

// token notes a token that is known by its first letters, of one part or of
// several with a dot between them.
func (s *search) token(from int, o *opener) bool {
	repeats := len(o.parts) > 2 // may begin again within its first part
	if repeats && from < s.noDots {
		return false
	}
	to := from + len(o.text)
	for part, least := range o.parts {
		if part > 0 {
			if to == len(s.text) || s.text[to] != '.' {
				return false
			}
			to++
		}
		start := to
		to = s.runOf(start, o.class)
		if repeats && part == 0 {
			s.noDots = to
		}
		if to-start < least {
			return false
		}
	}
	s.note(from, to)
	return true
}

// phrase notes the value that follows words such as "enable secret".
func (s *search) phrase(i int, o *opener) {
	m := o.shape.FindStringIndex(s.text[i:min(len(s.text), i+maxPhrase)])
	if m == nil {
		return
	}
	from := i + m[1]
	switch o.takes {
	case options:
		s.active |= o.command
	case argument:
		s.argument(from)
	case quoted:
		if to, ok := s.quoted(from); ok {
			s.add(from, to)
		}
	case bracketed:
		if n := strings.IndexByte(s.text[from:], ']'); n > 0 {
			s.add(from, from+n)
		}
	case credentials:
		if to := s.runOf(from, o.class); to-from >= o.least {
			s.add(from, to)
		}
	}
}

// privateKey notes the key whose label begins at the position, and returns where
// to look for the next.
func (s *search) privateKey(at int) int {
	label := s.text[at:min(len(s.text), at+maxLabel)]
	n := strings.Index(label, keyDashes)
	if n < 0 || !strings.HasSuffix(strings.TrimSuffix(label[:n], " BLOCK"), "PRIVATE KEY") {
		return at
	}
	from := at + n + len(keyDashes)
	rest := s.text[from:]
	to := len(rest)
	if n := strings.Index(rest, keyEnd); n >= 0 {
		to = n + len(keyEnd)
		if n := strings.Index(rest[to:min(len(rest), to+maxLabel)], keyDashes); n >= 0 {
			to += n + len(keyDashes)
		}
	} else if quote := strings.IndexByte(rest, '"'); quote >= 0 { // cut: the key ends with the text that holds it
		to = max(quote, strings.IndexByte(rest, '-'))
	}
	s.add(from, from+to)
	return from + to
}

// hash notes what stands for a password in /etc/shadow or a directory: $6$... or
// {SSHA}... .
func (s *search) hash(i int) int {
	mark, class, from := byte('$'), cryptBytes, i
	if s.text[i] == '{' {
		mark, class = '}', directoryBytes
	}
	n := strings.IndexByte(s.text[i+1:min(len(s.text), i+maxHash)], mark)
	if n < 1 {
		return i + 1
	}
	start := i + n + 2
	if name := s.text[i+1 : start-1]; mark == '}' {
		from = start
		if !isDirectoryHash(name) {
			return i + 1
		}
	} else if !isCrypt(name) {
		return i + 1
	}
	to := s.runOf(start, class)
	if to-start < 8 {
		return i + 1
	}
	s.add(from, to)
	return to
}
