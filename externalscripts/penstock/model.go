package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/llm"
)

func newModel(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Try the local language model: is it there, does it answer, what does a case cost",
		Long: `Model tries the language model that the configuration names, or the one of --model, on
cases that are built in. docs/models.md says which model a site would take.`,
		Example: "  penstock model check --model qwen3:8b\n  penstock model bench --config /etc/penstock/penstock.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newModelCheck(e), newModelBench(e))
	return cmd
}

// modelChoice is which model a command asks. What is "" the configuration says.
type modelChoice struct{ name, endpoint string }

func (m *modelChoice) add(cmd *cobra.Command, name string) {
	cmd.Flags().StringVar(&m.name, "model", "", name)
	cmd.Flags().StringVar(&m.endpoint, "endpoint", "", "`URL` of its server; without it those of the configuration, or "+localOllama)
}

// localOllama is where Ollama listens unless it is told otherwise.
const localOllama = "http://127.0.0.1:11434"

// options returns a configuration's options with the choice in them. What is pinned
// is another model's, and the token another server's, where the choice is not the
// configuration's.
func (m modelChoice) options(o llm.Options) (llm.Options, error) {
	if m.endpoint != "" && !slices.Contains(o.Endpoints, m.endpoint) {
		o.TokenFile = ""
	}
	switch {
	case m.endpoint != "":
		o.Endpoints = []string{m.endpoint}
	case len(o.Endpoints) == 0:
		o.Endpoints = []string{localOllama}
	}
	if m.name != "" && m.name != o.Name {
		o.Name, o.Digest = m.name, ""
	}
	if o.Name == "" {
		return o, exitError{exitConfig, errors.New("no model is named"), "--model NAME, or model.name in the configuration; `ollama list` shows those that are there"}
	}
	var problems []error
	o.Check(func(path, text string) { problems = append(problems, fmt.Errorf("model.%s: %s", path, text)) })
	if err := errors.Join(problems...); err != nil {
		return o, exitError{exitConfig, err, "see docs/configuration.md"}
	}
	return o, nil
}

// load returns the options of the worker's configuration with the choice in them, and
// the site's language. Its hourly limits are kept: see unhurried.
func (m modelChoice) load(f *workerFlags) (o llm.Options, language string, err error) {
	c, err := f.load()
	if err != nil {
		return o, "", err
	}
	o, err = m.options(c.Model)
	return o, c.Site.Language, err
}

// unhurried returns the options without limits of an hour: they keep a worker that
// nobody watches from asking on and on. Who asks by hand has named how much.
func unhurried(o llm.Options) llm.Options {
	o.CallsPerHour, o.TokensPerHour, o.TimePerHour = 100_000, 1_000_000_000, 64*time.Hour
	return o
}

func newClient(o llm.Options) (*llm.Client, error) {
	client, err := llm.New(o)
	if err != nil {
		return nil, exitError{exitConfig, err, ""}
	}
	return client, nil
}

// check returns the wrong usage of a server without a model.
func (m modelChoice) check(cmd *cobra.Command) error {
	if m.endpoint == "" || m.name != "" {
		return nil
	}
	return exitError{exitUsage, errors.New("--endpoint says where to ask, and --model, which is missing, whom"), seeHelp(cmd.CommandPath())}
}

// openIf is open where a model is chosen, else it returns nil.
func (m modelChoice) openIf(ctx context.Context, engine *app.Engine) (*llm.Client, error) {
	if m.name == "" {
		return nil, nil
	}
	return m.open(ctx, engine)
}

// open returns a client for the choice and puts its options into the engine, which
// bounds each case by them. The error says that the model would not answer.
func (m modelChoice) open(ctx context.Context, engine *app.Engine) (*llm.Client, error) {
	o, err := m.options(engine.Config.Model)
	if err != nil {
		return nil, err
	}
	o = unhurried(o)
	client, err := newClient(o)
	if err != nil {
		return nil, err
	}
	var first error
	for _, seen := range client.Inspect(ctx) {
		if seen.Err == nil {
			engine.Config.Model = o
			return client, nil
		}
		first = cmp.Or(first, seen.Err)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, exitError{exitFailed, first, modelHint(llm.FaultOf(first), o.Name)}
}

// modelHint says what to try where a model does not answer.
func modelHint(f llm.Fault, name string) string {
	switch f {
	case llm.Unreachable:
		return "`sudo systemctl start ollama` starts it; --endpoint or model.endpoints say where it is"
	case llm.Missing:
		return "`ollama pull " + shellWord(name) + "` there, or import it without the internet: docs/models.md"
	case llm.Replaced:
		return "find out who changed it; if it was you, `penstock model check` shows the digest to pin as model.digest"
	case llm.Redirected:
		return "name the server itself: prompts hold log lines and follow nobody elsewhere"
	case llm.Refused:
		return "a proxy may want a token (model.token_file); the server's log says more: `journalctl -u ollama`"
	case llm.TooLong:
		return "raise model.context_tokens and model.prompt_bytes: docs/models.md says what they cost"
	case llm.Timeout, llm.Busy:
		return "raise model.timeout and model.case_time, or take a smaller model: docs/models.md"
	case llm.Crashed, llm.Broken:
		return "`journalctl -u ollama` on that machine says why; often its memory is too small: docs/models.md"
	case llm.Invalid, llm.Cut, llm.Empty:
		return "the model does not answer in the form that is asked for: take another one, docs/models.md"
	}
	return ""
}
