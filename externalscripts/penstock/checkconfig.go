package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"penstock/core/config"
)

func newCheckConfig(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check-config [FILE]",
		Short: "Name everything that is wrong with a configuration, with its lines",
		Long: `Check-config reads FILE (penstock.yaml) and the signals file that it names, and prints
every problem as FILE:LINE: KEY: what is wrong; or in one line what the file sets up.
It connects to nothing. The exit code is 3 when there is a problem.`,
		Example: `  penstock init my.yaml
  penstock check-config my.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return checkConfig(e, fileOr(args, configName), asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the problems as a JSON list")
	return cmd
}

func checkConfig(e *env, path string, asJSON bool) error {
	c, err := config.Load(path)
	if err == nil {
		_, err = c.AllSignals()
	}
	var problems config.Problems
	if err != nil && !errors.As(err, &problems) {
		return exitError{exitConfig, err, "`penstock init` writes a file to start from"}
	}
	if err := printProblems(e.stdout, problems, asJSON); err != nil {
		return err
	}
	switch len(problems) {
	case 0:
		if asJSON {
			return nil
		}
		return printSummary(e.stdout, path, c)
	case 1:
		return exitError{exitConfig, fmt.Errorf("%s has 1 problem", path), "docs/configuration.md explains every key"}
	}
	return exitError{exitConfig, fmt.Errorf("%s has %d problems", path, len(problems)), "docs/configuration.md explains every key"}
}

// problemLine is one problem of --json.
type problemLine struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Path string `json:"path,omitempty"`
	Text string `json:"text"`
}

func printProblems(w io.Writer, problems config.Problems, asJSON bool) error {
	if asJSON {
		lines := make([]problemLine, len(problems))
		for i, p := range problems {
			lines[i] = problemLine(p)
		}
		out := json.NewEncoder(w)
		out.SetEscapeHTML(false)
		out.SetIndent("", "  ")
		return out.Encode(lines)
	}
	for _, p := range problems {
		if _, err := fmt.Fprintln(w, p); err != nil {
			return err
		}
	}
	return nil
}

func printSummary(w io.Writer, path string, c *config.Config) error {
	model := "no model"
	if len(c.Model.Endpoints) > 0 {
		model = "model " + c.Model.Name
	}
	acting := "dry run"
	if !c.Actions.DryRun {
		acting = count(len(c.Actions.Hosts), "host") + " may act"
	}
	_, err := fmt.Fprintf(w, "%s is fine: site %s (%s), %s, %s, %s, %s\n", path, c.Site.Name, c.Site.Language,
		count(len(c.Site.Assets), "asset"), count(len(c.Sources), "source"), model, acting)
	return err
}

// count returns "1 asset", "2 assets".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
