package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
)

var (
	// ErrBusy means that another worker has the state directory.
	ErrBusy = errors.New("another worker uses this state directory")
	// ErrBroken means that the database is damaged or is none.
	ErrBroken = errors.New("the database is damaged or is not one of Penstock's: " +
		"move it away and restore a backup, or start anew without it")
	// ErrStale means that a model's verdict is on a revision that the case has left
	// behind.
	ErrStale = errors.New("the case has changed meanwhile")
	// ErrOrderState means that an order is not in a state from which it can go where
	// it was to go.
	ErrOrderState = errors.New("the order is not in the state for this")
	// ErrBackingUp means that no snapshot can be saved because a backup is being
	// taken of the one that is there: try again later.
	ErrBackingUp = errors.New("a backup is being taken")
	// ErrNotEmpty means that a backup cannot be restored where there is a state.
	ErrNotEmpty = errors.New("the state directory is not empty")

	// errOnly is given by a Store that was opened to read only, and for a disk that is
	// mounted so.
	errOnly = errors.New("the state directory can only be read")
)

// NewerError means that a newer version of Penstock wrote the database.
type NewerError struct {
	Have, Know int // versions of the schema: of the database, and the newest known here
}

// Error implements error.
func (e *NewerError) Error() string {
	return fmt.Sprintf("the database was written by a newer version of Penstock (schema %d, this one knows %d): "+
		"install that version again, or restore a backup taken before the upgrade", e.Have, e.Know)
}

// Primary and extended result codes of SQLite (https://www.sqlite.org/rescode.html),
// of which the driver exports none.
const (
	codeReadOnly  = 8
	codeIO        = 10
	codeCorrupt   = 11
	codeFull      = 13
	codeCantOpen  = 14
	codeNotADB    = 26
	codeShmSize   = codeIO | 19<<8 // no room for the index of the write-ahead log
	primaryOfCode = 0xff
)

func codeOf(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// IsFull reports whether err came from a disk without room.
func IsFull(err error) bool {
	code := codeOf(err)
	return code&primaryOfCode == codeFull || code == codeShmSize ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsReadOnly reports whether err came from a disk, a file or a Store that can
// only be read.
func IsReadOnly(err error) bool {
	return codeOf(err)&primaryOfCode == codeReadOnly || errors.Is(err, errOnly) || errors.Is(err, syscall.EROFS)
}

// IsCorrupt reports whether err says that the database is damaged.
func IsCorrupt(err error) bool {
	code := codeOf(err) & primaryOfCode
	return code == codeCorrupt || code == codeNotADB || errors.Is(err, ErrBroken)
}

// explain adds to an error of SQLite what it does not say: that a page makes no
// sense, or that the disk below has become read-only.
func (s *Store) explain(err error) error {
	code := codeOf(err) & primaryOfCode
	switch {
	case err == nil || errors.Is(err, ErrBroken):
		return err
	case code == codeCorrupt || code == codeNotADB:
		return fmt.Errorf("%w: %w", ErrBroken, err)
	case (code == codeIO || code == codeCantOpen) && isMountedReadOnly(s.dir):
		return fmt.Errorf("%w: %w", errOnly, err)
	}
	return err
}

// isMountedReadOnly reports whether the file system below dir takes no writes. One
// that stopped taking them after an error of its disk may not say so, but refuses
// to open a file for them.
func isMountedReadOnly(dir string) bool {
	const readOnly = 1 // ST_RDONLY of statfs(2)
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) == nil && fs.Flags&readOnly != 0 {
		return true
	}
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	if err != nil {
		return errors.Is(err, syscall.EROFS)
	}
	_ = file.Close() // nothing was written to it
	return false
}
