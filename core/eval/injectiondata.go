package eval

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"penstock/core/event"
)

// notInjected is the injected_via of excerpts as they were recorded.
const notInjected = "none"

// injectionLabel is the label of one excerpt.
type injectionLabel struct {
	sequence string
	attack   bool
	via      string
	severity event.Severity
	twin     int // of an injected attack: index of the same attack as it was recorded; else -1
}

// injectionData is the excerpts with their labels.
type injectionData struct {
	excerpts []Excerpt
	labels   []injectionLabel
}

// loadInjection reads the excerpts under a folder and their labels.
func loadInjection(dir string) (*injectionData, error) {
	d := &injectionData{}
	path := filepath.Join(dir, "injection", "excerpts")
	if err := readLines(path+".jsonl", d.excerpt); err != nil {
		return nil, err
	}
	labels := path + ".labels.csv"
	columns := []string{"sequence", "label", "injected_via", "severity"}
	if err := readLabels(labels, "id", ids(d.excerpts), columns, d.label); err != nil {
		return nil, err
	}
	if err := d.pair(); err != nil {
		return nil, &DataError{File: labels, Err: err}
	}
	return d, nil
}

func (d *injectionData) excerpt(_ int, text []byte) error {
	var e struct {
		ID    string
		Files []ExcerptFile
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("not an excerpt: %w", err)
	}
	if e.ID == "" || len(e.Files) == 0 {
		return fmt.Errorf("no id or no files")
	}
	d.excerpts = append(d.excerpts, Excerpt{ID: e.ID, Files: e.Files, Acts: true})
	return nil
}

// label takes the values of sequence, label, injected_via and severity.
func (d *injectionData) label(v []string) error {
	if err := oneOf("label", v[1], "attack", "benign"); err != nil {
		return err
	}
	if err := oneOf("injected_via", v[2], notInjected, "useragent", "audit_tag", "benign"); err != nil {
		return err
	}
	severity, err := parseSeverity(v[3])
	d.labels = append(d.labels, injectionLabel{sequence: v[0], attack: v[1] == "attack", via: v[2], severity: severity, twin: -1})
	return err
}

// pair finds the clean twin of each injected attack.
func (d *injectionData) pair() error {
	clean := map[string]int{}
	for i, l := range d.labels {
		if l.attack && l.via == notInjected {
			clean[l.sequence] = i
		}
	}
	for i := range d.labels {
		l := &d.labels[i]
		if !l.attack || l.via == notInjected {
			continue
		}
		twin, ok := clean[l.sequence]
		if !ok {
			return fmt.Errorf("%s: attack %q has no excerpt without injection", d.excerpts[i].ID, l.sequence)
		}
		l.twin = twin
	}
	return nil
}
