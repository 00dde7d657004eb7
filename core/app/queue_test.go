package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/store"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func work(id string, floor event.Severity, source string) store.Work {
	return store.Work{Case: id, Revision: 1, Floor: floor, Source: source, Queued: noon}
}

func taken(items []store.Work) []string {
	var all []string
	for _, w := range items {
		all = append(all, fmt.Sprint(w.Case, " ", w.Revision))
	}
	return all
}

func TestQueueGivesTheGravestFirstAndSourcesTurns(t *testing.T) {
	q := newQueue()
	for i := range 4 {
		q.Add(work(fmt.Sprint("flood", i), event.Low, "noisy"))
	}
	q.Add(work("quiet", event.Low, "calm"), work("bad", event.High, "noisy"))
	want := []string{"bad 1", "flood0 1", "quiet 1", "flood1 1", "flood2 1", "flood3 1"}
	if diff := cmp.Diff(want, taken(q.Take(10, noon))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n, _ := q.Len(); n != 6 {
		t.Errorf("%d are there or being worked, want 6", n)
	}
	q.Done(6)
	if n, _ := q.Len(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestQueueHoldsOneRevisionOfACase(t *testing.T) {
	q := newQueue()
	second := work("a", event.High, "x")
	second.Revision = 2
	q.Add(work("a", event.Low, "x"), work("b", event.Low, "x"), second, work("a", event.Low, "x"))
	if diff := cmp.Diff([]string{"a 2", "b 1"}, taken(q.Take(10, noon))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestQueueHoldsBackUntilTheTime(t *testing.T) {
	q := newQueue()
	later := work("a", event.High, "x")
	later.NotBefore = noon.Add(time.Minute)
	q.Add(later)
	if got := q.Take(10, noon); len(got) > 0 {
		t.Errorf("took %v before its time", got)
	}
	newer := later
	newer.Revision, newer.NotBefore = 2, noon.Add(2*time.Minute)
	q.Add(newer)
	if got := taken(q.Take(10, noon.Add(3*time.Minute))); !cmp.Equal(got, []string{"a 2"}) {
		t.Errorf("took %v, want revision 2", got)
	}
	q.Add(later)
	q.Add(work("a", event.High, "x")) // news does not wait behind the bound: work decides anew
	if got := taken(q.Take(10, noon)); !cmp.Equal(got, []string{"a 1"}) {
		t.Errorf("took %v, want revision 1 at once", got)
	}
	q.Add(newer)
	if q.Add(later) {
		t.Error("an earlier revision took the place of one that is held back")
	}
	if got := taken(q.Take(10, noon.Add(3*time.Minute))); !cmp.Equal(got, []string{"a 2"}) {
		t.Errorf("took %v, want revision 2", got)
	}
	// A clock that is set back must not hold it for longer than the bound.
	later.NotBefore = noon.Add(3 * time.Hour)
	q.Add(later)
	if got := taken(q.Take(10, noon)); !cmp.Equal(got, []string{"a 1"}) {
		t.Errorf("took %v with a clock that was set back", got)
	}
}

// A full queue makes room at the cost of what is least grave, and of whoever has most.
func TestQueueThatIsFullGivesWay(t *testing.T) {
	low := []store.Work{work("a1", event.Low, "a"), work("a2", event.Low, "a"), work("a3", event.Low, "a"), work("b1", event.Low, "b")}
	even := []store.Work{work("a1", event.Low, "a"), work("a2", event.Low, "a"), work("b1", event.Low, "b"), work("b2", event.Low, "b")}
	both := []store.Work{work("a1", event.High, "a"), work("a2", event.High, "a"), work("a3", event.High, "a"), work("b1", event.Low, "b")}
	newer := work("a1", event.Low, "a")
	newer.Revision = 2
	for _, tt := range []struct {
		name   string
		full   []store.Work
		add    store.Work
		admits bool
		want   string
	}{
		{"+ as grave, of another source", low, work("c1", event.Low, "c"), true, "a3"},
		{"+ as grave, of a source that has less", low, work("b2", event.Low, "b"), true, "a3"},
		{"- as grave, of the source that has most", low, work("a4", event.Low, "a"), false, ""},
		{"- as grave, of a source that would have as many", even[:3], work("b2", event.Low, "b"), false, ""},
		{"+ graver, of any source", low, work("a4", event.Medium, "a"), true, "a3"},
		{"+ graver than one of a source that has little", both, work("a4", event.High, "a"), true, "b1"},
		{"- less grave than all", both[:3], work("c1", event.Medium, "c"), false, ""},
		{"+ in the place of an earlier revision", even, newer, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := newQueue()
			q.Add(tt.full...)
			most := len(tt.full)
			if !q.Admits(work("z", event.Low, "z"), most+1) {
				t.Error("there is room, and none is found")
			}
			if got := q.Admits(tt.add, most); got != tt.admits {
				t.Errorf("admits %t, want %t", got, tt.admits)
			}
			out, gaveWay := q.AddWithin(tt.add, most)
			if out.Case != tt.want || gaveWay != (tt.want != "") {
				t.Errorf("case %q gave way, want %q", out.Case, tt.want)
			}
			left := taken(q.Take(10, noon))
			for _, id := range left {
				if tt.want != "" && id == tt.want+" 1" {
					t.Errorf("%s gave way and is there", id)
				}
			}
			if want := most; len(left) != want && tt.admits || len(left) != want+1 && !tt.admits {
				t.Errorf("%v are there", left)
			}
		})
	}
}

func TestQueueTakesNoMoreThanAsked(t *testing.T) {
	q := newQueue()
	for i := range 10 {
		q.Add(work(fmt.Sprint(i), event.Medium, "x"))
	}
	if got := q.Take(3, noon); len(got) != 3 {
		t.Errorf("took %d, want 3", len(got))
	}
	select {
	case <-q.Wake():
	default:
		t.Error("nobody is woken for the rest")
	}
	if n, oldest := q.Len(); n != 10 || !oldest.Equal(noon) {
		t.Errorf("%d wait or are being worked since %s, want 10 since noon", n, oldest)
	}
}

// A8: a hundred thousand distinct cases put 50 problems before people, ten of a
// host, and one that stands for the rest.
func TestAFloodOfCasesIsFiftyProblemsAndOne(t *testing.T) {
	s := newSlots(map[string][]string{})
	own := 0
	for i := range 100_000 {
		id := fmt.Sprint("case", i)
		if is, change := s.judge(noon, fmt.Sprint("host", i%2000), id, event.High, false); is {
			own++
			if change != store.SlotGrant {
				t.Fatalf("case %d: change %q, want a grant", i, change)
			}
			s.stored(id)
		}
	}
	if own != problemsPerSite {
		t.Errorf("%d cases with a problem of their own, want %d", own, problemsPerSite)
	}
	if told, is := s.news(noon); !is || told.count != 100_000-problemsPerSite || told.worst != event.High {
		t.Errorf("the rest: %+v", told)
	}
	oneHost := newSlots(map[string][]string{})
	for i := range 30 {
		oneHost.judge(noon, "web1", fmt.Sprint(i), event.Medium, false)
	}
	if oneHost.count != problemsPerHost {
		t.Errorf("%d problems of one host, want %d", oneHost.count, problemsPerHost)
	}
}

// Whoever floods makes room for the next cases by closing earlier ones: they do not
// get the place of those within the hour. The same case, open again, does.
func TestASlotThatWasSoonLeftIsNotGrantedToOthers(t *testing.T) {
	s := newSlots(map[string][]string{})
	at, own := noon, map[string]bool{}
	for i := range 10_000 {
		id := fmt.Sprint("case", i)
		host := fmt.Sprint("host", i%500)
		if is, _ := s.judge(at, host, id, event.Medium, false); is {
			own[id] = true
			s.stored(id)
		}
		s.judge(at, host, id, event.Medium, true)
		s.stored(id)
	}
	if len(own) != problemsPerSite {
		t.Errorf("%d cases had a problem of their own within an hour, want %d", len(own), problemsPerSite)
	}
	if is, _ := s.judge(at, "host0", "case0", event.Medium, false); !is || s.count != problemsPerSite {
		t.Errorf("a case that opens again: own %t with %d places taken, want its own of before", is, s.count)
	}
	s.judge(at, "host0", "case0", event.Medium, true)
	if is, _ := s.judge(at.Add(slotLasts), "host9", "another", event.Medium, false); !is || s.count != 1 {
		t.Errorf("an hour later: own %t with %d places taken, want one", is, s.count)
	}
	if is, _ := s.judge(at.Add(-2*slotLasts), "host9", "more", event.Medium, false); !is {
		t.Error("a clock that was set back keeps places")
	}
}

func TestASlotIsKeptUntilItsCaseCloses(t *testing.T) {
	s := newSlots(map[string][]string{})
	at := noon
	judge := func(severity event.Severity, closed bool) string {
		own, change := s.judge(at, "web1", "a", severity, closed)
		return fmt.Sprint(own, " ", change)
	}
	steps := []struct {
		severity event.Severity
		closed   bool
		stored   bool
		want     string
	}{
		{event.Low, false, true, "false "},
		{event.Medium, false, false, "true grant"},
		{event.Medium, false, true, "true grant"}, // what was not stored is said again
		{event.High, false, true, "true "},
		{event.High, true, false, "true release"},
		{event.High, true, true, "true release"},
		{event.High, true, true, "false "},
	}
	for i, step := range steps {
		if got := judge(step.severity, step.closed); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
		if step.stored {
			s.stored("a")
		}
		at = at.Add(20 * time.Minute)
	}
	if s.count != 0 || len(s.byHost) != 0 {
		t.Errorf("%d slots are left", s.count)
	}
}

func TestASourceIsSilentOnlyAgainstItsOwnHabit(t *testing.T) {
	s := newSilence()
	at := noon
	hear := func() (bool, bool) { silent, news, _ := s.look("fw1", at, at); return silent, news }
	hear()
	if silent, _, _ := s.look("fw1", at, at.Add(5*time.Hour)); silent {
		t.Error("silent on its first day")
	}
	for range 30 { // a line an hour, for more than a day
		at = at.Add(time.Hour)
		if silent, _ := hear(); silent {
			t.Fatal("silent while it speaks")
		}
	}
	if silent, _, _ := s.look("fw1", at, at.Add(2*time.Hour)); silent {
		t.Error("silent after two hours, with lines an hour apart")
	}
	silent, news, since := s.look("fw1", at, at.Add(4*time.Hour))
	if !silent || !news || since != 4*time.Hour {
		t.Errorf("after four hours: silent %t, news %t, since %s", silent, news, since)
	}
	if _, news, _ := s.look("fw1", at, at.Add(5*time.Hour)); news {
		t.Error("told twice")
	}
	at = at.Add(6 * time.Hour)
	if silent, news := hear(); silent || !news {
		t.Error("it speaks again and that is no news")
	}
}

// TestQueueWakesNobodyForNothing is about a worker that never rests: what wakes it
// for nothing makes it add nothing, which wakes it.
func TestQueueWakesNobodyForNothing(t *testing.T) {
	t.Parallel()

	wakes := func(q *queue) bool {
		select {
		case <-q.Wake():
			return true
		default:
			return false
		}
	}
	q := newQueue()
	q.Add()
	if wakes(q) {
		t.Error("- nothing was added")
	}
	q.Add(store.Work{Case: "a", Revision: 1, NotBefore: time.Now().Add(time.Hour)})
	if wakes(q) {
		t.Error("- what was added waits for its time")
	}
	q.Add(store.Work{Case: "b", Revision: 1})
	if !wakes(q) {
		t.Error("+ something was added")
	}
}
