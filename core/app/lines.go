package app

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

const (
	chunkBytes = 256 << 10
	// MaxLine is how many bytes of one line are kept; the rest of it is read,
	// counted and thrown away.
	MaxLine = 1 << 20
)

// Lines reads lines in large chunks, so that a line costs no allocation of its
// own. The lines returned share the memory of their chunk. It is used by one
// goroutine.
type Lines struct {
	r       io.Reader
	buf     []byte // bytes that were read and not yet handed out
	chunk   string // whole lines
	err     error
	cut     uint64
	skipped bool // in the rest of a line that was cut
}

// NewLines returns a reader of r's lines.
func NewLines(r io.Reader) *Lines {
	return &Lines{r: r, buf: make([]byte, 0, chunkBytes)}
}

// Next returns the next line without its end ("\n" or "\r\n"), and false at the
// end of the input or at an error, which Err returns.
func (l *Lines) Next() (string, bool) {
	for l.chunk == "" {
		if l.err != nil {
			return l.last()
		}
		l.fill()
	}
	line, rest, _ := strings.Cut(l.chunk, "\n")
	l.chunk = rest
	return l.trim(line), true
}

// Err returns the error that ended the reading, nil at a plain end.
func (l *Lines) Err() error {
	if errors.Is(l.err, io.EOF) {
		return nil
	}
	return l.err
}

// Cut returns how many lines were longer than MaxLine and were cut.
func (l *Lines) Cut() uint64 { return l.cut }

// last hands out what stands after the last line end.
func (l *Lines) last() (string, bool) {
	if len(l.buf) == 0 {
		return "", false
	}
	line := string(l.buf)
	l.buf = nil
	return l.trim(line), true
}

// trim takes the carriage return off a line, and what is beyond MaxLine.
func (l *Lines) trim(line string) string {
	if len(line) > MaxLine {
		l.cut++
		line = line[:MaxLine]
	}
	return strings.TrimSuffix(line, "\r")
}

// fill reads one chunk and makes whole lines of it.
func (l *Lines) fill() {
	if cap(l.buf)-len(l.buf) < chunkBytes/2 {
		l.buf = append(make([]byte, 0, 2*cap(l.buf)), l.buf...)
	}
	n, err := l.r.Read(l.buf[len(l.buf):cap(l.buf)])
	fresh := len(l.buf)
	l.buf = l.buf[:len(l.buf)+n]
	l.err = err
	if l.skipped {
		l.skip()
		fresh = 0
	}
	end := bytes.LastIndexByte(l.buf[min(fresh, len(l.buf)):], '\n')
	if end < 0 {
		l.bound()
		return
	}
	end += fresh + 1
	l.chunk = string(l.buf[:end])
	l.buf = l.buf[:copy(l.buf, l.buf[end:])]
}

// bound hands out the start of a line that is longer than MaxLine and marks the
// rest of it to be skipped.
func (l *Lines) bound() {
	if len(l.buf) <= MaxLine {
		return
	}
	l.chunk = string(l.buf[:MaxLine]) + "\n"
	l.buf = l.buf[:0]
	l.cut++
	l.skipped = true
}

// skip throws away the rest of a line that was cut.
func (l *Lines) skip() {
	end := bytes.IndexByte(l.buf, '\n')
	if end < 0 {
		l.buf = l.buf[:0]
		return
	}
	l.buf = l.buf[:copy(l.buf, l.buf[end+1:])]
	l.skipped = false
}
