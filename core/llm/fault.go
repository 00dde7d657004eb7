package llm

import (
	"errors"
	"fmt"
	"slices"
)

// Fault is why there is no answer, or none that can be used: a closed list.
type Fault uint8

const (
	NoFault     Fault = iota
	Unreachable       // nobody answers there, or the connection broke
	Timeout           // no whole answer in time
	Busy              // the server has no room, or too many of ours wait
	Budget            // the calls, tokens or time of the hour or of the case are used up, or whoever asked left
	Broken            // it failed again and again, and is left alone for a while
	Missing           // the server has no model of that name
	Replaced          // the model there is not the one that the configuration pins
	TooLong           // the prompt does not fit the model's window
	Refused           // the server refuses us, for instance for want of another token
	Redirected        // the server sends us elsewhere, which is never followed
	Crashed           // the server's runner stopped in the middle
	Cut               // the answer was longer than allowed, and is cut off
	Empty             // there was no text in the answer
	Invalid           // the answer does not fit the schema or the case, as whoever asked says, or the server cannot read the schema
)

var faultWords = [...]string{
	"", "unreachable", "timeout", "busy", "budget", "broken", "missing", "replaced", "too-long", "refused", "redirected",
	"crashed", "cut", "empty", "invalid",
}

// String returns the fault's word, for instance unreachable; "" for NoFault.
func (f Fault) String() string {
	if int(f) < len(faultWords) {
		return faultWords[f]
	}
	return fmt.Sprintf("fault(%d)", f)
}

// FaultNamed returns the fault with that word, NoFault where there is none.
func FaultNamed(word string) Fault {
	return Fault(max(0, slices.Index(faultWords[:], word)))
}

// MarshalText implements encoding.TextMarshaler.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Error is why a question has no answer.
type Error struct {
	Fault    Fault
	Endpoint string // "" where no server was asked
	Err      error
}

// Error says what happened and where.
func (e *Error) Error() string {
	if e.Endpoint == "" {
		return fmt.Sprintf("ask the model: %s: %v", e.Fault, e.Err)
	}
	return fmt.Sprintf("ask the model at %s: %s: %v", e.Endpoint, e.Fault, e.Err)
}

// Unwrap returns what is behind it.
func (e *Error) Unwrap() error { return e.Err }

// FaultOf returns the fault of an error of this package, NoFault for nil and
// Unreachable for any other error.
func FaultOf(err error) Fault {
	if err == nil {
		return NoFault
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Fault
	}
	return Unreachable
}
