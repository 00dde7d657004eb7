//go:build live

package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/e2e/lab"
)

const journaldProgram = "/lib/systemd/systemd-journald"

// journald is a journal daemon with a namespace of its own.
type journald struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	n    int
}

func startJournald(t *testing.T) *journald {
	t.Helper()
	if _, err := os.Stat(journaldProgram); err != nil {
		lab.Install(t, "systemd")
	}
	j := &journald{t: t, name: fmt.Sprintf("penstock%d", rand.Uint32())}
	id, err := os.ReadFile("/etc/machine-id")
	must(t, err)
	conf := "/etc/systemd/journald@" + j.name + ".conf"
	dirs := []string{"/run/systemd/journal." + j.name, "/run/log/journal/" + strings.TrimSpace(string(id)) + "." + j.name}
	for _, dir := range dirs {
		must(t, os.MkdirAll(dir, 0o755))
	}
	must(t, os.WriteFile(conf, []byte("[Journal]\nStorage=volatile\nRateLimitBurst=0\nRuntimeMaxFileSize=1M\nRuntimeMaxUse=1G\nForwardToSyslog=no\n"), 0o600))
	t.Cleanup(func() {
		j.stop()
		for _, path := range append(dirs, conf) {
			os.RemoveAll(path)
		}
	})
	j.start()
	return j
}

// start starts the daemon, after boot in another boot.
func (j *journald) start(boot ...string) {
	j.t.Helper()
	program := []string{journaldProgram, j.name}
	if len(boot) > 0 {
		file := filepath.Join(j.t.TempDir(), "boot")
		must(j.t, os.WriteFile(file, []byte(boot[0]+"\n"), 0o600))
		program = append([]string{"unshare", "--mount", "sh", "-c", `mount --bind "$1" ` + bootFile + ` && shift && exec "$@"`, "sh", file}, program...)
	}
	socket := j.socket()
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		j.t.Fatal(err)
	}
	j.cmd = exec.Command(program[0], program[1:]...)
	must(j.t, j.cmd.Start())
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return
		}
		if time.Now().After(deadline) {
			j.t.Fatal("the journal daemon does not listen")
		}
	}
}

func (j *journald) socket() string { return "/run/systemd/journal." + j.name + "/dev-log" }

func (j *journald) stop() {
	if j.cmd != nil {
		must(j.t, j.cmd.Process.Signal(os.Interrupt))
		_ = j.cmd.Wait() // however it ended
		j.cmd = nil
	}
}

// send writes n numbered messages, and waits until the daemon has stored them.
func (j *journald) send(n int) {
	j.t.Helper()
	c, err := net.Dial("unixgram", j.socket())
	must(j.t, err)
	defer c.Close()
	for range n {
		j.n++
		_, err := fmt.Fprintf(c, "<13>test: number %d", j.n)
		must(j.t, err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if out := j.ctl("--output=cat", "--quiet", "--lines=1", "--identifier=test"); strings.TrimSpace(out) == fmt.Sprintf("number %d", j.n) {
			return
		} else if time.Now().After(deadline) {
			j.t.Fatalf("the daemon has stored %q, not %d", out, j.n)
		}
	}
}

func (j *journald) ctl(args ...string) string {
	j.t.Helper()
	out, err := exec.Command("journalctl", append([]string{"--namespace=" + j.name}, args...)...).Output()
	must(j.t, err)
	return string(out)
}

// numbers returns the numbers of the messages that were handed over, in order.
func numbers(t *testing.T, text string) []int {
	t.Helper()
	var all []int
	for line := range strings.Lines(text) {
		var entry struct {
			Message string `json:"MESSAGE"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		var n int
		if _, err := fmt.Sscanf(entry.Message, "number %d", &n); err == nil {
			all = append(all, n)
		}
	}
	return all
}

func wantNumbers(t *testing.T, from, to int, text string) {
	t.Helper()
	var want []int
	for n := from; n <= to; n++ {
		want = append(want, n)
	}
	if diff := cmp.Diff(want, numbers(t, text)); diff != "" {
		t.Errorf("numbers (-want +got):\n%.4000s", diff)
	}
}

func TestLiveJournald(t *testing.T) {
	j := startJournald(t)
	o := Options{{Name: "journal", Kind: KindJournald, Namespace: j.name}}
	j.send(1000)
	run := start(t, o, fast(), nil)
	reach := func() {
		t.Helper()
		last := fmt.Appendf(nil, `"number %d"`, j.n)
		run.until("the newest entry", func() bool { return bytes.Contains([]byte(run.text()), last) })
	}
	reach()
	restart := func() { run = start(t, o, fast(), run.end()) }
	events := []func(){
		func() { j.ctl("--rotate") },
		restart,
		func() { // stopped in the middle
			chunks := run.end()
			j.send(3000)
			run = start(t, o, fast(), chunks)
			run.until("some entries", func() bool { return len(run.text()) > len(textIn(chunks)) })
			restart()
		},
		func() { j.stop(); j.start() },
	}
	for range 3 {
		for _, event := range events {
			j.send(300)
			event()
			reach()
		}
	}
	chunks := run.end()
	wantNumbers(t, 1, j.n, textIn(chunks))

	r, err := Open(o, fast())
	must(t, err)
	for i := 0; i < len(chunks); {
		n := min(1+i%7, len(chunks)-i)
		var got strings.Builder
		must(t, r.Again(t.Context(), "journal", chunks[i].From, chunks[i+n-1].To, func(text string) error { got.WriteString(text); return nil }))
		// The order of an entry's fields changes from one journalctl to the next.
		wantSame(t, numbers(t, textIn(chunks[i:i+n])), numbers(t, got.String()))
		i += n
	}
	r.closeAgain()

	t.Run("vacuumed while down", func(t *testing.T) { vacuumed(t, j, o, chunks) })
}

// vacuumed reads on behind entries that are not kept any more.
func vacuumed(t *testing.T, j *journald, o Options, chunks []Chunk) {
	first := j.n + 1
	j.send(100)
	for deadline := time.Now().Add(patience); len(numbers(t, j.ctl("--output=json", "--quiet", "--identifier=test"))) > 100; {
		j.ctl("--rotate")
		j.ctl("--vacuum-files=1")
		j.send(10)
		if time.Now().After(deadline) {
			t.Fatal("nothing is vacuumed")
		}
	}
	run := start(t, o, fast(), chunks)
	run.until("the newest entry", func() bool { return strings.Contains(run.text(), fmt.Sprintf(`"number %d"`, j.n)) })
	fresh := run.end()[len(chunks):]
	got := numbers(t, textIn(fresh))
	if len(got) == 0 || got[0] <= first || got[len(got)-1]-got[0] != len(got)-1 {
		t.Errorf("numbers %v, want the last ones of %d to %d", got, first, j.n)
	}
	if fresh[0].Gap != GapVacuumed {
		t.Errorf("gap %q", fresh[0].Gap)
	}
	r, err := Open(o, fast())
	must(t, err)
	defer r.closeAgain()
	err = r.Again(t.Context(), "journal", chunks[0].To, chunks[1].To, func(string) error { t.Error("text"); return nil })
	if !errors.Is(err, ErrGone) {
		t.Errorf("error %v, want ErrGone", err)
	}
}

func wantSame(t *testing.T, want, got []int) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%.4000s", diff)
	}
}

// TestLiveJournaldOfAnEarlierBoot reads on after a boot in what was written before.
func TestLiveJournaldOfAnEarlierBoot(t *testing.T) {
	j := startJournald(t)
	o := Options{{Name: "journal", Kind: KindJournald, Namespace: j.name}}
	j.send(10)
	run := start(t, o, fast(), nil)
	run.until("the first entries", func() bool { return len(numbers(t, run.text())) == 10 })
	chunks := run.end()
	j.send(10)
	j.stop()
	j.start("11111111-2222-4333-8444-555555555555")
	j.send(10)
	r, err := Open(o, fast())
	must(t, err)
	r.boot = "11111111222243338444555555555555"
	// journalctl asks the kernel which boot it is.
	r.program = filepath.Join(t.TempDir(), "journalctl")
	boot := filepath.Join(t.TempDir(), "boot")
	must(t, os.WriteFile(boot, []byte("11111111-2222-4333-8444-555555555555\n"), 0o600))
	must(t, os.WriteFile(r.program, []byte("#!/bin/sh\nexec unshare --mount sh -c 'mount --bind "+boot+" "+bootFile+" && exec journalctl \"$@\"' sh \"$@\"\n"), 0o700))
	run = startReader(t, r, chunks)
	run.until("all entries", func() bool { return len(numbers(t, run.text())) >= 30 })
	j.send(10)
	run.until("later entries", func() bool { return len(numbers(t, run.text())) >= 40 })
	all := run.end()
	wantNumbers(t, 1, j.n, textIn(all))
	for _, c := range all {
		if c.Gap != "" {
			t.Errorf("gap %q", c.Gap)
		}
	}
}
