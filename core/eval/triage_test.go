package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

const (
	toyEvents = `{"id":"e1","product":"p","decoder":"sshd","full_log":"all is well","rule":{"id":"7","description":"Fine.","groups":["a","b"],"mitre":["T1078"]}}
{"id":"e2","decoder":"sshd","full_log":"all is \"lost\"","rule":{"description":"Bad.","groups":[],"mitre":[]}}
`
	toyEventLabels   = "id,rule_level,severity\ne1,3,low\ne2,13,high\n"
	toyContexts      = `{"id":"c1","asset":"gw","context":"only way in","event":"sshd[1]: hello"}` + "\n" + `{"id":"c2","asset":"pc","context":"","event":"x"}` + "\n"
	toyContextLabels = "id,severity,also_acceptable,why\nc1,critical,high,it is the only way in\nc2,low,,\"small, and quiet\"\n"
	toyFox           = `{"rule":{"level":3}}` + "\n" + `{"rule":{"level":5}}` + "\n" + `{}` + "\n" + `{"a":1}` + "\n"
	toyFoxLabels     = "seq,set,time_label,event_label,instance,severity\n1,attack,scan,scan,scan,low\n2,attack,scan,-,scan,low\n3,no_attack,,-,,none\n4,no_attack,,-,,none\n"
)

func toyTriageFiles() map[string]string {
	return map[string]string{
		"triage/wazuh_events.jsonl.gz": toyEvents, "triage/wazuh_events.labels.csv": toyEventLabels,
		"triage/context_cases.jsonl": toyContexts, "triage/context_cases.labels.csv.gz": toyContextLabels,
		"wazuh/ads_fox_sample.alerts.jsonl": toyFox, "wazuh/ads_fox_sample.labels.csv": toyFoxLabels,
	}
}

// judging returns a Judge that has an answer ready for each id.
func judging(answers map[string]Judgement) Judge {
	return func(_ context.Context, x Excerpt) (Judgement, error) {
		j, ok := answers[x.ID]
		if !ok {
			return j, errors.New("never heard of it")
		}
		return j, nil
	}
}

// toyRules rate e1, c1 and the first alert one too low or high.
func toyRules() map[string]Judgement {
	return map[string]Judgement{
		"e1": {Severity: event.Medium}, "e2": {Severity: event.High},
		"c1": {Severity: event.High}, "c2": {Severity: event.None},
		"1": {Severity: event.High}, "2": {Severity: event.Low}, "3": {Severity: event.Medium}, "4": {},
	}
}

// toyModel says nothing of e2, of which the rules' answer counts.
func toyModel() map[string]Judgement {
	use := Use{Calls: 4, Valid: 3, PromptTokens: 100, AnswerTokens: 10, Took: time.Second, Digest: "0123"}
	answers := map[string]Judgement{
		"e2": {Severity: event.Low, Use: use},
		"e1": {Severity: event.Medium, Said: event.Low, Answered: true, Use: use},
		"c1": {Severity: event.Critical, Said: event.Critical, Answered: true},
		"c2": {Severity: event.Low, Said: event.Medium, Answered: true},
	}
	for i := range 4 {
		answers[fmt.Sprint(i+1)] = Judgement{Severity: event.High, Said: event.None, Answered: true}
	}
	return answers
}

func TestTriage(t *testing.T) {
	dir := writeFiles(t, toyTriageFiles())
	about := About{Build: "b", Config: "c", Model: "m"}
	r, err := Triage(t.Context(), Options{Dir: dir, About: about}, judging(toyRules()), judging(toyModel()), judging(toyModel()))
	if err != nil {
		t.Fatal(err)
	}
	run := r.Line.Runs[0]
	for _, tt := range []struct {
		name      string
		want, got any
	}{
		{"about", about, r.About},
		{"line, rules", Share{1, 2}, r.Line.Rules.Right.Share},
		{"line, model's own", Share{2, 2}, run.Said.Right.Share}, // e2 is the rules' answer
		{"line, decided", Share{1, 2}, run.Decided.Right.Share},
		{"with rule, the same", r.Line, r.Rule},
		{"use", ModelUse{Excerpts: Share{1, 2}, Valid: Share{6, 8}, PromptTokens: 200, AnswerTokens: 20, Seconds: 2, Digest: "0123"}, run.Use},
		{"runs", 2, len(r.Line.Runs)},
		{"spread", &Spread{1, 1, 1}, r.Line.Spread[0].Right},
		{"context, rules", [2]Share{{0, 2}, {1, 2}}, [2]Share{r.Context.Rules.Right.Share, *r.Context.Rules.Lenient}},
		{"context, decided", Share{2, 2}, r.Context.Runs[1].Decided.Right.Share},
		{"cases", []CaseGiven{
			{
				"c1", event.Critical, event.High, event.High,
				[]event.Severity{event.Critical, event.Critical},
				[]event.Severity{event.Critical, event.Critical},
				"it is the only way in",
			},
			{"c2", event.Low, event.Low, event.None, []event.Severity{event.Medium, event.Medium}, []event.Severity{event.Low, event.Low}, "small, and quiet"},
		}, r.Cases},
		{"attacks by set, rules", Confusion{TP: 1, FP: 1, FN: 1, TN: 1}, r.Attacks.Rows[0].Set},
		{"attacks by step, rules", Confusion{TP: 1, FP: 1, FN: 0, TN: 2}, r.Attacks.Rows[0].Step},
		{"false positive rate by step", Share{1, 3}, r.Attacks.Rows[0].StepFPR},
		{"attacks, decided", Confusion{TP: 2, FP: 2}, r.Attacks.Rows[2].Set},
		{"attacks, spread", &Spread{1, 1, 1}, r.Attacks.Spread[1].FPR},
		{"attacks, flag all", Confusion{TP: 2, FP: 2}, r.Attacks.Trivial[0].Set},
		{"trivial", []string{"always none", "always Critical", "always Low"}, []string{r.Line.Trivial[0].Name, r.Line.Trivial[1].Name, r.Line.Trivial[2].Name}},
	} {
		if d := cmp.Diff(tt.want, tt.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

// The program under test is shown neither label nor level.
func TestTriageShowsNoAnswers(t *testing.T) {
	var seen []Excerpt
	_, err := Triage(t.Context(), Options{Dir: writeFiles(t, toyTriageFiles())}, func(_ context.Context, x Excerpt) (Judgement, error) {
		seen = append(seen, x)
		return Judgement{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	event := func(id, host, line, note string) Excerpt {
		return Excerpt{ID: id, Files: []ExcerptFile{{Host: host, Path: "event", Lines: []string{line}}}, Asked: true, Note: note}
	}
	want := []Excerpt{
		event("e1", "", "all is well", ""), event("e2", "", `all is "lost"`, ""),
		event("e1", "", `{"agent":{"id":"001","name":"host"},"decoder":{"name":"sshd"},"full_log":"all is well","rule":{"description":"Fine.","groups":["a","b"],"level":null,"mitre":{"id":["T1078"]}}}`, ""),
		event("e2", "", `{"agent":{"id":"001","name":"host"},"decoder":{"name":"sshd"},"full_log":"all is \"lost\"","rule":{"description":"Bad.","groups":[],"level":null,"mitre":{"id":[]}}}`, ""),
		event("c1", "gw", "sshd[1]: hello", "only way in"), event("c2", "pc", "x", ""),
		event("1", "", `{"rule":{"level":3}}`, ""), event("2", "", `{"rule":{"level":5}}`, ""), event("3", "", "{}", ""), event("4", "", `{"a":1}`, ""),
	}
	if d := cmp.Diff(want, seen); d != "" {
		t.Errorf("excerpts (-want +got):\n%s", d)
	}
}

func TestTriageTable(t *testing.T) {
	r, err := Triage(t.Context(), Options{Dir: writeFiles(t, toyTriageFiles())}, judging(toyRules()), judging(toyModel()))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.Table(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"model none", "model's own, run 1", "with model, run 1", "Median of 1 runs", "1/2  0.500", "c1    Critical  High",
		"run 1  1/2", "  0123", "it is the only way in", "flag none",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestBadTriageData(t *testing.T) {
	run := func(dir string) error {
		_, err := Triage(t.Context(), Options{Dir: dir}, func(context.Context, Excerpt) (Judgement, error) { return Judgement{}, nil })
		return err
	}
	for _, tt := range []struct{ name, file, text, want string }{
		{"- no JSON", "triage/wazuh_events.jsonl.gz", "x\n", "wazuh_events.jsonl.gz:1: not an event: invalid character 'x'"},
		{"- no line", "triage/wazuh_events.jsonl.gz", `{"id":"e1"}`, "wazuh_events.jsonl.gz:1: no id or no full_log"},
		{"- other id", "triage/wazuh_events.labels.csv", "id,severity\ne2,low\n", `wazuh_events.labels.csv:2: id "e2" is not that of the data's line 1`},
		{"- too few labels", "triage/wazuh_events.labels.csv", "id,severity\ne1,low\n", "wazuh_events.labels.csv: 1 labels for 2 events"},
		{"- too many labels", "triage/wazuh_events.labels.csv", toyEventLabels + "e3,3,low\n", `wazuh_events.labels.csv:4: id "e3" is not that of the data's line 3`},
		{"- severity", "triage/wazuh_events.labels.csv", "id,severity\ne1,bad\n", `wazuh_events.labels.csv:2: severity: "bad" is not a severity`},
		{"- no case", "triage/context_cases.jsonl", "[]\n", "context_cases.jsonl:1: not a case"},
		{"- no event", "triage/context_cases.jsonl", `{"id":"c1","asset":"gw"}`, "context_cases.jsonl:1: no id, asset or event"},
		{"- also acceptable", "triage/context_cases.labels.csv.gz", "id,severity,also_acceptable,why\nc1,low,much,\n", `context_cases.labels.csv.gz:2: severity: "much" is not a severity`},
		{"- no column", "triage/context_cases.labels.csv.gz", "id,severity\nc1,low\n", `context_cases.labels.csv.gz:1: no column "also_acceptable" among id, severity`},
		{"- no alert", "wazuh/ads_fox_sample.alerts.jsonl", "x\n", "ads_fox_sample.alerts.jsonl:1: not an alert"},
		{"- set", "wazuh/ads_fox_sample.labels.csv", "seq,set,event_label\n1,maybe,-\n", `ads_fox_sample.labels.csv:2: set: unknown label "maybe" (attack, no_attack)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := toyTriageFiles()
			files[tt.file] = tt.text
			err := run(writeFiles(t, files))
			var bad *DataError
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant a DataError with %s", err, tt.want)
			}
		})
	}
	if err := run(t.TempDir()); err == nil || !strings.Contains(err.Error(), "wazuh_events.jsonl: no such file") {
		t.Errorf("without files: %v", err)
	}
}

// TestTriageReproducesCounts holds the reader against what is known of the data.
func TestTriageReproducesCounts(t *testing.T) {
	r, err := Triage(t.Context(), Options{Dir: dataDir(t)}, func(context.Context, Excerpt) (Judgement, error) { return Judgement{Severity: event.Low}, nil })
	if err != nil {
		t.Fatal(err)
	}
	got := []any{r.Line.Rules.Right.Share, r.Context.Rules.Right.Share, r.Line.Rules.Under.Share, r.Attacks.Trivial[0].Set, r.Attacks.Trivial[0].Step.TP}
	want := []any{Share{369, 640}, Share{13, 30}, Share{46, 46}, Confusion{TP: 100, FP: 100}, 42}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("always Low (-want +got):\n%s", d)
	}
}
