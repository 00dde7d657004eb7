package llm

import (
	"fmt"
	"time"
)

// cost is what questions cost.
type cost struct {
	calls  int
	tokens int
	work   time.Duration
}

func (c *cost) add(d cost) {
	c.calls += d.calls
	c.tokens += d.tokens
	c.work += d.work
}

// window sums up what was spent lately. Time is counted from its start, so that a
// clock that is set changes nothing.
type window struct {
	start time.Time
	width time.Duration // of one slot
	slots []slot
}

// slot is one piece of time: what all questions cost, and what those did that may
// not use what is reserved.
type slot struct {
	n             int64 // pieces since the start
	all, ordinary cost
}

func newWindow(start time.Time, width time.Duration, n int) window {
	return window{start: start, width: width, slots: make([]slot, n)}
}

func (w *window) add(now time.Time, r Request, c cost) {
	n := int64(now.Sub(w.start) / w.width)
	s := &w.slots[n%int64(len(w.slots))]
	if s.n != n {
		*s = slot{n: n}
	}
	s.all.add(c)
	if !r.Reserved {
		s.ordinary.add(c)
	}
}

func (w *window) sum(now time.Time) (all, ordinary cost) {
	n := int64(now.Sub(w.start) / w.width)
	for _, s := range w.slots {
		if s.n > n-int64(len(w.slots)) {
			all.add(s.all)
			ordinary.add(s.ordinary)
		}
	}
	return all, ordinary
}

// overBudget says what of the hour's budget is used up. What is not reserved may
// use half of it. Each question at work may overrun it by its own tokens and time.
// The caller holds mu.
func (c *Client) overBudget(r Request) error {
	limit := cost{calls: c.o.CallsPerHour, tokens: c.o.TokensPerHour, work: c.o.TimePerHour}
	all, ordinary := c.hour.sum(c.now())
	text := all.reaches(limit)
	if text == "" && !r.Reserved {
		half := cost{calls: (limit.calls + 1) / 2, tokens: limit.tokens / 2, work: limit.work / 2}
		text = ordinary.reaches(half)
	}
	if text == "" {
		return nil
	}
	return &Error{Fault: Budget, Err: fmt.Errorf("the hour has had its %s", text)}
}

// reaches says which limit is reached, "" for none.
func (c cost) reaches(limit cost) string {
	switch {
	case c.calls >= limit.calls:
		return fmt.Sprintf("%d calls", limit.calls)
	case c.tokens >= limit.tokens:
		return fmt.Sprintf("%d tokens", limit.tokens)
	case c.work >= limit.work:
		return fmt.Sprintf("%s at work", limit.work)
	}
	return ""
}

// spend counts a request that is about to be sent, unless the budget forbids it.
func (c *Client) spend(r Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.overBudget(r); err != nil {
		return err
	}
	c.spendAll(r, cost{calls: 1})
	return nil
}

// spent counts what a request has cost beside.
func (c *Client) spent(r Request, tokens int, work time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spendAll(r, cost{tokens: tokens, work: work})
}

func (c *Client) spendAll(r Request, spent cost) {
	c.hour.add(c.now(), r, spent)
	c.day.add(c.now(), r, spent)
	c.total.spent.add(spent)
}
