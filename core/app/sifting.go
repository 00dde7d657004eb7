package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"penstock/core/cases"
	"penstock/core/decode"
	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/store"
)

// parcelEvents is how many events go from decode to sift at a time.
const parcelEvents = 512

// parcel is a part of a chunk, decoded. The last one of a chunk brings what the
// chunk says of its stream.
type parcel struct {
	events []event.Event
	bytes  int
	last   bool
	chunk  intake.Chunk // without its text
	clock  decode.Clock // of the stream, behind the last event
}

// decode is the loop that turns chunks into events, in a goroutine of its own so
// that it and sift have a core each.
func (w *Worker) decode(chunks <-chan intake.Chunk, out chan<- *parcel) {
	for c := range chunks {
		d := w.decoders.of(w.o.Config.Sources[c.Source], c.Stream)
		text := c.Text
		c.Text = ""
		for more := true; more; more = text != "" {
			p := &parcel{chunk: c, events: w.decoders.room()}
			before := len(text)
			text = decodeSome(d, text, c.Received, p)
			p.bytes, p.last, p.clock = before-len(text), text == "", d.Clock()
			out <- p // sift takes them to the end, so that no chunk is left half done
		}
		if c.Done {
			w.decoders.forget(c.Stream)
		}
	}
}

// decodeSome decodes lines until the parcel is full and returns the rest.
func decodeSome(d *decode.Decoder, text string, received time.Time, p *parcel) string {
	for text != "" && len(p.events) < cap(p.events) {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		p.events = p.events[:len(p.events)+1]
		d.Decode(line, received, &p.events[len(p.events)-1])
	}
	return text
}

// sifting is what the sift loop holds between two T1.
type sifting struct {
	cursors map[string]event.Cursor // how far streams are sifted
	clocks  map[string]decode.Clock // what their lines have said of the time
	behind  map[string]time.Time    // newest event time of streams that have more to give
	learnt  learnt

	batch store.Batch
	lines int
	since time.Time // when the batch began
	// patience is how long what is not urgent waits: nothing at a start, so that
	// a worker that is killed again and again gets on, and then ever longer.
	patience time.Duration
	urgent   bool // a case has come forward
	halted   bool // the end came while a batch could not be stored: it stays as it is

	sifted   int // events since the last snapshot
	snapshot time.Time
	cost     time.Duration // what the last one took of snapshotRate
	failed   time.Duration // how long to wait since the last one could not be saved
	rotated  bool          // a file of which some was sifted since may soon be gone
	closed   time.Time     // when quiet cases were last looked for
}

func newSifting(now time.Time) *sifting {
	return &sifting{
		cursors: map[string]event.Cursor{}, clocks: map[string]decode.Clock{}, behind: map[string]time.Time{},
		batch: store.Batch{Totals: map[string]store.Count{}}, snapshot: now, closed: now,
	}
}

// call is something that is done between two events, with the engine at rest.
type call struct {
	do   func() error
	done chan error
}

// sift is the loop that owns engine and book: it takes events as far as cases and
// stores what they changed (T1).
func (w *Worker) sift(ctx context.Context, parcels <-chan *parcel) {
	ticker := time.NewTicker(w.pulse)
	defer ticker.Stop()
	calls := w.calls
	for {
		w.beat(siftLoop)
		if w.sifting.halted {
			calls = nil
		}
		w.raise()
		select {
		case p, more := <-parcels:
			if !more {
				w.finish(ctx)
				return
			}
			if w.sifting.halted { // what is not taken now is read again at the next start
				w.decoders.putBack(p)
				continue
			}
			w.take(p)
			for !p.last { // between the parcels of a chunk there is nothing to be stored
				p = <-parcels
				w.take(p)
			}
			if w.isDue() {
				w.commit(ctx)
			}
		case c := <-calls:
			err := c.do()
			w.commit(ctx)
			c.done <- err
		case <-ticker.C:
			w.tick(ctx)
		}
	}
}

// raise tells the book which cases were decided to be above their floor.
func (w *Worker) raise() {
	graver := w.asks.takeGraver()
	for id, severity := range graver {
		w.engine.book.Raise(id, severity)
	}
	if len(graver) > 0 {
		w.openCases.Store(new(w.engine.book.Open()))
	}
}

// do has something done between two events and what it changes stored. It waits
// until ctx is done at most; then nobody knows whether it will still be done.
func (w *Worker) do(ctx context.Context, f func() error) error {
	c := call{f, make(chan error, 1)}
	select {
	case w.calls <- c:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take sifts the events of a parcel.
func (w *Worker) take(p *parcel) {
	s, source := w.sifting, w.o.Config.Sources[p.chunk.Source].Name
	count := s.batch.Totals[source]
	for i := range p.events {
		ev := &p.events[i]
		count.Lines++
		if ev.Raw == "" {
			continue // it is empty, or nothing to look at
		}
		found := w.engine.sifter.Sift(ev)
		switch w.engine.book.Add(ev, found).Decision {
		case cases.Suppress:
			count.Suppressed++
		case cases.Attach:
			count.Attached++
		case cases.Forward:
			count.Forwarded++
			s.urgent = true
		}
		if found.New {
			w.learn(source, ev, found.Template)
		}
	}
	count.Bytes += uint64(p.bytes)
	if p.last {
		w.step(source, p, &count)
	}
	s.batch.Totals[source] = count
	s.lines += len(p.events)
	s.sifted += len(p.events)
	w.rate.add(len(p.events))
	w.decoders.putBack(p)
}

// step notes how far the stream is sifted now.
func (w *Worker) step(source string, p *parcel, count *store.Count) {
	s, c := w.sifting, &p.chunk
	count.Cut += uint64(c.Cut)
	if c.Gap != "" {
		count.Gaps++
		w.board.Tell(event.Medium, NoticeIntake, fmt.Sprintf("lines of source %s are missing before the ones that follow: %s", source, c.Gap))
	}
	if s.since.IsZero() {
		s.since = w.now()
	}
	s.cursors[c.Stream], s.clocks[c.Stream] = c.To, p.clock
	s.rotated = s.rotated || c.From == ""
	s.addStep(store.Step{Stream: c.Stream, Source: source, From: c.From, To: c.To, Received: c.Received})
	delete(s.behind, c.Stream)
	if c.Behind {
		s.behind[c.Stream] = p.clock.Newest
	}
	if c.Done {
		delete(s.cursors, c.Stream)
		delete(s.clocks, c.Stream)
		s.batch.Forget = append(s.batch.Forget, c.Stream)
	}
}

// addStep adds a step to the batch, or makes the last one longer where it is the
// same stream at the same time.
func (s *sifting) addStep(step store.Step) {
	if n := len(s.batch.Steps); n > 0 {
		last := &s.batch.Steps[n-1]
		if last.Stream == step.Stream && last.To == step.From && last.Received.Equal(step.Received) {
			last.To = step.To
			return
		}
	}
	s.batch.Steps = append(s.batch.Steps, step)
}

// isDue says whether what was found is to be stored now. A case that has come
// forward does not wait; everything else is read again after a crash, so that an
// SD card need not take it every second.
func (w *Worker) isDue() bool {
	s := w.sifting
	return s.urgent || s.lines >= commitLines || !s.since.IsZero() && w.now().Sub(s.since).Abs() >= s.patience
}

// tick does what time alone brings.
func (w *Worker) tick(ctx context.Context) {
	s, now := w.sifting, w.now()
	if s.halted {
		return
	}
	if now.Sub(s.closed).Abs() >= closeEvery {
		s.closed = now
		w.engine.book.CloseQuiet(s.quietNow(now))
		if n, due := w.engine.book.Changed(); n > 0 && due {
			s.urgent = true
		}
	}
	if w.isDue() {
		w.commit(ctx)
	}
	w.snapshotIfDue(ctx)
}

// quietLag is how long a source that lags keeps the cases of all open.
const quietLag = 24 * time.Hour

// quietNow is the time up to which everything has been read: cases of a source
// that lags are not quiet because the clock on the wall has gone on.
func (s *sifting) quietNow(now time.Time) time.Time {
	earliest := now.Add(-quietLag)
	for _, newest := range s.behind {
		if newest.Before(now) && !newest.IsZero() {
			now = newest
		}
	}
	if now.Before(earliest) {
		return earliest
	}
	return now
}

// commit stores what was found since it was called before (T1), and tries until
// that works: the same batch is never sifted again. It gives up when ctx is done;
// what was not stored is read again at the next start.
func (w *Worker) commit(ctx context.Context) {
	for wait := w.retry; ; wait = min(2*wait, 30*time.Second) {
		err := w.save(ctx)
		if err == nil || ctx.Err() != nil {
			break
		}
		w.storeFails("what was read", err)
		if !w.patiently(ctx, wait) {
			break
		}
	}
	if ctx.Err() != nil {
		// Nobody knows whether the last try came before its commit or after it: only the
		// same batch can be saved again without counting twice.
		w.sifting.halted = len(w.sifting.batch.Steps) > 0
		return
	}
	w.snapshotIfDue(ctx)
}

// save is one try of commit. After an error the batch is there for the next.
func (w *Worker) save(ctx context.Context) error {
	s := w.sifting
	w.collect()
	if len(s.batch.Steps) == 0 && len(s.batch.Cases) == 0 && len(s.batch.Forget) == 0 {
		return nil
	}
	if err := w.store.SaveBatch(ctx, s.batch); err != nil {
		return err
	}
	w.storeWorks("what was read")
	w.queue.Add(s.batch.Work...)
	w.asks.outdate(s.batch.Work)
	w.totals.add(s.batch.Totals)
	s.batch = store.Batch{Totals: map[string]store.Count{}}
	s.lines, s.since, s.urgent = 0, time.Time{}, false
	s.patience = min(max(2*s.patience, w.every/256), w.every)
	return nil
}

// patiently waits and goes on showing that the loop turns.
func (w *Worker) patiently(ctx context.Context, d time.Duration) bool {
	for ; d > 0; d -= time.Second {
		if !sleep(ctx, min(d, time.Second)) {
			return false
		}
		w.beat(siftLoop)
	}
	return true
}

// collect puts what changed in the book into the batch.
func (w *Worker) collect() {
	b := &w.sifting.batch
	b.Book = w.engine.book.Head()
	now := w.now()
	for _, c := range w.engine.book.TakeChanges() {
		b.Cases = append(b.Cases, c.Held)
		if c.Due {
			b.Work = append(b.Work, store.Work{
				Case: c.Held.Case.ID, Revision: c.Held.Case.Revision, Floor: c.Held.Case.Floor, Source: c.Held.Source, Queued: now,
			})
		}
	}
	w.openCases.Store(new(w.engine.book.Open()))
}

// finish is the end of the loop: a last T1, and a snapshot so that the next start
// has nothing to read again.
func (w *Worker) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	err := w.save(ctx)
	switch {
	case err != nil:
		w.storeFails("what was read last", err)
	case w.sifting.sifted > 0:
		_ = w.saveSnapshot(ctx) // which tells what goes wrong
	}
}

// maxLearnt bounds the new messages of one source and day that are listed; the
// store holds to the same bound.
const maxLearnt = 2000

// learnt counts the new messages of a day by source.
type learnt struct {
	day      int64
	bySource map[string]int
}

// learn lists a message that was never seen before, so that people can look at
// what was learnt when.
func (w *Worker) learn(source string, ev *event.Event, template uint64) {
	l := &w.sifting.learnt
	if day := w.now().Unix() / 86400; day != l.day {
		*l = learnt{day: day, bySource: map[string]int{}}
	}
	if l.bySource[source]++; l.bySource[source] > maxLearnt {
		return
	}
	text := cases.Clean(cases.MaskSecrets(w.engine.sifter.Miner().Template(template)), cases.MaxLineText)
	w.sifting.batch.Templates = append(w.sifting.batch.Templates, store.Template{
		Source: source, Host: cases.Clean(ev.Asset, 256), Program: cases.Clean(ev.Program, 256), Text: text, First: w.now(),
	})
}

// Rhythm of snapshots. A start reads again what was sifted since the last one, so
// one is due before a file that was moved away is gone; an SD card wants few of them.
const (
	snapshotEvents = 500_000
	snapshotEvery  = 5 * time.Minute
	snapshotMost   = time.Hour
	snapshotRate   = 60 << 20 // bytes an hour that quiet times may write
)

func (w *Worker) snapshotIfDue(ctx context.Context) {
	s := w.sifting
	passed := w.now().Sub(s.snapshot).Abs()
	interval := min(max(s.cost, snapshotEvery), snapshotMost)
	if s.rotated {
		interval = min(s.cost, snapshotEvery)
	}
	switch {
	case s.sifted == 0 || len(s.batch.Steps) > 0 || passed < s.failed:
		return
	case s.sifted < snapshotEvents && passed < interval && (passed < time.Minute || !w.spoolFills()):
		return
	}
	_ = w.saveSnapshot(ctx) // which tells what goes wrong
}

// spoolFills says whether the spool, which keeps what it holds until a snapshot
// knows it, may soon have to give up what is worked already.
func (w *Worker) spoolFills() bool {
	return w.spool.Stats().Bytes > w.o.Config.Spool.MaxBytes/2
}

// saveSnapshot writes what sift has learned. Without it a start takes longer and
// nothing else, so that a failure is told and no more.
func (w *Worker) saveSnapshot(ctx context.Context) error { return w.saveSnapshotOf(ctx, w.engine) }

func (w *Worker) saveSnapshotOf(ctx context.Context, e *Engine) error {
	s := w.sifting
	s.snapshot = w.now()
	body, err := e.encode(engineState{Clocks: maps.Clone(s.clocks), Origin: w.engine.Origin})
	if err == nil {
		err = w.store.SaveSnapshot(ctx, body.writeTo)
	}
	if err == nil {
		err = w.reader.Covered(s.cursors)
	}
	if err != nil {
		s.failed = min(max(2*s.failed, 10*time.Second), 10*time.Minute)
		if ctx.Err() == nil && !errors.Is(err, store.ErrBackingUp) {
			w.storeFails("a snapshot of what was learnt", err)
		}
		return err
	}
	w.storeWorks("a snapshot of what was learnt")
	s.sifted, s.rotated, s.failed = 0, false, 0
	s.cost = time.Duration(float64(body.size()) / snapshotRate * float64(time.Hour))
	return nil
}
