package baseline

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// domain returns the domain of that name, and makes it, at the cost of another
// when there are too many.
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

// dropDomain forgets the domain that was there on the fewest days, among those
// the one that has been silent longest: senders that were invented today go
// before one that speaks once a day.
func (b *Baseline) dropDomain() {
	worst := ""
	for name, d := range b.domains {
		w := b.domains[worst]
		if w == nil || cmp.Or(cmp.Compare(d.days, w.days), cmp.Compare(d.touched, w.touched), strings.Compare(name, worst)) < 0 {
			worst = name
		}
	}
	delete(b.domains, worst)
}

// touch notes an event at that time.
func (d *domain) touch(now int64) {
	if d.days == 0 || now/86400 > d.touched/86400 {
		d.days += min(1, math.MaxUint16-d.days)
	}
	d.touched = max(d.touched, now)
}

// find returns the entry of the key, or nil.
func (d *domain) find(k Key) *Entry {
	asset, ok := d.names[k.Asset]
	if !ok {
		return nil
	}
	program, ok := d.names[k.Program]
	if !ok {
		return nil
	}
	return d.entries[id{asset, program, k.Template}]
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
