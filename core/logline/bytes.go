package logline

// Small scanners over the head of a line. All take any index up to len(s).

func isDigit(c byte) bool { return c-'0' <= 9 }

func lower(c byte) byte { return c | 0x20 }

// nameByte says whether c can be part of a host or program name.
func nameByte(c byte) bool {
	return isDigit(c) || lower(c)-'a' <= 25 || c == '-' || c == '_' || c == '.'
}

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
