package pipeline_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"penstock/core/event"
	"penstock/core/llm"
	"penstock/core/pipeline"
)

// saying answers every question with the same text, as fast as fuzzing asks.
type saying string

func (s saying) Ask(context.Context, llm.Request) (llm.Answer, error) {
	return llm.Answer{Text: string(s), Model: "m"}, nil
}

// FuzzAnswer feeds any text to every stage: nothing that was invented gets past,
// and nothing that a person could type, dial or visit.
func FuzzAnswer(f *testing.F) {
	for _, text := range sound {
		f.Add(text)
	}
	for _, text := range []string{
		"", "{}", "null", "[]", `{"unusual":true}`, `{"reason":null,"evidence":null,"score":null,"unusual":null}`,
		`{"what":"Call 0900 12345. Run rm.","means":"x","steps":["S1","S1"]}`, `{"reason":"\u001b[2J","evidence":["E1"],"score":-1,"unusual":false}`,
		`{"reason":"x","severity":"Critical","confidence":1e99}`, `{"Choose":["block-address E9.peer"],"reason":"x"}`,
		strings.Repeat(`{"what":`, 1000), `{"what":"` + strings.Repeat("A. ", 3000) + `","means":"","steps":["S1"]}`,
	} {
		f.Add(text)
	}
	language, c := caseOf(f, "web-shell")
	plain := newPipeline(f, language)
	rules := plain.Rules(c)
	rulesText, err := json.Marshal(rules)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := plain.WithModel(saying(text), llm.DefaultOptions(), func() string { return "mark" }).Ask(context.Background(), c, rules)
		if err != nil {
			t.Fatal(err)
		}
		if r.Assessment.Severity > event.Critical || r.Anomaly.Score < 0 || r.Anomaly.Score > 100 || r.Assessment.Confidence < 0 || r.Assessment.Confidence > 100 {
			t.Errorf("out of bounds: %+v %+v", r.Anomaly, r.Assessment)
		}
		for _, x := range r.Plan.Proposals {
			if !slices.Contains(rules.Plan.Proposals, x) {
				t.Errorf("invented: %+v", x)
			}
		}
		for _, h := range r.Anomaly.Handles {
			if !slices.Contains(rules.Summary.Handles, h) {
				t.Errorf("invented: %s", h)
			}
		}
		if len(r.Advice.Steps) != len(rules.Advice.Steps) {
			t.Errorf("%d steps of %d", len(r.Advice.Steps), len(rules.Advice.Steps))
		}
		for _, said := range modelsWords(&rules, &r) {
			for word := range strings.FieldsSeq(said) {
				word = strings.TrimRight(word, ".,;:!?")
				if word != "E1" && word != "web1" && strings.ContainsFunc(word, unicode.IsNumber) || strings.ContainsAny(word, "/\\`$<>{}|@") {
					t.Errorf("%q is shown of %q (rules: %s)", said, text, rulesText[:20])
				}
			}
		}
	})
}

// modelsWords returns what a report holds beyond what rules say.
func modelsWords(rules, r *pipeline.Report) []string {
	words := []string{strings.TrimPrefix(r.Advice.What, rules.Advice.What), strings.TrimPrefix(r.Advice.Means, rules.Advice.Means)}
	words = append(words, r.Anomaly.Reasons[min(len(rules.Anomaly.Reasons), len(r.Anomaly.Reasons)):]...)
	return append(words, r.Assessment.Reasons[min(len(rules.Assessment.Reasons), len(r.Assessment.Reasons)):]...)
}
