package baseline

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// daily is a value that goes up by day and down by night, between 20 and 40.
func daily(t time.Time) float64 {
	return 30 + 10*math.Sin(2*math.Pi*float64(t.Unix()%86400)/86400)
}

// learned returns Values that have seen days of one item at a value a minute, and
// when that ended.
func learned(value func(time.Time) float64, days int) (*Values, time.Time) {
	v, at := NewValues(0), start
	for range days * 24 * 60 {
		at = at.Add(time.Minute)
		v.See("1", value(at), at)
	}
	return v, at
}

func TestValues(t *testing.T) {
	t.Parallel()
	constant := func(x float64) func(time.Time) float64 { return func(time.Time) float64 { return x } }
	few := func(x float64) []float64 { return []float64{x, x, x, x} }
	for _, test := range []struct {
		name   string
		normal func(time.Time) float64
		days   int
		then   []float64
		want   int // which of them makes it odd; 0 for none
	}{
		{"+ far above", daily, 2, few(65), 3},
		{"+ far below", daily, 2, few(-5), 3},
		{"+ a constant that is left", constant(100), 2, few(40), 3},
		{"+ nothing that becomes something", constant(0), 2, few(5), 3},
		{"- within what the day had", daily, 2, few(39), 0},
		{"- a little more than ever", daily, 2, few(50), 0},
		{"- once, and twice", daily, 2, []float64{99, 30, 99, 99, 30}, 0},
		{"- a constant that hardly moves", constant(100), 2, few(120), 0},
		{"- while it is being learned", daily, 0, few(1e9), 0},
		{"- half a day is not enough", daily, 0, few(99), 0},
		{"- no number", daily, 2, []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.NaN()}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v, at := learned(test.normal, test.days)
			got := 0
			for i, x := range test.then {
				if v.See("1", x, at.Add(time.Duration(i+1)*time.Second)) {
					got = i + 1
				}
			}
			if got != test.want {
				t.Errorf("odd with value %d, want %d", got, test.want)
			}
		})
	}
}

func TestDailyLifeIsNeverOdd(t *testing.T) {
	t.Parallel()
	v, at := learned(daily, 2)
	for range 5 * 24 * 60 {
		at = at.Add(time.Minute)
		if v.See("1", daily(at), at) {
			t.Fatalf("odd at %s", at)
		}
	}
}

func TestWhatStaysBecomesNormal(t *testing.T) {
	t.Parallel()
	v, at := learned(daily, 2)
	times := 0
	for range 24 * 60 {
		at = at.Add(time.Minute)
		if v.See("1", 100, at) {
			times++
		}
	}
	if times != 1 {
		t.Errorf("told %d times of what stayed, want once", times)
	}
	for range 10 {
		at = at.Add(time.Minute)
		if v.See("1", 101, at) {
			t.Error("odd after a day at that height")
		}
	}
}

func TestItemsAreBounded(t *testing.T) {
	t.Parallel()
	v := NewValues(100)
	for i := range 10_000 {
		v.See(fmt.Sprint("invented", i), 1, start.Add(time.Duration(i)*time.Second))
		v.See("daily", 1, start.Add(time.Duration(i)*time.Second))
	}
	if len(v.items) > 100 || v.items["daily"] == nil {
		t.Errorf("%d items, the one that always speaks among them: %v", len(v.items), v.items["daily"] != nil)
	}
}

func TestValuesStateMakesNoDifference(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		whole, split := NewValues(3), NewValues(3)
		n := rapid.IntRange(1, 300).Draw(t, "values")
		stop := rapid.IntRange(0, n).Draw(t, "stop")
		at := start
		for i := range n {
			if i == stop {
				state := split.State()
				split = NewValues(3)
				if err := split.Load(state); err != nil {
					t.Fatal(err)
				}
			}
			at = at.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "apart")) * time.Second)
			item := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "item")
			x := rapid.SampledFrom([]float64{1, 2, 3, 1000}).Draw(t, "value")
			if a, b := whole.See(item, x, at), split.See(item, x, at); a != b {
				t.Fatalf("value %d after a restart: whole %v, split %v", i, a, b)
			}
		}
		if diff := cmp.Diff(whole.State(), split.State()); diff != "" {
			t.Fatalf("(-whole +split):\n%s", diff)
		}
	})
}

func TestBrokenValuesAreRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []ValuesState{
		{Item: "a", Kept: slices.Repeat([]float64{1}, valuesKept+1)}, {Item: "a", Next: -1}, {Item: "a", Next: valuesKept},
	} {
		if err := NewValues(0).Load([]ValuesState{s}); err == nil {
			t.Errorf("Load(%d values, next %d) gave no error", len(s.Kept), s.Next)
		}
	}
}

func BenchmarkValues(b *testing.B) {
	v, at := learned(daily, 2)
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		v.See("1", daily(at), at)
	}
}
