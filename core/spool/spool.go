package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// segmentBytes is the size from which on a segment takes no further batch.
const segmentBytes = 4 << 20

// Spool is one folder of lanes. All its methods are safe for concurrent use; reads
// do not wait for appends.
type Spool struct {
	dir      string
	handle   *os.File // of dir, to sync names
	opts     Options
	now      func() time.Time
	opened   time.Time
	appended chan struct{}

	writing sync.Mutex // held by whoever changes files; taken before mu
	closed  bool
	buf     []byte // of the batch that is written

	mu    sync.Mutex // guards what follows; changed with writing held only, but for what reads note
	lanes [Lanes]lane
	bytes int64 // of all segments
	torn  uint64
	tags  tags
}

// lane holds the records of one severity. It has at least one segment.
type lane struct {
	segments []*segment // oldest first; appends go to the last one
	file     *os.File   // the last segment, nil when it was not written to in this run
	key      key        // of file

	read         uint64 // number behind the last record that was read
	givenUp      uint64
	damaged      uint64
	damageSeenTo uint64 // number up to which damage was counted
	hint         hint
}

// segment is one file. It is not there before the first batch is written to it,
// except where it carries the lane's numbering on.
type segment struct {
	path          string
	first, end    uint64 // numbers of the first record and behind the last one
	size          int64  // of whole batches
	begun, newest time.Time
	inherited     bool // from an earlier run
}

// hint is where a block begins in the file of a segment.
type hint struct {
	segment uint64 // number of its first record
	number  uint64 // of the block's first record
	off     int64
}

// Open opens the spool in dir, which it makes with mode 0700 if need be. It reads
// the headers of all segments. A batch at the end of a lane that is not whole was
// never acknowledged: it is cut off and counted. Damage elsewhere does not keep it
// from opening. The clock now dates batches and decides what is too old.
func Open(dir string, o Options, now func() time.Time) (*Spool, error) {
	if err := o.err(); err != nil {
		return nil, fmt.Errorf("open spool %s: %w", dir, err)
	}
	s := &Spool{dir: dir, opts: o, now: now, opened: now(), appended: make(chan struct{}, 1)}
	if err := s.open(); err != nil {
		if s.handle != nil {
			err = errors.Join(err, s.handle.Close())
		}
		return nil, fmt.Errorf("open spool %s: %w", dir, err)
	}
	return s, nil
}

func (s *Spool) open() error {
	if err := makeDir(s.dir); err != nil {
		return err
	}
	var err error
	if s.handle, err = os.Open(s.dir); err != nil {
		return err
	}
	names, err := s.handle.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if number, first, ok := parseName(name); ok {
			l := &s.lanes[number]
			l.segments = append(l.segments, &segment{path: filepath.Join(s.dir, name), first: first, end: first, inherited: true})
		}
	}
	var all []stamped
	for number := range s.lanes {
		l := &s.lanes[number]
		slices.SortFunc(l.segments, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
		for i, seg := range l.segments {
			f, err := s.inspect(seg, number, i == len(l.segments)-1)
			if err != nil {
				return err
			}
			if i+1 < len(l.segments) {
				f.end = l.segments[i+1].first // what was found beyond was never acknowledged
			}
			seg.end, seg.size, seg.begun, seg.newest = f.end, f.size, f.begun, f.newest
			s.bytes += f.size
			all = append(all, f.tags...)
		}
		if len(l.segments) == 0 {
			l.segments = []*segment{s.segment(number, 1)}
		}
	}
	slices.SortStableFunc(all, func(a, b stamped) int { return cmp.Compare(a.at, b.at) })
	for _, t := range all {
		s.tags.add(t.tag)
	}
	return nil
}

// makeDir makes the folder, durably when it was not there.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// inspect looks at a segment of an earlier run and cuts a torn tail off the last
// one of a lane.
func (s *Spool) inspect(seg *segment, number int, last bool) (found, error) {
	file, size, err := openSegment(seg.path)
	if err != nil {
		return found{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	if !last {
		return inspect(file, size, number, seg.first), nil
	}
	f, err := inspectLast(file, size, number, seg.first)
	if err != nil { // a bad sector: what was seen stays readable, and nothing is cut
		return inspect(file, size, number, seg.first), nil
	}
	if f.size < size {
		s.torn++
		if err := cut(seg.path, f.size); err != nil {
			return found{}, fmt.Errorf("cut the torn tail off %s: %w", seg.path, err)
		}
	}
	return f, nil
}

// cut shortens a file durably.
func cut(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err = file.Truncate(size); err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func (s *Spool) segment(lane int, first uint64) *segment {
	return &segment{path: filepath.Join(s.dir, segmentName(lane, first)), first: first, end: first}
}

func segmentName(lane int, first uint64) string { return fmt.Sprintf("%d-%08d.seg", lane, first) }

// parseName is the inverse of segmentName.
func parseName(name string) (lane int, first uint64, ok bool) {
	base, isSegment := strings.CutSuffix(name, ".seg")
	front, back, _ := strings.Cut(base, "-")
	lane, laneErr := strconv.Atoi(front)
	first, firstErr := strconv.ParseUint(back, 10, 63)
	ok = isSegment && laneErr == nil && firstErr == nil && lane >= 0 && lane < Lanes && first > 0
	return lane, first, ok && segmentName(lane, first) == name
}

// HasTag says whether a batch with the tag is stored, or was among the last 10,000
// batches with a tag. Over a restart a tag is known while its segment is kept.
func (s *Spool) HasTag(tag string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tags.has(tag)
}

// Appended returns the channel that gets a value after an Append. One value may
// stand for many appends. It is never closed.
func (s *Spool) Appended() <-chan struct{} { return s.appended }

// Stats is a view of the spool. What is counted is counted since Open.
type Stats struct {
	Bytes     int64 // on disk, of all lanes
	LaneBytes [Lanes]int64
	Segments  [Lanes]int
	Waiting   [Lanes]uint64 // records that were not read yet, in this run
	GivenUp   [Lanes]uint64 // records that were given up before anybody read them
	Damaged   [Lanes]uint64 // records that Read had to leave out
	Torn      uint64        // batches that Open cut off because they were not whole
	Oldest    time.Time     // when the oldest segment with a waiting record was begun; zero when none waits
}

// Stats returns how full the spool is and what it lost.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{Bytes: s.bytes, Torn: s.torn}
	for i := range s.lanes {
		l := &s.lanes[i]
		stats.GivenUp[i], stats.Damaged[i] = l.givenUp, l.damaged
		for _, seg := range l.segments {
			stats.LaneBytes[i] += seg.size
			if seg.size > 0 {
				stats.Segments[i]++
			}
			waiting := seg.unread(l.read)
			stats.Waiting[i] += waiting
			if waiting > 0 && !seg.begun.IsZero() && (stats.Oldest.IsZero() || seg.begun.Before(stats.Oldest)) {
				stats.Oldest = seg.begun
			}
		}
	}
	return stats
}

// unread returns how many records of the segment stand at or behind number.
func (seg *segment) unread(number uint64) uint64 {
	return seg.end - min(max(number, seg.first), seg.end)
}

// Close closes the files. What was appended is on disk already. Append and Release
// return ErrClosed from then on.
func (s *Spool) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.handle.Close()
	for i := range s.lanes {
		if file := s.lanes[i].file; file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("close spool %s: %w", s.dir, err)
	}
	return nil
}
