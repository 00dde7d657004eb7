package policy

import (
	"fmt"
	"slices"

	"penstock/core/action"
	"penstock/core/event"
)

// Mode is what happens with a case of some severity.
type Mode uint8

const (
	Log      Mode = iota // recorded, nothing else
	Act                  // reversible action at once, and a notice
	Review               // waits for a person
	Escalate             // people are called until one answers
)

var modeWords = [...]string{"log", "act", "review", "escalate"}

// String returns log, act, review or escalate.
func (m Mode) String() string {
	if int(m) < len(modeWords) {
		return modeWords[m]
	}
	return fmt.Sprintf("invalid(%d)", m)
}

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// modes is the one table from severity to mode.
var modes = [...]Mode{
	event.None: Log, event.Low: Log, event.Medium: Act, event.High: Review, event.Critical: Escalate,
}

// Decision is what is done about one revision of a case. It is made by
// Policy.Decide only; its zero value means: log, and do nothing.
type Decision struct {
	severity  event.Severity
	floor     event.Severity
	rulesOnly bool
	dryRun    bool
	orders    []action.Order
	pending   []action.Order
	refusals  []Refusal
}

// Severity returns the severity of notice and queue: the floor, or one step
// above it where the model raised it.
func (d Decision) Severity() event.Severity { return d.severity }

// Floor returns the severity of rules and site, which automatic action follows.
func (d Decision) Floor() event.Severity { return d.floor }

// Mode returns what happens with a case of this severity.
func (d Decision) Mode() Mode { return modes[min(d.severity, event.Critical)] }

// Raised reports whether the model put the severity above the floor.
func (d Decision) Raised() bool { return d.severity > d.floor }

// RulesOnly reports whether the model's say was dropped, because text in the
// case tried to instruct it or because its report is about another revision.
func (d Decision) RulesOnly() bool { return d.rulesOnly }

// DryRun reports whether the configuration holds all orders back.
func (d Decision) DryRun() bool { return d.dryRun }

// Orders returns the orders to carry out at once. In a dry run there are none.
func (d Decision) Orders() []action.Order {
	if d.dryRun {
		return nil
	}
	return slices.Clone(d.orders)
}

// Rehearsed returns the orders that would be carried out, were it not for the
// dry run.
func (d Decision) Rehearsed() []action.Order {
	if !d.dryRun {
		return nil
	}
	return slices.Clone(d.orders)
}

// Pending returns the orders that wait for a person's approval, the model's pick
// first where it has a say.
func (d Decision) Pending() []action.Order { return slices.Clone(d.pending) }

// Refusals returns what was not done and why, in the order in which it was
// judged, each distinct refusal once.
func (d Decision) Refusals() []Refusal { return slices.Clone(d.refusals) }

// maxRefusals bounds what one decision explains.
const maxRefusals = 40

func (d *Decision) refuse(r Refusal) {
	if len(d.refusals) < maxRefusals && !slices.Contains(d.refusals, r) {
		d.refusals = append(d.refusals, r)
	}
}
