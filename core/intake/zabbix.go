package intake

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"penstock/core/decode"
)

// exported are the names of what a Zabbix server exports into its ExportDir: one file
// for each of its processes and kind of line. Trends are left out: they say an hour
// later what the values said. A file that has reached ExportFileSize gets .old behind
// its name, in place of the one that had it.
var exported = regexp.MustCompile(`^(?:problems|history)-[a-z0-9-]+-\d+\.ndjson$`)

// listExport lists the files of an ExportDir and what they become by rotation. What
// stands in them counts as said by the server, so nobody else may be able to write
// them: the error says who can, and then nothing new is read.
func listExport(dir string) lister {
	dir = filepath.Clean(dir)
	writers := exportWriters()
	return func(known func(string) bool, wide bool) ([]*entry, error) {
		owner, err := writers.folder(dir)
		if err != nil {
			return nil, err
		}
		found, err := group(dir, os.Lstat, exported.MatchString, known, wide)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if e.foreign {
				continue
			}
			if err := writers.file(e.path, owner); err != nil {
				return nil, err
			}
		}
		return distinct(found), nil
	}
}

// writers are the users who may write what a server exports: root, this process's, and
// those that packages run a server as.
type writers map[uint32]bool

func exportWriters() writers {
	w := writers{0: true, uint32(os.Geteuid()): true}
	for _, name := range []string{"zabbix", "zabbixsrv"} {
		if u, err := user.Lookup(name); err == nil {
			if id, err := strconv.ParseUint(u.Uid, 10, 32); err == nil {
				w[uint32(id)] = true
			}
		}
	}
	return w
}

// folder returns the owner of an ExportDir. It is an error where others can write to it,
// or can put another folder in its place.
func (w writers) folder(dir string) (owner uint32, err error) {
	dir, err = filepath.EvalSymlinks(dir)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return 0, err
	case !info.IsDir():
		return 0, fmt.Errorf("%s is no folder", dir)
	case isOpen(info):
		return 0, fmt.Errorf("everybody can write to %s (%s), so what is in it may be anybody's: chmod o-w it", dir, info.Mode())
	}
	owner = ownerOf(info)
	for child, parent := dir, filepath.Dir(dir); child != parent; child, parent = parent, filepath.Dir(parent) {
		above, err := os.Stat(parent)
		if err != nil {
			return 0, err
		}
		switch by := ownerOf(info); {
		case !isOpen(above):
		case above.Mode()&os.ModeSticky == 0:
			return 0, fmt.Errorf("everybody can put another folder in the place of %s, for everybody can write to %s (%s)", child, parent, above.Mode())
		case !w[by]:
			return 0, fmt.Errorf("%s belongs to user %d, who is not known to be the server's, and everybody could have made it: name a folder that is not in %s", child, by, parent)
		}
		info = above
	}
	return owner, nil
}

// file says what is wrong with a file in a folder of that owner. A file that is gone is
// not wrong.
func (w writers) file(path string, folder uint32) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return ignoreGone(err)
	case isOpen(info):
		return fmt.Errorf("everybody can write to %s (%s), so what is in it may be anybody's: chmod o-w it", path, info.Mode())
	}
	if by := ownerOf(info); by != folder && !w[by] {
		return fmt.Errorf("%s belongs to user %d and not to the owner of its folder, user %d, so the server did not write it: look at it and remove it", path, by, folder)
	}
	return nil
}

func ignoreGone(err error) error {
	if notThere(err) {
		return nil
	}
	return err
}

// isOpen says whether everybody can write there.
func isOpen(info os.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }

func ownerOf(info os.FileInfo) uint32 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Uid
	}
	return 0
}

// Put hands lines over to be stored. They are there for good when it returns nil, and
// what was stored under that tag before is not stored again. Lines hold no line ends.
type Put func(tag string, lines [][]byte) error

// Pull asks another system for what is new and hands it to put. It is called every
// few seconds and remembers itself how far it came; its error is shown and it is
// called again.
type Pull func(ctx context.Context, source string, put Put) error

// pullEvery is how often a source is pulled.
const pullEvery = 10 * time.Second

// IsPulled says whether the source is one that is asked for what is new.
func (s *Source) IsPulled() bool { return s.Kind == KindZabbix && s.Path == "" }

// pulled asks for what is new and puts it into the spool.
type pulled struct {
	source Source
	env    Env
	status *status
	lanes  *lanes
	every  time.Duration
}

func (p *pulled) run(ctx context.Context) error {
	var err error
	if p.lanes, err = newLanes(p.source, p.env); err != nil {
		return err
	}
	// Lines have the form of an export, which tells how grave each is.
	p.lanes.decoder = decode.New(decode.Options{Source: p.source.Name, Trust: p.source.Trust, Zabbix: &decode.Zabbix{}})
	for ctx.Err() == nil {
		err := p.env.Pull(ctx, p.source.Name, func(tag string, lines [][]byte) error { return p.put(ctx, tag, lines) })
		if ctx.Err() != nil {
			break
		}
		if p.status.failed(err) && err != nil {
			p.env.Log.Warn("cannot read a source; will try again", "source", p.source.Name, "err", err)
		}
		if err == nil {
			p.status.waits(0, 0, true)
		}
		sleep(ctx, p.every)
	}
	return ctx.Err()
}

// put stores lines, each lane's under a tag of its own.
func (p *pulled) put(ctx context.Context, tag string, lines [][]byte) error {
	received := p.env.received()
	for lane := range p.lanes.wait {
		p.lanes.clear(lane) // of an attempt that failed
	}
	for _, line := range lines {
		p.lanes.add(line, received)
	}
	for lane := range p.lanes.wait {
		name := tag + ":" + string(rune('0'+lane))
		if err := persist(ctx, p.env, p.status, func() error { return p.lanes.flush(lane, name) }); err != nil {
			return err
		}
	}
	return nil
}
