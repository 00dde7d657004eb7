package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"penstock/core/app"
	"penstock/core/config"
)

// workerFlag puts the program into the role of the child.
const workerFlag = "--worker"

// What begins the lines with which the child says why it cannot work.
const (
	errorPrefix = "penstock: error: "
	hintPrefix  = "penstock: hint: "
)

// workerArgs are what the keeper tells the child.
type workerArgs struct {
	config, state, socket string
	memory                int64
	limit                 bool
}

func readWorkerArgs(args []string) (a workerArgs, err error) {
	flags := flag.NewFlagSet(workerFlag, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&a.config, "config", childConfig, "")
	flags.StringVar(&a.state, "state", childState, "")
	flags.StringVar(&a.socket, "socket", "", "")
	flags.Int64Var(&a.memory, "memory", defaultMemory, "")
	flags.BoolVar(&a.limit, "limit-address-space", false, "")
	if err := flags.Parse(args); err != nil {
		return a, err
	}
	if flags.NArg() > 0 {
		return a, fmt.Errorf("%q is too much", flags.Arg(0))
	}
	if a.socket == "" {
		a.socket = filepath.Join(a.state, socketName)
	}
	return a, nil
}

// runWorker is the role of the child: a worker that analyses and publishes and never
// acts. It returns the exit code, which the keeper reads.
func runWorker(args []string, stderr io.Writer) int {
	say := func(code int, err error, hint string) int {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(stderr, "%s%s\n", errorPrefix, shorten(line, tailLine))
		}
		if hint != "" {
			fmt.Fprintf(stderr, "%s%s\n", hintPrefix, hint)
		}
		return code
	}
	a, err := readWorkerArgs(args)
	if err != nil {
		return say(exitUsage, err, "the plugin starts this role; people type `penstock work`")
	}
	c, err := loadForChild(a)
	if err != nil {
		return say(exitConfig, err, "")
	}
	app.TuneMemory(a.memory / 2)
	if a.limit {
		if err := limitAddressSpace(a.memory); err != nil {
			fmt.Fprintf(stderr, "level=WARN msg=%q\n", "the memory of the worker is not bounded: "+err.Error())
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	beats := os.NewFile(3, "beats") // the keeper's pipe
	makeTrouble(a.state)
	w, err := app.NewWorker(ctx, app.WorkerOptions{
		Config: c, Version: version, Log: slog.New(slog.NewTextHandler(stderr, nil)), Now: time.Now,
		Alive: func() { _, _ = beats.Write([]byte{'.'}) }, // the kernel ends this process with the keeper
	})
	if err != nil {
		return say(exitFailed, err, hintFor(err, a.state))
	}
	if err := w.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return say(exitFailed, err, "")
	}
	return exitDone
}

// loadForChild reads the configuration and takes out of it what a child may not: its
// state is its own, and it never acts.
func loadForChild(a workerArgs) (*config.Config, error) {
	c, err := config.Load(a.config)
	if err != nil {
		return nil, err
	}
	if len(c.Sources) == 0 {
		return nil, fmt.Errorf("%s: no sources are configured: there is nothing to follow", a.config)
	}
	c.StateDir, c.Control.Socket = a.state, a.socket
	c.Actions.DryRun, c.Actions.Hosts = true, nil
	return c, nil
}

// hintFor says what to try where the state cannot be opened.
func hintFor(err error, state string) string {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) {
		return "install -d -o zabbix -g zabbix -m 0700 " + state + ", or name another folder with Plugins.Penstock.StateDir"
	}
	return ""
}
