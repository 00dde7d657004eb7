package sift

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

// problem makes a problem of Zabbix n seconds after the start.
func problem(n int, host, name string, severity event.Severity) *event.Event {
	ev := line(n, host, programZabbix, name)
	ev.Name, ev.Severity, ev.Source = name, severity, "zabbix"
	ev.Set(event.KeyProblem, fmt.Sprint(n), event.Observed)
	return ev
}

func value(n int, host string, v float64) *event.Event {
	ev := line(n, host, programZabbix, "Flow")
	ev.Source = "zabbix"
	ev.Set(event.KeyItem, "7", event.Observed)
	ev.Set(event.KeyMetric, fmt.Sprint(v), event.Observed)
	return ev
}

func TestProblemOfZabbix(t *testing.T) {
	t.Parallel()
	s := newSifter(t)
	want := func(n int, ev *event.Event, severity event.Severity, fresh bool) {
		t.Helper()
		got := s.Sift(ev)
		evidence := []Evidence{{Kind: Problem, Class: event.Availability, Severity: severity, Origin: event.Observed}}
		if diff := cmp.Diff(evidence, got.Evidence); diff != "" || got.Fresh != fresh {
			t.Errorf("after %d s: fresh %v, want %v (-want +got):\n%s", n, got.Fresh, fresh, diff)
		}
	}
	want(0, problem(0, "plc1", "Flow too high (over 10, now 12.25)", event.High), event.Medium, true)
	want(60, problem(60, "plc1", "Flow too high (over 10, now 14.5)", event.High), event.Medium, false)
	want(120, problem(120, "office7", "Flow too high (over 10, now 14.5)", event.Critical), event.Medium, true)
	want(130, problem(130, "office7", "Disk nearly full", event.None), event.Low, true)
	want(7200, problem(7200, "plc1", "Flow too high (over 10, now 14.5)", event.Low), event.Low, true)
}

// Text of a log gets into the name of a problem. It is looked at as any other.
func TestTextWithinAProblemIsLookedAt(t *testing.T) {
	t.Parallel()
	s := newSifter(t)
	f := s.Sift(problem(0, "plc1", "Log: GET /../../etc/passwd", event.Low))
	var kinds []Kind
	for _, e := range f.Evidence {
		kinds = append(kinds, e.Kind)
	}
	if diff := cmp.Diff([]Kind{Problem, SignalMatch}, kinds); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRecoveryIsNeverFresh(t *testing.T) {
	t.Parallel()
	s := newSifter(t)
	ev := line(5, "", programZabbix, "problem is over")
	ev.Set(event.KeyRecovered, "0", event.Observed)
	want := Finding{Source: ev.Source, Evidence: []Evidence{{Kind: Recovered, Class: event.Availability, Origin: event.Observed}}}
	ev.Host = ""
	if diff := cmp.Diff(want, s.Sift(ev)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOddValueIsTold(t *testing.T) {
	t.Parallel()
	s := newSifter(t)
	n := 0
	for ; n < 2*86400; n += 60 {
		if f := s.Sift(value(n, "plc1", 30+float64(n/60%10))); len(f.Evidence) > 0 {
			t.Fatalf("evidence in daily life: %+v", f)
		}
	}
	var state bytes.Buffer // as over a restart
	learned, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := gob.NewEncoder(&state).Encode(learned); err != nil {
		t.Fatal(err)
	}
	var loaded State
	if err := gob.NewDecoder(&state).Decode(&loaded); err != nil {
		t.Fatal(err)
	}
	s = newSifter(t)
	if err := s.Load(loaded); err != nil {
		t.Fatal(err)
	}
	var told []Finding
	for range 5 {
		n += 60
		if f := s.Sift(value(n, "plc1", 90)); len(f.Evidence) > 0 {
			f.Evidence = append([]Evidence(nil), f.Evidence...)
			told = append(told, f)
		}
	}
	want := []Finding{{Source: "plc1", Fresh: true, Evidence: []Evidence{
		{Kind: OddValue, Class: event.Availability, Severity: event.Low, Subject: "Flow", Origin: event.Observed},
	}}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever decoded it: what only claims to be Zabbix's is a message like any other.
func TestClaimedProblemIsAMessage(t *testing.T) {
	t.Parallel()
	s := newSifter(t)
	for i, key := range []string{event.KeyProblem, event.KeyRecovered, event.KeyMetric} {
		ev := line(i, "plc1", programZabbix, "x "+key)
		ev.Set(key, "9", event.Claimed)
		for _, e := range s.Sift(ev).Evidence {
			if e.Kind.IsMetric() || e.Kind == Recovered {
				t.Errorf("%s gives evidence %+v", key, e)
			}
		}
	}
	if s.events != 3 {
		t.Errorf("%d of 3 messages learned from", s.events)
	}
}

// Two Zabbix servers number their items alike. What is normal for one says nothing of
// the other.
func TestItemsOfTwoServersAreTwo(t *testing.T) {
	t.Parallel()
	s := newSifter(t)
	n := 0
	for ; n < 2*86400; n += 60 {
		for i, source := range []string{"north", "south"} {
			ev := value(n, "plc1", float64(30+100*i+n/60%10))
			ev.Source = source
			if f := s.Sift(ev); len(f.Evidence) > 0 {
				t.Fatalf("evidence in daily life of %s: %+v", source, f)
			}
		}
	}
	odd := 0
	for range 5 {
		n += 60
		ev := value(n, "plc1", 134) // is normal in the south
		ev.Source = "north"
		odd += len(s.Sift(ev).Evidence)
	}
	state, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	var items []string
	for _, v := range state.Values {
		items = append(items, v.Item)
	}
	if diff := cmp.Diff([]string{"north\x007", "south\x007"}, items); diff != "" || odd != 1 {
		t.Errorf("%d odd values, want 1; items (-want +got):\n%s", odd, diff)
	}
}

// What Zabbix measures is no line of a log: it neither ends nor lengthens learning.
func TestMeasuringTeachesNoMessages(t *testing.T) {
	t.Parallel()
	s := newSifter(t)
	for n := range 10_000 {
		s.Sift(value(n, "plc1", 1))
		if n%100 == 0 {
			s.Sift(problem(n, "plc1", fmt.Sprint("problem ", time.Duration(n)), event.High))
		}
	}
	if s.events != 0 || s.learned {
		t.Errorf("%d events learned from, learning ended: %v", s.events, s.learned)
	}
}
