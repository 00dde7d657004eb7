package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
)

// Bounds of one plan.
const (
	maxTargets   = 3 // of one action
	maxProposals = 12
)

// solve is stage 4: which applicable actions help. By rules it is all that are
// applicable, mildest first, and the most frequent target first.
func (p *Pipeline) solve(c *cases.Case, a Assessment) Plan {
	if a.Severity == event.None {
		return Plan{}
	}
	return Plan{Proposals: p.Applicable(*c)}
}

// Applicable returns the actions whose definition answers the case's class, each
// aimed at what one evidence handle observed. Protection, zone, trust and limits
// are for policy to judge. A model's answer may name nothing else.
func (p *Pipeline) Applicable(c cases.Case) []Proposal {
	var found []Proposal
	for _, d := range p.actions {
		if !d.Answers(c.Class) {
			continue
		}
		if d.Field == "" {
			found = append(found, wholeHost(&c, d)...)
			continue
		}
		found = append(found, targets(&c, d)...)
	}
	return found[:min(maxProposals, len(found))]
}

// wholeHost aims an action at the executing host itself, on the gravest line.
func wholeHost(c *cases.Case, d action.Definition) []Proposal {
	if len(c.Lines) == 0 {
		return nil
	}
	best := slices.MaxFunc(pointers(c.Lines), func(a, b *cases.Line) int {
		return int(gravest(a)) - int(gravest(b))
	})
	return []Proposal{{Action: d.ID, Handle: handle(best)}}
}

// targets aims an action at each value of its field that some line observed, the
// value that stands in most lines first. Of several fields with one key in a line
// the first one stands, as in event.Field.
func targets(c *cases.Case, d action.Definition) []Proposal {
	var found []Proposal
	count := map[string]int{}
	for i := range c.Lines {
		fields := c.Lines[i].Fields
		k := slices.IndexFunc(fields, func(f event.Field) bool { return f.Key == d.Field })
		if k < 0 || fields[k].Origin != event.Observed {
			continue
		}
		params, err := d.ParseParams(fields[k].Value)
		if err != nil {
			continue
		}
		target := params.Target()
		if count[target]++; count[target] == 1 {
			found = append(found, Proposal{Action: d.ID, Handle: handle(&c.Lines[i]) + "." + d.Field, Target: target})
		}
	}
	slices.SortStableFunc(found, func(a, b Proposal) int { return count[b.Target] - count[a.Target] })
	return found[:min(maxTargets, len(found))]
}

func gravest(l *cases.Line) event.Severity {
	worst := event.None
	for _, e := range l.Evidence {
		worst = max(worst, e.Severity)
	}
	return worst
}

func pointers(lines []cases.Line) []*cases.Line {
	out := make([]*cases.Line, len(lines))
	for i := range lines {
		out[i] = &lines[i]
	}
	return out
}

// maxChosen is how many measures a model may choose.
const maxChosen = 5

// solveAnswer is what a model answers in stage 4.
type solveAnswer struct {
	Reason string   `json:"reason"`
	Choose []string `json:"choose"`
}

// askSolve asks the model stage 4: it puts the rules' proposals into an order, and
// may leave out some. It cannot name another one: each is one word of the schema.
func (p *Pipeline) askSolve(ctx context.Context, t *talk, rules Plan) Plan {
	if len(rules.Proposals) == 0 {
		return rules
	}
	names := make([]string, len(rules.Proposals))
	choices := make([]string, len(rules.Proposals))
	for i, x := range rules.Proposals {
		names[i] = x.Action + " " + x.Handle
		choices[i] = "- " + names[i] + ": " + ActionWords(x.Action, "en")
		if x.Target != "" {
			choices[i] += " " + quote(x.Target, 64)
		}
	}
	a, by, ok := ask(ctx, t, question[solveAnswer]{
		stage: 4, text: promptText("stage4_solve", values{"choices": strings.Join(choices, "\n")}),
		schema: object(property{"reason", textOf(maxReason)}, property{"choose", someOf(names, 0, maxChosen)}),
		check: func(a *solveAnswer) error {
			a.Reason = t.prose(a.Reason, 2*maxReason)
			return errors.Join(checkThere("choose", a.Choose != nil), checkWords("choose", &a.Choose, names, 0, maxChosen))
		},
	})
	rules.Answered = by
	if !ok {
		return rules
	}
	chosen := Plan{Answered: by}
	for _, name := range a.Choose {
		chosen.Proposals = append(chosen.Proposals, rules.Proposals[slices.Index(names, name)])
	}
	return chosen
}
