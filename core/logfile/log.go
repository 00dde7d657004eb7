package logfile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"penstock/core/record"
)

// ErrClosed means that the log was closed.
var ErrClosed = errors.New("the log is closed")

// longestSegment is how old a segment may become before the next one begins, so
// that a quiet site too gets rid of what is older than KeepDays.
const longestSegment = 31 * 24 * time.Hour

// Log is the log in one folder, which at most one Log may have open. Its methods
// are safe for concurrent use; each waits for a Write that is under way.
type Log struct {
	dir  string
	opts Options
	now  func() time.Time

	mu     sync.Mutex
	closed bool
	handle *os.File // of dir, to sync names
	head   record.Chain
	seq    uint64
	torn   int64

	checkpoints     []checkpoint // of all segments that are finished, oldest first
	checkpointBytes int64        // whole lines in the file
	finished        []segment    // those that are kept, oldest first
	active          segment      // what the next record goes to
	file            *os.File     // its file, nil before it is needed
	before          record.Chain // head before its first record
	dirty           bool         // more may be in the file than size says
}

// segment is one file.
type segment struct {
	first uint64
	size  int64
	begun time.Time // about when its first record was written
	ended time.Time // of a finished one

	ending bool // takes no more lines: its checkpoint was tried to be written
}

// Open opens the log in dir, which it makes with mode 0700 if need be, and goes on
// with its chain. It reads the newest segment only: a last line that is not whole
// was never acknowledged and is cut off; a chain that is broken there, or
// checkpoints that do not fit the files, are an error that names file and line. The
// clock now says when segments end and what is too old.
func Open(dir string, o Options, now func() time.Time) (*Log, error) {
	if err := o.err(); err != nil {
		return nil, fmt.Errorf("open log %s: %w", dir, err)
	}
	l := &Log{dir: dir, opts: o, now: now}
	if err := l.open(); err != nil {
		if l.handle != nil {
			err = errors.Join(err, l.handle.Close())
		}
		return nil, fmt.Errorf("open log %s: %w", dir, err)
	}
	return l, nil
}

func (l *Log) open() error {
	err := makeDir(l.dir)
	if err != nil {
		return err
	}
	if l.handle, err = os.Open(l.dir); err != nil {
		return err
	}
	if l.checkpoints, l.checkpointBytes, err = readCheckpoints(l.dir); err != nil {
		return err
	}
	segments, err := listSegments(l.dir)
	if err != nil {
		return err
	}
	if n := len(l.checkpoints); n > 0 {
		l.head, l.seq = l.checkpoints[n-1].head, l.checkpoints[n-1].seq
	}
	l.active.first, l.before = l.head.Number+1, l.head
	n := len(segments)
	unfinished := n > 0 && segments[n-1] == l.active.first
	if unfinished {
		segments = segments[:n-1]
	}
	if err := l.adopt(segments, !unfinished); err != nil || !unfinished {
		return err
	}
	return l.resume()
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

func (l *Log) path(first uint64) string { return filepath.Join(l.dir, segmentName(first)) }

// adopt takes on the segments that checkpoints say are finished: the newest ones
// without a gap. Where the last one is the end of the log it is read, because
// nothing else shows that its end is still there.
func (l *Log) adopt(segments []uint64, isEnd bool) error {
	var last checkpoint
	for i, first := range segments {
		c, ok := lineOf(first, l.checkpoints)
		if !ok {
			return fmt.Errorf("%s: is in no line of %s", l.path(first), checkpointsName)
		}
		if i > 0 && last.last+1 != first {
			return fmt.Errorf("%s: is missing", l.path(last.last+1))
		}
		info, err := os.Stat(l.path(first))
		if err != nil {
			return err
		}
		l.finished = append(l.finished, segment{first: first, size: info.Size(), ended: c.ended})
		last = c
	}
	if len(segments) == 0 {
		return nil
	}
	if last.head != l.head {
		return fmt.Errorf("%s: is missing", l.path(last.last+1))
	}
	if !isEnd {
		return nil
	}
	path := l.path(last.first)
	w, err := follow(path, last.before, func(record.Chain) {})
	if err == nil && (w.head != last.head || w.torn > 0) {
		err = fmt.Errorf("%s: ends at record %d, where %s says %d", path, w.head.Number, checkpointsName, last.last)
	}
	return err
}

// resume goes on with the segment that is not finished.
func (l *Log) resume() error {
	path := l.path(l.active.first)
	w, err := follow(path, l.before, func(record.Chain) {})
	if err != nil {
		return err
	}
	if w.size > 0 {
		if l.seq, _, err = stamp(w.last); err != nil {
			return fmt.Errorf("%s: last line: %w", path, err)
		}
	}
	l.head, l.active.size, l.torn = w.head, w.size, w.torn
	l.active.begun = l.begun(path, w)
	if l.file, err = os.OpenFile(path, os.O_RDWR, 0o600); err != nil {
		return err
	}
	if w.torn == 0 {
		return nil
	}
	if err := errors.Join(l.file.Truncate(w.size), l.file.Sync()); err != nil {
		return errors.Join(fmt.Errorf("cut the torn line off %s: %w", path, err), l.file.Close())
	}
	return nil
}

// begun returns about when the first record of the unfinished segment was written:
// when its case was updated, but not before the segment before ended.
func (l *Log) begun(path string, w walk) time.Time {
	var begun time.Time
	if w.size > 0 {
		_, begun, _ = stamp(w.first) // the zero time when it says none
	}
	if n := len(l.checkpoints); n > 0 && l.checkpoints[n-1].ended.After(begun) {
		begun = l.checkpoints[n-1].ended
	}
	if info, err := os.Stat(path); begun.IsZero() && err == nil {
		begun = info.ModTime()
	}
	return begun
}

// stamp returns the sequence number of a line's record and when it was updated.
func stamp(line []byte) (seq uint64, updated time.Time, err error) {
	var l struct {
		Penstock struct {
			Seq     uint64 `json:"seq"`
			Updated string `json:"updated"`
		} `json:"penstock"`
	}
	if err := json.Unmarshal(line, &l); err != nil || l.Penstock.Seq == 0 {
		return 0, time.Time{}, errors.New("has no sequence number")
	}
	updated, _ = time.Parse(time.RFC3339, l.Penstock.Updated) // zero when there is none
	return l.Penstock.Seq, updated, nil
}

// Head returns the head of the chain: what is published. It lasts over a restart.
func (l *Log) Head() record.Chain {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// LastSeq returns the sequence number of the last record that was written, 0 when
// there was none. It is known also when that record is not kept any more.
func (l *Log) LastSeq() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seq
}

// Torn returns how many bytes of an interrupted write Open cut off.
func (l *Log) Torn() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.torn
}

// Write appends the records, each of which has its sequence number, in the order of
// these; what has no larger number than the last one is there already and is left
// out. When it returns nil they are on the disk; else none of them is in the log,
// and the same records may be written again. It blocks for one write and one fsync,
// and a few more when a segment ends. A full disk is an error for which
// errors.Is(err, syscall.ENOSPC) holds.
func (l *Log) Write(recs []record.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.write(recs); err != nil {
		return fmt.Errorf("write %d records to the log %s: %w", len(recs), l.dir, err)
	}
	return nil
}

func (l *Log) write(recs []record.Record) error {
	if l.closed {
		return ErrClosed
	}
	lines, head, seq, err := l.encode(recs)
	if err != nil || len(lines) == 0 {
		return err
	}
	now := l.now()
	if err := l.retain(int64(len(lines)), now); err != nil {
		return err
	}
	if err := l.makeActive(int64(len(lines)), now); err != nil {
		return err
	}
	l.dirty = true
	if _, err := l.file.WriteAt(lines, l.active.size); err != nil {
		return errors.Join(err, l.undo())
	}
	if err := l.file.Sync(); err != nil {
		return errors.Join(err, l.undo())
	}
	l.dirty = false
	l.head, l.seq = head, seq
	l.active.size += int64(len(lines))
	return nil
}

// encode returns the lines of the records that are new, and the head and sequence
// number behind them.
func (l *Log) encode(recs []record.Record) (lines []byte, head record.Chain, seq uint64, err error) {
	bySeq := func(a, b record.Record) int { return cmp.Compare(a.Seq, b.Seq) }
	if !slices.IsSortedFunc(recs, bySeq) {
		recs = slices.Clone(recs)
		slices.SortStableFunc(recs, bySeq)
	}
	head, seq = l.head, l.seq
	for _, r := range recs {
		if r.Seq == 0 {
			return nil, head, seq, fmt.Errorf("a record of case %s has no sequence number", r.Case)
		}
		if r.Seq <= seq {
			continue
		}
		if lines, head, err = head.Append(lines, r); err != nil {
			return nil, head, seq, err
		}
		seq = r.Seq
	}
	return lines, head, seq, nil
}

// undo takes back what is half written; what it cannot, the next Write does first.
func (l *Log) undo() error {
	if err := l.file.Truncate(l.active.size); err != nil {
		return fmt.Errorf("take back what was written: %w", err)
	}
	l.dirty = false
	return nil
}

// Close closes the files. What was written is on the disk already. Write returns
// ErrClosed from then on.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	err := l.handle.Close()
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
	}
	if err != nil {
		return fmt.Errorf("close log %s: %w", l.dir, err)
	}
	return nil
}
