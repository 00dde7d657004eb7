package cases

import "strings"

// pair looks at the = or : at the position: before it there may be the name of a
// secret, after it two strokes and a user's password.
func (s *search) pair(at int) {
	text := s.text
	if strings.HasPrefix(text[at:], "://") {
		s.address(at + len("://"))
	}
	kind := nameBefore(text[:nameEnd(text, at)])
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
	for gap := min(from+maxGap, len(text)); from < gap && isSpace(text[from]); {
		from++
	}
	if kind == header {
		s.line(from)
	} else {
		s.value(from)
	}
}

// nameEnd returns where a name before the = or : at the position ends: before
// white space, a quote and the backslashes that escape it.
func nameEnd(text string, at int) int {
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
	return end
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

// runOf returns the end of the bytes of a class that stand at from.
func (s *search) runOf(from int, class class) int {
	for from < len(s.text) && classes[s.text[from]]&class != 0 {
		from++
	}
	return from
}
