package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/action"
	"penstock/core/event"
	"penstock/core/site"
)

func TestDefaultsAreSound(t *testing.T) {
	if _, err := New(plant(t), action.DefaultOptions(), DefaultOptions()); err != nil {
		t.Fatal(err)
	}
}

func TestCheckReportsEverythingAtOnce(t *testing.T) {
	a := action.Options{
		Enabled: []string{"block-address", "reboot", "block-address", "isolate-host"},
		Hosts:   []string{"web1", "web9", "plc", "stray", ""},
		Expiry:  map[string]time.Duration{"block-address": 48 * time.Hour, "limit-address": 90*time.Second + 1, "x": 1},
	}
	o := Options{
		Approvers:   []Approver{{Name: " "}},
		TwoPersons:  true,
		OrderExpiry: 2 * time.Hour, ApprovalExpiry: time.Second,
		Limits:      Limits{Worker: -1, Source: 5000, Raises: 1001},
		Containment: []string{"end-session", "limit-address", "reboot"},
		StopFile:    "stop",
		MinTrust:    event.Unauthenticated,
	}
	want := []string{
		`actions.enabled[1]: "reboot" is not an action (collect-evidence, snapshot-config, limit-address, block-address, freeze-process, end-session, disable-user, isolate-host)`,
		`actions.enabled[2]: "block-address" is listed twice`,
		`actions.hosts[4]: the name of an asset is missing`,
		`actions.expiry.block-address: 48h0m0s is not an expiry between 1m0s and 24h0m0s`,
		`actions.expiry.limit-address: 1m30.000000001s is not whole seconds`,
		`actions.expiry.x: "x" is not an action (collect-evidence, snapshot-config, limit-address, block-address, freeze-process, end-session, disable-user, isolate-host)`,
		`policy.approvers[0].name: is missing`,
		`policy.containment[0]: "end-session" cannot be taken back: it always waits for a person`,
		`policy.containment[2]: "reboot" is not an action`,
		`policy.limits.worker: -1 is not a limit between 0 and 1000 orders an hour`,
		`policy.limits.source: 5000 is not a limit between 0 and 1000 orders an hour`,
		`policy.limits.raises: 1001 is not a limit between 0 and 1000 raises an hour`,
		`policy.approval_expiry: 1s is not between 1m and 168h`,
		`policy.order_expiry: 2h0m0s is not between 1m and 1h`,
		`policy.min_trust: "unauthenticated" would let anybody on the network choose what is blocked (authenticated, local)`,
		`policy.stop_file: "stop" is not an absolute path`,
		`actions.hosts[1]: "web9" is not an asset of the site`,
		`actions.hosts[2]: "plc" can never act: host-in-ot`,
		`actions.hosts[3]: "stray" can never act: host-in-unknown-zone`,
		`policy.containment[0]: "end-session" is not listed under actions.enabled`,
		`policy.containment[1]: "limit-address" is not listed under actions.enabled`,
		`policy.two_persons: one approver cannot be two persons: list a second, or set two_persons: false`,
	}
	var got []string
	Check(plant(t), a, o, func(path, text string) { got = append(got, path+": "+text) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := New(plant(t), a, o); err == nil {
		t.Error("New takes options that Check refuses")
	}
}

func TestNamesThatLeaveNoRoomForAnOrderAreReported(t *testing.T) {
	o := site.DefaultOptions()
	o.Name, o.Worker = "municipal-water-utility-of-x", "pumping-station-north"
	o.Assets = []site.AssetOptions{{Name: "web1", Zone: event.ZoneDMZ}}
	s, err := site.New(o)
	if err != nil {
		t.Fatal(err)
	}
	a := action.DefaultOptions()
	if _, err := New(s, a, DefaultOptions()); err != nil {
		t.Errorf("where nothing can act no order is signed: %v", err)
	}
	a.Hosts = []string{"web1"}
	want := "site.worker: site name and worker are 49 characters together: too long for a signed order of block-address"
	if _, err := New(s, a, DefaultOptions()); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
