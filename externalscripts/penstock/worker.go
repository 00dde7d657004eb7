package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/config"
	"penstock/core/control"
	"penstock/core/sdnotify"
	"penstock/core/store"
)

// siteConfig is the configuration of the machine's own worker.
const siteConfig = "/etc/penstock/penstock.yaml"

// workerFlags name the worker that a command is about.
type workerFlags struct{ config string }

func (f *workerFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration `file` of the worker; without it "+siteConfig+" where there is one")
}

// load reads the worker's configuration.
func (f *workerFlags) load() (*config.Config, error) {
	if f.config == "" {
		if _, err := os.Stat(siteConfig); err == nil {
			f.config = siteConfig
		}
	}
	return loadConfig(f.config)
}

func newWork(e *env) *cobra.Command {
	var f workerFlags
	var check bool
	cmd := &cobra.Command{
		Use:   "work",
		Short: "Follow the configured sources until stopped, keep cases, answer questions",
		Long: `Work is the worker: it follows the sources of the configuration for as long as it
runs, gathers what deviates into cases, records what it decides, and answers the
other commands over a socket. What it has taken in survives a crash, and nothing
is counted twice. One worker at a time uses a state directory.

It ends at SIGTERM or Ctrl-C, or when standard input is its only source and ends.`,
		Example: "  penstock work --config /etc/penstock/penstock.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return work(cmd.Context(), e, &f, check)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&check, "check", false, "open everything as for work, converting the state where need be, say whether it could work, and end")
	return cmd
}

func work(ctx context.Context, e *env, f *workerFlags, check bool) error {
	c, err := f.load()
	if err != nil {
		return err
	}
	if len(c.Sources) == 0 {
		return exitError{exitConfig, errors.New("no sources are configured: there is nothing to follow"), "list them under sources; docs/configuration.md shows how"}
	}
	app.TuneMemory(math.MaxInt64)
	systemd, err := sdnotify.Open(e.getenv)
	if err != nil {
		return fmt.Errorf("reach the service manager: %w", err)
	}
	defer func() { _ = systemd.Close() }() // nothing is said on it any more
	log := slog.New(slog.NewTextHandler(e.stderr, nil))
	say := func(err error) {
		if err != nil {
			log.Warn("the service manager does not listen", "err", err)
		}
	}
	stdin, _ := e.stdin.(*os.File) // without one a source of kind stdin is at its end
	w, err := app.NewWorker(ctx, app.WorkerOptions{
		Config: c, Version: version, Stdin: stdin, Log: log, Now: time.Now, Alive: func() { say(systemd.Watchdog()) },
	})
	if err != nil {
		return workerError(err, c)
	}
	if check {
		fmt.Fprintln(e.stdout, "the worker can work")
		return w.Close()
	}
	say(systemd.Ready())
	context.AfterFunc(ctx, func() { say(systemd.Stopping()) })
	return w.Run(ctx)
}

// workerError gives errors of the worker's start their exit code and hint.
func workerError(err error, c *config.Config) error {
	var newer *store.NewerError
	switch {
	case errors.Is(err, store.ErrBusy):
		return exitError{exitFailed, err, "`penstock status` shows the worker that runs; only one uses " + c.StateDir}
	case errors.As(err, &newer):
		return exitError{exitFailed, err, "install the newer version again, or start with another state_dir"}
	case errors.Is(err, store.ErrBroken):
		return exitError{exitFailed, err, "see `penstock restore --help`; the damaged state stays where it is"}
	case errors.Is(err, fs.ErrPermission):
		return exitError{exitFailed, err, "`penstock doctor` names what is missing; the service runs as user penstock"}
	}
	return exitError{code: exitFailed, err: err}
}

// errNoWorker means that nobody listens on the worker's socket.
var errNoWorker = errors.New("no worker is running")

// How long the worker may take to answer.
const (
	askWithin    = 30 * time.Second
	backUpWithin = 11 * time.Minute
)

// ask asks the worker of a configuration.
func ask(ctx context.Context, c *config.Config, command string, args, result any) error {
	within := askWithin
	if command == app.CmdBackup {
		within = backUpWithin
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	path := app.SocketPath(c)
	client, err := control.Dial(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: nobody listens on %s", errNoWorker, path)
	case errors.Is(err, fs.ErrPermission):
		return exitError{exitFailed, fmt.Errorf("reach the worker: %w", err), "only members of control.group may ask, without one those of penstock: `sudo usermod -aG penstock $USER`, then log in again"}
	case err != nil:
		return err
	}
	defer func() { _ = client.Close() }()
	err = client.Call(ctx, command, args, result)
	var refused *control.Error
	if errors.As(err, &refused) {
		return exitError{controlExit(refused.Code), refused, refused.Hint}
	}
	return err
}

// controlExit is the exit code of an error of the worker's.
func controlExit(code string) int {
	switch code {
	case control.CodeRefused:
		return exitRefused
	case control.CodeNotFound:
		return exitInput
	case control.CodeBadRequest, control.CodeUnknown, control.CodeVersion:
		return exitUsage
	}
	return exitFailed
}

// needsWorker says what to do where no worker answers.
func needsWorker(err error) error {
	if errors.Is(err, errNoWorker) {
		return exitError{exitFailed, err, "start it: `sudo systemctl start penstock`, or `penstock work --config FILE`"}
	}
	return err
}

// withDesk asks the running worker, and where none runs looks into its state. What
// it finds there is as it was when the worker ended.
func withDesk(ctx context.Context, e *env, f *workerFlags, command string, args, result any, offline func(*app.Desk) error) error {
	c, err := f.load()
	if err != nil {
		return err
	}
	err = ask(ctx, c, command, args, result)
	if !errors.Is(err, errNoWorker) {
		return err
	}
	engine, engineErr := app.NewEngine(c)
	if engineErr != nil {
		return exitError{exitConfig, engineErr, ""}
	}
	s, storeErr := store.OpenReadOnly(ctx, c.StateDir, c.Store, time.Now)
	if storeErr != nil {
		return exitError{exitFailed, fmt.Errorf("%w, and its state cannot be read: %w", err, storeErr), "start it: `sudo systemctl start penstock`, or name its --config"}
	}
	fmt.Fprintln(e.stderr, "penstock: note: no worker is running: this is what its state holds")
	return errors.Join(offline(app.NewDesk(engine, s)), s.Close())
}

// newPause makes `penstock pause`.
func newPause(e *env) *cobra.Command {
	var f workerFlags
	var lasts time.Duration
	var off bool
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Let nothing start by itself for a while",
		Long: `Pause turns the stop switch on: the worker goes on reading, recording and telling,
and takes back what is to be taken back, but starts nothing by itself.`,
		Example: "  penstock pause --for 2h\n  penstock pause --off",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := exclusive(cmd, "for", "off"); err != nil {
				return err
			}
			c, err := f.load()
			if err != nil {
				return err
			}
			if off {
				lasts = 0
			}
			var a app.PauseAnswer
			if err := ask(cmd.Context(), c, app.CmdPause, app.PauseArgs{For: lasts}, &a); err != nil {
				return needsWorker(err)
			}
			if a.Until.IsZero() {
				fmt.Fprintln(e.stdout, "not paused: what is allowed starts by itself")
				return nil
			}
			fmt.Fprintf(e.stdout, "nothing starts by itself until %s\n", a.Until.Format(time.RFC3339))
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&lasts, "for", time.Hour, "how long, at most 168h")
	cmd.Flags().BoolVar(&off, "off", false, "end the pause")
	return cmd
}

// newStatus makes `penstock status`.
func newStatus(e *env) *cobra.Command {
	var f workerFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Say how the worker is: sources, cases, disk, what is not as it should be",
		Long:    "Status asks the running worker. It ends with 1 where none runs or it is in trouble.",
		Example: "  penstock status\n  penstock status --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.load()
			if err != nil {
				return err
			}
			var s app.Status
			if err := ask(cmd.Context(), c, app.CmdStatus, nil, &s); err != nil {
				return needsWorker(err)
			}
			if asJSON {
				err = writeJSON(e.stdout, s)
			} else {
				_, err = fmt.Fprint(e.stdout, s.Text())
			}
			if err == nil && s.State != app.StateWorking {
				return exitError{exitFailed, errors.New("the worker is in trouble: see what is not as it should be"), ""}
			}
			return err
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	return cmd
}
