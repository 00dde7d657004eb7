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
	model                          modelChoice
}

func newAnalyze(e *env) *cobra.Command {
	var f analyzeFlags
	cmd := &cobra.Command{
		Use:   "analyze [flags] [FILE...]",
		Short: "Sift log files into cases and say how bad they are and what to do",
		Long: `Analyze reads log files (plain or gzip, any format that Penstock knows, - or
nothing for standard input), merges them by time and shows the cases it finds,
the gravest first. It decides by rules and changes nothing.

With --model a local model is asked about the gravest cases, at most 25: it may raise
one by a step and says what it sees. The limits of an hour in the configuration are
for the worker and do not hold here. Ctrl-C stops asking and shows what there is.`,
		Example: `  penstock analyze /var/log/auth.log /var/log/nginx/access.log
  penstock analyze --report cases.html /var/ossec/logs/alerts/alerts.json
  zcat old.log.gz | penstock analyze --decisions -
  penstock analyze --model qwen3:8b --report cases.html /var/log/auth.log`,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, names := range [][]string{{"json", "quiet", "decisions", "against"}, {"model", "decisions"}, {"model", "against"}} {
				if err := exclusive(cmd, names...); err != nil {
					return err
				}
			}
			if err := f.model.check(cmd); err != nil {
				return err
			}
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
	f.model.add(cmd, "`name` of a model to ask about the gravest cases")
	fl.BoolVar(&f.decisions, "decisions", false, "print one JSON line per event: seq, decision, case, severity, class, reasons")
	return cmd
}

func analyze(ctx context.Context, e *env, f analyzeFlags, paths []string) error {
	unlock, err := checkOutputs(f)
	if err != nil {
		return err
	}
	defer unlock()
	engine, err := loadEngine(f.config, f.state)
	if err != nil {
		return err
	}
	noteOrigin(e, engine)
	if f.against != "" {
		return against(ctx, e, f, engine, paths)
	}
	asker, err := f.model.openIf(ctx, engine)
	if err != nil {
		return err
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
	usage, broken := readEvents(ctx, e, engine, paths, each)
	if broken != nil && !isPartly(broken) {
		return errors.Join(inputError(broken), out.Flush())
	}
	collected.Totals.Bytes, collected.Totals.Took = usage.Bytes, time.Since(started)
	verdicts := f.verdicts(engine)
	asked := askGravest(ctx, e, engine, asker, verdicts)
	in := collected.Report(engine, verdicts)
	in.Version, in.Generated = version, time.Now()
	if err := writeReport(f.report, in); err != nil {
		return err
	}
	if err := errors.Join(printResult(out, e, f, in, verdicts), out.Flush()); err != nil {
		return err
	}
	notes(e, in, usage)
	asked.note(e)
	if broken != nil {
		return incomplete(e, f, usage, broken)
	}
	if err := saveState(f.state, engine, usage); err != nil {
		return err
	}
	hints(e, f, in)
	return nil
}

// checkOutputs finds out before the long work whether its results can be written,
// and keeps other runs off the state until the returned function is called.
func checkOutputs(f analyzeFlags) (unlock func(), err error) {
	if f.report != "" {
		if err := checkWritable(f.report); err != nil {
			return nil, fmt.Errorf("write report: %w", err)
		}
	}
	if f.state == "" || f.against != "" {
		return func() {}, nil
	}
	unlock, err = app.LockState(f.state)
	if errors.Is(err, app.ErrStateBusy) {
		return nil, exitError{exitFailed, err, "wait for the other run to end, or give this one a state of its own"}
	}
	return unlock, err
}

// checkWritable opens the file as it will be written, and leaves it as it was.
// A pipe would take that for the end, and is left alone.
func checkWritable(path string) error {
	info, missing := os.Stat(path)
	if missing == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = file.Close()
	if missing != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// verdicts works every case through the stages where the result shows more than
// how many there are.
func (f analyzeFlags) verdicts(engine *app.Engine) []app.Verdict {
	if f.report == "" && f.model.name == "" && (f.decisions || f.quiet) {
		return engine.Unjudged()
	}
	return engine.Verdicts()
}

// saveState comes after everything that can fail, so that a run can be repeated.
func saveState(path string, engine *app.Engine, usage app.Usage) error {
	if path == "" {
		return nil
	}
	engine.KeepClocks(usage.Files)
	return engine.Save(path)
}

// readEvents feeds all events to the engine with a progress bar where a person looks.
func readEvents(ctx context.Context, e *env, engine *app.Engine, paths []string, each func(*event.Event, cases.Outcome) error) (app.Usage, error) {
	if len(paths) == 0 {
		noteTerminal(e)
	}
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

// notes tells a person what was not read as it stands there.
func notes(e *env, in report.Input, usage app.Usage) {
	if usage.Cut > 0 {
		fmt.Fprintf(e.stderr, "penstock: note: %d lines were longer than %d bytes and were cut\n", usage.Cut, app.MaxLine)
	}
	if in.Totals.Events == 0 {
		fmt.Fprintln(e.stderr, "penstock: note: there was no event in the input")
	}
	for _, f := range usage.Files {
		name := report.Terminal(f.Path)
		if f.Path == app.Stdin {
			name = "standard input"
		}
		if f.Impossible*100 > f.Events {
			fmt.Fprintf(e.stderr, "penstock: note: %d lines of %s have times that cannot be true: set site.timezone or sources[].timezone\n", f.Impossible, name)
		}
		if f.Old*100 > f.Events {
			fmt.Fprintf(e.stderr, "penstock: note: %d lines of %s are not newer than what the state has seen: read before?\n", f.Old, name)
		}
	}
}

// hints tells a person what to try next.
func hints(e *env, f analyzeFlags, in report.Input) {
	if f.report != "" {
		fmt.Fprintf(e.stderr, "penstock: the report is in %s\n", f.report)
	}
	table := !f.quiet && !f.json && !f.decisions
	switch {
	case !table || len(in.Cases) < 2 || f.report != "":
	case f.state != "":
		flags := "--state " + f.state
		if f.config != "" {
			flags = "--config " + f.config + " " + flags
		}
		fmt.Fprintf(e.stderr, "penstock: hint: `penstock explain CASE %s` shows the other cases in full\n", flags)
	default:
		fmt.Fprintln(e.stderr, "penstock: hint: --report FILE.html shows every case in full, and so does `penstock explain` after --state FILE")
	}
}

// isPartly says whether an error leaves a result without a part of the input.
func isPartly(err error) bool {
	var ie *app.InputError
	return errors.As(err, &ie) && ie.Partly
}

// incomplete returns the error of a run that could not read every input to its
// end, after a note on what that means for the result.
func incomplete(e *env, f analyzeFlags, usage app.Usage, first error) error {
	for _, file := range usage.Files {
		if file.Err != nil && !errors.Is(file.Err, first) {
			fmt.Fprintf(e.stderr, "penstock: note: %v\n", file.Err)
		}
	}
	fmt.Fprintln(e.stderr, "penstock: note: the result is without what could not be read")
	if f.state != "" {
		fmt.Fprintln(e.stderr, "penstock: note: the state was not saved: it is as it was before this run")
	}
	return inputError(first)
}

// inputError gives errors of the input their exit code and hint.
func inputError(err error) error {
	var ie *app.InputError
	switch {
	case !errors.As(err, &ie):
		return err
	case errors.Is(err, app.ErrTwice):
		return exitError{exitUsage, err, ie.Hint}
	}
	return exitError{exitInput, err, ie.Hint}
}
