package decode

import (
	"os"
	"strings"
	"testing"

	"penstock/core/event"
	"penstock/core/logline"
)

// TestDocumentedFormsAreRecognised holds docs/formats.md: each line of its list
// has the form that stands before it, and every form but columns is in it.
func TestDocumentedFormsAreRecognised(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(page), "```text\n")
	list, _, _ = strings.Cut(list, "```")
	seen := map[string]bool{}
	ordinary, server := New(Options{}), New(Options{Zabbix: &Zabbix{}})
	for example := range strings.Lines(list) {
		form, line, _ := strings.Cut(example, " ")
		d := ordinary
		if form == FormatProblem || form == FormatHistory { // only what a server exports has that form
			d = server
		}
		var ev event.Event
		d.Decode(strings.TrimLeft(line, " "), noon, &ev)
		if ev.Format != form {
			t.Errorf("recognised as %s, documented as %s: %s", ev.Format, form, line)
		}
		seen[form] = true
	}
	for _, form := range []string{
		logline.Plain, logline.Syslog, logline.RFC5424, logline.Timed, logline.Access, logline.Kernel, logline.Zabbix, logline.JSON, logline.Pairs,
		logline.CEF, logline.Cisco, FormatWazuh, FormatEvent, FormatSuricata, FormatWindows, FormatProblem, FormatHistory,
	} {
		if !seen[form] {
			t.Errorf("docs/formats.md has no line of the form %s", form)
		}
	}
}
