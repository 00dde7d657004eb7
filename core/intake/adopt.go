package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// settle is how long the new rotated files of a family have been left alone.
type settle struct {
	looks int
	shape string // what they looked like
}

// fresh returns the entries that are no known file, no history and no copy, of
// families whose known files are all accounted for.
func (f *follower) fresh(entries []*entry, owner map[*entry]*file) []*entry {
	held := map[string]bool{}
	for _, family := range f.families {
		for i, fl := range family {
			lost := fl.e == nil && fl.t == nil && !fl.over && i == len(family)-1
			if fl.emptied > 0 || lost {
				held[fl.family] = true
			}
		}
	}
	var fresh []*entry
	for _, e := range entries {
		switch {
		case owner[e] != nil, e.foreign, e.twin, held[e.family], f.history(e):
		case !e.packed && e.size == 0: // nothing to know it by yet
		case f.copies[e.trial()]:
		default:
			fresh = append(fresh, e)
		}
	}
	return fresh
}

// adopt takes up new files. Where a family has new rotated files, it first waits
// until the rotation is over, and tells copies from files of their own.
func (f *follower) adopt(ctx context.Context, fresh, entries []*entry) error {
	byFamily := map[string][]*entry{}
	for _, e := range fresh {
		byFamily[e.family] = append(byFamily[e.family], e)
	}
	for family := range f.settling {
		if byFamily[family] == nil {
			delete(f.settling, family)
		}
	}
	if len(fresh) == 0 || !f.unmoved(fresh, entries) {
		return nil
	}
	var ready []*entry
	for family, entries := range byFamily {
		if f.settled(family, entries) {
			delete(f.settling, family)
			ready = append(ready, entries...)
		}
	}
	slices.SortFunc(ready, func(a, b *entry) int { return cmp.Compare(a.mtime, b.mtime) })
	ready, crowded := f.makeRoom(ctx, ready)
	slices.SortStableFunc(ready, func(a, b *entry) int {
		switch {
		case a.family != b.family:
			return cmp.Compare(a.family, b.family)
		case !a.rotated || !b.rotated:
			return cmp.Compare(b2i(b.rotated), b2i(a.rotated)) // the one that is written to comes last
		}
		return older(a, b)
	})
	for _, e := range ready {
		crowded = errors.Join(crowded, f.take(e))
	}
	f.arrange()
	return crowded
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// unmoved says whether a second listing agrees about the families that have new
// files: one that was made during a rotation may have missed some, and their order
// matters.
func (f *follower) unmoved(fresh, entries []*entry) bool {
	again, err := f.list(f.isFamily, false)
	if err != nil {
		return false
	}
	first := make(map[string]id, len(entries))
	for _, e := range entries {
		first[e.path] = e.id()
	}
	second := make(map[string]id, len(again))
	families := make(map[string]bool, len(fresh))
	for _, e := range fresh {
		families[e.family] = true
	}
	for _, e := range again {
		second[e.path] = e.id()
		if families[e.family] && first[e.path] != e.id() {
			return false
		}
	}
	for _, e := range fresh {
		if second[e.path] != e.id() {
			return false
		}
	}
	return true
}

// settled says whether the new files of a family can be taken up now.
func (f *follower) settled(family string, entries []*entry) bool {
	var shape strings.Builder
	own := entries[:0:0]
	for _, e := range entries {
		if !e.rotated {
			continue
		}
		own = append(own, e)
		fmt.Fprintf(&shape, "%s %d", e.path, e.ino)
		if e.packed {
			fmt.Fprintf(&shape, " %d", e.size) // it may be written at the moment
		}
	}
	if len(own) == 0 {
		return true
	}
	s := f.settling[family]
	if s == nil {
		s = &settle{}
		f.settling[family] = s
	}
	if s.shape != shape.String() {
		*s = settle{shape: shape.String()}
	}
	s.looks++
	if f.anyEmptied(family) {
		return false // it may be what one of these is a copy of
	}
	copied := false
	for _, e := range own {
		if f.isCopy(e) {
			f.copies[e.trial()] = true
			copied = true
		}
	}
	return !copied && s.looks > settleLooks
}

// anyEmptied checks whether an open file of a family was written anew just now.
func (f *follower) anyEmptied(family string) bool {
	emptied := false
	for _, fl := range f.files {
		if fl.family != family || fl.t == nil || fl.emptied > 0 {
			continue
		}
		if fl.rewritten(&f.buf) {
			fl.emptied = 1
			emptied = true
		}
	}
	return emptied
}

// isCopy says whether a rotated file is a copy of one that is followed: of the
// one that is written to, or, where there is enough to compare, of another.
func (f *follower) isCopy(e *entry) bool {
	if len(f.copies) > 10*maxFiles {
		clear(f.copies)
	}
	c, err := openContent(e.path)
	if err != nil {
		return false
	}
	defer func() { _ = c.Close() }() // it was only read
	n, err := c.length()
	if err != nil {
		return false
	}
	for _, fl := range f.files {
		if fl.family != e.family || !fl.current() && n < headBytes {
			continue
		}
		if fl.holdsAll(c) {
			return true
		}
	}
	return false
}

// holdsAll says whether a plain file begins with all of c.
func (fl *file) holdsAll(c content) bool {
	if fl.t != nil {
		_, isPlain := fl.t.c.(*plain)
		return isPlain && begins(fl.t.c, c)
	}
	if fl.e == nil || fl.e.packed {
		return false
	}
	own, err := openContent(fl.e.path)
	if err != nil {
		return false
	}
	defer func() { _ = own.Close() }() // it was only read
	return begins(own, c)
}

// take begins with one new file.
func (f *follower) take(e *entry) error {
	c, err := openContent(e.path)
	if err != nil {
		return fmt.Errorf("open %s: %w", e.path, plainError(err))
	}
	if c.ino() != e.ino { // it was renamed meanwhile
		return c.Close()
	}
	fl := &file{family: e.family, seq: f.nextSeq(e.family), e: e, now: stamp{size: e.size, mtime: e.mtime}}
	fl.stream = streamOf(f.source.Name, fl.family, fl.seq)
	if fl.start, err = readFull(c, 0, min(tailBytes, e.size)); err != nil && !e.packed {
		return errors.Join(c.Close(), ignoreOther(err)) // it was emptied just now
	}
	fl.open(c, pos{ino: e.ino}, e.dev)
	f.files = append(f.files, fl)
	return nil
}

func ignoreOther(err error) error {
	if errors.Is(err, errOther) {
		return nil
	}
	return err
}

// nextSeq returns a number for the next file of a family, which was never used.
func (f *follower) nextSeq(family string) uint64 {
	seq := uint64(max(0, f.env.Now().Unix()))
	for _, fl := range f.files {
		if fl.family == family {
			seq = max(seq, fl.seq+1)
		}
	}
	return seq
}

// makeRoom forgets the files that were not written to for longest, so that there
// is room for new ones. What is forgotten must not look new again: from then on
// nothing that old is read, whatever its name.
func (f *follower) makeRoom(ctx context.Context, ready []*entry) ([]*entry, error) {
	over := len(f.files) + len(ready) - maxFiles
	if over <= 0 {
		return ready, nil
	}
	idle := slices.DeleteFunc(slices.Clone(f.files), func(fl *file) bool {
		return fl.e == nil || fl.unread() > 0 || fl.still < quietLooks || fl.cursor == ""
	})
	slices.SortFunc(idle, func(a, b *file) int { return cmp.Compare(a.now.mtime, b.now.mtime) })
	idle = idle[:min(over, len(idle))]
	for _, fl := range idle {
		mark := f.marks[""]
		mark.all = max(mark.all, fl.now.mtime)
		if err := f.raise(ctx, "", mark, ""); err != nil {
			return nil, err
		}
		if err := f.giveUp(ctx, fl, "", nil); err != nil {
			return nil, err
		}
		f.files = slices.DeleteFunc(f.files, func(other *file) bool { return other == fl })
	}
	if over -= len(idle); over <= 0 {
		return ready, nil
	}
	return ready[over:], fmt.Errorf("%s: has more than %d files: %d are left out", f.source.Path, maxFiles, over)
}
