//go:build live

package llm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/e2e/lab"
	"penstock/core/fake"
	"penstock/core/llm"
)

// score is the schema of a question like those of the stages.
const score = `{"type":"object","properties":{"reason":{"type":"string","maxLength":1000},"score":{"type":"integer","minimum":0,"maximum":100}},
	"required":["reason","score"],"additionalProperties":false}`

// scored is what lab.Scripted(calm) says to it.
const scored = `{"reason":"Since 02:00.","score":96}`

func calm() lab.Model { return lab.Scripted(lab.Answers{Reason: "Since 02:00.", Score: 96}) }

// talker returns a model that writes on until the schema or the limit ends it, in
// texts and in lists of them. It says no byte twice in a row: the server would end
// that.
func talker() lab.Model {
	return lab.Model{Corpus: strings.Repeat(`"abcdefgh`, 3) + `",` + strings.Repeat("abcdefgh", 100)}
}

func TestAskGetsWhatTheModelSays(t *testing.T) {
	server := lab.Ollama(t)
	digest := server.Create(t, "calm", calm())
	client := newClient(t, nil, server.URL)

	for range 3 {
		got, err := client.Ask(t.Context(), question("What about E3?"))
		if err != nil {
			t.Fatal(err)
		}
		if got.LoadTook <= 0 || got.PromptTook <= 0 || got.AnswerTook <= 0 || got.Took < got.AnswerTook {
			t.Errorf("times are missing: %+v", got)
		}
		got.Took, got.LoadTook, got.PromptTook, got.AnswerTook = 0, 0, 0, 0
		want := llm.Answer{
			Text: scored, Endpoint: server.URL, Model: "calm", Digest: digest,
			// A byte is a token; the template has two blanks; the end of the answer is a token.
			PromptTokens: len("You judge logs.") + len("What about E3?") + 2, AnswerTokens: 6,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if starts := loads(server); starts != 1 {
		t.Errorf("three questions loaded the model %d times", starts)
	}
	// Another window is another load: why a client has one for all questions.
	if _, err := newClient(t, func(o *llm.Options) { o.ContextTokens = 16_384 }, server.URL).Ask(t.Context(), question("x")); err != nil {
		t.Fatal(err)
	}
	if starts := loads(server); starts != 2 {
		t.Errorf("a window of another size: loaded %d times, want 2", starts)
	}
}

func TestAskPinsTheModel(t *testing.T) {
	server := lab.Ollama(t)
	digest := server.Create(t, "calm", calm())
	way := fake.NewProxy(t, server.URL)
	client := newClient(t, func(o *llm.Options) { o.Digest = digest }, way.URL)
	wantFault(t, client, question("x"), llm.NoFault)
	server.Create(t, "calm", lab.Alarmed())
	wantFault(t, client, question("x"), llm.Replaced)
	if diff := cmp.Diff([]string{"/api/tags", "/api/chat", "/api/tags"}, way.Paths()); diff != "" {
		t.Errorf("what the server was asked (-want +got):\n%s", diff)
	}
	server.Create(t, "calm", calm())
	wantFault(t, client, question("x"), llm.NoFault)
	server.Delete(t, "calm")
	wantFault(t, client, question("x"), llm.Missing)
}

// TestAskTellsWhyThereIsNoAnswer goes through what a real server does to a question.
func TestAskTellsWhyThereIsNoAnswer(t *testing.T) {
	server := lab.Ollama(t)
	object := func(property string) json.RawMessage {
		return json.RawMessage(`{"type":"object","properties":{"reason":` + property + `},"required":["reason"],"additionalProperties":false}`)
	}
	for _, tt := range []struct {
		name   string
		model  lab.Model
		change func(*llm.Options, *llm.Request)
		want   llm.Fault
	}{
		{"+ none", calm(), nil, llm.NoFault},
		{"- the prompt is longer than the window", calm(), func(o *llm.Options, r *llm.Request) {
			o.ContextTokens, o.AnswerTokens, r.Prompt = 4096, 512, strings.Repeat("x", 4096)
		}, llm.TooLong},
		{"- the answer is longer than allowed", talker(), func(_ *llm.Options, r *llm.Request) { r.Tokens = 50 }, llm.Cut},
		{"- prompt and answer are longer than the window", talker(), func(o *llm.Options, r *llm.Request) {
			o.ContextTokens, o.AnswerTokens, r.Prompt = 4096, 512, strings.Repeat("x", 4000)
		}, llm.Cut},
		{"- the model repeats itself, and the server breaks off", lab.Model{Corpus: `"` + strings.Repeat("a", 100)}, nil, llm.Cut},
		{"- the model says nothing, without a schema", lab.Model{}, func(_ *llm.Options, r *llm.Request) { r.Schema = nil }, llm.Empty},
		{"- the model's weights are no numbers", lab.Model{NaN: true}, nil, llm.Crashed},
		{"- the same with Ollama's own engine", lab.Model{NaN: true, Architecture: lab.Qwen3}, nil, llm.Cut},
		{"- a schema that is none", calm(), func(_ *llm.Options, r *llm.Request) { r.Schema = object(`{"type":"strin"}`) }, llm.Invalid},
		{"- a bound above 2000 crashes the runner", calm(), func(_ *llm.Options, r *llm.Request) {
			r.Schema = object(`{"type":"string","maxLength":3000}`)
		}, llm.Crashed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server.Create(t, "calm", tt.model)
			ask := question("What about E3?")
			client := newClient(t, func(o *llm.Options) {
				if tt.change != nil {
					tt.change(o, &ask)
				}
			}, server.URL)
			wantFault(t, client, ask, tt.want)
		})
	}
}

// TestWhatTheSchemaDoesNotHold keeps what whoever reads an answer has to check
// again: package pipeline does.
func TestWhatTheSchemaDoesNotHold(t *testing.T) {
	server := lab.Ollama(t)
	for _, tt := range []struct {
		name, schema, says string
		holds              bool
	}{
		{"+ integers", `{"type":"integer","minimum":0,"maximum":100}`, `101`, true},
		{"- numbers", `{"type":"number","minimum":0,"maximum":100}`, `101`, false},
		{"+ enumerations", `{"enum":["block-address E3.peer"]}`, `"block-address E4.peer"`, true},
		{"+ lengths of lists", `{"type":"array","items":{"enum":["E1"]},"maxItems":2}`, `["E1","E1","E1"]`, true},
		{"- items twice", `{"type":"array","items":{"enum":["E1"]},"maxItems":2,"uniqueItems":true}`, `["E1","E1"]`, false},
		{"+ lengths of text", `{"type":"string","maxLength":3}`, `"four"`, true},
		{"- terminal codes in text", `{"type":"string","maxLength":9}`, `"\u001b[2J\u0000"`, false},
		{"- the model's own marks in text", `{"type":"string","maxLength":10}`, `"<|im_end|>"`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server.Create(t, "calm", lab.Model{Phrases: []string{`"x":` + tt.says}})
			ask := question("What about E3?")
			ask.Schema = json.RawMessage(`{"type":"object","properties":{"x":` + tt.schema + `},"required":["x"],"additionalProperties":false}`)
			got, err := newClient(t, nil, server.URL).Ask(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			if said := got.Text == `{"x":`+tt.says+`}`; said == tt.holds {
				t.Errorf("the model wants to say %s and says %s", tt.says, got.Text)
			}
		})
	}
}

// TestMarksInAPromptAreReadAsMarks keeps why log text must be broken up before it
// gets into a prompt: in it, what looks like a mark is one.
func TestMarksInAPromptAreReadAsMarks(t *testing.T) {
	server := lab.Ollama(t)
	server.Create(t, "calm", calm())
	client := newClient(t, nil, server.URL)
	tokens := func(prompt string) int {
		answer, err := client.Ask(t.Context(), question(prompt))
		if err != nil {
			t.Fatal(err)
		}
		return answer.PromptTokens - len("You judge logs.") - 2
	}
	got := map[string]int{"<|im_end|>": tokens("<|im_end|>"), "<| im_end|>": tokens("<| im_end|>"), "[INST]": tokens("[INST]")}
	if diff := cmp.Diff(map[string]int{"<|im_end|>": 1, "<| im_end|>": 11, "[INST]": 6}, got); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

func TestServerKilledInMidAnswer(t *testing.T) {
	first, second := lab.Ollama(t), lab.Ollama(t)
	first.Create(t, "calm", talker())
	digest := second.Create(t, "calm", calm())
	way := atFirstToken(t, first.URL, first.Kill)

	wantFault(t, newClient(t, nil, way), question("x"), llm.Unreachable)
	first.Start(t)
	got, err := newClient(t, nil, atFirstToken(t, first.URL, first.Kill), second.URL).Ask(t.Context(), question("x"))
	if err != nil || got.Text != scored || got.Endpoint != second.URL || got.Digest != digest {
		t.Errorf("the second server did not answer for the first: %+v, %v", got, err)
	}
	if _, err := newClient(t, nil, first.URL, second.URL).Ask(t.Context(), question("x")); err != nil {
		t.Errorf("the first server is gone, and the second was not asked: %v", err)
	}
}

func TestRunnerKilledInMidAnswerIsAskedOnceMore(t *testing.T) {
	server := lab.Ollama(t)
	server.Create(t, "calm", talker())
	client := newClient(t, nil, atFirstToken(t, server.URL, func() {
		if killed := server.KillRunners(); killed != 1 {
			t.Errorf("killed %d runners, want 1", killed)
		}
	}))
	got, err := client.Ask(t.Context(), question("x"))
	if err != nil || !json.Valid([]byte(got.Text)) {
		t.Errorf("got %.200q, %v", got.Text, err)
	}
	if calls := client.Stats().Calls; calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}

// TestWhoStopsAskingStopsTheServer asks for a text that would take the server a
// minute and more, longer than this test waits.
func TestWhoStopsAskingStopsTheServer(t *testing.T) {
	server := lab.Ollama(t)
	slow := talker()
	for i := range 1000 { // they fit no JSON, but the server looks at each of them for every byte
		slow.Phrases = append(slow.Phrases, fmt.Sprintf("\x00%d", i))
	}
	server.Create(t, "calm", slow)
	ask := question("x")
	ask.Tokens = 1_000_000
	ask.Schema = json.RawMessage(`{"type":"array","items":{"type":"string","maxLength":1000}}`)

	ctx, cancel := context.WithCancel(t.Context())
	client := newClient(t, func(o *llm.Options) { o.ContextTokens = 131_072 }, atFirstToken(t, server.URL, cancel))
	faults := make(chan llm.Fault)
	go func() {
		_, err := client.Ask(ctx, ask)
		faults <- llm.FaultOf(err)
	}()
	<-ctx.Done()
	// The server writes this line at the end of a request.
	for end := time.Now().Add(20 * time.Second); !strings.Contains(server.Log(), `"/api/chat"`); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Error("the server writes on for nobody")
			server.Kill()
			break
		}
	}
	if fault := <-faults; fault != llm.Budget {
		t.Errorf("fault %q, want %q", fault, llm.Budget)
	}
}

func TestBusyWhileTheModelIsLoading(t *testing.T) {
	server := lab.Ollama(t, "OLLAMA_MAX_QUEUE=1")
	server.Create(t, "calm", calm())
	const questions = 16
	client := newClient(t, func(o *llm.Options) { o.Parallel = questions }, server.URL)
	faults := make([]llm.Fault, questions)
	var all sync.WaitGroup
	for i := range faults {
		all.Go(func() {
			_, err := client.Ask(t.Context(), question(fmt.Sprint(i)))
			faults[i] = llm.FaultOf(err)
		})
	}
	all.Wait()
	seen := map[llm.Fault]int{}
	for _, fault := range faults {
		seen[fault]++
	}
	// The breaker opens after three, for whoever comes later.
	if seen[llm.Busy] == 0 || seen[llm.NoFault] == 0 || seen[llm.Busy]+seen[llm.NoFault]+seen[llm.Broken] != questions {
		t.Errorf("faults of %d questions at once: %v, want some busy and some answered", questions, seen)
	}
}

// TestRandomAnswersAreWholeOrSayWhyNot: what fits the schema may hold anything else.
func TestRandomAnswersAreWholeOrSayWhyNot(t *testing.T) {
	server := lab.Ollama(t)
	seen := map[llm.Fault]int{}
	for seed := range uint64(3) {
		server.Create(t, "calm", lab.Model{Random: 1 + seed})
		client := newClient(t, nil, server.Warm(t))
		for range 30 {
			ask := question("What about E3?")
			ask.Tokens = 200
			answer, err := client.Ask(t.Context(), ask)
			seen[llm.FaultOf(err)]++
			if err == nil && !json.Valid([]byte(answer.Text)) {
				t.Errorf("%q is no JSON", answer.Text)
			}
			if fault := llm.FaultOf(err); fault != llm.NoFault && fault != llm.Cut {
				t.Errorf("%v", err)
			}
		}
	}
	if seen[llm.NoFault] == 0 {
		t.Errorf("no answer is whole: %v", seen)
	}
	t.Logf("faults: %v", seen)
}

func TestInspectSeesARealServer(t *testing.T) {
	server := lab.Ollama(t)
	server.Create(t, "other", lab.Normal())
	digest := server.Create(t, "calm", calm())
	client := newClient(t, nil, server.URL)
	if _, err := client.Ask(t.Context(), question("x")); err != nil {
		t.Fatal(err)
	}
	seen := client.Inspect(t.Context())
	if len(seen) != 1 || seen[0].Took <= 0 {
		t.Fatalf("got %+v", seen)
	}
	seen[0].Took = 0
	slices.Sort(seen[0].Models) // which the server lists by the time of their making
	want := llm.Endpoint{
		URL: server.URL, Version: strings.TrimPrefix(lab.OllamaVersion, "v"), Models: []string{"calm:latest", "other:latest"}, Found: true, Digest: digest, ContextLength: 32_768,
		ParameterSize: seen[0].ParameterSize, Quantization: seen[0].Quantization, Capabilities: []string{"completion"},
		Loaded: true, LoadedContext: 32_768,
	}
	if diff := cmp.Diff(want, seen[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func question(prompt string) llm.Request {
	return llm.Request{System: "You judge logs.", Prompt: prompt, Schema: json.RawMessage(score)}
}

// newClient returns a client of the model calm at those servers. Change may be nil.
func newClient(t *testing.T, change func(*llm.Options), urls ...string) *llm.Client {
	t.Helper()

	o := llm.DefaultOptions()
	o.Endpoints, o.Name, o.ContextTokens, o.AnswerTokens = urls, "calm", 32_768, 2048
	if change != nil {
		change(&o)
	}
	client, err := llm.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func wantFault(t *testing.T, client *llm.Client, ask llm.Request, want llm.Fault) {
	t.Helper()

	answer, err := client.Ask(t.Context(), ask)
	if fault := llm.FaultOf(err); fault != want {
		t.Errorf("fault %q, want %q: %v, %.200q", fault, want, err, answer.Text)
	}
}

// atFirstToken returns another way to a server, on which f is called once, when the
// first token of the first answer comes by.
func atFirstToken(t *testing.T, address string, f func()) string {
	t.Helper()

	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	way := httptest.NewServer(&httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path == "/api/chat" {
				r.Body = &tapped{r.Body, func() { once.Do(f) }}
			}
			return nil
		},
		ErrorLog: log.New(io.Discard, "", 0), // it tells of each connection that a test breaks
	})
	t.Cleanup(way.Close)
	return way.URL
}

type tapped struct {
	io.ReadCloser
	seen func()
}

// Read implements io.Reader.
func (b *tapped) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.seen()
	}
	return n, err
}

// loads returns how often the server has loaded a model.
func loads(s *lab.Server) int { return strings.Count(s.Log(), `msg="loaded runners"`) }
