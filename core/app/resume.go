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
	"penstock/core/decode"
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
	w.engine.trackCases(w.id, min(keepClosed, w.o.Config.Detect.Cases.KeepClosed))
	w.sifting = newSifting(w.now())
	w.totals = newTotals(start.Totals)

	steps := start.Steps
	if start.Snapshot != "" {
		state, err := w.engine.loadLearned(filepath.Join(w.o.Config.StateDir, "sift", start.Snapshot))
		if err != nil {
			w.board.Tell(event.High, NoticeStart, fmt.Sprintf("what was learnt is lost and learned again: %v", err))
			steps = nil
		} else {
			w.sifting.clocks = state.Clocks
		}
	}
	if w.sifting.clocks == nil {
		w.sifting.clocks = map[string]decode.Clock{}
	}
	if err := w.engine.book.Load(start.Book); err != nil {
		return fmt.Errorf("load the cases: %w", err)
	}
	w.openCases.Store(new(w.engine.book.Open()))
	w.decoders = newDecoders(w.engine, maps.Clone(w.sifting.clocks))
	if err := w.again(ctx, steps); err != nil {
		return err
	}
	w.sifting.cursors = start.Cursors
	work, err := w.store.Work(ctx)
	if err != nil {
		return err
	}
	w.queue.Add(work...)
	w.slots, err = loadSlots(ctx, w.store)
	return err
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
}
