package logfile

import (
	"errors"
	"fmt"
)

// Options is the section log_file of penstock.yaml.
type Options struct {
	SegmentBytes int64 `yaml:"segment_bytes"` // a file this large is followed by the next one
	KeepBytes    int64 `yaml:"keep_bytes"`    // all files together
	KeepDays     int   `yaml:"keep_days"`
}

// Bounds of the options.
const (
	leastSegment = 64 << 10
	mostSegment  = 1 << 30
	mostBytes    = 1 << 40
	mostDays     = 3650
)

// DefaultOptions returns files of 16 MiB, 256 MiB in all, kept for a year.
func DefaultOptions() Options {
	return Options{SegmentBytes: 16 << 20, KeepBytes: 256 << 20, KeepDays: 365}
}

// Check reports everything that is wrong with the options, each with its key.
func (o *Options) Check(problem func(path, text string)) {
	within := func(path string, value, least, most int64) {
		if value < least || value > most {
			problem(path, fmt.Sprintf("%d is not between %d and %d", value, least, most))
		}
	}
	within("segment_bytes", o.SegmentBytes, leastSegment, mostSegment)
	within("keep_bytes", o.KeepBytes, 2*leastSegment, mostBytes)
	if o.KeepBytes/2 < o.SegmentBytes {
		problem("keep_bytes", fmt.Sprintf("%d holds no two segments of %d bytes", o.KeepBytes, o.SegmentBytes))
	}
	within("keep_days", int64(o.KeepDays), 1, mostDays)
}

// err returns what Check reports as one error.
func (o *Options) err() error {
	var all []error
	o.Check(func(path, text string) { all = append(all, fmt.Errorf("%s: %s", path, text)) })
	return errors.Join(all...)
}
