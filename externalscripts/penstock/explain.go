package main

import (
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
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain CASE",
		Short: "Show one case in full: its lines, why it is as bad as it is, what to do",
		Long: `Explain asks the running worker for a case, and where none runs looks into its state.
With --state it looks into a file that penstock analyze wrote.`,
		Example: `  penstock explain valley-water-w1-42
  penstock analyze --state site.state /var/log/auth.log
  penstock explain site-w1-1 --state site.state`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if state == "" {
				return explainLive(cmd, e, &f, args[0], asJSON)
			}
			if _, err := os.Stat(state); err != nil {
				return exitError{exitInput, fmt.Errorf("read state: %w", err), "`penstock analyze --state FILE ...` writes it"}
			}
			engine, err := loadEngine(f.config, state)
			if err != nil {
				return err
			}
			noteOrigin(e, engine)
			return explain(e, engine, args[0], asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&state, "state", "", "`file` that `penstock analyze --state` wrote")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the record as JSON")
	return cmd
}

// explainLive shows a case of the worker's.
func explainLive(cmd *cobra.Command, e *env, f *workerFlags, id string, asJSON bool) error {
	q := app.CaseQuery{Case: id, Style: askStyle(e)}
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

func explain(e *env, engine *app.Engine, id string, asJSON bool) error {
	v, ok := engine.Verdict(id)
	if !ok {
		return exitError{exitInput, fmt.Errorf("there is no case %q in the state", id), "`penstock analyze` lists the cases; closed ones are kept for a while only"}
	}
	if asJSON {
		return writeJSON(e.stdout, v.Record())
	}
	return report.Explain(e.stdout, engine.View(v), styleFor(e, engine.Language(), engine.Site.Timezone()))
}
