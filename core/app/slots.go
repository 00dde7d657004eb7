package app

import (
	"context"
	"slices"

	"penstock/core/event"
	"penstock/core/store"
)

// Caps on what a flood can put before people (SAFETY A8). Records of all cases
// are kept whatever these say.
const (
	problemsPerHost = 10
	problemsPerSite = 50
	recordsPerHour  = 12 // of one case
)

// slots says which cases may stand before people as a problem of their own. The
// others are told together as one. It is used by one goroutine.
type slots struct {
	byHost   map[string][]string // cases with a problem of their own
	count    int
	shared   map[string]event.Severity // open cases without
	unstored map[string]string         // changes that are not stored yet, by case
	told     sharedTold
}

// sharedTold is what is told of the cases that share one problem.
type sharedTold struct {
	count int
	worst event.Severity
}

// loadSlots brings the slots to where they were.
func loadSlots(ctx context.Context, s *store.Store) (*slots, error) {
	byHost, err := s.Slots(ctx)
	if err != nil {
		return nil, err
	}
	sl := &slots{byHost: byHost, shared: map[string]event.Severity{}, unstored: map[string]string{}}
	for _, cases := range byHost {
		sl.count += len(cases)
	}
	return sl, nil
}

// judge says whether a case has a problem of its own now, and what is to be
// stored of that: grant, release or "". Only what is Medium or graver is a
// problem at all. Until stored is called it says so again.
func (s *slots) judge(host, id string, severity event.Severity, closed bool) (own bool, change string) {
	has := slices.Contains(s.byHost[host], id)
	switch {
	case closed && has:
		s.drop(host, id)
		s.unstored[id] = store.SlotRelease
	case closed:
		delete(s.shared, id)
		return s.unstored[id] == store.SlotRelease, s.unstored[id]
	case has:
	case severity < event.Medium:
		return false, ""
	case len(s.byHost[host]) >= problemsPerHost || s.count >= problemsPerSite:
		s.shared[id] = severity
		return false, ""
	default:
		delete(s.shared, id)
		s.byHost[host] = append(s.byHost[host], id)
		s.count++
		s.unstored[id] = store.SlotGrant
	}
	return true, s.unstored[id]
}

// stored says that the change of a case's slot is kept now.
func (s *slots) stored(id string) { delete(s.unstored, id) }

func (s *slots) drop(host, id string) {
	s.byHost[host] = slices.DeleteFunc(s.byHost[host], func(other string) bool { return other == id })
	if len(s.byHost[host]) == 0 {
		delete(s.byHost, host)
	}
	s.count--
}

// news returns how many open cases share one problem and how grave the worst is,
// and whether that is news.
func (s *slots) news() (now sharedTold, is bool) {
	now.count = len(s.shared)
	for _, severity := range s.shared {
		now.worst = max(now.worst, severity)
	}
	return now, now != s.told
}
