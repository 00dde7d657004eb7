package intake

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// content is what an open file holds, unpacked.
type content interface {
	io.ReaderAt
	io.Closer
	ino() uint64
	// length returns how many bytes there are now, at least; packed files say
	// what their trailer claims, and do not grow.
	length() (int64, error)
	// gone says whether the file has no name any more.
	gone() bool
}

// errDamaged means that a packed file cannot be unpacked any further.
var errDamaged = errors.New("is damaged")

// isEnd says whether the error of a read is no more than the end.
func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, errDamaged) }

// isPacked says whether a name is one of a file packed by gzip.
func isPacked(name string) bool { return strings.HasSuffix(name, ".gz") }

// openContent opens a regular file; it neither waits for a named pipe's writer
// nor opens a device.
func openContent(path string) (content, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: is no regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if !isPacked(path) {
		return &plain{f, inode(info)}, nil
	}
	p := &packed{file: f, number: inode(info)}
	if err := p.trailer(info.Size()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return p, nil
}

// inode returns a file's inode number.
func inode(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}

// nameless says whether an open file has no name left.
func nameless(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Nlink == 0
}

// plain is a file as it is.
type plain struct {
	*os.File
	number uint64
}

func (p *plain) ino() uint64 { return p.number }
func (p *plain) gone() bool  { return nameless(p.File) }

func (p *plain) length() (int64, error) {
	info, err := p.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// packed is a file packed by gzip. It can be read at any place, forwards at the
// speed of unpacking; going back by more than the last read begins anew.
type packed struct {
	file   *os.File
	number uint64
	size   int64  // of what is packed, modulo 2^32, as the trailer says
	crc    uint32 // of what is packed, as the trailer says

	raw   *bufio.Reader
	z     *gzip.Reader
	at    int64  // where z stands
	keep  []byte // what was unpacked last
	start int64  // where keep starts
	err   error  // that ended the unpacking
}

func (p *packed) ino() uint64            { return p.number }
func (p *packed) gone() bool             { return nameless(p.file) }
func (p *packed) length() (int64, error) { return p.size, nil }

// Close implements io.Closer.
func (p *packed) Close() error { return p.file.Close() }

// trailer reads what gzip says of the whole; a file too short for it is still
// being written.
func (p *packed) trailer(size int64) error {
	var b [8]byte
	if size < 18 { // ten bytes of header
		return fmt.Errorf("unpack %s: %w", p.file.Name(), errDamaged)
	}
	if _, err := p.file.ReadAt(b[:], size-int64(len(b))); err != nil {
		return err
	}
	p.crc = binary.LittleEndian.Uint32(b[:4])
	p.size = int64(binary.LittleEndian.Uint32(b[4:]))
	return nil
}

// is says whether the whole of it is what was read up to m, by its trailer.
func (p *packed) is(m mark) bool { return p.crc == m.crc && p.size == m.offset&(1<<32-1) }

// ReadAt implements io.ReaderAt for one goroutine.
func (p *packed) ReadAt(b []byte, offset int64) (int, error) {
	if p.z == nil || offset < p.start {
		if err := p.rewind(); err != nil {
			return 0, err
		}
	}
	for p.at < offset && p.err == nil { // skip what nobody asked for
		p.more(min(int64(chunkBytes), offset-p.at))
		p.drop(max(p.at-tailBytes, p.start))
	}
	if offset > p.at {
		return 0, p.err
	}
	p.drop(offset) // a later read goes on from here or behind it
	for p.at < offset+int64(len(b)) && p.err == nil {
		p.more(offset + int64(len(b)) - p.at)
	}
	n := copy(b, p.keep[offset-p.start:])
	if n < len(b) {
		return n, p.err
	}
	return n, nil
}

// rewind begins at the beginning.
func (p *packed) rewind() error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.raw = bufio.NewReaderSize(p.file, 64<<10)
	z, err := gzip.NewReader(p.raw)
	if err != nil {
		return fmt.Errorf("unpack %s: %w: %w", p.file.Name(), errDamaged, err)
	}
	p.z, p.at, p.start, p.keep, p.err = z, 0, 0, p.keep[:0], nil
	return nil
}

// more unpacks up to n bytes.
func (p *packed) more(n int64) {
	old := len(p.keep)
	p.keep = append(p.keep, make([]byte, n)...)
	room := p.keep[old:]
	for len(room) > 0 && p.err == nil {
		var got int
		got, p.err = p.z.Read(room)
		room = room[got:]
		p.at += int64(got)
	}
	p.keep = p.keep[:len(p.keep)-len(room)]
	if p.err != nil && !errors.Is(p.err, io.EOF) {
		p.err = fmt.Errorf("unpack %s: %w: %w", p.file.Name(), errDamaged, p.err)
	}
}

// drop forgets what stands before the offset.
func (p *packed) drop(offset int64) {
	if n := min(offset-p.start, int64(len(p.keep))); n > 0 {
		p.keep = p.keep[:copy(p.keep, p.keep[n:])]
		p.start += n
	}
}
