package llm

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/sony/gobreaker/v2"

	"penstock/core/secret"
)

const (
	lookTimeout = 10 * time.Second // of what the server answers without its model
	maxLook     = 4 << 20          // bytes of such an answer
)

// endpoint is one server.
type endpoint struct {
	url       string // as configured
	base      *url.URL
	token     secret.Secret
	transport http.RoundTripper
	breaker   *gobreaker.CircuitBreaker[Answer]

	mu   sync.Mutex
	last EndpointState
}

func newEndpoint(address string, token secret.Secret, o *Options, rest time.Duration) (*endpoint, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("read the address of a model: %w", err)
	}
	return &endpoint{
		url: address, base: base, token: token,
		transport: newTransport(base.Scheme, o),
		breaker: gobreaker.NewCircuitBreaker[Answer](gobreaker.Settings{
			Timeout:     rest,
			ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= failures },
			// A server that answers, if not as wanted, is no broken one.
			IsSuccessful: func(err error) bool { return !FaultOf(err).elsewhere() },
			// That we stop asking says nothing about the server.
			IsExcluded: func(err error) bool { return FaultOf(err) == Budget },
		}),
		last: EndpointState{URL: address},
	}, nil
}

// client returns a client for one request and what watches over it.
func (e *endpoint) client(limit int) (*api.Client, *wire) {
	w := &wire{transport: e.transport, token: e.token, limit: limit}
	return api.NewClient(e.base, &http.Client{Transport: w}), w
}

// find looks for the configured model in the server's list. Asking for it costs
// little, and shows a model that was replaced under its name.
func (e *endpoint) find(ctx context.Context, o *Options) (api.ListModelResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, errLate)
	defer cancel()
	client, wire := e.client(maxLook)
	list, err := client.List(ctx)
	if err != nil {
		return api.ListModelResponse{}, e.fault(ctx, wire, err)
	}
	return e.pick(list, o)
}

func (e *endpoint) pick(list *api.ListResponse, o *Options) (api.ListModelResponse, error) {
	for _, m := range list.Models {
		if m.Name != o.Name && m.Name != o.Name+":latest" {
			continue
		}
		m.Digest = strings.ToLower(strings.TrimPrefix(m.Digest, "sha256:"))
		if m.Digest == "" || checkDigest(m.Digest) != "" {
			return m, e.errorf(Unreachable, "what answers there is not Ollama: the digest of %s is %.80q", o.Name, m.Digest)
		}
		if o.Digest != "" && m.Digest != o.Digest {
			return m, e.errorf(Replaced, "%s there has the digest %s, not %s", o.Name, m.Digest, o.Digest)
		}
		if m.RemoteHost != "" && !o.AllowRemote {
			return m, e.errorf(Redirected, "%s is worked at %.80q: prompts would leave the site", o.Name, m.RemoteHost)
		}
		return m, nil
	}
	return api.ListModelResponse{}, e.errorf(Missing, "there is no model %s", o.Name)
}

func (e *endpoint) errorf(fault Fault, format string, args ...any) error {
	return &Error{Fault: fault, Endpoint: e.url, Err: fmt.Errorf(format, args...)}
}

// note keeps how the last question went.
func (e *endpoint) note(a Answer, err error, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last.Fault, e.last.Text, e.last.When, e.last.Asked = FaultOf(err), "", now, a.Digest != ""
	if err != nil {
		e.last.Text = err.Error()
	}
	if e.last.Asked {
		e.last.Digest = a.Digest
	}
}
