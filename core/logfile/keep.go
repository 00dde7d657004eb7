package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// retain removes the oldest finished segments that are too old or leave too little
// room for more bytes.
func (l *Log) retain(more int64, now time.Time) error {
	total := l.active.size + more
	for _, s := range l.finished {
		total += s.size
	}
	oldest := now.AddDate(0, 0, -l.opts.KeepDays)
	for len(l.finished) > 0 {
		s := l.finished[0]
		if total <= l.opts.KeepBytes && !s.ended.Before(oldest) {
			return nil
		}
		if err := os.Remove(l.path(s.first)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the oldest segment: %w", err)
		}
		total -= s.size
		l.finished = l.finished[1:]
	}
	return nil
}

// makeActive sees to a segment that more bytes can go to.
func (l *Log) makeActive(more int64, now time.Time) error {
	if l.dirty {
		if err := l.undo(); err != nil {
			return err
		}
	}
	if l.ends(more, now) {
		if err := l.finish(now); err != nil {
			return fmt.Errorf("finish segment %s: %w", segmentName(l.active.first), err)
		}
	}
	if l.active.size == 0 {
		l.active.begun = now
	}
	if l.file != nil {
		return nil
	}
	// Open has seen that there is none yet, unless an earlier try got this far.
	file, err := os.OpenFile(l.path(l.active.first), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	// The names of the checkpoints last from here on as well.
	if err := l.handle.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync %s: %w", l.dir, err), file.Close())
	}
	l.file = file
	return nil
}

// ends says whether the segment has to end before more bytes are written.
func (l *Log) ends(more int64, now time.Time) bool {
	if l.active.size == 0 {
		return false
	}
	if l.active.ending {
		return true
	}
	longest := min(longestSegment, time.Duration(l.opts.KeepDays)*24*time.Hour)
	return l.active.size+more > l.opts.SegmentBytes || now.Sub(l.active.begun) > longest
}

// finish writes the checkpoint of the segment. The next one begins behind it.
func (l *Log) finish(now time.Time) error {
	l.active.ending = true // its line may be on the disk even when that fails
	c := checkpoint{
		first: l.active.first, last: l.head.Number, before: l.before, head: l.head, seq: l.seq, ended: now,
	}
	if err := l.addCheckpoint(c); err != nil {
		return err
	}
	_ = l.file.Close() // synced with its last line
	l.file = nil
	l.finished = append(l.finished, segment{first: c.first, size: l.active.size, ended: now})
	l.active, l.before = segment{first: c.last + 1}, c.head
	return nil
}

// addCheckpoint puts the line of a checkpoint on the disk. It overwrites what an
// interrupted write may have left behind the last whole line.
func (l *Log) addCheckpoint(c checkpoint) error {
	all := append(l.checkpoints[:len(l.checkpoints):len(l.checkpoints)], c)
	if len(all) > 2*max(keepCheckpoints, len(l.finished)+1) {
		return l.shorten(all[len(all)-max(keepCheckpoints, len(l.finished)+1):])
	}
	line, err := c.append(nil)
	if err != nil {
		return err
	}
	path := filepath.Join(l.dir, checkpointsName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err = file.Truncate(l.checkpointBytes); err == nil {
		_, err = file.WriteAt(line, l.checkpointBytes)
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		err = errors.Join(err, file.Truncate(l.checkpointBytes))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	l.checkpoints, l.checkpointBytes = all, l.checkpointBytes+int64(len(line))
	return nil
}

// shorten replaces the file of checkpoints by one with these.
func (l *Log) shorten(all []checkpoint) error {
	var content []byte
	var err error
	for _, c := range all {
		if content, err = c.append(content); err != nil {
			return err
		}
	}
	path := filepath.Join(l.dir, checkpointsName)
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = file.Write(content); err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return err
	}
	l.checkpoints, l.checkpointBytes = append([]checkpoint(nil), all...), int64(len(content))
	return nil
}
