package spool

import (
	"errors"
	"fmt"
	"time"
)

// Options is the section spool of penstock.yaml.
type Options struct {
	MaxBytes int64         `yaml:"max_bytes"` // all lanes together, on disk
	MaxAge   time.Duration `yaml:"max_age"`   // what is older is given up
}

// Bounds of the options.
const (
	leastBytes = 1 << 20
	mostBytes  = 1 << 40
	leastAge   = time.Hour
	mostAge    = 90 * 24 * time.Hour
)

// DefaultOptions returns 256 MiB and a week.
func DefaultOptions() Options {
	return Options{MaxBytes: 256 << 20, MaxAge: 7 * 24 * time.Hour}
}

// Check reports everything that is wrong with the options, each with its key.
func (o *Options) Check(problem func(path, text string)) {
	if o.MaxBytes < leastBytes || o.MaxBytes > mostBytes {
		problem("max_bytes", fmt.Sprintf("%d is not between %d (1 MiB) and %d (1 TiB)", o.MaxBytes, leastBytes, int64(mostBytes)))
	}
	if o.MaxAge < leastAge || o.MaxAge > mostAge {
		problem("max_age", fmt.Sprintf("%s is not between 1h and 2160h (90 days)", o.MaxAge))
	}
}

// err returns what Check reports as one error.
func (o *Options) err() error {
	var all []error
	o.Check(func(path, text string) { all = append(all, fmt.Errorf("%s: %s", path, text)) })
	return errors.Join(all...)
}
