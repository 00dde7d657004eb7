package intake

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// entry is one regular file that belongs, or may belong, to a source.
type entry struct {
	path    string
	dev     uint64
	ino     uint64
	size    int64
	mtime   int64 // Unix nanoseconds
	family  string
	rotated bool // has another name than the one that is written to
	serial  int
	day     string // of a Wazuh manager's file, sorting by age
	packed  bool
	twin    bool // packed, and what it is packed from is still there
	foreign bool // in the same folder, but no name of the source's
}

// id is what tells files apart while they exist.
type id struct{ dev, ino uint64 }

func (e *entry) id() id { return id{e.dev, e.ino} }

// lister lists the files of a source. known says whether a family was seen
// before; with wide it also lists what else is in the same folders, where a file
// may have got another name.
type lister func(known func(family string) bool, wide bool) ([]*entry, error)

// look fills in what the file system says of the entry, and says whether it is a
// regular file.
func (e *entry) look(stat func(string) (os.FileInfo, error)) bool {
	info, err := stat(e.path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	e.size, e.mtime = info.Size(), info.ModTime().UnixNano()
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		e.dev, e.ino = uint64(s.Dev), s.Ino //nolint:unconvert // Dev is narrower on some machines
	}
	return true
}

// listFile lists one file and what it becomes by rotation, beside it and, where
// the path is a symbolic link, beside what it points to.
func listFile(path string) lister {
	path = filepath.Clean(path)
	return func(_ func(string) bool, wide bool) ([]*entry, error) {
		family := familyOf(path)
		found, err := siblings(path, family, wide)
		if target, linkErr := filepath.EvalSymlinks(path); linkErr == nil && target != path && err == nil {
			var more []*entry
			if more, err = siblings(target, family, wide); err == nil {
				found = append(found, more...)
			}
		}
		return distinct(found), err
	}
}

// siblings lists a file and its rotated forms in one folder.
func siblings(path, family string, wide bool) ([]*entry, error) {
	dir, base := filepath.Split(path)
	names, err := namesIn(dir)
	if err != nil {
		return nil, err
	}
	isBase := func(name string) bool { return name == base }
	var found []*entry
	for _, name := range names {
		e := &entry{path: filepath.Join(dir, name), family: family, packed: isPacked(name)}
		if name != base {
			r, ok := rotatedFrom(name, isBase)
			if !ok && !wide {
				continue
			}
			e.rotated, e.foreign, e.serial = true, !ok, r.serial
		}
		if e.look(os.Stat) {
			found = append(found, e)
		}
	}
	return twins(found), nil
}

// listPattern lists the files whose path matches the pattern.
func listPattern(pattern string) lister {
	return func(known func(string) bool, wide bool) ([]*entry, error) {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", pattern, err)
		}
		if len(paths) == 0 {
			if _, err := os.Stat(filepath.Dir(pattern)); err != nil && !strings.ContainsAny(filepath.Dir(pattern), `*?[\`) {
				return nil, err
			}
		}
		byDir := map[string]map[string]bool{}
		for _, p := range paths {
			dir, name := filepath.Split(p)
			if byDir[dir] == nil {
				byDir[dir] = map[string]bool{}
			}
			byDir[dir][name] = true
		}
		var found []*entry
		for dir, matched := range byDir {
			more, err := group(dir, os.Stat, func(name string) bool { return matched[name] }, known, wide)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
		}
		return distinct(found), nil
	}
}

// listDir lists the regular files of a folder, but hidden ones. It follows no
// symbolic links: others may be able to make some there.
func listDir(dir string) lister {
	return func(known func(string) bool, wide bool) ([]*entry, error) {
		found, err := group(dir, os.Lstat, func(string) bool { return true }, known, wide)
		return distinct(found), err
	}
}

// group lists the files of a folder that are wanted and what they become by
// rotation. A name is a rotated one only where the name that it had is there too,
// or was once: 10.0.0.1 is not a rotated 10.0.0.
func group(dir string, stat func(string) (os.FileInfo, error), wanted, known func(string) bool, wide bool) ([]*entry, error) {
	names, err := namesIn(dir)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = wanted(name)
	}
	isBase := func(name string) bool {
		return there[name] || known(familyOf(filepath.Join(dir, name)))
	}
	var found []*entry
	for _, name := range names {
		e := &entry{path: filepath.Join(dir, name), packed: isPacked(name)}
		base := name
		switch r, ok := rotatedFrom(name, isBase); {
		case ok:
			base, e.rotated, e.serial = r.base, true, r.serial
		case e.packed: // nobody writes to it any more
			base, e.rotated = strings.TrimSuffix(name, ".gz"), true
			e.foreign = !there[name]
		case !there[name]:
			e.foreign = true
		}
		if e.foreign && !wide {
			continue
		}
		e.family = familyOf(filepath.Join(dir, base))
		if e.look(stat) {
			found = append(found, e)
		}
	}
	return twins(found), nil
}

// namesIn lists what is in a folder, but hidden names.
func namesIn(dir string) ([]string, error) {
	if dir == "" {
		dir = "."
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	if err = errors.Join(err, d.Close()); err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	visible := names[:0]
	for _, name := range names {
		if !strings.HasPrefix(name, ".") {
			visible = append(visible, name)
		}
	}
	return visible, nil
}

// twins marks packed files that are perhaps not finished, because what they are
// packed from is still there.
func twins(found []*entry) []*entry {
	there := make(map[string]bool, len(found))
	for _, e := range found {
		there[e.path] = true
	}
	for _, e := range found {
		e.twin = e.packed && there[strings.TrimSuffix(e.path, ".gz")]
	}
	return found
}

// distinct keeps one entry for each file that has several names, and that is the
// one that is written to.
func distinct(found []*entry) []*entry {
	at := make(map[id]int, len(found))
	kept := found[:0]
	for _, e := range found {
		i, twice := at[e.id()]
		if !twice {
			at[e.id()] = len(kept)
			kept = append(kept, e)
			continue
		}
		old := kept[i]
		if old.rotated && !e.rotated || old.foreign && !e.foreign {
			e.day = max(e.day, old.day)
			kept[i] = e
		} else {
			old.day = max(e.day, old.day)
		}
	}
	return kept
}

// notThere says whether an error means only that there is nothing yet.
func notThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }
