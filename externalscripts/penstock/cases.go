package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/event"
	"penstock/core/report"
)

// writeJSON prints one value for a script.
func writeJSON(w io.Writer, value any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

// askStyle is how text is to look on the terminal of whoever asks.
func askStyle(e *env) app.Style {
	s := styleFor(e, "", nil)
	return app.Style{Width: s.Width, Colour: s.Colour}
}

func newCases(e *env) *cobra.Command {
	var f workerFlags
	var all, asJSON bool
	var from string
	var limit int
	cmd := &cobra.Command{
		Use:   "cases",
		Short: "List the worker's cases, the gravest first",
		Example: `  penstock cases
  penstock cases --from High --all
  penstock cases mark valley-water-w1-42 false-positive --note "the new scanner"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := app.CasesQuery{All: all, Limit: limit, Style: askStyle(e)}
			if err := q.From.UnmarshalText([]byte(from)); err != nil {
				return exitError{exitUsage, fmt.Errorf("--from: %w", err), seeHelp(cmd.CommandPath())}
			}
			var a app.CasesAnswer
			err := withDesk(cmd.Context(), e, &f, app.CmdCases, q, &a, func(d *app.Desk) (err error) {
				a, err = d.Cases(cmd.Context(), q)
				return err
			})
			if err != nil {
				return err
			}
			return printCaseList(e, a, asJSON)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "closed cases too")
	cmd.Flags().StringVar(&from, "from", event.None.String(), "from this `severity` on: Low, Medium, High or Critical")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many, at most 500")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	cmd.AddCommand(newMark(e))
	return cmd
}

func printCaseList(e *env, a app.CasesAnswer, asJSON bool) error {
	if asJSON {
		return writeJSON(e.stdout, a.Cases)
	}
	if len(a.Cases) == 0 {
		fmt.Fprintln(e.stderr, "penstock: note: there are no such cases")
		return nil
	}
	if _, err := io.WriteString(e.stdout, a.Text); err != nil {
		return err
	}
	if a.More {
		fmt.Fprintln(e.stderr, "penstock: note: there are more: see --limit")
	}
	fmt.Fprintln(e.stderr, "penstock: hint: `penstock explain CASE` shows one in full")
	return nil
}

func newMark(e *env) *cobra.Command {
	var f workerFlags
	var args app.MarkArgs
	cmd := &cobra.Command{
		Use:   "mark CASE false-positive|closed",
		Short: "Say that a case was harmless, or is done with",
		Long: `Mark closes a case. A false positive also keeps the same from being told again until
it expires: the same host and class, with no other evidence and no other messages. What
is High or graver, or tries to instruct its reader, can be closed and is never suppressed.

Only people that policy.approvers lists may do this; who asks is known by the account.`,
		Example: `  penstock cases mark valley-water-w1-42 false-positive --for 720h --note "the new scanner"
  penstock cases mark valley-water-w1-43 closed`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, names []string) error {
			c, err := f.load()
			if err != nil {
				return err
			}
			args.Case, args.Label = names[0], names[1]
			var a app.MarkAnswer
			if err := ask(cmd.Context(), c, app.CmdMark, args, &a); err != nil {
				return needsWorker(err)
			}
			fmt.Fprintf(e.stdout, "label %d by %s", a.Label, report.Terminal(a.By))
			if !a.Expires.IsZero() {
				fmt.Fprintf(e.stdout, ", until %s", a.Expires.UTC().Format(time.RFC3339))
			}
			if a.Closed {
				fmt.Fprint(e.stdout, "; the case is closed")
			}
			fmt.Fprintln(e.stdout)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&args.Note, "note", "", "why, for those who read it later")
	cmd.Flags().DurationVar(&args.For, "for", 0, "how long a false positive holds, at most a year (default 720h)")
	return cmd
}

func newLabels(e *env) *cobra.Command {
	var f workerFlags
	var asJSON bool
	var remove int64
	cmd := &cobra.Command{
		Use:     "labels",
		Short:   "List what people said of cases, or take a false positive back",
		Example: "  penstock labels\n  penstock labels --remove 7",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if remove != 0 {
				return unlabel(cmd, e, &f, remove)
			}
			var a app.LabelsAnswer
			err := withDesk(cmd.Context(), e, &f, app.CmdLabels, nil, &a, func(d *app.Desk) (err error) {
				a, err = d.Labels(cmd.Context())
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(e.stdout, a.Labels)
			}
			for _, l := range a.Labels {
				until := ""
				if !l.Expires.IsZero() {
					until = " until " + l.Expires.UTC().Format(time.DateOnly)
				}
				fmt.Fprintf(e.stdout, "%d\t%s\t%s\t%s by %s%s\t%s\n", l.ID, l.At.UTC().Format(time.RFC3339), report.Terminal(l.Case), l.Kind,
					report.Terminal(l.By), until, report.Terminal(l.Note))
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	cmd.Flags().Int64Var(&remove, "remove", 0, "take the label with this `number` back")
	return cmd
}

func unlabel(cmd *cobra.Command, e *env, f *workerFlags, number int64) error {
	c, err := f.load()
	if err != nil {
		return err
	}
	if err := ask(cmd.Context(), c, app.CmdUnlabel, app.UnlabelArgs{Label: number}, &struct{}{}); err != nil {
		return needsWorker(err)
	}
	fmt.Fprintf(e.stdout, "label %d is taken back\n", number)
	return nil
}
