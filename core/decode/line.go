package decode

import (
	"strings"

	"penstock/core/event"
	"penstock/core/logline"
)

// plainText decodes a line that is not JSON: its header, then its message.
func (d *Decoder) plainText(line string, ev *event.Event) {
	logline.Parse(line, &d.header)
	d.fromHeader(ev, line, &d.header)
}

// fromHeader takes what the header of line says and goes on into the message. Time and
// program that an envelope has given stand.
func (d *Decoder) fromHeader(ev *event.Event, line string, h *logline.Header) {
	ev.Format = h.Format
	if h.HasTime && ev.Time.IsZero() {
		d.setStamp(ev, &h.Stamp, event.TimeHeader)
	}
	setHost(ev, h.Host, event.Claimed)
	if ev.Program == "" {
		ev.Program = h.Program
	}
	if ev.PID == 0 {
		ev.PID = h.PID
	}
	if ev.Level == event.LevelUnknown {
		ev.Level = h.Level
	}
	ev.Message = h.Message
	ownLog(ev, line, h)
	switch h.Format {
	case logline.Access:
		access(ev, line[:h.Start], h.Message)
		return
	case logline.CEF:
		d.commonEvent(ev)
		return
	case logline.XML:
		d.windowsXML(ev)
		return
	case logline.Pairs:
		pairs(ev, h.Message)
		return
	}
	d.message(ev, h)
}

// message looks into a message for the formats that travel behind a header,
// and else for what its program writes.
func (d *Decoder) message(ev *event.Event, h *logline.Header) {
	m := h.Message
	if m == "" {
		return
	}
	switch m[0] {
	case '{':
		if d.tape.scan(m) {
			format := ev.Format
			d.jsonLog(ev, logline.JSON)
			ev.Format = format
			return
		}
	case 'C', 'L':
		if strings.HasPrefix(m, "CEF:") || strings.HasPrefix(m, "LEEF:") {
			d.commonEvent(ev)
			return
		}
	}
	if h.Lead != "" {
		if addr, port, ok := address(h.Lead); ok {
			ev.Set(event.KeyPeer, addr, event.Claimed)
			ev.Set(event.KeyPeerPort, port, event.Claimed)
		}
	}
	d.recognise(ev, m)
}
