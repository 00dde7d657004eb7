package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/record"
	"penstock/core/store"
	"penstock/core/zabbix"
)

// shownSite is a site of which cases are shown in a Zabbix.
func shownSite(t *testing.T) (*place, *fake.Trapper) {
	t.Helper()
	s, trapper := actingSite(t), fake.NewTrapper(t)
	s.config.Zabbix.Host = "proxy 1"
	s.config.Zabbix.Send.To = []string{trapper.Address}
	return s, trapper
}

// transitions returns what opened and closed problems, each once however often it
// was sent: the same value of the same time is the same for Zabbix.
func transitions(values []fake.Sent) (all []string) {
	seen := map[string]bool{}
	for _, v := range values {
		key := fmt.Sprint(v.Host, v.Clock, v.NS)
		if v.Key != zabbix.KeyTransition || seen[key] {
			continue
		}
		seen[key] = true
		fields := strings.Split(v.Value, "|")
		all = append(all, v.Host+": "+strings.Join(fields[:3], " "))
	}
	return all
}

func TestACaseIsOneProblemHoweverMuchComes(t *testing.T) {
	t.Parallel()

	s, trapper := shownSite(t)
	s.write(attackDay())
	w := s.start()
	w.settled(lineCount(attackDay()))
	opened := transitions(trapper.Values())
	if len(opened) == 0 || slices.ContainsFunc(opened, func(s string) bool { return !strings.Contains(s, " open") }) {
		t.Fatalf("transitions %v", opened)
	}
	for range 3 { // more of the same
		w.more(s, guesses(s.now(), "198.51.100.9", 40))
	}
	got := transitions(trapper.Values())
	slices.Sort(got)
	if diff := cmp.Diff(slices.Compact(slices.Clone(got)), got); diff != "" {
		t.Errorf("a problem opened twice (-want +got)\n%s", diff)
	}
	must(t, w.end())

	before := len(trapper.Values())
	w = s.start() // it remembers what is shown
	w.settled(0)
	must(t, w.end())
	if n := len(trapper.Values()) - before; n != 0 {
		t.Errorf("%d values were sent by a worker that had nothing new", n)
	}
}

func TestNothingIsLostWhileZabbixIsAway(t *testing.T) {
	t.Parallel()

	s, trapper := shownSite(t)
	want := func() []string {
		other, all := shownSite(t)
		other.write(attackDay())
		w := other.start()
		w.settled(lineCount(attackDay()))
		must(t, w.end())
		return transitions(all.Values())
	}()
	faults := []fake.TrapperFault{{For: 2, CutOff: true}, {For: 1, Half: 9}, {For: 1, Drop: true}, {For: 1, Answer: "no"}}
	trapper.Stop()
	s.write(attackDay())
	w := s.start()
	eventually(t, "a notice", func() bool {
		_, standing := w.board.Recent()
		return slices.ContainsFunc(standing, func(n store.Notice) bool { return n.Kind == NoticeZabbix && strings.Contains(n.Text, "they wait") })
	})
	must(t, w.end())
	trapper.Start()
	for _, fault := range faults {
		trapper.Set(fault)
		w = s.start()
		eventually(t, "the fault", func() bool { _, standing := w.board.Recent(); return len(standing) > 0 || w.rests() })
		must(t, w.end())
	}
	w = s.start()
	w.settled(lineCount(attackDay()))
	must(t, w.end())
	if diff := cmp.Diff(want, transitions(trapper.Values())); diff != "" {
		t.Errorf("transitions (-want +got)\n%s", diff)
	}
	inOrder(t, trapper.Values())
}

// inOrder wants the times of each host's values to grow, but where one was sent again.
func inOrder(t *testing.T, values []fake.Sent) {
	t.Helper()
	newest := map[string]time.Time{}
	seen := map[string]bool{}
	for _, v := range values {
		at, key := time.Unix(v.Clock, int64(v.NS)), fmt.Sprint(v.Host, v.Clock, v.NS)
		if !seen[key] && !at.After(newest[v.Host]) {
			t.Errorf("%s of host %s has the time %s, behind %s", v.Key, v.Host, at, newest[v.Host])
		}
		seen[key], newest[v.Host] = true, at
	}
}

// TestShowingInterruptedAtEveryStep lets the process die at each step of what is
// stored of Zabbix in turn.
func TestShowingInterruptedAtEveryStep(t *testing.T) {
	t.Parallel()

	var want []string
	for i, step := range []string{"", "T5.begin", "T5.outbox", "T5.shown", "T5.commit", "T5.after"} {
		for n := 1; n <= 2; n++ {
			s, trapper := shownSite(t)
			var left atomic.Int64
			left.Store(int64(n))
			s.fault = func(at string) error {
				if at == step && left.Add(-1) == 0 {
					return errDiedHere
				}
				return nil
			}
			s.write(attackDay())
			w := s.start()
			eventually(t, step, func() bool { return step != "" && left.Load() <= 0 || w.rests() && w.totals.of("gw1").Lines > 0 })
			_ = w.end() // it died
			s.fault = nil
			w = s.start()
			w.settled(lineCount(attackDay()))
			must(t, w.end())
			if i == 0 {
				want = transitions(trapper.Values())
				break
			}
			if diff := cmp.Diff(want, transitions(trapper.Values())); diff != "" {
				t.Errorf("- died at %s, time %d (-want +got)\n%s", step, n, diff)
			}
		}
	}
	if len(want) == 0 {
		t.Error("nothing was shown")
	}
}

var errDiedHere = errors.New("died here")

// TestAChangeThatFailedAndIsStoredIsMadeOnce is about a commit of which nobody can
// say whether it was done, and a process that lives on.
func TestAChangeThatFailedAndIsStoredIsMadeOnce(t *testing.T) {
	t.Parallel()

	var records, change, failed atomic.Bool
	s, c, z, w := comparedSiteWith(t, func(s *place, _ *zabbixServer) {
		s.fault = func(at string) error {
			switch {
			case at == "T2.record":
				records.Store(true)
			case at == "T5.shown":
				change.Store(records.Load())
			case at == "T5.after" && change.Swap(false) && !failed.Swap(true):
				return errDiedHere
			}
			return nil
		}
	})
	looks(t, w, c)
	if len(z.open()) != 1 || noticed(w, event.High, "did not open") {
		t.Errorf("a look undid it: open %v", z.open())
	}
	w.more(s, guesses(c.now(), "198.51.100.9", 40))
	must(t, w.end())
	if diff := cmp.Diff([]string{"gw1: site-w1-1 Medium open"}, transitions(z.trapper.Values())); diff != "" {
		t.Errorf("transitions (-want +got)\n%s", diff)
	}
	if !failed.Load() {
		t.Error("no change failed")
	}
}

func TestWhatAHostRefusesIsShownOnTheWorkersOwn(t *testing.T) {
	t.Parallel()

	s, trapper := shownSite(t)
	s.config.Zabbix.Hosts = map[string]string{"gw1": "Gateway 1"}
	trapper.Refuse(func(v fake.Sent) bool { return v.Host != "proxy 1" })
	s.write(attackDay())
	w := s.startWith(func(w *Worker) { w.publisher.patience, w.publisher.pause = 300*time.Millisecond, 20*time.Millisecond })
	w.settled(lineCount(attackDay()))
	got := transitions(trapper.Values())
	if len(got) == 0 || !strings.HasPrefix(got[0], "proxy 1: ") {
		t.Errorf("transitions %v", got)
	}
	for _, v := range trapper.Values() {
		if v.Key == zabbix.KeyTransition && !strings.Contains(v.Value, "|gw1|") {
			t.Errorf("the value does not name the host that it is about: %s", v.Value)
		}
	}
	inOrder(t, trapper.Values())
	must(t, w.end())
}

func TestWhatAnotherWorkerShowsIsNotShownTwice(t *testing.T) {
	t.Parallel()

	p := &publisher{o: zabbix.Options{Host: "proxy 1", Others: []string{"valley-w2"}}, now: attackEnds, shown: map[string]store.Shown{}}
	r := record.Record{Case: "valley-w1-1", Asset: "web", Severity: event.High, Status: "open", Problem: record.ProblemOwn}
	problem := func(host, id, severity string) zabbix.Problem {
		return zabbix.Problem{Host: host, Tags: map[string][]string{"case": {id}, "severity": {severity}, "fp": {zabbix.Fingerprint(r)}}}
	}
	for _, tt := range []struct {
		name    string
		problem zabbix.Problem
		opens   bool
	}{
		{"- the same", problem("web", "valley-w2-7", "High"), false},
		{"- graver", problem("web", "valley-w2-7", "Critical"), false},
		{"+ less grave", problem("web", "valley-w2-7", "Medium"), true},
		{"+ of a worker that is not known", problem("web", "valley-w3-7", "High"), true},
		{"+ on our own host", problem("proxy 1", "valley-w2-7", "High"), true},
	} {
		p.others = p.shownByOthers([]zabbix.Problem{tt.problem})
		s := showing{p: p, after: map[string]store.Shown{}}
		s.add(&r, attackEnds())
		opens := slices.ContainsFunc(s.Values, func(v store.Value) bool { return v.Transition })
		if opens != tt.opens || (s.of(r.Case).Severity != event.None) != tt.opens || len(s.Values) == 0 {
			t.Errorf("%s: opens %t, values %v", tt.name, opens, s.Values)
		}
	}
}

// TestAProblemOfAHostThatRefusesNowMovesAndItsEndWaits is about a host that took a
// problem and is then disabled: what ends that problem must not end the new one.
func TestAProblemOfAHostThatRefusesNowMovesAndItsEndWaits(t *testing.T) {
	t.Parallel()

	s, trapper := shownSite(t)
	c := clockAt(attackEnds())
	s.now = c.now
	s.config.Zabbix.Hosts = map[string]string{"gw1": "Gateway 1"}
	s.write(attackDay())
	w := s.startWith(func(w *Worker) { w.publisher.patience, w.publisher.pause = 200*time.Millisecond, 10*time.Millisecond })
	w.settled(lineCount(attackDay()))
	trapper.Refuse(func(v fake.Sent) bool { return v.Host != "proxy 1" })
	s.write(strings.ReplaceAll(guesses(c.now(), "198.51.100.9", 1), "Failed", "Accepted"))
	want := []string{"Gateway 1: site-w1-1 Medium open", "proxy 1: site-w1-1 High open"}
	eventually(t, "the problem on the worker's own host", func() bool {
		return slices.Equal(transitions(trapper.Values()), want)
	})
	if n, err := w.store.ValuesLen(t.Context()); n == 0 || err != nil {
		t.Errorf("%d values wait, %v", n, err)
	}
	trapper.Refuse(func(fake.Sent) bool { return false })
	c.jump(refusedFor + time.Minute)
	wake(w.publisher.wake)
	want = append(want, "Gateway 1: site-w1-1 Medium close")
	eventually(t, "the end of the old one", func() bool { return slices.Equal(transitions(trapper.Values()), want) })
	must(t, w.end())
}

func TestPickHandsOverOneTransitionOfAHostAtATime(t *testing.T) {
	t.Parallel()

	value := func(id int64, host string, transition bool) store.Value {
		return store.Value{ID: id, Host: host, Transition: transition}
	}
	waiting := []store.Value{
		value(1, "a", false), value(2, "a", true), value(3, "a", false), value(4, "b", true), value(5, "b", true), value(6, "c", false), value(7, "c", false),
	}
	never := func(*store.Value) bool { return false }
	var ids []int64
	for _, v := range pick(waiting, never) {
		ids = append(ids, v.ID)
	}
	if diff := cmp.Diff([]int64{1, 2, 4, 6, 7}, ids); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	large := []store.Value{{ID: 1, Host: "a", Value: strings.Repeat("x", bytesAtOnce+1)}, {ID: 2, Host: "b"}}
	if n := len(pick(large, never)); n != 1 {
		t.Errorf("%d values go with one that is too large alone", n)
	}
	many := make([]store.Value, valuesAtOnce)
	if n := len(pick(many, never)); n != zabbix.MostValues {
		t.Errorf("%d values in a request", n)
	}
}

func TestWhatEndsAProblemWaitsBehindWhatOpenedIt(t *testing.T) {
	t.Parallel()

	now := attackEnds()
	p := &publisher{now: func() time.Time { return now }, turned: map[string]time.Time{}}
	transition := func(id, severity, what string) *store.Value {
		return &store.Value{Case: id, Host: "web", Transition: true, Value: strings.Join([]string{id, severity, what, "x"}, "|")}
	}
	p.took(transition("w1-1", "Medium", "open"))
	for _, tt := range []struct {
		name  string
		v     *store.Value
		waits bool
	}{
		{"+ its end", transition("w1-1", "Medium", "close"), true},
		{"+ opened once more", transition("w1-1", "Medium", "open"), true},
		{"- a problem of another severity", transition("w1-1", "High", "open"), false},
		{"- another case", transition("w1-2", "Medium", "close"), false},
	} {
		p.held = map[string]refusal{}
		if waits := p.isTooSoon(tt.v); waits != tt.waits || len(p.holds()) > 0 != waits || p.held["web"].next.After(now.Add(apart)) {
			t.Errorf("%s: waits %t, %+v", tt.name, waits, p.held)
		}
	}
	end := *transition("w1-1", "Medium", "close")
	behind := store.Value{Host: "web", Case: "w1-2"}
	if batch := pick([]store.Value{end, behind, {Host: "db"}}, p.isTooSoon); len(batch) != 1 || batch[0].Host != "db" {
		t.Errorf("%v go, past one that waits", batch)
	}
	now = now.Add(-time.Hour)
	if p.isTooSoon(&end) {
		t.Error("it waits for a clock that was set back")
	}
	now = now.Add(time.Hour + apart)
	if p.isTooSoon(&end) {
		t.Error("it waits for ever")
	}
	p.took(transition("w1-3", "High", "open"))
	if len(p.turned) != 1 {
		t.Errorf("%d problems are remembered", len(p.turned))
	}
}

func TestWhatWaitsForAMomentKeepsBackNothingOfOtherHosts(t *testing.T) {
	t.Parallel()

	s, trapper := shownSite(t)
	var stands atomic.Pointer[time.Time] // the clock
	goes := s.now
	s.now = func() time.Time {
		if at := stands.Load(); at != nil {
			return *at
		}
		return goes()
	}
	w := s.start()
	w.settled(0)
	at := goes()
	stands.Store(&at)
	var values []store.Value
	add := func(host, key, value string) {
		behind := at.Add(time.Duration(len(values)))
		values = append(values, store.Value{Case: "x-w1-1", Host: host, Key: key, Value: value, At: behind, Transition: key == zabbix.KeyTransition})
	}
	add("a", zabbix.KeyTransition, "x-w1-1|Medium|open|x")
	add("a", zabbix.KeyTransition, "x-w1-1|Medium|close|resolved")
	for range valuesAtOnce {
		add("a", zabbix.KeyCase, "{}")
	}
	add("b", zabbix.KeyCase, "{}")
	must(t, w.store.Show(t.Context(), store.Showing{Sink: zabbixSink, Values: values}))
	wake(w.publisher.wake)
	isOfOther := func(v fake.Sent) bool { return v.Host == "b" }
	eventually(t, "the value of another host", func() bool { return slices.ContainsFunc(trapper.Values(), isOfOther) })
	if sent := trapper.Values(); len(sent) != 2 {
		t.Errorf("%d values were sent, want what opens the problem, and the other host's", len(sent))
	}
	stands.Store(nil)
	eventually(t, "all values", func() bool { return len(trapper.Values()) >= len(values) })
	must(t, w.end())
	inOrder(t, trapper.Values())
}

func TestDifferFindsWhatIsForeignAndWhatIsMissing(t *testing.T) {
	t.Parallel()

	problem := func(event, host, id, severity string) zabbix.Problem {
		return zabbix.Problem{EventID: event, Host: host, Tags: map[string][]string{"case": {id}, "severity": {severity}}}
	}
	shown := map[string]store.Shown{
		"p-w1-1": {Case: "p-w1-1", Host: "web", Severity: event.High},
		"p-w1-2": {Case: "p-w1-2", Host: "web", Severity: event.Medium},
		"p-w1-3": {Case: "p-w1-3", Host: "web", Severity: event.Medium},
	}
	problems := []zabbix.Problem{
		problem("1", "web", "p-w1-1", "High"),
		problem("2", "web", "p-w1-1", "High"),     // a second one
		problem("3", "web", "p-w1-1", "Critical"), // another severity
		problem("4", "db", "p-w1-1", "High"),      // another host
		problem("5", "web", "p-w1-9", "High"),     // no such case
		problem("6", "web", "p-w1-3", "High"),     // on its way
		problem("8", "db", "p-w1-3", "High"),      // not on its way to there
		{EventID: "7", Host: "web", Tags: map[string][]string{"case": {"p-w1-1", "x"}}},
	}
	d := differ(shown, problems, func(id, host string) bool { return id == "p-w1-3" && host == "web" })
	var foreign, missing []string
	for _, p := range d.foreign {
		foreign = append(foreign, p.EventID)
	}
	for _, s := range d.missing {
		missing = append(missing, s.Case)
	}
	if diff := cmp.Diff([]string{"2", "3", "4", "5", "8", "7"}, foreign); diff != "" {
		t.Errorf("foreign (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p-w1-2"}, missing); diff != "" {
		t.Errorf("missing (-want +got)\n%s", diff)
	}
	if len(d.open) != 1 || d.open["p-w1-1"].EventID != "1" {
		t.Errorf("open %v", d.open)
	}
}

func TestRouteFindsTheHostOfAnAsset(t *testing.T) {
	t.Parallel()

	now := attackEnds()
	p := &publisher{o: zabbix.Options{Host: "proxy 1", Hosts: map[string]string{"fw": "Firewall"}}, now: func() time.Time { return now }}
	route := func(asset string, shown store.Shown) string {
		return p.route(&shown, &record.Record{Asset: asset})
	}
	want := func(name, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	want("+ named, nothing known", route("fw", store.Shown{}), "Firewall")
	want("- not named, nothing known", route("web", store.Shown{}), "proxy 1")
	p.hosts.learn([]zabbix.HostInfo{
		{Name: "Firewall", Visible: "web", Monitored: true},
		{Name: "Web", Visible: "Portal", Monitored: true, Takes: true},
		{Name: "db", Monitored: true, Takes: true, NoData: true},
		{Name: "old", Takes: true},
	})
	want("- named, takes nothing", route("fw", store.Shown{}), "proxy 1")
	want("+ by technical name, in whatever case", route("web", store.Shown{}), "Web")
	want("+ by visible name", route("portal", store.Shown{}), "Web")
	want("- its values would be dropped", route("db", store.Shown{}), "proxy 1")
	want("- disabled", route("old", store.Shown{}), "proxy 1")
	want("- unknown", route("plc7", store.Shown{}), "proxy 1")
	want("- no asset", route("", store.Shown{}), "proxy 1")
	want("+ stays where it is", route("db", store.Shown{Host: "Web", Severity: event.High}), "Web")
	want("- but not where nothing is kept", route("db", store.Shown{Host: "db", Severity: event.High}), "proxy 1")
	if diff := cmp.Diff([]string{"db"}, p.hosts.dropping); diff != "" {
		t.Errorf("dropping (-want +got)\n%s", diff)
	}
	p.hosts.refuse("Web", now)
	want("- refused a moment ago", route("web", store.Shown{}), "proxy 1")
	now = now.Add(2 * time.Hour)
	want("+ is tried again", route("web", store.Shown{}), "Web")
}
