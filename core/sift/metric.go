package sift

import (
	"strconv"
	"time"

	"penstock/core/event"
)

// programZabbix is the program of problems and values that come from Zabbix.
const programZabbix = "zabbix"

// problemRest is how long a problem must have been away to open a case again: one
// that comes and goes all the time is one thing, not many.
const problemRest = time.Hour

// isProblem says whether the event is a problem in Zabbix.
func isProblem(ev *event.Event) bool { return isMeasured(ev, event.KeyProblem) }

// isRecovery says whether the event is the end of a problem in Zabbix.
func isRecovery(ev *event.Event) bool { return isMeasured(ev, event.KeyRecovered) }

// isValue says whether the event is a value of a watched item.
func isValue(ev *event.Event) bool { return isMeasured(ev, event.KeyMetric) }

// isMeasured says whether Zabbix itself said what stands under a key. What only claims
// to be Zabbix's is a message like any other.
func isMeasured(ev *event.Event, key string) bool {
	f, ok := ev.Field(key)
	return ok && f.Origin == event.Observed
}

// problem notes what Zabbix calls a problem. Zabbix has told the people who are to
// know already: by itself it is worth a line, and what it makes graver is floor's.
// Its own severity counts up to Medium, so that no load that somebody puts on a host
// turns what is done at once into something that waits.
func (s *Sifter) problem(o *observation) (fresh bool) {
	grave := min(max(o.ev.Severity, event.Low), event.Medium)
	s.found = append(s.found, Evidence{Kind: Problem, Class: event.Availability, Severity: grave, Origin: event.Observed})
	return o.sight.First || o.sight.Gap >= problemRest
}

// measured notes a value that is far from what is normal, or that a problem is over.
// Neither is a message: no template is learned from it.
func (s *Sifter) measured(ev *event.Event) Finding {
	f := Finding{Source: domainOf(ev)}
	if isRecovery(ev) {
		s.found = append(s.found, Evidence{Kind: Recovered, Class: event.Availability, Origin: event.Observed})
		f.Evidence = s.found
		return f
	}
	value, err := strconv.ParseFloat(ev.Value(event.KeyMetric), 64)
	if err != nil {
		return f
	}
	// Each Zabbix numbers its own items.
	if s.values.See(ev.Source+"\x00"+ev.Value(event.KeyItem), value, ev.Time) {
		s.found = append(s.found, Evidence{
			Kind: OddValue, Class: event.Availability, Severity: event.Low, Subject: ev.Message, Origin: event.Observed,
		})
		f.Evidence, f.Fresh = s.found, true
	}
	return f
}
