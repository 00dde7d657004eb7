package baseline

import (
	"cmp"
	"maps"
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
			b.dropDomains()
		}
		d = &domain{names: map[string]uint32{}, entries: map[id]*Entry{}}
		name = strings.Clone(name)
		b.domains[name] = d
	}
	b.last, b.name = d, name
	return d
}

// dropDomains forgets a tenth of the domains: those that were there on the fewest
// days, among them the ones that have been silent longest. Senders that were
// invented today go before one that speaks once a day.
func (b *Baseline) dropDomains() {
	names := slices.SortedFunc(maps.Keys(b.domains), func(x, y string) int {
		d, e := b.domains[x], b.domains[y]
		return cmp.Or(cmp.Compare(d.days, e.days), cmp.Compare(d.touched, e.touched), strings.Compare(x, y))
	})
	for _, name := range names[:(len(names)+9)/10] {
		b.total -= len(b.domains[name].entries)
		delete(b.domains, name)
	}
}

// makeRoom sees to it that the domain can take one more key: at its own cost when
// it has too many, else at that of the largest domain when there are too many
// in all.
func (b *Baseline) makeRoom(d *domain) {
	if len(d.entries) >= b.opts.MaxPerDomain || len(d.names) >= 2*b.opts.MaxPerDomain {
		b.total -= d.halve()
	}
	if b.total < b.opts.MaxTotal {
		return
	}
	largest, size := "", 0
	for name, d := range b.domains {
		if n := len(d.entries); n > size || n == size && name < largest {
			largest, size = name, n
		}
	}
	if size > 0 {
		b.total -= b.domains[largest].halve()
	}
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

// halve drops the least used half of the keys and returns how many: those seen
// once and longest ago go first. What normal operation writes every day stays,
// whatever a flood brings.
func (d *domain) halve() int {
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
	drop := ids[:(len(ids)+1)/2]
	for _, k := range drop {
		delete(d.entries, k)
	}
	d.forgetNames()
	return len(drop)
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
