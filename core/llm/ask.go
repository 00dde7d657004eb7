package llm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
)

// Bounds of what is read of an answer. Each token comes as a line of its own, of
// 130 bytes and its text.
const (
	lineBytes = 1024 // of each token, 64 more lines beside
	textBytes = 64   // of the text of each token
)

var (
	errTooMuchText = errors.New("more text than so many tokens can be")
	errLate        = errors.New("no whole answer in time")
)

// chat asks the model at one server once.
func (c *Client) chat(ctx context.Context, e *endpoint, r Request) (Answer, error) {
	model, err := e.find(ctx, &c.o)
	if err != nil {
		return Answer{}, err
	}
	if err := c.spend(r); err != nil {
		return Answer{}, err
	}
	start := c.now()
	text, last, err := c.stream(ctx, e, r)
	c.spent(r, last.PromptEvalCount+last.EvalCount, c.now().Sub(start))
	return Answer{
		Text: text, Endpoint: e.url, Model: c.o.Name, Digest: model.Digest,
		PromptTokens: last.PromptEvalCount, AnswerTokens: last.EvalCount,
		LoadTook: last.LoadDuration, PromptTook: last.PromptEvalDuration, AnswerTook: last.EvalDuration,
	}, err
}

// stream sends the question and gathers the answer. Without an error the answer is
// whole: the api package returns nil for a stream that breaks off too.
func (c *Client) stream(ctx context.Context, e *endpoint, r Request) (string, api.ChatResponse, error) {
	var text strings.Builder
	var last api.ChatResponse
	client, wire := e.client((r.Tokens + 64) * lineBytes)
	err := client.Chat(ctx, c.question(r), func(part api.ChatResponse) error {
		if text.Len()+len(part.Message.Content) > r.Tokens*textBytes {
			return errTooMuchText
		}
		text.WriteString(part.Message.Content)
		last = part
		last.Metrics = c.believable(part.Metrics)
		return nil
	})
	if err != nil || ctx.Err() != nil || wire.err != nil {
		return text.String(), last, e.fault(ctx, wire, err)
	}
	switch {
	case !last.Done:
		err = e.errorf(Cut, "the server broke off after %d bytes, as it does with a model that repeats itself", text.Len())
	case last.DoneReason == "length":
		err = e.errorf(Cut, "the answer has more than %d tokens", r.Tokens)
	case last.DoneReason != "stop":
		err = e.errorf(Cut, "the answer ends with %.80q, not with stop", last.DoneReason)
	case last.PromptEvalCount >= c.o.ContextTokens:
		// Servers that do not know truncate cut the beginning off, and say nothing.
		err = e.errorf(TooLong, "the prompt filled all %d tokens of the window", c.o.ContextTokens)
	case strings.TrimSpace(text.String()) == "":
		err = e.errorf(Empty, "there is no text in the answer")
	}
	return text.String(), last, err
}

// believable bounds what a server says of its work: the budget is counted by it.
func (c *Client) believable(m api.Metrics) api.Metrics {
	m.PromptEvalCount = min(max(m.PromptEvalCount, 0), c.o.ContextTokens)
	m.EvalCount = min(max(m.EvalCount, 0), c.o.ContextTokens)
	for _, d := range []*time.Duration{&m.LoadDuration, &m.PromptEvalDuration, &m.EvalDuration} {
		*d = min(max(*d, 0), c.o.Timeout)
	}
	return m
}

// question returns what is sent. All questions have the same size of window: else
// the server would load the model anew for each.
func (c *Client) question(r Request) *api.ChatRequest {
	yes, no := true, false
	return &api.ChatRequest{
		Model:     c.o.Name,
		Messages:  []api.Message{{Role: "system", Content: r.System}, {Role: "user", Content: r.Prompt}},
		Format:    r.Schema,
		Stream:    &yes,
		Think:     &api.ThinkValue{Value: false}, // while a model thinks, the schema does not hold
		Truncate:  &no,                           // else the beginning of a long prompt is cut off unsaid
		Shift:     &no,
		KeepAlive: &api.Duration{Duration: c.o.KeepAlive},
		Options: map[string]any{
			"num_ctx":     c.o.ContextTokens,
			"num_predict": r.Tokens,
			"temperature": 0,
			"seed":        r.Seed,
		},
	}
}

// fault says in our words what kept a server from answering. Texts come from
// outside: they are cut and quoted.
func (e *endpoint) fault(ctx context.Context, w *wire, err error) error {
	if ctx.Err() != nil {
		fault := Timeout
		if !errors.Is(context.Cause(ctx), errLate) { // whoever asked does not wait any longer
			fault = Budget
		}
		return &Error{Fault: fault, Endpoint: e.url, Err: ctx.Err()}
	}
	var status api.StatusError
	var refused api.AuthorizationError
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, errElsewhere):
		return &Error{Fault: Redirected, Endpoint: e.url, Err: err}
	case errors.As(err, &status):
		return e.errorf(statusFault(status), "status %d: %.200q", status.StatusCode, status.ErrorMessage)
	case errors.As(err, &refused):
		return e.errorf(Refused, "status %d: the server wants another token", refused.StatusCode)
	case errors.Is(err, errTooMuchText), errors.Is(w.err, errTooMuch):
		return e.errorf(Cut, "the answer is larger than allowed")
	case errors.As(err, &syntax), errors.As(err, &kind):
		return e.errorf(Unreachable, "what answers there is not Ollama: %w", err)
	case w.err != nil:
		return e.errorf(Unreachable, "the connection broke: %w", w.err)
	case w.answered:
		return e.errorf(Crashed, "the server says %.200q", err.Error())
	default:
		return &Error{Fault: Unreachable, Endpoint: e.url, Err: err}
	}
}

// statusFault tells apart what Ollama tells apart by words alone: a prompt that is
// too long, a schema that it cannot read, and a runner that stopped. An unknown
// word costs a useless second try at most.
func statusFault(s api.StatusError) Fault {
	says := func(words string) bool { return strings.Contains(s.ErrorMessage, words) }
	switch code := s.StatusCode; {
	case code == http.StatusNotFound:
		return Missing
	case code == http.StatusRequestEntityTooLarge, code == http.StatusBadRequest && says("context length"):
		return TooLong
	case code == http.StatusServiceUnavailable, code == http.StatusTooManyRequests:
		return Busy
	case code == http.StatusInternalServerError && (says("schema") || says("must be of type")):
		return Invalid
	case code == http.StatusInternalServerError:
		return Crashed
	case code > http.StatusInternalServerError:
		return Unreachable // a proxy whose server is gone
	default:
		return Refused
	}
}
