package decode

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

// The time of a file says nothing of what its lines can say: `touch`, a copy or
// another machine's clock may have set it.
func TestReplayIsBoundByItsOwnTime(t *testing.T) {
	const line = "2026-05-01T11:59:00Z x"
	for _, test := range []struct {
		name     string
		now      time.Time
		received time.Time
		clamped  bool
	}{
		{"+ a file of 1970", noon, time.Unix(1, 0), false},
		{"+ a file an hour behind", noon, noon.Add(-time.Hour), false},
		{"- a file of next year", noon.AddDate(0, -1, 0), noon.AddDate(1, 0, 0), true},
		{"- without a time of its own", time.Time{}, noon.Add(-time.Hour), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ev event.Event
			New(Options{Replay: true, Now: test.now}).Decode(line, test.received, &ev)
			if ev.Clamped != test.clamped {
				t.Errorf("time %v, clamped %v, want %v", ev.Time, ev.Clamped, test.clamped)
			}
		})
	}
}

func TestClockGoesOnInTheNextDecoder(t *testing.T) {
	var ev event.Event
	first := New(Options{Replay: true})
	first.Decode("2026-05-01T11:59:00Z x", noon, &ev)
	first.Decode("2026-05-01T11:58:00Z x", noon, &ev)
	want := Clock{Last: noon.Add(-2 * time.Minute), Newest: noon.Add(-time.Minute)}
	if diff := cmp.Diff(want, first.Clock()); diff != "" {
		t.Errorf("clock (-want +got):\n%s", diff)
	}
	New(Options{Replay: true, Clock: first.Clock()}).Decode("  at main.go:7", noon, &ev)
	if !ev.Time.Equal(want.Last) || ev.TimeFrom != event.TimeReceived {
		t.Errorf("a line without a time happened at %v, want %v", ev.Time, want.Last)
	}
}
