package llm

import (
	"context"
	"time"

	"github.com/ollama/ollama/api"
)

// maxNames is how many models of a server are named.
const maxNames = 50

// Endpoint is what one server says about itself and the configured model. Its
// texts come from the server: whoever shows them cleans them.
type Endpoint struct {
	URL     string
	Err     error // an *Error: why a question would get no answer there; nil where it would
	Version string
	Models  []string // names of at most 50 that are there
	Found   bool     // the configured one is among them, be it the pinned one or not

	// Of the configured model:
	Digest        string
	ContextLength int // the most tokens that it was made for, 0 where the server does not say
	ParameterSize string
	Quantization  string
	Capabilities  []string
	Loaded        bool
	LoadedContext int   // tokens of the window with which it is loaded
	SizeVRAM      int64 // bytes of a graphics card that it takes while loaded

	Took time.Duration
}

// Inspect asks each server what it has, in their order, without asking its model.
// It blocks for ten seconds per server at most. Questions that are asked meanwhile
// are not kept waiting.
func (c *Client) Inspect(ctx context.Context) []Endpoint {
	var all []Endpoint
	for _, e := range c.endpoints {
		all = append(all, c.inspect(ctx, e))
	}
	return all
}

func (c *Client) inspect(ctx context.Context, e *endpoint) (seen Endpoint) {
	start := c.now()
	seen.URL = e.url
	defer func() { seen.Took = c.now().Sub(start) }()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()

	client, wire := e.client(maxLook)
	version, err := client.Version(ctx)
	if err != nil {
		seen.Err = e.fault(ctx, wire, err)
		return seen
	}
	seen.Version = version
	list, err := client.List(ctx)
	if err != nil {
		seen.Err = e.fault(ctx, wire, err)
		return seen
	}
	for _, m := range list.Models[:min(maxNames, len(list.Models))] {
		seen.Models = append(seen.Models, m.Name)
	}
	var m api.ListModelResponse
	m, seen.Err = e.pick(list, &c.o)
	if seen.Found = m.Name != ""; !seen.Found {
		return seen
	}
	seen.Digest, seen.ParameterSize, seen.Quantization = m.Digest, m.Details.ParameterSize, m.Details.QuantizationLevel
	c.details(ctx, client, m.Name, &seen)
	return seen
}

// details adds what is good to know. That a server does not say it is no fault.
func (c *Client) details(ctx context.Context, client *api.Client, name string, seen *Endpoint) {
	if shown, err := client.Show(ctx, &api.ShowRequest{Model: name}); err == nil {
		architecture, _ := shown.ModelInfo["general.architecture"].(string)
		length, _ := shown.ModelInfo[architecture+".context_length"].(float64)
		seen.ContextLength = int(length)
		for _, capability := range shown.Capabilities {
			seen.Capabilities = append(seen.Capabilities, string(capability))
		}
	}
	running, err := client.ListRunning(ctx)
	if err != nil {
		return
	}
	for _, m := range running.Models {
		if m.Name == name {
			seen.Loaded, seen.LoadedContext, seen.SizeVRAM = true, m.ContextLength, m.SizeVRAM
		}
	}
}
