package report

import (
	"time"

	"penstock/core/event"
)

// maxBuckets bounds a timeline: when it is full, the width doubles.
const maxBuckets = 240

// Bucket counts the events of one span of time.
type Bucket struct {
	Start      time.Time
	Suppressed int
	Handed     [5]int // attached or forwarded events, by the severity of their case
}

// Timeline counts events over time in at most 240 buckets of equal width, which
// begins at one second and doubles as the span grows. Events may come in any
// order. Adding does not allocate once the span is known. The zero value is
// ready to use; a Timeline is not safe for use by several goroutines.
type Timeline struct {
	width   int64 // seconds
	first   int64 // number of the first bucket: its start divided by width
	buckets []Bucket
}

// Suppressed counts one event that went no further.
func (t *Timeline) Suppressed(at time.Time) { t.bucket(at).Suppressed++ }

// Handed counts one event that belongs to a case of that severity.
func (t *Timeline) Handed(at time.Time, s event.Severity) {
	b := t.bucket(at)
	if int(s) < len(b.Handed) {
		b.Handed[s]++
	}
}

// Width returns the width of one bucket.
func (t *Timeline) Width() time.Duration { return time.Duration(t.width) * time.Second }

// Buckets returns the buckets from the first to the last event, empty ones
// between them included. The caller must not change them.
func (t *Timeline) Buckets() []Bucket { return t.buckets }

func (t *Timeline) bucket(at time.Time) *Bucket {
	seconds := at.Unix()
	if len(t.buckets) == 0 {
		t.width, t.first = 1, seconds
		t.buckets = append(make([]Bucket, 0, maxBuckets), Bucket{Start: time.Unix(seconds, 0)})
	}
	for !t.fits(floorDiv(seconds, t.width)) {
		t.double()
	}
	n := floorDiv(seconds, t.width)
	for n >= t.first+int64(len(t.buckets)) {
		t.buckets = append(t.buckets, t.empty(t.first+int64(len(t.buckets))))
	}
	if missing := int(t.first - n); missing > 0 {
		t.prepend(missing)
	}
	return &t.buckets[n-t.first]
}

// fits says whether bucket number n can be added without exceeding the bound.
func (t *Timeline) fits(n int64) bool {
	last := t.first + int64(len(t.buckets)) - 1
	return max(last, n)-min(t.first, n) < maxBuckets
}

// double merges the buckets by twos, so that each covers twice the time.
func (t *Timeline) double() {
	first := floorDiv(t.first, 2)
	t.width *= 2
	merged := t.buckets[:0]
	for i, b := range t.buckets {
		number := floorDiv(t.first+int64(i), 2)
		if len(merged) == 0 || first+int64(len(merged)) <= number {
			merged = append(merged, t.empty(number))
			merged[len(merged)-1].add(b)
			continue
		}
		merged[len(merged)-1].add(b)
	}
	t.first, t.buckets = first, merged
}

func (t *Timeline) prepend(missing int) {
	old := t.buckets
	t.buckets = make([]Bucket, missing, maxBuckets)
	t.first -= int64(missing)
	for i := range t.buckets {
		t.buckets[i] = t.empty(t.first + int64(i))
	}
	t.buckets = append(t.buckets, old...)
}

func (t *Timeline) empty(number int64) Bucket {
	return Bucket{Start: time.Unix(number*t.width, 0)}
}

func (b *Bucket) add(other Bucket) {
	b.Suppressed += other.Suppressed
	for i, n := range other.Handed {
		b.Handed[i] += n
	}
}

// floorDiv divides towards minus infinity, so that times before 1970 keep order.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
