package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/policy"
	"penstock/core/record"
	"penstock/core/report"
)

// recorded returns what people see of a stored case. Where the newest record is about
// the same revision it tells what was decided, what became of its orders and what a
// model said, which rules do not know now.
func (e *Engine) recorded(v Verdict, r record.Record) report.CaseView {
	view := e.View(v)
	if r.Case != v.Case.ID || r.Revision != v.Case.Revision {
		return view
	}
	view.Decision = e.decisionOf(r)
	if r.Model != nil {
		view.Report = reportOf(v.Report, r)
	}
	return view
}

// orderStatus are the words of report for what a record calls otherwise.
var orderStatus = map[string]string{"rehearsed": "dry-run", "pending": "waits-for-approval"}

func (e *Engine) decisionOf(r record.Record) report.Decision {
	d := report.Decision{Severity: r.Severity, Mode: r.Mode.String(), DryRun: r.DryRun}
	for _, o := range r.Orders {
		d.Actions = append(d.Actions, report.Action{Name: o.Action, Target: o.Target, Host: o.Host, Status: cmp.Or(orderStatus[o.State], o.State)})
	}
	for _, x := range r.Refusals {
		addRefusal(&d, policy.Refusal{Reason: x.Reason, Action: x.Action, Target: x.Target}, e.Language())
	}
	return d
}

// reportOf puts the stages that a record holds into the place of the rules'.
func reportOf(rules pipeline.Report, r record.Record) pipeline.Report {
	m, a := r.Model, r.Assessment
	rules.Model = pipeline.Use{
		State: m.State, Why: m.Why, Name: m.Name, Digest: m.Digest, Dissent: m.Dissent, Ordinary: m.Ordinary,
		Calls: m.Calls, PromptTokens: m.PromptTokens, AnswerTokens: m.AnswerTokens, Took: time.Duration(m.MS) * time.Millisecond,
	}
	rules.Anomaly = pipeline.Anomaly{
		Answered: answeredOf(r.Anomaly.Source, r.Anomaly.Cost), Unusual: r.Anomaly.Unusual, Score: r.Anomaly.Score,
		Handles: r.Anomaly.Handles, Reasons: r.Anomaly.Reasons,
	}
	rules.Assessment = pipeline.Assessment{
		Answered: answeredOf(a.Source, a.Cost), Severity: a.Severity, Class: a.Class, Techniques: a.Techniques,
		Confidence: a.Confidence, Reasons: a.Reasons,
	}
	rules.Plan = pipeline.Plan{Answered: answeredOf(r.Plan.Source, r.Plan.Cost)}
	for _, text := range r.Plan.Proposals {
		parts := append(strings.SplitN(text, " ", 3), "", "")
		rules.Plan.Proposals = append(rules.Plan.Proposals, pipeline.Proposal{Action: parts[0], Handle: parts[1], Target: parts[2]})
	}
	advice := r.Advice
	rules.Advice = pipeline.Advice{
		Answered: answeredOf(advice.Source, advice.Cost), Headline: advice.Headline, What: advice.What, Sure: advice.Sure,
		Means: advice.Means, Avoid: advice.Avoid, Call: advice.Call,
	}
	for _, s := range advice.Steps {
		rules.Advice.Steps = append(rules.Advice.Steps, pipeline.Step(s))
	}
	return rules
}

func answeredOf(by pipeline.Source, c record.Cost) pipeline.Answered {
	return pipeline.Answered{
		Source: by, Attempts: c.Attempts, Took: time.Duration(c.MS) * time.Millisecond, Fault: llm.FaultNamed(c.Fault),
		PromptTokens: c.PromptTokens, AnswerTokens: c.AnswerTokens,
	}
}

// addTalk adds what was said about the case to what people see of it.
func (d *Desk) addTalk(ctx context.Context, view *report.CaseView) error {
	revision, text, found, err := d.store.Talk(ctx, view.Case.ID)
	if err != nil || !found {
		return err
	}
	if err := json.Unmarshal(text, &view.Report.Model.Talk); err != nil {
		return fmt.Errorf("read what was said about case %s: %w", view.Case.ID, err)
	}
	if revision != view.Case.Revision {
		view.TalkOf = revision
	}
	return nil
}
