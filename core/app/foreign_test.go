package app

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/record"
	"penstock/core/store"
	"penstock/core/zabbix"
)

// otherProblem is a problem of another worker that is like the case of a compared site.
func otherProblem(t *testing.T) *zabbixEvent {
	t.Helper()

	_, _, z, w := comparedSite(t)
	must(t, w.end())
	fp := z.events[0].fields[3]
	return &zabbixEvent{id: 90, at: attackEnds().Unix(), host: "gw1", fields: []string{"site-w2-7", "High", "open", fp}, severity: 4}
}

func TestWhatWasHiddenBehindAnotherWorkersProblemIsShownOnceThatEnds(t *testing.T) {
	t.Parallel()

	other := otherProblem(t)
	s, c, z, w := comparedSiteWith(t, func(s *place, z *zabbixServer) {
		s.config.Zabbix.Others = []string{"site-w2"}
		z.events = append(z.events, other)
	})
	site := &compared{t, s, c, z, w}
	hidden := "gw1 site-w2-7 High"
	site.looks()
	site.wantOpen("- the same is not shown twice", hidden)
	must(t, w.end())
	site.w = s.start()
	site.w.settled(lineCount(attackDay()))
	site.looks()
	site.wantOpen("- nor after a restart", hidden)
	z.mu.Lock()
	other.endedBy = "value"
	z.mu.Unlock()
	site.looks()
	eventually(t, "our own, once the other one is gone", func() bool { return slices.Equal(z.open(), []string{"gw1 " + comparedCase + " Medium"}) })
	must(t, site.w.end())
}

// TestTheOlderOfTwoProblemsIsNotTheRightOneForBeingOlder forges a problem before the
// worker opens its own.
func TestTheOlderOfTwoProblemsIsNotTheRightOneForBeingOlder(t *testing.T) {
	t.Parallel()

	at := attackEnds().Add(123 * time.Millisecond)
	shown := map[string]store.Shown{"p-w1-1": {Case: "p-w1-1", Host: "web", Severity: event.High, FP: "0123456789abcdef", Since: at}}
	problem := func(id, fp string, at time.Time) zabbix.Problem {
		return zabbix.Problem{EventID: id, Host: "web", At: at, Tags: map[string][]string{"case": {"p-w1-1"}, "severity": {"High"}, "fp": {fp}}}
	}
	right := shown["p-w1-1"].FP
	for _, tt := range []struct {
		name     string
		problems []zabbix.Problem
		open     string
	}{
		{"+ alone, of another time", []zabbix.Problem{problem("1", right, at.Add(time.Hour))}, "1"},
		{"- a forged one before it", []zabbix.Problem{problem("1", right, at.Add(-time.Minute)), problem("2", right, at.Add(400*time.Microsecond))}, "2"},
		{"- a forged one behind it", []zabbix.Problem{problem("1", right, at), problem("2", right, at.Add(time.Minute))}, "1"},
		{"- by the fingerprint alone", []zabbix.Problem{problem("1", "fedc", at.Add(-time.Minute)), problem("2", right, at.Add(time.Minute))}, "2"},
	} {
		d := differ(shown, tt.problems, func(string, string) bool { return false })
		if d.open["p-w1-1"].EventID != tt.open || len(d.foreign) != len(tt.problems)-1 || slices.ContainsFunc(d.foreign, func(p zabbix.Problem) bool { return p.EventID == tt.open }) {
			t.Errorf("%s: open %q, foreign %v", tt.name, d.open["p-w1-1"].EventID, d.foreign)
		}
	}
}

// SAFETY B2: whoever can make problems that cannot be closed keeps no other one open.
func TestProblemsThatCannotBeClosedKeepNoOtherOpen(t *testing.T) {
	t.Parallel()

	s, c, z, w := comparedSite(t)
	site := &compared{t, s, c, z, w}
	z.mu.Lock()
	z.kept = "gw1"
	z.mu.Unlock()
	var want []string
	for i := range closesPer + 5 {
		id := fmt.Sprintf("site-w1-%d", 900+i)
		site.forge("gw1", id, "High")
		want = append(want, "gw1 "+id+" High")
	}
	site.forge("proxy 1", "site-w1-999", "Critical")
	site.looks()
	site.looks()
	site.wantOpen("- the one that can be closed is", append([]string{"gw1 " + comparedCase + " Medium"}, want...)...)
	site.wantNotice(event.High, "it cannot be closed")
	stand := 0
	_, standing := w.board.Recent()
	for _, n := range standing {
		if strings.Contains(n.Text, "it cannot be closed") {
			stand++
		}
	}
	if stand != len(want) {
		t.Errorf("%d notices stand, want %d", stand, len(want))
	}
	must(t, w.end())
}

// TestAnEndThatIsLateIsNoForgery loses what ends a problem on its way.
func TestAnEndThatIsLateIsNoForgery(t *testing.T) {
	t.Parallel()

	s, c, z, w := comparedSiteWith(t, func(_ *place, z *zabbixServer) {
		z.api.Answer("host.get", func(params json.RawMessage) any {
			if strings.Contains(string(params), "filter") { // of those in maintenance
				return []any{}
			}
			return []map[string]any{
				{"hostid": "1", "host": "proxy 1", "name": "proxy 1", "status": "0", "flags": "0"},
				{"hostid": "2", "host": "gw1", "name": "gw1", "status": "0", "flags": "0", "proxyid": "4"},
			}
		})
		z.api.Answer("proxy.get", func(json.RawMessage) any { return []map[string]any{{"proxyid": "4", "name": "proxy"}} })
	})
	site := &compared{t, s, c, z, w}
	own := "gw1 " + comparedCase + " Medium"
	site.looks()
	z.mu.Lock()
	z.deaf = true
	z.mu.Unlock()
	_, err := w.markAs(t.Context(), "maria", MarkArgs{Case: comparedCase, Label: LabelClosed, Note: "x"})
	must(t, err)
	eventually(t, "the end that is lost", func() bool { return len(transitions(z.trapper.Values())) == 2 })
	site.looks()
	site.looks()
	site.wantOpen("+ it may come yet", own)
	c.jump(lateAfter)
	site.looks()
	site.wantOpen("- it does not")
	site.wantNotice(event.Medium, "What ended it did not arrive")
	if noticed(w, event.High, "did not open") {
		t.Error("- a late end is told as a forgery")
	}
	must(t, w.end())
}

// TestOneHostThatTakesNothingKeepsNoOtherBack has the worker's own host in a
// maintenance in which Zabbix drops values.
func TestOneHostThatTakesNothingKeepsNoOtherBack(t *testing.T) {
	t.Parallel()

	p := &publisher{o: zabbix.Options{Host: "proxy 1"}, now: attackEnds, shown: map[string]store.Shown{}}
	hosts := []zabbix.HostInfo{{Name: "proxy 1", Monitored: true, Takes: true, NoData: true}, {Name: "web", Monitored: true, Takes: true}}
	add := func(r record.Record) []store.Value {
		s := showing{p: p, after: map[string]store.Shown{}}
		s.add(&r, attackEnds())
		return s.Values
	}
	own := record.Record{Case: "p-w1-1", Severity: event.High, Status: "open", Problem: record.ProblemOwn}
	quiet := record.Record{Case: "p-w1-2", Severity: event.Low, Status: "open"}
	onWeb := quiet
	onWeb.Asset = "web"
	p.hosts.learn(hosts)
	if all := add(quiet); len(all) != 0 {
		t.Errorf("- a quiet case waits for a host that takes nothing: %v", all)
	}
	if all := add(onWeb); len(all) != 1 || all[0].Replaces {
		t.Errorf("+ another host: %v", all)
	}
	if all := add(own); len(all) != 2 || !all[0].Replaces || all[1].Replaces || !all[1].Transition {
		t.Errorf("+ a problem waits: %v", all)
	}
	hosts[0].NoData = false
	p.hosts.learn(hosts)
	if all := add(quiet); len(all) != 1 || all[0].Replaces {
		t.Errorf("+ after the maintenance: %v", all)
	}
}

// TestWhatCannotBeMadeKeepsBackNothingThatIs damages what is still to be turned into
// values while others wait.
func TestWhatCannotBeMadeKeepsBackNothingThatIs(t *testing.T) {
	t.Parallel()

	s, trapper := shownSite(t)
	trapper.Set(fake.TrapperFault{CutOff: true})
	s.write(attackDay())
	w := s.start()
	eventually(t, "a value that waits", func() bool { n, err := w.store.ValuesLen(t.Context()); return n > 0 && err == nil })
	must(t, w.end())
	s.write(strings.ReplaceAll(guesses(attackEnds(), "198.51.100.9", 1), "Failed", "Accepted"))
	s.fault = func(step string) error {
		if step == "T5.shown" {
			return errDiedHere
		}
		return nil
	}
	w = s.start()
	eventually(t, "a notice", func() bool {
		_, standing := w.board.Recent()
		return slices.ContainsFunc(standing, func(n store.Notice) bool { return n.Kind == NoticeStore && strings.Contains(n.Text, "records wait") })
	})
	trapper.Set(fake.TrapperFault{})
	eventually(t, "no value that waits", func() bool { n, err := w.store.ValuesLen(t.Context()); return n == 0 && err == nil })
	must(t, w.end())
}
