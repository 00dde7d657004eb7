package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
)

// How long things take is counted in looks, so that no clock decides.
const (
	settleLooks  = 4    // 1 s: until what is going on during a rotation is over
	missingLooks = 8    // 2 s: until a file that is not found counts as gone
	quietLooks   = 20   // 5 s: until a rotated file counts as finished by itself
	stuckLooks   = 40   // 10 s: how long a file that cannot be opened holds up later ones
	closeLooks   = 1200 // 5 min: until a file that does not grow is closed
	forgetLooks  = 2400 // 10 min: until a file that is gone is forgotten
)

// maxFiles is how many files of one source are followed.
const maxFiles = 1000

// follower follows the files of one source. It is used by one goroutine.
type follower struct {
	source Source
	index  int
	env    Env
	status *status
	send   sender
	list   lister
	single bool // there is one file at a time

	files    []*file // by age within a family
	families [][]*file
	marks    map[string]floor // by family, "" for the whole source
	settling map[string]*settle
	copies   map[trial]bool   // what was found to be a copy of a file that is followed
	tried    map[attempt]bool // where a file was looked for in vain
	buf      []byte
}

// trial is an entry as it looked when it was judged.
type trial struct {
	id
	size, mtime int64
}

func (e *entry) trial() trial { return trial{e.id(), e.size, e.mtime} }

type attempt struct {
	trial
	stream string
}

func newFollower(s Source, index int, e Env, st *status, send sender) *follower {
	f := &follower{
		source: s, index: index, env: e, status: st, send: send,
		marks: map[string]floor{}, settling: map[string]*settle{}, copies: map[trial]bool{}, tried: map[attempt]bool{},
	}
	switch {
	case s.Kind == KindDir:
		f.list = listDir(s.Path)
	case s.Kind == KindZabbix:
		f.list = listExport(s.Path)
	case s.Kind == KindWazuh:
		f.list, f.single = listWazuh(s.Path), true
	case strings.ContainsAny(s.Path, `*?[`):
		f.list = listPattern(s.Path)
	default:
		f.list, f.single = listFile(s.Path), true
	}
	return f
}

// known takes over the cursors of the source.
func (f *follower) known(cursors map[string]event.Cursor) {
	for stream, c := range cursors {
		name, ok := strings.CutPrefix(stream, f.source.Name+"/")
		if !ok || strings.Contains(name, "/") { // of a source that is named a/b
			continue
		}
		if family, seq, ok := parseStream(name); ok {
			if m, err := parseMark(c); err == nil {
				f.files = append(f.files, &file{stream: stream, family: family, seq: seq, cursor: c, m: m})
			}
		} else if fl, err := parseFloor(c); err == nil {
			f.marks[name] = fl
		}
	}
	if _, ok := f.marks[""]; !ok && len(f.files) > 0 { // the mark is lost: what was read before is old
		newest := slices.MaxFunc(f.files, func(a, b *file) int { return cmp.Compare(a.m.read, b.m.read) })
		f.marks[""] = floor{mtime: newest.m.read * int64(time.Second)}
	}
	f.arrange()
	for _, family := range f.families {
		for _, fl := range family[:len(family)-1] {
			fl.over = true // a later one is begun only then
		}
	}
}

// arrange orders the files.
func (f *follower) arrange() {
	slices.SortFunc(f.files, func(a, b *file) int {
		return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.seq, b.seq))
	})
	f.families = f.families[:0]
	for i := 0; i < len(f.files); {
		j := i
		for j < len(f.files) && f.files[j].family == f.files[i].family {
			j++
		}
		f.families = append(f.families, f.files[i:j:j])
		i = j
	}
}

// run follows the files until ctx is done.
func (f *follower) run(ctx context.Context) error {
	defer func() {
		for _, fl := range f.files {
			fl.close()
		}
	}()
	tick := time.NewTicker(f.env.Poll)
	defer tick.Stop()
	for {
		err := f.look(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.status.failed(err) && err != nil {
			f.env.Log.Warn("cannot read a source; will try again", "source", f.source.Name, "err", err)
		}
		for looked := false; !looked; {
			busy, err := f.round(ctx)
			if err != nil {
				return err
			}
			f.report(busy)
			if busy {
				select {
				case <-tick.C: // what is rotated meanwhile must not be missed
					looked = true
				case <-ctx.Done():
					return ctx.Err()
				default:
				}
				continue
			}
			select {
			case <-tick.C:
				looked = true
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// report tells the status how far behind the reading is.
func (f *follower) report(busy bool) {
	var behind int64
	waiting := busy || len(f.settling) > 0
	for _, fl := range f.files {
		behind += fl.unread()
		waiting = waiting || fl.unread() > 0 && (fl.t == nil || fl.seen.size != fl.now.size || fl.seen.mtime != fl.now.mtime)
	}
	f.status.waits(len(f.files), behind, !waiting)
}

// round reads one piece of each family, and says whether there was any.
func (f *follower) round(ctx context.Context) (bool, error) {
	busy := false
	for _, family := range f.families {
		got, err := f.turn(ctx, family)
		if err != nil {
			return false, err
		}
		busy = busy || got
	}
	return busy, nil
}

// turn reads one piece of a family: of its oldest file that is not finished.
func (f *follower) turn(ctx context.Context, family []*file) (bool, error) {
	for i, fl := range family {
		later := family[i+1:]
		got, err := f.read(ctx, fl, later)
		if got || err != nil {
			return got, err
		}
		if fl.blocks() {
			return false, nil
		}
	}
	return false, nil
}

// blocks says whether later files of the family have to wait for this one.
func (fl *file) blocks() bool {
	switch {
	case fl.emptied > 0:
		return true
	case fl.err != nil:
		return fl.stuck < stuckLooks
	case fl.current() || fl.over:
		return false
	}
	return fl.t != nil || fl.e != nil
}

// read reads one piece of a file and hands it over, and says whether there was any.
func (f *follower) read(ctx context.Context, fl *file, later []*file) (bool, error) {
	now := fl.now
	now.final = fl.finished(len(later) > 0)
	if fl.emptied > 0 || fl.over || fl.seen == now || fl.e == nil && fl.t == nil {
		return false, nil
	}
	if fl.t == nil && !f.reopen(fl, now) {
		return false, nil
	}
	if fl.t.pos.offset == 0 && fl.rewritten(&f.buf) {
		fl.emptied = 1
		return false, nil
	}
	p, err := fl.t.next(&f.buf, now.final)
	if p.text != "" {
		return true, f.deliver(ctx, fl, p, len(later) > 0)
	}
	switch {
	case errors.Is(err, errOther):
		fl.emptied = 1
	case errors.Is(err, errDamaged):
		fl.over, fl.seen = true, now
		return true, f.handOver(ctx, fl, Chunk{From: fl.cursor, To: fl.cursor, Gap: GapDamaged})
	case err != nil:
		fl.err = fmt.Errorf("read %s: %w", f.where(fl), plainError(err))
	case p.more:
		return true, nil
	default:
		fl.seen, fl.over = now, now.final
	}
	return false, nil
}

// deliver hands a piece of a file over and moves on behind it.
func (f *follower) deliver(ctx context.Context, fl *file, p piece, successor bool) error {
	received := f.env.received()
	m := p.to.mark(max(0, received.Unix()))
	c := Chunk{
		From: fl.cursor, To: m.cursor(), Received: received,
		Text: p.text, Lines: p.lines, Cut: p.cut, Behind: p.more || successor,
	}
	if err := f.handOver(ctx, fl, c); err != nil {
		return err
	}
	fl.t.take(p)
	fl.cursor, fl.m, fl.err = c.To, m, nil
	return nil
}

// finished says whether the last line of a file ends where the file does: it is
// packed, or has another name and was left alone for a while.
func (fl *file) finished(successor bool) bool {
	switch {
	case fl.current():
		return false
	case fl.e != nil && fl.e.packed && (fl.t == nil || fl.t.c.ino() == fl.e.ino):
		return true
	}
	return fl.still >= quietLooks || successor && fl.still >= settleLooks
}

// reopen opens a file that was closed when there is more of it, and says whether
// it is open.
func (f *follower) reopen(fl *file, now stamp) bool {
	if !fl.e.packed && fl.e.size == fl.m.offset {
		fl.seen, fl.over = now, now.final
		return false
	}
	found, err := fl.find(fl.e)
	switch {
	case moved(err): // the next look tells
	case err != nil:
		fl.err = err
	case !found:
		fl.emptied = 1
	}
	return fl.t != nil
}

// where names a file for people.
func (f *follower) where(fl *file) string {
	if fl.e != nil {
		return fl.e.path
	}
	return f.source.Path
}

// handOver sends a chunk of a file.
func (f *follower) handOver(ctx context.Context, fl *file, c Chunk) error {
	c.Source, c.Stream = f.index, fl.stream
	if c.Received.IsZero() {
		c.Received = f.env.received()
	}
	return f.send(ctx, c)
}
