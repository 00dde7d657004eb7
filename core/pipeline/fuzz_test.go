package pipeline_test

import (
	"context"
	"strings"
	"testing"
	"unicode"

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
	f.Fuzz(func(t *testing.T, text string) {
		r, err := plain.WithModel(saying(text), llm.DefaultOptions(), func() string { return "mark" }).Ask(context.Background(), c, rules)
		if err != nil {
			t.Fatal(err)
		}
		checkInvented(t, plain, &c, &rules, &r)
		if len(r.Advice.Steps) != len(rules.Advice.Steps) {
			t.Errorf("%d steps of %d", len(r.Advice.Steps), len(rules.Advice.Steps))
		}
		for _, said := range modelsWords(&rules, &r) {
			if word, found := usable(said); found {
				t.Errorf("%q is shown of %q: %q", said, text, word)
			}
		}
	})
}

// usable returns a word that a person could type, dial or visit. E1 and web1 are
// names in the case.
func usable(said string) (word string, found bool) {
	for word := range strings.FieldsSeq(said) {
		word = strings.TrimRight(word, ".,;:!?")
		if word != "E1" && word != "web1" && strings.ContainsFunc(word, unicode.IsNumber) || strings.ContainsAny(word, "/\\`$<>{}|@") {
			return word, true
		}
	}
	return "", false
}

// modelsWords returns what a report holds beyond what rules say.
func modelsWords(rules, r *pipeline.Report) []string {
	words := []string{strings.TrimPrefix(r.Advice.What, rules.Advice.What), strings.TrimPrefix(r.Advice.Means, rules.Advice.Means)}
	words = append(words, r.Anomaly.Reasons[min(len(rules.Anomaly.Reasons), len(r.Anomaly.Reasons)):]...)
	return append(words, r.Assessment.Reasons[min(len(rules.Assessment.Reasons), len(r.Assessment.Reasons)):]...)
}
