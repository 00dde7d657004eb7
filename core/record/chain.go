package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// Chain is the head of a chain of records: how many there are, and the hash of
// the last one. The zero value is the head of an empty chain. Whoever knows the
// head can tell whether a record before it was changed, moved, added or taken
// out, and whether the end is missing.
type Chain struct {
	Number uint64
	Hash   [sha256.Size]byte
}

// ErrTorn is the error for a last line without its end: a write that was
// interrupted. All lines before it are whole.
var ErrTorn = errors.New("the last line is not whole")

// String returns "number:hash", which is what is published.
func (c Chain) String() string {
	return strconv.FormatUint(c.Number, 10) + ":" + hex.EncodeToString(c.Hash[:])
}

// MarshalText implements encoding.TextMarshaler with the form of String.
func (c Chain) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

const (
	chainKey = `,"chain":{"number":`
	prevKey  = `,"previous":"`
	hashKey  = `","hash":"`
	lineEnd  = `"}}`
	hexLen   = 2 * sha256.Size
	hashTail = len(hashKey) + hexLen + len(lineEnd)
)

// Append adds the record's line, with its line end, to dst and returns the new
// head. The hash covers the whole line before it: the record, its number and the
// hash of the line before.
func (c Chain) Append(dst []byte, r Record) ([]byte, Chain, error) {
	data, err := r.Marshal()
	if err != nil {
		return dst, c, fmt.Errorf("record %d of case %s: %w", r.Seq, r.Case, err)
	}
	if !oneLine(data) {
		return dst, c, fmt.Errorf("record %d of case %s is not one line", r.Seq, r.Case)
	}
	start := len(dst)
	dst = append(dst, data[:len(data)-1]...) // the object goes on
	dst = append(dst, c.link()...)
	next := Chain{Number: c.Number + 1, Hash: sha256.Sum256(dst[start:])}
	dst = append(dst, hashKey...)
	dst = hex.AppendEncode(dst, next.Hash[:])
	dst = append(dst, lineEnd...)
	return append(dst, '\n'), next, nil
}

// Verify follows the chain from c through the lines and returns the head it ends
// at. The error names the first line that does not fit, counted from 1 within
// lines, or is ErrTorn; the head is then the one before that line.
func (c Chain) Verify(lines []byte) (Chain, error) {
	for number := 1; len(lines) > 0; number++ {
		line, rest, whole := bytes.Cut(lines, []byte("\n"))
		if !whole {
			return c, ErrTorn
		}
		next, err := c.follow(line)
		if err != nil {
			return c, fmt.Errorf("line %d: %w", number, err)
		}
		c, lines = next, rest
	}
	return c, nil
}

// follow checks one line against the head before it.
func (c Chain) follow(line []byte) (Chain, error) {
	if len(line) < hashTail || !bytes.HasSuffix(line, []byte(lineEnd)) {
		return c, errors.New("is no record of a chain")
	}
	hashed, tail := line[:len(line)-hashTail], line[len(line)-hashTail:]
	stated, ok := bytes.CutPrefix(tail[:len(tail)-len(lineEnd)], []byte(hashKey))
	if !ok {
		return c, errors.New("is no record of a chain")
	}
	next := Chain{Number: c.Number + 1, Hash: sha256.Sum256(hashed)}
	if !bytes.Equal(stated, hex.AppendEncode(nil, next.Hash[:])) {
		return c, errors.New("was changed: its hash does not fit")
	}
	if !bytes.HasSuffix(hashed, c.link()) {
		return c, fmt.Errorf("does not follow record %d: a record was changed, moved, added or taken out", c.Number)
	}
	return next, nil
}

// link is what the next line says of its place in the chain.
func (c Chain) link() []byte {
	link := strconv.AppendUint([]byte(chainKey), c.Number+1, 10)
	link = append(link, prevKey...)
	return hex.AppendEncode(link, c.Hash[:])
}
