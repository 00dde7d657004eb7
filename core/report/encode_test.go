package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"penstock/core/report"
)

func TestEncoders(t *testing.T) {
	tests := []struct{ name, in, terminal, mail, csv string }{
		{"+ plain", "Failed password for root", "Failed password for root", "Failed password for root", "Failed password for root"},
		{"+ umlauts", "Füllstand 3 µg/l, Prüfung", "Füllstand 3 µg/l, Prüfung", "Füllstand 3 µg/l, Prüfung", "Füllstand 3 µg/l, Prüfung"},
		{"- colour and title", "\x1b[31mred\x1b]0;t\a", `\x1b[31mred\x1b]0;t\x07`, `\x1b[31mred\x1b]0;t\x07`, `\x1b[31mred\x1b]0;t\x07`},
		{"- C1 control", "a\u009b31mb", `a\u009b31mb`, `a\u009b31mb`, `a\u009b31mb`},
		{"- right to left", "a\u202eexe.txt", `a\u202eexe.txt`, `a\u202eexe.txt`, `a\u202eexe.txt`},
		{"- tags", "a\U000e0041b", `a\U000e0041b`, `a\U000e0041b`, `a\U000e0041b`},
		{"- lines", "a\r\nb\tc\u2028d", `a\r\nb c\u2028d`, `a\r\nb c\u2028d`, `a\r\nb c\u2028d`},
		{"- broken UTF-8", "a\xffb", `a\xffb`, `a\xffb`, `a\xffb`},
		{"- link", "see https://evil.example", "see https://evil.example", "see https:[//]evil.example", "see https://evil.example"},
		{"- formula", `=HYPERLINK("x")`, `=HYPERLINK("x")`, `=HYPERLINK("x")`, `'=HYPERLINK("x")`},
		{"- formula after space", " +1", " +1", " +1", "' +1"},
		{"- wide formula", "＝1", "＝1", "＝1", "'＝1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, sink := range []struct{ name, got, want string }{
				{"terminal", report.Terminal(test.in), test.terminal},
				{"html", report.HTMLText(test.in), test.terminal},
				{"mail", report.MailText(test.in), test.mail},
				{"csv", report.CSVField(test.in), test.csv},
			} {
				if sink.got != sink.want {
					t.Errorf("%s: %q, want %q", sink.name, sink.got, sink.want)
				}
			}
		})
	}
}

const forbidden = "\x00\x07\x1b\x7f\u0085\u009b\u200b\u200e\u202a\u202e\u2066\u2069\ufeff\n\r\t"

func FuzzTerminal(f *testing.F) {
	f.Add("\x1b[2J\u202e")
	f.Fuzz(func(t *testing.T, s string) { checkText(t, s, report.Terminal(s)) })
}

func FuzzMail(f *testing.F) {
	f.Add("http://\x1b")
	f.Fuzz(func(t *testing.T, s string) {
		got := report.MailText(s)
		checkText(t, s, got)
		if strings.Contains(got, "://") {
			t.Errorf("%q keeps a link", got)
		}
	})
}

func checkText(t *testing.T, in, got string) {
	t.Helper()
	if strings.ContainsAny(got, forbidden) || !utf8.ValidString(got) {
		t.Errorf("%q becomes %q", in, got)
	}
}

// A spreadsheet begins a formula at these characters; a row stays one row.
func FuzzCSV(f *testing.F) {
	f.Add(`=cmd|' /C calc'!A0`)
	f.Add("a\",\"b\n")
	f.Fuzz(func(t *testing.T, s string) {
		got := report.CSVField(s)
		if trimmed := strings.TrimLeft(got, " \u00a0"); trimmed != "" && strings.ContainsRune("=+-@|%", rune(trimmed[0])) {
			t.Errorf("%q begins a formula", got)
		}
		checkText(t, s, got)
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		_ = w.Write([]string{got, "next"})
		w.Flush()
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 1 || rows[0][0] != got {
			t.Errorf("%q does not come back: %v %v", got, rows, err)
		}
	})
}

// JSON for a terminal or a file hides nothing and loses nothing.
func FuzzJSON(f *testing.F) {
	f.Add("\x1b\u202e\U000e0041\u2028<script>")
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		if err := report.JSON(&b, map[string]string{"k": s}); err != nil {
			t.Fatal(err)
		}
		line := strings.TrimSuffix(b.String(), "\n")
		checkText(t, s, line)
		var back map[string]string
		if err := json.Unmarshal([]byte(line), &back); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); utf8.ValidString(s) && back["k"] != want {
			t.Errorf("%q came back as %q", want, back["k"])
		}
	})
}
