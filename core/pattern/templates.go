package pattern

// Template is one group that has not become part of another.
type Template struct {
	ID    uint64
	Scope string
	Text  string // with <*> for each variable
	Count uint64
}

// Templates returns all groups, in no particular order.
func (m *Miner) Templates() []Template {
	var all []Template
	for name, s := range m.scopes {
		for _, c := range s.clusters {
			for _, g := range c.groups {
				all = append(all, Template{ID: g.id, Scope: name, Text: c.text(g), Count: g.count})
			}
		}
	}
	return all
}
