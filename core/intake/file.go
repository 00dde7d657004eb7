package intake

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"penstock/core/event"
)

// file is one file of a source: one stream, from its first line until it is no
// more, under whatever name.
type file struct {
	stream string
	family string
	seq    uint64       // orders the files of a family, the oldest first
	cursor event.Cursor // of what was handed over, "" for nothing yet
	m      mark         // the same, taken apart
	dev    uint64       // of the open file

	t     *tail  // nil while it is not open
	start []byte // its first bytes, while it is open and nothing was handed over
	e     *entry // where it is, nil where it was not found
	seen  stamp  // when it was last read to its end
	now   stamp  // how it looks now

	named   bool  // it had the name that is written to at the last look
	still   int   // looks since it changed, or got or lost that name
	missing int   // looks in which it was not found
	stuck   int   // looks in which it could not be opened
	emptied int   // looks since it was found to be written anew; 0 for not
	over    bool  // read to its end, and nobody writes to it any more
	err     error // why it cannot be read
}

// stamp is what changes when a file is written to.
type stamp struct {
	size, mtime int64
	final       bool
}

// errMoved means that a path became another file's since it was listed.
var errMoved = errors.New("was renamed just now")

// moved says whether an error is due to a rotation that is going on.
func moved(err error) bool { return errors.Is(err, errMoved) || errors.Is(err, fs.ErrNotExist) }

// current says whether it has the name that is written to.
func (fl *file) current() bool { return fl.e != nil && !fl.e.rotated }

// unread says how many bytes of it wait, as far as that is known.
func (fl *file) unread() int64 {
	if fl.over || fl.e != nil && fl.e.packed && fl.t == nil {
		return 0
	}
	return max(0, fl.now.size-fl.offset())
}

func (fl *file) offset() int64 {
	if fl.t != nil {
		return fl.t.pos.offset
	}
	return fl.m.offset
}

// close closes the file, if it is open.
func (fl *file) close() {
	if fl.t != nil {
		_ = fl.t.c.Close() // it was only read
		fl.t = nil
	}
}

// streamOf makes the key of a file's cursor.
func streamOf(source, family string, seq uint64) string {
	return source + "/" + family + "." + strconv.FormatUint(seq, 16)
}

// parseStream takes what streamOf put behind the source's name apart.
func parseStream(id string) (family string, seq uint64, ok bool) {
	family, number, ok := strings.Cut(id, ".")
	seq, err := strconv.ParseUint(number, 16, 64)
	return family, seq, ok && err == nil
}

// find looks for the file in an entry. It is opened when there is more to read.
func (fl *file) find(e *entry) (bool, error) {
	c, err := openContent(e.path)
	if err != nil {
		return false, fmt.Errorf("open %s: %w", e.path, plainError(err))
	}
	if c.ino() != e.ino {
		return false, errors.Join(errMoved, c.Close())
	}
	if p, ok := c.(*packed); ok && p.is(fl.m) {
		if fl.emptied > 0 {
			fl.close()
		}
		fl.over, fl.emptied, fl.err = true, 0, nil
		return true, c.Close()
	}
	p, err := resume(c, fl.m)
	if err != nil || fl.t != nil && fl.emptied == 0 {
		found := err == nil
		if errors.Is(err, errOther) || isEnd(err) {
			err = nil
		}
		return found, errors.Join(err, c.Close())
	}
	fl.close()
	fl.open(c, p, e.dev)
	return true, nil
}

// open goes on with c at p.
func (fl *file) open(c content, p pos, dev uint64) {
	fl.t, fl.dev, fl.seen = newTail(c, p), dev, stamp{}
	fl.emptied, fl.over, fl.err, fl.stuck = 0, false, nil, 0
}

// rewritten says whether an open file was written anew in place.
func (fl *file) rewritten(buf *[]byte) bool {
	if fl.t.pos.offset == 0 {
		now, err := readFull(fl.t.c, 0, int64(len(fl.start)))
		return errors.Is(err, errOther) || err == nil && string(now) != string(fl.start)
	}
	_, err := fl.t.window(buf, fl.t.pos, 0)
	return errors.Is(err, errOther)
}

// sameAs says whether an entry holds what the open file holds, up to its end.
func (fl *file) sameAs(e *entry) bool {
	length, err := fl.t.c.length()
	if err != nil {
		return false
	}
	c, err := openContent(e.path)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // it was only read
	n, err := c.length()
	return err == nil && n == length && begins(fl.t.c, c)
}

// begins says whether long begins with all of short. Of plain files it compares
// both ends of the short one, of packed ones the checksum.
func begins(long, short content) bool {
	n, err := short.length()
	if err != nil {
		return false
	}
	if total, err := long.length(); err != nil || total < n {
		return false
	}
	same := func(offset, n int64) bool {
		a, errA := readFull(long, offset, n)
		b, errB := readFull(short, offset, n)
		return errA == nil && errB == nil && string(a) == string(b)
	}
	if !same(0, min(headBytes, n)) {
		return false
	}
	p, ok := short.(*packed)
	if !ok {
		return same(n-min(tailBytes, n), min(tailBytes, n))
	}
	sum := crc32.NewIEEE()
	_, err = io.Copy(sum, io.NewSectionReader(long, 0, n))
	return err == nil && sum.Sum32() == p.crc
}

// plainError takes the path off an error that names it twice otherwise.
func plainError(err error) error {
	if inner := errors.Unwrap(err); inner != nil && !errors.Is(err, errDamaged) {
		return inner
	}
	return err
}
