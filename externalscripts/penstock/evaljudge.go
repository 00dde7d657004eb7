package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"penstock/core/app"
	"penstock/core/config"
	"penstock/core/decode"
	"penstock/core/eval"
	"penstock/core/event"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/site"
)

// judge is the program under test of triage and injection: excerpts through the
// whole of Penstock, each with nothing learnt before.
type judge struct {
	config *config.Config
	engine *app.Engine // of that configuration; excerpts get fresh ones like it
	now    time.Time
	model  pipeline.Asker // nil asks none
	seed   int            // of the model's answers
}

func newJudge(configPath string) (*judge, error) {
	engine, err := loadEngine(configPath, "")
	if err != nil {
		return nil, err
	}
	return &judge{config: engine.Config, engine: engine, now: time.Now()}, nil
}

// with returns a judge that asks that model, with a seed of its own.
func (j *judge) with(m pipeline.Asker, seed int) *judge {
	other := *j
	other.model, other.seed = m, seed
	return &other
}

// examiner asks a model in an evaluation: as something grave, since what is
// measured is the model and not what is left of an hour's budget.
type examiner struct {
	model pipeline.Asker
	seed  int
}

// How long, and how often, an examiner waits for a server that is left alone after
// it failed: the excerpts that follow are to be judged too.
const (
	brokenWait  = 10 * time.Second
	brokenWaits = 6
)

// Ask implements pipeline.Asker.
func (x examiner) Ask(ctx context.Context, r llm.Request) (llm.Answer, error) {
	r.Seed += 10 * x.seed // which leaves room for the attempts at one question
	r.Reserved = true
	answer, err := x.model.Ask(ctx, r)
	for i := 0; i < brokenWaits && llm.FaultOf(err) == llm.Broken; i++ {
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(brokenWait):
		}
		answer, err = x.model.Ask(ctx, r)
	}
	return answer, err
}

// judge implements eval.Judge.
func (j *judge) judge(ctx context.Context, x eval.Excerpt) (eval.Judgement, error) {
	engine, err := j.engineFor(x)
	if err != nil {
		return eval.Judgement{}, err
	}
	for _, ev := range j.events(x) {
		if x.Asked && j.model != nil {
			engine.HandleAsNew(&ev)
		} else {
			engine.Handle(&ev)
		}
	}
	var result eval.Judgement
	for _, v := range engine.Verdicts() {
		if j.model != nil {
			if v, err = j.ask(ctx, engine, v, &result); err != nil {
				return eval.Judgement{}, err
			}
		}
		result.Severity = max(result.Severity, v.Decision.Severity())
		for _, order := range slices.Concat(v.Decision.Orders(), v.Decision.Rehearsed()) {
			result.Orders = append(result.Orders, order.Action+" "+cmp.Or(order.Params.Target(), order.Host))
		}
	}
	slices.Sort(result.Orders)
	result.Orders = slices.Compact(result.Orders)
	return result, nil
}

// ask asks the model about one case and notes what it says and costs.
func (j *judge) ask(ctx context.Context, engine *app.Engine, v app.Verdict, result *eval.Judgement) (app.Verdict, error) {
	v, err := engine.Ask(ctx, examiner{j.model, j.seed}, v)
	if err != nil {
		return v, err
	}
	use := v.Report.Model
	if err := unfit(use, v.Report); err != nil {
		return v, err
	}
	a := v.Report.Assessment // the rules' own where the model gave none
	result.Answered = result.Answered || a.Source == pipeline.Model || use.Ordinary
	result.Said = max(result.Said, a.Severity)
	u := &result.Use
	for _, e := range use.Talk.Exchanges {
		if e.Fault == "" {
			u.Valid++
		}
	}
	u.Calls += use.Calls
	u.PromptTokens += use.PromptTokens
	u.AnswerTokens += use.AnswerTokens
	u.Took += use.Took
	u.Digest = cmp.Or(use.Digest, u.Digest)
	return v, nil
}

// unfit returns an error where there is no model to measure: answers that are
// late or do not fit are its own, a wrong name or address is not.
func unfit(use pipeline.Use, r pipeline.Report) error {
	switch fault := r.Anomaly.Fault; {
	case use.State != pipeline.Failed:
	case fault == llm.Unreachable, fault == llm.Missing, fault == llm.Replaced, fault == llm.Redirected, fault == llm.Refused:
		return fmt.Errorf("the model cannot be asked: %v", fault)
	}
	return nil
}

// engineFor returns an engine that has seen nothing. Where an excerpt may act its
// hosts are in the site's list, in the zone it; where something is known of its
// host, that stands there as a note.
func (j *judge) engineFor(x eval.Excerpt) (*app.Engine, error) {
	if !x.Acts && x.Note == "" {
		return j.engine.Fresh(), nil
	}
	c := *j.config
	c.Site.Assets = slices.Clone(c.Site.Assets)
	if x.Acts {
		c.Actions.Hosts, c.Actions.DryRun = nil, true
	}
	for _, name := range hostsOf(x) {
		asset := site.AssetOptions{Name: name, Note: x.Note}
		if x.Acts {
			asset.Zone = event.ZoneIT
			c.Actions.Hosts = append(c.Actions.Hosts, name)
		}
		c.Site.Assets = append(c.Site.Assets, asset)
	}
	engine, err := app.NewEngine(&c)
	if err != nil {
		return nil, fmt.Errorf("excerpt %s: %w", x.ID, err)
	}
	return engine, nil
}

// hostsOf returns the hosts that wrote the files of an excerpt, each once.
func hostsOf(x eval.Excerpt) []string {
	var names []string
	for _, f := range x.Files {
		if f.Host != "" && !isAlerts(f) {
			names = append(names, f.Host)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isAlerts says whether a file holds alerts of Wazuh, which name the host that
// each is about.
func isAlerts(f eval.ExcerptFile) bool { return strings.HasSuffix(f.Path, "alerts.json") }

// events decodes an excerpt's lines and merges them by time, as if they had been
// read on the day on which they were written: a header may state no year.
func (j *judge) events(x eval.Excerpt) []event.Event {
	all := decodeAll(x, j.now)
	if written, ok := newest(all); ok {
		all = decodeAll(x, written)
	}
	slices.SortStableFunc(all, func(a, b event.Event) int { return a.Time.Compare(b.Time) })
	return all
}

func decodeAll(x eval.Excerpt, received time.Time) []event.Event {
	var all []event.Event
	for _, f := range x.Files {
		o := decode.Options{Source: f.Path, Trust: event.Local, Host: f.Host, Replay: true}
		if isAlerts(f) {
			o.Host = ""
		}
		decoder := decode.New(o)
		for _, line := range f.Lines {
			var ev event.Event
			decoder.Decode(line, received, &ev)
			ev.Seq = uint64(len(all) + 1)
			all = append(all, ev)
		}
	}
	return all
}

// newest returns the newest time that a line states in full.
func newest(all []event.Event) (at time.Time, ok bool) {
	for i := range all {
		ev := &all[i]
		if ev.TimeFrom != event.TimeReceived && ev.ZoneRule != event.ZoneYear && !ev.Clamped && ev.Time.After(at) {
			at, ok = ev.Time, true
		}
	}
	return at, ok
}

// modelFor returns the client of the configured servers, or of one on this host,
// for a model of that name. Its limits are so wide that they limit nothing.
func (j *judge) modelFor(name string) (*llm.Client, error) {
	o, err := modelChoice{name: name}.options(j.config.Model)
	if err != nil {
		return nil, err
	}
	j.config.Model = unhurried(o)
	return newClient(j.config.Model)
}
