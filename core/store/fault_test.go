package store

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"penstock/core/action"
	"penstock/core/event"
)

var errDied = errors.New("died here")

// transaction is one of T1 to T5, with what has to be there before it.
type transaction struct {
	name    string
	steps   []string // where it can be interrupted
	prepare func(t testing.TB, s *Store)
	run     func(t testing.TB, ctx context.Context, s *Store) error
	// again is what a repeat after the commit returns, where that is not nil.
	again error
}

func transactions() []transaction {
	open := sampleCase(1, 1, event.High)
	withCase := func(t testing.TB, s *Store) {
		b := sampleBatch(1)
		b.Cases, b.Work = append(b.Cases, open), append(b.Work, sampleWork(open))
		check(t, s.SaveBatch(t.Context(), b))
	}
	withOrder := func(t testing.TB, s *Store) {
		withCase(t, s)
		v := sampleVerdict(open, ByRules)
		v.Orders = []action.Order{sampleOrder(t, open.Case.ID, 0, "203.0.113.7")}
		got(s.Commit(t.Context(), []Verdict{v}))(t)
	}
	return []transaction{
		{
			name:    "T1",
			steps:   []string{"T1.begin", "T1.cursors", "T1.templates", "T1.cases", "T1.work", "T1.commit", "T1.after"},
			prepare: withCase,
			run: func(_ testing.TB, ctx context.Context, s *Store) error {
				b := sampleBatch(2)
				grown, ended, fresh := sampleCase(1, 2, event.Critical), closed(sampleCase(2, 1, event.Medium)), sampleCase(3, 1, event.Low)
				b.Cases = append(b.Cases, grown, ended, fresh)
				b.Work = append(b.Work, sampleWork(grown), sampleWork(fresh))
				b.Templates = []Template{{Source: "auth", Host: "srv1", Program: "sshd", Text: "new message", First: noon}}
				b.Forget = []string{"auth/gone"}
				return s.SaveBatch(ctx, b)
			},
		},
		{
			name:    "T2",
			steps:   []string{"T2.begin", "T2.record", "T2.outbox", "T2.orders", "T2.work", "T2.commit", "T2.after"},
			prepare: withCase,
			run: func(t testing.TB, ctx context.Context, s *Store) error {
				v := sampleVerdict(open, ByRules)
				v.Orders = []action.Order{sampleOrder(t, open.Case.ID, 0, "203.0.113.7"), sampleOrder(t, open.Case.ID, 0, "root")}
				v.EndsWork, v.Slot, v.Host = true, SlotGrant, "srv1"
				_, err := s.Commit(ctx, []Verdict{v})
				return err
			},
		},
		{
			name:    "T3",
			steps:   []string{"T3.begin", "T3.record", "T3.outbox", "T3.orders", "T3.talk", "T3.work", "T3.commit", "T3.after"},
			prepare: withOrder,
			run: func(_ testing.TB, ctx context.Context, s *Store) error {
				v := sampleVerdict(open, ByModel)
				v.EndsWork, v.Talk = true, []byte("question, answer")
				_, err := s.Commit(ctx, []Verdict{v})
				return err
			},
		},
		{
			name:    "T4 sent",
			steps:   []string{"T4.begin", "T4.sent", "T4.commit", "T4.after"},
			prepare: withOrder,
			run: func(t testing.TB, ctx context.Context, s *Store) error {
				return s.MarkSent(ctx, sampleOrder(t, open.Case.ID, 0, "203.0.113.7").Digest, "local")
			},
			again: ErrOrderState, // so that it is never sent twice
		},
		{
			name:  "T4 ended",
			steps: []string{"T4.begin", "T4.ended", "T4.record", "T4.outbox", "T4.orders", "T4.commit", "T4.after"},
			prepare: func(t testing.TB, s *Store) {
				withOrder(t, s)
				check(t, s.MarkSent(t.Context(), sampleOrder(t, open.Case.ID, 0, "203.0.113.7").Digest, "local"))
			},
			run: func(t testing.TB, ctx context.Context, s *Store) error {
				v := sampleVerdict(open, "")
				return s.EndOrder(ctx, sampleOrder(t, open.Case.ID, 0, "203.0.113.7").Digest, action.Done, "blocked", &v)
			},
		},
		{
			name:    "T5",
			steps:   []string{"T5.begin", "T5.outbox", "T5.commit", "T5.after"},
			prepare: withOrder,
			run: func(_ testing.TB, ctx context.Context, s *Store) error {
				return s.Acknowledge(ctx, "log", []int64{1})
			},
		},
		{
			name: "snapshot",
			steps: []string{
				"snapshot.file", "snapshot.begin", "snapshot.base", "snapshot.streams", "snapshot.steps", "snapshot.commit", "snapshot.after",
			},
			prepare: func(t testing.TB, s *Store) {
				withCase(t, s)
				check(t, s.SaveSnapshot(t.Context(), writeText("the first")))
				check(t, s.SaveBatch(t.Context(), sampleBatch(2)))
			},
			run: func(_ testing.TB, ctx context.Context, s *Store) error {
				return s.SaveSnapshot(ctx, writeText("the second"))
			},
		},
	}
}

// TestInterruptedAtEveryStep is the table of outcomes: a transaction that is
// interrupted before its commit has left nothing, one that is interrupted behind it
// has left everything, and its repeat leads to what an undisturbed one leads to, in
// the same process and in the next.
func TestInterruptedAtEveryStep(t *testing.T) {
	t.Parallel()

	for _, tx := range transactions() {
		t.Run("+ "+tx.name, func(t *testing.T) {
			t.Parallel()

			s := openNew(t)
			tx.prepare(t, s)
			before := contentsOf(t, s)
			var steps []string
			s.SetFault(func(step string) error {
				steps = append(steps, step)
				return nil
			})
			check(t, tx.run(t, t.Context(), s))
			s.SetFault(nil)
			wantDiff(t, tx.steps, steps)
			after := contentsOf(t, s)
			for _, step := range tx.steps {
				interrupt(t, tx, step, before, after)
			}
		})
	}
}

func interrupt(t *testing.T, tx transaction, step string, before, after contents) {
	t.Helper()
	t.Log(step)
	dir := folder(t)
	killed := filepath.Join(t.TempDir(), "killed")
	s := openAt(t, dir, newClock().now)
	tx.prepare(t, s)
	s.SetFault(func(at string) error {
		if at != step {
			return nil
		}
		return errors.Join(errDied, copyFolder(dir, killed))
	})
	wantError(t, tx.run(t, t.Context(), s), errDied)
	s.SetFault(nil)

	isAfter := strings.HasSuffix(step, ".after")
	want := before
	if isAfter {
		want = after
	}
	next := openAt(t, killed, newClock().now)
	for _, at := range []*Store{s, next} {
		wantDiff(t, normal(want), normal(contentsOf(t, at)))
		err := tx.run(t, t.Context(), at)
		if isAfter && tx.again != nil {
			wantError(t, err, tx.again)
		} else {
			check(t, err)
		}
		wantDiff(t, normal(after), normal(contentsOf(t, at)))
	}
}

// normal leaves out the number of a snapshot's file, which a repeat may count up.
func normal(c contents) contents {
	c.Start.Snapshot = ""
	return c
}

func TestFaultInAFewVerdictsStoresNone(t *testing.T) {
	t.Parallel()

	s := openNew(t)
	a, b := sampleCase(1, 1, event.Medium), sampleCase(2, 1, event.Medium)
	batch := sampleBatch(1)
	batch.Cases = append(batch.Cases, a, b)
	check(t, s.SaveBatch(t.Context(), batch))
	n := 0
	s.SetFault(func(step string) error {
		if step == "T2.record" {
			n++
		}
		if n == 2 {
			return errDied
		}
		return nil
	})
	_, err := s.Commit(t.Context(), []Verdict{sampleVerdict(a, ByRules), sampleVerdict(b, ByRules)})
	wantError(t, err, errDied)
	s.SetFault(nil)
	if rows := got(s.Outbox(t.Context(), "log", 10))(t); len(rows) != 0 {
		t.Errorf("%d records of a transaction that failed", len(rows))
	}
	numbers := got(s.Commit(t.Context(), []Verdict{sampleVerdict(a, ByRules), sampleVerdict(b, ByRules)}))(t)
	if !slices.Equal(numbers, []uint64{1, 2}) {
		t.Errorf("numbers %v", numbers)
	}
}
