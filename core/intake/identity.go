package intake

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"penstock/core/event"
)

// A file is recognised by what is in it: names change at every rotation, inode
// numbers are used again, and a packed copy has another one. So a cursor holds
// hashes of the first bytes and of those before the position, and the checksum
// that gzip writes as well; the inode number only says where to look first.
const (
	headBytes  = 1024 // of the beginning, at most what was read
	tailBytes  = 256  // before the position, likewise
	maxBreaks  = 4    // ends of lines that have none, remembered per file
	markPrefix = "f1" // the form of a file's cursor
)

// errOther means that a file is not the one that a cursor is about, or no longer.
var errOther = errors.New("is another file, or was written anew")

// mark is a file's cursor, taken apart.
type mark struct {
	ino    uint64
	offset int64
	head   uint64 // hash of the first min(headBytes, offset) bytes
	tail   uint64 // hash of the last min(tailBytes, offset) bytes before offset
	crc    uint32 // of all bytes before offset
	read   int64  // when it was last read, Unix seconds
	breaks []int64
}

func (m mark) cursor() event.Cursor {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %d %016x %016x %08x %d", markPrefix, m.ino, m.offset, m.head, m.tail, m.crc, m.read)
	for _, at := range m.breaks {
		b.WriteByte(' ')
		b.WriteString(strconv.FormatInt(at, 10))
	}
	return event.Cursor(b.String())
}

// parseMark takes a cursor of a file apart. The empty cursor is the beginning of
// a file that nothing is known of.
func parseMark(c event.Cursor) (mark, error) {
	var m mark
	if c == "" {
		return m, nil
	}
	fields := strings.Fields(string(c))
	if len(fields) < 7 || len(fields) > 7+maxBreaks || fields[0] != markPrefix {
		return m, fmt.Errorf("%q is no cursor of a file", c)
	}
	var err error
	number := func(text string, base, bits int) uint64 {
		n, e := strconv.ParseUint(text, base, bits)
		err = errors.Join(err, e)
		return n
	}
	m.ino = number(fields[1], 10, 64)
	m.offset = int64(number(fields[2], 10, 62))
	m.head = number(fields[3], 16, 64)
	m.tail = number(fields[4], 16, 64)
	m.crc = uint32(number(fields[5], 16, 32))
	m.read = int64(number(fields[6], 10, 62))
	for _, f := range fields[7:] {
		m.breaks = append(m.breaks, int64(number(f, 10, 62)))
	}
	if err != nil {
		return mark{}, fmt.Errorf("%q is no cursor of a file: %w", c, err)
	}
	return m, nil
}

// pos is a position in an open file, with the bytes that its mark is made of.
type pos struct {
	ino    uint64
	offset int64
	crc    uint32
	head   []byte // never changed in place: positions share it
	last   []byte // likewise
	breaks []int64
}

// mark returns what a cursor of the position holds.
func (p pos) mark(read int64) mark {
	return mark{
		ino: p.ino, offset: p.offset, head: sum(p.head), tail: sum(p.last),
		crc: p.crc, read: read, breaks: p.breaks,
	}
}

// after returns the position behind b, which stands at p.
func (p pos) after(b []byte) pos {
	p.crc = crc32.Update(p.crc, crc32.IEEETable, b)
	if missing := headBytes - len(p.head); missing > 0 {
		p.head = append(p.head[:len(p.head):len(p.head)], b[:min(missing, len(b))]...)
	}
	if len(b) >= tailBytes {
		p.last = append([]byte(nil), b[len(b)-tailBytes:]...)
	} else {
		joined := append(p.last[:len(p.last):len(p.last)], b...)
		p.last = joined[max(0, len(joined)-tailBytes):]
	}
	p.offset += int64(len(b))
	return p
}

// broken returns the position as one where a line was ended that has no end.
func (p pos) broken() pos {
	breaks := append(p.breaks[:len(p.breaks):len(p.breaks)], p.offset)
	p.breaks = breaks[max(0, len(breaks)-maxBreaks):]
	return p
}

// resume finds the position of m in c. The error wraps errOther when c does not
// hold what m is about.
func resume(c content, m mark) (pos, error) {
	p := pos{ino: c.ino(), offset: m.offset, crc: m.crc, breaks: m.breaks}
	var err error
	if p.head, err = readFull(c, 0, min(headBytes, m.offset)); err != nil {
		return pos{}, err
	}
	if sum(p.head) != m.head && m.offset > 0 {
		return pos{}, errOther
	}
	n := min(tailBytes, m.offset)
	if p.last, err = readFull(c, m.offset-n, n); err != nil {
		return pos{}, err
	}
	if sum(p.last) != m.tail && m.offset > 0 {
		return pos{}, errOther
	}
	return p, nil
}

// readFull reads n bytes at the offset; less than n is errOther.
func readFull(c content, offset, n int64) ([]byte, error) {
	b := make([]byte, n)
	if got, err := c.ReadAt(b, offset); int64(got) < n {
		if isEnd(err) {
			return nil, errOther
		}
		return nil, err
	}
	return b, nil
}

// sum is a hash that nobody who writes a log can easily aim at.
func sum(b []byte) uint64 {
	h := sha256.Sum256(b)
	return binary.BigEndian.Uint64(h[:8])
}
