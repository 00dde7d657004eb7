package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
)

// Start is what a worker begins with.
type Start struct {
	Cursors         map[string]event.Cursor // how far each stream was sifted
	Snapshot        string                  // file of the sift state, "" for none
	SnapshotCursors map[string]event.Cursor // how far the snapshot knows each stream
	Steps           []Step                  // what was sifted since the snapshot, in order
	Book            cases.State
	Totals          map[string]Count
	Born            time.Time
	Generation      int // 1, and one more for each time a backup was restored
}

// Start returns where the worker stopped. Of the closed cases it returns the
// newest keepClosed, those that closed first before later ones.
func (s *Store) Start(ctx context.Context, keepClosed int) (Start, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	start, err := s.start(ctx, keepClosed)
	if err != nil {
		return Start{}, fmt.Errorf("read where the worker stopped: %w", s.explain(err))
	}
	s.known = maps.Clone(start.Cursors)
	return start, nil
}

func (s *Store) start(ctx context.Context, keepClosed int) (Start, error) {
	t, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Start{}, err
	}
	defer func() { _ = t.Rollback() }() // it only read
	start, err := position(ctx, t)
	if err != nil {
		return start, err
	}
	if start.Book.Open, err = s.held(ctx, t, ` WHERE c.ended = 0 ORDER BY c.number`); err != nil {
		return start, err
	}
	if start.Book.Closed, err = s.held(ctx, t, ` WHERE c.ended > 0 ORDER BY c.ended DESC LIMIT ?`, keepClosed); err != nil {
		return start, err
	}
	slices.Reverse(start.Book.Closed)
	for key, into := range map[string]func(int64){
		metaBorn:       func(n int64) { start.Born = fromMillis(n) },
		metaGeneration: func(n int64) { start.Generation = int(n) },
	} {
		var value string
		if err := t.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = ?`, key).Scan(&value); err != nil {
			return start, broken("the entry "+key, err)
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return start, broken("the entry "+key, err)
		}
		into(n)
	}
	return start, nil
}

// position adds up the base and the batches since.
func position(ctx context.Context, q querier) (Start, error) {
	p := Start{SnapshotCursors: map[string]event.Cursor{}, Totals: map[string]Count{}}
	err := each(ctx, q, func(scan func(...any) error) error {
		var stream, cursor []byte
		if err := scan(&stream, &cursor); err != nil {
			return err
		}
		p.SnapshotCursors[string(stream)] = event.Cursor(cursor)
		return nil
	}, `SELECT stream, cursor FROM streams`)
	if err != nil {
		return p, err
	}
	p.Cursors = maps.Clone(p.SnapshotCursors)
	var blob []byte
	if err := q.QueryRowContext(ctx, `SELECT snapshot, body FROM base`).Scan(&p.Snapshot, &blob); err != nil {
		return p, broken("the row of the base", err)
	}
	if err := p.fold(blob); err != nil {
		return p, broken("the row of the base", err)
	}
	err = each(ctx, q, func(scan func(...any) error) error {
		var id int64
		if err := scan(&id, &blob); err != nil {
			return err
		}
		if err := p.fold(blob); err != nil {
			return broken("batch "+strconv.FormatInt(id, 10), err)
		}
		return nil
	}, `SELECT id, body FROM batches ORDER BY id`)
	return p, err
}

// fold adds what a batch brought.
func (p *Start) fold(blob []byte) error {
	b, err := cutBatch(blob, p.Cursors)
	if err != nil {
		return err
	}
	p.Steps = append(p.Steps, b.Steps...)
	for source, count := range b.Totals {
		total := p.Totals[source]
		total.add(count)
		p.Totals[source] = total
	}
	p.Book.Counter, p.Book.Newest, p.Book.Dropped = b.Book.Counter, b.Book.Newest, b.Book.Dropped
	return nil
}

func (s *Store) held(ctx context.Context, q querier, where string, args ...any) ([]cases.HeldState, error) {
	var all []cases.HeldState
	err := each(ctx, q, func(scan func(...any) error) error {
		h, err := s.scanHeld(scan)
		all = append(all, h)
		return err
	}, heldColumns+where, args...)
	return all, err
}
