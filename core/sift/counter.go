package sift

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of what is counted.
const (
	// maxRemembered is how many events one tally remembers: the largest count
	// that an escalation may ask for.
	maxRemembered = 64
	// maxTallies bounds one generation of tallies of a domain; two are kept.
	maxTallies = 4096
	// maxDomains bounds the domains that count.
	maxDomains = 1024
	// maxTotal bounds the tallies of all domains together.
	maxTotal = 60_000
	// manyEvents is from how many events on a tally is carried over when its
	// generation is forgotten, so that spraying new names hides no old count.
	manyEvents = 3
)

// tallyKey names what is counted together: the matches of one group by one
// subject on one asset, all of them or the distinct values of a field.
type tallyKey struct {
	group, asset, by, distinct, subject string
}

// tally is the recent past of one key: the last maxRemembered events, each with a
// hash: of the value that is to be distinct, or the template's number.
type tally struct {
	Times  []int64 // Unix milliseconds, in the order of arrival
	Hashes []uint64
}

// tallies counts, domain by domain, so that one source can only push out its own
// past. Each domain has two generations: what is looked at moves to the young
// one, and when that is full, the old one is forgotten.
type tallies struct {
	domains map[string]*generations
	clock   uint64
	total   int
}

type generations struct {
	young, old map[tallyKey]*tally
	used       uint64 // the clock at the last event
}

func newTallies() *tallies { return &tallies{domains: map[string]*generations{}} }

// add counts one event at time t, marked with a hash, and returns the tally.
func (ts *tallies) add(domain string, k tallyKey, mark uint64, t time.Time) *tally {
	g := ts.domain(domain)
	ta := g.get(k)
	if ta == nil {
		if ts.total >= maxTotal {
			ts.shrink()
		}
		ta = &tally{Times: make([]int64, 0, 4), Hashes: make([]uint64, 0, 4)}
		ts.total += 1 - g.put(k.clone(), ta)
	}
	if len(ta.Times) == maxRemembered {
		ta.Times = ta.Times[:copy(ta.Times, ta.Times[1:])]
		ta.Hashes = ta.Hashes[:copy(ta.Hashes, ta.Hashes[1:])]
	}
	ta.Times = append(ta.Times, t.UnixMilli())
	ta.Hashes = append(ta.Hashes, mark)
	return ta
}

// get returns the tally of the key, or nil.
func (ts *tallies) get(domain string, k tallyKey) *tally {
	g := ts.domains[domain]
	if g == nil {
		return nil
	}
	return g.get(k)
}

func (ts *tallies) domain(name string) *generations {
	ts.clock++
	g := ts.domains[name]
	if g == nil {
		if len(ts.domains) >= maxDomains {
			ts.dropDomains()
		}
		g = &generations{young: map[tallyKey]*tally{}, old: map[tallyKey]*tally{}}
		ts.domains[strings.Clone(name)] = g
	}
	g.used = ts.clock
	return g
}

// dropDomains forgets a tenth of the domains: those that count least, among them
// the ones that have been silent longest, so that senders that were invented go
// before those that are known.
func (ts *tallies) dropDomains() {
	names := slices.SortedFunc(maps.Keys(ts.domains), func(x, y string) int {
		a, b := ts.domains[x], ts.domains[y]
		return cmp.Or(cmp.Compare(a.size(), b.size()), cmp.Compare(a.used, b.used))
	})
	for _, name := range names[:(len(names)+9)/10] {
		ts.total -= ts.domains[name].size()
		delete(ts.domains, name)
	}
}

// shrink takes from the domain that has the most.
func (ts *tallies) shrink() {
	var most *generations
	for _, g := range ts.domains {
		if most == nil || cmp.Or(cmp.Compare(g.size(), most.size()), cmp.Compare(most.used, g.used)) > 0 {
			most = g
		}
	}
	if most != nil {
		ts.total -= most.rotate()
	}
}

func (g *generations) size() int { return len(g.young) + len(g.old) }

// get returns the tally of the key, or nil, and keeps it young.
func (g *generations) get(k tallyKey) *tally {
	if ta := g.young[k]; ta != nil {
		return ta
	}
	ta := g.old[k]
	if ta != nil {
		delete(g.old, k)
		g.young[k.clone()] = ta
	}
	return ta
}

// put adds a tally and returns how many were forgotten for it.
func (g *generations) put(k tallyKey, ta *tally) (forgotten int) {
	if len(g.young) >= maxTallies {
		forgotten = g.rotate()
	}
	g.young[k] = ta
	return forgotten
}

// rotate makes the young generation the old one, but for the tallies of many
// events, and returns how many of the old were forgotten.
func (g *generations) rotate() (forgotten int) {
	before := g.size()
	many := map[tallyKey]*tally{}
	for _, generation := range []map[tallyKey]*tally{g.young, g.old} {
		for k, ta := range generation {
			if len(ta.Times) >= manyEvents {
				many[k] = ta
			}
		}
	}
	if len(many) > maxTallies/2 {
		many = busiest(many, maxTallies/2)
	}
	for k := range many {
		delete(g.young, k)
	}
	g.old, g.young = g.young, many
	return before - g.size()
}

// busiest returns the n tallies with the most events, among them the newest.
func busiest(all map[tallyKey]*tally, n int) map[tallyKey]*tally {
	keys := slices.SortedFunc(maps.Keys(all), func(x, y tallyKey) int {
		a, b := all[x], all[y]
		return cmp.Or(-cmp.Compare(len(a.Times), len(b.Times)), -cmp.Compare(a.Times[len(a.Times)-1], b.Times[len(b.Times)-1]),
			strings.Compare(x.group, y.group), strings.Compare(x.asset, y.asset), strings.Compare(x.by, y.by),
			strings.Compare(x.distinct, y.distinct), strings.Compare(x.subject, y.subject))
	})
	few := make(map[tallyKey]*tally, n)
	for _, k := range keys[:n] {
		few[k] = all[k]
	}
	return few
}

// within returns how many of the remembered events lie within the window that
// ends at t.
func (ta *tally) within(t time.Time, window time.Duration) int {
	from := t.Add(-window).UnixMilli()
	n := 0
	for _, at := range ta.Times {
		if at >= from {
			n++
		}
	}
	return n
}

// distinct is within, counting each distinct hash once.
func (ta *tally) distinct(t time.Time, window time.Duration) int {
	from := t.Add(-window).UnixMilli()
	var seen [maxRemembered]uint64
	n := 0
	for i, at := range ta.Times {
		if at >= from && !slices.Contains(seen[:n], ta.Hashes[i]) {
			seen[n] = ta.Hashes[i]
			n++
		}
	}
	return n
}

// most returns how often the most frequent hash stands within the window. Where
// hashes are templates that is the number of attempts: a program may write
// several lines about one, but each of another template.
func (ta *tally) most(t time.Time, window time.Duration) int {
	from := t.Add(-window).UnixMilli()
	most := 0
	for i, at := range ta.Times {
		if at < from {
			continue
		}
		n := 0
		for j := range i + 1 {
			if ta.Times[j] >= from && ta.Hashes[j] == ta.Hashes[i] {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// clone copies what comes from the event; the rest are words of the signals file.
func (k tallyKey) clone() tallyKey {
	k.asset, k.subject = strings.Clone(k.asset), strings.Clone(k.subject)
	return k
}

// hash is FNV-1a: a collision only hides one of two distinct values from a
// count, and snapshots need it to be the same in every process.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
