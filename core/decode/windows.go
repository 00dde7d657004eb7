package decode

import (
	"strings"

	"penstock/core/event"
	"penstock/core/logline"
)

// windowsXML decodes an <Event> as Windows writes it. Windows escapes what
// stands between its tags, so a value cannot hold one.
func (d *Decoder) windowsXML(ev *event.Event) {
	m := ev.Message
	ev.Format = FormatWindows
	system, data, _ := strings.Cut(m, "</System>")
	ev.Program, _ = attribute(system, "<Provider", "Name")
	id, _ := between(afterTag(system, "<EventID"), ">", "<")
	ev.Set(KeyEventID, id, event.Observed)
	if level, ok := between(system, "<Level>", "<"); ok {
		ev.Level = windowsLevel(level)
	}
	if host, ok := between(system, "<Computer>", "<"); ok {
		setHost(ev, host, event.Claimed)
	}
	if when, ok := attribute(system, "<TimeCreated", "SystemTime"); ok && ev.Time.IsZero() {
		if st, ok := logline.ParseStamp(when); ok {
			d.setStamp(ev, &st, event.TimeHeader)
		}
	}
	b := append(d.text[:0], ev.Program...)
	b = append(append(b, " EventID="...), id...)
	for n := 0; n < maxPairs && len(b) < maxFlat; n++ {
		name, ok := attribute(data, "<Data", "Name")
		if !ok {
			break
		}
		data = afterTag(data, "<Data")
		value, ok := between(data, ">", "</Data>")
		if !ok || strings.IndexByte(value, '<') >= 0 {
			continue
		}
		d.leaf(ev, roleOf("eventdata", name), value, event.Observed)
		b = append(append(b, ' '), name...)
		b = append(append(b, '='), cut(value, maxFlatValue)...)
	}
	d.text = b
	ev.Message = string(b)
	windowsOutcome(ev, id)
}

// windowsOutcome takes the outcome of logons from the event's number.
func windowsOutcome(ev *event.Event, id string) {
	switch id {
	case "4624":
		setOutcome(ev, true, event.Observed)
	case "4625", "4771":
		setOutcome(ev, false, event.Observed)
	}
}

// windowsLevel maps 1 (critical) to 5 (verbose) to syslog's severities.
func windowsLevel(level string) int {
	switch level {
	case "1":
		return 2
	case "2":
		return 3
	case "3":
		return 4
	case "4", "0":
		return 6
	case "5":
		return 7
	}
	return event.LevelUnknown
}

// attribute returns the value of an attribute of the first such tag.
func attribute(s, tag, name string) (string, bool) {
	inside, _, ok := strings.Cut(afterTag(s, tag), ">")
	if !ok {
		return "", false
	}
	i := strings.Index(inside, name+"=")
	if i < 0 || len(inside) < i+len(name)+3 {
		return "", false
	}
	quote := inside[i+len(name)+1]
	value, _, ok := strings.Cut(inside[i+len(name)+2:], string(quote))
	return value, ok
}

// afterTag returns what stands behind the first such tag's name.
func afterTag(s, tag string) string {
	_, rest, _ := strings.Cut(s, tag)
	return rest
}
