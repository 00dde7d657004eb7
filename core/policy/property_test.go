package policy

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/sift"
)

var cmpAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

var (
	somePeers = []string{
		attacker, inside, protected, controls, natted, "10.1.5.5", "127.0.0.1", "::1", "10.9.1.1", "203.0.113.2",
		"203.0.113.80", "2001:db8::7", "fd00::1", "::ffff:10.9.0.5", "64:ff9b::a09:5", "-A INPUT", "", "300.1.1.1",
	}
	someUsers  = []string{"mallory", "alovelace", "root", "svc-x", "glass", "nobody", "-rf", "a b", "ghost"}
	someAssets = []string{"web1", "files", "zabbix", "jump", "nat", "hmi", "plc", "stray", "elsewhere", ""}
)

func anyLine(number int) *rapid.Generator[cases.Line] {
	return rapid.Custom(func(t *rapid.T) cases.Line {
		origin := func(name string) event.Origin { return event.Origin(rapid.IntRange(0, 1).Draw(t, name)) }
		return cases.Line{
			Number: number,
			Source: rapid.SampledFrom([]string{"auth", "syslog"}).Draw(t, "source"),
			Trust:  event.Trust(rapid.IntRange(0, 2).Draw(t, "trust")),
			Fields: []event.Field{
				{Key: event.KeyPeer, Value: rapid.SampledFrom(somePeers).Draw(t, "peer"), Origin: origin("peer origin")},
				{Key: event.KeyUser, Value: rapid.SampledFrom(someUsers).Draw(t, "user"), Origin: origin("user origin")},
				{Key: event.KeyOutcome, Value: rapid.SampledFrom([]string{"success", "failure"}).Draw(t, "outcome"), Origin: event.Observed},
				{Key: action.KeyProcess, Value: rapid.SampledFrom([]string{"77@12", "1@0", "x"}).Draw(t, "process"), Origin: origin("process origin")},
			},
			Evidence: []sift.Evidence{{
				Kind:     sift.Kind(rapid.IntRange(1, int(sift.Instructing)).Draw(t, "kind")),
				Class:    rapid.SampledFrom(event.Classes()).Draw(t, "line class"),
				Severity: event.Severity(rapid.IntRange(0, 4).Draw(t, "line severity")),
			}},
		}
	})
}

func anyCase(t *rapid.T) cases.Case {
	c := cases.Case{
		ID: "plant-w1-7", Revision: 3,
		Asset: rapid.SampledFrom(someAssets).Draw(t, "asset"),
		Zone:  event.Zone(rapid.IntRange(0, 3).Draw(t, "zone")),
		Class: rapid.SampledFrom(event.Classes()).Draw(t, "class"),
		Floor: event.Severity(rapid.IntRange(0, 4).Draw(t, "floor")),
	}
	c.Confirmed = c.Floor == event.Critical || rapid.Bool().Draw(t, "confirmed")
	for i := range rapid.IntRange(0, 5).Draw(t, "lines") {
		line := anyLine(i+1).Draw(t, "line")
		if rapid.Bool().Draw(t, "of the case's class") {
			line.Evidence[0].Class = c.Class
		}
		c.Lines = append(c.Lines, line)
	}
	if rapid.IntRange(0, 9).Draw(t, "instructs") == 0 {
		c.Instructs = true
	}
	return c
}

func anyModelReport(t *rapid.T, c cases.Case) pipeline.Report {
	r := said(c, event.Severity(rapid.IntRange(0, 4).Draw(t, "said")))
	r.Assessment.Class = rapid.SampledFrom(event.Classes()).Draw(t, "said class")
	for range rapid.IntRange(0, 4).Draw(t, "proposals") {
		r.Plan.Proposals = append(r.Plan.Proposals, pipeline.Proposal{
			Action: rapid.SampledFrom([]string{"block-address", "isolate-host", "disable-user", "rm"}).Draw(t, "pick"),
			Handle: rapid.SampledFrom([]string{"E1.peer", "E2.user", "E99.peer", ""}).Draw(t, "handle"),
			Target: rapid.SampledFrom(somePeers).Draw(t, "target"),
		})
	}
	return r
}

func anything(a *action.Options, o *Options) { o.Containment = without(a.Enabled, "end-session") }

// Whatever case and report say: no order, started or waiting, goes where none may go.
func TestNoOrderEverBreaksARule(t *testing.T) {
	p := newPolicy(t, anything)
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		d := p.Decide(c, anyModelReport(t, c), facts())
		for _, o := range append(d.Orders(), d.Pending()...) {
			checkOrder(t, p, c, o)
		}
		if len(d.Orders()) > 0 && c.Floor != event.Medium && c.Floor != event.Critical {
			t.Fatalf("floor %v starts %v", c.Floor, names(d.Orders()))
		}
	})
}

func checkOrder(t *rapid.T, p *Policy, c cases.Case, o action.Order) {
	if r, ok := p.StillAllowed(o, facts()); !ok {
		t.Fatalf("%s %s: decided, yet %s", o.Action, o.Params.Target(), r.Reason)
	}
	if !slices.Contains([]string{"web1", "files", "zabbix"}, o.Host) || o.Host != c.Asset {
		t.Fatalf("%s acts on %q", o.Action, o.Host)
	}
	if c.Zone == event.ZoneOT || c.Zone == event.ZoneUnknown {
		t.Fatalf("%s in zone %s", o.Action, c.Zone)
	}
	if o.Params.Address.IsValid() && !slices.Contains([]string{attacker, inside, "2001:db8::7"}, o.Params.Address.String()) {
		t.Fatalf("%s against %s", o.Action, o.Params.Address)
	}
	if o.Params.User != "" && o.Params.User != "mallory" && o.Params.User != "alovelace" {
		t.Fatalf("%s against %s", o.Action, o.Params.User)
	}
	if target := o.Params.Target(); target != "" && !observed(c, target) {
		t.Fatalf("%s against %s, which no trusted line observed", o.Action, target)
	}
}

func observed(c cases.Case, target string) bool {
	return slices.ContainsFunc(c.Lines, func(l cases.Line) bool {
		return l.Trust != event.Unauthenticated && slices.ContainsFunc(l.Fields, func(f event.Field) bool {
			return f.Origin == event.Observed && f.Value == target
		})
	})
}

// What a model says never changes the set of orders that start, and reorders
// those that wait, at most.
func TestModelNeverChangesTheOrders(t *testing.T) {
	p := newPolicy(t, anything)
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		want := p.Decide(c, rules(c), facts())
		got := p.Decide(c, anyModelReport(t, c), facts())
		if diff := cmp.Diff(want.Orders(), got.Orders(), cmpAddr); diff != "" {
			t.Fatalf("orders (-want +got)\n%s", diff)
		}
		if want.Mode() >= Review {
			if diff := cmp.Diff(sorted(want.Pending()), sorted(got.Pending()), cmpAddr); diff != "" {
				t.Fatalf("pending (-want +got)\n%s", diff)
			}
		}
	})
}

func sorted(orders []action.Order) []string {
	list := names(orders)
	slices.Sort(list)
	return list
}

// Whatever stood before and whatever the model says: the severity is never below the
// floor or what stood, and never more than one step above the floor.
func TestSeverityNeverFallsAndNeverClimbsTwoSteps(t *testing.T) {
	p := newPolicy(t, anything)
	rapid.Check(t, func(t *rapid.T) {
		c, f := anyCase(t), facts()
		f.Severity = event.Severity(rapid.IntRange(0, 4).Draw(t, "stood"))
		f.Used.Raises = rapid.IntRange(0, 12).Draw(t, "raises")
		d := p.Decide(c, anyModelReport(t, c), f)
		stood := max(c.Floor, min(f.Severity, c.Floor+1))
		if d.Severity() < stood || d.Severity() > min(c.Floor+1, event.Critical) {
			t.Fatalf("floor %v, %v before: %v", c.Floor, f.Severity, d.Severity())
		}
		if f.Used.Raises >= 6 && d.Severity() > stood {
			t.Fatalf("raised from %v to %v after %d raises", stood, d.Severity(), f.Used.Raises)
		}
	})
}

func TestDecideIsPure(t *testing.T) {
	p := newPolicy(t, anything)
	rapid.Check(t, func(t *rapid.T) {
		c := anyCase(t)
		r := anyModelReport(t, c)
		first, second := p.Decide(c, r, facts()), p.Decide(c, r, facts())
		if diff := cmp.Diff(first, second, cmp.AllowUnexported(Decision{}), cmpAddr); diff != "" {
			t.Fatalf("(-first +second)\n%s", diff)
		}
	})
}
