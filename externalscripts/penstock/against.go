package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"penstock/core/app"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/report"
)

// maxDifferences is how many events are shown; all are counted.
const maxDifferences = 40

// difference is one event that two configurations decide differently.
type difference struct {
	seq         uint64
	host, text  string
	here, there cases.Outcome
}

// comparison collects what two configurations decide differently.
type comparison struct {
	events, differ int
	changes        map[string]int // "suppress -> forward" and the like
	shown          []difference
}

// against runs the events through both configurations and prints where they part.
func against(ctx context.Context, e *env, f analyzeFlags, here *app.Engine, paths []string) error {
	there, err := loadEngine(f.against, "")
	if err != nil {
		return err
	}
	if f.state != "" {
		if err := there.Load(f.state); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	c := comparison{changes: map[string]int{}}
	_, err = readEvents(ctx, e, here, paths, func(ev *event.Event, outcome cases.Outcome) error {
		c.add(ev, outcome, there.Handle(ev))
		return nil
	})
	if err != nil {
		return inputError(err)
	}
	out := bufio.NewWriter(e.stdout)
	c.print(out, f.against)
	printVerdictChanges(out, here.Verdicts(), there.Verdicts())
	return out.Flush()
}

func (c *comparison) add(ev *event.Event, here, there cases.Outcome) {
	c.events++
	if here.Decision == there.Decision && here.Severity == there.Severity {
		return
	}
	c.differ++
	c.changes[fmt.Sprintf("%s (%s) -> %s (%s)", here.Decision, here.Severity, there.Decision, there.Severity)]++
	if len(c.shown) < maxDifferences {
		text := ev.Message
		if ev.Name != "" {
			text = ev.Name
		}
		c.shown = append(c.shown, difference{ev.Seq, strings.Clone(ev.Asset), strings.Clone(text[:min(len(text), 200)]), here, there})
	}
}

func (c *comparison) print(w io.Writer, path string) {
	fmt.Fprintf(w, "%d of %d events would be decided differently by %s\n", c.differ, c.events, report.Terminal(path))
	kinds := make([]string, 0, len(c.changes))
	for kind := range c.changes {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b string) int {
		if d := c.changes[b] - c.changes[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for _, kind := range kinds {
		fmt.Fprintf(w, "%8d  %s\n", c.changes[kind], kind)
	}
	for _, d := range c.shown {
		fmt.Fprintf(w, "\nevent %d on %s: %s\n", d.seq, report.Terminal(d.host), report.Terminal(d.text))
		fmt.Fprintf(w, "  now:   %s\n  there: %s\n", describe(d.here), describe(d.there))
	}
	if rest := c.differ - len(c.shown); rest > 0 {
		fmt.Fprintf(w, "\n... and %d more\n", rest)
	}
}

func describe(o cases.Outcome) string {
	if o.Decision == cases.Suppress {
		return o.Decision.String()
	}
	return fmt.Sprintf("%s to %s, %s %s (%s)", o.Decision, o.Case, o.Severity, o.Class, strings.Join(o.Reasons, ", "))
}

// printVerdictChanges compares how many cases of each severity and mode there are.
func printVerdictChanges(w io.Writer, here, there []app.Verdict) {
	count := func(all []app.Verdict) map[string]int {
		m := map[string]int{}
		for _, v := range all {
			m[fmt.Sprintf("%s, %s", v.Case.Floor, v.Decision.Mode())]++
		}
		return m
	}
	a, b := count(here), count(there)
	fmt.Fprintf(w, "\ncases: %d now, %d there\n", len(here), len(there))
	for s := event.Critical; ; s-- {
		for kind := range a {
			if _, ok := b[kind]; !ok {
				b[kind] = 0
			}
		}
		for _, kind := range sortedKeys(b) {
			if strings.HasPrefix(kind, s.String()+",") {
				fmt.Fprintf(w, "  %-22s %5d now %5d there\n", kind, a[kind], b[kind])
			}
		}
		if s == event.None {
			return
		}
	}
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
