package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"penstock/core/event"
	"penstock/core/spool"
)

// ErrGone means that a part of a stream is not there any more, wholly or partly.
var ErrGone = errors.New("is not there any more")

// Why something before a chunk is missing.
const (
	GapRotated   = "rotated-away" // a file is gone that may have held more
	GapTruncated = "truncated"    // a file was emptied in place and may have held more
	GapVacuumed  = "vacuumed"     // the journal has thrown entries away
	GapGivenUp   = "given-up"     // the spool was full
	GapDamaged   = "damaged"      // a packed file or the spool is damaged
)

// Chunk is some lines of one stream.
type Chunk struct {
	Source int // index into Options
	// Stream is the key of the cursor; it survives restarts and renames. It is
	// NAME/ID for a file, NAME for the journal, spool/LANE for what came through
	// the spool. A source of files begins with one chunk of the stream NAME/ that
	// has nothing but a cursor, which marks what was there before its time.
	Stream   string
	From, To event.Cursor // From is "" at the very beginning
	Received time.Time    // whole seconds, UTC; the same for all lines
	// Text is whole lines, each with its "\n"; those longer than MaxLine are cut.
	// It has at most about 256 KiB, or one line that is longer. It is empty only
	// where Gap or Done is set, and in a source's first mark.
	Text   string
	Lines  int
	Cut    int    // lines that were cut
	Gap    string // "", or why something before is missing
	Behind bool   // more is known to wait
	// Done says that the stream will never say more: its cursor may be forgotten
	// together with this chunk.
	Done bool
}

// Env is what a Reader needs of its surroundings.
type Env struct {
	Spool *spool.Spool     // only for sources that are spooled
	Log   *slog.Logger     // nil for none
	Now   func() time.Time // nil for time.Now
	Poll  time.Duration    // between two looks at a source; 250 ms when 0
	Stdin *os.File         // nil for the process's own
	Pull  Pull             // only for sources of kind zabbix without a path
}

// Reader reads all sources of a site. Run and Again are for one caller, first
// Again, then Run; States and Covered are safe at any time.
type Reader struct {
	sources []Source
	env     Env
	states  []*status
	again   map[string]rereader // by stream; closed when Run begins
	program string              // journalctl
	boot    string              // id of this boot
}

// Open checks what the sources need. It opens none of them.
func Open(o Options, e Env) (*Reader, error) {
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Poll <= 0 {
		e.Poll = 250 * time.Millisecond
	}
	if e.Stdin == nil {
		e.Stdin = os.Stdin
	}
	r := &Reader{sources: o, env: e, again: map[string]rereader{}, program: "journalctl"}
	if id, err := os.ReadFile(bootFile); err == nil {
		r.boot = strings.ReplaceAll(strings.TrimSpace(string(id)), "-", "")
	}
	for _, s := range o {
		if s.spooled() && e.Spool == nil {
			return nil, fmt.Errorf("open source %s: a source of kind %s needs a spool", s.Name, s.Kind)
		}
		if s.IsPulled() && e.Pull == nil {
			return nil, fmt.Errorf("open source %s: a source of kind zabbix without a path needs the API (zabbix.api.url)", s.Name)
		}
		r.states = append(r.states, &status{state: State{Name: s.Name, Kind: s.Kind}})
	}
	return r, nil
}

// spooled says whether what comes from the source goes through the spool.
func (s *Source) spooled() bool { return s.Kind == KindDrop || s.Kind == KindStdin || s.IsPulled() }

// Run reads on from the cursors, one goroutine for each source, and sends what it
// reads to out; while nobody receives, nothing is read. A source that fails is
// tried again, more and more rarely, up to once a minute; States shows why, and the
// others go on. It returns when ctx is done, or when every source has ended, which
// only standard input does. Nothing of it is left running then.
func (r *Reader) Run(ctx context.Context, cursors map[string]event.Cursor, out chan<- Chunk) error {
	r.closeAgain()
	send := func(ctx context.Context, c Chunk) error {
		select {
		case out <- c:
			r.states[c.Source].sent(c)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var feeders, all sync.WaitGroup
	spooled := false
	for i, s := range r.sources {
		run := r.runner(i, cursors, send)
		all.Add(1)
		if s.spooled() {
			spooled = true
			feeders.Add(1)
		}
		go func() {
			defer all.Done()
			r.keepRunning(ctx, i, run)
			if s.spooled() {
				feeders.Done()
			}
		}()
	}
	if spooled {
		ended := make(chan struct{})
		go func() { feeders.Wait(); close(ended) }()
		all.Go(func() { r.feed(ctx, cursors, ended, send) })
	}
	all.Wait()
	return ctx.Err()
}

// keepRunning runs one source until it ends or ctx is done.
func (r *Reader) keepRunning(ctx context.Context, i int, run func(context.Context) error) {
	const slowest = time.Minute
	for wait := r.env.Poll; ; wait = min(2*wait, slowest) {
		began := r.states[i].handed()
		err := run(ctx)
		if ctx.Err() != nil || err == nil {
			return
		}
		if r.states[i].failed(err) {
			r.env.Log.Warn("cannot read a source; will try again", "source", r.sources[i].Name, "err", err)
		}
		if r.states[i].handed() != began {
			wait = r.env.Poll // it has worked meanwhile
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

// runner returns what reads one source until it fails.
func (r *Reader) runner(i int, cursors map[string]event.Cursor, send sender) func(context.Context) error {
	s := r.sources[i]
	switch s.Kind {
	case KindFile, KindDir, KindWazuh, KindZabbix:
		if s.IsPulled() {
			return (&pulled{source: s, env: r.env, status: r.states[i], every: pullEvery}).run
		}
		f := newFollower(s, i, r.env, r.states[i], send)
		f.known(cursors)
		return f.run
	case KindJournald:
		j := r.newJournal(i, send)
		j.cursor = journalCursor(cursors[s.Name])
		return j.run
	case KindDrop:
		return (&drop{source: s, env: r.env, status: r.states[i]}).run
	case KindStdin:
		return (&stdin{source: s, env: r.env, status: r.states[i]}).run
	case KindNone:
	}
	return func(context.Context) error { return fmt.Errorf("source %s is of kind %s", s.Name, s.Kind) }
}

// sender hands a chunk over. An error means that it was not.
type sender func(context.Context, Chunk) error

// rereader reads a stream once more, step by step.
type rereader interface {
	io.Closer
	again(ctx context.Context, from, to event.Cursor, do func(text string) error) error
}

// Again reads once more what a stream said between two of its cursors, and hands
// it to do in whole lines, cut as they were. It is fast when steps come in their
// order. The error wraps ErrGone when some of it is not there any more or cannot
// be read; then do was not called, but for a file that is damaged or changes while
// it is read. Other errors are do's and ctx's.
func (r *Reader) Again(ctx context.Context, stream string, from, to event.Cursor, do func(text string) error) error {
	if from == to {
		return nil
	}
	old, ok := r.again[stream]
	if !ok {
		made, err := r.rereader(stream)
		if err != nil {
			return fmt.Errorf("read %s again: %w", stream, err)
		}
		if made == nil { // a mark
			return nil
		}
		old, r.again[stream] = made, made
	}
	var refused error
	err := old.again(ctx, from, to, func(text string) error {
		refused = do(text)
		return refused
	})
	switch {
	case err == nil || refused != nil:
		return refused
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(err, ErrGone):
		err = errors.Join(ErrGone, err)
	}
	return fmt.Errorf("read %s again: %w", stream, err)
}

// rereader returns what reads a stream again; nil for one that never has text.
func (r *Reader) rereader(stream string) (rereader, error) {
	if lane, ok := laneOf(stream); ok && r.env.Spool != nil {
		return &spoolAgain{spool: r.env.Spool, lane: lane}, nil
	}
	for i, s := range r.sources {
		rest, ok := strings.CutPrefix(stream, s.Name)
		switch {
		case !ok:
		case rest == "" && s.Kind == KindJournald:
			return &journalAgain{journal: r.newJournal(i, nil)}, nil
		case strings.HasPrefix(rest, "/") && !strings.Contains(rest[1:], "/") && s.followed():
			family, _, ok := parseStream(rest[1:])
			if !ok {
				return nil, nil // a mark
			}
			return &fileAgain{follower: newFollower(s, i, r.env, r.states[i], nil), family: family}, nil
		}
	}
	return nil, fmt.Errorf("no source has it: %w", ErrGone)
}

// followed says whether the source is files that grow.
func (s *Source) followed() bool {
	return s.Kind == KindFile || s.Kind == KindDir || s.Kind == KindWazuh || s.Kind == KindZabbix && s.Path != ""
}

func (r *Reader) closeAgain() {
	for stream, a := range r.again {
		if err := a.Close(); err != nil {
			r.env.Log.Debug("cannot close a stream that was read again", "source", stream, "err", err)
		}
		delete(r.again, stream)
	}
}

// sleep waits and says whether ctx is still good.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// received returns the time that goes with what is read now.
func (e *Env) received() time.Time { return e.Now().UTC().Truncate(time.Second) }
