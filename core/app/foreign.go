package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"penstock/core/event"
	"penstock/core/zabbix"
)

// mayWithdraw says whether a problem that is not ours may be ended: one on the
// worker's own host, or one that uses its name. Another site's workers use the same
// Zabbix; of one that nobody named people are told.
func (p *publisher) mayWithdraw(problem zabbix.Problem) bool {
	id := tagOf(problem, "case")
	site, worker, generation := p.nameIn(id)
	switch {
	case p.isOthers(problem):
		return false
	case problem.Host == p.o.Host:
		return true
	case !site:
		p.stand(event.Medium, "stranger "+problem.EventID, fmt.Sprintf(
			"host %s shows case %s (event %s) of a worker that is not known: name it under zabbix.others, or see who may send, in {$PENSTOCK.SENDERS}",
			problem.Host, orNone(id), problem.EventID))
		return false
	case worker && !generation: // it was open when this worker's state was put back
		p.stand(event.Medium, "earlier "+problem.EventID, fmt.Sprintf(
			"host %s shows case %s (event %s) of the time before a backup was restored: close it by hand when it is done with", problem.Host, id, problem.EventID))
		return false
	}
	return true
}

// nameIn says whether the id of a case is that of a worker of our site, of this
// worker, and of this worker since its state was last restored. A site whose name
// begins with ours and a dash is another one.
func (p *publisher) nameIn(id string) (site, worker, generation bool) {
	name, _, _ := cutLast(id, "-")
	rest, ok := strings.CutPrefix(name, p.w.engine.Site.Name()+"-")
	site = ok && (!strings.Contains(rest, "-") || firstOf(rest) == firstOf(p.w.id))
	return site, site && firstOf(rest) == firstOf(p.w.id), rest == p.w.id || rest == firstOf(p.w.id) && p.w.id == firstOf(p.w.id)
}

// firstOf returns the id that a worker had before a backup was ever restored.
func firstOf(worker string) string {
	name, number, ok := cutLast(worker, ".")
	if _, err := strconv.Atoi(number); !ok || err != nil {
		return worker
	}
	return name
}

// isOthers says whether a problem is of another worker that the configuration names.
func (p *publisher) isOthers(problem zabbix.Problem) bool {
	worker, _, ok := cutLast(tagOf(problem, "case"), "-")
	return ok && problem.Host != p.o.Host && slices.Contains(p.o.Others, firstOf(worker))
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

// endMayBeLate says whether what ends a problem of ours may still come: a proxy keeps
// what it took while its way to the server is cut.
func (p *publisher) endMayBeLate(problem zabbix.Problem) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, _ := p.hosts.info(problem.Host)
	return p.looked.ours[problem.EventID] && info.Proxy != "" && p.now().Sub(p.sent[tagOf(problem, "case")]).Abs() < lateAfter
}

// withdraw ends problems that are not to be there, some at a time, and tells of them.
// Those that could not be closed at the last look come last, so that they keep no
// other one open.
func (p *publisher) withdraw(ctx context.Context, foreign []zabbix.Problem) error {
	subject := func(problem zabbix.Problem) string { return "foreign " + problem.EventID }
	var fresh, refused []zabbix.Problem
	for _, problem := range foreign {
		if p.looked.stood[subject(problem)] {
			refused = append(refused, problem)
		} else {
			fresh = append(fresh, problem)
		}
	}
	for i, problem := range append(fresh, refused...) {
		if i >= closesPer {
			if p.looked.stood[subject(problem)] {
				p.looked.stands[subject(problem)] = true
			}
			continue
		}
		if err := p.withdrawOne(ctx, problem, subject(problem)); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) withdrawOne(ctx context.Context, problem zabbix.Problem, subject string) error {
	severity, what := event.High, "that this worker did not open"
	message, then := "Penstock did not open this problem: it is closed.", "Somebody else sends values to Zabbix in its name: see who may, in {$PENSTOCK.SENDERS}"
	if p.looked.ours[problem.EventID] { // as where Zabbix dropped its end in a maintenance that had just begun
		severity, what = event.Medium, "that is over"
		message, then = "Penstock ended this problem, and its end did not arrive: it is closed.", "What ended it did not arrive"
	}
	text := fmt.Sprintf("host %s shows a problem of case %s (event %s) %s", problem.Host, orNone(tagOf(problem, "case")), problem.EventID, what)
	err := p.api.CloseProblem(ctx, problem.EventID, message)
	var said *zabbix.APIError
	switch {
	case errors.As(err, &said):
		p.stand(severity, subject, text+fmt.Sprintf("; it cannot be closed: %v", err))
	case err != nil:
		return err
	default:
		p.board.Tell(severity, NoticeZabbix, text+": it is closed. "+then)
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
