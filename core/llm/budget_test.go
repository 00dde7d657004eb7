package llm

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/fake"
)

func TestBudgetOfTheHour(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limit  func(*Options)
		each   time.Duration // that the server is at work for one question
		prompt int           // tokens
		want   string        // of each of six ordinary questions, then six reserved ones: a answered, b budget
		text   string        // in the error
	}{
		{"+ nothing reached", func(*Options) {}, time.Second, 10, "aaaaaaaaaaaa", ""},
		{"- calls, half for what is grave", func(o *Options) { o.CallsPerHour = 6 }, 0, 10, "aaabbbaaabbb", "6 calls"},
		{"- one call", func(o *Options) { o.CallsPerHour = 1 }, 0, 10, "abbbbbbbbbbb", "1 calls"},
		{"- tokens", func(o *Options) { o.TokensPerHour = 6000 }, 0, 998, "aaabbbaaabbb", "6000 tokens"},
		{"- time", func(o *Options) { o.TimePerHour = time.Minute }, 15 * time.Second, 10, "aabbbbaabbbb", "1m0s at work"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server, now := fake.NewOllama(t), newClock()
			server.Answer(func(fake.Chat) fake.Reply {
				now.pass(tt.each)
				return fake.Reply{Text: "{}", PromptTokens: tt.prompt}
			})
			o := optionsFor(server.URL)
			tt.limit(&o)
			c := clientWith(t, o, now.Now)
			got := ""
			for i := range 12 {
				r := question
				r.Reserved = i >= 6
				ready := FaultOf(c.Ready(r.Reserved))
				_, err := c.Ask(t.Context(), r)
				switch FaultOf(err) {
				case NoFault:
					got += "a"
				case Budget:
					got += "b"
					if !strings.Contains(err.Error(), tt.text) && !r.Reserved {
						continue // half of it
					}
				default:
					t.Fatal(err)
				}
				if ready != FaultOf(err) {
					t.Errorf("question %d: ready says %q, the question ends with %q", i, ready, FaultOf(err))
				}
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if n := strings.Count(tt.want, "a"); len(server.Chats()) != n {
				t.Errorf("%d questions were sent, want %d", len(server.Chats()), n)
			}
			if _, err := c.Ask(t.Context(), Request{Reserved: true}); err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error = %v, want %q", err, tt.text)
			}
			now.pass(time.Hour + 5*time.Minute)
			if err := c.Ready(false); err != nil {
				t.Errorf("an hour later: %v", err)
			}
		})
	}
}

func TestBudgetCountsEachRequest(t *testing.T) {
	server := fake.NewOllama(t)
	server.Answer(func(fake.Chat) fake.Reply { return fake.Reply{Status: 500, Error: fake.OllamaCrashed} })
	o := optionsFor(server.URL)
	o.CallsPerHour = 3
	c := clientWith(t, o, time.Now)
	for range 3 {
		_, _ = c.Ask(t.Context(), Request{Prompt: "x", Reserved: true})
	}
	if got := len(server.Chats()); got != 3 {
		t.Errorf("%d requests were sent, want 3", got)
	}
}

func TestWindowForgets(t *testing.T) {
	start := newClock().now
	w := newWindow(start, 5*time.Minute, 12)
	for i := range 24 {
		w.add(start.Add(time.Duration(i)*5*time.Minute), Request{Reserved: i%2 == 0}, cost{calls: 1})
	}
	var got [4][2]int
	for i, later := range []time.Duration{115 * time.Minute, 120 * time.Minute, 150 * time.Minute, 5 * time.Hour} {
		all, ordinary := w.sum(start.Add(later))
		got[i] = [2]int{all.calls, ordinary.calls}
	}
	if diff := cmp.Diff([4][2]int{{12, 6}, {11, 6}, {5, 3}, {0, 0}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStats(t *testing.T) {
	server, now := fake.NewOllama(t), newClock()
	work := time.Duration(0)
	server.Answer(func(c fake.Chat) fake.Reply {
		if c.Prompt() == "fail" {
			return fake.Reply{}
		}
		work += time.Second
		now.pass(work)
		return fake.Reply{Text: "{}", PromptTokens: 100}
	})
	o := optionsFor(server.URL)
	o.CallsPerHour = 100_000
	c := clientWith(t, o, now.Now)
	if diff := cmp.Diff(Stats{Faults: map[Fault]int{}, Endpoints: []EndpointState{{URL: server.URL}}}, c.Stats()); diff != "" {
		t.Errorf("before the first question (-want +got):\n%s", diff)
	}
	for range 20 { // of 1 to 20 s
		if _, err := c.Ask(t.Context(), question); err != nil {
			t.Fatal(err)
		}
	}
	now.pass(25 * time.Hour)
	if _, err := c.Ask(t.Context(), Request{Prompt: "fail"}); err == nil {
		t.Fatal("no error")
	}
	want := Stats{
		Calls: 21, CallsDay: 1, Answers: 20, Faults: map[Fault]int{Empty: 1},
		PromptTokens: 2000, AnswerTokens: 40, Work: 210 * time.Second,
		Median: 10 * time.Second, P95: 19 * time.Second,
		Endpoints: []EndpointState{{
			URL: server.URL, Fault: Empty, Digest: fake.Digest, Asked: true, When: now.Now(),
			Text: "ask the model at " + server.URL + ": empty: there is no text in the answer",
		}},
	}
	if diff := cmp.Diff(want, c.Stats()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStatsLookAtTheLastAnswersOnly(t *testing.T) {
	c := clientOf(t, "http://127.0.0.1:1")
	for i := range 3 * lately {
		c.count(Answer{Took: time.Duration(i)}, nil)
	}
	s := c.Stats()
	if s.Answers != 3*lately || s.Median != 2*lately+lately/2-1 || s.P95 != 2*lately+lately*95/100-1 {
		t.Errorf("answers %d, median %d, p95 %d", s.Answers, s.Median, s.P95)
	}
}
