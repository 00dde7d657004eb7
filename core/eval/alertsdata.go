package eval

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"penstock/core/event"
)

// alert is one alert of a scenario with its label.
type alert struct {
	at       int64 // Unix seconds
	detector string
	name     string
	ip       string
	host     string
	step     string // the step whose event this is, "" when it is only near one
	instance string // the step, or the one into whose time it falls; "" is benign
	severity event.Severity
}

// scenario is the alerts of one testbed in their order.
type scenario struct {
	name   string
	seqs   []uint64
	alerts []alert
	kept   texts
}

// loadScenario reads the alerts of one scenario of a folder and their labels.
func loadScenario(dir, name string) (*scenario, error) {
	s := &scenario{name: name, kept: texts{}}
	columns := []string{"seq", "time", "detector", "name", "ip", "host"}
	if err := readCSV(filepath.Join(dir, name+".alerts.csv"), columns, s.alert); err != nil {
		return nil, err
	}
	labels := filepath.Join(dir, name+".labels.csv")
	next := 0
	err := readCSV(labels, []string{"seq", "event_label", "instance", "severity"}, func(_ int, v []string) error {
		if next == len(s.alerts) || v[0] != strconv.FormatUint(s.seqs[next], 10) {
			return fmt.Errorf("seq %q is not the seq of alert %d", v[0], next+1)
		}
		next++
		return s.label(&s.alerts[next-1], v[1], v[2], v[3])
	})
	if err == nil && next < len(s.alerts) {
		err = &DataError{File: labels, Err: fmt.Errorf("%d labels for %d alerts", next, len(s.alerts))}
	}
	return s, err
}

// alert takes the values of seq, time, detector, name, ip and host.
func (s *scenario) alert(_ int, v []string) error {
	seq, err := strconv.ParseUint(v[0], 10, 64)
	if err != nil {
		return fmt.Errorf("seq: %q is not a number", v[0])
	}
	if err := checkOrder(s.seqs, seq); err != nil {
		return err
	}
	at, err := strconv.ParseFloat(v[1], 64)
	if err != nil {
		return fmt.Errorf("time: %q is not in Unix seconds", v[1])
	}
	s.seqs = append(s.seqs, seq)
	s.alerts = append(s.alerts, alert{
		at: int64(at), detector: s.kept.keep(v[2]), name: s.kept.keep(v[3]), ip: s.kept.keep(v[4]), host: s.kept.keep(v[5]),
	})
	return nil
}

func (s *scenario) label(a *alert, step, instance, severity string) error {
	if step != "-" {
		a.step = s.kept.keep(step)
	}
	if a.instance = s.kept.keep(instance); a.instance == "" {
		if a.step != "" {
			return fmt.Errorf("event label %q without an instance", step)
		}
		return nil
	}
	var err error
	a.severity, err = parseSeverity(severity)
	return err
}

// events returns the alerts as plain events. Neither labels nor the short name go along.
func (s *scenario) events() io.Reader { return &alertReader{scenario: s} }

// alertReader writes one alert at a time as the reader asks for more.
type alertReader struct {
	scenario *scenario
	next     int
	line     []byte // of which rest is unread
	rest     []byte
}

// Read implements io.Reader.
func (r *alertReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(r.rest) == 0 {
			if r.next == len(r.scenario.alerts) {
				break
			}
			r.render()
		}
		m := copy(p[n:], r.rest)
		r.rest = r.rest[m:]
		n += m
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *alertReader) render() {
	a := &r.scenario.alerts[r.next]
	b := append(r.line[:0], `{"seq":`...)
	b = strconv.AppendUint(b, r.scenario.seqs[r.next], 10)
	b = append(b, `,"ts":`...)
	b = strconv.AppendInt(b, a.at, 10)
	b = appendField(b, "host", a.host)
	b = appendField(b, "source", a.detector)
	b = appendField(b, "name", a.name)
	b = appendField(b, "ip", a.ip)
	b = append(b, "}\n"...)
	r.line, r.rest = b, b
	r.next++
}

func appendField(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":`...)
	text, err := json.Marshal(value)
	if err != nil { // a string can always be marshalled
		return append(b, `""`...)
	}
	return append(b, text...)
}
