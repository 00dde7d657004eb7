package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
)

// Style says how text for a terminal looks.
type Style struct {
	Language string         // en, es, de or fr; anything else reads as en
	Location *time.Location // in which times are shown; nil is UTC
	Width    int            // columns; 0 cuts and wraps nothing
	Colour   bool           // only where the output is a terminal
}

const timeLayout = "2006-01-02 15:04:05"

// Table writes the cases, one line each, in the order given; where a model is asked
// the severity that it gave stands beside the decided one. The time zone of its
// times stands in the heading.
func Table(w io.Writer, views []CaseView, s Style) error {
	p := &printer{w: w, Style: s}
	rows := [][]string{{
		p.label("severity"), p.label("case"), p.label("host"), p.label("class"),
		p.label("when") + " (" + zoneName(s.Location, tableTime(views)) + ")", p.label("events"), p.label("headline"),
	}}
	for i := range views {
		c := &views[i].Case
		rows = append(rows, []string{
			pipeline.SeverityWord(views[i].severity(), s.Language), Terminal(c.ID), Terminal(c.Asset),
			pipeline.ClassWords(c.Class, s.Language), p.time(c.Opened), number(c.Events, s.Language),
			Terminal(views[i].Report.Advice.Headline),
		})
	}
	if slices.ContainsFunc(views, func(v CaseView) bool { return v.Report.Model.State != pipeline.NoModel }) {
		rows[0] = slices.Insert(rows[0], 1, p.label("model"))
		for i := range views {
			rows[i+1] = slices.Insert(rows[i+1], 1, said(&views[i].Report, s.Language))
		}
	}
	widths := columns(rows)
	for i, row := range rows {
		severity := event.None
		if i > 0 {
			severity = views[i-1].severity()
		}
		p.row(row, widths, severity)
	}
	return p.err
}

// tableTime returns a time of the table, for the name of its zone.
func tableTime(views []CaseView) time.Time {
	if len(views) == 0 {
		return time.Time{}
	}
	return views[0].Case.Opened
}

// Explain writes one case in full: what it is, the advice, why, the decision,
// and every line it keeps with its handle.
func Explain(w io.Writer, v CaseView, s Style) error {
	p := &printer{w: w, Style: s}
	c := &v.Case
	p.line("%s · %s · %s · %s · %s · %s %d · %s", p.paint(v.severity(), pipeline.SeverityWord(v.severity(), s.Language)),
		Terminal(c.ID), pipeline.ClassWords(c.Class, s.Language), Terminal(c.Asset),
		p.label(c.Status.String()), p.label("revision"), c.Revision, times(s.Location, c.Updated, s.Language))
	p.wrap("", v.Report.Advice.Headline)
	p.advice(v.Report.Advice)
	p.why(v.Report)
	p.decision(v)
	p.model(&v)
	p.section("lines")
	if c.Events > len(c.Lines) {
		p.wrap("  ", fillCount(p.label("of-lines"), len(c.Lines), c.Events, s.Language))
	}
	for i := range c.Lines {
		p.caseLine(&c.Lines[i])
	}
	return p.err
}

// printer writes to one terminal and keeps the first error.
type printer struct {
	Style
	w   io.Writer
	err error
}

func (p *printer) label(key string) string { return label(key, p.Language) }

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) section(key string) {
	text := p.label(key)
	if p.Colour {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	p.line("\n%s", text)
}

func (p *printer) advice(a pipeline.Advice) {
	for _, part := range []struct{ key, text string }{{"what", a.What}, {"sure", a.Sure}, {"means", a.Means}} {
		if part.text != "" {
			p.section(part.key)
			p.wrap("  ", part.text)
		}
	}
	if len(a.Steps) > 0 {
		p.section("steps")
	}
	for i, step := range a.Steps {
		p.wrap(fmt.Sprintf("  %d. ", i+1), step.Text)
		if step.Command != "" {
			p.line("       $ %s", Terminal(step.Command))
		}
	}
	p.bullets("avoid", a.Avoid)
	p.bullets("call", a.Call)
}

func (p *printer) why(r pipeline.Report) {
	p.bullets("why", r.Anomaly.Reasons)
	p.line("  %s", fillCount(p.label("unusual"), r.Anomaly.Score, 0, p.Language))
	if len(r.Assessment.Techniques) > 0 {
		p.line("  %s: %s", p.label("technique"), Terminal(strings.Join(r.Assessment.Techniques, ", ")))
	}
}

func (p *printer) decision(v CaseView) {
	p.section("decision")
	text := v.modeWords(p.Language)
	if v.Decision.DryRun && len(v.Decision.Actions) > 0 {
		text += " (" + p.label("dry-run") + ")"
	}
	p.wrap("  ", text)
	for _, a := range v.Decision.Actions {
		p.wrap("  - ", a.words(p.Language))
	}
	for _, reason := range v.Decision.Reasons {
		p.wrap("  - ", reason)
	}
}

func (p *printer) bullets(key string, items []string) {
	if len(items) == 0 {
		return
	}
	p.section(key)
	for _, item := range items {
		p.wrap("  - ", item)
	}
}

// caseLine writes one numbered line, its fields by origin, and its evidence.
func (p *printer) caseLine(l *cases.Line) {
	p.line("  E%-3d %s  %s  %s", l.Number, p.time(l.Time), Terminal(l.Host), Terminal(l.Program))
	if l.Name != "" {
		p.wrap("       ", l.Name)
	}
	p.wrap("       ", l.Text)
	for _, origin := range []event.Origin{event.Observed, event.Claimed} {
		if text := fieldList(l.Fields, origin); text != "" {
			p.wrap("       ", p.label(origin.String())+": "+text)
		}
	}
	if kinds := kindList(l, p.Language); len(kinds) > 0 {
		p.wrap("       ", p.label("evidence")+": "+strings.Join(kinds, ", "))
	}
}

// wrap writes cleaned text after the prefix, broken at words to the width.
func (p *printer) wrap(prefix, text string) {
	text = Terminal(text)
	room := p.Width - utf8.RuneCountInString(prefix)
	if p.Width == 0 || room < 20 {
		p.line("%s%s", prefix, text)
		return
	}
	indent := strings.Repeat(" ", utf8.RuneCountInString(prefix))
	for _, part := range broken(text, room) {
		p.line("%s%s", prefix, part)
		prefix = indent
	}
}

// broken splits text at spaces into parts of at most room runes; a longer word
// is cut.
func broken(text string, room int) []string {
	var parts []string
	runes := []rune(text)
	for len(runes) > room {
		at := room
		for i := room; i > 0; i-- {
			if runes[i] == ' ' {
				at = i
				break
			}
		}
		parts = append(parts, string(runes[:at]))
		runes = runes[at:]
		for len(runes) > 0 && runes[0] == ' ' {
			runes = runes[1:]
		}
	}
	return append(parts, string(runes))
}

// row writes one row of a table, the first cell in its severity's colour, the
// last cut to what is left of the width.
func (p *printer) row(cells []string, widths []int, severity event.Severity) {
	var b strings.Builder
	used := 0
	for i, cell := range cells {
		if i == len(cells)-1 {
			b.WriteString(cut(cell, p.Width-used))
			break
		}
		padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
		used += widths[i] + 2
		if i == 0 {
			cell = p.paint(severity, cell)
		}
		b.WriteString(cell + padding)
	}
	p.line("%s", strings.TrimRight(b.String(), " "))
}

// paint colours a severity's word on a terminal; the word says it too.
func (p *printer) paint(s event.Severity, text string) string {
	codes := [...]string{event.None: "", event.Low: "36", event.Medium: "33", event.High: "31", event.Critical: "1;97;41"}
	if !p.Colour || int(s) >= len(codes) || codes[s] == "" {
		return text
	}
	return "\x1b[" + codes[s] + "m" + text + "\x1b[0m"
}

func (p *printer) time(t time.Time) string { return clock(t, p.Location) }

// clock returns a time in that place, or "" for none.
func clock(t time.Time, place *time.Location) string {
	if t.IsZero() {
		return ""
	}
	if place == nil {
		place = time.UTC
	}
	return t.In(place).Format(timeLayout)
}

func columns(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// cut shortens text to room runes; room below 20 means that there is no limit.
func cut(text string, room int) string {
	if room < 20 || utf8.RuneCountInString(text) <= room {
		return text
	}
	return string([]rune(text)[:room-1]) + "…"
}
