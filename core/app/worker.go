package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"penstock/core/config"
	"penstock/core/control"
	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/logfile"
	"penstock/core/notify"
	"penstock/core/spool"
	"penstock/core/store"
)

// WorkerOptions are what a Worker is made of beside its configuration.
type WorkerOptions struct {
	Config  *config.Config
	Version string
	Stdin   *os.File
	Log     *slog.Logger
	Now     func() time.Time // the wall clock
	// Sinks take the records beside the log file.
	Sinks []Sink
	// Alive is called again and again while all loops turn.
	Alive func()
	// Poll is the time between two looks at a source; 0 is 250 ms.
	Poll time.Duration
	// Fault is handed to the store, for tests.
	Fault func(step string) error
}

// Bounds and rhythms of the worker.
const (
	keepClosed  = 200              // closed cases in memory, which more of the same may open again
	commitEvery = 10 * time.Second // longest wait of what is not urgent before it is stored
	commitLines = 500_000          // most lines that are read again after a crash
	closeEvery  = 10 * time.Second // how often quiet cases are looked for
	keepEvery   = 10 * time.Minute // how often retention is looked after
	stopWithin  = 20 * time.Second // what the end may take: a last T1 and snapshot
)

// Worker follows the sources of a site, keeps its cases and records, and answers
// questions over the control socket. One Worker at a time uses a state directory.
type Worker struct {
	o       WorkerOptions
	log     *slog.Logger
	now     func() time.Time
	engine  *Engine
	store   *store.Store
	spool   *spool.Spool
	reader  *intake.Reader
	logfile *logfile.Log
	server  *control.Server
	sinks   []Sink
	queue   *queue
	asks    *asking
	board   *board
	slots   *slots
	desk    *Desk
	// publisher shows cases in Zabbix; nil where it is not configured.
	publisher *publisher
	endPull   func() // ends what reads problems of Zabbix; nil where nothing was opened
	notifier  *notify.Notifier
	// alarming is held while it is seen whether people are to be told.
	alarming   sync.Mutex
	alarms     map[string]alarmOf // nil until it was read from the store
	alarmsKept string             // as the store has them
	glancing   glancing

	started time.Time
	born    time.Time // when the state directory was made
	id      string    // the worker's part of the ids of cases

	sifting   *sifting // state of the sift loop
	decoders  *decoders
	labels    labels
	silence   *silence
	totals    *totals
	route     Route
	calls     chan call
	retry     time.Duration          // first wait after a failure to store
	every     time.Duration          // commitEvery
	pulse     time.Duration          // how often loops look at the clock
	openCases atomic.Pointer[[5]int] // by severity
	backingUp sync.Mutex             // one backup at a time
	failures  map[string]int         // of revisions that could not be worked, by case; of the work loop
	asked     chan struct{}          // holds who asks for much at a time
	telling   sync.Mutex             // held while a record is stored, so that one made from the newest is on that

	orders  chan struct{}            // wakes the dispatcher
	records map[string]chan struct{} // wakes the senders, by sink
	beats   [numLoops]atomic.Int64   // when each loop last turned, Unix seconds
	rate    rate
	rates   Rates // of the sources
}

// The loops that must turn for the worker to be alive.
const (
	siftLoop = iota
	workLoop
	numLoops
)

// NewWorker opens everything that the configuration names and brings the worker
// to where it stopped. The error says what cannot be opened and what to try.
func NewWorker(ctx context.Context, o WorkerOptions) (w *Worker, err error) {
	w = &Worker{
		o: o, log: o.Log, now: o.Now, queue: newQueue(), asks: newAsking(), calls: make(chan call), orders: make(chan struct{}, 1), asked: make(chan struct{}, 1), failures: map[string]int{}, silence: newSilence(),
		records: map[string]chan struct{}{}, retry: time.Second, every: commitEvery, pulse: 200 * time.Millisecond, started: o.Now(),
	}
	w.board = newBoard(o.Log, o.Now)
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.engine, err = NewEngine(o.Config); err != nil {
		return w, err
	}
	if err = w.engine.UseModel(o.Config.Model); err != nil {
		return w, err
	}
	folder := o.Config.StateDir
	if w.store, err = store.Open(ctx, folder, o.Config.Store, o.Now); err != nil {
		return w, err
	}
	w.store.SetFault(o.Fault)
	w.board.store = w.store
	if w.spool, err = spool.Open(filepath.Join(folder, "spool"), o.Config.Spool, o.Now); err != nil {
		return w, fmt.Errorf("open the spool: %w", err)
	}
	if w.logfile, err = logfile.Open(filepath.Join(folder, "log"), o.Config.LogFile, o.Now); err != nil {
		return w, fmt.Errorf("open the log of records: %w", err)
	}
	env := intake.Env{Spool: w.spool, Log: o.Log, Now: o.Now, Poll: o.Poll, Stdin: o.Stdin}
	if env.Pull, w.endPull, err = openPull(o.Config, w.store, w.board.Tell); err != nil {
		return w, err
	}
	if w.reader, err = intake.Open(o.Config.Sources, env); err != nil {
		return w, err
	}
	w.sinks = append([]Sink{logSink{w.logfile}}, o.Sinks...)
	for _, s := range w.sinks {
		w.records[s.Name()] = make(chan struct{}, 1)
	}
	if err = w.openOutside(); err != nil {
		return w, err
	}
	w.route = newLogRoute(folder, o.Now)
	if err = w.resume(ctx); err != nil {
		return w, err
	}
	if w.publisher != nil {
		if err = w.publisher.load(ctx); err != nil {
			return w, err
		}
	}
	if err = errors.Join(w.labels.load(ctx, w.store, o.Now()), w.loadRaises(ctx)); err != nil {
		return w, err
	}
	w.desk = &Desk{engine: w.engine, store: w.store}
	w.server, err = control.Listen(SocketPath(o.Config), o.Config.Control, o.Log)
	return w, err
}

// openOutside makes what speaks with Zabbix and with people; it connects to nothing.
func (w *Worker) openOutside() (err error) {
	if w.publisher, err = newPublisher(w); err != nil {
		return err
	}
	if w.publisher != nil {
		w.records[zabbixSink] = w.publisher.wake
		w.setOwnCases(w.publisher.isShown)
	}
	if w.notifier, err = notify.New(w.o.Config.Notify, w.log); err != nil {
		return fmt.Errorf("make what tells people: %w", err)
	}
	return nil
}

// SocketPath returns where the worker of a configuration listens.
func SocketPath(c *config.Config) string {
	switch {
	case c.Control.Socket != "":
		return c.Control.Socket
	case c.StateDir == config.Default().StateDir:
		return "/run/penstock/control.sock"
	}
	return filepath.Join(c.StateDir, "control.sock")
}

// Run works until ctx is done or every source has come to its end, and closes
// everything. What it has taken in is stored by then, or will be read again.
func (w *Worker) Run(ctx context.Context) error {
	stopped := make(chan struct{})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var loops sync.WaitGroup
	start := func(loop func(context.Context)) { loops.Go(func() { loop(ctx) }) }

	chunks := make(chan intake.Chunk, 2)
	parcels := make(chan *parcel, 4)
	cursors := maps.Clone(w.sifting.cursors)
	var readErr error
	start(func(ctx context.Context) {
		defer close(chunks)
		readErr = w.reader.Run(ctx, cursors, chunks)
	})
	loops.Go(func() { // which ends when its chunks do
		defer close(parcels)
		w.decode(chunks, parcels)
	})
	loops.Go(func() { // which ends when its parcels do
		defer close(stopped)
		w.sift(ctx, parcels)
	})
	w.rates.Look(w.now(), w.sourceStatus()) // what is counted from here on is lately
	serve, serveErr := w.startServer(ctx)
	start(w.work)
	start(w.dispatch)
	if w.engine.model != nil {
		for range w.o.Config.Model.Parallel {
			start(w.ask)
		}
	}
	for _, s := range w.sinks {
		start(func(ctx context.Context) { w.send(ctx, s) })
	}
	if w.publisher != nil {
		start(w.publisher.run)
		start(w.publisher.look)
	}
	if w.notifier.Enabled() {
		start(w.alarm)
	}
	start(w.keep)
	start(w.watch)
	w.board.Tell(event.None, NoticeStart, "the worker "+w.id+" has started, version "+w.o.Version)
	<-stopped
	w.drain(ctx)
	stop()
	loops.Wait()
	<-serve
	flushing, done := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	w.board.Flush(flushing)
	done()
	err := errors.Join(w.close(), *serveErr)
	if readErr != nil && !errors.Is(readErr, context.Canceled) {
		err = errors.Join(err, readErr)
	}
	return err
}

// startServer answers on the control socket. The channel is closed when it has
// ended, with the error in place.
func (w *Worker) startServer(ctx context.Context) (ended <-chan struct{}, err *error) {
	done := make(chan struct{})
	err = new(error)
	go func() {
		defer close(done)
		*err = w.server.Serve(ctx, w.handlers())
	}()
	return done, err
}

// drain lets what was found be worked and sent before the end of a run whose
// sources have all ended; a run that was stopped does that at its next start.
func (w *Worker) drain(ctx context.Context) {
	for ctx.Err() == nil {
		if w.isWorked() && w.sent(ctx) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// isWorked says whether nothing waits to be worked, nor for the model. Whatever was
// between the two queues when one was looked at is in the first at last.
func (w *Worker) isWorked() bool {
	for _, q := range []*queue{w.queue, w.asks.queue, w.queue} {
		if n, _ := q.Len(); n > 0 {
			return false
		}
	}
	return true
}

func (w *Worker) sent(ctx context.Context) bool {
	for _, name := range w.sinkNames() {
		if n, err := w.unsent(ctx, name); err != nil || n > 0 {
			return false
		}
	}
	return true
}

// unsent returns how much waits for a sink: records and, for Zabbix, values.
func (w *Worker) unsent(ctx context.Context, sink string) (int, error) {
	n, err := w.store.OutboxLen(ctx, sink)
	if err != nil || sink != zabbixSink {
		return n, err
	}
	values, err := w.store.ValuesLen(ctx)
	return n + values, err
}

// Close closes a worker that does not run.
func (w *Worker) Close() error { return errors.Join(w.server.Close(), w.close()) }

func (w *Worker) close() error {
	var errs []error
	if w.publisher != nil && w.publisher.api != nil {
		w.publisher.api.Close()
	}
	if w.endPull != nil {
		w.endPull()
	}
	if w.logfile != nil {
		errs = append(errs, w.logfile.Close())
	}
	if w.spool != nil {
		errs = append(errs, w.spool.Close())
	}
	if w.store != nil {
		errs = append(errs, w.store.Close())
	}
	return errors.Join(errs...)
}

// keep looks after retention, the reserve and silent sources.
func (w *Worker) keep(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	quick := time.NewTicker(closeEvery)
	defer quick.Stop()
	w.housekeep(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-quick.C:
			w.board.Flush(ctx)
			w.lookAtSources()
			w.lookAtStop(ctx)
			w.lookAtModel()
		case <-ticker.C:
			w.housekeep(ctx)
		}
	}
}

func (w *Worker) housekeep(ctx context.Context) {
	kept, err := w.store.Housekeep(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		w.storeFails("what retention does", err)
	case kept.Over:
		w.storeWorks("what retention does")
		w.board.Stand(event.High, NoticeOverload, "database", "the database is larger than store.max_bytes, and nothing is left in it that may be given up: close cases, or allow more")
	default:
		w.storeWorks("what retention does")
		w.board.Over(NoticeOverload, "database", "the database has room again")
	}
	if kept.Unsent > 0 {
		w.board.Tell(event.High, NoticeOverload, fmt.Sprintf("%d records were given up that a sink had never taken", kept.Unsent))
	}
}

// watch tells whoever asked that all loops turn. One that waits for room on a
// full disk turns as well: nothing is won by starting again.
func (w *Worker) watch(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.rate.tick()
			w.rates.Look(w.now(), w.sourceStatus())
			if w.o.Alive != nil && w.turning() {
				w.o.Alive()
			}
		}
	}
}

// turning says whether every loop turned within the last half minute.
func (w *Worker) turning() bool {
	least := time.Now().Add(-30 * time.Second).Unix()
	for i := range w.beats {
		if w.beats[i].Load() < least {
			return false
		}
	}
	return true
}

func (w *Worker) beat(loop int) { w.beats[loop].Store(time.Now().Unix()) }

// storeFails tells that something could not be stored, and makes room where that
// was what was missing. It stands until storeWorks is called for the same thing:
// that something else was stored meanwhile says nothing about it.
func (w *Worker) storeFails(what string, err error) {
	text := fmt.Sprintf("%s cannot be stored: %v", what, err)
	switch {
	case store.IsFull(err):
		text += "; the disk is full: nothing is lost, sources wait; make room below " + w.o.Config.StateDir
		if err := w.store.FreeReserve(); err != nil && !errors.Is(err, os.ErrNotExist) {
			text += fmt.Sprintf(" (the reserve cannot be given back: %v)", err)
		}
	case store.IsReadOnly(err):
		text += "; the state directory is read-only: nothing is lost, sources wait"
	case store.IsCorrupt(err):
		text += "; the database is damaged: stop the worker and see `penstock restore --help`"
	}
	w.board.Stand(event.High, NoticeStore, what, text)
}

func (w *Worker) storeWorks(what string) {
	w.board.Over(NoticeStore, what, what+" is stored again")
}

// wake sends a signal that need not be waited for.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

// sleep waits and says whether ctx is still good.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
