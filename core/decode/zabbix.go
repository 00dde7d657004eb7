package decode

import (
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/logline"
)

// Formats of the lines that a Zabbix server exports.
const (
	FormatProblem = "zabbix-problem" // a problem, or that it is over
	FormatHistory = "zabbix-history" // a value of an item
)

// programZabbix is the program of what Zabbix itself says.
const programZabbix = "zabbix"

// Tag of an item, which its administrator gives it, that says what Penstock does
// with its values. No text of a log gets into the tags of an item.
const (
	tagPenstock = "penstock"
	tagLog      = "log"    // values of a character or text item are log lines
	tagWatch    = "watch"  // a value far from what is normal is evidence
	tagCase     = "case"   // of our triggers: the problem is a case
	tagStatus   = "status" // of our templates: the problem is about Penstock itself
)

// Types of values as an export numbers them.
const (
	valueFloat     = "0"
	valueCharacter = "1"
	valueLog       = "2"
	valueUnsigned  = "3"
	valueText      = "4"
)

// Zabbix says that a source is what a Zabbix server exports, and what of that is
// Penstock's own and must never come back as input. Text of a log can get into the tags of a problem, so that a
// tag alone proves nothing: it is the worker that knows what it gave out. A nil
// function knows nothing. They are called by the goroutine that decodes.
type Zabbix struct {
	// OwnCase says whether the case with that id is shown on the host with that
	// technical name.
	OwnCase func(id, host string) bool
	// OwnItem says whether an item hangs on one of our templates, by its number.
	OwnItem func(id string) bool
	// OwnHost says whether a host with that technical name is a worker's own, or
	// carries one of our templates.
	OwnHost func(host string) bool
}

// isExport says whether the object on the tape is a line of a Zabbix server's
// export: a problem, its end, or a value.
func (d *Decoder) isExport() bool {
	t := &d.tape
	clock, ns := t.child(0, "clock"), t.child(0, "ns")
	if clock < 0 || ns < 0 || t.nodes[clock].kind != number || t.nodes[ns].kind != number || t.child(0, "value") < 0 {
		return false
	}
	if t.child(0, "itemid") >= 0 {
		return t.child(t.child(0, "host"), "host") >= 0 && t.child(0, "type") >= 0
	}
	return t.child(0, "eventid") >= 0 && (t.child(0, "p_eventid") >= 0 || t.child(0, "hosts") >= 0 && t.child(0, "severity") >= 0)
}

// export decodes a line of an export, in a source that is one. Elsewhere whoever wrote
// a line could have given it that form: there it is JSON like any other.
func (d *Decoder) export(ev *event.Event) {
	t := &d.tape
	ev.Trust = min(ev.Trust, event.Authenticated) // the server is not this machine's kernel
	d.exportTime(ev, t.get("clock"), t.get("ns"))
	switch {
	case t.child(0, "itemid") >= 0:
		d.value(ev)
	case t.child(0, "p_eventid") >= 0:
		d.recovery(ev)
	default:
		d.problem(ev)
	}
}

// exportTime takes seconds and nanoseconds.
func (d *Decoder) exportTime(ev *event.Event, clock, ns string) {
	if seconds := digitsOf(clock); seconds > 0 {
		d.setTime(ev, time.Unix(seconds, digitsOf(ns)).UTC(), event.TimeEnvelope)
	}
}

// skip leaves the line out.
func skip(ev *event.Event) {
	ev.Raw, ev.Message, ev.Name, ev.Fields = "", "", "", ev.Fields[:0]
}

// problem decodes a problem. Its name and its tags may hold what somebody wrote
// into a log; its hosts and its number are the server's.
func (d *Decoder) problem(ev *event.Event) {
	t := &d.tape
	ev.Format, ev.Program = FormatProblem, programZabbix
	hosts := t.child(0, "hosts")
	host := ""
	if hosts >= 0 && t.nodes[hosts].kind == array && t.end(hosts) > hosts+1 {
		host = t.text(t.child(hosts+1, "host"))
	}
	tags := d.tags("tags")
	if d.options.Zabbix.owns(tags, host) {
		skip(ev)
		return
	}
	setHost(ev, host, event.Observed)
	grade := t.get("severity")
	ev.Severity = problemSeverity(grade)
	if ev.Name = t.get("name"); ev.Name == "" {
		ev.Name = "problem without a name"
	}
	ev.Message = ev.Name
	ev.Set(event.KeyProblem, t.get("eventid"), event.Observed)
	ev.Set("tags", tags.String(), event.Claimed)
	ev.Raw = "Zabbix problem (" + problemWord(grade) + "): " + ev.Name
}

// recovery decodes that a problem is over: the line has the numbers of the two and
// no more.
func (d *Decoder) recovery(ev *event.Event) {
	ev.Format, ev.Program = FormatProblem, programZabbix
	id := d.tape.get("p_eventid")
	ev.Name = "problem is over"
	ev.Message = ev.Name
	ev.Set(event.KeyRecovered, id, event.Observed)
	ev.Raw = "Zabbix problem " + id + " is over"
}

// value decodes a value of an item. What is a log line is decoded like any other,
// with the item's host. Of the rest only numbers of items that are watched are
// looked at: a server writes thousands a second.
func (d *Decoder) value(ev *event.Event) {
	t := &d.tape
	host, id, name := t.get("host", "host"), t.get("itemid"), t.get("name")
	kind, value := t.get("type"), t.get("value")
	use := d.tags("item_tags").first(tagPenstock)
	if z := d.options.Zabbix; z.OwnItem != nil && z.OwnItem(id) {
		skip(ev)
		return
	}
	setHost(ev, host, event.Observed)
	switch {
	case kind == valueLog || use == tagLog && (kind == valueCharacter || kind == valueText):
		d.logValue(ev, kind, value)
	case use == tagWatch && (kind == valueFloat || kind == valueUnsigned):
		ev.Format, ev.Program, ev.Message = FormatHistory, programZabbix, name
		ev.Set(event.KeyItem, id, event.Observed)
		ev.Set(event.KeyMetric, value, event.Observed)
		ev.Raw = name + " = " + value
	default:
		ev.Format = FormatHistory
		skip(ev)
	}
}

// logValue decodes a value that is a log line, with what Zabbix says of an entry
// of a Windows event log.
func (d *Decoder) logValue(ev *event.Event, kind, value string) {
	t := &d.tape
	source, id, level := "", "", "0"
	if kind == valueLog {
		source, id, level = t.get("source"), t.get("eventid"), t.get("severity")
		if written := t.get("timestamp"); digitsOf(written) > 0 { // the line's own time, as the item found it
			d.exportTime(ev, written, "0")
		}
	}
	if strings.TrimSpace(value) == "" {
		skip(ev)
		return
	}
	ev.Program = source
	ev.Level = windowsLogLevel(level)
	if id != "" && id != "0" {
		ev.Set(KeyEventID, id, event.Observed)
		windowsOutcome(ev, id)
	}
	ev.Raw = value // the envelope is the server's, the line is what somebody wrote
	d.inner(ev, value)
	if ev.Format == "" {
		ev.Format = logline.Plain
	}
}

// windowsLogLevel turns the type of an entry of a Windows event log, as Zabbix
// numbers them, into a syslog level.
func windowsLogLevel(severity string) int {
	switch severity {
	case "9": // critical
		return 2
	case "4": // error
		return 3
	case "2": // warning
		return 4
	case "7": // failed audit
		return 5
	case "1", "8": // information, successful audit
		return 6
	case "10": // verbose
		return 7
	}
	return event.LevelUnknown
}

// problemSeverity turns Zabbix's severities into ours, as the templates do.
func problemSeverity(n string) event.Severity {
	switch n {
	case "1":
		return event.Low
	case "2", "3":
		return event.Medium
	case "4":
		return event.High
	case "5":
		return event.Critical
	}
	return event.None
}

// problemWord is what Zabbix calls a severity.
func problemWord(n string) string {
	words := [...]string{"not classified", "information", "warning", "average", "high", "disaster"}
	if len(n) == 1 && n[0] >= '0' && int(n[0]-'0') < len(words) {
		return words[n[0]-'0']
	}
	return words[0]
}

// maxTags bounds the tags of a problem or an item that are looked at.
const maxTags = 50

// tagList is the tags of a problem or an item.
type tagList []struct{ name, value string }

// tags reads the tags under a key at the top.
func (d *Decoder) tags(key string) tagList {
	t := &d.tape
	i := t.child(0, key)
	if i < 0 || t.nodes[i].kind != array {
		return nil
	}
	var list tagList
	for j := i + 1; j < t.end(i) && len(list) < maxTags; j = t.end(j) {
		list = append(list, struct{ name, value string }{t.text(t.child(j, "tag")), t.text(t.child(j, "value"))})
	}
	return list
}

// first returns the value of the first tag with that name, or "".
func (l tagList) first(name string) string {
	for _, tag := range l {
		if tag.name == name {
			return tag.value
		}
	}
	return ""
}

// all returns the values of all tags with that name.
func (l tagList) all(name string) []string {
	var values []string
	for _, tag := range l {
		if tag.name == name {
			values = append(values, tag.value)
		}
	}
	return values
}

// has says whether there is that tag.
func (l tagList) has(name, value string) bool {
	for _, tag := range l {
		if tag.name == name && tag.value == value {
			return true
		}
	}
	return false
}

// String returns the tags as name:value with commas between.
func (l tagList) String() string {
	var b strings.Builder
	for i, tag := range l {
		if b.Len() > MaxValue {
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(tag.name + ":" + tag.value)
	}
	return b.String()
}

// owns says whether a problem with these tags on that host is one of ours: of a case
// that the worker shows there, or about Penstock itself on a host that carries our
// templates, whoever's worker it is about. A tag that was made twice, by an item and by
// text, proves nothing.
func (z *Zabbix) owns(tags tagList, host string) bool {
	if tags.has(tagPenstock, tagCase) && z.OwnCase != nil {
		if ids := tags.all(tagCase); len(ids) == 1 && z.OwnCase(ids[0], host) {
			return true
		}
	}
	return tags.has(tagPenstock, tagStatus) && z.OwnHost != nil && z.OwnHost(host)
}
