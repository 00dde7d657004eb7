package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Bounds of one call, where the caller sets none that is shorter.
const (
	writeTimeout = 2 * time.Minute
	readTimeout  = time.Minute
)

// tx is one transaction that writes.
type tx struct {
	*sql.Tx
	ctx  context.Context // lives as long as one call
	s    *Store
	name string
}

// write runs do in one transaction: all of it is stored, or nothing.
func (s *Store) write(ctx context.Context, name string, do func(t *tx) error) error {
	if s.readOnly {
		return errOnly
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := s.at(name + ".begin"); err != nil {
		return err
	}
	inner, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(err)
	}
	err = do(&tx{Tx: inner, ctx: ctx, s: s, name: name})
	if err == nil {
		err = s.at(name + ".commit")
	}
	if err != nil {
		_ = inner.Rollback() // err says more, and whatever is left is rolled back at the next start
		return s.explain(err)
	}
	if err := inner.Commit(); err != nil {
		return s.explain(err)
	}
	return s.at(name + ".after")
}

// step is where a fault may interrupt the transaction.
func (t *tx) step(name string) error { return t.s.at(t.name + "." + name) }

func (t *tx) exec(query string, args ...any) error {
	_, err := t.ExecContext(t.ctx, query, args...)
	return err
}

// count is exec that returns how many rows were changed.
func (t *tx) count(query string, args ...any) (int64, error) {
	result, err := t.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// get scans the one row of a query; sql.ErrNoRows where there is none.
func (t *tx) get(query string, args []any, into ...any) error {
	return t.QueryRowContext(t.ctx, query, args...).Scan(into...)
}

// querier is a transaction or a pool of connections.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// each calls do for every row of a query.
func each(ctx context.Context, q querier, do func(scan func(into ...any) error) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err has said what there was to say
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// read calls each on the pool that only reads.
func (s *Store) read(ctx context.Context, do func(scan func(into ...any) error) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return s.explain(each(ctx, s.reader, do, query, args...))
}

// millis returns Unix milliseconds, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// broken is a row that makes no sense.
func broken(what string, err error) error {
	return fmt.Errorf("%s: %w: %w", what, ErrBroken, err)
}
