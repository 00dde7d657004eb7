package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The encoders, one per sink. Each takes text that an attacker may have written
// and returns text that does nothing in that sink but be read.

// Terminal returns s for a terminal: in one line, with every character that is
// not printed or that changes direction written out, for instance ESC as \x1b.
func Terminal(s string) string { return visible(s) }

// HTMLText returns s for the HTML report, before html/template escapes it: browsers
// reorder text by the same characters that terminals do.
func HTMLText(s string) string { return visible(s) }

// MailText returns s for a plain mail: as for a terminal, and with addresses of
// web pages broken up, so that no reader makes a link of them.
func MailText(s string) string { return linkBreaker.Replace(visible(s)) }

var linkBreaker = strings.NewReplacer(
	"://", ":[//]", "www.", "www[.]", "WWW.", "WWW[.]", "mailto:", "mailto[:]", "tel:", "tel[:]",
)

// CSVField returns s for a cell of a CSV file, before encoding/csv quotes it:
// as for a terminal, and with an apostrophe in front of what a spreadsheet would
// take for a formula.
func CSVField(s string) string {
	s = visible(s)
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " '\"\u00a0\u3000"))
	if strings.ContainsRune("=+-@|%＝＋－＠", first) {
		return "'" + s
	}
	return s
}

// JSON writes v as one line of JSON, with every character that is not printed
// or that changes direction escaped. Decoding gives back the same text.
func JSON(w io.Writer, v any) error {
	var plain, b bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false) // <*> stays readable: this is no part of a page
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	data := bytes.TrimSuffix(plain.Bytes(), []byte("\n"))
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case !hidden(r):
			b.Write(data[:size])
		case r > 0xffff:
			high, low := surrogates(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		data = data[size:]
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func surrogates(r rune) (high, low rune) {
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}

// visible writes out what would not be seen, or would change how the rest is.
func visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !hidden(r):
			b.WriteString(s[i : i+size])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteByte(' ')
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

// plain says quickly that s is printed ASCII.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// hidden says whether a character is not printed, changes direction, joins or
// ends lines, or is drawn by nobody. The ordinary space is none of them; the
// spaces that Penstock's own numbers and French texts use are allowed too.
func hidden(r rune) bool {
	switch r {
	case '\u00a0', '\u202f':
		return false
	}
	return r == utf8.RuneError || !unicode.IsPrint(r) || unicode.Is(unicode.Variation_Selector, r) || manyMarks(r)
}

// manyMarks says whether a mark is drawn over its neighbours. Marks that
// letters of living languages need are composed ones and not of this kind.
func manyMarks(r rune) bool { return unicode.Is(unicode.Me, r) || r >= 0x0300 && r <= 0x036f }
