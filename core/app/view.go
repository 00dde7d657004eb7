package app

import (
	"cmp"
	"slices"
	"strings"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/pipeline"
	"penstock/core/policy"
	"penstock/core/report"
)

// View returns the verdict in the words that a report shows.
func (e *Engine) View(v Verdict) report.CaseView { return v.View(e.Language()) }

// Language returns the site's language: en, es, de or fr.
func (e *Engine) Language() string { return e.Site.Language() }

// View returns the verdict in the words that a report shows in that language;
// the pipeline's own texts stay in the site's.
func (v Verdict) View(language string) report.CaseView {
	d := report.Decision{Severity: v.Decision.Severity(), Mode: v.Decision.Mode().String(), DryRun: v.Decision.DryRun()}
	for _, group := range []struct {
		orders []action.Order
		status string
	}{
		{v.Decision.Orders(), "intended"}, {v.Decision.Rehearsed(), "dry-run"}, {v.Decision.Pending(), "waits-for-approval"},
	} {
		for _, o := range group.orders {
			d.Actions = append(d.Actions, report.Action{Name: o.Action, Target: o.Params.Target(), Host: o.Host, Status: group.status})
		}
	}
	for _, r := range v.Decision.Refusals() {
		addRefusal(&d, r, language)
	}
	return report.CaseView{Case: v.Case, Report: v.Report, Decision: d}
}

// addRefusal adds in words what was not done, once.
func addRefusal(d *report.Decision, r policy.Refusal, language string) {
	text := report.Reason(r.Reason.String(), language)
	if r.Action != "" {
		what := strings.TrimSpace(pipeline.ActionWords(r.Action, language) + " " + r.Target)
		text = report.Refused(what, r.Reason.String(), language)
	}
	if !slices.Contains(d.Reasons, text) {
		d.Reasons = append(d.Reasons, text)
	}
}

// topTemplates returns the most frequent templates. A secret that stands in
// every such line is part of its template.
func (e *Engine) topTemplates() []report.Template {
	var all []report.Template
	for _, t := range e.sifter.Miner().Templates() {
		all = append(all, report.Template{Text: t.Text, Host: t.Scope, Events: int(t.Count)})
	}
	slices.SortFunc(all, func(a, b report.Template) int {
		return cmp.Or(-cmp.Compare(a.Events, b.Events), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Text, b.Text))
	})
	all = all[:min(len(all), topTemplates)]
	for i := range all {
		all[i].Text = cases.MaskSecrets(all[i].Text)
	}
	return all
}
