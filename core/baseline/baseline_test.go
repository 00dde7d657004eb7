package baseline

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func TestSee(t *testing.T) {
	b := New(Options{})
	k := Key{Asset: "gw1", Program: "sshd", Template: 7}
	tests := []struct {
		name string
		at   time.Duration
		want Sight
	}{
		{"+ never seen", 0, Sight{First: true, Told: never}},
		{"+ again in the same hour", time.Minute, Sight{Gap: time.Minute, Told: never, Days: 1, Hour: true}},
		{"+ the next day, another hour", 27 * time.Hour, Sight{Gap: 27*time.Hour - time.Minute, Told: never, Days: 1}},
		{"+ two days known", 28 * time.Hour, Sight{Gap: time.Hour, Told: never, Days: 2}},
		{"+ a clock that went back is no gap", 20 * time.Hour, Sight{Told: never, Days: 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, b.See("gw1", k, start.Add(test.at))); diff != "" {
				t.Errorf("See() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTell(t *testing.T) {
	b := New(Options{})
	k := Key{Asset: "gw1", Program: "sshd"}
	b.Tell("d", k, start) // never seen: nothing to note
	b.See("d", k, start)
	b.Tell("d", k, start.Add(time.Minute))
	if got, want := b.See("d", k, start.Add(time.Hour)).Told, 59*time.Minute; got != want {
		t.Errorf("Told = %s, want %s", got, want)
	}
}

func TestSeeNoticesBurstOnce(t *testing.T) {
	b := New(Options{})
	k := Key{Asset: "gw1", Program: "dhcpd"}
	bursts := 0
	for i := range 400 {
		if b.See("d", k, start.Add(time.Duration(i)*100*time.Millisecond)).Burst > 0 {
			bursts++
		}
	}
	if bursts != 1 {
		t.Errorf("bursts noticed among 400 events in 40 s = %d, want 1 (ten times more starts the next)", bursts)
	}
}

func TestKeysOfOneDomainNeverPushOutAnother(t *testing.T) {
	b := New(Options{MaxPerDomain: 100})
	quiet := Key{Asset: "plc1", Program: "poller", Template: 1}
	b.See("plc1", quiet, start)
	for i := range 10_000 {
		b.See("flood", Key{Asset: fmt.Sprint("a", i), Program: "p", Template: uint64(i)}, start)
	}
	if b.domain("plc1").find(quiet) == nil {
		t.Error("a flood in one domain made another forget what it knew")
	}
	if n := b.Len("flood"); n > 100 {
		t.Errorf("keys of the flooded domain = %d, want at most 100", n)
	}
}

func TestFloodKeepsWhatIsSeenDaily(t *testing.T) {
	b := New(Options{MaxPerDomain: 100})
	daily := Key{Asset: "gw1", Program: "cron", Template: 1}
	for day := range 3 {
		b.See("gw1", daily, start.Add(time.Duration(day)*24*time.Hour))
	}
	for i := range 10_000 {
		b.See("gw1", Key{Asset: "gw1", Program: "cron", Template: uint64(i + 2)}, start.Add(72*time.Hour))
	}
	if b.domain("gw1").find(daily) == nil {
		t.Error("a flood of new templates made its source forget its daily life")
	}
}

func TestAllDomainsTogetherAreBounded(t *testing.T) {
	b := New(Options{MaxPerDomain: 100, MaxTotal: 1000})
	quiet := Key{Asset: "plc1", Program: "poller", Template: 1}
	b.See("plc1", quiet, start)
	for i := range 50_000 {
		b.See(fmt.Sprint("host", i%500), Key{Asset: "a", Program: "p", Template: uint64(i)}, start)
	}
	if b.total > 1000 {
		t.Errorf("keys in all = %d, want at most 1,000", b.total)
	}
	count := 0
	for _, d := range b.domains {
		count += len(d.entries)
	}
	if count != b.total {
		t.Errorf("keys in all = %d, counted as %d", count, b.total)
	}
}

func TestInventedSendersNeverPushOutOneThatSpeaksDaily(t *testing.T) {
	b := New(Options{MaxDomains: 10})
	plc := Key{Asset: "plc1", Program: "poller", Template: 1}
	for day := range 3 {
		b.See("plc1", plc, start.Add(time.Duration(day)*24*time.Hour))
	}
	for i := range 1000 {
		b.See(fmt.Sprint("invented", i), Key{Asset: "a"}, start.Add(60*time.Hour))
	}
	if b.domain("plc1").find(plc) == nil {
		t.Error("1,000 invented senders made the PLC's gateway unknown")
	}
}

// Names that were forgotten with their keys must not leave a key behind that
// nobody finds again.
func TestEvictionLeavesNoOrphans(t *testing.T) {
	b := New(Options{MaxPerDomain: 50})
	for i := range 2000 {
		k := Key{Asset: fmt.Sprint("a", i), Program: fmt.Sprint("p", i), Template: 1}
		b.See("d", k, start.Add(time.Duration(i)*time.Second))
		if b.See("d", k, start.Add(time.Duration(i)*time.Second)).First {
			t.Fatalf("key %d was never seen, a moment after it was seen", i)
		}
	}
}

func TestDomainsAreBounded(t *testing.T) {
	b := New(Options{MaxDomains: 10})
	for i := range 100 {
		b.See(fmt.Sprint("d", i), Key{Asset: "a"}, start.Add(time.Duration(i)*time.Second))
	}
	if n := len(b.domains); n > 10 {
		t.Errorf("domains = %d, want at most 10", n)
	}
	if b.domain("d99").find(Key{Asset: "a"}) == nil {
		t.Error("the newest domain is gone")
	}
}

func TestStateMakesNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "events")
		stop := rapid.IntRange(0, n).Draw(t, "stop")
		o := Options{MaxPerDomain: 20, MaxDomains: 3}
		whole, split := New(o), New(o)
		for i := range n {
			domain := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "domain")
			k := Key{
				Asset: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "asset"), Program: "p",
				Template: uint64(rapid.IntRange(0, 40).Draw(t, "template")),
			}
			at := start.Add(time.Duration(i) * time.Minute)
			if i == stop {
				state := split.State()
				split = New(o)
				split.Load(state)
			}
			if diff := cmp.Diff(whole.See(domain, k, at), split.See(domain, k, at)); diff != "" {
				t.Fatalf("event %d after a restart (-whole +split):\n%s", i, diff)
			}
		}
	})
}

func BenchmarkSee(b *testing.B) {
	base := New(Options{})
	k := Key{Asset: "gw1", Program: "sshd", Template: 7}
	b.ReportAllocs()
	for b.Loop() {
		base.See("gw1", k, start)
	}
}
