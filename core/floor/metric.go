package floor

import (
	"slices"

	"penstock/core/event"
	"penstock/core/sift"
)

// maxMeasured is the most that what a host measures may make of a case. Above it a
// person decides what is done, and whoever can put load on a host must not be able
// to stop what is done at once.
const maxMeasured = event.Medium

// split takes what hosts measure out of the evidence.
func split(ev []sift.Evidence) (metric, rest []sift.Evidence) {
	is := func(e sift.Evidence) bool { return e.Kind.IsMetric() }
	if !slices.ContainsFunc(ev, is) {
		return nil, ev
	}
	for _, e := range ev {
		if is(e) {
			metric = append(metric, e)
		} else {
			rest = append(rest, e)
		}
	}
	return metric, rest
}

// measured adds what the host measures: the gravest piece, at most one step above
// all the rest and at most Medium. Alone it is Low, for Zabbix has told of it already.
// What a source only claims was measured moves nothing.
func (w *weight) measured(metric []sift.Evidence, facts Facts) {
	own := event.None
	for _, e := range metric {
		if e.Origin != event.Observed {
			continue
		}
		s := min(e.Severity, maxMeasured)
		if s > event.Low && expected(e, facts) {
			s--
			w.reasons = append(w.reasons, Expected)
		}
		own = max(own, s)
	}
	own = min(own, w.severity+1)
	switch {
	case own <= w.severity:
		return
	case w.severity == event.None:
		w.reasons = append(w.reasons, GravestEvidence)
	default:
		w.reasons = append(w.reasons, MeasuredToo)
	}
	w.severity, w.confirmed = own, false
}
