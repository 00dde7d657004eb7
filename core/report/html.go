package report

import (
	"bufio"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
)

//go:embed report.html.tmpl
var htmlTemplate string

// Bounds of one HTML file; what lies beyond is counted in it.
const (
	maxCases = 200
	maxRows  = 40 // of sources, hosts and templates, each
	openTo   = 3  // cases from High up that stand open at first
)

// HTML writes the report as one self-contained file: no script, nothing from
// outside, a policy in it that forbids both, readable on a phone, in the dark
// and on paper. All text is cleaned by HTMLText and escaped by html/template.
//
// What a browser test can hold: document.scripts is empty, no request leaves,
// a <script> in a log line stands there as text, each case is an element with
// id "case-N" (N from 1, gravest first), the timeline is svg#timeline.
func HTML(w io.Writer, in Input) error {
	page, err := template.New("report").Funcs(in.functions()).Parse(htmlTemplate)
	if err != nil {
		return fmt.Errorf("read the report's template: %w", err)
	}
	out := bufio.NewWriter(w)
	if err := page.Execute(out, newPage(&in)); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return out.Flush()
}

// page is what the template shows.
type page struct {
	Input
	Lang      string
	Picture   *picture
	Shown     []shownCase
	Further   int
	Attention int    // cases from High up
	Worst     string // class of the gravest case's severity
	Counts    []severityCount
	Span      string
	TopEvents int  // events of the most frequent template
	Programs  bool // a template names its program
	Origins   bool // a template names its host or file
	Rates     bool // a source has a rate
}

// severityCount is how many cases have a severity.
type severityCount struct {
	Severity event.Severity
	Cases    int
}

// shownCase is one case with its number in the file.
type shownCase struct {
	*CaseView
	N        int
	Severity event.Severity
	Open     bool
}

func newPage(in *Input) *page {
	p := &page{Input: *in, Lang: "en"}
	switch in.Language {
	case "es", "de", "fr":
		p.Lang = in.Language
	}
	p.Cases = slices.Clone(in.Cases)
	slices.SortStableFunc(p.Cases, func(a, b CaseView) int { return cmp.Compare(b.severity(), a.severity()) })
	counts := [5]int{}
	for i := range p.Cases {
		s := p.Cases[i].severity()
		counts[min(int(s), len(counts)-1)]++
		if s >= event.High {
			p.Attention++
		}
		if i < maxCases {
			p.Shown = append(p.Shown, shownCase{CaseView: &p.Cases[i], N: i + 1, Severity: s, Open: s >= event.High && i < openTo})
		}
	}
	p.Further = len(p.Cases) - len(p.Shown)
	for s := event.Critical; s >= event.Low; s-- {
		p.Counts = append(p.Counts, severityCount{s, counts[s]})
	}
	p.Worst = "calm"
	if p.Attention > 0 {
		p.Worst = strings.ToLower(p.Cases[0].severity().String())
	}
	p.Sources = p.Sources[:min(maxRows, len(p.Sources))]
	p.Hosts = p.Hosts[:min(maxRows, len(p.Hosts))]
	p.Templates = p.Templates[:min(maxRows, len(p.Templates))]
	for _, t := range p.Templates {
		p.TopEvents = max(p.TopEvents, t.Events)
		p.Programs = p.Programs || t.Program != ""
		p.Origins = p.Origins || t.Host != ""
	}
	p.Rates = slices.ContainsFunc(p.Sources, func(s Source) bool { return rate(s, in.Language) != "" })
	p.Picture = newPicture(in, p.Shown)
	return p
}

// functions are what the template may call; text from outside passes "text".
func (in *Input) functions() template.FuncMap {
	language := in.Language
	return template.FuncMap{
		"t": func(key string) (string, error) {
			if _, ok := labels[key]; !ok {
				return "", fmt.Errorf("%q is not a label", key)
			}
			return label(key, language), nil
		},
		"text":     HTMLText,
		"n":        func(n int) string { return number(n, language) },
		"events":   func(n int) string { return pipeline.EventCount(n, language) },
		"count":    func(key string, n, all int) string { return fillCount(label(key, language), n, all, language) },
		"time":     func(t time.Time) string { return clock(t, in.Location) },
		"times":    func(t time.Time) string { return HTMLText(times(in.Location, t, language)) },
		"clock":    func(t time.Time) string { return timeOnly(t, in.Location) },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"severity": func(s event.Severity) string { return pipeline.SeverityWord(s, language) },
		"tone":     func(s event.Severity) string { return strings.ToLower(s.String()) },
		"class":    func(c event.Class) string { return pipeline.ClassWords(c, language) },
		"format":   func(format string) string { return HTMLText(formatWords(format, language)) },
		"zone":     func(z event.Zone) string { return pipeline.ZoneWords(z, language) },
		"trust":    func(t event.Trust) string { return label("trust-"+t.String(), language) },
		"status":   func(s cases.Status) string { return label(s.String(), language) },
		"mode":     func(c shownCase) string { return HTMLText(c.modeWords(language)) },
		"action":   func(a Action) string { return HTMLText(a.words(language)) },
		"proposal": func(p pipeline.Proposal) string { return HTMLText(proposalWords(p, language)) },
		"model":    func(r pipeline.Report) []string { return modelParts(&r, language) },
		"stages":   func(r pipeline.Report) []string { return stageParts(&r, language) },
		"kinds":    func(l cases.Line) []string { return kindList(&l, language) },
		"fields":   func(l cases.Line, observed int) string { return fieldList(l.Fields, event.Origin(observed)) },
		"percent":  func(part, all int) string { return percent(part, all, language) },
		"rate":     func(s Source) string { return rate(s, language) },
		"add":      func(a, b int) int { return a + b },
		"odd":      func(i int) bool { return i%2 == 1 },
	}
}

// proposalWords returns an applicable action as people read it.
func proposalWords(p pipeline.Proposal, language string) string {
	return Action{Name: p.Action, Target: p.Target}.words(language) + " [" + p.Handle + "]"
}

// timeOnly returns the time of day.
func timeOnly(t time.Time, place *time.Location) string {
	if place == nil {
		place = time.UTC
	}
	return t.In(place).Format("15:04:05")
}

// percent returns part of all with one decimal, never 100 where something is missing.
func percent(part, all int, language string) string {
	if all == 0 {
		return "0"
	}
	point := ","
	if language != "es" && language != "de" && language != "fr" {
		point = "."
	}
	tenths := part * 1000 / all
	return fmt.Sprintf("%d%s%d", tenths/10, point, tenths%10)
}

// rate returns a source's events per hour, or "" over less than a minute.
func rate(s Source, language string) string {
	d := s.To.Sub(s.From)
	if d < time.Minute {
		return ""
	}
	return number(int(float64(s.Events)/d.Hours()+0.5), language)
}
