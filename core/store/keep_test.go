package store

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
)

func TestRetentionByAge(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	c := newClock()
	s := openAt(t, folder(t), c.now)
	ended, open, waiting, acted := closed(sampleCase(1, 1, event.Low)), sampleCase(2, 1, event.High), closed(sampleCase(3, 1, event.Low)), closed(sampleCase(4, 1, event.Low))
	withCases(t, s, ended, open, waiting, acted)
	for _, h := range []cases.HeldState{ended, open, acted} {
		v := sampleVerdict(h, ByRules)
		v.EndsWork, v.Slot, v.Host = true, SlotGrant, "srv1"
		if h.Number != 2 {
			v.Orders = []action.Order{sampleOrder(t, v.Case, 0, "203.0.113.7")}
		}
		got(s.Commit(ctx, []Verdict{v}))(t)
	}
	check(t, s.EndOrder(ctx, sampleOrder(t, ended.Case.ID, 0, "203.0.113.7").Digest, action.Undone, "", nil))
	got(s.Commit(ctx, []Verdict{sampleVerdict(open, ByModel)}))(t)
	check(t, s.SaveBatch(ctx, Batch{Templates: []Template{{Source: "a", Text: "old", First: noon}}}))
	for _, l := range []Label{{Case: ended.Case.ID, Kind: "closed", At: noon}, {Case: open.Case.ID, Kind: "note", At: noon}, {Case: open.Case.ID, Kind: "false-positive", At: noon, Expires: noon.Add(time.Hour)}} {
		got(s.AddLabel(ctx, l))(t)
	}

	c.advance(89 * 24 * time.Hour)
	keepAll := got(s.Housekeep(ctx))(t)
	if keepAll.Cases+keepAll.Records+keepAll.Templates+keepAll.Labels > 0 {
		t.Errorf("given up too early: %+v", keepAll)
	}
	var sum Housekept
	for range 100 {
		c.advance(time.Hour)
		sum.add(got(s.Housekeep(ctx))(t))
	}
	// The old closed case goes; what is open, waits or has an order on its way stays,
	// of an open case's records the newest.
	wantDiff(t, Housekept{Cases: 1, Records: 3, Unsent: 6, Orders: 1, Templates: 1, Labels: 2}, sum)
	var left []string
	for _, row := range got(s.Cases(ctx, Filter{}))(t) {
		left = append(left, row.ID)
	}
	wantDiff(t, []string{open.Case.ID, acted.Case.ID, waiting.Case.ID}, left)
	records := got(s.Records(ctx, open.Case.ID, 10))(t)
	if len(records) != 1 || records[0].Seq != 4 {
		t.Errorf("records of the open case: %+v", records)
	}
	wantDiff(t, map[string][]string{"srv1": {open.Case.ID, acted.Case.ID}}, got(s.Slots(ctx))(t))
	wantDiff(t, 1, len(got(s.Orders(ctx, 10))(t)))
	check(t, s.Check(ctx))
}

func TestClockThatJumpsEmptiesNothing(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	c := newClock()
	o := smallOptions()
	o.KeepDays = 9
	s := openWith(t, folder(t), o, c.now)
	save := func(number int) {
		h := closed(sampleCase(number, 1, event.Low))
		withCases(t, s, h)
		v := sampleVerdict(h, ByRules)
		v.EndsWork = true
		got(s.Commit(ctx, []Verdict{v}))(t)
	}
	for number := range 3 {
		save(number + 1)
		c.advance(4 * 24 * time.Hour)
		for range 5 {
			got(s.Housekeep(ctx))(t)
		}
	}
	right := c.now()
	count := func() int { return len(got(s.Cases(ctx, Filter{}))(t)) }
	if n := count(); n != 2 {
		t.Fatalf("%d cases after 12 days", n)
	}
	c.set(time.Date(2038, 1, 19, 0, 0, 0, 0, time.UTC))
	got(s.Housekeep(ctx))(t)
	save(4)
	if n := count(); n != 3 {
		t.Errorf("%d cases after a jump to another year", n)
	}
	c.set(right)
	got(s.Housekeep(ctx))(t) // which notices that the clock was wrong
	save(5)
	c.advance(10 * 24 * time.Hour)
	for range 12 {
		got(s.Housekeep(ctx))(t)
	}
	if n := count(); n != 0 {
		t.Errorf("%d cases of a time that never came are kept for ever", n)
	}
	c.set(right.Add(-time.Hour))
	got(s.Housekeep(ctx))(t)
}

func TestRetentionBySize(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	c := newClock()
	o := smallOptions()
	o.MaxBytes = mebibyte // less than Check allows, so that the test is quick
	dir := folder(t)
	s, err := Open(ctx, dir, o, c.now)
	check(t, err)
	defer s.Close()
	random := rand.New(rand.NewPCG(1, 2))
	open := sampleCase(1, 1, event.High)
	withCases(t, s, open)
	const n = 120
	for i := range n {
		h := closed(sampleCase(i+2, 1, event.Low))
		h.Case.Lines[0].Text = noise(random, 13_000)
		check(t, s.SaveBatch(ctx, Batch{Cases: []cases.HeldState{h}}))
		v := sampleVerdict(h, ByRules)
		v.Record.Summary = noise(random, 4000)
		got(s.Commit(ctx, []Verdict{v}))(t)
		c.advance(time.Minute)
	}
	before, _, err := s.Size(ctx)
	check(t, err)
	done := got(s.Housekeep(ctx))(t)
	t.Logf("%d bytes before, %+v", before, done)
	if before < o.MaxBytes/2*3 || done.Bytes > o.MaxBytes || done.Over || done.Cases == 0 || done.Records == 0 {
		t.Errorf("%d bytes before, %+v", before, done)
	}
	rows := got(s.Cases(ctx, Filter{Limit: n + 1}))(t)
	if len(rows) < 25 || rows[0].ID != open.Case.ID || rows[1].ID != fmt.Sprint("plant-w1-", n+1) {
		t.Errorf("%d cases are left, the first %s and %s", len(rows), rows[0].ID, rows[1].ID)
	}
	check(t, s.Check(ctx))
	check(t, s.Close())
	if size := got(os.Stat(s.path()))(t).Size(); size > o.MaxBytes {
		t.Errorf("the file has %d bytes", size)
	}
}

// noise is text that does not compress.
func noise(r *rand.Rand, n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

func TestOnlyWhatMustStayIsOver(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	o := smallOptions()
	o.MaxBytes = 64 << 10 // less than the empty database has
	s, err := Open(ctx, folder(t), o, newClock().now)
	check(t, err)
	defer s.Close()
	open := sampleCase(1, 1, event.High)
	withCases(t, s, open)
	if done := got(s.Housekeep(ctx))(t); !done.Over {
		t.Errorf("%+v", done)
	}
	wantDiff(t, 1, len(got(s.Cases(ctx, Filter{OpenOnly: true}))(t)))
}

func TestReserve(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	o := smallOptions()
	o.ReserveBytes = mebibyte
	dir := folder(t)
	path := filepath.Join(dir, reserveName)
	s, err := Open(ctx, dir, o, newClock().now)
	check(t, err)
	for range 2 {
		if !got(s.Housekeep(ctx))(t).Reserve {
			t.Error("no reserve")
		}
	}
	info := got(os.Stat(path))(t)
	if info.Size() != mebibyte || info.Mode().Perm() != 0o600 || blocks(info) < mebibyte {
		t.Errorf("reserve of %d bytes, %d of them its own, mode %v", info.Size(), blocks(info), info.Mode())
	}
	check(t, s.FreeReserve())
	wantError(t, s.FreeReserve(), fs.ErrNotExist)
	got(s.Housekeep(ctx))(t)
	check(t, s.Close())

	o.ReserveBytes = 2 * mebibyte
	s, err = Open(ctx, dir, o, newClock().now)
	check(t, err)
	got(s.Housekeep(ctx))(t)
	wantDiff(t, int64(2*mebibyte), got(os.Stat(path))(t).Size())
	check(t, s.Close())

	s = openAt(t, dir, newClock().now) // without one
	if got(s.Housekeep(ctx))(t).Reserve {
		t.Error("a reserve that nobody asked for")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the reserve is still there")
	}
}
