//go:build live || soak

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/core/app"
)

// worker is a worker that is run as a program.
type worker struct {
	config, state string
	cmd           *exec.Cmd
	out           bytes.Buffer
}

// newWorker writes a configuration.
func newWorker(t testing.TB, sections string) *worker {
	t.Helper()
	folder := t.TempDir()
	w := &worker{config: filepath.Join(folder, "penstock.yaml"), state: filepath.Join(folder, "state")}
	writeFile(t, w.config, "state_dir: "+w.state+"\n"+sections)
	t.Cleanup(func() {
		if w.cmd != nil {
			_ = w.cmd.Process.Kill()
			_ = w.cmd.Wait()
		}
		if t.Failed() {
			text := w.out.String()
			t.Logf("the worker said:\n%s", text[max(0, len(text)-8000):])
		}
	})
	return w
}

func (w *worker) start(t testing.TB) {
	t.Helper()
	w.cmd = exec.Command(filepath.Join(programs, "penstock"), "work", "--config", w.config)
	w.cmd.Stderr = &w.out
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (w *worker) kill(t *testing.T) {
	t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatalf("the worker had ended before it was killed: %v", err)
	}
	_ = w.cmd.Wait() // which says that it was killed
	w.cmd = nil
}

func (w *worker) stop(t testing.TB) {
	t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("the worker ends with %v", err)
	}
	w.cmd = nil
}

// run runs another command of the program on the worker.
func (w *worker) run(args ...string) (string, error) {
	text, err := exec.Command(filepath.Join(programs, "penstock"), append(args, "--config", w.config)...).Output()
	return string(text), err
}

// status asks the worker how it is; false where it does not answer.
func (w *worker) status() (app.Status, bool) {
	var s app.Status
	text, _ := w.run("status", "--json") // a worker in trouble answers and fails
	return s, json.Unmarshal([]byte(text), &s) == nil
}

// await waits until the worker has stored so many lines of a source, and has
// worked and sent what came of them.
func (w *worker) await(t testing.TB, source string, lines uint64) {
	t.Helper()
	var last app.Status
	var seen uint64
	const most = 3 * time.Minute // in which nothing more is read
	for end := time.Now().Add(most); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		s, ok := w.status()
		if !ok {
			continue
		}
		last = s
		for _, src := range s.Sources {
			if src.Name == source && src.Count.Lines > seen {
				seen, end = src.Count.Lines, time.Now().Add(most)
			}
			if src.Name == source && src.Count.Lines >= lines && s.Queue.Waiting == 0 && s.Outbox["log"] == 0 {
				return
			}
		}
	}
	t.Fatalf("the worker has not got to %d lines of %s: %+v", lines, source, last)
}

// cases returns all cases.
func (w *worker) cases(t *testing.T) (all []app.CaseLine) {
	t.Helper()
	text, err := w.run("cases", "--all", "--json", "--limit", "500")
	if err != nil {
		t.Fatalf("list the cases: %v", err)
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// caseLines returns what is the same about cases however often the worker was killed.
func (w *worker) caseLines(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, c := range w.cases(t) {
		lines = append(lines, strings.Join([]string{c.Case, c.Status, c.Severity.String(), c.Class.String(), fmt.Sprint(c.Events)}, " "))
	}
	return lines
}

// eventually waits for something that a program brings about.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("%s does not come about", what)
}

// residentOf returns the memory of a process now, in bytes.
func residentOf(t *testing.T, pid int) int64 {
	t.Helper()

	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
