package pattern

// Properties of a byte, as bits: what it is, and what a run that holds it might be.
const (
	isSpace uint8 = 1 << iota // white space and control characters
	isBreak                   // ends a run: = , ; ( ) [ ] { } " ' < > |
	isDigit
	isLetter
	isHexLetter
	isJoint // . : - @ # $ % & + and other marks inside a run
	isCue   // / \ @: a run with one may be a path, a URL or an address without a digit
)

// chars has the properties of each byte. Bytes above 0x7f are letters, so that
// names in any language stay whole.
var chars = charTable()

func charTable() (t [256]uint8) {
	for c := range t {
		b := byte(c)
		switch {
		case b <= ' ' || b == 0x7f:
			t[c] = isSpace
		case b >= '0' && b <= '9':
			t[c] = isDigit
		case b >= 'a' && b <= 'f', b >= 'A' && b <= 'F':
			t[c] = isLetter | isHexLetter
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '_', b >= 0x80:
			t[c] = isLetter
		default:
			t[c] = isJoint
		}
	}
	for _, b := range []byte("=,;()[]{}\"'<>|") {
		t[b] = isBreak
	}
	for _, b := range []byte("/\\@") {
		t[b] |= isCue
	}
	return t
}

func is(c byte, what uint8) bool { return chars[c]&what != 0 }

// span returns the end of the run of bytes with one of these properties that starts at i.
func span(s string, i int, what uint8) int {
	for i < len(s) && chars[s[i]]&what != 0 {
		i++
	}
	return i
}
