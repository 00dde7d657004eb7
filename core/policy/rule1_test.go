package policy

import (
	"testing"

	"penstock/core/action"
	"penstock/core/event"
)

// What stands over several revisions of a case, and how often a model may raise.

func TestWhatAModelRaisedOnceDoesNotFallBack(t *testing.T) {
	p := newPolicy(t, nil)
	for _, tt := range []struct {
		name                       string
		floor, before, model, want event.Severity
	}{
		{"+ raised before, rules alone now", event.Low, event.Medium, event.Low, event.Medium},
		{"+ the floor has come up to it", event.Medium, event.Medium, event.Medium, event.Medium},
		{"+ and may be raised again", event.Medium, event.Medium, event.High, event.High},
		{"- never two steps over two revisions", event.Low, event.Medium, event.High, event.Medium},
		{"- never two steps, whatever stood", event.Low, event.Critical, event.Low, event.Medium},
		{"- never Critical over two revisions", event.High, event.High, event.Critical, event.High},
		{"+ an earlier Critical stands", event.High, event.Critical, event.Low, event.Critical},
	} {
		c := about(event.BruteForce, tt.floor, attacker)
		f := facts()
		f.Severity = tt.before
		if got := p.Decide(c, said(c, tt.model), f).Severity(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if got := p.Decide(c, rules(c), f).Severity(); tt.model <= tt.floor && got != tt.want {
			t.Errorf("%s, without a model: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestModelThatFindsEverythingGraveIsBounded(t *testing.T) { // SAFETY D4
	c := about(event.ScanProbe, event.Low, attacker)
	for _, tt := range []struct {
		name         string
		limit, used  int
		before, want event.Severity
		isRefused    bool
	}{
		{"+ within the limit", 6, 5, event.Low, event.Medium, false},
		{"- beyond it", 6, 6, event.Low, event.Low, true},
		{"- none is allowed", 0, 0, event.Low, event.Low, true},
		{"+ what stands takes no raise", 6, 6, event.Medium, event.Medium, false},
	} {
		p := newPolicy(t, func(_ *action.Options, o *Options) { o.Limits.Raises = tt.limit })
		f := facts()
		f.Used.Raises, f.Severity = tt.used, tt.before
		d := p.Decide(c, said(c, event.Medium), f)
		if d.Severity() != tt.want || refused(d, RaiseLimit) != tt.isRefused {
			t.Errorf("%s: %v, %v", tt.name, d.Severity(), d.Refusals())
		}
	}
}

func TestModelThatFindsEverythingOrdinaryHidesNothing(t *testing.T) { // SAFETY D4
	p := newPolicy(t, nil)
	for floor := event.None; floor <= event.Critical; floor++ {
		c := about(event.BruteForce, floor, attacker)
		if got := p.Decide(c, said(c, event.None), facts()); got.Severity() != floor {
			t.Errorf("floor %v became %v", floor, got.Severity())
		}
	}
}

func TestEarlierRaiseStartsNoAction(t *testing.T) {
	c := about(event.ScanProbe, event.Low, attacker)
	f := facts()
	f.Severity = event.Medium
	nothing(t, newPolicy(t, nil).Decide(c, rules(c), f), WaitsForPerson)
}

func TestEarlierRaiseStartsNoActionWhereTextInstructs(t *testing.T) { // SAFETY A6
	c := about(event.ScanProbe, event.Low, attacker)
	p := newPolicy(t, func(_ *action.Options, o *Options) { o.ModelMayAct = true })
	f := facts()
	f.Severity = event.Medium
	if got := p.Decide(c, rules(c), f).Orders(); len(got) == 0 {
		t.Fatal("an earlier raise starts nothing where it may: the test shows nothing")
	}
	c.Instructs = true
	d := p.Decide(c, said(c, event.Medium), f)
	nothing(t, d, InstructingText)
	if d.Severity() != event.Medium {
		t.Errorf("severity fell to %v", d.Severity())
	}
}
