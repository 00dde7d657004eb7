package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/report"
)

func newExplain(e *env) *cobra.Command {
	var config, state string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain CASE --state FILE",
		Short: "Show one case in full: its lines, why it is as bad as it is, what to do",
		Example: `  penstock analyze --state site.state /var/log/auth.log
  penstock explain site-w1-1 --state site.state`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if _, err := os.Stat(state); err != nil {
				return exitError{exitInput, fmt.Errorf("read state: %w", err), "`penstock analyze --state FILE ...` writes it"}
			}
			engine, err := loadEngine(config, state)
			if err != nil {
				return err
			}
			noteOrigin(e, engine)
			return explain(e, engine, args[0], asJSON)
		},
	}
	cmd.Flags().StringVarP(&config, "config", "c", "", "configuration `file`; without it the built-in defaults")
	cmd.Flags().StringVar(&state, "state", "", "`file` that `penstock analyze --state` wrote")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the record as JSON")
	_ = cmd.MarkFlagRequired("state") // fails only for a flag that does not exist
	return cmd
}

func explain(e *env, engine *app.Engine, id string, asJSON bool) error {
	v, ok := engine.Verdict(id)
	if !ok {
		return exitError{exitInput, fmt.Errorf("there is no case %q in the state", id), "`penstock analyze` lists the cases; closed ones are kept for a while only"}
	}
	if asJSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(v.Record())
	}
	return report.Explain(e.stdout, engine.View(v), styleFor(e, engine.Language(), engine.Site.Timezone()))
}
