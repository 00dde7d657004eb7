package notify

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean returns text in one line of at most so many characters, with every
// character that is not printed or that changes direction written out, for
// instance ESC as \x1b. A longer text ends with a mark.
func clean(text string, most int) string {
	var b strings.Builder
	text = text[:min(len(text), utf8.UTFMax*(most+1))] // more than most characters, whatever they are
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case shown(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	out := strings.TrimSpace(b.String())
	if runes := []rune(out); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return out
}

// shown says whether a character is printed, and stays in its place.
func shown(r rune) bool {
	switch {
	case r == '\u00a0' || r == '\u202f': // the spaces of numbers and of French
		return true
	case r >= 0x0300 && r <= 0x036f || unicode.Is(unicode.Me, r) || unicode.Is(unicode.Variation_Selector, r):
		return false // drawn over its neighbours
	}
	return r != utf8.RuneError && unicode.IsPrint(r)
}

// noLinks breaks up what readers of mail would make a link of.
var noLinks = strings.NewReplacer(
	"://", ":[//]", "www.", "www[.]", "WWW.", "WWW[.]", "mailto:", "mailto[:]", "tel:", "tel[:]",
)
