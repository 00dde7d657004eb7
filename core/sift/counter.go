package sift

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// maxRemembered is how many events one tally remembers: the largest count that
// an escalation may ask for.
const maxRemembered = 64

// maxTalliesPerDomain bounds the tallies of one domain; the longest silent half
// goes when it is reached.
const maxTalliesPerDomain = 8192

// tallyKey names what is counted together: the failures of one group by one
// subject on one asset.
type tallyKey struct {
	domain, group, asset, by, subject string
}

// tally is the recent past of one key: the last maxRemembered events with the
// hash of what is to be distinct.
type tally struct {
	Times  []int64 // Unix milliseconds, oldest first
	Hashes []uint64
}

// tallies is a bounded set of tally, fair between domains.
type tallies struct {
	byKey map[tallyKey]*tally
	size  map[string]int // keys of each domain
}

func newTallies() *tallies {
	return &tallies{byKey: map[tallyKey]*tally{}, size: map[string]int{}}
}

// add counts one event at time t and returns the tally.
func (ts *tallies) add(k tallyKey, distinct string, t time.Time) *tally {
	ta := ts.byKey[k]
	if ta == nil {
		k = k.clone()
		if ts.size[k.domain] >= maxTalliesPerDomain {
			ts.makeRoom(k.domain)
		}
		ta = &tally{}
		ts.byKey[k] = ta
		ts.size[k.domain]++
	}
	if len(ta.Times) == maxRemembered {
		copy(ta.Times, ta.Times[1:])
		copy(ta.Hashes, ta.Hashes[1:])
		ta.Times, ta.Hashes = ta.Times[:maxRemembered-1], ta.Hashes[:maxRemembered-1]
	}
	ta.Times = append(ta.Times, t.UnixMilli())
	ta.Hashes = append(ta.Hashes, hash(distinct))
	return ta
}

// get returns the tally of the key, or nil.
func (ts *tallies) get(k tallyKey) *tally { return ts.byKey[k] }

// within returns how many of the remembered events lie within the window that
// ends at t.
func (ta *tally) within(t time.Time, window time.Duration) int {
	from := t.Add(-window).UnixMilli()
	n := 0
	for i := len(ta.Times) - 1; i >= 0 && ta.Times[i] >= from; i-- {
		n++
	}
	return n
}

// distinct is within, counting each distinct hash once.
func (ta *tally) distinct(t time.Time, window time.Duration) int {
	from := t.Add(-window).UnixMilli()
	var seen [maxRemembered]uint64
	n := 0
	for i := len(ta.Times) - 1; i >= 0 && ta.Times[i] >= from; i-- {
		if !slices.Contains(seen[:n], ta.Hashes[i]) {
			seen[n] = ta.Hashes[i]
			n++
		}
	}
	return n
}

func (ts *tallies) makeRoom(domain string) {
	type aged struct {
		key  tallyKey
		last int64
	}
	var all []aged
	for k, ta := range ts.byKey {
		if k.domain == domain {
			all = append(all, aged{k, ta.Times[len(ta.Times)-1]})
		}
	}
	slices.SortFunc(all, func(a, b aged) int {
		return cmp.Or(cmp.Compare(a.last, b.last), strings.Compare(a.key.group, b.key.group),
			strings.Compare(a.key.asset, b.key.asset), strings.Compare(a.key.by, b.key.by),
			strings.Compare(a.key.subject, b.key.subject))
	})
	for _, a := range all[:(len(all)+1)/2] {
		delete(ts.byKey, a.key)
		ts.size[domain]--
	}
}

func (k tallyKey) clone() tallyKey {
	return tallyKey{strings.Clone(k.domain), strings.Clone(k.group), strings.Clone(k.asset), strings.Clone(k.by), strings.Clone(k.subject)}
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
