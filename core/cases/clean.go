package cases

import (
	"strings"
	"unicode/utf8"
)

// cutMark stands at the end of a text that Clean has cut.
const cutMark = "…"

// Clean returns the text fit to be shown and stored: invalid UTF-8 replaced,
// control characters made visible as pictures (U+2400 and on), characters that
// turn the direction of writing or cannot be seen left out, and cut to at most
// limit bytes, on a whole character, with a mark at the end. A limit below four
// bytes leaves nothing of a longer text.
func Clean(text string, limit int) string {
	room := max(limit, 0)
	n := shownAsIs(text[:min(len(text), room+1)])
	switch {
	case n > room:
		return cutBack(text, room)
	case n == len(text):
		return text
	}
	var b strings.Builder
	b.Grow(min(len(text), room))
	for i := 0; i < len(text); {
		if n := shownAsIs(text[i:min(len(text), i+room-b.Len())]); n > 0 {
			b.WriteString(text[i : i+n])
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		i += n
		shown := visible(r)
		if shown == 0 {
			continue
		}
		if b.Len()+utf8.RuneLen(shown) > room {
			return cutBack(b.String(), room)
		}
		b.WriteRune(shown)
	}
	return b.String()
}

// cutBack makes room for the mark at the end of a text that is too long.
func cutBack(text string, room int) string {
	if room < len(cutMark) {
		return ""
	}
	end := min(len(text), room-len(cutMark))
	for end > 0 && end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + cutMark
}

// shownAsIs returns how many bytes at the beginning of the text need no look.
func shownAsIs(text string) int {
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return i
		}
	}
	return len(text)
}

// visible returns what is shown for a character, or 0 for nothing.
func visible(r rune) rune {
	switch {
	case r < 0x20:
		return 0x2400 + r
	case r == 0x7f:
		return 0x2421
	case 0x80 <= r && r <= 0x9f:
		return utf8.RuneError
	case r == 0xad || r == 0x61c || r == 0x180e || 0x200b <= r && r <= 0x200f || 0x2028 <= r && r <= 0x202e ||
		0x2060 <= r && r <= 0x206f || r == 0xfeff || 0xfff9 <= r && r <= 0xfffb || 0xfe00 <= r && r <= 0xfe0f ||
		0xe0000 <= r && r <= 0xe0fff:
		return 0
	}
	return r
}
