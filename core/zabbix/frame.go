package zabbix

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// A frame of the sender protocol is "ZBXD", a byte of flags, the length of the body
// as it travels, its length before it was compressed (else 0), and the body. The
// lengths have 32 bits, or 64 where flagLarge is set; all are little-endian.
const (
	frameMagic = "ZBXD"

	flagProtocol = 1
	flagZlib     = 2
	flagLarge    = 4

	frameHeader = len(frameMagic) + 1 + 4 + 4
)

// errFrame says that what came is no frame, or one that is not to be read.
var errFrame = errors.New("not a frame of Zabbix")

// packer makes frames; it is for one goroutine at a time, and for many frames,
// because a compressor takes more than half a megabyte.
type packer struct {
	out bytes.Buffer
	z   *zlib.Writer
}

func newPacker() *packer {
	p := &packer{}
	z, err := zlib.NewWriterLevel(&p.out, zlib.BestSpeed)
	if err != nil { // it refuses unknown levels only
		z = zlib.NewWriter(&p.out)
	}
	p.z = z
	return p
}

// pack returns the compressed frame of a body. It is the packer's own until the
// next call.
func (p *packer) pack(body []byte) ([]byte, error) {
	if uint64(len(body)) > math.MaxUint32 {
		return nil, fmt.Errorf("make a frame: %d bytes are more than it can say", len(body))
	}
	p.out.Reset()
	p.out.Write(make([]byte, frameHeader))
	p.z.Reset(&p.out)
	if _, err := p.z.Write(body); err != nil {
		return nil, fmt.Errorf("make a frame: %w", err)
	}
	if err := p.z.Close(); err != nil {
		return nil, fmt.Errorf("make a frame: %w", err)
	}
	frame := p.out.Bytes()
	copy(frame, frameMagic)
	frame[4] = flagProtocol | flagZlib
	binary.LittleEndian.PutUint32(frame[5:], uint32(len(frame)-frameHeader))
	binary.LittleEndian.PutUint32(frame[9:], uint32(len(body)))
	return frame, nil
}

// readFrame reads one frame and returns its body, compressed or not. It takes at
// most that many bytes of a body, both as it travels and unpacked, and reads
// nothing behind the frame. The error is io.EOF where nothing came at all.
func readFrame(r io.Reader, most int) ([]byte, error) {
	var start [len(frameMagic) + 1]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return nil, err
	}
	flags := start[4]
	if string(start[:4]) != frameMagic || flags&flagProtocol == 0 || flags&^(flagProtocol|flagZlib|flagLarge) != 0 {
		return nil, fmt.Errorf("%w: begins with %q", errFrame, start)
	}
	travels, plain, err := readLengths(r, flags&flagLarge != 0)
	if err != nil {
		return nil, fmt.Errorf("read the lengths of a frame: %w", cutShort(err))
	}
	if most := uint64(most); travels > most || flags&flagZlib != 0 && plain > most {
		return nil, fmt.Errorf("%w that is read: %d bytes, %d unpacked, at most %d", errFrame, travels, plain, most)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(travels)))
	if err == nil && uint64(len(body)) < travels {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("read a frame, %d of %d bytes came: %w", len(body), travels, err)
	}
	if flags&flagZlib == 0 {
		return body, nil
	}
	return unpack(body, int(plain))
}

func readLengths(r io.Reader, large bool) (travels, plain uint64, err error) {
	var b [16]byte
	if large {
		_, err = io.ReadFull(r, b[:])
		return binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]), err
	}
	_, err = io.ReadFull(r, b[:8])
	return uint64(binary.LittleEndian.Uint32(b[:])), uint64(binary.LittleEndian.Uint32(b[4:])), err
}

// unpack never makes more of a body than the frame said it would be.
func unpack(body []byte, size int) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	plain, err := io.ReadAll(io.LimitReader(z, int64(size)+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	if len(plain) != size {
		return nil, fmt.Errorf("%w: it said %d bytes and holds others", errFrame, size)
	}
	return plain, nil
}

// cutShort turns the end between two parts of a frame into what it is.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
