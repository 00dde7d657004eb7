package main

// Exit codes, never reused. They are part of what scripts rely on and stand in
// docs/configuration.md and in `penstock help`.
const (
	exitDone    = 0 // done
	exitFailed  = 1 // failed: the message says at what
	exitUsage   = 2 // wrong usage: unknown command, flag or argument
	exitConfig  = 3 // the configuration is bad, each problem has its line
	exitInput   = 4 // the input cannot be read or is not what the command takes
	exitRefused = 5 // refused by policy
)

// exitError is an error with the exit code it leads to and, where there is
// something to try next, a hint.
type exitError struct {
	code int
	err  error
	hint string
}

// Error returns the text of the error without the hint.
func (e exitError) Error() string { return e.err.Error() }

// Unwrap returns the error that was wrapped.
func (e exitError) Unwrap() error { return e.err }
