package floor

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/event"
	"penstock/core/sift"
	"penstock/core/site"
)

func piece(kind sift.Kind, class event.Class, severity event.Severity) sift.Evidence {
	return sift.Evidence{Kind: kind, Class: class, Severity: severity}
}

func confirmed(e sift.Evidence) sift.Evidence {
	e.Confirmed = true
	return e
}

func about(e sift.Evidence, subject string, origin event.Origin) sift.Evidence {
	e.Subject, e.Origin = subject, origin
	return e
}

var (
	newLine  = piece(sift.NewTemplate, event.Novelty, event.Low)
	scan     = piece(sift.FanOut, event.ScanProbe, event.Medium)
	guessing = piece(sift.Repeated, event.BruteForce, event.Medium)
	login    = confirmed(piece(sift.SuccessAfter, event.SuspiciousLogin, event.High))
	shell    = piece(sift.SignalMatch, event.Execution, event.High)
	newAdmin = confirmed(piece(sift.SignalMatch, event.PrivilegeChange, event.Medium))
	wiped    = piece(sift.SignalMatch, event.LogTampering, event.High)
	outage   = piece(sift.SignalMatch, event.Availability, event.Medium)
	web      = piece(sift.SignalMatch, event.WebAttack, event.Medium)
)

func TestSeverity(t *testing.T) {
	ot := site.Asset{Zone: event.ZoneOT}
	jump := site.Asset{Zone: event.ZoneIT, Critical: true}
	lab := site.Asset{Zone: event.ZoneIT, Test: true}
	office := site.Asset{Zone: event.ZoneIT}

	tests := []struct {
		name  string
		ev    []sift.Evidence
		asset site.Asset
		want  Result
	}{
		{"+ nothing", nil, ot, Result{}},
		{
			"+ novelty alone stays Low",
			[]sift.Evidence{piece(sift.NewTemplate, event.Execution, event.High)},
			jump,
			Result{event.Low, false, []Reason{NoveltyOnly}},
		},
		{
			"+ the gravest piece counts",
			[]sift.Evidence{newLine, guessing, scan},
			office,
			Result{event.Medium, false, []Reason{GravestEvidence}},
		},
		{
			"+ failures, then success",
			[]sift.Evidence{guessing, piece(sift.SuccessAfter, event.SuspiciousLogin, event.Medium)},
			office,
			Result{event.High, false, []Reason{GravestEvidence, SuccessAfterFailures}},
		},
		{
			"+ failures, then success, on the only way to the plant",
			[]sift.Evidence{guessing, login},
			jump,
			Result{event.Critical, true, []Reason{GravestEvidence, SuccessAfterFailures, AssetUp}},
		},
		{
			"+ success beats attempt",
			[]sift.Evidence{web, piece(sift.SignalMatch, event.Execution, event.Medium)},
			office,
			Result{event.High, false, []Reason{GravestEvidence, SuccessBeatsAttempt}},
		},
		{
			"+ confirmed effect",
			[]sift.Evidence{confirmed(shell)},
			office,
			Result{event.Critical, true, []Reason{GravestEvidence, ConfirmedEffect}},
		},
		{
			"+ confirmed change after a login by force",
			[]sift.Evidence{login, newAdmin},
			office,
			Result{event.Critical, true, []Reason{GravestEvidence, SuccessAfterFailures, ConfirmedEffect}},
		},
		{
			"+ the same change alone is daily work",
			[]sift.Evidence{newAdmin},
			office,
			Result{event.Medium, true, []Reason{GravestEvidence}},
		},
		{
			"- Critical without confirmation",
			[]sift.Evidence{piece(sift.SignalMatch, event.Execution, event.Critical)},
			ot,
			Result{event.High, false, []Reason{GravestEvidence, Unconfirmed}},
		},
		{
			"- Critical because the source says so",
			[]sift.Evidence{confirmed(piece(sift.SourceSeverity, event.Execution, event.Critical))},
			office,
			Result{event.High, false, []Reason{GravestEvidence, Unconfirmed}},
		},
		{
			"+ control network: one step up",
			[]sift.Evidence{scan},
			ot,
			Result{event.High, false, []Reason{GravestEvidence, AssetUp}},
		},
		{
			"+ Low stays Low in the control network",
			[]sift.Evidence{piece(sift.SignalMatch, event.LoginFailure, event.Low)},
			ot,
			Result{event.Low, false, []Reason{GravestEvidence}},
		},
		{
			"+ test machine: one step down",
			[]sift.Evidence{wiped},
			lab,
			Result{event.Medium, false, []Reason{GravestEvidence, AssetDown}},
		},
		{
			"+ test machine: a compromise is still High",
			[]sift.Evidence{confirmed(shell)},
			lab,
			Result{event.High, true, []Reason{GravestEvidence, ConfirmedEffect, AssetDown}},
		},
		{
			"+ a host that is not listed moves nothing",
			[]sift.Evidence{scan},
			site.Asset{},
			Result{event.Medium, false, []Reason{GravestEvidence}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Severity(tt.ev, tt.asset, Facts{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// SAFETY A9: what explains probing explains nothing else.
func TestExpectationSoftensOnlyScansAndOutages(t *testing.T) {
	scanner := netip.MustParseAddr("10.1.0.9")
	known := func(a netip.Addr) bool { return a == scanner }
	for _, class := range event.Classes() {
		if class == event.Novelty {
			continue
		}
		e := about(piece(sift.SignalMatch, class, event.Medium), "::ffff:10.1.0.9", event.Observed)
		want := event.Medium
		if class == event.ScanProbe || class == event.Availability {
			want = event.Low
		}
		for name, facts := range map[string]Facts{"scanner": {KnownScanner: known}, "work": {Maintenance: true}} {
			if got := Severity([]sift.Evidence{e}, site.Asset{}, facts).Severity; got != want {
				t.Errorf("%s, %s: got %v, want %v", class, name, got, want)
			}
		}
	}
}

func TestClaimedScannerSoftensNothing(t *testing.T) {
	facts := Facts{KnownScanner: func(netip.Addr) bool { return true }}
	for _, subject := range []string{"10.1.0.9", "scanner", ""} {
		origin := event.Observed
		if subject == "10.1.0.9" {
			origin = event.Claimed
		}
		if got := Severity([]sift.Evidence{about(scan, subject, origin)}, site.Asset{}, facts).Severity; got != event.Medium {
			t.Errorf("%q: got %v, want Medium", subject, got)
		}
	}
}

func TestExpectationAndTestMachineTogetherAreOneStep(t *testing.T) {
	facts := Facts{Maintenance: true}
	grave := piece(sift.SignalMatch, event.Availability, event.High)
	if got := Severity([]sift.Evidence{grave}, site.Asset{Test: true}, facts).Severity; got != event.Medium {
		t.Errorf("got %v, want Medium", got)
	}
	if got := Severity([]sift.Evidence{outage}, site.Asset{Test: true}, facts).Severity; got != event.Low {
		t.Errorf("got %v, want Low", got)
	}
}

func TestRaiseNeverLowers(t *testing.T) {
	for old := event.None; old <= event.Critical; old++ {
		for now := event.None; now <= event.Critical; now++ {
			if got := Raise(old, now); got < old || got < now {
				t.Errorf("Raise(%v, %v) = %v", old, now, got)
			}
		}
	}
}

func anyEvidence(t *rapid.T) sift.Evidence {
	return sift.Evidence{
		Kind:      sift.Kind(rapid.IntRange(1, int(sift.Recovered)).Draw(t, "kind")),
		Class:     rapid.SampledFrom(event.Classes()).Draw(t, "class"),
		Severity:  event.Severity(rapid.IntRange(0, 4).Draw(t, "severity")),
		Confirmed: rapid.Bool().Draw(t, "confirmed"),
		Subject:   rapid.SampledFrom([]string{"", "10.1.0.9", "192.0.2.7", "root"}).Draw(t, "subject"),
		Origin:    event.Origin(rapid.IntRange(0, 1).Draw(t, "origin")),
	}
}

func anyPlace(t *rapid.T) (site.Asset, Facts) {
	a := site.Asset{
		Zone:     event.Zone(rapid.IntRange(0, 3).Draw(t, "zone")),
		Critical: rapid.Bool().Draw(t, "critical"), Test: rapid.Bool().Draw(t, "test"),
	}
	facts := Facts{Maintenance: rapid.Bool().Draw(t, "maintenance")}
	if rapid.Bool().Draw(t, "scanners") {
		facts.KnownScanner = func(addr netip.Addr) bool { return addr == netip.MustParseAddr("10.1.0.9") }
	}
	return a, facts
}

func TestMoreEvidenceNeverGivesLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := rapid.SliceOfN(rapid.Custom(anyEvidence), 0, 6).Draw(t, "evidence")
		a, facts := anyPlace(t)
		more := append(slices.Clone(ev), anyEvidence(t))
		if before, after := Severity(ev, a, facts), Severity(more, a, facts); after.Severity < before.Severity {
			t.Fatalf("%v fell to %v", before, after)
		}
	})
}

func TestOrderOfEvidenceMeansNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := rapid.SliceOfN(rapid.Custom(anyEvidence), 0, 6).Draw(t, "evidence")
		a, facts := anyPlace(t)
		want := Severity(ev, a, facts)
		got := Severity(rapid.Permutation(ev).Draw(t, "shuffled"), a, facts)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func TestCriticalTakesConfirmedEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := rapid.SliceOfN(rapid.Custom(anyEvidence), 1, 6).Draw(t, "evidence")
		for i := range ev {
			ev[i].Confirmed = ev[i].Confirmed && ev[i].Kind == sift.SourceSeverity
		}
		a, facts := anyPlace(t)
		if got := Severity(ev, a, facts); got.Severity == event.Critical || got.Confirmed {
			t.Fatalf("%v without confirmed evidence", got)
		}
	})
}

func TestAssetMovesByOneStepAtMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ev := rapid.SliceOfN(rapid.Custom(anyEvidence), 0, 6).Draw(t, "evidence")
		a, facts := anyPlace(t)
		plain := int(Severity(ev, site.Asset{}, Facts{}).Severity)
		here := int(Severity(ev, a, facts).Severity)
		if here < plain-1 || here > plain+1 {
			t.Fatalf("from %d to %d", plain, here)
		}
	})
}

// What is only unusual is never above Low, on a site's first day as on any other:
// no learning week has to hold it down.
func TestEvidenceOfTheBaselineAloneIsNeverAboveLow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]sift.Kind{sift.NewTemplate, sift.NewProgram, sift.OddTime, sift.Returned, sift.Burst, sift.FanOut})
		var ev []sift.Evidence
		for range rapid.IntRange(1, 20).Draw(t, "pieces") {
			ev = append(ev, sift.Evidence{
				Kind: kind.Draw(t, "kind"), Class: event.Novelty, Severity: event.Severity(rapid.IntRange(0, 4).Draw(t, "severity")),
				Confirmed: rapid.Bool().Draw(t, "confirmed"), Count: rapid.IntRange(0, 1e6).Draw(t, "count"),
			})
		}
		asset := site.Asset{Zone: event.Zone(rapid.IntRange(0, 3).Draw(t, "zone")), Critical: rapid.Bool().Draw(t, "critical")}
		if got := Severity(ev, asset, Facts{}); got.Severity > event.Low {
			t.Fatalf("%+v on %+v is %s", ev, asset, got.Severity)
		}
	})
}
