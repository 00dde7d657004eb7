package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Patience of a registration process with an agent of 6.0.
const (
	lingerPoll = time.Second
	// lingerMore is longer than the agent takes to note whom it has started, or to get
	// past what it does at its own start.
	lingerMore = 2 * time.Second
)

// linger stays until the agent has a process of the plugin that works, or is gone.
//
// Agent 2 of 6.0 waits for the death of a child in two places at once. What comes
// second finds no child to wait for, unless another lives, and panics where it is the
// one that watches the registration (seen with 6.0.14). It starts the working process
// at the first question, which may come in a second or in a year. It never waits for
// the end of the registration process, as that of 7.0 does.
func linger(agent int, args []string) {
	for os.Getppid() == agent {
		if there, err := hasWorking("/proc", agent, args); there || err != nil {
			time.Sleep(lingerMore) // of a kernel that does not name children nothing better is known
			return
		}
		time.Sleep(lingerPoll)
	}
}

// hasWorking says whether the agent has a child with these arguments, but for the last:
// that is "false" where the child works.
func hasWorking(proc string, agent int, args []string) (bool, error) {
	lists, err := filepath.Glob(filepath.Join(proc, fmt.Sprint(agent), "task", "*", "children"))
	if err != nil || len(lists) == 0 {
		return false, fmt.Errorf("no children of process %d are named: %w", agent, os.ErrNotExist)
	}
	want := []byte(strings.Join(append(slices.Clone(args[:len(args)-1]), "false", ""), "\x00"))
	for _, list := range lists {
		pids, err := os.ReadFile(list)
		if err != nil {
			continue // that thread has ended
		}
		for pid := range strings.FieldsSeq(string(pids)) {
			if line, err := os.ReadFile(filepath.Join(proc, pid, "cmdline")); err == nil && bytes.Equal(line, want) {
				return true, nil
			}
		}
	}
	return false, nil
}
