package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
)

func TestDecide(t *testing.T) {
	medium := about(event.BruteForce, event.Medium, attacker)
	high := about(event.BruteForce, event.High, attacker)
	critical := about(event.CommandChannel, event.Critical, attacker)
	contain := func(a *action.Options, o *Options) { o.Containment = []string{"block-address"} }
	type want struct {
		Mode            Mode
		Orders, Pending []string
	}
	tests := []struct {
		name   string
		change func(*action.Options, *Options)
		c      cases.Case
		r      pipeline.Report
		want   want
	}{
		{"+ Low is logged", nil, about(event.ScanProbe, event.Low, attacker), pipeline.Report{}, want{Mode: Log}},
		{
			"+ Medium acts, once for each target", nil, medium, rules(medium),
			want{Act, []string{"block-address " + attacker}, nil},
		},
		{"+ Medium takes the action that is preferred", func(a *action.Options, _ *Options) {
			a.Enabled = []string{"limit-address", "block-address"}
		}, medium, rules(medium), want{Act, []string{"limit-address " + attacker}, nil}},
		{
			"+ Medium blocks a private address that may be blocked", nil,
			about(event.BruteForce, event.Medium, inside),
			pipeline.Report{},
			want{Act, []string{"block-address " + inside}, nil},
		},
		{
			"+ High waits for a person", nil, high, rules(high),
			want{Review, nil, []string{"block-address " + attacker, "limit-address " + attacker}},
		},
		{
			"+ the model's pick comes first", nil, high,
			said(high, event.High, pipeline.Proposal{Action: "limit-address", Target: attacker}),
			want{Review, nil, []string{"limit-address " + attacker, "block-address " + attacker}},
		},
		{
			"+ Critical waits where nothing was allowed beforehand", nil, critical, rules(critical),
			want{Escalate, nil, []string{"block-address " + attacker, "collect-evidence", "isolate-host"}},
		},
		{
			"+ Critical contains what was allowed beforehand", contain, critical, rules(critical),
			want{Escalate, []string{"block-address " + attacker}, []string{"collect-evidence", "isolate-host"}},
		},
		{"- no action enabled", func(a *action.Options, _ *Options) { a.Enabled = nil }, medium, rules(medium), want{Mode: Act}},
		{"- closed case", nil, cases.Case{Status: cases.Closed, Floor: event.Medium, Class: event.BruteForce}, pipeline.Report{}, want{Mode: Act}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newPolicy(t, tt.change).Decide(tt.c, tt.r, facts())
			got := want{d.Mode(), names(d.Orders()), names(d.Pending())}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s\nrefusals: %v", diff, d.Refusals())
			}
		})
	}
}

func TestZeroDecisionDoesNothing(t *testing.T) {
	var d Decision
	if d.Mode() != Log || d.Severity() != event.None || d.Raised() || d.RulesOnly() ||
		len(d.Orders())+len(d.Pending())+len(d.Rehearsed())+len(d.Refusals()) != 0 {
		t.Errorf("the zero decision does something: %+v", d)
	}
}

func TestDecideAgainGivesTheSameOrders(t *testing.T) {
	p := newPolicy(t, nil)
	c := about(event.BruteForce, event.Medium, attacker)
	first := p.Decide(c, rules(c), facts()).Orders()
	c.Revision, c.Events = 2, 900
	later := facts()
	later.Now = now.Add(3e9)
	again := p.Decide(c, rules(c), later).Orders()
	if first[0].Digest != again[0].Digest {
		t.Errorf("digest %s became %s", first[0].Digest, again[0].Digest)
	}
	later.Ended = map[string]int{"block-address": 1}
	if next := p.Decide(c, rules(c), later).Orders(); next[0].Digest == first[0].Digest {
		t.Error("an order that has ended comes again under the same digest")
	}
}

func TestRunningOrdersAreNotOfferedAgain(t *testing.T) {
	p := newPolicy(t, nil)
	medium := about(event.BruteForce, event.Medium, attacker)
	running := p.Decide(medium, rules(medium), facts()).Orders()[0]
	high := about(event.BruteForce, event.High, attacker)
	f := facts()
	f.Running = map[action.Digest]bool{running.Digest: true}
	want := []string{"limit-address " + attacker}
	if diff := cmp.Diff(want, names(p.Decide(high, rules(high), f).Pending())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReasonsHaveWordAndRule(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Reasons() {
		if r.String() == "" || seen[r.String()] || r.Rule() < 1 || r.Rule() > 9 {
			t.Errorf("reason %d: word %q, rule %d", r, r, r.Rule())
		}
		seen[r.String()] = true
	}
}
