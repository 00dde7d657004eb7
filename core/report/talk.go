package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"penstock/core/pipeline"
)

// model writes what part a model had in the answers, stage by stage, and then each
// question and answer.
func (p *printer) model(r pipeline.Report) {
	u := r.Model
	if u.State == pipeline.NoModel {
		return
	}
	p.section("model")
	text := p.label("model-" + u.State.String())
	if u.Why != "" {
		text += " (" + u.Why + ")"
	}
	if u.Name != "" {
		text = u.Name + " " + short(u.Digest) + ": " + text
	}
	p.wrap("  ", text)
	if u.Dissent {
		p.wrap("  ", p.label("dissent"))
	}
	if u.Ordinary {
		p.wrap("  ", p.label("ordinary"))
	}
	if u.Calls == 0 {
		return
	}
	p.line("  %s", cost(u.Calls, u.PromptTokens, u.AnswerTokens, u.Took))
	for i, by := range []pipeline.Answered{r.Anomaly.Answered, r.Assessment.Answered, r.Plan.Answered, r.Advice.Answered} {
		p.line("  %d %s: %s", i+2, p.label(stageLabels[i]), p.answered(by))
	}
	p.exchanges(u.Talk.Exchanges)
}

var stageLabels = [...]string{"stage-detect", "stage-assess", "stage-solve", "stage-advise"}

// answered says who gave the answer of one stage, and what it cost.
func (p *printer) answered(by pipeline.Answered) string {
	text := p.label("by-" + by.Source.String())
	if fault := by.Fault.String(); fault != "" {
		text += " (" + fault + ")"
	}
	if by.Attempts > 0 {
		text += ", " + cost(by.Attempts, by.PromptTokens, by.AnswerTokens, by.Took)
	}
	return text
}

// cost writes calls, tokens read and written, and time, in that order.
func cost(calls, read, written int, took time.Duration) string {
	return fmt.Sprintf("%d ×, %d + %d tokens, %s", calls, read, written, took.Round(10*time.Millisecond))
}

func (p *printer) exchanges(all []pipeline.Exchange) {
	for _, x := range all {
		p.line("")
		p.line("  %s %d.%d", p.label("question"), x.Stage, x.Attempt)
		p.quote(x.Question)
		p.line("  %s %d.%d", p.label("answer"), x.Stage, x.Attempt)
		p.quote(x.Answer)
		if x.Fault != "" {
			p.wrap("    ! ", x.Fault)
		}
	}
}

// quote writes a text line by line.
func (p *printer) quote(text string) {
	for line := range strings.Lines(strings.TrimSpace(text)) {
		p.wrap("    | ", strings.TrimRight(line, "\n"))
	}
}

// Prompt writes what every question about a case began with, word for word but for
// what a terminal would obey.
func Prompt(w io.Writer, t pipeline.Talk, s Style) error {
	if t.System == "" {
		return nil
	}
	p := &printer{w: w, Style: s}
	p.line("")
	p.line("  %s (%s)", p.label("prompt"), t.Prompts)
	p.quote(t.System)
	p.line("    |")
	p.quote(t.Case)
	return p.err
}

// short returns the beginning of a digest, as Ollama shows it.
func short(digest string) string { return digest[:min(12, len(digest))] }
