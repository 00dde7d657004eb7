package zabbix

import (
	"context"
	"time"

	"penstock/core/event"
)

// Value is one value of one item.
type Value struct {
	Host  string // technical name
	Key   string
	Value string
	At    time.Time // with nanoseconds: the same value sent again has the same
}

// Taken says what became of values that were handed over together.
type Taken struct {
	Processed, Failed int
	// Which are the indices of those that failed; nil where Failed is 0 or the
	// other end did not say.
	Which []int
}

// Door hands values over: a *TrapperSender, or a *Pusher.
type Door interface {
	// Send hands over values in one request. The error is an *UnsureError where
	// nobody can say whether they arrived. Values that were refused are no error.
	Send(ctx context.Context, values []Value) (Taken, error)
}

// Shown is how a case stands in Zabbix, as far as it was sent.
type Shown struct {
	Case     string
	Host     string         // technical name of the host that carries it
	Asset    string         // the host that it is about
	Severity event.Severity // of the problem that is open; None where none is
	FP       string         // the same for all workers that see the same
	Seq      uint64         // of the newest record that was sent
}

// Keys of the items that take values.
const (
	KeyCase       = "penstock.case"            // master: a record
	KeyTransition = "penstock.case.transition" // what opens and closes problems
)
