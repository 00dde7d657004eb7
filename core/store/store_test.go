package store

import (
	"bytes"
	"compress/gzip"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
)

var update = flag.Bool("update", false, "write the fixtures anew")

func TestOptionsCheck(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name   string
		change func(o *Options)
		want   string
	}{
		{"+ defaults", func(*Options) {}, ""},
		{"+ no reserve", func(o *Options) { o.ReserveBytes = 0 }, ""},
		{"- no day", func(o *Options) { o.KeepDays = 0 }, "keep_days: must lie between 1 and 3650"},
		{"- too small", func(o *Options) { o.MaxBytes = 1 << 20 }, "max_bytes: must lie between 16 MiB (16777216) and 1 TiB (1099511627776)"},
		{"- reserve too large", func(o *Options) { o.ReserveBytes = 2 << 30 }, "reserve_bytes: must lie between 0 and 1 GiB (1073741824)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			o := DefaultOptions()
			tt.change(&o)
			var problems []string
			o.Check(func(path, text string) { problems = append(problems, path+": "+text) })
			wantDiff(t, tt.want, strings.Join(problems, "; "))
		})
	}
}

func TestOpenMakesWhatNobodyElseMayRead(t *testing.T) {
	t.Parallel()

	dir := folder(t)
	s := openAt(t, dir, newClock().now)
	check(t, s.SaveBatch(t.Context(), sampleBatch(1)))
	check(t, s.SaveSnapshot(t.Context(), writeText("state")))
	check(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}))
}

func TestOneWorkerAStateDirectory(t *testing.T) {
	t.Parallel()

	dir := folder(t)
	s := openAt(t, dir, newClock().now)
	_, err := Open(t.Context(), dir, smallOptions(), newClock().now)
	wantError(t, err, ErrBusy)
	check(t, s.Close())
	openAt(t, dir, newClock().now)
}

func TestReadOnlyBesideAWorker(t *testing.T) {
	t.Parallel()

	dir := folder(t)
	s := openAt(t, dir, newClock().now)
	b := sampleBatch(1)
	b.Cases = append(b.Cases, sampleCase(1, 1, event.High))
	check(t, s.SaveBatch(t.Context(), b))
	look := func(name string) {
		t.Helper()
		r, err := OpenReadOnly(t.Context(), dir, smallOptions(), newClock().now)
		check(t, err)
		defer r.Close()
		if rows := got(r.Cases(t.Context(), Filter{OpenOnly: true}))(t); len(rows) != 1 {
			t.Errorf("%s: %d cases", name, len(rows))
		}
		if err := r.SaveBatch(t.Context(), sampleBatch(2)); !IsReadOnly(err) {
			t.Errorf("%s: SaveBatch: %v", name, err)
		}
		if err := r.SaveSnapshot(t.Context(), writeText("x")); !IsReadOnly(err) {
			t.Errorf("%s: SaveSnapshot: %v", name, err)
		}
		check(t, r.Backup(t.Context(), io.Discard, nil))
	}
	look("beside a worker")
	check(t, s.Close())
	look("without one")
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()

	sqlIn := func(statement string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, databaseName))
			check(t, err)
			_, err = db.ExecContext(t.Context(), statement)
			check(t, errors.Join(err, db.Close()))
		}
	}
	replace := func(content string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			check(t, os.WriteFile(filepath.Join(dir, databaseName), []byte(content), 0o600))
		}
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   string
		broken bool
	}{
		{"- zero bytes", replace(""), "penstock.db is empty: the database is damaged", true},
		{"- not a database", replace(strings.Repeat("no database\n", 1000)), "the database is damaged", true},
		{"- a head without a body", replace("SQLite format 3\x00"), "the database is damaged", true},
		{"- another program's", sqlIn("PRAGMA application_id = 7"), "the database is another program's", true},
		{"- no version", sqlIn("PRAGMA user_version = 0"), "the database has no version", true},
		{
			"- newer", sqlIn("PRAGMA user_version = 99"),
			"written by a newer version of Penstock (schema 99, this one knows 4): install that version again", false,
		},
		{"- folder open to others", func(t *testing.T, dir string) { check(t, os.Chmod(dir, 0o750)) }, "(mode 0750): chmod 700 ", false},
		{
			"- database open to others",
			func(t *testing.T, dir string) { check(t, os.Chmod(filepath.Join(dir, databaseName), 0o644)) }, "(mode 0644): chmod 600 ", false,
		},
		{
			"- database gone, log left",
			func(t *testing.T, dir string) {
				check(t, os.Rename(filepath.Join(dir, databaseName), filepath.Join(dir, databaseName+"-wal")))
			}, "is missing, but its write-ahead log is there", true,
		},
		{
			"- a folder in its place",
			func(t *testing.T, dir string) {
				check(t, os.Remove(filepath.Join(dir, databaseName)))
				check(t, os.Mkdir(filepath.Join(dir, databaseName), 0o700))
			}, "is not a file", true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			dir := folder(t)
			check(t, openAt(t, dir, newClock().now).Close())
			tt.damage(t, dir)
			s, err := Open(t.Context(), dir, smallOptions(), newClock().now)
			if s != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			if IsCorrupt(err) != tt.broken || errors.Is(err, ErrBroken) != tt.broken {
				t.Errorf("IsCorrupt of %v", err)
			}
			if _, isNewer := errors.AsType[*NewerError](err); isNewer != strings.Contains(tt.name, "newer") {
				t.Errorf("%v: is a *NewerError: %t", err, isNewer)
			}
		})
	}
}

// TestOverwrittenPages overwrites every page in turn, as a dying card does. What is
// read afterwards is what was there, or an error that says so.
func TestOverwrittenPages(t *testing.T) {
	t.Parallel()

	dir := folder(t)
	s := openAt(t, dir, newClock().now)
	for i := range 20 {
		b := sampleBatch(i + 1)
		h := sampleCase(i+1, 1, event.Medium)
		b.Cases = append(b.Cases, h)
		check(t, s.SaveBatch(t.Context(), b))
		v := sampleVerdict(h, ByRules)
		v.Orders = []action.Order{sampleOrder(t, h.Case.ID, 0, "203.0.113.7")}
		got(s.Commit(t.Context(), []Verdict{v}))(t)
	}
	want := contentsOf(t, s)
	check(t, s.Close())
	whole, err := os.ReadFile(filepath.Join(dir, databaseName))
	check(t, err)
	const page = 4096
	noticed := 0
	for at := 0; at < len(whole); at += page {
		damaged := bytes.Clone(whole)
		for i := range page {
			damaged[at+i] = byte(i*7 + at)
		}
		broken := folder(t)
		check(t, os.MkdirAll(broken, 0o700))
		check(t, os.WriteFile(filepath.Join(broken, databaseName), damaged, 0o600))
		err := readAll(t, broken, want)
		if err != nil && !IsCorrupt(err) {
			t.Errorf("page %d: %v, which is not said to be damage", at/page, err)
		}
		if err != nil {
			noticed++
		}
	}
	if noticed < len(whole)/page/2 {
		t.Errorf("%d of %d overwritten pages were noticed", noticed, len(whole)/page)
	}
}

func readAll(t *testing.T, dir string, want contents) error {
	s, err := Open(t.Context(), dir, smallOptions(), newClock().now)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx := t.Context()
	start, err := s.Start(ctx, 100)
	if err != nil {
		return err
	}
	orders, err := s.Orders(ctx, 100)
	if err != nil {
		return err
	}
	rows, err := s.Outbox(ctx, "log", 100)
	if err != nil {
		return err
	}
	if err := s.Check(ctx); err != nil {
		return err
	}
	wantDiff(t, want.Start, start)
	wantDiff(t, want.Orders, orders)
	wantDiff(t, len(want.Outbox["log"]), len(rows))
	return nil
}

func TestMigrationOfVersion1(t *testing.T) {
	t.Parallel()

	if *update {
		writeVersion(t, 1)
	}
	t.Run("+ with a copy", func(t *testing.T) {
		t.Parallel()

		dir := version1(t)
		s := openAt(t, dir, newClock().now)
		wantVersion1(t, s)
		got(s.AddLabel(t.Context(), Label{Case: "plant-w1-1", Kind: "closed", By: "ana"}))(t)
		before := filepath.Join(dir, databaseName+".before-v3")
		db, err := sql.Open("sqlite", before)
		check(t, err)
		defer db.Close()
		if version := got(versionOf(t.Context(), db))(t); version != 2 {
			t.Errorf("the copy has version %d", version)
		}
		if info := got(os.Stat(before))(t); info.Mode().Perm() != 0o600 {
			t.Errorf("the copy has mode %v", info.Mode())
		}
	})
	for _, step := range []string{"migrate.copied", "migrate.begin", "migrate.2", "migrate.3", "migrate.4", "migrate.commit", "migrate.after"} {
		t.Run("+ interrupted at "+step, func(t *testing.T) {
			t.Parallel()

			dir := version1(t)
			_, err := open(t.Context(), dir, smallOptions(), newClock().now, func(at string) error {
				if at == step {
					return errDied
				}
				return nil
			})
			wantError(t, err, errDied)
			wantVersion1(t, openAt(t, dir, newClock().now))
		})
	}
	t.Run("- read only", func(t *testing.T) {
		t.Parallel()

		_, err := OpenReadOnly(t.Context(), version1(t), smallOptions(), newClock().now)
		if err == nil || !strings.Contains(err.Error(), "start the worker once, which takes it to 4") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("+ two copies are kept, the newest", func(t *testing.T) {
		t.Parallel()

		dir := version1(t)
		for _, name := range []string{".before-v0", ".before-v1", ".before-v1.new"} {
			check(t, os.WriteFile(filepath.Join(dir, databaseName+name), []byte("old"), 0o600))
		}
		openAt(t, dir, newClock().now)
		left := got(filepath.Glob(filepath.Join(dir, "*.before-*")))(t)
		wantDiff(t, []string{filepath.Join(dir, databaseName+".before-v3"), filepath.Join(dir, databaseName+".before-v4")}, left)
	})
}

// TestMigrationOfVersion2 is about what schema 3 brought: talks.
func TestMigrationOfVersion2(t *testing.T) {
	t.Parallel()

	if *update {
		writeVersion(t, 2)
	}
	s := openAt(t, version(t, 2), newClock().now)
	wantVersion1(t, s)
	h := sampleCase(1, 1, event.High)
	if _, _, found, err := s.Talk(t.Context(), h.Case.ID); found || err != nil {
		t.Errorf("a talk that nobody stored: %t, %v", found, err)
	}
	v := sampleVerdict(h, ByModel)
	v.Talk = []byte("question, answer")
	got(s.Commit(t.Context(), []Verdict{v}))(t)
	if _, talk, _, err := s.Talk(t.Context(), h.Case.ID); string(talk) != "question, answer" || err != nil {
		t.Errorf("talk %q, %v", talk, err)
	}
}

// TestMigrationOfVersion3 is about what schema 4 brought: what is shown elsewhere.
func TestMigrationOfVersion3(t *testing.T) {
	t.Parallel()

	if *update {
		writeVersion(t, 3)
	}
	s := openAt(t, version(t, 3), newClock().now)
	wantVersion1(t, s)
	check(t, s.Show(t.Context(), Showing{Shown: []Shown{{Case: "plant-w1-1", Host: "web", Severity: event.High}}}))
	if all := got(s.Shown(t.Context()))(t); len(all) != 1 {
		t.Errorf("shown %v", all)
	}
}

// fixture is the database that a version of the schema has written.
func fixture(version int) string { return fmt.Sprintf("testdata/version%d.db.gz", version) }

func version1(t *testing.T) string {
	t.Helper()
	return version(t, 1)
}

// version returns a state directory that a version of the schema was left in.
func version(t *testing.T, number int) string {
	t.Helper()
	dir := folder(t)
	check(t, os.MkdirAll(dir, 0o700))
	f := got(os.Open(fixture(number)))(t)
	defer f.Close()
	z := got(gzip.NewReader(f))(t)
	check(t, os.WriteFile(filepath.Join(dir, databaseName), got(io.ReadAll(z))(t), 0o600))
	return dir
}

// writeVersion writes a fixture that is not there. What a released version wrote is
// not to be written anew by a later one: this is here to show how it came to be.
func writeVersion(t *testing.T, number int) {
	t.Helper()
	if _, err := os.Stat(fixture(number)); err == nil {
		return
	}
	path := filepath.Join(t.TempDir(), databaseName)
	s := &Store{dir: filepath.Dir(path), now: newClock().now}
	check(t, s.fill(t.Context(), path, number))
	var err error
	s.writer, err = sql.Open("sqlite", path)
	check(t, err)
	check(t, s.keepShapes(t.Context()))
	h := sampleCase(1, 1, event.High)
	b := sampleBatch(1)
	b.Cases, b.Work = []cases.HeldState{h}, []Work{sampleWork(h)}
	check(t, s.SaveBatch(t.Context(), b))
	v := sampleVerdict(h, ByRules)
	v.Orders = []action.Order{sampleOrder(t, h.Case.ID, 0, "203.0.113.7")}
	got(s.Commit(t.Context(), []Verdict{v}))(t)
	check(t, s.writer.Close())
	var out bytes.Buffer
	z := got(gzip.NewWriterLevel(&out, gzip.BestCompression))(t)
	_, err = z.Write(got(os.ReadFile(path))(t))
	check(t, errors.Join(err, z.Close(), os.MkdirAll("testdata", 0o755), os.WriteFile(fixture(number), out.Bytes(), 0o644)))
}

func wantVersion1(t *testing.T, s *Store) {
	t.Helper()
	h := sampleCase(1, 1, event.High)
	b := sampleBatch(1)
	c := contentsOf(t, s)
	wantDiff(t, b.Steps, c.Start.Steps)
	wantDiff(t, []cases.HeldState{h}, c.Start.Book.Open)
	wantDiff(t, []Work{sampleWork(h)}, c.Work)
	wantDiff(t, sampleRecord(h.Case.ID, 1).Numbered(1), c.Records[0])
	wantDiff(t, sampleOrder(t, h.Case.ID, 0, "203.0.113.7"), c.Orders[0].Order)
	wantDiff(t, map[string][]uint64{"log": {1}, "zabbix": {1}}, c.Outbox)
}

func TestEveryMigrationIsThere(t *testing.T) {
	t.Parallel()

	entries := got(migrations.ReadDir("migrations"))(t)
	if len(entries) != Schema {
		t.Errorf("%d migrations, schema %d", len(entries), Schema)
	}
	for v := 1; v <= Schema; v++ {
		if _, err := migrations.ReadFile(fmt.Sprintf("migrations/%d.sql", v)); err != nil {
			t.Error(err)
		}
	}
}

func TestLeftoversOfADeadProcessGo(t *testing.T) {
	t.Parallel()

	dir := folder(t)
	check(t, openAt(t, dir, newClock().now).Close())
	for _, name := range []string{"backup.new", "penstock.db.new", "sift/00000004.snap.new"} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o600))
	}
	openAt(t, dir, newClock().now)
	left := got(filepath.Glob(filepath.Join(dir, "*.new")))(t)
	wantDiff(t, []string(nil), append(left, got(filepath.Glob(filepath.Join(dir, "sift", "*.new")))(t)...))
}

func TestMetaNoticesLabels(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	c := newClock()
	s := openAt(t, folder(t), c.now)
	_, found, err := s.Meta(ctx, "paused")
	if found || err != nil {
		t.Errorf("an entry that nobody stored: %t, %v", found, err)
	}
	check(t, s.SetMeta(ctx, "paused", "by ana"))
	check(t, s.SetMeta(ctx, "paused", "by ben"))
	if value, found, err := s.Meta(ctx, "paused"); value != "by ben" || !found || err != nil {
		t.Errorf("entry %q, %t, %v", value, found, err)
	}

	check(t, s.write(ctx, "notice", func(t *tx) error { // in one transaction, for the test's speed
		for i := range maxNotices + 4 {
			if err := t.addNotice(Notice{At: noon, Text: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		return nil
	}))
	check(t, s.AddNotice(ctx, Notice{At: noon, Severity: event.High, Kind: "store", Text: "the last"}))
	notices := got(s.Notices(ctx, 10_000))(t)
	if len(notices) != maxNotices {
		t.Errorf("%d notices are kept", len(notices))
	}
	wantDiff(t, Notice{At: noon, Severity: event.High, Kind: "store", Text: "the last"}, notices[0])

	l := Label{
		Case: "plant-w1-1", Kind: "false-positive", By: "ana", Asset: "srv1", Class: event.BruteForce, Scope: "opaque\x00", Note: "ours",
		At: noon, Expires: noon.Add(time.Hour),
	}
	first, second := l, l
	first.ID = got(s.AddLabel(ctx, l))(t)
	second.Kind, second.Expires = "closed", time.Time{}
	second.ID = got(s.AddLabel(ctx, second))(t)
	wantDiff(t, []Label{first, second}, got(s.Labels(ctx, noon))(t))
	wantDiff(t, []Label{second}, got(s.Labels(ctx, noon.Add(time.Hour)))(t))
	wantDiff(t, []Label{first, second}, got(s.Labels(ctx, time.Time{}))(t))
	if n := got(s.LabelsToday(ctx, "ana"))(t); n != 2 {
		t.Errorf("%d labels today", n)
	}
	if !got(s.RemoveLabel(ctx, second.ID))(t) || got(s.RemoveLabel(ctx, second.ID))(t) {
		t.Error("a label is removed once")
	}
	if id := got(s.AddLabel(ctx, l))(t); id <= second.ID {
		t.Errorf("number %d of a label is used again", id)
	}
	c.advance(24 * time.Hour)
	if n := got(s.LabelsToday(ctx, "ana"))(t); n != 0 {
		t.Errorf("%d labels on the day after", n)
	}
}
