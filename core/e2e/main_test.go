// Package e2e tests whole programs: scripts in testdata run the real binary,
// and so do the commands that the documents show.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
// sample. `code N` after a failing `! exec` is written `exits N penstock ...`.
func TestScripts(t *testing.T) {
	t.Parallel()

	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			sample, err := filepath.Abs(filepath.Join(root, "externalscripts/penstock/sample"))
			if err != nil {
				return fmt.Errorf("find the sample: %w", err)
			}
			env.Setenv("PATH", programs+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("SAMPLE", sample)
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
	})
}

// exits runs a program and wants a certain exit code: exits CODE PROGRAM ARG...
// Standard error must hold an error line, and nothing else may look like a crash.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if err != nil {
		exit, isExit := err.(*exec.ExitError) //nolint:errorlint // testscript returns it bare
		if !isExit {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		code = exit.ExitCode()
	}
	if got := fmt.Sprint(code); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}
