package intake

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"penstock/core/decode"
	"penstock/core/event"
	"penstock/core/spool"
)

// lanes sorts the lines of a source by what their severity is, as far as their
// own text says, and puts them into the spool.
type lanes struct {
	source  Source
	spool   *spool.Spool
	decoder *decode.Decoder
	ev      event.Event
	wait    [spool.Lanes][]spool.Record
	size    [spool.Lanes]int
}

func newLanes(s Source, e Env) (*lanes, error) {
	zone, err := time.LoadLocation(s.Timezone)
	if err != nil {
		return nil, fmt.Errorf("time zone of source %s: %w", s.Name, err)
	}
	o := decode.Options{Source: s.Name, Trust: s.Trust, Location: zone, Host: s.Host, Claimed: !s.TakesEvents()}
	return &lanes{source: s, spool: e.Spool, decoder: decode.New(o)}, nil
}

// add keeps one line without its end for the next flush, and returns its lane. An
// empty line is left out. The memory of data is kept.
func (l *lanes) add(data []byte, received time.Time) int {
	if len(bytes.TrimRight(data, "\r")) == 0 {
		return 0
	}
	l.decoder.Decode(string(data), received, &l.ev)
	lane := min(int(l.ev.Severity), spool.Lanes-1)
	l.wait[lane] = append(l.wait[lane], spool.Record{Source: l.source.Name, Received: received, Data: data})
	l.size[lane] += len(data)
	return lane
}

// flush puts what one lane holds into the spool.
func (l *lanes) flush(lane int, tag string) error {
	if len(l.wait[lane]) == 0 || tag != "" && l.spool.HasTag(tag) {
		l.clear(lane)
		return nil
	}
	if err := l.spool.Append(lane, tag, l.wait[lane]); err != nil {
		return err
	}
	l.clear(lane)
	return nil
}

func (l *lanes) clear(lane int) {
	clear(l.wait[lane])
	l.wait[lane], l.size[lane] = l.wait[lane][:0], 0
}

// cutter makes lines of what comes in pieces. Of a line it keeps MaxLine bytes.
type cutter struct{ part []byte }

// add hands each line that has ended to do, without its end. The memory of a line
// is its own.
func (c *cutter) add(b []byte, do func([]byte)) {
	for {
		n := bytes.IndexByte(b, '\n')
		line := b
		if n >= 0 {
			line = b[:n]
		}
		c.part = append(c.part, line[:min(len(line), MaxLine-len(c.part))]...)
		if n < 0 {
			return
		}
		c.end(do)
		b = b[n+1:]
	}
}

// end hands out what stands behind the last line's end.
func (c *cutter) end(do func([]byte)) {
	if len(c.part) > 0 {
		do(bytes.Clone(c.part))
	}
	c.part = c.part[:0]
}

// persist tries until it works or ctx is done.
func persist(ctx context.Context, e Env, st *status, do func() error) error {
	const slowest = 10 * time.Second
	for wait := e.Poll; ; wait = min(2*wait, slowest) {
		err := do()
		changed := st.failed(err)
		if err == nil {
			return nil
		}
		if changed {
			e.Log.Warn("cannot store what was received; will try again", "source", st.name(), "err", err)
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}
