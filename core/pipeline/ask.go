package pipeline

import (
	"context"
	"slices"

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
	within, done := context.WithTimeout(ctx, p.limits.CaseTime)
	defer done()
	t, ok := p.begin(within, &c, &r)
	if !ok {
		r.Model.Why = llm.TooLong.String()
		return r, ctx.Err()
	}
	r.Model.Ordinary = t.ordinary && c.Floor <= event.Low
	if !r.Model.Ordinary {
		r.Assessment = p.askAssess(within, t, &c, rules.Assessment)
		r.Plan = p.askSolve(within, t, rules.Plan)
		lower := r.Assessment.Source == Model && r.Assessment.Severity < c.Floor
		r.Model.Dissent = t.ordinary || lower
		if t.ordinary || lower && playsDown(r.Assessment.Severity, c.Floor) {
			r.Anomaly.Reasons, r.Assessment.Reasons = rules.Anomaly.Reasons, rules.Assessment.Reasons
		} else {
			r.Advice = p.askAdvise(within, t, &c, p.adviceOf(&c, rules, r.Assessment))
		}
		if by := r.Advice.Answered; by.Source != Model {
			r.Advice = rules.Advice
			r.Advice.Answered = by
		}
	}
	r.Model.State = stateOf(&r)
	if r.Model.State == Answers {
		r.Model.Why = ""
	}
	return r, ctx.Err()
}

// playsDown says whether a severity below the floor is so low that the model does not
// see the danger: then it does not find the words for it either, and rules' stand.
func playsDown(said, floor event.Severity) bool { return said < event.Medium || said+1 < floor }

// halvings is how often a case is cut in half where a server says that it is too
// long: how many tokens a text has depends on the model, and on what it is made of.
const halvings = 2

// begin asks the first question. It says false where there is no room for the case.
func (p *Pipeline) begin(ctx context.Context, c *cases.Case, r *Report) (t *talk, ok bool) {
	rules := r.Anomaly // whose reasons the question quotes, too
	for halved := range halvings + 1 {
		shorter, fits := p.newTalk(c, r, &r.Model, halved)
		if !fits {
			break
		}
		t, r.Model.Why = shorter, ""
		r.Anomaly = p.askDetect(ctx, t, c, rules)
		if r.Anomaly.Fault != llm.TooLong {
			break
		}
	}
	return t, t != nil
}

// adviceOf returns the rules' advice as it is for what the model found: of the class
// where rules had found none, and with whom to call where it is graver by a step.
func (p *Pipeline) adviceOf(c *cases.Case, rules Report, a Assessment) Advice {
	found := rules.Assessment
	found.Class = a.Class
	if a.Source == Model && a.Severity > c.Floor && (c.Floor < event.High || c.Confirmed) {
		found.Severity = c.Floor + 1
	}
	if found.Class == c.Class && found.Severity == c.Floor {
		return rules.Advice
	}
	advice := p.advise(c, rules.Summary, found)
	for _, who := range rules.Advice.Call {
		if !slices.Contains(advice.Call, who) {
			advice.Call = append(advice.Call, who)
		}
	}
	return advice
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
