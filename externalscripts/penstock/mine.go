package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/cases"
	"penstock/core/logline"
	"penstock/core/pattern"
	show "penstock/core/report"
)

// mineBounds are wider than the worker's: the answer comes at the end, and no
// template should have been forgotten by then.
var mineBounds = pattern.Options{Templates: 10_000, ScopeBytes: 16 << 20, TotalBytes: 16 << 20}

// mineRun is one call of `penstock mine`.
type mineRun struct {
	content, jsonl, quiet bool
	top                   int

	miner  *pattern.Miner
	lines  uint64
	groups []uint64 // of each line, for jsonl only
}

func newMine(e *env) *cobra.Command {
	r := &mineRun{}
	cmd := &cobra.Command{
		Use:   "mine [FILE...]",
		Short: "Group the lines of log files by their template",
		Long: `Group the lines of log files, plain or gzip, by the text they share, and show
the templates by how many lines they have, with <*> for each variable. Without a
file, or for "-", standard input is read. The header of a line (time, host,
program) is recognised and left out.`,
		Example: `  penstock mine --top 20 /var/log/syslog
  penstock mine --jsonl --content messages.txt.gz`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := exclusive(cmd, "jsonl", "quiet"); err != nil {
				return err
			}
			if len(args) == 0 {
				noteTerminal(e)
				args = []string{app.Stdin}
			}
			return r.run(cmd.Context(), e, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&r.jsonl, "jsonl", false, "print line number, group and final template of each line as JSON")
	flags.BoolVar(&r.content, "content", false, "take each line as message, without a header")
	flags.BoolVar(&r.quiet, "quiet", false, "print nothing, for measuring")
	flags.IntVar(&r.top, "top", 0, "show that many templates only; 0 shows all")
	return cmd
}

func (r *mineRun) run(ctx context.Context, e *env, paths []string) error {
	r.miner = pattern.New(mineBounds)
	for _, path := range paths {
		if err := r.file(ctx, e, path); err != nil {
			return err
		}
	}
	out := bufio.NewWriterSize(e.stdout, 64<<10)
	var err error
	switch {
	case r.quiet:
	case r.jsonl:
		err = r.writeLines(out)
	default:
		err = r.writeTable(out)
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("write templates: %w", err)
	}
	return nil
}

// file mines one path.
func (r *mineRun) file(ctx context.Context, e *env, path string) error {
	text, err := app.Open(ctx, path, e.stdin)
	if err != nil {
		return inputError(err)
	}
	defer func() { _ = text.Close() }() // it was only read
	if err := r.read(ctx, app.NewLines(text)); err != nil {
		return inputError(app.Explained(ctx, path, err))
	}
	return nil
}

func (r *mineRun) read(ctx context.Context, lines *app.Lines) error {
	var h logline.Header
	for line, ok := lines.Next(); ok; line, ok = lines.Next() {
		if r.lines++; r.lines%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !r.content {
			logline.Parse(line, &h)
			line = h.Message
		}
		match := r.miner.Learn("", line)
		if r.jsonl {
			r.groups = append(r.groups, match.ID)
		}
	}
	return lines.Err()
}

// minedLine is one line of --jsonl.
type minedLine struct {
	Line     uint64 `json:"line"`
	Group    uint64 `json:"group"`
	Template string `json:"template"`
}

func (r *mineRun) writeLines(w io.Writer) error {
	texts := map[uint64]string{}
	for i, id := range r.groups {
		id = r.miner.Final(id)
		text, ok := texts[id]
		if !ok {
			text = r.miner.Template(id)
			texts[id] = text
		}
		if err := show.JSON(w, minedLine{Line: uint64(i) + 1, Group: id, Template: text}); err != nil {
			return err
		}
	}
	return nil
}

func (r *mineRun) writeTable(w io.Writer) error {
	ids := r.miner.IDs("")
	slices.SortStableFunc(ids, func(a, b uint64) int { return cmp.Compare(r.miner.Count(b), r.miner.Count(a)) })
	shown := ids
	if r.top > 0 {
		shown = ids[:min(r.top, len(ids))]
	}
	if _, err := fmt.Fprintf(w, "%9s  %s\n", "LINES", "TEMPLATE"); err != nil {
		return err
	}
	for _, id := range shown {
		if _, err := fmt.Fprintf(w, "%9d  %s\n", r.miner.Count(id), show.Terminal(cases.MaskSecrets(r.miner.Template(id)))); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d lines, %d templates\n", r.lines, len(ids))
	return err
}
