package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"penstock/core/event"
	"penstock/core/pipeline"
)

// Summary writes what became of all events, and how many cases of each severity
// there are, in two lines.
func Summary(w io.Writer, in Input, s Style) error {
	t := in.Totals
	p := &printer{w: w, Style: s}
	p.line("%s %s: %s %s, %s %s, %s %s", number(t.Events, s.Language), lowered(p.label("events")),
		number(t.Suppressed, s.Language), lowered(p.label("suppressed")),
		number(t.Attached, s.Language), lowered(p.label("attached")),
		number(t.Forwarded, s.Language), lowered(p.label("forwarded")))
	if !t.From.IsZero() {
		p.line("%s %s %s · %s", p.time(t.From), p.label("to"), p.time(t.To), times(s.Location, t.To, s.Language))
	}
	var counts [5]int
	for i := range in.Cases {
		counts[in.Cases[i].severity()]++
	}
	var parts []string
	for severity := event.Critical; severity > event.None; severity-- {
		if n := counts[severity]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", number(n, s.Language), p.paint(severity, pipeline.SeverityWord(severity, s.Language))))
		}
	}
	if len(parts) == 0 {
		p.line("%s", p.label("no-cases"))
		return p.err
	}
	p.line("%s: %s", p.label("cases"), strings.Join(parts, ", "))
	p.notKept(t)
	return p.err
}

// notKept says how many closed cases are counted only, where there are any.
func (p *printer) notKept(t Totals) {
	var parts []string
	for severity := event.Critical; severity > event.None; severity-- {
		if n := t.NotKept[severity]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", number(n, p.Language), pipeline.SeverityWord(severity, p.Language)))
		}
	}
	if len(parts) > 0 {
		p.line("%s: %s", p.label("not-kept"), strings.Join(parts, ", "))
	}
}

// lowered returns a label for the middle of a sentence; German nouns stay as they are.
func lowered(label string) string {
	if label == "Ereignisse" || strings.HasPrefix(label, "Fällen ") {
		return label
	}
	first, size := utf8.DecodeRuneInString(label)
	return string(unicode.ToLower(first)) + label[size:]
}
