package sift

import (
	"time"

	"penstock/core/event"
)

// Kind is what sift can notice in an event: a closed list. Texts for people are
// written from it, so that evidence itself is free of any language.
type Kind uint8

const (
	NewTemplate    Kind = iota + 1 // a message never seen from this program on this host
	NewProgram                     // a program never seen on this host
	SignalMatch                    // an entry of the signals file
	Repeated                       // a signal that repeats: Count times within Window by one Subject
	Burst                          // Count events within Window, far more than this template's usual
	FanOut                         // one Subject with Count distinct values of Distinct within Window
	SuccessAfter                   // a success of Subject after Count failures within Window
	OddTime                        // an hour of the week at which this never happened
	SourceSeverity                 // the source itself calls it grave
	Returned                       // known, but not seen for Window
	HostMismatch                   // the line names another host than the one that sent it
	ImpossibleTime                 // the line's time cannot be true
	Instructing                    // text that tries to instruct a reader or a model
	Problem                        // Zabbix shows a problem of the host
	OddValue                       // a watched item of the host has a value far from all that were normal
	Recovered                      // a problem in Zabbix is over
)

// Evidence is one thing that sift noticed in one event. It is a value: two
// pieces of evidence with the same fields mean the same.
type Evidence struct {
	Kind      Kind
	Class     event.Class
	Severity  event.Severity // what this alone justifies, before site context
	Technique string         // ATT&CK technique id, or ""
	Confirmed bool           // shows an effect, not an attempt
	Signal    string         // id of the signals entry behind it, or ""
	Subject   string         // address, user or program it is about, or ""
	Origin    event.Origin   // whether Subject was observed or claimed
	Count     int            // how many, for kinds that count
	Window    time.Duration  // within which time, for kinds that count
	Distinct  string         // for FanOut: the field whose values Count counts, such as user or port
	Expected  bool           // work on the host was announced for that time; set by cases
}

var kindNames = [...]string{
	"none", "new-template", "new-program", "signal", "repeated", "burst", "fan-out", "success-after",
	"odd-time", "source-severity", "returned", "host-mismatch", "impossible-time", "instructing",
	"problem", "odd-value", "recovered",
}

// String returns the kind's word, for instance new-template.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// IsMetric says whether the kind is about what a host measures, not about what it
// writes into its logs.
func (k Kind) IsMetric() bool { return k == Problem || k == OddValue || k == Recovered }

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Finding is what sift says of one event. No evidence means: suppress, the event
// is counted and goes no further.
type Finding struct {
	// Source names who bears the cost of what the event brings: the host where it
	// is observed, else the transport or file. What one source sends never pushes
	// out what another has taught.
	Source   string
	Template uint64 // id of the mined template; 0 when none was mined
	New      bool   // the message was never seen from this program on this host
	Evidence []Evidence
	// Fresh says that the evidence may open a case. What is not fresh only adds
	// to a case that is open.
	Fresh bool
}
