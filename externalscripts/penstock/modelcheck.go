package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/report"
)

func newModelCheck(e *env) *cobra.Command {
	var f workerFlags
	var choice modelChoice
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say whether the model can be used, and with what each question is answered",
		Long: `Check asks each server for its version and for the model, compares the model with what
is pinned and with the window that the configuration wants, and then asks it about a
case that is built in. It ends with 0 where the model can be used, with 1 where it
cannot, and says what to do about it.`,
		Example: `  penstock model check --model qwen3:8b
  penstock model check --config /etc/penstock/penstock.yaml --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, language, err := choice.load(&f)
			if err != nil {
				return err
			}
			check, err := checkModel(cmd.Context(), o, language)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(e.stdout, check)
			} else {
				err = check.print(e.stdout)
			}
			if err == nil && !check.Usable {
				err = exitError{exitFailed, errors.New("the model cannot be used as it is: see what is wrong"), ""}
			}
			return err
		},
	}
	f.add(cmd)
	choice.add(cmd, "`name` of the model; without it that of the configuration")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	return cmd
}

// modelCheck is what `penstock model check` finds out.
type modelCheck struct {
	Model     string         `json:"model"`
	Usable    bool           `json:"usable"`
	Window    int            `json:"context_tokens"` // that the configuration wants
	Pinned    string         `json:"pinned,omitempty"`
	Endpoints []endpointSeen `json:"endpoints"`
	Question  *rehearsed     `json:"question,omitempty"` // nil where no server could be asked
	Problems  []modelProblem `json:"problems"`
}

// endpointSeen is what one server says. Its texts are the server's own.
type endpointSeen struct {
	URL           string   `json:"url"`
	Version       string   `json:"version,omitempty"`
	Error         string   `json:"error,omitempty"`
	Fault         string   `json:"fault,omitempty"`
	Models        []string `json:"models,omitempty"`
	Digest        string   `json:"digest,omitempty"`
	ContextLength int      `json:"context_length,omitempty"` // that the model was made for
	ParameterSize string   `json:"parameter_size,omitempty"`
	Quantization  string   `json:"quantization,omitempty"`
	Capabilities  []string `json:"capabilities,omitempty"`
	Loaded        bool     `json:"loaded"`
	LoadedContext int      `json:"loaded_context,omitempty"`
	SizeVRAM      int64    `json:"size_vram,omitempty"` // bytes
	Seconds       float64  `json:"seconds"`
}

// modelProblem is one thing to know, with what to do about it.
type modelProblem struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// checkModel looks at each server, and asks one case where one can be asked.
func checkModel(ctx context.Context, o llm.Options, language string) (*modelCheck, error) {
	client, err := newClient(unhurried(o))
	if err != nil {
		return nil, err
	}
	check := &modelCheck{Model: o.Name, Window: o.ContextTokens, Pinned: o.Digest, Problems: []modelProblem{}}
	ready, sound := false, true
	for _, seen := range client.Inspect(ctx) {
		check.Endpoints = append(check.Endpoints, newEndpointSeen(seen))
		ready = ready || seen.Err == nil
		sound = check.judge(seen, &o) && sound
	}
	if err := ctx.Err(); err != nil || !ready {
		return check, err
	}
	r, err := newRehearsal(client, unhurried(o), language)
	if err != nil {
		return nil, err
	}
	asked, err := r.ask(ctx, builtinCases(0)[0])
	if err != nil {
		return nil, err
	}
	check.Question = &asked
	if asked.State != pipeline.Answers {
		check.tell(fmt.Sprintf("the model's answers to the built-in case: %s (%s)", asked.State, asked.Why), modelHint(llm.FaultNamed(asked.Why), o.Name))
	}
	check.Usable = sound && asked.State == pipeline.Answers
	return check, nil
}

func newEndpointSeen(x llm.Endpoint) endpointSeen {
	seen := endpointSeen{
		URL: x.URL, Version: x.Version, Models: x.Models, Digest: x.Digest, ContextLength: x.ContextLength, ParameterSize: x.ParameterSize,
		Quantization: x.Quantization, Capabilities: x.Capabilities, Loaded: x.Loaded, LoadedContext: x.LoadedContext, SizeVRAM: x.SizeVRAM,
		Seconds: x.Took.Seconds(), Fault: llm.FaultOf(x.Err).String(),
	}
	if x.Err != nil {
		seen.Error = x.Err.Error()
	}
	return seen
}

func (m *modelCheck) tell(text, hint string) {
	m.Problems = append(m.Problems, modelProblem{text, hint})
}

// judge notes what is wrong at one server. It says false where that must not stay:
// that a server is gone only matters where no other answers.
func (m *modelCheck) judge(seen llm.Endpoint, o *llm.Options) bool {
	fault := llm.FaultOf(seen.Err)
	if seen.Err != nil {
		m.tell(seen.Err.Error(), modelHint(fault, o.Name))
		return fault != llm.Replaced && fault != llm.Redirected
	}
	sound := true
	if len(seen.Capabilities) > 0 && !slices.Contains(seen.Capabilities, "completion") {
		m.tell(fmt.Sprintf("%s cannot answer questions: it is made for %s", o.Name, strings.Join(seen.Capabilities, ", ")), "take a model for conversations: docs/models.md")
		sound = false
	}
	if seen.ContextLength > 0 && seen.ContextLength < o.ContextTokens {
		m.tell(fmt.Sprintf("%s was made for %d tokens, and model.context_tokens is %d", o.Name, seen.ContextLength, o.ContextTokens),
			fmt.Sprintf("set model.context_tokens to %d at most, or take another model", seen.ContextLength))
		sound = false
	}
	if o.Digest == "" {
		m.tell("any model of that name is accepted", "pin this one: model.digest: "+seen.Digest)
	}
	if seen.Loaded && seen.LoadedContext != o.ContextTokens {
		m.tell(fmt.Sprintf("it is loaded with a window of %d tokens, by somebody else: whoever asks next makes it load anew", seen.LoadedContext),
			"let all who use this server ask for the same window, here model.context_tokens")
	}
	return sound
}

// print writes the check for people.
func (m *modelCheck) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	for _, x := range m.Endpoints {
		answer := "Ollama " + report.Terminal(x.Version)
		if x.Version == "" {
			answer = "no answer"
		}
		line("%s\t%s", report.Terminal(x.URL), answer)
		if x.Digest == "" {
			line("  model\t%s is not there", report.Terminal(m.Model))
			if len(x.Models) > 0 {
				line("  there are\t%s", report.Terminal(strings.Join(x.Models, ", ")))
			}
			continue
		}
		line("  model\t%s, %s %s", report.Terminal(m.Model), report.Terminal(cmp.Or(x.ParameterSize, "?")), report.Terminal(x.Quantization))
		line("  digest\t%s, %s", x.Digest, m.pinnedWords(x))
		line("  window\t%d tokens of %s", m.Window, cmp.Or(positive(x.ContextLength), "?"))
		line("  can do\t%s", report.Terminal(strings.Join(x.Capabilities, ", ")))
		line("  loaded\t%s", x.loadedWords())
	}
	if m.Question != nil {
		line("")
		m.Question.print(line)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return m.printProblems(w)
}

func (m *modelCheck) pinnedWords(x endpointSeen) string {
	switch {
	case m.Pinned == "":
		return "none is pinned"
	case x.Fault == llm.Replaced.String():
		return "NOT the pinned one"
	}
	return "the pinned one"
}

func (x endpointSeen) loadedWords() string {
	if !x.Loaded {
		return "no"
	}
	return fmt.Sprintf("yes, with %d tokens, %d MiB on a graphics card", x.LoadedContext, x.SizeVRAM>>20)
}

// positive returns a number, "" for none.
func positive(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// print writes each question about a case in a line of a table.
func (r *rehearsed) print(line func(format string, args ...any)) {
	line("question\tanswer\tseconds\tread\tin\twritten\tin")
	for _, q := range r.Questions {
		answer := "valid"
		if !q.Valid {
			answer = report.Terminal(q.Fault)
		}
		line("  %d.%d\t%s\t%.1f\t%d\t%.1f s\t%d\t%.1f s", q.Stage, q.Attempt, answer, q.Seconds, q.PromptTokens, q.Reading, q.AnswerTokens, q.Writing)
	}
	line("  all\t%s\t%.1f\t%d\t\t%d\t", r.State, r.Seconds, r.PromptTokens, r.AnswerTokens)
	read, written := rates([]rehearsed{*r})
	line("")
	line("it reads about %.0f tokens a second and writes %.0f; loading it took %.1f s", read, written, r.Load)
}

func (m *modelCheck) printProblems(w io.Writer) error {
	var text strings.Builder
	for _, p := range m.Problems {
		fmt.Fprintf(&text, "\n%s\n", report.Terminal(p.Text))
		if p.Hint != "" {
			fmt.Fprintf(&text, "  %s\n", report.Terminal(p.Hint))
		}
	}
	if m.Usable {
		text.WriteString("\nthe model can be used\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}
