package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"

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

// assessAnswer is what a model answers in stage 3.
type assessAnswer struct {
	Reason     string          `json:"reason"`
	Class      string          `json:"class,omitempty"`
	Severity   *event.Severity `json:"severity"`
	Confidence *int            `json:"confidence"`
}

// askAssess asks the model stage 3. It names the class only where rules know none.
func (p *Pipeline) askAssess(ctx context.Context, t *talk, c *cases.Case, rules Assessment) Assessment {
	properties := []property{{"reason", textOf(maxReason)}}
	about := ""
	var classes []string
	if c.Class == event.Novelty || c.Class == event.ClassNone {
		for _, class := range event.Classes() {
			if class != event.Instruction && class != event.Forgery {
				classes = append(classes, class.String())
			}
		}
		properties = append(properties, property{"class", oneOf(classes)})
		about = "\n- class: what it most looks like, one of " + strings.Join(classes, ", ") + "."
	}
	properties = append(properties, property{"severity", oneOf(severityWords())}, property{"confidence", percent})
	a, by, ok := ask(ctx, t, question[assessAnswer]{
		stage: 3, text: promptText("stage3_assess", values{"class": about}), schema: object(properties...),
		check: func(a *assessAnswer) error {
			a.Reason = t.prose(a.Reason, 2*maxReason)
			if classes == nil && a.Class != "" || classes != nil && !slices.Contains(classes, a.Class) {
				return wrongf("class is not one of those asked for")
			}
			return errors.Join(checkThere("severity", a.Severity != nil && *a.Severity <= event.Critical), checkPercent("confidence", a.Confidence))
		},
	})
	rules.Answered = by
	if !ok {
		return rules
	}
	rules.Severity, rules.Confidence = *a.Severity, *a.Confidence
	rules.Reasons = p.inModelsWords(rules.Reasons, a.Reason)
	if a.Class != "" {
		_ = rules.Class.UnmarshalText([]byte(a.Class)) // it is one of the list
	}
	return rules
}

func severityWords() []string {
	var words []string
	for s := event.None; s <= event.Critical; s++ {
		words = append(words, s.String())
	}
	return words
}
