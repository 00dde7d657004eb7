package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/site"
)

// maxPending bounds how many orders of one case wait for a person.
const maxPending = 12

// Policy is the site's rules of response. It is built once.
type Policy struct {
	site        *site.Site
	options     Options
	definitions []action.Definition // enabled, preferred first
	hosts       []string            // names of the assets that may act
	dryRun      bool
}

// Facts is what a decision depends on besides case and report.
type Facts struct {
	Now     time.Time
	Stopped bool // the stop switch is on
	Used    Used
	// Severity is the highest that an earlier decision on this case gave.
	Severity event.Severity
	// Running holds the digests of the case's orders that are in force or on their way.
	Running map[action.Digest]bool
	// Ended counts by action how often it has ended in this case.
	Ended map[string]int
	// Accounts is what our own look-up on the case's host says of accounts.
	Accounts map[action.User]Account
}

// Used counts what the last hour saw: orders, without the case's own, and raises.
type Used struct {
	Raises  int // by a model, above what stood
	Worker  int
	Sources map[string]int // by source of the evidence
	Targets map[string]int // by target: address, account or process; the host's name where it is the target
}

// Account is what is known of an account on one host.
type Account struct {
	UID           int
	Service       bool // runs a service, nobody logs in with it
	Administrator bool
	// Administrators counts the enabled accounts with an administrator's rights, this one included.
	Administrators int
}

// Check reports what is wrong with both sections together and with the site
// they are for, each with its path in the file.
func Check(s *site.Site, a action.Options, o Options, problem func(path, text string)) {
	a.Check(func(path, text string) { problem("actions."+path, text) })
	o.Check(func(path, text string) { problem("policy."+path, text) })
	for i, name := range a.Hosts {
		if name == "" {
			continue
		}
		path := fmt.Sprintf("actions.hosts[%d]", i)
		host, ok := s.AssetNamed(name)
		if !ok {
			problem(path, fmt.Sprintf("%q is not an asset of the site", name))
		} else if reason := actingHost(host); reason != Allowed {
			problem(path, fmt.Sprintf("%q can never act: %s", name, reason))
		}
	}
	for i, id := range o.Containment {
		if _, ok := action.Lookup(id); ok && !slices.Contains(a.Enabled, id) {
			problem(fmt.Sprintf("policy.containment[%d]", i), fmt.Sprintf("%q is not listed under actions.enabled", id))
		}
	}
	if len(a.Hosts) > 0 {
		checkLength(s, a.Definitions(), problem)
	}
	twice := slices.ContainsFunc(a.Definitions(), func(d action.Definition) bool { return d.TwoPersons })
	if o.TwoPersons && twice && len(o.Approvers) == 1 {
		problem("policy.two_persons", "one approver cannot be two persons: list a second, or set two_persons: false")
	}
}

// checkLength looks for actions whose orders could never be signed, because the
// names in the case's id leave too little room for the longest target.
func checkLength(s *site.Site, definitions []action.Definition, problem func(path, text string)) {
	longest := action.Params{For: time.Hour}
	for _, d := range definitions {
		o := action.Order{Action: d.ID, Case: s.Name() + "-" + s.Worker() + "-1000000", Params: longest}
		switch d.Target {
		case action.TargetAddress:
			o.Params.Address = netip.IPv6Unspecified()
		case action.TargetUser:
			o.Params.User = "u23456789012345678901234"
		case action.TargetProcess:
			o.Params.Process = action.Process{PID: 2}
		}
		if o.TicketSize() >= action.MaxTicket {
			problem("site.worker", fmt.Sprintf("site name and worker are %d characters together: too long for a signed order of %s",
				len(s.Name())+len(s.Worker()), d.ID))
			return
		}
	}
}

// New returns the policy, or an error that names everything that is wrong. The
// options must not be changed afterwards.
func New(s *site.Site, a action.Options, o Options) (*Policy, error) {
	var problems []error
	Check(s, a, o, func(path, text string) { problems = append(problems, fmt.Errorf("%s: %s", path, text)) })
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	p := &Policy{site: s, options: o, definitions: a.Definitions(), dryRun: a.DryRun}
	for _, name := range a.Hosts {
		host, _ := s.AssetNamed(name)
		p.hosts = append(p.hosts, host.Name)
	}
	return p, nil
}

// Decide says what is done about this revision of a case. What starts by itself
// depends on the case, the site and the facts alone; the report may raise the
// severity of notice and queue by one step, and orders what waits for a person.
func (p *Policy) Decide(c cases.Case, r pipeline.Report, f Facts) Decision {
	d := Decision{floor: c.Floor, severity: stands(c.Floor, f.Severity), dryRun: p.dryRun}
	say, why := modelSay(c, r)
	d.rulesOnly = why != Allowed
	d.note(why)
	if say {
		p.raise(&d, c.Confirmed, r.Assessment, f)
	}
	if d.Mode() == Log || c.Status == cases.Closed {
		return d
	}

	acting := p.actingFloor(d)
	for _, def := range p.definitions {
		if def.Answers(c.Class) {
			p.decideAction(&d, def, c, acting, f)
		}
	}
	d.pending = slices.DeleteFunc(d.pending, func(o action.Order) bool { return sameAsAny(o, d.orders) })
	d.pending = d.pending[:min(len(d.pending), maxPending)]
	if say {
		sortByPlan(d.pending, r.Plan)
	}
	if d.dryRun && len(d.orders) > 0 {
		d.note(DryRun)
	}
	return d
}

// decideAction judges one action of the catalogue against every target that the
// case's evidence names for it.
func (p *Policy) decideAction(d *Decision, def action.Definition, c cases.Case, acting event.Severity, f Facts) {
	wishes, refused := targets(def, c, p.options.MinTrust)
	for _, r := range refused {
		d.refuse(r)
	}
	host, _ := p.site.AssetNamed(c.Asset)
	for _, w := range wishes {
		why := p.forbidden(def, w.params, host, f)
		if why == Allowed {
			why = caseZone(c.Zone)
		}
		if why == Allowed && def.Target == action.TargetUser {
			why = entered(w.line)
		}
		if why != Allowed {
			d.refuse(w.refusal(def, why))
			continue
		}
		order, err := action.NewOrder(def, action.Order{
			Params: w.params, Host: host.Name, Case: c.ID, Generation: f.Ended[def.ID],
			Source: w.source(), Decided: f.Now,
		})
		if err != nil {
			d.refuse(w.refusal(def, OrderInvalid))
			continue
		}
		p.place(d, def, w, order, startsAlone(def, acting, p.options.Containment), f)
	}
}

// place puts an order that no rule forbids where it belongs: among those that
// start now, among those that wait, or nowhere.
func (p *Policy) place(d *Decision, def action.Definition, w wish, order action.Order, why Reason, f Facts) {
	if sameAsAny(order, d.orders) {
		return // something preferred does the job already
	}
	if why == Allowed {
		if why = p.withinLimits(order, d.orders, f); why == Allowed {
			d.orders = append(d.orders, order)
			return
		}
	}
	d.refuse(w.refusal(def, why))
	if d.Mode() >= Review && why.Rule() != 6 && !f.Running[order.Digest] {
		d.pending = append(d.pending, order)
	}
}

// StillAllowed judges a stored order by the rules and the facts of this moment,
// before it is sent. What comes back with false says why not. Taking an order
// back needs no permission.
func (p *Policy) StillAllowed(o action.Order, f Facts) (Refusal, bool) {
	refusal := Refusal{Action: o.Action, Target: o.Params.Target()}
	refusal.Reason = p.judgeStored(o, f)
	return refusal, refusal.Reason == Allowed
}

func (p *Policy) judgeStored(o action.Order, f Facts) Reason {
	i := slices.IndexFunc(p.definitions, func(d action.Definition) bool { return d.ID == o.Action })
	if i < 0 {
		return ActionDisabled
	}
	def := p.definitions[i]
	if o.Check(def) != nil {
		return OrderInvalid
	}
	host, ok := p.site.AssetNamed(o.Host)
	if !ok || host.Name != o.Host {
		return HostInUnknownZone
	}
	if why := p.forbidden(def, o.Params, host, f); why != Allowed {
		return why
	}
	if why := fresh(o.Decided, f.Now, p.options.OrderExpiry); why != Allowed {
		return why
	}
	if p.dryRun {
		return DryRun
	}
	return p.withinLimits(o, nil, f)
}

// forbidden holds the rules that no approval lifts: where the host stands, and
// what is protected.
func (p *Policy) forbidden(def action.Definition, params action.Params, host site.Asset, f Facts) Reason {
	for _, why := range []Reason{
		actingHost(host),
		protectedHost(def, host),
		address(p.site, params.Address, host),
		account(p.site, params.User, f.Accounts),
		hostAllowed(host, p.hosts),
	} {
		if why != Allowed {
			return why
		}
	}
	return Allowed
}

func sameAsAny(o action.Order, others []action.Order) bool {
	return slices.ContainsFunc(others, func(x action.Order) bool { return sameTarget(o, x) })
}

// sameTarget reports whether both are aimed at the same thing. Orders that only
// read are aimed at nothing, and no two of them are the same.
func sameTarget(a, b action.Order) bool {
	if a.Params.Target() == "" || b.Params.Target() == "" {
		return a.Action == b.Action
	}
	return a.Host == b.Host && a.Params.Target() == b.Params.Target()
}

// sortByPlan puts what the model picked first, and keeps all the rest.
func sortByPlan(pending []action.Order, plan pipeline.Plan) {
	if plan.Source != pipeline.Model {
		return
	}
	rank := func(o action.Order) int {
		i := slices.IndexFunc(plan.Proposals, func(x pipeline.Proposal) bool {
			return x.Action == o.Action && x.Target == o.Params.Target()
		})
		if i < 0 {
			return len(plan.Proposals)
		}
		return i
	}
	slices.SortStableFunc(pending, func(a, b action.Order) int { return rank(a) - rank(b) })
}

// note records a reason that is about no action.
func (d *Decision) note(why Reason) {
	if why != Allowed {
		d.refuse(Refusal{Reason: why})
	}
}
