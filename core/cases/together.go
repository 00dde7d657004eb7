package cases

import (
	"slices"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/floor"
	"penstock/core/sift"
)

const (
	// joinWithin is how far apart in time what a host measures and what it writes
	// into its logs may be to be one case.
	joinWithin = 10 * time.Minute
	// maxJoined bounds the places that one case takes in.
	maxJoined = 8
)

// SetAnnounced gives the book the function that says whether work on an asset was
// announced for that time. What then happens that such work explains is held to be
// expected: see floor.
func (b *Book) SetAnnounced(announced func(asset string, at time.Time) bool) { b.announced = announced }

// expect marks the evidence that announced work explains. It stays so whatever comes
// later: what was announced is not news when the work is over.
func (b *Book) expect(ev *event.Event, evidence []sift.Evidence) {
	if b.announced == nil || !slices.ContainsFunc(evidence, func(e sift.Evidence) bool { return floor.IsExplained(e.Class) }) ||
		!b.announced(ev.Asset, ev.Time) {
		return
	}
	for i := range evidence {
		evidence[i].Expected = floor.IsExplained(evidence[i].Class)
	}
}

// isMetric says whether the evidence is about what a host measures.
func isMetric(evidence []sift.Evidence) bool {
	return slices.ContainsFunc(evidence, func(e sift.Evidence) bool { return e.Kind.IsMetric() })
}

// noteMetric remembers when the case last got metric evidence.
func (h *held) noteMetric(ev *event.Event, evidence []sift.Evidence) {
	if isMetric(evidence) {
		h.Metric = later(h.Metric, ev.Time)
	}
}

// together returns the open case of the asset that the event belongs to though its
// place is another: what a host measures goes to the case of what it wrote within
// the last minutes, and what it writes to the case of what it measured. It returns
// nil where there is none.
func (b *Book) together(p place, ev *event.Event, f sift.Finding) *held {
	if isMetric(f.Evidence) {
		return b.lately(ev)
	}
	h := b.find(place{ev.Asset, "metric", ""}, ev.Time)
	if h == nil || !f.Fresh || ev.Asset == "" || len(h.Joined) >= maxJoined || !near(h.Metric, ev.Time) {
		return nil
	}
	p = place{strings.Clone(p.Asset), strings.Clone(p.Kind), strings.Clone(p.Value)}
	h.Joined = append(h.Joined, p)
	b.joined[p] = h
	return h
}

// lately returns the gravest case of what the event's asset wrote within the last
// minutes, among equals the one that was opened last.
func (b *Book) lately(ev *event.Event) *held {
	var best *held
	for p, h := range b.open {
		if p.Asset != ev.Asset || p.Kind == "metric" || p == overflow || b.isQuiet(h, ev.Time) || !near(h.Updated, ev.Time) {
			continue
		}
		if best == nil || h.severity() > best.severity() || h.severity() == best.severity() && h.Number > best.Number {
			best = h
		}
	}
	return best
}

// near says whether two times lie within the same minutes.
func near(a, b time.Time) bool { return a.Sub(b).Abs() <= joinWithin }

// part forgets the further places of a case.
func (b *Book) part(h *held) {
	for _, p := range h.Joined {
		delete(b.joined, p)
	}
	h.Joined = nil
}

// recover notes in the case that holds a problem that the problem is over. That
// closes nothing and changes no floor: who broke in may have mended what he broke.
func (b *Book) recover(ev *event.Event, f sift.Finding) Outcome {
	h := b.caseOf(ev.Value(event.KeyRecovered), ev.Source)
	if h == nil {
		return Outcome{}
	}
	h.Events++
	h.Updated = later(h.Updated, ev.Time)
	b.note(h, false)
	b.keepLine(h, ev, f, event.None)
	return Outcome{Decision: Attach, Case: h.ID, Severity: h.Floor, Class: h.Class, Reasons: words(f.Evidence)}
}

// caseOf returns the open case with the line of that problem from that source, the
// one that was opened first.
func (b *Book) caseOf(problem, source string) *held {
	var first *held
	is := func(f event.Field) bool { return f.Key == event.KeyProblem && f.Value == problem }
	for _, h := range b.open {
		if first != nil && first.Number < h.Number {
			continue
		}
		if slices.ContainsFunc(h.Lines, func(l Line) bool { return l.Source == source && slices.ContainsFunc(l.Fields, is) }) {
			first = h
		}
	}
	return first
}
