package pattern

import "strings"

// maxWords bounds the words of a masked text; what follows is one variable.
const maxWords = 96

// split cuts a masked text into words at its spaces, into dst.
func split(dst []string, masked string) []string {
	for len(dst) < maxWords {
		at := strings.IndexByte(masked, ' ')
		if at < 0 {
			return append(dst, masked)
		}
		dst = append(dst, masked[:at])
		masked = masked[at+1:]
	}
	return append(dst, string(rune(anyCode)))
}

// piece returns the end of the smallest part of a word that begins at i: a name,
// a number, one variable or one mark.
func piece(word string, i int) int {
	if is(word[i], isLetter|isDigit) {
		return span(word, i, isLetter|isDigit)
	}
	return i + 1
}

func isMark(c byte) bool { return !isCode(c) && is(c, isBreak|isJoint) }

// generalise returns the narrowest word with variables that stands for both.
func generalise(a, b string) string {
	if a == b || a == anyWord {
		return a
	}
	if general, ok := pieceByPiece(a, b); ok {
		return general
	}
	if x, y := apart(a), apart(b); x != a || y != b { // host:80 and an endpoint
		if general, ok := pieceByPiece(x, y); ok {
			return general
		}
		a, b = x, y
	}
	head, tail := common(a, b)
	return a[:head] + anyWord + a[len(a)-tail:]
}

const anyWord = "\x1c"

// apart writes each endpoint of a word as host and port.
func apart(word string) string {
	return strings.ReplaceAll(word, string(rune(endpoint)), anyWord+":"+string(rune(Number)))
}

// pieceByPiece compares words that have the same marks in the same order.
func pieceByPiece(a, b string) (string, bool) {
	var out []byte
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		p, q := piece(a, i), piece(b, j)
		switch {
		case a[i:p] == b[j:q]:
			out = append(out, a[i:p]...)
		case isMark(a[i]) || isMark(b[j]):
			return "", false
		default:
			out = append(out, anyCode)
		}
		i, j = p, q
	}
	return string(out), i == len(a) && j == len(b)
}

// common returns the length of what both words begin with and of what they end
// with, in whole pieces.
func common(a, b string) (head, tail int) {
	for head < len(a) && head < len(b) {
		p, q := piece(a, head), piece(b, head)
		if a[head:p] != b[head:q] {
			break
		}
		head = p
	}
	a, b = a[head:], b[head:]
	for tail < len(a) && tail < len(b) && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	for tail > 0 && !isMark(a[len(a)-tail]) && !isCode(a[len(a)-tail]) && (inName(a, tail) || inName(b, tail)) {
		tail--
	}
	return head, tail
}

// inName says whether the last tail bytes begin within a name.
func inName(s string, tail int) bool {
	return tail < len(s) && is(s[len(s)-tail-1], isLetter|isDigit)
}

// covers says whether the pattern of a position stands for the word.
func covers(pattern, word string) bool {
	return pattern == word || pattern == anyWord || generalise(pattern, word) == pattern
}

// variable says whether two words at the same place look like two values of one
// variable rather than like two messages: by what differs in them, and by what
// stands before.
func variable(before, a, b string, first bool) bool {
	head, tail := common(a, b)
	x, y := a[head:len(a)-tail], b[head:len(b)-tail]
	switch {
	case strings.IndexByte(x, '=') >= 0, strings.IndexByte(y, '=') >= 0, tail > 0 && a[len(a)-tail] == '=':
		return false // another key, not another value
	case (valueLike(x, first) || valueLike(y, first)) && (head+tail > 0 || !sentence(x) && !sentence(y)), stem(x) != "" && stem(x) == stem(y):
		return true
	case head == 0:
		return !first && announces(before)
	}
	return strings.IndexByte("=:#'\"", a[head-1]) >= 0
}

// sentence says whether a text is a plain word, which more often belongs to
// the sentence than to a variable.
func sentence(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return s != ""
}

// stem returns the text without its digits when it has some, else "".
func stem(s string) string {
	kept := make([]byte, 0, 32)
	for i := range len(s) {
		if !is(s[i], isDigit) {
			kept = append(kept, s[i])
		}
	}
	if len(kept) == len(s) {
		return ""
	}
	return string(kept)
}

// valueLike says whether a text can hardly be a word of a sentence.
func valueLike(s string, first bool) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case isCode(c), c == '/', c == '\\', c == '@':
			return true
		case first:
		case c == innerSpace:
			return true
		case c == '.' && i > 0 && i+1 < len(s) && is(s[i-1], isLetter) && is(s[i+1], isLetter):
			return true
		}
	}
	return false
}

// announces says whether a name follows the word.
func announces(word string) bool {
	if n := len(word); n > 0 && word[n-1] == '=' {
		return true
	}
	switch strings.TrimSuffix(word, ":") {
	case "user", "username", "host", "hostname", "account", "named", "User", "Host":
		return true
	}
	return false
}

// spoken says whether a word has constant text that tells one message from another.
func spoken(word string) bool {
	for i := range len(word) {
		if !isCode(word[i]) && is(word[i], isLetter) {
			return true
		}
	}
	return false
}
