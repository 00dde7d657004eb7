package pattern

import "strings"

const (
	maxMessage = 2048 // bytes of a message that are looked at; the rest is one variable
	maxQuoted  = 64   // bytes of a quoted text that counts as one word
	maxSpans   = 32   // variables of a message that are reported
)

// masker turns a message into its masked text: white space folded, each
// variable one byte that names its kind. Its buffers are used again for the
// next message.
type masker struct {
	s     string
	buf   []byte
	spans []Span
	from  int // start of constant text that is still to be copied
	quote int // end of the quoted text we are in
}

// mask reads the message once from left to right.
func (m *masker) mask(message string) {
	cut := len(message) > maxMessage
	if cut {
		message = message[:maxMessage]
	}
	m.s, m.buf, m.spans, m.from, m.quote = message, m.buf[:0], m.spans[:0], 0, 0
	for i := 0; i < len(message); {
		c := message[i]
		switch p := chars[c]; {
		case p&(isLetter|isDigit|isJoint) != 0:
			i = m.run(i)
		case p&isSpace != 0:
			i = m.space(i)
		case c == '"' || c == '\'':
			m.quoted(i)
			i++
		case c == '<' && m.underUnit(i):
			m.flush(i)
			i++
			m.from = i
		default:
			i++
		}
	}
	m.end(cut)
}

// flush copies the constant text up to i.
func (m *masker) flush(i int) {
	if m.from < i {
		m.buf = append(m.buf, m.s[m.from:i]...)
	}
	m.from = i
}

func (m *masker) end(cut bool) {
	m.flush(len(m.s))
	if n := len(m.buf); n > 0 && m.buf[n-1] == ' ' {
		m.buf = m.buf[:n-1]
	}
	m.fold()
	if n := len(m.buf); n > 0 && m.buf[n-1] == ' ' {
		m.buf = m.buf[:n-1]
	}
	if cut {
		m.buf = append(m.buf, ' ', anyCode)
	}
}

// space folds the white space that begins at i and returns its end. A single
// space stays with the constant text around it.
func (m *masker) space(i int) int {
	s := m.s
	next := i + 1
	if s[i] == ' ' && (next == len(s) || chars[s[next]]&isSpace == 0) && next >= m.quote && i > 0 {
		if m.from == i && m.fold() {
			m.from = next
		}
		return next
	}
	next = span(s, next, isSpace)
	m.flush(i)
	m.from = next
	switch {
	case len(m.buf) == 0 || m.fold():
	case next < m.quote:
		m.buf = append(m.buf, innerSpace)
	default:
		m.buf = append(m.buf, ' ')
	}
	return next
}

// fold takes away the last word when it is the same variable as the one
// before: a list is a list, however long. The space between them stays.
func (m *masker) fold() bool {
	n := len(m.buf)
	if n < 3 || m.buf[n-1] > lastKind || m.buf[n-1] != m.buf[n-3] || m.buf[n-2] != ' ' || n > 3 && m.buf[n-4] != ' ' {
		return false
	}
	m.buf = m.buf[:n-1]
	return true
}

// quoted notes where a short quoted text that begins at i ends. An apostrophe
// within a word begins none.
func (m *masker) quoted(i int) {
	if i < m.quote || (i > 0 && is(m.s[i-1], isLetter|isDigit)) {
		return
	}
	for j := i + 1; j < len(m.s) && j-i <= maxQuoted; j++ {
		if m.s[j] == m.s[i] {
			m.quote = j
			return
		}
	}
}

// underUnit recognises "<1 sec", which is a duration like "00:01".
func (m *masker) underUnit(i int) bool {
	end := span(m.s, i+1, isDigit)
	if end == i+1 {
		return false
	}
	_, kind := withUnit(m.s, end)
	return kind == Duration
}

// run masks the run of letters, digits and joints that starts at i and returns
// where reading goes on.
func (m *masker) run(i int) int {
	s, j, all := m.s, i, uint8(0)
	for j < len(s) {
		p := chars[s[j]]
		if p&(isSpace|isBreak) != 0 {
			break
		}
		all |= p
		j++
	}
	if all&(isDigit|isCue) == 0 {
		if n := j - i; n >= 3 && n <= 6 {
			return m.short(i, j)
		}
		if all&isJoint != 0 && s[j-1] == 'e' {
			m.named(i, j)
		}
		return j
	}
	if all&isCue != 0 {
		if end := m.url(i, j); end > 0 {
			return end
		}
	}
	return m.special(i, j)
}

// named masks the value of "name:true".
func (m *masker) named(i, j int) {
	at := i + strings.LastIndexByte(m.s[i:j], ':') + 1
	if at > i && isValue(m.s[at:j]) {
		m.add(Value, at, j)
	}
}

// short masks the few short words that are values, names of months or of days.
func (m *masker) short(i, j int) int {
	end := j
	for end > i && is(m.s[end-1], isJoint) {
		end--
	}
	switch word := m.s[i:end]; {
	case isValue(word):
		m.add(Value, i, end)
	case end-i == 3 && isMonth(word) && m.digitFollows(j):
		m.add(Date, i, end)
	case end-i == 3 && isDay(word) && m.dateFollows(j):
		m.add(Date, i, end)
	case word == "bytes":
		if again := sizeAgain(m.s, j); again > j {
			m.flush(j)
			m.from = again
			return again
		}
	}
	return j
}

func (m *masker) digitFollows(i int) bool {
	j := span(m.s, i, isSpace)
	return j > i && j < len(m.s) && is(m.s[j], isDigit)
}

func (m *masker) dateFollows(i int) bool {
	if i < len(m.s) && m.s[i] == ',' {
		i++
	}
	j := span(m.s, i, isSpace)
	return m.digitFollows(i) || (j > i && j+4 < len(m.s) && isMonth(m.s[j:j+3]) && m.digitFollows(j+3))
}

// special masks a run that holds a digit, a slash, a backslash or an at sign,
// recogniser after recogniser; what none takes stays.
func (m *masker) special(i, j int) int {
	last := j
	for last > i && (m.s[last-1] == '.' || m.s[last-1] == ':') {
		last--
	}
	for at := i; at < last; {
		end, kind := recognise(m.s, at, last)
		if kind == 0 {
			at = end
			continue
		}
		if kind == Number && end == j {
			if end, kind = withUnit(m.s, end); end > j {
				m.add(kind, at, end)
				return end
			}
		}
		m.add(kind, at, end)
		at = end
	}
	return j
}

// url masks what follows "://" up to white space, a quote or a bracket; the
// scheme stays. It returns 0 where the run holds no URL.
func (m *masker) url(i, j int) int {
	at := strings.Index(m.s[i:j], "://")
	if at <= 0 || i+at+3 == j {
		return 0
	}
	start := i + at + 3
	end := start
	for end < len(m.s) && !is(m.s[end], isSpace) && !strings.ContainsRune("\"'<>)]}", rune(m.s[end])) {
		end++
	}
	for end > start && strings.ContainsRune(",;.:", rune(m.s[end-1])) {
		end--
	}
	if end > start {
		m.add(URL, start, end)
	}
	return end
}

// add writes one variable.
func (m *masker) add(kind Kind, start, end int) {
	m.flush(start)
	m.buf = append(m.buf, byte(kind))
	m.from = end
	if m.s[start] == '/' && (kind == Address || kind == endpoint) {
		start++
	}
	if kind == endpoint {
		port := end
		for is(m.s[port-1], isDigit) {
			port--
		}
		m.report(Address, start, port-1)
		kind, start = Number, port
	}
	m.report(kind, start, end)
}

func (m *masker) report(kind Kind, start, end int) {
	if len(m.spans) < maxSpans {
		m.spans = append(m.spans, Span{Kind: kind, Start: start, End: end})
	}
}
