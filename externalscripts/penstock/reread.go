package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"penstock/core/app"
)

// maxKept bounds what of standard input is kept to be read again, in bytes.
const maxKept = 1 << 30

// reread is an input that can be read several times: what came on standard
// input lies in a temporary file meanwhile.
type reread struct {
	paths  []string
	now    time.Time
	kept   *os.File // nil where standard input is not read
	stderr io.Writer
}

// newReread takes in standard input, where the paths name it. It blocks until
// that ends.
func newReread(ctx context.Context, e *env, paths []string) (*reread, error) {
	r := &reread{paths: paths, now: time.Now(), stderr: e.stderr}
	if len(paths) > 0 && !slices.Contains(paths, app.Stdin) {
		return r, nil
	}
	noteTerminal(e)
	file, err := os.CreateTemp("", "penstock-stdin-*")
	if err != nil {
		return nil, fmt.Errorf("keep standard input to read it twice: %w", err)
	}
	r.kept = file
	if err := keep(ctx, file, e.stdin, maxKept); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// keep copies at most limit bytes; more is an error.
func keep(ctx context.Context, file io.Writer, from io.Reader, limit int64) error {
	n, err := io.Copy(file, io.LimitReader(stoppable{ctx, from}, limit+1))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("keep standard input to read it twice: %w", err)
	case n > limit:
		return exitError{
			exitInput, fmt.Errorf("standard input is larger than %d MiB, and --against reads it twice", limit>>20),
			"save it to a file, and name that file",
		}
	}
	return nil
}

// rewind returns standard input from its start.
func (r *reread) rewind() (io.Reader, error) {
	if r.kept == nil {
		return nil, nil //nolint:nilnil // no path stands for standard input
	}
	if _, err := r.kept.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read standard input again: %w", err)
	}
	return r.kept, nil
}

func (r *reread) close() {
	if r.kept != nil {
		_ = r.kept.Close()
		_ = os.Remove(r.kept.Name()) // what is left of it lies in the system's folder for such files
	}
}

// stoppable ends reading when the context does, between two reads.
type stoppable struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.from.Read(p)
}
