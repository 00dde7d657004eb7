package logfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"penstock/core/record"
)

const (
	namePrefix = "records-"
	nameSuffix = ".jsonl"
	// maxLine bounds a line: a record and its link are far shorter.
	maxLine = 2*record.MaxBytes + 4096
	// sector is what a disk writes wholly or not at all.
	sector = 512
)

func segmentName(first uint64) string { return fmt.Sprintf("%s%08d%s", namePrefix, first, nameSuffix) }

// listSegments returns the numbers of the first records of all segments in dir, in
// order. Other files are none of ours.
func listSegments(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []uint64
	for _, e := range entries {
		digits, isPrefixed := strings.CutPrefix(e.Name(), namePrefix)
		digits, isSegment := strings.CutSuffix(digits, nameSuffix)
		first, err := strconv.ParseUint(digits, 10, 64)
		if !isPrefixed || !isSegment || err != nil || first == 0 || segmentName(first) != e.Name() {
			continue
		}
		if !e.Type().IsRegular() {
			return nil, fmt.Errorf("%s is no regular file", filepath.Join(dir, e.Name()))
		}
		all = append(all, first)
	}
	slices.Sort(all)
	return all, nil
}

// walk is what following a segment gave.
type walk struct {
	head  record.Chain // behind the last whole line
	size  int64        // bytes of the whole lines
	torn  int64        // bytes behind them
	first []byte       // the first line
	last  []byte       // the last one
}

// follow checks the lines of a segment against the chain from start on. each is
// called with the head behind each line. The error names file and line. A last
// line that a power cut left is no error: it is torn.
func follow(path string, start record.Chain, each func(record.Chain)) (walk, error) {
	w := walk{head: start}
	file, err := os.Open(path)
	if err != nil {
		return w, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return w, err
	}
	r := bufio.NewReaderSize(io.LimitReader(file, info.Size()), maxLine)
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) && powerCut(line, w.size):
			w.torn = info.Size() - w.size
			return w, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return w, w.broken(path, start, errors.New("is longer than any record"))
		case err != nil:
			return w, fmt.Errorf("read %s: %w", path, err)
		}
		next, err := w.head.Verify(line)
		if err != nil && powerCut(line, w.size) {
			w.torn = info.Size() - w.size
			return w, nil
		}
		if err != nil {
			return w, w.broken(path, start, errors.Unwrap(err)) // it counts from its own first line
		}
		if w.size == 0 {
			w.first = bytes.Clone(line)
		}
		w.head, w.size = next, w.size+int64(len(line))
		w.last = append(w.last[:0], line...)
		each(next)
	}
}

func (w *walk) broken(path string, start record.Chain, err error) error {
	return fmt.Errorf("%s:%d: %w", path, w.head.Number-start.Number+1, err)
}

// powerCut says whether a broken line looks like what a power cut leaves of a write
// whose later parts reached the disk and whose earlier ones did not: zeros from the
// line's beginning, or from that of a sector, on. No record holds a zero.
func powerCut(line []byte, at int64) bool {
	i := bytes.IndexByte(line, 0)
	return i == 0 || i > 0 && (at+int64(i))%sector == 0
}
