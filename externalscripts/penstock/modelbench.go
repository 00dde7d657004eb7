package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/report"
)

// Bounds of --cases. Each takes model.case_time at most.
const (
	benchCases    = 5
	mostBenchCase = 100
)

func newModelBench(e *env) *cobra.Command {
	var f workerFlags
	var choice modelChoice
	var asJSON bool
	var n int
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what a case costs with the model on this machine",
		Long: `Bench asks the model about cases that are built in, of different kind and size, one
after the other, and shows seconds and tokens of each stage, what the server saves by
knowing the beginning of a question, and how many cases an hour that makes beside the
limits of the configuration. These do not hold for bench itself. Each case takes
model.case_time at most; Ctrl-C shows what there is so far.`,
		Example: "  penstock model bench --model qwen3:8b\n  penstock model bench --cases 20 --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 1 || n > mostBenchCase {
				return exitError{exitUsage, fmt.Errorf("--cases: %d is not between 1 and %d", n, mostBenchCase), seeHelp(cmd.CommandPath())}
			}
			o, language, err := choice.load(&f)
			if err != nil {
				return err
			}
			b, err := benchModel(cmd.Context(), e, o, language, n)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(e.stdout, b)
			}
			return b.print(e.stdout)
		},
	}
	f.add(cmd)
	choice.add(cmd, "`name` of the model; without it that of the configuration")
	cmd.Flags().IntVar(&n, "cases", benchCases, "how many cases, at most 100")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	return cmd
}

// modelBench is what `penstock model bench` measures. Seconds are without loading
// the model, but for those of whole cases.
type modelBench struct {
	Model  string      `json:"model"`
	Load   float64     `json:"load_seconds"` // all loading together
	Stages []benchLine `json:"stages"`
	// First are the first questions of the cases, of which the server knows no more
	// than what is the same for all cases; Later are those after them.
	First      benchLine   `json:"first_question"`
	Later      benchLine   `json:"later_questions"`
	Case       benchLine   `json:"case"`
	ReadRate   float64     `json:"tokens_read_per_second"` // of what the server does not know yet
	WriteRate  float64     `json:"tokens_written_per_second"`
	CasesHour  float64     `json:"cases_per_hour"` // one after the other, at the mean
	Limit      string      `json:"limit"`          // of the configuration that is reached first
	LimitCases float64     `json:"limit_cases_per_hour"`
	Cases      []rehearsed `json:"cases"`
	Stopped    string      `json:"stopped,omitempty"` // why there are fewer cases than wanted
}

// benchLine sums up several answers. Tokens are those of the median answer.
type benchLine struct {
	Name         string  `json:"name"`
	Count        int     `json:"count"`
	Valid        int     `json:"valid"`
	Median       float64 `json:"median_seconds"`
	P95          float64 `json:"p95_seconds"`
	PromptTokens int     `json:"prompt_tokens"`
	Reading      float64 `json:"reading_seconds"` // the median
	AnswerTokens int     `json:"answer_tokens"`
	Writing      float64 `json:"writing_seconds"`
}

// benchModel asks about n cases. Where ctx is done it returns what there is, and an
// error where that is nothing.
func benchModel(ctx context.Context, e *env, o llm.Options, language string, n int) (*modelBench, error) {
	client, err := newClient(unhurried(o))
	if err != nil {
		return nil, err
	}
	r, err := newRehearsal(client, unhurried(o), language)
	if err != nil {
		return nil, err
	}
	b := &modelBench{Model: o.Name}
	bar := newSteps(e.stderr, n, "asking")
	defer bar.finish()
	kinds := len(builtinCases(0))
	for i := range n {
		done, err := r.ask(ctx, builtinCases(i / kinds)[i%kinds])
		if ctx.Err() != nil {
			b.Stopped = "interrupted"
			break
		}
		if err != nil {
			return nil, err
		}
		if done.State == pipeline.NotAsked || done.State == pipeline.Failed && isGone(llm.FaultNamed(done.Why)) {
			if len(b.Cases) == 0 {
				return nil, noAnswer(client, done.Why, o.Name)
			}
			b.Stopped = done.Why
			break
		}
		b.Cases = append(b.Cases, done)
		bar.step()
	}
	if len(b.Cases) == 0 {
		return nil, ctx.Err()
	}
	b.sum(&o)
	return b, nil
}

// noAnswer is the error of a model that did not answer at all.
func noAnswer(client *llm.Client, why, name string) error {
	text := "the model gives no answer: " + why
	for _, x := range client.Stats().Endpoints {
		if x.Text != "" {
			text = x.Text
		}
	}
	return exitError{exitFailed, errors.New(text), modelHint(llm.FaultNamed(why), name)}
}

func (b *modelBench) sum(o *llm.Options) {
	var whole, first, later []questionAnswer
	stages := map[int][]questionAnswer{}
	calls, tokens, seconds := 0, 0, 0.0
	for _, c := range b.Cases {
		b.Load += c.Load
		calls += c.Calls
		tokens += c.PromptTokens + c.AnswerTokens
		seconds += c.Seconds
		sum := questionAnswer{Valid: c.State == pipeline.Answers, Seconds: c.Seconds, PromptTokens: c.PromptTokens, AnswerTokens: c.AnswerTokens}
		for i, q := range c.Questions {
			stages[q.Stage] = append(stages[q.Stage], q)
			sum.Reading += q.Reading
			sum.Writing += q.Writing
			if i == 0 {
				first = append(first, q)
			} else {
				later = append(later, q)
			}
		}
		whole = append(whole, sum)
	}
	for stage, name := range stageNames {
		if len(stages[stage]) > 0 {
			b.Stages = append(b.Stages, newBenchLine(name, stages[stage]))
		}
	}
	b.First, b.Later, b.Case = newBenchLine("first", first), newBenchLine("later", later), newBenchLine("case", whole)
	b.ReadRate, b.WriteRate = rates(b.Cases)
	n := float64(len(b.Cases))
	b.CasesHour = 3600 * n / max(seconds, 0.001)
	b.Limit, b.LimitCases = "calls_per_hour", float64(o.CallsPerHour)*n/float64(max(calls, 1))
	for _, x := range []struct {
		name  string
		cases float64
	}{
		{"tokens_per_hour", float64(o.TokensPerHour) * n / float64(max(tokens, 1))},
		{"time_per_hour", o.TimePerHour.Seconds() * n / max(seconds, 0.001)},
	} {
		if x.cases < b.LimitCases {
			b.Limit, b.LimitCases = x.name, x.cases
		}
	}
}

var stageNames = [...]string{2: "2 unusual", 3: "3 how bad", 4: "4 measures", 5: "5 advice"}

func newBenchLine(name string, all []questionAnswer) benchLine {
	l := benchLine{Name: name, Count: len(all)}
	for _, q := range all {
		if q.Valid {
			l.Valid++
		}
	}
	l.Median = quantile(all, 50, func(q questionAnswer) float64 { return q.Seconds })
	l.P95 = quantile(all, 95, func(q questionAnswer) float64 { return q.Seconds })
	l.Reading = quantile(all, 50, func(q questionAnswer) float64 { return q.Reading })
	l.Writing = quantile(all, 50, func(q questionAnswer) float64 { return q.Writing })
	l.PromptTokens = int(quantile(all, 50, func(q questionAnswer) float64 { return float64(q.PromptTokens) }))
	l.AnswerTokens = int(quantile(all, 50, func(q questionAnswer) float64 { return float64(q.AnswerTokens) }))
	return l
}

// quantile returns the smallest value that so many of a hundred do not exceed.
func quantile(all []questionAnswer, percent int, value func(questionAnswer) float64) float64 {
	values := make([]float64, len(all))
	for i, q := range all {
		values[i] = value(q)
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)*percent+99)/100-1]
}

// print writes the measurement for people.
func (b *modelBench) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	line("\tvalid\tseconds, median\tp95\ttokens read\twritten\treading, s\twriting, s\t")
	for _, l := range append(slices.Clone(b.Stages), b.Case) {
		line("%s\t%d/%d\t%.1f\t%.1f\t%d\t%d\t%.1f\t%.1f\t", l.Name, l.Valid, l.Count, l.Median, l.P95, l.PromptTokens, l.AnswerTokens, l.Reading, l.Writing)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	text := fmt.Sprintf("\n%s: %d cases, loading took %.1f s\n", report.Terminal(b.Model), len(b.Cases), b.Load)
	text += fmt.Sprintf("it reads about %.0f tokens a second and writes %.0f\n", b.ReadRate, b.WriteRate)
	text += fmt.Sprintf("reading a case for the first time takes %.2f s, each question after it %.2f s", b.First.Reading, b.Later.Reading)
	if b.First.Reading > 0 && b.Later.Count > 0 {
		text += fmt.Sprintf(" (%.0f %%), because the server knows its beginning", 100*b.Later.Reading/b.First.Reading)
	}
	text += fmt.Sprintf("\n%.0f cases an hour, one after the other; ", b.CasesHour)
	if b.LimitCases < b.CasesHour {
		text += fmt.Sprintf("model.%s allows %.0f of them, half for what is below High\n", b.Limit, b.LimitCases)
	} else {
		text += fmt.Sprintf("model.%s, the first limit to be reached, allows %.0f\n", b.Limit, b.LimitCases)
	}
	if b.Stopped != "" {
		text += "stopped early: " + b.Stopped + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
