package store

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"penstock/core/cases"
	"penstock/core/event"
)

// TestBatchIsOnePage holds what a batch costs a card: one page of the write-ahead log
// where only counts and a cursor changed, and the case's pages more where one did.
func TestBatchIsOnePage(t *testing.T) {
	t.Parallel()

	const frame = 24 + 4096
	s := openNew(t)
	log := func() int64 {
		return got(os.Stat(filepath.Join(s.dir, databaseName+"-wal")))(t).Size()
	}
	save := func(b Batch) int64 {
		before := log()
		check(t, s.SaveBatch(t.Context(), b))
		return log() - before
	}
	check(t, s.SaveBatch(t.Context(), sampleBatch(1)))
	const n = 300
	var sum int64
	for i := 2; i < 2+n; i++ {
		sum += save(sampleBatch(i))
	}
	mean := sum / n
	t.Logf("a batch with one cursor, one total, one step: %d bytes on average, %d pages", mean, mean/frame)
	if mean > frame*3/2 {
		t.Errorf("a batch writes %d bytes", mean)
	}

	h := sampleCase(1, 1, event.Medium)
	b := sampleBatch(1000)
	b.Cases = []cases.HeldState{h}
	save(b)
	b = sampleBatch(1001)
	h.Case.Events++
	b.Cases = []cases.HeldState{h}
	if bytes := save(b); bytes > 2*frame { // a page of batches and one of cases, none of lines or of an index
		t.Errorf("a batch with a case of which only a count changed writes %d bytes", bytes)
	}
}

func TestBatchThatIsRepeatedCountsOnce(t *testing.T) {
	t.Parallel()

	s := openNew(t)
	for range 3 {
		check(t, s.SaveBatch(t.Context(), sampleBatch(1)))
	}
	check(t, s.SaveSnapshot(t.Context(), writeText("state")))
	check(t, s.SaveBatch(t.Context(), sampleBatch(1))) // the base remembers as well
	start := got(s.Start(t.Context(), 0))(t)
	wantDiff(t, sampleBatch(1).Totals, start.Totals)
	wantDiff(t, 0, len(start.Steps))
	onlyTotals := Batch{Totals: map[string]Count{"auth": {Lines: 1}}}
	for range 2 {
		check(t, s.SaveBatch(t.Context(), onlyTotals))
	}
	if lines := got(s.Start(t.Context(), 0))(t).Totals["auth"].Lines; lines != 1002 {
		t.Errorf("%d lines, want those of two batches without steps as well", lines)
	}
}

func TestTemplatesAreBounded(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	c := newClock()
	s := openAt(t, folder(t), c.now)
	flood := func(source string, n int) Batch {
		b := Batch{}
		for i := range n {
			b.Templates = append(b.Templates, Template{Source: source, Host: "h", Program: "p", Text: fmt.Sprint(i), First: c.now()})
		}
		return b
	}
	check(t, s.SaveBatch(ctx, flood("noisy", 3000)))
	check(t, s.SaveBatch(ctx, flood("noisy", 10)))
	check(t, s.SaveBatch(ctx, flood("quiet", 5)))
	all := got(s.TemplatesSince(ctx, noon, 10_000))(t)
	if len(all) != maxTemplatesADay+5 || all[0].Source != "quiet" {
		t.Errorf("%d templates, the last of %s", len(all), all[0].Source)
	}
	wantDiff(t, map[string]int{"noisy": 1010}, got(s.TemplatesOver(ctx, noon))(t))
	c.advance(24 * time.Hour)
	check(t, s.SaveBatch(ctx, flood("noisy", 10)))
	if n := len(got(s.TemplatesSince(ctx, c.now(), 10_000))(t)); n != 10 {
		t.Errorf("%d templates on the next day", n)
	}
	check(t, s.write(ctx, "test", func(t *tx) error { // as if many more had come before
		return t.exec(`UPDATE templates SET id = id + ? WHERE source = 'quiet'`, maxTemplates)
	}))
	check(t, s.SaveBatch(ctx, flood("other", maxTemplatesADay)))
	if n := len(got(s.TemplatesSince(ctx, time.Time{}, 1_000_000))(t)); n != maxTemplatesADay+5 {
		t.Errorf("%d templates in all, want those of the last 50,000", n)
	}
}

func TestOlderWorkDoesNotReplaceNewer(t *testing.T) {
	t.Parallel()

	s := openNew(t)
	newer, older := sampleWork(sampleCase(1, 3, event.High)), sampleWork(sampleCase(1, 2, event.High))
	newer.NotBefore = noon.Add(time.Minute)
	check(t, s.SaveBatch(t.Context(), Batch{Work: []Work{newer}}))
	check(t, s.SaveBatch(t.Context(), Batch{Work: []Work{older}}))
	wantDiff(t, []Work{newer}, got(s.Work(t.Context()))(t))
}

func TestCases(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	all := []cases.HeldState{
		sampleCase(1, 1, event.Low), sampleCase(2, 1, event.High), closed(sampleCase(3, 1, event.High)),
		closed(sampleCase(4, 1, event.Low)), sampleCase(5, 1, event.High),
	}
	check(t, s.SaveBatch(ctx, Batch{Cases: all}))
	check(t, s.SaveBatch(ctx, Batch{Cases: []cases.HeldState{closed(sampleCase(2, 1, event.High)), sampleCase(4, 3, event.Low)}})) // closed, opened again
	tests := []struct {
		name   string
		filter Filter
		want   []int
	}{
		{"+ all", Filter{}, []int{5, 3, 2, 4, 1}},
		{"+ open", Filter{OpenOnly: true}, []int{5, 4, 1}},
		{"+ grave", Filter{MinFloor: event.Medium}, []int{5, 3, 2}},
		{"+ grave and open", Filter{MinFloor: event.Medium, OpenOnly: true}, []int{5}},
		{"+ the first two", Filter{Limit: 2}, []int{5, 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want, have []string
			for _, n := range tt.want {
				want = append(want, fmt.Sprint("plant-w1-", n))
			}
			for _, row := range got(s.Cases(ctx, tt.filter))(t) {
				have = append(have, row.ID)
			}
			wantDiff(t, want, have)
		})
	}
	row := got(s.Cases(ctx, Filter{Limit: 1}))(t)[0]
	wantDiff(t, CaseRow{
		ID: "plant-w1-5", Revision: 1, Status: cases.Open, Floor: event.High, Confirmed: true, Class: event.BruteForce, Zone: event.ZoneIT,
		Asset: "srv1", Source: "srv1", Opened: noon.Add(-time.Minute), Updated: noon.Add(123 * time.Millisecond), Events: 12,
	}, row)
	start := got(s.Start(ctx, 1))(t)
	if len(start.Book.Closed) != 1 || start.Book.Closed[0].Number != 2 {
		t.Errorf("the newest closed case: %+v", start.Book.Closed)
	}
	h, found, err := s.Case(ctx, "plant-w1-4")
	check(t, err)
	wantDiff(t, sampleCase(4, 3, event.Low), h)
	if !found {
		t.Error("a case is not found")
	}
	if _, found, err := s.Case(ctx, "plant-w1-9"); found || err != nil {
		t.Errorf("a case that is not there: %t, %v", found, err)
	}
	other := sampleCase(5, 1, event.Low)
	other.Case.ID = "plant-w2-5"
	if err := s.SaveBatch(ctx, Batch{Cases: []cases.HeldState{other}}); err == nil {
		t.Error("a case takes another's number")
	}
}

// draft draws batches for a small world of streams.
type draft struct {
	cursors map[string]event.Cursor
	batches int
}

func (d *draft) batch(t *rapid.T) Batch {
	d.batches++
	b := Batch{Totals: map[string]Count{}}
	words := rapid.SampledFrom([]string{"a", "b/1", "c\xff", "ü"})
	for range rapid.IntRange(0, 4).Draw(t, "steps") {
		stream := words.Draw(t, "stream")
		from := d.cursors[stream]
		if rapid.IntRange(0, 5).Draw(t, "gap") == 0 {
			from = event.Cursor(rapid.String().Draw(t, "from"))
		}
		step := Step{
			Stream: stream, Source: words.Draw(t, "source"), From: from,
			To:       event.Cursor(fmt.Sprint(d.batches) + string(rapid.SliceOf(rapid.Byte()).Draw(t, "to"))),
			Received: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "received"), 0).UTC(),
		}
		d.cursors[stream] = step.To
		b.Steps = append(b.Steps, step)
		b.Totals[step.Source] = Count{
			Lines: rapid.Uint64Range(0, 1<<40).Draw(t, "lines"), Cut: rapid.Uint64Range(0, 9).Draw(t, "cut"), Gaps: 1,
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "forget") == 0 {
		stream := words.Draw(t, "stream")
		delete(d.cursors, stream)
		b.Forget = append(b.Forget, stream)
	}
	for range rapid.IntRange(0, 3).Draw(t, "cases") {
		number := rapid.IntRange(1, 5).Draw(t, "number")
		h := sampleCase(number, d.batches, event.Severity(rapid.IntRange(0, 4).Draw(t, "floor")))
		h.Case.Lines[0].Text = rapid.String().Draw(t, "text")
		if rapid.Bool().Draw(t, "closed") {
			h = closed(h)
		}
		b.Cases = append(b.Cases, h)
		b.Work = append(b.Work, sampleWork(h))
	}
	b.Book = cases.State{Counter: uint64(d.batches), Newest: noon.Add(time.Duration(d.batches)), Dropped: []uint64{1, 2, 3, 4, 5}}
	return b
}

// shadow is what a store holds, kept in plain maps.
type shadow struct {
	start Start
	cases map[uint64]cases.HeldState
	ended []uint64 // in the order of their end
	work  map[string]Work
}

func (m *shadow) apply(b Batch) {
	m.start.Steps = append(m.start.Steps, b.Steps...)
	b.move(m.start.Cursors)
	for source, count := range b.Totals {
		total := m.start.Totals[source]
		total.add(count)
		m.start.Totals[source] = total
	}
	for _, h := range b.Cases {
		wasEnded := slices.Contains(m.ended, h.Number)
		if h.Case.Status != cases.Closed {
			m.ended = slices.DeleteFunc(m.ended, func(n uint64) bool { return n == h.Number })
		} else if !wasEnded {
			m.ended = append(m.ended, h.Number)
		}
		m.cases[h.Number] = h
	}
	for _, w := range b.Work {
		if w.Revision >= m.work[w.Case].Revision {
			m.work[w.Case] = w
		}
	}
	m.start.Book = b.Book
}

func (m *shadow) want() Start {
	start := m.start
	for _, n := range slices.Sorted(maps.Keys(m.cases)) {
		if !slices.Contains(m.ended, n) {
			start.Book.Open = append(start.Book.Open, m.cases[n])
		}
	}
	for _, n := range m.ended {
		start.Book.Closed = append(start.Book.Closed, m.cases[n])
	}
	return start
}

// TestStartGivesWhatWasSaved draws batches, snapshots and restarts, and compares
// with a model of maps.
func TestStartGivesWhatWasSaved(t *testing.T) {
	t.Parallel()

	base := t.TempDir()
	empty := filepath.Join(base, "empty") // copied, which is quicker than to make one
	check(t, openAt(t, empty, newClock().now).Close())
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(base, fmt.Sprint(n))
		check(t, copyFolder(empty, dir))
		s, err := Open(t.Context(), dir, smallOptions(), newClock().now)
		check(t, err)
		defer func() { s.Close() }()
		d := &draft{cursors: map[string]event.Cursor{}}
		m := &shadow{
			start: Start{Cursors: map[string]event.Cursor{}, SnapshotCursors: map[string]event.Cursor{}, Totals: map[string]Count{}, Born: noon, Generation: 1},
			cases: map[uint64]cases.HeldState{}, work: map[string]Work{},
		}
		snapshots := 0
		for range rapid.IntRange(1, 8).Draw(rt, "moves") {
			switch rapid.IntRange(0, 5).Draw(rt, "move") {
			case 0:
				snapshots++
				check(t, s.SaveSnapshot(t.Context(), writeText("state")))
				m.start.Snapshot = fmt.Sprintf("%08d.snap", snapshots)
				m.start.SnapshotCursors, m.start.Steps = maps.Clone(m.start.Cursors), nil
			case 1:
				check(t, s.Close())
				s, err = Open(t.Context(), dir, smallOptions(), newClock().now)
				check(t, err)
			default:
				b := d.batch(rt)
				check(t, s.SaveBatch(t.Context(), b))
				m.apply(b)
			}
		}
		start, err := s.Start(t.Context(), 100)
		check(t, err)
		if diff := gocmp.Diff(m.want(), start, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("(-want +got)\n%s", diff)
		}
		work, err := s.Work(t.Context())
		check(t, err)
		slices.SortFunc(work, func(a, b Work) int { return cmp.Compare(a.Case, b.Case) })
		want := slices.SortedFunc(maps.Values(m.work), func(a, b Work) int { return cmp.Compare(a.Case, b.Case) })
		if diff := gocmp.Diff(want, work, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("work (-want +got)\n%s", diff)
		}
	})
}

func TestUnpackNoticesDamage(t *testing.T) {
	t.Parallel()

	var b blobs
	text := bytes.Repeat([]byte("Failed password for root. "), 100)
	packed := got(b.pack(text))(t)
	if len(packed) > len(text)/5 {
		t.Errorf("%d bytes for %d", len(packed), len(text))
	}
	for _, form := range []struct {
		blob   []byte
		unpack func([]byte) ([]byte, error)
	}{{packed, b.unpack}, {seal(text), unseal}} {
		blob, unpack := form.blob, form.unpack
		if have := got(unpack(blob))(t); !bytes.Equal(have, text) {
			t.Error("a text came back changed")
		}
		for i := range blob {
			damaged := bytes.Clone(blob)
			damaged[i] ^= 0x40
			if have, err := unpack(damaged); err == nil {
				t.Fatalf("byte %d was changed: got %d bytes and no error", i, len(have))
			}
		}
	}
}

func FuzzCutBatch(f *testing.F) {
	b := sampleBatch(2)
	b.Forget = []string{"auth/old"}
	f.Add(appendBatch(nil, &b, nil))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, body []byte) {
		cursors := map[string]event.Cursor{}
		b, err := cutBatch(seal(body), cursors)
		if err != nil {
			return
		}
		again, err := cutBatch(seal(appendBatch(nil, &b, map[string]event.Cursor{})), map[string]event.Cursor{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(b, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
