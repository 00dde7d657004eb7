//go:build live

package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// mount mounts a file system in memory, which needs root.
func mount(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Fatalf("mount a tmpfs on %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	disk := mount(t, 2<<20)
	dir := filepath.Join(disk, "spool")
	s := open(t, dir)
	var want [][]Record
	full := 0
	for i := 0; full < 5; i++ {
		batch := records(fmt.Sprint(i), 500, 700) // several blocks
		err := s.Append(i%2, fmt.Sprint("tag", i), batch)
		if err == nil {
			if i%2 == 1 {
				want = append(want, batch)
			}
			continue
		}
		full++
		if !errors.Is(err, syscall.ENOSPC) || s.HasTag(fmt.Sprint("tag", i)) {
			t.Fatalf("got %v, want no space", err)
		}
		if got := folderBytes(t, dir); got != s.Stats().Bytes {
			t.Fatalf("%d bytes on disk, %d are known", got, s.Stats().Bytes)
		}
	}
	if len(want) == 0 {
		t.Fatal("nothing fit")
	}
	end := wantRecords(t, s, 1, Position{}, want...)
	wantRecords(t, open(t, dir), 1, Position{}, want...)

	if err := s.Release(1, end); err != nil {
		t.Fatal(err)
	}
	more := records("more", 500, 700)
	mustAppend(t, s, 1, "more", more)
	wantRecords(t, s, 1, end, more)
	wantRecords(t, open(t, dir), 1, end, more)
}

func TestFullDiskOfOthers(t *testing.T) {
	disk := mount(t, 1<<20)
	s := open(t, filepath.Join(disk, "spool"))
	a := records("a", 10, 100)
	mustAppend(t, s, 2, "", a)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	for range 3 {
		if err := s.Append(2, "", records("b", 100, 1000)); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("got %v, want no space", err)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, 2, "", a)
	wantRecords(t, s, 2, Position{}, a, a)
}

func TestReadOnlyDisk(t *testing.T) {
	disk := mount(t, 1<<20)
	dir := filepath.Join(disk, "spool")
	s := open(t, dir)
	a := records("a", 10, 100)
	mustAppend(t, s, 2, "", a)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(2, "", a); !errors.Is(err, syscall.EROFS) {
		t.Errorf("got %v, want a read-only file system", err)
	}
	end := wantRecords(t, s, 2, Position{}, a)
	if err := s.Release(2, end); !errors.Is(err, syscall.EROFS) {
		t.Errorf("got %v, want a read-only file system", err)
	}
	wantRecords(t, s, 2, Position{}, a)
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, 2, "", a)
	wantRecords(t, s, 2, end, a)
}
