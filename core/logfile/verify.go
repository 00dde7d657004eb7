package logfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"penstock/core/record"
)

// Report is what Verify found.
type Report struct {
	Segments int          `json:"segments"` // that are kept
	Records  uint64       `json:"records"`  // in them
	First    uint64       `json:"first"`    // chain number of the first; 0 when none is kept
	Last     uint64       `json:"last"`     // and of the last
	Head     record.Chain `json:"head"`
	Torn     int64        `json:"torn"` // bytes of a last line that is not whole, as while it is written
}

// ErrNotKept means that a head is older than the records that are kept and that no
// checkpoint stands there, so it cannot be said whether it was on the chain.
var ErrNotKept = errors.New("is older than what is kept, and no checkpoint stands there")

// Verify follows the chain through all segments that are kept in dir. against is ""
// or a head that was published (record.Chain.String): that this head is on the chain
// then shows that nothing before it was changed, and that the end was not cut off
// before it. The error names the file and the line that does not fit. It changes
// nothing and may run while the log is written.
func Verify(dir, against string) (Report, error) {
	var want *record.Chain
	if against != "" {
		head, err := parseHead(against)
		if err != nil {
			return Report{}, fmt.Errorf("verify log %s: %w", dir, err)
		}
		want = &head
	}
	const tries = 3
	for try := 1; ; try++ {
		// A segment that ends, or is removed, in between is no fault of the log.
		before := view(dir)
		r, err := verify(dir, want)
		if err == nil {
			return r, nil
		}
		if try == tries || slices.Equal(before, view(dir)) {
			return r, fmt.Errorf("verify log %s: %w", dir, err)
		}
	}
}

// view is what changes when a segment ends or is removed.
func view(dir string) []string {
	var all []string
	entries, _ := os.ReadDir(dir) // an error shows when it is verified
	for _, e := range entries {
		all = append(all, e.Name())
	}
	if info, err := os.Stat(filepath.Join(dir, checkpointsName)); err == nil {
		all = append(all, fmt.Sprint(info.Size()))
	}
	return all
}

func verify(dir string, want *record.Chain) (Report, error) {
	checkpoints, _, err := readCheckpoints(dir)
	if err != nil {
		return Report{}, err
	}
	segments, err := listSegments(dir)
	if err != nil {
		return Report{}, err
	}
	v := verifier{dir: dir, checkpoints: checkpoints, want: want}
	for _, c := range checkpoints {
		v.see(c.before)
		v.see(c.head)
	}
	for i, first := range segments {
		if err := v.segment(first, i == len(segments)-1); err != nil {
			return v.report, err
		}
	}
	if n := len(checkpoints); n > 0 && len(segments) == 0 {
		v.report.Head = checkpoints[n-1].head // all are removed
	} else if n > 0 && checkpoints[n-1].last > v.report.Head.Number {
		return v.report, fmt.Errorf("%s: is missing", filepath.Join(dir, segmentName(v.report.Head.Number+1)))
	}
	return v.report, v.compare()
}

// verifier follows the segments one after another.
type verifier struct {
	dir         string
	checkpoints []checkpoint
	want        *record.Chain
	report      Report
	seen        *record.Chain // the head of the log with the number of want
}

// see looks at one head of the log.
func (v *verifier) see(head record.Chain) {
	if v.want != nil && head.Number == v.want.Number {
		v.seen = &head
	}
}

func (v *verifier) segment(first uint64, last bool) error {
	path := filepath.Join(v.dir, segmentName(first))
	start := v.report.Head
	if v.report.Segments == 0 {
		var err error
		if start, err = startOf(first, v.checkpoints); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		v.see(start)
	}
	if start.Number+1 != first {
		return fmt.Errorf("%s: is missing", filepath.Join(v.dir, segmentName(start.Number+1)))
	}
	w, err := follow(path, start, v.see)
	if err != nil {
		return err
	}
	c, finished := lineOf(first, v.checkpoints)
	switch {
	case finished && c.before != start:
		return fmt.Errorf("%s: %s says it begins at %s, but the chain stands at %s", path, checkpointsName, c.before, start)
	case finished && (c.head != w.head || w.torn > 0):
		return fmt.Errorf("%s: ends at record %d, where %s says %d", path, w.head.Number, checkpointsName, c.last)
	case !finished && !last:
		return fmt.Errorf("%s: is in no line of %s", path, checkpointsName)
	}
	r := &v.report
	r.Segments++
	r.Records += w.head.Number - start.Number
	if r.First == 0 && w.head.Number > start.Number {
		r.First = first
	}
	if r.First > 0 {
		r.Last = w.head.Number
	}
	r.Head, r.Torn = w.head, w.torn
	return nil
}

// compare says whether the head that was published is on the chain.
func (v *verifier) compare() error {
	switch {
	case v.want == nil:
		return nil
	case v.want.Number > v.report.Head.Number:
		return fmt.Errorf("the log ends at record %d, before the head %s: its end was cut off", v.report.Head.Number, v.want)
	case v.want.Number == 0 && *v.want == (record.Chain{}):
		return nil
	case v.seen == nil:
		return fmt.Errorf("the head %s %w", v.want, ErrNotKept)
	case *v.seen != *v.want:
		return fmt.Errorf("record %d is another one than that of the head %s: the log was changed", v.want.Number, v.want)
	}
	return nil
}
