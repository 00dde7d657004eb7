package store

import (
	"context"
	"fmt"
	"time"

	"penstock/core/record"
)

// Row is one record that waits for a sink. ID names the row towards that sink.
type Row struct {
	ID     int64
	Seq    uint64
	Saved  time.Time // when the record was stored
	Record record.Record
	Body   []byte // the record as record.Marshal wrote it
}

// Outbox returns the first records that wait for a sink, at most limit, in the
// order of their numbers.
func (s *Store) Outbox(ctx context.Context, sink string, limit int) ([]Row, error) {
	var all []Row
	err := s.read(ctx, func(scan func(...any) error) error {
		var row Row
		var blob []byte
		var saved int64
		err := scan(&row.Seq, &saved, &blob)
		if err != nil {
			return err
		}
		row.ID, row.Saved = int64(row.Seq), fromMillis(saved)
		row.Record, row.Body, err = s.openRecord(row.Seq, blob)
		all = append(all, row)
		return err
	}, `SELECT o.seq, r.saved, r.body FROM outbox o JOIN records r ON r.seq = o.seq WHERE o.sink = ? ORDER BY o.seq LIMIT ?`, sink, limit)
	if err != nil {
		return nil, fmt.Errorf("read what waits for %s: %w", sink, err)
	}
	return all, nil
}

// Acknowledge takes rows out of a sink's outbox, in one transaction (T5), after the
// sink has them for good. Rows that are gone already are no error.
func (s *Store) Acknowledge(ctx context.Context, sink string, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	err := s.write(ctx, "T5", func(t *tx) error { return t.takeRows(sink, ids) })
	if err != nil {
		return fmt.Errorf("mark what %s has: %w", sink, err)
	}
	return nil
}

func (t *tx) takeRows(sink string, ids []int64) error {
	if err := t.step("outbox"); err != nil {
		return err
	}
	remove, err := t.PrepareContext(t.ctx, `DELETE FROM outbox WHERE sink = ? AND seq = ?`)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, err := remove.ExecContext(t.ctx, sink, id); err != nil {
			return err
		}
	}
	return nil
}

// OutboxLen returns how many records wait for a sink.
func (s *Store) OutboxLen(ctx context.Context, sink string) (n int, err error) {
	err = s.read(ctx, func(scan func(...any) error) error { return scan(&n) }, `SELECT count(*) FROM outbox WHERE sink = ?`, sink)
	if err != nil {
		return 0, fmt.Errorf("count what waits for %s: %w", sink, err)
	}
	return n, nil
}
