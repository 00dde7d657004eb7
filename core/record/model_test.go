package record

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/action"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/policy"
)

func TestRecordSaysWhatAModelHadToDoWithIt(t *testing.T) {
	c := sampleCase()
	r := sampleReport(c)
	r.Model = pipeline.Use{
		State: pipeline.Partly, Why: "timeout", Name: "qwen3:4b", Digest: strings.Repeat("0a1b", 16), Dissent: true, Calls: 3,
		PromptTokens: 9000, AnswerTokens: 210, Took: 4200 * time.Millisecond,
		Talk: pipeline.Talk{System: "never part of a record"},
	}
	r.Anomaly.Answered = pipeline.Answered{Source: pipeline.Model, Attempts: 1, Took: 2 * time.Second, PromptTokens: 3000, AnswerTokens: 90}
	r.Plan.Answered = pipeline.Answered{Attempts: 2, Took: time.Second, Fault: llm.Timeout, PromptTokens: 6000, AnswerTokens: 120}
	rec := New(c, r, policy.Decision{})
	for _, tt := range []struct {
		name string
		part any
		want string
	}{
		{"+ the model", rec.Model, `{"state":"partly","why":"timeout","name":"qwen3:4b","digest":"0a1b0a1b0a1b","dissent":true,"calls":3,"prompt_tokens":9000,"answer_tokens":210,"ms":4200}`},
		{"+ an answer that stands", rec.Anomaly.Cost, `{"attempts":1,"ms":2000,"prompt_tokens":3000,"answer_tokens":90}`},
		{"+ one that does not", rec.Plan.Cost, `{"attempts":2,"ms":1000,"prompt_tokens":6000,"answer_tokens":120,"fault":"timeout"}`},
		{"+ one that nobody asked for", rec.Advice.Cost, `{}`},
	} {
		got, err := json.Marshal(tt.part)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	text, err := rec.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"anomaly":{"source":"model","attempts":1,`) || strings.Contains(string(text), "never part") {
		t.Errorf("record %s", text)
	}
}

func TestWithOrdersOfShowsWhatRunsAndNotWhatWouldStart(t *testing.T) {
	c := sampleCase()
	d := decider(t).Decide(c, sampleReport(c), policy.Facts{Now: c.Updated})
	ran := d.Orders()[0]
	earlier := New(c, sampleReport(c), d).WithOrder(ran, action.Failed)
	earlier.Orders = append(earlier.Orders, Order{Action: "isolate-host", State: "pending", Digest: "old"})

	again := decider(t).Decide(c, sampleReport(c), policy.Facts{Now: c.Updated, Ended: map[string]int{ran.Action: 1}})
	if again.Orders()[0].Digest == ran.Digest {
		t.Fatal("an order that has ended would not start again: nothing is tested")
	}
	later := New(c, sampleReport(c), again)
	later.Orders = append(later.Orders, Order{Action: "end-session", State: "pending", Digest: "new"})

	want := []Order{order(ran, "failed"), {Action: "end-session", State: "pending", Digest: "new"}}
	got := later.WithOrdersOf(earlier)
	if diff := cmp.Diff(want, got.Orders); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if later.Orders[0].State != "intended" || len(earlier.Orders) != 2 {
		t.Error("it changes what it was made from")
	}
	many := earlier
	for range 3 * maxOrders {
		many.Orders = append(many.Orders, order(ran, "done"))
	}
	if got := later.WithOrdersOf(many); len(got.Orders) != maxOrders || len(got.Cut) == 0 {
		t.Errorf("%d orders, cut %v", len(got.Orders), got.Cut)
	}
}
