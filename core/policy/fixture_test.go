package policy

import (
	"net/netip"
	"testing"
	"time"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/sift"
	"penstock/core/site"
)

const (
	attacker  = "192.0.2.7"
	inside    = "10.1.200.9" // private, in a network that may be blocked
	protected = "198.51.100.3"
	controls  = "10.9.0.5"
	natted    = "10.1.128.2" // NAT gateway, inside the network that may be blocked
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func network(s string) site.Network {
	var n site.Network
	if err := n.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return n
}

func networks(all ...string) []site.Network {
	var list []site.Network
	for _, s := range all {
		list = append(list, network(s))
	}
	return list
}

func plant(t testing.TB) *site.Site {
	t.Helper()
	s, err := site.New(site.Options{
		Name: "plant", Worker: "w1", Timezone: "UTC", Language: "en",
		Zones: site.Zones{IT: networks("10.1.0.0/16"), DMZ: networks("10.2.0.0/16"), OT: networks("10.9.0.0/16")},
		Assets: []site.AssetOptions{
			{Name: "web1", Aliases: []string{"10.2.0.10", "203.0.113.80"}, Zone: event.ZoneDMZ},
			{Name: "files", Aliases: []string{"10.1.0.20"}, Zone: event.ZoneIT},
			{Name: "zabbix", Aliases: []string{"10.1.0.3"}, Zone: event.ZoneIT, Roles: []site.Role{site.RoleZabbix}},
			{Name: "jump", Aliases: []string{"10.1.0.1"}, Zone: event.ZoneIT, Carries: []event.Zone{event.ZoneOT}},
			{Name: "nat", Aliases: []string{natted}, Zone: event.ZoneIT, Roles: []site.Role{site.RoleNAT}},
			{Name: "vpn", Aliases: []string{"203.0.113.1"}, Zone: event.ZoneDMZ, Roles: []site.Role{site.RoleVPN}},
			{Name: "telemetry", Aliases: []string{"203.0.113.2"}, Zone: event.ZoneDMZ, Carries: []event.Zone{event.ZoneOT}},
			{Name: "hmi", Aliases: []string{"10.1.0.50"}, Zone: event.ZoneIT, Roles: []site.Role{site.RoleOperatorStation}},
			{Name: "plc", Aliases: []string{controls}, Zone: event.ZoneOT},
			{Name: "stray"},
		},
		Protected: site.ProtectedThings{Networks: networks("198.51.100.0/28"), Users: []string{"glass", "svc-*"}},
		Blockable: networks("10.1.128.0/17", "172.20.0.0/16"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// all enables every action on every host that may act, for real.
func allActions() action.Options {
	o := action.Options{Hosts: []string{"web1", "files", "zabbix"}}
	for _, d := range action.Catalogue() {
		o.Enabled = append(o.Enabled, d.ID)
	}
	return o
}

func newPolicy(t testing.TB, change func(a *action.Options, o *Options)) *Policy {
	t.Helper()
	a, o := allActions(), DefaultOptions()
	a.Enabled = append([]string{"block-address"}, without(a.Enabled, "block-address")...)
	o.Approvers = []Approver{{Name: "ada", Accounts: []string{"alovelace"}}, {Name: "bob"}}
	if change != nil {
		change(&a, &o)
	}
	p, err := New(plant(t), a, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func without(list []string, s string) []string {
	var rest []string
	for _, x := range list {
		if x != s {
			rest = append(rest, x)
		}
	}
	return rest
}

// about returns a case on web1 of that class and floor, with one local line that
// observed the peer.
func about(class event.Class, floor event.Severity, peer string) cases.Case {
	e := sift.Evidence{Kind: sift.SignalMatch, Class: class, Severity: floor, Subject: peer, Origin: event.Observed}
	return cases.Case{
		ID: "plant-w1-7", Revision: 1, Asset: "web1", Zone: event.ZoneDMZ, Class: class, Floor: floor,
		Confirmed: floor == event.Critical, Evidence: []sift.Evidence{e},
		Lines: []cases.Line{{
			Number: 1, Source: "auth", Host: "web1", Trust: event.Local, Evidence: []sift.Evidence{e},
			Fields: []event.Field{{Key: event.KeyPeer, Value: peer, Origin: event.Observed}},
		}},
	}
}

// takenOver returns a High case of an account that somebody got into.
func takenOver(user string) cases.Case {
	c := about(event.SuspiciousLogin, event.High, attacker)
	c.Lines[0].Evidence[0].Kind = sift.SuccessAfter
	c.Lines[0].Fields = append(c.Lines[0].Fields,
		event.Field{Key: event.KeyUser, Value: user, Origin: event.Observed},
		event.Field{Key: event.KeyOutcome, Value: "success", Origin: event.Observed})
	c.Users = []cases.Entity{{Value: user, Origin: event.Observed, Count: 1}}
	return c
}

func facts() Facts {
	person := Account{UID: 1004, Administrators: 2}
	return Facts{Now: now, Accounts: map[action.User]Account{"mallory": person, "alovelace": person}}
}

func rules(c cases.Case) pipeline.Report {
	return pipeline.Report{Case: c.ID, Revision: c.Revision, Assessment: pipeline.Assessment{Severity: c.Floor, Class: c.Class}}
}

// said is the report of a model that judges the case so and picks these proposals.
func said(c cases.Case, severity event.Severity, picks ...pipeline.Proposal) pipeline.Report {
	by := pipeline.Answered{Source: pipeline.Model, Attempts: 1}
	r := rules(c)
	r.Assessment.Answered, r.Assessment.Severity = by, severity
	r.Plan = pipeline.Plan{Answered: by, Proposals: picks}
	return r
}

// names returns "action target" of each order.
func names(orders []action.Order) []string {
	var list []string
	for _, o := range orders {
		s := o.Action
		if target := o.Params.Target(); target != "" {
			s += " " + target
		}
		list = append(list, s)
	}
	return list
}

func refused(d Decision, why Reason) bool {
	for _, r := range d.Refusals() {
		if r.Reason == why {
			return true
		}
	}
	return false
}

// nothing fails the test unless the decision holds no order at all, and the
// reason is given.
func nothing(t *testing.T, d Decision, why Reason) {
	t.Helper()
	if got := append(d.Orders(), d.Pending()...); len(got) > 0 {
		t.Errorf("got orders %v", names(got))
	}
	if !refused(d, why) {
		t.Errorf("want reason %s, got %v", why, d.Refusals())
	}
}

func blockOrder(t testing.TB, addr string) action.Order {
	t.Helper()
	def, _ := action.Lookup("block-address")
	o, err := action.NewOrder(def, action.Order{
		Params: action.Params{Address: netip.MustParseAddr(addr), For: time.Hour},
		Host:   "web1", Case: "plant-w1-7", Source: "auth", Decided: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}
