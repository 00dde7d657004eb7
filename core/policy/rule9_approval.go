package policy

import (
	"slices"
	"strings"
	"time"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
)

// Rule 9: an approval names the digest of one order, expires, and is given by a
// person whom the worker's own configuration lists, never by the subject of the
// case.

// Approval is what a person said about an order.
type Approval struct {
	By     string // user name as the server set it, not as the person wrote it
	Digest action.Digest
	At     time.Time
}

// Verdict is what comes of the approvals of one order. Its zero value is no
// permission.
type Verdict struct {
	order    action.Order
	approved bool
	persons  []string
	refusals []Refusal
}

// Order returns the order to carry out and true once enough persons approved it.
func (v Verdict) Order() (action.Order, bool) { return v.order, v.approved }

// Persons returns the names of those whose approval counts, sorted.
func (v Verdict) Persons() []string { return slices.Clone(v.persons) }

// Refusals returns why approvals do not count, or why the order is not allowed.
func (v Verdict) Refusals() []Refusal { return slices.Clone(v.refusals) }

// Approve judges the approvals given for an order that waits. The approved order
// counts as decided at f.Now and has passed StillAllowed.
func (p *Policy) Approve(c cases.Case, o action.Order, given []Approval, f Facts) Verdict {
	var v Verdict
	refuse := func(why Reason) {
		v.refusals = append(v.refusals, Refusal{Reason: why, Action: o.Action, Target: o.Params.Target()})
	}
	if o.Case != c.ID || c.Status == cases.Closed {
		refuse(OrderStale)
		return v
	}
	for _, a := range given {
		approver, why := p.counts(c, o, a, f.Now)
		if why != Allowed {
			refuse(why)
		} else if !slices.Contains(v.persons, approver) {
			v.persons = append(v.persons, approver)
		}
	}
	slices.Sort(v.persons)
	if len(v.persons) < p.personsFor(o) {
		if len(v.persons) > 0 {
			refuse(SecondPersonNeeded)
		}
		return v
	}
	o.Decided = f.Now
	if refusal, ok := p.StillAllowed(o, f); !ok {
		v.refusals = append(v.refusals, refusal)
		return v
	}
	v.order, v.approved = o, true
	return v
}

// counts returns the approver's name where the approval counts.
func (p *Policy) counts(c cases.Case, o action.Order, a Approval, now time.Time) (string, Reason) {
	if a.Digest != o.Digest {
		return "", ApprovalOfOther
	}
	i := slices.IndexFunc(p.options.Approvers, func(x Approver) bool { return x.Name == a.By })
	if i < 0 {
		return "", ApproverNotListed
	}
	approver := p.options.Approvers[i]
	if isSubject(c, o, approver) {
		return "", ApproverIsSubject
	}
	ends := o.Decided.Add(p.options.ApprovalExpiry)
	if a.At.Before(o.Decided.Add(-clockSlack)) || a.At.After(ends) || now.After(ends) || a.At.After(now.Add(clockSlack)) {
		return "", ApprovalExpired
	}
	return approver.Name, Allowed
}

// ApproverFor returns the listed approver whose name, or whose account on this
// machine, that is, and says why that person has no say in the case.
func (p *Policy) ApproverFor(c cases.Case, user string) (name string, why Reason) {
	i := slices.IndexFunc(p.options.Approvers, func(a Approver) bool {
		return user != "" && (a.Name == user || slices.Contains(a.Accounts, user))
	})
	if i < 0 {
		return "", ApproverNotListed
	}
	a := p.options.Approvers[i]
	if isSubject(c, action.Order{}, a) {
		return a.Name, ApproverIsSubject
	}
	return a.Name, Allowed
}

// personsFor returns how many approvers the order takes.
func (p *Policy) personsFor(o action.Order) int {
	def, ok := action.Lookup(o.Action)
	if p.options.TwoPersons && (!ok || def.TwoPersons) {
		return 2
	}
	return 1
}

// isSubject reports whether the order is aimed at an account of the approver, or
// somebody got in or acted with one. A name that is only claimed does not count:
// else failed logins under the approvers' names would leave nobody to approve.
func isSubject(c cases.Case, o action.Order, a Approver) bool {
	is := func(user string) bool {
		return slices.ContainsFunc(append([]string{a.Name}, a.Accounts...), func(own string) bool {
			return strings.EqualFold(own, user)
		})
	}
	if is(string(o.Params.User)) {
		return true
	}
	for _, line := range c.Lines {
		for _, f := range line.Fields {
			if (f.Key == event.KeyUser || f.Key == event.KeyByUser) && is(f.Value) &&
				(f.Origin == event.Observed || entered(line) == Allowed) {
				return true
			}
		}
	}
	return slices.ContainsFunc(c.Users, func(e cases.Entity) bool { return e.Origin == event.Observed && is(e.Value) })
}
