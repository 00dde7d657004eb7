package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// scripted returns a keeper whose child is a shell script.
func scripted(t *testing.T, script string) *keeper {
	t.Helper()

	folder := t.TempDir()
	program := filepath.Join(folder, "worker")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	to := newTeller(time.Now)
	k := newKeeper(options{Mode: modeChild, StateDir: folder, Config: filepath.Join(folder, "penstock.yaml"), Socket: filepath.Join(folder, socketName), Memory: defaultMemory}, slog.New(handler{to: to}), to)
	k.program, k.first, k.hung, k.notice = program, 10*time.Millisecond, time.Minute, 10*time.Millisecond
	return k
}

// runs runs the keeper until the test ends.
func runs(t *testing.T, k *keeper) {
	t.Helper()

	k.begin(func() { k.run(t.Context()) })
	t.Cleanup(k.end)
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()

	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not come about", what)
		}
	}
}

func TestKeeperTellsWhyTheWorkerDied(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ name, script, want string }{
		{"+ killed", "kill -9 $$", "killed by signal 9 (killed)"},
		{"+ exit code", "exit 7", "exit code 7"},
		{"+ in order", "exit 0", "exit code 0"},
		{"+ its own words", "echo 'penstock: error: open it: no such file' >&2; echo 'penstock: hint: make it' >&2; exit 1", "exit code 1: open it: no such file; make it"},
		{"+ a map", "printf 'level=INFO msg=x\\nfatal error: concurrent map writes\\n\\ngoroutine 7\\nfatal error: again\\n' >&2; exit 2", "exit code 2: fatal error: concurrent map writes"},
		{"+ memory", "printf 'runtime: out of memory: cannot allocate 8388608-byte block\\nfatal error: out of memory\\n' >&2; exit 2", "out of memory: runtime: out of memory: cannot allocate 8388608-byte block"},
		{"+ panic", "echo 'panic: oh' >&2; exit 2", "exit code 2: panic: oh"},
		{"+ hung", "echo . >&3; sleep 100", "it hung: no sign of life for too long, so it was killed"},
		{"+ floods its words", "head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 4", "exit code 4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			k := scripted(t, tt.script)
			if tt.name == "+ hung" {
				k.hung = 300 * time.Millisecond
			}
			runs(t, k)
			until(t, "a second death", func() bool { return k.status().Deaths >= 2 })
			if s := k.status(); s.LastDeath != tt.want {
				t.Errorf("got %q, want %q", s.LastDeath, tt.want)
			}
		})
	}
}

func TestKeeperTellsABadConfigurationFromADeath(t *testing.T) {
	t.Parallel()

	k := scripted(t, `[ -e "$(dirname "$0")/penstock.yaml" ] && exec sleep 100; echo "penstock: error: penstock.yaml:3: no" >&2; exit 3`)
	k.first = time.Hour // the changed file ends the wait
	runs(t, k)
	until(t, "what is wrong", func() bool { return k.status().Misconfigured })
	if s := k.status(); s.Deaths != 0 || s.Problem != "penstock.yaml:3: no" || s.Running {
		t.Errorf("got %+v", s)
	}
	if err := os.WriteFile(k.options.Config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the worker, after the file has changed", func() bool { s := k.status(); return s.Running && !s.Misconfigured })
}

// TestKeeperSeesAChangeDuringALife has the file change before the child's end is known.
func TestKeeperSeesAChangeDuringALife(t *testing.T) {
	t.Parallel()

	k := scripted(t, `[ -e "$(dirname "$0")/penstock.yaml" ] && exec sleep 100; : >"$(dirname "$0")/penstock.yaml"; exit 3`)
	k.first = time.Hour // the changed file ends the wait
	runs(t, k)
	until(t, "the worker, with the file of meanwhile", func() bool { s := k.status(); return s.Running && !s.Misconfigured })
}

func TestKeeperEndsItsChild(t *testing.T) {
	t.Parallel()

	k := scripted(t, `while :; do echo . >&3; sleep 0.05; done`)
	k.begin(func() { k.run(t.Context()) })
	until(t, "the worker", func() bool { return k.status().PID != 0 })
	pid := k.status().PID
	k.end()
	if err := syscall.Kill(pid, 0); err == nil {
		t.Error("the worker is still there")
	}
	k.end() // again does nothing
	if s := k.status(); s.Deaths != 0 {
		t.Errorf("an end that was asked for counts as a death: %+v", s)
	}
}

// lives is a script that gives signs of life for ever, and has a process of its own
// that would outlive it.
const lives = `sleep 1000 & echo $! >"$(dirname "$0")/left"; while :; do echo . >&3; sleep 0.02; done`

// left waits for the process that a child has started, and returns its number.
func left(t *testing.T, k *keeper) (pid int) {
	t.Helper()

	until(t, "a process of the worker", func() bool {
		text, _ := os.ReadFile(filepath.Join(k.options.StateDir, "left"))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0 && k.status().PID > 0
	})
	return pid
}

// wantEnded wants a process to be gone, or to wait for nothing but its parent.
func wantEnded(t *testing.T, pid int) {
	t.Helper()

	until(t, "the end of what the worker had started", func() bool {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		return err != nil || strings.Contains(string(text), ") Z ")
	})
}

func TestKeeperEndsAllThatItsChildHasStarted(t *testing.T) {
	t.Parallel()

	for name, script := range map[string]string{"+ a child that ends": "trap 'exit 0' TERM; " + lives, "- a child that does not want to": "trap '' TERM; " + lives} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			k := scripted(t, script)
			k.begin(func() { k.run(t.Context()) })
			pid := left(t, k)
			k.end()
			<-k.done
			wantEnded(t, pid)
		})
	}
	t.Run("+ the plugin ends at once", func(t *testing.T) {
		t.Parallel()

		ctx, cancel := context.WithCancel(t.Context())
		k := scripted(t, lives)
		k.begin(func() { k.run(ctx) })
		pid := left(t, k)
		cancel()
		<-k.done
		wantEnded(t, pid)
	})
	t.Run("+ the child dies", func(t *testing.T) {
		t.Parallel()

		k := scripted(t, lives)
		k.first = time.Hour
		runs(t, k)
		pid := left(t, k)
		if err := syscall.Kill(k.status().PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wantEnded(t, pid)
	})
}

// TestEndLimits has the plugin be gone well before an agent's timer fires.
func TestEndLimits(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name             string
		timeout          time.Duration
		patience, within time.Duration
	}{
		{"+ the least of an agent", time.Second, 375 * time.Millisecond, 500 * time.Millisecond},
		{"+ the default", 3 * time.Second, 1125 * time.Millisecond, 1500 * time.Millisecond},
		{"+ more", 4 * time.Second, 1500 * time.Millisecond, 2 * time.Second},
		{"+ the most of an agent", 30 * time.Second, 1500 * time.Millisecond, 2 * time.Second},
		{"- none", 0, 1125 * time.Millisecond, 1500 * time.Millisecond},
		{"- nonsense", -time.Second, 1125 * time.Millisecond, 1500 * time.Millisecond},
		{"- more nonsense", time.Hour, 1125 * time.Millisecond, 1500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if patience, within := endLimits(tt.timeout); patience != tt.patience || within != tt.within {
				t.Errorf("got %s, %s, want %s, %s", patience, within, tt.patience, tt.within)
			}
		})
	}
}

// TestAChildThatIgnoresItsEndIsKilled leaves one of the two limits out: either is
// enough to end the child with all that it has started.
func TestAChildThatIgnoresItsEndIsKilled(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name             string
		patience, within time.Duration
	}{
		{"+ of the child", 10 * time.Millisecond, time.Hour},
		{"+ of the plugin", time.Hour, 10 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			k := scripted(t, "trap '' TERM; "+lives)
			k.patience, k.within = tt.patience, tt.within
			k.begin(func() { k.run(t.Context()) })
			pid := left(t, k)
			k.end()
			<-k.done
			wantEnded(t, pid)
		})
	}
}

// TestStopIsNoDeath has a service manager end the child and the plugin's agent at
// once: the child is faster than word of it from the agent.
func TestStopIsNoDeath(t *testing.T) {
	t.Parallel()

	for name, script := range map[string]string{"+ in order": "trap 'exit 0' TERM; " + lives, "+ by the signal": lives} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			k := scripted(t, script)
			k.notice = time.Hour
			k.begin(func() { k.run(t.Context()) })
			left(t, k)
			if err := syscall.Kill(k.status().PID, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			until(t, "the child's end", func() bool { return !k.status().Running })
			k.end()
			<-k.done
			if s := k.status(); s.Deaths != 0 {
				t.Errorf("it counts as a death: %+v", s)
			}
		})
	}
}

// TestKeeperGoesOnAfterAPanic has the keeper itself fail once.
func TestKeeperGoesOnAfterAPanic(t *testing.T) {
	t.Parallel()

	k := scripted(t, "exec sleep 1000")
	failed := false
	k.fence = func() *fence {
		if !failed {
			failed = true
			panic("a test asked for this")
		}
		return &fence{}
	}
	runs(t, k)
	until(t, "a worker after the panic", func() bool { return k.status().Running })
	if s := k.status(); s.Deaths != 1 || s.LastDeath != "an error of the plugin; see the agent's log" {
		t.Errorf("got %+v", s)
	}
}

// TestKeeperStartsAChildThatItCannotFence makes a group that is none of the kernel's,
// so that nothing can be put inside.
func TestKeeperStartsAChildThatItCannotFence(t *testing.T) {
	t.Parallel()

	root, _ := kernelLike(t, "memory")
	k := scripted(t, `echo "$@" >"$(dirname "$0")/arguments"; exec sleep 1000`)
	k.fence = func() *fence { return makeFence(root, k.options.Memory) }
	runs(t, k)
	until(t, "a worker that bounds itself", func() bool {
		text, _ := os.ReadFile(filepath.Join(k.options.StateDir, "arguments"))
		return strings.Contains(string(text), "--limit-address-space\n")
	})
	if s := k.status(); s.Deaths != 0 {
		t.Errorf("the try with a group counts as a death: %+v", s)
	}
}

// TestKeeperTriesAGroupAgain has starts fail that no group is to blame for.
func TestKeeperTriesAGroupAgain(t *testing.T) {
	t.Parallel()

	root, _ := kernelLike(t, "memory")
	k := scripted(t, "exit 1")
	k.program = "/nowhere/worker"
	var made atomic.Int32
	k.fence = func() *fence {
		made.Add(1)
		return makeFence(root, k.options.Memory)
	}
	runs(t, k)
	until(t, "a third death", func() bool { return k.status().Deaths >= 3 })
	if n := made.Load(); n < 3 {
		t.Errorf("a group was made for %d starts of 3", n)
	}
}

func TestKeeperThatNeverBeganEndsAtOnce(t *testing.T) {
	t.Parallel()

	scripted(t, "exit 1").end()
}

func TestChildEnvironment(t *testing.T) {
	t.Parallel()

	got := strings.Join(childEnv([]string{"PATH=/bin", "NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=1", "LANG=C", "GOMEMLIMIT=1"}), " ")
	if got != "PATH=/bin LANG=C GOTRACEBACK=single" {
		t.Errorf("got %s", got)
	}
}

// kernelLike makes folders that look like those of the kernel, with the group that a
// keeper would make, whose files the kernel makes.
func kernelLike(t *testing.T, controllers string) (root, group string) {
	t.Helper()

	own, err := ownGroup()
	if err != nil {
		t.Skipf("this kernel has no control groups of version 2: %v", err)
	}
	root = t.TempDir()
	parent := filepath.Join(root, own)
	group = filepath.Join(parent, "penstock-worker-"+strconv.Itoa(os.Getpid()))
	if err := os.MkdirAll(group, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(parent, "cgroup.controllers"): controllers, filepath.Join(parent, "cgroup.subtree_control"): controllers,
		filepath.Join(group, "memory.max"): "max", filepath.Join(group, "memory.swap.max"): "max", filepath.Join(group, "memory.oom.group"): "0",
		filepath.Join(group, "memory.events"): "low 0\noom 0\noom_kill 2\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root, group
}

func TestFenceIsMadeWhereTheKernelLetsIt(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name, controllers string
		want              bool
	}{
		{"+ memory", "cpu memory pids", true},
		{"- no memory controller", "cpu pids", false},
		{"- nothing", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			root, _ := kernelLike(t, tt.controllers)
			f := makeFence(root, 123<<20)
			defer f.remove()
			if got := f.group != nil; got != tt.want {
				t.Errorf("a group was made: %t, want %t", got, tt.want)
			}
		})
	}
}

func TestFenceBoundsTheChild(t *testing.T) {
	t.Parallel()

	root, group := kernelLike(t, "memory")
	f := makeFence(root, 123<<20)
	defer f.remove()
	if text, _ := os.ReadFile(filepath.Join(group, "memory.max")); string(text) != strconv.Itoa(123<<20) {
		t.Errorf("memory.max is %s", text)
	}
	attr := &syscall.SysProcAttr{}
	if f.enclose(attr); !attr.UseCgroupFD {
		t.Error("the child starts outside")
	}
	if f.ranOut() {
		t.Error("earlier kills count")
	}
	if err := os.WriteFile(filepath.Join(group, "memory.events"), []byte("oom_kill 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !f.ranOut() {
		t.Error("a kill does not count")
	}
}

func TestWorkerArguments(t *testing.T) {
	t.Parallel()

	a, err := readWorkerArgs([]string{"--config", "/c", "--state", "/s", "--memory", "99", "--limit-address-space"})
	if err != nil || a != (workerArgs{"/c", "/s", "/s/control.sock", 99, true}) {
		t.Errorf("got %+v, %v", a, err)
	}
	for _, bad := range [][]string{{"--nothing"}, {"more"}, {"--memory", "x"}} {
		if _, err := readWorkerArgs(bad); err == nil {
			t.Errorf("%q is let through", bad)
		}
	}
}

func TestChildNeverActs(t *testing.T) {
	t.Parallel()

	folder := t.TempDir()
	path := filepath.Join(folder, "penstock.yaml")
	text := "state_dir: /elsewhere\ncontrol: {socket: /elsewhere/x.sock}\nsources:\n  - {name: a, kind: file, path: /var/log/a.log, trust: local}\n" +
		"site:\n  assets:\n    - {name: web1, zone: it}\nactions: {dry_run: false, hosts: [web1]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadForChild(workerArgs{config: path, state: "/s", socket: "/s/control.sock"})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Actions.DryRun || len(c.Actions.Hosts) > 0 || c.StateDir != "/s" || c.Control.Socket != "/s/control.sock" {
		t.Errorf("the child may act, or uses what is not its own: %+v, %s, %s", c.Actions, c.StateDir, c.Control.Socket)
	}
	var said strings.Builder
	if code := runWorker([]string{"--config", filepath.Join(folder, "none.yaml")}, &said); code != exitConfig || !strings.HasPrefix(said.String(), errorPrefix) {
		t.Errorf("exit code %d, %s", code, said.String())
	}
}

func TestKeeperSleepEndsWithItsContext(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	scripted(t, "").sleep(ctx, time.Hour, "")
}
