package sift

import (
	"slices"
	"time"

	"penstock/core/baseline"
	"penstock/core/event"
)

// novelty notes messages and programs that were never seen here, and detectors'
// alerts that come back after a long time.
func (s *Sifter) novelty(o *observation) (fresh bool) {
	isNew := o.sight.First
	learned := s.learn(isNew)
	newProgram := isNew && s.base.See(o.domain, baseline.Key{Asset: o.normal, Program: o.ev.Program}, o.ev.Time).First
	if !learned && o.ev.Name == "" {
		return false // a detector's alert is worth a look from the first one on
	}
	switch {
	case isNew:
		kind := NewTemplate
		if newProgram {
			kind = NewProgram
		}
		s.found = append(s.found, Evidence{Kind: kind, Class: event.Novelty, Severity: event.Low, Subject: o.ev.Program, Origin: o.ev.HostOrigin})
		return true
	case o.ev.Name != "" && o.sight.Gap >= s.opts.Forget:
		s.found = append(s.found, Evidence{
			Kind: Returned, Class: event.Novelty, Severity: event.Low, Subject: o.ev.Program, Origin: event.Observed, Window: o.sight.Gap,
		})
		return true
	case o.sight.Burst > 0:
		s.found = append(s.found, Evidence{
			Kind: Burst, Class: event.Novelty, Severity: event.Low, Subject: o.ev.Program, Count: o.sight.Burst, Window: 5 * time.Minute,
		})
		return true
	}
	return false
}

// learnAtMost is how many times LearnEvents learning lasts at most, so that no
// source can keep it going by never repeating itself.
const learnAtMost = 10

// learn keeps the share of new messages and says whether learning has ended.
func (s *Sifter) learn(isNew bool) bool {
	if s.learned {
		return true
	}
	x := 0.0
	if isNew {
		x = 1
	}
	s.recent += (x - s.recent) / learnSpan
	s.learned = s.events > uint64(s.opts.LearnEvents) && s.recent*100 <= float64(s.opts.LearnShare) ||
		s.events > learnAtMost*uint64(s.opts.LearnEvents)
	return s.learned
}

// known notes what the signals file knows, and what repetition makes of it.
func (s *Sifter) known(o *observation) (fresh bool) {
	s.keys = s.keys[:0]
	for _, hit := range s.hits {
		if hit.Severity > event.None {
			subject := s.subject(o, "")
			kind := SignalMatch
			if hit.Class == event.Instruction {
				kind = Instructing
			}
			fresh = s.add(o, Evidence{
				Kind: kind, Class: hit.Class, Severity: hit.Severity, Technique: hit.Technique,
				Confirmed: hit.Confirmed, Signal: hit.ID, Subject: subject.Value, Origin: subject.Origin,
			}) || fresh
		}
		fresh = s.repetition(o, hit) || fresh
		if hit.Role == RoleSuccess {
			fresh = s.success(o, hit) || fresh
		}
	}
	return fresh
}

// repetition counts the hit for each of its escalations.
func (s *Sifter) repetition(o *observation, hit *Signal) (fresh bool) {
	if hit.Role == RoleFailure {
		s.tally(o, hit.Family(), "peer", "")
		s.tally(o, hit.Family(), "user", "")
	}
	for i := range hit.Then {
		e := &hit.Then[i]
		ta, subject := s.tally(o, hit.Family(), e.By, e.Distinct)
		if ta == nil {
			continue
		}
		kind, n := Repeated, 0
		if e.Distinct == "" {
			n = ta.within(o.ev.Time, e.Within)
		} else {
			kind, n = FanOut, ta.distinct(o.ev.Time, e.Within)
		}
		if n < e.Count {
			continue
		}
		fresh = s.add(o, Evidence{
			Kind: kind, Class: e.Class, Severity: e.Severity, Technique: e.Technique, Signal: hit.ID,
			Subject: subject.Value, Origin: subject.Origin, Count: n, Window: e.Within, Distinct: e.Distinct,
		}) || fresh
	}
	return fresh
}

// tally counts the event once for each family, subject and distinct field.
func (s *Sifter) tally(o *observation, family, by, distinct string) (*tally, event.Field) {
	subject := s.subject(o, by)
	if subject.Value == "" && by != "" {
		return nil, subject
	}
	key := tallyKey{group: family, asset: o.ev.Asset, by: by, distinct: distinct, subject: PeerGroup(subject.Value)}
	if slices.Contains(s.keys, key) {
		return s.tallies.get(o.domain, key), subject
	}
	mark := o.match.ID
	if distinct != "" {
		value := s.subject(o, distinct).Value
		if value == "" {
			return nil, subject
		}
		mark = hash(value)
	}
	s.keys = append(s.keys, key)
	return s.tallies.add(o.domain, key, mark, o.ev.Time), subject
}

// subject returns the value of what events have in common: the peer, the user,
// the host, or any other field. "" is the peer, else the user, else nothing.
func (s *Sifter) subject(o *observation, by string) event.Field {
	switch by {
	case "":
		if o.peer.Value != "" {
			return o.peer
		}
		f, _ := o.ev.Field(event.KeyUser)
		return f
	case "peer", "address":
		return o.peer
	case "host":
		return event.Field{Value: o.ev.Asset, Origin: o.ev.HostOrigin}
	}
	f, _ := o.ev.Field(by)
	return f
}

// success notes a success that follows failures of the same peer or user. Where
// that user has come from that peer before, it takes three times as many: people
// mistype.
func (s *Sifter) success(o *observation, hit *Signal) bool {
	least := s.opts.FailuresBefore
	odd := false
	if login, ok := s.login(o, hit); ok {
		if !login.First {
			least *= 3
		}
		if login.Days >= daysToKnowHours && !login.Hour {
			odd = s.add(o, Evidence{
				Kind: OddTime, Class: event.SuspiciousLogin, Severity: event.Low, Technique: "T1078", Signal: hit.ID,
				Subject: s.subject(o, "user").Value, Origin: event.Claimed,
			})
		}
	}
	for _, by := range [...]string{"peer", "user"} {
		subject := s.subject(o, by)
		ta := s.tallies.get(o.domain, tallyKey{group: hit.Family(), asset: o.ev.Asset, by: by, subject: PeerGroup(subject.Value)})
		if subject.Value == "" || ta == nil {
			continue
		}
		if n := ta.most(o.ev.Time, s.opts.FailureWindow); n >= least {
			return s.add(o, Evidence{
				Kind: SuccessAfter, Class: event.SuspiciousLogin, Severity: event.High, Technique: "T1078", Signal: hit.ID,
				Subject: subject.Value, Origin: subject.Origin, Count: n, Window: s.opts.FailureWindow,
			}) || odd
		}
	}
	return odd
}

// daysToKnowHours is on how many days a user must have come from a peer before an
// hour of the day at which he never did is worth a line.
const daysToKnowHours = 14

// login counts a success of the event's user from its peer and returns what was
// known of the two.
func (s *Sifter) login(o *observation, hit *Signal) (baseline.Sight, bool) {
	user := s.subject(o, "user").Value
	if o.peer.Value == "" || user == "" {
		return baseline.Sight{}, false
	}
	key := baseline.Key{Asset: o.normal, Program: user + " " + o.peer.Value, Template: evidenceNumber(Evidence{Kind: SuccessAfter, Signal: hit.ID}, o.ev.Program)}
	return s.base.See(o.domain, key, o.ev.Time), true
}

// oddities notes what is wrong with the event itself, and what its source says of it.
func (s *Sifter) oddities(o *observation, disputed bool) (fresh bool) {
	if disputed {
		fresh = s.add(o, Evidence{Kind: HostMismatch, Class: event.Forgery, Severity: event.Medium, Subject: o.ev.Host}) || fresh
	}
	if o.ev.Clamped {
		fresh = s.add(o, Evidence{Kind: ImpossibleTime, Class: event.Forgery, Severity: event.Low}) || fresh
	}
	if grave := sourceSeverity(o.ev); grave > event.None {
		fresh = s.add(o, Evidence{
			Kind: SourceSeverity, Class: s.sourceClass(o.ev), Severity: grave, Subject: o.ev.Name, Origin: event.Observed,
		}) || fresh
	}
	return fresh
}

// sourceClass is what kind of thing a source that calls an event grave means: the
// class of the signal that knows it, else that something was not as it should be.
func (s *Sifter) sourceClass(ev *event.Event) event.Class {
	for _, hit := range s.hits {
		if hit.Class != event.ClassNone {
			return hit.Class
		}
	}
	if ev.Value(event.KeyRule) != "" {
		return event.PolicyViolation // a detector with rules, and one of them says no
	}
	return event.Fault
}

// sourceSeverity is what a source's own word is worth as evidence: its Medium and
// High count, but it says nothing Critical by itself; a syslog level of critical
// or worse is a fault worth a line.
func sourceSeverity(ev *event.Event) event.Severity {
	if ev.Severity >= event.Medium {
		return min(ev.Severity, event.High)
	}
	if ev.Name == "" && ev.Level >= 0 && ev.Level <= 2 {
		return event.Low
	}
	return event.None
}
