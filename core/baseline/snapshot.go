package baseline

import "maps"

// State is everything a Baseline knows, in a form that encoding/gob can carry.
type State struct {
	Domains map[string]DomainState
}

// DomainState is one domain of a State.
type DomainState struct {
	Names   map[string]uint32
	Next    uint32
	Touched int64
	Days    uint16
	Entries []EntryState
}

// EntryState is one key of a DomainState.
type EntryState struct {
	Asset, Program uint32
	Template       uint64
	Entry          Entry
}

// State returns a copy of everything the Baseline knows.
func (b *Baseline) State() State {
	s := State{Domains: make(map[string]DomainState, len(b.domains))}
	for name, d := range b.domains {
		ds := DomainState{Names: maps.Clone(d.names), Next: d.next, Touched: d.touched, Days: d.days}
		for k, e := range d.entries {
			ds.Entries = append(ds.Entries, EntryState{Asset: k.asset, Program: k.program, Template: k.template, Entry: *e})
		}
		s.Domains[name] = ds
	}
	return s
}

// Load replaces everything the Baseline knows with the state.
func (b *Baseline) Load(s State) {
	b.domains = make(map[string]*domain, len(s.Domains))
	b.last, b.name, b.total = nil, "", 0
	for name, ds := range s.Domains {
		d := &domain{names: ds.Names, next: ds.Next, touched: ds.Touched, days: ds.Days, entries: make(map[id]*Entry, len(ds.Entries))}
		if d.names == nil {
			d.names = map[string]uint32{}
		}
		for _, es := range ds.Entries {
			e := es.Entry
			d.entries[id{es.Asset, es.Program, es.Template}] = &e
		}
		b.domains[name] = d
		b.total += len(d.entries)
	}
}
