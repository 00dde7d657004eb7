package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// windowBytes is what a walk reads at once: it goes by headers and leaves the
// payloads out, but small blocks share a read.
const windowBytes = 4096

// walker goes through a segment file from header to header. Where there is none
// it looks for the next one, so one broken block costs no other.
type walker struct {
	file io.ReaderAt
	size int64 // of what may be read
	lane int
	key  key

	off    int64  // where the next block should begin
	next   uint64 // the lowest number its first record may have
	failed error  // the last error of the disk

	window   []byte
	windowAt int64
}

// newWalker begins a walk at the first block. A file whose key cannot be read has
// no blocks.
func newWalker(file io.ReaderAt, size int64, lane int, first uint64) *walker {
	w := &walker{file: file, size: size, lane: lane, next: first, off: int64(keyLen), window: make([]byte, 0, windowBytes)}
	var ok bool
	if w.key, ok = parseKey(w.load(0, keyLen)); !ok {
		w.off = size
	}
	return w
}

// block returns the next block's header, where the block begins, and whether
// something before it was no block. At the end of the last one it returns io.EOF
// and where that is; skipped then says that bytes are left.
func (w *walker) block() (h header, at int64, skipped bool, err error) {
	for at = w.off; at < w.size; {
		if h, ok := w.header(at); ok {
			w.off, w.next = at+h.size(), h.end()
			return h, at, skipped, nil
		}
		skipped = true
		if at = w.search(at + 1); at < 0 {
			break
		}
	}
	return header{}, w.off, skipped, io.EOF
}

// header returns the header at an offset of a block that can stand there.
func (w *walker) header(at int64) (header, bool) {
	h, err := parseHeader(w.load(at, headerLen+MaxTag), w.key)
	return h, err == nil && h.lane == w.lane && h.first >= w.next && at+h.size() <= w.size
}

// search returns the next offset at which a block's magic stands, or -1.
func (w *walker) search(from int64) int64 {
	for from+headerLen <= w.size {
		window := w.load(from, windowBytes)
		if i := bytes.Index(window, []byte(blockMagic)); i >= 0 {
			return from + int64(i)
		}
		if len(window) < len(blockMagic) {
			break
		}
		from += int64(len(window) - len(blockMagic) + 1)
	}
	return -1
}

// load returns up to n bytes from an offset, n at most windowBytes. What the disk
// cannot read comes as zeros, which are no block.
func (w *walker) load(at int64, n int) []byte {
	n = int(min(int64(n), w.size-at))
	if at >= w.windowAt && at+int64(n) <= w.windowAt+int64(len(w.window)) {
		return w.window[at-w.windowAt:][:n]
	}
	w.windowAt = at
	w.window = w.window[:min(windowBytes, w.size-at)]
	if _, err := w.file.ReadAt(w.window, at); err != nil {
		clear(w.window)
		w.failed = err
	}
	return w.window[:n]
}

// found is what a segment file holds.
type found struct {
	end           uint64 // number behind the last record
	size          int64
	begun, newest time.Time
	tags          []stamped
}

// stamped is a tag and when it was appended.
type stamped struct {
	tag string
	at  int64 // ms since 1970
}

func (f *found) add(h header) {
	at := time.UnixMilli(h.at)
	if f.begun.IsZero() {
		f.begun = at
	}
	f.end, f.newest = h.end(), at
	if h.tag != "" && !h.more {
		f.tags = append(f.tags, stamped{h.tag, h.at})
	}
}

// inspect reads the headers of a segment file.
func inspect(file io.ReaderAt, size int64, lane int, first uint64) found {
	f := found{end: first, size: size}
	w := newWalker(file, size, lane, first)
	for {
		h, _, _, err := w.block()
		if err != nil {
			return f
		}
		f.add(h)
	}
}

// inspectLast does the same with the newest segment of a lane, whose last batch may
// not be whole: the size returned is then where that batch begins. Only that batch
// can be torn, because the one before was synced before it began; damage further up
// stays for Read to report. Looking again at what is left says the same.
func inspectLast(file io.ReaderAt, size int64, lane int, first uint64) (found, error) {
	f := found{end: first}
	w := newWalker(file, size, lane, first)
	var last, batch run
	for {
		h, at, skipped, err := w.block()
		if err != nil {
			if batch.done() && (skipped || batch.whole(file)) { // what is left over is torn, not this one
				f.take(batch)
				last = batch
			}
			break
		}
		if h.begins || batch.done() {
			f.take(batch)
			last, batch = batch, run{gapless: h.begins}
		} else if skipped {
			batch.gapless = false
		}
		batch.blocks = append(batch.blocks, placed{h, at})
	}
	if w.failed != nil {
		return f, fmt.Errorf("read: %w", w.failed)
	}
	if f.size < size && len(last.blocks) > 0 && !last.whole(file) {
		f.size = size // without what follows, this damaged batch would look torn
	}
	return f, nil
}

// run is what was found of a batch.
type run struct {
	blocks  []placed
	gapless bool // none is missing so far
}

// placed is a block and where it begins.
type placed struct {
	h  header
	at int64
}

// done says whether the end of the batch was found.
func (r *run) done() bool { return len(r.blocks) > 0 && !r.blocks[len(r.blocks)-1].h.more }

// whole says whether the batch is what was written.
func (r *run) whole(file io.ReaderAt) bool {
	for _, p := range r.blocks {
		if _, err := readBlock(file, p.h, p.at); err != nil {
			return false
		}
	}
	return r.done() && r.gapless
}

func (f *found) take(r run) {
	for _, p := range r.blocks {
		f.add(p.h)
		f.size = p.at + p.h.size()
	}
}

// readBlock returns the records of the block that begins at an offset.
func readBlock(file io.ReaderAt, h header, at int64) ([]Record, error) {
	payload := make([]byte, h.length)
	if _, err := file.ReadAt(payload, at+h.payloadAt()); err != nil {
		return nil, err
	}
	return parsePayload(payload, h)
}

// openSegment opens a regular file for reading and returns its size.
func openSegment(path string) (*os.File, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}
