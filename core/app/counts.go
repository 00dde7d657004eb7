package app

import (
	"sync"

	"penstock/core/store"
)

// rate counts events a second, over about the last ten. It may be used by several
// goroutines at the same time.
type rate struct {
	mu     sync.Mutex
	fresh  int
	all    uint64 // since the start
	smooth float64
}

func (r *rate) add(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fresh += n
	r.all += uint64(n)
}

// sum returns how many events there were since the start.
func (r *rate) sum() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

// tick is called once a second.
func (r *rate) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.smooth += (float64(r.fresh) - r.smooth) / 10
	r.fresh = 0
}

func (r *rate) value() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.smooth
}

// totals are what was counted since the state directory was made. They may be used
// by several goroutines at the same time.
type totals struct {
	mu  sync.Mutex
	all map[string]store.Count
}

func newTotals(all map[string]store.Count) *totals {
	if all == nil {
		all = map[string]store.Count{}
	}
	return &totals{all: all}
}

func (t *totals) add(more map[string]store.Count) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, c := range more {
		have := t.all[name]
		t.all[name] = store.Count{
			Lines: have.Lines + c.Lines, Bytes: have.Bytes + c.Bytes, Suppressed: have.Suppressed + c.Suppressed, Attached: have.Attached + c.Attached,
			Forwarded: have.Forwarded + c.Forwarded, Cut: have.Cut + c.Cut, Gaps: have.Gaps + c.Gaps,
		}
	}
}

func (t *totals) of(name string) store.Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[name]
}
