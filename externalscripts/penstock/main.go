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
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // a bare machine may lack the time zones that penstock.yaml names

	"github.com/spf13/cobra"

	"penstock/core/report"
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
	os.Exit(run(calledAs(os.Args), os.Stdin, os.Stdout, os.Stderr))
}

// checkName is what the program is called in a folder of external checks.
const checkName = "penstock-check"

// calledAs returns the arguments of the program. Under the name of an external check
// it is nothing but `penstock check`, and takes no options: whoever may make an item
// in Zabbix names the arguments, and must not read or write files by them.
func calledAs(args []string) []string {
	if len(args) == 0 || filepath.Base(args[0]) != checkName {
		return args[min(1, len(args)):]
	}
	return append([]string{"check", "--"}, args[1:]...)
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // so that a second signal ends the program at once

	root := newRoot(&env{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv})
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	return tell(stderr, cmd.CommandPath(), err)
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
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exitError{code: exitUsage, err: err, hint: seeHelp(cmd.CommandPath())}
	})
	root.AddCommand(newAnalyze(e), newExplain(e), newMine(e), newEval(e), newModel(e), newHosts(e), newSignals(e), newInit(e), newCheckConfig(e), newVersion(e),
		newWork(e), newStatus(e), newCases(e), newLabels(e), newPause(e), newBaseline(e), newVerifyLog(e), newBackup(e), newRestore(e), newDoctor(e), newCheck(e), newSetup(e))
	return root
}

// seeHelp is the hint after wrong usage of a command.
func seeHelp(command string) string { return "see `" + command + " --help`" }

// exclusive returns the wrong usage of more than one of the named flags.
func exclusive(cmd *cobra.Command, names ...string) error {
	given := slices.DeleteFunc(names, func(name string) bool { return !cmd.Flags().Changed(name) })
	if len(given) < 2 {
		return nil
	}
	err := fmt.Errorf("--%s and --%s cannot be used together", given[0], given[1])
	return exitError{code: exitUsage, err: err, hint: seeHelp(cmd.CommandPath())}
}

// tell prints the error of a command, if there is one, and returns the exit code.
func tell(stderr io.Writer, command string, err error) int {
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
		code, hint = exitUsage, seeHelp(command)
	}
	if errors.Is(err, errSaid) {
		return code
	}
	fmt.Fprintf(stderr, "penstock: error: %s\n", printable(err.Error()))
	if hint != "" {
		fmt.Fprintf(stderr, "penstock: hint: %s\n", printable(hint))
	}
	return code
}

// printable keeps file names and pieces of input in a message from commanding the
// terminal; the message's own lines stay lines.
func printable(message string) string {
	lines := strings.Split(message, "\n")
	for i := range lines {
		lines[i] = report.Terminal(lines[i])
	}
	return strings.Join(lines, "\n")
}

// isUsage recognises what cobra itself refuses; it has no typed errors for it.
func isUsage(err error) bool {
	text := err.Error()
	for _, start := range []string{"unknown command", "accepts ", "requires ", "required flag", "invalid argument"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}
