package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// cgroupRoot is where the kernel shows its control groups of version 2.
const cgroupRoot = "/sys/fs/cgroup"

// fence is a control group that bounds the memory of a child with all that it
// starts. Few agents may make one: the service manager has to delegate a group with
// the memory controller to it. Where there is none the child bounds its own address
// space instead.
type fence struct {
	folder string
	group  *os.File // nil where there is none
	kills  int      // before the child was started
}

// makeFence makes the group below the plugin's own, where the kernel lets it.
func makeFence(root string, memory int64) *fence {
	f := &fence{}
	own, err := ownGroup()
	if err != nil {
		return f
	}
	parent := filepath.Join(root, own)
	if has, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers")); err != nil || !contains(has, "memory") {
		return f
	}
	if has, err := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control")); err != nil || !contains(has, "memory") {
		// The kernel refuses this while processes are in the group itself.
		if os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+memory"), 0) != nil {
			return f
		}
	}
	f.folder = filepath.Join(parent, fmt.Sprintf("penstock-worker-%d", os.Getpid()))
	if err := f.make(memory); err != nil {
		f.remove()
	}
	return f
}

func (f *fence) make(memory int64) error {
	if err := os.Mkdir(f.folder, 0o755); err != nil && !errors.Is(err, os.ErrExist) { //nolint:gosec // the kernel's
		return err
	}
	if err := os.WriteFile(filepath.Join(f.folder, "memory.max"), []byte(strconv.FormatInt(memory, 10)), 0); err != nil {
		return err
	}
	// Both are missing on some kernels, and the bound holds without them.
	_ = os.WriteFile(filepath.Join(f.folder, "memory.swap.max"), []byte("0"), 0)
	_ = os.WriteFile(filepath.Join(f.folder, "memory.oom.group"), []byte("1"), 0)
	f.kills = f.oomKills()
	var err error
	f.group, err = os.Open(f.folder)
	return err
}

// enclose has the child start inside.
func (f *fence) enclose(attr *syscall.SysProcAttr) {
	if f.group != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(f.group.Fd())
	}
}

// ranOut says whether the kernel killed in the group for lack of memory.
func (f *fence) ranOut() bool { return f.group != nil && f.oomKills() > f.kills }

func (f *fence) oomKills() int {
	text, err := os.ReadFile(filepath.Join(f.folder, "memory.events"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, _ := strconv.Atoi(strings.TrimSpace(n))
			return kills
		}
	}
	return 0
}

// remove removes the group. The kernel keeps it while something is in it.
func (f *fence) remove() {
	if f.group != nil {
		_ = f.group.Close()
		f.group = nil
	}
	if f.folder != "" {
		_ = os.Remove(f.folder)
	}
}

// ownGroup returns the path of the plugin's own group of version 2.
func ownGroup() (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSpace(path), nil
		}
	}
	return "", errors.New("no control group of version 2")
}

func contains(words []byte, word string) bool {
	return slices.Contains(strings.Fields(string(words)), word)
}

// limitAddressSpace bounds what this process may map beyond what it has now. The Go
// runtime reserves more than a gigabyte of addresses at its start, more on some
// machines than on others, so a fixed bound would kill it at once or do nothing.
func limitAddressSpace(memory int64) error {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text) + " ")[0], 10, 64)
	if err != nil {
		return fmt.Errorf("read /proc/self/statm: %w", err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		return err
	}
	most := uint64(pages)*uint64(os.Getpagesize()) + uint64(memory)
	limit.Cur, limit.Max = min(most, limit.Max), min(most, limit.Max)
	return syscall.Setrlimit(syscall.RLIMIT_AS, &limit)
}
