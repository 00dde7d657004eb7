package sift

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/site"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// testSignals are a failed and a successful login, an attack and a grave effect.
func testSignals(t testing.TB) *Signals {
	t.Helper()
	title := Titles{EN: "x", ES: "x", DE: "x", FR: "x"}
	s, err := NewSignals([]Signal{
		{
			ID: "login.failed", Title: title, Role: RoleFailure, Group: "login", Match: []Clause{{Any: []string{"failed password"}}},
			Then: []Escalation{
				{Count: 5, Within: 10 * time.Minute, By: "peer", Class: event.BruteForce, Severity: event.Medium, Technique: "T1110"},
				{Count: 4, Within: 10 * time.Minute, By: "peer", Distinct: "user", Class: event.UserEnumeration, Severity: event.Medium},
			},
		},
		{ID: "login.ok", Title: title, Role: RoleSuccess, Group: "login", Match: []Clause{{Any: []string{"accepted password"}}}},
		{ID: "web.traversal", Title: title, Class: event.WebAttack, Severity: event.Medium, Match: []Clause{{Any: []string{"../../"}}}},
		{ID: "log.cleared", Title: title, Class: event.LogTampering, Severity: event.High, Role: RoleEffect, Match: []Clause{{Any: []string{"log was cleared"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testSite(t testing.TB) *site.Site {
	t.Helper()
	o := site.DefaultOptions()
	o.Name = "plant"
	o.Assets = []site.AssetOptions{
		{Name: "plc1", Zone: event.ZoneOT, Aliases: []string{"10.20.0.5"}},
		{Name: "office7", Zone: event.ZoneIT, Aliases: []string{"10.10.0.7"}},
	}
	s, err := site.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSifter(t testing.TB) *Sifter {
	t.Helper()
	return New(DefaultOptions(), testSite(t), testSignals(t))
}

// line makes the event of one log line n seconds after the start.
func line(n int, host, program, text string) *event.Event {
	return &event.Event{
		Source: host + ".log", Host: host, HostOrigin: event.Observed, Program: program, Level: event.LevelUnknown,
		Time: start.Add(time.Duration(n) * time.Second), Message: text, Raw: text, Trust: event.Local,
	}
}

// settled returns a sifter that has seen enough of ordinary life to know it.
func settled(t testing.TB) (s *Sifter, seconds int) {
	t.Helper()
	s = newSifter(t)
	for i := range 2000 {
		s.Sift(line(i, "gw1", "dhcpd", fmt.Sprintf("lease of 10.10.0.%d renewed", i%200)))
	}
	if !s.learned {
		t.Fatal("2,000 ordinary lines were not enough to learn from")
	}
	return s, 2000
}

func words(f Finding) []string {
	list := []string{}
	for _, e := range f.Evidence {
		list = append(list, fmt.Sprint(e.Kind, " ", e.Severity))
	}
	return list
}

func TestSiftNovelty(t *testing.T) {
	s, now := settled(t)
	tests := []struct {
		name string
		ev   *event.Event
		want []string
	}{
		{"+ an ordinary line", line(now, "gw1", "dhcpd", "lease of 10.10.0.44 renewed"), []string{}},
		{"+ a message never seen", line(now, "gw1", "dhcpd", "no free leases on this network at all"), []string{"new-template Low"}},
		{"+ the same again", line(now, "gw1", "dhcpd", "no free leases on this network at all"), []string{}},
		{"+ a program never seen", line(now, "gw1", "telnetd", "session with a modem begins here"), []string{"new-program Low"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, words(s.Sift(test.ev))); diff != "" {
				t.Errorf("evidence (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSiftLearnsBeforeItSpeaks(t *testing.T) {
	s := newSifter(t)
	for i := range 200 {
		if f := s.Sift(line(i, "gw1", fmt.Sprint("prog", i), "words that nobody knows yet")); len(f.Evidence) > 0 {
			t.Fatalf("line %d of a new site is called novel: %v", i, words(f))
		}
	}
	if f := s.Sift(line(201, "gw1", "nginx", "GET /../../etc/passwd")); len(f.Evidence) == 0 || !f.Fresh {
		t.Error("while learning, an attack that the signals file knows is missed")
	}
}

func TestSiftRepetitionMakesBruteForce(t *testing.T) {
	s, now := settled(t)
	var got []string
	for i := range 6 {
		ev := line(now+i, "gw1", "sshd", "failed password for root")
		ev.Set(event.KeyPeer, "203.0.113.9", event.Observed)
		ev.Set(event.KeyUser, "root", event.Claimed)
		f := s.Sift(ev)
		got = append(got, fmt.Sprint(words(f), f.Fresh))
	}
	want := []string{
		"[new-program Low] true", "[] false", "[] false", "[] false", "[repeated Medium] true", "[repeated Medium] false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("six failures (-want +got):\n%s", diff)
	}
}

func TestSiftDistinctUsersMakeEnumeration(t *testing.T) {
	s, now := settled(t)
	var last Finding
	for i := range 4 {
		ev := line(now+i, "gw1", "sshd", "failed password for someone")
		ev.Set(event.KeyPeer, "203.0.113.9", event.Observed)
		ev.Set(event.KeyUser, fmt.Sprint("user", i), event.Claimed)
		last = s.Sift(ev)
	}
	if diff := cmp.Diff([]string{"fan-out Medium"}, words(last)); diff != "" {
		t.Errorf("fourth user (-want +got):\n%s", diff)
	}
}

func TestSiftSuccessAfterFailuresIsHigh(t *testing.T) {
	s, now := settled(t)
	login := func(n int, text, peer string) Finding {
		ev := line(now+n, "gw1", "sshd", text)
		ev.Set(event.KeyPeer, peer, event.Observed)
		return s.Sift(ev)
	}
	for i := range 3 {
		login(i, "failed password", "203.0.113.9")
	}
	login(4, "accepted password", "198.51.100.1") // the message is new here
	if f := login(5, "accepted password", "198.51.100.1"); len(f.Evidence) > 0 {
		t.Errorf("a success of somebody who never failed is evidence: %v", words(f))
	}
	if diff := cmp.Diff([]string{"success-after High"}, words(login(6, "accepted password", "203.0.113.9"))); diff != "" {
		t.Errorf("success after failures (-want +got):\n%s", diff)
	}
}

// One attempt leaves several lines, each of another template.
func TestSiftCountsAttemptsNotLines(t *testing.T) {
	s, now := settled(t)
	say := func(n int, text string) Finding {
		ev := line(now+n, "gw1", "sshd", text)
		ev.Set(event.KeyPeer, "10.10.0.9", event.Observed)
		return s.Sift(ev)
	}
	say(0, "failed password (first line of it)")
	say(1, "connection closed after failed password, says the second")
	say(2, "pam: also a failed password in a third")
	say(3, "accepted password")
	if f := say(4, "accepted password"); len(f.Evidence) > 0 {
		t.Errorf("one mistyped password makes a success suspicious: %v", words(f))
	}
}

// Spraying names between the guesses must not push out the count of the guesses.
func TestSiftSprayedNamesNeverHideBruteForce(t *testing.T) {
	s, now := settled(t)
	login := func(n int, text, peer, user string) Finding {
		ev := line(now+n/1000, "gw1", "sshd", text)
		ev.Set(event.KeyPeer, peer, event.Observed)
		ev.Set(event.KeyUser, user, event.Claimed)
		return s.Sift(ev)
	}
	for i := range 12 {
		login(i, "failed password", "203.0.113.9", "root")
	}
	for i := range 40_000 {
		login(i, "failed password", fmt.Sprintf("198.51.%d.%d", i/250%250, i%250), fmt.Sprint("name", i))
	}
	login(40_000, "accepted password", "10.10.0.1", "anna") // the message is new here
	if diff := cmp.Diff([]string{"success-after High"}, words(login(40_001, "accepted password", "203.0.113.9", "root"))); diff != "" {
		t.Errorf("success after twelve failures and a spray (-want +got):\n%s", diff)
	}
	if total := s.tallies.total; total > maxTotal {
		t.Errorf("tallies = %d, want at most %d", total, maxTotal)
	}
}

// One host has a whole IPv6 network to itself.
func TestSiftCountsIPv6PeersByNetwork(t *testing.T) {
	s, now := settled(t)
	var last Finding
	for i := range 5 {
		ev := line(now+i, "gw1", "sshd", "failed password for root")
		ev.Set(event.KeyPeer, fmt.Sprintf("2001:db8::%x", i+1), event.Observed)
		last = s.Sift(ev)
	}
	if diff := cmp.Diff([]string{"repeated Medium"}, words(last)); diff != "" {
		t.Errorf("fifth address of one network (-want +got):\n%s", diff)
	}
}

// Grave evidence on one unlisted host must not silence it on the next.
func TestSiftOneHostNeverSilencesAnother(t *testing.T) {
	s, now := settled(t)
	attack := func(n int, host string) Finding {
		ev := line(now+n, host, "nginx", "GET /../../etc/passwd")
		ev.Source, ev.HostOrigin = "collected.log", event.Claimed
		return s.Sift(ev)
	}
	attack(0, "web1")
	if f := attack(60, "db7"); !f.Fresh {
		t.Error("an attack on db7 is nothing new because web1 had one")
	}
}

func TestSiftLearningEnds(t *testing.T) {
	s := newSifter(t)
	for i := range 20_000 {
		s.Sift(line(i, "noisy", "app", letters(uint64(i))+" "+letters(uint64(i)*7919)))
	}
	if f := s.Sift(line(20_001, "gw1", "backdoord", "hello there")); len(f.Evidence) == 0 {
		t.Error("a source that never repeats itself kept the whole site learning")
	}
}

func TestSiftLoginAtAnUnusualHour(t *testing.T) {
	s, now := settled(t)
	login := func(day, hour int) Finding {
		ev := line(now, "gw1", "sshd", "accepted password")
		ev.Time = time.Date(2026, 4, 1+day, hour, 0, 0, 0, time.UTC)
		ev.Set(event.KeyPeer, "10.10.0.9", event.Observed)
		ev.Set(event.KeyUser, "anna", event.Claimed)
		return s.Sift(ev)
	}
	for day := range 20 {
		if f := login(day, 9); day > 0 && len(f.Evidence) > 0 {
			t.Fatalf("day %d at nine: %v", day, words(f))
		}
	}
	if diff := cmp.Diff([]string{"odd-time Low"}, words(login(21, 3))); diff != "" {
		t.Errorf("at three in the morning (-want +got):\n%s", diff)
	}
}

func TestSiftDetectorsAlertReturns(t *testing.T) {
	s := newSifter(t)
	alert := func(hours int) Finding {
		ev := line(hours*3600, "ids1", "Suricata", "")
		ev.Name = "Alert - unusual DNS query"
		return s.Sift(ev)
	}
	var got []string
	for _, hours := range []int{0, 1, 20, 45, 46} {
		got = append(got, fmt.Sprint(words(alert(hours))))
	}
	want := []string{"[new-program Low]", "[]", "[]", "[returned Low]", "[]"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

// A2: a line that names a PLC but comes from an office address.
func TestSiftForgedHostChangesNoBaselineAndNoZone(t *testing.T) {
	s, now := settled(t)
	forged := line(now, "plc1", "poller", "register 40001 written")
	forged.HostOrigin, forged.Peer = event.Claimed, netip.MustParseAddr("10.10.0.7")
	f := s.Sift(forged)
	if forged.Asset != "office7" || forged.Zone != event.ZoneIT {
		t.Errorf("the forged line belongs to %s in zone %s, want office7 in zone it", forged.Asset, forged.Zone)
	}
	found := false
	for _, e := range f.Evidence {
		found = found || e.Kind == HostMismatch
	}
	if !found || !f.Fresh {
		t.Errorf("the contradiction is no evidence: %v", words(f))
	}
	own := line(now+1, "plc1", "poller", "register 40001 written")
	if f := s.Sift(own); !cmp.Equal(words(f), []string{"new-program Low"}) {
		t.Errorf("the PLC's first own line has evidence %v, want a new program: the forged line had taught its baseline", words(f))
	}
	if own.Zone != event.ZoneOT {
		t.Errorf("zone of the PLC's own line = %s, want ot", own.Zone)
	}
}

// A8: up to a million templates from one source, an attack in another.
func TestSiftFloodOfNoveltyNeverHidesAnotherSource(t *testing.T) {
	s, now := settled(t)
	known := "pump 3 started by operator"
	for i := range 50 {
		s.Sift(line(now+i, "scada1", "hmi", known))
	}
	for i := range flood {
		a, b := uint64(i)*2654435761%1_000_003, uint64(i)*40503%999_983
		s.Sift(line(now+100, "noisy", "app", letters(a)+" "+letters(b)+" "+letters(a^b)))
	}
	if f := s.Sift(line(now+200, "scada1", "hmi", known)); len(f.Evidence) > 0 {
		t.Errorf("a flood in one source made a familiar line of another new: %v", words(f))
	}
	f := s.Sift(line(now+201, "scada1", "hmi", "the audit log was cleared"))
	if !f.Fresh || len(f.Evidence) == 0 || f.Evidence[len(f.Evidence)-1].Signal != "log.cleared" {
		t.Errorf("an attack beside a flood has evidence %v, want log.cleared", words(f))
	}
}

// letters writes a number as a word without digits, so that no mask applies.
func letters(n uint64) string {
	word := []byte("w")
	for ; n > 0; n /= 26 {
		word = append(word, byte('a'+n%26))
	}
	return string(word)
}

// A10: what cannot be true is flagged.
func TestSiftImpossibleTimeIsEvidence(t *testing.T) {
	s, now := settled(t)
	ev := line(now, "gw1", "dhcpd", "lease of 10.10.0.44 renewed")
	ev.Clamped = true
	if diff := cmp.Diff([]string{"impossible-time Low"}, words(s.Sift(ev))); diff != "" {
		t.Errorf("evidence (-want +got):\n%s", diff)
	}
}

func TestSiftSourceSeverity(t *testing.T) {
	s, now := settled(t)
	alert := line(now, "ids1", "Wazuh", "")
	alert.Name, alert.Severity = "rootkit found", event.Critical
	f := s.Sift(alert)
	if got := f.Evidence[len(f.Evidence)-1]; got.Kind != SourceSeverity || got.Severity != event.High || got.Confirmed {
		t.Errorf("a detector's Critical is worth %s (confirmed %v), want High, unconfirmed", got.Severity, got.Confirmed)
	}
}

func TestSiftStateMakesNoDifference(t *testing.T) {
	events := func(i int) *event.Event {
		ev := line(i, fmt.Sprint("h", i%3), "sshd", fmt.Sprintf("%s password number %d for u%d", []string{"failed", "accepted", "failed"}[i%3], i, i%5))
		ev.Set(event.KeyPeer, fmt.Sprintf("203.0.113.%d", i%4), event.Observed)
		return ev
	}
	whole, split := newSifter(t), newSifter(t)
	for i := range 3000 {
		if i == 1700 {
			state, err := split.State()
			if err != nil {
				t.Fatal(err)
			}
			split = newSifter(t)
			if err := split.Load(state); err != nil {
				t.Fatal(err)
			}
		}
		a, b := whole.Sift(events(i)), split.Sift(events(i))
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("event %d after a restart (-whole +split):\n%s", i, diff)
		}
	}
}

func TestSiftAllocatesNothingForKnownLines(t *testing.T) {
	s, now := settled(t)
	ev := line(now, "gw1", "dhcpd", "lease of 10.10.0.44 renewed")
	if n := testing.AllocsPerRun(100, func() { s.Sift(ev) }); n > 0 {
		t.Errorf("allocations for an ordinary line = %v, want none", n)
	}
}

func BenchmarkSift(b *testing.B) {
	s, now := settled(b)
	ev := line(now, "gw1", "dhcpd", "lease of 10.10.0.44 renewed")
	b.ReportAllocs()
	for b.Loop() {
		s.Sift(ev)
	}
}
