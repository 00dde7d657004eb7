package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
)

// Bounds of what Compare lists; what lies beyond is counted in it.
const (
	maxCompared = 60 // cases of one kind of difference
	maxChanges  = 20 // kinds of difference between events
)

// Comparison is what two configurations make of the same input.
type Comparison struct {
	Against     string // name of the configuration that is compared
	Events      int    // read with the configuration that holds now
	EventsThere int    // read with the other one; another number where the input grew between
	Differ      int    // events that are decided differently
	Changes     map[EventChange]int
	Shown       []EventDifference // the first of those that differ
	Here, There []CaseView        // the cases of either, in one language
}

// EventChange is one kind of difference between decisions on one event.
type EventChange struct{ Here, There EventOutcome }

// EventOutcome is what became of one event.
type EventOutcome struct {
	Decision cases.Decision
	Severity event.Severity
	Class    event.Class
}

// EventDifference is one event that is decided differently.
type EventDifference struct {
	Seq        uint64
	Host, Text string
	Change     EventChange
}

// Compare writes how the two differ: what would start by itself first, then the
// totals, then case by case, then by kinds of events.
func Compare(w io.Writer, c *Comparison, s Style) error {
	p := &comparer{printer: printer{w: w, Style: s}}
	pairs := pairCases(c.Here, c.There)
	different := 0
	for i := range pairs {
		if pairs[i].differs() {
			different++
		}
	}
	if c.Differ == 0 && different == 0 && c.Events == c.EventsThere {
		p.line("%s", p.filled("compare-same", c.Against, c.Events, 0))
		return p.err
	}
	p.line("%s", p.filled("compare-differ", c.Against, c.Differ, c.Events))
	p.line("%s: %s · %s", p.label("compare-cases"), number(different, s.Language), times(s.Location, latest(c), s.Language))
	if c.Events != c.EventsThere {
		p.line("%s", p.filled("compare-grew", "", c.EventsThere, c.Events))
	}
	p.starts(c.There)
	p.totals(c)
	p.pairs("compare-cases", pairs, func(x casePair) bool { return x.here != nil && x.there != nil && x.differs() })
	p.pairs("compare-only-there", pairs, func(x casePair) bool { return x.here == nil })
	p.pairs("compare-only-here", pairs, func(x casePair) bool { return x.there == nil })
	p.changes(c)
	return p.err
}

// comparer writes a comparison.
type comparer struct{ printer }

func (p *comparer) filled(key, file string, count, all int) string {
	return strings.ReplaceAll(fillCount(p.label(key), count, all, p.Language), "{file}", Terminal(file))
}

// latest returns a time of the comparison, for the name of its zone.
func latest(c *Comparison) time.Time {
	return tableTime(slices.Concat(c.Here, c.There))
}

// starts writes what the other configuration would really do: it matters most.
func (p *comparer) starts(there []CaseView) {
	var lines []string
	for i := range there {
		for _, a := range there[i].Decision.Actions {
			if a.Status == statusIntended {
				lines = append(lines, a.words(p.Language)+" · "+there[i].Case.ID)
			}
		}
	}
	if len(lines) == 0 {
		p.line("%s", p.label("compare-starts-none"))
		return
	}
	p.line("%s", p.paint(event.High, p.filled("compare-starts", "", len(lines), 0)))
	for _, line := range lines[:min(maxCompared, len(lines))] {
		p.wrap("  - ", line)
	}
	p.further(len(lines) - maxCompared)
}

// totals writes what both come to, side by side.
func (p *comparer) totals(c *Comparison) {
	rows := [][3]string{{"", p.label("compare-here"), p.label("compare-there")}}
	add := func(name string, count func([]CaseView) int) {
		rows = append(rows, [3]string{name, number(count(c.Here), p.Language), number(count(c.There), p.Language)})
	}
	add(p.label("cases"), func(all []CaseView) int { return len(all) })
	for s := event.Critical; s > event.None; s-- {
		add("  "+pipeline.SeverityWord(s, p.Language), func(all []CaseView) int {
			return countFunc(all, func(v *CaseView) int { return one(v.severity() == s) })
		})
	}
	for _, status := range []string{statusIntended, statusDryRun, statusWaits} {
		add(p.label("status-"+status), func(all []CaseView) int {
			return countFunc(all, func(v *CaseView) int { return len(v.actions(status)) })
		})
	}
	p.line("")
	for _, row := range rows {
		p.line("  %s%9s%9s", padded(row[0], 30), row[1], row[2])
	}
}

// pairs writes the cases that the function picks.
func (p *comparer) pairs(key string, all []casePair, pick func(casePair) bool) {
	picked := slices.DeleteFunc(slices.Clone(all), func(x casePair) bool { return !pick(x) })
	if len(picked) == 0 {
		return
	}
	p.section(key)
	for _, x := range picked[:min(maxCompared, len(picked))] {
		p.pair(x)
	}
	p.further(len(picked) - maxCompared)
}

// pair writes one case and what differs; of a case that only one of them has, it
// writes what is done about it.
func (p *comparer) pair(x casePair) {
	v := cmp.Or(x.there, x.here)
	p.line("  %s · %s · %s · %s · %s", p.paint(v.severity(), pipeline.SeverityWord(v.severity(), p.Language)),
		x.both(func(v *CaseView) string { return v.Case.Asset }), pipeline.ClassWords(v.Case.Class, p.Language), p.time(v.Case.Opened),
		x.both(func(v *CaseView) string { return v.Case.ID }))
	p.changed("severity", x, func(v *CaseView) string { return pipeline.SeverityWord(v.severity(), p.Language) })
	p.changed("class", x, func(v *CaseView) string { return pipeline.ClassWords(v.Case.Class, p.Language) })
	p.changed("zone", x, func(v *CaseView) string { return pipeline.ZoneWords(v.Case.Zone, p.Language) })
	p.changed("decision", x, func(v *CaseView) string { return v.modeWords(p.Language) })
	here, there := x.done(p.Language)
	for _, what := range here {
		if !slices.Contains(there, what) {
			p.wrap("      - ", what)
		}
	}
	for _, what := range there {
		if !slices.Contains(here, what) {
			p.wrap("      + ", what)
		}
	}
}

// changed writes one thing that both say of the case, where they differ.
func (p *comparer) changed(key string, x casePair, word func(*CaseView) string) {
	if x.here == nil || x.there == nil || word(x.here) == word(x.there) {
		return
	}
	p.wrap("      ", fmt.Sprintf("%s: %s → %s", p.label(key), word(x.here), word(x.there)))
}

// changes writes how many events differ in which way, and the first of them.
func (p *comparer) changes(c *Comparison) {
	if c.Differ == 0 {
		return
	}
	p.section("compare-events")
	kinds := make([]EventChange, 0, len(c.Changes))
	for kind := range c.Changes {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b EventChange) int {
		return cmp.Or(c.Changes[b]-c.Changes[a], strings.Compare(p.change(a), p.change(b)))
	})
	for _, kind := range kinds[:min(maxChanges, len(kinds))] {
		p.line("  %9s  %s", number(c.Changes[kind], p.Language), p.change(kind))
	}
	p.further(len(kinds) - maxChanges)
	for _, d := range c.Shown {
		p.line("")
		p.wrap("  ", fmt.Sprintf("%d · %s · %s", d.Seq, d.Host, d.Text))
		p.wrap("      ", p.change(d.Change))
	}
	p.further(c.Differ - len(c.Shown))
}

func (p *comparer) change(c EventChange) string {
	return p.outcome(c.Here) + " → " + p.outcome(c.There)
}

func (p *comparer) outcome(o EventOutcome) string {
	switch o.Decision {
	case cases.Attach, cases.Forward:
		word := lowered(p.label(o.Decision.String() + "ed"))
		return fmt.Sprintf("%s (%s, %s)", word, pipeline.SeverityWord(o.Severity, p.Language), pipeline.ClassWords(o.Class, p.Language))
	}
	return lowered(p.label("suppressed"))
}

func (p *comparer) further(n int) {
	if n > 0 {
		p.line("  … +%s", number(n, p.Language))
	}
}

func countFunc(all []CaseView, count func(*CaseView) int) int {
	n := 0
	for i := range all {
		n += count(&all[i])
	}
	return n
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}
