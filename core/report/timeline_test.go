package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/event"
)

func TestTimelineKeepsOneSecondWhileTheSpanIsShort(t *testing.T) {
	var line Timeline
	start := time.Unix(1000, 0)
	line.Suppressed(start)
	line.Handed(start.Add(2*time.Second), event.High)
	want := []Bucket{
		{Start: start, Suppressed: 1},
		{Start: start.Add(time.Second)},
		{Start: start.Add(2 * time.Second), Handed: [5]int{event.High: 1}},
	}
	if diff := cmp.Diff(want, line.Buckets()); diff != "" {
		t.Errorf("buckets (-want +got)\n%s", diff)
	}
}

// Whatever the order and span, every event is counted once, in the bucket that
// covers its time, and the bound holds.
func TestTimelineLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Int64Range(-1e6, 4e9), 1, 60).Draw(t, "times")
		var line Timeline
		for _, s := range times {
			line.Handed(time.Unix(s, 0), event.Low)
		}
		if n := len(line.Buckets()); n > maxBuckets {
			t.Fatalf("%d buckets", n)
		}
		total := 0
		for i, b := range line.Buckets() {
			if i > 0 && b.Start.Sub(line.Buckets()[i-1].Start) != line.Width() {
				t.Fatalf("bucket %d starts at %v, width %v", i, b.Start, line.Width())
			}
			want := 0
			for _, s := range times {
				at := time.Unix(s, 0)
				if !at.Before(b.Start) && at.Before(b.Start.Add(line.Width())) {
					want++
				}
			}
			if b.Handed[event.Low] != want {
				t.Fatalf("bucket %d has %d events, want %d", i, b.Handed[event.Low], want)
			}
			total += want
		}
		if total != len(times) {
			t.Fatalf("%d of %d events counted", total, len(times))
		}
	})
}
