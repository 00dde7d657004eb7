package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"penstock/core/config"
	"penstock/core/decode"
	"penstock/core/event"
	"penstock/core/sift"
)

func newSignals(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "signals",
		Short: "Show and test what Penstock looks for in logs",
		Long: `The signals file lists known bad things: how to recognise them, how bad one is and
what repetition makes of it. A site's own file is laid over the shipped one by id.`,
		Example: "  penstock signals list",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(newSignalsList(e), newSignalsTest(e))
	return c
}

func newSignalsList(e *env) *cobra.Command {
	var path, file, language string
	c := &cobra.Command{
		Use:     "list",
		Short:   "Print every signal with class, severity and technique",
		Example: "  penstock signals list --language de",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			site, err := loadConfig(path)
			if err != nil {
				return err
			}
			signals, err := loadSignals(site, file)
			if err != nil {
				return err
			}
			language = cmp.Or(language, site.Site.Language)
			w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tSEVERITY\tREPEATED\tCLASS\tTECHNIQUE\tTITLE")
			for _, s := range signals.All() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Severity, repeated(s), s.Class, s.Technique, s.Title.In(language))
			}
			return w.Flush()
		},
	}
	c.Flags().StringVarP(&path, "config", "c", "", "configuration `file`: its language, and its own signals")
	c.Flags().StringVar(&file, "file", "", "own signals file, laid over the shipped one")
	c.Flags().StringVar(&language, "language", "", "language of the titles: en, es, de, fr (default the configuration's)")
	return c
}

// repeated returns the severity that repetition leads to, and the first count
// that does, for instance Medium (4 in 5m).
func repeated(s sift.Signal) string {
	if len(s.Then) == 0 {
		return "-"
	}
	t := s.Then[0]
	within := t.Within.String()
	for _, zero := range [...]string{"0s", "0m"} {
		if cut, ok := strings.CutSuffix(within, zero); ok && strings.HasSuffix(cut, map[string]string{"0s": "m", "0m": "h"}[zero]) {
			within = cut
		}
	}
	return fmt.Sprintf("%s (%d in %s)", t.Severity, t.Count, within)
}

func newSignalsTest(e *env) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "test",
		Short: "Run the examples of every signal",
		Long: `Every entry has examples, lines it must match, and counter examples, lines it must
not. The exit code is 1 when one of them fails, 3 when the file itself is bad.`,
		Example: "  penstock signals test",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			signals, err := loadSignals(config.Default(), file)
			if err != nil {
				return err
			}
			run, failures := signals.TestExamples(exampleDecoder())
			for _, f := range failures {
				what := "does not match its example"
				if f.Counter {
					what = "matches its counter example"
				}
				fmt.Fprintf(e.stdout, "%s %s: %s\n  matched: %s\n", f.Signal, what, f.Text, strings.Join(f.Matched, ", "))
			}
			fmt.Fprintf(e.stdout, "%d signals, %d examples, %d failed\n", len(signals.All()), run, len(failures))
			if len(failures) > 0 {
				return exitError{code: exitFailed, err: fmt.Errorf("%d of %d examples failed", len(failures), run)}
			}
			return nil
		},
	}
	c.Flags().StringVar(&file, "file", "", "own signals file, laid over the shipped one")
	return c
}

// exampleDecoder returns a function that decodes lines as those of one file.
func exampleDecoder() func(line string) *event.Event {
	d := decode.New(decode.Options{Source: "example", Location: time.UTC, Replay: true})
	var ev event.Event
	return func(line string) *event.Event {
		d.Decode(line, time.Now(), &ev)
		return &ev
	}
}

// loadSignals returns the shipped signals with those of the file laid over them,
// or of the configuration where file is "".
func loadSignals(c *config.Config, file string) (*sift.Signals, error) {
	if file != "" {
		if _, err := os.Stat(file); err != nil {
			return nil, exitError{code: exitInput, err: fmt.Errorf("read signals file: %w", err)}
		}
		c.SignalsFile = file
	}
	entries, err := c.AllSignals()
	if err != nil {
		return nil, signalsProblem(err)
	}
	signals, err := sift.NewSignals(entries)
	if err != nil {
		return nil, signalsProblem(err)
	}
	return signals, nil
}

func signalsProblem(err error) error {
	hint := "see docs/configuration.md, or `penstock signals list` for the shipped entries"
	if errors.Is(err, os.ErrPermission) {
		return exitError{code: exitInput, err: err}
	}
	return exitError{code: exitConfig, err: err, hint: hint}
}
