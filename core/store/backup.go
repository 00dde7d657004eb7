package store

import (
	"archive/tar"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// Backup writes the database and the snapshot that belongs to it into a tar file,
// and then what extra adds, which may be nil. The worker goes on meanwhile, but
// saves no snapshot, so that what the copy refers to stays until extra has
// returned. On the disk there must be room for a second database.
func (s *Store) Backup(ctx context.Context, w io.Writer, extra func(tw *tar.Writer) error) error {
	s.snapshots.RLock()
	defer s.snapshots.RUnlock()
	if err := s.backup(ctx, w, extra); err != nil {
		return fmt.Errorf("back up the store: %w", s.explain(err))
	}
	return nil
}

func (s *Store) backup(ctx context.Context, w io.Writer, extra func(tw *tar.Writer) error) (err error) {
	// A connection of its own: the pool's may not write, not even to another file.
	db, err := sql.Open("sqlite", dsn(s.path(), []string{"busy_timeout(10000)", "cache_size(-512)", "mmap_size(0)"}, "mode=ro"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	copied := filepath.Join(s.dir, "backup"+newSuffix)
	if err := s.copyTo(ctx, db, copied); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(copied)) }()
	var snapshot string
	if err := db.QueryRowContext(ctx, `SELECT snapshot FROM base`).Scan(&snapshot); err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	if err := addFile(tw, databaseName, copied); err != nil {
		return err
	}
	if snapshot != "" {
		if err := addFile(tw, path.Join(snapshotsDir, snapshot), s.snapshotPath(snapshot)); err != nil {
			return err
		}
	}
	if extra != nil {
		if err := extra(tw); err != nil {
			return err
		}
	}
	return tw.Close()
}

func addFile(tw *tar.Writer, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: 0o600, ModTime: info.ModTime()}
	if err := tw.WriteHeader(&header); err != nil {
		return err
	}
	_, err = io.CopyN(tw, f, info.Size())
	return err
}
