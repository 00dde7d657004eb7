package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"penstock/core/event"
)

// streamLine is one line of the mixed stream with its label.
type streamLine struct {
	at       time.Time
	host     string
	source   string
	text     string
	warmup   bool
	attack   bool
	context  bool // neither attack nor benign: left out of line scores
	hard     bool // benign, but rare
	class    string
	instance string // "" unless attack
	severity event.Severity
}

// streamData is the mixed stream in its order.
type streamData struct {
	path  string // without .gz
	seqs  []uint64
	lines []streamLine
}

// hardNegative is the class of rare but harmless lines.
const hardNegative = "hard-negative"

// loadStream reads the one stream of a folder and its labels.
func loadStream(dir string) (*streamData, error) {
	names, err := find(dir, ".labels.csv")
	if err != nil {
		return nil, err
	}
	if len(names) > 1 {
		return nil, &DataError{File: dir, Err: fmt.Errorf("%d streams (%s and others), want one", len(names), names[0])}
	}
	d := &streamData{path: filepath.Join(dir, names[0]+".jsonl")}
	if err := readLines(d.path, d.event); err != nil {
		return nil, err
	}
	labels := filepath.Join(dir, names[0]+".labels.csv")
	next := 0
	err = readCSV(labels, []string{"seq", "split", "label", "class", "instance", "severity"}, func(_ int, v []string) error {
		if next == len(d.lines) || v[0] != strconv.FormatUint(d.seqs[next], 10) {
			return fmt.Errorf("seq %q is not the seq of the data's line %d", v[0], next+1)
		}
		next++
		return d.lines[next-1].label(v)
	})
	if err == nil && next < len(d.lines) {
		err = &DataError{File: labels, Err: fmt.Errorf("%d labels for %d lines", next, len(d.lines))}
	}
	return d, err
}

func (d *streamData) event(number int, text []byte) error {
	var e struct {
		Seq    uint64
		TS     json.RawMessage
		Host   string
		Source string
		Line   string
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("not an event: %w", err)
	}
	if e.Seq == 0 {
		e.Seq = uint64(number)
	}
	if err := checkOrder(d.seqs, e.Seq); err != nil {
		return err
	}
	at, err := parseTime(e.TS)
	if err != nil {
		return err
	}
	d.seqs = append(d.seqs, e.Seq)
	d.lines = append(d.lines, streamLine{at: at, host: e.Host, source: e.Source, text: e.Line})
	return nil
}

// label takes the values of split, label, class, instance and severity after seq.
func (l *streamLine) label(v []string) error {
	if err := oneOf("split", v[1], "warmup", "test"); err != nil {
		return err
	}
	if err := oneOf("label", v[2], "attack", "benign", "context"); err != nil {
		return err
	}
	l.warmup = v[1] == "warmup"
	l.attack = v[2] == "attack"
	l.context = v[2] == "context"
	l.class = v[3]
	l.hard = v[2] == "benign" && l.class == hardNegative
	if !l.attack {
		return nil
	}
	if l.instance = v[4]; l.instance == "" {
		return errors.New("attack line without an instance")
	}
	if l.warmup {
		return errors.New("attack line in the warmup part")
	}
	var err error
	l.severity, err = parseSeverity(v[5])
	return err
}

// scored reports whether decisions on the line count.
func (l *streamLine) scored() bool { return !l.warmup && !l.context }

// parseTime reads the ts of a plain event: Unix seconds or RFC 3339.
func parseTime(raw json.RawMessage) (time.Time, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) > 0 && raw[0] == '"' {
		var t time.Time
		if err := json.Unmarshal(raw, &t); err != nil {
			return t, fmt.Errorf("ts: %s is not RFC 3339", raw)
		}
		return t, nil
	}
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("ts: %q is neither Unix seconds nor RFC 3339", raw)
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC(), nil
}
