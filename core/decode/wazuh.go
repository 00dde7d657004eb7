package decode

import (
	"strings"

	"penstock/core/event"
	"penstock/core/logline"
)

// wazuh decodes an alert of Wazuh. The alert's own words (rule, agent) are the
// manager's; what it took out of the log line is a claim, unless our own
// recogniser of that line says the same.
func (d *Decoder) wazuh(ev *event.Event, rule int) {
	t := &d.tape
	if j := t.child(0, "timestamp"); j >= 0 {
		d.envelopeTime(ev, j)
	} else if j := t.child(0, "@timestamp"); j >= 0 {
		d.envelopeTime(ev, j)
	}
	d.wazuhRule(ev, rule)
	location := t.get("location")
	d.wazuhHost(ev, location)
	decoder := t.get("decoder", "name")
	ev.Program = t.get("predecoder", "program_name")
	fullLog := t.get("full_log")
	detector := fromDetector(location)
	data, syscheck := t.child(0, "data"), t.child(0, "syscheck")
	if syscheck >= 0 {
		ev.Set(event.KeyFile, t.text(t.child(syscheck, "path")), event.Observed)
		ev.Set(event.KeyUser, t.text(t.child(syscheck, "uname_after")), event.Observed)
	}
	structured := fullLog == "" || fullLog[0] == '{'
	if data >= 0 && (structured || detector == event.Observed) {
		d.wazuhData(ev, data, detector)
	}
	scans := t.scans
	if !structured {
		d.wazuhLine(ev, fullLog)
	} else if data >= 0 {
		ev.Message = d.flat("", data)
	}
	// The line within goes first, and may hold JSON that took the tape.
	if data >= 0 && !structured && detector == event.Claimed && t.scans == scans {
		d.wazuhData(ev, data, event.Claimed)
	}
	if ev.Message == "" {
		ev.Message = ev.Name
	}
	if ev.Program == "" {
		ev.Program = decoder
	}
	ev.Set(KeyLocation, location, event.Observed)
	ev.Format = FormatWazuh
}

// wazuhRule takes what the rule says: its level is the manager's severity, not
// the sensor's.
func (d *Decoder) wazuhRule(ev *event.Event, rule int) {
	t := &d.tape
	for j := rule + 1; j < t.end(rule); j = t.end(j) {
		switch t.key(j) {
		case "description":
			ev.Name = t.text(j)
		case "id":
			ev.Set(event.KeyRule, t.text(j), event.Observed)
		case "level":
			ev.Severity = wazuhSeverity(digitsOf(t.val(j)))
		case "groups":
			ev.Set(event.KeyGroups, t.joined(j), event.Observed)
		case "mitre":
			ev.Set(event.KeyTechnique, t.joined(t.child(j, "id")), event.Observed)
		}
	}
}

// wazuhSeverity bins a rule level as the Wazuh dashboard does, and calls levels
// that it does not show nothing.
func wazuhSeverity(level int64) event.Severity {
	switch {
	case level >= 15:
		return event.Critical
	case level >= 12:
		return event.High
	case level >= 7:
		return event.Medium
	case level >= 3:
		return event.Low
	}
	return event.None
}

// wazuhHost takes the agent's name. A line that reached the manager itself by
// syslog belongs to the address it came from, which is then the location.
func (d *Decoder) wazuhHost(ev *event.Event, location string) {
	t := &d.tape
	agent := t.child(0, "agent")
	host := t.text(t.child(agent, "name"))
	if host == "" {
		host = t.get("manager", "name")
	}
	if addr, ok := bareAddress(location); ok && t.text(t.child(agent, "id")) == "000" {
		host = addr
	}
	setHost(ev, host, event.Observed)
	setHost(ev, t.get("predecoder", "hostname"), event.Claimed)
}

// fromDetector says whether a location is a detector's own log, which the
// authors of ordinary log text cannot write to: the agent names the location,
// not the line.
func fromDetector(location string) event.Origin {
	if location == "EventChannel" || location[:min(1, len(location))] == "/" && strings.HasSuffix(location, "/eve.json") {
		return event.Observed
	}
	return event.Claimed
}

// wazuhData takes the values that Wazuh's decoder found.
func (d *Decoder) wazuhData(ev *event.Event, data int, origin event.Origin) {
	t := &d.tape
	program := ev.Program
	when, name := ev.Time, ev.Name
	if origin == event.Observed {
		d.detectorData(ev, data)
	}
	d.leaves(ev, data)
	ev.Time, ev.Name, ev.Program = when, name, program
	if t.child(data, "win") >= 0 {
		windowsOutcome(ev, ev.Value(KeyEventID))
	}
	if t.child(data, "event_type") >= 0 && t.child(data, "alert") >= 0 {
		d.suricata(ev, data)
	}
	ev.Set("integration", t.text(t.child(data, "integration")), event.Claimed)
}

// detectorData takes what a detector's own log holds at places of its own: Suricata
// at the top, Windows in the data of the event.
func (d *Decoder) detectorData(ev *event.Event, data int) {
	t := &d.tape
	win := t.child(data, "win")
	if win < 0 {
		d.observe(ev, data, suricataPlaces[:])
		return
	}
	d.leaf(ev, roleEventID, t.text(t.child(t.child(win, "system"), "eventID")), event.Observed)
	values := t.child(win, "eventdata")
	if values < 0 {
		return
	}
	for j := values + 1; j < t.end(values); j = t.end(j) {
		if r := roleOf("eventdata", t.key(j)); r > roleFields {
			d.leaf(ev, r, t.text(j), event.Observed)
		}
	}
}

// wazuhLine decodes the raw line within the alert.
func (d *Decoder) wazuhLine(ev *event.Event, line string) {
	name, severity := ev.Name, ev.Severity
	when, from, zone, clamped := ev.Time, ev.TimeFrom, ev.ZoneRule, ev.Clamped
	logline.Parse(line, &d.header)
	if d.header.Program != "" { // Wazuh leaves PAM's name in
		ev.Program = d.header.Program
	}
	program := ev.Program
	d.fromHeader(ev, line, &d.header)
	ev.Name, ev.Severity = name, max(severity, ev.Severity)
	if !when.IsZero() {
		ev.Time, ev.TimeFrom, ev.ZoneRule, ev.Clamped = when, from, zone, clamped
	}
	if program != "" {
		ev.Program = program
	}
}
