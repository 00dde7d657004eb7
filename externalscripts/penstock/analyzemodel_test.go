package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/core/fake"
)

// logOf writes a log of so many hosts on which somebody guesses passwords, and one on
// which somebody got in.
func logOf(t *testing.T, hosts int) string {
	t.Helper()
	var b strings.Builder
	line := func(host string, second int, format string, args ...any) {
		fmt.Fprintf(&b, "2026-03-02T08:%02d:%02dZ %s sshd[7]: %s\n", second/60, second%60, host, fmt.Sprintf(format, args...))
	}
	for h := range hosts {
		for i := range 6 {
			line(fmt.Sprintf("host%d", h), h*20+i, "Failed password for root from 203.0.113.%d port 4%d22 ssh2", h+10, i)
		}
	}
	line("host0", hosts*20, "Accepted password for root from 203.0.113.10 port 40988 ssh2")
	path := filepath.Join(t.TempDir(), "auth.log")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// askedRecord is what these tests read of a record.
type askedRecord struct {
	Penstock struct {
		Status   string
		Severity string
		Model    *struct{ State, Why string }
	}
}

func askedRecords(t *testing.T, text string) []askedRecord {
	t.Helper()
	var result struct{ Cases []askedRecord }
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return result.Cases
}

func TestAnalyzeAsksAModel(t *testing.T) {
	server := fake.NewOllama(t)
	answering(server, "Critical")
	log, page := logOf(t, 2), filepath.Join(t.TempDir(), "cases.html")
	code, out, errs := runText("analyze", "--model", fake.Model, "--endpoint", server.URL, "--report", page, log)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, want := range []string{"The model", fake.Model + " " + fake.Digest[:12], "It happened.", "Question 2.1", "3 how bad?: model"} {
		if !strings.Contains(out, want) {
			t.Errorf("the table does not say %q", want)
		}
	}
	if !strings.Contains(errs, "note: "+fake.Model+" was asked about 2 cases: 2 answered, 0 in part, 0 without a valid answer") {
		t.Errorf("it says:\n%s", errs)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(html); !strings.Contains(text, "<h3>The model</h3>") || !strings.Contains(text, "5 what to do?: model") || strings.Contains(text, "Your answers so far") {
		t.Error("the report does not show the model's part, or all of the talk")
	}
	if t.Failed() {
		t.Log(out)
	}
	_, out, _ = runText("analyze", "--json", "--model", fake.Model, "--endpoint", server.URL, log)
	for _, r := range askedRecords(t, out) {
		if r.Penstock.Model == nil || r.Penstock.Model.State != "answered" {
			t.Errorf("record %+v", r.Penstock)
		}
	}
}

// A log that is read afterwards has closed cases for the most part.
func TestAnalyzeAsksAboutClosedCases(t *testing.T) {
	server := fake.NewOllama(t)
	answering(server, "High")
	log := logOf(t, 1)
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("Accepted"), []byte("Failed")) // what is High stays open
	text = append(text, "2026-03-09T08:00:00Z host0 sshd[9]: Connection closed by 203.0.113.10\n"...)
	if err := os.WriteFile(log, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, errs := runText("analyze", "--json", "--model", fake.Model, "--endpoint", server.URL, log)
	if first := askedRecords(t, out)[0].Penstock; first.Status != "closed" || first.Model.State != "answered" {
		t.Errorf("%+v\n%s", first, errs)
	}
}

func TestAnalyzeAsksAboutTheGravestOnly(t *testing.T) {
	server := fake.NewOllama(t)
	server.Answer(func(fake.Chat) fake.Reply {
		return fake.Reply{Text: `{"reason":"Daily work.","evidence":["E1"],"score":3,"unusual":false}`}
	})
	code, out, errs := runText("analyze", "--json", "--model", fake.Model, "--endpoint", server.URL, logOf(t, mostAsked+4))
	if code != exitDone || !strings.Contains(errs, "was asked about 25 cases") || !strings.Contains(errs, "not asked: 4 limit") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	records := askedRecords(t, out)
	if first, last := records[0].Penstock, records[len(records)-1].Penstock; first.Severity != "High" || first.Model.State == "not-asked" || last.Model.Why != "limit" {
		t.Errorf("first %+v, last %+v", first, last)
	}
}

func TestAnalyzeWithoutAnUsableModel(t *testing.T) {
	server := fake.NewOllama(t)
	log := logOf(t, 3)
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"- gone", []string{"--model", "x", "--endpoint", "http://127.0.0.1:1"}, exitFailed, "systemctl start ollama"},
		{"- missing", []string{"--model", "x", "--endpoint", server.URL}, exitFailed, "ollama pull x"},
		{"- no name", []string{"--endpoint", server.URL}, exitUsage, "--model, which is missing"},
		{"- decisions", []string{"--model", "x", "--decisions"}, exitUsage, "cannot be used together"},
		{"- against", []string{"--model", "x", "--against", "y"}, exitUsage, "cannot be used together"},
		{"- public", []string{"--model", "x", "--endpoint", "http://192.0.2.1"}, exitConfig, "is a public address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := runText(append(append([]string{"analyze"}, tt.args...), log)...)
			if code != tt.code || !strings.Contains(errs, tt.want) || out != "" {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}

// A model that goes while it is asked, and a person who has waited long enough, leave
// what the rules say.
func TestAnalyzeStopsAsking(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(server *fake.Ollama, stop func())
		want string
	}{
		{"+ interrupted", func(_ *fake.Ollama, stop func()) { stop() }, "asked about 1 case: 1 answered, 0 in part, 0 without a valid answer; not asked: 2 interrupted"},
		{"- gone", func(server *fake.Ollama, _ func()) { go server.Close() }, "asked about 2 cases: 1 answered, 0 in part, 1 without a valid answer; not asked: 1 unreachable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := fake.NewOllama(t)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			server.Answer(func(c fake.Chat) fake.Reply {
				if !strings.Contains(c.Prompt(), "host0") {
					tt.end(server, stop)
					return fake.Reply{Hang: true}
				}
				return answerTo(c, "High")
			})
			var out, errs bytes.Buffer
			f := analyzeFlags{json: true, model: modelChoice{fake.Model, server.URL}}
			err := analyze(ctx, &env{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, getenv: os.Getenv}, f, []string{logOf(t, 3)})
			if err != nil || !strings.Contains(errs.String(), tt.want) {
				t.Fatalf("%v\n%s", err, errs.String())
			}
			if records := askedRecords(t, out.String()); len(records) != 3 || records[0].Penstock.Model.State != "answered" || records[2].Penstock.Model.State != "not-asked" {
				t.Errorf("%+v", records)
			}
		})
	}
}

func TestExplainAsksAModel(t *testing.T) {
	server := fake.NewOllama(t)
	answering(server, "High")
	state := filepath.Join(t.TempDir(), "site.state")
	if code, _, errs := runText("analyze", "--state", state, "--quiet", logOf(t, 1)); code != exitDone {
		t.Fatal(errs)
	}
	base := []string{"explain", "site-w1-1", "--state", state}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
		not  string
	}{
		{"+ rules", base, exitDone, "203.0.113.10", "The model"},
		{"+ asked", append(base, "--model", fake.Model, "--endpoint", server.URL), exitDone, `| {"reason":"It is odd."`, "You read cases"},
		{"+ with prompts", append(base, "--model", fake.Model, "--endpoint", server.URL, "--prompts"), exitDone, "You read cases", "\x1b"},
		{"+ as JSON", append(base, "--model", fake.Model, "--endpoint", server.URL, "--json"), exitDone, `"state": "answered"`, "\x1b"},
		{"- gone", append(base, "--model", fake.Model, "--endpoint", "http://127.0.0.1:1"), exitFailed, "unreachable", "203.0.113.10"},
		{"- without a state", []string{"explain", "site-w1-1", "--model", "x"}, exitUsage, "--state", "203.0.113.10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := runText(tt.args...)
			if code != tt.code || !strings.Contains(out+errs, tt.want) || strings.Contains(out+errs, tt.not) {
				t.Errorf("exit code %d\n%s%s", code, out, errs)
			}
		})
	}
}
