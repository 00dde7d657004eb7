package main

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// Memory of the plugin's face: it holds one answer of the worker.
const (
	faceMemory    = 16 << 20
	faceGCPercent = 50
)

// silence keeps the process from printing and from ending by a signal that was not
// meant for it: Ctrl-C in the agent's terminal reaches the plugin first. Signals are
// caught and dropped rather than ignored, since a child would inherit that. What the
// Go runtime has to say before it dies would go to standard error too, which the
// agent of 7.0 keeps in memory without a bound: keepTrace gives it another place.
func silence() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE,
		syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM)
	if null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0); err == nil {
		for _, fd := range []int{0, 1, 2} {
			_ = syscall.Dup3(int(null.Fd()), fd, 0) // where it fails the old one stays
		}
		_ = null.Close()
	}
	debug.SetGCPercent(faceGCPercent)
	debug.SetMemoryLimit(faceMemory)
	debug.SetTraceback("single")
}

// keepTrace lets the runtime write its last words into a file, which it makes or
// empties, and returns those of the process before.
func keepTrace(path string) (earlier string, err error) {
	const most = 4 << 10 // bytes of the earlier ones that are told
	text, err := os.ReadFile(path)
	if err == nil {
		earlier = shorten(string(text), most)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return earlier, err
	}
	defer func() { _ = file.Close() }() // the runtime has its own descriptor of it
	return earlier, debug.SetCrashOutput(file, debug.CrashOptions{})
}
