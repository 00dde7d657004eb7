package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"penstock/core/event"
)

// SnapshotFile is a snapshot of the sift state that is kept.
type SnapshotFile struct {
	Name  string    `json:"name"` // as Start.Snapshot has it
	Time  time.Time `json:"time"`
	Bytes int64     `json:"bytes"`
}

const (
	snapshotSuffix = ".snap"
	// snapshotsKept are kept whatever their age, and of each of the last
	// snapshotDays days the last one.
	snapshotsKept = 2
	snapshotDays  = 7
)

// SaveSnapshot stores the sift state as write gives it, which has to be the state
// behind the last batch. The steps up to it are no longer needed then. It belongs
// to the goroutine that saves batches. ErrBackingUp means: later. It blocks until
// the snapshot is durable.
func (s *Store) SaveSnapshot(ctx context.Context, write func(w io.Writer) error) error {
	if !s.snapshots.TryLock() {
		return ErrBackingUp
	}
	defer s.snapshots.Unlock()
	if err := s.saveSnapshot(ctx, write); err != nil {
		return fmt.Errorf("save a snapshot: %w", err)
	}
	return nil
}

func (s *Store) saveSnapshot(ctx context.Context, write func(w io.Writer) error) error {
	if s.readOnly {
		return errOnly
	}
	if err := s.at("snapshot.file"); err != nil {
		return err
	}
	files, err := s.Snapshots()
	if err != nil {
		return err
	}
	number := 1
	if len(files) > 0 {
		number = snapshotNumber(files[0].Name) + 1
	}
	name := fmt.Sprintf("%08d%s", number, snapshotSuffix)
	if err := s.writeSnapshot(name, write); err != nil {
		return err
	}
	if err := s.useSnapshot(ctx, name); err != nil {
		return err
	}
	return s.prune(name)
}

// writeSnapshot gives the file its name when it is whole and durable.
func (s *Store) writeSnapshot(name string, write func(w io.Writer) error) error {
	path := s.snapshotPath(name)
	f, err := os.OpenFile(path+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+newSuffix))
	}
	now := s.now()
	if err := os.Chtimes(path+newSuffix, now, now); err != nil {
		return err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// useSnapshot makes a snapshot the one to begin with, and folds the batches up to
// now into the base.
func (s *Store) useSnapshot(ctx context.Context, name string) error {
	return s.write(ctx, "snapshot", func(t *tx) error {
		p, err := position(t.ctx, t)
		if err != nil {
			return err
		}
		if err := t.step("base"); err != nil {
			return err
		}
		b := Batch{Totals: p.Totals, Book: p.Book}
		err = t.exec(`UPDATE base SET snapshot = ?, body = ?, digest = coalesce((SELECT digest FROM batches ORDER BY id DESC LIMIT 1), digest)`,
			name, seal(appendBatch(nil, &b, nil)))
		if err != nil {
			return err
		}
		if err := t.step("streams"); err != nil {
			return err
		}
		if err := t.saveStreams(p.SnapshotCursors, p.Cursors); err != nil {
			return err
		}
		if err := t.step("steps"); err != nil {
			return err
		}
		return t.exec(`DELETE FROM batches`)
	})
}

// saveStreams takes the stored cursors from what they were to what they are. Those
// of files that nobody wrote to are left alone.
func (t *tx) saveStreams(before, after map[string]event.Cursor) error {
	for stream, cursor := range after {
		if old, ok := before[stream]; ok && old == cursor {
			continue
		}
		err := t.exec(`INSERT INTO streams (stream, cursor) VALUES (?, ?) ON CONFLICT (stream) DO UPDATE SET cursor = excluded.cursor`,
			[]byte(stream), []byte(cursor))
		if err != nil {
			return err
		}
	}
	for stream := range before {
		if _, ok := after[stream]; ok {
			continue
		}
		if err := t.exec(`DELETE FROM streams WHERE stream = ?`, []byte(stream)); err != nil {
			return err
		}
	}
	return nil
}

// prune removes the snapshots that are no longer kept.
func (s *Store) prune(current string) error {
	files, err := s.Snapshots()
	if err != nil {
		return err
	}
	var errs []error
	today := s.now().UTC().Truncate(24 * time.Hour)
	days := map[time.Time]bool{}
	for i, f := range files {
		day := f.Time.UTC().Truncate(24 * time.Hour)
		first := !days[day]
		days[day] = true
		if i < snapshotsKept || f.Name == current || first && today.Sub(day) < snapshotDays*24*time.Hour && !day.After(today) {
			continue
		}
		errs = append(errs, os.Remove(s.snapshotPath(f.Name)))
	}
	return errors.Join(errs...)
}

// Snapshots returns the snapshots that are kept, the newest first.
func (s *Store) Snapshots() ([]SnapshotFile, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, snapshotsDir))
	if err != nil {
		return nil, fmt.Errorf("list the snapshots: %w", err)
	}
	var all []SnapshotFile
	for _, e := range entries {
		if snapshotNumber(e.Name()) == 0 {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("list the snapshots: %w", err)
		}
		all = append(all, SnapshotFile{Name: e.Name(), Time: info.ModTime(), Bytes: info.Size()})
	}
	slices.SortFunc(all, func(a, b SnapshotFile) int { return snapshotNumber(b.Name) - snapshotNumber(a.Name) })
	return all, nil
}

// snapshotNumber returns the number in the name of a snapshot, 0 for another file.
func snapshotNumber(name string) int {
	digits, ok := strings.CutSuffix(name, snapshotSuffix)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// OpenSnapshot opens a snapshot to read it.
func (s *Store) OpenSnapshot(name string) (*os.File, error) {
	if snapshotNumber(name) == 0 || filepath.Base(name) != name {
		return nil, fmt.Errorf("%.80q is not the name of a snapshot", name)
	}
	return os.Open(s.snapshotPath(name))
}

// RollBack makes an earlier snapshot the one that the next start begins with, at
// the cursors of now: what was learned since is forgotten, no line is read twice.
// It is for a worker that stops afterwards without saving another.
func (s *Store) RollBack(ctx context.Context, name string) error {
	f, err := s.OpenSnapshot(name)
	if err == nil {
		err = errors.Join(f.Close(), s.useSnapshot(ctx, name))
	}
	if err != nil {
		return fmt.Errorf("go back to snapshot %s: %w", name, err)
	}
	return nil
}

func (s *Store) snapshotPath(name string) string { return filepath.Join(s.dir, snapshotsDir, name) }
