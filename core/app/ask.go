package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"penstock/core/event"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/record"
	"penstock/core/store"
)

// Bounds of what waits for the model, give or take a batch, and of what it said.
const (
	maxAsked    = 256
	maxGrave    = 512 // where what waits is High or graver
	maxUnstored = 8   // answers that are not stored yet: with more, nothing is asked
)

// whyHarmless is why the model is not asked about what a person called harmless.
const whyHarmless = "harmless"

// UseModel makes the engine ask that model where it is told to; without endpoints
// there is none. It connects to nothing.
func (e *Engine) UseModel(o llm.Options) error {
	if len(o.Endpoints) == 0 {
		return nil
	}
	client, err := llm.New(o)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	e.model, e.pipeline = client, e.pipeline.WithModel(client, o, fenceMark)
	return nil
}

// fenceMark returns 12 digits that nobody can guess.
func fenceMark() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// asking is what waits for the model and what it said. It may be used by several
// goroutines at the same time.
type asking struct {
	queue *queue

	mu       sync.Mutex
	begun    map[string]int             // revisions that are being asked about, by case
	answers  map[string]pipeline.Report // by case, until they are stored
	notAsked map[string]int             // by reason, since the start
	stale    int                        // answers to what was no longer so
	// raised holds when a model put a case above what stood, by case and revision,
	// within the last hour.
	raised map[string]time.Time
}

func newAsking() *asking {
	return &asking{
		queue: newQueue(), begun: map[string]int{}, answers: map[string]pipeline.Report{}, notAsked: map[string]int{},
		raised: map[string]time.Time{},
	}
}

// want puts revisions into the queue that are not being asked about already.
func (a *asking) want(items []store.Work) {
	for _, w := range items {
		a.mu.Lock()
		is := a.begun[w.Case] == w.Revision || a.answers[w.Case].Revision == w.Revision
		a.mu.Unlock()
		if !is {
			a.queue.Add(w)
		}
	}
}

// begin notes that a revision is being asked about, until end is called.
func (a *asking) begin(w store.Work) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begun[w.Case] = w.Revision
}

func (a *asking) end(w store.Work) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun[w.Case] == w.Revision {
		delete(a.begun, w.Case)
	}
}

// put keeps an answer until it is stored; of two about one case that about the later
// revision.
func (a *asking) put(r pipeline.Report) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old, ok := a.answers[r.Case]
	if ok && old.Revision != r.Revision {
		a.stale++
	}
	if old.Revision <= r.Revision {
		a.answers[r.Case] = r
	}
}

// answer returns the answer about a revision. One about an earlier revision is
// dropped.
func (a *asking) answer(w store.Work) (pipeline.Report, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.answers[w.Case]
	if ok && r.Revision < w.Revision {
		delete(a.answers, w.Case)
		a.stale++
	}
	return r, ok && r.Revision == w.Revision
}

// done drops an answer that is stored, or that came too late.
func (a *asking) done(r *pipeline.Report, late bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers[r.Case].Revision != r.Revision {
		return
	}
	delete(a.answers, r.Case)
	if late {
		a.stale++
	}
}

// count counts a verdict without a model by why there is none.
func (a *asking) count(m *record.Model) {
	if m == nil || m.State != pipeline.NotAsked {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notAsked[m.Why]++
}

// isFull says whether so many answers wait to be stored that no more are wanted.
func (a *asking) isFull() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.answers) >= maxUnstored
}

// prospect says whether the model is asked about a revision, and why not. It says
// nothing without a model, and where a record has said it already.
func (w *Worker) prospect(j *judged) pipeline.Use {
	if !w.engine.pipeline.HasModel() || j.told() && !j.toldToWait() {
		return pipeline.Use{}
	}
	grave := j.decision.Severity() >= event.High
	most := maxAsked
	if grave {
		most = maxGrave
	}
	use := pipeline.Use{State: pipeline.NotAsked, Name: w.o.Config.Model.Name, Why: w.engine.pipeline.WorthAsking(&j.held.Case)}
	waiting, _ := w.asks.queue.Len()
	records := j.records + 2 // with the rules' and the model's
	if j.toldToWait() {
		records--
	}
	switch {
	case use.Why != "":
	case j.harmless:
		use.Why = whyHarmless
	case records > recordsPerHour:
		use.Why = pipeline.WhyRecords
	case waiting >= most:
		use.Why = pipeline.WhyQueue
	default:
		use.Why = llm.FaultOf(w.engine.model.Ready(grave)).String()
	}
	if use.Why == "" {
		use.State = pipeline.Waiting
	}
	return use
}

// told says whether the newest record is about this revision and a model.
func (j *judged) told() bool {
	return j.last.Revision == j.held.Case.Revision && j.last.Model != nil
}

// toldToWait says whether the newest record says that the model is being asked about
// this revision: then another has to say what came of it.
func (j *judged) toldToWait() bool { return j.told() && j.last.Model.State == pipeline.Waiting }

// ask is a loop that asks the model about one case after the other. Nothing waits
// for it: the rules' verdicts are stored by then.
func (w *Worker) ask(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for ctx.Err() == nil {
		var items []store.Work
		if !w.asks.isFull() {
			items = w.asks.queue.Take(1, w.now())
		}
		for _, item := range items {
			w.askAbout(ctx, item)
		}
		w.asks.queue.Done(len(items))
		if len(items) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-w.asks.queue.Wake():
		case <-ticker.C:
		}
	}
}

// askAbout asks about one revision and puts it into the queue once more, with the
// answer. What is asked when the worker ends is asked again at its next start.
func (w *Worker) askAbout(ctx context.Context, item store.Work) {
	w.asks.begin(item)
	defer w.asks.end(item)
	held, ok, err := w.store.Case(ctx, item.Case)
	if err != nil { // who works it meets the same and tells
		sleep(ctx, w.retry)
		w.queue.Add(item)
		return
	}
	if !ok || held.Case.Revision != item.Revision {
		return // the newer one is in the queue
	}
	report, err := w.engine.pipeline.Ask(ctx, held.Case, w.engine.pipeline.Rules(held.Case))
	if err != nil {
		return // ctx is done
	}
	w.lookAtModel()
	w.asks.put(report)
	if !w.queue.Add(item) {
		w.asks.done(&report, true)
	}
}

// conclude stores what came of asking the model about a revision (T3): its verdict,
// or that there is none. An answer about what has changed meanwhile is dropped: the
// newer revision is in the queue.
func (w *Worker) conclude(ctx context.Context, report pipeline.Report) error {
	v, raised, err := w.storeAnswer(ctx, &report)
	if late := errors.Is(err, store.ErrStale); late || err == nil {
		w.asks.done(&report, late)
		if late {
			return nil
		}
	}
	if err := w.kept([]store.Verdict{v}, err); err != nil {
		return err
	}
	if raised {
		w.noteRaise(ctx, fmt.Sprint(v.Case, " ", v.Revision))
	}
	w.lookAtDigest(ctx, &report.Model)
	return nil
}

// storeAnswer is the transaction of conclude. It says whether the model put the case
// above what stood. It starts nothing but what such a raise may start; the record
// shows what started before.
func (w *Worker) storeAnswer(ctx context.Context, report *pipeline.Report) (v store.Verdict, raised bool, err error) {
	w.telling.Lock()
	defer w.telling.Unlock()
	j, ok, err := w.look(ctx, report.Case, report)
	if err == nil && (!ok || j.held.Case.Revision != report.Revision) {
		err = store.ErrStale
	}
	if err != nil {
		return v, false, err
	}
	v = w.verdict(&j)
	raised = j.decision.Raised() && j.decision.Severity() > j.last.Severity
	if starts := raised && j.decision.Floor() == event.Low; !starts { // policy asks model_may_act
		v.Orders, v.Record = nil, v.Record.WithOrdersOf(j.last)
	}
	v.By, v.EndsWork = store.ByModel, true
	if len(report.Model.Talk.Exchanges) > 0 {
		if v.Talk, err = json.Marshal(report.Model.Talk); err != nil {
			return v, false, err
		}
	}
	_, err = w.store.Commit(ctx, []store.Verdict{v})
	return v, raised, err
}

// keyRaised is under what the store keeps the raises of the last hour.
const keyRaised = "model.raised"

// loadRaises brings the raises of the hour to where they were.
func (w *Worker) loadRaises(ctx context.Context) error {
	text, ok, err := w.store.Meta(ctx, keyRaised)
	if err != nil || !ok {
		return err
	}
	if err := json.Unmarshal([]byte(text), &w.asks.raised); err != nil {
		return fmt.Errorf("read the entry %s: %w", keyRaised, err)
	}
	return nil
}

// raises is how many raises the last hour has seen.
func (a *asking) raises(now time.Time) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.raised, func(_ string, at time.Time) bool { return now.Sub(at).Abs() >= time.Hour })
	return len(a.raised)
}

// noteRaise counts a raise, also over the next start.
func (w *Worker) noteRaise(ctx context.Context, key string) {
	const what = "that a model raised a case"
	w.asks.mu.Lock()
	w.asks.raised[key] = w.now().UTC()
	text, err := json.Marshal(w.asks.raised)
	w.asks.mu.Unlock()
	if err == nil {
		err = w.store.SetMeta(ctx, keyRaised, string(text))
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		w.storeFails(what, err)
	default:
		w.storeWorks(what)
	}
}

// lookAtDigest tells when the model behind a name is another one than before, where
// the configuration accepts any.
func (w *Worker) lookAtDigest(ctx context.Context, use *pipeline.Use) {
	if w.o.Config.Model.Digest != "" || use.Digest == "" {
		return
	}
	key := "model.digest " + use.Endpoint + " " + use.Name
	before, known, err := w.store.Meta(ctx, key)
	if err != nil || before == use.Digest {
		return // that the store fails is told where it matters
	}
	if known {
		w.board.Tell(event.Low, NoticeModel, fmt.Sprintf("the model %s at %s is another one than before: SHA-256 %.12s, was %.12s", use.Name, use.Endpoint, use.Digest, before))
	}
	_ = w.store.SetMeta(ctx, key, use.Digest) // likewise: then it is told once more
}
