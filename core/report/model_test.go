package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"penstock/core/event"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/report"
)

// askedSample is the sample with a model that finds the first case Critical, the second
// less grave than rules do, calls the third ordinary, and was not asked about the last.
func askedSample(t testing.TB, language string) report.Input {
	t.Helper()
	in := sample(t, language)
	by := pipeline.Answered{Source: pipeline.Model, Attempts: 1, PromptTokens: 900, AnswerTokens: 40, Took: time.Second}
	failed := pipeline.Answered{Attempts: 2, Fault: llm.Invalid}
	for i := range in.Cases {
		r := &in.Cases[i].Report
		r.Model = pipeline.Use{Name: "qwen3:8b", Digest: strings.Repeat("ab", 32), Calls: 2, PromptTokens: 1800, AnswerTokens: 80, Took: 2 * time.Second}
		r.Model.Talk = pipeline.Talk{Prompts: "1", System: "You read cases", Case: "Host: plc", Exchanges: []pipeline.Exchange{
			{Stage: 2, Attempt: 1, Question: "is this unusual?", Answer: `{"score":90}`, Fault: "evidence is missing"},
		}}
		r.Anomaly.Answered = by
		switch i {
		case 0:
			r.Model.State, r.Assessment.Answered, r.Assessment.Severity = pipeline.Answers, by, event.Critical
		case 1:
			r.Model.State, r.Model.Dissent, r.Assessment.Answered, r.Assessment.Severity = pipeline.Partly, true, by, event.Low
			r.Plan.Answered = failed
		case 2:
			r.Model.State, r.Model.Ordinary = pipeline.Answers, true
		default:
			r.Model = pipeline.Use{State: pipeline.NotAsked, Why: pipeline.WhyInstructs}
			r.Anomaly.Answered = pipeline.Answered{}
		}
	}
	return in
}

// A model's part is shown beside what rules and policy decide, and never as it.
func TestModelsPartIsShown(t *testing.T) {
	in := askedSample(t, "en")
	in.Cases[2].Report.Assessment.Source = pipeline.Model // and would have it Critical, which policy did not follow
	in.Cases[2].Report.Assessment.Severity, in.Cases[2].Report.Model.Ordinary = event.Critical, false
	in.Cases[2].Decision.Severity = event.High
	page := html(t, in)
	checkHTML(t, page)
	for _, want := range []string{
		"<h3>The model</h3><p>qwen3:8b abababababab: answered</p>", "finds this less grave than the rules do", "4 which measures?: rules (invalid), 2 ×",
		"was not asked: what rules say stands (instructing-text)",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "is this unusual?") || strings.Contains(page, "You read cases") {
		t.Error("the page shows what was said")
	}
	var table, full, prompt bytes.Buffer
	for _, err := range []error{
		report.Table(&table, in.Cases, report.Style{}), report.Explain(&full, in.Cases[1], report.Style{}),
		report.Prompt(&prompt, in.Cases[1].Report.Model.Talk, report.Style{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	rows := strings.Split(table.String(), "\n")
	for i, want := range []string{"Severity  The model", "Critical  Critical ", "High      Low ", "High      Critical ", "Low       – "} {
		if !strings.HasPrefix(rows[i], want) {
			t.Errorf("row %d is %q, want %q", i, rows[i], want)
		}
	}
	for _, want := range []string{"Question 2.1", "| is this unusual?", `| {"score":90}`, "! evidence is missing"} {
		if !strings.Contains(full.String(), want) {
			t.Errorf("the case in full does not say %q:\n%s", want, full.String())
		}
	}
	if !strings.Contains(prompt.String(), "| You read cases") || !strings.Contains(prompt.String(), "| Host: plc") {
		t.Errorf("prompt:\n%s", prompt.String())
	}
}

func TestModelThatCallsItOrdinaryIsShown(t *testing.T) {
	in := askedSample(t, "de")
	in.Cases[1].TalkOf = 3
	var table, full bytes.Buffer
	if err := report.Table(&table, in.Cases[2:3], report.Style{Language: "de"}); err != nil {
		t.Fatal(err)
	}
	if err := report.Explain(&full, in.Cases[1], report.Style{Language: "de"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "Mittel   keine") || !strings.Contains(full.String(), "Was zu Stand 3 gesagt wurde:") {
		t.Errorf("%s%s", table.String(), full.String())
	}
}

// What a model, or its server, writes does nothing in any output.
func TestModelsTextIsText(t *testing.T) {
	bad := "\"><script>document.title='owned'</script>\x1b[2J\u202e{{.}}"
	in := askedSample(t, "en")
	for i := range in.Cases {
		u := &in.Cases[i].Report.Model
		u.Name, u.Digest, u.Why = bad, bad, bad
		u.Talk = pipeline.Talk{Prompts: bad, System: bad, Case: bad, Exchanges: []pipeline.Exchange{{Stage: 2, Question: bad, Answer: bad, Fault: bad}}}
	}
	checkHTML(t, html(t, in))
	var b bytes.Buffer
	for _, v := range in.Cases {
		for _, err := range []error{
			report.Explain(&b, v, report.Style{Width: 80}), report.Table(&b, []report.CaseView{v}, report.Style{}), report.Prompt(&b, v.Report.Model.Talk, report.Style{}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("a code went through:\n%q", b.String())
	}
}
