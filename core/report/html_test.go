package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/report"
)

var keep = flag.String("keep", "", "folder in which the HTML reports of the tests are kept, to look at")

func html(t testing.TB, in report.Input) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHTMLIsWholeInEveryLanguage(t *testing.T) {
	for _, language := range []string{"en", "es", "de", "fr"} {
		text := html(t, sample(t, language))
		if *keep != "" {
			if err := os.WriteFile(filepath.Join(*keep, language+".html"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []string{
			`<html lang="` + language + `">`, `default-src 'none'; style-src 'unsafe-inline'`, `id="timeline"`, `id="case-1"`,
			pipeline.SeverityWord(event.Critical, language), "plc-dosing", "203.0.113.9", "E13", "/var/log/auth.log", "70",
			"prefers-color-scheme: dark", "@media print",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing", language, want)
			}
		}
		if strings.Contains(text, "<no value>") || strings.Contains(text, "ZgotmplZ") || strings.Contains(text, "%!") {
			t.Errorf("%s: the template shows a value it has not", language)
		}
	}
}

// A11: script text in a log line, a host or any other field stands in the report
// as text.
func TestHTMLRunsNoScriptFromLogs(t *testing.T) {
	text := html(t, hostile(t))
	checkHTML(t, text)
	if *keep != "" {
		if err := os.WriteFile(filepath.Join(*keep, "hostile.html"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	elements  = regexp.MustCompile(`(?i)<(script|iframe|object|embed|img|link|base|form|input|style|foreignObject)\b`)
	handlers  = regexp.MustCompile(`(?i)<[^>"]*("[^"]*"[^>"]*)*\son[a-z]+=`)
	addresses = regexp.MustCompile(`(?i)(href|src|xlink:href|action)="([^"]*)"`)
)

// checkHTML holds what every report must be, whatever went in.
func checkHTML(t *testing.T, text string) {
	t.Helper()
	body := strings.Replace(text, "<style>", "", 1)
	if found := elements.FindString(body); found != "" {
		t.Errorf("the report holds %s", found)
	}
	if found := handlers.FindString(body); found != "" {
		t.Errorf("the report holds a handler: %.200s", found)
	}
	for _, a := range addresses.FindAllStringSubmatch(body, -1) {
		if !strings.HasPrefix(a[2], "#") {
			t.Errorf("the report refers to %q", a[2])
		}
	}
	if i := strings.IndexAny(text, "\x00\x1b\u202e\u2066\u200b\x7f"); i >= 0 {
		t.Errorf("a hidden character stands at %d: %q", i, text[max(0, i-20):i+10])
	}
}

// hostile is the sample with every text that comes from outside replaced.
func hostile(t testing.TB) report.Input {
	return replaceTexts(sample(t, "en"), `"><script>document.title='owned'</script><img src=x onerror=alert(1)>`+"\x1b[2J\u202e{{.}}")
}

func replaceTexts(in report.Input, bad string) report.Input {
	in.Site, in.Version = bad, bad
	in.Sources = []report.Source{{Name: bad, Format: bad, Events: 1}}
	in.Hosts = []report.Host{{Name: bad, Events: 1}}
	in.Templates = []report.Template{{Text: bad, Program: bad, Host: bad, Events: 1}}
	for i := range in.Cases {
		v := &in.Cases[i]
		v.Case.ID, v.Case.Asset = bad, bad
		v.Case.Peers = []cases.Entity{{Value: bad, Origin: event.Observed}}
		for j := range v.Case.Lines {
			l := &v.Case.Lines[j]
			l.Host, l.Program, l.Name, l.Text = bad, bad, bad, bad
			l.Fields = []event.Field{{Key: bad, Value: bad}, {Key: bad, Value: bad, Origin: event.Observed}}
			for k := range l.Evidence {
				l.Evidence[k].Signal = bad
			}
		}
		v.Report.Anomaly.Reasons = []string{bad}
		v.Report.Assessment.Techniques = []string{bad}
		v.Report.Plan.Proposals = []pipeline.Proposal{{Action: bad, Handle: bad, Target: bad}}
		v.Report.Advice = pipeline.Advice{
			Headline: bad, What: bad, Sure: bad, Means: bad, Steps: []pipeline.Step{{Text: bad, Command: bad}},
			Avoid: []string{bad}, Call: []string{bad},
		}
		v.Decision = report.Decision{Mode: bad, DryRun: true, Actions: []report.Action{{Name: bad, Target: bad, Host: bad, Status: bad}}, Reasons: []string{bad}}
	}
	return in
}

func TestHTMLShowsNothingOfNothing(t *testing.T) {
	text := html(t, report.Input{})
	if !strings.Contains(text, "No case was opened.") || strings.Contains(text, "<svg id=") {
		t.Error("an empty report shows more or less than that it is empty")
	}
	checkHTML(t, text)
}

func TestHTMLCountsWhatItDoesNotShow(t *testing.T) {
	in := sample(t, "en")
	for range 300 {
		in.Cases = append(in.Cases, in.Cases[3])
	}
	text := html(t, in)
	if n := strings.Count(text, "<details class"); n != 200 {
		t.Errorf("%d cases are shown, want 200", n)
	}
	if !strings.Contains(text, "104 further cases of lower severity are not shown.") {
		t.Error("the report does not say how many cases it leaves out")
	}
}

// TestHTMLTablesShowWhatThereIs holds that a column nobody fills is not there, that
// a file without a host is told from a host, and that formats have plain words.
func TestHTMLTablesShowWhatThereIs(t *testing.T) {
	in := sample(t, "en")
	in.Hosts[2] = report.Host{Name: "access.log.gz", File: true, Events: 3}
	in.Sources = []report.Source{{Name: "access.log.gz", Format: "timed", Events: 3}}
	in.Templates = []report.Template{{Text: "pump <*> on", Host: "access.log.gz", Events: 3}}
	text := html(t, in)
	for want, there := range map[string]bool{
		"<th>Host or file</th>": true, "<th>Program</th>": false, "Per hour": false, ">timed<": false, "lines with a time": true,
		"access.log.gz<div class=\"small\">the file names no host: set sources[].host</div>": true,
		"times: Europe/Berlin": true,
	} {
		if strings.Contains(text, want) != there {
			t.Errorf("%q is there: %v, want %v", want, !there, there)
		}
	}
}

// TestHTMLNumbersItsLanes holds that bars can be told apart on a phone, and that
// the picture says how many of the cases it draws.
func TestHTMLNumbersItsLanes(t *testing.T) {
	in := sample(t, "en")
	for range 21 {
		in.Cases = append(in.Cases, in.Cases[3])
	}
	text := html(t, in)
	if !strings.Contains(text, ">12 of 25 cases</text>") {
		t.Error("the picture does not say that it shows a part of the cases")
	}
	if n := strings.Count(text, `<text class="lane"`); n != 12 {
		t.Errorf("%d lanes have a number of their own, want 12", n)
	}
}

func FuzzHTML(f *testing.F) {
	f.Add("<script>alert(1)</script>")
	f.Add("javascript:alert(1)\x00\u202e' onload='x")
	f.Add("</style></code>{{template}}<!--")
	in := sample(f, "fr")
	f.Fuzz(func(t *testing.T, bad string) {
		copied := in
		copied.Cases = append([]report.CaseView(nil), in.Cases[:2]...)
		checkHTML(t, html(t, replaceTexts(copied, bad)))
	})
}

func BenchmarkHTML(b *testing.B) {
	in := sample(b, "en")
	for b.Loop() {
		_ = html(b, in)
	}
}
