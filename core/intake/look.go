package intake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"penstock/core/event"
)

// floor is the age up to which rotated files are history that is not read. It is
// kept as the cursor of a stream that has no lines.
type floor struct {
	mtime int64  // Unix nanoseconds, by the files' own times
	day   string // where names have one
	all   int64  // as mtime, but for files of any name: what was forgotten because there are too many
}

const floorPrefix = "m1"

func (f floor) cursor() event.Cursor {
	return event.Cursor(strings.TrimSpace(fmt.Sprintf("%s %d %d %s", floorPrefix, f.mtime, f.all, f.day)))
}

func parseFloor(c event.Cursor) (floor, error) {
	fields := strings.Fields(string(c))
	if len(fields) < 3 || len(fields) > 4 || fields[0] != floorPrefix {
		return floor{}, fmt.Errorf("%q is no mark of a source", c)
	}
	mtime, err1 := strconv.ParseInt(fields[1], 10, 64)
	all, err2 := strconv.ParseInt(fields[2], 10, 64)
	f := floor{mtime: mtime, all: all}
	if len(fields) == 4 {
		f.day = fields[3]
	}
	return f, errors.Join(err1, err2)
}

// covers says whether an entry is history.
func (f floor) covers(e *entry) bool {
	switch {
	case f.all > 0 && e.mtime <= f.all:
		return true
	case !e.rotated:
		return false
	case e.day != "":
		return e.day <= f.day
	}
	return e.mtime <= f.mtime
}

// raise makes the floor cover an entry.
func (f floor) raise(e *entry) floor {
	f.mtime, f.day = max(f.mtime, e.mtime), max(f.day, e.day)
	return f
}

// look takes stock of what is there: it finds the files that are known, under
// whatever name, takes up new ones, and gives up those that are gone. The error is
// about what could not be read; the rest goes on.
func (f *follower) look(ctx context.Context) error {
	wide := slices.ContainsFunc(f.files, func(fl *file) bool { return fl.e == nil })
	entries, err := f.list(f.isFamily, wide)
	if err != nil {
		return fmt.Errorf("look for the files of %s: %w", f.source.Path, err)
	}
	if err := f.firstSight(ctx, entries); err != nil {
		return err
	}
	owner := f.locate(entries)
	for _, fl := range f.files {
		fl.observe()
	}
	if err := f.resolve(ctx, entries, owner); err != nil {
		return err
	}
	err = f.adopt(ctx, f.fresh(entries, owner), entries)
	if err == nil && len(f.files) == 0 && len(entries) == 0 && f.source.Kind != KindDir && f.source.Kind != KindZabbix {
		err = f.nothing()
	}
	for _, fl := range f.files {
		err = errors.Join(err, fl.err)
	}
	return err
}

// nothing says why there is no file.
func (f *follower) nothing() error {
	if _, err := os.Stat(f.source.Path); err == nil {
		return fmt.Errorf("%s is no regular file", f.source.Path)
	}
	return fmt.Errorf("%s: %w", f.source.Path, fs.ErrNotExist)
}

// isFamily says whether a file of the family is known.
func (f *follower) isFamily(family string) bool {
	return slices.ContainsFunc(f.files, func(fl *file) bool { return fl.family == family })
}

// firstSight marks what was there before the source was first seen.
func (f *follower) firstSight(ctx context.Context, entries []*entry) error {
	if _, ok := f.marks[""]; ok {
		return nil
	}
	var mark floor
	for _, e := range entries {
		if e.rotated && !e.foreign {
			mark = mark.raise(e)
		}
	}
	return f.raise(ctx, "", mark, "")
}

// raise keeps a mark, of a family or, with "", of the source.
func (f *follower) raise(ctx context.Context, family string, to floor, gap string) error {
	c := Chunk{
		Source: f.index, Stream: f.source.Name + "/" + family, To: to.cursor(),
		Received: f.env.received(), Gap: gap,
	}
	if old, ok := f.marks[family]; ok {
		c.From = old.cursor()
	}
	if err := f.send(ctx, c); err != nil {
		return err
	}
	f.marks[family] = to
	return nil
}

// locate finds the known files among the entries: by inode number where the
// content agrees, then by content. It returns whose each entry is.
func (f *follower) locate(entries []*entry) map[*entry]*file {
	owner := make(map[*entry]*file, len(f.files))
	byNumber := make(map[uint64][]*entry, len(entries))
	for _, e := range entries {
		byNumber[e.ino] = append(byNumber[e.ino], e)
	}
	for _, fl := range f.files {
		was := fl.e
		fl.e = nil
		for _, e := range fl.candidates(was, byNumber) {
			if owner[e] == nil && f.stays(fl, was, e) {
				fl.e, owner[e] = e, fl
				break
			}
		}
	}
	for _, fl := range f.files {
		if fl.e != nil {
			continue
		}
		if fl.t != nil && fl.emptied == 0 && fl.rewritten(&f.buf) {
			fl.emptied = 1 // and then it lost its name
		}
		if e := f.search(fl, entries, owner); e != nil {
			fl.e, owner[e] = e, fl
		}
	}
	return owner
}

// candidates returns the entries that have the file's inode number, or that of
// the copy that it was found in.
func (fl *file) candidates(was *entry, byNumber map[uint64][]*entry) []*entry {
	number := fl.m.ino
	if fl.t != nil {
		number = fl.t.c.ino()
	}
	found := byNumber[number]
	if was != nil && was.ino != number {
		found = append(found[:len(found):len(found)], byNumber[was.ino]...)
	}
	return found
}

// stays says whether an entry with the right inode number is still the file.
func (f *follower) stays(fl *file, was, e *entry) bool {
	switch {
	case fl.emptied > 0:
		return false
	case was != nil && was.trial() == e.trial():
		return true
	case fl.t != nil && (fl.t.c.ino() != e.ino || fl.dev != e.dev):
		return false // search looks closer
	case fl.t != nil && !e.packed && e.size < fl.t.pos.offset:
		fl.emptied = 1
		return false
	case fl.t != nil:
		return true // reading it on tells whether it was written anew
	}
	return f.holds(fl, e, true)
}

// holds looks for the file in an entry, once for each state of it.
func (f *follower) holds(fl *file, e *entry, number bool) bool {
	at := attempt{e.trial(), fl.stream}
	if f.tried[at] || !e.packed && e.size < fl.m.offset {
		return false
	}
	found, err := fl.find(e)
	switch {
	case errors.Is(err, fs.ErrPermission) && number:
		fl.err = err // most likely it is
		return true
	case err != nil:
		return false
	}
	if !found {
		if len(f.tried) > 100*maxFiles {
			clear(f.tried)
		}
		f.tried[at] = true
	}
	return found
}

// search looks for a file by its content: in rotated files before the one that is
// written to, in plain ones before packed ones.
func (f *follower) search(fl *file, entries []*entry, owner map[*entry]*file) *entry {
	for _, want := range []struct{ rotated, packed bool }{{true, false}, {true, true}, {false, false}} {
		for _, e := range entries {
			if e.rotated != want.rotated || e.packed != want.packed || e.foreign || e.twin || e.family != fl.family || owner[e] != nil {
				continue
			}
			if fl.t != nil && fl.emptied == 0 && fl.sameAs(e) || fl.cursor != "" && f.holds(fl, e, false) {
				return e
			}
		}
	}
	return nil
}

// observe notes how a file looks, and for how long.
func (fl *file) observe() {
	now := stamp{size: fl.now.size, mtime: fl.now.mtime}
	onlyOpen := fl.t != nil && (fl.e == nil || fl.e.ino != fl.t.c.ino())
	if onlyOpen {
		if n, err := fl.t.c.length(); err == nil {
			now.size = n
		}
	} else if fl.e != nil {
		now.size, now.mtime = fl.e.size, fl.e.mtime
	}
	if fl.still++; now != fl.now {
		fl.now, fl.still = now, 0
		if (onlyOpen || fl.e != nil && !fl.e.packed) && now.size > fl.offset() {
			fl.over = false // somebody still writes to it
		}
	}
	if fl.named != fl.current() {
		fl.named, fl.still = fl.current(), 0
	}
	fl.missing = next(fl.missing, fl.e == nil)
	fl.stuck = next(fl.stuck, fl.err != nil)
	fl.emptied = next(fl.emptied, fl.emptied > 0)
	if fl.e != nil && fl.emptied == 0 && fl.idle() {
		fl.close()
	}
}

// idle says whether a file can be closed until it grows.
func (fl *file) idle() bool {
	read := fl.cursor != "" && fl.seen.size == fl.now.size
	return fl.over && fl.still >= quietLooks || read && fl.still >= closeLooks
}

// next counts looks for which something holds.
func next(n int, holds bool) int {
	if holds {
		return n + 1
	}
	return 0
}

// resolve gives up the files that are gone, and says what may be missing.
func (f *follower) resolve(ctx context.Context, entries []*entry, owner map[*entry]*file) error {
	var gone []*file
	for _, family := range f.families {
		for i, fl := range family {
			done, gap := f.verdict(fl, i == len(family)-1, entries, owner)
			if !done {
				continue
			}
			if err := f.giveUp(ctx, fl, gap, entries); err != nil {
				return err
			}
			gone = append(gone, fl)
		}
	}
	if len(gone) > 0 {
		f.files = slices.DeleteFunc(f.files, func(fl *file) bool { return slices.Contains(gone, fl) })
		f.arrange()
	}
	return nil
}

// verdict says whether a file is gone for good, and whether something is missing.
func (f *follower) verdict(fl *file, last bool, entries []*entry, owner map[*entry]*file) (done bool, gap string) {
	switch {
	case fl.emptied > settleLooks:
		return true, GapTruncated
	case fl.e != nil || fl.emptied > 0:
		return false, ""
	case fl.t != nil:
		return fl.unlinked(), ""
	case fl.over || !last:
		return fl.missing >= forgetLooks, ""
	case fl.missing < missingLooks:
		return false, ""
	}
	if e := f.successor(fl, entries, owner); e != nil {
		if e.ino == fl.m.ino && !e.rotated {
			return true, GapTruncated
		}
		return true, GapRotated
	}
	return fl.missing >= forgetLooks && !f.single, GapRotated
}

// unlinked says whether an open file was read to its end and has no name any more.
// A listing that was made during a rotation may have missed where it is now.
func (fl *file) unlinked() bool {
	if !fl.over || fl.missing < missingLooks {
		return false
	}
	gone := fl.t.c.gone()
	if fl.still >= quietLooks {
		fl.close()
	}
	return gone
}

// successor returns a file that came after one that is gone, nil where there is none.
func (f *follower) successor(fl *file, entries []*entry, owner map[*entry]*file) *entry {
	for _, e := range entries {
		if e.family == fl.family && owner[e] == nil && !e.foreign && !f.history(e) {
			return e
		}
	}
	return nil
}

// giveUp ends a file's stream. The copies of a file that was emptied become
// history, so that they are not taken for something new later.
func (f *follower) giveUp(ctx context.Context, fl *file, gap string, entries []*entry) error {
	fl.close()
	if fl.cursor == "" {
		return nil
	}
	if gap == GapTruncated {
		mark := f.marks[fl.family]
		for _, e := range entries {
			if e.family == fl.family && e.rotated && f.copies[e.trial()] {
				mark = mark.raise(e)
			}
		}
		if mark != f.marks[fl.family] {
			if err := f.raise(ctx, fl.family, mark, gap); err != nil {
				return err
			}
			gap = ""
		}
	}
	return f.handOver(ctx, fl, Chunk{From: fl.cursor, To: fl.cursor, Gap: gap, Done: true})
}

// history says whether an entry is older than what is read.
func (f *follower) history(e *entry) bool {
	return f.marks[""].covers(e) || f.marks[e.family].covers(e)
}
