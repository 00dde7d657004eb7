package store

import (
	"archive/tar"
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
)

// load saves batches until stop is closed and returns how many.
func load(t *testing.T, s *Store, first int, stop <-chan struct{}) (last func() int) {
	var wg sync.WaitGroup
	n := first
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			n++
			b := sampleBatch(n)
			h := sampleCase(n, 1, event.Medium)
			b.Cases, b.Work = []cases.HeldState{h}, []Work{sampleWork(h)}
			if err := s.SaveBatch(t.Context(), b); err != nil {
				t.Error(err)
				return
			}
		}
	})
	return func() int {
		wg.Wait()
		return n
	}
}

// TestBackupUnderLoad takes a backup while batches are saved and restores it
// elsewhere: what is there is one moment of the original, and does nothing twice.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	orders := map[action.Outcome]action.Order{}
	for i, state := range []action.Outcome{action.Intended, action.Sent, action.Done} {
		h := sampleCase(i+1, 1, event.High)
		withCases(t, s, h)
		v := sampleVerdict(h, ByRules)
		o := sampleOrder(t, v.Case, 0, "203.0.113.7")
		v.Orders, orders[state] = []action.Order{o}, o
		got(s.Commit(ctx, []Verdict{v}))(t)
		if state != action.Intended {
			check(t, s.MarkSent(ctx, o.Digest, "local"))
		}
		if state == action.Done {
			check(t, s.EndOrder(ctx, o.Digest, action.Done, "blocked", nil))
		}
	}
	check(t, s.SaveSnapshot(ctx, writeText("learned")))

	stop := make(chan struct{})
	last := load(t, s, 10, stop)
	var backup bytes.Buffer
	err := s.Backup(ctx, &backup, func(tw *tar.Writer) error {
		close(stop)
		n := last()
		wantError(t, s.SaveSnapshot(ctx, writeText("not now")), ErrBackingUp)
		text := fmt.Sprint(n)
		if err := tw.WriteHeader(&tar.Header{Name: "spool/0-1.seg", Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		_, err := io.WriteString(tw, text)
		return err
	})
	check(t, err)
	check(t, s.SaveSnapshot(ctx, writeText("now"))) // the backup is over

	dir := folder(t)
	check(t, os.MkdirAll(filepath.Join(dir, "spool"), 0o700)) // an empty folder is no state
	check(t, Restore(ctx, dir, &backup, newClock().now))
	wantDiff(t, true, len(got(os.ReadFile(filepath.Join(dir, "spool", "0-1.seg")))(t)) > 0)
	r := openAt(t, dir, newClock().now)
	c := contentsOf(t, r)
	wantDiff(t, 2, c.Start.Generation)
	wantDiff(t, "learned", c.Snapshot)
	wantDiff(t, map[string][]uint64{"log": {1, 2, 3}}, c.Outbox) // its file knows which of these it has
	states := map[action.Digest]action.Outcome{}
	for _, row := range c.Orders {
		states[row.Order.Digest] = row.State
	}
	wantDiff(t, map[action.Digest]action.Outcome{
		orders[action.Intended].Digest: action.Refused, orders[action.Sent].Digest: action.Unknown, orders[action.Done].Digest: action.Done,
	}, states)
	if len(c.Notices) != 1 || !strings.Contains(c.Notices[0].Text, "generation 2; 2 orders that were on their way are void") ||
		!strings.Contains(c.Notices[0].Text, "(done, case plant-w1-3)") {
		t.Errorf("notices %+v", c.Notices)
	}
	// One moment: as many steps as the counter says, each with its case and its work,
	// also of the cases that wait for more than the rules' verdict.
	steps := len(c.Start.Steps)
	if steps > 0 && (c.Start.Book.Counter != uint64(10+steps) || c.Start.Cursors["auth/1a2b3c"] != fileCursor(10+steps)) {
		t.Errorf("%d steps, counter %d", steps, c.Start.Book.Counter)
	}
	wantDiff(t, steps+3, len(c.Start.Book.Open))
	wantDiff(t, steps+3, len(c.Work))
	wantDiff(t, uint64(1000*steps), c.Start.Totals["auth"].Lines)
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()

	s := openNew(t)
	var whole bytes.Buffer
	check(t, s.Backup(t.Context(), &whole, nil))
	newer := folder(t)
	check(t, os.MkdirAll(newer, 0o700))
	copied := filepath.Join(newer, "newer.db")
	check(t, s.copyTo(t.Context(), s.writer, copied))
	db, err := sql.Open("sqlite", copied)
	check(t, err)
	_, err = db.ExecContext(t.Context(), "PRAGMA user_version = 7")
	check(t, err)
	check(t, db.Close())
	newerDB := got(os.ReadFile(copied))(t)
	broken := bytes.Clone(newerDB)
	for i := 4096; i < len(broken); i++ {
		broken[i] ^= 0x5a
	}

	archive := func(headers ...tar.Header) []byte {
		var b bytes.Buffer
		tw := tar.NewWriter(&b)
		for _, h := range headers {
			content := []byte(h.Linkname)
			if h.Typeflag == tar.TypeReg {
				h.Size, h.Linkname = int64(len(content)), ""
			}
			h.Mode = 0o600
			check(t, tw.WriteHeader(&h))
			if h.Typeflag == tar.TypeReg {
				_, err := tw.Write(content)
				check(t, err)
			}
		}
		check(t, tw.Close())
		return b.Bytes()
	}
	file := func(name string, content []byte) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: string(content)}
	}
	tests := []struct {
		name string
		tar  []byte
		dir  string // has this file in it
		want string
	}{
		{"- not empty", whole.Bytes(), databaseName, "the state directory is not empty: penstock.db is there: move it away"},
		{"- something else there", whole.Bytes(), "notes", "not empty: notes is there"},
		{"- no tar", []byte(strings.Repeat("x", 1024)), "", "read the backup"},
		{"- cut off", whole.Bytes()[:8192], "", "unpack penstock.db: unexpected EOF"},
		{"- no database", archive(file("sift/1.snap", nil)), "", "there is no penstock.db in it"},
		{"- leads out", archive(file("../evil", nil)), "", `"../evil" is not what a backup holds`},
		{"- absolute", archive(file("/etc/evil", nil)), "", `"/etc/evil" is not what a backup holds`},
		{"- link", archive(tar.Header{Typeflag: tar.TypeSymlink, Name: "spool", Linkname: "/etc"}), "", `"spool" is not what a backup holds`},
		{"- twice", archive(file("a", nil), file("a", nil)), "", "file exists"},
		{"- empty database", archive(file(databaseName, nil)), "", "is empty: the database is damaged"},
		{"- newer", archive(file(databaseName, newerDB)), "", "written by a newer version"},
		{"- broken", archive(file(databaseName, broken)), "", "the database is damaged"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			dir := folder(t)
			if tt.dir != "" {
				check(t, os.MkdirAll(dir, 0o700))
				check(t, os.WriteFile(filepath.Join(dir, tt.dir), []byte("x"), 0o600))
			}
			err := Restore(t.Context(), dir, bytes.NewReader(tt.tar), newClock().now)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if tt.dir == "" { // and can be tried again at once
				check(t, Restore(t.Context(), dir, bytes.NewReader(whole.Bytes()), newClock().now))
			}
		})
	}
}

func TestRestoreOfVersion1(t *testing.T) {
	t.Parallel()

	var backup bytes.Buffer
	tw := tar.NewWriter(&backup)
	check(t, addFile(tw, databaseName, filepath.Join(version1(t), databaseName)))
	check(t, tw.Close())
	dir := folder(t)
	check(t, Restore(t.Context(), dir, &backup, newClock().now))
	c := contentsOf(t, openAt(t, dir, newClock().now))
	wantDiff(t, 2, c.Start.Generation)
	wantDiff(t, 1, len(c.Work))
	wantDiff(t, action.Refused, c.Orders[0].State)
}
