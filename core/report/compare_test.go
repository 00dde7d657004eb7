package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/report"
)

// compared is the sample under a second configuration that knows web1 by another
// name, really limits an address, and finds one case more and one less.
func compared(t *testing.T, language string) *report.Comparison {
	t.Helper()
	here := sample(t, language).Cases
	there := slices.Clone(here)
	there[0].Case.ID = "nord-w1-1"
	there[1].Case.Floor = event.Critical
	there[1].Decision = report.Decision{Mode: "escalate", Actions: []report.Action{{Name: "block-address", Target: "203.0.113.9", Host: "gw1", Status: "waits-for-approval"}}}
	there[2].Case.Asset = "web-new"
	there[2].Decision = report.Decision{Mode: "act", Actions: []report.Action{{Name: "limit-address", Target: "198.51.100.4", Host: "fw1", Status: "intended"}}}
	here[2].Decision = report.Decision{Mode: "act", Reasons: []string{report.Reason("dry-run", language)}}
	there[3].Case.Opened = there[3].Case.Opened.Add(1)
	there[3].Case.ID = "nord-w1-3"
	change := report.EventChange{
		Here:  report.EventOutcome{Decision: cases.Suppress},
		There: report.EventOutcome{Decision: cases.Forward, Severity: event.High, Class: event.SuspiciousLogin},
	}
	return &report.Comparison{
		Against: "new.yaml", Events: 4355, EventsThere: 4355, Differ: 3, Changes: map[report.EventChange]int{change: 3},
		Shown: []report.EventDifference{{Seq: 12, Host: "gw1", Text: "Accepted password \x1b[31mfor maint", Change: change}},
		Here:  here, There: there,
	}
}

func TestCompare(t *testing.T) {
	for _, language := range []string{"en", "es", "de", "fr"} {
		t.Run(language, func(t *testing.T) {
			var got bytes.Buffer
			style := report.Style{Language: language, Location: sample(t, language).Location, Width: 100}
			if err := report.Compare(&got, compared(t, language), style); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "compare."+language+".txt")
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestCompareNeverCallsRealBlockingTheSame holds that every difference in what is
// done is told, even where all events and severities are alike.
func TestCompareNeverCallsRealBlockingTheSame(t *testing.T) {
	order := report.Action{Name: "block-address", Target: "203.0.113.9", Host: "gw1"}
	tests := []struct {
		name        string
		here, there string
		same        bool
	}{
		{"+ the same", "dry-run", "dry-run", true},
		{"- dry run ends", "dry-run", "intended", false},
		{"- dry run begins", "intended", "dry-run", false},
		{"- it waits", "intended", "waits-for-approval", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := report.Comparison{Against: "new.yaml", Here: sample(t, "en").Cases[2:3], There: sample(t, "en").Cases[2:3]}
			for _, side := range []struct {
				views  []report.CaseView
				status string
			}{{in.Here, test.here}, {in.There, test.there}} {
				order.Status = side.status
				side.views[0].Decision = report.Decision{Mode: "act", Actions: []report.Action{order}}
			}
			var got bytes.Buffer
			if err := report.Compare(&got, &in, report.Style{}); err != nil {
				t.Fatal(err)
			}
			if same := strings.Contains(got.String(), "as now"); same != test.same {
				t.Errorf("it says:\n%s", got.String())
			}
		})
	}
}

// TestActingSaysWhereNothingApplies holds that no case is said to be acted on
// where nothing of the catalogue applies.
func TestActingSaysWhereNothingApplies(t *testing.T) {
	for language, want := range map[string]string{
		"en": "nothing applies here", "es": "aquí no procede nada", "de": "hier passt nichts", "fr": "rien ne s'applique ici",
	} {
		v := sample(t, language).Cases[2]
		v.Decision = report.Decision{Mode: "act"}
		var got bytes.Buffer
		if err := report.Explain(&got, v, report.Style{Language: language}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(got.String(), want) {
			t.Errorf("%s: %q is missing", language, want)
		}
	}
}
