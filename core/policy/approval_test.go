package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
)

func pendingOf(t *testing.T, p *Policy, c cases.Case, id string) action.Order {
	t.Helper()
	for _, o := range p.Decide(c, rules(c), facts()).Pending() {
		if o.Action == id {
			return o
		}
	}
	t.Fatalf("%s does not wait", id)
	return action.Order{}
}

func TestApprove(t *testing.T) { // SAFETY C2, C3
	c := takenOver("mallory")
	p := newPolicy(t, nil)
	block, lock := pendingOf(t, p, c, "block-address"), pendingOf(t, p, c, "disable-user")
	at := now.Add(time.Minute)
	by := func(who string, o action.Order) Approval { return Approval{By: who, Digest: o.Digest, At: at} }
	own := takenOver("alovelace")

	tests := []struct {
		name  string
		c     cases.Case
		order action.Order
		given []Approval
		now   time.Time
		ok    bool
		want  []Reason
	}{
		{"+ one listed person", c, block, []Approval{by("ada", block)}, at, true, nil},
		{"+ two persons where it takes two", c, lock, []Approval{by("ada", lock), by("bob", lock)}, at, true, nil},
		{"+ one who counts beside one who does not", c, block, []Approval{by("eve", block), by("bob", block)}, at, true, []Reason{ApproverNotListed}},
		{"- nobody", c, block, nil, at, false, nil},
		{"- a user nobody listed", c, block, []Approval{by("eve", block)}, at, false, []Reason{ApproverNotListed}},
		{"- the name in another case", c, block, []Approval{by("Ada", block)}, at, false, []Reason{ApproverNotListed}},
		{"- one person where it takes two", c, lock, []Approval{by("ada", lock)}, at, false, []Reason{SecondPersonNeeded}},
		{"- the same person twice", c, lock, []Approval{by("ada", lock), by("ada", lock)}, at, false, []Reason{SecondPersonNeeded}},
		{"- another order's digest", c, block, []Approval{by("ada", lock)}, at, false, []Reason{ApprovalOfOther}},
		{"- too late", c, block, []Approval{{"ada", block.Digest, now.Add(5 * time.Hour)}}, now.Add(5 * time.Hour), false, []Reason{ApprovalExpired}},
		{"- in time, used too late", c, block, []Approval{by("ada", block)}, now.Add(5 * time.Hour), false, []Reason{ApprovalExpired}},
		{"- before it was proposed", c, block, []Approval{{"ada", block.Digest, now.Add(-time.Hour)}}, at, false, []Reason{ApprovalExpired}},
		{"- from the future", c, block, []Approval{{"ada", block.Digest, now.Add(time.Hour)}}, at, false, []Reason{ApprovalExpired}},
		{
			"- the subject of the case", own, pendingOf(t, p, own, "block-address"),
			[]Approval{by("ada", pendingOf(t, p, own, "block-address"))},
			at, false,
			[]Reason{ApproverIsSubject},
		},
		{"- an order of another case", cases.Case{ID: "plant-w1-8"}, block, []Approval{by("ada", block)}, at, false, []Reason{OrderStale}},
		{"- a closed case", cases.Case{ID: c.ID, Status: cases.Closed}, block, []Approval{by("ada", block)}, at, false, []Reason{OrderStale}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := facts()
			f.Now = tt.now
			v := p.Approve(tt.c, tt.order, tt.given, f)
			o, ok := v.Order()
			if ok != tt.ok || ok && (o.Digest != tt.order.Digest || !o.Decided.Equal(tt.now)) {
				t.Errorf("approved %t, order %+v", ok, o)
			}
			var got []Reason
			for _, r := range v.Refusals() {
				got = append(got, r.Reason)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestMoreEvidenceVoidsNoApproval(t *testing.T) { // SAFETY C6
	p := newPolicy(t, nil)
	c := takenOver("mallory")
	o := pendingOf(t, p, c, "block-address")
	for i := range 20 {
		line := c.Lines[0]
		line.Number = i + 2
		c.Lines, c.Events, c.Revision = append(c.Lines, line), c.Events+1, c.Revision+1
	}
	if again := pendingOf(t, p, c, "block-address"); again.Digest != o.Digest {
		t.Errorf("digest %s became %s", o.Digest, again.Digest)
	}
}

func TestFailedLoginsAsTheApproverBlockNoApproval(t *testing.T) {
	p := newPolicy(t, nil)
	c := about(event.BruteForce, event.High, attacker)
	c.Users = []cases.Entity{{Value: "alovelace", Origin: event.Claimed, Count: 99}}
	c.Lines[0].Fields = append(c.Lines[0].Fields, event.Field{Key: event.KeyUser, Value: "alovelace", Origin: event.Claimed})
	o := pendingOf(t, p, c, "block-address")
	if _, ok := p.Approve(c, o, []Approval{{"ada", o.Digest, now}}, facts()).Order(); !ok {
		t.Error("a claimed name kept an approver from approving")
	}
}

func TestApprovalDoesNotLiftStopSwitchOrProtection(t *testing.T) {
	p := newPolicy(t, nil)
	c := about(event.BruteForce, event.High, attacker)
	o := pendingOf(t, p, c, "block-address")
	f := facts()
	f.Stopped = true
	if _, ok := p.Approve(c, o, []Approval{{"ada", o.Digest, now}}, f).Order(); ok {
		t.Error("an approval lifted the stop switch")
	}
	for _, addr := range []string{protected, controls, natted} {
		o := blockOrder(t, addr)
		if _, ok := p.Approve(c, o, []Approval{{"ada", o.Digest, now}}, facts()).Order(); ok {
			t.Errorf("an approval blocked %s", addr)
		}
	}
}
