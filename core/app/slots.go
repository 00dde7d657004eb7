package app

import (
	"context"
	"slices"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/record"
	"penstock/core/store"
)

// Caps on what a flood can put before people (SAFETY A8). Records of all cases
// are kept whatever these say.
const (
	problemsPerHost = 10
	problemsPerSite = 50
	recordsPerHour  = 12 // of one case
	maxOpenCases    = 100_000
	// A place is granted once in this time, however soon its case is closed: a flood
	// makes room for its own next cases by closing earlier ones.
	slotLasts = time.Hour
)

// slots says which cases may stand before people as a problem of their own. The
// others are told together as one. It is used by one goroutine.
type slots struct {
	byHost   map[string][]string // cases with a problem of their own
	granted  map[string]time.Time
	left     map[string]leftSlot       // places that were soon left and are kept for their case
	count    int                       // of both
	shared   map[string]event.Severity // open cases without
	unstored map[string]string         // changes that are not stored yet, by case
	told     sharedTold
	toldAt   time.Time
}

// sharedTold is what is told of the cases that share one problem.
type sharedTold struct {
	count int
	worst event.Severity
}

// leftSlot is a place whose case was closed.
type leftSlot struct {
	host string
	free time.Time // when others may have it
}

func newSlots(byHost map[string][]string) *slots {
	return &slots{
		byHost: byHost, granted: map[string]time.Time{}, left: map[string]leftSlot{},
		shared: map[string]event.Severity{}, unstored: map[string]string{},
	}
}

// loadSlots brings the slots to where they were; sharedCase is the id under which
// the cases without one were told.
func loadSlots(ctx context.Context, s *store.Store, sharedCase string) (*slots, error) {
	byHost, err := s.Slots(ctx)
	if err != nil {
		return nil, err
	}
	sl := newSlots(byHost)
	for _, ids := range byHost {
		sl.count += len(ids)
	}
	last, err := s.Records(ctx, sharedCase, 1)
	if err != nil || len(last) == 0 || last[0].Status == cases.Closed.String() {
		return sl, err // none shared a problem
	}
	sl.told = sharedTold{int(last[0].Events), last[0].Severity}
	open, err := s.Cases(ctx, store.Filter{OpenOnly: true, MinFloor: event.Medium, Limit: maxOpenCases})
	if err != nil {
		return nil, err
	}
	for _, c := range open {
		if last, err = s.Records(ctx, c.ID, 1); err != nil {
			return nil, err
		}
		if len(last) > 0 && last[0].Problem == record.ProblemShared {
			sl.shared[c.ID] = last[0].Severity
		}
	}
	return sl, nil
}

// judge says whether a case has a problem of its own now, and what is to be
// stored of that: grant, release or "". Only what is Medium or graver is a
// problem at all, and nothing that is over: closed, or called harmless. Until
// stored is called it says so again.
func (s *slots) judge(now time.Time, host, id string, severity event.Severity, over bool) (own bool, change string) {
	s.thaw(now)
	has := slices.Contains(s.byHost[host], id)
	switch {
	case over && has:
		s.drop(now, host, id)
		s.unstored[id] = store.SlotRelease
	case over:
		delete(s.shared, id)
		return s.unstored[id] == store.SlotRelease, s.unstored[id]
	case has:
	case severity < event.Medium:
		return false, ""
	case !s.isLeft(id) && (s.taken(host) >= problemsPerHost || s.count >= problemsPerSite):
		s.shared[id] = severity
		return false, ""
	default:
		s.forget(id)
		delete(s.shared, id)
		s.byHost[host], s.granted[id] = append(s.byHost[host], id), now
		s.count++
		s.unstored[id] = store.SlotGrant
	}
	return true, s.unstored[id]
}

// stored says that the change of a case's slot is kept now.
func (s *slots) stored(id string) { delete(s.unstored, id) }

func (s *slots) drop(now time.Time, host, id string) {
	s.byHost[host] = slices.DeleteFunc(s.byHost[host], func(other string) bool { return other == id })
	if len(s.byHost[host]) == 0 {
		delete(s.byHost, host)
	}
	if free := s.granted[id].Add(slotLasts); free.After(now) {
		s.left[id] = leftSlot{host, free}
	} else {
		s.count--
	}
	delete(s.granted, id)
}

// thaw frees the places whose time has come, also where a clock was set back.
func (s *slots) thaw(now time.Time) {
	for id, l := range s.left {
		if !l.free.After(now) || l.free.After(now.Add(slotLasts)) {
			s.forget(id)
		}
	}
}

func (s *slots) isLeft(id string) bool {
	_, is := s.left[id]
	return is
}

// forget frees the place that was left by a case, if there is one.
func (s *slots) forget(id string) {
	if s.isLeft(id) {
		delete(s.left, id)
		s.count--
	}
}

// taken is how many places of a host nobody else can have.
func (s *slots) taken(host string) int {
	n := len(s.byHost[host])
	for _, l := range s.left {
		if l.host == host {
			n++
		}
	}
	return n
}

// news returns how many open cases share one problem and how grave the worst is,
// and whether that is to be told: at once when it begins or becomes graver, else
// as often as records of one case are.
func (s *slots) news(at time.Time) (now sharedTold, is bool) {
	now.count = len(s.shared)
	for _, severity := range s.shared {
		now.worst = max(now.worst, severity)
	}
	soon := s.told.count > 0 && now.worst <= s.told.worst && at.Sub(s.toldAt).Abs() < time.Hour/recordsPerHour
	return now, now != s.told && !soon
}
