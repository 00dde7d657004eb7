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
func isProblem(ev *event.Event) bool {
	_, ok := ev.Field(event.KeyProblem)
	return ok
}

// isRecovery says whether the event is the end of a problem in Zabbix.
func isRecovery(ev *event.Event) bool {
	_, ok := ev.Field(event.KeyRecovered)
	return ok
}

// isValue says whether the event is a value of a watched item.
func isValue(ev *event.Event) bool {
	_, ok := ev.Field(event.KeyMetric)
	return ok
}

// problem notes what Zabbix calls a problem. Zabbix has told the people who are to
// know already: by itself it is worth a line, and what it makes graver is floor's.
// Its own severity counts up to Medium, so that no load that somebody puts on a host
// turns what is done at once into something that waits.
func (s *Sifter) problem(o *observation) (fresh bool) {
	grave := min(max(o.ev.Severity, event.Low), event.Medium)
	s.found = append(s.found, Evidence{Kind: Problem, Class: event.Availability, Severity: grave, Origin: o.ev.HostOrigin})
	return o.sight.First || o.sight.Gap >= problemRest
}

// measured notes a value that is far from what is normal, or that a problem is over.
// Neither is a message: no template is learned from it.
func (s *Sifter) measured(ev *event.Event) Finding {
	f := Finding{Source: domainOf(ev)}
	if isRecovery(ev) {
		s.found = append(s.found, Evidence{Kind: Recovered, Class: event.Availability, Origin: ev.HostOrigin})
		f.Evidence = s.found
		return f
	}
	value, err := strconv.ParseFloat(ev.Value(event.KeyMetric), 64)
	if err != nil {
		return f
	}
	if s.values.See(ev.Value(event.KeyItem), value, ev.Time) {
		s.found = append(s.found, Evidence{
			Kind: OddValue, Class: event.Availability, Severity: event.Low, Subject: ev.Message, Origin: ev.HostOrigin,
		})
		f.Evidence, f.Fresh = s.found, true
	}
	return f
}
