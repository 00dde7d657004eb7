package store

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"time"
)

// Every blob begins with the number of its form and a checksum of the rest, because
// SQLite does not notice a page of text that was overwritten.
const (
	formPlain = 1
	formFlate = 2
	blobHead  = 1 + 4
	// maxBlob bounds what a blob is unpacked to.
	maxBlob = 64 * mebibyte
)

// castagnoli is computed by the processor.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errChecksum = errors.New("a checksum does not match")

// seal returns the blob of a short text.
func seal(body []byte) []byte {
	return appendHead(make([]byte, 0, blobHead+len(body)), formPlain, body)
}

func appendHead(dst []byte, form byte, body []byte) []byte {
	dst = append(dst, form)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(body, castagnoli))
	return append(dst, body...)
}

// blobs packs and unpacks what is worth compressing. It may be used by several
// goroutines at the same time; its zero value is ready.
type blobs struct {
	writers sync.Pool // of *flate.Writer
	readers sync.Pool // of flate's reader
}

// pack returns the blob of a text.
func (b *blobs) pack(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w, ok := b.writers.Get().(*flate.Writer)
	if ok {
		w.Reset(&out)
	} else {
		var err error
		if w, err = flate.NewWriter(&out, flate.BestSpeed); err != nil {
			return nil, err
		}
	}
	defer b.writers.Put(w)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return appendHead(make([]byte, 0, blobHead+out.Len()), formFlate, out.Bytes()), nil
}

// unpack returns the text of a blob of pack.
func (b *blobs) unpack(blob []byte) ([]byte, error) {
	body, err := cutHead(formFlate, blob)
	if err != nil {
		return nil, err
	}
	r, ok := b.readers.Get().(io.Reader)
	if !ok {
		r = flate.NewReader(nil)
	}
	defer b.readers.Put(r)
	if err := r.(flate.Resetter).Reset(bytes.NewReader(body), nil); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxBlob+1))
	if err == nil && len(text) > maxBlob {
		err = fmt.Errorf("a text is longer than %d bytes", maxBlob)
	}
	return text, err
}

// unseal returns the text of a blob of seal.
func unseal(blob []byte) ([]byte, error) { return cutHead(formPlain, blob) }

func cutHead(form byte, blob []byte) ([]byte, error) {
	switch {
	case len(blob) < blobHead:
		return nil, io.ErrUnexpectedEOF
	case blob[0] != form:
		return nil, fmt.Errorf("%d is not the form of such a blob", blob[0])
	case crc32.Checksum(blob[blobHead:], castagnoli) != binary.LittleEndian.Uint32(blob[1:]):
		return nil, errChecksum
	}
	return blob[blobHead:], nil
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendTime writes a time to the nanosecond, also the zero time.
func appendTime(dst []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(dst, t.Unix()), uint64(t.Nanosecond()))
}

// cutter takes apart what appendText and its like have put together. After an error
// it gives zero values.
type cutter struct {
	rest []byte
	err  error
}

func (c *cutter) uint() uint64 {
	v, n := binary.Uvarint(c.rest)
	return take(c, v, n)
}

func (c *cutter) int() int64 {
	v, n := binary.Varint(c.rest)
	return take(c, v, n)
}

func take[T any](c *cutter, v T, n int) T {
	if c.err == nil && n <= 0 {
		c.err = io.ErrUnexpectedEOF
	}
	if c.err != nil {
		var none T
		return none
	}
	c.rest = c.rest[n:]
	return v
}

// length returns how many of something follow, each at least one byte long.
func (c *cutter) length() int {
	n := c.uint()
	if n > uint64(len(c.rest)) {
		c.err = io.ErrUnexpectedEOF
		return 0
	}
	return int(n)
}

func (c *cutter) text() string {
	n := c.length()
	s := string(c.rest[:n])
	c.rest = c.rest[n:]
	return s
}

func (c *cutter) time() time.Time {
	seconds, nanos := c.int(), c.uint()
	if c.err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, int64(min(nanos, 999_999_999))).UTC()
}
