package app

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"penstock/core/decode"
	"penstock/core/event"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// Input names what to read and how to understand it.
type Input struct {
	Paths []string  // files, plain or gzip; Stdin or none reads Stdin
	Stdin io.Reader // what Stdin stands for
	Now   time.Time // receive time of standard input; files have their own
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
}

// InputError is an input that cannot be read.
type InputError struct {
	Path string
	Err  error
}

// Error names the path.
func (e *InputError) Error() string { return fmt.Sprintf("read %s: %v", e.Path, e.Err) }

// Unwrap returns what went wrong.
func (e *InputError) Unwrap() error { return e.Err }

// EachEvent reads all paths and calls the function with every event: those of
// several files merged by time, those of one file in their order, whatever
// their times say. An event is valid during the call only. An error is an
// *InputError, ctx's error or the function's own.
func (in Input) EachEvent(ctx context.Context, do func(*event.Event) error) (Usage, error) {
	streams, err := in.open()
	defer func() {
		for _, s := range streams {
			s.close()
		}
	}()
	if err != nil {
		return Usage{}, err
	}
	return in.merge(ctx, streams, do)
}

func (in Input) open() ([]*stream, error) {
	paths := in.Paths
	if len(paths) == 0 {
		paths = []string{Stdin}
	}
	var streams []*stream
	for i, path := range paths {
		s, err := in.openOne(path)
		if err != nil {
			return streams, &InputError{path, err}
		}
		s.order = i
		streams = append(streams, s)
	}
	return streams, nil
}

func (in Input) openOne(path string) (*stream, error) {
	s := &stream{path: path, received: in.Now, raw: &counter{r: in.Stdin}}
	if path != Stdin {
		file, err := os.Open(path)
		if err != nil {
			return nil, cause(err)
		}
		s.file = file
		info, err := file.Stat()
		if err == nil && info.IsDir() {
			err = errors.New("is a directory; name the files in it")
		}
		if err != nil {
			s.close()
			return nil, err
		}
		s.size, s.received, s.raw.r = info.Size(), info.ModTime(), file
	}
	r, err := plain(s.raw)
	if err != nil {
		s.close()
		return nil, err
	}
	s.lines = NewLines(r)
	s.decoder = decode.New(in.options(path))
	return s, nil
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

// cause takes the path off an error that will be given it again.
func cause(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// plain returns the reader, through gunzip when it holds gzip.
func plain(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	if magic, err := b.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return b, nil //nolint:nilerr // a short or broken input shows when its lines are read
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("unpack gzip: %w", err)
	}
	return z, nil
}

// stream is one input with the event that comes next.
type stream struct {
	path     string
	file     *os.File
	size     int64
	raw      *counter
	lines    *Lines
	decoder  *decode.Decoder
	received time.Time
	order    int
	number   uint64 // of the line
	next     event.Event
}

// advance decodes the next line that is not empty, and returns false at the end.
func (s *stream) advance() (bool, error) {
	for {
		line, ok := s.lines.Next()
		if !ok {
			return false, s.lines.Err()
		}
		s.number++
		if line != "" {
			s.decoder.Decode(line, s.received, &s.next)
			return true, nil
		}
	}
}

func (s *stream) close() {
	if s.file != nil {
		_ = s.file.Close() // it was only read
	}
}

// merge hands out events in the order of time.
func (in Input) merge(ctx context.Context, all []*stream, do func(*event.Event) error) (Usage, error) {
	var all64, seq uint64
	var total int64
	h := &streams{}
	for _, s := range all {
		total += s.size
		if s.path == Stdin {
			total = 0
			break
		}
	}
	for _, s := range all {
		ok, err := s.advance()
		if err != nil {
			return in.usage(all), &InputError{s.path, err}
		}
		if ok {
			heap.Push(h, s)
		}
	}
	for h.Len() > 0 {
		s := (*h)[0]
		seq++
		if s.next.Seq == 0 {
			s.next.Seq = seq
		}
		if err := do(&s.next); err != nil {
			return in.usage(all), err
		}
		ok, err := s.advance()
		switch {
		case err != nil:
			return in.usage(all), &InputError{fmt.Sprintf("%s:%d", s.path, s.number+1), err}
		case ok:
			heap.Fix(h, 0)
		default:
			heap.Pop(h)
		}
		if all64++; all64%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return in.usage(all), err
			}
			in.progress(all, total)
		}
	}
	in.progress(all, total)
	return in.usage(all), nil
}

func (in Input) progress(all []*stream, total int64) {
	if in.Progress != nil {
		in.Progress(in.usage(all).Bytes, total)
	}
}

func (in Input) usage(all []*stream) Usage {
	var u Usage
	for _, s := range all {
		u.Bytes += s.raw.n
		u.Lines += s.number
		u.Cut += s.lines.Cut()
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

// counter counts the bytes read through it.
type counter struct {
	r io.Reader
	n int64
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
