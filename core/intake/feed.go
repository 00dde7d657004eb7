package intake

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/spool"
)

// The cursor of a lane of the spool.
const (
	spoolStream  = "spool/"
	spoolVersion = "s1 "
)

func laneCursor(p spool.Position) event.Cursor { return event.Cursor(spoolVersion + p.String()) }

// gapCursor is laneCursor behind records that are missing from lost on.
func gapCursor(p, lost spool.Position) event.Cursor {
	return laneCursor(p) + event.Cursor(" "+lost.String())
}

// parseLane takes a lane's cursor apart: where reading goes on, and up to where
// there was something to read, which is the same but behind a gap.
func parseLane(c event.Cursor) (next, whole spool.Position, err error) {
	if c == "" {
		return next, whole, nil
	}
	text, ok := strings.CutPrefix(string(c), spoolVersion)
	if !ok {
		return next, whole, fmt.Errorf("%q is no cursor of the spool", c)
	}
	text, lost, isGap := strings.Cut(text, " ")
	if next, err = spool.ParsePosition(text); err == nil && isGap {
		whole, err = spool.ParsePosition(lost)
		return next, whole, err
	}
	return next, next, err
}

// laneOf returns the lane that a stream is.
func laneOf(stream string) (int, bool) {
	text, ok := strings.CutPrefix(stream, spoolStream)
	lane, err := strconv.Atoi(text)
	return lane, ok && err == nil && lane >= 0 && lane < spool.Lanes && len(text) == 1
}

func streamOfLane(lane int) string { return spoolStream + strconv.Itoa(lane) }

// Covered says that nothing before the cursors will be asked for again: what the
// spool keeps before them may go. Cursors of other streams are left out.
func (r *Reader) Covered(cursors map[string]event.Cursor) error {
	var failed error
	for stream, c := range cursors {
		lane, ok := laneOf(stream)
		if !ok || r.env.Spool == nil {
			continue
		}
		at, _, err := parseLane(c)
		if err == nil {
			err = r.env.Spool.Release(lane, at)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("release lane %d of the spool: %w", lane, err))
		}
	}
	return failed
}

// feed hands out what the spool holds, the gravest lane first. It ends when ctx
// is done, or when nothing more can come.
func (r *Reader) feed(ctx context.Context, cursors map[string]event.Cursor, ended <-chan struct{}, send sender) {
	f := r.newFeeder(cursors, send)
	tick := time.NewTicker(r.env.Poll)
	defer tick.Stop()
	for over := false; ; {
		busy, err := f.turn(ctx)
		if ctx.Err() != nil || over && !busy && err == nil {
			return
		}
		if err != nil && r.states[f.foreign].failed(err) {
			r.env.Log.Warn("cannot read the spool; will try again", "source", r.sources[f.foreign].Name, "err", err)
		}
		if busy {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ended:
			over, ended = true, nil // something may have come just before
		case <-f.spool.Appended():
		case <-tick.C:
		}
	}
}

// newFeeder returns what reads the spool on from the cursors.
func (r *Reader) newFeeder(cursors map[string]event.Cursor, send sender) *feeder {
	f := &feeder{spool: r.env.Spool, sources: map[string]int{}, send: send, received: r.env.received, foreign: -1}
	for i, s := range r.sources {
		if s.spooled() {
			f.sources[s.Name] = i
			if f.foreign < 0 {
				f.foreign = i
			}
		}
	}
	for lane := range f.at {
		c := cursors[streamOfLane(lane)]
		at, _, err := parseLane(c)
		if err != nil {
			r.env.Log.Warn("a lane of the spool is read from its beginning", "source", streamOfLane(lane), "err", err)
		}
		f.at[lane], f.cursor[lane] = at, c
	}
	return f
}

// feeder reads the lanes of the spool.
type feeder struct {
	spool    *spool.Spool
	sources  map[string]int // index by name
	foreign  int            // where a source's records go that is none any more
	send     sender
	received func() time.Time
	at       [spool.Lanes]spool.Position
	cursor   [spool.Lanes]event.Cursor
}

// turn hands out one chunk of the gravest lane that has any.
func (f *feeder) turn(ctx context.Context) (bool, error) {
	for lane := spool.Lanes - 1; lane >= 0; lane-- {
		recs, next, err := f.spool.Read(lane, f.at[lane], chunkBytes)
		if lost := (*spool.LostError)(nil); errors.As(err, &lost) {
			return true, f.lost(ctx, lane, next, err)
		}
		if err != nil {
			return false, err
		}
		if len(recs) > 0 {
			return true, f.hand(ctx, lane, recs, next)
		}
	}
	return false, nil
}

// lost says that records are missing, and goes on behind them.
func (f *feeder) lost(ctx context.Context, lane int, next spool.Position, err error) error {
	gap := GapGivenUp
	if errors.Is(err, spool.ErrDamaged) {
		gap = GapDamaged
	}
	return f.hands(ctx, lane, next, Chunk{Source: f.foreign, To: gapCursor(next, f.at[lane]), Received: f.received(), Gap: gap})
}

// hand hands out the first records that belong together.
func (f *feeder) hand(ctx context.Context, lane int, recs []spool.Record, next spool.Position) error {
	n := together(recs)
	next.Offset -= int64(len(recs) - n) // an Offset counts records
	source, ok := f.sources[recs[0].Source]
	if !ok {
		source = f.foreign
	}
	return f.hands(ctx, lane, next, Chunk{
		Source: source, To: laneCursor(next), Received: second(recs[0]), Text: textOf(recs[:n]), Lines: n,
		Behind: n < len(recs) || f.waits(),
	})
}

// waits says whether there are records that were not read yet.
func (f *feeder) waits() bool {
	for _, n := range f.spool.Stats().Waiting {
		if n > 0 {
			return true
		}
	}
	return false
}

func (f *feeder) hands(ctx context.Context, lane int, next spool.Position, c Chunk) error {
	c.Stream, c.From = streamOfLane(lane), f.cursor[lane]
	if err := f.send(ctx, c); err != nil {
		return err
	}
	f.at[lane], f.cursor[lane] = next, c.To
	return nil
}

func second(r spool.Record) time.Time { return r.Received.UTC().Truncate(time.Second) }

// together counts the records at the start that can go in one chunk.
func together(recs []spool.Record) int {
	n := 1
	for n < len(recs) && recs[n].Source == recs[0].Source && second(recs[n]).Equal(second(recs[0])) {
		n++
	}
	return n
}

// textOf makes lines of records.
func textOf(recs []spool.Record) string {
	size := 0
	for _, r := range recs {
		size += len(r.Data) + 1
	}
	var b strings.Builder
	b.Grow(size)
	for _, r := range recs {
		b.Write(r.Data)
		b.WriteByte('\n')
	}
	return b.String()
}

// spoolAgain reads one lane once more.
type spoolAgain struct {
	spool *spool.Spool
	lane  int
}

// Close implements io.Closer.
func (a *spoolAgain) Close() error { return nil }

func (a *spoolAgain) again(ctx context.Context, from, to event.Cursor, do func(string) error) error {
	at, _, err := parseLane(from)
	if err != nil {
		return err
	}
	_, end, err := parseLane(to)
	if err != nil {
		return err
	}
	left := number(end) - number(at)
	var texts []string
	for left > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		recs, next, err := a.spool.Read(a.lane, at, chunkBytes)
		if lost := (*spool.LostError)(nil); errors.As(err, &lost) || err == nil && len(recs) == 0 {
			return errors.Join(ErrGone, err)
		}
		if err != nil {
			return err
		}
		recs = recs[:min(left, int64(len(recs)))]
		texts = append(texts, textOf(recs))
		left -= int64(len(recs))
		at = next
	}
	for _, text := range texts {
		if err := do(text); err != nil {
			return err
		}
	}
	return nil
}

// number counts the records before a position.
func number(p spool.Position) int64 { return max(1, int64(p.Segment)+p.Offset) }
