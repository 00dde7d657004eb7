package app

import (
	"context"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/policy"
	"penstock/core/sift"
)

// Fresh returns an engine of the same configuration that has seen nothing. It
// costs little beside NewEngine.
func (e *Engine) Fresh() *Engine {
	fresh := &Engine{
		Config: e.Config, Site: e.Site, Signals: e.Signals, Origin: e.Origin,
		sifter: sift.New(e.Config.Detect.Sift, e.Site, e.Signals), pipeline: e.pipeline, policy: e.policy, own: e.own,
	}
	fresh.book = cases.NewBook(e.Config.Detect.Cases, e.Site, e.Site.Worker(), fresh.sifter.Miner().Template)
	return fresh
}

// HandleAsNew is Handle for an event that somebody asks about: where nothing is
// noticeable about it, it opens a case as something new.
func (e *Engine) HandleAsNew(ev *event.Event) cases.Outcome {
	found := e.sifter.Sift(ev)
	if len(found.Evidence) == 0 {
		found.Evidence = []sift.Evidence{{
			Kind: sift.NewTemplate, Class: event.Novelty, Severity: event.Low, Subject: ev.Program, Origin: ev.HostOrigin,
		}}
	}
	found.Fresh = true
	return e.book.Add(ev, found)
}

// Ask returns what becomes of a verdict of the rules once that model was asked
// about its case. It blocks as pipeline.Ask does, and its error is that of ctx.
// Whoever asks by hand wants to know of closed cases too: a log that is read
// afterwards has hardly any others.
func (e *Engine) Ask(ctx context.Context, m pipeline.Asker, v Verdict) (Verdict, error) {
	open := v.Case
	open.Status = cases.Open
	r, err := e.pipeline.WithModel(m, e.Config.Model, fenceMark).Ask(ctx, open, v.Report)
	return Verdict{Case: v.Case, Report: r, Decision: e.policy.Decide(v.Case, r, policy.Facts{Now: v.Case.Updated})}, err
}
