package zabbix

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cutMark ends a text that was cut.
const cutMark = "…"

// Text returns s as text that Zabbix may hold in a value, a tag, a name or a message:
// one line of at most so many characters, which ends with an ellipsis where s was
// longer. Control characters and those that change the direction of writing are
// gone, white space is one blank, and what means something to Zabbix or to our
// values is replaced: braces begin a macro there, and a bar parts the fields of a
// transition. Characters beyond 16 bits become a question mark, because a database
// of MySQL with its old character set refuses the whole request that holds one.
func Text(s string, most int) string {
	var b strings.Builder
	blank := false
	left := max(0, most)
	for _, r := range s {
		if r = safe(r); r < 0 {
			continue
		}
		if r == ' ' {
			blank = b.Len() > 0 // none at the start, and none at the end
			continue
		}
		if blank {
			b.WriteByte(' ')
			left--
			blank = false
		}
		b.WriteRune(r)
		if left--; left < 0 {
			return cut(b.String(), most)
		}
	}
	return b.String()
}

// safe returns what stands for a character, or -1 where nothing does.
func safe(r rune) rune {
	switch {
	case r == '{':
		return '('
	case r == '}':
		return ')'
	case r == '|':
		return '¦'
	case r == utf8.RuneError || r > 0xffff:
		return '?'
	case unicode.IsSpace(r):
		return ' '
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
		return -1
	}
	return r
}

// cut returns at most so many characters of s, with a mark at the end where some
// are missing.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	if most <= 0 {
		return ""
	}
	n := 0
	for i := range s {
		if n++; n == most {
			return strings.TrimRight(s[:i], " ") + cutMark
		}
	}
	return s
}

// within returns s cut to at most so many bytes, with a mark at the end.
func within(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := max(0, most-len(cutMark))
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.TrimRight(s[:end], " ") + cutMark
}
