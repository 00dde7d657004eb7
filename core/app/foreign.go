package app

import (
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
