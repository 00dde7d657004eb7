package decode

import (
	"net/netip"
	"strings"
)

func isDigit(c byte) bool { return c-'0' <= 9 }

func isLetter(c byte) bool { return (c|0x20)-'a' <= 25 }

// address takes an address out of word: with or without a port, brackets,
// quotes or punctuation around it. An IPv4 address in IPv6 form comes out as
// IPv4. It does not allocate where word is no address.
func address(word string) (addr, port string, ok bool) {
	word = strings.Trim(word, "\"'`()<>,;")
	word = strings.TrimSuffix(word, ".")
	if len(word) < 3 || len(word) > 64 {
		return "", "", false
	}
	if word[0] == '[' {
		end := strings.IndexByte(word, ']')
		if end < 0 {
			return "", "", false
		}
		if rest := word[end+1:]; len(rest) > 1 && rest[0] == ':' {
			port = strings.TrimSuffix(rest[1:], ":")
		}
		if addr, ok = bareAddress(word[1:end]); ok {
			return addr, port, ok
		}
		word = word[1:end] // [1.2.3.4:5]
	}
	if addr, ok = bareAddress(word); ok {
		return addr, "", true
	}
	cut := strings.LastIndexAny(word, ":/#")
	if cut <= 0 {
		return "", "", false
	}
	addr, ok = bareAddress(word[:cut])
	if port = word[cut+1:]; !allDigits(port) {
		port = ""
	}
	return addr, port, ok
}

// bareAddress returns s where it is an address and nothing else.
func bareAddress(s string) (string, bool) {
	if isIPv4(s) {
		return s, true
	}
	if strings.Count(s, ":") < 2 || len(s) > 45 {
		return "", false
	}
	if const6 := "::ffff:"; len(s) > len(const6) && strings.EqualFold(s[:len(const6)], const6) && isIPv4(s[len(const6):]) {
		return s[len(const6):], true
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c|0x20)-'a' > 5 && c != ':' && c != '.' {
			return "", false
		}
	}
	if _, err := netip.ParseAddr(s); err != nil {
		return "", false
	}
	return s, true
}

func isIPv4(s string) bool {
	if len(s) < 7 || len(s) > 15 {
		return false
	}
	parts, n, length := 0, 0, 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == '.' {
			if length == 0 || n > 255 {
				return false
			}
			parts++
			n, length = 0, 0
			continue
		}
		if !isDigit(s[i]) || length == 3 {
			return false
		}
		n = n*10 + int(s[i]-'0')
		length++
	}
	return parts == 4
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// firstWord returns what stands before the first space, and the rest.
func firstWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " ")
	word, rest, _ = strings.Cut(s, " ")
	return word, rest
}

// lastWord returns what stands behind the last space, and what stands before it.
func lastWord(s string) (before, word string) {
	s = strings.TrimRight(s, " ")
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}

// between returns what stands behind open and before the next closing mark.
func between(s, open, closing string) (string, bool) {
	_, rest, ok := strings.Cut(s, open)
	if !ok {
		return "", false
	}
	value, _, ok := strings.Cut(rest, closing)
	return value, ok
}
