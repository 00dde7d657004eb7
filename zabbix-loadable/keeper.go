package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Rhythm of starting a child again.
const (
	firstWait = time.Second
	mostWait  = 5 * time.Minute
	goodLife  = 10 * time.Minute // a child that lived so long starts the waits anew
)

// Patience with a child: it gives a sign of life each second once it has opened its
// state, which can take minutes on an SD card.
const (
	startPatience = 15 * time.Minute
	hungAfter     = time.Minute
	endNotice     = 2 * time.Second // between the end of a child that was asked to end and word that the plugin is to end too
)

// Patience with a child that was asked to end. An agent that goes on after it told the
// plugin to end, for want of questions, waits as long as its timeout, then kills the
// plugin, and panics for its death. One that ends itself waits for nobody. Killing a
// child loses nothing: its state survives that at any moment.
const (
	agentTimeout = 3 * time.Second // of an agent whose configuration names none
	mostTimeout  = 600 * time.Second
	endWithin    = 2 * time.Second         // the whole plugin
	endPatience  = 1500 * time.Millisecond // the child, until it is killed
)

// endLimits returns how long a child has until it is killed, and how long the plugin
// waits for that in all: half of the agent's timer at most. The child has less than
// the plugin, so that its end can still be seen.
func endLimits(timeout time.Duration) (patience, within time.Duration) {
	if timeout <= 0 || timeout > mostTimeout {
		timeout = agentTimeout
	}
	within = min(endWithin, timeout/2)
	return min(endPatience, within*3/4), within
}

// keeper keeps one worker as a child process: it starts it, starts it again when it
// dies, and knows why it died. A fatal error of the Go runtime cannot be recovered
// from, so all that reads logs is in the child.
type keeper struct {
	options options
	log     *slog.Logger
	agent   *teller
	program string // of the child
	fence   func() *fence
	noFence bool // a child cannot be put inside
	hung    time.Duration
	first   time.Duration // wait after a death
	notice  time.Duration

	patience, within time.Duration // with a child that was asked to end, and in all

	started sync.Once
	done    chan struct{} // closed when run has returned
	stop    chan struct{}
	stopped sync.Once

	mu    sync.Mutex
	state kept
}

// kept is what a keeper knows of its child.
type kept struct {
	Running       bool
	Misconfigured bool
	Problem       string // why it does not run
	Deaths        int
	LastDeath     string
	DiedAt        time.Time
	PID           int
}

func newKeeper(o options, log *slog.Logger, agent *teller) *keeper {
	patience, within := endLimits(o.Timeout)
	return &keeper{
		options: o, log: log, agent: agent, program: "/proc/self/exe", // also where the file was replaced meanwhile
		patience: patience, within: within,
		fence: func() *fence { return makeFence(cgroupRoot, o.Memory) }, hung: hungAfter, first: firstWait, notice: endNotice, done: make(chan struct{}), stop: make(chan struct{}),
		state: kept{Problem: "the worker has not been started yet"},
	}
}

// begin runs the keeper once, in a goroutine of its own.
func (k *keeper) begin(run func()) {
	k.started.Do(func() {
		go func() {
			defer close(k.done)
			run()
		}()
	})
}

// end stops the child and waits for it, but not for long: the agent waits too.
func (k *keeper) end() {
	k.stopped.Do(func() { close(k.stop) })
	begun := true
	k.started.Do(func() { begun = false })
	if begun {
		select {
		case <-k.done:
		case <-time.After(k.within):
			k.killLeft() // the kernel would end the child alone, and not what it had started
		}
	}
}

// killLeft kills a child that is still there.
func (k *keeper) killLeft() {
	if pid := k.status().PID; pid != 0 {
		killGroup(pid)
	}
}

// killGroup kills a child with all that it has started.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) } // nothing may be left

func (k *keeper) status() kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

func (k *keeper) update(change func(*kept)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.state)
}

// run starts the child again and again until the keeper is told to end. The kernel
// kills a child when the thread that started it ends, so that it never outlives the
// plugin; the thread is therefore this goroutine's for good.
func (k *keeper) run(ctx context.Context) {
	runtime.LockOSThread()
	wait := k.first
	for !k.ending(ctx) {
		began, config := time.Now(), stamp(k.options.Config)
		d := death{why: "an error of the plugin; see the agent's log"}
		if !guarded(k.log, "the keeper", func() { d = k.life(ctx) }) {
			k.killLeft()
		}
		if d.asked {
			k.await(ctx, k.notice)
		}
		if k.ending(ctx) {
			return
		}
		if time.Since(began) > goodLife {
			wait = k.first
		}
		k.tell(d, wait)
		if !d.config {
			config = ""
		}
		k.sleep(ctx, wait, config)
		wait = min(2*wait, mostWait)
	}
}

func (k *keeper) ending(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-k.stop:
		return true
	default:
		return false
	}
}

// tell keeps and logs how a life ended.
func (k *keeper) tell(d death, wait time.Duration) {
	again := fmt.Sprintf("; it is started again %s later", wait)
	k.update(func(s *kept) {
		s.Running, s.PID = false, 0
		s.Misconfigured = d.config
		if d.config {
			s.Problem = d.why
			return
		}
		s.Problem = "the worker died: " + d.why + again
		s.Deaths++
		s.LastDeath, s.DiedAt = d.why, time.Now()
	})
	if d.config {
		k.log.Error("the worker cannot use its configuration", "err", d.why)
		return
	}
	k.log.Error("the worker died and is started again", "err", d.why, "wait", wait)
}

// sleep waits. Where the configuration was at fault, which had that stamp, a changed
// file ends the wait.
func (k *keeper) sleep(ctx context.Context, wait time.Duration, fault string) {
	for end := time.Now().Add(wait); time.Now().Before(end) && !k.ending(ctx); {
		k.await(ctx, min(time.Second, time.Until(end)))
		if fault != "" && stamp(k.options.Config) != fault {
			return
		}
	}
}

// await waits, or until the keeper is to end.
func (k *keeper) await(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-k.stop:
	case <-timer.C:
	}
}

// stamp changes when a file does.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(info.ModTime(), info.Size())
}

// death is how a life ended.
type death struct {
	why    string
	config bool // the configuration is at fault
	asked  bool // it ended in order, so somebody asked it to: a service manager ends the agent's processes all at once
}

// life starts the child, watches it, and returns when it has ended.
func (k *keeper) life(ctx context.Context) death {
	f := &fence{}
	if !k.noFence {
		f = k.fence()
	}
	defer func() { f.remove() }()
	cmd := k.child(f)
	words, beats, err := k.start(cmd)
	if err != nil && f.group != nil {
		// Some kernels and containers let a group be made and nothing be put inside.
		k.log.Warn("the worker cannot be put into its control group, and bounds its address space instead", "err", err)
		f.remove()
		f = &fence{}
		cmd = k.child(f)
		words, beats, err = k.start(cmd)
		k.noFence = err == nil // else the group was not what was in the way
	}
	if err != nil {
		return death{why: err.Error()}
	}
	k.update(func(s *kept) { s.Running, s.PID, s.Misconfigured, s.Problem = true, cmd.Process.Pid, false, "" })
	tail := newTail(k.agent)
	read := make(chan struct{})
	go func() {
		defer close(read)
		guarded(k.log, "the worker's words", func() { tail.read(words) })
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	isHung, err := k.watch(ctx, cmd, beats, ended)
	killGroup(cmd.Process.Pid) // what it had started may hold the pipe open
	k.update(func(s *kept) { s.Running, s.PID, s.Problem = false, 0, "the worker has ended" })
	select {
	case <-read:
	case <-time.After(time.Second):
	}
	_, _ = words.Close(), beats.Close() // which were only read
	return explain(cmd.ProcessState, err, isHung, f.ranOut(), tail.last())
}

// child is the command of a child inside a fence, or of one that bounds itself.
func (k *keeper) child(f *fence) *exec.Cmd {
	args := []string{
		workerFlag, "--config", k.options.Config, "--state", k.options.StateDir,
		"--socket", k.options.Socket, "--memory", fmt.Sprint(k.options.Memory),
	}
	if f.group == nil {
		args = append(args, "--limit-address-space")
	}
	cmd := exec.Command(k.program, args...) //nolint:gosec // ourselves, with an argument list
	cmd.Args[0], cmd.Dir = os.Args[0], "/"
	cmd.Env = childEnv(os.Environ())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	f.enclose(cmd.SysProcAttr)
	return cmd
}

// start starts the child with two pipes from it: standard error, and descriptor 3,
// on which it gives its signs of life.
func (k *keeper) start(cmd *exec.Cmd) (words, beats *os.File, err error) {
	words, toWords, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	beats, toBeats, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make a pipe: %w", err), words.Close(), toWords.Close())
	}
	cmd.Stderr, cmd.ExtraFiles = toWords, []*os.File{toBeats}
	err = cmd.Start()
	_, _ = toWords.Close(), toBeats.Close() // the child has its own
	if err != nil {
		_, _ = words.Close(), beats.Close()
		return nil, nil, fmt.Errorf("start the worker: %w", err)
	}
	return words, beats, nil
}

// watch waits for the child's end, and brings it about where it hangs or the plugin
// is to end.
func (k *keeper) watch(ctx context.Context, cmd *exec.Cmd, beats io.Reader, ended <-chan error) (isHung bool, err error) {
	pulse := make(chan struct{}, 1)
	go guarded(k.log, "the worker's signs of life", func() { feel(beats, pulse) })
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	stop, done := k.stop, ctx.Done()
	for {
		select {
		case err := <-ended:
			return isHung, err
		case <-pulse:
			if stop != nil && done != nil { // one that is to end has no more time for being alive
				patience.Reset(k.hung)
			}
		case <-stop:
			stop = nil
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
			patience.Reset(k.patience)
		case <-done:
			done = nil
			killGroup(cmd.Process.Pid)
		case <-patience.C:
			isHung = stop != nil && done != nil
			killGroup(cmd.Process.Pid)
		}
	}
}

// feel tells each sign of life on.
func feel(beats io.Reader, pulse chan<- struct{}) {
	buf := make([]byte, 64)
	for {
		if _, err := beats.Read(buf); err != nil {
			return
		}
		select {
		case pulse <- struct{}{}:
		default: // one waits already
		}
	}
}

// childEnv leaves out what is the agent's own business with its service manager.
func childEnv(environ []string) []string {
	var kept []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "GOMEMLIMIT", "GOGC", "GODEBUG", "GOTRACEBACK":
		default:
			kept = append(kept, e)
		}
	}
	return append(kept, "GOTRACEBACK=single") // the keeper reads the first lines only
}
