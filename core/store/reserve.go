package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// keepReserve makes the reserve where there is room for twice its size, and reports
// whether it is there.
func (s *Store) keepReserve() (bool, error) {
	path := filepath.Join(s.dir, reserveName)
	want := s.opts.ReserveBytes
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() == want:
		return want > 0, nil
	case err == nil:
		if err := os.Remove(path); err != nil {
			return false, fmt.Errorf("change the reserve: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("look at the reserve: %w", err)
	}
	if want == 0 {
		return false, nil
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &disk); err != nil {
		return false, fmt.Errorf("look at the room on the disk: %w", err)
	}
	if int64(disk.Bavail)*int64(disk.Bsize) < 2*want {
		return false, nil
	}
	if err := allocate(path, want); err != nil {
		return false, fmt.Errorf("make the reserve: %w", err)
	}
	return true, nil
}

// allocate makes a file of that size whose blocks are its own.
func allocate(path string, bytes int64) error {
	f, err := os.OpenFile(path+newSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = syscall.Fallocate(int(f.Fd()), 0, 0, bytes)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		_, err = io.CopyN(f, zeros{}, bytes)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+newSuffix))
	}
	return os.Rename(path+newSuffix, path)
}

// zeros is an endless file of nothing.
type zeros struct{}

// Read gives zeros.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// FreeReserve gives the reserve back to the disk, for a write that found it full.
// The error is fs.ErrNotExist when it is given back already. Housekeep makes it
// again when there is room.
func (s *Store) FreeReserve() error {
	if err := os.Remove(filepath.Join(s.dir, reserveName)); err != nil {
		return fmt.Errorf("give the reserve back: %w", err)
	}
	return nil
}
