package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"penstock/core/app"
	"penstock/core/control"
)

// Rhythm of the watch. It slows down when no item was asked for a while, and never
// so much that what it holds is stale when the next one comes.
const (
	watchEvery  = time.Second
	watchSlowly = 20 * time.Second
	watchIdle   = 5 * time.Minute // without an item
	askWithin   = 5 * time.Second // of the worker
	lookWithin  = 15 * time.Millisecond
	firstWithin = time.Second // the first item starts the plugin, and may wait for the first answer
)

// mostAnswer bounds what the worker may answer, which may run as another user: a long
// answer takes many times its length in memory, and the agent ends with the plugin.
const mostAnswer = 512 << 10

// board holds what the worker said last. Items are answered from it; only watch
// asks the worker.
type board struct {
	options options
	broken  error // what is wrong with the options
	keeper  *keeper
	log     *slog.Logger
	now     func() time.Time
	asked   chan struct{} // wakes the watch
	caseNow chan struct{} // one connection for the one item that asks by itself

	client *control.Client // the watch's own

	mu     sync.Mutex
	socket string
	wanted time.Time // when an item was asked for last
	tried  time.Time // when the worker was asked last
	glance app.Glance
	at     time.Time // when it came
	fault  error     // of the last try
	panics int       // of tries, recovered from
	news   chan struct{}
}

func newBoard(o options, broken error, now func() time.Time) *board {
	return &board{
		options: o, broken: broken, log: slog.New(slog.DiscardHandler), now: now, asked: make(chan struct{}, 1), caseNow: make(chan struct{}, 1),
		news: make(chan struct{}), wanted: now(),
	}
}

// watch asks the worker again and again until ctx ends.
func (b *board) watch(ctx context.Context) {
	defer b.hangUp()
	for b.broken == nil {
		if !guarded(b.log, "the watch", func() { b.ask(ctx) }) {
			b.recovered()
		}
		timer := time.NewTimer(b.pause())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-b.asked:
			timer.Stop()
		}
	}
}

// pause is how long the watch waits between two tries.
func (b *board) pause() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now().Sub(b.wanted) > watchIdle {
		return watchSlowly
	}
	return watchEvery
}

// recovered keeps that a try ended in a panic: the next one has a new connection.
func (b *board) recovered() {
	guarded(b.log, "the watch's connection", b.hangUp)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.panics++
	b.tried, b.fault = b.now(), fmt.Errorf("an error of the plugin, number %d since it started; see the agent's log", b.panics)
	b.tell()
}

// tell wakes who waits for the end of a try. It is called with the lock held.
func (b *board) tell() {
	close(b.news)
	b.news = make(chan struct{})
}

// ask asks once, and keeps the answer or why there is none.
func (b *board) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var g app.Glance
	err := b.connect(ctx)
	if err == nil {
		if err = b.client.Call(ctx, app.CmdGlance, nil, &g); err != nil {
			b.hangUp()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tried, b.fault = b.now(), err
	if err == nil {
		b.glance, b.at = g, b.tried
	}
	b.tell()
}

// connect makes the connection where there is none. Only watch calls it.
func (b *board) connect(ctx context.Context) error {
	if b.client != nil {
		return nil
	}
	socket, err := b.options.findSocket()
	if err != nil {
		return &configError{err}
	}
	b.mu.Lock()
	b.socket = socket
	b.mu.Unlock()
	b.client, err = dial(ctx, socket)
	return err
}

// dial connects to a worker whose answers may not be long.
func dial(ctx context.Context, socket string) (*control.Client, error) {
	client, err := control.Dial(ctx, socket)
	if err == nil {
		client.MostAnswer = mostAnswer
	}
	return client, err
}

func (b *board) hangUp() {
	if client := b.client; client != nil {
		b.client = nil
		_ = client.Close() // there is nobody to tell
	}
}

// configError is a configuration of the worker that cannot be read.
type configError struct{ err error }

// Error says what is wrong.
func (e *configError) Error() string { return e.err.Error() }

// Unwrap returns what is wrong.
func (e *configError) Unwrap() error { return e.err }

// oneCase asks the worker for a case over a connection of its own, for one caller at
// a time.
func (b *board) oneCase(ctx context.Context, id string) ([]byte, error) {
	select {
	case b.caseNow <- struct{}{}:
		defer func() { <-b.caseNow }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	socket, err := b.options.findSocket()
	if err != nil {
		return nil, err
	}
	client, err := dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }() // it was only asked
	return app.CaseItem(ctx, client, id)
}

// look returns what is known now. It waits a moment where that is old, for the
// answer that the watch may be about to get.
func (b *board) look() view {
	b.mu.Lock()
	now := b.now()
	first := b.tried.IsZero()
	b.wanted = now
	if b.broken != nil || !first && now.Sub(b.tried) < 2*watchEvery {
		defer b.mu.Unlock()
		return b.view(now)
	}
	news := b.news
	b.mu.Unlock()
	select {
	case b.asked <- struct{}{}:
	default: // it is awake
	}
	within := lookWithin
	if first {
		within = firstWithin
	}
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-news:
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.view(b.now())
}

// view is called with the lock held. What it returns is not written to any more.
func (b *board) view(now time.Time) view {
	v := view{
		now: now, have: !b.at.IsZero(), at: b.at, glance: b.glance, fault: b.fault, mode: b.options.Mode,
		socket: b.socket, broken: b.broken,
	}
	if b.keeper != nil {
		v.kept = b.keeper.status()
	}
	return v
}

// problemOf says in words why the worker was not asked or did not answer.
func problemOf(err error, socket string) string {
	var refused *control.Error
	switch {
	case errors.Is(err, control.ErrNotRunning):
		return "no worker is running: nobody listens on " + socket
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("the worker may not be asked: %v (put the agent's user into group penstock and restart the agent)", err)
	case errors.As(err, &refused) && refused.Hint != "":
		return fmt.Sprintf("the worker refuses: %s (%s)", refused.Text, refused.Hint)
	}
	return fmt.Sprintf("the worker does not answer: %v", err)
}
