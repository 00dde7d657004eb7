package record

import (
	"time"

	"penstock/core/pipeline"
)

// Model is the part that a language model had in a revision, and what it cost.
type Model struct {
	State    pipeline.State `json:"state"`
	Why      string         `json:"why,omitempty"`  // what kept it from answering
	Name     string         `json:"name,omitempty"` // as its server calls it
	Digest   string         `json:"digest,omitempty"`
	Dissent  bool           `json:"dissent,omitempty"`  // it calls ordinary, or less grave, what rules do not
	Ordinary bool           `json:"ordinary,omitempty"` // it was asked no further, and rules do not object
	Calls    int            `json:"calls"`
	// PromptTokens and AnswerTokens are what was read and written, MS the
	// milliseconds that it took, all calls together.
	PromptTokens int   `json:"prompt_tokens"`
	AnswerTokens int   `json:"answer_tokens"`
	MS           int64 `json:"ms"`
}

// Cost is what a model's answer of one stage took, whether it stands or not. All of
// it is left out where no model was asked.
type Cost struct {
	Attempts     int    `json:"attempts,omitempty"`
	MS           int64  `json:"ms,omitempty"`
	PromptTokens int    `json:"prompt_tokens,omitempty"`
	AnswerTokens int    `json:"answer_tokens,omitempty"`
	Fault        string `json:"fault,omitempty"` // why the model's answer does not stand
}

// shownDigest is how many digits of a model's digest are enough to tell models apart.
const shownDigest = 12

func model(u pipeline.Use) *Model {
	if u.State == pipeline.NoModel {
		return nil
	}
	return &Model{
		State: u.State, Why: text(u.Why, maxWord), Name: text(u.Name, maxWord), Digest: text(u.Digest[:min(len(u.Digest), shownDigest)], shownDigest),
		Dissent: u.Dissent, Ordinary: u.Ordinary, Calls: int(count(u.Calls)), PromptTokens: int(count(u.PromptTokens)),
		AnswerTokens: int(count(u.AnswerTokens)), MS: milliseconds(u.Took),
	}
}

func cost(a pipeline.Answered) Cost {
	return Cost{
		Attempts: int(count(a.Attempts)), MS: milliseconds(a.Took), PromptTokens: int(count(a.PromptTokens)),
		AnswerTokens: int(count(a.AnswerTokens)), Fault: a.Fault.String(),
	}
}

func milliseconds(d time.Duration) int64 { return max(0, d.Milliseconds()) }
