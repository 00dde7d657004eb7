package floor

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/event"
	"penstock/core/sift"
	"penstock/core/site"
)

func TestMeasured(t *testing.T) {
	t.Parallel()
	shown := func(severity event.Severity) sift.Evidence {
		return about(piece(sift.Problem, event.Availability, severity), "", event.Observed)
	}
	said := piece(sift.Problem, event.Availability, event.High) // by who only claims to be Zabbix
	odd := about(piece(sift.OddValue, event.Availability, event.Low), "Flow", event.Observed)
	announced := shown(event.Medium)
	announced.Expected = true
	ot := site.Asset{Zone: event.ZoneOT}
	for _, test := range []struct {
		name  string
		ev    []sift.Evidence
		asset site.Asset
		want  Result
	}{
		{"+ a problem alone is Low, whatever Zabbix calls it", []sift.Evidence{shown(event.Critical)}, ot, Result{event.Low, false, []Reason{GravestEvidence}}},
		{"+ an odd value alone", []sift.Evidence{odd}, ot, Result{event.Low, false, []Reason{GravestEvidence}}},
		{"+ beside a new message", []sift.Evidence{newLine, shown(event.High)}, ot, Result{event.Medium, false, []Reason{NoveltyOnly, MeasuredToo}}},
		{"- a slight one beside a new message", []sift.Evidence{newLine, shown(event.Low)}, ot, Result{event.Low, false, []Reason{NoveltyOnly}}},
		{"- an odd value beside a new message", []sift.Evidence{newLine, odd}, ot, Result{event.Low, false, []Reason{NoveltyOnly}}},
		{"- what is acted on at once does not wait for it", []sift.Evidence{guessing, shown(event.Critical)}, site.Asset{}, Result{event.Medium, false, []Reason{GravestEvidence}}},
		{"- it confirms nothing", []sift.Evidence{shell, confirmed(shown(event.Critical))}, site.Asset{}, Result{event.High, false, []Reason{GravestEvidence}}},
		{"- what is only claimed, alone", []sift.Evidence{said}, ot, Result{}},
		{"- what is only claimed, beside a new message", []sift.Evidence{newLine, said}, ot, Result{event.Low, false, []Reason{NoveltyOnly}}},
		{"+ announced work explains it", []sift.Evidence{newLine, announced}, ot, Result{event.Low, false, []Reason{NoveltyOnly, Expected}}},
		{"- many are not more than one", []sift.Evidence{shown(event.Low), shown(event.Medium), shown(event.High), odd}, ot, Result{event.Low, false, []Reason{GravestEvidence}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := Severity(test.ev, test.asset, Facts{})
			slices.Sort(test.want.Reasons)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// DESIGN rule 1: a source's severity is one piece of evidence.
func TestMeasuringIsNeverMoreThanOneStep(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ev := rapid.SliceOfN(rapid.Custom(anyEvidence), 0, 6).Draw(t, "evidence")
		a, facts := anyPlace(t)
		before := Severity(ev, a, facts).Severity
		for range rapid.IntRange(1, 4).Draw(t, "measured") {
			e := anyEvidence(t)
			e.Kind = rapid.SampledFrom([]sift.Kind{sift.Problem, sift.OddValue}).Draw(t, "metric")
			ev = append(ev, e)
		}
		after := Severity(ev, a, facts).Severity
		if after < before || after > before+1 || after > before && after > event.Medium {
			t.Fatalf("%v became %v", before, after)
		}
	})
}

// SAFETY A9: announced work explains probing and outages and nothing else.
func TestExpectedEvidenceSoftensOnlyScansAndOutages(t *testing.T) {
	t.Parallel()
	for _, class := range event.Classes() {
		if class == event.Novelty {
			continue
		}
		e := piece(sift.SignalMatch, class, event.Medium)
		e.Expected = true
		want := event.Medium
		if IsExplained(class) {
			want = event.Low
		}
		if got := Severity([]sift.Evidence{e}, site.Asset{}, Facts{}).Severity; got != want {
			t.Errorf("%s: got %v, want %v", class, got, want)
		}
	}
}
