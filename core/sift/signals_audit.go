package sift

import "strings"

// Revealed returns the text as the Linux audit system would have written it if it
// did not write values with a space, a quote or a control character in them as
// hexadecimal digits: what was run stands there to be read, NUL between arguments
// as a space. Text of other programs stays as it is. It costs time linear in the
// text, and allocates only where there is something to reveal.
func Revealed(text string) string {
	if !strings.Contains(text, "audit(") {
		return text
	}
	var b []byte
	done := 0
	for i := strings.IndexByte(text, '='); i >= 0 && i < len(text); {
		end := hexEnd(text, i+1)
		if n := end - i - 1; n > 0 && n%2 == 0 && auditText(text[:i]) {
			b = append(append(b, text[done:i+1]...), '"')
			b = append(appendHex(b, text[i+1:end]), '"')
			done = end
		}
		next := strings.IndexByte(text[end:], '=')
		if next < 0 {
			break
		}
		i = end + next
	}
	if b == nil {
		return text
	}
	return string(append(b, text[done:]...))
}

// maxAuditKey is how long the name of a field may be.
const maxAuditKey = 16

// hexEnd returns where a value of nothing but upper-case hexadecimal digits ends
// that begins at i; i where there is none.
func hexEnd(text string, i int) int {
	end := i
	for end < len(text) && hexDigit(text[end]) < 16 && text[end] < 'a' {
		end++
	}
	if end < len(text) && text[end] > ' ' && text[end] != '"' && text[end] != '\\' {
		return i // it goes on with something else
	}
	return end
}

// auditText says whether the text ends in the name of a field of an audit record
// that holds what somebody else chose: arguments, names, titles of processes.
func auditText(before string) bool {
	before = before[max(0, len(before)-maxAuditKey):]
	switch key := before[strings.LastIndexByte(before, ' ')+1:]; key {
	case "acct", "cmd", "comm", "cwd", "data", "exe", "key", "name", "path", "proctitle":
		return true
	default:
		key, _, _ = strings.Cut(key, "[") // a long argument comes in pieces
		return len(key) > 1 && key[0] == 'a' && strings.Trim(key[1:], "0123456789") == ""
	}
}

func appendHex(dst []byte, digits string) []byte {
	for i := 0; i+1 < len(digits); i += 2 {
		c, _ := hexPair(digits, i)
		if c == 0 {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}
