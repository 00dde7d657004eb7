package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"penstock/core/report"
)

// progress shows how far reading has come, on a terminal only.
type progress struct {
	w   io.Writer
	bar *progressbar.ProgressBar
}

func newProgress(w io.Writer) *progress {
	if !isTerminal(w) {
		w = nil
	}
	return &progress{w: w}
}

func (p *progress) show(read, all int64) {
	if p.w == nil {
		return
	}
	if p.bar == nil {
		if all <= 0 {
			all = -1
		}
		p.bar = progressbar.NewOptions64(all, progressbar.OptionSetWriter(p.w), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("reading"), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100_000_000))
	}
	_ = p.bar.Set64(read) // what a bar cannot show is no reason to stop
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// noteTerminal tells a person at a terminal that the program waits for him.
func noteTerminal(e *env) {
	if isTerminal(e.stdin) {
		fmt.Fprintln(e.stderr, "penstock: note: reading standard input; end with Ctrl-D")
	}
}

// styleFor returns how text looks on standard output: with colour and wrapped to
// the width of the terminal, or plain where it is none.
func styleFor(e *env, language string, location *time.Location) report.Style {
	s := report.Style{Language: language, Location: location}
	f, ok := e.stdout.(*os.File)
	if !ok || !isTerminal(f) {
		return s
	}
	s.Colour = e.getenv("NO_COLOR") == ""
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		s.Width = width
	}
	return s
}

// steps shows how many of so many things are done, on a terminal only.
type steps struct{ bar *progressbar.ProgressBar }

func newSteps(w io.Writer, all int, what string) *steps {
	if !isTerminal(w) {
		return &steps{}
	}
	return &steps{progressbar.NewOptions(all, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetRenderBlankState(true))}
}

func (s *steps) step() {
	if s.bar != nil {
		_ = s.bar.Add(1) // what a bar cannot show is no reason to stop
	}
}

func (s *steps) finish() {
	if s.bar != nil {
		_ = s.bar.Finish()
	}
}
