package intake

import (
	"bytes"
	"fmt"
	"io"
	"regexp"

	"penstock/core/event"
)

// cursorKey stands before an entry's cursor. No text in an entry can look like
// it: quotes within are escaped, and no program may name a field so.
const cursorKey = `"__CURSOR":"`

// journalCursorForm is what a journal's cursor looks like.
var journalCursorForm = regexp.MustCompile(`^[a-z]=[0-9a-f]+(?:;[a-z]=[0-9a-f]+)*$`)

// maxCursor bounds a journal's cursor.
const maxCursor = 512

// entries takes what journalctl prints apart, one entry a line.
type entries struct {
	in    io.Reader
	buf   []byte // what was read and not yet taken
	taken int    // how much of buf was taken
	err   error  // that ended the reading
}

// line is one entry.
type line struct {
	text   []byte // with its end; good until the next call
	cut    bool
	cursor event.Cursor
}

func newEntries(in io.Reader) *entries { return &entries{in: in, buf: make([]byte, 0, chunkBytes)} }

// next returns the next entry, and waits for it. At the end the error is io.EOF; a
// last line without end is left out, for it is not whole.
func (e *entries) next() (line, error) {
	searched := 0
	for {
		rest := e.buf[e.taken:]
		if n := bytes.IndexByte(rest[searched:], '\n'); n >= 0 {
			end := searched + n + 1
			e.taken += end
			if searched = 0; rest[0] != '{' {
				continue // a remark of journalctl's
			}
			return parseLine(rest[:end], rest[:end])
		}
		if searched = len(rest); searched > MaxLine+maxCursor {
			return e.long()
		}
		if err := e.fill(); err != nil {
			return line{}, err
		}
	}
}

// waits says whether an entry can be had without waiting.
func (e *entries) waits() bool { return bytes.IndexByte(e.buf[e.taken:], '\n') >= 0 }

// fill reads more behind what is not taken yet.
func (e *entries) fill() error {
	if e.err != nil {
		return e.err
	}
	e.buf = e.buf[:copy(e.buf, e.buf[e.taken:])]
	e.taken = 0
	if cap(e.buf)-len(e.buf) < chunkBytes/2 {
		e.buf = append(make([]byte, 0, 2*cap(e.buf)), e.buf...)
	}
	var n int
	n, e.err = e.in.Read(e.buf[len(e.buf):cap(e.buf)])
	e.buf = e.buf[:len(e.buf)+n]
	if n > 0 {
		return nil
	}
	return e.err
}

// long takes an entry that is longer than what is kept of a line. Its cursor may
// stand anywhere in it.
func (e *entries) long() (line, error) {
	rest := e.buf[e.taken:]
	kept := append(append([]byte(nil), rest[:MaxLine]...), '\n')
	found := cursorPart(rest)
	for {
		end := bytes.IndexByte(rest, '\n')
		if end >= 0 {
			rest = rest[:end+1]
		}
		if found == nil {
			found = cursorPart(rest)
		}
		if end >= 0 {
			e.taken += end + 1
			return parseLine(kept, found)
		}
		// A cursor may be cut in two where the reading stopped.
		e.taken += max(0, len(rest)-maxCursor)
		if err := e.fill(); err != nil {
			return line{}, err
		}
		rest = e.buf[e.taken:]
	}
}

// cursorPart copies what an entry's cursor stands in, nil when it is not whole.
func cursorPart(text []byte) []byte {
	at := bytes.Index(text, []byte(cursorKey))
	if at < 0 || bytes.IndexByte(text[at+len(cursorKey):], '"') < 0 {
		return nil
	}
	return bytes.Clone(text[at:min(len(text), at+maxCursor)])
}

// parseLine finds the cursor of an entry in what is given of it.
func parseLine(text, within []byte) (line, error) {
	_, rest, found := bytes.Cut(within, []byte(cursorKey))
	if !found {
		return line{}, fmt.Errorf("the journal printed what is no entry: %.80q", text)
	}
	value, _, ended := bytes.Cut(rest, []byte{'"'})
	if !ended || !journalCursorForm.Match(value) {
		return line{}, fmt.Errorf("the journal printed an entry with a strange cursor: %.80q", rest)
	}
	l := line{text: text, cursor: event.Cursor(value)}
	if len(text) > MaxLine+1 {
		l.text, l.cut = append(bytes.Clone(text[:MaxLine]), '\n'), true
	}
	l.cut = l.cut || len(within) != len(text)
	return l, nil
}
