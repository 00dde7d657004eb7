package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Keys of the store's own entries.
const (
	metaBorn       = "store.born"
	metaGeneration = "store.generation"
	metaSeq        = "store.seq"       // records up to this one are gone
	metaKept       = "store.retention" // time up to which retention has looked
)

// Meta returns a small value that SetMeta stored, and whether there is one.
func (s *Store) Meta(ctx context.Context, key string) (value string, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err = s.reader.QueryRowContext(ctx, `SELECT value FROM meta WHERE key = ?`, key).Scan(&value)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("read the entry %s: %w", key, s.explain(err))
	}
	return value, true, nil
}

// SetMeta stores a small value. Keys that begin with "store." are the Store's own.
func (s *Store) SetMeta(ctx context.Context, key, value string) error {
	err := s.write(ctx, "meta", func(t *tx) error { return t.setMeta(key, value) })
	if err != nil {
		return fmt.Errorf("store the entry %s: %w", key, err)
	}
	return nil
}

func (t *tx) setMeta(key, value string) error {
	return t.exec(`INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
}
