package logfile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"penstock/core/record"
)

const (
	checkpointsName = "checkpoints"
	// keepCheckpoints is how many lines stay when the file is shortened. It is, at
	// twice as many: 400 kB at most.
	keepCheckpoints = 1000
	maxCheckpoints  = 64 << 20 // bytes of the file that are read
)

// checkpoint is the line of a finished segment.
type checkpoint struct {
	first, last  uint64 // chain numbers
	before, head record.Chain
	seq          uint64 // of its last record
	ended        time.Time
}

// checkpointLine is its form in the file.
type checkpointLine struct {
	First  uint64    `json:"first"`
	Last   uint64    `json:"last"`
	Before string    `json:"before"`
	Head   string    `json:"head"`
	Seq    uint64    `json:"seq"`
	Ended  time.Time `json:"ended"`
}

// append adds the checkpoint's line with its end.
func (c checkpoint) append(dst []byte) ([]byte, error) {
	line, err := json.Marshal(checkpointLine{c.first, c.last, c.before.String(), c.head.String(), c.seq, c.ended.UTC().Truncate(time.Second)})
	if err != nil {
		return dst, err
	}
	return append(append(dst, line...), '\n'), nil
}

// parseCheckpoint reads one line.
func parseCheckpoint(line []byte) (checkpoint, error) {
	var l checkpointLine
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil || d.More() {
		return checkpoint{}, errors.New("is no checkpoint")
	}
	before, err := parseHead(l.Before)
	if err != nil {
		return checkpoint{}, err
	}
	head, err := parseHead(l.Head)
	if err != nil {
		return checkpoint{}, err
	}
	if l.First == 0 || before.Number != l.First-1 || l.Last < l.First || head.Number != l.Last {
		return checkpoint{}, errors.New("contradicts itself")
	}
	return checkpoint{l.First, l.Last, before, head, l.Seq, l.Ended}, nil
}

// parseHead reads what record.Chain.String gives.
func parseHead(text string) (record.Chain, error) {
	var c record.Chain
	number, hash, ok := strings.Cut(text, ":")
	n, numberErr := strconv.ParseUint(number, 10, 64)
	sum, hashErr := hex.DecodeString(hash)
	if !ok || numberErr != nil || hashErr != nil || len(sum) != len(c.Hash) {
		return c, fmt.Errorf("%q is not the head of a chain (NUMBER:HASH)", text)
	}
	c.Number = n
	copy(c.Hash[:], sum)
	return c, nil
}

// readCheckpoints returns the checkpoints in dir, oldest first, and how many bytes
// of the file are whole lines. The error names the first line that does not fit.
func readCheckpoints(dir string) (all []checkpoint, whole int64, err error) {
	path := filepath.Join(dir, checkpointsName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err == nil && info.Size() > maxCheckpoints {
		err = fmt.Errorf("%s has %d bytes, more than %d", path, info.Size(), maxCheckpoints)
	}
	if err != nil {
		return nil, 0, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	for number := 1; ; number++ {
		line, rest, ok := bytes.Cut(content, []byte("\n"))
		if !ok {
			return all, whole, nil // what is left is torn
		}
		c, err := parseCheckpoint(line)
		if n := len(all); err == nil && n > 0 && c.before != all[n-1].head {
			err = errors.New("does not follow the line before")
		}
		if err != nil {
			return nil, 0, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		all, content, whole = append(all, c), rest, whole+int64(len(line))+1
	}
}

// startOf returns where the chain stood before the segment that begins with a
// number: the line of the segment, or of the one before, says so.
func startOf(first uint64, all []checkpoint) (record.Chain, error) {
	for _, c := range all {
		if c.first == first {
			return c.before, nil
		}
		if c.last == first-1 {
			return c.head, nil
		}
	}
	if first == 1 {
		return record.Chain{}, nil
	}
	return record.Chain{}, fmt.Errorf("no line in %s says where the chain stood before it", checkpointsName)
}

// lineOf returns the checkpoint of the segment that begins with a number.
func lineOf(first uint64, all []checkpoint) (checkpoint, bool) {
	for _, c := range all {
		if c.first == first {
			return c, true
		}
	}
	return checkpoint{}, false
}
