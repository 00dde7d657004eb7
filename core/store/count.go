package store

import (
	"context"
	"strconv"
)

// RecordCount returns how many records are kept.
func (s *Store) RecordCount(ctx context.Context) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err = s.reader.QueryRowContext(ctx, `SELECT COUNT(*) FROM records`).Scan(&n)
	return n, s.explain(err)
}

// NumberAfter makes the next record's number greater than seq: a sink that was not
// restored, or is older than the database, may have taken numbers up to there.
func (s *Store) NumberAfter(ctx context.Context, seq uint64) error {
	return s.write(ctx, "meta", func(t *tx) error {
		var before int64
		err := t.get(`SELECT coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?), 0)`, []any{metaSeq}, &before)
		if err != nil || uint64(before) >= seq {
			return err
		}
		return t.setMeta(metaSeq, strconv.FormatUint(seq, 10))
	})
}
