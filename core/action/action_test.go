package action

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/event"
)

func TestCatalogueIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range Catalogue() {
		if d.ID == "" || seen[d.ID] || d.Title != "action."+d.ID || len(d.Classes) == 0 {
			t.Errorf("%q: id, title or classes", d.ID)
		}
		seen[d.ID] = true
		if d.Check == "" || d.Expiry < MinExpiry || d.Expiry > d.MaxExpiry || d.MaxExpiry > MaxExpiry {
			t.Errorf("%s: check %q, expiry %s of at most %s", d.ID, d.Check, d.Expiry, d.MaxExpiry)
		}
	}
}

func TestWhatIsReversibleHasAnUndo(t *testing.T) {
	for _, d := range Catalogue() {
		readsOnly := d.Target == TargetNone
		if wantUndo := d.Reversible && !readsOnly; wantUndo != (d.Undo != "") {
			t.Errorf("%s: reversible %t, undo %q", d.ID, d.Reversible, d.Undo)
		}
		if aimed := d.Target != TargetNone && d.Target != TargetHost; aimed != (d.Field != "") {
			t.Errorf("%s: target %s, field %q", d.ID, d.Target, d.Field)
		}
	}
}

func TestNoActionAnswersProcessControl(t *testing.T) { // controllers are for people
	for _, d := range Catalogue() {
		if d.Answers(event.ProcessControl) {
			t.Errorf("%s does", d.ID)
		}
	}
}

func TestCatalogueCannotBeChanged(t *testing.T) {
	Catalogue()[0].Classes[0] = event.ProcessControl
	d, _ := Lookup(Catalogue()[0].ID)
	d.Classes[0] = event.ProcessControl
	TestNoActionAnswersProcessControl(t)
}

func TestParseUser(t *testing.T) {
	for _, name := range []string{"mallory", "_apt", "svc-backup", "A.Lovelace", "u1", strings.Repeat("a", 32)} {
		if got, err := ParseUser(name); err != nil || string(got) != name {
			t.Errorf("+ %q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "-rf", "--help", "1000", ".ssh", "a b", "a;b", "a\x00", "a\n", "a@b", `d\a`, "$(id)", "ü", "a/b", "%s", strings.Repeat("a", 33),
	} {
		if got, err := ParseUser(name); err == nil {
			t.Errorf("- %q is taken as %q", name, got)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:DB8:0::7": "2001:db8::7",
	} {
		if got, err := ParseAddress(text); err != nil || got.String() != want {
			t.Errorf("+ %q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "192.0.2", "192.0.2.07", "192.0.2.7/32", "192.0.2.7:22", "fe80::1%eth0", "::ffff:1.2.3.4%1", "-A"} {
		if got, err := ParseAddress(text); err == nil {
			t.Errorf("- %q is taken as %v", text, got)
		}
	}
}

func TestParseProcess(t *testing.T) {
	p, err := ParseProcess("77@123456")
	if err != nil || p != (Process{PID: 77, Started: 123456}) || p.String() != "77@123456" {
		t.Errorf("got %v, %v", p, err)
	}
	for _, text := range []string{"", "77", "@", "1@5", "0@5", "-3@5", "77@", "77@x", "77@1@2", "99999999999@1"} {
		if got, err := ParseProcess(text); err == nil {
			t.Errorf("- %q is taken as %v", text, got)
		}
	}
}

func TestParamsCheck(t *testing.T) {
	block, _ := Lookup("block-address")
	lock, _ := Lookup("disable-user")
	collect, _ := Lookup("collect-evidence")
	addr := netip.MustParseAddr("192.0.2.7")
	tests := []struct {
		name string
		d    Definition
		p    Params
		want string
	}{
		{"+ address", block, Params{Address: addr, For: time.Hour}, ""},
		{"+ user", lock, Params{User: "mallory", For: time.Hour}, ""},
		{"+ nothing", collect, Params{For: time.Hour}, ""},
		{"- no address", block, Params{For: time.Hour}, "block-address needs its address"},
		{"- address in IPv6 dress", block, Params{Address: netip.MustParseAddr("::ffff:192.0.2.7"), For: time.Hour}, "block-address needs its address"},
		{"- user as well", block, Params{Address: addr, User: "x", For: time.Hour}, "block-address takes no other value than its address"},
		{"- user that is none", lock, Params{User: "-rf", For: time.Hour}, "disable-user needs its user"},
		{"- address for nothing", collect, Params{Address: addr, For: time.Hour}, "collect-evidence takes no other value than its none"},
		{"- no expiry", block, Params{Address: addr}, "block-address cannot last 0s (1m0s to 24h0m0s)"},
		{"- too long", block, Params{Address: addr, For: 25 * time.Hour}, "block-address cannot last 25h0m0s (1m0s to 24h0m0s)"},
		{"- broken seconds", block, Params{Address: addr, For: time.Hour + 1}, "an expiry is whole seconds"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			if err := tt.p.Check(tt.d); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func sample(t testing.TB) (Definition, Order) {
	t.Helper()
	d, _ := Lookup("block-address")
	o, err := NewOrder(d, Order{
		Params: Params{Address: netip.MustParseAddr("192.0.2.7"), For: time.Hour}, Host: "web1", Case: "plant-w1-42",
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, o
}

func TestDigestNamesEverythingThatIsApproved(t *testing.T) {
	d, o := sample(t)
	changes := map[string]func(*Definition, *Order){
		"case":       func(_ *Definition, o *Order) { o.Case = "plant-w1-43" },
		"generation": func(_ *Definition, o *Order) { o.Generation = 1 },
		"target":     func(_ *Definition, o *Order) { o.Params.Address = o.Params.Address.Next() },
		"expiry":     func(_ *Definition, o *Order) { o.Params.For += time.Second },
		"host":       func(_ *Definition, o *Order) { o.Host = "web2" },
		"undo":       func(d *Definition, _ *Order) { d.Undo = "nothing" },
		"check":      func(d *Definition, _ *Order) { d.Check = "nothing" },
		"persons":    func(d *Definition, _ *Order) { d.TwoPersons = true },
		"reversible": func(d *Definition, _ *Order) { d.Reversible = false },
	}
	for name, change := range changes {
		d2, o2 := d, o
		change(&d2, &o2)
		if err := o2.Check(d2); err == nil {
			t.Errorf("%s changed and the digest still stands", name)
		}
		if made, err := NewOrder(d2, o2); err != nil || made.Digest == o.Digest {
			t.Errorf("%s changed: same digest, or %v", name, err)
		}
	}
	same := o
	same.Decided, same.Source = time.Now(), "elsewhere"
	if err := same.Check(d); err != nil {
		t.Errorf("when and why it was decided is no part of it: %v", err)
	}
}

func TestPartsOfADigestCannotBeShifted(t *testing.T) {
	d, o := sample(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z0-9:-]{1,12}`)
		a := Order{Params: o.Params, Case: text.Draw(t, "case"), Host: text.Draw(t, "host"), Generation: rapid.IntRange(0, 120).Draw(t, "generation")}
		b := Order{Params: o.Params, Case: text.Draw(t, "case 2"), Host: text.Draw(t, "host 2"), Generation: rapid.IntRange(0, 120).Draw(t, "generation 2")}
		x, errX := NewOrder(d, a)
		y, errY := NewOrder(d, b)
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		if (a == b) != (x.Digest == y.Digest) {
			t.Fatalf("%+v and %+v", a, b)
		}
	})
}

func TestOrderThatIsTooLongToSignIsRefused(t *testing.T) {
	lock, _ := Lookup("disable-user")
	o := Order{Params: Params{User: User(strings.Repeat("u", 32)), For: time.Hour}, Host: "web1", Case: "water-utility-edge1-1234567"}
	made, err := NewOrder(lock, o)
	if err != nil {
		t.Fatalf("an order with long names of every kind must fit: %v", err)
	}
	if made.TicketSize() >= MaxTicket {
		t.Errorf("%d characters", made.TicketSize())
	}
	o.Case += strings.Repeat("1", 30)
	if _, err := NewOrder(lock, o); err == nil || !strings.Contains(err.Error(), "too long to be signed") {
		t.Errorf("got %v", err)
	}
}

func TestDigestText(t *testing.T) {
	_, o := sample(t)
	text, _ := o.Digest.MarshalText()
	var back Digest
	if err := back.UnmarshalText(text); err != nil || back != o.Digest || !strings.HasPrefix(o.Digest.String(), o.Digest.Code()) {
		t.Errorf("%s: %v", text, err)
	}
	for _, bad := range []string{"", "ab", strings.Repeat("g", 64), string(text) + "0"} {
		if err := back.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("- %q is a digest", bad)
		}
	}
}

func TestOutcomeWords(t *testing.T) {
	for o := Intended; o <= Unknown; o++ {
		text, _ := o.MarshalText()
		var back Outcome
		if err := back.UnmarshalText(text); err != nil || back != o {
			t.Errorf("%s: %v", text, err)
		}
	}
	if Unknown.Ended() || Sent.Ended() || Done.Ended() || !Undone.Ended() {
		t.Error("what may still be in force has not ended")
	}
}

func TestDefinitionsKeepTheOrderOfTheFile(t *testing.T) {
	o := Options{Enabled: []string{"limit-address", "x", "block-address"}, Expiry: map[string]time.Duration{"limit-address": 2 * time.Hour}}
	var got []string
	for _, d := range o.Definitions() {
		got = append(got, d.ID+" "+d.Expiry.String())
	}
	if diff := cmp.Diff([]string{"limit-address 2h0m0s", "block-address 1h0m0s"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"192.0.2.7", "::ffff:1.2.3.4", "mallory", "77@1", "-A", "a\x00b", "fe80::1%eth0"} {
		f.Add(seed)
	}
	all := Catalogue()
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range all {
			p, err := d.ParseParams(text)
			if err != nil {
				continue
			}
			if err := p.Check(d); err != nil {
				t.Fatalf("%s: %q parses and does not stand: %v", d.ID, text, err)
			}
			again, err := d.ParseParams(p.Target())
			if err != nil || again != p {
				t.Fatalf("%s: %q becomes %q, which does not come back: %v", d.ID, text, p.Target(), err)
			}
			if strings.HasPrefix(p.Target(), "-") || strings.ContainsAny(p.Target(), " \t\n\x00;|&$`'\"\\/<>") {
				t.Fatalf("%s: %q goes through as %q", d.ID, text, p.Target())
			}
		}
	})
}
