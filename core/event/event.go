// Package event holds the one type that everything else is about: an event, one
// log line or alert, with what is known of its time, its place and its author.
// It also owns the words severity, class, zone, trust and origin, each a closed
// list. It does no input or output, knows no log format and makes no judgement.
package event

import (
	"net/netip"
	"strings"
	"time"
)

// Cursor is a position in a source, opaque to all but the transport that made
// it: it names the last event that was read, so that reading can go on there.
type Cursor string

// Origin says who could have written a field's value.
type Origin uint8

const (
	// Claimed marks what the author of the text could have written himself: a
	// user name, a URL, a forwarded-for header. It is the zero value.
	Claimed Origin = iota
	// Observed marks what a program of ours or the kernel saw: a socket's peer,
	// a transport address, a detector's own verdict.
	Observed
)

// Field is one named value taken out of an event. The keys that recognisers
// agree on are the Key constants; any other key is the format's own.
type Field struct {
	Key    string
	Value  string
	Origin Origin
}

// Keys that decoders fill in and the rest of Penstock reads. A key is absent
// where the line does not say.
const (
	KeyPeer        = "peer"      // network address of the other side, as an address without port
	KeyPeerPort    = "peer_port" // its port
	KeyTarget      = "target"    // address that was connected to
	KeyPort        = "port"      // port that was connected to
	KeyUser        = "user"      // account the event is about
	KeyByUser      = "by_user"   // account that acted, where it is another one
	KeyOutcome     = "outcome"   // "success" or "failure"
	KeyMethod      = "method"    // HTTP method or the like
	KeyURL         = "url"       // path and query as they came
	KeyStatus      = "status"    // HTTP status or the like
	KeyAgent       = "agent"     // HTTP user agent
	KeyCommand     = "command"   // command that was run
	KeyFile        = "file"      // file that was touched
	KeyRule        = "rule"      // the detector's own rule id
	KeyGroups      = "groups"    // the detector's own groups, comma separated
	KeyTechnique   = "technique" // ATT&CK technique ids, comma separated
	KeyHostAddress = "host_ip"   // address of the host itself, as a plain event states it
	KeyForwarded   = "forwarded" // address claimed by a forwarding header, never a target
	KeyProblem     = "problem"   // number of a problem in Zabbix
	KeyRecovered   = "recovered" // number of a problem in Zabbix that is over
	KeyItem        = "item"      // number of an item in Zabbix
	KeyMetric      = "metric"    // value of an item in Zabbix that is watched, a number
)

// TimeOrigin says where an event's time came from.
type TimeOrigin uint8

const (
	TimeReceived TimeOrigin = iota // the line has none: the receive time
	TimeHeader                     // the line's own header
	TimeEnvelope                   // what carried the line: journald, Wazuh, a plain event's ts
)

// ZoneRule says how a written time was turned into an instant.
type ZoneRule uint8

const (
	ZoneExplicit ZoneRule = iota // the text names its offset, or is Unix time
	ZoneSource                   // the source's configured timezone
	ZoneYear                     // that, and the year that fits the receive time
)

// LevelUnknown is the Level of an event whose source states none.
const LevelUnknown = -1

// Event is one log line, alert or problem. Its strings may share memory with a
// large read buffer: whoever keeps an event longer than the call it came with
// keeps Clone's result. An Event is not safe for use by several goroutines at
// the same time.
type Event struct {
	Seq    uint64 // number of the event in its input, from 1, or the input's own seq
	Source string // name of the configured source, or of the file
	Format string // the decoder that recognised it, for instance "syslog" or "wazuh"
	Cursor Cursor

	Time     time.Time // when it happened, clamped to Received where it cannot be true
	Received time.Time // when we got it; for old files, when the file was last written
	TimeFrom TimeOrigin
	ZoneRule ZoneRule
	Clamped  bool // Time was impossible and has been replaced

	Trust      Trust
	Peer       netip.Addr // transport peer, where there was one
	Host       string     // the host as the event names it
	HostOrigin Origin     // Observed where the transport says so
	Asset      string     // the one identity that site resolved Host to; "" is unknown
	Zone       Zone

	Program  string   // program or detector
	PID      int      // 0 when unknown
	Level    int      // syslog severity, 0 (emergency) to 7 (debug), or LevelUnknown
	Severity Severity // what the source says of it, None when it says nothing

	Name    string // a detector's name for it; "" for a plain log line
	Message string // the line without its header
	Raw     string // the line as it came
	Fields  []Field
}

// Field returns the value of the first field with that key and whether there is one.
func (e *Event) Field(key string) (Field, bool) {
	for _, f := range e.Fields {
		if f.Key == key {
			return f, true
		}
	}
	return Field{}, false
}

// Value returns the value of the first field with that key, or "".
func (e *Event) Value(key string) string {
	f, _ := e.Field(key)
	return f.Value
}

// Set adds a field. It does not look for an earlier one with the same key: the
// first one stands, so recognisers add observed fields first.
func (e *Event) Set(key, value string, origin Origin) {
	if value == "" {
		return
	}
	e.Fields = append(e.Fields, Field{Key: key, Value: value, Origin: origin})
}

// Reset empties the event for the next line and keeps the room of Fields.
func (e *Event) Reset() {
	fields := e.Fields[:0]
	*e = Event{Fields: fields, Level: LevelUnknown}
}

// Clone returns a copy that shares no memory with the buffer the event was read from.
func (e *Event) Clone() *Event {
	c := *e
	for _, s := range []*string{
		&c.Source, &c.Format, &c.Host, &c.Asset, &c.Program, &c.Name, &c.Message, &c.Raw,
	} {
		*s = strings.Clone(*s)
	}
	c.Cursor = Cursor(strings.Clone(string(e.Cursor)))
	c.Fields = make([]Field, len(e.Fields))
	for i, f := range e.Fields {
		c.Fields[i] = Field{Key: strings.Clone(f.Key), Value: strings.Clone(f.Value), Origin: f.Origin}
	}
	return &c
}
