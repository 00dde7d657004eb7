package sift

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"penstock/core/baseline"
)

// State is everything a Sifter has learned, in a form that encoding/gob can carry.
type State struct {
	Events   uint64
	Recent   float64
	Learned  bool
	Miner    []byte
	Baseline baseline.State
	Tallies  []TallyState
}

// TallyState is one tally of a State.
type TallyState struct {
	Domain, Group, Asset, By, Subject string
	Times                             []int64
	Hashes                            []uint64
}

// State returns a copy of everything the Sifter has learned.
func (s *Sifter) State() (State, error) {
	var miner bytes.Buffer
	if err := s.miner.Snapshot(&miner); err != nil {
		return State{}, fmt.Errorf("snapshot of templates: %w", err)
	}
	state := State{Events: s.events, Recent: s.recent, Learned: s.learned, Miner: miner.Bytes(), Baseline: s.base.State()}
	for k, ta := range s.tallies.byKey {
		state.Tallies = append(state.Tallies, TallyState{
			k.domain, k.group, k.asset, k.by, k.subject, slices.Clone(ta.Times), slices.Clone(ta.Hashes),
		})
	}
	slices.SortFunc(state.Tallies, func(a, b TallyState) int {
		return cmp.Or(strings.Compare(a.Domain, b.Domain), strings.Compare(a.Group, b.Group),
			strings.Compare(a.Asset, b.Asset), strings.Compare(a.By, b.By), strings.Compare(a.Subject, b.Subject))
	})
	return state, nil
}

// Load replaces everything the Sifter has learned. After an error it has learned
// nothing that can be relied on.
func (s *Sifter) Load(state State) error {
	if err := s.miner.Restore(bytes.NewReader(state.Miner)); err != nil {
		return fmt.Errorf("templates of the snapshot: %w", err)
	}
	s.events, s.recent, s.learned = state.Events, state.Recent, state.Learned
	s.base.Load(state.Baseline)
	s.tallies = newTallies()
	for _, t := range state.Tallies {
		if len(t.Times) == 0 || len(t.Times) != len(t.Hashes) || len(t.Times) > maxRemembered {
			return fmt.Errorf("counter of %q in the snapshot: %d times, %d hashes", t.Group, len(t.Times), len(t.Hashes))
		}
		k := tallyKey{t.Domain, t.Group, t.Asset, t.By, t.Subject}
		s.tallies.byKey[k] = &tally{Times: t.Times, Hashes: t.Hashes}
		s.tallies.size[t.Domain]++
	}
	return nil
}
