package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program of the lab: a session of its own, so that all of it can be
// found and ended together.
type process struct {
	name string
	path string
	args []string
	user string // whom it runs as
	env  []string
	out  string // path of the file that gets what it prints

	reaper *reaper
	mu     sync.Mutex
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
}

// start starts the program, which must not run.
func (p *process) start() error {
	who, err := credential(p.user)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(p.out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open what %s prints to: %w", p.name, err)
	}
	defer out.Close() //nolint:errcheck // the program has its own

	cmd := exec.Command(p.path, p.args...) //nolint:gosec // a program of the lab
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "TZ=UTC", "PENSTOCK_LAB=" + p.reaper.folder}, p.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: who}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	done := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.done = cmd, done
	p.mu.Unlock()
	p.reaper.tell("+", cmd.Process.Pid)
	go func() {
		_ = cmd.Wait() // how it ended is in its state
		close(done)
	}()
	return nil
}

// running reports whether the program runs.
func (p *process) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// state returns how the program ended; nil while it runs, or where it never did.
func (p *process) state() *os.ProcessState {
	if p.running() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.cmd == nil {
		return nil
	}
	return p.cmd.ProcessState
}

// end sends the signal and waits until the program and all that it started are
// gone; what is left after startTime is killed. A program that does not run any more
// leaves nothing either.
func (p *process) end(signal syscall.Signal) error {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	session := cmd.Process.Pid
	if signal == syscall.SIGKILL {
		killSession(session)
	} else {
		_ = cmd.Process.Signal(signal)
	}
	var slow error
	select {
	case <-done:
	case <-time.After(startTime):
		slow = fmt.Errorf("%s did not end within %s", p.name, startTime)
	}
	for range 500 {
		if killSession(session) == 0 {
			p.reaper.tell("-", session)
			return slow
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.Join(slow, fmt.Errorf("processes of %s are left", p.name))
}

// killSession kills the living processes of a session and returns how many there
// were.
func killSession(id int) int {
	killed := 0
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// "pid (name) state parent group session ...", and a name may hold anything.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) > 3 && fields[0] != "Z" && fields[0] != "X" && fields[3] == strconv.Itoa(id) {
			p, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			_ = syscall.Kill(p, syscall.SIGKILL)
			killed++
		}
	}
	return killed
}

// credential returns the ids of a user. Programs get the user's own group alone.
func credential(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// ownFolder makes a folder that belongs to the user.
func ownFolder(path, name string, mode os.FileMode) error {
	who, err := credential(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	return os.Chown(path, int(who.Uid), int(who.Gid))
}

// reaper is a process that outlives this one by a moment: it ends what the lab
// started, and removes its folder, when its standard input ends. The kernel closes
// that however this process ends, so nothing stays after a panic or a kill.
type reaper struct {
	folder string
	cmd    *exec.Cmd
	mu     sync.Mutex
	in     io.WriteCloser
}

func newReaper(folder string) (*reaper, error) {
	file := filepath.Join(folder, "zabbix.sh")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		return nil, err
	}
	r := &reaper{folder: folder, cmd: exec.Command("bash", file, "reap", folder)} //nolint:gosec // our script
	r.cmd.Dir = "/"
	// A signal that the terminal sends to this process's group is not for it.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := r.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r.in = in
	return r, r.cmd.Start()
}

// tell says that a session began ("+") or has ended ("-").
func (r *reaper) tell(what string, session int) {
	r.mu.Lock()
	defer r.mu.Unlock()

	_, _ = fmt.Fprintf(r.in, "%s%d\n", what, session)
}

// finish has everything ended and removed now.
func (r *reaper) finish() error {
	return errors.Join(r.in.Close(), r.cmd.Wait())
}

// freePort returns a port that nobody listens at. Zabbix takes 1024 to 32767, and
// those are not given to connections that go out. Each process of this machine looks
// in a hundred of its own, so that no two take one at the same time.
func freePort() (int, error) {
	for range 100 {
		port := 10_000 + os.Getpid()%200*100 + int(shared.ports.Add(1))%100
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("this process's hundred ports are taken")
}

// within asks until the answer is true; false after the time.
func within(most time.Duration, is func() bool) bool {
	for end := time.Now().Add(most); ; time.Sleep(50 * time.Millisecond) {
		if is() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// listens reports whether somebody takes connections at that address.
func listens(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	return err == nil && c.Close() == nil
}
