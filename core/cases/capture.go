package cases

import (
	"slices"
	"strings"

	"penstock/core/event"
	"penstock/core/sift"
)

// maxFields bounds the fields that one line keeps.
const maxFields = 32

// Bounds of what safe looks at. Masking makes a text shorter, so that more of it
// is read than shown; and it cannot know a secret of which the end is missing.
const (
	maxRead = 3 * MaxLineText
	maxEdge = MaxLineText
)

// keepLine captures the event as a numbered line, if there is room for it.
func (b *Book) keepLine(h *held, ev *event.Event, f sift.Finding, grade event.Severity) {
	i := h.roomFor(grade)
	if i < 0 {
		return
	}
	if i == len(h.Lines) {
		h.Lines, h.LineGrades = append(h.Lines, Line{}), append(h.LineGrades, grade)
	}
	template := ""
	if f.Template != 0 {
		template = b.text(f.Template)
	}
	h.Lines[i], h.LineGrades[i] = capture(ev, f, template, i+1), grade
}

// roomFor returns the index of the line that an event of that grade takes, or
// -1. When there is no room left, a graver line takes the place of the least
// grave, newest one.
func (h *held) roomFor(grade event.Severity) int {
	if len(h.Lines) < MaxLines {
		return len(h.Lines)
	}
	least := 0
	for i, g := range h.LineGrades {
		if g <= h.LineGrades[least] {
			least = i
		}
	}
	if grade > h.LineGrades[least] {
		return least
	}
	return -1
}

// capture makes a line of an event: the only place where log text enters a
// case, and so the place where secrets and control characters leave it. What the
// audit system wrote in digits is kept as people can read it.
func capture(ev *event.Event, f sift.Finding, template string, number int) Line {
	text := ev.Raw
	if text == "" {
		text = ev.Message
	}
	l := Line{
		Number: number, Seq: ev.Seq, Time: ev.Time, Trust: ev.Trust,
		Host: safe(ev.Host), Source: safe(ev.Source), Program: safe(ev.Program), Name: safe(ev.Name),
		Text: safe(sift.Revealed(text)), Template: safe(template), Evidence: slices.Clone(f.Evidence),
	}
	for i := range l.Evidence {
		e := &l.Evidence[i]
		e.Signal, e.Technique, e.Subject = strings.Clone(e.Signal), strings.Clone(e.Technique), safe(e.Subject)
	}
	fields := ev.Fields[:min(len(ev.Fields), maxFields)]
	l.Fields = slices.Grow(l.Fields, len(fields))
	for _, field := range fields {
		l.Fields = append(l.Fields, event.Field{Key: safe(field.Key), Value: safe(field.Value), Origin: field.Origin})
	}
	return l
}

// safe returns a copy without secrets and control characters, cut to MaxLineText.
// Of a text longer than maxRead it takes no secret that the cut makes unknown.
func safe(text string) string {
	masked := maskUpTo(text[:min(len(text), maxRead)], MaxLineText+1)
	if len(text) > maxRead {
		masked = masked[:max(0, len(masked)-maxEdge)] + cutMark
	}
	return strings.Clone(Clean(masked[:min(len(masked), MaxLineText+1)], MaxLineText))
}
