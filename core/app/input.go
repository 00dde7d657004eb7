package app

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"penstock/core/decode"
	"penstock/core/event"
)

// Input names what to read and how to understand it.
type Input struct {
	Paths []string  // files, plain or gzip; Stdin or none reads Stdin
	Stdin io.Reader // what Stdin stands for
	// Now is when the run takes place: nothing that it reads can be younger. A zero
	// Now leaves that to the files' own times.
	Now time.Time
	// Source returns how to decode a path; nil decodes everything as a local
	// file in UTC.
	Source func(path string) decode.Options
	// Progress, when not nil, is told how many bytes of all have been read; all
	// is 0 when it is not known.
	Progress func(read, all int64)
}

// Usage is what an Input had to give.
type Usage struct {
	Bytes int64
	Lines uint64
	Cut   uint64 // lines longer than MaxLine
	Files []FileUsage
}

// EachEvent reads all paths and calls the function with every event: those of
// several files merged by time, those of one file in their order, whatever
// their times say. An event is valid during the call only. An error is an
// *InputError, ctx's error or the function's own. Where an input turns out to be
// damaged the others are read to their ends, and the first such error is returned
// then, marked Partly; Usage holds them all.
func (in Input) EachEvent(ctx context.Context, do func(*event.Event) error) (Usage, error) {
	streams, err := in.open(ctx)
	defer func() {
		for _, s := range streams {
			_ = s.text.Close() // it was only read
		}
	}()
	if err != nil {
		return Usage{}, err
	}
	err = in.merge(ctx, streams, do)
	for _, s := range streams {
		if err == nil {
			err = s.Err
		}
	}
	return usage(streams), err
}

func (in Input) open(ctx context.Context) ([]*stream, error) {
	paths := in.Paths
	if len(paths) == 0 {
		paths = []string{Stdin}
	}
	var all []*stream
	for i, path := range paths {
		text, err := Open(ctx, path, in.Stdin)
		if err != nil {
			return all, err
		}
		s := in.stream(path, text)
		s.order = i
		all = append(all, s)
		for _, other := range all[:i] {
			if text.same(other.text) {
				return all, Explained(ctx, path, ErrTwice)
			}
		}
	}
	return all, nil
}

func (in Input) stream(path string, text *Text) *stream {
	o := in.options(path)
	o.Now = in.Now
	return &stream{
		FileUsage: FileUsage{Path: path, Source: o.Source, Clock: o.Clock},
		text:      text, lines: NewLines(text), decoder: decode.New(o), received: text.received(in.Now), seen: o.Clock.Newest,
	}
}

func (in Input) options(path string) decode.Options {
	if in.Source != nil {
		return in.Source(path)
	}
	return decode.Options{Source: SourceName(path), Trust: event.Local, Location: time.UTC, Replay: true}
}

// SourceName returns the name of a source that the configuration does not name:
// the file's own, without its folders.
func SourceName(path string) string {
	if path == Stdin {
		return "stdin"
	}
	return filepath.Base(path)
}

// same says whether two inputs are one.
func (t *Text) same(other *Text) bool {
	if t.info == nil || other.info == nil {
		return t.info == other.info
	}
	return os.SameFile(t.info, other.info)
}

// received returns when a file was last written, which tells the year of lines
// without one, and now for what is no file or where the file's time cannot be true.
func (t *Text) received(now time.Time) time.Time {
	if t.info == nil || !t.info.Mode().IsRegular() {
		return now
	}
	written := t.info.ModTime()
	if !now.IsZero() && (written.After(now) || written.Year() < 1990) {
		return now
	}
	return written
}

// merge hands out events in the order of time. It ends early with ctx's error or
// the function's own; an input that fails is left where it failed.
func (in Input) merge(ctx context.Context, all []*stream, do func(*event.Event) error) error {
	total := size(all)
	h := &streams{}
	for _, s := range all {
		if s.more(ctx) {
			heap.Push(h, s)
		}
	}
	var seq uint64
	for h.Len() > 0 {
		s := (*h)[0]
		seq++
		if s.next.Seq == 0 {
			s.next.Seq = seq
		}
		if err := do(&s.next); err != nil {
			return err
		}
		if s.more(ctx) {
			heap.Fix(h, 0)
		} else {
			heap.Pop(h)
		}
		if seq%4096 == 0 {
			if ctx.Err() != nil {
				break
			}
			in.progress(all, total)
		}
	}
	in.progress(all, total)
	return ctx.Err()
}

// more makes the next event ready, and notes what ended the input early.
func (s *stream) more(ctx context.Context) bool {
	if s.advance() {
		return true
	}
	if err := s.lines.Err(); err != nil {
		s.Err = damage(Explained(ctx, s.place(), err))
	}
	return false
}

// damage marks an error as one that other inputs have outlived.
func damage(err error) error {
	var ie *InputError
	if errors.As(err, &ie) {
		ie.Partly = true
	}
	return err
}

// size returns how many bytes there are to read, 0 when it is not known.
func size(all []*stream) (total int64) {
	for _, s := range all {
		if s.text.info == nil || !s.text.info.Mode().IsRegular() {
			return 0
		}
		total += s.text.info.Size()
	}
	return total
}

func (in Input) progress(all []*stream, total int64) {
	if in.Progress == nil {
		return
	}
	var read int64
	for _, s := range all {
		read += s.text.raw.n
	}
	in.Progress(read, total)
}

func usage(all []*stream) Usage {
	var u Usage
	for _, s := range all {
		u.Bytes += s.text.raw.n
		u.Lines += s.number
		u.Cut += s.lines.Cut()
		u.Files = append(u.Files, s.FileUsage)
	}
	return u
}

// streams is a heap of inputs by the time of their next event.
type streams []*stream

// Len implements heap.Interface.
func (h streams) Len() int { return len(h) }

// Less implements heap.Interface: events of the same time come in the order of the paths.
func (h streams) Less(i, j int) bool {
	return cmp.Or(h[i].next.Time.Compare(h[j].next.Time), cmp.Compare(h[i].order, h[j].order)) < 0
}

// Swap implements heap.Interface.
func (h streams) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *streams) Push(x any) { *h = append(*h, x.(*stream)) }

// Pop implements heap.Interface.
func (h *streams) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	*h = (*h)[:last]
	return s
}
