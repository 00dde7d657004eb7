package spool

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// keepBytes is the largest buffer that is kept for the next batch: enough for a
// block of common lines.
const keepBytes = 2 * blockBytes

// Append stores the batch in a lane, 0 to 4, wholly or not at all: when it returns
// nil, the batch is on the disk. A tag that is not "" names the batch for HasTag; a
// batch without records is not stored, nor is its tag. Where the batch would make
// the spool larger than MaxBytes, the oldest segments of the lowest lane are given
// up for it, but none of a lane above its own: then the error is ErrFull. A full
// disk is an error for which errors.Is(err, syscall.ENOSPC) holds. What can never
// be stored is ErrTooLarge. It blocks for one write for each
// 256 KiB and one fsync, and for those of others.
func (s *Spool) Append(lane int, tag string, batch []Record) error {
	if err := s.append(lane, tag, batch); err != nil {
		return fmt.Errorf("append %d records to lane %d of the spool: %w", len(batch), lane, err)
	}
	if len(batch) == 0 {
		return nil
	}
	select {
	case s.appended <- struct{}{}:
	default: // somebody has to wake up already
	}
	return nil
}

func (s *Spool) append(lane int, tag string, batch []Record) error {
	if err := check(lane, tag, batch); err != nil || len(batch) == 0 {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return ErrClosed
	}
	now := s.now()
	if err := s.giveUpOld(now); err != nil {
		return err
	}
	if err := s.makeRoom(lane, bound(tag, batch)); err != nil {
		return err
	}
	seg, err := s.writable(lane)
	if err != nil {
		return err
	}
	size, end, err := s.write(lane, tag, batch, now)
	if err != nil {
		return s.undo(lane, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += size - seg.size
	seg.size, seg.end, seg.newest = size, end, now
	if seg.begun.IsZero() {
		seg.begun = now
	}
	if tag != "" {
		s.tags.add(tag)
	}
	return nil
}

func check(lane int, tag string, batch []Record) error {
	if err := checkLane(lane); err != nil {
		return err
	}
	if len(tag) > MaxTag {
		return fmt.Errorf("a tag of %d bytes: %w", len(tag), ErrTooLarge)
	}
	for i := range batch {
		if len(batch[i].Data) > MaxRecord || len(batch[i].Source) > MaxSource {
			return fmt.Errorf("record %d of %d bytes, source of %d bytes: %w",
				i, len(batch[i].Data), len(batch[i].Source), ErrTooLarge)
		}
	}
	return nil
}

func checkLane(lane int) error {
	if lane < 0 || lane >= Lanes {
		return fmt.Errorf("lane %d is not between 0 and %d", lane, Lanes-1)
	}
	return nil
}

// writable returns the segment that the next batch of a lane goes to, with its file
// open. A file that an earlier run wrote, or where a write failed, is not added to.
func (s *Spool) writable(lane int) (*segment, error) {
	l := &s.lanes[lane]
	last := l.segments[len(l.segments)-1]
	if l.file != nil && last.size < min(segmentBytes, s.opts.MaxBytes/8) {
		return last, nil
	}
	next := last
	if last.size > 0 {
		next = s.segment(lane, last.end)
	}
	file, err := s.create(next.path)
	if err != nil {
		return nil, err
	}
	if l.file != nil {
		_ = l.file.Close() // synced with its last batch
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.file = file
	if next != last {
		l.segments = append(l.segments, next)
	}
	next.inherited = false
	return next, nil
}

// create makes an empty file whose name lasts.
func (s *Spool) create(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := s.handle.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("sync %s: %w", s.dir, err), file.Close())
	}
	return file, nil
}

// write puts the batch behind the last one and syncs it. It returns the segment's
// new size and the number behind its last record.
func (s *Spool) write(lane int, tag string, batch []Record, now time.Time) (size int64, end uint64, err error) {
	l := &s.lanes[lane]
	seg := l.segments[len(l.segments)-1]
	size = seg.size
	buf := slices.Grow(s.buf[:0], int(min(bound(tag, batch), keepBytes)))
	if size == 0 {
		_, _ = rand.Read(l.key[:]) // never fails
		buf = appendKey(buf, l.key)
	}
	h := header{lane: lane, begins: true, tag: tag, first: seg.end, at: now.UnixMilli()}
	for len(batch) > 0 {
		var n int
		buf, n = appendBlock(buf, h, l.key, batch)
		batch, h.first, h.begins = batch[n:], h.first+uint64(n), false
		if _, err = l.file.WriteAt(buf, size); err != nil {
			return 0, 0, err
		}
		size += int64(len(buf))
		buf = buf[:0]
	}
	if s.buf = buf; cap(buf) > keepBytes {
		s.buf = nil
	}
	return size, h.first, l.file.Sync()
}

// undo takes back what is half written. The file gets no further batch: after an
// fsync that failed, nobody knows what of it the disk has. Should the cut fail as
// well, the name of the next file says that what stands behind is void.
func (s *Spool) undo(lane int, cause error) error {
	s.buf = nil
	l := &s.lanes[lane]
	err := l.file.Truncate(l.segments[len(l.segments)-1].size)
	if closeErr := l.file.Close(); err == nil {
		err = closeErr
	}
	l.file = nil
	if err != nil {
		err = fmt.Errorf("take back what was written: %w", err)
	}
	return errors.Join(cause, err)
}
