package app

import (
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// byteOrder is that of UTF-16 text.
type byteOrder uint8

const (
	littleEndian byteOrder = iota + 1
	bigEndian
)

// utf16Order returns the byte order of text in UTF-16, or 0 for other text. It
// goes by the byte order mark, else by every second byte being 0.
func utf16Order(head []byte) byteOrder {
	if len(head) >= 2 && head[0] == 0xff && head[1] == 0xfe {
		return littleEndian
	}
	if len(head) >= 2 && head[0] == 0xfe && head[1] == 0xff {
		return bigEndian
	}
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	half := len(head) / 2
	switch {
	case half < 4:
	case zeros[1]*10 >= half*9 && zeros[0]*10 <= half:
		return littleEndian
	case zeros[0]*10 >= half*9 && zeros[1]*10 <= half:
		return bigEndian
	}
	return 0
}

// utf16Reader turns UTF-16 into UTF-8. Half a pair becomes U+FFFD, and so does
// half a unit at the end.
type utf16Reader struct {
	r     io.Reader
	order byteOrder
	in    []byte // whole units wait here, and at most one half
	room  [8 << 10]byte
	err   error
}

// Read implements io.Reader.
func (u *utf16Reader) Read(p []byte) (int, error) {
	if len(p) < utf8.UTFMax {
		return 0, io.ErrShortBuffer
	}
	for {
		if n := u.convert(p); n > 0 {
			return n, nil
		}
		if u.err != nil {
			return 0, u.err
		}
		kept := copy(u.room[:], u.in)
		n, err := u.r.Read(u.room[kept:])
		u.in, u.err = u.room[:kept+n], err
	}
}

// convert writes as many runes as there are and fit.
func (u *utf16Reader) convert(p []byte) int {
	n := 0
	for n+utf8.UTFMax <= len(p) {
		r, size := u.rune()
		if size == 0 {
			break
		}
		u.in = u.in[size:]
		if r != '\ufeff' { // the byte order mark
			n += utf8.EncodeRune(p[n:], r)
		}
	}
	return n
}

// rune returns the next rune and how many bytes it takes, 0 when more must be read.
func (u *utf16Reader) rune() (rune, int) {
	ended := errors.Is(u.err, io.EOF)
	if len(u.in) < 2 {
		if ended && len(u.in) == 1 {
			return utf8.RuneError, 1
		}
		return 0, 0
	}
	first := u.unit(0)
	if !utf16.IsSurrogate(first) {
		return first, 2
	}
	if len(u.in) < 4 {
		if ended {
			return utf8.RuneError, 2
		}
		return 0, 0
	}
	if r := utf16.DecodeRune(first, u.unit(2)); r != utf8.RuneError {
		return r, 4
	}
	return utf8.RuneError, 2
}

func (u *utf16Reader) unit(at int) rune {
	if u.order == bigEndian {
		return rune(u.in[at])<<8 | rune(u.in[at+1])
	}
	return rune(u.in[at+1])<<8 | rune(u.in[at])
}
