package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
)

// talked stores the verdict of a model on a case with what was said.
func talked(t testing.TB, s *Store, h cases.HeldState, talk string) {
	t.Helper()
	v := sampleVerdict(h, ByModel)
	v.EndsWork, v.Talk = true, []byte(talk)
	got(s.Commit(t.Context(), []Verdict{v}))(t)
}

func talkOf(t testing.TB, s *Store, h cases.HeldState) string {
	t.Helper()
	revision, talk, found, err := s.Talk(t.Context(), h.Case.ID)
	check(t, err)
	if !found {
		return ""
	}
	return fmt.Sprint(revision, " ", string(talk))
}

func TestTheNewestTalkOfACaseIsKept(t *testing.T) {
	t.Parallel()

	s := openNew(t)
	h, other := sampleCase(1, 1, event.High), sampleCase(2, 1, event.High)
	withCases(t, s, h, other)
	talked(t, s, h, "first")
	talked(t, s, h, "a repeat changes nothing")
	wantDiff(t, "1 first", talkOf(t, s, h))
	h = sampleCase(1, 2, event.High)
	withCases(t, s, h)
	talked(t, s, h, "second \x00\xff")
	wantDiff(t, "2 second \x00\xff", talkOf(t, s, h))
	got(s.Commit(t.Context(), []Verdict{sampleVerdict(h, ByRules)}))(t) // which has none
	wantDiff(t, "2 second \x00\xff", talkOf(t, s, h))
	wantDiff(t, "", talkOf(t, s, other))
	v := sampleVerdict(sampleCase(1, 1, event.High), ByModel)
	v.Revision, v.Talk = 1, []byte("stale")
	got(s.Commit(t.Context(), []Verdict{v}))(t) // it is there already: of an earlier time
	v.Case, v.Revision = other.Case.ID, 7
	_, err := s.Commit(t.Context(), []Verdict{v})
	wantError(t, err, ErrStale)
	wantDiff(t, "2 second \x00\xff", talkOf(t, s, h))
}

func TestTalksGoWithTheirCaseOrWithAge(t *testing.T) {
	t.Parallel()

	c := newClock()
	o := smallOptions()
	o.KeepDays = 9
	s := openWith(t, folder(t), o, c.now)
	ended, open, late := closed(sampleCase(1, 1, event.Low)), sampleCase(2, 1, event.High), sampleCase(3, 1, event.High)
	withCases(t, s, ended, open, late)
	talked(t, s, ended, "ended")
	talked(t, s, open, "open")
	later := func(days int) (sum Housekept) {
		for range days {
			c.advance(24 * time.Hour)
			sum.add(got(s.Housekeep(t.Context()))(t))
		}
		return sum
	}
	if sum := later(8); sum.Talks != 0 || talkOf(t, s, ended) == "" || talkOf(t, s, open) == "" {
		t.Errorf("given up too early: %+v", sum)
	}
	talked(t, s, late, "late")
	if sum := later(5); sum.Talks != 1 || sum.Cases != 1 {
		t.Errorf("%+v", sum)
	}
	wantDiff(t, []string{"", "", "1 late"}, []string{talkOf(t, s, ended), talkOf(t, s, open), talkOf(t, s, late)})
}

func TestTalksMakeRoomToo(t *testing.T) {
	t.Parallel()

	c := newClock()
	o := smallOptions()
	o.MaxBytes = mebibyte // less than Check allows, so that the test is quick
	s := openWith(t, folder(t), o, c.now)
	random := rand.New(rand.NewPCG(1, 2))
	const n = 60
	for i := range n {
		h := sampleCase(i+1, 1, event.Medium) // none closes: only talks and old records can go
		withCases(t, s, h)
		talked(t, s, h, noise(random, 40_000))
		c.advance(time.Minute)
	}
	done := got(s.Housekeep(t.Context()))(t)
	if done.Bytes > o.MaxBytes || done.Over || done.Talks == 0 || done.Talks == n || done.Cases > 0 {
		t.Errorf("%+v", done)
	}
	if talkOf(t, s, sampleCase(1, 1, event.Medium)) != "" || talkOf(t, s, sampleCase(n, 1, event.Medium)) == "" {
		t.Error("the oldest goes first")
	}
}
