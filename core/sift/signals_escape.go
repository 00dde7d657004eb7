package sift

import "strings"

// escaped says whether the text has an escape that unescape knows. It is cheap
// where there is none.
func escaped(text string) bool {
	for i := strings.IndexByte(text, '%'); i >= 0 && i < len(text); i++ {
		if _, n := unescapeAt(text, i); n > 1 {
			return true
		}
		next := strings.IndexByte(text[i+1:], '%')
		if next < 0 {
			break
		}
		i += next
	}
	return strings.IndexByte(text, '\\') >= 0 && (strings.Contains(text, `\x`) || strings.Contains(text, `\u00`))
}

// altered says whether unescape changes more than plus signs.
func altered(text string) bool { return strings.IndexByte(text, '\\') >= 0 || escaped(text) }

// unescape returns what the text stands for: %41, %2541, %u0041, \x41 and \u0041
// are A, + is a space, as in the query of a URL, and other backslashes are left out.
func unescape(text string) string {
	return string(appendUnescaped(make([]byte, 0, len(text)), text))
}

func appendUnescaped(dst []byte, text string) []byte {
	for i := 0; i < len(text); {
		c, n := unescapeAt(text, i)
		if c != '\\' {
			dst = append(dst, c)
		}
		i += n
	}
	return dst
}

// appendPlain appends the text without its backslashes.
func appendPlain(dst []byte, text string) []byte {
	for {
		i := strings.IndexByte(text, '\\')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i]...)
		text = text[i+1:]
	}
}

// unescapeAt returns the byte that the text at i stands for and how many bytes
// of the text that takes.
func unescapeAt(text string, i int) (byte, int) {
	switch c := text[i]; c {
	case '+':
		return ' ', 1
	case '%':
		return unpercent(text, i)
	case '\\':
		rest := text[i+1:]
		if strings.HasPrefix(rest, "x") {
			if v, ok := hexPair(rest, 1); ok {
				return v, 4
			}
		}
		if strings.HasPrefix(rest, "u00") {
			if v, ok := hexPair(rest, 3); ok {
				return v, 6
			}
		}
		return c, 1
	default:
		return c, 1
	}
}

func unpercent(text string, i int) (byte, int) {
	if v, ok := hexPair(text, i+1); ok {
		if v == '%' {
			if twice, ok := hexPair(text, i+3); ok {
				return twice, 5
			}
		}
		return v, 3
	}
	if rest := text[i+1:]; strings.HasPrefix(rest, "u00") || strings.HasPrefix(rest, "U00") {
		if v, ok := hexPair(rest, 3); ok {
			return v, 6
		}
	}
	return '%', 1
}

func hexPair(text string, i int) (byte, bool) {
	if i+1 >= len(text) {
		return 0, false
	}
	high, low := hexDigit(text[i]), hexDigit(text[i+1])
	return high<<4 | low&0xf, high < 16 && low < 16
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= lower(c) && lower(c) <= 'f':
		return lower(c) - 'a' + 10
	}
	return 0xff
}
