package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/policy"
	"penstock/core/record"
	"penstock/core/store"
)

// workBatch is how many verdicts one transaction takes at most.
const workBatch = 32

// work is the loop that takes revisions of cases from their evidence to a record
// and the orders that follow from it (T2).
func (w *Worker) work(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	wait := w.retry
	for ctx.Err() == nil {
		w.beat(workLoop)
		items := w.queue.Take(workBatch, w.now())
		if err := w.judgeAll(ctx, items); err != nil && ctx.Err() == nil {
			w.queue.Done(len(items))
			w.storeFails("a verdict", err)
			sleep(ctx, wait)
			wait = min(2*wait, 10*time.Second)
			continue
		}
		wait = w.retry
		w.queue.Done(len(items))
		select {
		case <-ticker.C: // also while the queue never becomes empty
			w.tellMore(ctx)
		default:
		}
		if len(items) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-w.queue.Wake():
		case <-ticker.C:
			w.tellMore(ctx)
		}
	}
}

// tellMore is tellShared with what becomes of its error.
func (w *Worker) tellMore(ctx context.Context) {
	err := w.tellShared(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		w.storeFails("what is told of further cases", err)
	default:
		w.storeWorks("what is told of further cases")
	}
}

// triesAlone is how often a revision that cannot be worked is tried by itself
// before the others no longer wait for it, and putOffFor how long it then waits.
const (
	triesAlone = 3
	putOffFor  = 5 * time.Minute
)

// judgeAll works revisions together. Where that fails and the disk is not to blame,
// it works each alone, so that one that cannot be worked does not hold up the rest.
// What failed is in the queue again.
func (w *Worker) judgeAll(ctx context.Context, items []store.Work) error {
	err := w.judge(ctx, items)
	switch {
	case err == nil:
		return nil
	case store.IsFull(err) || store.IsReadOnly(err) || ctx.Err() != nil:
		w.queue.Add(items...)
		return err
	}
	var failed error
	for _, item := range items {
		err := w.judge(ctx, []store.Work{item})
		if err == nil {
			delete(w.failures, item.Case)
			continue
		}
		failed = err
		if w.failures[item.Case]++; w.failures[item.Case] >= triesAlone {
			delete(w.failures, item.Case)
			item.NotBefore = w.now().Add(putOffFor)
			w.board.Stand(event.High, NoticeStore, item.Case, fmt.Sprintf("case %s cannot be worked and is put off: %v", item.Case, err))
		}
		w.queue.Add(item)
	}
	return failed
}

// judge works revisions of cases and stores their verdicts together; one that
// orders something is stored before the next is judged, so that limits hold. The
// rules' verdict is stored first, so that nobody waits for a model; the model's
// follows as the next record if the case has not changed meanwhile.
func (w *Worker) judge(ctx context.Context, items []store.Work) error {
	var verdicts []store.Verdict
	var late, asked []store.Work // whose records of the hour are used up; which go to the model
	for _, item := range items {
		if report, ok := w.asks.answer(item); ok {
			if err := w.conclude(ctx, report); err != nil { // T3
				return err
			}
			continue
		}
		j, ok, err := w.look(ctx, item.Case, nil)
		if err != nil {
			return err
		}
		if !ok {
			w.board.Tell(event.High, NoticeStore, fmt.Sprintf("case %s is to be worked and is not in the store", item.Case))
			continue
		}
		j.report.Model = w.prospect(&j)
		if j.toldToWait() && j.report.Model.State == pipeline.Waiting { // its T2 is in the store
			asked = append(asked, w.wanted(&j))
			continue
		}
		if j.toldToWait() { // nothing comes, and T3 says so
			if err := w.conclude(ctx, j.report); err != nil {
				return err
			}
			continue
		}
		if item.NotBefore = w.delay(&j); !item.NotBefore.IsZero() {
			late = append(late, item)
			verdicts = append(verdicts, store.Verdict{Case: j.held.Case.ID, Revision: j.held.Case.Revision, By: store.ByRules, Delay: item.NotBefore})
			continue
		}
		v := w.verdict(&j)
		verdicts = append(verdicts, v)
		if !v.EndsWork {
			asked = append(asked, w.wanted(&j))
		}
		if len(v.Orders) > 0 {
			if err := w.keepVerdicts(ctx, verdicts); err != nil { // T2
				return err
			}
			verdicts = nil
		}
	}
	err := w.keepVerdicts(ctx, verdicts) // T2
	if err == nil {
		w.queue.Add(late...)
		w.putOut(w.asks.want(asked))
	}
	return err
}

// judged is a revision of a case with what rules, or rules and model, say of it, and
// what that was decided on.
type judged struct {
	held     cases.HeldState
	last     record.Record // newest of the case; its zero value without any
	records  int           // of the case, within the last hour
	label    label
	harmless bool // a person called it so, with the label
	report   pipeline.Report
	decision policy.Decision
}

// look decides on the newest revision of a case, by that report where a model has a
// say, else by the rules'. It says false for a case that is not there.
func (w *Worker) look(ctx context.Context, id string, report *pipeline.Report) (j judged, ok bool, err error) {
	if j.held, ok, err = w.store.Case(ctx, id); err != nil || !ok {
		return j, false, err
	}
	last, err := w.store.Records(ctx, id, 1)
	if err != nil {
		return j, true, err
	}
	if len(last) > 0 {
		j.last = last[0]
	}
	if j.records, err = w.store.RecordsSince(ctx, id, w.now().Add(-time.Hour)); err != nil {
		return j, true, err
	}
	facts, err := w.facts(ctx, id)
	if err != nil {
		return j, true, err
	}
	j.label, j.harmless = w.labels.match(&j.held, j.last.Severity, w.now())
	facts.Stopped = facts.Stopped || j.harmless // nothing starts on what a person called harmless
	facts.Severity, facts.Used.Raises = j.last.Severity, w.asks.raises(w.now())
	j.report = w.reportFor(&j, report)
	j.decision = w.engine.policy.Decide(j.held.Case, j.report, facts)
	return j, true, nil
}

// reportFor returns that report, or the rules': where there is none, where no model
// was asked, and where it is known by now that none should have been.
func (w *Worker) reportFor(j *judged, report *pipeline.Report) pipeline.Report {
	rules := w.engine.pipeline.Rules(j.held.Case)
	if report == nil {
		return rules
	}
	switch report.Model.State {
	case pipeline.Answers, pipeline.Partly, pipeline.Failed:
		why := w.whyNot(j)
		if why == "" {
			return *report
		}
		rules.Model = w.notAsked(why)
	default:
		rules.Model = report.Model
	}
	return rules
}

// verdict is what is to be stored of a revision as the rules' verdict.
func (w *Worker) verdict(j *judged) store.Verdict {
	c, d := &j.held.Case, j.decision
	v := store.Verdict{
		Case: c.ID, Revision: c.Revision, By: store.ByRules, Host: c.Asset, Record: record.New(*c, j.report, d),
		EndsWork: j.report.Model.State != pipeline.Waiting, Orders: d.Orders(), Sinks: w.sinkNames(),
	}
	if j.harmless {
		v.Record.Suppressed = j.label.text()
	}
	var own bool
	own, v.Slot = w.slots.judge(w.now(), c.Asset, c.ID, d.Severity(), j.harmless || c.Status == cases.Closed)
	switch {
	case own: // a harmless one has it for the last time: who shows the problem ends it
		v.Record.Problem = record.ProblemOwn
	case j.harmless:
	case d.Severity() >= event.Medium:
		v.Record.Problem = record.ProblemShared
	}
	return v
}

// delay holds back a case that has had its records of the hour, unless it has
// become graver.
func (w *Worker) delay(j *judged) time.Time {
	if j.held.Case.Status == cases.Closed || j.records < recordsPerHour || j.decision.Severity() > j.last.Severity {
		return time.Time{}
	}
	return w.now().Add(time.Hour / recordsPerHour)
}

// keepVerdicts stores verdicts in one transaction and wakes those who wait for them.
func (w *Worker) keepVerdicts(ctx context.Context, verdicts []store.Verdict) error {
	if len(verdicts) == 0 {
		return nil
	}
	w.telling.Lock()
	_, err := w.store.Commit(ctx, verdicts)
	w.telling.Unlock()
	return w.kept(verdicts, err)
}

// kept is what follows when verdicts were stored, or were not.
func (w *Worker) kept(verdicts []store.Verdict, err error) error {
	if err != nil {
		w.notifyWithoutStore(verdicts)
		return err
	}
	w.storeWorks("a verdict")
	for _, v := range verdicts {
		w.board.Over(NoticeStore, v.Case, "case "+v.Case+" is stored now")
		if !v.Delay.IsZero() {
			continue
		}
		w.slots.stored(v.Case)
		w.asks.count(v.Record.Model)
		w.asks.stand(&v.Record)
		if len(v.Orders) > 0 {
			wake(w.orders)
		}
	}
	w.wakeSinks()
	return nil
}

func (w *Worker) wakeSinks() {
	for _, records := range w.records {
		wake(records)
	}
}

// notifyWithoutStore tells people of grave cases from memory where the store
// cannot keep their record. Nothing is ordered then.
func (w *Worker) notifyWithoutStore(verdicts []store.Verdict) {
	for _, v := range verdicts {
		if v.Record.Severity >= event.High {
			w.board.Stand(v.Record.Severity, NoticeStore, v.Case, fmt.Sprintf("case %s cannot be stored: %s", v.Case, v.Record.Advice.Headline))
		}
	}
}

func (w *Worker) sinkNames() []string {
	var names []string
	for _, s := range w.sinks {
		names = append(names, s.Name())
	}
	if w.publisher != nil {
		names = append(names, zabbixSink)
	}
	return names
}

// facts is what a decision depends on besides case and report.
func (w *Worker) facts(ctx context.Context, id string) (policy.Facts, error) {
	now := w.now()
	f, err := w.store.OrderFacts(ctx, id, now.Add(-time.Hour))
	if err != nil {
		return policy.Facts{}, fmt.Errorf("look up the orders of case %s: %w", id, err)
	}
	stopped, _, err := w.isStopped(ctx)
	return policy.Facts{
		Now: now, Stopped: stopped, Used: policy.Used{Worker: f.Worker, Sources: f.Sources, Targets: f.Targets},
		Running: f.Running, Ended: f.Ended,
	}, err
}

// keyPaused is under what the store keeps until when nothing starts by itself.
const keyPaused = "paused"

// isStopped says whether the stop switch is on, and why: its file exists, the macro
// in Zabbix is set, or somebody paused the worker. Where that cannot be known it is.
func (w *Worker) isStopped(ctx context.Context) (is bool, why string, err error) {
	if file := w.o.Config.Policy.StopFile; file != "" {
		_, err := os.Lstat(file)
		if err == nil {
			return true, "the file " + file + " exists", nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return true, fmt.Sprintf("the stop file cannot be looked at: %v", err), nil
		}
	}
	if why := w.publisher.stopped(); why != "" {
		return true, why, nil
	}
	text, ok, err := w.store.Meta(ctx, keyPaused)
	if err != nil || !ok || text == "" {
		return err != nil, "", err
	}
	until, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return true, fmt.Sprintf("until when it is paused cannot be read: %v", err), nil
	}
	return w.now().Before(until), "paused until " + text, nil
}

// lookAtStop announces that the stop switch is on.
func (w *Worker) lookAtStop(ctx context.Context) {
	is, why, err := w.isStopped(ctx)
	switch {
	case err != nil: // what cannot be read is told by whoever needs it
	case is:
		w.board.Stand(event.High, NoticeStopped, "", "nothing starts by itself: "+why)
	default:
		w.board.Over(NoticeStopped, "", "what is allowed starts by itself again")
	}
}

// sharedCase is the id of what stands for all cases that share one problem.
func (w *Worker) sharedCase() string {
	return w.engine.Site.Name() + "-" + w.id + "-more"
}

// tellShared tells in one record how many cases have no problem of their own.
func (w *Worker) tellShared(ctx context.Context) error {
	at := w.now()
	now, is := w.slots.news(at)
	if !is {
		return nil
	}
	id := w.sharedCase()
	if now.worst <= w.slots.told.worst {
		if n, err := w.store.RecordsSince(ctx, id, at.Add(-time.Hour)); err != nil || n >= recordsPerHour {
			return err
		}
	}
	last, err := w.store.Records(ctx, id, 1)
	if err != nil {
		return err
	}
	revision := 0
	if len(last) > 0 {
		revision = last[0].Revision
	}
	v := store.Verdict{Case: id, Revision: revision + 1, By: store.ByRules, Record: record.Shared(id, revision+1, now.count, now.worst, at), Sinks: w.sinkNames()}
	if err := w.keepVerdicts(ctx, []store.Verdict{v}); err != nil {
		return err
	}
	w.slots.told, w.slots.toldAt = now, at
	return nil
}
