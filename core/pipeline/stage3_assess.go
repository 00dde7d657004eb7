package pipeline

import (
	"slices"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/sift"
)

// Confidence is how many of 100 such cases a person who sees all lines would
// give the same class and severity. By rules it is a sum, from 5 to 95; it is an
// estimate by these points, not a measured rate:
//
//	40 to begin with; a signal or a detector's own class 15; confirmed effect 15;
//	observed other side 10; each further kind of evidence 5, at most 10;
//	best source local 10, authenticated 5, unauthenticated -10;
//	nothing but novelty -15; text that instructs -10
const (
	confidenceBase       = 40
	confidenceSignal     = 15
	confidenceConfirmed  = 15
	confidenceObserved   = 10
	confidenceKind       = 5
	confidenceKinds      = 10
	confidenceLocal      = 10
	confidenceKnown      = 5
	confidenceWeak       = -10
	confidenceNovelty    = -15
	confidenceInstructed = -10
)

// assess is stage 3: how bad it is. By rules the severity is the case's floor.
func (p *Pipeline) assess(c *cases.Case, a Anomaly) Assessment {
	kinds := kindsOf(c.Evidence)
	observed := firstObserved(c.Peers) >= 0
	trust := bestTrust(c.Lines)
	reasons := []string{p.text(floorReason, values{
		"severity": SeverityWord(c.Floor, p.language), "class": ClassWords(c.Class, p.language),
	})}
	add := func(is bool, t Text, v values) {
		if is {
			reasons = append(reasons, p.text(t, v))
		}
	}
	add(c.Confirmed, effectShown, nil)
	add(!c.Confirmed, noEffect, nil)
	add(observed, peerObserved, nil)
	add(len(kinds) > 1, severalKinds, values{"count": decimal(len(kinds))})
	add(len(c.Lines) > 0 && trust == event.Unauthenticated, weakSource, nil)
	add(c.Instructs, modelSilenced, nil)
	return Assessment{
		Severity:   c.Floor,
		Class:      c.Class,
		Techniques: slices.Clone(c.Techniques),
		Confidence: confidence(c, kinds, trust, observed),
		Reasons:    reasons,
	}
}

func confidence(c *cases.Case, kinds []sift.Kind, trust event.Trust, observed bool) int {
	n := confidenceBase
	add := func(is bool, points int) {
		if is {
			n += points
		}
	}
	named := slices.Contains(kinds, sift.SignalMatch) || slices.Contains(kinds, sift.SourceSeverity)
	add(named, confidenceSignal)
	add(c.Confirmed, confidenceConfirmed)
	add(observed, confidenceObserved)
	n += min(confidenceKinds, confidenceKind*max(0, len(kinds)-1))
	add(trust == event.Local, confidenceLocal)
	add(trust == event.Authenticated, confidenceKnown)
	add(trust == event.Unauthenticated, confidenceWeak)
	add(c.Class == event.Novelty || c.Class == event.ClassNone, confidenceNovelty)
	add(c.Instructs, confidenceInstructed)
	return min(95, max(5, n))
}

// kindsOf returns the kinds of evidence, each once.
func kindsOf(evidence []sift.Evidence) []sift.Kind {
	var kinds []sift.Kind
	for _, e := range evidence {
		if !slices.Contains(kinds, e.Kind) {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// bestTrust returns the highest trust of the lines, Unauthenticated without any.
func bestTrust(lines []cases.Line) event.Trust {
	best := event.Unauthenticated
	for i := range lines {
		best = max(best, lines[i].Trust)
	}
	return best
}
