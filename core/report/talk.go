package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/pipeline"
)

// model writes what part a model had in the answers, stage by stage, and then each
// question and answer.
func (p *printer) model(v *CaseView) {
	parts := modelParts(&v.Report, p.Language)
	if len(parts) > 0 {
		p.section("model")
	}
	for _, part := range parts {
		p.wrap("  ", part)
	}
	for _, part := range stageParts(&v.Report, p.Language) {
		p.wrap("  ", part)
	}
	if v.TalkOf > 0 {
		p.line("")
		p.wrap("  ", fillCount(p.label("talk-of"), v.TalkOf, 0, p.Language))
	}
	p.exchanges(v.Report.Model.Talk.Exchanges)
}

// modelParts says what part a model had, and what all of it cost; nothing where
// none is configured.
func modelParts(r *pipeline.Report, language string) []string {
	u := &r.Model
	if u.State == pipeline.NoModel {
		return nil
	}
	text := label("model-"+u.State.String(), language)
	if u.Why != "" {
		text += " (" + u.Why + ")"
	}
	if u.Name != "" {
		text = strings.TrimSpace(u.Name+" "+short(u.Digest)) + ": " + text
	}
	parts := []string{text}
	if u.Dissent {
		parts = append(parts, label("dissent", language))
	}
	if u.Ordinary {
		parts = append(parts, label("ordinary", language))
	}
	if u.Calls > 0 {
		parts = append(parts, cost(u.Calls, u.PromptTokens, u.AnswerTokens, u.Took))
	}
	return parts
}

var stageLabels = [...]string{"stage-detect", "stage-assess", "stage-solve", "stage-advise"}

// stageParts says for each stage who gave its answer; nothing where no model was
// asked.
func stageParts(r *pipeline.Report, language string) []string {
	if r.Model.Calls == 0 {
		return nil
	}
	var parts []string
	for i, by := range []pipeline.Answered{r.Anomaly.Answered, r.Assessment.Answered, r.Plan.Answered, r.Advice.Answered} {
		parts = append(parts, fmt.Sprintf("%d %s: %s", i+2, label(stageLabels[i], language), answered(by, language)))
	}
	return parts
}

// said returns the severity that the model gave, for a table.
func said(r *pipeline.Report, language string) string {
	switch {
	case r.Model.Ordinary:
		return pipeline.SeverityWord(event.None, language)
	case r.Assessment.Source == pipeline.Model:
		return pipeline.SeverityWord(r.Assessment.Severity, language)
	}
	return "–"
}

// answered says who gave the answer of one stage, and what it cost.
func answered(by pipeline.Answered, language string) string {
	text := label("by-"+by.Source.String(), language)
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
	p.line("  %s (%s)", p.label("prompt"), Terminal(t.Prompts))
	p.quote(t.System)
	p.line("    |")
	p.quote(t.Case)
	return p.err
}

// short returns the beginning of a digest, as Ollama shows it.
func short(digest string) string { return digest[:min(12, len(digest))] }
