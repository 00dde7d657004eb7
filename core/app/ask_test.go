package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/intake"
	"penstock/core/llm"
	"penstock/core/pipeline"
	"penstock/core/policy"
	"penstock/core/record"
)

// withModel gives a site the model of a server.
func (s *place) withModel(url string) *place {
	m := &s.config.Model
	m.Endpoints, m.Name, m.Digest = []string{url}, fake.Model, fake.Digest
	return s
}

// says is a model that answers every stage, and finds everything so grave.
func says(severity event.Severity) func(fake.Chat) fake.Reply {
	return func(c fake.Chat) fake.Reply {
		format := string(c.Format)
		switch {
		case strings.Contains(format, `"score"`):
			return fake.Reply{Text: `{"reason":"many in a row","evidence":["E1"],"score":90,"unusual":true}`}
		case strings.Contains(format, `"confidence"`):
			return fake.Reply{Text: fmt.Sprintf(`{"reason":"it goes on","severity":"%s","confidence":80}`, severity)}
		case strings.Contains(format, `"choose"`):
			return fake.Reply{Text: `{"reason":"none helps","choose":[]}`}
		}
		return fake.Reply{Text: `{"what":"somebody guesses","means":"it is worth a look"` + firstStep(c) + `}`}
	}
}

// firstStep is the part of an answer that names the first of the steps which the
// schema offers, where it asks for any.
func firstStep(c fake.Chat) string {
	var schema struct {
		Properties struct {
			Steps *struct{ Items struct{ Enum []string } }
		}
	}
	if err := json.Unmarshal(c.Format, &schema); err != nil || schema.Properties.Steps == nil {
		return ""
	}
	return fmt.Sprintf(`,"steps":["%s"]`, schema.Properties.Steps.Items.Enum[0])
}

func hangs(fake.Chat) fake.Reply { return fake.Reply{Hang: true} }

// probe is a line of which rules make a case of Low, with an action that Medium
// would start.
const probe = `2026-03-02T08:14:59Z gw1 nginx: 203.0.113.77 - - [02/Mar/2026:08:14:59 +0000] "GET /.env HTTP/1.1" 404 12 "-" "sqlmap"` + "\n"

// quiet is the beginning of attackDay: nothing in it makes a case.
func quiet() string { return attackDay()[:strings.Index(attackDay()[20_000:], "\n")+20_001] }

// told is what a record of the log says of severity and model.
type told struct {
	By       string // the state of the model
	Why      string
	Severity string
	Orders   []string
}

func (s *place) told(id string) (all []told) {
	for _, r := range s.logged() {
		if r.Case != id {
			continue
		}
		t := told{Severity: r.Severity}
		if r.Model != nil {
			t.By, t.Why = r.Model.State, r.Model.Why
		}
		for _, o := range r.Orders {
			t.Orders = append(t.Orders, o.Action+" "+o.State)
		}
		all = append(all, t)
	}
	return all
}

func wantTold(t testing.TB, want, got []told) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestModelsVerdictIsTheNextRecord(t *testing.T) {
	model := fake.NewOllama(t)
	answer := says(event.High)
	s := actingSite(t).withModel(model.URL)
	released := make(chan struct{})
	model.Answer(func(c fake.Chat) fake.Reply { <-released; return answer(c) })
	s.write(quiet() + guesses(attackEnds(), "203.0.113.9", 4))
	w := s.start()
	eventually(t, "the end of the rules' order", func() bool {
		orders, err := w.store.Orders(t.Context(), 1)
		return err == nil && len(orders) == 1 && orders[0].State.Ended() && w.sent(t.Context())
	})
	close(released)
	w.settled(lineCount(quiet()) + 4)
	id := casesOf(t, w)[0].Case
	wantTold(t, []told{
		{"waiting", "", "Medium", []string{"block-address intended"}},
		{"waiting", "", "Medium", []string{"block-address failed"}},
		{"answered", "", "High", []string{"block-address failed"}}, // nothing starts anew
	}, s.told(id))
	wantConcluded(t, w, id)
	must(t, w.end())
	w = s.start()
	w.settled(lineCount(quiet()) + 4)
	must(t, w.end())
	if n := len(s.told(id)); n != 3 || len(model.Chats()) != 4 {
		t.Errorf("a second start: %d records, %d questions", n, len(model.Chats()))
	}
}

// wantConcluded wants everything stored that belongs to four answers about a case.
func wantConcluded(t *testing.T, w *running, id string) {
	t.Helper()
	revision, talk, found, err := w.store.Talk(t.Context(), id)
	must(t, err)
	var said pipeline.Talk
	must(t, json.Unmarshal(talk, &said))
	if !found || revision != 1 || len(said.Exchanges) != 4 || said.Case == "" {
		t.Errorf("talk of revision %d, %t: %s", revision, found, talk)
	}
	work, err := w.store.Work(t.Context())
	must(t, err)
	if len(work) > 0 {
		t.Errorf("%v still waits", work)
	}
	st := w.Status(t.Context())
	got := fmt.Sprint(st.Model.Answers, st.Model.Calls, st.Model.PerThousand > 0, st.Model.Endpoints[0].State == "ok", st.Model.Waiting.Waiting)
	if want := "4 4 true true 0"; got != want {
		t.Errorf("status %s, want %s", got, want)
	}
	if text := st.Text(); !strings.Contains(text, "model tiny:latest: 0 waiting, 4 calls") {
		t.Errorf("status:\n%s", text)
	}
}

// Whatever the model does, the rules' verdict is out, and so is that of what comes
// later.
func TestRulesVerdictsAreOutWhileTheModelHangs(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(hangs)
	s := actingSite(t).withModel(model.URL)
	s.config.Model.Timeout = time.Hour
	s.config.Model.CaseTime = time.Hour
	s.write(quiet())
	w := s.start()
	for i := range 5 {
		peer := fmt.Sprintf("203.0.113.%d", i+1)
		s.write(guesses(attackEnds(), peer, 4))
		eventually(t, "the rules' verdict", func() bool {
			n, _ := w.queue.Len()
			records, err := w.store.RecordCount(t.Context())
			return n == 0 && err == nil && records >= 2*i+2 && w.sent(t.Context()) // each with the end of its order
		})
	}
	eventually(t, "a question", func() bool { return len(model.Chats()) > 0 })
	if m := w.Status(t.Context()).Model; m.Waiting.Waiting != 5 || m.Answers != 0 {
		t.Errorf("status %+v", m)
	}
	must(t, w.end()) // nor does the end wait

	model.Answer(says(event.Medium))
	w = s.start()
	w.settled(lineCount(quiet()) + 20)
	for _, c := range casesOf(t, w) {
		all := s.told(c.Case)
		if len(all) != 3 || all[0].By != "waiting" || all[2].By != "answered" {
			t.Errorf("case %s after the next start: %+v", c.Case, all)
		}
	}
	must(t, w.end())
}

func TestModelThatIsGoneLeavesTheRulesVerdict(t *testing.T) {
	s := newSite(t).withModel("http://127.0.0.1:1") // a port that nobody else comes to listen at
	s.now = clockAt(attackEnds()).now
	s.write(quiet() + guesses(attackEnds(), "203.0.113.1", 4))
	w := s.start()
	lines := lineCount(quiet()) + 4
	w.settled(lines)
	first := casesOf(t, w)[0].Case
	want := []told{{"waiting", "", "Medium", nil}, {"failed", "unreachable", "Medium", nil}}
	wantTold(t, want, s.told(first))
	for i := 0; w.standing(NoticeModel) == ""; i++ { // until the breaker opens
		if i > 20 {
			t.Fatal("nobody is told that the model does not answer")
		}
		w.more(s, guesses(attackEnds(), fmt.Sprintf("203.0.113.%d", i+10), 4))
	}
	w.more(s, guesses(attackEnds(), "203.0.113.200", 4))
	last := casesNamed(t, w, "203.0.113.200")
	wantTold(t, []told{{"not-asked", "broken", "Medium", nil}}, s.told(last))
	st := w.Status(t.Context())
	if st.State != StateWorking || st.Model.NotAsked["broken"] == 0 || st.Model.Faults["unreachable"] == 0 || st.Model.Endpoints[0].State != "broken" {
		t.Errorf("status %+v, model %+v", st.State, st.Model)
	}
	must(t, w.end())
}

// SAFETY D2.
func TestReplacedModelIsAHighNotice(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(says(event.High))
	model.Put(fake.Model, strings.Repeat("0b", 32))
	s := newSite(t).withModel(model.URL)
	s.now = clockAt(attackEnds()).now
	s.write(quiet() + guesses(attackEnds(), "203.0.113.1", 4))
	w := s.start()
	w.settled(lineCount(quiet()) + 4)
	wantTold(t, []told{{"waiting", "", "Medium", nil}, {"failed", "replaced", "Medium", nil}}, s.told(casesOf(t, w)[0].Case))
	if n := len(model.Chats()); n > 0 {
		t.Errorf("it was asked %d questions", n)
	}
	if text := w.standing(NoticeModel); !strings.Contains(text, "not the one that model.digest names") || w.Status(t.Context()).State != StateTroubled {
		t.Errorf("it stands %q", text)
	}
	must(t, w.end())
	w = s.start()
	w.more(s, guesses(attackEnds(), "203.0.113.2", 4))
	if w.standing(NoticeModel) == "" {
		t.Error("nothing stands after the next start")
	}
	model.Put(fake.Model, fake.Digest)
	model.Answer(func(fake.Chat) fake.Reply { return fake.Reply{} }) // it is of no use, and the right one
	w.more(s, guesses(attackEnds(), "203.0.113.3", 4))
	if text := w.standing(NoticeModel); text != "" {
		t.Errorf("with the right one it stands %q", text)
	}
	must(t, w.end())
}

func TestModelThatChangesUnpinnedIsTold(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(says(event.Medium))
	s := newSite(t).withModel(model.URL)
	s.config.Model.Digest = ""
	s.now = clockAt(attackEnds()).now
	s.write(quiet() + guesses(attackEnds(), "203.0.113.1", 4))
	w := s.start()
	w.settled(lineCount(quiet()) + 4)
	must(t, w.end())
	if text := s.notices(); strings.Contains(text, "another one") {
		t.Errorf("notices of the first model: %s", text)
	}
	model.Put(fake.Model, strings.Repeat("0b", 32))
	w = s.start()
	w.more(s, guesses(attackEnds(), "203.0.113.2", 4))
	w.more(s, guesses(attackEnds(), "203.0.113.3", 4))
	must(t, w.end())
	if n := strings.Count(s.notices(), "is another one than before: SHA-256 0b0b0b0b0b0b, was 4ff4dd56b5c8"); n != 1 {
		t.Errorf("told %d times: %s", n, s.notices())
	}
}

// The case grows while the model thinks: nobody waits for the answer, and the model
// is asked about what the case is now.
func TestAnswerThatWouldComeTooLateIsNotWaitedFor(t *testing.T) {
	model := fake.NewOllama(t)
	answer := says(event.Medium)
	asked := make(chan struct{})
	var once sync.Once
	model.Answer(func(c fake.Chat) fake.Reply {
		reply := answer(c)
		once.Do(func() {
			close(asked)
			reply = fake.Reply{Hang: true} // which ends when nobody waits for it
		})
		return reply
	})
	s := newSite(t).withModel(model.URL)
	s.now = clockAt(attackEnds()).now
	s.write(quiet() + guesses(attackEnds(), "203.0.113.1", 4))
	w := s.start()
	<-asked
	login := attackEnds().Format(time.RFC3339) + " gw1 sshd[9]: Accepted password for root from 203.0.113.1 port 4000 ssh2\n"
	s.write(login)
	w.settled(lineCount(quiet()) + 5)
	id := casesOf(t, w)[0].Case
	got := s.told(id)
	last := got[len(got)-1]
	if n := s.revisions("answered"); n != 1 || s.revisions("waiting") != 2 || last.By != "answered" || last.Severity != "High" {
		t.Errorf("%d records with an answer: %+v", n, got)
	}
	if m := w.Status(t.Context()).Model; m.Stale != 1 {
		t.Errorf("%d answers came too late", m.Stale)
	}
	must(t, w.end())
}

// revisions is how many records of the log have a model in this state.
func (s *place) revisions(state string) (n int) {
	for _, r := range s.logged() {
		if r.Model != nil && r.Model.State == state {
			n++
		}
	}
	return n
}

// SAFETY D4: Critical for everything. What stands afterwards is one step up, for so
// many cases an hour, also over a restart.
func TestModelThatFindsEverythingCriticalIsBounded(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(says(event.Critical))
	s := newSite(t).withModel(model.URL)
	s.config.Policy.Limits.Raises = 2
	c := clockAt(attackEnds())
	s.now = c.now
	s.write(quiet())
	var last string
	for i := range 4 {
		w := s.start()
		peer := fmt.Sprintf("203.0.113.%d", i+1)
		w.more(s, guesses(attackEnds(), peer, 4))
		last = casesNamed(t, w, peer)
		want := "High"
		if i >= 2 {
			want = "Medium"
		}
		if got := s.told(last); got[len(got)-1].Severity != want {
			t.Errorf("case %d: %+v", i, got)
		}
		must(t, w.end())
	}
	w := s.start()
	c.jump(time.Hour)
	w.more(s, guesses(c.now(), "203.0.113.9", 4))
	if got := s.told(casesNamed(t, w, "203.0.113.9")); got[len(got)-1].Severity != "High" {
		t.Errorf("an hour later: %+v", got)
	}
	must(t, w.end())
}

func TestModelsRaiseStartsNothingUnlessItMay(t *testing.T) {
	for _, tt := range []struct {
		name string
		may  bool
		want []string
	}{
		{"- by default", false, nil},
		{"+ where model_may_act says so", true, []string{"block-address 203.0.113.77 failed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			model := fake.NewOllama(t)
			model.Answer(says(event.Critical))
			s := actingSite(t).withModel(model.URL)
			s.config.Policy.ModelMayAct = tt.may
			s.write(quiet() + probe)
			w := s.start()
			w.settled(lineCount(quiet()) + 1)
			w.more(s, probe) // another revision, or not: it starts nothing twice
			must(t, w.end())
			if diff := cmp.Diff(tt.want, s.kept().Orders); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := s.lastOf("site-w1-1"); got.Severity != "Medium" {
				t.Errorf("last record %+v", got)
			}
		})
	}
}

// What a model raised stays raised when more of the same comes and the model is gone.
func TestRaiseStaysWithTheNextRevision(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(says(event.High))
	s := newSite(t).withModel(model.URL)
	s.now = clockAt(attackEnds()).now
	s.write(quiet() + guesses(attackEnds(), "203.0.113.1", 4))
	w := s.start()
	w.settled(lineCount(quiet()) + 4)
	must(t, w.end())
	s.config.Model.Endpoints = nil
	w = s.start()
	w.more(s, strings.ReplaceAll(guesses(attackEnds(), "203.0.113.1", 10), "for root", "for invalid user admin"))
	must(t, w.end())
	got := s.told("site-w1-1")
	if n := len(got); n < 3 || got[n-1].By != "" || got[n-1].Severity != "High" {
		t.Errorf("%+v", got)
	}
	if c := s.kept().Cases[0]; !strings.Contains(c, "open Medium") {
		t.Errorf("the floor has come up to it, which shows nothing: %s", c)
	}
}

// Two are asked at a time, about two revisions of one case, and the newer answer
// comes first.
func TestAnswersOfTwoRevisionsDoNotMix(t *testing.T) {
	a := newAsking()
	second := work("a", event.Low, "x")
	second.Revision = 2
	a.put(pipeline.Report{Case: "a", Revision: 1})
	a.put(pipeline.Report{Case: "a", Revision: 2})
	a.put(pipeline.Report{Case: "a", Revision: 2})
	a.put(pipeline.Report{Case: "a", Revision: 1})
	if r, ok := a.answer(second); !ok || r.Revision != 2 {
		t.Errorf("answer %+v, %t", r, ok)
	}
	a.done(&pipeline.Report{Case: "a", Revision: 1}, true)
	if _, ok := a.answer(second); !ok || a.stale != 2 {
		t.Errorf("the newer answer is there: %t, %d too late", ok, a.stale)
	}
	third := second
	third.Revision = 3
	if _, ok := a.answer(third); ok || a.stale != 3 || len(a.answers) > 0 {
		t.Errorf("an answer about what the case no longer is: %t, %d too late", ok, a.stale)
	}
}

// TestProspect is the table of why the model is not asked.
func TestProspect(t *testing.T) {
	model := fake.NewOllama(t)
	s := newSite(t).withModel(model.URL)
	s.config.Model.CallsPerHour = 2
	w, err := NewWorker(t.Context(), WorkerOptions{Config: s.config, Log: slog.New(slog.DiscardHandler), Now: s.now})
	must(t, err)
	defer w.Close()
	_, err = w.engine.model.Ask(t.Context(), llm.Request{}) // all that is not reserved
	must(t, err)
	fine := func() judged {
		j := judged{held: cases.HeldState{Case: cases.Case{ID: "a", Revision: 2, Lines: []cases.Line{{Number: 1}}}}}
		j.held.Case.Floor, j.decision = event.High, decided(w, event.High, event.None)
		j.last = record.Record{Case: "a", Revision: 1, Model: &record.Model{State: pipeline.Waiting}}
		return j
	}
	fill := func(n int) {
		for i := range n {
			w.asks.queue.Add(work(fmt.Sprint(i), event.High, "x"))
		}
	}
	for _, tt := range []struct {
		name   string
		change func(j *judged)
		want   string
	}{
		{"+ nothing is against it", func(*judged) {}, ""},
		{"- text instructs", func(j *judged) { j.held.Case.Instructs = true }, "instructing-text"},
		{"- closed", func(j *judged) { j.held.Case.Status = cases.Closed }, "severity"},
		{"- called harmless", func(j *judged) { j.harmless = true }, "harmless"},
		{"+ the last two records of the hour", func(j *judged) { j.records = recordsPerHour - 2 }, ""},
		{"- only one is left", func(j *judged) { j.records = recordsPerHour - 1 }, "records"},
		{"+ the rules' is there already", func(j *judged) { j.records, j.last.Revision = recordsPerHour-1, 2 }, ""},
		{"- the budget is used up but for what rules find High", func(j *judged) {
			j.held.Case.Floor, j.decision = event.Medium, decided(w, event.Medium, event.High)
		}, "budget"},
		{"- too many wait", func(j *judged) { fill(maxAsked); j.decision = decided(w, event.Medium, event.None) }, "queue"},
		{"+ not too many for what is grave", func(*judged) {}, ""},
		{"- too many for that too", func(j *judged) { fill(maxGrave); j.held.Source = "x" }, "queue"},
		{"+ of another source than those", func(j *judged) { j.held.Source = "y" }, ""},
	} {
		j := fine()
		tt.change(&j)
		want := pipeline.Use{State: pipeline.Waiting, Name: fake.Model, Why: tt.want}
		if tt.want != "" {
			want.State = pipeline.NotAsked
		}
		if diff := cmp.Diff(want, w.prospect(&j)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

// decided is the decision on a case of that floor which stood at before.
func decided(w *Worker, floor, before event.Severity) policy.Decision {
	return w.engine.policy.Decide(cases.Case{Floor: floor}, pipeline.Report{}, policy.Facts{Severity: before})
}

// A revision that was told to wait, and then is not asked about, is told of again.
func TestNobodyWaitsForAnAnswerThatNeverComes(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(hangs)
	s := newSite(t).withModel(model.URL)
	s.now = clockAt(attackEnds()).now
	s.write(quiet() + guesses(attackEnds(), "203.0.113.1", 4))
	w := s.start()
	eventually(t, "a question", func() bool { return len(model.Chats()) > 0 })
	must(t, w.end())
	next, err := NewWorker(t.Context(), WorkerOptions{Config: s.config, Log: slog.New(slog.DiscardHandler), Now: s.now})
	must(t, err)
	for i := range maxGrave {
		next.asks.queue.Add(work(fmt.Sprint("other", i), event.High, "x"))
	}
	items := next.queue.Take(10, s.now())
	must(t, next.judgeAll(t.Context(), items))
	records, err := next.store.Records(t.Context(), "site-w1-1", 10)
	must(t, err)
	var got []string
	for _, r := range slices.Backward(records) {
		got = append(got, fmt.Sprint(r.Revision, " ", r.Model.State, " ", r.Model.Why))
	}
	if diff := cmp.Diff([]string{"1 waiting ", "1 not-asked queue"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if left, err := next.store.Work(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%v waits, %v", left, err)
	}
	must(t, next.Close())
}

// A run whose source ends waits for what the model says of the last case.
func TestEndOfTheLastSourceWaitsForTheModel(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(says(event.High))
	s := newSite(t).withModel(model.URL)
	s.now = clockAt(attackEnds()).now
	s.write(quiet() + guesses(attackEnds(), "203.0.113.1", 4))
	stdin, err := os.Open(s.log)
	must(t, err)
	defer stdin.Close()
	s.config.Sources = intake.Options{{Name: "stdin", Kind: intake.KindStdin, Trust: event.Local}}
	w, err := NewWorker(t.Context(), WorkerOptions{Config: s.config, Stdin: stdin, Log: slog.New(slog.DiscardHandler), Now: s.now})
	must(t, err)
	must(t, w.Run(t.Context()))
	if n := s.revisions("answered"); n != 1 {
		t.Errorf("%d records with an answer: %+v", n, s.logged())
	}
}

// However often a revision comes to be worked, the model is asked about it once.
func TestModelIsAskedOnceAboutARevision(t *testing.T) {
	model := fake.NewOllama(t)
	model.Answer(hangs)
	s := newSite(t).withModel(model.URL)
	s.now = clockAt(attackEnds()).now
	s.write(quiet() + guesses(attackEnds(), "203.0.113.1", 4))
	before := s.start()
	eventually(t, "a question", func() bool { return len(model.Chats()) > 0 })
	must(t, before.end())
	model.Answer(says(event.High))
	w, err := NewWorker(t.Context(), WorkerOptions{Config: s.config, Log: slog.New(slog.DiscardHandler), Now: s.now})
	must(t, err)
	items := w.queue.Take(10, s.now())
	waiting := func(when string, want int) {
		t.Helper()
		for range 3 {
			must(t, w.judgeAll(t.Context(), items))
		}
		if n, _ := w.asks.queue.Len(); n != want {
			t.Errorf("%s: %d wait for the model, want %d", when, n, want)
		}
	}
	waiting("at first", 1)
	asked := w.asks.queue.Take(1, s.now())
	w.asks.queue.Done(1)
	w.asks.begin(asked[0], func() {})
	waiting("while it is asked", 0)
	w.asks.end(asked[0])
	w.askAbout(t.Context(), asked[0])
	waiting("with an answer, and when that is stored", 0)
	records, err := w.store.Records(t.Context(), "site-w1-1", 10)
	must(t, err)
	if len(records) != 2 || records[0].Model.State != pipeline.Answers {
		t.Errorf("%d records, the last %+v", len(records), records[0].Model)
	}
	must(t, w.Close())
}

// TestT3InterruptedAtEveryStep lets the process die at each step of storing the
// model's verdict.
func TestT3InterruptedAtEveryStep(t *testing.T) {
	site := func(t testing.TB) *place {
		model := fake.NewOllama(t)
		model.Answer(says(event.High))
		s := newSite(t).withModel(model.URL)
		s.now = clockAt(attackEnds()).now
		return s
	}
	calm := site(t)
	var mu sync.Mutex
	var steps []string
	calm.fault = func(step string) error {
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(steps, step) && (strings.HasPrefix(step, "T3.") || strings.HasPrefix(step, "meta.")) {
			steps = append(steps, step)
		}
		return nil
	}
	text := quiet() + guesses(attackEnds(), "203.0.113.1", 4)
	runTo(calm, text)
	want := calm.kept()
	if calm.revisions("answered") != 1 || want.Records != 2 {
		t.Fatalf("the undisturbed worker: %+v", want)
	}
	mu.Lock()
	all := slices.Clone(steps)
	mu.Unlock()
	if diff := cmp.Diff([]string{"T3.begin", "T3.record", "T3.outbox", "T3.orders", "T3.talk", "T3.work", "T3.commit", "T3.after", "meta.begin", "meta.commit", "meta.after"}, all); diff != "" {
		t.Errorf("steps (-want +got)\n%s", diff)
	}
	for _, step := range all {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			interrupt(t, site, step, text, want)
		})
	}
}
