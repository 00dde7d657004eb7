package app

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"penstock/core/cases"
	"penstock/core/config"
	"penstock/core/decode"
	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/policy"
	"penstock/core/record"
	"penstock/core/sift"
	"penstock/core/site"
)

// Engine takes events through sift and cases, and cases through the pipeline's
// rules and policy. It is used by one goroutine.
type Engine struct {
	Config  *config.Config
	Site    *site.Site
	Signals *sift.Signals
	// Origin is where Config came from; it is kept in the state.
	Origin Origin

	sifter   *sift.Sifter
	book     *cases.Book
	pipeline *pipeline.Pipeline
	model    *llm.Client // nil without one
	policy   *policy.Policy
	own      *own // what of Zabbix is ours
	// maintenance is what Zabbix says of announced work; only a Worker knows of any.
	maintenance *maintenance
	clocks      map[string]decode.Clock // by source name
	saved       Origin                  // of the state that was loaded
	loaded      bool
}

// Origin tells configurations apart.
type Origin struct {
	Path   string // "" is the built-in defaults
	Digest string // of the file's content
}

// NewEngine joins the parts of a checked configuration.
func NewEngine(c *config.Config) (*Engine, error) {
	s, err := site.New(c.Site)
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	entries, err := c.AllSignals()
	if err != nil {
		return nil, err
	}
	signals, err := sift.NewSignals(entries)
	if err != nil {
		return nil, err
	}
	book, err := config.LoadPlaybook("playbook.yaml", pipeline.ShippedPlaybook())
	if err != nil {
		return nil, err
	}
	p, err := pipeline.New(s, c.Actions.Definitions(), book, entries)
	if err != nil {
		return nil, err
	}
	decide, err := policy.New(s, c.Actions, c.Policy)
	if err != nil {
		return nil, err
	}
	sifter := sift.New(c.Detect.Sift, s, signals)
	return &Engine{
		Config: c, Site: s, Signals: signals, sifter: sifter, pipeline: p, policy: decide, own: newOwn(c.Zabbix.Host), maintenance: newMaintenance(s), clocks: map[string]decode.Clock{},
		book: cases.NewBook(c.Detect.Cases, s, s.Worker(), sifter.Miner().Template),
	}, nil
}

// Handle takes one event as far as a case and says what became of it. It fills
// in the event's asset and zone.
func (e *Engine) Handle(ev *event.Event) cases.Outcome {
	return e.book.Add(ev, e.sifter.Sift(ev))
}

// Verdict is a case with what rules and policy say of it.
type Verdict struct {
	Case     cases.Case
	Report   pipeline.Report
	Decision policy.Decision
}

// StateOrigin returns the origin of the configuration that the loaded state was
// last saved with, and false where none was loaded.
func (e *Engine) StateOrigin() (Origin, bool) { return e.saved, e.loaded }

// maxClocks is how many sources a state remembers the time of.
const maxClocks = 1000

// KeepClocks notes how far sources have been read, for the state. Of a source
// with several files the newest counts.
func (e *Engine) KeepClocks(files []FileUsage) {
	for _, f := range files {
		if old, ok := e.clocks[f.Source]; !ok || !f.Clock.Newest.Before(old.Newest) {
			e.clocks[f.Source] = f.Clock
		}
	}
	for len(e.clocks) > maxClocks {
		oldest := ""
		for name, c := range e.clocks {
			if o := e.clocks[oldest]; oldest == "" || c.Newest.Before(o.Newest) || c.Newest.Equal(o.Newest) && name < oldest {
				oldest = name
			}
		}
		delete(e.clocks, oldest)
	}
}

// Record returns the verdict as the object that every sink gets.
func (v Verdict) Record() record.Record { return record.New(v.Case, v.Report, v.Decision) }

// Verdicts works every case through the five stages by rules and decides on it,
// the gravest case first.
func (e *Engine) Verdicts() []Verdict {
	all := e.book.Cases()
	verdicts := make([]Verdict, len(all))
	for i, c := range all {
		verdicts[i] = e.judge(c)
	}
	return verdicts
}

// Unjudged returns every case without a verdict, the gravest first: enough to
// count them.
func (e *Engine) Unjudged() []Verdict {
	all := e.book.Cases()
	verdicts := make([]Verdict, len(all))
	for i, c := range all {
		verdicts[i].Case = c
	}
	return verdicts
}

// Verdict returns the verdict on the case with that id.
func (e *Engine) Verdict(id string) (Verdict, bool) {
	c, ok := e.book.Find(id)
	if !ok {
		return Verdict{}, false
	}
	return e.judge(c), true
}

// SourceOptions returns how to decode a file: as the configured source with that
// path, else as a local file in the site's timezone. Old files are replayed:
// their event times stand.
func (e *Engine) SourceOptions(path string) decode.Options {
	o := decode.Options{Source: SourceName(path), Trust: event.Local, Location: e.Site.Timezone(), Replay: true}
	s, ok := e.source(path)
	if !ok {
		o.Clock = e.clocks[o.Source]
		return o
	}
	o.Clock = e.clocks[s.Name]
	o.Source, o.Trust, o.Host = s.Name, s.Trust, s.Host
	o.Location = e.location(s)
	if s.Kind == intake.KindZabbix {
		o.Zabbix = e.own.zabbix()
	}
	return o
}

// location returns the time zone of a source's lines that name none.
func (e *Engine) location(s intake.Source) *time.Location {
	if zone, err := time.LoadLocation(s.Timezone); err == nil && s.Timezone != "" {
		return zone
	}
	return e.Site.Timezone()
}

// source returns the configured source that a path belongs to.
func (e *Engine) source(path string) (intake.Source, bool) {
	if path == Stdin {
		i := slices.IndexFunc(e.Config.Sources, func(s intake.Source) bool { return s.Kind == intake.KindStdin })
		if i < 0 {
			return intake.Source{}, false
		}
		return e.Config.Sources[i], true
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return intake.Source{}, false
	}
	return e.Config.Sources.ForFile(absolute)
}

func (e *Engine) judge(c cases.Case) Verdict {
	r := e.pipeline.Rules(c)
	return Verdict{Case: c, Report: r, Decision: e.policy.Decide(c, r, policy.Facts{Now: c.Updated})}
}
