package llm

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sony/gobreaker/v2"
)

// lately is how many answers Median and P95 look at.
const lately = 200

// Stats is how asking went since the client was made.
type Stats struct {
	Calls        int           // requests sent to a model, those that were tried again included
	CallsDay     int           // of them within the last 24 hours, by the hour
	Answers      int           // questions that have an answer
	Faults       map[Fault]int // questions that have none, by the fault that Ask returned
	PromptTokens int           // of the answers
	AnswerTokens int
	Work         time.Duration // of the servers, all requests together
	Median, P95  time.Duration // of Answer.Took, of the last 200 answers; 0 without any
	Endpoints    []EndpointState
}

// EndpointState is how one server did at the last question.
type EndpointState struct {
	URL    string
	Broken bool      // it is left alone at present
	Fault  Fault     // NoFault where it answered, or was not asked yet
	Text   string    // the fault in words; what a server said is quoted in it
	When   time.Time // of the last question; zero before the first
	Digest string    // of the model that was asked last
	Asked  bool      // at the last question there was the right model, whatever came of it
}

// totals is what Stats is made of, beside the windows.
type totals struct {
	spent          cost
	answers        int
	prompt, answer int // tokens
	faults         map[Fault]int
	took           []time.Duration // of the last answers, the oldest at answers%lately
}

// count takes note of how a question ended.
func (c *Client) count(a Answer, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.total
	if errors.Is(err, context.Canceled) {
		return // nobody waits for it any more
	}
	if err != nil {
		t.faults[FaultOf(err)]++
		return
	}
	if len(t.took) < lately {
		t.took = append(t.took, a.Took)
	} else {
		t.took[t.answers%lately] = a.Took
	}
	t.answers++
	t.prompt += a.PromptTokens
	t.answer += a.AnswerTokens
}

// Stats returns how asking went. It does not connect and does not wait.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	day, _ := c.day.sum(c.now())
	t := &c.total
	s := Stats{
		Calls: t.spent.calls, CallsDay: day.calls, Answers: t.answers, Faults: maps.Clone(t.faults),
		PromptTokens: t.prompt, AnswerTokens: t.answer, Work: t.spent.work,
	}
	took := slices.Sorted(slices.Values(t.took))
	c.mu.Unlock()
	if n := len(took); n > 0 {
		s.Median, s.P95 = took[(n-1)/2], took[(n*95+99)/100-1]
	}
	for _, e := range c.endpoints {
		e.mu.Lock()
		state := e.last
		e.mu.Unlock()
		state.Broken = e.breaker.State() == gobreaker.StateOpen
		s.Endpoints = append(s.Endpoints, state)
	}
	return s
}
