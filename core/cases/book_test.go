package cases

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/event"
	"penstock/core/sift"
	"penstock/core/site"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func newBook(t testing.TB, o Options) *Book {
	t.Helper()
	return NewBook(o, mustSite(), "w1", func(id uint64) string { return fmt.Sprintf("template %d", id) })
}

// step is one event with its finding.
type step struct {
	at       time.Duration
	peer     string
	template uint64
	kind     sift.Kind
	class    event.Class
	severity event.Severity
	stale    bool
}

func (s step) add(b *Book) Outcome {
	ev := &event.Event{
		Time: start.Add(s.at), Host: "web1", Asset: "web1", Zone: event.ZoneDMZ, Program: "nginx",
		Message: fmt.Sprintf("line %d", s.template), Level: event.LevelUnknown,
	}
	ev.Set(event.KeyPeer, s.peer, event.Observed)
	f := sift.Finding{Source: "web1.log", Template: s.template, Fresh: !s.stale}
	if s.kind != 0 {
		f.Evidence = []sift.Evidence{{Kind: s.kind, Class: s.class, Severity: s.severity, Signal: "s", Subject: s.peer}}
	}
	return b.Add(ev, f)
}

func scan(at time.Duration, peer string, template uint64) step {
	return step{at: at, peer: peer, template: template, kind: sift.SignalMatch, class: event.ScanProbe, severity: event.Low}
}

func TestAdd(t *testing.T) {
	const peer = "203.0.113.9"
	exploit := step{at: 2 * time.Minute, peer: peer, template: 9, kind: sift.SignalMatch, class: event.ExploitAttempt, severity: event.High}
	again := scan(time.Minute, peer, 1)
	again.stale = true
	alone := again
	alone.at = 3 * time.Hour
	tests := []struct {
		name  string
		steps []step
		want  []string // decisions
	}{
		{"+ nothing noticed", []step{{template: 1}}, []string{"suppress"}},
		{"+ opens", []step{scan(0, peer, 1)}, []string{"forward"}},
		{"+ repetition attaches", []step{scan(0, peer, 1), again}, []string{"forward", "attach"}},
		{"+ what is familiar opens nothing", []step{again}, []string{"suppress"}},
		{"+ what is familiar does not open a case that went quiet", []step{scan(0, peer, 1), alone}, []string{"forward", "suppress"}},
		{"+ a new template is material", []step{scan(0, peer, 1), scan(time.Minute, peer, 2)}, []string{"forward", "forward"}},
		{"- A7: an exploit hides in an open Low case", []step{scan(0, peer, 1), again, exploit}, []string{"forward", "attach", "forward"}},
		{"+ another peer is another case", []step{scan(0, peer, 1), scan(1, "203.0.113.10", 1)}, []string{"forward", "forward"}},
		{
			"+ what the peer of a Medium case does next belongs to it",
			[]step{
				{peer: peer, template: 1, kind: sift.SignalMatch, class: event.WebAttack, severity: event.Medium},
				{at: time.Minute, peer: peer, template: 5},
				{at: 2 * time.Hour, peer: peer, template: 5},
			},
			[]string{"forward", "attach", "suppress"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBook(t, DefaultOptions())
			var got []string
			for _, s := range test.steps {
				got = append(got, s.add(b).Decision.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("decisions (-want +got):\n%s", diff)
			}
		})
	}
}

// Text that tries to instruct must not change what a case is about, and so what is
// done about it: neither when it comes first nor when it comes last.
func TestInstructingTextNeverHidesWhatHappened(t *testing.T) {
	const peer = "203.0.113.9"
	text := step{peer: peer, template: 1, kind: sift.Instructing, class: event.Instruction, severity: event.Medium}
	attack := step{peer: peer, template: 2, kind: sift.SignalMatch, class: event.WebAttack, severity: event.Medium}
	fresh := step{peer: peer, template: 3, kind: sift.NewTemplate, class: event.Novelty, severity: event.Low}
	for _, tt := range []struct {
		name  string
		steps []step
		want  event.Class
	}{
		{"+ text alone", []step{fresh, text}, event.Instruction},
		{"- text, then an attack", []step{text, attack}, event.WebAttack},
		{"- an attack, then text", []step{attack, text}, event.WebAttack},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBook(t, DefaultOptions())
			for _, s := range tt.steps {
				s.add(b)
			}
			c := b.Cases()[0]
			if diff := cmp.Diff(tt.want, c.Class); diff != "" || !c.Instructs {
				t.Errorf("instructs: %v, class (-want +got):\n%s", c.Instructs, diff)
			}
		})
	}
}

func TestTenfoldGrowthIsMaterial(t *testing.T) {
	b := newBook(t, DefaultOptions())
	scan(0, "203.0.113.9", 1).add(b)
	forwards := 0
	for i := range 5000 {
		s := scan(time.Duration(i)*time.Second, "203.0.113.9", 1)
		s.stale = true
		if out := s.add(b); out.Decision == Forward {
			forwards++
			if diff := cmp.Diff("tenfold", out.Reasons[0]); diff != "" {
				t.Errorf("reason (-want +got):\n%s", diff)
			}
		}
	}
	if forwards != 2 { // at 100 and at 1,000 events
		t.Errorf("forwards for 5,000 repetitions = %d, want 2", forwards)
	}
}

func TestDayGoneByIsMaterial(t *testing.T) {
	b := newBook(t, DefaultOptions())
	high := step{peer: "203.0.113.9", template: 1, kind: sift.SignalMatch, class: event.Execution, severity: event.High}
	high.add(b)
	high.at, high.stale = 23*time.Hour, true
	if out := high.add(b); out.Decision != Attach {
		t.Errorf("after 23 hours: %s, want attach: High cases stay open", out.Decision)
	}
	high.at = 25 * time.Hour
	if out := high.add(b); out.Decision != Forward || out.Reasons[0] != "day-gone-by" {
		t.Errorf("after a day: %s %v, want forward, day-gone-by", out.Decision, out.Reasons)
	}
}

func TestRevisionsOfOneCaseAreBounded(t *testing.T) {
	b := newBook(t, Options{Quiet: time.Hour, ForwardsPerHour: 12, NoveltyPerHour: 5, MaxOpen: 100, KeepClosed: 10})
	forwards := 0
	for i := range 1000 {
		if scan(time.Duration(i)*time.Second, "203.0.113.9", uint64(i)).add(b).Decision == Forward {
			forwards++
		}
	}
	if forwards != 12 {
		t.Errorf("forwards within an hour = %d, want 12", forwards)
	}
	worse := step{at: 1001 * time.Second, peer: "203.0.113.9", template: 1, kind: sift.SignalMatch, class: event.Execution, severity: event.High}
	if out := worse.add(b); out.Decision != Forward {
		t.Errorf("a higher floor beyond the bound: %s, want forward", out.Decision)
	}
}

func TestFloodedHostNeverClosesAnothersCases(t *testing.T) {
	b := newBook(t, Options{Quiet: time.Hour, ForwardsPerHour: 12, NoveltyPerHour: 5, MaxOpen: 50, KeepClosed: 10})
	other := &event.Event{Time: start, Host: "plc1", Asset: "plc1", Level: event.LevelUnknown}
	kept := b.Add(other, sift.Finding{Source: "plc1.log", Template: 1, Fresh: true, Evidence: []sift.Evidence{{Kind: sift.NewTemplate, Class: event.Fault, Severity: event.Low}}})
	for i := range 1000 {
		scan(time.Duration(i)*time.Millisecond, fmt.Sprintf("198.51.100.%d", i), 1).add(b)
	}
	if c, ok := b.Find(kept.Case); !ok || c.Status != Open {
		t.Error("a flood on one host closed another host's case")
	}
	if len(b.open) > 50 {
		t.Errorf("open cases = %d, want at most 50", len(b.open))
	}
}

func TestClosedCasesThatAreNotKeptAreCounted(t *testing.T) {
	b := newBook(t, Options{Quiet: time.Minute, ForwardsPerHour: 12, NoveltyPerHour: 5, MaxOpen: 100, KeepClosed: 10})
	for i := range 300 {
		scan(time.Duration(i)*time.Hour, fmt.Sprintf("203.0.113.%d", i%7), uint64(i)).add(b)
	}
	kept := len(b.Cases())
	if kept+b.Dropped(event.Low) != 300 || b.Dropped(event.Low) == 0 {
		t.Errorf("kept %d, dropped %d, want 300 in all", kept, b.Dropped(event.Low))
	}
}

// A short attack, a pause until its case has closed, and then the real one: sift
// calls the second no longer fresh, and it must not be lost for that.
func TestWarmUpNeverHidesTheAttackAfterIt(t *testing.T) {
	b := newBook(t, DefaultOptions())
	guess := step{peer: "203.0.113.9", template: 1, kind: sift.Repeated, class: event.BruteForce, severity: event.Medium}
	first := guess.add(b)
	forwards := 0
	for i := range 5000 {
		s := guess
		s.at, s.stale = 4*time.Hour+time.Duration(i)*time.Second, true
		out := s.add(b)
		if out.Case != first.Case || out.Decision == Suppress {
			t.Fatalf("guess %d after the pause: %s to case %q, want it in %s", i, out.Decision, out.Case, first.Case)
		}
		if out.Decision == Forward {
			forwards++
		}
	}
	if forwards != 3 {
		t.Errorf("forwards = %d, want 3: when it resumes, at 100 and at 1,000 events", forwards)
	}
}

func TestNewsHeldBackIsToldLater(t *testing.T) {
	b := newBook(t, Options{Quiet: 3 * time.Hour, ForwardsPerHour: 2, NoveltyPerHour: 1, MaxOpen: 100, KeepClosed: 10})
	for i := range 5 {
		scan(time.Duration(i)*time.Minute, "203.0.113.9", uint64(i)).add(b)
	}
	s := scan(61*time.Minute, "203.0.113.9", 1)
	s.stale = true
	if out := s.add(b); out.Decision != Forward || out.Reasons[0] != "held-back" {
		t.Errorf("first event after the hour: %s %v, want forward, held-back", out.Decision, out.Reasons)
	}
}

func TestBoundNeverHoldsBackWhatIsGrave(t *testing.T) {
	grave := step{at: time.Minute, peer: "203.0.113.9", template: 1, kind: sift.SuccessAfter, class: event.SuspiciousLogin, severity: event.High}
	tests := []struct {
		name string
		last step
		want string
	}{
		{"- a first success", grave, "first-success"},
		{"- a higher floor", step{at: time.Minute, peer: "203.0.113.9", template: 1, kind: sift.SignalMatch, class: event.Execution, severity: event.High}, "higher-floor"},
		{"- the first text that instructs", step{at: time.Minute, peer: "203.0.113.9", template: 1, kind: sift.Instructing, class: event.Instruction, severity: event.Low, stale: true}, "first-instruction"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBook(t, Options{Quiet: time.Hour, ForwardsPerHour: 1, NoveltyPerHour: 1, MaxOpen: 100, KeepClosed: 10})
			scan(0, "203.0.113.9", 1).add(b)
			if out := test.last.add(b); out.Decision != Forward || !slices.Contains(out.Reasons, test.want) {
				t.Errorf("%s %v, want forward with %s", out.Decision, out.Reasons, test.want)
			}
		})
	}
}

func TestQuietCaseIsShownAsClosed(t *testing.T) {
	b := newBook(t, DefaultOptions())
	scan(0, "203.0.113.9", 1).add(b)
	step{at: 5 * time.Hour}.add(b) // an event of no case
	if c := b.Cases()[0]; c.Status != Closed {
		t.Errorf("a case quiet for five hours is shown as %s, want closed", c.Status)
	}
}

// A flood of Medium cases on invented hosts, and one Critical case.
func TestFloodNeverClosesAGraveCase(t *testing.T) {
	b := newBook(t, Options{Quiet: time.Hour, ForwardsPerHour: 12, NoveltyPerHour: 5, MaxOpen: 50, KeepClosed: 10})
	shell := step{peer: "203.0.113.9", template: 1, kind: sift.SignalMatch, class: event.Execution, severity: event.High}
	grave := shell.add(b)
	for i := range 1000 {
		s := shell
		s.peer, s.severity = fmt.Sprintf("198.51.100.%d", i), event.Medium
		s.add(b)
	}
	if c, ok := b.Find(grave.Case); !ok || c.Status != Open {
		t.Error("a flood of Medium cases closed a High one")
	}
	for i := range 1000 {
		s := shell
		s.peer = fmt.Sprintf("198.51.100.%d", i)
		if out := s.add(b); out.Case == "" {
			t.Fatal("a High event found no case at all")
		}
	}
	if len(b.open) > 51 {
		t.Errorf("open cases = %d, want at most 50 and the one for the rest", len(b.open))
	}
}

func TestCaseKeepsTheGravestLines(t *testing.T) {
	b := newBook(t, DefaultOptions())
	for i := range 3 * MaxLines {
		scan(time.Duration(i)*time.Second, "203.0.113.9", 1).add(b)
	}
	step{at: 500 * time.Second, peer: "203.0.113.9", template: 77, kind: sift.SignalMatch, class: event.Execution, severity: event.High}.add(b)
	c := b.Cases()[0]
	if len(c.Lines) != MaxLines || c.Events != 3*MaxLines+1 {
		t.Fatalf("lines = %d, events = %d, want %d, %d", len(c.Lines), c.Events, MaxLines, 3*MaxLines+1)
	}
	found := false
	for i, l := range c.Lines {
		found = found || l.Text == "line 77"
		if l.Number != i+1 {
			t.Errorf("line %d has number %d", i+1, l.Number)
		}
	}
	if !found {
		t.Error("the gravest line came late and was not kept")
	}
}

// A11: what is captured holds no secret and no control character.
func TestCaptureMasksSecretsAndControls(t *testing.T) {
	b := newBook(t, DefaultOptions())
	ev := &event.Event{
		Time: start, Host: "web1", Asset: "web1", Level: event.LevelUnknown,
		Message: "login with password=hunter2 \x1b[31mred\x1b[0m\u202e", Program: "app",
	}
	ev.Set(event.KeyURL, "/login?password=hunter2", event.Claimed)
	b.Add(ev, sift.Finding{Template: 1, Fresh: true, Evidence: []sift.Evidence{{Kind: sift.NewTemplate, Class: event.Novelty, Severity: event.Low, Subject: "password=hunter2"}}})
	whole := fmt.Sprintf("%+v", b.Cases())
	for _, bad := range []string{"hunter2", "\x1b", "\u202e"} {
		if strings.Contains(whole, bad) {
			t.Errorf("the case holds %q: %s", bad, whole)
		}
	}
}

func drawStep(t *rapid.T) step {
	return step{
		at:       time.Duration(rapid.IntRange(0, 200_000).Draw(t, "at")) * time.Second,
		peer:     rapid.SampledFrom([]string{"", "203.0.113.9", "203.0.113.10"}).Draw(t, "peer"),
		template: uint64(rapid.IntRange(1, 6).Draw(t, "template")),
		kind:     rapid.SampledFrom([]sift.Kind{0, sift.NewTemplate, sift.SignalMatch, sift.Repeated, sift.Problem, sift.Recovered}).Draw(t, "kind"),
		class:    rapid.SampledFrom([]event.Class{event.ScanProbe, event.WebAttack, event.Execution}).Draw(t, "class"),
		severity: event.Severity(rapid.IntRange(1, 4).Draw(t, "severity")),
		stale:    rapid.Bool().Draw(t, "stale"),
	}
}

func TestFloorNeverFalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBook(DefaultOptions(), mustSite(), "w1", func(uint64) string { return "" })
		highest := map[string]event.Severity{}
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			out := drawStep(t).add(b)
			if out.Decision != Suppress && out.Severity < highest[out.Case] {
				t.Fatalf("floor of %s fell from %s to %s", out.Case, highest[out.Case], out.Severity)
			}
			highest[out.Case] = max(highest[out.Case], out.Severity)
		}
	})
}

func TestStateMakesNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fresh := func() *Book {
			return NewBook(Options{Quiet: time.Hour, ForwardsPerHour: 3, NoveltyPerHour: 2, MaxOpen: 10, KeepClosed: 5}, mustSite(), "w1", func(uint64) string { return "" })
		}
		whole, split := fresh(), fresh()
		n := rapid.IntRange(1, 60).Draw(t, "events")
		stop := rapid.IntRange(0, n).Draw(t, "stop")
		for i := range n {
			if i == stop {
				split = reload(t, split, fresh())
			}
			s := drawStep(t)
			if diff := cmp.Diff(s.add(whole), s.add(split)); diff != "" {
				t.Fatalf("event %d after a restart (-whole +split):\n%s", i, diff)
			}
		}
		if diff := cmp.Diff(whole.Cases(), split.Cases()); diff != "" {
			t.Fatalf("cases (-whole +split):\n%s", diff)
		}
	})
}

// reload takes a book's state through gob, as a state file does.
func reload(t *rapid.T, from, to *Book) *Book {
	var file bytes.Buffer
	if err := gob.NewEncoder(&file).Encode(from.State()); err != nil {
		t.Fatal(err)
	}
	var state State
	if err := gob.NewDecoder(&file).Decode(&state); err != nil {
		t.Fatal(err)
	}
	if err := to.Load(state); err != nil {
		t.Fatal(err)
	}
	return to
}

func mustSite() *site.Site {
	o := site.DefaultOptions()
	o.Name = "plant"
	o.Assets = []site.AssetOptions{{Name: "web1", Zone: event.ZoneDMZ}}
	s, err := site.New(o)
	if err != nil {
		panic(err)
	}
	return s
}

// A7: what is grave does not hide in a case that is open and low.
func TestExploitNeverHidesInAnOpenLowCase(t *testing.T) {
	b := newBook(t, DefaultOptions())
	opened := scan(0, "203.0.113.9", 1).add(b)
	for i := range 200 { // beyond what the hour allows
		scan(time.Duration(i)*time.Second, "203.0.113.9", uint64(i)).add(b)
	}
	exploit := step{at: 5 * time.Minute, peer: "203.0.113.9", template: 999, kind: sift.SignalMatch, class: event.ExploitAttempt, severity: event.High}
	out := exploit.add(b)
	if out.Case != opened.Case || out.Decision != Forward || out.Severity < event.Medium {
		t.Errorf("an exploit after a scan: %s %s of case %s, want case %s forward, Medium or worse", out.Decision, out.Severity, out.Case, opened.Case)
	}
}
