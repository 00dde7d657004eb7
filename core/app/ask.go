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
	begun    map[string]begun           // what is being asked about, by case
	answers  map[string]pipeline.Report // by case, until they are stored
	verdicts map[pipeline.State]int     // that are stored, since the start
	notAsked map[string]int             // of these the ones without a question, by reason
	failed   map[string]int             // and those without a valid answer
	failing  int                        // cases without a valid answer, one after the other
	stale    int                        // answers to what was no longer so, and questions that were given up for that
	graver   map[string]event.Severity  // cases decided to be above their floor, until the book knows
	// raised holds when a model put a case above what stood, by case and revision,
	// within the last hour.
	raised map[string]time.Time
}

// begun is a revision that is being asked about.
type begun struct {
	revision int
	giveUp   context.CancelFunc
}

func newAsking() *asking {
	return &asking{
		queue: newQueue(), begun: map[string]begun{}, answers: map[string]pipeline.Report{}, verdicts: map[pipeline.State]int{},
		notAsked: map[string]int{}, failed: map[string]int{}, graver: map[string]event.Severity{}, raised: map[string]time.Time{},
	}
}

// want puts revisions into the queue that are not being asked about already, and
// returns those that had to give way.
func (a *asking) want(items []store.Work) (out []store.Work) {
	for _, w := range items {
		a.mu.Lock()
		is := a.begun[w.Case].revision == w.Revision || a.answers[w.Case].Revision == w.Revision
		a.mu.Unlock()
		if is {
			continue
		}
		if weak, gaveWay := a.queue.AddWithin(w, mostAsked(w)); gaveWay {
			out = append(out, weak)
		}
	}
	return out
}

// mostAsked is how long the queue may be for such a revision to be added.
func mostAsked(w store.Work) int {
	if w.Floor >= event.High {
		return maxGrave
	}
	return maxAsked
}

// begin notes that a revision is being asked about, until end is called.
func (a *asking) begin(w store.Work, giveUp context.CancelFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begun[w.Case] = begun{w.Revision, giveUp}
}

func (a *asking) end(w store.Work) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun[w.Case].revision == w.Revision {
		delete(a.begun, w.Case)
	}
}

// outdate gives up asking about what is no longer so: there are newer revisions.
func (a *asking) outdate(newer []store.Work) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range newer {
		if b, is := a.begun[w.Case]; is && b.revision < w.Revision {
			b.giveUp()
		}
	}
}

// late counts a question that was given up.
func (a *asking) late() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stale++
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

// count counts a stored verdict by what part the model has in it, and why it has
// none.
func (a *asking) count(m *record.Model) {
	if m == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.verdicts[m.State]++
	switch m.State {
	case pipeline.NotAsked:
		a.notAsked[m.Why]++
	case pipeline.Failed:
		a.failed[m.Why]++
	}
}

// stand notes that a case was decided to be above its floor, for the book to know.
func (a *asking) stand(r *record.Record) {
	if r.Severity <= r.Floor {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.graver[r.Case] = max(a.graver[r.Case], r.Severity)
}

// takeGraver returns what stand noted since it was called before.
func (a *asking) takeGraver() map[string]event.Severity {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.graver) == 0 {
		return nil
	}
	all := a.graver
	a.graver = map[string]event.Severity{}
	return all
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
	use := w.notAsked(w.whyNot(j))
	item := w.wanted(j)
	records := j.records + 2 // with the rules' and the model's
	if j.toldToWait() {
		records--
	}
	switch {
	case use.Why != "":
	case records > recordsPerHour:
		use.Why = pipeline.WhyRecords
	case !w.asks.queue.Admits(item, mostAsked(item)):
		use.Why = pipeline.WhyQueue
	default:
		use.Why = llm.FaultOf(w.engine.model.Ready(j.held.Case.Floor >= event.High)).String()
	}
	if use.Why == "" {
		use.State = pipeline.Waiting
	}
	return use
}

// whyNot says why the model has no say on a revision, whatever there is room for; ""
// where it has.
func (w *Worker) whyNot(j *judged) string {
	if why := w.engine.pipeline.WorthAsking(&j.held.Case); why != "" || !j.harmless {
		return why
	}
	return whyHarmless
}

func (w *Worker) notAsked(why string) pipeline.Use {
	return pipeline.Use{State: pipeline.NotAsked, Name: w.o.Config.Model.Name, Why: why}
}

// wanted is what goes into the queue of what waits for the model.
func (w *Worker) wanted(j *judged) store.Work {
	c := &j.held.Case
	return store.Work{Case: c.ID, Revision: c.Revision, Floor: j.decision.Severity(), Source: j.held.Source, Queued: w.now()}
}

// putOut says of revisions that gave way to others that the model is not asked about
// them. What was decided on them is in the store, and T3 adds this.
func (w *Worker) putOut(items []store.Work) {
	for _, item := range items {
		w.asks.put(pipeline.Report{Case: item.Case, Revision: item.Revision, Model: w.notAsked(pipeline.WhyQueue)})
		w.queue.Add(item)
	}
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
	within, giveUp := context.WithCancel(ctx)
	defer giveUp()
	w.asks.begin(item, giveUp)
	report, ok, err := w.reportOn(within, item)
	switch {
	case ctx.Err() != nil:
	case within.Err() != nil: // the newer one is in the queue
		w.asks.late()
	case err != nil: // who works it meets the same and tells
		sleep(ctx, w.retry)
		w.asks.end(item) // what is begun is not asked about once more
		w.queue.Add(item)
		return
	case ok:
		w.lookAtModel()
		w.lookAtAnswer(&report.Model)
		w.asks.put(report)
		if !w.queue.Add(item) {
			w.asks.done(&report, true)
		}
	}
	w.asks.end(item)
}

// reportOn asks about one revision. It says false where that is no longer the newest:
// the one that is, is in the queue.
func (w *Worker) reportOn(ctx context.Context, item store.Work) (report pipeline.Report, ok bool, err error) {
	held, ok, err := w.store.Case(ctx, item.Case)
	if err != nil || !ok || held.Case.Revision != item.Revision {
		return report, false, err
	}
	report, err = w.engine.pipeline.Ask(ctx, held.Case, w.engine.pipeline.Rules(held.Case))
	return report, err == nil, err
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
	if talk := &j.report.Model.Talk; len(talk.Exchanges) > 0 {
		if v.Talk, err = json.Marshal(talk); err != nil {
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
