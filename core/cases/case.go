package cases

import (
	"time"

	"penstock/core/event"
	"penstock/core/sift"
)

// Status is where a case stands in its life.
type Status uint8

const (
	Open Status = iota
	AwaitingReview
	Responding
	Closed
)

// Bounds of what one case keeps; what comes later is counted only.
const (
	MaxLines    = 40   // numbered lines of evidence
	MaxLineText = 1000 // bytes of one line's text
	MaxEntities = 50   // distinct peers, users and programs, each
)

// Line is one numbered piece of a case: an event as it was captured, with
// secrets masked and text cut to MaxLineText. Its handle is "E" and Number.
type Line struct {
	Number   int
	Seq      uint64
	Time     time.Time
	Host     string
	Source   string
	Program  string
	Trust    event.Trust
	Name     string // a detector's name for it
	Text     string
	Template string        // the message with its variables masked
	Fields   []event.Field // secrets masked
	Evidence []sift.Evidence
}

// Entity is an address, user or program that takes part in a case.
type Entity struct {
	Value  string
	Origin event.Origin
	Count  int
}

// Case is a set of events that belong together. Floor never falls while the
// case lives. A Case handed out is a copy: changing it changes nothing.
type Case struct {
	ID       string // site, worker and a counter, for instance "plant-w1-42"
	Revision int    // grows with each forward
	Status   Status

	Asset string // identity of the host, or its name when the site does not list it
	Zone  event.Zone
	Class event.Class    // class of the gravest evidence
	Floor event.Severity // the highest severity that rules and site ever gave
	// Confirmed says that evidence marked confirmed supports the floor.
	Confirmed bool
	// Instructs says that text in the case tried to instruct its reader: the
	// model has no say on it.
	Instructs bool

	Opened    time.Time // event time of the first event
	Updated   time.Time // event time of the last event
	Forwarded time.Time // event time of the last forward
	Events    int       // events in the case, those no longer kept included
	Lines     []Line    // the first and gravest MaxLines of them

	Evidence   []sift.Evidence // distinct evidence, gravest first
	Techniques []string        // ATT&CK ids, sorted
	Peers      []Entity        // by count, largest first
	Users      []Entity
	Programs   []Entity
	Targets    []Entity // other assets that were reached
}

// String returns open, awaiting-review, responding or closed.
func (s Status) String() string {
	switch s {
	case Open:
		return "open"
	case AwaitingReview:
		return "awaiting-review"
	case Responding:
		return "responding"
	case Closed:
		return "closed"
	}
	return "invalid"
}

// MarshalText implements encoding.TextMarshaler.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
