package decode

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of what is kept of one JSON text. Deeper text is refused; more values
// are read, but not kept.
const (
	maxDepth = 64
	maxNodes = 4096
)

type kind uint8

const (
	object kind = iota
	array
	text
	number
	word // true, false, null
)

// span is a part of the text.
type span struct{ from, to int32 }

// node is one value. It holds offsets only, so that the collector need not look
// at it.
type node struct {
	key     span // still escaped
	value   span // without quotes; of an object or array, its whole text
	parent  int32
	end     int32 // index behind its last descendant
	kind    kind
	escaped bool // value holds a backslash
	role    role // once asked for
	asked   bool
	paired  bool // role is that of the key and the one around it together
	deep    deep // of an object: whether keys within have a meaning of their own
}

// tape holds the values of one JSON text in the order they stand. It is read in
// one pass and unescapes nothing until asked.
type tape struct {
	s     string
	i     int
	nodes []node
	scans int // how often scan was called: what was read before is then gone
}

// scan reads one JSON object. It says no where s is not valid JSON (control
// characters within strings are let through) or nested deeper than maxDepth.
func (t *tape) scan(s string) bool {
	t.s, t.i, t.nodes = s, 0, t.nodes[:0]
	t.scans++
	t.space()
	if t.i >= len(s) || len(s) > math.MaxInt32 || s[t.i] != '{' || !t.value(span{}, -1, 0) {
		return false
	}
	t.space()
	return t.i == len(s)
}

func (t *tape) space() {
	for t.i < len(t.s) {
		if c := t.s[t.i]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return
		}
		t.i++
	}
}

func (t *tape) value(key span, parent, depth int) bool {
	t.space()
	if t.i >= len(t.s) || depth > maxDepth {
		return false
	}
	at := len(t.nodes)
	kept := at < maxNodes
	if kept {
		t.nodes = append(t.nodes, node{key: key, parent: int32(parent)})
	}
	from, to := t.i, 0
	var what kind
	var escaped, ok bool
	switch t.s[t.i] {
	case '{':
		what = object
		ok = t.members(at, depth)
		to = t.i
	case '[':
		what = array
		ok = t.elements(at, depth)
		to = t.i
	case '"':
		what = text
		escaped, ok = t.quoted()
		from, to = from+1, t.i-1
	default:
		what, ok = t.bare()
		to = t.i
	}
	if kept && ok {
		n := &t.nodes[at]
		n.value = t.span(from, to)
		n.end = int32(len(t.nodes))
		n.kind, n.escaped = what, escaped
	}
	return ok
}

// span makes a span of offsets into a text that scan has found short enough.
func (t *tape) span(from, to int) span {
	return span{int32(from), int32(to)}
}

// key and val return the key and the value of node i as they are written.
func (t *tape) key(i int) string {
	k := t.nodes[i].key
	return t.s[k.from:k.to]
}

func (t *tape) val(i int) string {
	v := t.nodes[i].value
	return t.s[v.from:v.to]
}

// end returns the index behind the last kept descendant of node i.
func (t *tape) end(i int) int { return int(t.nodes[i].end) }

func (t *tape) members(at, depth int) bool {
	t.i++
	for first := true; ; first = false {
		t.space()
		if t.i >= len(t.s) {
			return false
		}
		if first && t.s[t.i] == '}' {
			t.i++
			return true
		}
		if t.s[t.i] != '"' {
			return false
		}
		from := t.i + 1
		_, ok := t.quoted()
		key := t.span(from, t.i-1)
		t.space()
		if !ok || t.i >= len(t.s) || t.s[t.i] != ':' {
			return false
		}
		t.i++
		if !t.value(key, at, depth+1) {
			return false
		}
		if more, ok := t.more('}'); !more {
			return ok
		}
	}
}

func (t *tape) elements(at, depth int) bool {
	t.i++
	for first := true; ; first = false {
		t.space()
		if first && t.i < len(t.s) && t.s[t.i] == ']' {
			t.i++
			return true
		}
		if !t.value(span{}, at, depth+1) {
			return false
		}
		if more, ok := t.more(']'); !more {
			return ok
		}
	}
}

// more reads what stands behind a value: a comma, or the closing bracket.
func (t *tape) more(closing byte) (more, ok bool) {
	t.space()
	if t.i >= len(t.s) {
		return false, false
	}
	c := t.s[t.i]
	t.i++
	return c == ',', c == closing
}

// quoted moves behind a string and leaves its escapes as they are.
func (t *tape) quoted() (escaped, ok bool) {
	i := t.i + 1
	for {
		k := strings.IndexByte(t.s[i:], '"')
		if k < 0 {
			return false, false
		}
		back := strings.IndexByte(t.s[i:i+k], '\\')
		if back < 0 {
			t.i = i + k + 1
			return escaped, true
		}
		escaped = true
		i += back + 2 // the escaped byte may be the quote
		if i > len(t.s) {
			return false, false
		}
	}
}

// bare reads a number or true, false, null.
func (t *tape) bare() (kind, bool) {
	start := t.i
	for t.i < len(t.s) {
		switch t.s[t.i] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return bareKind(t.s[start:t.i])
		}
		t.i++
	}
	return bareKind(t.s[start:t.i])
}

func bareKind(s string) (kind, bool) {
	switch s {
	case "true", "false", "null":
		return word, true
	case "":
		return word, false
	}
	digit := false
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			digit = true
		case c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E':
		default:
			return number, false
		}
	}
	return number, digit && (s[0] == '-' || isDigit(s[0]))
}

// child returns the index of the first member of the object at i with that key,
// or -1. Keys are compared as written.
func (t *tape) child(i int, key string) int {
	if i < 0 || i >= len(t.nodes) || t.nodes[i].kind != object {
		return -1
	}
	for j := i + 1; j < t.end(i); j = t.end(j) {
		if t.key(j) == key {
			return j
		}
	}
	return -1
}

// get returns the text of the value under the keys, from the top, or "".
func (t *tape) get(keys ...string) string {
	i := 0
	for _, key := range keys {
		if i = t.child(i, key); i < 0 {
			return ""
		}
	}
	return t.text(i)
}

// text returns the value at i as a string; null, objects and arrays are "".
func (t *tape) text(i int) string {
	if i < 0 {
		return ""
	}
	value := t.val(i)
	switch n := &t.nodes[i]; {
	case n.kind == text && n.escaped:
		return unescape(value)
	case n.kind == text, n.kind == number, n.kind == word && value != "null":
		return value
	}
	return ""
}

// joined returns the strings of the array at i with commas between, or the
// string that stands there instead.
func (t *tape) joined(i int) string {
	if i < 0 || t.nodes[i].kind != array {
		return t.text(i)
	}
	first, end := i+1, t.end(i)
	if first >= end {
		return ""
	}
	if t.end(first) == end {
		return t.text(first)
	}
	var b strings.Builder
	b.Grow(min(len(t.val(i)), MaxValue+1))
	for j := first; j < end && b.Len() < MaxValue; j = t.end(j) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(t.text(j))
	}
	return b.String()
}

// unescape undoes JSON's escapes. What is no valid escape stays as it is.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 >= len(s) {
			k := strings.IndexByte(s[i+1:], '\\')
			if k < 0 {
				return string(append(b, s[i:]...))
			}
			b = append(b, s[i:i+1+k]...)
			i += 1 + k
			continue
		}
		switch c := s[i+1]; c {
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case 'r':
			b = append(b, '\r')
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'u':
			r, size := unicodeEscape(s[i:])
			b = utf8.AppendRune(b, r)
			i += size
			continue
		case '"', '\\', '/':
			b = append(b, c)
		default:
			b = append(b, '\\', c)
		}
		i += 2
	}
	return string(b)
}

// unicodeEscape reads \uXXXX, or two of them that make one rune.
func unicodeEscape(s string) (rune, int) {
	r, ok := hexRune(s)
	if !ok {
		return utf8.RuneError, 2
	}
	if utf16.IsSurrogate(r) {
		if low, ok := hexRune(s[6:]); ok {
			if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
				return whole, 12
			}
		}
		return utf8.RuneError, 6
	}
	return r, 6
}

func hexRune(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(v), err == nil
}
