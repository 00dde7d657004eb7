package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
)

// Bounds of what is kept of a child's last words.
const (
	tailLines = 40
	tailLine  = 1000 // bytes
)

// tail reads what a child says, hands it to the agent's log and keeps its end.
type tail struct {
	to *teller

	mu    sync.Mutex
	fatal string // the first line with which the Go runtime gave up
	lines []string
}

func newTail(to *teller) *tail { return &tail{to: to} }

// read reads until there is no more. What is behind a line's bound is dropped.
func (t *tail) read(from io.Reader) {
	in := bufio.NewReaderSize(from, tailLine)
	cut := false
	for {
		part, err := in.ReadSlice('\n')
		if len(part) > 0 && !cut {
			t.add(string(part))
		}
		cut = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !cut {
			return
		}
	}
}

func (t *tail) add(line string) {
	line = shorten(line, tailLine)
	if line == "" {
		return
	}
	t.mu.Lock()
	dying := t.fatal != ""
	if !dying && isFatal(line) {
		t.fatal = line
	}
	if len(t.lines) == tailLines {
		t.lines = t.lines[1:]
	}
	t.lines = append(t.lines, line)
	t.mu.Unlock()
	if severity := severityOfLine(line); severity != severityDebug && !dying {
		t.to.say(severity, "worker: "+line)
	}
}

// last returns the line that tells most about the child's end.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fatal != "" {
		return t.fatal
	}
	var said []string
	for _, line := range t.lines {
		if strings.HasPrefix(line, errorPrefix) || strings.HasPrefix(line, hintPrefix) {
			said = append(said, strings.TrimPrefix(strings.TrimPrefix(line, errorPrefix), hintPrefix))
		}
	}
	if len(said) > 0 {
		return strings.Join(said, "; ")
	}
	return ""
}

func isFatal(line string) bool {
	for _, start := range []string{"fatal error: ", "panic: ", "runtime: out of memory", "SIGABRT: ", "SIGSEGV: ", "SIGBUS: ", "SIGQUIT: "} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}

// severityOfLine reads the level of a line where slog writes it: first, or behind the
// time. What is further back may be a stranger's text. What has no level is of the Go
// runtime or of the child's start.
func severityOfLine(line string) uint32 {
	if strings.HasPrefix(line, "time=") {
		_, line, _ = strings.Cut(line, " ")
	}
	switch {
	case strings.HasPrefix(line, "level=INFO"), strings.HasPrefix(line, "level=DEBUG"):
		return severityDebug
	case strings.HasPrefix(line, "level=WARN"):
		return severityWarning
	}
	return severityError
}

// explain says how a child ended, from its exit code, and from its last words.
func explain(state *os.ProcessState, err error, isHung, ranOut bool, words string) death {
	if state == nil {
		return death{why: fmt.Sprintf("wait for the worker: %v", err)}
	}
	with := func(text string) string {
		if words != "" {
			text += ": " + words
		}
		return text
	}
	status, _ := state.Sys().(syscall.WaitStatus)
	outOfMemory := strings.Contains(words, "out of memory") || strings.Contains(words, "cannot allocate memory")
	switch {
	case isHung:
		return death{why: "it hung: no sign of life for too long, so it was killed"}
	case ranOut, outOfMemory:
		return death{why: with("out of memory")}
	case status.Signaled():
		return death{why: with(fmt.Sprintf("killed by signal %d (%s)", status.Signal(), status.Signal())), asked: status.Signal() == syscall.SIGTERM}
	case status.ExitStatus() == exitConfig:
		return death{why: words, config: true}
	}
	return death{why: with(fmt.Sprintf("exit code %d", status.ExitStatus())), asked: status.ExitStatus() == exitDone}
}

// guarded runs f and keeps a panic in it from ending the process. It says whether f
// came to its end.
func guarded(log *slog.Logger, what string, f func()) (ended bool) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("recovered from a panic", "in", what, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	f()
	return true
}
