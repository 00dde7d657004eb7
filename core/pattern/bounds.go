package pattern

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

const (
	maxScopes  = 4096
	scopeBytes = 512 // what an empty scope takes, about
)

// scope returns the scope of that name, a new one if need be.
func (m *Miner) scope(name string) *scope {
	s := m.scopes[name]
	if s == nil {
		if len(m.scopes) >= maxScopes {
			m.dropScopes()
		}
		s = newScope(strings.Clone(name))
		s.kept = scopeBytes + len(name)
		m.bytes += s.bytes()
		m.scopes[s.name] = s
	}
	return s
}

// trim brings a scope that has just grown, and then all of them together, back
// within their bounds.
func (m *Miner) trim(s *scope) {
	if s.hotBytes > m.o.ScopeBytes/4 {
		m.bytes -= s.coldBytes
		s.turn()
	}
	for s.live > 1 && (s.live > m.o.Templates || s.kept > m.o.ScopeBytes/2) {
		m.forget(s)
	}
	for m.bytes > m.o.TotalBytes {
		largest := m.largest()
		switch {
		case largest.coldBytes > 0:
			m.bytes -= largest.coldBytes
			largest.turn()
		case largest.live > 8:
			m.forget(largest)
		case len(m.scopes) > 1:
			m.dropScopes()
		default:
			return
		}
	}
}

// largest returns the scope that takes the most memory.
func (m *Miner) largest() *scope {
	var most *scope
	for _, s := range m.scopes {
		if most == nil || s.bytes() > most.bytes() || s.bytes() == most.bytes() && s.name < most.name {
			most = s
		}
	}
	return most
}

// dropScopes forgets the eighth of the scopes that have been silent longest. The
// one in use is never among them.
func (m *Miner) dropScopes() {
	all := make([]*scope, 0, len(m.scopes))
	for _, s := range m.scopes {
		if s.used != m.clock {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *scope) int {
		return cmp.Or(cmp.Compare(a.used, b.used), cmp.Compare(a.name, b.name))
	})
	for _, s := range all[:min(len(all), len(all)/8+1)] {
		for _, c := range s.clusters {
			for _, g := range c.groups {
				m.drop(g)
			}
		}
		m.bytes -= s.bytes()
		delete(m.scopes, s.name)
		if m.last == s {
			m.last = nil
		}
	}
}

// forget drops the eighth of a scope's groups that are worth least: those not
// seen for long, where each doubling of a group's count buys it more time.
func (m *Miner) forget(s *scope) {
	m.bytes -= s.bytes()
	all := make([]*group, 0, s.live)
	for _, c := range s.clusters {
		for _, g := range c.groups {
			if g.used != m.clock {
				all = append(all, g)
			}
		}
	}
	worth := func(g *group) uint64 { return g.used + uint64(4*m.o.Templates*bits.Len64(g.count)) }
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(worth(a), worth(b)), cmp.Compare(a.id, b.id))
	})
	for _, g := range all[:min(len(all), len(all)/8+1)] {
		m.drop(g)
	}
	s.sweep()
	m.bytes += s.bytes()
}

func (m *Miner) drop(g *group) {
	for _, id := range g.aliases {
		delete(m.groups, id)
	}
	delete(m.groups, g.id)
	g.cluster, g.into = nil, nil
}

// sweep takes dropped groups, and what hangs on them alone, out of the scope
// and measures it again.
func (s *scope) sweep() {
	s.live, s.kept = 0, scopeBytes+len(s.name)
	for _, c := range s.clusters {
		c.groups = slices.DeleteFunc(c.groups, func(g *group) bool { return g.cluster == nil })
	}
	s.clusters = slices.DeleteFunc(s.clusters, func(c *cluster) bool { return len(c.groups) == 0 })
	for key, list := range s.terms {
		list = slices.DeleteFunc(list, func(c *cluster) bool { return len(c.groups) == 0 })
		if s.terms[key] = list; len(list) == 0 {
			delete(s.terms, key)
		}
	}
	for _, c := range s.clusters {
		s.live += len(c.groups)
		s.kept += c.bytes() + len(c.groups)*(groupBytes+len(c.places))
		for _, key := range c.terms {
			s.kept += termBytes + len(key)
		}
	}
	s.hotBytes, s.coldBytes = sweepShapes(s.hot), sweepShapes(s.cold)
}

func sweepShapes(shapes map[string]*shape) (bytes int) {
	for key, e := range shapes {
		if e.group = e.group.final(); e.group.cluster == nil {
			delete(shapes, key)
			continue
		}
		bytes += shapeBytes + len(key)
	}
	return bytes
}
