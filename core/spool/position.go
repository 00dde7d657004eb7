package spool

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Lanes is the number of lanes: 0 is severity none, 4 is Critical.
const Lanes = 5

// Bounds of what Append takes.
const (
	MaxRecord = 1<<20 + 4096 // bytes of Data
	MaxSource = 1024         // bytes of Source
	MaxTag    = 255          // bytes of a tag
)

// Record is one line that was handed over.
type Record struct {
	Source   string    // at most MaxSource bytes
	Received time.Time // kept to the millisecond, read back in UTC
	Data     []byte    // the line without its end, at most MaxRecord bytes
}

// Position is a place between two records of a lane. Segment is the number of the
// first record of a segment, Offset how many records behind it. Positions of one
// lane that name the same place may differ: hand back those that Read gave. The
// zero value is the beginning.
type Position struct {
	Segment uint64
	Offset  int64
}

// String returns the position as ParsePosition takes it, for instance 7:4096.
func (p Position) String() string {
	return strconv.FormatUint(p.Segment, 10) + ":" + strconv.FormatInt(p.Offset, 10)
}

// ParsePosition is the inverse of Position.String; "" is the beginning.
func ParsePosition(text string) (Position, error) {
	if text == "" {
		return Position{}, nil
	}
	segment, offset, ok := strings.Cut(text, ":")
	number, segmentErr := strconv.ParseUint(segment, 10, 64)
	records, offsetErr := strconv.ParseInt(offset, 10, 64)
	p := Position{Segment: number, Offset: records}
	if !ok || segmentErr != nil || offsetErr != nil || records < 0 || p.String() != text {
		return Position{}, fmt.Errorf("%q is not a position in the spool (such as 7:4096)", text)
	}
	return p, nil
}

// number returns the number of the record behind the position, at least 1.
func (p Position) number() uint64 {
	offset := uint64(max(p.Offset, 0))
	if p.Segment > math.MaxUint64-offset {
		return math.MaxUint64
	}
	return max(p.Segment+offset, 1)
}

// Errors that callers tell apart.
var (
	// ErrGone is wrapped by the LostError of a position whose records are not kept
	// any more, or that is no position of this spool.
	ErrGone = errors.New("the records at this position are not kept any more")
	// ErrDamaged is wrapped by the LostError of records that cannot be read back.
	ErrDamaged = errors.New("the records at this position are damaged")
	// ErrFull means that only what is graver than the batch could be given up for
	// it. It passes once something was released.
	ErrFull = errors.New("the spool is full of what is graver")
	// ErrTooLarge means that a batch or a part of it is beyond the bounds: it will
	// never be taken.
	ErrTooLarge = errors.New("too large for the spool")
	// ErrClosed means that the spool was closed.
	ErrClosed = errors.New("the spool is closed")
)

// LostError says how many records Read has to leave out. It wraps ErrGone or
// ErrDamaged.
type LostError struct {
	Lost uint64 // 0 for a position that this spool never gave
	Lane int
	At   Position
	Err  error
}

// Error says what is lost and where.
func (e *LostError) Error() string {
	return fmt.Sprintf("lane %d at %s: %v (%d records)", e.Lane, e.At, e.Err, e.Lost)
}

// Unwrap returns ErrGone or ErrDamaged.
func (e *LostError) Unwrap() error { return e.Err }
