package intake

import (
	"context"
	"errors"
	"fmt"

	"penstock/core/event"
)

// fileAgain reads one file once more.
type fileAgain struct {
	follower *follower
	family   string
	t        *tail // nil while it is not open
}

// Close implements io.Closer.
func (a *fileAgain) Close() error {
	if a.t == nil {
		return nil
	}
	t := a.t
	a.t = nil
	return t.c.Close()
}

func (a *fileAgain) again(ctx context.Context, from, to event.Cursor, do func(string) error) error {
	begin, err := parseMark(from)
	if err != nil {
		return err
	}
	end, err := parseMark(to)
	if err != nil {
		return err
	}
	if err := a.find(begin, end); err != nil {
		return err
	}
	a.t.limit, a.t.pos.breaks = end.offset, end.breaks
	for a.t.pos.offset < end.offset {
		p, err := a.t.next(&a.follower.buf, true)
		switch {
		case errors.Is(err, errOther), p.text == "" && !p.more:
			return errors.Join(ErrGone, err)
		case err != nil && !errors.Is(err, errDamaged):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case p.text == "":
			continue
		}
		if err := do(p.text); err != nil {
			return err
		}
		a.t.take(p)
	}
	if a.t.pos.crc != end.crc {
		return fmt.Errorf("the file was changed: %w", ErrGone)
	}
	return nil
}

// find opens the file where it is not open at begin already, and sees to it that
// it holds all up to end.
func (a *fileAgain) find(begin, end mark) error {
	if end.offset < begin.offset {
		return fmt.Errorf("the steps are in the wrong order: %w", ErrGone)
	}
	if a.goesOn(begin, end) {
		return nil
	}
	if err := a.Close(); err != nil {
		return err
	}
	f := a.follower
	entries, err := f.list(func(family string) bool { return family == a.family }, true)
	if err != nil {
		return fmt.Errorf("look for the files of %s: %w", f.source.Path, err)
	}
	// The inode number tells where to look first, the name where to look at all.
	first, later := []*entry{}, []*entry{}
	for _, e := range entries {
		switch {
		case !e.packed && e.size < end.offset:
		case e.ino == end.ino:
			first = append(first, e)
		case e.family == a.family && !e.foreign:
			later = append(later, e)
		}
	}
	var failed error
	for _, e := range append(first, later...) {
		found, err := a.open(e, begin, end)
		if found {
			return nil
		}
		failed = errors.Join(failed, err)
	}
	return errors.Join(ErrGone, failed)
}

// goesOn says whether the file is open at begin and still holds all up to end.
func (a *fileAgain) goesOn(begin, end mark) bool {
	if a.t == nil || a.t.pos.offset != begin.offset || a.t.pos.crc != begin.crc {
		return false
	}
	if _, isPacked := a.t.c.(*packed); isPacked {
		return true // nobody changes it, and going there and back is slow
	}
	_, err := resume(a.t.c, end)
	return err == nil
}

// open opens an entry at begin, if it holds all up to end.
func (a *fileAgain) open(e *entry, begin, end mark) (bool, error) {
	c, err := openContent(e.path)
	if err != nil {
		return false, err
	}
	p, err := resume(c, begin)
	if err == nil {
		_, err = resume(c, end)
	}
	if err == nil {
		a.t = newTail(c, p)
		return true, nil
	}
	if errors.Is(err, errOther) || isEnd(err) {
		err = nil
	}
	return false, errors.Join(err, c.Close())
}
