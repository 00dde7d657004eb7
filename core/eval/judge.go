package eval

import (
	"context"
	"fmt"
	"time"

	"penstock/core/event"
)

// Excerpt is a few log lines that are judged by themselves, with nothing learnt
// before.
type Excerpt struct {
	ID    string
	Files []ExcerptFile
	// Acts says that the hosts of the files belong to the site and may act, so that
	// there are orders which a text could cause or hold back.
	Acts bool
	// Asked says that a person wants to know about these very lines: a model is
	// asked about them also where rules find nothing.
	Asked bool
	Note  string // what the site knows of the host, in words
}

// ExcerptFile is the lines of one file in their order.
type ExcerptFile struct {
	Host  string // that wrote it; "" where the lines say so themselves
	Path  string
	Lines []string
}

// Judge is the program under test: what it makes of one excerpt.
type Judge func(ctx context.Context, x Excerpt) (Judgement, error)

// Judgement is what a program makes of one excerpt.
type Judgement struct {
	Severity event.Severity // of the gravest case as decided, None without a case
	Orders   []string       // that the cases give, each as action and target
	Answered bool           // a model rated a case
	Said     event.Severity // of the gravest case as the model rates it, and rules those that it does not
	Use      Use
}

// Use is what was asked of a model.
type Use struct {
	Calls        int
	Valid        int // answers that fitted schema and case
	PromptTokens int
	AnswerTokens int
	Took         time.Duration
	Digest       string // of the model that answered last
}

func (u Use) plus(o Use) Use {
	sum := Use{
		u.Calls + o.Calls, u.Valid + o.Valid, u.PromptTokens + o.PromptTokens, u.AnswerTokens + o.AnswerTokens,
		u.Took + o.Took, u.Digest,
	}
	if o.Digest != "" {
		sum.Digest = o.Digest
	}
	return sum
}

// ModelUse is what one run asked of a model, and what came of it.
type ModelUse struct {
	Excerpts     Share  `json:"excerpts_answered"` // of all: on the others the rules' answer counts
	Valid        Share  `json:"calls_valid"`
	PromptTokens int    `json:"prompt_tokens"`
	AnswerTokens int    `json:"answer_tokens"`
	Seconds      number `json:"seconds"`
	Digest       string `json:"digest"`
}

func modelUse(all []Judgement) ModelUse {
	var u Use
	var answered Share
	for _, j := range all {
		u = u.plus(j.Use)
		answered.add(j.Answered)
	}
	return ModelUse{
		Excerpts: answered, Valid: Share{u.Valid, u.Calls}, PromptTokens: u.PromptTokens, AnswerTokens: u.AnswerTokens,
		Seconds: number(u.Took.Seconds()), Digest: u.Digest,
	}
}

// About says what was measured.
type About struct {
	Build  string `json:"build"`
	Config string `json:"configuration"`
	Model  string `json:"model"` // "" is none: rules alone
}

// judged returns the judgement on each excerpt. Where a model did not answer the
// rules' severity counts, which is nil for the rules themselves.
func judged(ctx context.Context, all []Excerpt, judge Judge, rules []Judgement) ([]Judgement, error) {
	judgements := make([]Judgement, len(all))
	for i, x := range all {
		j, err := judge(ctx, x)
		if err != nil {
			return nil, &DecideError{Name: x.ID, Err: err}
		}
		if err := j.check(); err != nil {
			return nil, &DecideError{Name: x.ID, Err: err}
		}
		if rules != nil && !j.Answered {
			j.Severity, j.Said = rules[i].Severity, rules[i].Severity
		}
		judgements[i] = j
	}
	return judgements, ctx.Err()
}

func (j Judgement) check() error {
	if j.Severity > event.Critical || j.Said > event.Critical {
		return fmt.Errorf("severity %v, the model's %v", j.Severity, j.Said)
	}
	return nil
}

func decidedOf(j Judgement) event.Severity { return j.Severity }
func saidOf(j Judgement) event.Severity    { return j.Said }
