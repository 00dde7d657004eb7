package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"penstock/core/spool"
)

const (
	// MaxDrop is how large a file in a drop folder may be, in bytes.
	MaxDrop = 64 << 20

	takenName   = ".taken"   // where a file is moved to before it is read: nobody else can get there
	refusedName = ".refused" // where what is not read stays, for people to look at
	dropNames   = 1000       // listed at once
)

// drop takes whole files out of a folder that others write to. Whoever writes
// there may be an attacker: nothing but a regular file is opened, nothing is
// followed, and a name is never more than a name.
type drop struct {
	source Source
	env    Env
	status *status
	lanes  *lanes
	warned bool
	reason error // why a file was refused last
}

func (d *drop) run(ctx context.Context) error {
	if err := d.prepare(); err != nil {
		return err
	}
	for {
		waiting, err := d.scan(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		d.status.waits(waiting, 0, waiting == 0)
		if !sleep(ctx, d.env.Poll) {
			return ctx.Err()
		}
	}
}

// prepare makes the folders that only we may enter.
func (d *drop) prepare() error {
	info, err := os.Stat(d.source.Path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no folder", d.source.Path)
	}
	if info.Mode().Perm()&0o004 != 0 && !d.warned {
		d.warned = true
		d.env.Log.Warn("others may read what is dropped; chmod 1733 lets them only write",
			"source", d.source.Name, "mode", info.Mode().Perm().String())
	}
	for _, name := range []string{takenName, refusedName} {
		path := filepath.Join(d.source.Path, name)
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := private(path); err != nil {
			return err
		}
	}
	d.lanes, err = newLanes(d.source, d.env)
	return err
}

// private checks that a folder is one, ours, and closed to others.
func private(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || ok && int(s.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not ours: somebody else made it; remove it", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return os.Chmod(path, 0o700) //nolint:gosec // a folder needs x
	}
	return nil
}

// scan takes all files that are there, those of an earlier run first, and returns
// how many could not be taken.
func (d *drop) scan(ctx context.Context) (int, error) {
	taken := filepath.Join(d.source.Path, takenName)
	if err := d.each(ctx, taken, func(name string) error { return d.take(ctx, filepath.Join(taken, name)) }); err != nil {
		return 0, err
	}
	waiting := 0
	var problem error
	err := d.each(ctx, d.source.Path, func(name string) error {
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".part") {
			return nil
		}
		to := filepath.Join(taken, name)
		switch err := os.Rename(filepath.Join(d.source.Path, name), to); {
		case errors.Is(err, fs.ErrNotExist):
			return nil // whoever put it there took it away again
		case err != nil:
			waiting++
			problem = fmt.Errorf("cannot take %q out of %s: %w", name, d.source.Path, plainError(err))
			return nil
		}
		return d.take(ctx, to)
	})
	if problem == nil {
		problem = d.refused()
	}
	if d.status.failed(problem) && problem != nil {
		d.env.Log.Warn("not everything in the drop folder is read", "source", d.source.Name, "err", problem)
	}
	return waiting, err
}

// refused says that there is what a person should look at, until it is gone.
func (d *drop) refused() error {
	path := filepath.Join(d.source.Path, refusedName)
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // it was only read
	if names, _ := dir.Readdirnames(1); len(names) == 0 {
		return nil
	}
	if d.reason == nil {
		return fmt.Errorf("%s holds files that were not read: look at them and remove them", path)
	}
	return d.reason
}

// each calls do for all names in a folder, some at a time and those in order.
func (d *drop) each(ctx context.Context, path string, do func(name string) error) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }() // it was only read
	for {
		names, err := dir.Readdirnames(dropNames)
		slices.Sort(names)
		for _, name := range names {
			if err := errors.Join(ctx.Err(), do(name)); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF) || err == nil && len(names) == 0:
			return nil
		case err != nil:
			return fmt.Errorf("list %s: %w", path, err)
		}
	}
}

// take moves one file that is in our own folder into the spool.
func (d *drop) take(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil { // a symbolic link, a socket, or not readable for us
		return d.refuse(path, "cannot be opened: "+plainError(err).Error())
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return d.refuse(path, "is no regular file")
	case info.Size() > MaxDrop:
		return d.refuse(path, fmt.Sprintf("is larger than %d MiB", MaxDrop>>20))
	}
	whole, err := d.store(ctx, f, info)
	if err != nil {
		return fmt.Errorf("store %q: %w", filepath.Base(path), err)
	}
	if after, err := f.Stat(); err != nil || !whole || after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime()) {
		return d.refuse(path, "was changed while it was read: a file must be written under a name that ends in .tmp and renamed when it is whole")
	}
	return os.Remove(path)
}

// store puts the lines of a file into the spool. Each batch has a name that the
// same file would give it again, so that none is stored twice when a crash comes
// before the file is removed. It returns false when the file got shorter meanwhile.
func (d *drop) store(ctx context.Context, f *os.File, info os.FileInfo) (bool, error) {
	tag := tagOf(filepath.Base(f.Name()), info)
	received := d.env.received()
	var parts [spool.Lanes]int
	flush := func(lane int) error {
		name := fmt.Sprintf("%s:%d:%d", tag, lane, parts[lane])
		parts[lane]++
		return persist(ctx, d.env, d.status, func() error { return d.lanes.flush(lane, name) })
	}
	for lane := range spool.Lanes {
		d.lanes.clear(lane) // of an attempt that failed
	}
	t := newTail(&plain{f, inode(info)}, pos{})
	t.limit = info.Size()
	var buf []byte
	for t.pos.offset < t.limit {
		p, err := t.next(&buf, true)
		if errors.Is(err, errOther) || err == nil && p.text == "" && !p.more {
			break
		}
		if err != nil {
			return false, err
		}
		for line := range bytes.Lines([]byte(p.text)) {
			if lane := d.lanes.add(bytes.TrimSuffix(line, []byte("\n")), received); d.lanes.size[lane] >= chunkBytes {
				if err := flush(lane); err != nil {
					return false, err
				}
			}
		}
		if p.text != "" {
			t.take(p)
		}
	}
	for lane := spool.Lanes - 1; lane >= 0; lane-- {
		if err := flush(lane); err != nil {
			return false, err
		}
	}
	return t.pos.offset == t.limit, nil
}

// tagOf names a file by what makes it that file.
func tagOf(name string, info os.FileInfo) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%d", name, inode(info), info.Size(), info.ModTime().UnixNano()))
	return hex.EncodeToString(h[:16])
}

// refuse moves what is not read to where it is not looked at again.
func (d *drop) refuse(path, why string) error {
	name := filepath.Base(path)
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	to := filepath.Join(d.source.Path, refusedName, tagOf(name, info))
	if err := os.Rename(path, to); err != nil {
		return err
	}
	d.reason = fmt.Errorf("%q was not read and is now %s, to be looked at and removed: it %s", name, to, why)
	return nil
}
