package app

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/report"
)

// Bounds of what a report lists; the rest is counted only.
const (
	maxListed    = 200
	topTemplates = 20
)

// Collector counts what a report shows beside the cases. The zero value is ready.
type Collector struct {
	Totals   report.Totals
	timeline report.Timeline
	sources  map[string]*report.Source
	hosts    map[string]*report.Host
}

// Add counts one event and what became of it.
func (c *Collector) Add(ev *event.Event, out cases.Outcome) {
	t := &c.Totals
	t.Events++
	t.From, t.To = span(t.From, t.To, ev.Time)
	handed := 0
	switch out.Decision {
	case cases.Suppress:
		t.Suppressed++
		c.timeline.Suppressed(ev.Time)
	case cases.Attach, cases.Forward:
		handed = 1
		if out.Decision == cases.Attach {
			t.Attached++
		} else {
			t.Forwarded++
		}
		c.timeline.Handed(ev.Time, out.Severity)
	}
	if s := c.source(ev); s != nil {
		s.Events++
		s.Handed += handed
		s.From, s.To = span(s.From, s.To, ev.Time)
	}
	if h := c.host(ev); h != nil {
		h.Events++
		h.Worst = max(h.Worst, out.Severity)
	}
}

func (c *Collector) source(ev *event.Event) *report.Source {
	if s := c.sources[ev.Source]; s != nil {
		return s
	}
	if len(c.sources) >= maxListed {
		return nil
	}
	if c.sources == nil {
		c.sources = map[string]*report.Source{}
	}
	s := &report.Source{Name: strings.Clone(ev.Source), Format: strings.Clone(ev.Format), Trust: ev.Trust}
	c.sources[s.Name] = s
	return s
}

func (c *Collector) host(ev *event.Event) *report.Host {
	if h := c.hosts[ev.Asset]; h != nil {
		return h
	}
	if len(c.hosts) >= maxListed || ev.Asset == "" {
		return nil
	}
	if c.hosts == nil {
		c.hosts = map[string]*report.Host{}
	}
	h := &report.Host{Name: strings.Clone(ev.Asset), Zone: ev.Zone, File: ev.Host == "" && ev.Asset == ev.Source}
	c.hosts[h.Name] = h
	return h
}

func span(from, to, at time.Time) (time.Time, time.Time) {
	if from.IsZero() || at.Before(from) {
		from = at
	}
	if at.After(to) {
		to = at
	}
	return from, to
}

// Report joins what was counted with the engine's verdicts. Version, time and
// duration are the caller's to fill in.
func (c *Collector) Report(e *Engine, verdicts []Verdict) report.Input {
	in := report.Input{
		Site: e.Site.Name(), Language: e.Site.Language(), Location: e.Site.Timezone(),
		Totals: c.Totals, Timeline: &c.timeline, Templates: e.topTemplates(),
	}
	for severity := range in.Totals.NotKept {
		in.Totals.NotKept[severity] = e.book.Dropped(event.Severity(severity))
	}
	for _, v := range verdicts {
		if h := c.hosts[v.Case.Asset]; h != nil {
			h.Cases++
			h.Worst = max(h.Worst, v.Case.Floor)
		}
		in.Cases = append(in.Cases, e.View(v))
	}
	for _, s := range c.sources {
		in.Sources = append(in.Sources, *s)
	}
	for _, h := range c.hosts {
		in.Hosts = append(in.Hosts, *h)
	}
	slices.SortFunc(in.Sources, func(a, b report.Source) int {
		return cmp.Or(-cmp.Compare(a.Events, b.Events), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(in.Hosts, func(a, b report.Host) int {
		return cmp.Or(-cmp.Compare(a.Worst, b.Worst), -cmp.Compare(a.Events, b.Events), strings.Compare(a.Name, b.Name))
	})
	return in
}
