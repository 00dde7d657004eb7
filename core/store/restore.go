package store

import (
	"archive/tar"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"penstock/core/action"
	"penstock/core/event"
)

// Restore unpacks a backup into a state directory in which there is nothing yet
// (ErrNotEmpty) and makes it the state of another worker: its generation is one
// more, nothing waits to be sent a second time, orders that were not carried out
// are void and a notice names those in force. The database gets its name when all
// this is stored, so that a worker never finds it half restored.
func Restore(ctx context.Context, dir string, r io.Reader, now func() time.Time) error {
	if err := restore(ctx, dir, r, now); err != nil {
		return fmt.Errorf("restore a backup into %s: %w", dir, err)
	}
	return nil
}

// logSink is the sink that lies in the state directory and is restored with it: it
// knows which records it has, and takes the others now.
const logSink = "log"

func restore(ctx context.Context, dir string, r io.Reader, now func() time.Time) (err error) {
	if dir, err = makeFolder(dir); err != nil {
		return err
	}
	s := &Store{dir: dir, now: now}
	if s.lock, err = lockFolder(dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := wantEmpty(dir); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	names, err := unpackTar(root, r)
	if err == nil {
		err = s.renew(ctx)
	}
	if err == nil {
		err = errors.Join(os.Rename(s.path()+newSuffix, s.path()), syncFolder(dir))
	}
	if err != nil {
		for _, name := range names {
			err = errors.Join(err, root.Remove(name))
		}
	}
	return err
}

// wantEmpty refuses a folder that holds more than a lock and empty folders.
func wantEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == lockName {
			continue
		}
		if e.IsDir() {
			inside, err := os.ReadDir(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			if len(inside) == 0 {
				continue
			}
		}
		return fmt.Errorf("%w: %s is there: move it away", ErrNotEmpty, e.Name())
	}
	return nil
}

// unpackTar writes the files of a backup below root, the database under a name that
// is not its own yet, and returns what it wrote, also with an error. Links, devices
// and names that lead elsewhere are refused.
func unpackTar(root *os.Root, r io.Reader) (names []string, err error) {
	tr := tar.NewReader(r)
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return names, fmt.Errorf("read the backup: %w", err)
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		name := filepath.FromSlash(header.Name)
		if header.Typeflag != tar.TypeReg || !filepath.IsLocal(name) || name == lockName || strings.HasSuffix(name, newSuffix) {
			return names, fmt.Errorf("%.80q is not what a backup holds", header.Name)
		}
		if name == databaseName {
			name += newSuffix
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return names, err
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return names, err
		}
		names = append(names, name)
		_, err = io.CopyN(f, tr, header.Size)
		if err = errors.Join(err, f.Sync(), f.Close(), root.Chtimes(name, header.ModTime, header.ModTime)); err != nil {
			return names, fmt.Errorf("unpack %s: %w", header.Name, err)
		}
	}
	if _, err := root.Stat(databaseName + newSuffix); err != nil {
		return names, fmt.Errorf("there is no %s in it: this is not a backup", databaseName)
	}
	return names, nil
}

// renew makes the unpacked database another worker's, in one transaction.
func (s *Store) renew(ctx context.Context) (err error) {
	path := s.path() + newSuffix
	if err := checkFile(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(path, []string{"journal_mode(DELETE)", "synchronous(FULL)", "cache_size(-1024)"}))
	if err != nil {
		return err
	}
	defer func() { err = s.explain(errors.Join(err, db.Close())) }()
	db.SetMaxOpenConns(1)
	version, err := versionOf(ctx, db)
	if err != nil {
		return err
	}
	if version > Schema {
		return &NewerError{Have: version, Know: Schema}
	}
	var check string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&check); err != nil {
		return err
	}
	if check != "ok" {
		return fmt.Errorf("%s: %w", check, ErrBroken)
	}
	s.writer = db
	defer func() { s.writer = nil }()
	return s.write(ctx, "restore", func(t *tx) error {
		for v := version + 1; v <= Schema; v++ {
			if err := apply(ctx, t.Tx, v); err != nil {
				return err
			}
		}
		return t.renew()
	})
}

// renew voids what the worker that the backup was taken of may do itself.
func (t *tx) renew() error {
	active, err := t.inForce()
	if err != nil {
		return err
	}
	now := t.s.now().UnixMilli()
	generation := 0
	err = t.get(`SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?`, []any{metaGeneration}, &generation)
	if err != nil {
		return err
	}
	if err := t.setMeta(metaGeneration, strconv.Itoa(generation+1)); err != nil {
		return err
	}
	void := 0
	for before, after := range map[action.Outcome]action.Outcome{action.Intended: action.Refused, action.Sent: action.Unknown} {
		n, err := t.count(`UPDATE orders SET state = ?, ended = ?, text = 'restored' WHERE state = ?`, after.String(), now, before.String())
		if err != nil {
			return err
		}
		void += int(n)
	}
	dropped, err := t.count(`DELETE FROM outbox WHERE sink <> ?`, logSink)
	if err != nil {
		return err
	}
	// What another system shows by now is found out there, not remembered.
	if err := t.exec(`DELETE FROM "values"`); err != nil {
		return err
	}
	// Work stays, also what the rules' verdict is there of: a repeat of that stores
	// nothing, and whoever was told to wait for a model is told what came of it.
	text := fmt.Sprintf("a backup was restored: generation %d; %d orders that were on their way are void, %d entries of outboxes are dropped; in force: %s",
		generation+1, void, dropped, active)
	return t.addNotice(Notice{At: t.s.now(), Severity: event.High, Kind: "restored", Text: text})
}

// inForce names the first orders that may have an effect now.
func (t *tx) inForce() (string, error) {
	const named = 10
	var all []string
	err := each(t.ctx, t, func(scan func(...any) error) error {
		row, err := scanOrder(scan)
		o := row.Order
		all = append(all, fmt.Sprintf("%s %s on %s (%s, case %s)", o.Action, o.Params.Target(), o.Host, row.State, o.Case))
		return err
	}, orderColumns+`WHERE state <> 'intended' AND `+inForce+` ORDER BY id DESC`, t.s.now().Unix())
	if err != nil {
		return "", err
	}
	switch {
	case len(all) == 0:
		return "none", nil
	case len(all) > named:
		return strings.Join(all[:named], "; ") + fmt.Sprintf("; and %d more", len(all)-named), nil
	}
	return strings.Join(all, "; "), nil
}
