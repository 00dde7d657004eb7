package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/core/event"
)

func TestSnapshotTakesTheStepsAway(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	dir := folder(t)
	s := openAt(t, dir, newClock().now)
	for i := range 3 {
		check(t, s.SaveBatch(ctx, sampleBatch(i+1)))
	}
	check(t, s.SaveSnapshot(ctx, writeText("learned")))
	check(t, s.SaveBatch(ctx, sampleBatch(4)))
	check(t, s.Close())
	s = openAt(t, dir, newClock().now)
	start := got(s.Start(ctx, 0))(t)
	wantDiff(t, map[string]event.Cursor{"auth/1a2b3c": fileCursor(3)}, start.SnapshotCursors)
	wantDiff(t, map[string]event.Cursor{"auth/1a2b3c": fileCursor(4)}, start.Cursors)
	wantDiff(t, sampleBatch(4).Steps, start.Steps)
	wantDiff(t, uint64(4000), start.Totals["auth"].Lines)
	wantDiff(t, uint64(4), start.Book.Counter)
	wantDiff(t, "learned", contentsOf(t, s).Snapshot)

	b := sampleBatch(5)
	b.Steps, b.Forget = nil, []string{"auth/1a2b3c"}
	check(t, s.SaveBatch(ctx, b))
	check(t, s.SaveSnapshot(ctx, writeText("more")))
	start = got(s.Start(ctx, 0))(t)
	wantDiff(t, map[string]event.Cursor{}, start.SnapshotCursors)
	wantDiff(t, map[string]event.Cursor{}, start.Cursors)
}

func TestSnapshotThatFailsLeavesTheOld(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	check(t, s.SaveSnapshot(ctx, writeText("first")))
	check(t, s.SaveBatch(ctx, sampleBatch(1)))
	before := contentsOf(t, s)
	err := s.SaveSnapshot(ctx, func(w io.Writer) error {
		_, err := io.WriteString(w, "half of the sec")
		return errors.Join(err, errDied)
	})
	wantError(t, err, errDied)
	wantDiff(t, before, contentsOf(t, s))
	wantDiff(t, 1, len(got(os.ReadDir(filepath.Join(s.dir, snapshotsDir)))(t)))
}

func TestSnapshotsThatAreKept(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	c := newClock()
	s := openAt(t, folder(t), c.now)
	for i := range 60 { // every 6 hours for 15 days, from noon
		check(t, s.SaveSnapshot(ctx, writeText(fmt.Sprint(i+1))))
		c.advance(6 * time.Hour)
	}
	var names []string
	for _, f := range got(s.Snapshots())(t) {
		names = append(names, strings.TrimLeft(strings.TrimSuffix(f.Name, ".snap"), "0"))
	}
	// The two newest, and the last one of each of the last seven days.
	wantDiff(t, []string{"60", "59", "58", "54", "50", "46", "42", "38"}, names)

	check(t, s.RollBack(ctx, "00000046.snap"))
	check(t, s.SaveBatch(ctx, sampleBatch(1)))
	wantDiff(t, "46", contentsOf(t, s).Snapshot)
	wantDiff(t, 1, len(got(s.Start(ctx, 0))(t).Steps))
	check(t, s.SaveSnapshot(ctx, writeText("new")))
	wantDiff(t, "new", contentsOf(t, s).Snapshot)
	for _, name := range []string{"00000001.snap", "../lock", "x.snap", ""} {
		if err := s.RollBack(ctx, name); err == nil {
			t.Errorf("went back to %q", name)
		}
	}
}
