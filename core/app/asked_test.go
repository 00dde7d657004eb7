package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/cases"
	"penstock/core/control"
	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/store"
)

// waitingSite is a site with cases whose rules' verdict is stored and about which a
// model was asked in vain when the worker ended; it answers now.
func waitingSite(t *testing.T, texts ...string) (s *place, model *fake.Ollama) {
	t.Helper()
	model = fake.NewOllama(t)
	model.Answer(hangs)
	s = newSite(t).withModel(model.URL)
	s.now = clockAt(attackEnds()).now
	s.write(quiet() + strings.Join(texts, ""))
	w := s.start()
	eventually(t, "the rules' verdicts", func() bool { return s.revisions("waiting") == len(texts) })
	must(t, w.end())
	model.Answer(says(event.High))
	return s, model
}

// idle is a worker that does not run.
func (s *place) idle() *Worker {
	s.t.Helper()
	w, err := NewWorker(s.t.Context(), WorkerOptions{Config: s.config, Log: slog.New(slog.DiscardHandler), Now: s.now})
	must(s.t, err)
	w.retry = time.Millisecond
	return w
}

// said is what the newest record of a case says of the model.
func said(t *testing.T, w *Worker, id string) string {
	t.Helper()
	last, err := w.store.Records(t.Context(), id, 1)
	must(t, err)
	if len(last) == 0 || last[0].Model == nil {
		t.Fatalf("no record of case %s with a model", id)
	}
	return fmt.Sprint(last[0].Severity, " ", last[0].Model.State, " ", last[0].Model.Why)
}

// SAFETY D4: what a model raised to High is High for people too: it does not go away
// by itself, and is not called harmless.
func TestRaisedCaseStaysUntilAPersonClosesIt(t *testing.T) {
	model := fake.NewOllama(t)
	s, c := judgedSite(t)
	s.withModel(model.URL)
	model.Answer(says(event.High))
	s.write(quiet() + guesses(attackEnds(), "203.0.113.1", 4))
	w := s.start()
	w.settled(lineCount(quiet()) + 4)
	raised := casesNamed(t, w, "203.0.113.1")
	wantOpen := func(w *running, medium, high int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d open cases of Medium and %d of High", medium, high), func() bool {
			st := w.Status(t.Context())
			return st.Cases["Medium"] == medium && st.Cases["High"] == high
		})
	}
	wantOpen(w, 0, 1)
	_, err := mark(t, w, raised, LabelFalsePositive)
	wantRefusal(t, err, control.CodeRefused, "is High: what is High")
	must(t, w.end())

	model.Answer(says(event.Medium))
	w = s.start() // nor does a start make it Medium
	w.more(s, guesses(c.now(), "203.0.113.2", 4))
	wantOpen(w, 1, 1)
	a, err := mark(t, w, casesNamed(t, w, "203.0.113.2"), LabelFalsePositive)
	if err != nil || !a.Closed {
		t.Fatalf("mark: %+v, %v", a, err)
	}
	w.more(s, guesses(c.now(), "203.0.113.1", 100)) // the same with a label on it
	if last := s.lastOf(raised); last.Suppressed != "" || last.Revision < 2 || last.Severity != "High" {
		t.Errorf("last record %+v", last)
	}
	w.more(s, strings.ReplaceAll(guesses(c.now(), "203.0.113.3", 4), "for root", "for invalid user admin"))
	wantOpen(w, 1, 1)
	c.jump(3 * time.Hour)
	wantOpen(w, 0, 1)
	if a, err = mark(t, w, raised, LabelClosed); err != nil || !a.Closed {
		t.Errorf("mark: %+v, %v", a, err)
	}
	wantOpen(w, 0, 0)
	must(t, w.end())
}

// SAFETY A6: nothing that a model wrote about a case is stored once it is known that
// the model has no say on it.
func TestAnswerIsDroppedWhereTheModelHasNoSayAnyMore(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, w *Worker, h cases.HeldState)
		want   string
	}{
		{"+ it has its say", func(*testing.T, *Worker, cases.HeldState) {}, "High answered "},
		{"- text instructs", func(t *testing.T, w *Worker, h cases.HeldState) {
			h.Case.Instructs = true
			must(t, w.store.SaveBatch(t.Context(), store.Batch{Cases: []cases.HeldState{h}}))
		}, "Medium not-asked instructing-text"},
		{"- a person calls the same harmless", func(t *testing.T, w *Worker, h cases.HeldState) {
			scope, err := json.Marshal(scopeOf(&h.Case))
			must(t, err)
			_, err = w.store.AddLabel(t.Context(), store.Label{
				Case: "other", Kind: LabelFalsePositive, By: "Eva", Asset: h.Case.Asset, Class: h.Case.Class,
				Scope: string(scope), At: w.now(), Expires: w.now().Add(time.Hour),
			})
			must(t, err)
			must(t, w.labels.load(t.Context(), w.store, w.now()))
		}, "Medium not-asked harmless"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := waitingSite(t, guesses(attackEnds(), "203.0.113.1", 4))
			w := s.idle()
			items := w.queue.Take(10, s.now())
			must(t, w.judgeAll(t.Context(), items))
			for _, item := range w.asks.queue.Take(1, s.now()) {
				w.askAbout(t.Context(), item)
			}
			h, _, err := w.store.Case(t.Context(), items[0].Case)
			must(t, err)
			tt.change(t, w, h)
			must(t, w.judgeAll(t.Context(), items))
			if got := said(t, w, items[0].Case); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			_, _, talked, err := w.store.Talk(t.Context(), items[0].Case)
			must(t, err)
			if want := strings.Contains(tt.want, "answered"); talked != want {
				t.Errorf("what was said is stored: %t, want %t", talked, want)
			}
			must(t, w.Close())
		})
	}
}

// What waits for the model has its rules' verdict: that is not given once more.
func TestRevisionThatWaitsTakesNoPlaceAgain(t *testing.T) {
	s, _ := waitingSite(t, guesses(attackEnds(), "203.0.113.1", 4))
	w := s.idle()
	w.slots = newSlots(map[string][]string{}) // there was no place when it was told
	must(t, w.judgeAll(t.Context(), w.queue.Take(10, s.now())))
	if n, _ := w.asks.queue.Len(); n != 1 || w.slots.count != 0 {
		t.Errorf("%d wait for the model, %d places are taken in memory", n, w.slots.count)
	}
	must(t, w.Close())
}

// A backup that was taken while a case waited for the model.
func TestRestoredWorkerSaysWhatCameOfAsking(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func(s *place, model *fake.Ollama)
	}{
		{"+ it asks", "answered", func(*place, *fake.Ollama) {}},
		{"- its model is gone", "failed", func(_ *place, model *fake.Ollama) { model.Close() }},
		{"- it has none", "", func(s *place, _ *fake.Ollama) { s.config.Model.Endpoints = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, model := waitingSite(t, guesses(attackEnds(), "203.0.113.1", 4))
			w := s.idle()
			backup, err := w.backup(t.Context(), control.Peer{}, struct{}{})
			must(t, err)
			must(t, w.Close())
			text, err := os.ReadFile(s.log)
			must(t, err)
			elsewhere := restored(t, s, backup.Path, string(text)).withModel(model.URL)
			tt.change(elsewhere, model)
			again := elsewhere.start()
			again.settled(lineCount(string(text)))
			must(t, again.end())
			got := elsewhere.told("site-w1-1")
			if last := got[len(got)-1]; len(got) != 2 || last.By != tt.want {
				t.Errorf("told %+v, want %q at last", got, tt.want)
			}
			if k := elsewhere.kept(); len(k.Orders) > 0 || k.Logged != k.Records {
				t.Errorf("kept %+v", k)
			}
		})
	}
}

// A model whose server is well, and whose answers are of no use.
func TestModelThatIsNoHelpIsTold(t *testing.T) {
	model := fake.NewOllama(t) // which answers every question with {}
	s := newSite(t).withModel(model.URL)
	s.now = clockAt(attackEnds()).now
	s.write(quiet())
	w := s.start()
	for i := range mostFailed {
		if text := w.standing(NoticeModel); text != "" {
			t.Errorf("after %d cases it stands %q", i, text)
		}
		w.more(s, guesses(attackEnds(), fmt.Sprintf("203.0.113.%d", i+1), 4))
	}
	if text := w.standing(NoticeModel); !strings.Contains(text, "about the last 5 cases, and rules decide alone; at last: invalid") {
		t.Errorf("it stands %q", text)
	}
	model.Answer(says(event.Medium))
	w.more(s, guesses(attackEnds(), "203.0.113.100", 4))
	if text := w.standing(NoticeModel); text != "" {
		t.Errorf("with a valid answer it stands %q", text)
	}
	answer := says(event.Medium)
	model.Answer(func(c fake.Chat) fake.Reply {
		if strings.Contains(string(c.Format), `"confidence"`) {
			return fake.Reply{Text: "{}"}
		}
		return answer(c)
	})
	w.more(s, guesses(attackEnds(), "203.0.113.101", 4))
	st := w.Status(t.Context())
	if diff := cmp.Diff(VerdictCounts{Answered: 1, Partly: 1, Failed: 5, Why: map[string]int{"invalid": 5}}, st.Model.Verdicts); diff != "" {
		t.Errorf("verdicts (-want +got)\n%s", diff)
	}
	if text := st.Text(); !strings.Contains(text, "  verdicts: answered 1, partly 1, failed 5 (invalid 5)\n") {
		t.Errorf("status:\n%s", text)
	}
	must(t, w.end())
}

// What gives way in a full queue is told that it is not asked about.
func TestCaseThatGivesWayIsToldOf(t *testing.T) {
	s, _ := waitingSite(t, probe, guesses(attackEnds(), "203.0.113.1", 4))
	w := s.idle()
	items := w.queue.Take(10, s.now())
	if len(items) != 2 || items[1].Floor != event.Low {
		t.Fatalf("%v wait, want one of Medium and one of Low", items)
	}
	for i := range maxAsked - 1 {
		w.asks.queue.Add(work(fmt.Sprint("other", i), event.Low, items[1].Source))
	}
	must(t, w.judgeAll(t.Context(), items[1:]))
	must(t, w.judgeAll(t.Context(), items[:1]))
	w.queue.Done(len(items))
	if n, _ := w.asks.queue.Len(); n != maxAsked {
		t.Errorf("%d wait for the model, want %d", n, maxAsked)
	}
	must(t, w.judgeAll(t.Context(), w.queue.Take(10, s.now())))
	if got := said(t, w, items[1].Case); got != "Low not-asked queue" {
		t.Errorf("the one that gave way: %q", got)
	}
	if got := said(t, w, items[0].Case); got != "Medium waiting " {
		t.Errorf("the one that it gave way to: %q", got)
	}
	if w.asks.notAsked["queue"] != 1 {
		t.Errorf("not asked: %v", w.asks.notAsked)
	}
	must(t, w.Close())
}

// What could not be looked up is asked about later.
func TestRevisionThatCannotBeReadIsNotForgotten(t *testing.T) {
	s, _ := waitingSite(t, guesses(attackEnds(), "203.0.113.1", 4))
	w := s.idle()
	item := w.queue.Take(10, s.now())[0]
	must(t, w.store.Close())
	w.askAbout(t.Context(), item)
	if got := w.queue.Take(10, s.now()); len(got) != 1 || len(w.asks.begun) != 0 || len(w.asks.answers) != 0 {
		t.Errorf("%v waits, begun %v, answers %v", got, w.asks.begun, w.asks.answers)
	}
	if err := w.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Log(err) // the store was closed before
	}
}
