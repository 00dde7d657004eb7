package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"path/filepath"
	"strings"

	"penstock/core/app"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/report"
)

const (
	maxDifferences = 20  // events that are shown; all are counted
	maxShownText   = 200 // bytes of an event that is shown
)

// against reads the input twice, each time with one configuration's own sources
// and rules, and prints where the two part. Both start from the state, where
// there is one, and nothing is saved.
func against(ctx context.Context, e *env, f analyzeFlags, here *app.Engine, paths []string) error {
	if f.report != "" {
		return exitError{
			exitUsage, errors.New("--report cannot go with --against: a report shows one configuration"),
			"write one with `penstock analyze --config " + f.against + " --report FILE.html`",
		}
	}
	there, err := loadEngine(f.against, f.state)
	if err != nil {
		return err
	}
	again, err := newReread(ctx, e, paths)
	if err != nil {
		return err
	}
	defer again.close()

	var c comparison
	c.seed = maphash.MakeSeed()
	broken := again.pass(ctx, here, c.first)
	if broken == nil || isPartly(broken) {
		broken = cmp.Or(again.pass(ctx, there, c.second), broken)
	}
	if broken != nil && !isPartly(broken) {
		return inputError(broken)
	}
	result := c.result()
	result.Against = filepath.Base(f.against)
	result.Here, result.There = views(here, here.Language()), views(there, here.Language())
	out := bufio.NewWriter(e.stdout)
	if err := report.Compare(out, result, styleFor(e, here.Language(), here.Site.Timezone())); err != nil {
		return err
	}
	if err := out.Flush(); err != nil || broken == nil {
		return err
	}
	fmt.Fprintln(e.stderr, "penstock: note: the result is without what could not be read")
	return inputError(broken)
}

func views(engine *app.Engine, language string) []report.CaseView {
	verdicts := engine.Verdicts()
	all := make([]report.CaseView, len(verdicts))
	for i, v := range verdicts {
		all[i] = v.View(language)
	}
	return all
}

// pass feeds the whole input to one engine, decoded as its configuration says.
func (r *reread) pass(ctx context.Context, engine *app.Engine, each func(*event.Event, cases.Outcome)) error {
	stdin, err := r.rewind()
	if err != nil {
		return err
	}
	bar := newProgress(r.stderr)
	defer bar.finish()
	in := app.Input{Paths: r.paths, Stdin: stdin, Now: r.now, Source: engine.SourceOptions, Progress: bar.show}
	_, err = in.EachEvent(ctx, func(ev *event.Event) error {
		each(ev, engine.Handle(ev))
		return nil
	})
	return err
}

// mark is what became of one event in the first pass. Events of the two passes
// are recognised by their text: their numbers differ where one configuration
// reads another time out of a line.
type mark struct {
	text    uint64 // hash of the line
	outcome report.EventOutcome
}

// comparison collects what two configurations decide differently.
type comparison struct {
	seed   maphash.Seed
	marks  []mark
	events int // of the second pass
	found  report.Comparison
	// Events that do not stand at the same place in both passes.
	moved map[uint64][]report.EventDifference // of the second pass, by text
	left  map[int]bool                        // places of the first pass
}

func (c *comparison) first(ev *event.Event, outcome cases.Outcome) {
	c.marks = append(c.marks, mark{c.textOf(ev), outcomeOf(outcome)})
}

func (c *comparison) second(ev *event.Event, outcome cases.Outcome) {
	at := c.events
	c.events++
	text, there := c.textOf(ev), outcomeOf(outcome)
	if at < len(c.marks) && c.marks[at].text == text {
		c.add(c.marks[at].outcome, there, func() report.EventDifference { return shown(ev) })
		return
	}
	if c.moved == nil {
		c.moved, c.left = map[uint64][]report.EventDifference{}, map[int]bool{}
	}
	d := report.EventDifference{Seq: ev.Seq}
	if there.Decision != cases.Suppress {
		d = shown(ev)
	}
	d.Change.There = there
	c.moved[text] = append(c.moved[text], d)
	if at < len(c.marks) {
		c.left[at] = true
	}
}

// result joins the events that stand at different places and returns all that differs.
func (c *comparison) result() *report.Comparison {
	for at := range c.marks {
		m := c.marks[at]
		waiting := c.moved[m.text]
		if at < c.events && !c.left[at] || len(waiting) == 0 {
			continue
		}
		c.moved[m.text] = waiting[1:]
		c.add(m.outcome, waiting[0].Change.There, func() report.EventDifference { return waiting[0] })
	}
	c.found.Events, c.found.EventsThere = len(c.marks), c.events
	return &c.found
}

func (c *comparison) add(here, there report.EventOutcome, show func() report.EventDifference) {
	if here == there {
		return
	}
	if c.found.Changes == nil {
		c.found.Changes = map[report.EventChange]int{}
	}
	change := report.EventChange{Here: here, There: there}
	c.found.Differ++
	c.found.Changes[change]++
	if len(c.found.Shown) < maxDifferences {
		d := show()
		d.Change = change
		c.found.Shown = append(c.found.Shown, d)
	}
}

func (c *comparison) textOf(ev *event.Event) uint64 {
	return maphash.String(c.seed, cmp.Or(ev.Raw, ev.Message))
}

func outcomeOf(o cases.Outcome) report.EventOutcome {
	return report.EventOutcome{Decision: o.Decision, Severity: o.Severity, Class: o.Class}
}

func shown(ev *event.Event) report.EventDifference {
	text := cmp.Or(ev.Name, ev.Message)
	text = cases.Clean(cases.MaskSecrets(text[:min(len(text), 4*maxShownText)]), maxShownText)
	return report.EventDifference{Seq: ev.Seq, Host: strings.Clone(ev.Asset), Text: text}
}
