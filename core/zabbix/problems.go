package zabbix

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of reading problems.
const (
	// lookBack is how many numbers of events before the newest are looked at again:
	// the processes of a server give numbers out in order and store them out of order.
	lookBack = 1000
	// maxOpen bounds the problems whose end is waited for; the oldest give way.
	maxOpen = 5000
	// maxAsked bounds the events that one call asks for by their numbers.
	maxAsked = 500
	// ownKeys is how the keys of our templates begin. Keys are an administrator's: no
	// text of a log gets into one.
	ownKeys = "penstock."
)

var (
	errNone   = errors.New("there are no events near the newest that was read")
	errReused = errors.New("an event has the number of another that was read")
)

// ProblemCursor is how far the problems of a Zabbix have been read. It can be kept as
// JSON. Its zero value is a reader that has not begun: it leaves out what was there
// before.
type ProblemCursor struct {
	Newest uint64   `json:"newest"` // number of the newest event that was read
	Recent []uint64 `json:"recent"` // those read among the last ones, sorted
	Open   []uint64 `json:"open"`   // problems that were handed out and are not over, sorted
	At     int64    `json:"at"`     // the latest time of an event that was read, Unix seconds
	// Gaps is how often the reader began anew, because Zabbix numbers its events from
	// below Newest: its database is another, or was restored from a backup. Problems
	// and ends of problems may be missing then.
	Gaps int `json:"gaps"`
}

// ProblemLines reads the problems that came since the cursor, and which of those that it
// read are over, as lines of the form that a server exports, at most about so many.
// Problems of triggers on our own items are left out, by the keys of the items. It
// also returns the cursor behind them, and whether more is known to wait. It blocks
// for a few calls of the API.
func (a *API) ProblemLines(ctx context.Context, c ProblemCursor, most int) (lines [][]byte, next ProblemCursor, more bool, err error) {
	most = min(max(most, 1), maxAsked)
	if c.Newest == 0 {
		next, _, err = a.beginProblems(ctx, 0)
		return nil, next, false, err
	}
	fresh, more, err := a.freshEvents(ctx, c, most)
	switch {
	case errors.Is(err, errNone), errors.Is(err, errReused):
		next, more, err = a.beginAnew(ctx, c, errors.Is(err, errReused))
		return nil, next, more, err
	case err != nil:
		return nil, c, false, err
	}
	ids := make([]uint64, len(fresh))
	ended := false
	for i, e := range fresh {
		ids[i] = uint64(e.ID)
		ended = ended || e.Value == 0
	}
	next = c.clone()
	for _, e := range fresh {
		next.At = max(next.At, int64(e.Clock))
	}
	lines, err = a.newProblems(ctx, ids, &next)
	switch {
	case err != nil:
		return nil, c, false, err
	case !ended: // nothing can be over
		return lines, next, more, nil
	}
	over, err := a.overProblems(ctx, slices.Clone(next.Open), &next) // what began and ended in one batch too
	if err != nil {
		return nil, c, false, err
	}
	return append(lines, over...), next, more, nil
}

// Equal says whether two cursors are one.
func (c ProblemCursor) Equal(d ProblemCursor) bool {
	return c.Newest == d.Newest && slices.Equal(c.Recent, d.Recent) && slices.Equal(c.Open, d.Open) && c.At == d.At && c.Gaps == d.Gaps
}

func (c ProblemCursor) clone() ProblemCursor {
	c.Recent, c.Open = slices.Clone(c.Recent), slices.Clone(c.Open)
	return c
}

// beginProblems returns the cursor behind all that is there and is not later than at,
// 0 for behind all, and the number of the newest event, 0 where there is none.
func (a *API) beginProblems(ctx context.Context, at int64) (c ProblemCursor, newest uint64, err error) {
	var rows []eventRow
	err = a.Call(ctx, "event.get", map[string]any{
		"output": []string{"eventid", "clock"}, "source": 0, "object": 0, "sortfield": "eventid", "sortorder": "DESC", "limit": lookBack,
	}, &rows)
	if err != nil {
		return ProblemCursor{}, 0, err
	}
	c = ProblemCursor{Newest: 1, At: at}
	for _, e := range rows {
		newest = max(newest, uint64(e.ID))
		if at == 0 || int64(e.Clock) <= at {
			c.read(uint64(e.ID))
		}
	}
	c.Newest = max(c.Newest, newest)
	if at == 0 {
		for _, e := range rows {
			c.At = max(c.At, int64(e.Clock))
		}
	}
	return c, newest, nil
}

// beginAnew is called where Zabbix has no event near the newest that was read, or gave
// a number again. Events that are later than all that were read are read next. Where
// nothing came since, as when all events of a quiet server were cleaned away, the cursor
// stays.
func (a *API) beginAnew(ctx context.Context, c ProblemCursor, reused bool) (next ProblemCursor, more bool, err error) {
	next, newest, err := a.beginProblems(ctx, c.At)
	switch {
	case err != nil || newest == 0:
		return c, false, err
	case newest >= c.from() && !reused: // it came just now
		return c, true, nil
	}
	next.Gaps = c.Gaps + 1
	return next, true, nil
}

// read notes an event that was read.
func (c *ProblemCursor) read(id uint64) {
	c.Newest = max(c.Newest, id)
	if at, found := slices.BinarySearch(c.Recent, id); !found {
		c.Recent = slices.Insert(c.Recent, at, id)
	}
	first, _ := slices.BinarySearch(c.Recent, c.from())
	c.Recent = slices.Delete(c.Recent, 0, first)
}

// from is the number from which events are looked at.
func (c *ProblemCursor) from() uint64 { return c.Newest - min(c.Newest-1, lookBack) }

// freshEvents returns events that were not read yet, in order: their numbers, times, and
// whether they are problems. The error is errNone or errReused where the numbers do not
// go on from those that were read.
func (a *API) freshEvents(ctx context.Context, c ProblemCursor, most int) (fresh []eventRow, more bool, err error) {
	limit := lookBack + 1 + most
	var found []eventRow
	err = a.Call(ctx, "event.get", map[string]any{
		"output": []string{"eventid", "clock", "value"}, "source": 0, "object": 0, "eventid_from": strconv.FormatUint(c.from(), 10),
		"sortfield": "eventid", "sortorder": "ASC", "limit": limit,
	}, &found)
	if err != nil {
		return nil, false, err
	}
	if len(found) == 0 {
		return nil, false, errNone
	}
	for _, e := range found {
		_, read := slices.BinarySearch(c.Recent, uint64(e.ID))
		switch {
		case !read:
			fresh = append(fresh, e)
		case c.At > 0 && int64(e.Clock) > c.At: // an event cannot get later
			return nil, false, errReused
		}
	}
	slices.SortFunc(fresh, func(x, y eventRow) int { return cmp.Compare(x.ID, y.ID) })
	if len(fresh) > most {
		return fresh[:most], true, nil
	}
	return fresh, len(found) == limit, nil
}

// newProblems returns the lines of the problems among the events, but our own, and
// notes all of them as read.
func (a *API) newProblems(ctx context.Context, ids []uint64, c *ProblemCursor) ([][]byte, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []eventRow
	err := a.Call(ctx, "event.get", map[string]any{
		"eventids": texts(ids), "output": []string{"eventid", "objectid", "clock", "ns", "value", "name", "severity"},
		"source": 0, "object": 0, "value": []int{1}, "selectHosts": []string{"host", "name"}, "selectTags": "extend",
		"sortfield": "eventid", "sortorder": "ASC",
	}, &rows)
	if err != nil {
		return nil, err
	}
	own, err := a.ownTriggers(ctx, rows)
	if err != nil {
		return nil, err
	}
	var lines [][]byte
	for i := range rows {
		if own[rows[i].Object] {
			continue
		}
		line, err := json.Marshal(rows[i].problem())
		if err != nil {
			return nil, fmt.Errorf("write problem %d: %w", rows[i].ID, err)
		}
		lines = append(lines, line)
		c.wait(uint64(rows[i].ID))
	}
	for _, id := range ids {
		c.read(id)
	}
	return lines, nil
}

// wait notes a problem whose end is waited for.
func (c *ProblemCursor) wait(id uint64) {
	if at, found := slices.BinarySearch(c.Open, id); !found {
		c.Open = slices.Insert(c.Open, at, id)
	}
	c.Open = slices.Delete(c.Open, 0, max(0, len(c.Open)-maxOpen))
}

// ownTriggers returns which of the events' triggers look at an item of ours. A trigger
// that cannot be read is not ours: our own can be.
func (a *API) ownTriggers(ctx context.Context, rows []eventRow) (map[string]bool, error) {
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.Object)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	own := map[string]bool{}
	if len(ids) == 0 {
		return own, nil
	}
	var triggers []struct {
		ID    string `json:"triggerid"`
		Items []struct {
			Key string `json:"key_"`
		} `json:"items"`
	}
	err := a.Call(ctx, "trigger.get", map[string]any{
		"triggerids": ids, "output": []string{"triggerid"}, "selectItems": []string{"key_"},
	}, &triggers)
	if err != nil {
		return nil, err
	}
	for _, t := range triggers {
		for _, item := range t.Items {
			own[t.ID] = own[t.ID] || strings.HasPrefix(item.Key, ownKeys)
		}
	}
	return own, nil
}

// overProblems returns the lines that say which of the problems are over, and waits
// for them no longer; nor for those that Zabbix has forgotten.
func (a *API) overProblems(ctx context.Context, open []uint64, c *ProblemCursor) ([][]byte, error) {
	var lines [][]byte
	for some := range slices.Chunk(open, maxAsked) {
		ended, err := a.problemEnds(ctx, some)
		if err != nil {
			return nil, err
		}
		for _, id := range some {
			end, known := ended[id]
			if known && end == (exportedEnd{}) {
				continue // it is open
			}
			if at, found := slices.BinarySearch(c.Open, id); found {
				c.Open = slices.Delete(c.Open, at, at+1)
			}
			if !known {
				continue
			}
			line, err := json.Marshal(end)
			if err != nil {
				return nil, fmt.Errorf("write the end of problem %d: %w", id, err)
			}
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// problemEnds asks what ended problems; the zero value is one that is open.
func (a *API) problemEnds(ctx context.Context, problems []uint64) (map[uint64]exportedEnd, error) {
	var rows []eventRow
	err := a.Call(ctx, "event.get", map[string]any{"eventids": texts(problems), "output": []string{"eventid", "r_eventid"}}, &rows)
	if err != nil {
		return nil, err
	}
	all := make(map[uint64]exportedEnd, len(rows))
	ended := map[uint64][]uint64{} // by the event that ended them
	for _, r := range rows {
		all[uint64(r.ID)] = exportedEnd{}
		if r.End != 0 {
			ended[uint64(r.End)] = append(ended[uint64(r.End)], uint64(r.ID))
		}
	}
	if len(ended) == 0 {
		return all, nil
	}
	var ids []uint64
	for id := range ended {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	rows = nil
	err = a.Call(ctx, "event.get", map[string]any{"eventids": texts(ids), "output": []string{"eventid", "clock", "ns"}}, &rows)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		for _, id := range ended[uint64(r.ID)] {
			all[id] = exportedEnd{Clock: r.Clock, NS: r.NS, ID: r.ID, Problem: number(id)}
		}
	}
	return all, nil
}

func texts(ids []uint64) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = strconv.FormatUint(id, 10)
	}
	return all
}

// eventRow is an event as the API gives it.
type eventRow struct {
	ID       number         `json:"eventid"`
	Value    number         `json:"value"` // 1 for a problem
	Object   string         `json:"objectid"`
	Clock    number         `json:"clock"`
	NS       number         `json:"ns"`
	Name     string         `json:"name"`
	Severity number         `json:"severity"`
	End      number         `json:"r_eventid"`
	Hosts    []exportedHost `json:"hosts"`
	Tags     []exportedTag  `json:"tags"`
}

type exportedHost struct {
	Host string `json:"host"`
	Name string `json:"name"`
}

type exportedTag struct {
	Tag   string `json:"tag"`
	Value string `json:"value"`
}

// exportedProblem is a problem as a server exports it. The groups are left out: they
// say nothing that Penstock looks at.
type exportedProblem struct {
	Clock    number         `json:"clock"`
	NS       number         `json:"ns"`
	Value    int            `json:"value"`
	ID       number         `json:"eventid"`
	Name     string         `json:"name"`
	Severity number         `json:"severity"`
	Hosts    []exportedHost `json:"hosts"`
	Groups   []string       `json:"groups"`
	Tags     []exportedTag  `json:"tags"`
}

// exportedEnd is that a problem is over, as a server exports it.
type exportedEnd struct {
	Clock   number `json:"clock"`
	NS      number `json:"ns"`
	Value   int    `json:"value"` // 0
	ID      number `json:"eventid"`
	Problem number `json:"p_eventid"`
}

func (r *eventRow) problem() exportedProblem {
	p := exportedProblem{
		Clock: r.Clock, NS: r.NS, Value: 1, ID: r.ID, Name: r.Name, Severity: r.Severity,
		Hosts: r.Hosts, Groups: []string{}, Tags: r.Tags,
	}
	if p.Hosts == nil {
		p.Hosts = []exportedHost{}
	}
	if p.Tags == nil {
		p.Tags = []exportedTag{}
	}
	return p
}
