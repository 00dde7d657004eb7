package site

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"penstock/core/event"
)

func network(t *testing.T, text string) Network {
	t.Helper()
	var n Network
	if err := n.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return n
}

func networks(t *testing.T, texts ...string) []Network {
	t.Helper()
	var all []Network
	for _, text := range texts {
		all = append(all, network(t, text))
	}
	return all
}

// waterworks is a small plant: an office, a demilitarised zone, a process network.
func waterworks(t *testing.T) Options {
	t.Helper()
	o := DefaultOptions()
	o.Zones = Zones{
		IT:  networks(t, "10.10.0.0/16", "fd00:10::/32"),
		DMZ: networks(t, "192.0.2.0/24"),
		OT:  networks(t, "10.20.0.0/16", "10.10.99.0/24"),
	}
	o.Assets = []AssetOptions{
		{Name: "fw1", Aliases: []string{"10.10.0.1", "10.20.0.1", "fw1.plant.example"}, Zone: event.ZoneIT, Roles: []Role{RoleGateway}, Critical: true},
		{Name: "logs", Aliases: []string{"10.10.0.7"}, Roles: []Role{RoleRelay}},
		{Name: "plc-north", Aliases: []string{"plc1.north.example", "10.20.1.5", "Pump station north", "007"}},
		{Name: "plc-south", Aliases: []string{"plc1.south.example", "10.20.2.5"}},
		{Name: "nas", Zone: event.ZoneIT},
		{Name: "web", Aliases: []string{"web.plant.example", "192.0.2.10"}},
		{Name: "shop", Aliases: []string{"192.0.2.11"}, Roles: []Role{RoleServer}},
		{Name: "modem", Aliases: []string{"203.0.113.9"}, Carries: []event.Zone{event.ZoneOT}},
		{Name: "dc1", Aliases: []string{"dc1.plant.example"}, Zone: event.ZoneIT},
	}
	o.Protected = ProtectedThings{
		Networks: networks(t, "10.10.5.0/24"),
		Hosts:    []string{"DC1.plant.example"},
		Users:    []string{"breakglass", "svc-*"},
	}
	o.Blockable = networks(t, "10.10.40.0/24")
	o.KnownScanners = []Scanner{{Address: network(t, "10.10.0.50"), Note: "Greenbone, Monday nights"}}
	o.Contacts = []Contact{
		{Name: "IT desk", Phone: "+43 1 100"},
		{Name: "Process control", Phone: "+43 1 200", Zones: []event.Zone{event.ZoneOT}},
		{Name: "Head of plant", Mail: "head@plant.example", From: event.High},
		{Name: "Mail team", Mail: "mail@plant.example", Classes: []event.Class{event.MailAbuse}},
	}
	return o
}

func newWaterworks(t *testing.T) *Site {
	t.Helper()
	s, err := New(waterworks(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestResolve(t *testing.T) {
	s := newWaterworks(t)
	for _, tt := range []struct {
		name, host, addr string
		want             Asset
		known            bool
	}{
		{name: "+ name", host: "nas", want: Asset{Name: "nas", Zone: event.ZoneIT}, known: true},
		{name: "+ name in capitals with a dot at the end", host: "NAS.", want: Asset{Name: "nas", Zone: event.ZoneIT}, known: true},
		{name: "+ full name", host: "plc1.north.example", want: Asset{Name: "plc-north", Zone: event.ZoneOT}, known: true},
		{name: "+ Zabbix name", host: "Pump station north", want: Asset{Name: "plc-north", Zone: event.ZoneOT}, known: true},
		{name: "+ Wazuh agent id", host: "007", want: Asset{Name: "plc-north", Zone: event.ZoneOT}, known: true},
		{name: "+ address in the line", host: "10.20.2.5", want: Asset{Name: "plc-south", Zone: event.ZoneOT}, known: true},
		{name: "+ mapped address", addr: "::ffff:10.20.2.5", want: Asset{Name: "plc-south", Zone: event.ZoneOT}, known: true},
		{name: "+ short form of one full name", host: "web", want: Asset{Name: "web", Zone: event.ZoneDMZ}, known: true},
		{name: "+ unwritten full name of a short one", host: "nas.plant.example", want: Asset{Name: "nas", Zone: event.ZoneIT}, known: true},
		{name: "+ relay passes names on", host: "nas", addr: "10.10.0.7", want: Asset{Name: "nas", Zone: event.ZoneIT}, known: true},
		{name: "+ relay speaks for itself", addr: "10.10.0.7", want: Asset{Name: "logs", Zone: event.ZoneIT, Protected: true}, known: true},
		{name: "+ name without addresses from its own zone", host: "nas", addr: "10.10.3.3", want: Asset{Name: "nas", Zone: event.ZoneIT}, known: true},
		{name: "+ name without addresses from nowhere", host: "nas", addr: "198.51.100.1", want: Asset{Name: "nas", Zone: event.ZoneIT}, known: true},
		{name: "+ unlisted name at a listed address", host: "OPNsense.localdomain", addr: "10.20.2.5", want: Asset{Name: "plc-south", Zone: event.ZoneOT}, known: true},

		{name: "- unknown", host: "laptop", want: Asset{}},
		{name: "- nothing", want: Asset{}},
		{name: "- unknown in a known network", host: "laptop", addr: "10.10.3.3", want: Asset{Zone: event.ZoneIT}},
		{name: "- unknown in the inner network", host: "laptop", addr: "10.10.99.3", want: Asset{Zone: event.ZoneOT}},
		{name: "- unknown address in the line", host: "10.20.77.7", want: Asset{Zone: event.ZoneOT}},
		{name: "- unknown behind a relay", host: "laptop", addr: "10.10.0.7", want: Asset{}},
		{name: "- too long", host: strings.Repeat("a", 300), want: Asset{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var addr netip.Addr
			if tt.addr != "" {
				addr = netip.MustParseAddr(tt.addr)
			}
			got, known := s.Resolve(tt.host, addr)
			if known != tt.known {
				t.Errorf("Resolve(%q, %s) known = %v, want %v", tt.host, tt.addr, known, tt.known)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Asset{}, "Roles")); diff != "" {
				t.Errorf("Resolve(%q, %s) (-want +got):\n%s", tt.host, tt.addr, diff)
			}
		})
	}
}

func TestResolveNeverGuessesBetweenTwoHosts(t *testing.T) {
	s := newWaterworks(t)
	for _, host := range []string{"plc1", "PLC1", "plc1.west.example", "web.evil.example"} {
		if got, known := s.Resolve(host, netip.Addr{}); known {
			t.Errorf("Resolve(%q) = %+v, want unknown", host, got)
		}
	}
}

func TestResolveNeverBelievesANameFromAnotherAddress(t *testing.T) {
	s := newWaterworks(t)
	for _, tt := range []struct {
		name, host, addr string
		want             Asset
	}{
		{"- controller's name from an office address", "plc-north", "10.10.3.3", Asset{Zone: event.ZoneIT, Disputed: true}},
		{"- controller's name from another asset", "plc-north", "192.0.2.10", Asset{Name: "web", Zone: event.ZoneDMZ, Disputed: true}},
		{"- controller's name from the Internet", "plc-north", "198.51.100.1", Asset{Disputed: true}},
		{"- controller's address from an office address", "10.20.1.5", "10.10.3.3", Asset{Zone: event.ZoneIT, Disputed: true}},
		{"- office name from the process network", "nas", "10.20.3.3", Asset{Zone: event.ZoneOT, Disputed: true}},
		{"- controller's name from this machine", "plc-north", "127.0.0.1", Asset{Disputed: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := s.Resolve(tt.host, netip.MustParseAddr(tt.addr))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveDoesNotAllocate(t *testing.T) {
	s := newWaterworks(t)
	peer := netip.MustParseAddr("10.20.1.5")
	for _, host := range []string{"PLC-North", "plc1.north.example", "10.20.1.5", "unknown.example", "fe80::zz"} {
		for _, addr := range []netip.Addr{{}, peer} {
			if n := testing.AllocsPerRun(100, func() { s.Resolve(host, addr) }); n > 0 {
				t.Errorf("Resolve(%q, %s): %v allocations, want none", host, addr, n)
			}
		}
	}
}

func TestIsProtectedNeverYieldsWhatTheSiteLivesOn(t *testing.T) {
	s := newWaterworks(t)
	for _, tt := range []struct {
		name, addr string
		want       bool
	}{
		{"+ attacker", "198.51.100.7", false},
		{"+ office computer", "10.10.40.4", false},
		{"+ ordinary server", "192.0.2.11", false},
		{"- no address", "", true},
		{"- gateway", "10.10.0.1", true},
		{"- gateway's other side", "10.20.0.1", true},
		{"- gateway, mapped", "::ffff:10.10.0.1", true},
		{"- relay", "10.10.0.7", true},
		{"- protected network", "10.10.5.9", true},
		{"- controller", "10.20.1.5", true},
		{"- anything in the process network", "10.20.200.1", true},
		{"- process network inside the office's", "10.10.99.1", true},
		{"- modem that carries telemetry", "203.0.113.9", true},
		{"- this machine", "127.0.0.1", true},
		{"- this machine, IPv6", "::1", true},
		{"- unspecified", "0.0.0.0", true},
		{"- broadcast", "255.255.255.255", true},
		{"- multicast", "224.0.0.251", true},
		{"- link-local", "fe80::1", true},
		{"- link-local of an interface", "fe80::1%eth0", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, _ := netip.ParseAddr(tt.addr)
			if got := s.IsProtected(addr); got != tt.want {
				t.Errorf("IsProtected(%s) = %v, want %v", tt.addr, got, tt.want)
			}
		})
	}
}

func TestProtectedHostIsProtectedByAnyOfItsNames(t *testing.T) {
	if a, ok := newWaterworks(t).AssetNamed("dc1"); !ok || !a.Protected {
		t.Errorf("AssetNamed(dc1) = %+v, %v, want protected", a, ok)
	}
}

func TestIsBlockableNeverAPrivateAddressThatIsNotListed(t *testing.T) {
	s := newWaterworks(t)
	for addr, want := range map[string]bool{
		"198.51.100.7": true, "2001:db8::1": true, "10.10.40.4": true,
		"10.10.41.4": false, "192.168.1.1": false, "100.64.3.3": false, "fd00:10::1": false,
		"127.0.0.1": false, "::": false, "224.0.0.1": false, "::ffff:192.168.1.1": false,
	} {
		if got := s.IsBlockable(netip.MustParseAddr(addr)); got != want {
			t.Errorf("IsBlockable(%s) = %v, want %v", addr, got, want)
		}
	}
	if s.IsBlockable(netip.Addr{}) {
		t.Error("IsBlockable of no address is true")
	}
}

func TestIsProtectedUserNeverLocksTheSiteOut(t *testing.T) {
	s := newWaterworks(t)
	for user, want := range map[string]bool{
		"": true, " ": true, "root": true, "ROOT": true, "Administrator": true, "PLANT\\Administrador": true,
		"breakglass": true, "BreakGlass@plant.example": true, "svc-backup": true, "PLANT\\svc-scada": true, "@x": true,
		"maria": false, "svc": false, "admin2": false,
	} {
		if got := s.IsProtectedUser(user); got != want {
			t.Errorf("IsProtectedUser(%q) = %v, want %v", user, got, want)
		}
	}
}

func TestZoneOf(t *testing.T) {
	s := newWaterworks(t)
	for addr, want := range map[string]event.Zone{
		"10.10.1.1": event.ZoneIT, "fd00:10::5": event.ZoneIT, "192.0.2.10": event.ZoneDMZ, "10.10.99.9": event.ZoneOT,
		"10.20.0.1":    event.ZoneOT, // the gateway's leg, though the gateway itself is listed under it
		"203.0.113.50": event.ZoneUnknown,
	} {
		if got := s.ZoneOf(netip.MustParseAddr(addr)); got != want {
			t.Errorf("ZoneOf(%s) = %s, want %s", addr, got, want)
		}
	}
	if got := s.ZoneOf(netip.Addr{}); got != event.ZoneUnknown {
		t.Errorf("ZoneOf() = %s, want unknown", got)
	}
}

func TestGatewayWithALegInTheProcessNetworkCarriesIt(t *testing.T) {
	if a, _ := newWaterworks(t).AssetNamed("fw1"); !a.CarriesOT() || a.Zone != event.ZoneIT {
		t.Errorf("fw1 = %+v, want zone it and the process network carried", a)
	}
}

func TestIsKnownScanner(t *testing.T) {
	s := newWaterworks(t)
	if !s.IsKnownScanner(netip.MustParseAddr("::ffff:10.10.0.50")) || s.IsKnownScanner(netip.MustParseAddr("10.10.0.51")) {
		t.Error("want 10.10.0.50 and no other address")
	}
}

func TestContacts(t *testing.T) {
	s := newWaterworks(t)
	for _, tt := range []struct {
		name     string
		zone     event.Zone
		severity event.Severity
		class    event.Class
		want     []string
	}{
		{"+ office, Low", event.ZoneIT, event.Low, event.ScanProbe, []string{"IT desk"}},
		{"+ process, High", event.ZoneOT, event.High, event.BruteForce, []string{"IT desk", "Process control", "Head of plant"}},
		{"+ unknown may be process", event.ZoneUnknown, event.Medium, event.BruteForce, []string{"IT desk", "Process control"}},
		{"+ by class", event.ZoneIT, event.Medium, event.MailAbuse, []string{"IT desk", "Mail team"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range s.Contacts(tt.zone, tt.severity, tt.class) {
				got = append(got, c.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNetworkUnmarshalText(t *testing.T) {
	for _, tt := range []struct{ name, in, want, err string }{
		{name: "+ network", in: "10.0.0.0/8", want: "10.0.0.0/8"},
		{name: "+ address", in: "10.1.2.3", want: "10.1.2.3"},
		{name: "+ mapped address", in: "::ffff:10.1.2.3", want: "10.1.2.3"},
		{name: "- name", in: "office", err: `"office" is not a network or an address (such as 10.20.0.0/16 or 10.20.0.5)`},
		{name: "- empty", in: "", err: `"" is not a network or an address (such as 10.20.0.0/16 or 10.20.0.5)`},
		{name: "- interface", in: "fe80::1%eth0", err: `"fe80::1%eth0" is not a network or an address (such as 10.20.0.0/16 or 10.20.0.5)`},
		{name: "- inside", in: "10.1.2.3/16", err: `"10.1.2.3/16" is an address inside a network: write 10.1.0.0/16 for the network or 10.1.2.3 for the address`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var n Network
			err := n.UnmarshalText([]byte(tt.in))
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("error = %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || n.String() != tt.want {
				t.Errorf("= %s, %v, want %s", n, err, tt.want)
			}
		})
	}
}

func TestNewNamesEveryProblem(t *testing.T) {
	o := Options{
		Name: "Wasserwerk Süd", Timezone: "Vienna", Language: "it",
		Zones:     Zones{IT: networks(t, "10.0.0.0/8"), OT: networks(t, "10.0.0.0/8")},
		Assets:    []AssetOptions{{Name: "a"}, {Name: "b", Aliases: []string{"A.", "10.0.0.0/8", "."}}, {Test: true, Critical: true}},
		Protected: ProtectedThings{Hosts: []string{"c"}, Users: []string{"*"}},
		Blockable: networks(t, "0.0.0.0/0"), KnownScanners: []Scanner{{}},
		Contacts: []Contact{{}, {Name: "x", Mail: "x", Phone: "home"}},
	}
	_, err := New(o)
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`site.name: "Wasserwerk Süd" may hold only letters a-z, digits, . _ and -, because it is part of case ids`,
		`site.worker: is missing`,
		`site.timezone: "Vienna" is not a time zone (such as Europe/Vienna, UTC or Local)`,
		`site.language: "it" is not a language (en, es, de, fr)`,
		`site.zones.ot[0]: 10.0.0.0/8 is there already, as zones.it[0]`,
		`site.assets[1].aliases[0]: "A." already belongs to asset "a": one name, one asset`,
		`site.assets[1].aliases[1]: "10.0.0.0/8" is not a name or an address: networks belong under zones`,
		`site.assets[1].aliases[2]: is empty`,
		`site.assets[2].name: is missing`,
		`site.assets[2].test: an asset cannot be both critical and test`,
		`site.protected.hosts[0]: "c" is no asset's name: list it under assets, or its address under protected.networks`,
		`site.protected.users[0]: "*" is not an account name (* may stand at the end, as in svc-*)`,
		`site.blockable[0]: "0.0.0.0/0" means every address: name the networks`,
		`site.known_scanners[0].address: is missing: the scanner's address or network`,
		`site.contacts[0].name: is missing`,
		`site.contacts[0]: needs a phone or a mail: this contact cannot be reached`,
		`site.contacts[1].mail: "x" is not a mail address`,
		`site.contacts[1].phone: "home" is not a phone number`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzResolve(f *testing.F) {
	s, err := New(Options{Name: "s", Worker: "w", Timezone: "UTC", Language: "en", Assets: []AssetOptions{
		{Name: "a", Aliases: []string{"x.one", "10.0.0.1"}}, {Name: "b", Aliases: []string{"x.two"}},
	}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"a", "x", "X.ONE.", "10.0.0.1", "::ffff:10.0.0.1", "1:2:3", "..", "a.b.c", "a\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		a, known := s.Resolve(host, netip.Addr{})
		if known != (a.Name != "") {
			t.Errorf("Resolve(%q) = %+v, %v", host, a, known)
		}
		first, _, _ := strings.Cut(strings.ToLower(host), ".")
		if known && first == "x" && !strings.HasPrefix(strings.ToLower(host), "x.one") && !strings.HasPrefix(strings.ToLower(host), "x.two") {
			t.Errorf("Resolve(%q) guessed %s", host, a.Name)
		}
	})
}

func BenchmarkResolve(b *testing.B) {
	s, err := New(Options{Name: "s", Worker: "w", Timezone: "UTC", Language: "en", Assets: []AssetOptions{
		{Name: "plc-north", Aliases: []string{"plc1.north.example", "10.20.1.5"}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Resolve("plc1.north.example", netip.Addr{})
	}
}
