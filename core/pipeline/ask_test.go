package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/llm"
	"penstock/core/pipeline"
)

// asking returns a pipeline that asks the server at url.
func asking(t testing.TB, language, url string, change func(*llm.Options)) *pipeline.Pipeline {
	t.Helper()
	o := llm.DefaultOptions()
	o.Endpoints, o.Name, o.Timeout = []string{url}, fake.Model, time.Minute
	if change != nil {
		change(&o)
	}
	client, err := llm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return newPipeline(t, language).WithModel(client, o, func() string { return "mark-0123456789ab" })
}

// stageOf tells the stages' questions apart by the form of the answer that they
// ask for.
func stageOf(c fake.Chat) int {
	for stage, word := range map[int]string{2: `"unusual"`, 3: `"confidence"`, 4: `"choose"`, 5: `"means"`} {
		if strings.Contains(string(c.Format), word) {
			return stage
		}
	}
	return 0
}

// questionsOf returns the questions of one stage.
func questionsOf(server *fake.Ollama, stage int) (all []fake.Chat) {
	for _, chat := range server.Chats() {
		if stageOf(chat) == stage {
			all = append(all, chat)
		}
	}
	return all
}

// script answers each stage with its text; a stage without one gets {}.
func script(server *fake.Ollama, answers map[int]string) {
	server.Answer(func(c fake.Chat) fake.Reply { return fake.Reply{Text: answers[stageOf(c)]} })
}

func caseOf(t testing.TB, folder string) (language string, c cases.Case) {
	t.Helper()
	f := readFixture(t, filepath.Join("testdata", folder, "case.json"))
	return f.Language, f.Case
}

// ask takes a case through rules and model.
func ask(t testing.TB, p *pipeline.Pipeline, c cases.Case) (rules, asked pipeline.Report) {
	t.Helper()
	rules = p.Rules(c)
	asked, err := p.Ask(context.Background(), c, rules)
	if err != nil {
		t.Fatal(err)
	}
	return rules, asked
}

// TestAsk compares the whole report of each folder in testdata that has answers of
// a model.
func TestAsk(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/answers")
	if err != nil || len(paths) == 0 {
		t.Fatal("no answers found", err)
	}
	for _, path := range paths {
		folder := filepath.Dir(path)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			server := fake.NewOllama(t)
			script(server, answersIn(t, path))
			language, c := caseOf(t, filepath.Base(folder))
			_, report := ask(t, asking(t, language, server.URL, nil), c)
			forget(&report, server.URL)
			compare(t, filepath.Join(folder, "want-asked.json"), report)
		})
	}
}

func answersIn(t testing.TB, folder string) map[int]string {
	t.Helper()
	answers := map[int]string{}
	for stage := 2; stage <= 5; stage++ {
		text, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("stage%d.json", stage)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		answers[stage] = strings.TrimSpace(string(text))
	}
	return answers
}

// forget takes out what differs from run to run.
func forget(r *pipeline.Report, url string) {
	r.Summary = pipeline.Summary{} // that of the rules
	r.Model.Endpoint, r.Model.Took = "", 0
	for _, by := range []*pipeline.Answered{&r.Anomaly.Answered, &r.Assessment.Answered, &r.Plan.Answered, &r.Advice.Answered} {
		by.Took = 0
	}
	for i := range r.Model.Talk.Exchanges {
		x := &r.Model.Talk.Exchanges[i]
		x.Took, x.PromptTook, x.Fault = 0, 0, strings.ReplaceAll(x.Fault, url, "URL")
	}
}

// Answers that fit the forms; the case is testdata/web-shell.
var sound = map[int]string{
	2: `{"reason":"A page was asked for that runs what it is given.","evidence":["E1"],"score":88,"unusual":true}`,
	3: `{"reason":"The page exists and answered.","severity":"High","confidence":71}`,
	4: `{"reason":"The mildest first.","choose":["limit-address E1.peer","block-address E1.peer"]}`,
	5: `{"what":"Somebody asked for a hidden page.","means":"Whoever holds it can run programs.","steps":["S2"]}`,
}

func with(stage int, answer string) map[int]string {
	changed := map[int]string{stage: answer}
	for s, text := range sound {
		if s != stage {
			changed[s] = text
		}
	}
	return changed
}

func TestEachStageTakesTheModelsAnswer(t *testing.T) {
	server := fake.NewOllama(t)
	script(server, sound)
	language, c := caseOf(t, "web-shell")
	rules, r := ask(t, asking(t, language, server.URL, nil), c)
	if diff := cmp.Diff(
		[]any{pipeline.Answers, 4, "", false, 88, event.High, 71, c.Class},
		[]any{r.Model.State, r.Model.Calls, r.Model.Why, r.Model.Dissent, r.Anomaly.Score, r.Assessment.Severity, r.Assessment.Confidence, r.Assessment.Class},
	); diff != "" {
		t.Fatalf("state, calls, why, dissent, score, severity, confidence, class (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]pipeline.Proposal{
		{Action: "limit-address", Handle: "E1.peer", Target: "198.51.100.4"}, {Action: "block-address", Handle: "E1.peer", Target: "198.51.100.4"},
	}, r.Plan.Proposals); diff != "" {
		t.Errorf("proposals (-want +got)\n%s", diff)
	}
	if !strings.HasPrefix(r.Advice.What, rules.Advice.What) || !strings.HasSuffix(r.Advice.What, "Somebody asked for a hidden page.") {
		t.Errorf("what: %q", r.Advice.What)
	}
	if r.Advice.Steps[0] != rules.Advice.Steps[1] || r.Advice.Steps[1] != rules.Advice.Steps[0] || len(r.Advice.Steps) != len(rules.Advice.Steps) {
		t.Errorf("steps: %v", r.Advice.Steps)
	}
	for name, by := range map[string]pipeline.Answered{"detect": r.Anomaly.Answered, "assess": r.Assessment.Answered, "solve": r.Plan.Answered, "advise": r.Advice.Answered} {
		if !atOnce(by) {
			t.Errorf("%s: %+v", name, by)
		}
	}
}

// atOnce says whether the model's first answer stands, with all that it cost.
func atOnce(by pipeline.Answered) bool {
	return by.Source == pipeline.Model && by.Attempts == 1 && by.PromptTokens > 0 && by.AnswerTokens > 0 && by.Took > 0 && by.Fault == llm.NoFault
}

// The server reads what questions have in common once, if it is the same to the
// byte.
func TestQuestionsOfACaseBeginAlike(t *testing.T) {
	server := fake.NewOllama(t)
	script(server, sound)
	language, c := caseOf(t, "web-shell")
	_, r := ask(t, asking(t, language, server.URL, nil), c)
	before := ""
	for i, chat := range server.Chats() {
		if chat.System() != r.Model.Talk.System || !strings.HasPrefix(chat.Prompt(), r.Model.Talk.Case) {
			t.Errorf("question %d does not begin with system and case", i+1)
		}
		own := strings.Index(chat.Prompt(), "\n\nQuestion: ")
		if own < 0 || !strings.HasPrefix(chat.Prompt()[:own], before) {
			t.Errorf("question %d does not begin with the one before it", i+1)
		}
		before = chat.Prompt()[:own]
		if chat.Options.NumCtx != server.Chats()[0].Options.NumCtx {
			t.Errorf("question %d would make the server load the model anew", i+1)
		}
	}
}

func TestAnswersThatDoNotStand(t *testing.T) {
	for _, tt := range []struct {
		name  string
		stage int
		text  string
		told  string // to the model
	}{
		{"- no JSON", 2, "I think it is bad", "it was not one JSON object"},
		{"- two objects", 2, sound[2] + sound[2], "there was text behind the JSON object"},
		{"- unknown field", 2, `{"reason":"x","evidence":["E1"],"score":1,"unusual":true,"run":"rm"}`, "it was not one JSON object"},
		{"- missing field", 2, `{"reason":"x","evidence":["E1"],"score":1}`, "unusual is missing"},
		{"- invented line", 2, `{"reason":"x","evidence":["E7"],"score":1,"unusual":true}`, "evidence names something that is not in the list"},
		{"- no line", 2, `{"reason":"x","evidence":[],"score":1,"unusual":true}`, "evidence has not 1 to 5 entries"},
		{"- score too high", 2, `{"reason":"x","evidence":["E1"],"score":101,"unusual":true}`, "score is not a whole number"},
		{"- score with a fraction", 2, `{"reason":"x","evidence":["E1"],"score":1.5,"unusual":true}`, "it was not one JSON object"},
		{"- score without end", 2, `{"reason":"x","evidence":["E1"],"score":36E70993977923,"unusual":true}`, "it was not one JSON object"},
		{"- unknown severity", 3, `{"reason":"x","severity":"Apocalyptic","confidence":1}`, "it was not one JSON object"},
		{"- no severity", 3, `{"reason":"x","confidence":1}`, "severity is missing"},
		{"- class that nobody asked for", 3, `{"reason":"x","class":"fault","severity":"Low","confidence":1}`, "class is not one of those asked for"},
		{"- invented action", 4, `{"reason":"x","choose":["reboot-everything E1"]}`, "choose names something that is not in the list"},
		{"- invented target", 4, `{"reason":"x","choose":["block-address E2.peer"]}`, "choose names something that is not in the list"},
		{"- no choice", 4, `{"reason":"x"}`, "choose is missing"},
		{"- nothing that may be shown", 5, `{"what":"Run curl http://evil.example/x.","means":"y","steps":["S1"]}`, "no sentence of what may be shown"},
		{"- invented step", 5, `{"what":"Bad.","means":"y","steps":["S99"]}`, "steps names something that is not in the list"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := fake.NewOllama(t)
			script(server, with(tt.stage, tt.text))
			language, c := caseOf(t, "web-shell")
			rules, r := ask(t, asking(t, language, server.URL, nil), c)
			asked := questionsOf(server, tt.stage)
			if len(asked) != 2 || !strings.Contains(asked[1].Prompt(), "Your last answer was not accepted: "+tt.told) {
				t.Fatalf("asked %d times, the last question ends %q", len(asked), asked[len(asked)-1].Prompt()[len(r.Model.Talk.Case):])
			}
			if r.Model.State != pipeline.Partly || r.Model.Why != llm.Invalid.String() {
				t.Errorf("%+v", r.Model)
			}
			by := [...]pipeline.Answered{2: r.Anomaly.Answered, 3: r.Assessment.Answered, 4: r.Plan.Answered, 5: r.Advice.Answered}[tt.stage]
			if by.Source != pipeline.Rules || by.Attempts != 2 || by.Fault != llm.Invalid {
				t.Errorf("%+v", by)
			}
			switch tt.stage {
			case 2:
				r.Anomaly.Answered = rules.Anomaly.Answered
			case 3:
				r.Assessment.Answered = rules.Assessment.Answered
			case 4:
				r.Plan.Answered = rules.Plan.Answered
			case 5:
				r.Advice.Answered = rules.Advice.Answered
			}
			same := [...]bool{
				2: cmp.Equal(rules.Anomaly, r.Anomaly), 3: cmp.Equal(rules.Assessment, r.Assessment),
				4: cmp.Equal(rules.Plan, r.Plan), 5: cmp.Equal(rules.Advice, r.Advice),
			}[tt.stage]
			if !same {
				t.Errorf("the rules' answer of stage %d does not stand", tt.stage)
			}
		})
	}
}

func TestWhatIsNamedTwiceCountsOnce(t *testing.T) {
	server := fake.NewOllama(t)
	script(server, with(2, `{"reason":"x","evidence":["E1","E1"],"score":1,"unusual":true}`))
	language, c := caseOf(t, "web-shell")
	_, r := ask(t, asking(t, language, server.URL, nil), c)
	if diff := cmp.Diff([]string{"E1"}, r.Anomaly.Handles); diff != "" || r.Anomaly.Attempts != 1 {
		t.Errorf("%d attempts (-want +got)\n%s", r.Anomaly.Attempts, diff)
	}
}

func TestASecondAnswerMayStand(t *testing.T) {
	server := fake.NewOllama(t)
	server.Answer(func(c fake.Chat) fake.Reply {
		if stageOf(c) == 3 && !strings.Contains(c.Prompt(), "not accepted") {
			return fake.Reply{Text: "no"}
		}
		return fake.Reply{Text: sound[stageOf(c)]}
	})
	language, c := caseOf(t, "web-shell")
	_, r := ask(t, asking(t, language, server.URL, nil), c)
	if r.Model.State != pipeline.Answers || r.Assessment.Attempts != 2 || r.Model.Calls != 5 {
		t.Errorf("%+v after %d attempts", r.Model.State, r.Assessment.Attempts)
	}
}

// "Normal" ends the chain only where rules find nothing above Low.
func TestOrdinaryEndsTheChainOfALowCaseOnly(t *testing.T) {
	const normal = `{"reason":"Daily work.","evidence":["E1"],"score":1,"unusual":false}`
	for _, tt := range []struct {
		name     string
		floor    event.Severity
		calls    int
		ordinary bool
	}{{"+ Low", event.Low, 1, true}, {"- Medium", event.Medium, 3, false}, {"- Critical", event.Critical, 3, false}} {
		t.Run(tt.name, func(t *testing.T) {
			server := fake.NewOllama(t)
			script(server, with(2, normal))
			language, c := caseOf(t, "web-shell")
			c.Floor = tt.floor
			rules, r := ask(t, asking(t, language, server.URL, nil), c)
			if r.Model.Calls != tt.calls || r.Model.Ordinary != tt.ordinary || r.Model.Dissent == tt.ordinary {
				t.Errorf("%d calls, ordinary %t, dissent %t", r.Model.Calls, r.Model.Ordinary, r.Model.Dissent)
			}
			if less := !r.Anomaly.Unusual || r.Anomaly.Score < rules.Anomaly.Score; less != tt.ordinary {
				t.Errorf("unusual %t, score %d after the rules' %d", r.Anomaly.Unusual, r.Anomaly.Score, rules.Anomaly.Score)
			}
			if diff := cmp.Diff(rules.Advice, r.Advice); diff != "" {
				t.Errorf("the words of a model that dissents are shown (-rules +asked)\n%s", diff)
			}
		})
	}
}

func TestModelNeverReordersTheStepsOfThePlant(t *testing.T) {
	for _, zone := range []event.Zone{event.ZoneOT, event.ZoneUnknown} {
		server := fake.NewOllama(t)
		script(server, with(5, `{"what":"Bad.","means":"Bad."}`))
		language, c := caseOf(t, "web-shell")
		c.Zone = zone
		rules, r := ask(t, asking(t, language, server.URL, nil), c)
		if diff := cmp.Diff(rules.Advice.Steps, r.Advice.Steps); diff != "" || r.Advice.Source != pipeline.Model {
			t.Errorf("%s: by %s (-rules +asked)\n%s", zone, r.Advice.Source, diff)
		}
	}
}

func TestModelBelowTheFloorDissentsAndHasNoWords(t *testing.T) {
	for _, tt := range []struct {
		floor event.Severity
		said  string
		words bool
	}{
		{event.Medium, "none", false},
		{event.Medium, "Low", false},
		{event.High, "Low", false},
		{event.Critical, "Medium", false},
		{event.High, "Medium", true},
		{event.Critical, "High", true},
	} {
		t.Run(tt.floor.String()+" called "+tt.said, func(t *testing.T) {
			server := fake.NewOllama(t)
			script(server, with(3, `{"reason":"Planned work.","severity":"`+tt.said+`","confidence":99}`))
			language, c := caseOf(t, "web-shell")
			c.Floor = tt.floor
			rules, r := ask(t, asking(t, language, server.URL, nil), c)
			words := !cmp.Equal(rules.Advice, r.Advice) && !slices.Equal(rules.Anomaly.Reasons, r.Anomaly.Reasons) &&
				!slices.Equal(rules.Assessment.Reasons, r.Assessment.Reasons)
			none := cmp.Equal(rules.Advice, r.Advice) && slices.Equal(rules.Anomaly.Reasons, r.Anomaly.Reasons) &&
				slices.Equal(rules.Assessment.Reasons, r.Assessment.Reasons)
			if !r.Model.Dissent || words != tt.words || none == tt.words {
				t.Errorf("dissent %t, %q, %q, %+v", r.Model.Dissent, r.Anomaly.Reasons, r.Assessment.Reasons, r.Advice)
			}
		})
	}
}

func TestInstructingTextIsNeverShownToAModel(t *testing.T) {
	server := fake.NewOllama(t)
	language, c := caseOf(t, "hostile-instructions")
	rules, r := ask(t, asking(t, language, server.URL, nil), c)
	if len(server.Chats()) != 0 || r.Model.State != pipeline.NotAsked || r.Model.Why != pipeline.WhyInstructs {
		t.Errorf("%d questions, %+v", len(server.Chats()), r.Model)
	}
	r.Model = rules.Model
	if diff := cmp.Diff(rules, r); diff != "" {
		t.Errorf("(-rules +asked)\n%s", diff)
	}
}

func TestNovelCaseMayBeNamedByTheModel(t *testing.T) {
	server := fake.NewOllama(t)
	script(server, with(3, `{"reason":"x","class":"web-attack","severity":"Medium","confidence":50}`))
	language, c := caseOf(t, "web-shell")
	c.Class = event.Novelty
	rules, r := ask(t, asking(t, language, server.URL, nil), c)
	if r.Assessment.Class != event.WebAttack || rules.Advice.What == r.Advice.What || r.Advice.Source != pipeline.Model {
		t.Errorf("class %s, advice %+v", r.Assessment.Class, r.Advice)
	}
}

func TestModelThatFailsLeavesTheRules(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault fake.Fault
		why   llm.Fault
	}{
		{"- gone", fake.Fault{Drop: true}, llm.Unreachable},
		{"- garbage", fake.Fault{Path: "/api/chat", Garbage: true}, llm.Crashed},
		{"- elsewhere", fake.Fault{Redirect: "http://127.0.0.1:1/"}, llm.Redirected},
		{"- cut off", fake.Fault{Path: "/api/chat", CutAfter: 300}, llm.Unreachable},
		{"- hung", fake.Fault{Path: "/api/chat", Hang: true}, llm.Timeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := fake.NewOllama(t)
			proxy := fake.NewProxy(t, server.URL)
			proxy.Set(tt.fault)
			language, c := caseOf(t, "web-shell")
			p := asking(t, language, proxy.URL, func(o *llm.Options) {
				o.Timeout = time.Minute
				if tt.fault.Hang {
					o.Timeout = time.Second
				}
			})
			rules, r := ask(t, p, c)
			if r.Model.State != pipeline.Failed || r.Model.Why != tt.why.String() || r.Anomaly.Fault != tt.why || r.Assessment.Attempts != 0 {
				t.Errorf("%s, why %s, %+v", r.Model.State, r.Model.Why, r.Anomaly.Answered)
			}
			r.Model, r.Anomaly.Answered = rules.Model, rules.Anomaly.Answered
			if diff := cmp.Diff(rules, r); diff != "" {
				t.Errorf("(-rules +asked)\n%s", diff)
			}
		})
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	server := fake.NewOllama(t)
	ctx, stop := context.WithCancel(context.Background())
	server.Answer(func(fake.Chat) fake.Reply {
		stop()
		return fake.Reply{Hang: true}
	})
	language, c := caseOf(t, "web-shell")
	p := asking(t, language, server.URL, nil)
	if _, err := p.Ask(ctx, c, p.Rules(c)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTokensOfACaseAreBounded(t *testing.T) {
	server := fake.NewOllama(t)
	script(server, sound)
	language, c := caseOf(t, "web-shell")
	_, r := ask(t, asking(t, language, server.URL, func(o *llm.Options) { o.CaseTokens = 1500 }), c)
	if r.Model.State != pipeline.Partly || r.Model.Why != llm.Budget.String() || r.Model.PromptTokens+r.Model.AnswerTokens < 1500 || r.Model.Calls != 2 {
		t.Errorf("%+v, %d calls, %d + %d tokens", r.Model.State, r.Model.Calls, r.Model.PromptTokens, r.Model.AnswerTokens)
	}
}

// How many tokens a text has is for the server to say.
func TestCaseThatIsTooLongIsCutInHalf(t *testing.T) {
	server := fake.NewOllama(t)
	server.Answer(func(c fake.Chat) fake.Reply {
		if len(c.Prompt()) > 5000 {
			return fake.Reply{Status: 400, Error: fake.OllamaTooLong}
		}
		return fake.Reply{Text: strings.ReplaceAll(sound[stageOf(c)], "E1", handleIn(c))}
	})
	_, r := ask(t, asking(t, "en", server.URL, nil), large(rand.New(rand.NewPCG(1, 1))))
	if r.Model.State != pipeline.Answers || r.Anomaly.Source != pipeline.Model || r.Model.Why != "" || !strings.Contains(r.Model.Talk.Case, "left out") {
		t.Errorf("%s %s after %d calls", r.Model.State, r.Model.Why, r.Model.Calls)
	}
	server.Answer(func(fake.Chat) fake.Reply { return fake.Reply{Status: 400, Error: fake.OllamaTooLong} })
	_, r = ask(t, asking(t, "en", server.URL, nil), large(rand.New(rand.NewPCG(1, 1))))
	if r.Model.State != pipeline.Failed || r.Model.Why != llm.TooLong.String() || r.Model.Calls != 3 {
		t.Errorf("%s %s after %d calls", r.Model.State, r.Model.Why, r.Model.Calls)
	}
}

// handleIn returns a handle that the question shows.
func handleIn(c fake.Chat) string {
	var form struct {
		Properties struct {
			Evidence struct{ Items struct{ Enum []string } }
			Choose   struct{ Items struct{ Enum []string } }
		}
	}
	_ = json.Unmarshal(c.Format, &form) // a form without them has no handle
	for _, h := range append(form.Properties.Evidence.Items.Enum, form.Properties.Choose.Items.Enum...) {
		_, h, _ = strings.Cut(" "+h, "E")
		h, _, _ = strings.Cut(h, ".")
		return "E" + h
	}
	return "E1"
}

func TestTimeOfACaseIsItsOwnBudget(t *testing.T) {
	server := fake.NewOllama(t)
	server.Answer(func(c fake.Chat) fake.Reply {
		return fake.Reply{Text: sound[stageOf(c)], Hang: stageOf(c) > 2}
	})
	language, c := caseOf(t, "web-shell")
	o := llm.DefaultOptions()
	o.Endpoints, o.Name = []string{server.URL}, fake.Model
	client, err := llm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	o.CaseTime = 8 * time.Second // which no configuration allows
	_, r := ask(t, newPipeline(t, language).WithModel(client, o, func() string { return "mark" }), c)
	if r.Model.State != pipeline.Partly || r.Model.Why != llm.Budget.String() || r.Assessment.Fault != llm.Budget {
		t.Errorf("%s %s, %+v", r.Model.State, r.Model.Why, r.Assessment.Answered)
	}
}

func TestWhoToCallFollowsARaise(t *testing.T) {
	server := fake.NewOllama(t)
	script(server, sound)
	language, c := caseOf(t, "web-shell")
	c.Floor = event.Low // the contact of its zone is called from Medium on
	rules, r := ask(t, asking(t, language, server.URL, nil), c)
	const contact = "IT on call, +49 30 555 0102, it@waterworks.example"
	if slices.Contains(rules.Advice.Call, contact) || !slices.Contains(r.Advice.Call, contact) {
		t.Errorf("rules call %q, with the model %q", rules.Advice.Call, r.Advice.Call)
	}
}

func TestAdviceWithoutTheModelsWordsIsTheRules(t *testing.T) {
	server := fake.NewOllama(t)
	answers := with(5, "no")
	answers[3] = `{"reason":"x","class":"web-attack","severity":"High","confidence":50}`
	script(server, answers)
	language, c := caseOf(t, "web-shell")
	c.Class, c.Floor = event.Novelty, event.Low
	rules, r := ask(t, asking(t, language, server.URL, nil), c)
	r.Advice.Answered = rules.Advice.Answered
	if diff := cmp.Diff(rules.Advice, r.Advice); diff != "" {
		t.Errorf("(-rules +asked)\n%s", diff)
	}
}

func TestHugeAnswersAreNotKept(t *testing.T) {
	server := fake.NewOllama(t)
	server.Answer(func(fake.Chat) fake.Reply { return fake.Reply{Text: strings.Repeat("ü", 100_000)} })
	language, c := caseOf(t, "web-shell")
	_, r := ask(t, asking(t, language, server.URL, func(o *llm.Options) { o.AnswerTokens, o.ContextTokens = 8192, 131_072 }), c)
	for _, x := range r.Model.Talk.Exchanges {
		if len(x.Answer) > 9000 || !utf8.ValidString(x.Answer) {
			t.Errorf("%d bytes are kept", len(x.Answer))
		}
	}
}

// checkInvented fails where the report has something that rules do not know.
func checkInvented(t *testing.T, p *pipeline.Pipeline, c *cases.Case, rules, r *pipeline.Report) {
	t.Helper()

	known := p.Applicable(*c)
	for _, proposal := range r.Plan.Proposals {
		if !slices.Contains(known, proposal) {
			t.Errorf("invented %+v\n%s", proposal, talkOf(r))
		}
	}
	for _, handle := range r.Anomaly.Handles {
		if !slices.Contains(rules.Summary.Handles, handle) {
			t.Errorf("invented %s\n%s", handle, talkOf(r))
		}
	}
	for _, step := range r.Advice.Steps {
		if r.Assessment.Class == c.Class && !slices.Contains(rules.Advice.Steps, step) {
			t.Errorf("invented %+v\n%s", step, talkOf(r))
		}
	}
	within := func(n int) bool { return n >= 0 && n <= 100 }
	if !within(r.Anomaly.Score) || !within(r.Assessment.Confidence) || r.Assessment.Severity > event.Critical {
		t.Errorf("out of range: %+v %+v", r.Anomaly, r.Assessment)
	}
}

func talkOf(r *pipeline.Report) string {
	var b strings.Builder
	for _, x := range r.Model.Talk.Exchanges {
		fmt.Fprintf(&b, "stage %d, attempt %d, fault %q: %.600q\n", x.Stage, x.Attempt, x.Fault, x.Answer)
	}
	return b.String()
}
