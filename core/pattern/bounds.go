package pattern

import "strings"

func (m *Miner) scope(name string) *scope {
	s := m.scopes[name]
	if s == nil {
		s = newScope(strings.Clone(name))
		m.scopes[s.name] = s
	}
	return s
}

func (m *Miner) trim(s *scope) {
	if s.hotBytes > m.o.ScopeBytes/4 {
		s.turn()
	}
}
