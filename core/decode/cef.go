package decode

import (
	"strings"

	"penstock/core/event"
)

// commonEvent decodes CEF (`CEF:0|vendor|product|version|id|name|severity|ext`)
// and LEEF (`LEEF:1.0|vendor|product|version|id|ext`).
func (d *Decoder) commonEvent(ev *event.Event) {
	m := ev.Message
	ev.Format = "cef"
	columns := 7
	if strings.HasPrefix(m, "LEEF:") {
		ev.Format, columns = "leef", 5
	}
	var head [7]string
	rest := m
	for i := range columns {
		end := barAt(rest)
		if end < 0 {
			return
		}
		head[i], rest = rest[:end], rest[end+1:]
	}
	ev.Program = head[2]
	ev.Set(event.KeyRule, head[4], event.Observed)
	if columns == 7 {
		ev.Name = head[5]
		ev.Severity = cefSeverity(head[6])
		d.extension(ev, rest, " ")
		return
	}
	ev.Name = head[4]
	if _, after, ok := strings.Cut(rest, "|"); ok && strings.HasPrefix(m, "LEEF:2") {
		rest = after
	}
	separator := "\t"
	if !strings.Contains(rest, "\t") {
		separator = " "
		if strings.Contains(rest, "^") {
			separator = "^"
		}
	}
	d.extension(ev, rest, separator)
}

// barAt returns the offset of the next `|` that no backslash escapes, or -1.
func barAt(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '|':
			return i
		}
	}
	return -1
}

// extension reads key=value; a value reaches to the next key.
func (d *Decoder) extension(ev *event.Event, s, separator string) {
	for n := 0; s != "" && n < maxPairs; n++ {
		key, rest, ok := strings.Cut(s, "=")
		if !ok {
			return
		}
		end := len(rest)
		if separator == " " {
			end = valueEnd(rest)
		} else if k := strings.Index(rest, separator); k >= 0 {
			end = k
		}
		value := rest[:end]
		s = strings.TrimLeft(rest[end:], separator)
		switch key = strings.TrimSpace(key); key {
		case "shost", "dhost", "msg":
		case "request":
			d.leaf(ev, roleURL, value, event.Claimed)
		case "act", "outcome":
			d.leaf(ev, roleOutcome, value, event.Claimed)
		default:
			if r := roleOf("", key); r != roleTime && r != roleLevel && r != roleName {
				d.leaf(ev, r, value, event.Claimed)
			}
		}
	}
}

// valueEnd returns where a CEF value ends: before the space before the next `key=`.
func valueEnd(s string) int {
	space := -1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case ' ':
			space = i
		case '=':
			if space >= 0 {
				return space
			}
		}
	}
	return len(s)
}

// cefSeverity reads 0 to 10, or a word.
func cefSeverity(s string) event.Severity {
	if !allDigits(s) {
		var severity event.Severity
		switch strings.ToLower(s) {
		case "very-high":
			return event.Critical
		case "unknown":
			return event.None
		}
		_ = severity.UnmarshalText([]byte(s)) // an unknown word says nothing
		return severity
	}
	switch n := digitsOf(s); {
	case n >= 9:
		return event.Critical
	case n >= 7:
		return event.High
	case n >= 4:
		return event.Medium
	}
	return event.Low
}
