package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Request is one question.
type Request struct {
	System string          // the same for all questions of a kind, so that the server's cache of it works
	Prompt string          // what is asked
	Schema json.RawMessage // JSON schema that the answer must fit; its order of properties is that of the answer
	Tokens int             // most tokens of the answer; 0 is Options.AnswerTokens
	Seed   int             // the same seed and prompt give the same answer
	// Reserved lets the question use the half of an hour's budget that is kept for
	// what is High or graver.
	Reserved bool
}

// Answer is what a model said, with what it cost.
type Answer struct {
	Text         string // whole, and not looked at: whoever asked checks it
	Endpoint     string
	Model        string
	Digest       string // SHA-256 of the model that was there, 64 digits
	PromptTokens int    // as the server counts them
	AnswerTokens int
	Took         time.Duration // wall time of the whole request, waiting for its turn included
	LoadTook     time.Duration // loading the model
	PromptTook   time.Duration // reading the prompt; short where its beginning was cached
	AnswerTook   time.Duration // writing the answer
}

const (
	failures = 3                // in a row, then a server is left alone
	rest     = 30 * time.Second // for so long; then one question tries it
	waiting  = 4                // questions that may wait for each one that is asked at a time
)

// Client asks the servers of its Options. It may be used by several goroutines at
// the same time.
type Client struct {
	o         Options
	now       func() time.Time
	endpoints []*endpoint
	places    chan struct{} // one for each question, at work or waiting
	turns     chan struct{} // one for each question at work

	mu    sync.Mutex
	hour  window // what the budget of the hour is measured by
	day   window
	total totals
}

// New returns a client. It connects to nothing; the error says what is wrong with
// the options or the token file.
func New(o Options) (*Client, error) { return newClient(o, time.Now, rest) }

func newClient(o Options, now func() time.Time, rest time.Duration) (*Client, error) {
	var problems []string
	o.Check(func(path, text string) { problems = append(problems, path+": "+text) })
	if len(o.Endpoints) == 0 {
		problems = append(problems, "endpoints: are missing")
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("check the options of the model: %s", strings.Join(problems, "; "))
	}
	if err := refuseSigning(); err != nil {
		return nil, err
	}
	token, err := readToken(o.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("read the token of the model: %w", err)
	}
	o.Digest = strings.ToLower(strings.TrimPrefix(o.Digest, "sha256:"))
	c := &Client{
		o: o, now: now,
		places: make(chan struct{}, o.Parallel*(1+waiting)),
		turns:  make(chan struct{}, o.Parallel),
		hour:   newWindow(now(), 5*time.Minute, 12),
		day:    newWindow(now(), time.Hour, 24),
		total:  totals{faults: map[Fault]int{}},
	}
	for _, address := range o.Endpoints {
		e, err := newEndpoint(address, token, &o, rest)
		if err != nil {
			return nil, err
		}
		c.endpoints = append(c.endpoints, e)
	}
	return c, nil
}

// Ask asks one question and waits for the whole answer. The servers are tried in
// their order, each for at most Options.Timeout, until one answers, until the
// fault would be the same at the next one, or until ctx is done. The error is an
// *Error: that of the last server that was tried, or of one whose model is
// Replaced. Beside an error the answer says what came, as far as it came.
func (c *Client) Ask(ctx context.Context, r Request) (Answer, error) {
	if r.Tokens == 0 {
		r.Tokens = c.o.AnswerTokens
	}
	start := c.now()
	answer, err := c.ask(ctx, r)
	answer.Took = c.now().Sub(start)
	c.count(answer, err)
	return answer, err
}

func (c *Client) ask(ctx context.Context, r Request) (Answer, error) {
	if size := len(r.System) + len(r.Prompt); size > c.o.PromptBytes {
		return Answer{}, &Error{Fault: TooLong, Err: fmt.Errorf("%d bytes are more than prompt_bytes %d", size, c.o.PromptBytes)}
	}
	if err := c.ready(r); err != nil {
		return Answer{}, err
	}
	done, err := c.turn(ctx)
	if err != nil {
		return Answer{}, err
	}
	defer done()

	var replaced error
	var answer Answer
	for _, e := range c.endpoints {
		answer, err = c.askAt(ctx, e, r)
		fault := FaultOf(err)
		if fault == NoFault {
			return answer, nil
		}
		if fault == Replaced {
			replaced = err
		}
		if !fault.elsewhere() || ctx.Err() != nil {
			break
		}
	}
	if replaced != nil {
		err = replaced
	}
	return answer, err
}

// Ready says why a question would not be asked now, or nil. It does not connect and
// does not wait. The error is an *Error.
func (c *Client) Ready(reserved bool) error { return c.ready(Request{Reserved: reserved}) }

func (c *Client) ready(r Request) error {
	c.mu.Lock()
	err := c.overBudget(r)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	for _, e := range c.endpoints {
		if e.breaker.State() != gobreaker.StateOpen {
			return nil
		}
	}
	return &Error{Fault: Broken, Err: errors.New("every server has failed again and again")}
}

// turn waits until a question may be asked. Whoever gets an error need not call
// done.
func (c *Client) turn(ctx context.Context) (done func(), err error) {
	select {
	case c.places <- struct{}{}:
	default:
		return nil, &Error{Fault: Busy, Err: fmt.Errorf("%d questions are asked or wait already", cap(c.places))}
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	select {
	case c.turns <- struct{}{}:
		return func() { <-c.turns; <-c.places }, nil
	case <-ctx.Done():
		<-c.places
		return nil, &Error{Fault: Busy, Err: fmt.Errorf("wait for a turn: %w", ctx.Err())}
	}
}

// askAt asks one server, unless it is left alone.
func (c *Client) askAt(ctx context.Context, e *endpoint, r Request) (Answer, error) {
	answer, err := e.breaker.Execute(func() (Answer, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, c.o.Timeout, errLate)
		defer cancel()
		answer, err := c.chat(ctx, e, r)
		if FaultOf(err) == Crashed && ctx.Err() == nil {
			answer, err = c.chat(ctx, e, r) // the server starts its runner again by itself
		}
		if FaultOf(err) != Budget { // which says nothing about the server
			e.note(answer, err, c.now())
		}
		return answer, err
	})
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return Answer{}, &Error{Fault: Broken, Endpoint: e.url, Err: fmt.Errorf("it is left alone after %d failures in a row", failures)}
	}
	return answer, err
}

// elsewhere says whether another server may well give an answer.
func (f Fault) elsewhere() bool {
	switch f {
	case Unreachable, Timeout, Busy, Broken, Missing, Replaced, Refused, Redirected, Crashed:
		return true
	}
	return false
}
