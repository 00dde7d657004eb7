package sift

import (
	"bytes"
	"fmt"
	"slices"

	"penstock/core/baseline"
)

// State is everything a Sifter has learned, in a form that encoding/gob can carry.
type State struct {
	Events   uint64
	Recent   float64
	Learned  bool
	Miner    []byte
	Baseline baseline.State
	Counters []DomainState
	Clock    uint64
	Values   []baseline.ValuesState
}

// TallyState is one tally of a State.
type TallyState struct {
	Group, Asset, By, Distinct, Subject string
	Old                                 bool
	Times                               []int64
	Hashes                              []uint64
}

// DomainState is what one source has counted.
type DomainState struct {
	Name    string
	Used    uint64
	Tallies []TallyState
}

// State returns a copy of everything the Sifter has learned.
func (s *Sifter) State() (State, error) {
	var miner bytes.Buffer
	if err := s.miner.Snapshot(&miner); err != nil {
		return State{}, fmt.Errorf("snapshot of templates: %w", err)
	}
	state := State{Events: s.events, Recent: s.recent, Learned: s.learned, Miner: miner.Bytes(), Baseline: s.base.State()}
	state.Counters, state.Clock = s.tallies.state(), s.tallies.clock
	state.Values = s.values.State()
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
	if err := s.values.Load(state.Values); err != nil {
		return err
	}
	return s.tallies.load(state.Counters, state.Clock)
}

func (ts *tallies) state() []DomainState {
	var all []DomainState
	for name, g := range ts.domains {
		d := DomainState{Name: name, Used: g.used}
		for i, generation := range []map[tallyKey]*tally{g.young, g.old} {
			for k, ta := range generation {
				d.Tallies = append(d.Tallies, TallyState{
					k.group, k.asset, k.by, k.distinct, k.subject, i == 1, slices.Clone(ta.Times), slices.Clone(ta.Hashes),
				})
			}
		}
		all = append(all, d)
	}
	return all
}

func (ts *tallies) load(all []DomainState, clock uint64) error {
	*ts = *newTallies()
	ts.clock = clock
	for _, d := range all {
		g := &generations{young: map[tallyKey]*tally{}, old: map[tallyKey]*tally{}, used: d.Used}
		ts.domains[d.Name] = g
		for _, t := range d.Tallies {
			if len(t.Times) == 0 || len(t.Times) != len(t.Hashes) || len(t.Times) > maxRemembered {
				return fmt.Errorf("counter of %q in the snapshot: %d times, %d hashes", t.Group, len(t.Times), len(t.Hashes))
			}
			generation := g.young
			if t.Old {
				generation = g.old
			}
			generation[tallyKey{t.Group, t.Asset, t.By, t.Distinct, t.Subject}] = &tally{Times: t.Times, Hashes: t.Hashes}
		}
		ts.total += g.size()
	}
	return nil
}
