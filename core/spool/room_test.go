package spool

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// small is a spool of 1 MiB, whose segments end at 128 KiB.
func small() Options { return Options{MaxBytes: 1 << 20, MaxAge: 24 * time.Hour} }

func TestGivesUpTheLeastSevereFirst(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := mustOpen(t, dir, small(), newClock().now)
	const perLane = 5
	batch := func(lane, i int) []Record { return records(fmt.Sprintf("%d.%d", lane, i), 100, 600) }
	for lane := range Lanes - 2 { // lanes 0, 1, 2: 300 kB each
		for i := range perLane {
			mustAppend(t, s, lane, "", batch(lane, i))
		}
	}
	appended := 0
	for s.Stats().Waiting[0] > 0 { // lane 4 displaces lane 0 first
		mustAppend(t, s, 4, "", batch(4, appended))
		appended++
		got := s.Stats()
		if folderBytes(t, dir) > 1<<20 {
			t.Fatalf("%d bytes", got.Bytes)
		}
		if got.GivenUp[1]+got.GivenUp[2]+got.GivenUp[4] > 0 {
			t.Fatalf("gave up what is graver: %+v", got)
		}
	}
	for s.Stats().GivenUp[2] == 0 { // then lane 1, then lane 2
		mustAppend(t, s, 4, "", batch(4, appended))
		appended++
	}
	got := s.Stats()
	if got.GivenUp[0] != perLane*100 || got.GivenUp[1] != perLane*100 || got.GivenUp[4] != 0 {
		t.Fatalf("%+v", got)
	}
	for lane, want := range []uint64{perLane * 100, perLane * 100, perLane * 100, 0, uint64(appended) * 100} {
		all, _, gone, damaged := readAll(t, s, lane, Position{})
		if uint64(len(all))+gone != want || damaged != 0 || gone != got.GivenUp[lane] {
			t.Errorf("lane %d: %d read, %d gone, %d damaged, want %d in all", lane, len(all), gone, damaged, want)
		}
	}
}

func TestGivesUpItsOwnOldestAndNothingGraver(t *testing.T) {
	t.Parallel()

	s := mustOpen(t, t.TempDir(), small(), newClock().now)
	var kept [][]Record
	for i := range 7 {
		kept = append(kept, records(fmt.Sprintf("grave%d", i), 100, 1200))
		mustAppend(t, s, 4, "", kept[i])
	}
	for i := range 10 {
		mustAppend(t, s, 1, "", records(fmt.Sprintf("low%d", i), 100, 1000))
	}
	got := s.Stats()
	if got.GivenUp[4] != 0 || got.GivenUp[1] == 0 || got.GivenUp[1]+got.Waiting[1] != 1000 {
		t.Fatalf("%+v", got)
	}
	if err := s.Append(1, "t", records("big", 100, 5000)); !errors.Is(err, ErrFull) || s.HasTag("t") {
		t.Fatalf("got %v, want %v", err, ErrFull)
	}
	end := wantRecords(t, s, 4, Position{}, kept...)
	if err := s.Release(4, end); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, 1, "t", records("big", 100, 5000))
	if !s.HasTag("t") {
		t.Error("no tag")
	}
}

func TestGivesUpWhatIsOld(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	c := newClock()
	s := mustOpen(t, dir, small(), c.now)
	old := records("old", 100, 2000) // fills a segment
	mustAppend(t, s, 3, "", old)
	c.add(23 * time.Hour)
	young := records("young", 1, 10)
	mustAppend(t, s, 3, "", young)
	c.add(time.Hour)
	mustAppend(t, s, 0, "", young)
	if got := s.Stats(); got.GivenUp[3] != 0 {
		t.Fatalf("gave up at its age: %+v", got)
	}
	c.add(time.Second)
	mustAppend(t, s, 0, "", young)
	got, end, gone, _ := readAll(t, s, 3, Position{})
	if text := diff(young, got); text != "" || gone != 100 || s.Stats().GivenUp[3] != 100 {
		t.Errorf("%d gone, %+v (-want +got):\n%s", gone, s.Stats(), text)
	}
	c.add(48 * time.Hour) // the last segment goes as well, and was read
	mustAppend(t, s, 0, "", young)
	wantRecords(t, s, 3, end)
	if got := s.Stats(); got.GivenUp[3] != 100 || got.LaneBytes[3] != 0 {
		t.Errorf("%+v", got)
	}
	mustAppend(t, s, 3, "", old)
	wantRecords(t, s, 3, end, old)
}

func TestAClockSetBackGivesUpNothing(t *testing.T) {
	t.Parallel()

	c := newClock()
	s := mustOpen(t, t.TempDir(), small(), c.now)
	all := records("a", 10, 10)
	mustAppend(t, s, 0, "", all)
	c.add(-1000 * time.Hour)
	mustAppend(t, s, 0, "", all)
	wantRecords(t, s, 0, Position{}, all, all)
}

func TestWhatAnEarlierRunLeftIsReadFirst(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	c := newClock()
	all := records("a", 10, 10)
	mustAppend(t, mustOpen(t, dir, small(), c.now), 2, "", all)
	c.add(1000 * time.Hour) // the machine was off
	s := mustOpen(t, dir, small(), c.now)
	mustAppend(t, s, 2, "", all)
	end := wantRecords(t, s, 2, Position{}, all, all)
	c.add(inheritedGrace + time.Second)
	mustAppend(t, s, 2, "", all)
	_, _, gone, _ := readAll(t, s, 2, Position{})
	if gone != 10 || s.Stats().GivenUp[2] != 0 {
		t.Errorf("%d gone, %+v", gone, s.Stats())
	}
	wantRecords(t, s, 2, end, all)
}

func TestReleaseRemovesWhatLiesBefore(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := mustOpen(t, dir, small(), newClock().now)
	batch := records("a", 100, 2000) // fills a segment
	for range 4 {
		mustAppend(t, s, 2, "", batch)
	}
	tests := []struct {
		name string
		upTo Position
		left int
	}{
		{"+ the beginning", Position{}, 4},
		{"+ within the first", Position{1, 99}, 4},
		{"+ the first", Position{1, 100}, 3},
		{"+ the first again", Position{101, 0}, 3},
		{"+ two more but one record", Position{301, -1}, 1},
		{"+ all", Position{301, 100}, 0},
		{"+ nothing left", Position{401, 0}, 0},
	}
	for _, tt := range tests {
		if err := s.Release(2, tt.upTo); err != nil {
			t.Fatal(err)
		}
		if got := s.Stats(); got.Segments[2] != tt.left || got.GivenUp[2] != 0 {
			t.Fatalf("%s: %+v, want %d left", tt.name, got, tt.left)
		}
	}
	if names := segmentFiles(t, dir); len(names) != 1 || folderBytes(t, dir) != 0 {
		t.Errorf("left %v", names)
	}
	// The numbering goes on, also over a restart, so that positions stay good.
	end := Position{301, 100}
	for range 2 {
		wantRecords(t, s, 2, end)
		s = mustOpen(t, dir, small(), newClock().now)
	}
	mustAppend(t, s, 2, "", batch)
	wantRecords(t, s, 2, end, batch)
	_, next, err := s.Read(2, Position{1, 50}, 100)
	var lost *LostError
	if !errors.As(err, &lost) || lost.Lost != 350 || next != (Position{Segment: 401}) {
		t.Errorf("%s, %v", next, err)
	}
}

func TestASegmentThatSomebodyRemoved(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	s := mustOpen(t, dir, small(), newClock().now)
	batch := records("a", 100, 2000)
	for range 3 {
		mustAppend(t, s, 2, "", batch)
	}
	if err := os.Remove(s.lanes[2].segments[1].path); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the same after a restart
		all, _, gone, damaged := readAll(t, s, 2, Position{})
		if len(all) != 200 || gone != 0 || damaged != 100 {
			t.Errorf("%d read, %d gone, %d damaged", len(all), gone, damaged)
		}
		if got := s.Stats().Damaged[2]; got != 100 {
			t.Errorf("counted %d", got)
		}
		s = mustOpen(t, dir, small(), newClock().now)
	}
}
