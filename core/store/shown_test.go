package store

import (
	"bytes"
	"context"
	"testing"
	"time"

	"penstock/core/event"
)

func TestShowIsAllOrNothing(t *testing.T) {
	t.Parallel()

	c := newClock()
	s := openAt(t, folder(t), c.now)
	h := sampleCase(1, 1, event.High)
	b := sampleBatch(1)
	b.Cases, b.Work = append(b.Cases, h), []Work{sampleWork(h)}
	check(t, s.SaveBatch(t.Context(), b))
	got(s.Commit(t.Context(), []Verdict{sampleVerdict(h, ByRules)}))(t)
	rows := got(s.Outbox(t.Context(), "zabbix", 10))(t)
	if len(rows) != 1 || rows[0].Saved.IsZero() {
		t.Fatalf("rows %+v", rows)
	}
	at := time.Unix(0, 1_800_000_000_123_456_789)
	one := Shown{
		Case: h.Case.ID, Host: "web", Asset: "web 1", Severity: event.High, FP: "f", Seq: 1, Since: c.now().UTC().Truncate(time.Millisecond), Told: "17",
	}
	show := Showing{Sink: "zabbix", Rows: []int64{rows[0].ID}, Shown: []Shown{one}, Values: []Value{
		{Case: h.Case.ID, Host: "web", Key: "k", Value: "a", At: at},
		{Case: h.Case.ID, Host: "web", Key: "t", Value: "b", At: at.Add(1), Transition: true},
	}}
	for _, step := range []string{"T5.begin", "T5.outbox", "T5.shown", "T5.commit"} {
		s.SetFault(func(at string) error {
			if at == step {
				return errDied
			}
			return nil
		})
		wantError(t, s.Show(t.Context(), show), errDied)
		s.SetFault(nil)
		if n := got(s.OutboxLen(t.Context(), "zabbix"))(t); n != 1 {
			t.Errorf("- died at %s: %d rows wait", step, n)
		}
		if n := len(got(s.Values(t.Context(), 10))(t)) + len(got(s.Shown(t.Context()))(t)); n != 0 {
			t.Errorf("- died at %s: %d of it are there", step, n)
		}
	}
	check(t, s.Show(t.Context(), show))
	wantDiff(t, []Shown{one}, got(s.Shown(t.Context()))(t))
	values := got(s.Values(t.Context(), 10))(t)
	want := show.Values
	want[0].ID, want[1].ID = 1, 2
	wantDiff(t, want, values)
	if n := got(s.OutboxLen(t.Context(), "zabbix"))(t); n != 0 {
		t.Errorf("%d rows wait", n)
	}

	if others := got(s.Values(t.Context(), 10, "web", "x"))(t); len(others) != 0 {
		t.Errorf("without the host there are %v", others)
	}
	if n := got(s.ValuesLen(t.Context()))(t); n != 2 {
		t.Errorf("%d values wait", n)
	}
	wantDiff(t, map[CaseOnHost]bool{{h.Case.ID, "web"}: true}, got(s.ValuesOf(t.Context()))(t))
	check(t, s.TakeValues(t.Context(), []int64{1}))
	one.Severity = event.None
	check(t, s.Show(t.Context(), Showing{Shown: []Shown{one}, Drop: []int64{2}, Values: []Value{{Case: "c", Host: "h", Key: "k", At: at}}}))
	values = got(s.Values(t.Context(), 10))(t)
	if len(values) != 1 || values[0].ID != 3 || len(got(s.Shown(t.Context()))(t)) != 0 {
		t.Errorf("+ afterwards: %+v", values)
	}
}

func TestAValueTakesThePlaceOfThoseThatWait(t *testing.T) {
	t.Parallel()

	s := openAt(t, folder(t), newClock().now)
	value := func(id, host, key, text string) Value { return Value{Case: id, Host: host, Key: key, Value: text} }
	opens := value("c", "h", "k", "open")
	opens.Transition = true
	newest := value("c", "h", "k", "new")
	newest.Replaces = true
	check(t, s.Show(t.Context(), Showing{Values: []Value{value("c", "h", "k", "old"), opens, value("d", "h", "k", "d"), value("c", "i", "k", "i"), value("c", "h", "l", "l")}}))
	check(t, s.Show(t.Context(), Showing{Values: []Value{newest}}))
	var texts []string
	for _, v := range got(s.Values(t.Context(), 10))(t) {
		texts = append(texts, v.Value)
	}
	wantDiff(t, []string{"open", "d", "i", "l", "new"}, texts)
}

func TestARestoredWorkerSendsNothingTwice(t *testing.T) {
	t.Parallel()

	s := openAt(t, folder(t), newClock().now)
	one := Shown{Case: "c", Host: "h", Severity: event.High}
	check(t, s.Show(t.Context(), Showing{Shown: []Shown{one}, Values: []Value{{Case: "c", Host: "h", Key: "k"}}}))
	var copied bytes.Buffer
	check(t, s.Backup(t.Context(), &copied, nil))
	dir := folder(t)
	check(t, Restore(context.Background(), dir, &copied, newClock().now))
	restored := openAt(t, dir, newClock().now)
	if n := len(got(restored.Values(t.Context(), 10))(t)); n != 0 {
		t.Errorf("%d values wait in the restored state", n)
	}
	if n := len(got(restored.Shown(t.Context()))(t)); n != 1 {
		t.Errorf("%d cases are known to be shown, want 1", n)
	}
}

func TestValuesOfOneHost(t *testing.T) {
	t.Parallel()

	s := openAt(t, folder(t), newClock().now)
	at := time.Unix(0, 1_800_000_000_123_456_789)
	if newest := got(s.NewestValue(t.Context()))(t); !newest.IsZero() {
		t.Errorf("the newest of none is %s", newest)
	}
	check(t, s.Show(t.Context(), Showing{Shown: []Shown{{Case: "c", Host: "a", Severity: event.High, Since: at.Add(-time.Hour)}}, Values: []Value{
		{Case: "c", Host: "a", Key: "k", Value: "large", At: at},
		{Case: "c", Host: "b", Key: "k", Value: "x", At: at.Add(1)},
		{Case: "c", Host: "a", Key: "t", Value: "open", At: at.Add(2), Transition: true},
	}}))
	wantDiff(t, []Value{{ID: 1, Case: "c", Host: "a", Key: "k", At: at}, {ID: 3, Case: "c", Host: "a", Key: "t", Value: "open", At: at.Add(2), Transition: true}},
		got(s.HostValues(t.Context(), "a"))(t))
	wantDiff(t, 1, got(s.ValuesLen(t.Context(), "a"))(t))
	wantDiff(t, at.Add(2), got(s.NewestValue(t.Context()))(t))
	check(t, s.TakeValues(t.Context(), []int64{1, 2, 3}))
	wantDiff(t, at.Add(-time.Hour).Truncate(time.Millisecond).UTC(), got(s.NewestValue(t.Context()))(t))
}
