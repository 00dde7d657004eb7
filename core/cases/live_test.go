package cases

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/sift"
)

func ids(changes []Change) (all, due []string) {
	for _, c := range changes {
		all = append(all, c.Held.Case.ID)
		if c.Due {
			due = append(due, c.Held.Case.ID)
		}
	}
	return all, due
}

func TestTakeChangesTellsWhatIsDue(t *testing.T) {
	b := newBook(t, DefaultOptions())
	b.Track()
	scan(0, "203.0.113.9", 1).add(b)
	scan(time.Second, "203.0.113.10", 1).add(b)
	all, due := ids(b.TakeChanges())
	if diff := cmp.Diff([][]string{{"plant-w1-1", "plant-w1-2"}, {"plant-w1-1", "plant-w1-2"}}, [][]string{all, due}); diff != "" {
		t.Errorf("two cases opened (-want +got)\n%s", diff)
	}
	again := scan(2*time.Second, "203.0.113.10", 1)
	again.stale = true
	again.add(b)
	all, due = ids(b.TakeChanges())
	if diff := cmp.Diff([][]string{{"plant-w1-2"}, nil}, [][]string{all, due}); diff != "" {
		t.Errorf("one more of the same (-want +got)\n%s", diff)
	}
	if left := b.TakeChanges(); len(left) > 0 {
		t.Errorf("nothing changed and there are %d changes", len(left))
	}
}

func TestCloseQuietIsARevision(t *testing.T) {
	b := newBook(t, DefaultOptions())
	b.Track()
	scan(0, "203.0.113.9", 1).add(b)
	high := step{peer: "203.0.113.10", template: 2, kind: sift.SignalMatch, class: event.ExploitAttempt, severity: event.High}
	high.add(b)
	b.TakeChanges()
	b.CloseQuiet(start.Add(59 * time.Minute))
	if left := b.TakeChanges(); len(left) > 0 {
		t.Errorf("closed after 59 minutes: %v", left)
	}
	b.CloseQuiet(start.Add(61 * time.Minute))
	changes := b.TakeChanges()
	if len(changes) != 1 || !changes[0].Due || changes[0].Held.Case.Status != Closed || changes[0].Held.Case.Revision != 2 {
		t.Fatalf("after 61 minutes: %+v, want the Low case closed with revision 2, and the High one open", changes)
	}
	if !b.Close("plant-w1-2") || b.Close("plant-w1-2") || b.Close("plant-w1-99") {
		t.Error("a High case is closed by a person, once")
	}
	if open := b.Open(); open != [numGrades]int{} {
		t.Errorf("open cases: %v", open)
	}
}

// A book that was stored piece by piece goes on as one that never stopped.
func TestStoredPiecesMakeTheSameBook(t *testing.T) {
	whole, first := newBook(t, DefaultOptions()), newBook(t, DefaultOptions())
	first.Track()
	pieces := map[string]HeldState{}
	var head State
	for i := range 200 {
		s := scan(time.Duration(i)*time.Minute, []string{"203.0.113.9", "203.0.113.10", "203.0.113.11"}[i%3], uint64(i%7))
		s.add(whole)
		if i < 100 {
			s.add(first)
			for _, c := range first.TakeChanges() {
				pieces[c.Held.Case.ID] = c.Held
			}
			head = first.Head()
		}
	}
	second := newBook(t, DefaultOptions())
	for _, h := range pieces {
		if h.Case.Status == Closed {
			head.Closed = append(head.Closed, h)
		} else {
			head.Open = append(head.Open, h)
		}
	}
	if err := second.Load(head); err != nil {
		t.Fatal(err)
	}
	for i := 100; i < 200; i++ {
		scan(time.Duration(i)*time.Minute, []string{"203.0.113.9", "203.0.113.10", "203.0.113.11"}[i%3], uint64(i%7)).add(second)
	}
	if diff := cmp.Diff(whole.Cases(), second.Cases()); diff != "" {
		t.Errorf("cases (-whole +from pieces)\n%s", diff)
	}
}

// A case that was decided to be High is closed by a person, as one is that rules
// find High.
func TestRaisedCaseIsClosedByAPersonOnly(t *testing.T) {
	o := DefaultOptions()
	o.MaxOpen = 10
	b := newBook(t, o)
	guess := step{peer: "203.0.113.9", template: 1, kind: sift.SignalMatch, class: event.BruteForce, severity: event.Medium}
	grave := guess.add(b).Case
	guess.peer = "203.0.113.10"
	other := guess.add(b).Case
	b.Track()
	b.Raise(grave, event.High)
	b.Raise(grave, event.Medium) // as an earlier verdict said
	b.Raise("plant-w1-99", event.High)
	if n, _ := b.Changed(); n > 0 {
		t.Error("a raise is a change of the case")
	}
	if diff := cmp.Diff([numGrades]int{event.Medium: 1, event.High: 1}, b.Open()); diff != "" {
		t.Errorf("open cases (-want +got)\n%s", diff)
	}
	status := func(id string) Status {
		c, ok := b.Find(id)
		if !ok {
			t.Fatalf("case %s is gone", id)
		}
		return c.Status
	}
	flood := step{at: time.Minute, template: 2, kind: sift.SignalMatch, class: event.ExploitAttempt, severity: event.Medium}
	for i := range 100 { // more than there is room for, and at last none that is less grave
		if i >= 50 {
			flood.severity = event.High
		}
		flood.peer = fmt.Sprintf("198.51.100.%d", i)
		flood.add(b)
	}
	b.CloseQuiet(start.Add(24 * time.Hour))
	scan(25*time.Hour, "203.0.113.9", 1).add(b)
	if status(grave) != Open || status(other) != Closed {
		t.Errorf("a day later the one that was raised is %s, the other %s", status(grave), status(other))
	}
	if !b.Close(grave) {
		t.Error("a person cannot close it")
	}
	b.Raise(grave, event.High) // a verdict that came too late
	guess.peer, guess.at, guess.stale = "203.0.113.9", 26*time.Hour, true
	if out := guess.add(b); out.Case != grave || status(grave) != Open {
		t.Errorf("more of the same opens case %s again, which is %s", out.Case, status(grave))
	}
	if b.CloseQuiet(start.Add(28 * time.Hour)); status(grave) != Closed {
		t.Error("what was said before a person closed it still holds it open")
	}
}

// Text that instructs takes the model's say away, so that whoever asked it must see
// another revision.
func TestFirstInstructionIsARevisionOnce(t *testing.T) {
	b := newBook(t, DefaultOptions())
	id := scan(0, "203.0.113.9", 1).add(b).Case
	text := step{peer: "203.0.113.9", template: 1, kind: sift.Instructing, class: event.Instruction, severity: event.Low, stale: true}
	for i := range 3 {
		text.at = time.Duration(i+1) * time.Minute
		text.add(b)
	}
	if c, _ := b.Find(id); c.Revision != 2 || !c.Instructs {
		t.Errorf("revision %d, instructs %t, want 2, true", c.Revision, c.Instructs)
	}
}
