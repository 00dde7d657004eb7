package zabbix

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/fake"
)

// doorFunc is a door whose answers a test makes.
type doorFunc func([]Value) (Taken, error)

func (f doorFunc) Send(_ context.Context, values []Value) (Taken, error) { return f(values) }

// TestDeliverNeverLosesNorReorders lets a caller deliver values as the publisher
// does: what remains is delivered again. Servers refuse items, break off in every
// way, and belong to a proxy group or not.
func TestDeliverNeverLosesNorReorders(t *testing.T) {
	t.Parallel()

	trappers := [2]*fake.Trapper{fake.NewTrapper(t), fake.NewTrapper(t)}
	now := noon
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, trappers)
		s := senderTo(t, func() time.Time { now = now.Add(time.Minute); return now }, SendOptions{To: []string{trappers[0].Address, trappers[1].Address}})
		pending := slices.Clone(w.values)
		for round := 0; len(pending) > 0; round++ {
			if round < 8 {
				for _, trapper := range trappers {
					trapper.Set(drawFault(rt))
				}
			} else if round == 20 {
				rt.Fatalf("%d values remain after 20 rounds", len(pending))
			} else {
				trappers[0].Set(fake.TrapperFault{})
				trappers[1].Set(fake.TrapperFault{})
			}
			refused, err := Deliver(t.Context(), s, pending)
			pending = w.settle(rt, pending, refused, err)
		}
		w.check(rt)
	})
}

// world is what a run of the property is about.
type world struct {
	values []Value
	bad    map[itemOf]bool

	mu      sync.Mutex
	arrived []fake.Sent // at both trappers
}

func newWorld(rt *rapid.T, trappers [2]*fake.Trapper) *world {
	w := &world{bad: map[itemOf]bool{}}
	hosts, keys := rapid.IntRange(1, 12).Draw(rt, "hosts"), rapid.IntRange(1, 3).Draw(rt, "keys")
	for h := range hosts {
		for k := range keys {
			if rapid.IntRange(0, 5).Draw(rt, "bad") == 0 {
				w.bad[itemOf{fmt.Sprint("h", h), fmt.Sprint("k", k)}] = true
			}
		}
	}
	group := rapid.Bool().Draw(rt, "group")
	for n := range rapid.SampledFrom([]int{0, 1, 5, 40, 300}).Draw(rt, "values") {
		w.values = append(w.values, Value{
			Host: fmt.Sprint("h", rapid.IntRange(0, hosts-1).Draw(rt, "host")), Key: fmt.Sprint("k", rapid.IntRange(0, keys-1).Draw(rt, "key")),
			Value: fmt.Sprint(n), At: noon.Add(time.Duration(n)),
		})
	}
	for i, trapper := range trappers {
		trapper.Refuse(w.refuses)
		trapper.Redirect(func(host string) string {
			owner := int(host[len(host)-1]) % 2
			if !group || owner == i || !w.watched(host) {
				return ""
			}
			return trappers[owner].Address
		})
	}
	return w
}

// refuses is asked about each value that no other member of a group watches.
func (w *world) refuses(v fake.Sent) bool {
	if w.bad[itemOf{v.Host, v.Key}] {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived = append(w.arrived, v)
	return false
}

// watched says whether a group knows the host: of one that it does not, no member
// redirects.
func (w *world) watched(host string) bool {
	return !w.bad[itemOf{host, "k0"}]
}

func drawFault(rt *rapid.T) fake.TrapperFault {
	fault := rapid.SampledFrom([]fake.TrapperFault{
		{}, {}, {CutOff: true}, {Half: 20}, {Drop: true}, {Stopped: true}, {Reset: true}, {Answer: "{}"}, {Raw: []byte("ZBXD\x01\xff\xff\xff\xff")},
	}).Draw(rt, "fault")
	fault.For = rapid.IntRange(1, 3).Draw(rt, "for")
	return fault
}

// settle checks one answer of Deliver, and returns what remains.
func (w *world) settle(rt *rapid.T, pending []Value, refused []int, err error) []Value {
	if !slices.IsSorted(refused) {
		rt.Fatalf("refused %v", refused)
	}
	for _, i := range refused {
		if v := pending[i]; !w.bad[itemOf{v.Host, v.Key}] {
			rt.Fatalf("value %s of %s, %s was refused, which every server takes", v.Value, v.Host, v.Key)
		}
	}
	var rest *RestError
	if err == nil {
		return nil
	}
	if !errors.As(err, &rest) || len(rest.Rest) == 0 || !slices.IsSorted(rest.Rest) {
		rt.Fatalf("error %v", err)
	}
	left := make([]Value, len(rest.Rest))
	for i, n := range rest.Rest {
		if slices.Contains(refused, n) {
			rt.Fatalf("value %d was refused, and remains", n)
		}
		left[i] = pending[n]
	}
	return left
}

// check looks at all that arrived. Each value that is taken is there; of a host the
// values came in their order, and of an item one that came again did so before the
// next.
func (w *world) check(rt *rapid.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	byItem, byHost := map[itemOf][]string{}, map[string][]string{}
	seen := map[string]bool{}
	for _, v := range w.arrived {
		at := itemOf{v.Host, v.Key}
		if got := byItem[at]; len(got) == 0 || got[len(got)-1] != v.Value {
			byItem[at] = append(got, v.Value)
		}
		if !seen[v.Value] {
			byHost[v.Host] = append(byHost[v.Host], v.Value)
		}
		seen[v.Value] = true
	}
	wantItem, wantHost := map[itemOf][]string{}, map[string][]string{}
	for _, v := range w.values {
		if at := (itemOf{v.Host, v.Key}); !w.bad[at] {
			wantItem[at] = append(wantItem[at], v.Value)
			wantHost[v.Host] = append(wantHost[v.Host], v.Value)
		}
	}
	if diff := cmp.Diff(wantItem, byItem); diff != "" {
		rt.Fatalf("values by item (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantHost, byHost); diff != "" {
		rt.Fatalf("values by host (-want +got):\n%s", diff)
	}
}

// TestDeliverSendsOneValueOfEachItemInARequest, so that what is sent again is the
// newest of its item.
func TestDeliverSendsOneValueOfEachItemInARequest(t *testing.T) {
	t.Parallel()

	var got [][]string
	door := doorFunc(func(values []Value) (Taken, error) {
		var texts []string
		for _, v := range values {
			texts = append(texts, v.Value)
		}
		got = append(got, texts)
		return Taken{Processed: len(values)}, nil
	})
	refused, err := Deliver(t.Context(), door, []Value{
		value("a", "case", "a1"), value("a", "transition", "a2"), value("a", "transition", "a3"), value("b", "case", "b1"),
		value("a", "case", "a4"), value("b", "case", "b2"), value("c", "case", "c1"), value("a", "case", "a5"),
	})
	if err != nil || len(refused) > 0 {
		t.Fatalf("%v, %v", refused, err)
	}
	want := [][]string{{"a1", "a2", "b1", "c1"}, {"a3", "a4", "b2"}, {"a5"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDeliverKeepsRequestsSmall(t *testing.T) {
	t.Parallel()

	var sizes [][2]int
	door := doorFunc(func(values []Value) (Taken, error) {
		bytes := 0
		for _, v := range values {
			bytes += len(v.Value)
		}
		sizes = append(sizes, [2]int{len(values), bytes})
		return Taken{Processed: len(values)}, nil
	})
	var values []Value
	for i := range 600 {
		values = append(values, value(fmt.Sprint("h", i), "k", "1"))
	}
	large := strings.Repeat("x", 3<<20)
	values = append(values, value("l1", "k", large), value("l2", "k", large), value("l3", "k", strings.Repeat("x", mostValue)), value("l4", "k", strings.Repeat("x", mostValue+1)))
	refused, err := Deliver(t.Context(), door, values)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{603}, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	want := [][2]int{{250, 250}, {250, 250}, {101, 3<<20 + 100}, {1, 3 << 20}, {1, mostValue}}
	if diff := cmp.Diff(want, sizes); diff != "" {
		t.Errorf("values and bytes of requests (-want +got):\n%s", diff)
	}
}

// TestDeliverAsksALittleMoreThanItHasTo: one bad value among many is found by
// halving, a host that is not known by one request, and then not asked about again.
func TestDeliverAsksALittleMoreThanItHasTo(t *testing.T) {
	t.Parallel()

	many := func(bad int) []Value {
		var values []Value
		for i := range 250 {
			host := fmt.Sprint("good", i)
			if i < bad {
				host = fmt.Sprint("bad", i)
			}
			values = append(values, value(host, "k", "1"))
		}
		return values
	}
	var repeated []Value
	for i := range 500 {
		repeated = append(repeated, value("bad", "k", fmt.Sprint(i)), value("bad", "k2", fmt.Sprint(i)))
	}
	for _, tt := range []struct {
		name    string
		values  []Value
		refused int
		most    int // requests
	}{
		{"+ none", many(0), 0, 1},
		{"+ one", many(1), 1, 17},
		{"+ all", many(250), 250, 499},
		{"+ one host, again and again", repeated, 1000, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			trapper := fake.NewTrapper(t)
			trapper.Refuse(func(v fake.Sent) bool { return strings.HasPrefix(v.Host, "bad") })
			refused, err := Deliver(t.Context(), senderTo(t, nil, SendOptions{To: []string{trapper.Address}}), tt.values)
			if n := len(trapper.Flags()); err != nil || len(refused) != tt.refused || n > tt.most {
				t.Errorf("%d refused, %v, in %d requests, want %d in at most %d", len(refused), err, n, tt.refused, tt.most)
			}
		})
	}
}

// TestDeliverBelievesADoorThatSaysWhich, and sends nothing again.
func TestDeliverBelievesADoorThatSaysWhich(t *testing.T) {
	t.Parallel()

	requests := 0
	door := doorFunc(func([]Value) (Taken, error) {
		requests++
		return Taken{Processed: 2, Failed: 1, Which: []int{1}}, nil
	})
	refused, err := Deliver(t.Context(), door, []Value{value("a", "k", "1"), value("b", "k", "2"), value("c", "k", "3")})
	if diff := cmp.Diff([]int{1}, refused); diff != "" || err != nil || requests != 1 {
		t.Errorf("%d requests, %v, refused (-want +got):\n%s", requests, err, diff)
	}
}

func TestDeliverDoesNotBelieveADoorThatCannotCount(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name  string
		taken Taken
		err   string
	}{
		{"- fewer", Taken{Processed: 1}, "the door said 1 taken and 0 refused of 2 values"},
		{"- more", Taken{Processed: 2, Failed: 1}, "the door said 2 taken and 1 refused of 2 values"},
		{"- nothing", Taken{}, "the door said 0 taken and 0 refused of 2 values"},
		{"- names too many", Taken{Processed: 1, Failed: 1, Which: []int{0, 1}}, "the door said that 1 values were refused, and named 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			door := doorFunc(func([]Value) (Taken, error) { return tt.taken, nil })
			_, err := Deliver(t.Context(), door, []Value{value("a", "k", "1"), value("b", "k", "2")})
			wantErrorText(t, err, tt.err)
			if rest := (&RestError{}); !errors.As(err, &rest) || len(rest.Rest) != 2 {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestDeliverAsksAboutEachHostOfAProxyGroup: a member that is asked about a host that
// nobody knows refuses those of other members behind it, and does not say where they are.
func TestDeliverAsksAboutEachHostOfAProxyGroup(t *testing.T) {
	t.Parallel()

	a, b := fake.NewTrapper(t), fake.NewTrapper(t)
	a.Refuse(func(v fake.Sent) bool { return v.Host == "unknown" })
	a.Redirect(func(host string) string {
		if host == "unknown" {
			return ""
		}
		return b.Address
	})
	s := senderTo(t, nil, SendOptions{To: []string{a.Address, b.Address}})
	refused, err := Deliver(t.Context(), s, []Value{value("unknown", "k", "1"), value("one", "k", "2"), value("two", "k", "3")})
	if diff := cmp.Diff([]int{0}, refused); diff != "" || err != nil {
		t.Errorf("error %v, refused (-want +got):\n%s", err, diff)
	}
	wantTaken(t, []fake.Sent{onWire("one", "k", "2"), onWire("two", "k", "3")}, b)
}

// TestDeliverSaysWhatRemains: what was taken before the other end broke off is not
// in it, and what was behind is.
func TestDeliverSaysWhatRemains(t *testing.T) {
	t.Parallel()

	trapper := fake.NewTrapper(t)
	s := senderTo(t, nil, SendOptions{To: []string{trapper.Address}})
	requests := 0
	door := doorFunc(func(values []Value) (Taken, error) {
		if requests++; requests == 2 {
			trapper.Set(fake.TrapperFault{CutOff: true, For: 1})
		}
		return s.Send(t.Context(), values)
	})
	values := []Value{value("a", "k", "1"), value("a", "k", "2"), value("a", "k", "3"), value("b", "k", "1")}
	refused, err := Deliver(t.Context(), door, values)
	var rest *RestError
	var unsure *UnsureError
	if !errors.As(err, &rest) || !errors.As(err, &unsure) || len(refused) > 0 {
		t.Fatalf("refused %v, error %v", refused, err)
	}
	if diff := cmp.Diff([]int{1, 2}, rest.Rest); diff != "" {
		t.Errorf("rest (-want +got):\n%s", diff)
	}
	if refused, err = Deliver(t.Context(), s, values[1:3]); err != nil || len(refused) > 0 {
		t.Fatalf("refused %v, error %v", refused, err)
	}
	wantTaken(t, []fake.Sent{onWire("a", "k", "1"), onWire("b", "k", "1"), onWire("a", "k", "2"), onWire("a", "k", "2"), onWire("a", "k", "3")}, trapper)
}

// BenchmarkDeliver drains a backlog through a trapper that answers at once: of many
// hosts, as after an outage, and of one, where a request has two values.
func BenchmarkDeliver(b *testing.B) {
	for _, tt := range []struct {
		name  string
		hosts int
	}{{"hosts=1000", 1000}, {"hosts=50", 50}, {"hosts=1", 1}} {
		b.Run(tt.name, func(b *testing.B) {
			trapper := fake.NewTrapper(b)
			trapper.Forget()
			s := senderTo(b, nil, SendOptions{To: []string{trapper.Address}})
			values := backlog(10_000, tt.hosts)
			for b.Loop() {
				if refused, err := Deliver(b.Context(), s, values); err != nil || len(refused) > 0 {
					b.Fatal(refused, err)
				}
			}
			b.ReportMetric(float64(len(values)*b.N)/b.Elapsed().Seconds(), "values/s")
		})
	}
}

// backlog makes values as records do: about a kilobyte of case, then a transition.
func backlog(n, hosts int) []Value {
	record := strings.Repeat(`{"case":"plant-w1-17","severity":"High","advice":{"headline":"brute force"}},`, 13)
	values := make([]Value, n)
	for i := range values {
		values[i] = Value{Host: fmt.Sprint("h", i/2%hosts), Key: KeyCase, Value: record + fmt.Sprint(i), At: noon.Add(time.Duration(i))}
		if i%2 == 1 {
			values[i].Key, values[i].Value = KeyTransition, fmt.Sprintf("plant-w1-%d|High|open|0123456789abcdef|h|dmz|brute force|headline", i)
		}
	}
	return values
}
