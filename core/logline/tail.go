package logline

import (
	"strings"

	"penstock/core/event"
)

// Bounds of what tail takes for header.
const (
	maxBrackets = 3
	bracketSize = 200
)

// tail reads what application logs put behind the time: levels, process ids,
// threads and classes in any order, with separators between. It returns the
// offset of the message.
func (p *parser) tail(i int) int {
	t := tail{parser: p, i: i}
	for range 12 {
		t.i = t.separators(t.i)
		if t.i >= len(p.s) || !t.next() {
			break
		}
	}
	return t.i
}

// tail is the state of one walk: what was seen says what may still come.
type tail struct {
	*parser
	i        int
	level    bool // a level was seen
	brackets int
	name     bool // a class or program was seen
	done     bool
}

// next takes one more piece of the header and says whether there was one.
func (t *tail) next() bool {
	if t.done {
		return false
	}
	c := t.s[t.i]
	switch {
	case c == '[' || c == '(' || c == '{':
		return t.takeLevel() || t.takeBracket(c)
	case isDigit(c):
		return t.takeNumber() || t.takeFile()
	case lower(c)-'a' <= 25 || c == '_':
		return t.takeLevel() || t.takeStream() || t.takeName()
	}
	return false
}

// separators skips ` - `, `| `, `::`, `: ` and commas. A dash behind class or
// thread and level ends the header.
func (t *tail) separators(i int) int {
	for i < len(t.s) && !t.done {
		switch c := t.s[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '|' || c == ',', c == ':' && (i+1 == len(t.s) || t.s[i+1] == ' ' || t.s[i+1] == ':' || t.s[i-1] == ':' || t.s[i-1] == ']'):
			i++
		case c == '-' && i+1 < len(t.s) && t.s[i+1] == ' ':
			i = skipSpace(t.s, i+1)
			t.done = t.level && (t.name || t.brackets > 0)
		case c == '-' && strings.HasPrefix(t.s[i:], "-- "):
			i += 3
		default:
			return i
		}
	}
	return i
}

func (t *tail) takeLevel() bool {
	if t.level {
		return false
	}
	level, j := levelAt(t.s, t.i)
	if j == t.i {
		return t.logcatLevel()
	}
	t.setLevel(level)
	t.level = true
	t.i = j
	return true
}

// logcatLevel takes one capital letter that a tag follows.
func (t *tail) logcatLevel() bool {
	level, ok := letterLevel(t.s[t.i])
	if !ok || t.i+2 >= len(t.s) || t.s[t.i+1] != ' ' && t.s[t.i+1] != '/' {
		return false
	}
	tag := t.s[t.i+2 : wordEnd(t.s, t.i+2)]
	if !strings.HasSuffix(tag, ":") && !strings.Contains(t.s[t.i:min(len(t.s), t.i+60)], ": ") {
		return false
	}
	t.setLevel(level)
	t.level = true
	t.i += 2
	return true
}

// takeBracket takes a thread, a class or a process id in brackets, but not an
// address or a client: those are for the recognisers of the message.
func (t *tail) takeBracket(open byte) bool {
	if t.brackets >= maxBrackets || t.name && t.brackets > 0 || open != '[' && !t.level {
		return false
	}
	j := closing(t.s, t.i)
	if j == 0 {
		return false
	}
	inner := t.s[t.i+1 : j-1]
	if j < len(t.s) && !strings.ContainsRune(" :[-]\t", rune(t.s[j])) || !threadLike(inner) {
		return false
	}
	if !t.level && open == '[' && t.brackets > 0 && !t.moreHeader(j) {
		return false
	}
	if n, k := number(inner, 0); k == len(inner) && k > 0 && t.h.PID == 0 {
		t.h.PID = n
	} else if strings.HasPrefix(inner, "pid ") {
		t.h.PID, _ = number(inner, 4)
	}
	t.brackets++
	t.i = j
	return true
}

// moreHeader says whether a level or another bracket follows.
func (t *tail) moreHeader(j int) bool {
	j = skipSpace(t.s, j)
	if j < len(t.s) && t.s[j] == '[' {
		return true
	}
	level, _ := levelAt(t.s, j)
	return level != event.LevelUnknown
}

// threadLike says no to brackets that carry what the message is about.
func threadLike(inner string) bool {
	if inner == "" || strings.HasPrefix(inner, "client") || isAddress(inner) {
		return false
	}
	if strings.HasPrefix(inner, "user") || strings.HasPrefix(inner, "Error") {
		return false
	}
	if equals := strings.IndexByte(inner, '='); equals > 0 && strings.IndexByte(inner[:equals], '[') < 0 {
		return false
	}
	return strings.IndexByte(inner, '"') < 0
}

// closing returns the offset behind the bracket that closes the one at i, or 0.
func closing(s string, i int) int {
	depth := 0
	for j := i; j < len(s) && j < i+bracketSize; j++ {
		switch s[j] {
		case '[', '(', '{':
			depth++
		case ']', ')', '}':
			depth--
			if depth == 0 {
				return j + 1
			}
		}
	}
	return 0
}

// takeNumber takes process and thread ids: numbers that more header follows.
func (t *tail) takeNumber() bool {
	n, j := number(t.s, t.i)
	if j < len(t.s) && t.s[j] == '#' { // nginx: pid#tid:
		_, k := number(t.s, j+1)
		if k > j+1 && k < len(t.s) && t.s[k] == ':' {
			t.h.PID = n
			t.i = k + 1
			return true
		}
		return false
	}
	if j >= len(t.s) || t.s[j] != ' ' || t.level || t.name {
		return t.takeStamp()
	}
	k := skipSpace(t.s, j)
	for range 2 { // a second id may follow
		if _, e := number(t.s, k); e > k && e < len(t.s) && t.s[e] == ' ' {
			k = skipSpace(t.s, e)
		}
	}
	level, e := levelAt(t.s, k)
	if e == k {
		if k+2 >= len(t.s) || t.s[k+1] != ' ' {
			return t.takeStamp()
		}
		if level, _ = letterLevel(t.s[k]); level == event.LevelUnknown {
			return t.takeStamp()
		}
		e = k + 1
	}
	t.h.PID = n
	t.setLevel(level)
	t.level = true
	t.i = e
	return true
}

// takeStamp takes a second time.
func (t *tail) takeStamp() bool {
	j := t.stampAt(t.i)
	if j == 0 || t.h.Stamp.shape == shapeUnix {
		return false
	}
	t.i = j
	return true
}

// takeStream takes the columns that container runtimes add.
func (t *tail) takeStream() bool {
	if t.s[t.i] != 's' {
		return false
	}
	for _, word := range [...]string{"stdout F ", "stdout P ", "stderr F ", "stderr P "} {
		if strings.HasPrefix(t.s[t.i:], word) {
			t.i += len(word)
			return true
		}
	}
	return false
}

// takeName takes a class or program: a word before a colon, or a dotted word
// before a dash or bracket, or a column of its own behind the level.
func (t *tail) takeName() bool {
	if t.name {
		return false
	}
	word := t.classWord()
	j := t.i + len(word)
	if j >= len(t.s) || len(word) < 2 {
		return false
	}
	switch t.s[j] {
	case ':':
		if j+1 < len(t.s) && t.s[j+1] != ' ' || len(word) > 120 {
			return false
		}
		t.take(word, j+1)
		t.done = t.level
		return true
	case '[':
		k := closing(t.s, j)
		if k == 0 || k >= len(t.s) || t.s[k] != ':' && t.s[k] != '.' {
			return false
		}
		t.h.PID, _ = number(t.s, j+1)
		t.take(word, k+1)
		return true
	case ' ':
		return t.nameBeforeSpace(word, j)
	}
	return false
}

func (t *tail) nameBeforeSpace(word string, j int) bool {
	k := skipSpace(t.s, j)
	dotted := strings.IndexByte(word, '.') > 0
	if k >= len(t.s) || !t.level && (!dotted || t.s[k] != '-' && t.s[k] != '*') {
		return false
	}
	if dotted && t.s[k] == '*' { // a mark behind the program, as `chrome.exe *64 - `
		k = skipSpace(t.s, wordEnd(t.s, k))
		j = k
	}
	switch {
	case dotted && (t.s[k] == '[' || strings.HasPrefix(t.s[k:], "- ")):
		t.take(word, j)
		return true
	case strings.HasPrefix(t.s[k:], ": ") && k == j+1:
		t.take(word, k+1)
		t.done = true
		return true
	case k-j >= 2 && t.s[t.i-1] == ' ' && t.s[t.i-2] == ' ': // a column of its own
		t.take(word, k)
		t.done = true
		return true
	}
	return false
}

// classWord returns the word here, as classes and programs are written.
func (t *tail) classWord() string {
	j := t.i
	for j < len(t.s) && classByte(t.s, j) {
		j++
	}
	return t.s[t.i:j]
}

// takeFile takes a program that begins with a digit, as `7zip.exe - `: a dotted word
// that ends in letters, before a dash.
func (t *tail) takeFile() bool {
	if t.name {
		return false
	}
	word := t.classWord()
	j := t.i + len(word)
	ending := word[strings.LastIndexByte(word, '.')+1:]
	if ending == "" || len(ending) == len(word) || !isWord(ending) || !strings.HasPrefix(t.s[j:], " ") {
		return false
	}
	return t.nameBeforeSpace(word, j)
}

func isWord(s string) bool {
	for i := range len(s) {
		if lower(s[i])-'a' > 25 {
			return false
		}
	}
	return true
}

func (t *tail) take(name string, end int) {
	t.h.Program = name
	t.name = true
	t.i = end
}

// classByte says whether s[j] can be part of a class or program name.
func classByte(s string, j int) bool {
	c := s[j]
	if byteSets[c]&inClass != 0 {
		return true
	}
	// a::b, but not the colon that ends the name
	return c == ':' && j+1 < len(s) && s[j+1] != ' ' && s[j+1] != '\t'
}

// pipes reads `|column|column|message` behind a time: columns of one word.
func (p *parser) pipes(i int) int {
	for range 5 {
		end := strings.IndexByte(p.s[i+1:], '|')
		if end < 0 {
			break
		}
		word := strings.TrimSpace(p.s[i+1 : i+1+end])
		if strings.IndexByte(word, ' ') >= 0 || len(word) > 60 || isAddress(word) || strings.IndexByte(word, '=') >= 0 {
			break
		}
		n, j := number(word, 0)
		switch level := LevelOf(word); {
		case level != event.LevelUnknown:
			p.setLevel(level)
		case word != "" && j == len(word):
			p.h.PID = n
		case word != "" && p.h.Program == "":
			p.h.Program = word
		}
		i += 1 + end
	}
	return i + 1
}
