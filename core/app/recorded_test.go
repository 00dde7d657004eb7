package app

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/pipeline"
)

// What people see of a case that a model was asked about is what its record says.
func TestCaseShowsWhatTheModelSaid(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(says(event.Critical))
	s := actingSite(t).withModel(model.URL)
	s.write(quiet() + guesses(attackEnds(), "203.0.113.9", 4))
	w := s.start()
	w.settled(lineCount(quiet()) + 4)
	row := casesOf(t, w)[0]
	if row.Severity != event.High { // one step above the floor
		t.Errorf("in the list it is %s", row.Severity)
	}
	var plain, whole struct{ Text string }
	must(t, ask(t, w, CmdCase, CaseQuery{Case: row.Case}, &plain))
	must(t, ask(t, w, CmdCase, CaseQuery{Case: row.Case, Prompts: true}, &whole))
	for _, want := range []string{
		"High · " + row.Case, "tiny:latest " + fake.Digest[:12] + ": answered", "2 unusual?: model, 1 ×", "5 what to do?: model",
		"somebody guesses", "Question 3.1", `| {"reason":"it goes on","severity":"Critical","confidence":80}`, "block the address: 203.0.113.9 on gw1 (failed)",
		"the model asked for more than one step up",
	} {
		if !strings.Contains(plain.Text, want) {
			t.Errorf("does not say %q", want)
		}
	}
	if strings.Contains(plain.Text, "Every question begins with") || !strings.HasPrefix(whole.Text, plain.Text) || !strings.Contains(whole.Text, "Every question begins with") {
		t.Error("the prompts are shown unasked, or not")
	}
	if t.Failed() {
		t.Log(whole.Text)
	}

	// While the model is asked about the next revision, the talk is that of the one
	// before.
	model.Answer(hangs)
	s.write(strings.ReplaceAll(guesses(attackEnds(), "203.0.113.9", 10), "for root", "for invalid user admin"))
	eventually(t, "the next revision", func() bool { return s.lastOf(row.Case).Revision == 2 })
	must(t, ask(t, w, CmdCase, CaseQuery{Case: row.Case}, &plain))
	if !strings.Contains(plain.Text, "What was said about revision 1:") || !strings.Contains(plain.Text, "is being asked") || !strings.HasPrefix(plain.Text, "High") {
		t.Errorf("asked again:\n%s", plain.Text)
	}
	must(t, w.end())
}

// A record holds all of the stages that people see, but for what is cut.
func TestReportOfARecordIsTheReport(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(says(event.High))
	s := actingSite(t).withModel(model.URL)
	e, err := NewEngine(s.config)
	must(t, err)
	must(t, e.UseModel(s.config.Model))
	in := Input{Stdin: strings.NewReader(attackDay()), Now: attackEnds(), Source: e.SourceOptions}
	_, err = in.EachEvent(t.Context(), func(ev *event.Event) error {
		e.Handle(ev)
		return nil
	})
	must(t, err)
	v := e.Verdicts()[0]
	asked, err := e.pipeline.Ask(t.Context(), v.Case, v.Report)
	must(t, err)
	want := Verdict{v.Case, asked, v.Decision}
	got := e.recorded(v, want.Record())
	for _, r := range []*pipeline.Report{&want.Report, &got.Report} { // what no record holds, or in milliseconds
		text, err := json.Marshal(struct{ A, B, C, D any }{r.Anomaly, r.Assessment, r.Plan, r.Advice})
		must(t, err)
		if !strings.Contains(string(text), `"Source":"model"`) {
			t.Fatalf("no answer of the model: %s", text)
		}
		for _, by := range []*pipeline.Answered{&r.Anomaly.Answered, &r.Assessment.Answered, &r.Plan.Answered, &r.Advice.Answered} {
			by.Took = 0
		}
		r.Model.Took, r.Model.Endpoint, r.Model.Talk = 0, "", pipeline.Talk{}
		r.Model.Digest = r.Model.Digest[:12]
	}
	if diff := cmp.Diff(want.Report, got.Report); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(e.View(want).Decision, got.Decision); diff != "" {
		t.Errorf("decision (-want +got)\n%s", diff)
	}
}
