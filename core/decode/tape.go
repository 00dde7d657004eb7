package decode

import (
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

// node is one value. Its strings are parts of the text, still escaped.
type node struct {
	key     string
	value   string // without quotes; of an object or array, its whole text
	parent  int    // index of the object or array around it, -1 at the top
	end     int    // index behind its last descendant
	kind    kind
	escaped bool // value holds a backslash
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
	if t.i >= len(s) || s[t.i] != '{' || !t.value("", -1, 0) {
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

func (t *tape) value(key string, parent, depth int) bool {
	t.space()
	if t.i >= len(t.s) || depth > maxDepth {
		return false
	}
	at := len(t.nodes)
	kept := at < maxNodes
	if kept {
		t.nodes = append(t.nodes, node{key: key, parent: parent})
	}
	start := t.i
	n := node{key: key, parent: parent}
	ok := false
	switch c := t.s[t.i]; c {
	case '{':
		n.kind = object
		ok = t.members(at, depth)
		n.value = t.s[start:t.i]
	case '[':
		n.kind = array
		ok = t.elements(at, depth)
		n.value = t.s[start:t.i]
	case '"':
		n.kind = text
		n.value, n.escaped, ok = t.quoted()
	default:
		n.kind, ok = t.bare()
		n.value = t.s[start:t.i]
	}
	n.end = len(t.nodes)
	if kept {
		t.nodes[at] = n
	}
	return ok
}

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
		key, _, ok := t.quoted()
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
		if !t.value("", at, depth+1) {
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

// quoted reads a string and leaves its escapes as they are.
func (t *tape) quoted() (value string, escaped, ok bool) {
	start := t.i + 1
	for i := start; ; {
		k := strings.IndexByte(t.s[i:], '"')
		if k < 0 {
			return "", false, false
		}
		back := strings.IndexByte(t.s[i:i+k], '\\')
		if back < 0 {
			t.i = i + k + 1
			return t.s[start : i+k], escaped, true
		}
		escaped = true
		i += back + 2 // the escaped byte may be the quote
		if i > len(t.s) {
			return "", false, false
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
	for j := i + 1; j < t.nodes[i].end && j < len(t.nodes); j = t.nodes[j].end {
		if t.nodes[j].key == key {
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
	n := &t.nodes[i]
	switch {
	case n.kind == text && n.escaped:
		return unescape(n.value)
	case n.kind == text, n.kind == number, n.kind == word && n.value != "null":
		return n.value
	}
	return ""
}

// joined returns the strings of the array at i with commas between, or the
// string that stands there instead.
func (t *tape) joined(i int) string {
	if i < 0 || t.nodes[i].kind != array {
		return t.text(i)
	}
	first := i + 1
	if first >= t.nodes[i].end || first >= len(t.nodes) {
		return ""
	}
	if t.nodes[first].end == t.nodes[i].end {
		return t.text(first)
	}
	size := 0
	for j := first; j < t.nodes[i].end && j < len(t.nodes); j = t.nodes[j].end {
		size += len(t.nodes[j].value) + 1
	}
	var b strings.Builder
	b.Grow(min(size, MaxValue+1))
	for j := first; j < t.nodes[i].end && j < len(t.nodes) && b.Len() < MaxValue; j = t.nodes[j].end {
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
