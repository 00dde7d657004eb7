package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// inheritedGrace is how long after Open nothing of an earlier run is given up for
// its age: a machine that was off for long first gets to read what it has.
const inheritedGrace = time.Hour

// makeRoom gives up segments, the lowest lane and the oldest first, until a batch
// of the lane has room.
func (s *Spool) makeRoom(lane int, need int64) error {
	if need > s.opts.MaxBytes {
		return fmt.Errorf("a batch of %d bytes where max_bytes is %d: %w", need, s.opts.MaxBytes, ErrTooLarge)
	}
	for s.bytes+need > s.opts.MaxBytes {
		victim := 0
		for victim <= lane && s.lanes[victim].segments[0].size == 0 {
			victim++
		}
		if victim > lane {
			return fmt.Errorf("%d of %d bytes are used: %w", s.bytes, s.opts.MaxBytes, ErrFull)
		}
		if err := s.drop(victim, 1); err != nil {
			return fmt.Errorf("give up a segment of lane %d: %w", victim, err)
		}
	}
	return nil
}

// giveUpOld gives up the segments whose newest record is older than MaxAge.
func (s *Spool) giveUpOld(now time.Time) error {
	for lane := range s.lanes {
		old := 0
		for _, seg := range s.lanes[lane].segments {
			if seg.size == 0 || now.Sub(seg.newest) <= s.opts.MaxAge ||
				seg.inherited && now.Sub(s.opened) <= inheritedGrace {
				break
			}
			old++
		}
		if err := s.drop(lane, old); err != nil {
			return fmt.Errorf("give up %d old segments of lane %d: %w", old, lane, err)
		}
	}
	return nil
}

// Release removes the segments of a lane, 0 to 4, that lie wholly before the
// position: nobody will read them again. A position that this spool never gave
// releases nothing.
func (s *Spool) Release(lane int, upTo Position) error {
	if err := checkLane(lane); err != nil {
		return fmt.Errorf("release segments of the spool: %w", err)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return fmt.Errorf("release segments of the spool: %w", ErrClosed)
	}
	l, number := &s.lanes[lane], upTo.number()
	if number > l.end() {
		return nil
	}
	s.mu.Lock()
	l.read = max(l.read, number) // whoever releases has read
	s.mu.Unlock()
	done := 0
	for _, seg := range l.segments {
		if seg.size == 0 || seg.end > number {
			break
		}
		done++
	}
	if err := s.drop(lane, done); err != nil {
		return fmt.Errorf("release segments of lane %d of the spool: %w", lane, err)
	}
	return nil
}

// end returns the number behind the lane's last record.
func (l *lane) end() uint64 { return l.segments[len(l.segments)-1].end }

// drop removes the n oldest segments of a lane. What nobody has read of them counts
// as given up.
func (s *Spool) drop(lane, n int) error {
	if n == 0 {
		return nil
	}
	l := &s.lanes[lane]
	all := l.segments
	rest := all[n:]
	if len(rest) == 0 {
		next := s.segment(lane, l.end())
		file, err := s.create(next.path)
		if err != nil {
			return err
		}
		if l.file != nil {
			_ = l.file.Close() // it is removed
		}
		l.file, rest = file, []*segment{next}
	}
	s.mu.Lock()
	for _, seg := range all[:n] {
		l.givenUp += seg.unread(l.read)
		s.bytes -= seg.size
	}
	l.segments = append([]*segment(nil), rest...)
	s.mu.Unlock()
	var errs []error
	for _, seg := range all[:n] {
		if err := os.Remove(seg.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
