package policy

import (
	"cmp"
	"slices"

	"penstock/core/action"
	"penstock/core/site"
)

// Rule 6: limits per hour, a stop switch, and only the hosts that are listed.

// hostAllowed refuses hosts that the configuration does not let act.
func hostAllowed(host site.Asset, allowed []string) Reason {
	if !slices.Contains(allowed, host.Name) {
		return HostNotAllowed
	}
	return Allowed
}

// withinLimits refuses an order when the stop switch is on or an hour's number
// is used up. Earlier orders of the same decision count.
func (p *Policy) withinLimits(o action.Order, earlier []action.Order, f Facts) Reason {
	if f.Stopped {
		return Stopped
	}
	source, target := 0, 0
	for _, e := range earlier {
		if e.Source == o.Source {
			source++
		}
		if limitKey(e) == limitKey(o) {
			target++
		}
	}
	limits := p.options.Limits
	switch {
	case f.Used.Worker+len(earlier) >= limits.Worker:
		return LimitOfWorker
	case f.Used.Sources[o.Source]+source >= limits.Source:
		return LimitOfSource
	case f.Used.Targets[limitKey(o)]+target >= limits.Target:
		return LimitOfTarget
	}
	return Allowed
}

// limitKey is what counts as one target.
func limitKey(o action.Order) string { return cmp.Or(o.Params.Target(), o.Host) }
