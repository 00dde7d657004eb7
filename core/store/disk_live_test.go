//go:build live

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"penstock/core/cases"
	"penstock/core/event"
)

// small mounts a disk of that size. It needs root.
func small(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", bytes)); err != nil {
		t.Fatalf("mount a small disk (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillUp leaves no room on the disk.
func fillUp(t *testing.T, dir string) {
	t.Helper()
	f := got(os.Create(filepath.Join(dir, "filler")))(t)
	defer f.Close()
	for _, n := range []int{1 << 20, 4096} {
		for {
			if _, err := f.Write(make([]byte, n)); err != nil {
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatal(err)
				}
				break
			}
		}
	}
}

// TestFullDisk fills the disk below a store: everything that writes says so, what
// was stored is there, and the reserve gives room to store a verdict.
func TestFullDisk(t *testing.T) {
	ctx := t.Context()
	disk := small(t, 24<<20)
	dir := filepath.Join(disk, "state")
	o := smallOptions()
	o.ReserveBytes = 4 * mebibyte
	s, err := Open(ctx, dir, o, newClock().now)
	check(t, err)
	defer s.Close()
	if !got(s.Housekeep(ctx))(t).Reserve {
		t.Fatal("no reserve")
	}
	h := sampleCase(1, 1, event.High)
	b := sampleBatch(1)
	b.Cases = []cases.HeldState{h}
	check(t, s.SaveBatch(ctx, b))
	before := contentsOf(t, s)
	fillUp(t, disk)

	n := 1
	for err == nil { // the log may have pages left
		n++
		before = contentsOf(t, s)
		err = s.SaveBatch(ctx, sampleBatch(n))
	}
	failed := sampleBatch(n)
	if !IsFull(err) || IsReadOnly(err) || IsCorrupt(err) {
		t.Errorf("SaveBatch: %v", err)
	}
	for range 3 {
		if err := s.SaveBatch(ctx, failed); !IsFull(err) {
			t.Errorf("the same batch again: %v", err)
		}
	}
	if err := s.SaveSnapshot(ctx, writeText(strings.Repeat("x", 1<<16))); !IsFull(err) {
		t.Errorf("SaveSnapshot: %v", err)
	}
	if err := s.Backup(ctx, errorWriter{}, nil); !IsFull(err) {
		t.Errorf("Backup: %v", err)
	}
	wantDiff(t, before, contentsOf(t, s))

	check(t, s.FreeReserve())
	check(t, s.SaveBatch(ctx, failed))
	wantDiff(t, []uint64{1}, got(s.Commit(ctx, []Verdict{sampleVerdict(h, ByRules)}))(t))
	if got(s.Housekeep(ctx))(t).Reserve {
		t.Error("the reserve took the room that was needed")
	}
	after := contentsOf(t, s)
	check(t, s.Close())
	s, err = Open(ctx, dir, o, newClock().now)
	check(t, err)
	wantDiff(t, after, contentsOf(t, s))
	wantDiff(t, uint64(1000*n), after.Start.Totals["auth"].Lines)
	check(t, os.Remove(filepath.Join(disk, "filler")))
	if !got(s.Housekeep(ctx))(t).Reserve {
		t.Error("no reserve though there is room again")
	}
	check(t, s.Check(ctx))
}

type errorWriter struct{}

func (errorWriter) Write([]byte) (int, error) { return 0, errors.New("nobody listens") }

// TestOpenOnAFullDisk finds no room for the database, or for the files it works with.
func TestOpenOnAFullDisk(t *testing.T) {
	disk := small(t, 8<<20)
	dir := filepath.Join(disk, "state")
	check(t, os.Mkdir(dir, 0o700))
	fillUp(t, disk)
	_, err := Open(t.Context(), dir, smallOptions(), newClock().now)
	if !IsFull(err) {
		t.Errorf("a new store: %v", err)
	}
	check(t, os.Remove(filepath.Join(disk, "filler")))
	s := openAt(t, dir, newClock().now)
	check(t, s.SaveBatch(t.Context(), sampleBatch(1)))
	check(t, s.Close())
	fillUp(t, disk)
	s, err = Open(t.Context(), dir, smallOptions(), newClock().now)
	if err == nil {
		err = s.SaveBatch(t.Context(), sampleBatch(2))
		check(t, s.Close())
	}
	if !IsFull(err) {
		t.Errorf("a store that is there: %v", err)
	}
}

// TestReadOnlyDisk has the disk below a store mounted read-only.
func TestReadOnlyDisk(t *testing.T) {
	ctx := t.Context()
	disk := small(t, 24<<20)
	dir := filepath.Join(disk, "state")
	s := openAt(t, dir, newClock().now)
	h := sampleCase(1, 1, event.High)
	withCases(t, s, h)
	want := contentsOf(t, s)
	check(t, s.Close())
	remount := func(flags uintptr) {
		t.Helper()
		check(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|flags, ""))
	}
	remount(syscall.MS_RDONLY)
	_, err := Open(ctx, dir, smallOptions(), newClock().now)
	if !IsReadOnly(err) || IsFull(err) || IsCorrupt(err) {
		t.Errorf("Open: %v", err)
	}
	r, err := OpenReadOnly(ctx, dir, smallOptions(), newClock().now)
	check(t, err)
	wantDiff(t, want.Start.Book, got(r.Start(ctx, 100))(t).Book)
	check(t, r.Close())
	remount(0)
	wantDiff(t, want, contentsOf(t, openAt(t, dir, newClock().now)))
}

// TestDiskThatBecomesReadOnly does what ext4 does at an error: the disk below an open
// store takes no writes any more. A bind mount does so without asking.
func TestDiskThatBecomesReadOnly(t *testing.T) {
	ctx := t.Context()
	disk := small(t, 24<<20)
	dir := filepath.Join(disk, "state")
	s := openAt(t, dir, newClock().now)
	check(t, s.SaveBatch(ctx, sampleBatch(1)))
	err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	if !errors.Is(err, syscall.EBUSY) {
		check(t, err)
		if err := s.SaveBatch(ctx, sampleBatch(2)); !IsReadOnly(err) {
			t.Errorf("SaveBatch: %v", err)
		}
		return
	}
	// The kernel refuses while files are open; new files at least are refused.
	check(t, syscall.Mount(disk, disk, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { check(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	check(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""))
	if err := s.SaveSnapshot(ctx, writeText("x")); !IsReadOnly(err) {
		t.Errorf("SaveSnapshot: %v", err)
	}
	if err := s.FreeReserve(); !IsReadOnly(err) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("FreeReserve: %v", err)
	}
}

// TestIdleMemory holds what an open store adds to a process that does nothing.
func TestIdleMemory(t *testing.T) {
	ctx := t.Context()
	before := resident(t)
	s := openAt(t, folder(t), newClock().now)
	opened := resident(t)
	for i := range 2000 {
		b := sampleBatch(i + 1)
		b.Cases = []cases.HeldState{sampleCase(i%500+1, i, event.Medium)}
		check(t, s.SaveBatch(ctx, b))
		got(s.Commit(ctx, []Verdict{sampleVerdict(b.Cases[0], ByRules)}))(t)
	}
	got(s.Outbox(ctx, "log", 200))(t)
	busy := resident(t)
	runtime.GC()
	t.Logf("resident: %d KiB before, %d KiB opened, %d KiB after 2,000 batches and verdicts", before>>10, opened>>10, busy>>10)
	if opened-before > 16<<20 || busy-before > 32<<20 {
		t.Errorf("an open store takes %d KiB, a busy one %d KiB", (opened-before)>>10, (busy-before)>>10)
	}
}

// resident returns the resident memory of this process.
func resident(t *testing.T) int {
	t.Helper()
	var pages, own int
	_, err := fmt.Sscan(string(got(os.ReadFile("/proc/self/statm"))(t)), &pages, &own)
	check(t, err)
	return own * os.Getpagesize()
}
