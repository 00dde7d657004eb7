package policy

import (
	"penstock/core/event"
	"penstock/core/pipeline"
)

// Rule 1: the floor comes from rules and site. The model may raise by one step,
// to Critical only with confirmed evidence; it never lowers. What stood once does
// not fall back with the next revision, and an hour has so many raises.

// stands returns the severity before the model's say: the floor, or the one step
// above it that an earlier decision gave.
func stands(floor, before event.Severity) event.Severity {
	return max(floor, min(before, floor+1, event.Critical))
}

// raise puts the decision's severity where the model wants it, as far as it may.
func (p *Policy) raise(d *Decision, confirmed bool, said pipeline.Assessment, f Facts) {
	wish, why := mayRaise(d.floor, confirmed, said)
	d.note(why)
	switch {
	case wish <= d.severity: // it stands already
	case f.Used.Raises >= p.options.Limits.Raises:
		d.note(RaiseLimit)
	default:
		d.severity = wish
	}
}

// mayRaise returns the severity of notice and queue that the model may ask for, and
// what was cut off its wish.
func mayRaise(floor event.Severity, confirmed bool, said pipeline.Assessment) (event.Severity, Reason) {
	switch {
	case said.Source != pipeline.Model || said.Severity == floor || said.Severity > event.Critical:
		return floor, Allowed
	case said.Severity < floor:
		return floor, LowerIgnored
	case floor == event.High && !confirmed:
		return floor, RaiseUnconfirmed
	case said.Severity > floor+1:
		return floor + 1, RaiseCut
	}
	return floor + 1, Allowed
}
