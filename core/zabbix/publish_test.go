package zabbix

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/record"
)

// shownRecord is a record of a case that is a problem of its own.
func shownRecord(severity event.Severity) record.Record {
	return record.Record{
		Version: record.Version, Seq: 7, Case: "site-w1-7", Revision: 2, Status: cases.Open.String(), Asset: "web01", Zone: event.ZoneDMZ,
		Class: event.BruteForce, Severity: severity, Level: int(severity), Problem: record.ProblemOwn,
		Summary: "40 failed logins", Who: record.Who{Peers: []string{"192.0.2.7"}},
		Advice: record.Advice{Headline: `Many failed logins | of "root" {HOST.CONN}`},
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	const fp = "67c468931363b29f"
	const opened = `|open|` + fp + `|web01|dmz|brute-force|Many failed logins ¦ of "root" (HOST.CONN)`
	open := func(s event.Severity) Shown {
		return Shown{Case: "site-w1-7", Host: "zbx-web01", Asset: "web01", Severity: s, FP: fp, Seq: 6}
	}
	tests := []struct {
		name     string
		now      Shown
		change   func(*record.Record)
		want     []string // transitions
		severity event.Severity
	}{
		{"+ opens", Shown{}, nil, []string{"site-w1-7|Medium" + opened}, event.Medium},
		{"+ ten records later still one", open(event.Medium), nil, nil, event.Medium},
		{"+ the graver opens before the other closes", open(event.Medium), func(r *record.Record) { r.Severity = event.Critical }, []string{"site-w1-7|Critical" + opened, "site-w1-7|Medium|close|superseded"}, event.Critical},
		{"+ the lighter too", open(event.Critical), nil, []string{"site-w1-7|Medium" + opened, "site-w1-7|Critical|close|superseded"}, event.Medium},
		{"+ quiet", open(event.Medium), func(r *record.Record) { r.Status = "closed" }, []string{"site-w1-7|Medium|close|resolved"}, event.None},
		{"+ closed by a person", open(event.High), func(r *record.Record) { r.Severity, r.Status = event.High, "closed" }, []string{"site-w1-7|High|close|closed"}, event.None},
		{"+ called harmless", open(event.Medium), func(r *record.Record) { r.Suppressed = "until tomorrow" }, []string{"site-w1-7|Medium|close|withdrawn"}, event.None},
		{"+ no problem any more", open(event.Medium), func(r *record.Record) { r.Problem = "" }, []string{"site-w1-7|Medium|close|withdrawn"}, event.None},
		{"+ told with others now", open(event.Medium), func(r *record.Record) { r.Problem = record.ProblemShared }, []string{"site-w1-7|Medium|close|withdrawn"}, event.None},
		{"- told with others", Shown{}, func(r *record.Record) { r.Problem = record.ProblemShared }, nil, event.None},
		{"- no problem", Shown{}, func(r *record.Record) { r.Problem = "" }, nil, event.None},
		{"- Low", Shown{}, func(r *record.Record) { r.Severity = event.Low }, nil, event.None},
		{"- closed before it was shown", Shown{}, func(r *record.Record) { r.Status = "closed" }, nil, event.None},
		{"- harmless from the start", Shown{}, func(r *record.Record) { r.Suppressed = "by ann" }, nil, event.None},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := shownRecord(event.Medium)
			if tt.change != nil {
				tt.change(&r)
			}
			steps, next := Plan(tt.now, r, "zbx-web01")
			var got []string
			for i, s := range steps {
				if s.Transition != (s.Key == KeyTransition) || (i == 0) != (s.Key == KeyCase) {
					t.Errorf("step %d: %+v", i, s)
				}
				if s.Transition {
					got = append(got, s.Value)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			want := Shown{Case: "site-w1-7", Host: "zbx-web01", Asset: "web01", Severity: tt.severity, FP: fp, Seq: 7}
			if diff := cmp.Diff(want, next); diff != "" {
				t.Errorf("shown (-want +got)\n%s", diff)
			}
		})
	}
}

func TestPlanStaysAtTheHostOfTheOpenProblem(t *testing.T) {
	t.Parallel()
	now := Shown{Case: "site-w1-7", Host: "edge", Severity: event.High, FP: "fp", Seq: 1}
	r := shownRecord(event.High)
	if _, next := Plan(now, r, "zbx-web01"); next.Host != "edge" || next.FP != "fp" {
		t.Errorf("got %+v", next)
	}
	now.Severity = event.None
	if _, next := Plan(now, r, "zbx-web01"); next.Host != "zbx-web01" {
		t.Errorf("got %+v", next)
	}
}

func TestPlanIgnoresOlderRecords(t *testing.T) {
	t.Parallel()
	now := Shown{Case: "site-w1-7", Host: "edge", Severity: event.High, Seq: 8}
	steps, next := Plan(now, shownRecord(event.Medium), "edge")
	if steps != nil || next != now {
		t.Errorf("got %v, %+v", steps, next)
	}
}

func TestPlanOfCasesToldTogetherNamesNoNumber(t *testing.T) {
	t.Parallel()
	r := record.Record{Seq: 3, Case: "site-w1-more", Status: "open", Severity: event.High, Events: 4, Summary: "4 more cases, the worst High", Problem: record.ProblemOwn}
	steps, _ := Plan(Shown{}, r, "edge")
	if got := steps[len(steps)-1].Value; !strings.HasSuffix(got, "|unknown|none|More cases than are shown one by one, the worst High") {
		t.Errorf("got %s", got)
	}
}

func TestMasterIsTheRecord(t *testing.T) {
	t.Parallel()
	r := shownRecord(event.High)
	r.Summary = "a 😀 b"
	steps, _ := Plan(Shown{}, r, "edge")
	var got struct {
		Penstock struct{ Case, Summary string }
	}
	if err := json.Unmarshal([]byte(steps[0].Value), &got); err != nil {
		t.Fatal(err)
	}
	if got.Penstock.Case != r.Case || got.Penstock.Summary != "a ? b" {
		t.Errorf("got %+v", got.Penstock)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	base := shownRecord(event.Medium)
	same := base
	same.Case, same.Severity, same.Events, same.Seq = "site-w2.3-900", event.High, 900, 12
	if Fingerprint(base) != Fingerprint(same) {
		t.Error("two workers of one site that see the same differ")
	}
	for name, change := range map[string]func(*record.Record){
		"site":  func(r *record.Record) { r.Case = "other-w1-7" },
		"asset": func(r *record.Record) { r.Asset = "web02" },
		"class": func(r *record.Record) { r.Class = event.WebAttack },
		"peer":  func(r *record.Record) { r.Who.Peers = []string{"192.0.2.8"} },
		"user":  func(r *record.Record) { r.Who = record.Who{Users: []string{"192.0.2.7"}} },
	} {
		r := base
		change(&r)
		if Fingerprint(r) == Fingerprint(base) {
			t.Errorf("another %s has the same", name)
		}
	}
	for _, id := range []string{"", "x", "-", "a-b"} {
		r := base
		r.Case = id
		if len(Fingerprint(r)) != 16 {
			t.Errorf("case %q: %s", id, Fingerprint(r))
		}
	}
}

func TestCloseKeepsItsForm(t *testing.T) {
	t.Parallel()
	now := Shown{Case: "a|b", Host: "edge", Severity: event.High, FP: "fp"}
	for end, want := range map[string]string{
		EndSuperseded: "a¦b|High|close|superseded", "x|open|y": "a¦b|High|close|xopeny", "": "a¦b|High|close|closed",
	} {
		step, next := Close(now, end)
		if step.Value != want || !step.Transition || step.Key != KeyTransition || next.Severity != event.None || next.Host != "edge" {
			t.Errorf("%q: got %+v, %+v, want %s", end, step, next, want)
		}
	}
}

// TestTransitionsKeepTheirForm shows that no text gives a value another form than
// the triggers read.
func TestTransitionsKeepTheirForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := shownRecord(event.High)
		r.Case, r.Asset = rapid.String().Draw(t, "case"), rapid.String().Draw(t, "asset")
		r.Advice.Headline = rapid.StringN(0, 2000, -1).Draw(t, "headline")
		r.Class = rapid.SampledFrom(event.Classes()).Draw(t, "class")
		steps, next := Plan(Shown{}, r, "edge")
		end, _ := Close(next, EndResolved)
		value := steps[len(steps)-1].Value
		fields := strings.Split(value, "|")
		switch {
		case len(fields) != 8 || fields[1] != "High" || fields[2] != "open" || fields[6] != r.Class.String():
			t.Errorf("got %q", value)
		case len(value) > maxTransition || strings.ContainsAny(value, "{}\n\r") || !utf8.ValidString(value):
			t.Errorf("%d bytes: %q", len(value), value)
		case utf8.RuneCountInString(fields[7]) > maxHeadline || fields[7] == "":
			t.Errorf("headline %q", fields[7])
		case end.Value != fields[0]+"|High|close|resolved":
			t.Errorf("%q does not close %q", end.Value, value)
		}
	})
}

func TestClosedIsTheWordOfCases(t *testing.T) {
	t.Parallel()
	if statusClosed != cases.Closed.String() {
		t.Errorf("%q is not %q", statusClosed, cases.Closed)
	}
}
