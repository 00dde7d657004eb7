package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: start} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func mustOpen(t testing.TB, dir string, o Options, now func() time.Time) *Spool {
	t.Helper()
	s, err := Open(dir, o, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// open opens a spool with the default options and a clock that stands.
func open(t testing.TB, dir string) *Spool {
	t.Helper()
	return mustOpen(t, dir, DefaultOptions(), newClock().now)
}

func mustAppend(t testing.TB, s *Spool, lane int, tag string, batch []Record) {
	t.Helper()
	if err := s.Append(lane, tag, batch); err != nil {
		t.Fatal(err)
	}
}

// records returns n records whose data say which they are, size bytes each.
func records(name string, n, size int) []Record {
	all := make([]Record, n)
	for i := range all {
		data := fmt.Sprintf("%s-%d ", name, i)
		data += strings.Repeat("x", max(0, size-len(data)))
		all[i] = Record{Source: "drop", Received: start.Add(time.Duration(i) * time.Millisecond), Data: []byte(data)}
	}
	return all
}

// readAll reads a lane to its end. It counts what is lost.
func readAll(t testing.TB, s *Spool, lane int, from Position) (all []Record, end Position, gone, damaged uint64) {
	t.Helper()
	for {
		recs, next, err := s.Read(lane, from, 64<<10)
		var lost *LostError
		switch {
		case errors.As(err, &lost) && next == from:
			t.Fatalf("stands still at %s: %v", from, err)
		case errors.Is(err, ErrGone):
			gone += lost.Lost
		case errors.Is(err, ErrDamaged):
			damaged += lost.Lost
		case err != nil:
			t.Fatal(err)
		case len(recs) == 0:
			return all, next, gone, damaged
		}
		all, from = append(all, recs...), next
	}
}

func wantRecords(t testing.TB, s *Spool, lane int, from Position, want ...[]Record) Position {
	t.Helper()
	got, end, gone, damaged := readAll(t, s, lane, from)
	if text := diff(join(want...), got); text != "" {
		t.Fatalf("lane %d (-want +got):\n%s", lane, text)
	}
	if gone+damaged > 0 {
		t.Fatalf("lane %d: %d records gone, %d damaged", lane, gone, damaged)
	}
	return end
}

// diff compares records; cmp.Diff itself takes its time with thousands.
func diff(want, got []Record) string {
	if slices.EqualFunc(want, got, sameRecord) {
		return ""
	}
	return cmp.Diff(want, got)
}

func sameRecord(a, b Record) bool {
	return a.Source == b.Source && a.Received.Equal(b.Received) && bytes.Equal(a.Data, b.Data)
}

func join(batches ...[]Record) []Record {
	var all []Record
	for _, b := range batches {
		all = append(all, b...)
	}
	return all
}

func TestReadsBackWhatWasAppended(t *testing.T) {
	t.Parallel()

	all := records("a", 2000, 400)
	odd := []Record{
		{Source: "", Received: start.Add(-time.Hour), Data: []byte{}},
		{Source: strings.Repeat("s", MaxSource), Received: time.Time{}.UTC(), Data: []byte("\x00\xff\n")},
		{Source: "b", Received: start, Data: []byte(strings.Repeat("y", MaxRecord))},
		{Source: "b", Received: start, Data: []byte(blockMagic)},
	}
	dir := filepath.Join(t.TempDir(), "spool")
	s := open(t, dir)
	mustAppend(t, s, 2, "", all)
	mustAppend(t, s, 2, "", odd)
	mustAppend(t, s, 4, "", odd)
	wantRecords(t, s, 2, Position{}, all, odd)
	wantRecords(t, s, 4, Position{}, odd)
	wantRecords(t, s, 0, Position{})

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	end := wantRecords(t, s, 2, Position{}, all, odd)
	more := records("more", 3, 50)
	mustAppend(t, s, 2, "", more)
	wantRecords(t, s, 2, end, more)
	wantRecords(t, s, 2, Position{}, all, odd, more)
	for _, seg := range segmentFiles(t, dir) {
		if info, err := os.Stat(seg); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", seg, info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestReadKeepsToItsBudget(t *testing.T) {
	t.Parallel()

	s := open(t, t.TempDir())
	all := records("a", 600, 100)
	mustAppend(t, s, 1, "", all)
	for _, most := range []int{-1, 0, 1, 99, 100, 250, 5000, 50_000, 1 << 30} {
		var got []Record
		var from Position
		for {
			recs, next, err := s.Read(1, from, most)
			if err != nil {
				t.Fatal(err)
			}
			if len(recs) == 0 {
				break
			}
			if len(recs) > 1 && len(recs)*100 > most {
				t.Fatalf("%d records for at most %d bytes", len(recs), most)
			}
			got, from = append(got, recs...), next
		}
		if text := diff(all, got); text != "" {
			t.Fatalf("at most %d (-want +got):\n%s", most, text)
		}
	}
}

func TestReadFromAnyPosition(t *testing.T) {
	t.Parallel()

	s := open(t, t.TempDir())
	all := records("a", 3000, 300)
	for i := 0; i < len(all); i += 30 {
		mustAppend(t, s, 1, "", all[i:i+30])
	}
	for i := len(all) - 1; i >= 0; i -= 97 {
		recs, _, err := s.Read(1, Position{Segment: 1, Offset: int64(i)}, 1)
		if err != nil || len(recs) != 1 || string(recs[0].Data) != string(all[i].Data) {
			t.Fatalf("record %d: %v, %v", i, recs, err)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		lane  int
		tag   string
		batch []Record
		want  string
		is    error
	}{
		{"- no such lane", 5, "", records("a", 1, 9), "append 1 records to lane 5 of the spool: lane 5 is not between 0 and 4", nil},
		{"- negative lane", -1, "", records("a", 1, 9), "append 1 records to lane -1 of the spool: lane -1 is not between 0 and 4", nil},
		{"- long tag", 0, strings.Repeat("t", MaxTag+1), records("a", 1, 9), "a tag of 256 bytes: too large for the spool", ErrTooLarge},
		{"- long record", 0, "", []Record{{}, {Data: make([]byte, MaxRecord+1)}}, "record 1 of 1052673 bytes", ErrTooLarge},
		{"- long source", 0, "", []Record{{Source: strings.Repeat("s", MaxSource+1)}}, "source of 1025 bytes", ErrTooLarge},
		{"- larger than all", 0, "", records("a", 2, 600_000), "where max_bytes is 1048576: too large for the spool", ErrTooLarge},
		{"+ nothing", 0, "tag", nil, "<nil>", nil},
	}
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{MaxBytes: 1 << 20, MaxAge: time.Hour}, newClock().now)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := s.Append(tt.lane, tt.tag, tt.batch)
			if got := fmt.Sprint(err); !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
		})
	}
	if s.HasTag("tag") || len(segmentFiles(t, dir)) != 0 {
		t.Error("nothing was appended")
	}
	if _, _, err := s.Read(5, Position{}, 1); err == nil {
		t.Error("read lane 5")
	}
	if err := s.Release(5, Position{}); err == nil {
		t.Error("released lane 5")
	}
}

func TestCloseEndsAppends(t *testing.T) {
	t.Parallel()

	s := open(t, t.TempDir())
	all := records("a", 1, 9)
	mustAppend(t, s, 0, "", all)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	wantRecords(t, s, 0, Position{}, all)
	if err := s.Append(0, "", all); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := s.Release(0, Position{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	if _, err := Open(dir, Options{}, time.Now); err == nil || !strings.Contains(err.Error(), "max_bytes: 0 is not between") {
		t.Errorf("no options: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, DefaultOptions(), time.Now); err == nil {
		t.Error("opened a file")
	}
	if err := os.Mkdir(filepath.Join(dir, segmentName(1, 1)), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, DefaultOptions(), time.Now); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("a folder for a segment: %v", err)
	}
}

func TestOpenLeavesForeignFilesAlone(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	names := []string{"5-00000001.seg", "1-1.seg", "1-00000000.seg", "1-00000001.seg.old", "x-00000001.seg", "-1-00000001.seg", "notes"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	mustAppend(t, s, 1, "", records("a", 1, 10))
	wantRecords(t, s, 1, Position{}, records("a", 1, 10))
	for _, name := range names {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != "mine" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestTagsAreKnownAfterRestart(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := open(t, dir)
	mustAppend(t, s, 0, "small", records("a", 1, 10))
	mustAppend(t, s, 3, "large", records("b", 5000, 400)) // several blocks
	if s.HasTag("") || s.HasTag("other") || !s.HasTag("small") || !s.HasTag("large") {
		t.Fatal("wrong tags")
	}
	s = open(t, dir) // without Close, as after a crash
	if s.HasTag("") || s.HasTag("other") || !s.HasTag("small") || !s.HasTag("large") {
		t.Fatal("wrong tags after a restart")
	}
}

func TestTagsAreBounded(t *testing.T) {
	t.Parallel()

	var known tags
	for i := range maxTags + 5 {
		known.add(fmt.Sprint(i))
	}
	known.add("7")
	known.add("7")
	for tag, want := range map[string]bool{"0": false, "6": false, "7": true, "8": true, "10004": true} {
		if tag == "8" {
			continue // overwritten by one of the sevens or not: either way bounded
		}
		if known.has(tag) != want {
			t.Errorf("%s: %v", tag, !want)
		}
	}
	if len(known.order) != maxTags || len(known.known) > maxTags {
		t.Errorf("%d in order, %d known", len(known.order), len(known.known))
	}
}

func TestAppendedWakesOnce(t *testing.T) {
	t.Parallel()

	s := open(t, t.TempDir())
	mustAppend(t, s, 0, "", records("a", 1, 10))
	mustAppend(t, s, 1, "", records("a", 1, 10))
	<-s.Appended()
	select {
	case <-s.Appended():
		t.Error("woke twice")
	default:
	}
	mustAppend(t, s, 0, "", nil)
	select {
	case <-s.Appended():
		t.Error("woke for nothing")
	default:
	}
}

func TestStats(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	c := newClock()
	s := mustOpen(t, dir, DefaultOptions(), c.now)
	mustAppend(t, s, 1, "", records("a", 10, 10))
	c.add(time.Minute)
	mustAppend(t, s, 4, "", records("b", 20, 10))
	_, next, err := s.Read(4, Position{}, 50)
	if err != nil || next != (Position{1, 5}) {
		t.Fatal(next, err)
	}
	got := s.Stats()
	var sum int64
	for _, n := range got.LaneBytes {
		sum += n
	}
	if sum != got.Bytes || sum != folderBytes(t, dir) {
		t.Errorf("%d bytes, %d in lanes, %d on disk", got.Bytes, sum, folderBytes(t, dir))
	}
	want := Stats{Bytes: got.Bytes, LaneBytes: got.LaneBytes, Oldest: start}
	want.Segments[1], want.Segments[4] = 1, 1
	want.Waiting[1], want.Waiting[4] = 10, 15
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func folderBytes(t testing.TB, dir string) int64 {
	t.Helper()
	var sum int64
	for _, path := range segmentFiles(t, dir) {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}

func TestPositionText(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, text string
		want       Position
		ok         bool
	}{
		{"+ nothing", "", Position{}, true},
		{"+ the beginning", "0:0", Position{}, true},
		{"+ somewhere", "7:4096", Position{7, 4096}, true},
		{"+ far", "18446744073709551615:9223372036854775807", Position{1<<64 - 1, 1<<63 - 1}, true},
		{"- negative", "7:-1", Position{}, false},
		{"- one number", "7", Position{}, false},
		{"- three numbers", "7:1:2", Position{}, false},
		{"- a zero in front", "07:1", Position{}, false},
		{"- words", "a:b", Position{}, false},
		{"- too large", "18446744073709551616:0", Position{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParsePosition(tt.text)
			if got != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %v, %v", got, err)
			}
			if tt.ok && tt.text != "" && got.String() != tt.text {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestPositionsThatWereNeverGiven(t *testing.T) {
	t.Parallel()

	s := open(t, t.TempDir())
	all := records("a", 10, 10)
	mustAppend(t, s, 0, "", all)
	for _, p := range []Position{{11, 1}, {500, 0}, {1<<64 - 1, 1<<63 - 1}} {
		_, next, err := s.Read(0, p, 100)
		var lost *LostError
		if !errors.Is(err, ErrGone) || !errors.As(err, &lost) || lost.Lost != 0 || next != (Position{Segment: 1}) {
			t.Errorf("%s: %s, %v", p, next, err)
		}
		if err := s.Release(0, p); err != nil {
			t.Error(err)
		}
	}
	wantRecords(t, s, 0, Position{Segment: 1, Offset: -5}, all)
}

func TestOptionsCheck(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		o    Options
		want []string
	}{
		{"+ defaults", DefaultOptions(), nil},
		{"+ least", Options{1 << 20, time.Hour}, nil},
		{"+ most", Options{1 << 40, 2160 * time.Hour}, nil},
		{"- nothing", Options{}, []string{"max_bytes: 0 is not between 1048576 (1 MiB) and 1099511627776 (1 TiB)", "max_age: 0s is not between 1h and 2160h (90 days)"}},
		{"- too much", Options{1<<40 + 1, 2161 * time.Hour}, []string{
			"max_bytes: 1099511627777 is not between 1048576 (1 MiB) and 1099511627776 (1 TiB)",
			"max_age: 2161h0m0s is not between 1h and 2160h (90 days)",
		}},
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
