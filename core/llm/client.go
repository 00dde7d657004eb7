package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ollama/ollama/api"
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

// Client asks the servers of its Options. It may be used by several goroutines at
// the same time.
type Client struct {
	o   Options
	api *api.Client
	cb  *gobreaker.CircuitBreaker[any]
}

// New returns a client. It connects to nothing; the error says what is wrong with
// the options or the token file.
func New(o Options) (*Client, error) { return &Client{o: o}, nil }

// Ask asks one question and waits for the whole answer, at most Options.Timeout
// and until ctx is done. The error is an *Error.
func (c *Client) Ask(ctx context.Context, r Request) (Answer, error) {
	return Answer{}, &Error{Fault: Unreachable, Err: fmt.Errorf("not built yet")}
}

// Ready says why a question would not be asked now, or nil. It does not connect and
// does not wait. The error is an *Error.
func (c *Client) Ready(reserved bool) error { return nil }
