package zabbix

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		text string
		most int
		want string
	}{
		{"+ plain", "Failed password for root", 100, "Failed password for root"},
		{"+ quotes and markup stay", `a "b" 'c' <script>`, 100, `a "b" 'c' <script>`},
		{"+ letters of other scripts stay", "Störung 漢字", 100, "Störung 漢字"},
		{"- macros lose their braces", "{$SECRET} {HOST.CONN} {{ITEM.VALUE}.regsub(a,b)} ${jndi:x}", 100, "($SECRET) (HOST.CONN) ((ITEM.VALUE).regsub(a,b)) $(jndi:x)"},
		{"- bars part no fields", "cat x | sh", 100, "cat x ¦ sh"},
		{"- white space is one blank", "  a\t\tb\r\n\u2028c\u00a0 ", 100, "a b c"},
		{"- control characters go", "a\x00b\x1b[31mc\x7f", 100, "ab[31mc"},
		{"- direction marks go", "a\u202eb\u200fc\u2066d\ufeff", 100, "abcd"},
		{"- broken bytes", "a\xff\xfeb", 100, "a??b"},
		{"- beyond 16 bits", "a😀b", 100, "a?b"},
		{"- too long", "abcdef", 4, "abc…"},
		{"- too long at a blank", "abc def", 5, "abc…"},
		{"+ just fits", "abcd", 4, "abcd"},
		{"- no room", "abcd", 0, ""},
		{"- less than no room", "abcd", -1, ""},
		{"+ nothing", "", 4, ""},
		{"- nothing but blanks", " \n\t ", 4, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Text(tt.text, tt.most); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"{$A}", "a|b", "\u202e", "\xff", strings.Repeat("é ", 50), "😀"} {
		f.Add(s, 20)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = min(max(most, 0), 3000)
		got := Text(s, most)
		switch {
		case !utf8.ValidString(got):
			t.Errorf("%q is no UTF-8", got)
		case utf8.RuneCountInString(got) > most:
			t.Errorf("%q has more than %d characters", got, most)
		case strings.ContainsAny(got, "{}|\n\r\t"), strings.TrimSpace(got) != got:
			t.Errorf("%q has what means something", got)
		case Text(got, most) != got:
			t.Errorf("%q becomes %q the second time", got, Text(got, most))
		}
		for _, r := range got {
			if unicode.In(r, unicode.Cc, unicode.Cf) || r > 0xffff {
				t.Errorf("%q holds %U", got, r)
			}
		}
	})
}
