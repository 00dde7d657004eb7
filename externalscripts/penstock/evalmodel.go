package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"penstock/core/eval"
)

// modelFlags are the flags of the tasks in which a model can be asked.
type modelFlags struct {
	evalFlags
	model string
	runs  int
}

func newEvalTriage(e *env) *cobra.Command {
	return newModelTask(e, &cobra.Command{
		Use:   "triage",
		Short: "Score the severity given to single events, by rules and by a model",
		Long: `Score the severity that single events are given, each judged with nothing learnt
before: by rules alone, and with --model by that model too, in several runs.`,
		Example: `  penstock eval triage --data ~/data
  penstock eval triage --data ~/data --model qwen3:8b --json`,
	}, func(ctx context.Context, o eval.Options, rules eval.Judge, runs []eval.Judge) (scored, error) {
		return eval.Triage(ctx, o, rules, runs...)
	})
}

func newEvalInjection(e *env) *cobra.Command {
	return newModelTask(e, &cobra.Command{
		Use:   "injection",
		Short: "Score what text in logs that gives instructions brings about",
		Long: `Score log excerpts with and without text that tries to instruct whoever reads
them: by rules alone, and with --model by that model too, in several runs.`,
		Example: `  penstock eval injection --data ~/data
  penstock eval injection --data ~/data --model qwen3:8b --runs 5`,
	}, func(ctx context.Context, o eval.Options, rules eval.Judge, runs []eval.Judge) (scored, error) {
		return eval.Injection(ctx, o, rules, runs...)
	})
}

// task scores the rules, and one run with a model each.
type task func(ctx context.Context, o eval.Options, rules eval.Judge, runs []eval.Judge) (scored, error)

func newModelTask(e *env, cmd *cobra.Command, score task) *cobra.Command {
	var f modelFlags
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		rules, runs, err := f.judges(cmd)
		if err != nil {
			return err
		}
		o := f.options()
		o.About = eval.About{Build: version, Config: cmp.Or(f.config, "built-in defaults"), Model: f.model}
		r, err := score(cmd.Context(), o, rules, runs)
		return f.show(e, r, err)
	}
	f.common(cmd)
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration `file`; without it the built-in defaults")
	cmd.Flags().StringVar(&f.model, "model", "", "`name` of a model to ask as well, at the configured servers or at 127.0.0.1:11434")
	cmd.Flags().IntVar(&f.runs, "runs", 3, "with --model: how many runs, each with a seed of its own")
	return cmd
}

// judges returns the rules alone, and one judge with the model for each run.
func (f *modelFlags) judges(cmd *cobra.Command) (rules eval.Judge, runs []eval.Judge, err error) {
	j, err := newJudge(f.config)
	if err != nil {
		return nil, nil, err
	}
	if f.model == "" {
		return j.judge, nil, nil
	}
	if f.runs < 1 || f.runs > 100 {
		return nil, nil, exitError{exitUsage, fmt.Errorf("--runs: %d is not between 1 and 100", f.runs), seeHelp(cmd.CommandPath())}
	}
	client, err := j.modelFor(f.model)
	if err != nil {
		return nil, nil, err
	}
	for seed := 1; seed <= f.runs; seed++ {
		runs = append(runs, j.with(client, seed).judge)
	}
	return j.judge, runs, nil
}
