package cases

import (
	"cmp"
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
func MaskSecrets(text string) string {
	if strings.Contains(text, keyBegin) {
		text = maskKeys(text)
	}
	for range maskRounds {
		s := search{text: text}
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
	found  []span
	active command // commands whose options may follow
	bare   span    // the last value without quotes
	lineTo int     // end of the last value that ran to the end of its line
	noDots int     // no token of several parts begins before this
}

// run finds all secrets. Each method that it calls gets the position it stopped
// at and returns where to go on, or nothing where that is the next byte.
func (s *search) run() {
	for i := 0; i < len(s.text); {
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
			s.active = 0
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
		s.found = append(s.found, span{from, to})
	}
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
	s.found = append(s.found, span{from, to})
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

// runOf returns the end of the bytes of a class that stand at from.
func (s *search) runOf(from int, class class) int {
	for from < len(s.text) && classes[s.text[from]]&class != 0 {
		from++
	}
	return from
}

// pair looks at the = or : at the position: before it there may be the name of a
// secret, after it two strokes and a user's password.
func (s *search) pair(at int) {
	text := s.text
	if strings.HasPrefix(text[at:], "://") {
		s.address(at + len("://"))
	}
	end := at
	for end > max(0, at-maxGap) && isSpace(text[end-1]) {
		end--
	}
	if end > 0 && isQuote(text[end-1]) {
		end--
	}
	for end > 0 && text[end-1] == '\\' {
		end--
	}
	kind := nameBefore(text[:end])
	if kind == noName {
		return
	}
	from := at
	for from < len(text) && (text[from] == '=' || text[from] == ':') {
		from++
	}
	if from < len(text) && text[from] == '>' {
		from++
	}
	for gap := from + maxGap; from < min(gap, len(text)) && isSpace(text[from]); {
		from++
	}
	if kind == header {
		s.line(from)
	} else {
		s.value(from)
	}
}

// address notes the password of user:password@host.
func (s *search) address(from int) {
	n := strings.IndexAny(s.text[from:], " \t\n\f\r/:@\"'")
	if n < 0 || s.text[from+n] != ':' {
		return
	}
	from += n + 1
	if n := strings.IndexAny(s.text[from:], " \t\n\f\r/@\"'"); n > 0 && s.text[from+n] == '@' {
		s.add(from, from+n)
	}
}

// value notes the value after a name: quoted, or up to what ends a word.
func (s *search) value(from int) {
	if to, ok := s.quoted(from); ok {
		s.add(from, to)
		return
	}
	open := s.opening(from) // a quote that nothing closes, as in a line that was cut
	if open == len(s.text) || classes[s.text[open]]&notFirst != 0 {
		return
	}
	if open < s.bare.from || open >= s.bare.to {
		s.bare = span{open, s.runOf(open, bare)}
	}
	s.add(from, s.bare.to)
}

// argument notes the value of a command's option.
func (s *search) argument(from int) {
	if from == len(s.text) || s.text[from] == '/' || isSpace(s.text[from]) {
		return
	}
	if to, ok := s.quoted(from); ok {
		s.add(from, to)
		return
	}
	open := s.opening(from)
	s.add(from, s.runOf(open, argumentBytes))
}

// line notes a header's value, which runs to the end of its line or quotes. The
// name of its scheme stays.
func (s *search) line(from int) {
	if from = s.opening(from); from < s.lineTo {
		return
	}
	rest := s.text[from:]
	for _, scheme := range schemes {
		if !hasPrefixFold(rest, scheme) || len(rest) == len(scheme) || !isSpace(rest[len(scheme)]) {
			continue
		}
		for from += len(scheme); from < len(s.text) && isSpace(s.text[from]); from++ {
		}
		break
	}
	if from == len(s.text) || isSpace(s.text[from]) {
		return
	}
	s.lineTo = s.runOf(from, lineBytes)
	s.add(from, s.lineTo)
}

// opening returns the position behind the quote at from, backslashes before it
// included, or from itself where there is none.
func (s *search) opening(from int) int {
	i := from
	for i < len(s.text) && s.text[i] == '\\' {
		i++
	}
	if i < len(s.text) && isQuote(s.text[i]) {
		return i + 1
	}
	return from
}

// quoted returns the end of the quoted value at from. Quotes may be escaped any
// number of times, as in JSON within JSON; quotes escaped once more belong to the
// value, unless no other follow.
func (s *search) quoted(from int) (int, bool) {
	open := s.opening(from)
	if open == from {
		return 0, false
	}
	level, mark, first := open-1-from, s.text[open-1], 0
	for i := open; ; i++ {
		n := strings.IndexByte(s.text[i:], mark)
		if n < 0 {
			return first, first > 0
		}
		i += n
		if first == 0 {
			first = i + 1
		}
		slashes := 0
		for i-slashes > open && s.text[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes < level || slashes%(2*(level+1)) == level {
			return i + 1, true
		}
	}
}

// option looks at what may be an option, at a - or /.
func (s *search) option(i int) {
	if i > 0 && !isSpace(s.text[i-1]) {
		return
	}
	if s.text[i] == '-' {
		s.longOption(i)
	}
	if s.active != 0 {
		s.shortOption(i)
	}
}

func (s *search) longOption(i int) {
	end := s.runOf(i, optionBytes)
	name := s.text[i:end]
	if end == len(s.text) || nameBefore(name) == noName && !hasPrefixFold(name[max(0, len(name)-4):], "pass") {
		return
	}
	from := end
	for from < len(s.text) && isSpace(s.text[from]) {
		from++
	}
	if from == end {
		if s.text[end] != '=' {
			return
		}
		from++
	}
	s.value(from)
}

func (s *search) shortOption(i int) {
	for k := range commandOptions {
		o := &commandOptions[k]
		if s.active&o.command == 0 || !strings.HasPrefix(s.text[i:], o.text) {
			continue
		}
		if m := o.gap.FindStringIndex(s.text[i+len(o.text) : min(len(s.text), i+maxPhrase)]); m != nil {
			s.argument(i + len(o.text) + m[1])
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
