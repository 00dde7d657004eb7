package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penstock/core/app"
	"penstock/core/control"
	"penstock/core/store"
)

// answering listens as a worker does, and answers from what it is given.
func answering(t *testing.T, socket string, glance func(context.Context) (app.Glance, error)) (end func()) {
	t.Helper()

	server, err := control.Listen(socket, control.Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- server.Serve(ctx, map[string]control.Handler{
			app.CmdGlance: {Need: control.Read, Do: func(ctx context.Context, _ control.Peer, _ json.RawMessage) (any, error) { return glance(ctx) }},
			app.CmdCase: {Need: control.Read, Do: func(_ context.Context, _ control.Peer, args json.RawMessage) (any, error) {
				if strings.Contains(string(args), "site-w1-long") {
					return map[string]string{"record": strings.Repeat("x", mostAnswer)}, nil
				}
				if strings.Contains(string(args), "site-w1-1") {
					return json.RawMessage(`{"text":"x","record":{"penstock":{"case":"site-w1-1"}}}`), nil
				}
				return nil, &control.Error{Code: control.CodeNotFound, Text: "there is no such case"}
			}},
		})
	}()
	end = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return end
}

func glanceOf(lines uint64) app.Glance {
	now := time.Now()
	return app.Glance{At: now, Status: app.Status{
		Version: "9.9", Site: "plant", Worker: "w1", State: app.StateWorking, Started: now.Add(-time.Hour), Now: now, DryRun: true,
		Cases:   map[string]int{"High": 2, "Medium": 1, "Low": 4},
		Sources: []app.SourceStatus{{Name: "web1", Kind: "file", CaughtUp: true, Newest: now, Count: store.Count{Lines: lines}}},
	}, Cases: []app.GlanceCase{}, Rates: map[string]app.SourceRate{"web1": {Rate: 3, Score: 20}}}
}

func statusOf(t *testing.T, b *board) app.StatusItem {
	t.Helper()

	var s app.StatusItem
	if err := json.Unmarshal(b.look().items().Status(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestItemsComeFromTheWorker(t *testing.T) {
	t.Parallel()

	socket := filepath.Join(t.TempDir(), "c.sock")
	end := answering(t, socket, func(context.Context) (app.Glance, error) { return glanceOf(7), nil })
	a, _ := newAgent(t, false)
	a.configure("Worker=service", "Socket="+socket)
	for i, tt := range []struct {
		key   string
		param []string
		want  string // the value contains it
	}{
		{"penstock.status", nil, `"state":"working"`},
		{"penstock.status", []string{""}, `"open":{"Critical":0,"High":2,"Low":4,"Medium":1}`},
		{"penstock.worker", nil, "working"},
		{"penstock.sources", nil, `"rate":3,"score":20`},
		{"penstock.sources.discovery", nil, `[{"{#SOURCE}":"web1","{#KIND}":"file"}]`},
		{"penstock.cases", nil, `{"cases":[],"more":0}`},
		{"penstock.cases.count", nil, "3"},
		{"penstock.cases.count", []string{"Low"}, "7"},
		{"penstock.cases.count", []string{"Critical"}, "0"},
		{"penstock.case", []string{"site-w1-1"}, `{"penstock":{"case":"site-w1-1"}}`},
	} {
		if value, problem := a.ask(10+i, tt.key, tt.param...); !strings.Contains(value, tt.want) || problem != "" {
			t.Errorf("%s%q: %s %s, want %s", tt.key, tt.param, value, problem, tt.want)
		}
	}
	if _, problem := a.ask(50, "penstock.case", "site-w1-2"); problem != `Cannot find case "site-w1-2": there is no such case.` {
		t.Errorf("a case that is not there: %s", problem)
	}
	end()
	until(t, "a missing worker", func() bool {
		value, _ := a.ask(60, "penstock.status")
		return strings.Contains(value, `"state":"missing"`) && !strings.Contains(value, `"lines"`)
	})
	// What was known a moment ago is of a worker that is gone, and names do not age.
	for i, key := range []string{"penstock.cases", "penstock.cases.count", "penstock.sources"} {
		if value, problem := a.ask(61+i, key); value != "" || !strings.HasSuffix(problem, ": no worker is running: nobody listens on "+socket+".") {
			t.Errorf("%s: %s, %s", key, value, problem)
		}
	}
	if value, problem := a.ask(70, "penstock.sources.discovery"); !strings.Contains(value, "web1") {
		t.Errorf("penstock.sources.discovery: %s %s", value, problem)
	}
}

// TestWatchGoesOnAfterAPanic has the watch's connection be one that cannot be used.
func TestWatchGoesOnAfterAPanic(t *testing.T) {
	t.Parallel()

	socket := filepath.Join(t.TempDir(), "c.sock")
	looked := make(chan struct{})
	end := answering(t, socket, func(context.Context) (app.Glance, error) { <-looked; return glanceOf(1), nil })
	ctx, cancel := context.WithCancel(t.Context())
	b := newBoard(options{Mode: modeService, Socket: socket}, nil, time.Now)
	b.client = &control.Client{}
	done := make(chan struct{})
	go func() { defer close(done); b.watch(ctx) }()
	if s := statusOf(t, b); s.State != app.StateMissing || s.Problem != "the worker does not answer: an error of the plugin, number 1 since it started; see the agent's log" {
		t.Errorf("after the panic: %+v", s)
	}
	close(looked)
	until(t, "an answer after the panic", func() bool { return statusOf(t, b).State == app.StateWorking })
	cancel()
	<-done
	end()
}

// TestLongAnswersAreRefused has a worker that wants the plugin's memory.
func TestLongAnswersAreRefused(t *testing.T) {
	t.Parallel()

	socket := filepath.Join(t.TempDir(), "c.sock")
	end := answering(t, socket, func(context.Context) (app.Glance, error) {
		g := glanceOf(1)
		g.Status.Site = strings.Repeat("x", mostAnswer)
		return g, nil
	})
	b := newBoard(options{Mode: modeService, Socket: socket}, nil, time.Now)
	b.ask(t.Context())
	if b.fault == nil || !strings.Contains(b.fault.Error(), "the answer has more than 524288 bytes") || b.client != nil {
		t.Errorf("a glance: %v, with a connection: %t", b.fault, b.client != nil)
	}
	if _, err := b.oneCase(t.Context(), "site-w1-long"); err == nil || !strings.Contains(err.Error(), "the answer has more than 524288 bytes") {
		t.Errorf("a case: %v", err)
	}
	end()
}

// TestStaleAnswersAreSaidToBeStale lets a worker stand still, on an injected clock.
func TestStaleAnswersAreSaidToBeStale(t *testing.T) {
	t.Parallel()

	start := time.Now()
	var later atomic.Int64
	now := func() time.Time { return start.Add(time.Duration(later.Load())) }
	b := newBoard(options{Mode: modeService, Socket: "/nowhere"}, nil, now)
	b.tried = now()
	b.glance, b.at = glanceOf(1), now()
	if s := statusOf(t, b); s.State != app.StateWorking || s.Age != 0 || s.Keeper.Running != 1 {
		t.Errorf("fresh: %+v", s)
	}
	b.fault = context.DeadlineExceeded
	if s := statusOf(t, b); s.State != app.StateWorking {
		t.Errorf("a worker that is slow for a moment: %+v", s)
	}
	later.Store(int64(40 * time.Second))
	b.tried = now()
	if s := statusOf(t, b); s.State != app.StateStale || s.OK != 0 || s.Age != 40 || !strings.Contains(s.Problem, "40s ago: the worker does not answer") {
		t.Errorf("stale: %+v", s)
	}
	checkStaleItems(t, b)
	b.fault = control.ErrNotRunning
	if s := statusOf(t, b); s.State != app.StateMissing || s.Lines != 0 || s.Keeper.Running != 0 {
		t.Errorf("gone: %+v", s)
	}
}

// checkStaleItems wants no item to pass off what is old as how things are.
func checkStaleItems(t *testing.T, b *board) {
	t.Helper()

	byKey, _ := items()
	for _, key := range []string{"penstock.cases", "penstock.cases.count", "penstock.sources"} {
		if value, err := answerItem(t.Context(), byKey, b, request{Key: key}); err == nil || !strings.Contains(err.Error(), "40s ago") {
			t.Errorf("%s: %s, %v", key, value, err)
		}
	}
	if value, err := answerItem(t.Context(), byKey, b, request{Key: "penstock.sources.discovery"}); err != nil || !strings.Contains(value, "web1") {
		t.Errorf("discovery: %s, %v", value, err)
	}
}

func TestChildIsToldOf(t *testing.T) {
	t.Parallel()

	k := newKeeper(options{Mode: modeChild}, slog.New(slog.DiscardHandler), newTeller(time.Now))
	b := newBoard(options{Mode: modeChild, Socket: "/nowhere"}, nil, time.Now)
	b.keeper, b.tried, b.fault = k, time.Now(), control.ErrNotRunning
	if s := statusOf(t, b); s.State != app.StateMissing || s.Problem != "the worker has not been started yet" || s.Keeper.Mode != "child" {
		t.Errorf("before its start: %+v", s)
	}
	k.tell(death{why: "killed by signal 9 (killed)"}, 2*time.Second)
	if s := statusOf(t, b); s.Problem != "the worker died: killed by signal 9 (killed); it is started again 2s later" || s.Keeper.Deaths != 1 || s.Keeper.LastDeath != "killed by signal 9 (killed)" {
		t.Errorf("dead: %+v", s)
	}
	k.tell(death{why: "penstock.yaml:3: no", config: true}, 2*time.Second)
	if s := statusOf(t, b); s.State != app.StateMisconfigured || s.Problem != "penstock.yaml:3: no" || s.Keeper.Deaths != 1 {
		t.Errorf("misconfigured: %+v", s)
	}
}

// TestLookWaitsForNobody has a worker that does not answer at all.
func TestLookWaitsForNobody(t *testing.T) {
	t.Parallel()

	socket := filepath.Join(t.TempDir(), "c.sock")
	gate := make(chan struct{})
	end := answering(t, socket, func(ctx context.Context) (app.Glance, error) {
		select {
		case <-gate:
		case <-ctx.Done():
		}
		return app.Glance{}, errors.New("too late")
	})
	ctx, cancel := context.WithCancel(t.Context())
	b := newBoard(options{Mode: modeService, Socket: socket}, nil, time.Now)
	done := make(chan struct{})
	go func() { defer close(done); b.watch(ctx) }()
	if s := statusOf(t, b); s.State != app.StateMissing {
		t.Errorf("got %+v", s)
	}
	cancel()
	<-done
	close(gate)
	end()
}
