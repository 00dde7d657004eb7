package app

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/core/event"
	"penstock/core/store"
)

// queue holds the revisions of cases that wait to be worked, one a case: the
// newest. It is as long as there are cases at most. The gravest come first; among
// those of one severity the sources take turns, so that one that floods waits
// behind its own cases and not others' behind it. It may be used by several
// goroutines at the same time.
type queue struct {
	mu     sync.Mutex
	byCase map[string]store.Work
	grades [event.Critical + 1]turns
	later  map[string]store.Work // not before a time of theirs
	taken  int                   // and not done
	wake   chan struct{}
}

// turns is what waits of one severity: the cases of each source in their order,
// and the sources in the order of their turn.
type turns struct {
	sources []string
	cases   map[string][]string
}

func newQueue() *queue {
	q := &queue{byCase: map[string]store.Work{}, later: map[string]store.Work{}, wake: make(chan struct{}, 1)}
	for i := range q.grades {
		q.grades[i].cases = map[string][]string{}
	}
	return q
}

// Add puts revisions into the queue, each in the place of an earlier one of its
// case. It says false where one was left out because a newer one is there.
func (q *queue) Add(items ...store.Work) (all bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all = true
	added := false
	for _, w := range items {
		old, waits := q.byCase[w.Case]
		if old.Revision > w.Revision || q.later[w.Case].Revision > w.Revision {
			all = false
			continue
		}
		if waits {
			w.NotBefore = time.Time{}
			q.grades[old.Floor].drop(old)
		}
		delete(q.later, w.Case)
		if !w.NotBefore.IsZero() {
			q.later[w.Case] = w
			continue
		}
		q.byCase[w.Case] = w
		q.grades[w.Floor].add(w)
		added = true
	}
	if added { // else whoever waits would be woken for nothing, and add nothing again
		q.signal()
	}
	return all
}

// Admits says whether a queue that is to hold so many at most takes a revision: it
// has room, or something gives way to it.
func (q *queue) Admits(w store.Work, most int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, yields := q.weakest(w)
	return q.hasRoom(w, most) || yields
}

// AddWithin is Add to a queue that is to hold so many at most. It returns what had to
// give way. Where nothing does the queue becomes longer: see Admits.
func (q *queue) AddWithin(w store.Work, most int) (out store.Work, gaveWay bool) {
	q.mu.Lock()
	if !q.hasRoom(w, most) {
		if out, gaveWay = q.weakest(w); gaveWay {
			q.grades[out.Floor].drop(out)
			delete(q.byCase, out.Case)
		}
	}
	q.mu.Unlock()
	q.Add(w)
	return out, gaveWay
}

// hasRoom says whether there is room for a revision, or for it in the place of an
// earlier one of its case.
func (q *queue) hasRoom(w store.Work, most int) bool {
	_, waits := q.byCase[w.Case]
	return waits || len(q.byCase)+q.taken < most
}

// weakest returns what gives way to a revision: of what is least grave the newest of
// the source that has most of that. What is graver than the revision does not, and
// of what is as grave nothing of a source that would then have no more than its.
func (q *queue) weakest(w store.Work) (store.Work, bool) {
	for grade := range q.grades {
		t := &q.grades[grade]
		if len(t.sources) == 0 {
			continue
		}
		most := slices.MaxFunc(t.sources, func(x, y string) int { return cmp.Compare(len(t.cases[x]), len(t.cases[y])) })
		has := t.cases[most]
		if int(w.Floor) > grade || int(w.Floor) == grade && len(t.cases[w.Source])+1 < len(has) {
			return q.byCase[has[len(has)-1]], true
		}
		break
	}
	return store.Work{}, false
}

// Take returns up to n revisions and takes them out; none when there is nothing
// to do at that time. Done says that they were worked.
func (q *queue) Take(n int, now time.Time) []store.Work {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ripen(now)
	var all []store.Work
	for grade := len(q.grades) - 1; grade >= 0 && len(all) < n; grade-- {
		for len(all) < n {
			id, ok := q.grades[grade].next()
			if !ok {
				break
			}
			all = append(all, q.byCase[id])
			delete(q.byCase, id)
		}
	}
	if len(q.byCase) > 0 {
		q.signal()
	}
	q.taken += len(all)
	return all
}

// Done says that so many of those that were taken are worked, or were added anew.
func (q *queue) Done(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken -= n
}

// ripen moves what may be worked by now to where it is taken from.
func (q *queue) ripen(now time.Time) {
	var ripe []store.Work
	for id, w := range q.later {
		if !w.NotBefore.After(now) || w.NotBefore.After(now.Add(time.Hour)) { // a clock that was set back
			ripe = append(ripe, w)
			delete(q.later, id)
		}
	}
	slices.SortFunc(ripe, func(x, y store.Work) int {
		return cmp.Or(x.NotBefore.Compare(y.NotBefore), strings.Compare(x.Case, y.Case))
	})
	for _, w := range ripe {
		q.byCase[w.Case] = w
		q.grades[w.Floor].add(w)
	}
}

// Len returns how many revisions wait or are being worked, and since when the
// oldest waits. Those that are held back until a time of theirs are not counted.
func (q *queue) Len() (n int, oldest time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, w := range q.byCase {
		if oldest.IsZero() || w.Queued.Before(oldest) {
			oldest = w.Queued
		}
	}
	return len(q.byCase) + q.taken, oldest
}

// Wake receives after something was added.
func (q *queue) Wake() <-chan struct{} { return q.wake }

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // it is awake
	}
}

func (t *turns) add(w store.Work) {
	if len(t.cases[w.Source]) == 0 {
		t.sources = append(t.sources, w.Source)
	}
	t.cases[w.Source] = append(t.cases[w.Source], w.Case)
}

func (t *turns) drop(w store.Work) {
	rest := slices.DeleteFunc(t.cases[w.Source], func(id string) bool { return id == w.Case })
	t.cases[w.Source] = rest
	if len(rest) == 0 {
		delete(t.cases, w.Source)
		t.sources = slices.DeleteFunc(t.sources, func(s string) bool { return s == w.Source })
	}
}

// next takes the first case of the source whose turn it is.
func (t *turns) next() (id string, ok bool) {
	if len(t.sources) == 0 {
		return "", false
	}
	source := t.sources[0]
	id = t.cases[source][0]
	t.cases[source] = t.cases[source][1:]
	t.sources = t.sources[1:]
	if len(t.cases[source]) > 0 {
		t.sources = append(t.sources, source)
	} else {
		delete(t.cases, source)
	}
	return id, true
}
