package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/report"
)

// ModelStatus is how asking the model goes. Counts begin with the worker's start.
type ModelStatus struct {
	Name         string           `json:"name"`
	Endpoints    []EndpointStatus `json:"endpoints"`
	Waiting      QueueStatus      `json:"queue"` // for an answer
	Calls        int              `json:"calls"` // requests to a model: a case takes several
	CallsDay     int              `json:"calls_24h"`
	PerThousand  float64          `json:"calls_per_1000_events"`
	Answers      int              `json:"answers"`
	PromptTokens int              `json:"prompt_tokens"`
	AnswerTokens int              `json:"answer_tokens"`
	WorkMS       int64            `json:"work_ms"`   // of the servers, all requests together
	MedianMS     int64            `json:"median_ms"` // of one answer, of the last 200
	P95MS        int64            `json:"p95_ms"`
	Verdicts     VerdictCounts    `json:"verdicts"`
	NotAsked     map[string]int   `json:"not_asked"` // revisions that were decided by rules alone, by why
	Faults       map[string]int   `json:"faults"`    // questions without an answer, by what went wrong
	Stale        int              `json:"stale"`     // answers about what had changed meanwhile, and those not waited for
}

// VerdictCounts is what became of revisions that the model was asked about.
type VerdictCounts struct {
	Answered int            `json:"answered"` // every question has a valid answer
	Partly   int            `json:"partly"`   // some have
	Failed   int            `json:"failed"`   // none has
	Why      map[string]int `json:"why"`      // of the failed ones
}

// EndpointStatus is how one server did at the last question.
type EndpointStatus struct {
	URL    string    `json:"url"`
	State  string    `json:"state"` // unused, ok, a fault's word; broken where it is left alone
	Text   string    `json:"text,omitempty"`
	When   time.Time `json:"when"`
	Digest string    `json:"digest,omitempty"` // of the model that answered last
}

// modelStatus returns nil without a model.
func (w *Worker) modelStatus() *ModelStatus {
	if w.engine.model == nil {
		return nil
	}
	st := w.engine.model.Stats()
	m := &ModelStatus{
		Name: w.o.Config.Model.Name, Calls: st.Calls, CallsDay: st.CallsDay, Answers: st.Answers, PromptTokens: st.PromptTokens,
		AnswerTokens: st.AnswerTokens, WorkMS: st.Work.Milliseconds(), MedianMS: st.Median.Milliseconds(), P95MS: st.P95.Milliseconds(),
		Faults: map[string]int{},
	}
	if n := w.rate.sum(); n > 0 {
		m.PerThousand = float64(st.Calls) * 1000 / float64(n)
	}
	for fault, n := range st.Faults {
		m.Faults[fault.String()] = n
	}
	for _, e := range st.Endpoints {
		one := EndpointStatus{URL: e.URL, State: "ok", Text: e.Text, When: e.When.UTC(), Digest: e.Digest}
		switch {
		case e.Broken:
			one.State = llm.Broken.String()
		case e.When.IsZero():
			one.State = "unused"
		case e.Fault != llm.NoFault:
			one.State = e.Fault.String()
		}
		m.Endpoints = append(m.Endpoints, one)
	}
	m.Waiting.Waiting, m.Waiting.Oldest = w.asks.queue.Len()
	w.asks.mu.Lock()
	defer w.asks.mu.Unlock()
	m.NotAsked, m.Stale = maps.Clone(w.asks.notAsked), w.asks.stale
	n := w.asks.verdicts
	m.Verdicts = VerdictCounts{n[pipeline.Answers], n[pipeline.Partly], n[pipeline.Failed], maps.Clone(w.asks.failed)}
	return m
}

// text returns the status in lines, as people read it.
func (m *ModelStatus) text(line func(format string, args ...any)) {
	line("model %s: %d waiting, %d calls (%d in 24 h, %.1f per 1,000 events), %d answers, %d tokens read, %d written",
		report.Terminal(m.Name), m.Waiting.Waiting, m.Calls, m.CallsDay, m.PerThousand, m.Answers, m.PromptTokens, m.AnswerTokens)
	line("  one answer takes %.1f s, 95 in 100 less than %.1f s; too late: %d", float64(m.MedianMS)/1000, float64(m.P95MS)/1000, m.Stale)
	why := ""
	if m.Verdicts.Failed > 0 {
		why = " (" + counts(m.Verdicts.Why) + ")"
	}
	line("  verdicts: answered %d, partly %d, failed %d%s", m.Verdicts.Answered, m.Verdicts.Partly, m.Verdicts.Failed, why)
	if len(m.NotAsked) > 0 {
		line("  not asked: %s", counts(m.NotAsked))
	}
	if len(m.Faults) > 0 {
		line("  without an answer: %s", counts(m.Faults))
	}
	for _, e := range m.Endpoints {
		text := ""
		if e.Text != "" {
			text = ": " + report.Terminal(e.Text)
		}
		line("  %s %s%s", report.Terminal(e.URL), e.State, text)
	}
}

// counts lists counts by word.
func counts(all map[string]int) string {
	var parts []string
	for _, word := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, fmt.Sprintf("%s %d", report.Terminal(word), all[word]))
	}
	return strings.Join(parts, ", ")
}

// lookAtModel tells when no server of the model answers, and when the model at one
// of them is not the one that the configuration pins, until answers come again.
func (w *Worker) lookAtModel() {
	if w.engine.model == nil {
		return
	}
	endpoints := w.engine.model.Stats().Endpoints
	broken, last := 0, ""
	for _, e := range endpoints {
		switch {
		case e.Fault == llm.Replaced:
			w.board.Stand(event.High, NoticeModel, e.URL, "the model at "+e.URL+" is not the one that model.digest names, and is not asked: "+e.Text)
		case e.Asked: // whatever came of it
			w.board.Over(NoticeModel, e.URL, "the model at "+e.URL+" is the right one again")
		}
		if e.Fault == llm.NoFault && !e.When.IsZero() {
			w.board.Over(NoticeModel, "", "the model answers again")
		}
		if e.Broken {
			broken++
			last = e.URL + ": " + e.Text
		}
	}
	if broken > 0 && broken == len(endpoints) {
		w.board.Stand(event.Medium, NoticeModel, "", "no server of the model answers, and rules decide alone; "+last)
	}
}

// mostFailed is how many cases in a row may be without a valid answer before people
// are told.
const mostFailed = 5

// lookAtAnswer tells when the model is of no use, whatever the fault, until it is.
func (w *Worker) lookAtAnswer(use *pipeline.Use) {
	const key = "answers"
	failed := w.asks.inARow(use.State)
	switch {
	case failed >= mostFailed:
		w.board.Stand(event.Medium, NoticeModel, key, fmt.Sprintf(
			"the model had no valid answer about the last %d cases, and rules decide alone; at last: %s", failed, use.Why))
	case failed == 0:
		w.board.Over(NoticeModel, key, "the model has valid answers again")
	}
}

// inARow returns how many cases in a row are without a valid answer, with one that
// ended so.
func (a *asking) inARow(s pipeline.State) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch s {
	case pipeline.Failed:
		a.failing++
	case pipeline.Answers, pipeline.Partly:
		a.failing = 0
	}
	return a.failing
}
