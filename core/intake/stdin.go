package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"penstock/core/spool"
)

// stdin puts the lines of standard input into the spool, in batches of at most a
// second or chunkBytes.
type stdin struct {
	source Source
	env    Env
	status *status
	lanes  *lanes
	cutter cutter
	since  time.Time // when the oldest line that waits was read
	size   int       // of what waits
}

// run reads until the end, which is no error, or until ctx is done.
func (s *stdin) run(ctx context.Context) error {
	var err error
	if s.lanes, err = newLanes(s.source, s.env); err != nil {
		return err
	}
	in := s.env.Stdin
	buf := make([]byte, 64<<10)
	for ctx.Err() == nil {
		ready, err := readable(in, s.env.Poll)
		n := 0
		if err == nil && ready {
			n, err = in.Read(buf)
		}
		received := s.env.received()
		add := func(line []byte) {
			if s.size == 0 {
				s.since = time.Now()
			}
			s.size += len(line) + 1
			s.lanes.add(line, received)
		}
		s.cutter.add(buf[:n], add)
		if errors.Is(err, io.EOF) {
			s.cutter.end(add)
			s.status.waits(0, 0, true)
			return s.flush(ctx)
		}
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		s.status.waits(1, int64(s.size), s.size == 0)
		if s.size >= chunkBytes || s.size > 0 && (!ready || time.Since(s.since) >= time.Second) {
			if err := s.flush(ctx); err != nil {
				return err
			}
		}
	}
	return s.flush(ctx)
}

// flush puts what waits into the spool; while it cannot, nothing more is read.
func (s *stdin) flush(ctx context.Context) error {
	err := persist(ctx, s.env, s.status, func() error {
		for lane := range spool.Lanes {
			if err := s.lanes.flush(lane, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.size = 0
	}
	return err
}

// readable waits until a read would not wait, at most for so long.
func readable(f *os.File, wait time.Duration) (bool, error) {
	fd := int(f.Fd())
	var set syscall.FdSet
	if fd/strconv.IntSize >= len(set.Bits) {
		return false, fmt.Errorf("descriptor %d is too high to wait for", fd)
	}
	set.Bits[fd/strconv.IntSize] |= 1 << (fd % strconv.IntSize)
	timeout := syscall.NsecToTimeval(wait.Nanoseconds())
	n, err := syscall.Select(fd+1, &set, nil, nil, &timeout)
	if errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return n > 0, err
}
