package app

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/record"
)

// CmdGlance asks for a Glance.
const CmdGlance = "glance"

// Glance is what a plugin answers its items from: the status, and the open cases
// that are problems, the gravest first. The worker makes it at most once a second.
type Glance struct {
	At     time.Time             `json:"at"`
	Status Status                `json:"status"`
	Cases  []GlanceCase          `json:"cases"`           // at most mostGlance
	More   int                   `json:"more"`            // open cases, Medium and graver, that are not listed
	Rates  map[string]SourceRate `json:"rates,omitempty"` // by source; one that is not there has said nothing lately
}

// GlanceCase is one open case in a line.
type GlanceCase struct {
	Case     string         `json:"case"`
	Status   string         `json:"status"`
	Host     string         `json:"host"`
	Zone     event.Zone     `json:"zone"`
	Class    event.Class    `json:"class"`
	Severity event.Severity `json:"severity"`
	Level    int            `json:"level"` // the same as a number, 0 (none) to 4 (Critical)
	Opened   string         `json:"opened"`
	Updated  string         `json:"updated"`
	Events   int64          `json:"events"`
	Headline string         `json:"headline"`
}

const (
	mostGlance  = 50          // cases of one Glance
	glanceEvery = time.Second // one is made
)

// glancing is the newest Glance, for everybody who asks within a second.
type glancing struct {
	sync.Mutex

	made time.Time
	last Glance
}

// Glance returns what a plugin answers from.
func (w *Worker) Glance(ctx context.Context) (Glance, error) {
	w.glancing.Lock()
	defer w.glancing.Unlock()
	if time.Since(w.glancing.made) < glanceEvery {
		return w.glancing.last, nil
	}
	g := Glance{At: w.now().UTC(), Status: w.Status(ctx), Rates: w.rates.All()}
	var err error
	if g.Cases, err = w.glanceCases(ctx); err != nil {
		return Glance{}, err
	}
	for severity := event.Medium; severity <= event.Critical; severity++ {
		g.More += g.Status.Cases[severity.String()]
	}
	g.More = max(0, g.More-len(g.Cases))
	w.glancing.made, w.glancing.last = time.Now(), g
	return g, nil
}

// glanceCases returns the cases that have a problem of their own, which are few.
func (w *Worker) glanceCases(ctx context.Context) ([]GlanceCase, error) {
	problems, err := w.openProblems(ctx)
	if err != nil {
		return nil, err
	}
	all := []GlanceCase{}
	for i := range problems {
		r := &problems[i]
		if r.Case == w.sharedCase() {
			continue
		}
		all = append(all, GlanceCase{
			Case: r.Case, Status: r.Status, Host: r.Asset, Zone: r.Zone, Class: r.Class, Severity: r.Severity, Level: r.Level,
			Opened: r.Opened, Updated: r.Updated, Events: r.Events, Headline: r.Advice.Headline,
		})
	}
	slices.SortFunc(all, func(a, b GlanceCase) int {
		return cmp.Or(b.Level-a.Level, strings.Compare(b.Updated, a.Updated), strings.Compare(a.Case, b.Case))
	})
	return all[:min(len(all), mostGlance)], nil
}

// openProblems returns the newest records of the open cases that have a problem of
// their own, and of what stands for those told together, in no order.
func (w *Worker) openProblems(ctx context.Context) ([]record.Record, error) {
	slots, err := w.store.Slots(ctx)
	if err != nil {
		return nil, err
	}
	ids := []string{w.sharedCase()}
	for _, host := range slots {
		ids = append(ids, host...)
	}
	var open []record.Record
	for _, id := range ids {
		last, err := w.store.Records(ctx, id, 1)
		if err != nil {
			return nil, err
		}
		if len(last) > 0 && last[0].Status != cases.Closed.String() {
			open = append(open, last[0])
		}
	}
	return open, nil
}
