package intake

import (
	"bytes"
	"errors"
	"math"
	"slices"
)

const (
	chunkBytes = 256 << 10 // read at once
	// MaxLine is how many bytes of one line are kept; the rest of it is read,
	// counted and thrown away.
	MaxLine = 1 << 20
	// scanBytes is how much of an over-long line is passed over in one go.
	scanBytes = 16 << 20
)

// tail reads the lines of one open file. Every read begins with the bytes before
// the position: when they are not what they were, the file was written anew.
type tail struct {
	c     content
	pos   pos
	limit int64 // lines end here at the latest; for following, far away

	long []byte // the kept start of an over-long line, nil outside of one
	scan pos    // how far its end was looked for
}

// piece is some whole lines.
type piece struct {
	text  string
	lines int
	cut   int
	to    pos  // behind them
	more  bool // there is more to read at once
}

// newTail reads c on from p.
func newTail(c content, p pos) *tail { return &tail{c: c, pos: p, limit: math.MaxInt64} }

// next returns the next lines without moving on: take does. No text and not more
// means that the end was reached, or that the last line has no end yet; with
// final it is ended here. The error wraps errOther when the file was written
// anew, and errDamaged when it cannot be unpacked.
func (t *tail) next(buf *[]byte, final bool) (piece, error) {
	if t.long != nil {
		return t.endOfLong(buf, final)
	}
	for size := chunkBytes; ; size = min(2*size, MaxLine+1) {
		end := t.end()
		b, err := t.window(buf, t.pos, int(min(int64(size), end-t.pos.offset)))
		if err != nil && !isEnd(err) {
			return piece{}, err
		}
		full := len(b) == size
		if cut := bytes.LastIndexByte(b, '\n') + 1; cut > 0 {
			p := piece{text: string(b[:cut]), to: t.pos.after(b[:cut]), more: full || cut < len(b) && t.bounded(end)}
			p.lines = bytes.Count(b[:cut], []byte{'\n'})
			return p, nil
		}
		switch {
		case full && size == MaxLine+1:
			t.long = append(append([]byte(nil), b[:MaxLine]...), '\n')
			t.scan = t.pos.after(b)
			return t.endOfLong(buf, final)
		case full:
			continue
		case len(b) > 0 && (final || t.bounded(end) && t.pos.offset+int64(len(b)) == end):
			return piece{text: string(b) + "\n", lines: 1, to: t.ended(t.pos.after(b)), more: t.bounded(end)}, damage(err)
		}
		return piece{}, damage(err)
	}
}

// damage returns err when it says that no more can be unpacked.
func damage(err error) error {
	if errors.Is(err, errDamaged) {
		return err
	}
	return nil
}

// end returns where the lines end at the latest: at the limit, or where a line
// was ended that had no end.
func (t *tail) end() int64 {
	for _, at := range t.pos.breaks {
		if at > t.pos.offset {
			return min(at, t.limit)
		}
	}
	return t.limit
}

// bounded says whether end is one that was set.
func (t *tail) bounded(end int64) bool { return end != math.MaxInt64 }

// ended marks the end of a line that has none, where none is marked yet.
func (t *tail) ended(p pos) pos {
	if slices.Contains(p.breaks, p.offset) {
		return p
	}
	return p.broken()
}

// take moves on behind a piece.
func (t *tail) take(p piece) {
	t.pos, t.long = p.to, nil
}

// endOfLong looks for the end of an over-long line. Memory holds its start only.
func (t *tail) endOfLong(buf *[]byte, final bool) (piece, error) {
	end := t.end()
	for scanned := 0; scanned < scanBytes; scanned += chunkBytes {
		b, err := t.window(buf, t.scan, int(min(chunkBytes, end-t.scan.offset)))
		if err != nil && !isEnd(err) {
			return piece{}, err
		}
		if cut := bytes.IndexByte(b, '\n') + 1; cut > 0 {
			return piece{text: string(t.long), lines: 1, cut: 1, to: t.scan.after(b[:cut]), more: true}, nil
		}
		t.scan = t.scan.after(b)
		if len(b) < chunkBytes {
			if final || t.bounded(end) && t.scan.offset == end {
				return piece{text: string(t.long), lines: 1, cut: 1, to: t.ended(t.scan), more: t.bounded(end)}, damage(err)
			}
			return piece{}, damage(err)
		}
	}
	return piece{more: true}, nil
}

// window reads up to n bytes at p, in one read with those before it, which must
// be what they were. The result is good until the next call.
func (t *tail) window(buf *[]byte, p pos, n int) ([]byte, error) {
	before := len(p.last)
	if len(*buf) < before+n {
		*buf = make([]byte, before+n)
	}
	b := (*buf)[:before+n]
	got, err := t.c.ReadAt(b, p.offset-int64(before))
	if got < before && (err == nil || isEnd(err)) || got >= before && !bytes.Equal(b[:before], p.last) {
		return nil, errOther
	}
	if got < before {
		return nil, err
	}
	return b[before:got], err
}
