package policy

import (
	"slices"

	"penstock/core/action"
	"penstock/core/event"
)

// Rule 2: automatic action follows the floor alone. A raise by the model neither
// adds nor removes one, unless model_may_act lets a raise from Low to Medium
// start one.

// actingFloor returns the severity that automatic action follows.
func (p *Policy) actingFloor(d Decision) event.Severity {
	if p.options.ModelMayAct && !d.rulesOnly && d.floor == event.Low && d.severity == event.Medium {
		return event.Medium
	}
	return d.floor
}

// startsAlone returns Allowed where the action may start without a person: at
// Medium what is reversible and mild, at Critical what the site listed
// beforehand, at any other severity nothing.
func startsAlone(def action.Definition, floor event.Severity, containment []string) Reason {
	if why := undoable(def); why != Allowed {
		return why
	}
	switch {
	case floor == event.Medium && !def.TwoPersons:
		return Allowed
	case floor == event.Critical && slices.Contains(containment, def.ID):
		return Allowed
	}
	return WaitsForPerson
}
