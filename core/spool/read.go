package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Read returns the records of a lane, 0 to 4, from a position on: up to most bytes
// of data but at least one record, and never more than one segment's. next is where
// to go on; at the end there are no records and no error, and next is from.
//
// Records that cannot be had are a *LostError, without records, and next is where
// reading goes on: ErrGone when from lies before what is kept or is no position of
// this spool, ErrDamaged when the file is broken there. Any other error is one of
// the file system; next is then from. Reading a position again gives the same
// records as long as they are kept. The data of records share memory with each
// other, not with the spool.
func (s *Spool) Read(lane int, from Position, most int) (recs []Record, next Position, err error) {
	if err := checkLane(lane); err != nil {
		return nil, from, fmt.Errorf("read the spool: %w", err)
	}
	n := from.number()
	for {
		seg, h, lost := s.find(lane, n)
		if lost != nil {
			lost.Lane, lost.At = lane, from
			return nil, Position{Segment: seg.first}, lost
		}
		if n == seg.end {
			return nil, from, nil
		}
		p, err := gather(seg, h, lane, n, most)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !s.keeps(lane, seg):
			continue // given up or released just now: the next search tells
		case errors.Is(err, fs.ErrNotExist):
			p = part{next: seg.end} // somebody removed it
		case err != nil:
			return nil, from, fmt.Errorf("read lane %d of the spool: %w", lane, err)
		}
		s.note(lane, n, p)
		next := Position{Segment: seg.first, Offset: int64(p.next - seg.first)}
		if len(p.recs) == 0 {
			return nil, next, &LostError{Lost: p.next - n, Lane: lane, At: from, Err: ErrDamaged}
		}
		return p.recs, next, nil
	}
}

// find returns the segment that holds a record, or the last one when the record is
// the lane's next. For a record that the lane cannot have it returns the oldest
// segment and an error.
func (s *Spool) find(lane int, number uint64) (segment, hint, *LostError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lanes[lane]
	oldest := l.segments[0]
	if number < oldest.first {
		return *oldest, hint{}, &LostError{Lost: oldest.first - number, Err: ErrGone}
	}
	if number > l.end() {
		return *oldest, hint{}, &LostError{Err: ErrGone}
	}
	i, _ := slices.BinarySearchFunc(l.segments, number, func(seg *segment, number uint64) int {
		return cmp.Compare(seg.end, number+1) // the first one that ends behind it
	})
	return *l.segments[min(i, len(l.segments)-1)], l.hint, nil
}

// keeps says whether the lane still has the segment.
func (s *Spool) keeps(lane int, seg segment) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return seg.first >= s.lanes[lane].segments[0].first
}

// note remembers how far a lane was read, and counts each damaged record once.
func (s *Spool) note(lane int, from uint64, p part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lanes[lane]
	l.read = max(l.read, p.next)
	l.hint = p.hint
	if seen := max(from, l.damageSeenTo); len(p.recs) == 0 && p.next > seen {
		l.damaged += p.next - seen
		l.damageSeenTo = p.next
	}
}

// part is what one Read takes from a segment. Without records, those before next
// are damaged.
type part struct {
	recs   []Record
	next   uint64
	end    uint64 // number behind what may be taken
	budget int    // bytes of data that may still be taken
	hint   hint
}

// gather reads records of the segment from number on, which it should hold.
func gather(seg segment, h hint, lane int, number uint64, most int) (part, error) {
	p := part{next: number, end: seg.end, budget: most}
	file, _, err := openSegment(seg.path)
	if err != nil {
		return p, err
	}
	defer func() { _ = file.Close() }() // it was only read
	w := newWalker(file, seg.size, lane, seg.first)
	if h.segment == seg.first && h.number <= number && h.off < w.size && w.off < w.size {
		w.off, w.next = h.off, h.number
	}
	p.fill(w, seg.first)
	return p, nil
}

// fill takes records from the blocks ahead, up to damage.
func (p *part) fill(w *walker, segment uint64) {
	for {
		h, at, _, err := w.block()
		if err != nil || h.first >= p.end { // nothing follows
			p.leaveOut(p.end)
			return
		}
		if h.end() <= p.next {
			continue
		}
		if h.first > p.next { // a block is missing before this one
			p.leaveOut(h.first)
			return
		}
		if len(p.recs) > 0 && h.length > p.budget {
			return
		}
		block, err := readBlock(w.file, h, at)
		if err != nil { // whatever it is, a block that cannot be read is damaged
			p.leaveOut(min(h.end(), p.end))
			return
		}
		p.take(block[p.next-h.first:])
		p.hint = hint{segment: segment, number: h.first, off: at}
		if p.next < h.end() || p.next == p.end {
			return
		}
		p.hint.number, p.hint.off = w.next, w.off
	}
}

// leaveOut goes on behind damage, unless there are records to hand out first.
func (p *part) leaveOut(next uint64) {
	if len(p.recs) == 0 {
		p.next = next
	}
}

// take adds records within the budget, but at least one.
func (p *part) take(block []Record) {
	n := 0
	for n < len(block) && p.next < p.end {
		size := len(block[n].Data)
		if size > p.budget && (n > 0 || len(p.recs) > 0) {
			break
		}
		p.budget -= size
		p.next++
		n++
	}
	p.recs = append(p.recs, block[:n]...)
}
