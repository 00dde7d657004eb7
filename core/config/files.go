package config

import (
	"fmt"
	"strconv"
	"strings"

	"penstock/core/pipeline"
	"penstock/core/sift"
)

// LoadSignals reads the text of a signals file; name is its name for messages.
// The error is Problems.
func LoadSignals(name string, data []byte) ([]sift.Signal, error) {
	var file sift.SignalsFile
	if err := decodeStrict(name, data, &file); err != nil {
		return nil, err
	}
	return file.Signals, nil
}

// LoadPlaybook reads the text of a playbook; name is its name for messages. The
// error is Problems.
func LoadPlaybook(name string, data []byte) (*pipeline.Playbook, error) {
	var book pipeline.Playbook
	if err := decodeStrict(name, data, &book); err != nil {
		return nil, err
	}
	return &book, nil
}

// AllSignals returns the shipped signals with the site's own laid over them. The
// error is Problems where the site's file can be read but not used.
func (c *Config) AllSignals() ([]sift.Signal, error) {
	shipped, err := LoadSignals("signals.yaml", sift.DefaultSignals())
	if err != nil || c.SignalsFile == "" {
		return shipped, err
	}
	data, err := readFile(c.SignalsFile)
	if err != nil {
		return nil, err
	}
	own := ownSignals{shipped: shipped}
	if err := decodeStrict(c.SignalsFile, data, &own); err != nil {
		return nil, err
	}
	return sift.MergeSignals(shipped, own.Signals), nil
}

// ownSignals is a site's signals file. An entry of it may be incomplete, since
// it is laid over a shipped one, so it is checked as it comes out of that.
type ownSignals struct {
	Signals []sift.Signal `yaml:"signals"`
	shipped []sift.Signal
}

// Check reports what is wrong with the entries of this file, once merged.
func (o *ownSignals) Check(problem func(path, text string)) {
	at := map[string]int{}
	for i, s := range o.Signals {
		if first, again := at[s.ID]; again {
			problem(fmt.Sprintf("signals[%d].id", i), fmt.Sprintf("%q is signals[%d] already", s.ID, first))
			continue
		}
		at[s.ID] = i
	}
	merged := sift.MergeSignals(o.shipped, o.Signals)
	sift.CheckSignals(merged, func(path, text string) {
		index, rest, _ := strings.Cut(strings.TrimPrefix(path, "signals["), "]")
		i, err := strconv.Atoi(index)
		if err != nil || i >= len(merged) {
			problem(path, text)
			return
		}
		if mine, ok := at[merged[i].ID]; ok {
			problem(fmt.Sprintf("signals[%d]%s", mine, rest), text)
		}
	})
}
