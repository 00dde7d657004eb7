package store

import (
	"encoding/json"
	"fmt"

	"penstock/core/record"
)

// word is a value of a closed list that knows its word.
type word interface {
	~uint8
	fmt.Stringer
}

// setWord sets a value of a closed list to the one that has this word. Words and
// not numbers are stored: a later version may number them otherwise.
func setWord[T word](dst *T, text string) error {
	for i := range 256 {
		if T(i).String() == text {
			*dst = T(i)
			return nil
		}
	}
	return fmt.Errorf("%.40q is no word of its list", text)
}

// Parts of a record whose words have no reader of their own.
type (
	plainRecord record.Record // without the methods
	wordAnomaly struct {
		record.Anomaly
		Source string `json:"source"`
	}
	wordAssessment struct {
		record.Assessment
		Source string `json:"source"`
	}
	wordPlan struct {
		record.Plan
		Source string `json:"source"`
	}
	wordAdvice struct {
		record.Advice
		Source string `json:"source"`
	}
	wordModel struct {
		record.Model
		State string `json:"state"`
	}
	wordRefusal struct {
		record.Refusal
		Reason string `json:"reason"`
	}
)

// parseRecord reads the object of record.Marshal.
func parseRecord(data []byte) (record.Record, error) {
	var object struct {
		Penstock struct {
			plainRecord
			Mode       string         `json:"mode"`
			Anomaly    wordAnomaly    `json:"anomaly"`
			Assessment wordAssessment `json:"assessment"`
			Plan       wordPlan       `json:"plan"`
			Advice     wordAdvice     `json:"advice"`
			Refusals   []wordRefusal  `json:"refusals"`
			Model      *wordModel     `json:"model"`
		} `json:"penstock"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return record.Record{}, err
	}
	p := &object.Penstock
	r := record.Record(p.plainRecord)
	r.Anomaly, r.Assessment, r.Plan, r.Advice = p.Anomaly.Anomaly, p.Assessment.Assessment, p.Plan.Plan, p.Advice.Advice
	if p.Model != nil {
		r.Model = &p.Model.Model
		if err := setWord(&r.Model.State, p.Model.State); err != nil {
			return r, err
		}
	}
	for _, x := range p.Refusals {
		if err := setWord(&x.Refusal.Reason, x.Reason); err != nil {
			return r, err
		}
		r.Refusals = append(r.Refusals, x.Refusal)
	}
	for _, err := range []error{
		setWord(&r.Mode, p.Mode), setWord(&r.Anomaly.Source, p.Anomaly.Source), setWord(&r.Assessment.Source, p.Assessment.Source),
		setWord(&r.Plan.Source, p.Plan.Source), setWord(&r.Advice.Source, p.Advice.Source),
	} {
		if err != nil {
			return r, err
		}
	}
	return r, nil
}
