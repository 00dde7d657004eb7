package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/sift"
)

// Rule 1.

func TestModelNeverLowersAndRaisesByOneStep(t *testing.T) {
	p := newPolicy(t, nil)
	for floor := event.None; floor <= event.Critical; floor++ {
		for wish := event.None; wish <= event.Critical; wish++ {
			c := about(event.BruteForce, floor, attacker)
			c.Confirmed = true
			d := p.Decide(c, said(c, wish), facts())
			if d.Severity() < floor || d.Severity() > floor+1 || wish <= floor && d.Severity() != floor {
				t.Errorf("floor %v, model %v: got %v", floor, wish, d.Severity())
			}
			if wish < floor && !refused(d, LowerIgnored) || wish > floor+1 && !refused(d, RaiseCut) {
				t.Errorf("floor %v, model %v: not explained: %v", floor, wish, d.Refusals())
			}
		}
	}
}

func TestModelNeverMakesCriticalOfUnconfirmedEvidence(t *testing.T) {
	c := about(event.Execution, event.High, attacker)
	d := newPolicy(t, nil).Decide(c, said(c, event.Critical), facts())
	if d.Severity() != event.High || !refused(d, RaiseUnconfirmed) {
		t.Errorf("got %v, %v", d.Severity(), d.Refusals())
	}
}

func TestReportOfAnotherRevisionHasNoSay(t *testing.T) {
	c := about(event.BruteForce, event.Medium, attacker)
	r := said(c, event.High)
	c.Revision++
	if d := newPolicy(t, nil).Decide(c, r, facts()); d.Raised() || !d.RulesOnly() || !refused(d, ReportOfOther) {
		t.Errorf("got %v, %v", d.Severity(), d.Refusals())
	}
}

// Rule 2.

func TestModelRaiseStartsNoAction(t *testing.T) {
	c := about(event.ScanProbe, event.Low, attacker)
	p := newPolicy(t, nil)
	d := p.Decide(c, said(c, event.Medium), facts())
	nothing(t, d, WaitsForPerson)
	if d.Mode() != Act {
		t.Errorf("a raise still changes who is told: got mode %s", d.Mode())
	}
	p = newPolicy(t, func(_ *action.Options, o *Options) { o.ModelMayAct = true })
	want := []string{"block-address " + attacker}
	if diff := cmp.Diff(want, names(p.Decide(c, said(c, event.Medium), facts()).Orders())); diff != "" {
		t.Errorf("model_may_act: (-want +got)\n%s", diff)
	}
}

func TestModelRaiseWithdrawsNoAction(t *testing.T) {
	c := about(event.BruteForce, event.Medium, attacker)
	p := newPolicy(t, nil)
	want := p.Decide(c, rules(c), facts()).Orders()
	for wish := event.None; wish <= event.Critical; wish++ {
		if diff := cmp.Diff(want, p.Decide(c, said(c, wish), facts()).Orders(), cmpAddr); diff != "" {
			t.Errorf("model says %v: (-want +got)\n%s", wish, diff)
		}
	}
}

func TestHighNeverActsWithoutAPerson(t *testing.T) {
	everything := func(a *action.Options, o *Options) { o.Containment = without(a.Enabled, "end-session") }
	for _, class := range event.Classes() {
		c := about(class, event.High, attacker)
		if got := newPolicy(t, everything).Decide(c, said(c, event.Critical), facts()).Orders(); len(got) > 0 {
			t.Errorf("%s: %v", class, names(got))
		}
	}
}

func TestTwoPersonActionsNeverStartAtMedium(t *testing.T) {
	c := about(event.Malware, event.Medium, attacker)
	d := newPolicy(t, nil).Decide(c, rules(c), facts())
	for _, o := range d.Orders() {
		if def, _ := action.Lookup(o.Action); def.TwoPersons {
			t.Errorf("%s started", o.Action)
		}
	}
}

// Rule 3.

func TestNeverTargetsClaimedAddress(t *testing.T) { // SAFETY A1
	c := about(event.BruteForce, event.Medium, attacker)
	c.Lines[0].Fields[0].Origin = event.Claimed
	nothing(t, newPolicy(t, nil).Decide(c, rules(c), facts()), TargetClaimed)
}

func TestNeverTargetsForwardedAddress(t *testing.T) { // SAFETY A1
	c := about(event.WebAttack, event.Medium, attacker)
	c.Lines[0].Fields[0] = event.Field{Key: event.KeyForwarded, Value: attacker, Origin: event.Observed}
	nothing(t, newPolicy(t, nil).Decide(c, rules(c), facts()), TargetMissing)
}

func TestNeverTargetsASecondPeerOfTheSameLine(t *testing.T) { // SAFETY A1: what was set first was observed first
	c := about(event.WebAttack, event.Medium, attacker)
	c.Lines[0].Fields = append(c.Lines[0].Fields, event.Field{Key: event.KeyPeer, Value: "192.0.2.99", Origin: event.Observed})
	if diff := cmp.Diff([]string{"block-address " + attacker}, names(newPolicy(t, nil).Decide(c, rules(c), facts()).Orders())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNeverTargetsWhoMerelyStandsBeside(t *testing.T) {
	c := about(event.BruteForce, event.Medium, attacker)
	bystander := c.Lines[0]
	bystander.Number, bystander.Evidence = 2, nil
	bystander.Fields = []event.Field{{Key: event.KeyPeer, Value: "192.0.2.99", Origin: event.Observed}}
	c.Lines = append(c.Lines, bystander)
	if diff := cmp.Diff([]string{"block-address " + attacker}, names(newPolicy(t, nil).Decide(c, rules(c), facts()).Orders())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNeverActsOnUnauthenticatedTrustAlone(t *testing.T) { // SAFETY A3
	for _, floor := range []event.Severity{event.Medium, event.High, event.Critical} {
		c := about(event.CommandChannel, floor, attacker)
		c.Lines[0].Trust = event.Unauthenticated
		p := newPolicy(t, func(a *action.Options, o *Options) { o.Containment = without(a.Enabled, "end-session") })
		nothing(t, p.Decide(c, rules(c), facts()), SourceUnauthenticated)
		trusted := c.Lines[0]
		trusted.Number, trusted.Trust = 2, event.Local
		c.Lines = append(c.Lines, trusted)
		if d := p.Decide(c, rules(c), facts()); len(d.Orders())+len(d.Pending()) == 0 || refused(d, SourceUnauthenticated) {
			t.Errorf("%v: a second, local line should do: %v", floor, d.Refusals())
		}
	}
}

func TestNeverActsOnDisputedHost(t *testing.T) { // SAFETY A2
	c := about(event.BruteForce, event.Medium, attacker)
	c.Evidence = append(c.Evidence, sift.Evidence{Kind: sift.HostMismatch, Severity: event.Low})
	nothing(t, newPolicy(t, nil).Decide(c, rules(c), facts()), HostDisputed)
}

func TestNeverTargetsWhatIsNoAddress(t *testing.T) {
	for _, text := range []string{"web.example", "192.0.2.7/8", "192.0.2.7:22", "-A", "192.0.2.7 -j ACCEPT", "fe80::1%eth0", "0x7f.1", "192.0.2.07"} {
		nothing(t, newPolicy(t, nil).Decide(about(event.BruteForce, event.Medium, text), pipeline.Report{}, facts()), TargetMalformed)
	}
}

func TestManyLinesWithoutTargetAreOneRefusal(t *testing.T) {
	c := about(event.BruteForce, event.Medium, attacker)
	c.Lines[0].Fields = nil
	for range 30 {
		c.Lines = append(c.Lines, c.Lines[0])
	}
	want := []Refusal{
		{Reason: TargetMissing, Action: "block-address", Handle: "E1"},
		{Reason: TargetMissing, Action: "limit-address", Handle: "E1"},
	}
	if diff := cmp.Diff(want, newPolicy(t, nil).Decide(c, rules(c), facts()).Refusals()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Rule 4.

func TestDecideNeverActsOnProtectedHost(t *testing.T) {
	for _, floor := range []event.Severity{event.Medium, event.High, event.Critical} {
		c := about(event.CommandChannel, floor, "10.1.0.3")
		c.Asset, c.Zone = "zabbix", event.ZoneIT
		p := newPolicy(t, func(a *action.Options, o *Options) { o.Containment = without(a.Enabled, "end-session") })
		d := p.Decide(c, rules(c), facts())
		for _, o := range append(d.Orders(), d.Pending()...) {
			if o.Action != "collect-evidence" {
				t.Errorf("%v: %s", floor, o.Action)
			}
		}
		if floor > event.Medium && !refused(d, HostProtected) {
			t.Errorf("%v: %v", floor, d.Refusals())
		}
	}
}

func TestDecideNeverBlocksProtectedAddress(t *testing.T) {
	for _, addr := range []string{
		protected, "::ffff:198.51.100.3", // listed
		"10.1.0.3",                  // Zabbix
		"10.2.0.10", "203.0.113.80", // the acting host itself
		"127.0.0.1", "::1", "0.0.0.0", "::", "169.254.1.1", "224.0.0.1", "255.255.255.255", "fe80::1", "ff02::1",
	} {
		t.Run(addr, func(t *testing.T) {
			nothing(t, newPolicy(t, nil).Decide(about(event.BruteForce, event.Medium, addr), pipeline.Report{}, facts()), AddressProtected)
		})
	}
}

func TestNeverLocksAccountOnFailedLoginsAlone(t *testing.T) { // SAFETY A4
	c := takenOver("mallory")
	c.Lines[0].Evidence[0].Kind = sift.Repeated
	c.Lines[0].Fields[2].Value = "failure"
	d := newPolicy(t, nil).Decide(c, rules(c), facts())
	noAccount(t, d, NoSuccess)
	c.Class = event.BruteForce // the class that failed logins have: no action on accounts answers it
	for _, def := range action.Catalogue() {
		if def.Target == action.TargetUser && (def.Answers(event.BruteForce) || def.Answers(event.LoginFailure) || def.Answers(event.UserEnumeration)) {
			t.Errorf("%s answers failed logins", def.ID)
		}
	}
}

// SAFETY A4, one test per kind of account.

func TestNeverLocksAccountOfTheSystem(t *testing.T) {
	f := facts()
	for _, uid := range []int{0, 1, 999, -1} {
		f.Accounts["mallory"] = Account{UID: uid, Administrators: 2}
		c := takenOver("mallory")
		noAccount(t, newPolicy(t, nil).Decide(c, rules(c), f), AccountOfSystem)
	}
}

func TestNeverLocksTheLastAdministrator(t *testing.T) {
	f := facts()
	f.Accounts["mallory"] = Account{UID: 1004, Administrator: true, Administrators: 1}
	c := takenOver("mallory")
	noAccount(t, newPolicy(t, nil).Decide(c, rules(c), f), LastAdministrator)
}

func TestNeverLocksBreakGlassAccount(t *testing.T) {
	for _, user := range []string{"glass", "GLASS", "root", "Administrator", "zabbix"} {
		f := facts()
		f.Accounts[action.User(user)] = Account{UID: 1004, Administrators: 2}
		c := takenOver(user)
		noAccount(t, newPolicy(t, nil).Decide(c, rules(c), f), UserProtected)
	}
}

func TestNeverLocksServiceAccount(t *testing.T) {
	f := facts()
	f.Accounts["mallory"] = Account{UID: 1004, Service: true, Administrators: 2}
	c := takenOver("mallory")
	noAccount(t, newPolicy(t, nil).Decide(c, rules(c), f), AccountOfService)
	f.Accounts["svc-backup"] = Account{UID: 1004, Administrators: 2}
	c = takenOver("svc-backup")
	noAccount(t, newPolicy(t, nil).Decide(c, rules(c), f), UserProtected)
}

func TestNeverLocksAccountNobodyKnows(t *testing.T) {
	c := takenOver("nobody-knows")
	noAccount(t, newPolicy(t, nil).Decide(c, rules(c), facts()), AccountUnknown)
}

func TestLocksTakenAccountOnlyAfterApproval(t *testing.T) {
	c := takenOver("mallory")
	d := newPolicy(t, nil).Decide(c, rules(c), facts())
	got := strings.Join(names(d.Pending()), ", ")
	if len(d.Orders()) > 0 || !strings.Contains(got, "disable-user mallory") {
		t.Errorf("orders %v, pending %s, refusals %v", names(d.Orders()), got, d.Refusals())
	}
}

func noAccount(t *testing.T, d Decision, why Reason) {
	t.Helper()
	for _, o := range append(d.Orders(), d.Pending()...) {
		if o.Params.User != "" {
			t.Errorf("%s %s", o.Action, o.Params.User)
		}
	}
	if !refused(d, why) {
		t.Errorf("want %s, got %v", why, d.Refusals())
	}
}

// Rule 5.

func TestNeverActsInOT(t *testing.T) {
	for _, asset := range []string{"plc", "jump", "hmi"} {
		for floor := event.Medium; floor <= event.Critical; floor++ {
			c := about(event.CommandChannel, floor, attacker)
			c.Asset, c.Zone = asset, event.ZoneIT
			nothing(t, newPolicy(t, nil).Decide(c, rules(c), facts()), HostInOT)
		}
	}
	c := about(event.BruteForce, event.Medium, attacker)
	c.Zone = event.ZoneOT
	nothing(t, newPolicy(t, nil).Decide(c, rules(c), facts()), HostInOT)
}

func TestNeverActsInUnknownZone(t *testing.T) {
	for _, asset := range []string{"stray", "never-heard-of", ""} {
		c := about(event.BruteForce, event.Medium, attacker)
		c.Asset = asset
		nothing(t, newPolicy(t, nil).Decide(c, rules(c), facts()), HostInUnknownZone)
	}
	c := about(event.BruteForce, event.Medium, attacker)
	c.Zone = event.ZoneUnknown
	nothing(t, newPolicy(t, nil).Decide(c, rules(c), facts()), HostInUnknownZone)
}

func TestNeverTargetsAddressInOT(t *testing.T) {
	for _, addr := range []string{controls, "10.9.77.77", "::ffff:10.9.0.5"} {
		nothing(t, newPolicy(t, nil).Decide(about(event.BruteForce, event.Medium, addr), pipeline.Report{}, facts()), AddressInOT)
	}
}

func TestNeverBlocksTelemetryGateway(t *testing.T) { // SAFETY A5
	for _, addr := range []string{"203.0.113.2", "10.1.0.1"} {
		nothing(t, newPolicy(t, nil).Decide(about(event.BruteForce, event.Medium, addr), pipeline.Report{}, facts()), AddressInOT)
	}
}

func TestNeverBlocksNATGateway(t *testing.T) { // SAFETY A5
	nothing(t, newPolicy(t, nil).Decide(about(event.BruteForce, event.Medium, natted), pipeline.Report{}, facts()), AddressProtected)
}

func TestNeverBlocksVPNGateway(t *testing.T) { // SAFETY A5
	nothing(t, newPolicy(t, nil).Decide(about(event.BruteForce, event.Medium, "203.0.113.1"), pipeline.Report{}, facts()), AddressProtected)
}

func TestNeverBlocksPrivateAddressThatIsNotListed(t *testing.T) { // SAFETY A5
	for _, addr := range []string{"10.1.5.5", "192.168.1.1", "100.64.0.9", "fd00::5", "2002:c000:0207::1", "64:ff9b::a01:505"} {
		nothing(t, newPolicy(t, nil).Decide(about(event.BruteForce, event.Medium, addr), pipeline.Report{}, facts()), AddressNotBlockable)
	}
	// public, but of the site itself: seen from another host than its own
	c := about(event.BruteForce, event.Medium, "203.0.113.80")
	c.Asset = "files"
	nothing(t, newPolicy(t, nil).Decide(c, rules(c), facts()), AddressNotBlockable)
	// listed as blockable, but in no zone of the site
	nothing(t, newPolicy(t, nil).Decide(about(event.BruteForce, event.Medium, "172.20.0.5"), pipeline.Report{}, facts()), AddressInUnknownZone)
}

// Rule 6.

func TestStopSwitchStopsAutomaticAction(t *testing.T) {
	f := facts()
	f.Stopped = true
	c := about(event.BruteForce, event.Medium, attacker)
	p := newPolicy(t, nil)
	nothing(t, p.Decide(c, rules(c), f), Stopped)
	if r, ok := p.StillAllowed(blockOrder(t, attacker), f); ok || r.Reason != Stopped {
		t.Errorf("a stored order passes the stop switch: %v", r)
	}
}

func TestLimitsHoldPerHour(t *testing.T) {
	c := about(event.BruteForce, event.Medium, attacker)
	for why, used := range map[Reason]Used{
		LimitOfWorker: {Worker: 20},
		LimitOfSource: {Sources: map[string]int{"auth": 10}},
		LimitOfTarget: {Targets: map[string]int{attacker: 3}},
	} {
		f := facts()
		f.Used = used
		p := newPolicy(t, nil)
		nothing(t, p.Decide(c, rules(c), f), why)
		if r, ok := p.StillAllowed(blockOrder(t, attacker), f); ok || r.Reason != why {
			t.Errorf("stored order: got %v, want %s", r, why)
		}
	}
}

func TestLimitsHoldWithinOneDecision(t *testing.T) {
	c := about(event.BruteForce, event.Medium, attacker)
	for i := range 30 {
		line := c.Lines[0]
		line.Number = i + 2
		line.Fields = []event.Field{{Key: event.KeyPeer, Value: fmt.Sprintf("192.0.2.%d", i+100), Origin: event.Observed}}
		c.Lines = append(c.Lines, line)
	}
	d := newPolicy(t, nil).Decide(c, rules(c), facts())
	if len(d.Orders()) != 10 || !refused(d, LimitOfSource) {
		t.Errorf("%d orders, %v", len(d.Orders()), d.Refusals())
	}
}

func TestDryRunSendsNothing(t *testing.T) {
	p := newPolicy(t, func(a *action.Options, _ *Options) { a.DryRun = true })
	c := about(event.BruteForce, event.Medium, attacker)
	d := p.Decide(c, rules(c), facts())
	if len(d.Orders()) > 0 || len(d.Rehearsed()) != 1 || !d.DryRun() || !refused(d, DryRun) {
		t.Errorf("orders %v, rehearsed %v, %v", names(d.Orders()), names(d.Rehearsed()), d.Refusals())
	}
	if r, ok := p.StillAllowed(blockOrder(t, attacker), facts()); ok || r.Reason != DryRun {
		t.Errorf("a stored order passes the dry run: %v", r)
	}
}

func TestOnlyListedHostsAct(t *testing.T) {
	p := newPolicy(t, func(a *action.Options, _ *Options) { a.Hosts = []string{"files"} })
	c := about(event.BruteForce, event.Medium, attacker)
	nothing(t, p.Decide(c, rules(c), facts()), HostNotAllowed)
}

// Rule 7.

func TestNothingIrreversibleStartsByItself(t *testing.T) {
	for _, def := range action.Catalogue() {
		if def.Reversible {
			continue
		}
		for floor := event.None; floor <= event.Critical; floor++ {
			if startsAlone(def, floor, []string{def.ID}) == Allowed {
				t.Errorf("%s starts at %v", def.ID, floor)
			}
		}
	}
}

func TestOrderThatIsTooLongToSignIsRefused(t *testing.T) {
	c := about(event.BruteForce, event.Medium, attacker)
	c.ID = "plant-" + strings.Repeat("w", 80) + "-7"
	nothing(t, newPolicy(t, nil).Decide(c, rules(c), facts()), OrderInvalid)
}

func TestStaleOrderIsNotSent(t *testing.T) {
	p := newPolicy(t, nil)
	for name, at := range map[string]time.Time{
		"an hour later":       now.Add(time.Hour),
		"the clock went back": now.Add(-time.Hour),
	} {
		f := facts()
		f.Now = at
		if r, ok := p.StillAllowed(blockOrder(t, attacker), f); ok || r.Reason != OrderStale {
			t.Errorf("%s: got %v", name, r)
		}
	}
	if r, ok := p.StillAllowed(blockOrder(t, attacker), facts()); !ok {
		t.Errorf("a fresh order is refused: %v", r)
	}
}

func TestStoredOrderIsJudgedByTodaysRules(t *testing.T) {
	tests := []struct {
		name   string
		change func(*action.Options, *Options)
		order  func(*action.Order)
		want   Reason
	}{
		{"- action switched off", func(a *action.Options, _ *Options) { a.Enabled = without(a.Enabled, "block-address") }, nil, ActionDisabled},
		{"- host taken off the list", func(a *action.Options, _ *Options) { a.Hosts = nil }, nil, HostNotAllowed},
		{"- target changed under the digest", nil, func(o *action.Order) { o.Params.Address = o.Params.Address.Next() }, OrderInvalid},
		{"- host changed under the digest", nil, func(o *action.Order) { o.Host = "files" }, OrderInvalid},
		{"- expiry changed under the digest", nil, func(o *action.Order) { o.Params.For *= 2 }, OrderInvalid},
		{"- generation changed under the digest", nil, func(o *action.Order) { o.Generation++ }, OrderInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := blockOrder(t, attacker)
			if tt.order != nil {
				tt.order(&o)
			}
			if r, ok := newPolicy(t, tt.change).StillAllowed(o, facts()); ok || r.Reason != tt.want {
				t.Errorf("got %v, want %s", r, tt.want)
			}
		})
	}
	for _, addr := range []string{protected, controls, natted, "10.1.5.5", "127.0.0.1"} {
		if r, ok := newPolicy(t, nil).StillAllowed(blockOrder(t, addr), facts()); ok {
			t.Errorf("%s: a stored order passes: %v", addr, r)
		}
	}
}

// Rule 8.

func TestInstructionTextDropsModelSay(t *testing.T) { // SAFETY A6
	p := newPolicy(t, nil)
	for _, floor := range []event.Severity{event.Low, event.Medium, event.High, event.Critical} {
		clean := about(event.BruteForce, floor, attacker)
		want := p.Decide(clean, rules(clean), facts())
		for name, mark := range map[string]func(*cases.Case){
			"flag":     func(c *cases.Case) { c.Instructs = true },
			"evidence": func(c *cases.Case) { c.Evidence = append(c.Evidence, sift.Evidence{Kind: sift.Instructing}) },
		} {
			c := about(event.BruteForce, floor, attacker)
			mark(&c)
			for wish := event.None; wish <= event.Critical; wish++ {
				d := p.Decide(c, said(c, wish, pipeline.Proposal{Action: "limit-address", Target: attacker}), facts())
				if d.Severity() != floor || !d.RulesOnly() || !refused(d, InstructingText) {
					t.Errorf("%s: floor %v, model %v: got %v, %v", name, floor, wish, d.Severity(), d.Refusals())
				}
				if diff := cmp.Diff(want.Orders(), d.Orders(), cmpAddr); diff != "" {
					t.Errorf("%s: orders (-want +got)\n%s", name, diff)
				}
				if diff := cmp.Diff(want.Pending(), d.Pending(), cmpAddr); diff != "" {
					t.Errorf("%s: pending (-want +got)\n%s", name, diff)
				}
			}
		}
	}
}
