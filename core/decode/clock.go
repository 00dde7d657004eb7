package decode

import (
	"time"

	"penstock/core/event"
	"penstock/core/logline"
)

// Tolerances for a written time, beyond which it cannot be true.
const (
	maxAhead  = 5 * time.Minute    // after the receive time
	maxBehind = 7 * 24 * time.Hour // before the newest of the source, on a live source
)

// firstSecond is the start of 1990, before which no log was written, unless it
// was also received then.
const firstSecond = 631152000

// setStamp takes a time as it was written.
func (d *Decoder) setStamp(ev *event.Event, st *logline.Stamp, from event.TimeOrigin) {
	t, rule := st.Time(d.options.Location, ev.Received)
	ev.ZoneRule = rule
	d.setTime(ev, t, from)
}

// setTime takes an instant and replaces it where it cannot be true.
func (d *Decoder) setTime(ev *event.Event, t time.Time, from event.TimeOrigin) {
	ev.TimeFrom = from
	if !d.possible(t, ev.Received) {
		ev.Clamped = true
		ev.Time = d.untimed(ev.Received)
		return
	}
	ev.Time, d.last = t, t
	if t.After(d.newest) {
		d.newest = t
	}
}

// untimed returns the time of a line that states none: the receive time, or in an
// old file that of the line before.
func (d *Decoder) untimed(received time.Time) time.Time {
	if d.options.Replay && !d.last.IsZero() {
		return d.last
	}
	return received
}

func (d *Decoder) possible(t, received time.Time) bool {
	if t.After(received.Add(maxAhead)) {
		return false
	}
	if t.Unix() < firstSecond && received.Unix() >= firstSecond {
		return false
	}
	return d.options.Replay || d.newest.IsZero() || !t.Before(d.newest.Add(-maxBehind))
}
