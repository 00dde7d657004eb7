package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/record"
)

func withCases(t testing.TB, s *Store, all ...cases.HeldState) {
	t.Helper()
	b := Batch{Cases: all}
	for _, h := range all {
		b.Work = append(b.Work, sampleWork(h))
	}
	check(t, s.SaveBatch(t.Context(), b))
}

func TestVerdictIsStoredOnce(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	h := sampleCase(1, 1, event.High)
	withCases(t, s, h)
	v := sampleVerdict(h, ByRules)
	v.Orders = []action.Order{sampleOrder(t, h.Case.ID, 0, "203.0.113.7")}
	wantDiff(t, []uint64{1}, got(s.Commit(ctx, []Verdict{v}))(t))
	check(t, s.Acknowledge(ctx, "log", []int64{1}))
	check(t, s.MarkSent(ctx, v.Orders[0].Digest, "local"))
	before := contentsOf(t, s)

	v.Record.Summary = "another text"
	v.Slot, v.Host = SlotGrant, "srv1"
	wantDiff(t, []uint64{1, 1}, got(s.Commit(ctx, []Verdict{v, v}))(t))
	wantDiff(t, before, contentsOf(t, s))

	v.EndsWork = true // what a repeat may still end
	wantDiff(t, []uint64{1}, got(s.Commit(ctx, []Verdict{v}))(t))
	wantDiff(t, 0, len(got(s.Work(ctx))(t)))
}

func TestVerdictOfRulesIsNeverStale(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	old, grown := sampleCase(1, 1, event.High), sampleCase(1, 2, event.High)
	withCases(t, s, grown)
	v := sampleVerdict(old, ByRules)
	v.EndsWork = true
	wantDiff(t, []uint64{1}, got(s.Commit(ctx, []Verdict{v}))(t))
	wantDiff(t, []Work{sampleWork(grown)}, got(s.Work(ctx))(t)) // the newer revision still waits

	v = sampleVerdict(old, ByModel)
	_, err := s.Commit(ctx, []Verdict{sampleVerdict(grown, ByModel), v})
	wantError(t, err, ErrStale)
	if !strings.Contains(err.Error(), "case plant-w1-1, revision 1, by model") {
		t.Errorf("error %v", err)
	}
	wantDiff(t, 1, len(got(s.Records(ctx, "plant-w1-1", 10))(t))) // of a stale transaction nothing is stored
	_, err = s.Commit(ctx, []Verdict{sampleVerdict(sampleCase(9, 1, event.Low), ByModel)})
	wantError(t, err, ErrStale)
	wantDiff(t, []uint64{2}, got(s.Commit(ctx, []Verdict{sampleVerdict(grown, ByModel)}))(t))
}

func TestVerdictThatIsPutOff(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	h := sampleCase(1, 1, event.High)
	withCases(t, s, h)
	v := sampleVerdict(h, ByRules)
	v.Delay = noon.Add(time.Hour)
	wantDiff(t, []uint64{0}, got(s.Commit(ctx, []Verdict{v}))(t))
	want := sampleWork(h)
	want.NotBefore = noon.Add(time.Hour)
	wantDiff(t, []Work{want}, got(s.Work(ctx))(t))
	wantDiff(t, 0, got(s.OutboxLen(ctx, "log"))(t))
}

func TestRecordsComeBackEqual(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	c := newClock()
	s := openAt(t, folder(t), c.now)
	var want []record.Record
	for revision := range 4 {
		h := sampleCase(1, revision+1, event.High)
		withCases(t, s, h)
		v := sampleVerdict(h, ByRules)
		v.Record.Mode, v.Record.Anomaly.Source = 3, 0
		v.Record.Refusals = append(v.Record.Refusals, record.Refusal{Rule: 6, Reason: 24})
		v.Record.Model = &record.Model{State: 4, Why: "timeout", Name: "qwen3:4b", Dissent: true, Calls: revision, MS: 4200}
		v.Record.Plan.Cost = record.Cost{Attempts: 2, MS: 100, PromptTokens: 1, AnswerTokens: 2, Fault: "timeout"}
		seq := got(s.Commit(ctx, []Verdict{v}))(t)[0]
		want = append(want, v.Record.Numbered(seq))
		c.advance(time.Minute)
	}
	slices.Reverse(want)
	wantDiff(t, want, got(s.Records(ctx, "plant-w1-1", 10))(t))
	wantDiff(t, want[:1], got(s.Records(ctx, "plant-w1-1", 1))(t))
	wantDiff(t, 2, got(s.RecordsSince(ctx, "plant-w1-1", noon.Add(2*time.Minute)))(t))
	rows := got(s.Outbox(ctx, "zabbix", 2))(t)
	body := got(want[3].Marshal())(t)
	wantDiff(t, Row{ID: 1, Seq: 1, Saved: noon.UTC(), Record: want[3], Body: body}, rows[0])
	wantDiff(t, 2, len(rows))
	check(t, s.Acknowledge(ctx, "zabbix", []int64{rows[0].ID, rows[1].ID, 99}))
	wantDiff(t, 2, got(s.OutboxLen(ctx, "zabbix"))(t))
	wantDiff(t, 4, got(s.OutboxLen(ctx, "log"))(t))
}

func TestParseRecordRefusesUnknownWords(t *testing.T) {
	t.Parallel()

	r := sampleRecord("c", 1)
	r.Model = &record.Model{State: 4}
	whole := got(r.Marshal())(t)
	if _, err := parseRecord(whole); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{`"mode":"review"`, `"source":"model"`, `"source":"rules"`, `"reason":"waits-for-person"`, `"class":"brute-force"`, `"state":"partly"`} {
		text := strings.Replace(string(whole), word, word[:strings.Index(word, ":")]+`:"nonsense"`, 1)
		if text == string(whole) {
			t.Errorf("the record has no %s: %s", word, whole)
			continue
		}
		if _, err := parseRecord([]byte(text)); err == nil {
			t.Errorf("a record without %s is taken", word)
		}
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	move := func(number, revision int, slot, host string) error {
		v := sampleVerdict(sampleCase(number, revision, event.High), ByRules)
		v.Slot, v.Host = slot, host
		_, err := s.Commit(ctx, []Verdict{v})
		return err
	}
	check(t, move(1, 1, SlotGrant, "srv1"))
	check(t, move(2, 1, SlotGrant, "srv1"))
	check(t, move(3, 1, SlotGrant, "srv2"))
	check(t, move(3, 2, "", "srv2"))
	wantDiff(t, map[string][]string{"srv1": {"plant-w1-1", "plant-w1-2"}, "srv2": {"plant-w1-3"}}, got(s.Slots(ctx))(t))
	check(t, move(1, 2, SlotRelease, "srv1"))
	wantDiff(t, map[string][]string{"srv1": {"plant-w1-2"}, "srv2": {"plant-w1-3"}}, got(s.Slots(ctx))(t))
	if err := move(1, 3, "borrow", "srv1"); err == nil {
		t.Error("an unknown word for a slot is taken")
	}
}

func TestOrdersComeBackEqual(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	v := sampleVerdict(sampleCase(1, 1, event.High), ByRules)
	for _, target := range []string{"203.0.113.7", "2001:db8::1", "root", "4242@998877"} {
		v.Orders = append(v.Orders, sampleOrder(t, "plant-w1-1", 2, target))
	}
	got(s.Commit(ctx, []Verdict{v}))(t)
	have := got(s.Intended(ctx, 10))(t)
	wantDiff(t, v.Orders, have)
	for _, o := range have {
		d, ok := action.Lookup(o.Action)
		if err := o.Check(d); err != nil || !ok {
			t.Errorf("order %+v: %v", o, err)
		}
	}
	wantDiff(t, 2, len(got(s.Intended(ctx, 2))(t)))
}

// orderIn returns an order in that state, that of case n.
func orderIn(t *testing.T, s *Store, n int, state action.Outcome) action.Digest {
	t.Helper()
	v := sampleVerdict(sampleCase(n, 1, event.High), ByRules)
	v.Orders = []action.Order{sampleOrder(t, v.Case, 0, "203.0.113.7")}
	got(s.Commit(t.Context(), []Verdict{v}))(t)
	d := v.Orders[0].Digest
	if state != action.Intended {
		check(t, s.MarkSent(t.Context(), d, "local"))
	}
	if state > action.Sent {
		check(t, s.EndOrder(t.Context(), d, state, "so", nil))
	}
	return d
}

func TestOrderStates(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	all := []action.Outcome{action.Intended, action.Sent, action.Done, action.Undone, action.Refused, action.Failed, action.Unknown}
	s := openNew(t)
	n := 0
	can := map[string]bool{
		"intended sent": true, "done undone": true, "unknown done": true, "unknown undone": true, "unknown failed": true, "unknown refused": true,
	}
	for _, end := range all[2:] {
		can["intended "+end.String()], can["sent "+end.String()], can[end.String()+" "+end.String()] = true, true, true
	}
	for _, from := range all {
		for _, to := range all[1:] {
			n++
			d := orderIn(t, s, n, from)
			var err error
			if to == action.Sent {
				err = s.MarkSent(ctx, d, "local")
			} else {
				err = s.EndOrder(ctx, d, to, "so", nil)
			}
			word := from.String() + " " + to.String()
			if (err == nil) != can[word] || err != nil && !errors.Is(err, ErrOrderState) {
				t.Errorf("%s: %v", word, err)
			}
		}
	}
	wantError(t, s.MarkSent(ctx, action.Digest{1}, "local"), ErrOrderState)
	wantError(t, s.EndOrder(ctx, action.Digest{1}, action.Done, "", nil), ErrOrderState)
	row := got(s.Orders(ctx, 1))(t)[0]
	wantDiff(t, OrderRow{Order: row.Order, State: action.Unknown, Route: "local", At: noon, Ended: noon, Text: "so"}, row)
	d := orderIn(t, s, n+1, action.Sent)
	sent := got(s.Sent(ctx))(t)
	last := sent[len(sent)-1]
	if last.Order.Digest != d || last.Route != "local" || !last.At.Equal(noon) {
		t.Errorf("sent %+v", last)
	}
}

func TestResultOfAnOrderIsARecord(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	h := sampleCase(1, 1, event.High)
	withCases(t, s, h)
	v := sampleVerdict(h, ByRules)
	v.Orders = []action.Order{sampleOrder(t, v.Case, 0, "203.0.113.7")}
	got(s.Commit(ctx, []Verdict{v}))(t)
	result := sampleVerdict(h, "")
	for range 2 {
		check(t, s.EndOrder(ctx, v.Orders[0].Digest, action.Done, "blocked", &result))
	}
	check(t, s.EndOrder(ctx, v.Orders[0].Digest, action.Undone, "expired", &result))
	wantDiff(t, 3, len(got(s.Records(ctx, v.Case, 10))(t)))
	wantDiff(t, 3, got(s.OutboxLen(ctx, "log"))(t))
}

func TestOrderFacts(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	s := openNew(t)
	add := func(number, generation int, target, source string, decided time.Time, state action.Outcome) action.Order {
		v := sampleVerdict(sampleCase(number, generation+1, event.High), ByRules)
		o := sampleOrder(t, v.Case, generation, target)
		o.Source, o.Decided = source, decided
		v.Orders = []action.Order{o}
		got(s.Commit(ctx, []Verdict{v}))(t)
		switch state {
		case action.Intended:
		case action.Sent:
			check(t, s.MarkSent(ctx, o.Digest, "local"))
		default:
			check(t, s.EndOrder(ctx, o.Digest, state, "", nil))
		}
		return o
	}
	ended := add(1, 0, "203.0.113.7", "auth", noon, action.Undone)
	failed := add(1, 1, "203.0.113.7", "auth", noon, action.Failed)
	running := add(1, 2, "203.0.113.7", "auth", noon, action.Unknown)
	add(2, 0, "203.0.113.7", "web", noon, action.Intended)
	add(3, 0, "198.51.100.1", "web", noon, action.Sent)
	add(4, 0, "root", "auth", noon, action.Done)
	add(5, 0, "root", "auth", noon, action.Undone)
	add(6, 0, "root", "auth", noon, action.Refused)
	add(7, 0, "root", "auth", noon.Add(-time.Hour-time.Second), action.Done)
	wantDiff(t, Facts{
		Worker: 4, Sources: map[string]int{"web": 2, "auth": 2}, Targets: map[string]int{"203.0.113.7": 1, "198.51.100.1": 1, "root": 2},
		Running: map[action.Digest]bool{running.Digest: true}, Ended: map[string]int{ended.Action: 1 + map[bool]int{true: 1}[failed.Action == ended.Action]},
	}, got(s.OrderFacts(ctx, "plant-w1-1", noon.Add(-time.Hour)))(t))
}

func TestSequenceIsNeverUsedAgain(t *testing.T) {
	t.Parallel()

	ctx := t.Context()
	c := newClock()
	dir := folder(t)
	o := smallOptions()
	o.KeepDays = 3
	s := openWith(t, dir, o, c.now)
	last := uint64(0)
	for round := range 3 {
		for i := range 5 {
			h := closed(sampleCase(round*5+i+1, 1, event.Low))
			withCases(t, s, h)
			v := sampleVerdict(h, ByRules)
			v.EndsWork = true
			seq := got(s.Commit(ctx, []Verdict{v}))(t)[0]
			if seq != last+1 {
				t.Fatalf("number %d follows %d", seq, last)
			}
			last = seq
		}
		c.advance(4 * 24 * time.Hour)
		for range 5 { // retention moves a day a call
			got(s.Housekeep(ctx))(t)
		}
		if rows := got(s.Cases(ctx, Filter{}))(t); len(rows) != 0 {
			t.Fatalf("%d cases are left", len(rows))
		}
		if n := got(s.OutboxLen(ctx, "log"))(t); n != 0 {
			t.Fatalf("%d rows wait for a record that is gone", n)
		}
		check(t, s.Close())
		s = openWith(t, dir, o, c.now)
	}
}
