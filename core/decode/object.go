package decode

import (
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/logline"
)

// Bounds of the text that stands for a JSON log in template mining.
const (
	maxFlat      = 8 << 10
	maxFlatValue = 256
)

// object decodes the JSON object on the tape by its keys.
func (d *Decoder) object(ev *event.Event) {
	t := &d.tape
	rule := t.child(0, "rule")
	switch {
	case rule >= 0 && t.child(rule, "level") >= 0 && (t.child(0, "agent") >= 0 || t.child(0, "manager") >= 0):
		d.wazuh(ev, rule)
	case d.isPlainEvent():
		d.plainEvent(ev)
	case t.child(0, "event_type") >= 0 && t.child(0, "src_ip") >= 0:
		d.observe(ev, 0, suricataPlaces[:])
		d.jsonLog(ev, FormatSuricata)
		d.suricata(ev, 0)
	case t.child(0, "log") >= 0 && t.child(0, "stream") >= 0:
		d.wrapped(ev, "log")
	case t.child(0, "__REALTIME_TIMESTAMP") >= 0:
		d.journal(ev)
	case t.child(0, "message") >= 0 && (t.child(0, "ecs") >= 0 || t.child(0, "agent") >= 0):
		d.beat(ev)
	case d.options.Zabbix != nil && d.isExport():
		d.export(ev)
	default:
		d.server(ev)
		d.jsonLog(ev, logline.JSON)
	}
}

// place is where a format holds what its program knows itself: one key, or one
// within another, as they are written. Only there is a value observed. The same key
// elsewhere may be the client's, who chooses names of headers and parameters.
type place struct {
	role       role
	outer, key string
}

var (
	suricataPlaces = [...]place{
		{rolePeer, "", "src_ip"},
		{rolePeerPort, "", "src_port"},
		{roleTarget, "", "dest_ip"},
		{rolePort, "", "dest_port"},
		{roleRule, "alert", "signature_id"},
	}
	caddyPlaces   = [...]place{{rolePeer, "request", "remote_ip"}, {rolePeerPort, "request", "remote_port"}, {roleStatus, "", "status"}}
	traefikPlaces = [...]place{{rolePeer, "", "ClientHost"}, {rolePeerPort, "", "ClientPort"}, {roleStatus, "", "DownstreamStatus"}}
	cloudPlaces   = [...]place{{rolePeer, "", "sourceIPAddress"}}
)

// server takes what a server's log holds under keys of its own.
func (d *Decoder) server(ev *event.Event) {
	t := &d.tape
	switch {
	case t.child(t.child(0, "request"), "remote_ip") >= 0:
		if strings.HasPrefix(t.get("logger"), "http.") || t.get("msg") == "handled request" {
			d.observe(ev, 0, caddyPlaces[:])
		}
	case t.child(0, "ClientHost") >= 0 && t.child(0, "DownstreamStatus") >= 0:
		// The host is a forwarding header's where Traefik trusts one.
		addr, _, ok := address(t.get("ClientAddr"))
		if host, _, _ := address(t.get("ClientHost")); ok && host == addr {
			d.observe(ev, 0, traefikPlaces[:])
		}
	case t.child(0, "eventVersion") >= 0 && t.child(0, "sourceIPAddress") >= 0:
		d.observe(ev, 0, cloudPlaces[:])
	}
}

// observe stores what stands at the places within the object at i.
func (d *Decoder) observe(ev *event.Event, i int, places []place) {
	t := &d.tape
	for _, p := range places {
		j := i
		if p.outer != "" {
			j = t.child(i, p.outer)
		}
		if j = t.child(j, p.key); j >= 0 {
			d.leaf(ev, p.role, t.text(j), event.Observed)
		}
	}
}

// jsonLog decodes an object of any logger: known keys become parts of the event
// or claimed fields, the message is the logger's own and behind it all other values.
func (d *Decoder) jsonLog(ev *event.Event, format string) {
	ev.Format = format
	message, own := d.leaves(ev, 0)
	ev.Message = d.flat(message, 0)
	if message == "" {
		return
	}
	// Addresses and users that only the message's text holds.
	before := len(ev.Fields)
	switch {
	case !own:
		generic(ev, message)
	case ev.Program == "":
		d.recognise(ev, message)
		claim(ev.Fields[before:]) // any program's text may look like a known one
	default:
		d.recognise(ev, message)
	}
}

// leaves gives every value below the object at i its role, and returns the
// logger's message and whether it stands at the top. The top goes first, wherever
// the rest stands: everything deeper may be what somebody sent. So it can be a
// claimed field, but what the event itself is made of (time, host, program and the
// like) is taken from below only where two keys have that meaning together, as
// host.name.
func (d *Decoder) leaves(ev *event.Event, i int) (message string, own bool) {
	t := &d.tape
	deeper := false
	for j := i + 1; j < t.end(i); j++ {
		top := int(t.nodes[j].parent) == i
		switch r := t.leafRole(j); {
		case r == roleNone:
		case r == roleMessage:
			if message == "" || top && !own {
				message, own = t.text(j), top
			}
		case top:
			d.part(ev, j)
		default:
			deeper = true
		}
	}
	if deeper {
		d.deeper(ev, i)
	}
	return message, own
}

// deeper is leaves for the values that do not stand at the top.
func (d *Decoder) deeper(ev *event.Event, i int) {
	t := &d.tape
	for j := i + 1; j < t.end(i); j++ {
		r := t.leafRole(j)
		if r == roleNone || r == roleMessage || int(t.nodes[j].parent) == i {
			continue
		}
		if r > roleFields || r == roleSuccess || t.nodes[j].paired && t.near(j, i) {
			d.part(ev, j)
		}
	}
}

// part stores the value at j by its role.
func (d *Decoder) part(ev *event.Event, j int) {
	switch r := d.tape.nodes[j].role; r {
	case roleTime:
		d.leafTime(ev, j)
	default:
		d.leaf(ev, r, d.tape.joined(j), event.Claimed)
	}
}

// leaf stores one value. The first value of a role stands.
func (d *Decoder) leaf(ev *event.Event, r role, value string, origin event.Origin) {
	if value == "" || value == "-" || value == "--" {
		return
	}
	switch r {
	case roleHost:
		if ev.Host == "" {
			setHost(ev, value, event.Claimed)
		}
	case roleLevel:
		if ev.Level == event.LevelUnknown {
			ev.Level = levelOf(value)
		}
	case roleProgram:
		if ev.Program == "" {
			ev.Program = value
		}
	case rolePID:
		if ev.PID == 0 {
			ev.PID = int(digitsOf(value))
		}
	case roleName:
		if ev.Name == "" {
			ev.Name = value
		}
	case roleSuccess:
		setOutcome(ev, value == "true" || value == "yes", event.Claimed)
	default:
		if r > roleFields && r < roleIgnored {
			setField(ev, r, value, origin)
		}
	}
}

// setField stores a value under the key of its role.
func setField(ev *event.Event, r role, value string, origin event.Origin) {
	key := fieldKeys[r]
	if _, ok := ev.Field(key); ok && origin == event.Claimed {
		return
	}
	switch r {
	case rolePeer, roleTarget:
		addr, port, ok := address(value)
		if !ok {
			return
		}
		if r == rolePeer && port != "" {
			defer ev.Set(event.KeyPeerPort, port, origin)
		}
		value = addr
	case roleUser, roleByUser, roleMethod, roleURL, roleAgent, roleForwarded, roleCommand, roleFile:
		origin = event.Claimed
	case roleOutcome:
		if good, known := outcomeWord(value); known {
			setOutcome(ev, good, event.Claimed)
		}
		return
	}
	ev.Set(key, value, origin)
}

func setOutcome(ev *event.Event, good bool, origin event.Origin) {
	if _, ok := ev.Field(event.KeyOutcome); ok {
		return
	}
	if good {
		ev.Set(event.KeyOutcome, success, origin)
		return
	}
	ev.Set(event.KeyOutcome, failure, origin)
}

// outcomeWord says what a value like "failed" means, and whether it means anything.
func outcomeWord(value string) (good, known bool) {
	var buf [16]byte
	switch string(buf[:normal(buf[:], value)]) {
	case "success", "succeeded", "ok", "true", "allowed", "yes":
		return true, true
	case "failure", "failed", "fail", "denied", "error", "unauthorized", "rejected", "no", "false":
		return false, true
	}
	return false, false
}

// leafTime takes the time at j where the event has none yet.
func (d *Decoder) leafTime(ev *event.Event, j int) {
	if !ev.Time.IsZero() {
		return
	}
	n := &d.tape.nodes[j]
	if n.kind != text && n.kind != number {
		return
	}
	if st, ok := logline.ParseStamp(d.tape.text(j)); ok {
		d.setStamp(ev, &st, event.TimeHeader)
	}
}

// levelOf reads a level that is a word, a letter, or a number: up to 7 as
// syslog counts, tens as bunyan and Python do.
func levelOf(value string) int {
	if !allDigits(value) || len(value) > 2 {
		if len(value) == 1 {
			switch value[0] {
			case 'D':
				return 7
			case 'I':
				return 6
			case 'W':
				return 4
			case 'E':
				return 3
			case 'F':
				return 2
			}
		}
		return logline.LevelOf(value)
	}
	switch n := digitsOf(value); {
	case n <= 7:
		return int(n)
	case n < 30:
		return 7
	case n < 40:
		return 6
	case n < 50:
		return 4
	case n < 60:
		return 3
	}
	return 2
}

// digitsOf reads the digits that value begins with.
func digitsOf(value string) int64 {
	n := int64(0)
	for i := 0; i < len(value) && i < 18 && isDigit(value[i]); i++ {
		n = n*10 + int64(value[i]-'0')
	}
	return n
}

// flat returns message and behind it the values below the object at i as
// key=value, in the order they stand: the same logger gives the same text. What
// is told elsewhere (time, host, level) is left out.
func (d *Decoder) flat(message string, i int) string {
	t := &d.tape
	b := append(d.text[:0], cut(message, maxFlat)...)
	for j := i + 1; j < t.end(i) && len(b) < maxFlat; j++ {
		n := &t.nodes[j]
		key := t.key(j)
		if key == "" || n.kind == object {
			continue
		}
		switch t.roleAt(j) {
		case roleTime, roleHost, roleLevel, roleMessage, rolePID:
			continue
		}
		if len(b) > 0 {
			b = append(b, ' ')
		}
		if int(n.parent) > i {
			if around := t.key(int(n.parent)); around != "" {
				b = append(append(b, cut(around, 64)...), '.')
			}
		}
		b = append(append(b, cut(key, 64)...), '=')
		b = append(b, cut(t.val(j), maxFlatValue)...)
	}
	d.text = b
	return string(b)
}

// suricata adds what an alert of eve.json in the object at i says.
func (d *Decoder) suricata(ev *event.Event, i int) {
	t := &d.tape
	alert := t.child(i, "alert")
	ev.Program = "suricata"
	if alert < 0 {
		return
	}
	switch t.text(t.child(alert, "severity")) {
	case "1":
		ev.Severity = max(ev.Severity, event.High)
	case "2":
		ev.Severity = max(ev.Severity, event.Medium)
	case "3":
		ev.Severity = max(ev.Severity, event.Low)
	}
	if ev.Name == "" {
		ev.Name = t.text(t.child(alert, "signature"))
	}
}

// wrapped decodes a line that a container runtime put under key.
func (d *Decoder) wrapped(ev *event.Event, key string) {
	if j := d.tape.child(0, "time"); j >= 0 {
		d.leafTime(ev, j)
		ev.TimeFrom = event.TimeEnvelope
	}
	d.inner(ev, d.tape.get(key))
}

// journal decodes an entry as journalctl prints it. Keys with one underscore
// are journald's own knowledge.
func (d *Decoder) journal(ev *event.Event) {
	t := &d.tape
	ev.Format = "journal"
	if micros := digitsOf(t.get("__REALTIME_TIMESTAMP")); micros > 0 {
		d.setTime(ev, time.UnixMicro(micros).UTC(), event.TimeEnvelope)
	}
	setHost(ev, t.get("_HOSTNAME"), event.Observed)
	ev.Program = t.get("SYSLOG_IDENTIFIER")
	if ev.Program == "" {
		ev.Program = t.get("_COMM")
	}
	ev.PID = int(digitsOf(t.get("_PID")))
	if p := t.get("PRIORITY"); len(p) == 1 {
		ev.Level = levelOf(p)
	}
	ev.Message = t.get("MESSAGE")
	d.recognise(ev, ev.Message)
}

// beat decodes a document as Elastic's shippers send it: the line is its
// message, what stands around it is the shipper's.
func (d *Decoder) beat(ev *event.Event) {
	t := &d.tape
	if j := t.child(0, "@timestamp"); j >= 0 {
		d.leafTime(ev, j)
		ev.TimeFrom = event.TimeEnvelope
	}
	host := t.get("host", "name")
	if host == "" {
		host = t.get("agent", "hostname")
	}
	setHost(ev, host, event.Observed)
	ev.Program = t.get("process", "name")
	d.inner(ev, t.get("message"))
	if ev.Format == logline.Plain {
		ev.Format = logline.JSON
	}
}

// inner decodes a raw line that an envelope carried. What the envelope said of
// time and host stands.
func (d *Decoder) inner(ev *event.Event, line string) {
	line = trimEnd(line)
	if s := trimStart(line); s != "" && s[0] == '{' && d.tape.scan(s) {
		d.jsonLog(ev, logline.JSON)
		return
	}
	d.plainText(line, ev)
}
