package intake

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// exported are the names of what a Zabbix server exports into its ExportDir: one file
// for each of its processes and kind of line. Trends are left out: they say an hour
// later what the values said. A file that has reached ExportFileSize gets .old behind
// its name, in place of the one that had it.
var exported = regexp.MustCompile(`^(?:problems|history)-[a-z0-9-]+-\d+\.ndjson$`)

// listExport lists the files of an ExportDir and what they become by rotation.
func listExport(dir string) lister {
	dir = filepath.Clean(dir)
	return func(known func(string) bool, wide bool) ([]*entry, error) {
		found, err := group(dir, os.Lstat, exported.MatchString, known, wide)
		return distinct(found), err
	}
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
