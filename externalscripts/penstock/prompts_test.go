package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/core/app"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/llm"
)

// TestPromptsOfTheStreamAreShort asks about each case of the mixed stream whenever
// it is forwarded, and looks at the longest question of each chain. It needs the
// data, which does not ship.
func TestPromptsOfTheStreamAreShort(t *testing.T) {
	data := os.Getenv("PENSTOCK_DATA")
	if data == "" {
		t.Skip("PENSTOCK_DATA is not set")
	}
	longest, calls := promptsOf(t, filepath.Join(data, "stream", "mixed.jsonl.gz"))
	slices.Sort(longest)
	median, most := longest[len(longest)/2], longest[len(longest)-1]
	t.Logf("%d chains, %d questions; longest question of a chain: median %d bytes, 95 in 100 below %d, at most %d",
		len(longest), calls, median, longest[len(longest)*95/100], most)
	if median > 7500 || most > 18_000 {
		t.Errorf("median %d, at most %d bytes", median, most)
	}
}

// promptsOf returns the bytes of the longest question of each chain over a file,
// and how many questions there were.
func promptsOf(t *testing.T, path string) (longest []int, calls int) {
	t.Helper()
	server := fake.NewOllama(t)
	server.Answer(func(c fake.Chat) fake.Reply { return fake.Reply{Text: fitting(t, c.Format)} })
	engine, err := loadEngine("", "")
	if err != nil {
		t.Fatal(err)
	}
	o := &engine.Config.Model
	o.Endpoints, o.Name, o.CallsPerHour, o.TokensPerHour = []string{server.URL}, fake.Model, 100_000, 1_000_000_000
	client, err := llm.New(*o)
	if err != nil {
		t.Fatal(err)
	}
	in := app.Input{Paths: []string{path}, Now: time.Now(), Source: engine.SourceOptions}
	_, err = in.EachEvent(context.Background(), func(ev *event.Event) error {
		outcome := engine.Handle(ev)
		if outcome.Decision != cases.Forward {
			return nil
		}
		v, ok := engine.Verdict(outcome.Case)
		if !ok {
			t.Fatalf("there is no case %s", outcome.Case)
		}
		v, err := engine.Ask(context.Background(), client, v)
		if err != nil {
			return err
		}
		talk, most := v.Report.Model.Talk, 0
		for _, x := range talk.Exchanges {
			calls++
			most = max(most, len(talk.System)+len(talk.Case)+len(x.Question))
		}
		if most > 0 {
			longest = append(longest, most)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return longest, calls
}

// fitting returns an answer that fits a schema of ours.
func fitting(t *testing.T, schema json.RawMessage) string {
	var s struct {
		Properties map[string]struct {
			Type  string
			Enum  []string
			Items struct{ Enum []string }
		}
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Errorf("read a schema: %v", err)
	}
	answer := map[string]any{}
	for name, p := range s.Properties {
		switch {
		case len(p.Enum) > 0:
			answer[name] = p.Enum[len(p.Enum)-1]
		case p.Type == "array":
			answer[name] = p.Items.Enum[:1]
		case p.Type == "integer":
			answer[name] = 90
		case p.Type == "boolean":
			answer[name] = true
		default:
			answer[name] = strings.Repeat("Somebody does what nobody does here. ", 6)
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Errorf("write an answer: %v", err)
	}
	return string(text)
}
