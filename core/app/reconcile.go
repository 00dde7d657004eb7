package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"penstock/core/cases"
	"penstock/core/control"
	"penstock/core/event"
	"penstock/core/policy"
	"penstock/core/record"
	"penstock/core/store"
	"penstock/core/zabbix"
)

// Bounds of what is compared with Zabbix (SAFETY B2, C5).
const (
	hostsEvery   = 5 * time.Minute // how often the list of hosts is read
	objectsEvery = time.Hour       // how often it is looked whether our objects are in force
	// settle is how long after a transition was taken nothing is made of a difference:
	// the server, and a proxy before it, have to work it first.
	settle = 20 * time.Second
	// How long a transition may take to arrive before it is sent once more, and behind
	// a proxy again and again: that keeps what it took while its way to the server is cut.
	lateAfter      = 10 * time.Minute
	lateAfterProxy = 2 * time.Hour
	opensAgain     = 3  // how often an hour a problem that is gone is opened again
	messagesPer    = 20 // messages written in one look
	closesPer      = 20 // foreign problems that one look tries to close
)

// lookState is what the loop that compares remembers.
type lookState struct {
	began          time.Time         // of the loop
	hosts, objects time.Time         // when each was last read
	refused        error             // what Zabbix refused when objects were
	suspects       map[string]bool   // differences of the last look
	ours           map[string]bool   // events of open problems that were as they should be at a look
	again          map[string]window // how often cases were opened again
	stands         map[string]bool   // subjects of the notices that stand for one case
	stood          map[string]bool   // those of the look before
}

// stand tells what is wrong with one case, until a look finds it no longer so.
func (p *publisher) stand(severity event.Severity, subject, text string) {
	p.looked.stands[subject] = true
	p.board.Stand(severity, NoticeZabbix, subject, text)
}

// look is the loop that keeps what Zabbix shows and what it should show together.
func (p *publisher) look(ctx context.Context) {
	if p.api == nil {
		p.start()
		return
	}
	first := time.AfterFunc(firstHosts, p.start)
	defer first.Stop()
	p.looking.Lock()
	p.looked.began = p.now()
	p.looking.Unlock()
	for ctx.Err() == nil {
		refused, err := p.lookOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.board.Stand(event.High, NoticeZabbix, "api", fmt.Sprintf("what Zabbix shows cannot be compared with the cases: %v", errors.Join(err, refused)))
		case refused != nil:
			p.board.Stand(event.High, NoticeZabbix, "api", fmt.Sprintf("what Zabbix shows is compared with the cases, but it refuses a part of what is looked at: %v", refused))
		default:
			p.board.Over(NoticeZabbix, "api", "what Zabbix shows is compared with the cases again")
		}
		sleep(ctx, p.o.Look)
	}
}

// start lets the first values go.
func (p *publisher) start() { p.once.Do(func() { close(p.ready) }) }

// lookOnce makes store and Zabbix agree. What Zabbix refuses beside is returned, and
// keeps nothing else from being compared.
func (p *publisher) lookOnce(ctx context.Context) (refused, err error) {
	p.looking.Lock()
	defer p.looking.Unlock()
	if refused, err = p.lookAtObjects(ctx); err != nil {
		return refused, err
	}
	problems, err := p.api.Problems(ctx, map[string]string{zabbix.TagOurs: zabbix.TagOursCase})
	if err != nil && !errors.Is(err, zabbix.ErrMore) { // of very many the newest are compared
		return refused, err
	}
	waiting, err := p.store.ValuesOf(ctx)
	if err != nil {
		return refused, err
	}
	d, err := p.compare(ctx, problems, waiting)
	if err != nil {
		return refused, err
	}
	if !p.looked.hosts.IsZero() {
		p.start() // not before it is known what others show
	}
	p.looked.stands = map[string]bool{}
	ours := map[string]bool{}
	for _, problem := range problems {
		if p.looked.ours[problem.EventID] || d.open[tagOf(problem, "case")].EventID == problem.EventID {
			ours[problem.EventID] = true
		}
	}
	p.looked.ours = ours
	d = p.confirmed(d)
	err = errors.Join(p.restore(ctx, d.missing), p.withdraw(ctx, d.foreign), p.noteAcks(ctx, d.open), p.tell(ctx, d.open))
	p.noteChanges(d.open)
	for subject := range p.looked.stood {
		if !p.looked.stands[subject] {
			p.board.Over(NoticeZabbix, subject, subject+" is as it should be in Zabbix")
		}
	}
	p.looked.stood = p.looked.stands
	return refused, err
}

// compare returns how what is shown differs from the open problems, and notes what
// others show.
func (p *publisher) compare(ctx context.Context, problems []zabbix.Problem, waiting map[store.CaseOnHost]bool) (differences, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.makeSure(ctx); err != nil {
		return differences{}, err
	}
	maps.DeleteFunc(p.sent, func(id string, taken time.Time) bool {
		_, is := p.shown[id]
		return !is && p.now().Sub(taken).Abs() > time.Hour
	})
	others := p.shownByOthers(problems)
	for fp, was := range p.others {
		if others[fp] < was {
			p.freed[fp] = true
			wake(p.wake)
		}
	}
	p.others = others
	return differ(p.shown, problems, func(id, host string) bool { return waiting[store.CaseOnHost{Case: id, Host: host}] || p.unsettled(id) }), nil
}

// unsettled says whether a transition of the case was taken so recently that Zabbix
// may not show it yet. The lock is held.
func (p *publisher) unsettled(id string) bool {
	taken, ok := p.sent[id]
	return ok && p.now().Sub(taken).Abs() < settle
}

// differences are what store and Zabbix do not agree on.
type differences struct {
	open    map[string]zabbix.Problem // as it should be, by case
	foreign []zabbix.Problem          // open, and not to be
	missing []store.Shown             // to be open, and not
}

// differ compares what is to be shown with the open problems. What is not settled
// yet is no difference.
func differ(shown map[string]store.Shown, problems []zabbix.Problem, unsettled func(id, host string) bool) differences {
	d := differences{open: map[string]zabbix.Problem{}}
	for _, problem := range problems {
		id := tagOf(problem, "case")
		s, ok := shown[id]
		if ok && problem.Host == s.Host && tagOf(problem, "severity") == s.Severity.String() {
			first, double := d.open[id]
			if !double || likeness(problem, s) > likeness(first, s) {
				d.open[id], problem = problem, first
			}
			if !double {
				continue
			}
		}
		if !unsettled(id, problem.Host) {
			d.foreign = append(d.foreign, problem)
		}
	}
	for id, s := range shown {
		if _, ok := d.open[id]; !ok && !unsettled(id, s.Host) {
			d.missing = append(d.missing, s)
		}
	}
	slices.SortFunc(d.missing, func(a, b store.Shown) int { return strings.Compare(a.Case, b.Case) })
	return d
}

// likeness says how much a problem is like what was sent: who forges one knows the
// number that a case will have, and not the time.
func likeness(problem zabbix.Problem, s store.Shown) int {
	switch {
	case problem.At.UnixMilli() == s.Since.UnixMilli():
		return 2
	case tagOf(problem, "fp") == s.FP:
		return 1
	}
	return 0
}

func tagOf(p zabbix.Problem, tag string) string {
	if values := p.Tags[tag]; len(values) == 1 {
		return values[0]
	}
	return ""
}

// confirmed returns the differences that were there at the look before too: between
// two questions to Zabbix anything may change.
func (p *publisher) confirmed(d differences) differences {
	now := map[string]bool{}
	before := p.looked.suspects
	d.foreign = slices.DeleteFunc(d.foreign, func(problem zabbix.Problem) bool {
		key := "event " + problem.EventID
		now[key] = true
		return !before[key] || !p.mayWithdraw(problem) || p.endMayBeLate(problem)
	})
	d.missing = slices.DeleteFunc(d.missing, func(s store.Shown) bool {
		key := "case " + s.Case + " " + s.Severity.String()
		now[key] = true
		return !before[key]
	})
	p.looked.suspects = now
	return d
}

// restore does what is to be done about problems that are gone: where a person who
// may closed one, its case is closed; else it is opened again.
func (p *publisher) restore(ctx context.Context, missing []store.Shown) error {
	for _, s := range missing {
		ended, found, err := p.endOf(ctx, &s)
		if err == nil {
			err = p.restoreOne(ctx, s, ended, found)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endOf returns the newest problem event of what is to be shown, of those since it
// was to be opened.
func (p *publisher) endOf(ctx context.Context, s *store.Shown) (newest zabbix.Problem, found bool, err error) {
	since := s.Since.Truncate(time.Second)
	events, err := p.api.Events(ctx, map[string]string{zabbix.TagOurs: zabbix.TagOursCase, "case": s.Case, "severity": s.Severity.String()}, since)
	for _, e := range events {
		if e.Host == s.Host && !e.At.Before(since) && !e.At.Before(newest.At) {
			newest, found = e, true
		}
	}
	return newest, found, err
}

func (p *publisher) restoreOne(ctx context.Context, s store.Shown, ended zabbix.Problem, found bool) error {
	why := fmt.Sprintf("the problem of case %s on host %s is missing in Zabbix", s.Case, s.Host)
	switch {
	case found && ended.EndEvent == "":
		return nil // it came meanwhile
	case found && ended.ClosedBy != "":
		refused, err := p.closedBy(ctx, &s, ended.ClosedBy)
		if err != nil || refused == "" {
			return err
		}
		why = fmt.Sprintf("%s closed the problem of case %s (event %s): %s", ended.ClosedBy, s.Case, ended.EventID, refused)
	case found:
		why = fmt.Sprintf("the problem of case %s on host %s (event %s) was ended by a value that this worker did not send", s.Case, s.Host, ended.EventID)
	case p.mayBeLate(&s):
		return nil
	}
	if p.looked.again == nil || len(p.looked.again) > wasMost {
		p.looked.again = map[string]window{}
	}
	n := p.looked.again[s.Case]
	isWithin := n.take(p.now(), opensAgain)
	p.looked.again[s.Case] = n
	if !isWithin {
		p.stand(event.High, "case "+s.Case, why+"; it was opened again in vain: see whether its trigger and item are enabled")
		return nil
	}
	p.board.Tell(event.High, NoticeZabbix, why+"; it is opened again")
	return p.openAgain(ctx, s)
}

// mayBeLate says whether what opens the problem may still be on its way.
func (p *publisher) mayBeLate(s *store.Shown) bool {
	p.mu.Lock()
	taken, known := p.sent[s.Case]
	info, _ := p.hosts.info(s.Host)
	p.mu.Unlock()
	if !known {
		taken = p.looked.began // it was taken before this worker started
	}
	waits, most := p.now().Sub(taken).Abs(), lateAfter
	if info.Proxy != "" && p.looked.again[s.Case].n > 0 {
		most = lateAfterProxy
	}
	if waits > lateAfter && waits < most {
		p.stand(event.High, "host "+s.Host, fmt.Sprintf("what proxy %s took of host %s %s ago has not reached the server", info.Proxy, s.Host, waits.Round(time.Minute)))
	}
	return waits < most
}

// closedBy closes the case whose problem a person closed, or says why that person may
// not.
func (p *publisher) closedBy(ctx context.Context, s *store.Shown, user string) (refused string, err error) {
	if strings.HasPrefix(user, "#") {
		return "this worker's user may not see who that is: both have to be in one user group, see penstock setup zabbix", nil
	}
	held, ok, err := p.store.Case(ctx, s.Case)
	switch {
	case err != nil || ok && held.Case.Status == cases.Closed:
		return "", err // its record is on its way
	case ok:
		_, err = p.w.markAs(ctx, user, MarkArgs{Case: s.Case, Label: LabelClosed, Note: "closed in Zabbix"})
		var no *control.Error
		if errors.As(err, &no) && no.Code == control.CodeRefused {
			return no.Text, nil
		}
		if err == nil { // its record ends what is shown
			p.mu.Lock()
			p.sent[s.Case] = p.now()
			p.mu.Unlock()
		}
		return "", err
	}
	// What stands for all that share a problem is no case, and what is no longer kept
	// is none any more: they are not shown again until there is news.
	if _, why := p.w.engine.policy.ApproverFor(cases.Case{}, user); why != policy.Allowed {
		return fmt.Sprintf("%q is not a listed approver", user), nil
	}
	return "", p.change(ctx, s.Case, func(s *store.Shown) { s.Severity = event.None })
}

// openAgain opens the problem of a case once more. An end goes before it: the same
// value twice would be taken for a repeat.
func (p *publisher) openAgain(ctx context.Context, s store.Shown) error {
	last, err := p.store.Records(ctx, s.Case, 1)
	if err != nil || len(last) == 0 {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	again, err := p.begin(ctx)
	if err != nil {
		return err
	}
	if now := p.shown[s.Case]; now.Severity != s.Severity || now.Host != s.Host {
		return nil // it changed meanwhile
	}
	again.end(&s, zabbix.EndWithdrawn, p.now())
	again.after[s.Case] = store.Shown{}
	again.add(&last[0], p.now())
	defer wake(p.wake)
	return again.commit(ctx)
}

// noteChanges tells of problems that somebody made less visible.
func (p *publisher) noteChanges(open map[string]zabbix.Problem) {
	for id, problem := range open {
		severity := tagOf(problem, "severity")
		if want := zabbixSeverity[severity]; problem.Severity < want {
			p.stand(event.High, "severity of case "+id, fmt.Sprintf("somebody lowered the problem of case %s (event %s) in Zabbix: its case is %s", id, problem.EventID, severity))
		}
		if problem.Suppressed {
			p.stand(event.Medium, "suppression of case "+id, fmt.Sprintf("the problem of case %s (event %s, %s) is suppressed in Zabbix", id, problem.EventID, severity))
		}
	}
}

// zabbixSeverity is how grave the triggers of our template are, by the word of ours.
var zabbixSeverity = map[string]int{event.Medium.String(): 2, event.High.String(): 4, event.Critical.String(): 5}

// tell writes the worker's message to problems that do not have it.
func (p *publisher) tell(ctx context.Context, open map[string]zabbix.Problem) error {
	written := 0
	for id, problem := range open {
		p.mu.Lock()
		s := p.shown[id]
		p.mu.Unlock()
		if s.Told == problem.EventID || written == messagesPer {
			continue
		}
		last, err := p.store.Records(ctx, id, 1)
		if err != nil {
			return err
		}
		if len(last) == 0 {
			continue
		}
		message := zabbix.Message(&last[0])
		isThere := slices.ContainsFunc(problem.Acks, func(a zabbix.Ack) bool { return a.Message == message })
		if isThere { // it was written, and nobody could say so
			if err := p.change(ctx, id, func(s *store.Shown) { s.Told = problem.EventID }); err != nil {
				return err
			}
			continue
		}
		if err := p.api.Say(ctx, problem.EventID, message); err != nil {
			return fmt.Errorf("write a message to the problem of case %s: %w", id, err)
		}
		written++
		if err := p.change(ctx, id, func(s *store.Shown) { s.Told = problem.EventID }); err != nil {
			return err
		}
	}
	return nil
}

// change stores a change of how a case is shown, unless it is shown no more.
func (p *publisher) change(ctx context.Context, id string, change func(*store.Shown)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed, err := p.begin(ctx)
	if err != nil {
		return err
	}
	s, ok := p.shown[id]
	if !ok {
		return nil
	}
	change(&s)
	changed.after[id] = s
	return changed.commit(ctx)
}

// catchUp shows what is to be shown and is not known to be: what was open before
// Zabbix was configured, or before a backup was restored; and ends what is not. It is
// called when no record waits: these say more. Later on it shows what was hidden
// behind a problem of another worker that is there no more.
func (p *publisher) catchUp(ctx context.Context, all bool) error {
	p.mu.Lock()
	freed := maps.Clone(p.freed)
	p.mu.Unlock()
	if !all && len(freed) == 0 {
		return nil
	}
	open, err := p.w.openProblems(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.begin(ctx)
	if err != nil {
		return err
	}
	for i := range open {
		_, is := p.shown[open[i].Case]
		if !is && open[i].Problem == record.ProblemOwn && (all || freed[zabbix.Fingerprint(open[i])]) {
			s.add(&open[i], p.now())
		}
	}
	if all {
		if err := p.endGone(ctx, s); err != nil {
			return err
		}
	}
	if err := s.commit(ctx); err != nil {
		return err
	}
	maps.DeleteFunc(p.freed, func(fp string, _ bool) bool { return freed[fp] })
	return nil
}

// endGone gathers the ends of what is shown of cases that are over. The lock is held.
func (p *publisher) endGone(ctx context.Context, s *showing) error {
	for id, shown := range p.shown {
		held, ok, err := p.store.Case(ctx, id)
		if err != nil {
			return err
		}
		if id != p.w.sharedCase() && (!ok || held.Case.Status == cases.Closed) {
			s.end(&shown, zabbix.EndClosed, p.now())
		}
	}
	return nil
}
