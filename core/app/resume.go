package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/store"
)

// resume brings engine, book and queue to where the worker stopped: the newest
// snapshot of what sift has learned, and what was sifted since, read and sifted
// once more with its decisions discarded. Cases come from the store.
func (w *Worker) resume(ctx context.Context) error {
	start, err := w.store.Start(ctx, keepClosed)
	if err != nil {
		return err
	}
	if seq := w.logfile.LastSeq(); seq > 0 {
		if err := w.store.NumberAfter(ctx, seq); err != nil {
			return err
		}
	}
	w.born = start.Born
	w.id = workerID(w.engine.Site.Worker(), start.Generation)
	w.sifting = newSifting(w.now())
	w.totals = newTotals(start.Totals)

	steps, err := w.learned(&start)
	if err != nil {
		return err
	}
	w.engine.trackCases(w.id, min(keepClosed, w.o.Config.Detect.Cases.KeepClosed))
	if err := w.engine.book.Load(start.Book); err != nil {
		return fmt.Errorf("load the cases: %w", err)
	}
	for i := range start.Book.Open { // severity is no part of a case
		c := &start.Book.Open[i].Case
		severity, err := w.severityOf(ctx, c)
		if err != nil {
			return err
		}
		w.engine.book.Raise(c.ID, severity)
	}
	w.openCases.Store(new(w.engine.book.Open()))
	w.decoders = newDecoders(w.engine, maps.Clone(w.sifting.clocks))
	if err := w.again(ctx, steps); err != nil {
		return err
	}
	w.sifting.cursors = start.Cursors
	for stream := range w.sifting.clocks { // of those that have come to their end nothing is kept
		if _, ok := start.Cursors[stream]; !ok {
			delete(w.sifting.clocks, stream)
			w.decoders.forget(stream)
		}
	}
	work, err := w.store.Work(ctx)
	if err != nil {
		return err
	}
	w.queue.Add(work...)
	w.slots, err = loadSlots(ctx, w.store, w.sharedCase())
	return err
}

// learned loads the newest snapshot and returns the steps since. Where that one is
// damaged an earlier one has to do, without what was learned behind it.
func (w *Worker) learned(start *store.Start) ([]store.Step, error) {
	if start.Snapshot == "" {
		return start.Steps, nil
	}
	folder := filepath.Join(w.o.Config.StateDir, "sift")
	state, err := w.engine.loadLearned(filepath.Join(folder, start.Snapshot))
	if err == nil {
		maps.Copy(w.sifting.clocks, state.Clocks)
		return start.Steps, nil
	}
	damage, what := err, "what was learnt"
	earlier, err := w.store.Snapshots()
	if err != nil {
		return nil, err
	}
	fresh, err := NewEngine(w.o.Config) // one that failed to load is of no more use
	for i := 0; i < len(earlier) && err == nil; i++ {
		if earlier[i].Name == start.Snapshot {
			continue
		}
		if state, err := fresh.loadLearned(filepath.Join(folder, earlier[i].Name)); err == nil {
			what += " since snapshot " + earlier[i].Name
			maps.Copy(w.sifting.clocks, state.Clocks)
			break
		}
		fresh, err = NewEngine(w.o.Config)
	}
	if err != nil {
		return nil, err
	}
	w.engine.sifter = fresh.sifter
	w.board.Tell(event.High, NoticeStart, fmt.Sprintf("%s is lost and learned again: %v", what, damage))
	return nil, nil
}

// workerID is the worker's part of the ids of cases: its configured name, and how
// often its state was restored, so that no two cases have one id.
func workerID(name string, generation int) string {
	if name == "" {
		name = "w1"
	}
	if generation <= 1 {
		return name
	}
	return name + "." + strconv.Itoa(generation)
}

// again sifts what was sifted since the snapshot. What cannot be read any more
// leaves a gap in what was learnt, never in what was counted.
func (w *Worker) again(ctx context.Context, steps []store.Step) error {
	room := parcel{events: w.decoders.room()}
	gone := map[string]int{}
	for _, step := range steps {
		source, ok := w.o.Config.Sources.Named(step.Source)
		if !ok {
			continue // it is not configured any more
		}
		d := w.decoders.of(source, step.Stream)
		err := w.reader.Again(ctx, step.Stream, step.From, step.To, func(text string) error {
			for text != "" {
				room.events = room.events[:0]
				text = decodeSome(d, text, step.Received, &room)
				for i := range room.events {
					if room.events[i].Raw != "" {
						w.engine.sifter.Sift(&room.events[i])
					}
				}
				w.sifting.sifted += len(room.events)
			}
			return ctx.Err()
		})
		w.sifting.clocks[step.Stream] = d.Clock()
		switch {
		case errors.Is(err, intake.ErrGone):
			gone[step.Source]++
		case err != nil:
			return fmt.Errorf("read source %s once more: %w", step.Source, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		w.board.Tell(event.Low, NoticeIntake, fmt.Sprintf(
			"%d pieces of source %s that were counted before are gone: what they taught since the last snapshot is learned anew", gone[name], name))
	}
	return nil
}

// trackCases replaces the book by an empty one that follows changes.
func (e *Engine) trackCases(worker string, keepClosed int) {
	o := e.Config.Detect.Cases
	o.KeepClosed = keepClosed
	e.book = cases.NewBook(o, e.Site, worker, e.sifter.Miner().Template)
	e.book.Track()
	e.book.SetAnnounced(e.maintenance.announced)
}
