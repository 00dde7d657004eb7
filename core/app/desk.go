package app

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"penstock/core/event"
	"penstock/core/record"
	"penstock/core/report"
	"penstock/core/store"
)

// Desk answers questions about stored cases. It needs no running worker, and may
// be used by several goroutines at the same time.
type Desk struct {
	engine *Engine
	store  *store.Store
}

// NewDesk returns a Desk over an open store.
func NewDesk(e *Engine, s *store.Store) *Desk { return &Desk{engine: e, store: s} }

// Style says how text is to look for whoever asked.
type Style struct {
	Language string `json:"language,omitempty"` // "" is the site's
	Width    int    `json:"width,omitempty"`    // columns; 0 cuts and wraps nothing
	Colour   bool   `json:"colour,omitempty"`
}

func (d *Desk) style(s Style) report.Style {
	if s.Language == "" {
		s.Language = d.engine.Language()
	}
	return report.Style{Language: s.Language, Location: d.engine.Site.Timezone(), Width: s.Width, Colour: s.Colour}
}

// CasesQuery asks for cases.
type CasesQuery struct {
	All   bool           `json:"all,omitempty"` // closed ones too
	From  event.Severity `json:"from"`          // this severity and above
	Limit int            `json:"limit,omitempty"`
	Style Style          `json:"style"`
}

// mostCases is how many cases one answer lists.
const mostCases = 500

// CaseLine is one case of a list.
type CaseLine struct {
	Case     string         `json:"case"`
	Status   string         `json:"status"`
	Severity event.Severity `json:"severity"`
	Class    event.Class    `json:"class"`
	Asset    string         `json:"asset"`
	Opened   time.Time      `json:"opened"`
	Updated  time.Time      `json:"updated"`
	Events   int            `json:"events"`
}

// CasesAnswer is a list of cases, as a table and in pieces.
type CasesAnswer struct {
	Text  string     `json:"text"`
	Cases []CaseLine `json:"cases"`
	More  bool       `json:"more,omitempty"` // there are more than were asked for
}

// Cases lists cases, the gravest first.
func (d *Desk) Cases(ctx context.Context, q CasesQuery) (CasesAnswer, error) {
	if q.Limit <= 0 || q.Limit > mostCases {
		q.Limit = mostCases
	}
	// The store knows the floor only, and a model may have put a case one step above.
	f := store.Filter{OpenOnly: !q.All, Limit: q.Limit + 1, MinFloor: q.From}
	if q.From > event.Low {
		f.Limit, f.MinFloor = mostCases+1, q.From-1
	}
	rows, err := d.store.Cases(ctx, f)
	if err != nil {
		return CasesAnswer{}, err
	}
	a := CasesAnswer{Cases: []CaseLine{}, More: len(rows) == f.Limit}
	var views []report.CaseView
	for _, row := range rows {
		view, _, ok, err := d.view(ctx, row.ID, 1)
		if err != nil {
			return CasesAnswer{}, err
		}
		if !ok || view.Decision.Severity < q.From {
			continue
		}
		if len(views) == q.Limit {
			a.More = true
			break
		}
		views = append(views, view)
	}
	slices.SortStableFunc(views, func(x, y report.CaseView) int { return int(y.Decision.Severity) - int(x.Decision.Severity) })
	for _, v := range views {
		c := &v.Case
		a.Cases = append(a.Cases, CaseLine{
			c.ID, c.Status.String(), v.Decision.Severity, c.Class, c.Asset, c.Opened.UTC(), c.Updated.UTC(), c.Events,
		})
	}
	var text bytes.Buffer
	if len(views) > 0 {
		if err := report.Table(&text, views, d.style(q.Style)); err != nil {
			return CasesAnswer{}, err
		}
	}
	a.Text = text.String()
	return a, nil
}

// view returns what people see of a stored case, and its newest records.
func (d *Desk) view(ctx context.Context, id string, records int) (view report.CaseView, newest []record.Record, ok bool, err error) {
	held, ok, err := d.store.Case(ctx, id)
	if err != nil || !ok {
		return view, nil, ok, err
	}
	v := d.engine.judge(held.Case)
	if newest, err = d.store.Records(ctx, id, records); err != nil {
		return view, nil, true, err
	}
	if len(newest) == 0 { // it waits for its first
		newest = []record.Record{v.Record()}
	}
	return d.engine.recorded(v, newest[0]), newest, true, nil
}

// CaseQuery asks for one case.
type CaseQuery struct {
	Case    string `json:"case"`
	Prompts bool   `json:"prompts,omitempty"` // with what every question to a model began with
	Style   Style  `json:"style"`
}

// CaseAnswer is one case in full.
type CaseAnswer struct {
	Text    string        `json:"text"`
	Record  record.Record `json:"record"`
	History []HistoryLine `json:"history,omitempty"` // newest first
	Labels  []store.Label `json:"labels,omitempty"`
}

// HistoryLine is one record of a case.
type HistoryLine struct {
	Seq      uint64         `json:"seq"`
	Revision int            `json:"revision"`
	Status   string         `json:"status"`
	Severity event.Severity `json:"severity"`
	Updated  string         `json:"updated"`
}

// NotFoundError means that no case has that id.
type NotFoundError struct{ Case string }

// Error names the id.
func (e NotFoundError) Error() string { return fmt.Sprintf("there is no case %q", e.Case) }

// historyLines is how many records of a case are listed.
const historyLines = 20

// Case returns one case in full. The error is a NotFoundError where there is none.
func (d *Desk) Case(ctx context.Context, q CaseQuery) (CaseAnswer, error) {
	view, records, ok, err := d.view(ctx, q.Case, historyLines)
	if err != nil {
		return CaseAnswer{}, err
	}
	if !ok {
		return CaseAnswer{}, NotFoundError{q.Case}
	}
	a := CaseAnswer{Record: records[0]}
	for _, r := range records {
		if r.Seq > 0 {
			a.History = append(a.History, HistoryLine{r.Seq, r.Revision, r.Status, r.Severity, r.Updated})
		}
	}
	if err := d.addTalk(ctx, &view); err != nil {
		return a, err
	}
	var text bytes.Buffer
	if err := report.Explain(&text, view, d.style(q.Style)); err != nil {
		return a, err
	}
	if q.Prompts {
		if err := report.Prompt(&text, view.Report.Model.Talk, d.style(q.Style)); err != nil {
			return a, err
		}
	}
	if a.Labels, err = d.labels(ctx, q.Case); err != nil {
		return a, err
	}
	if a.Record.Suppressed != "" {
		fmt.Fprintf(&text, "\n%s\n", report.Terminal(a.Record.Suppressed))
	}
	for _, l := range a.Labels {
		fmt.Fprintf(&text, "\nlabel %d: %s by %s, %s %s\n", l.ID, report.Terminal(l.Kind), report.Terminal(l.By), l.At.UTC().Format(time.RFC3339), report.Terminal(l.Note))
	}
	a.Text = text.String()
	return a, nil
}

func (d *Desk) labels(ctx context.Context, id string) ([]store.Label, error) {
	all, err := d.store.Labels(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	var some []store.Label
	for _, l := range all {
		if l.Case == id {
			some = append(some, l)
		}
	}
	return some, nil
}
