package policy

import (
	"time"

	"penstock/core/action"
)

// Rule 7: every order has an expiry, an undo and a check of its effect. That the
// values fit and the signed form is short enough is checked where orders are
// made, in action.

// clockSlack is how far a decision may lie in the future before clocks are not believed.
const clockSlack = 5 * time.Minute

// undoable refuses to start by itself what cannot be taken back or looked at.
func undoable(def action.Definition) Reason {
	readsOnly := def.Target == action.TargetNone
	if !def.Reversible || def.Check == "" || def.Expiry <= 0 || def.Undo == "" && !readsOnly {
		return NotReversible
	}
	return Allowed
}

// fresh refuses what was decided too long ago, or by a clock that has since gone back.
func fresh(decided, now time.Time, expiry time.Duration) Reason {
	if age := now.Sub(decided); age > expiry || age < -clockSlack {
		return OrderStale
	}
	return Allowed
}
