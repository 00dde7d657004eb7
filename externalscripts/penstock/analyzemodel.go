package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"penstock/core/app"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/report"
)

// mostAsked is how many cases `penstock analyze --model` asks about: on a machine
// without a graphics card each may take minutes.
const mostAsked = 25

// Why a case is not asked about, beside what pipeline says.
const (
	whyMost        = "limit"       // mostAsked graver ones were
	whyInterrupted = "interrupted" // by Ctrl-C
)

// askedCases is how asking about many cases went.
type askedCases struct {
	name     string
	states   map[pipeline.State]int
	notAsked map[string]int // by why
	fault    llm.Fault      // that ended it early
}

// askGravest asks the model about the gravest cases, in the order given, and puts what
// it says into their verdicts. When ctx is done, or the model is gone, it asks no more:
// what rules say stands for the rest. The gravest come first afterwards too. Without a
// client it does nothing.
func askGravest(ctx context.Context, e *env, engine *app.Engine, client *llm.Client, verdicts []app.Verdict) askedCases {
	if client == nil {
		return askedCases{}
	}
	done := askedCases{name: engine.Config.Model.Name, states: map[pipeline.State]int{}, notAsked: map[string]int{}}
	bar := newSteps(e.stderr, min(len(verdicts), mostAsked), "asking "+report.Terminal(done.name))
	defer bar.finish()
	asked, stop := 0, ""
	for i := range verdicts {
		if asked == mostAsked {
			stop = cmp.Or(stop, whyMost)
		}
		v := verdicts[i]
		if stop == "" {
			var err error
			if v, err = engine.Ask(ctx, client, v); err != nil {
				stop, v = whyInterrupted, verdicts[i]
			}
		}
		if stop != "" {
			v.Report.Model = pipeline.Use{State: pipeline.NotAsked, Why: stop, Name: done.name}
		}
		verdicts[i] = v
		u := &v.Report.Model
		done.states[u.State]++
		if u.State == pipeline.NotAsked {
			done.notAsked[u.Why]++
			continue
		}
		asked++
		bar.step()
		if u.State == pipeline.Failed && isGone(v.Report.Anomaly.Fault) {
			done.fault = v.Report.Anomaly.Fault
			stop = done.fault.String()
		}
	}
	slices.SortStableFunc(verdicts, func(a, b app.Verdict) int { return cmp.Compare(b.Decision.Severity(), a.Decision.Severity()) })
	return done
}

// isGone says whether a model that fails so will not answer the next case either.
func isGone(f llm.Fault) bool {
	switch f {
	case llm.Unreachable, llm.Broken, llm.Missing, llm.Replaced, llm.Redirected, llm.Refused:
		return true
	}
	return false
}

// note tells a person how many cases the model has a part in.
func (a askedCases) note(e *env) {
	if a.name == "" {
		return
	}
	n := func(s pipeline.State) int { return a.states[s] }
	text := fmt.Sprintf("%s was asked about %s: %d answered, %d in part, %d without a valid answer", report.Terminal(a.name),
		count(n(pipeline.Answers)+n(pipeline.Partly)+n(pipeline.Failed), "case"), n(pipeline.Answers), n(pipeline.Partly), n(pipeline.Failed))
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(a.notAsked)) {
		parts = append(parts, fmt.Sprintf("%d %s", a.notAsked[why], why))
	}
	if len(parts) > 0 {
		text += fmt.Sprintf("; not asked: %s", strings.Join(parts, ", "))
	}
	fmt.Fprintf(e.stderr, "penstock: note: %s\n", text)
	if hint := modelHint(a.fault, a.name); hint != "" {
		fmt.Fprintf(e.stderr, "penstock: hint: %s\n", printable(hint))
	}
}
