//go:build live

package logfile

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// mount mounts a file system of 512 KiB in memory, which needs root.
func mount(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
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
	disk := mount(t)
	dir := filepath.Join(disk, "log")
	l := mustOpen(t, dir, roomy(), at(start))
	seq, full := uint64(0), 0
	for full < 5 {
		err := l.Write(large(seq+1, seq+3))
		if err == nil {
			seq += 3
			continue
		}
		full++
		if !errors.Is(err, syscall.ENOSPC) || l.LastSeq() != seq {
			t.Fatalf("record %d: %v, want no space", l.LastSeq(), err)
		}
		if r := mustVerify(t, dir, l.Head().String()); r.Records != seq || r.Torn != 0 {
			t.Fatalf("%+v", r)
		}
	}
	if seq < 20 {
		t.Fatalf("only %d records fit", seq)
	}
	o := roomy()
	o.KeepBytes = 128 << 10 // makes room
	l = mustOpen(t, dir, o, at(start))
	mustWrite(t, l, large(seq+1, seq+3))
	if r := mustVerify(t, dir, l.Head().String()); r.Last != seq+3 {
		t.Errorf("%+v", r)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	disk := mount(t)
	dir := filepath.Join(disk, "log")
	l := mustOpen(t, dir, roomy(), at(start))
	mustWrite(t, l, large(1, 6))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = mustOpen(t, dir, roomy(), at(start))
	if err := l.Close(); err != nil { // a file open for writing keeps it from being remounted
		t.Fatal(err)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, roomy(), at(start)); !errors.Is(err, syscall.EROFS) {
		t.Errorf("got %v, want a read-only file system", err)
	}
	mustVerify(t, dir, l.Head().String())
}
