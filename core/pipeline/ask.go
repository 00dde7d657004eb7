package pipeline

import (
	"context"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/llm"
)

// Asker answers questions; llm.Client is one.
type Asker interface {
	Ask(ctx context.Context, r llm.Request) (llm.Answer, error)
}

// WithModel returns a pipeline that is like p and asks that model within those
// limits. Mark gives the fence around evidence of one case: nobody can know it
// before.
func (p *Pipeline) WithModel(m Asker, o llm.Options, mark func() string) *Pipeline {
	with := *p
	with.model, with.limits, with.mark = m, o, mark
	return &with
}

// HasModel says whether there is a model to ask.
func (p *Pipeline) HasModel() bool { return p.model != nil }

// WorthAsking says why the model is not asked about a case, "" where it is.
func (p *Pipeline) WorthAsking(c *cases.Case) (why string) {
	switch {
	case c.Instructs:
		return WhyInstructs
	case c.Status == cases.Closed || len(c.Lines) == 0:
		return WhySeverity
	}
	return ""
}

// Ask works the case through the stages again, with the model's answers in the
// place of the rules' where they are valid. A model that fails is no error: the
// report says so in Use and in each answer. The error is that of ctx. It blocks
// for Options.CaseTime at most.
func (p *Pipeline) Ask(ctx context.Context, c cases.Case, rules Report) (Report, error) {
	r := rules
	r.Model = Use{State: NotAsked, Why: p.WorthAsking(&c)}
	if !p.HasModel() || r.Model.Why != "" {
		return r, ctx.Err()
	}
	t, ok := p.newTalk(&c, &rules, &r.Model)
	if !ok {
		r.Model.Why = llm.TooLong.String()
		return r, ctx.Err()
	}
	within, done := t.wait(ctx)
	defer done()
	r.Anomaly = p.askDetect(within, t, rules.Anomaly)
	ordinary := r.Anomaly.Source == Model && !r.Anomaly.Unusual
	r.Model.Ordinary = ordinary && c.Floor <= event.Low
	if !r.Model.Ordinary {
		r.Assessment = p.askAssess(within, t, &c, rules.Assessment)
		r.Plan = p.askSolve(within, t, rules.Plan)
		lower := r.Assessment.Source == Model && r.Assessment.Severity < c.Floor
		r.Model.Dissent = ordinary || lower
		if !r.Model.Dissent { // who does not see the danger does not find the words for it
			r.Advice = p.askAdvise(within, t, &c, p.adviceOf(&c, rules, r.Assessment))
		}
	}
	r.Model.State = stateOf(&r)
	if r.Model.State == Answers {
		r.Model.Why = ""
	}
	return r, ctx.Err()
}

// adviceOf returns the rules' advice: that of the class which the model found,
// where rules had found none.
func (p *Pipeline) adviceOf(c *cases.Case, rules Report, a Assessment) Advice {
	if a.Class == c.Class {
		return rules.Advice
	}
	rules.Assessment.Class = a.Class
	return p.advise(c, rules.Summary, rules.Assessment)
}

// stateOf says how much of the report is the model's.
func stateOf(r *Report) State {
	asked, answered := 0, 0
	for _, by := range []Answered{r.Anomaly.Answered, r.Assessment.Answered, r.Plan.Answered, r.Advice.Answered} {
		if by.Attempts > 0 || by.Fault != llm.NoFault {
			asked++
		}
		if by.Source == Model {
			answered++
		}
	}
	switch {
	case answered == 0:
		return Failed
	case answered < asked || r.Model.Why != "":
		return Partly
	}
	return Answers
}
