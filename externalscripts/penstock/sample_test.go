package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sampleCase is what these tests read of a record.
type sampleCase struct {
	Penstock struct {
		Severity string    `json:"severity"`
		Class    string    `json:"class"`
		Host     string    `json:"host"`
		Asset    string    `json:"asset"`
		Opened   time.Time `json:"opened"`
	} `json:"penstock"`
}

func analyzeSample(t *testing.T, args ...string) []sampleCase {
	t.Helper()
	logs, err := filepath.Glob("sample/logs/*")
	if err != nil || len(logs) == 0 {
		t.Fatalf("no sample: %v", err)
	}
	var out, errs bytes.Buffer
	if code := run(append(append([]string{"analyze", "--json"}, args...), logs...), strings.NewReader(""), &out, &errs); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var result struct {
		Cases []sampleCase `json:"cases"`
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	return result.Cases
}

// The sample's attack begins at 12:06; what comes before is a utility's morning,
// with mistyped passwords, late controllers and visitors.
func TestSampleCallsNobodyBeforeTheAttack(t *testing.T) {
	for _, args := range [][]string{nil, {"--config", "sample/penstock.yaml"}} {
		for _, c := range analyzeSample(t, args...) {
			p := c.Penstock
			if p.Severity != "Low" && p.Opened.Before(time.Date(2026, 3, 10, 12, 6, 0, 0, time.UTC)) {
				t.Errorf("%v: %s %s on %s at %s, want Low at most", args, p.Severity, p.Class, p.Asset, p.Opened)
			}
		}
	}
}

func TestSampleShowsEveryStepOfTheAttack(t *testing.T) {
	worst := map[string]string{}
	for _, c := range analyzeSample(t, "--config", "sample/penstock.yaml") {
		key := c.Penstock.Asset + " " + c.Penstock.Class
		if worst[key] == "" {
			worst[key] = c.Penstock.Severity
		}
	}
	for key, want := range map[string]string{
		"fw01 scan-probe": "Low", "web01 exploit-attempt": "High", "adm01 suspicious-login": "High", "adm01 execution": "Critical",
		"db01 exploit-attempt": "High", "gw-plant process-control": "High",
	} {
		if worst[key] != want {
			t.Errorf("%s = %q, want %s (all: %v)", key, worst[key], want, worst)
		}
	}
}

// A file name is text from outside too.
func TestErrorsNeverCommandTheTerminal(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"analyze", "/no/such\x1b[31mfile\u202e"}, strings.NewReader(""), &out, &errs); code != exitInput {
		t.Errorf("exit code %d, want %d", code, exitInput)
	}
	if text := errs.String(); strings.ContainsAny(text, "\x1b\u202e") || !strings.Contains(text, "no such file") {
		t.Errorf("the message is %q", text)
	}
}
