// Command penstock analyses logs, shows cases and answers what people ask
// about them. Results go to standard output, everything else to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // a bare machine may lack the time zones that penstock.yaml names

	"github.com/spf13/cobra"
)

// version is set by the build.
var version = "dev"

// env is what a command may touch of the world outside its arguments.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	root := newRoot(&env{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv})
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return tell(stderr, root.ExecuteContext(ctx))
}

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "penstock",
		Short: "Sift logs into cases, say how bad they are and what to do",
		Long: `Penstock stands in the log flow of a small site. It lets the known pass, gathers
what deviates into cases and says of each how bad it is, why, and what to do.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad configuration, 4 bad input,
5 refused by policy.`,
		Example:       "  penstock analyze /var/log/auth.log /var/log/nginx/access.log",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return exitError{code: exitUsage, err: err, hint: "see `penstock help`"}
	})
	root.AddCommand(newAnalyze(e), newExplain(e), newMine(e), newEval(e), newHosts(e), newSignals(e), newInit(e), newCheckConfig(e), newVersion(e))
	return root
}

// tell prints the error, if there is one, and returns the exit code.
func tell(stderr io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	code, hint := exitFailed, ""
	var ee exitError
	switch {
	case errors.As(err, &ee):
		code, hint = ee.code, ee.hint
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	case isUsage(err):
		code, hint = exitUsage, "see `penstock help`"
	}
	fmt.Fprintf(stderr, "penstock: error: %v\n", err)
	if hint != "" {
		fmt.Fprintf(stderr, "penstock: hint: %s\n", hint)
	}
	return code
}

// isUsage recognises what cobra itself refuses; it has no typed errors for it.
func isUsage(err error) bool {
	text := err.Error()
	for _, start := range []string{"unknown command", "accepts ", "requires ", "required flag", "invalid argument", "if any flags"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}
