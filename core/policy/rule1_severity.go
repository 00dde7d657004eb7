package policy

import (
	"penstock/core/event"
	"penstock/core/pipeline"
)

// Rule 1: the floor comes from rules and site. The model may raise by one step,
// to Critical only with confirmed evidence; it never lowers.

// raise returns the severity of notice and queue, and what was cut off the
// model's wish.
func raise(floor event.Severity, confirmed bool, said pipeline.Assessment) (event.Severity, Reason) {
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
