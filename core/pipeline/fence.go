package pipeline

import (
	"strings"

	"penstock/core/cases"
)

// quote returns an outside text as it may stand in a prompt: in one line, at most
// limit bytes, without control and invisible characters, and with what a model
// takes for its own control tokens broken up. Secrets were masked at capture.
// Nothing from outside gets into a prompt by another way.
func quote(s string, limit int) string {
	return cases.Clean(unToken(cases.Clean(s, limit)), limit)
}

// unToken breaks up control tokens. Which ones a model knows depends on the model:
// <|im_end|>, <start_of_turn>, </s>, [INST], <｜User｜>. What they have in common is
// an angle bracket, or one word in square ones.
func unToken(s string) string {
	s = brackets.Replace(s)
	if !strings.Contains(s, "[") {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if isToken(after) {
			b.WriteString("[ ")
		} else {
			b.WriteByte('[')
		}
		s = after
	}
}

var brackets = strings.NewReplacer("<", "‹", ">", "›", "＜", "‹", "＞", "›")

// isToken says whether what follows a bracket is one word and its end, with a
// capital or an underscore in it: no process number, no word of a sentence, and no
// handle of ours.
func isToken(s string) bool {
	s = strings.TrimPrefix(s, "/")
	special := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c == '_':
			special = special || i > 0 || c != 'E'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		default:
			return c == ']' && special
		}
	}
	return false
}
