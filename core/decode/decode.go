// Package decode turns one line of any format into an event.Event. It tells the
// formats apart by what the line looks like, and marks each field it takes out
// as observed or claimed: claimed is whatever the author of the text could have
// written himself. It judges nothing, keeps nothing but one time per source, and
// never fails: text it does not know is a plain line. It never lets a line say
// who sent it: that comes from the transport.
package decode

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"penstock/core/event"
	"penstock/core/logline"
)

// Bounds of what one event carries, whatever its line holds.
const (
	MaxFields  = 64
	MaxValue   = 2048     // bytes of one field's value
	MaxMessage = 64 << 10 // bytes of the message; Raw keeps the whole line
)

// Formats beside those of logline.
const (
	FormatWazuh    = "wazuh"    // an alert of Wazuh's alerts.json
	FormatEvent    = "event"    // our own plain event
	FormatSuricata = "suricata" // a line of eve.json
	FormatWindows  = "windows"  // a Windows event
)

// Keys of fields that only decode fills in.
const (
	KeyLineHost = "line_host" // host that the line names where the transport names another
	KeyPeerName = "peer_name" // name of the other side where there is no address
	KeyLocation = "location"  // where a detector found the line
	KeyEventID  = "event_id"  // number of a Windows event
)

// Options says what is known of a source before its lines are read.
type Options struct {
	Source   string         // name of the source
	Trust    event.Trust    // how sure we are of the sender
	Location *time.Location // zone of times without offset; nil is UTC
	Peer     netip.Addr     // transport peer, where the whole source has one
	Host     string         // host of the whole source, where the transport knows it
	// Replay marks old files: event times stand, and an impossible one becomes
	// the last good one. Without it an impossible time becomes the receive time.
	Replay bool
	// Now is when a replay takes place: no time after it can be true. Zero is the
	// receive time, which is all that a live source needs.
	Now   time.Time
	Clock Clock // where the source's last decoder stopped
	// Claimed takes what a plain event says for a claim: whoever writes a line into
	// an ordinary log could have given it that form.
	Claimed bool
	// Zabbix marks the export of a Zabbix server, which nobody but the server
	// writes; nil for all other sources.
	Zabbix *Zabbix
}

// Transport is what the transport knows of one line; it goes before Options.
type Transport struct {
	Peer netip.Addr
	Host string
}

// Decoder decodes the lines of one source, one after another. It is for one
// goroutine at a time.
type Decoder struct {
	options Options
	clock   Clock
	tape    tape   // reused for each JSON line
	text    []byte // reused for flat texts
	header  logline.Header
}

// New returns a Decoder for one source.
func New(o Options) *Decoder {
	if o.Location == nil {
		o.Location = time.UTC
	}
	return &Decoder{options: o, clock: o.Clock}
}

// Clock returns what the lines so far said of the time.
func (d *Decoder) Clock() Clock { return d.clock }

// SetClock takes back what lines have said of the time, or tells what other
// lines say of it.
func (d *Decoder) SetClock(c Clock) { d.clock = c }

// Decode fills ev from line, which was received at the given time. Strings of
// ev may be parts of line. Raw is empty where the line is nothing to look at: it
// is empty, or what an export holds beside what is looked at.
func (d *Decoder) Decode(line string, received time.Time, ev *event.Event) {
	d.DecodeFrom(Transport{Peer: d.options.Peer, Host: d.options.Host}, line, received, ev)
}

// DecodeFrom is Decode for a source whose lines come from several senders.
func (d *Decoder) DecodeFrom(from Transport, line string, received time.Time, ev *event.Event) {
	ev.Reset()
	ev.Source = d.options.Source
	ev.Trust = d.options.Trust
	ev.Received = received
	ev.Peer = from.Peer
	ev.Raw = trimEnd(line)
	ev.Host = from.Host
	if from.Host != "" {
		ev.HostOrigin = event.Observed
	}
	d.line(ev.Raw, ev)
	d.finish(ev)
}

// line decodes a whole line: JSON where it is an object, else text.
func (d *Decoder) line(line string, ev *event.Event) {
	if s := trimStart(line); s != "" && s[0] == '{' && d.tape.scan(s) {
		d.object(ev)
		return
	}
	d.plainText(line, ev)
}

// finish fills in what no decoder has set and holds the bounds.
func (d *Decoder) finish(ev *event.Event) {
	if ev.Time.IsZero() {
		ev.Time, ev.TimeFrom = d.untimed(ev.Received), event.TimeReceived
	}
	ev.Message = cut(ev.Message, MaxMessage)
	if len(ev.Fields) > MaxFields {
		ev.Fields = ev.Fields[:MaxFields]
	}
	peer := false
	for i := range ev.Fields {
		f := &ev.Fields[i]
		f.Value = cut(f.Value, MaxValue)
		if f.Key == event.KeyPeer {
			if peer {
				f.Origin = event.Claimed // the first one stands
			}
			peer = true
		}
	}
}

// setHost takes the host that a line or an envelope names. What the transport
// says stands; a line that names another host than its envelope keeps that as a
// claim.
func setHost(ev *event.Event, host string, origin event.Origin) {
	switch {
	case host == "" || host == "-" || host == ev.Host:
	case ev.Host == "":
		ev.Host, ev.HostOrigin = host, origin
	default:
		if _, ok := ev.Field(KeyLineHost); !ok {
			ev.Set(KeyLineHost, host, event.Claimed)
		}
	}
}

// trimEnd takes the line's end off.
func trimEnd(s string) string {
	n := len(s)
	for n > 0 && (s[n-1] == '\n' || s[n-1] == '\r' || s[n-1] == 0) {
		n--
	}
	return s[:n]
}

// trimStart takes a byte order mark and space off.
func trimStart(s string) string {
	s = strings.TrimPrefix(s, "\ufeff")
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

// cut shortens s to at most n bytes without splitting a rune. What is no UTF-8
// anyway is cut at n: bytes that never start a rune must not take all of it away.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for back := range utf8.UTFMax {
		if utf8.RuneStart(s[n-back]) {
			return s[:n-back]
		}
	}
	return s[:n]
}
