package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// shorten makes text fit for a line of a log and for a frontend: control and
// bidirectional characters become spaces, and what is longer than most bytes is cut.
func shorten(text string, most int) string {
	if len(text) > 4*most { // so that little is looked at
		text = text[:4*most]
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.TrimSpace(text)
	if len(text) <= most {
		return text
	}
	const mark = "..."
	end := max(0, most-len(mark))
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + mark
}
