package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/config"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/site"
)

func seenHosts(t *testing.T, events ...event.Event) *hostList {
	t.Helper()
	o := site.DefaultOptions()
	o.Timezone = "UTC"
	o.Assets = []site.AssetOptions{{Name: "plc1", Aliases: []string{"10.20.0.5"}}, {Name: "nas"}}
	s, err := site.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l := &hostList{site: s, byName: map[hostKey]*hostSeen{}}
	for i := range events {
		if err := l.add(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func TestPrintUnmatched(t *testing.T) {
	peer := netip.MustParseAddr
	l := seenHosts(t,
		event.Event{Host: "nas", Raw: "known"},
		event.Event{Host: "Web1", Peer: peer("10.1.1.1"), Source: "a.log", Raw: "first"},
		event.Event{Host: "web1", Peer: peer("10.1.1.2"), Source: "a.log", Raw: "second"},
		event.Event{Host: "web1", Peer: peer("10.1.1.2"), Source: "a.log", Raw: "third"},
		event.Event{Host: "ap1", Peer: peer("10.1.1.9"), Source: "b.log", Raw: "x"},
		event.Event{Host: "ap2", Peer: peer("10.1.1.9"), Source: "b.log", Raw: "y\x1b[31m"},
		event.Event{Host: "plc1", Peer: peer("10.1.1.3"), Source: "b.log", Raw: "z"},
		event.Event{Source: "c.log", Raw: "no host at all"},
	)
	var b strings.Builder
	if err := printUnmatched(&b, l.sorted(true), "en"); err != nil {
		t.Fatal(err)
	}
	want := `# hosts that are not listed: 3; check each, then paste it under site: assets:
    # 10.1.1.9 sends lines of several hosts: if it passes on logs, list it with roles: [relay]
    # 1 event in c.log without a host: say whose they are under sources, with the key host
    # 10.1.1.3 calls itself "plc1", which is another asset's name (1 event): add the address to that asset, or look who this is
    # 3 events, first in a.log: second
    - name: "web1"
      aliases: ["10.1.1.2", "10.1.1.1"]
      # zone: it, dmz or ot
    # 1 event, first in b.log: x
    - name: "ap1"
      # zone: it, dmz or ot
    # 1 event, first in b.log: y␛[31m
    - name: "ap2"
      # zone: it, dmz or ot
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHostWordsAreThereInEveryLanguage holds that no text lacks a language or a value.
func TestHostWordsAreThereInEveryLanguage(t *testing.T) {
	for _, text := range []pipeline.Text{
		hostNotListed, hostDisputed, hostNone, hostNoEvents, hostAllKnown, hostToPaste, hostRelay, hostOfFile, hostCallsItself, hostFirstIn, hostZone,
	} {
		text.Check(func(path, problem string) { t.Errorf("%q, %s: %s", text.EN, path, problem) })
	}
}

func TestPrintHostsInTheSitesLanguage(t *testing.T) {
	l := seenHosts(t, event.Event{Host: "nas"}, event.Event{Host: "nas"}, event.Event{Source: "c.log"})
	var b strings.Builder
	if err := printHosts(&b, l.sorted(false), "de"); err != nil {
		t.Fatal(err)
	}
	want := "nas              nas                  unbekannt  2 Ereignisse\n(keiner, c.log)  (nicht eingetragen)  unbekannt  1 Ereignis\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzPrintUnmatched holds that whatever hosts call themselves, what is printed
// can be pasted.
func FuzzPrintUnmatched(f *testing.F) {
	f.Add("web1", "WEB1.", "a: b\n- c", byte(1))
	f.Add("\x1b[31m", "10.1.1.1", "no", byte(2))
	f.Add("a/b", "\u202e", "\x7f\u0085", byte(3))
	f.Fuzz(func(t *testing.T, one, two, line string, last byte) {
		peer := netip.AddrFrom4([4]byte{10, 1, 1, last})
		l := seenHosts(t,
			event.Event{Host: one, Raw: line, Source: line}, event.Event{Host: two, Peer: peer, Raw: line},
			event.Event{Host: one, Peer: peer}, event.Event{Peer: peer},
		)
		var b strings.Builder
		if err := printUnmatched(&b, l.sorted(true), "en"); err != nil {
			t.Fatal(err)
		}
		text := "state_dir: x\nsite:\n  assets:\n" + b.String()
		if _, err := config.Parse("pasted", []byte(text)); err != nil {
			t.Errorf("cannot be pasted: %v\n%s", err, text)
		}
	})
}
