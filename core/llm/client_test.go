package llm

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/fake"
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)} }

func optionsFor(addresses ...string) Options {
	o := DefaultOptions()
	o.Endpoints, o.Name, o.Digest = addresses, fake.Model, fake.Digest
	return o
}

func clientWith(t *testing.T, o Options, now func() time.Time) *Client {
	t.Helper()
	c, err := newClient(o, now, time.Hour)
	if err != nil {
		t.Fatalf("make a client: %v", err)
	}
	return c
}

func clientOf(t *testing.T, addresses ...string) *Client {
	t.Helper()
	return clientWith(t, optionsFor(addresses...), time.Now)
}

var question = Request{
	System: "Be short.", Prompt: "What is it?", Seed: 7,
	Schema: json.RawMessage(`{"type":"object","properties":{"why":{"type":"string"},"score":{"type":"integer"}}}`),
}

func TestAsk(t *testing.T) {
	server := fake.NewOllama(t)
	server.Answer(func(fake.Chat) fake.Reply { return fake.Reply{Text: `{"why":"häufig","score":96}`} })
	c := clientOf(t, server.URL)

	first, err := c.Ask(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Ask(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	if first.Took <= 0 {
		t.Errorf("took %s", first.Took)
	}
	if first.LoadTook < 100*time.Millisecond || second.LoadTook > 10*time.Millisecond {
		t.Errorf("loading took %s and %s, want it to be loaded once", first.LoadTook, second.LoadTook)
	}
	first.Took, first.LoadTook = 0, 0
	want := Answer{
		Text: `{"why":"häufig","score":96}`, Endpoint: server.URL, Model: fake.Model, Digest: fake.Digest,
		PromptTokens: 7, AnswerTokens: 11, PromptTook: 315 * time.Microsecond, AnswerTook: 1380 * time.Microsecond,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAskSendsWhatKeepsAnAnswerWhole holds what facts/ollama.md asks for: nothing
// cut off unsaid, the schema in force and in its order, the model not loaded anew.
func TestAskSendsWhatKeepsAnAnswerWhole(t *testing.T) {
	server := fake.NewOllama(t)
	o := optionsFor(server.URL)
	o.TokenFile = secretFile(t, "s3cret\n", 0o600)
	c := clientWith(t, o, time.Now)
	short := question
	short.Tokens = 100
	for _, r := range []Request{question, short} {
		if _, err := c.Ask(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}

	yes, no, zero, seven := true, false, 0.0, 7
	want := fake.Chat{
		Model:    fake.Model,
		Messages: []fake.Message{{Role: "system", Content: "Be short."}, {Role: "user", Content: "What is it?"}},
		Format:   question.Schema,
		Stream:   &yes, Think: &no, Truncate: &no, Shift: &no,
		KeepAlive:     json.RawMessage(`"30m0s"`),
		Authorization: "Bearer s3cret",
	}
	want.Options.NumCtx, want.Options.NumPredict = 8192, 1024
	want.Options.Temperature, want.Options.Seed = &zero, &seven
	wantShort := want
	wantShort.Options.NumPredict = 100
	if diff := cmp.Diff([]fake.Chat{want, wantShort}, server.Chats()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAskFaults(t *testing.T) {
	reply := func(r fake.Reply) func(fake.Chat) fake.Reply { return func(fake.Chat) fake.Reply { return r } }
	chat := func(f fake.Fault) fake.Fault { f.Path = "/api/chat"; return f }
	for _, tt := range []struct {
		name  string
		reply fake.Reply
		fault fake.Fault
		want  Fault
		text  string // in the error
		chats int    // that reach the server, or would
		next  bool   // the next server is asked
	}{
		{"- no text", fake.Reply{}, fake.Fault{}, Empty, "no text", 1, false},
		{"- white space only", fake.Reply{Text: " \n "}, fake.Fault{}, Empty, "no text", 1, false},
		{"- done is never said, and no error either", fake.Reply{Text: "aaaa", Undone: true}, fake.Fault{}, Cut, "broke off after 4 bytes", 1, false},
		{"- longer than allowed", fake.Reply{Text: strings.Repeat("x", 4000)}, fake.Fault{}, Cut, "more than 1024 tokens", 1, false},
		{"- never ends", fake.Reply{}, chat(fake.Fault{Endless: true}), Cut, "larger than allowed", 1, false},
		{"- prompt too long for the window", fake.Reply{Status: 400, Error: fake.OllamaTooLong}, fake.Fault{}, TooLong, fake.OllamaTooLong, 1, false},
		{"- an old server cut the prompt off", fake.Reply{Text: "{}", PromptTokens: 8192}, fake.Fault{}, TooLong, "filled all 8192", 1, false},
		{"- thinking asked of one that cannot", fake.Reply{Status: 400, Error: `"tiny" does not support thinking`}, fake.Fault{}, Refused, "thinking", 1, true},
		{"- schema that it cannot read", fake.Reply{Status: 500, Error: fake.OllamaSchema}, fake.Fault{}, Invalid, "schema", 1, false},
		{"- option of another type", fake.Reply{Status: 500, Error: `option "num_ctx" must be of type integer`}, fake.Fault{}, Invalid, "num_ctx", 1, false},
		{"- token wanted", fake.Reply{Status: 401, Error: "unauthorized"}, fake.Fault{}, Refused, "another token", 1, true},
		{"- runner stopped", fake.Reply{Status: 500, Error: fake.OllamaCrashed}, fake.Fault{}, Crashed, "unexpectedly stopped", 2, true},
		{"- runner died in mid answer", fake.Reply{Text: `{"sc`, Error: fake.OllamaBroken}, fake.Fault{}, Crashed, "unexpected EOF", 2, true},
		{"- server is loading and full", fake.Reply{Status: 503, Error: fake.OllamaBusy}, fake.Fault{}, Busy, "server busy", 1, true},
		{"- server killed in mid answer", fake.Reply{Text: `{"score":96}`}, chat(fake.Fault{CutAfter: 200}), Unreachable, "connection broke", 1, true},
		{"- server killed before the answer", fake.Reply{}, chat(fake.Fault{Drop: true}), Unreachable, "EOF", 1, true},
		{"- proxy whose server is gone", fake.Reply{}, fake.Fault{Status: 502, Text: "<html>"}, Unreachable, "502", 0, true},
		{"- garbage instead of the answer", fake.Reply{}, chat(fake.Fault{Garbage: true}), Crashed, `"\x00\xff\x1b[2J<html>502`, 2, true},
		{"- garbage instead of the models", fake.Reply{}, fake.Fault{Garbage: true}, Unreachable, "not Ollama", 0, true},
		{"- models without an end", fake.Reply{}, fake.Fault{Endless: true}, Cut, "larger than allowed", 0, false},
		{"- sent elsewhere", fake.Reply{}, chat(fake.Fault{Redirect: "http://198.51.100.1/"}), Redirected, `307 sends to "http://198.51.100.1/"`, 1, true},
		{"- hangs", fake.Reply{Text: `{"sc`, Hang: true}, fake.Fault{}, Timeout, "deadline", 1, true},
		{"- one token a second", fake.Reply{Text: `{"score":96}`}, chat(fake.Fault{Slow: time.Second}), Timeout, "deadline", 1, true},
		{"- another digest", fake.Reply{}, fake.Fault{Digest: strings.Repeat("0", 64)}, Replaced, "has the digest", 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server, other := fake.NewOllama(t), fake.NewOllama(t)
			server.Answer(reply(tt.reply))
			proxy := fake.NewProxy(t, server.URL)
			proxy.Set(tt.fault)
			o := optionsFor(proxy.URL)
			o.Timeout = time.Minute
			if tt.want == Timeout {
				o.Timeout = time.Second
			}
			_, err := clientWith(t, o, time.Now).Ask(t.Context(), question)
			if FaultOf(err) != tt.want || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error = %v, want %s with %q", err, tt.want, tt.text)
			}
			var e *Error
			if !errors.As(err, &e) || e.Endpoint != proxy.URL || len(err.Error()) > 500 {
				t.Errorf("error = %#v, want one that names %s and is short", err, proxy.URL)
			}
			chats := 0
			for _, path := range proxy.Paths() {
				if path == "/api/chat" {
					chats++
				}
			}
			if chats != tt.chats {
				t.Errorf("it was asked %d times, want %d", chats, tt.chats)
			}

			o.Endpoints = append(o.Endpoints, other.URL)
			answer, err := clientWith(t, o, time.Now).Ask(t.Context(), question)
			if next := len(other.Chats()) == 1; next != tt.next {
				t.Errorf("the next server was asked: %v, want %v", next, tt.next)
			}
			if tt.next && (err != nil || answer.Endpoint != other.URL) {
				t.Errorf("answer from %q, error %v", answer.Endpoint, err)
			}
		})
	}
}

func TestAskBelievesNoAnswerWhoseContextIsOver(t *testing.T) {
	server := fake.NewOllama(t)
	ctx, cancel := context.WithCancel(t.Context())
	server.Answer(func(fake.Chat) fake.Reply { cancel(); return fake.Reply{Text: `{"score":`, Hang: true} })
	other := fake.NewOllama(t)
	c := clientOf(t, server.URL, other.URL)
	_, err := c.Ask(ctx, question)
	if FaultOf(err) != Budget || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), server.URL) {
		t.Errorf("error = %v, want budget of %s for %v", err, server.URL, context.Canceled)
	}
	if len(other.Paths()) > 0 {
		t.Error("the next server was asked though nobody waits")
	}
}

func TestAskRefusesLargePromptsBeforeSending(t *testing.T) {
	server := fake.NewOllama(t)
	r := question
	r.Prompt = strings.Repeat("x", 18_001-len(r.System))
	_, err := clientOf(t, server.URL).Ask(t.Context(), r)
	if FaultOf(err) != TooLong || len(server.Paths()) > 0 {
		t.Errorf("error = %v after %d requests, want too-long and none", err, len(server.Paths()))
	}
}

func TestAskFindsTheModelOfTheConfiguration(t *testing.T) {
	other := strings.Repeat("ab", 32)
	for _, tt := range []struct {
		name  string
		setup func(*fake.Ollama, *Options)
		want  Fault
	}{
		{"+ tag latest goes without saying", func(_ *fake.Ollama, o *Options) { o.Name = "tiny" }, NoFault},
		{"+ digest in capitals and with its kind", func(_ *fake.Ollama, o *Options) { o.Digest = "sha256:" + strings.ToUpper(o.Digest) }, NoFault},
		{"+ digest of no matter", func(f *fake.Ollama, o *Options) { f.Put(fake.Model, other); o.Digest = "" }, NoFault},
		{"+ elsewhere where that is allowed", func(f *fake.Ollama, o *Options) {
			f.PutRemote(fake.Model, fake.Digest, "https://ollama.com:443")
			o.AllowRemote = true
		}, NoFault},
		{"- gone", func(f *fake.Ollama, _ *Options) { f.Drop(fake.Model) }, Missing},
		{"- only another tag", func(f *fake.Ollama, _ *Options) { f.Drop(fake.Model); f.Put("tiny:4b", fake.Digest) }, Missing},
		{"- another under its name", func(f *fake.Ollama, _ *Options) { f.Put(fake.Model, other) }, Replaced},
		{"- the server would ask it elsewhere", func(f *fake.Ollama, _ *Options) {
			f.PutRemote(fake.Model, fake.Digest, "https://ollama.com:443")
		}, Redirected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := fake.NewOllama(t)
			o := optionsFor(server.URL)
			tt.setup(server, &o)
			_, err := clientWith(t, o, time.Now).Ask(t.Context(), question)
			if FaultOf(err) != tt.want {
				t.Errorf("error = %v, want fault %q", err, tt.want)
			}
			if asked := len(server.Chats()) > 0; asked != (tt.want == NoFault) {
				t.Errorf("the model was asked: %v", asked)
			}
		})
	}
}

func TestAskTellsOfAReplacedModelWhateverElseFails(t *testing.T) {
	server := fake.NewOllama(t)
	server.Put(fake.Model, strings.Repeat("ab", 32))
	gone := fake.NewOllama(t)
	gone.Close()
	_, err := clientOf(t, server.URL, gone.URL).Ask(t.Context(), question)
	if FaultOf(err) != Replaced {
		t.Errorf("error = %v, want replaced", err)
	}
}

func TestServerThatFailsIsLeftAlone(t *testing.T) {
	gone, other := fake.NewProxy(t, "http://127.0.0.1:1"), fake.NewOllama(t)
	gone.Set(fake.Fault{Drop: true})
	c := clientOf(t, gone.URL, other.URL)
	for range 5 {
		if _, err := c.Ask(t.Context(), question); err != nil {
			t.Fatal(err)
		}
	}
	// A request that fails on a new connection is sent once.
	if got := len(gone.Paths()); got != 3 {
		t.Errorf("it got %d requests, want 3", got)
	}
	if err := c.Ready(false); err != nil {
		t.Errorf("not ready though one server answers: %v", err)
	}

	other.Close()
	for range 3 {
		_, err := c.Ask(t.Context(), question)
		if FaultOf(err) != Unreachable {
			t.Errorf("error = %v, want unreachable", err)
		}
	}
	if err := c.Ready(true); FaultOf(err) != Broken {
		t.Errorf("ready = %v, want broken", err)
	}
	states := c.Stats().Endpoints
	if len(states) != 2 || !states[0].Broken || !states[1].Broken || states[0].Fault != Unreachable || states[1].Digest != fake.Digest {
		t.Errorf("states = %+v", states)
	}
}

func TestServerThatIsWellAgainIsAskedAgain(t *testing.T) {
	server := fake.NewOllama(t)
	proxy := fake.NewProxy(t, server.URL)
	proxy.Set(fake.Fault{Drop: true})
	c, err := newClient(optionsFor(proxy.URL), time.Now, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Ask(t.Context(), question); err == nil {
			t.Fatal("an answer from a server that drops each connection")
		}
	}
	proxy.Set(fake.Fault{})
	for c.Ready(false) != nil {
		time.Sleep(time.Millisecond) // until the breaker has rested
	}
	if _, err := c.Ask(t.Context(), question); err != nil {
		t.Errorf("error = %v", err)
	}
}

// TestFaultsOfOneQuestionDoNotCloseAServer holds that a question which no server
// could answer, and one that nobody waits for, say nothing about the server.
func TestFaultsOfOneQuestionDoNotCloseAServer(t *testing.T) {
	server := fake.NewOllama(t)
	server.Answer(func(c fake.Chat) fake.Reply {
		switch c.Prompt() {
		case "hang":
			return fake.Reply{Hang: true}
		case "refuse":
			return fake.Reply{Status: 500, Error: fake.OllamaSchema}
		}
		return fake.Reply{}
	})
	c := clientOf(t, server.URL)
	for range 5 {
		for _, prompt := range []string{"say nothing", "refuse"} {
			if _, err := c.Ask(t.Context(), Request{Prompt: prompt}); err == nil {
				t.Fatalf("%s: no error", prompt)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		before := len(server.Chats())
		go func() {
			for len(server.Chats()) == before {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		if _, err := c.Ask(ctx, Request{Prompt: "hang"}); FaultOf(err) != Budget {
			t.Fatalf("error = %v, want budget", err)
		}
	}
	if err := c.Ready(false); err != nil {
		t.Errorf("ready = %v", err)
	}
}

func TestNoMoreThanParallelQuestionsAtATime(t *testing.T) {
	server := fake.NewOllama(t)
	release := make(chan struct{})
	var mu sync.Mutex
	now, most := 0, 0
	server.Answer(func(fake.Chat) fake.Reply {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		<-release
		mu.Lock()
		now--
		mu.Unlock()
		return fake.Reply{Text: "{}"}
	})
	o := optionsFor(server.URL)
	o.Parallel = 2
	c := clientWith(t, o, time.Now)
	const places = 2 * (1 + waiting)
	faults := make(chan Fault, places+1)
	for range places {
		go func() {
			_, err := c.Ask(t.Context(), question)
			faults <- FaultOf(err)
		}()
	}
	for len(c.places) < places || len(server.Chats()) < 2 {
		time.Sleep(time.Millisecond)
	}
	if _, err := c.Ask(t.Context(), question); FaultOf(err) != Busy {
		t.Errorf("error of one more = %v, want busy", err)
	}
	close(release)
	for range places {
		if fault := <-faults; fault != NoFault {
			t.Errorf("fault = %s", fault)
		}
	}
	if most != 2 {
		t.Errorf("%d were asked at a time, want 2", most)
	}
	if len(c.places) != 0 || len(c.turns) != 0 {
		t.Errorf("%d places and %d turns are still taken", len(c.places), len(c.turns))
	}
}

func TestWhoWaitsInVainGivesItsPlaceBack(t *testing.T) {
	server := fake.NewOllama(t)
	server.Answer(func(fake.Chat) fake.Reply { return fake.Reply{Hang: true} })
	c := clientOf(t, server.URL)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _, _ = c.Ask(ctx, question) }()
	for len(server.Chats()) == 0 {
		time.Sleep(time.Millisecond)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.Ask(short, question); FaultOf(err) != Busy || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want busy", err)
	}
	stop()
	<-ended
	if len(c.places) != 0 {
		t.Errorf("%d places are still taken", len(c.places))
	}
}
