//go:build live

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// journal is a journal daemon with a namespace of its own, which nothing but the
// test writes to.
type journal struct{ name string }

func startJournal(t *testing.T) *journal {
	t.Helper()
	need(t, map[string]string{"journalctl": "systemd"})
	j := &journal{name: fmt.Sprintf("penstock%d", rand.Uint32())}
	machine, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		t.Fatal(err)
	}
	conf := "/etc/systemd/journald@" + j.name + ".conf"
	folders := []string{"/run/systemd/journal." + j.name, "/run/log/journal/" + strings.TrimSpace(string(machine)) + "." + j.name}
	for _, folder := range folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Its files are small, so that it rotates by itself as well.
	writeFile(t, conf, "[Journal]\nStorage=volatile\nRateLimitBurst=0\nRuntimeMaxFileSize=8M\nRuntimeMaxUse=1G\nRuntimeKeepFree=1M\nRuntimeMaxFiles=1000\nForwardToSyslog=no\n")
	daemon := exec.Command("/lib/systemd/systemd-journald", j.name)
	t.Cleanup(func() {
		if daemon.Process != nil {
			_ = daemon.Process.Signal(os.Interrupt)
			_ = daemon.Wait()
		}
		for _, path := range append(folders, conf) {
			os.RemoveAll(path)
		}
	})
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the journal daemon's socket", func() bool {
		_, err := os.Stat(j.socket())
		return err == nil
	})
	return j
}

func (j *journal) socket() string { return "/run/systemd/journal." + j.name + "/dev-log" }

// ctl lets the daemon do something, for instance rotate its files.
func (j *journal) ctl(args ...string) error {
	args = append([]string{"--namespace=" + j.name}, args...)
	text, err := exec.Command("journalctl", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("journalctl %v: %w: %s", args, err, text)
	}
	return nil
}

// ownEntries returns how many entries the daemon itself has written, once all that
// was sent to it is there.
func (j *journal) ownEntries(t *testing.T, lines int) uint64 {
	t.Helper()
	var all, sent int
	count := func(args ...string) int {
		text, err := exec.Command("journalctl", append([]string{"--namespace=" + j.name, "--output=cat", "--quiet"}, args...)...).Output()
		if err != nil {
			t.Fatalf("journalctl: %v", err)
		}
		return strings.Count(string(text), "\n")
	}
	last := -1
	eventually(t, "a journal in which nothing comes any more", func() bool {
		all, sent = count(), count("--identifier=sshd", "--identifier=dhcpd", "--identifier=app")
		same := all == last
		last = all
		if !same {
			time.Sleep(time.Second) // between two looks
		}
		return same
	})
	if sent != lines {
		t.Fatalf("the journal holds %d of the %d lines that were sent", sent, lines)
	}
	return uint64(all - sent)
}
