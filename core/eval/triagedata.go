package eval

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"penstock/core/event"
)

// triageLabel is the label of one event.
type triageLabel struct {
	severity event.Severity
	also     event.Severity
	why      string
}

// attackLabel says whether an alert belongs to an attack.
type attackLabel struct {
	set  bool // it lies in the attack set
	step bool // an attack step caused it
}

// triageData is the single events with their labels.
type triageData struct {
	lines  []Excerpt // the log line only
	alerts []Excerpt // the same events as alerts without a level
	labels []triageLabel

	contexts      []Excerpt
	contextLabels []triageLabel

	attacks      []Excerpt
	attackLabels []attackLabel
}

// loadTriage reads the single events under a folder and their labels.
func loadTriage(dir string) (*triageData, error) {
	d := &triageData{}
	for _, load := range []func(dir string) error{d.loadEvents, d.loadContexts, d.loadAttacks} {
		if err := load(dir); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *triageData) loadEvents(dir string) error {
	path := filepath.Join(dir, "triage", "wazuh_events")
	if err := readLines(path+".jsonl", d.event); err != nil {
		return err
	}
	return readLabels(path+".labels.csv", "id", ids(d.lines), []string{"severity"}, func(v []string) error {
		severity, err := parseSeverity(v[0])
		d.labels = append(d.labels, triageLabel{severity: severity, also: severity})
		return err
	})
}

// event makes two excerpts of an event: the line, and an alert of which all but
// the level, and what would give it away, is as its detector wrote it.
func (d *triageData) event(_ int, text []byte) error {
	var e struct {
		ID      string
		Decoder string
		FullLog string `json:"full_log"`
		Rule    struct {
			Description string
			Groups      []string
			Mitre       []string
		}
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("not an event: %w", err)
	}
	if e.ID == "" || e.FullLog == "" {
		return fmt.Errorf("no id or no full_log")
	}
	alert, err := json.Marshal(map[string]any{
		"agent":    map[string]string{"id": "001", "name": "host"},
		"decoder":  map[string]string{"name": e.Decoder},
		"full_log": e.FullLog,
		"rule": map[string]any{
			"description": e.Rule.Description, "groups": e.Rule.Groups, "level": nil, "mitre": map[string]any{"id": e.Rule.Mitre},
		},
	})
	if err != nil {
		return err
	}
	d.lines = append(d.lines, single(e.ID, "", e.FullLog))
	d.alerts = append(d.alerts, single(e.ID, "", string(alert)))
	return nil
}

// single is an excerpt of one event that a person asks about.
func single(id, host, line string) Excerpt {
	return Excerpt{ID: id, Files: []ExcerptFile{{Host: host, Path: "event", Lines: []string{line}}}, Asked: true}
}

func (d *triageData) loadContexts(dir string) error {
	path := filepath.Join(dir, "triage", "context_cases")
	err := readLines(path+".jsonl", func(_ int, text []byte) error {
		var c struct{ ID, Asset, Context, Event string }
		if err := json.Unmarshal(text, &c); err != nil {
			return fmt.Errorf("not a case: %w", err)
		}
		if c.ID == "" || c.Asset == "" || c.Event == "" {
			return fmt.Errorf("no id, asset or event")
		}
		x := single(c.ID, c.Asset, c.Event)
		x.Note = c.Context
		d.contexts = append(d.contexts, x)
		return nil
	})
	if err != nil {
		return err
	}
	columns := []string{"severity", "also_acceptable", "why"}
	return readLabels(path+".labels.csv", "id", ids(d.contexts), columns, func(v []string) error {
		severity, err := parseSeverity(v[0])
		if err != nil {
			return err
		}
		l := triageLabel{severity: severity, also: severity, why: v[2]}
		if v[1] != "" {
			l.also, err = parseSeverity(v[1])
		}
		d.contextLabels = append(d.contextLabels, l)
		return err
	})
}

// loadAttacks reads alerts of an attack and of quiet times as they were.
func (d *triageData) loadAttacks(dir string) error {
	path := filepath.Join(dir, "wazuh", "ads_fox_sample")
	err := readLines(path+".alerts.jsonl", func(number int, text []byte) error {
		if !json.Valid(text) {
			return fmt.Errorf("not an alert")
		}
		d.attacks = append(d.attacks, single(fmt.Sprint(number), "", string(text)))
		return nil
	})
	if err != nil {
		return err
	}
	return readLabels(path+".labels.csv", "seq", ids(d.attacks), []string{"set", "event_label"}, func(v []string) error {
		d.attackLabels = append(d.attackLabels, attackLabel{set: v[0] == "attack", step: v[1] != "-"})
		return oneOf("set", v[0], "attack", "no_attack")
	})
}

func ids(all []Excerpt) []string {
	names := make([]string, len(all))
	for i, x := range all {
		names[i] = x.ID
	}
	return names
}

// readLabels calls row with the values of the columns of each label. The labels
// must name the same ids in the same order as the data.
func readLabels(path, id string, names, columns []string, row func(values []string) error) error {
	next := 0
	err := readCSV(path, append([]string{id}, columns...), func(_ int, v []string) error {
		if next == len(names) || v[0] != names[next] {
			return fmt.Errorf("%s %q is not that of the data's line %d", id, v[0], next+1)
		}
		next++
		return row(v[1:])
	})
	if err == nil && next < len(names) {
		err = &DataError{File: path, Err: fmt.Errorf("%d labels for %d events", next, len(names))}
	}
	return err
}
