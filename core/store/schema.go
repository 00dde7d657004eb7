package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// migrations are the steps from one version of the schema to the next. One that was
// released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the version of the database that this program writes.
const Schema = 4

// applicationID marks a database as Penstock's ("PENS").
const applicationID = 0x50454e53

// create makes the database where there is none. It gets its name when it is whole.
func (s *Store) create(ctx context.Context) error {
	if _, err := os.Stat(s.path()); !errors.Is(err, fs.ErrNotExist) {
		return err // checkFile looks at what is there
	}
	if _, err := os.Stat(s.path() + "-wal"); err == nil {
		return fmt.Errorf("%s is missing, but its write-ahead log is there: %w", s.path(), ErrBroken)
	}
	path := s.path() + newSuffix
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := s.fill(ctx, path, Schema); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	if err := os.Rename(path, s.path()); err != nil {
		return err
	}
	return syncFolder(s.dir)
}

// fill writes an empty database of that version.
func (s *Store) fill(ctx context.Context, path string, version int) (err error) {
	db, err := sql.Open("sqlite", dsn(path, []string{"page_size(4096)", "auto_vacuum(INCREMENTAL)", "synchronous(FULL)"}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback() }() // does nothing after the commit
	if _, err := t.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	for v := 1; v <= version; v++ {
		if err := apply(ctx, t, v); err != nil {
			return err
		}
	}
	empty := appendBatch(nil, &Batch{}, nil)
	if _, err := t.ExecContext(ctx, `INSERT INTO base (id, snapshot, digest, body) VALUES (1, '', x'', ?)`, seal(empty)); err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO meta (key, value) VALUES (?, ?), (?, '1')`,
		metaBorn, strconv.FormatInt(s.now().UnixMilli(), 10), metaGeneration)
	if err != nil {
		return err
	}
	return t.Commit()
}

// apply takes the schema from the version before to v.
func apply(ctx context.Context, t *sql.Tx, v int) error {
	text, err := migrations.ReadFile("migrations/" + strconv.Itoa(v) + ".sql")
	if err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, string(text)); err != nil {
		return fmt.Errorf("take the schema to version %d: %w", v, err)
	}
	_, err = t.ExecContext(ctx, "PRAGMA user_version = "+strconv.Itoa(v))
	return err
}

// versionOf returns the version of a database that is Penstock's.
func versionOf(ctx context.Context, db *sql.DB) (version int, err error) {
	var id int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, err
	}
	if id != applicationID {
		return 0, fmt.Errorf("the database is another program's: %w", ErrBroken)
	}
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

func wantVersion(version int) error {
	switch {
	case version > Schema:
		return &NewerError{Have: version, Know: Schema}
	case version < Schema:
		return fmt.Errorf("the database has schema %d: start the worker once, which takes it to %d", version, Schema)
	}
	return nil
}

// migrate takes the database to this version's schema, each step in a transaction
// and after a copy.
func (s *Store) migrate(ctx context.Context) error {
	version, err := versionOf(ctx, s.writer)
	if err != nil {
		return err
	}
	if version < 1 {
		return fmt.Errorf("the database has no version: %w", ErrBroken)
	}
	if version > Schema {
		return &NewerError{Have: version, Know: Schema}
	}
	for v := version + 1; v <= Schema; v++ {
		if err := s.copyBefore(ctx, v); err != nil {
			return fmt.Errorf("copy the database before it is changed: %w", err)
		}
		err := s.write(ctx, "migrate", func(t *tx) error {
			if err := t.step(strconv.Itoa(v)); err != nil {
				return err
			}
			return apply(ctx, t.Tx, v)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copiesKept is how many copies of before a migration are kept.
const copiesKept = 2

// copyBefore leaves a copy of the database beside it.
func (s *Store) copyBefore(ctx context.Context, version int) error {
	path := s.path() + ".before-v" + strconv.Itoa(version)
	if err := s.copyTo(ctx, s.writer, path+newSuffix); err != nil {
		return err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return err
	}
	if err := s.at("migrate.copied"); err != nil {
		return err
	}
	copies, err := filepath.Glob(s.path() + ".before-v*")
	if err != nil {
		return err
	}
	number := func(path string) int {
		n, _ := strconv.Atoi(path[strings.LastIndex(path, "-v")+2:]) // a stranger's name counts as the oldest
		return n
	}
	slices.SortFunc(copies, func(a, b string) int { return number(b) - number(a) })
	for _, old := range copies[min(copiesKept, len(copies)):] {
		if err := os.Remove(old); err != nil {
			return err
		}
	}
	return syncFolder(s.dir)
}

// copyTo writes the database as one transaction sees it to a new file and makes it
// durable. What changes meanwhile waits for nothing.
func (s *Store) copyTo(ctx context.Context, db *sql.DB, path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // SQLite fills an empty file and keeps its mode
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", path)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(s.explain(err), os.Remove(path))
	}
	return nil
}
