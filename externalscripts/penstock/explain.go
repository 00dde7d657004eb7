package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/report"
)

func newExplain(e *env) *cobra.Command {
	var f workerFlags
	var state string
	var asJSON, prompts bool
	var model modelChoice
	cmd := &cobra.Command{
		Use:   "explain CASE",
		Short: "Show one case in full: its lines, why it is as bad as it is, what to do",
		Long: `Explain asks the running worker for a case, and where none runs looks into its state.
With --state it looks into a file that penstock analyze wrote, and with --model it
asks that model about the case now. Each question to a model and its answer are shown;
--prompts adds what every question began with.`,
		Example: `  penstock explain valley-water-w1-42
  penstock analyze --state site.state /var/log/auth.log
  penstock explain site-w1-1 --state site.state
  penstock explain site-w1-1 --state site.state --model qwen3:8b --prompts`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case state == "" && model != modelChoice{}:
				err := errors.New("--model asks about a case of --state FILE: the worker asks its model itself")
				return exitError{exitUsage, err, seeHelp(cmd.CommandPath())}
			case state == "":
				return explainLive(cmd, e, &f, app.CaseQuery{Case: args[0], Prompts: prompts, Style: askStyle(e)}, asJSON)
			}
			if err := model.check(cmd); err != nil {
				return err
			}
			if _, err := os.Stat(state); err != nil {
				return exitError{exitInput, fmt.Errorf("read state: %w", err), "`penstock analyze --state FILE ...` writes it"}
			}
			engine, err := loadEngine(f.config, state)
			if err != nil {
				return err
			}
			noteOrigin(e, engine)
			v, err := explained(cmd.Context(), engine, args[0], model)
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeJSON(e.stdout, v.Record())
			}
			style := styleFor(e, engine.Language(), engine.Site.Timezone())
			if err := report.Explain(e.stdout, engine.View(v), style); err != nil || !prompts {
				return err
			}
			return report.Prompt(e.stdout, v.Report.Model.Talk, style)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&state, "state", "", "`file` that `penstock analyze --state` wrote")
	model.add(cmd, "`name` of a model to ask about a case of --state")
	cmd.Flags().BoolVar(&prompts, "prompts", false, "show what every question to the model began with too")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the record as JSON")
	return cmd
}

// explainLive shows a case of the worker's.
func explainLive(cmd *cobra.Command, e *env, f *workerFlags, q app.CaseQuery, asJSON bool) error {
	var a app.CaseAnswer
	err := withDesk(cmd.Context(), e, f, app.CmdCase, q, &a, func(d *app.Desk) (err error) {
		a, err = d.Case(cmd.Context(), q)
		return err
	})
	var missing app.NotFoundError
	if errors.As(err, &missing) {
		return exitError{exitInput, err, "`penstock cases --all` lists them; old ones are kept for a while only"}
	}
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(e.stdout, a.Record)
	}
	_, err = io.WriteString(e.stdout, a.Text)
	return err
}

// explained returns the verdict on a case of a state, after asking the model where one
// is named.
func explained(ctx context.Context, engine *app.Engine, id string, model modelChoice) (app.Verdict, error) {
	v, ok := engine.Verdict(id)
	if !ok {
		err := fmt.Errorf("there is no case %q in the state", id)
		return v, exitError{exitInput, err, "`penstock analyze` lists the cases; closed ones are kept for a while only"}
	}
	client, err := model.openIf(ctx, engine)
	if client == nil || err != nil {
		return v, err
	}
	return engine.Ask(ctx, client, v)
}
