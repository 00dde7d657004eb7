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

// Clock is what a decoder knows of its source's time. Kept from one run to the
// next, it makes two runs over the halves of a file decide as one run over it.
type Clock struct {
	Last   time.Time // of the last line with a believable time
	Newest time.Time // the newest of them
}

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
	ev.Time, d.clock.Last = t, t
	if t.After(d.clock.Newest) {
		d.clock.Newest = t
	}
}

// untimed returns the time of a line that states none: the receive time, or in an
// old file that of the line before.
func (d *Decoder) untimed(received time.Time) time.Time {
	if d.options.Replay && !d.clock.Last.IsZero() {
		return d.clock.Last
	}
	return received
}

func (d *Decoder) possible(t, received time.Time) bool {
	latest := received
	if d.options.Replay && !d.options.Now.IsZero() {
		latest = d.options.Now
	}
	if t.After(latest.Add(maxAhead)) {
		return false
	}
	if t.Unix() < firstSecond && latest.Unix() >= firstSecond {
		return false
	}
	return d.options.Replay || d.clock.Newest.IsZero() || !t.Before(d.clock.Newest.Add(-maxBehind))
}
