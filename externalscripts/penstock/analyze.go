package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/record"
	"penstock/core/report"
)

// analyzeFlags are the flags of `penstock analyze`.
type analyzeFlags struct {
	config, state, report, against string
	json, quiet, decisions         bool
}

func newAnalyze(e *env) *cobra.Command {
	var f analyzeFlags
	cmd := &cobra.Command{
		Use:   "analyze [flags] [FILE...]",
		Short: "Sift log files into cases and say how bad they are and what to do",
		Long: `Analyze reads log files (plain or gzip, any format that Penstock knows, - or
nothing for standard input), merges them by time and shows the cases it finds,
the gravest first. It decides by rules alone and changes nothing.`,
		Example: `  penstock analyze /var/log/auth.log /var/log/nginx/access.log
  penstock analyze --report cases.html /var/ossec/logs/alerts/alerts.json
  zcat old.log.gz | penstock analyze --decisions -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return analyze(cmd.Context(), e, f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.config, "config", "c", "", "configuration `file`; without it the built-in defaults")
	fl.StringVar(&f.state, "state", "", "`file` that keeps what was learned, and the cases, from run to run")
	fl.StringVar(&f.report, "report", "", "write a self-contained HTML report to `file`")
	fl.StringVar(&f.against, "against", "", "show what another configuration `file` would have decided differently")
	fl.BoolVar(&f.json, "json", false, "print totals and cases as JSON")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print the totals only")
	fl.BoolVar(&f.decisions, "decisions", false, "print one JSON line per event: seq, decision, case, severity, class, reasons")
	cmd.MarkFlagsMutuallyExclusive("json", "quiet", "decisions", "against")
	return cmd
}

func analyze(ctx context.Context, e *env, f analyzeFlags, paths []string) error {
	engine, err := loadEngine(f.config, f.state)
	if err != nil {
		return err
	}
	if f.against != "" {
		return against(ctx, e, f, engine, paths)
	}
	out := bufio.NewWriterSize(e.stdout, 64<<10)
	var collected app.Collector
	each := func(ev *event.Event, outcome cases.Outcome) error {
		collected.Add(ev, outcome)
		if f.decisions {
			return writeDecision(out, ev.Seq, outcome)
		}
		return nil
	}
	started := time.Now()
	usage, err := readEvents(ctx, e, engine, paths, each)
	if err != nil {
		return errors.Join(inputError(err), out.Flush())
	}
	if f.state != "" {
		if err := engine.Save(f.state); err != nil {
			return err
		}
	}
	verdicts := engine.Verdicts()
	in := collected.Report(engine, verdicts)
	in.Version, in.Generated = version, time.Now()
	in.Totals.Bytes, in.Totals.Took = usage.Bytes, time.Since(started)
	if err := writeReport(f.report, in); err != nil {
		return err
	}
	if err := printResult(out, e, f, in, verdicts); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	hints(e, f, in, usage)
	return nil
}

// readEvents feeds all events to the engine with a progress bar where a person looks.
func readEvents(ctx context.Context, e *env, engine *app.Engine, paths []string, each func(*event.Event, cases.Outcome) error) (app.Usage, error) {
	bar := newProgress(e.stderr)
	defer bar.finish()
	in := app.Input{Paths: paths, Stdin: e.stdin, Now: time.Now(), Source: engine.SourceOptions, Progress: bar.show}
	return in.EachEvent(ctx, func(ev *event.Event) error { return each(ev, engine.Handle(ev)) })
}

func printResult(out io.Writer, e *env, f analyzeFlags, in report.Input, verdicts []app.Verdict) error {
	style := styleFor(e, in.Language, in.Location)
	switch {
	case f.decisions:
		return nil
	case f.json:
		return printJSON(out, in.Totals, verdicts)
	case f.quiet:
		return report.Summary(out, in, style)
	}
	return printCases(out, in, style)
}

// shownCases is how many cases the table lists.
const shownCases = 25

// printCases prints the totals, the gravest cases as a table and the gravest one
// in full.
func printCases(out io.Writer, in report.Input, style report.Style) error {
	if err := report.Summary(out, in, style); err != nil {
		return err
	}
	if len(in.Cases) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	if err := report.Table(out, in.Cases[:min(len(in.Cases), shownCases)], style); err != nil {
		return err
	}
	if rest := len(in.Cases) - shownCases; rest > 0 {
		fmt.Fprintf(out, "... +%d\n", rest)
	}
	fmt.Fprintln(out)
	return report.Explain(out, in.Cases[0], style)
}

// decisionLine is one line of --decisions; eval reads the same form.
type decisionLine struct {
	Seq      uint64         `json:"seq"`
	Decision cases.Decision `json:"decision"`
	Case     string         `json:"case,omitempty"`
	Severity event.Severity `json:"severity"`
	Class    event.Class    `json:"class"`
	Reasons  []string       `json:"reasons,omitempty"`
}

func writeDecision(w io.Writer, seq uint64, o cases.Outcome) error {
	line, err := json.Marshal(decisionLine{seq, o.Decision, o.Case, o.Severity, o.Class, o.Reasons})
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// printJSON prints one object: the totals, and one record per case.
func printJSON(w io.Writer, t report.Totals, verdicts []app.Verdict) error {
	records := make([]record.Record, len(verdicts))
	for i, v := range verdicts {
		records[i] = v.Record()
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{"totals": totalsOf(t), "cases": records})
}

func totalsOf(t report.Totals) map[string]any {
	return map[string]any{
		"events": t.Events, "suppressed": t.Suppressed, "attached": t.Attached, "forwarded": t.Forwarded,
		"from": t.From, "to": t.To, "bytes": t.Bytes,
	}
}

func writeReport(path string, in report.Input) (err error) {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := report.HTML(file, in); err != nil {
		return fmt.Errorf("write report %s: %w", path, err)
	}
	return nil
}

// hints tells a person what to try next, and what was not read whole.
func hints(e *env, f analyzeFlags, in report.Input, usage app.Usage) {
	if usage.Cut > 0 {
		fmt.Fprintf(e.stderr, "penstock: note: %d lines were longer than %d bytes and were cut\n", usage.Cut, app.MaxLine)
	}
	if in.Totals.Events == 0 {
		fmt.Fprintln(e.stderr, "penstock: note: there was no event in the input")
	}
	if f.report != "" {
		fmt.Fprintf(e.stderr, "penstock: the report is in %s\n", f.report)
	}
	table := !f.quiet && !f.json && !f.decisions
	switch {
	case !table || len(in.Cases) < 2 || f.report != "":
	case f.state != "":
		fmt.Fprintf(e.stderr, "penstock: hint: `penstock explain CASE --state %s` shows the other cases in full\n", f.state)
	default:
		fmt.Fprintln(e.stderr, "penstock: hint: --report FILE.html shows every case in full, and so does `penstock explain` after --state FILE")
	}
}

// inputError gives errors of the input their exit code and a hint.
func inputError(err error) error {
	var ie *app.InputError
	if errors.As(err, &ie) {
		hint := ""
		if errors.Is(err, os.ErrNotExist) {
			hint = "check the spelling; several files are named one after the other"
		}
		if errors.Is(err, os.ErrPermission) {
			hint = "logs are often readable by group adm only: add yourself to it, or run with sudo"
		}
		return exitError{exitInput, err, hint}
	}
	return err
}
