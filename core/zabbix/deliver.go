package zabbix

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

const (
	mostBody  = 4 << 20  // bytes of values in one request of several
	mostValue = 16 << 20 // bytes of one value; Zabbix keeps 65,535 characters
)

// RestError says which values were neither taken nor refused, as far as anybody
// knows, and why. Those, and only those, are to be delivered again, with the same
// times and before others of their hosts.
type RestError struct {
	Rest []int // indices, ascending
	// Err is what broke off, or else why the first host waits. Where it is an
	// *AwayError, everything was tried and only values of Hosts remain.
	Err   error
	Hosts map[string]error // by host: why its values alone remain, an *AwayError
}

// Error says how many there are, and why.
func (e *RestError) Error() string {
	return fmt.Sprintf("deliver values: %d of them remain: %v", len(e.Rest), e.Err)
}

// Unwrap returns why they remain.
func (e *RestError) Unwrap() error { return e.Err }

// Deliver hands over values through the door, in requests of at most MostValues,
// and returns the indices of those that were refused, ascending. The error is a
// *RestError, with an *UnsureError, an *AwayError or what else the door says in it.
//
// The values of a host keep their order; those of different hosts do not wait for
// each other. A request has at most one value of each item, so that one that is
// sent again is a repeat of the newest, which the item's preprocessing sees. Where
// the door says how many values it refused and not which, parts of a request are
// sent again, with the same times, until that is known. What was taken is sent
// again for nothing else. Once an item refused a value, its later ones are not
// sent and count as refused. Once the door gave an *AwayError for values of a host,
// no more of that host are sent, and those of others are.
func Deliver(ctx context.Context, door Door, values []Value) (refused []int, err error) {
	d := delivery{door: door, values: values, fate: make([]fate, len(values)), bad: map[itemOf]bool{}, held: map[string]error{}}
	for i := range values {
		if len(values[i].Value) > mostValue {
			d.fate[i] = isRefused
		}
	}
	for {
		batch := d.next()
		if len(batch) == 0 {
			break
		}
		if err := d.hand(ctx, batch); err != nil {
			d.why = err
			break
		}
	}
	var rest []int
	for i, f := range d.fate {
		switch f {
		case isRefused:
			refused = append(refused, i)
		case isOpen, isHeld:
			rest = append(rest, i)
		}
	}
	if len(rest) > 0 {
		return refused, &RestError{rest, d.why, d.held}
	}
	return refused, nil
}

// fate is what became of a value.
type fate uint8

const (
	isOpen fate = iota
	isTaken
	isRefused
	isHeld // refused by one that may not be the right one
)

type itemOf struct{ host, key string }

// delivery is one call of Deliver.
type delivery struct {
	door   Door
	values []Value
	fate   []fate
	bad    map[itemOf]bool  // items that refused a value
	held   map[string]error // hosts of which nothing more is sent, and why
	queues [][]int          // by host, in the order of their first values
	turn   int              // the queue that is looked at next
	made   bool
	why    error
}

// next returns the indices of one request: of each host as much as it may hold,
// until it is full. It returns none when all was handed over once.
func (d *delivery) next() []int {
	if !d.made {
		d.queue()
	}
	var batch []int
	bytes, most := 0, len(d.queues)
	if one, ok := d.door.(interface{ OneHost() bool }); ok && one.OneHost() {
		most = 1
	}
	for looked := 0; looked < len(d.queues) && most > 0; looked++ {
		at := d.turn % len(d.queues)
		var full bool
		before := len(batch)
		batch, full = d.fill(batch, at, &bytes)
		if len(batch) > before {
			most--
		}
		if full {
			return batch
		}
		d.turn = at + 1
	}
	if len(batch) == 0 {
		d.queues = nil
	}
	return batch
}

// queue sorts the values that are to be sent by host.
func (d *delivery) queue() {
	d.made = true
	at := map[string]int{}
	for i := range d.values {
		if d.fate[i] != isOpen {
			continue
		}
		n, known := at[d.values[i].Host]
		if !known {
			n = len(d.queues)
			at[d.values[i].Host] = n
			d.queues = append(d.queues, nil)
		}
		d.queues[n] = append(d.queues[n], i)
	}
}

// fill takes the next values of a host into a request, and says whether that is
// full.
func (d *delivery) fill(batch []int, at int, bytes *int) ([]int, bool) {
	keys := map[string]bool{}
	for q := d.queues[at]; len(q) > 0; q = d.queues[at] {
		v := &d.values[q[0]]
		switch {
		case d.held[v.Host] != nil:
			d.queues[at] = nil // they stay open
			return batch, false
		case d.bad[itemOf{v.Host, v.Key}]:
			d.fate[q[0]] = isRefused
			d.queues[at] = q[1:]
			continue
		case keys[v.Key]:
			return batch, false
		case len(batch) == MostValues || len(batch) > 0 && *bytes+len(v.Value) > mostBody:
			return batch, true
		}
		keys[v.Key] = true
		*bytes += len(v.Value)
		batch = append(batch, q[0])
		d.queues[at] = q[1:]
	}
	return batch, false
}

// hand hands over one request, and where some of it were refused, finds out which.
// The parts that are still to be sent are a stack, so that their order stays.
func (d *delivery) hand(ctx context.Context, batch []int) error {
	for parts := [][]int{batch}; len(parts) > 0; {
		part := d.unheld(parts[len(parts)-1])
		parts = parts[:len(parts)-1]
		if len(part) == 0 {
			continue
		}
		values := make([]Value, len(part))
		for i, n := range part {
			values[i] = d.values[n]
		}
		taken, err := d.door.Send(ctx, values)
		var away *AwayError
		if err != nil && !errors.As(err, &away) {
			return err
		}
		switch {
		case away != nil && away.Host != "": // of one host, and nothing was taken
			parts = append(parts, d.apart(part, away)...)
		case taken.Processed+taken.Failed != len(part):
			return fmt.Errorf("the door said %d taken and %d refused of %d values", taken.Processed, taken.Failed, len(part))
		case taken.Failed == 0:
			d.settle(part, isTaken, nil)
		case taken.Which != nil:
			if err := d.which(part, taken, err); err != nil {
				return err
			}
		case taken.Processed == 0 && d.oneHost(part):
			d.settle(part, isRefused, err)
		case taken.Processed == 0: // each may have another reason: a member of a proxy group looks at the first only
			n := slices.IndexFunc(part, func(i int) bool { return d.values[i].Host != d.values[part[0]].Host })
			parts = append(parts, part[n:], part[:n])
		default:
			parts = append(parts, part[len(part)/2:], part[:len(part)/2])
		}
	}
	return nil
}

// unheld returns those values of a request whose hosts were not held meanwhile.
func (d *delivery) unheld(part []int) []int {
	if len(d.held) == 0 {
		return part
	}
	return slices.DeleteFunc(slices.Clone(part), func(i int) bool { return d.held[d.values[i].Host] != nil })
}

// apart holds the host that an error is about, and returns the values of others as
// parts that are still to be sent: by host, for whoever redirects looks at one only.
func (d *delivery) apart(part []int, away *AwayError) (parts [][]int) {
	before := len(d.held)
	for _, i := range part {
		last := len(parts) - 1
		switch host := d.values[i].Host; {
		case host == away.Host:
			d.settle([]int{i}, isRefused, away)
		case last >= 0 && d.values[parts[last][0]].Host == host:
			parts[last] = append(parts[last], i)
		default:
			parts = append(parts, []int{i})
		}
	}
	if len(d.held) == before { // the door names a host that was not in it
		d.settle(part, isRefused, away)
		return nil
	}
	slices.Reverse(parts)
	return parts
}

// which settles a request whose answer said which values were refused.
func (d *delivery) which(part []int, taken Taken, err error) error {
	if len(taken.Which) != taken.Failed {
		return fmt.Errorf("the door said that %d values were refused, and named %d", taken.Failed, len(taken.Which))
	}
	for i, n := range part {
		if slices.Contains(taken.Which, i) {
			d.settle([]int{n}, isRefused, err)
			continue
		}
		d.settle([]int{n}, isTaken, nil)
	}
	return nil
}

// settle notes what became of values. With an error, refused is not the last word:
// then the host gets nothing more, and they remain.
func (d *delivery) settle(part []int, f fate, err error) {
	for _, n := range part {
		v := &d.values[n]
		switch {
		case f == isRefused && err != nil:
			d.fate[n] = isHeld
			if d.held[v.Host] == nil {
				d.held[v.Host] = err
			}
			if d.why == nil {
				d.why = err
			}
		case f == isRefused:
			d.fate[n] = isRefused
			d.bad[itemOf{v.Host, v.Key}] = true
		default:
			d.fate[n] = f
		}
	}
}

func (d *delivery) oneHost(part []int) bool {
	return !slices.ContainsFunc(part, func(i int) bool { return d.values[i].Host != d.values[part[0]].Host })
}
