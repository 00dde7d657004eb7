package logline

// Small scanners over the head of a line. All take any index up to len(s).

func isDigit(c byte) bool { return c-'0' <= 9 }

func lower(c byte) byte { return c | 0x20 }

// Bits of byteSets.
const (
	inName  = 1 << iota // host and program names
	inTag               // the tag of a syslog line
	inClass             // classes and threads of applications
)

// byteSets says for each byte in which kinds of word it can stand.
var byteSets = sets()

func sets() (table [256]uint8) {
	for c := range 256 {
		b := byte(c)
		switch {
		case isDigit(b) || lower(b)-'a' <= 25 && b < 0x80 || b == '-' || b == '_' || b == '.':
			table[c] = inName | inTag | inClass
		case b == '/' || b == '@':
			table[c] = inTag | inClass
		case b == '+' || b == '\\':
			table[c] = inTag
		case b == '$' || b == '#' || b == '*':
			table[c] = inClass
		}
	}
	return table
}

func nameByte(c byte) bool { return byteSets[c]&inName != 0 }

func tagByte(c byte) bool { return byteSets[c]&inTag != 0 }

func digits(s string, i, n int) bool {
	if i < 0 || i+n > len(s) {
		return false
	}
	for k := i; k < i+n; k++ {
		if !isDigit(s[k]) {
			return false
		}
	}
	return true
}

// two and four read that many bytes that are known to be digits.
func two(s string, i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }

func four(s string, i int) int { return two(s, i)*100 + two(s, i+2) }

// number reads at most ten digits and returns the offset behind them; the
// offset is i where there are none.
func number(s string, i int) (int, int) {
	n, j := 0, i
	for j < len(s) && j < i+10 && isDigit(s[j]) {
		n = n*10 + int(s[j]-'0')
		j++
	}
	return n, j
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return i
}

func leadingSpace(s string) int {
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == 0) {
		i++
	}
	return i
}

// wordEnd returns the offset of the next space, or len(s).
func wordEnd(s string, i int) int {
	for i < len(s) && s[i] != ' ' && s[i] != '\t' {
		i++
	}
	return i
}

// isAddress says whether word looks like an IPv4 or IPv6 address, with or
// without a port.
func isAddress(word string) bool {
	dots, colons := 0, 0
	for i := range len(word) {
		switch c := word[i]; {
		case isDigit(c):
		case c == '.':
			dots++
		case c == ':':
			colons++
		case lower(c) >= 'a' && lower(c) <= 'f', c == '[', c == ']':
			if dots == 0 && colons == 0 && i > 4 {
				return false
			}
		default:
			return false
		}
	}
	return dots == 3 && len(word) >= 7 || colons >= 2 && len(word) >= 3
}
