// Package e2e tests whole programs: scripts in testdata run the real binary,
// and so do the commands that the documents show.
package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// root is the repository's root as seen from this package's tests.
const root = "../.."

// programs is the folder of the binaries that TestMain built.
var programs string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "penstock-e2e-")
	if err != nil {
		fmt.Fprintf(os.Stderr, "make a folder for the programs: %v\n", err)
		return 1
	}
	defer os.RemoveAll(folder)

	programs = folder
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "penstock"), "./externalscripts/penstock")
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build penstock: %v\n%s", err, text)
		return 1
	}
	return m.Run()
}

// TestScripts runs testdata/*.txtar. $SAMPLE is the folder of the bundled
// sample, $ROOT the repository's. The commands of these scripts beside
// testscript's own are exits, sample, json and jsonl, below.
func TestScripts(t *testing.T) {
	t.Parallel()

	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			repository, err := filepath.Abs(root)
			if err != nil {
				return fmt.Errorf("find the repository: %w", err)
			}
			env.Setenv("PATH", programs+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("ROOT", repository)
			env.Setenv("SAMPLE", filepath.Join(repository, "externalscripts/penstock/sample"))
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"sample": sample,
			"json":   wholeJSON,
			"jsonl":  lineJSON,
		},
	})
}

// exits runs a program and wants a certain exit code: exits CODE PROGRAM ARG...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if got := strconv.Itoa(code); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// sample runs penstock over all files of the bundled sample: sample COMMAND FLAG...
func sample(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: sample COMMAND [FLAG...]")
	}
	logs, err := filepath.Glob(filepath.Join(root, "externalscripts/penstock/sample/logs/*"))
	if err != nil || len(logs) == 0 {
		ts.Fatalf("find the sample: %v, %d files", err, len(logs))
	}
	for i, log := range logs {
		if logs[i], err = filepath.Rel(root, log); err != nil {
			ts.Fatalf("name the sample's files: %v", err)
		}
		if cwd := ts.MkAbs("."); cwd != ts.Getenv("ROOT") {
			logs[i] = filepath.Join(ts.Getenv("ROOT"), logs[i])
		}
	}
	ts.Check(ts.Exec("penstock", append(args, logs...)...))
}

// wholeJSON wants standard output to be one JSON value that matches, written
// without white space and with sorted keys. Its form is: json REGEXP.
func wholeJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: json REGEXP")
	}
	matchJSON(ts, args[0], ts.ReadFile("stdout"))
}

// lineJSON is json for each line of standard output. Its form is: jsonl REGEXP.
func lineJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: jsonl REGEXP")
	}
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		matchJSON(ts, args[0], line)
	}
}

func matchJSON(ts *testscript.TestScript, pattern, text string) {
	var value any
	ts.Check(json.Unmarshal([]byte(text), &value))
	compact, err := json.Marshal(value)
	ts.Check(err)
	if !regexp.MustCompile(pattern).Match(compact) {
		ts.Fatalf("JSON does not match %s:\n%.2000s", pattern, compact)
	}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()

	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("write %s: %v", path, err)
	}
}
