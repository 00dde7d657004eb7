package app

import (
	"context"
	"fmt"
	"time"

	"penstock/core/event"
	"penstock/core/logfile"
	"penstock/core/record"
)

// Sink takes records out of the outbox, in the order of their numbers.
type Sink interface {
	// Name is the key of the sink's rows in the outbox; it never changes.
	Name() string
	// Write hands records over. When it returns nil they are there for good; what
	// it was given before it takes without effect.
	Write(ctx context.Context, records []record.Record) error
}

// logSink is the hash-chained log file as a sink.
type logSink struct{ log *logfile.Log }

// Name returns log.
func (logSink) Name() string { return "log" }

// Write appends the records.
func (s logSink) Write(_ context.Context, records []record.Record) error { return s.log.Write(records) }

// send is the loop of one sink (T5): rows leave the outbox once the sink has them.
func (w *Worker) send(ctx context.Context, s Sink) {
	wait := w.retry
	for {
		n, err := w.sendSome(ctx, s)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.board.Stand(event.High, NoticeStore, s.Name(), fmt.Sprintf("records cannot be handed to %s: %v; they wait", s.Name(), err))
			if !sleep(ctx, wait) {
				return
			}
			wait = min(2*wait, time.Minute)
			continue
		}
		w.board.Over(NoticeStore, s.Name(), s.Name()+" takes records again")
		wait = w.retry
		if n > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-w.records[s.Name()]:
		}
	}
}

// sendBatch is how many records a sink gets at a time.
const sendBatch = 200

func (w *Worker) sendSome(ctx context.Context, s Sink) (int, error) {
	rows, err := w.store.Outbox(ctx, s.Name(), sendBatch)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	records := make([]record.Record, len(rows))
	ids := make([]int64, len(rows))
	for i, r := range rows {
		records[i], ids[i] = r.Record, r.ID
	}
	if err := s.Write(ctx, records); err != nil {
		return 0, err
	}
	return len(rows), w.store.Acknowledge(ctx, s.Name(), ids)
}
