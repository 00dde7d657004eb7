package decode

import (
	"time"

	"penstock/core/event"
)

// isPlainEvent says whether the object on the tape is one of our own plain
// events: `ts`, and `line` or `name` with `host` or `source`.
func (d *Decoder) isPlainEvent() bool {
	t := &d.tape
	ts := t.child(0, "ts")
	if ts < 0 || t.nodes[ts].kind != number && t.nodes[ts].kind != text {
		return false
	}
	if line := t.child(0, "line"); line >= 0 && t.nodes[line].kind == text {
		return true
	}
	name := t.child(0, "name")
	return name >= 0 && t.nodes[name].kind == text && (t.child(0, "source") >= 0 || t.child(0, "host") >= 0)
}

// plainEvent decodes our own form. Time and host of the envelope go before
// those of the line within.
func (d *Decoder) plainEvent(ev *event.Event) {
	t := &d.tape
	seen := event.Observed
	if d.options.Claimed {
		seen = event.Claimed
	}
	ev.Seq = uint64(digitsOf(t.get("seq")))
	d.envelopeTime(ev, t.child(0, "ts"))
	setHost(ev, t.get("host"), seen)
	source := t.get("source")
	ev.Name = t.get("name")
	if severity := t.get("severity"); severity != "" {
		_ = ev.Severity.UnmarshalText([]byte(severity)) // an unknown word says nothing
	}
	if addr, _, ok := address(t.get("ip")); ok {
		ev.Set(event.KeyHostAddress, addr, seen)
	}
	// The detector that wrote an alert knows the other side; beside a raw line the
	// same key is only what a script found in it.
	origin := event.Claimed
	if ev.Name != "" {
		origin = seen
	}
	if addr, _, ok := address(t.get("peer")); ok {
		ev.Set(event.KeyPeer, addr, origin)
	}
	user, line := t.get("user"), t.get("line")
	if line != "" {
		ev.Raw = line // the envelope is ours, the line is what somebody wrote
		d.inner(ev, line)
	} else {
		ev.Message = ev.Name
	}
	if ev.Name != "" || ev.Program == "" {
		ev.Program = source
	}
	if _, ok := ev.Field(event.KeyUser); !ok {
		ev.Set(event.KeyUser, user, event.Claimed)
	}
	if line == "" || ev.Format == "" {
		ev.Format = FormatEvent
	}
}

// envelopeTime takes `ts`: Unix seconds, whole or decimal, or any written time.
func (d *Decoder) envelopeTime(ev *event.Event, j int) {
	n := &d.tape.nodes[j]
	value := d.tape.text(j)
	if n.kind == number {
		if t, ok := unixSeconds(value); ok {
			d.setTime(ev, t, event.TimeEnvelope)
			return
		}
	}
	d.leafTime(ev, j)
	if !ev.Time.IsZero() {
		ev.TimeFrom = event.TimeEnvelope
	}
}

// unixSeconds reads seconds since 1970 with up to nine decimals, exactly.
func unixSeconds(value string) (time.Time, bool) {
	seconds, i := int64(0), 0
	for ; i < len(value) && i < 11 && isDigit(value[i]); i++ {
		seconds = seconds*10 + int64(value[i]-'0')
	}
	if i == 0 || i < len(value) && value[i] != '.' {
		return time.Time{}, false
	}
	nano, scale := int64(0), int64(100_000_000)
	for i++; i < len(value); i++ {
		if !isDigit(value[i]) {
			return time.Time{}, false
		}
		nano += int64(value[i]-'0') * scale
		scale /= 10
	}
	return time.Unix(seconds, nano).UTC(), true
}
