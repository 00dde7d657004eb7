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
	"penstock/core/record"
	"penstock/core/site"
	"penstock/core/store"
	"penstock/core/zabbix"
)

// Bounds of what is compared with Zabbix (SAFETY B2, C5).
const (
	hostsEvery   = 5 * time.Minute // how often the list of hosts is read
	objectsEvery = time.Hour       // how often it is looked whether our objects are in force
	// settle is how long after a transition was taken nothing is made of a difference:
	// the server, and a proxy before it, have to work it first.
	settle      = 20 * time.Second
	lateAfter   = 10 * time.Minute // when a transition that has not arrived is told
	opensAgain  = 3                // how often an hour a problem that is gone is opened again
	messagesPer = 20               // messages written in one look
)

// lookState is what the loop that compares remembers.
type lookState struct {
	hosts, objects time.Time         // when each was last read
	suspects       map[string]bool   // differences of the last look
	again          map[string]window // how often cases were opened again
}

// look is the loop that keeps what Zabbix shows and what it should show together.
func (p *publisher) look(ctx context.Context) {
	if p.api == nil {
		p.start()
		return
	}
	first := time.AfterFunc(firstHosts, p.start)
	defer first.Stop()
	for ctx.Err() == nil {
		err := p.lookOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.board.Stand(event.High, NoticeZabbix, "api", fmt.Sprintf("what Zabbix shows cannot be compared with the cases: %v", err))
		default:
			p.board.Over(NoticeZabbix, "api", "what Zabbix shows is compared with the cases again")
		}
		sleep(ctx, p.o.Look)
	}
}

// start lets the first values go.
func (p *publisher) start() { p.once.Do(func() { close(p.ready) }) }

// lookOnce makes store and Zabbix agree.
func (p *publisher) lookOnce(ctx context.Context) error {
	if err := p.lookAtObjects(ctx); err != nil {
		return err
	}
	p.start()
	problems, err := p.api.Problems(ctx, map[string]string{zabbix.TagOurs: zabbix.TagOursCase})
	if err != nil {
		return err
	}
	waiting, err := p.store.ValuesOf(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	maps.DeleteFunc(p.sent, func(id string, s sentAt) bool {
		_, is := p.shown[id]
		return !is && p.now().Sub(s.taken).Abs() > time.Hour
	})
	p.others = p.shownByOthers(problems)
	d := differ(p.shown, problems, func(id string) bool { return waiting[id] || p.unsettled(id) })
	p.mu.Unlock()
	d = p.confirmed(d)
	for _, problem := range d.foreign {
		p.withdraw(ctx, problem)
	}
	if err := p.restore(ctx, d.missing); err != nil {
		return err
	}
	p.noteChanges(d.open)
	return errors.Join(p.noteAcks(ctx, d.open), p.tell(ctx, d.open))
}

// unsettled says whether a transition of the case was taken so recently that Zabbix
// may not show it yet. The lock is held.
func (p *publisher) unsettled(id string) bool {
	s, ok := p.sent[id]
	return ok && p.now().Sub(s.taken).Abs() < settle
}

// differences are what store and Zabbix do not agree on.
type differences struct {
	open    map[string]zabbix.Problem // as it should be, by case
	foreign []zabbix.Problem          // open, and not to be
	missing []store.Shown             // to be open, and not
}

// differ compares what is to be shown with the open problems. What is not settled
// yet is no difference.
func differ(shown map[string]store.Shown, problems []zabbix.Problem, unsettled func(id string) bool) differences {
	d := differences{open: map[string]zabbix.Problem{}}
	for _, problem := range problems {
		id := tagOf(problem, "case")
		s, ok := shown[id]
		_, double := d.open[id]
		switch {
		case ok && !double && problem.Host == s.Host && tagOf(problem, "severity") == s.Severity.String():
			d.open[id] = problem
		case unsettled(id):
		default:
			d.foreign = append(d.foreign, problem)
		}
	}
	for id, s := range shown {
		if _, ok := d.open[id]; !ok && !unsettled(id) {
			d.missing = append(d.missing, s)
		}
	}
	slices.SortFunc(d.missing, func(a, b store.Shown) int { return strings.Compare(a.Case, b.Case) })
	return d
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
		return !before[key] || !p.mayWithdraw(problem)
	})
	d.missing = slices.DeleteFunc(d.missing, func(s store.Shown) bool {
		key := "case " + s.Case + " " + s.Severity.String()
		now[key] = true
		return !before[key]
	})
	p.looked.suspects = now
	return d
}

// mayWithdraw says whether a problem that is not ours may be ended: one that uses our
// name, or stands on a host of ours. Another site's workers use the same Zabbix.
func (p *publisher) mayWithdraw(problem zabbix.Problem) bool {
	if p.isOthers(problem) {
		return false
	}
	if problem.Host == p.o.Host || p.usesOurName(tagOf(problem, "case")) {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.w.o.Config.Site.Assets, func(a site.AssetOptions) bool { return p.hostOf(a.Name) == problem.Host })
}

// usesOurName says whether the id of a case is that of a worker of our site. A site
// whose name begins with ours and a dash is another one.
func (p *publisher) usesOurName(id string) bool {
	worker, _, _ := cutLast(id, "-")
	rest, ok := strings.CutPrefix(worker, p.w.engine.Site.Name()+"-")
	return ok && (!strings.Contains(rest, "-") || rest == p.w.id)
}

// isOthers says whether a problem is of another worker that the configuration names.
func (p *publisher) isOthers(problem zabbix.Problem) bool {
	worker, _, ok := cutLast(tagOf(problem, "case"), "-")
	return ok && problem.Host != p.o.Host && slices.Contains(p.o.Others, worker)
}

// cutLast cuts s around the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// shownByOthers returns what other workers show, by fingerprint: the same is not
// shown twice.
func (p *publisher) shownByOthers(problems []zabbix.Problem) map[string]event.Severity {
	all := map[string]event.Severity{}
	for _, problem := range problems {
		var severity event.Severity
		if fp := tagOf(problem, "fp"); fp != "" && p.isOthers(problem) && severity.UnmarshalText([]byte(tagOf(problem, "severity"))) == nil {
			all[fp] = max(all[fp], severity)
		}
	}
	return all
}

// withdraw ends a problem that is not to be there, and tells of it.
func (p *publisher) withdraw(ctx context.Context, problem zabbix.Problem) {
	text := fmt.Sprintf("host %s shows a problem of case %s (event %s) that this worker did not open", problem.Host, orNone(tagOf(problem, "case")), problem.EventID)
	if err := p.api.CloseProblem(ctx, problem.EventID, "Penstock did not open this problem: it is closed."); err != nil {
		text += fmt.Sprintf("; it cannot be closed: %v", err)
	} else {
		text += ": it is closed. Somebody else sends values to Zabbix in its name: see who may, in {$PENSTOCK.SENDERS}"
	}
	p.board.Tell(event.High, NoticeZabbix, text)
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// restore does what is to be done about problems that are gone: where a person who
// may closed one, its case is closed; else it is opened again.
func (p *publisher) restore(ctx context.Context, missing []store.Shown) error {
	if len(missing) == 0 {
		return nil
	}
	last, err := p.api.LastTransitions(ctx, hostsOf(missing))
	if err != nil {
		return err
	}
	for _, s := range missing {
		p.mu.Lock()
		sent, known := p.sent[s.Case]
		p.mu.Unlock()
		if known && last[s.Host].At.Before(sent.at) { // a proxy still holds it
			if p.now().Sub(sent.taken) > lateAfter {
				p.board.Stand(event.High, NoticeZabbix, "late "+s.Host, fmt.Sprintf("values of host %s were taken %s ago and have not reached the server", s.Host, p.now().Sub(sent.taken).Round(time.Minute)))
			}
			continue
		}
		p.board.Over(NoticeZabbix, "late "+s.Host, "values of host "+s.Host+" reach the server again")
		if err := p.restoreOne(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func hostsOf(all []store.Shown) []string {
	var hosts []string
	for _, s := range all {
		hosts = append(hosts, s.Host)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func (p *publisher) restoreOne(ctx context.Context, s store.Shown) error {
	ended, found, err := p.endOf(ctx, &s)
	if err != nil {
		return err
	}
	why := fmt.Sprintf("the problem of case %s on host %s is missing in Zabbix", s.Case, s.Host)
	if found {
		why = fmt.Sprintf("the problem of case %s on host %s (event %s) was ended by a value that this worker did not send", s.Case, s.Host, ended.EventID)
	}
	if found && ended.ClosedBy != "" {
		held, ok, err := p.store.Case(ctx, s.Case)
		if err != nil || ok && held.Case.Status == cases.Closed {
			return err // its record is on its way
		}
		refused, err := p.w.closeFor(ctx, s.Case, ended.ClosedBy)
		if err != nil {
			return err
		}
		if refused == "" { // its record ends what is shown
			p.mu.Lock()
			p.sent[s.Case] = sentAt{taken: p.now()}
			p.mu.Unlock()
			return nil
		}
		why = fmt.Sprintf("%s closed the problem of case %s (event %s): %s", ended.ClosedBy, s.Case, ended.EventID, refused)
	}
	if p.looked.again == nil {
		p.looked.again = map[string]window{}
	}
	n := p.looked.again[s.Case]
	isWithin := n.take(p.now(), opensAgain)
	p.looked.again[s.Case] = n
	if !isWithin {
		p.board.Stand(event.High, NoticeZabbix, "open "+s.Case, why+"; it was opened again in vain: see whether its trigger and item are enabled")
		return nil
	}
	p.board.Tell(event.High, NoticeZabbix, why+"; it is opened again")
	return p.openAgain(ctx, s)
}

// endOf returns the newest problem event of what is to be shown.
func (p *publisher) endOf(ctx context.Context, s *store.Shown) (newest zabbix.Problem, found bool, err error) {
	events, err := p.api.Events(ctx, map[string]string{zabbix.TagOurs: zabbix.TagOursCase, "case": s.Case, "severity": s.Severity.String()}, s.Since.Add(-time.Hour))
	for _, e := range events {
		if e.Host == s.Host && !e.At.Before(newest.At) {
			newest, found = e, true
		}
	}
	return newest, found, err
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
	if now := p.shown[s.Case]; now.Severity != s.Severity || now.Host != s.Host {
		return nil // it changed meanwhile
	}
	again := showing{p: p, after: map[string]store.Shown{}}
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
			p.board.Stand(event.High, NoticeZabbix, "lowered "+problem.EventID, fmt.Sprintf("somebody lowered the problem of case %s (event %s) in Zabbix: its case is %s", id, problem.EventID, severity))
		} else {
			p.board.Over(NoticeZabbix, "lowered "+problem.EventID, "the problem of case "+id+" is as grave as its case again")
		}
		if problem.Suppressed {
			p.board.Stand(event.Medium, NoticeZabbix, "suppressed "+problem.EventID, fmt.Sprintf("the problem of case %s (event %s, %s) is suppressed in Zabbix", id, problem.EventID, severity))
		} else {
			p.board.Over(NoticeZabbix, "suppressed "+problem.EventID, "the problem of case "+id+" is not suppressed any more")
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
		if err := p.api.Say(ctx, problem.EventID, zabbix.Message(&last[0])); err != nil {
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
	s, ok := p.shown[id]
	if !ok {
		return nil
	}
	change(&s)
	c := showing{p: p, after: map[string]store.Shown{id: s}}
	return c.commit(ctx)
}

// closeFor closes a case for a person who closed its problem, or says why that
// person may not.
func (w *Worker) closeFor(ctx context.Context, id, user string) (refused string, err error) {
	_, err = w.markAs(ctx, user, MarkArgs{Case: id, Label: LabelClosed, Note: "closed in Zabbix"})
	var missing NotFoundError
	var no *control.Error
	switch {
	case errors.As(err, &missing):
		return "", nil
	case errors.As(err, &no) && no.Code == control.CodeRefused:
		return no.Text, nil
	}
	return "", err
}

// catchUp shows what is to be shown and is not known to be: what was open before
// Zabbix was configured, or before a backup was restored; and ends what is not.
func (p *publisher) catchUp(ctx context.Context) error {
	if n, err := p.store.OutboxLen(ctx, zabbixSink); err != nil || n > 0 {
		return err // records that wait say more
	}
	slots, err := p.store.Slots(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := showing{p: p, after: map[string]store.Shown{}}
	ids := []string{p.w.sharedCase()}
	for _, host := range slots {
		ids = append(ids, host...)
	}
	for _, id := range ids {
		if _, is := p.shown[id]; is {
			continue
		}
		last, err := p.store.Records(ctx, id, 1)
		if err != nil {
			return err
		}
		if len(last) > 0 && last[0].Problem == record.ProblemOwn && last[0].Status != cases.Closed.String() {
			s.add(&last[0], p.now())
		}
	}
	for id, shown := range p.shown {
		held, ok, err := p.store.Case(ctx, id)
		if err != nil {
			return err
		}
		if id != p.w.sharedCase() && (!ok || held.Case.Status == cases.Closed) {
			s.end(&shown, zabbix.EndClosed, p.now())
		}
	}
	return s.commit(ctx)
}
