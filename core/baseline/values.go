package baseline

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// How the normal values of an item are known: valuesKept of them, at least
// valuesApart apart, so that they hold a whole day. An item that has fewer is
// being learned and never odd.
const (
	valuesKept  = 72
	valuesApart = 20 * time.Minute
	// oddInRow is how many values in a row must be far off: one may be a fault of
	// the measurement.
	oddInRow = 3
	// maxSeries bounds the items that are known.
	maxSeries = 5000
)

// Values remembers what values of numeric items are normal. A value is odd where it
// lies further beyond all values of the last day, but the most extreme one on each
// side, than those lie apart. What stays odd becomes normal within two kept values.
// It takes up to 1,300 bytes an item and is not safe for use by several goroutines at the
// same time.
type Values struct {
	most  int
	items map[string]*series
}

// series is what is known of one item.
type series struct {
	kept   []float64 // a ring once it is full
	next   int       // what is overwritten next
	last   int64     // when the newest was kept, Unix seconds
	seen   int64     // when there was a value, Unix seconds
	inRow  int       // odd values up to now
	sorted []float64 // of kept; nil where that has changed
}

// ValuesState is one item of a Values, in a form that encoding/gob can carry.
type ValuesState struct {
	Item       string
	Kept       []float64
	Next       int
	Last, Seen int64
	InRow      int
}

// NewValues returns Values that know nothing and remember at most so many items;
// 0 is 5,000.
func NewValues(most int) *Values {
	if most <= 0 {
		most = maxSeries
	}
	return &Values{most: most, items: map[string]*series{}}
}

// See takes a value of an item and says whether it is the one that makes it odd: the
// third in a row that is far from all that was normal. It says so once.
func (v *Values) See(item string, value float64, t time.Time) bool {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return false
	}
	s := v.items[item]
	if s == nil {
		if len(v.items) >= v.most {
			v.forget()
		}
		s = &series{}
		v.items[strings.Clone(item)] = s
	}
	now := t.Unix()
	s.seen = max(s.seen, now)
	odd := len(s.kept) == valuesKept && s.isFar(value)
	if now-s.last >= int64(valuesApart/time.Second) {
		s.keep(value, now)
	}
	if !odd {
		s.inRow = 0
		return false
	}
	s.inRow = min(s.inRow+1, oddInRow+1)
	return s.inRow == oddInRow
}

// forget drops the tenth of the items that have been silent longest.
func (v *Values) forget() {
	names := slices.SortedFunc(maps.Keys(v.items), func(x, y string) int {
		return cmp.Or(cmp.Compare(v.items[x].seen, v.items[y].seen), strings.Compare(x, y))
	})
	for _, name := range names[:(len(names)+9)/10] {
		delete(v.items, name)
	}
}

func (s *series) keep(value float64, now int64) {
	s.last, s.sorted = now, nil
	if len(s.kept) < valuesKept {
		s.kept = append(s.kept, value)
		return
	}
	s.kept[s.next] = value
	s.next = (s.next + 1) % valuesKept
}

// isFar compares a value with what is kept. Where that hardly varies, a tenth of it
// does as its width, and where it never does, half of it or one.
func (s *series) isFar(value float64) bool {
	if s.sorted == nil {
		s.sorted = slices.Clone(s.kept)
		slices.Sort(s.sorted)
	}
	low, high := s.sorted[1], s.sorted[len(s.sorted)-2]
	middle := math.Abs(s.sorted[len(s.sorted)/2])
	width := max(high-low, middle/10)
	if low == high {
		width = max(middle/2, 1)
	}
	return value > high+width || value < low-width
}

// State returns a copy of everything that is known.
func (v *Values) State() []ValuesState {
	all := make([]ValuesState, 0, len(v.items))
	for _, name := range slices.Sorted(maps.Keys(v.items)) {
		s := v.items[name]
		all = append(all, ValuesState{Item: name, Kept: slices.Clone(s.kept), Next: s.next, Last: s.last, Seen: s.seen, InRow: s.inRow})
	}
	return all
}

// Load replaces everything that is known with the state.
func (v *Values) Load(all []ValuesState) error {
	v.items = make(map[string]*series, len(all))
	for _, s := range all {
		if len(s.Kept) > valuesKept || s.Next < 0 || s.Next >= valuesKept {
			return fmt.Errorf("values of item %q in the snapshot: %d of them, next %d", s.Item, len(s.Kept), s.Next)
		}
		v.items[s.Item] = &series{kept: s.Kept, next: s.Next, last: s.Last, seen: s.Seen, inRow: s.InRow}
	}
	return nil
}
