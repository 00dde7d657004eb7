package baseline

import (
	"cmp"
	"slices"
	"strings"
)

// domain returns the domain of that name, and makes it, at the cost of the one
// that has been silent longest when there are too many.
func (b *Baseline) domain(name string) *domain {
	if b.last != nil && b.name == name {
		return b.last
	}
	d := b.domains[name]
	if d == nil {
		if len(b.domains) >= b.opts.MaxDomains {
			b.dropDomain()
		}
		d = &domain{names: map[string]uint32{}, entries: map[id]*Entry{}}
		name = strings.Clone(name)
		b.domains[name] = d
	}
	b.last, b.name = d, name
	return d
}

func (b *Baseline) dropDomain() {
	oldest := ""
	for name, d := range b.domains {
		if o := b.domains[oldest]; o == nil || d.touched < o.touched || d.touched == o.touched && name < oldest {
			oldest = name
		}
	}
	delete(b.domains, oldest)
}

// intern returns a small number for a name. Numbers are never reused, so a name
// that was forgotten and comes back is new.
func (d *domain) intern(name string) uint32 {
	n, ok := d.names[name]
	if !ok {
		d.next++
		n = d.next
		d.names[strings.Clone(name)] = n
	}
	return n
}

// makeRoom drops the least used half of the keys when there are too many: those
// seen once and longest ago go first. What normal operation writes every day
// stays, whatever a flood brings.
func (d *domain) makeRoom(limit int) {
	if len(d.entries) < limit && len(d.names) < 2*limit {
		return
	}
	ids := make([]id, 0, len(d.entries))
	for k := range d.entries {
		ids = append(ids, k)
	}
	slices.SortFunc(ids, func(a, b id) int {
		x, y := d.entries[a], d.entries[b]
		return cmp.Or(cmp.Compare(x.Days, y.Days), cmp.Compare(min(x.Count, 3), min(y.Count, 3)),
			cmp.Compare(x.Last, y.Last), cmp.Compare(a.asset, b.asset), cmp.Compare(a.program, b.program),
			cmp.Compare(a.template, b.template))
	})
	for _, k := range ids[:(len(ids)+1)/2] {
		delete(d.entries, k)
	}
	d.forgetNames()
}

// forgetNames drops the names that no key uses any more.
func (d *domain) forgetNames() {
	used := make(map[uint32]bool, 2*len(d.entries))
	for k := range d.entries {
		used[k.asset], used[k.program] = true, true
	}
	for name, n := range d.names {
		if !used[n] {
			delete(d.names, name)
		}
	}
}
