package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"penstock/core/eval"
)

// evalFlags are the flags that the tasks share.
type evalFlags struct {
	dir       string
	config    string
	decisions string
	asJSON    bool
	misses    bool
	top       int
}

func (f *evalFlags) options() eval.Options {
	o := eval.Options{Dir: f.dir}
	if f.misses {
		o.Samples = f.top
	}
	return o
}

// scored is the result of one task.
type scored interface {
	Table(w io.Writer) error
}

func newEval(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Score templates and decisions against labelled data",
		Long: `Score this program against labelled public data and show each rate with its
counts, beside predictors of one line. The data is not shipped: docs/evaluation.md
says where it comes from, and what each figure means.`,
		Example: "  penstock eval stream --data ~/data --misses",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	// A further task is one more line here and one more file in core/eval.
	cmd.AddCommand(newEvalTemplates(e), newEvalStream(e), newEvalAlerts(e), newEvalTriage(e), newEvalInjection(e))
	return cmd
}

func newEvalTemplates(e *env) *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:     "templates",
		Short:   "Score the templates of the miner on raw logs of many systems",
		Example: "  penstock eval templates --data ~/data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := eval.Templates(cmd.Context(), f.options(), evalMine)
			return f.show(e, r, err)
		},
	}
	f.common(cmd)
	f.lists(cmd)
	return cmd
}

func newEvalStream(e *env) *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "stream",
		Short: "Score the decisions on a mixed stream with attacks in it",
		Example: `  penstock eval stream --data ~/data --misses
  penstock analyze --decisions ~/data/stream/mixed.jsonl.gz | penstock eval stream --data ~/data --decisions -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			decide, done, err := f.decide(e)
			if err != nil {
				return err
			}
			defer done()
			r, err := eval.Stream(cmd.Context(), f.options(), decide)
			return f.show(e, r, err)
		},
	}
	f.common(cmd)
	f.lists(cmd)
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration `file`; without it the built-in defaults")
	cmd.Flags().StringVar(&f.decisions, "decisions", "", "score the decisions in this `file` instead of deciding, - is standard input")
	return cmd
}

func newEvalAlerts(e *env) *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:     "alerts",
		Short:   "Score how far alert streams are reduced, and what is lost",
		Example: "  penstock eval alerts --data ~/data --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			decide := evalDecide(f.config)
			if f.decisions != "" {
				decide = eval.SavedIn(f.decisions)
			}
			r, err := eval.Alerts(cmd.Context(), f.options(), decide)
			return f.show(e, r, err)
		},
	}
	f.common(cmd)
	f.lists(cmd)
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration `file`; without it the built-in defaults")
	cmd.Flags().StringVar(&f.decisions, "decisions", "", "score the decisions in this `folder`, one file <scenario>.jsonl each, instead of deciding")
	return cmd
}

func (f *evalFlags) common(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "data", "", "`folder` with the labelled data")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON instead of tables")
	_ = cmd.MarkFlagRequired("data") // fails only where there is no such flag
}

func (f *evalFlags) lists(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.misses, "misses", false, "list what was missed and groups of false alarms, with reasons")
	cmd.Flags().IntVar(&f.top, "top", 40, "with --misses: how many groups of false alarms")
}

// decide returns the program under test and what closes it.
func (f *evalFlags) decide(e *env) (eval.Decide, func(), error) {
	nothing := func() {}
	switch f.decisions {
	case "":
		return evalDecide(f.config), nothing, nil
	case "-":
		return eval.Saved(e.stdin, "standard input"), nothing, nil
	}
	file, err := os.Open(filepath.Clean(f.decisions))
	if err != nil {
		return nil, nil, exitError{code: exitInput, err: fmt.Errorf("read decisions: %w", err)}
	}
	closed := func() { _ = file.Close() } // it was only read
	return eval.Saved(file, f.decisions), closed, nil
}

// show prints the result, or says what is wrong with the data or the decisions.
func (f *evalFlags) show(e *env, r scored, err error) error {
	var decisions *eval.DecideError
	var data *eval.DataError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &decisions) && f.decisions != "":
		return exitError{code: exitInput, err: err, hint: "--decisions takes what `penstock analyze --decisions` prints for the same data"}
	case errors.As(err, &data) && decisions == nil:
		return exitError{code: exitInput, err: err, hint: "the data is not shipped: docs/evaluation.md names its sources and its form"}
	case err != nil:
		return err
	case f.asJSON:
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.Table(e.stdout)
}
