package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Bounds of what is said in the agent's log: a burst, and then one message in a
// while. Who reads it wants to find the agent's own messages too.
const (
	logBurst = 20
	logEvery = 5 * time.Second
	logQueue = 64   // messages that wait for an agent that does not read
	logBytes = 2000 // of one message
)

// teller hands messages to the agent's log. It never waits, and drops what is too
// much, which it says later.
type teller struct {
	now   func() time.Time
	queue chan reply

	mu      sync.Mutex
	left    float64 // messages that may be said now
	refill  time.Time
	dropped int
}

func newTeller(now func() time.Time) *teller {
	return &teller{now: now, queue: make(chan reply, logQueue), left: logBurst, refill: now()}
}

// run writes what is queued until the connection is gone or ctx ends.
func (t *teller) run(ctx context.Context, to *link) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-t.queue:
			if err := to.send(r); err != nil {
				return // the reader sees the same and ends the process
			}
		}
	}
}

// flush writes what is queued now: the process that only registers has no run.
func (t *teller) flush(to *link) {
	for {
		select {
		case r := <-t.queue:
			if err := to.send(r); err != nil {
				return
			}
		default:
			return
		}
	}
}

// say queues a message. Agents take it for a format and mangle what looks like a verb
// (seen with 6.0.14 and 7.0.9), so each sign of percent is doubled.
func (t *teller) say(severity uint32, text string) {
	dropped, ok := t.may()
	if !ok {
		return
	}
	if dropped > 0 {
		text = fmt.Sprintf("%s (%d messages before this one were too many)", text, dropped)
	}
	text = strings.ReplaceAll(shorten(text, logBytes), "%", "%%")
	select {
	case t.queue <- reply{Type: typeLog, Severity: &severity, Message: &text}:
	default:
		t.mu.Lock()
		t.dropped += dropped + 1
		t.mu.Unlock()
	}
}

// may says whether another message may be said now, and how many were not since the
// last one.
func (t *teller) may() (dropped int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.left = min(logBurst, t.left+float64(now.Sub(t.refill))/float64(logEvery))
	t.refill = now
	if t.left < 1 {
		t.dropped++
		return 0, false
	}
	t.left--
	dropped, t.dropped = t.dropped, 0
	return dropped, true
}

// handler is a slog.Handler over a teller.
type handler struct {
	to    *teller
	attrs []slog.Attr
}

// Enabled leaves debug messages out.
func (h handler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// WithAttrs returns a handler that adds attributes.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.to, append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

// WithGroup returns the handler as it is: nobody here groups.
func (h handler) WithGroup(string) slog.Handler { return h }

// Handle says a message with its attributes behind it.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	add := func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%q", a.Key, a.Value.String())
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	h.to.say(severityOf(r.Level), text)
	return nil
}

func severityOf(level slog.Level) uint32 {
	switch {
	case level >= slog.LevelError:
		return severityError
	case level >= slog.LevelWarn:
		return severityWarning
	case level >= slog.LevelInfo:
		return severityInfo
	}
	return severityDebug
}
