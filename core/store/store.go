package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
)

// Names in the state directory.
const (
	databaseName = "penstock.db"
	lockName     = "lock"
	reserveName  = "reserve"
	snapshotsDir = "sift"
	newSuffix    = ".new" // behind the name of what is not whole yet
)

// Store is an open state directory. It may be used by several goroutines at the
// same time, but for Start, SaveBatch and SaveSnapshot, which belong to one.
type Store struct {
	dir      string
	opts     Options
	now      func() time.Time
	readOnly bool
	lock     *os.File
	writer   *sql.DB // one connection
	reader   *sql.DB
	blobs    blobs
	heads    shape[cases.HeldState]
	bodies   shape[body]
	preludes map[int64][]byte // of shapes, by id; not written to once it is open
	fault    atomic.Pointer[func(step string) error]

	// known holds the cursors as the last batches left them, so that a step need not
	// say where it begins; nil when an error left them uncertain. It belongs to the
	// goroutine that saves batches.
	known map[string]event.Cursor

	// snapshots is held by whoever needs the snapshot and all that it refers to to
	// stay, and exclusively by whoever puts another in its place.
	snapshots sync.RWMutex
}

// Open opens the state directory, makes it where there is none, and brings its
// database to this version's schema; before each change of the schema a copy is
// left beside it. ErrBusy means that another worker has it, *NewerError that a
// newer version wrote it, ErrBroken that the database is damaged; the texts say
// what to try. Now is the wall clock.
func Open(ctx context.Context, dir string, o Options, now func() time.Time) (*Store, error) {
	return open(ctx, dir, o, now, nil)
}

func open(ctx context.Context, dir string, o Options, now func() time.Time, fault func(string) error) (s *Store, err error) {
	if dir, err = makeFolder(dir); err != nil {
		return nil, err
	}
	s = &Store{dir: dir, opts: o, now: now}
	s.SetFault(fault)
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the store in %s: %w", dir, errors.Join(s.explain(err), s.Close()))
			s = nil
		}
	}()
	if s.lock, err = lockFolder(dir); err != nil {
		return s, err
	}
	if err := s.create(ctx); err != nil {
		return s, err
	}
	if err := checkFile(s.path()); err != nil {
		return s, err
	}
	if s.writer, err = sql.Open("sqlite", dsn(s.path(), writerPragmas, "_txlock=immediate")); err != nil {
		return s, err
	}
	s.writer.SetMaxOpenConns(1)
	if err := s.migrate(ctx); err != nil {
		return s, err
	}
	if s.reader, err = sql.Open("sqlite", dsn(s.path(), readerPragmas)); err != nil {
		return s, err
	}
	limitReader(s.reader)
	if err := s.keepShapes(ctx); err != nil {
		return s, err
	}
	return s, s.clean()
}

// OpenReadOnly opens the state directory to look at it, whether a worker has it or
// not. It takes no lock and changes nothing; what would write returns an error of
// which IsReadOnly is true. The schema must be this version's.
func OpenReadOnly(ctx context.Context, dir string, o Options, now func() time.Time) (s *Store, err error) {
	s = &Store{dir: dir, opts: o, now: now, readOnly: true}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the store in %s: %w", dir, errors.Join(s.explain(err), s.Close()))
			s = nil
		}
	}()
	if s.dir, err = filepath.Abs(dir); err != nil {
		return s, err
	}
	if err := checkFile(s.path()); err != nil {
		return s, err
	}
	for _, mode := range []string{"mode=ro", "mode=ro&immutable=1"} {
		if s.reader, err = sql.Open("sqlite", dsn(s.path(), readerPragmas, mode)); err != nil {
			return s, err
		}
		limitReader(s.reader)
		var version int
		if version, err = versionOf(ctx, s.reader); err == nil {
			if err = wantVersion(version); err == nil {
				err = s.loadShapes(ctx, s.reader)
			}
			return s, err
		}
		if !s.canOpenImmutable(err) {
			return s, err
		}
		_ = s.reader.Close() // the next one takes its place
	}
	return s, err
}

// canOpenImmutable reports whether a database that could not be opened is whole
// by itself: nobody uses it, and only the write-ahead log's files, which SQLite
// makes even to read, find no place.
func (s *Store) canOpenImmutable(err error) bool {
	code := codeOf(err) & primaryOfCode
	log, statErr := os.Stat(s.path() + "-wal")
	return (code == codeCantOpen || code == codeReadOnly) && (errors.Is(statErr, fs.ErrNotExist) || statErr == nil && log.Size() == 0)
}

// Close closes the database and gives the lock back. A call that runs meanwhile
// ends first.
func (s *Store) Close() error {
	var errs []error
	if s.reader != nil {
		errs = append(errs, s.reader.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the store in %s: %w", s.dir, err)
	}
	return nil
}

func (s *Store) path() string { return filepath.Join(s.dir, databaseName) }

// Pragmas of each connection. The page cache is small, because the system caches
// pages as well, and nothing is mapped into memory: a bus error, which a bad card
// gives, would end the process.
var (
	writerPragmas = []string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-1024)", "mmap_size(0)",
		"temp_store(MEMORY)", "wal_autocheckpoint(1000)", "journal_size_limit(8388608)", "trusted_schema(OFF)",
	}
	readerPragmas = []string{
		"busy_timeout(10000)", "query_only(ON)", "cache_size(-512)", "mmap_size(0)", "temp_store(MEMORY)",
		"trusted_schema(OFF)",
	}
)

// dsn returns the data source name of a database for the driver.
func dsn(path string, pragmas []string, more ...string) string {
	query := make([]string, 0, len(pragmas)+len(more))
	for _, p := range pragmas {
		query = append(query, "_pragma="+url.QueryEscape(p))
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: strings.Join(append(query, more...), "&")}
	return u.String()
}

func limitReader(db *sql.DB) {
	db.SetMaxOpenConns(2)
	db.SetMaxIdleConns(2) // a new one reads the schema anew
	db.SetConnMaxIdleTime(time.Minute)
}

// makeFolder makes the state directory and refuses one that others may enter.
func makeFolder(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return dir, fmt.Errorf("find the state directory: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, snapshotsDir), 0o700); err != nil {
		return dir, fmt.Errorf("make the state directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return dir, fmt.Errorf("look at the state directory: %w", err)
	}
	return dir, checkMode(dir, info, "700")
}

func checkMode(path string, info fs.FileInfo, want string) error {
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s may be used by others (mode %04o): chmod %s %s", path, mode, want, path)
	}
	return nil
}

// checkFile looks at the database before SQLite does, which takes an empty file
// for an empty database.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file: %w", path, ErrBroken)
	case info.Size() == 0:
		return fmt.Errorf("%s is empty: %w", path, ErrBroken)
	}
	return checkMode(path, info, "600")
}

// lockFolder takes the lock that makes the state directory one worker's. It lies
// in the kernel and goes with the process.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close() // nothing was written to it
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrBusy
	}
	return nil, fmt.Errorf("lock: %w", err)
}

// clean removes what a process that died left half done.
func (s *Store) clean() error {
	for _, pattern := range []string{"*" + newSuffix, filepath.Join(snapshotsDir, "*"+newSuffix)} {
		left, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range left {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
