package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/record"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// at returns a clock that stands.
func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// tiny makes segments of 64 KiB, and keeps two of them.
func tiny() Options { return Options{SegmentBytes: 64 << 10, KeepBytes: 128 << 10, KeepDays: 365} }

// roomy makes segments of 64 KiB and keeps them all.
func roomy() Options { return Options{SegmentBytes: 64 << 10, KeepBytes: 1 << 30, KeepDays: 365} }

func mustOpen(t testing.TB, dir string, o Options, now func() time.Time) *Log {
	t.Helper()
	l, err := Open(dir, o, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// recs returns the records with these sequence numbers, first to last.
func recs(first, last uint64) []record.Record {
	var all []record.Record
	for seq := first; seq <= last; seq++ {
		all = append(all, record.Record{
			Version: record.Version, Seq: seq, Case: fmt.Sprint("site-w1-", seq), Revision: 1, Status: "open",
			Updated: start.Format("2006-01-02T15:04:05.000Z"), Summary: "a line < & > of the log",
		})
	}
	return all
}

// large does the same with records of about 10 kB, of which a tiny segment holds 6.
func large(first, last uint64) []record.Record {
	all := recs(first, last)
	for i := range all {
		all[i].Summary = strings.Repeat("x", 10_000)
	}
	return all
}

func mustWrite(t testing.TB, l *Log, all []record.Record) {
	t.Helper()
	if err := l.Write(all); err != nil {
		t.Fatal(err)
	}
}

func mustVerify(t testing.TB, dir, against string) Report {
	t.Helper()
	r, err := Verify(dir, against)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func writeFile(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWritesAChain(t *testing.T) {
	t.Parallel()

	dir := filepath.Join(t.TempDir(), "log")
	l := mustOpen(t, dir, DefaultOptions(), at(start))
	if l.Head() != (record.Chain{}) || l.LastSeq() != 0 {
		t.Errorf("empty: %s, %d", l.Head(), l.LastSeq())
	}
	if r := mustVerify(t, dir, l.Head().String()); r != (Report{}) {
		t.Errorf("empty: %+v", r)
	}
	mustWrite(t, l, nil)
	mustWrite(t, l, recs(1, 3))
	mustWrite(t, l, recs(7, 9)) // the store gave some numbers to records of other sinks
	path := filepath.Join(dir, "records-00000001.jsonl")
	lines := readFile(t, path)
	if head, err := (record.Chain{}).Verify(lines); err != nil || head != l.Head() || head.Number != 6 || l.LastSeq() != 9 {
		t.Errorf("got %s, %v, want %s", head, err, l.Head())
	}
	want := Report{Segments: 1, Records: 6, First: 1, Last: 6, Head: l.Head()}
	if diff := cmp.Diff(want, mustVerify(t, dir, l.Head().String())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, mode := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestGoesOnAfterARestart(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, DefaultOptions(), at(start))
	mustWrite(t, l, recs(1, 9))
	head := l.Head()
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	if err := l.Write(recs(10, 10)); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	l = mustOpen(t, dir, DefaultOptions(), at(start))
	if l.Head() != head || l.LastSeq() != 9 || l.Torn() != 0 {
		t.Errorf("reopened: %s, %d", l.Head(), l.LastSeq())
	}
	mustWrite(t, l, recs(8, 12))
	if r := mustVerify(t, dir, head.String()); r.Records != 12 {
		t.Errorf("%+v", r)
	}
}

// TestARepeatDoesNothing is a crash between the write and the acknowledgement in the
// outbox: the same records come again.
func TestARepeatDoesNothing(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, roomy(), at(start))
	mustWrite(t, l, large(1, 20))
	head := l.Head()
	for range 2 {
		mustWrite(t, l, large(1, 20))
		mustWrite(t, l, large(5, 9))
		l = mustOpen(t, dir, roomy(), at(start)) // without Close, as after a crash
	}
	if l.Head() != head {
		t.Errorf("got %s, want %s", l.Head(), head)
	}
	before := large(15, 25)
	slices.Reverse(before)
	given := slices.Clone(before)
	mustWrite(t, l, before)
	if r := mustVerify(t, dir, head.String()); r.Records != 25 || l.LastSeq() != 25 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff(given, before); diff != "" {
		t.Error("the caller's records were sorted")
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, DefaultOptions(), at(start))
	unnumbered := append(recs(1, 2), record.Record{Case: "c9"})
	err := l.Write(unnumbered)
	if want := "write 3 records to the log " + dir + ": a record of case c9 has no sequence number"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if l.LastSeq() != 0 || l.Head().Number != 0 {
		t.Error("wrote some of it")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()

	if _, err := Open(t.TempDir(), Options{}, at(start)); err == nil || !strings.Contains(err.Error(), "segment_bytes: 0 is not between") {
		t.Errorf("no options: %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, segmentName(1)), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, tiny(), at(start)); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("a folder for a segment: %v", err)
	}
}

// TestTornTail cuts the last two lines, which were one write, at every byte.
func TestTornTail(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, DefaultOptions(), at(start))
	mustWrite(t, l, recs(1, 2))
	path := filepath.Join(dir, segmentName(1))
	kept := int64(len(readFile(t, path)))
	head := l.Head()
	mustWrite(t, l, recs(3, 4))
	whole, wholeHead := readFile(t, path), l.Head()
	line := kept + int64(bytes.IndexByte(whole[kept:], '\n')) + 1
	for size := kept; size < int64(len(whole)); size++ {
		writeFile(t, path, whole[:size])
		left := kept
		if size >= line {
			left = line
		}
		r := mustVerify(t, dir, head.String())
		if r.Torn != size-left {
			t.Fatalf("cut at %d: Verify says %d torn", size, r.Torn)
		}
		l := mustOpen(t, dir, DefaultOptions(), at(start))
		if info, err := os.Stat(path); err != nil || info.Size() != left || l.Torn() != size-left {
			t.Fatalf("cut at %d: %d bytes left, %d torn, %v", size, info.Size(), l.Torn(), err)
		}
		mustWrite(t, l, recs(1, 4))
		if l.Head() != wholeHead || !bytes.Equal(readFile(t, path), whole) {
			t.Fatalf("cut at %d: repeated to %s, want %s", size, l.Head(), wholeHead)
		}
		_ = l.Close()
	}
}

// TestPowerCut leaves zeros where the earlier part of a write did not reach the
// disk, but the later one did.
func TestPowerCut(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, DefaultOptions(), at(start))
	mustWrite(t, l, recs(1, 2))
	path := filepath.Join(dir, segmentName(1))
	kept := len(readFile(t, path))
	head := l.Head()
	mustWrite(t, l, recs(3, 40))
	whole := readFile(t, path)
	page := (kept + 4095) / 4096 * 4096
	tests := []struct {
		name     string
		from, to int
		records  uint64
	}{
		{"+ the first page", kept, page, 2},
		{"+ a later page", page, page + 4096, uint64(bytes.Count(whole[:page], []byte("\n")))},
		{"+ all", kept, len(whole), 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			content := bytes.Clone(whole)
			clear(content[tt.from:tt.to])
			writeFile(t, path, append(content, make([]byte, 3*maxLine)...))
			if r := mustVerify(t, dir, head.String()); r.Records != tt.records || r.Torn == 0 {
				t.Errorf("%+v, want %d records", r, tt.records)
			}
			l := mustOpen(t, dir, DefaultOptions(), at(start))
			if l.Head().Number != tt.records || l.Torn() == 0 {
				t.Errorf("got %s, want %d records", l.Head(), tt.records)
			}
			mustWrite(t, l, recs(1, 40))
			if !bytes.Equal(readFile(t, path), whole) {
				t.Error("is not as it was")
			}
		})
	}
}

func TestSegmentsAndCheckpoints(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, roomy(), at(start))
	var heads []record.Chain
	for seq := uint64(1); seq <= 20; seq++ {
		mustWrite(t, l, large(seq, seq))
		heads = append(heads, l.Head())
		if seq%4 == 0 {
			l = mustOpen(t, dir, roomy(), at(start))
		}
	}
	want := Report{Segments: 4, Records: 20, First: 1, Last: 20, Head: heads[19]}
	for _, against := range heads {
		if diff := cmp.Diff(want, mustVerify(t, dir, against.String())); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	all, _, err := readCheckpoints(dir)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d checkpoints, %v", len(all), err)
	}
	for i, c := range all {
		want := checkpoint{
			first: uint64(6*i) + 1, last: uint64(6*i) + 6, head: heads[6*i+5], seq: uint64(6*i) + 6, ended: start,
		}
		if i > 0 {
			want.before = heads[6*i-1]
		}
		if c != want {
			t.Errorf("%d: got %+v, want %+v", i, c, want)
		}
		if info, err := os.Stat(filepath.Join(dir, segmentName(c.first))); err != nil || info.Size() > 64<<10 {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestALargeBatchStaysInOneSegment(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, roomy(), at(start))
	mustWrite(t, l, large(1, 2))
	mustWrite(t, l, large(3, 30))
	mustWrite(t, l, large(31, 31))
	if r := mustVerify(t, dir, ""); r.Segments != 3 || r.Records != 31 {
		t.Errorf("%+v", r)
	}
}

func TestRetentionByBytesKeepsItVerifiable(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, tiny(), at(start))
	var heads []record.Chain
	for seq := uint64(1); seq <= 40; seq++ {
		mustWrite(t, l, large(seq, seq))
		heads = append(heads, l.Head())
		var sum int64
		for _, name := range segments(t, dir) {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			sum += info.Size()
		}
		if sum > tiny().KeepBytes {
			t.Fatalf("record %d: %d bytes", seq, sum)
		}
		if r := mustVerify(t, dir, heads[len(heads)-1].String()); r.Last != seq {
			t.Fatalf("record %d: %+v", seq, r)
		}
	}
	want := Report{Segments: 2, Records: 10, First: 31, Last: 40, Head: heads[39]}
	if diff := cmp.Diff(want, mustVerify(t, dir, "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, head := range heads {
		_, err := Verify(dir, head.String())
		known := i >= 29 || i%6 == 5 // kept, or at a checkpoint
		if known && err != nil || !known && !errors.Is(err, ErrNotKept) {
			t.Errorf("against %d: %v", i+1, err)
		}
	}
	if l = mustOpen(t, dir, tiny(), at(start)); l.Head() != heads[39] || l.LastSeq() != 40 {
		t.Errorf("reopened: %s, %d", l.Head(), l.LastSeq())
	}
}

func segments(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "records-*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestRetentionByAge(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	now := start
	clock := func() time.Time { return now }
	o := roomy()
	o.KeepDays = 60
	l := mustOpen(t, dir, o, clock)
	written := uint64(0)
	for day := range 200 { // a quiet site: a small record a day
		now = start.AddDate(0, 0, day)
		r := recs(written+1, written+1)
		r[0].Updated = now.Format("2006-01-02T15:04:05.000Z")
		mustWrite(t, l, r)
		written++
		if day%7 == 0 {
			l = mustOpen(t, dir, o, clock)
		}
	}
	r := mustVerify(t, dir, l.Head().String())
	if r.First < 200-60-33 || r.First > 140 || r.Last != 200 || r.Segments > 4 {
		t.Errorf("%+v", r)
	}
	now = start.AddDate(2, 0, 0) // switched off for long: what it has goes, the chain goes on
	l = mustOpen(t, dir, o, clock)
	mustWrite(t, l, recs(1, 201))
	if r := mustVerify(t, dir, l.Head().String()); r.First != 201 && r.Segments > 2 || r.Last != 201 {
		t.Errorf("%+v", r)
	}
}

// TestAllSegmentsAreGone has only the checkpoints left: the chain and the sequence
// numbers go on.
func TestAllSegmentsAreGone(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, roomy(), at(start))
	mustWrite(t, l, large(1, 6))
	mustWrite(t, l, large(7, 7))
	l.mu.Lock()
	err := l.finish(start)
	l.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	head := l.Head()
	for _, name := range segments(t, dir) {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if r := mustVerify(t, dir, head.String()); r != (Report{Head: head}) {
		t.Errorf("%+v", r)
	}
	l = mustOpen(t, dir, roomy(), at(start))
	if l.Head() != head || l.LastSeq() != 7 {
		t.Fatalf("%s, %d", l.Head(), l.LastSeq())
	}
	mustWrite(t, l, large(1, 8))
	if r := mustVerify(t, dir, head.String()); r.First != 8 || r.Last != 8 {
		t.Errorf("%+v", r)
	}
}

// TestCrashWhileASegmentEnds stops at each step between two segments.
func TestCrashWhileASegmentEnds(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, roomy(), at(start))
	mustWrite(t, l, large(1, 6))
	mustWrite(t, l, large(7, 12))
	checkpoints := filepath.Join(dir, checkpointsName)
	one := readFile(t, checkpoints)
	mustWrite(t, l, large(13, 13))
	two := readFile(t, checkpoints)
	third := filepath.Join(dir, segmentName(13))
	if err := os.Remove(third); err != nil {
		t.Fatal(err)
	}
	for size := len(one); size <= len(two); size++ {
		for _, empty := range []bool{false, true} {
			if empty && size < len(two) {
				continue // the file is made when the line is on the disk
			}
			writeFile(t, checkpoints, two[:size])
			if empty {
				writeFile(t, third, nil)
			}
			l := mustOpen(t, dir, roomy(), at(start))
			if l.Head().Number != 12 || l.LastSeq() != 12 {
				t.Fatalf("line cut at %d: %s", size, l.Head())
			}
			mustWrite(t, l, large(1, 13))
			if r := mustVerify(t, dir, l.Head().String()); r.Segments != 3 || r.Last != 13 {
				t.Fatalf("line cut at %d: %+v", size, r)
			}
			if got := readFile(t, checkpoints); !bytes.Equal(got, two) {
				t.Fatalf("line cut at %d:\n%s", size, got)
			}
			_ = l.Close()
			if err := os.Remove(third); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCheckpointsAreBounded(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, tiny(), at(start))
	mustWrite(t, l, recs(1, 1))
	for i := range 2*keepCheckpoints + 5 { // without the writes in between
		head := record.Chain{Number: l.head.Number + 1}
		head.Hash[0] = byte(i)
		l.checkpoints = append(l.checkpoints, checkpoint{first: head.Number, last: head.Number, before: l.head, head: head, seq: 1, ended: start})
		l.head, l.before = head, head
	}
	l.active.first = l.head.Number + 1
	c := checkpoint{first: l.head.Number + 1, last: l.head.Number + 1, before: l.head, head: record.Chain{Number: l.head.Number + 1}, seq: 2, ended: start}
	if err := l.addCheckpoint(c); err != nil {
		t.Fatal(err)
	}
	c.first, c.last, c.before, c.head = c.first+1, c.last+1, c.head, record.Chain{Number: c.last + 1}
	if err := l.addCheckpoint(c); err != nil {
		t.Fatal(err)
	}
	all, whole, err := readCheckpoints(dir)
	if err != nil || len(all) != keepCheckpoints+1 || all[len(all)-1] != c || whole != l.checkpointBytes {
		t.Errorf("%d checkpoints, %d bytes, %v", len(all), whole, err)
	}
}

func TestAFailedWriteLeavesNothing(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, roomy(), at(start))
	mustWrite(t, l, recs(1, 2))
	head := l.Head()
	file := l.file
	readOnly, err := os.Open(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	l.file = readOnly
	if err := l.Write(recs(3, 4)); err == nil || l.Head() != head || l.LastSeq() != 2 {
		t.Fatalf("wrote to a file that is read only: %s", l.Head())
	}
	if err := l.Write(recs(3, 4)); err == nil {
		t.Fatal("cannot take back what may be there, yet wrote")
	}
	// What could not be taken back is not there when it works again.
	if _, err := file.WriteAt([]byte("half a line"), l.active.size); err != nil {
		t.Fatal(err)
	}
	_ = readOnly.Close()
	l.file = file
	mustWrite(t, l, recs(3, 4))
	if r := mustVerify(t, dir, head.String()); r.Records != 4 || r.Torn != 0 {
		t.Errorf("%+v", r)
	}
}

// TestWritesOnceInAnyOrder runs writes, repeats, crashes and restarts.
func TestWritesOnceInAnyOrder(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		l := mustOpen(t, dir, roomy(), at(start))
		var written uint64
		var heads []record.Chain
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) {
				from := max(1, written-min(written, rapid.Uint64Range(0, 5).Draw(rt, "repeated")))
				to := written + rapid.Uint64Range(0, 4).Draw(rt, "new")
				batch := recs(from, to)
				if rapid.Bool().Draw(rt, "large") {
					batch = large(from, to)
				}
				if err := l.Write(batch); err != nil {
					rt.Fatal(err)
				}
				written = max(written, to)
				heads = append(heads, l.Head())
			},
			"crash": func(rt *rapid.T) {
				if l.file != nil {
					lines, _, _, err := l.encode(recs(written+1, written+1))
					if err != nil {
						rt.Fatal(err)
					}
					lines = lines[:rapid.IntRange(0, len(lines)-1).Draw(rt, "cut")]
					if _, err := l.file.WriteAt(lines, l.active.size); err != nil {
						rt.Fatal(err)
					}
				}
				_ = l.Close()
				l = mustOpen(t, dir, roomy(), at(start))
			},
			"": func(rt *rapid.T) {
				if l.Head().Number != written || l.LastSeq() != written {
					rt.Fatalf("at %s, want %d", l.Head(), written)
				}
			},
		})
		for _, head := range heads {
			if r, err := Verify(dir, head.String()); err != nil || r.Records != written {
				rt.Fatalf("%+v, %v", r, err)
			}
		}
		_ = l.Close()
		_ = os.RemoveAll(dir)
	})
}

func TestOptionsCheck(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		o    Options
		want []string
	}{
		{"+ defaults", DefaultOptions(), nil},
		{"+ least", Options{64 << 10, 128 << 10, 1}, nil},
		{"- nothing", Options{}, []string{
			"segment_bytes: 0 is not between 65536 and 1073741824", "keep_bytes: 0 is not between 131072 and 1099511627776",
			"keep_days: 0 is not between 1 and 3650",
		}},
		{"- one segment only", Options{1 << 20, 1<<21 - 1, 1}, []string{"keep_bytes: 2097151 holds no two segments of 1048576 bytes"}},
		{"- for ever", Options{1 << 20, 1 << 30, 3651}, []string{"keep_days: 3651 is not between 1 and 3650"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			tt.o.Check(func(path, text string) { got = append(got, path+": "+text) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestASegmentThatCannotEnd keeps the checkpoint from being written for a while. The
// segment takes no more lines even where they would fit, because its checkpoint may
// be on the disk all the same.
func TestASegmentThatCannotEnd(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := mustOpen(t, dir, roomy(), at(start))
	mustWrite(t, l, large(1, 6))
	checkpoints := filepath.Join(dir, checkpointsName)
	if err := os.Mkdir(checkpoints, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := l.Write(large(7, 7))
		if err == nil || !strings.Contains(err.Error(), "finish segment records-00000001.jsonl: ") || l.LastSeq() != 6 {
			t.Fatalf("got %v, at %d", err, l.LastSeq())
		}
	}
	if err := os.Remove(checkpoints); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, l, recs(7, 7))
	want := Report{Segments: 2, Records: 7, First: 1, Last: 7, Head: l.Head()}
	if diff := cmp.Diff(want, mustVerify(t, dir, "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
