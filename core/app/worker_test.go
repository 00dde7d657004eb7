package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/action"
	"penstock/core/config"
	"penstock/core/control"
	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/logfile"
	"penstock/core/record"
	"penstock/core/site"
	"penstock/core/store"
)

// place is a worker's surroundings: one log file, one state directory.
type place struct {
	t      testing.TB
	config *config.Config
	log    string
	now    func() time.Time
	fault  func(step string) error
	sinks  []Sink
	swap   func(text string) string // how a test changes its lines
}

func newSite(t testing.TB) *place {
	t.Helper()
	folder := t.TempDir()
	s := &place{t: t, config: config.Default(), log: filepath.Join(folder, "gw1.log"), now: time.Now}
	s.config.StateDir = filepath.Join(folder, "state")
	s.config.Store.ReserveBytes = 1 << 20
	s.config.Sources = intake.Options{{Name: "gw1", Kind: intake.KindFile, Path: s.log, Trust: event.Local}}
	return s
}

func (s *place) write(text string) {
	s.t.Helper()
	file, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// running is a worker that runs.
type running struct {
	*Worker
	t     testing.TB
	stop  context.CancelFunc
	ended chan error
}

func (s *place) start() *running {
	s.t.Helper()
	return s.startWith(func(*Worker) {})
}

// startWith starts a worker that was changed before it runs.
func (s *place) startWith(change func(*Worker)) *running {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w, err := NewWorker(ctx, WorkerOptions{
		Config: s.config, Version: "test", Log: slog.New(slog.DiscardHandler), Now: s.now, Fault: s.fault, Sinks: s.sinks, Poll: 5 * time.Millisecond,
	})
	if err != nil {
		stop()
		s.t.Fatal(err)
	}
	w.retry, w.every, w.pulse = 5*time.Millisecond, 50*time.Millisecond, 20*time.Millisecond
	change(w)
	r := &running{Worker: w, t: s.t, stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- w.Run(ctx) }()
	return r
}

// end stops the worker and returns what Run returns.
func (r *running) end() error {
	r.stop()
	return <-r.ended
}

// eventually waits for something that loops bring about.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("%s does not come about", what)
}

// settled waits until so many lines are stored and everything that came of them is
// worked and sent.
func (r *running) settled(lines uint64) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("the worker that has stored %d lines", lines), func() bool {
		return r.totals.of("gw1").Lines >= lines && r.rests()
	})
}

// rests says whether everything that was found is worked, carried out and sent.
func (r *running) rests() bool {
	ctx := r.t.Context()
	if !r.isWorked() {
		return false
	}
	intended, err := r.store.Intended(ctx, 1)
	sent, err2 := r.store.Sent(ctx)
	return err == nil && err2 == nil && len(intended)+len(sent) == 0 && r.sent(ctx)
}

// kept is what a state directory holds that must be the same however often the
// worker was interrupted.
type kept struct {
	Lines, Suppressed, Attached, Forwarded, Gaps uint64
	Cases                                        []string
	Records                                      int
	Logged                                       int
	Orders                                       []string
	Told                                         []string // of orders, by the log of records
}

func (s *place) kept() kept {
	s.t.Helper()
	ctx := s.t.Context()
	db, err := store.OpenReadOnly(ctx, s.config.StateDir, s.config.Store, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	start, err := db.Start(ctx, 10_000)
	if err != nil {
		s.t.Fatal(err)
	}
	var k kept
	for _, c := range start.Totals {
		k.Lines += c.Lines
		k.Suppressed += c.Suppressed
		k.Attached += c.Attached
		k.Forwarded += c.Forwarded
		k.Gaps += c.Gaps
	}
	rows, err := db.Cases(ctx, store.Filter{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range rows {
		records, err := db.Records(ctx, c.ID, 1000)
		if err != nil {
			s.t.Fatal(err)
		}
		last := 0 // in a backup a case may wait for its first one
		if len(records) > 0 {
			last = records[0].Revision
		}
		k.Cases = append(k.Cases, fmt.Sprintf("%s %s %s %s %d events, revision %d, last record %d",
			c.ID, c.Status, c.Floor, c.Class, c.Events, c.Revision, last))
	}
	// Also that of the cases that share a problem, which belongs to none.
	if k.Records, err = db.RecordCount(ctx); err != nil {
		s.t.Fatal(err)
	}
	orders, err := db.Orders(ctx, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range orders {
		k.Orders = append(k.Orders, fmt.Sprint(o.Order.Action, " ", o.Order.Params.Target(), " ", o.State))
	}
	report, err := logfile.Verify(filepath.Join(s.config.StateDir, "log"), "")
	if err != nil {
		s.t.Fatal(err)
	}
	k.Logged = int(report.Records)
	for _, r := range s.logged() {
		for _, o := range r.Orders {
			k.Told = append(k.Told, fmt.Sprintf("%s, revision %d: %s %s", r.Case, r.Revision, o.Action, o.State))
		}
	}
	return k
}

// entry is what tests look at in a record of the log.
type entry struct {
	Seq              uint64
	Case             string
	Revision         int
	Status, Severity string
	Problem          record.Problem
	Suppressed       string
	Orders           []record.Order
	Model            *struct{ State, Why string }
}

// logged returns the records in the log.
func (s *place) logged() (all []entry) {
	s.t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.config.StateDir, "log", "records-*"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var r struct{ Penstock entry }
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				s.t.Fatal(err)
			}
			all = append(all, r.Penstock)
		}
	}
	return all
}

func lineCount(text string) uint64 { return uint64(strings.Count(text, "\n")) }

func TestWorkerFollowsAFile(t *testing.T) {
	s := newSite(t)
	s.write(day())
	w := s.start()
	w.settled(lineCount(day()))
	more := "2026-03-02T23:59:59Z gw1 sshd[5000]: Accepted password for root from 203.0.113.77 port 40999 ssh2\n"
	s.write(more)
	w.settled(lineCount(day()) + 1)
	status := w.Status(t.Context())
	if status.State != StateWorking || status.Sources[0].Count.Lines != lineCount(day())+1 || status.Cases["High"] != 1 {
		t.Errorf("status %+v", status)
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	k := s.kept()
	if k.Lines != lineCount(day())+1 || k.Lines != k.Suppressed+k.Attached+k.Forwarded || len(k.Cases) == 0 || k.Records == 0 || k.Logged != k.Records {
		t.Errorf("kept %+v", k)
	}
	again := s.start()
	again.settled(k.Lines)
	if err := again.end(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(k, s.kept()); diff != "" {
		t.Errorf("a second start changed what is kept (-before +after)\n%s", diff)
	}
}

// errDied is what a store answers that a test has let die.
var errDied = errors.New("the process is dead")

// actingSite is one whose rules order something by themselves.
func actingSite(t testing.TB) *place {
	t.Helper()
	s := newSite(t)
	s.now = clockAt(attackEnds()).now
	s.config.Site.Assets = []site.AssetOptions{{Name: "gw1", Zone: event.ZoneIT}}
	s.config.Actions.DryRun = false
	s.config.Actions.Hosts = []string{"gw1"}
	return s
}

// clock is a wall clock that goes as the real one does, from another time, and can
// be set.
type clock struct {
	began time.Time // by the real one
	at    atomic.Int64
}

func clockAt(t time.Time) *clock {
	c := &clock{began: time.Now()}
	c.at.Store(t.UnixNano())
	return c
}

func (c *clock) now() time.Time { return time.Unix(0, c.at.Load()).Add(time.Since(c.began)).UTC() }

// jump sets the clock forward, or back.
func (c *clock) jump(d time.Duration) { c.at.Add(int64(d)) }

// attackEnds is when the last line of attackDay is written.
func attackEnds() time.Time { return time.Date(2026, 3, 2, 8, 15, 0, 0, time.UTC) }

// attackDay is ordinary life and an attack that rules answer by themselves: it
// fits into one chunk, so that there is one T1.
func attackDay() string {
	var b strings.Builder
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for i := range 900 {
		at = at.Add(time.Second)
		fmt.Fprintf(&b, "%s gw1 dhcpd: DHCPACK on 10.10.0.%d to 52:54:00:12:34:%02x via eth0\n", at.Format(time.RFC3339), i%200, i%200)
		if i >= 700 {
			fmt.Fprintf(&b, "%s gw1 sshd[%d]: Failed password for root from 198.51.100.9 port %d ssh2\n", at.Format(time.RFC3339), 2000+i, 40000+i)
		}
	}
	return b.String()
}

// TestEveryTransactionInterruptedAtEveryStep lets the process die at each step of
// T1 to T5 and of a snapshot in turn, and wants the worker that is started
// afterwards to end up with what one has that nothing happened to.
func TestEveryTransactionInterruptedAtEveryStep(t *testing.T) {
	calm := actingSite(t)
	var mu sync.Mutex
	steps := []string{}
	calm.fault = numbered(func(step string) error {
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(steps, step) {
			steps = append(steps, step)
		}
		return nil
	})
	text := attackDay()
	runTo(calm, text)
	want := calm.kept()
	if len(want.Orders) == 0 || len(want.Told) < 2*len(want.Orders) {
		t.Fatalf("the undisturbed worker ordered nothing, or did not tell what became of it: T4 is not tested; %+v", want)
	}
	mu.Lock()
	all := slices.Clone(steps)
	mu.Unlock()
	for _, name := range []string{"T1", "T2", "T4", "T5"} {
		if !strings.Contains(strings.Join(all, " "), name+".") {
			t.Errorf("no step of %s was seen among %v", name, all)
		}
	}
	for _, step := range all {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			interrupt(t, actingSite, step, text, want)
		})
	}
}

// interrupt lets the process die at a step and compares what the next one ends up with.
func interrupt(t *testing.T, site func(testing.TB) *place, step, text string, want kept) {
	s := site(t)
	var dead, sent atomic.Bool
	s.fault = numbered(func(at string) error {
		if dead.Load() {
			sent.CompareAndSwap(false, at == sentAndDied)
			return errDied
		}
		if at == step && dead.CompareAndSwap(false, true) {
			return errDied
		}
		return nil
	})
	s.write(text)
	w := s.start()
	if strings.HasPrefix(step, "snapshot.") || strings.HasPrefix(step, "notice.") { // which come at the end of a run
		eventually(t, "rest, or death", func() bool {
			return dead.Load() || w.totals.of("gw1").Lines >= lineCount(text) && w.rests()
		})
		w.stop()
	}
	eventually(t, "the step", dead.Load)
	_ = w.end() // it says that it is dead
	s.fault = nil
	after := s.start()
	after.settled(lineCount(text))
	must(t, after.end())
	got := s.kept()
	if step == sentAndDied || sent.Load() {
		// It was marked as sent and never handed over: nobody can say so, and it is
		// not sent again.
		if len(got.Orders) == 0 || !strings.HasSuffix(got.Orders[0], action.Unknown.String()) {
			t.Errorf("orders %v, want the first unknown", got.Orders)
		}
		got.Orders = want.Orders
		for i := range got.Told {
			got.Told[i] = strings.Replace(got.Told[i], action.Unknown.String(), action.Failed.String(), 1)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-undisturbed +interrupted)\n%s", diff)
	}
}

// sentAndDied is the step behind the commit that says that an order is sent.
const sentAndDied = "T4.after"

// numbered tells the first and the second time of the steps of T4 apart, which
// stores that an order is sent, and then how it ended.
func numbered(f func(step string) error) func(step string) error {
	var mu sync.Mutex
	seen := map[string]int{}
	return func(step string) error {
		mu.Lock()
		seen[step]++
		n := seen[step]
		mu.Unlock()
		if n == 2 && strings.HasPrefix(step, "T4.") {
			step += "#2"
		}
		return f(step)
	}
}

func runTo(s *place, text string) {
	s.t.Helper()
	s.write(text)
	w := s.start()
	w.settled(lineCount(text))
	if err := w.end(); err != nil {
		s.t.Fatal(err)
	}
}

func TestSecondWorkerIsRefused(t *testing.T) {
	s := newSite(t)
	w := s.start()
	_, err := NewWorker(t.Context(), WorkerOptions{Config: s.config, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if !errors.Is(err, store.ErrBusy) {
		t.Errorf("error %v, want %v", err, store.ErrBusy)
	}
	if err := w.end(); err != nil {
		t.Error(err)
	}
}

func ask(t testing.TB, w *running, command string, args, result any) error {
	t.Helper()
	c, err := control.Dial(t.Context(), SocketPath(w.o.Config))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Call(t.Context(), command, args, result)
}
