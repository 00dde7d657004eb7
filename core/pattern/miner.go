package pattern

import (
	"bytes"
	"slices"
)

// Options bound what a Miner keeps.
type Options struct {
	Templates  int `yaml:"templates"`   // templates of one scope
	ScopeBytes int `yaml:"scope_bytes"` // memory of one scope, about
	TotalBytes int `yaml:"total_bytes"` // memory of all scopes together, about
}

// Defaults returns the bounds that Penstock ships with.
func Defaults() Options {
	return Options{Templates: 2000, ScopeBytes: 6 << 20, TotalBytes: 20 << 20}
}

// Check tells problem of each bound that cannot work.
func (o *Options) Check(problem func(path, text string)) {
	if o.Templates < 16 {
		problem("templates", "must be at least 16")
	}
	if o.ScopeBytes < 64<<10 {
		problem("scope_bytes", "must be at least 65536")
	}
	if o.TotalBytes < o.ScopeBytes {
		problem("total_bytes", "must not be smaller than scope_bytes")
	}
}

// Match is what a Miner says of one message.
type Match struct {
	ID      uint64 // its group; never used for another one, see Final
	New     bool   // first message of its group
	Changed bool   // the template of its group reads otherwise than before
	Spans   []Span // its variables, at most 32, in order; valid until the next Learn
}

// Miner sorts messages into groups. It is not safe for use by several
// goroutines at the same time.
type Miner struct {
	o      Options
	mask   masker
	scopes map[string]*scope
	last   *scope
	groups map[uint64]*group // those that live and those that were merged
	clock  uint64            // messages so far
	lastID uint64
	bytes  int

	words  []string
	choice []uint8
}

// New returns an empty Miner. Zero bounds are replaced by those of Defaults.
func New(o Options) *Miner {
	d := Defaults()
	for _, b := range []struct{ have, want *int }{
		{&o.Templates, &d.Templates}, {&o.ScopeBytes, &d.ScopeBytes}, {&o.TotalBytes, &d.TotalBytes},
	} {
		if *b.have <= 0 {
			*b.have = *b.want
		}
	}
	return &Miner{o: o, scopes: map[string]*scope{}, groups: map[uint64]*group{}}
}

// Learn puts a message into its group, a new one if need be. Scope is the
// domain in which messages are compared and memory is shared out, for instance
// a source and program: what one scope sends never evicts another's templates.
// Neither string is kept.
func (m *Miner) Learn(scope, message string) Match {
	s := m.last
	if s == nil || s.name != scope {
		s = m.scope(scope)
		m.last = s
	}
	m.clock++
	s.used = m.clock
	m.mask.mask(message)
	match := Match{Spans: m.mask.spans}
	g := s.known(m.mask.buf)
	if g == nil {
		g = m.learn(s, &match)
	}
	g.count++
	g.used = m.clock
	match.ID = g.id
	return match
}

// learn places a masked text that the scope does not know yet.
func (m *Miner) learn(s *scope, match *Match) *group {
	masked := string(m.mask.buf)
	m.words = split(m.words[:0], masked)
	before := s.bytes()
	c := s.nearest(m.words, m.clock)
	if c == nil {
		c = newCluster(m.words)
		s.clusters = append(s.clusters, c)
		s.kept += c.bytes()
	} else {
		was := c.bytes()
		match.Changed = c.absorb(m.words)
		s.kept += c.bytes() - was
	}
	s.index(c, m.words)

	m.choice = c.choose(m.choice[:0], m.words)
	g := c.groupOf(m.choice)
	if g == nil {
		m.lastID++
		g = &group{id: m.lastID, choice: bytes.Clone(m.choice), cluster: c, used: m.clock}
		c.groups = append(c.groups, g)
		m.groups[g.id] = g
		s.live++
		s.kept += groupBytes + len(g.choice)
		match.New = true
	}
	if len(c.groups) > maxGroups {
		c.release(c.busiest())
		match.Changed = true
	}
	if match.Changed {
		m.merge(s, c)
		g = g.final()
	}
	s.remember(masked, g)
	m.bytes += s.bytes() - before
	m.trim(s)
	return g
}

// merge joins the groups of a cluster that no longer differ. Of the groups that
// became part of another one the latest are still known to Final.
func (m *Miner) merge(s *scope, c *cluster) {
	for _, gone := range c.merge() {
		s.live--
		older := gone.into
		older.aliases = append(older.aliases, gone.aliases...)
		older.aliases = append(older.aliases, gone.id)
		gone.aliases = nil
		for len(older.aliases) > maxAliases {
			delete(m.groups, older.aliases[0])
			older.aliases = older.aliases[1:]
		}
	}
}

// Final returns the group that a group has become part of, or the group itself.
func (m *Miner) Final(id uint64) uint64 {
	if g := m.groups[id]; g != nil {
		return g.final().id
	}
	return id
}

// Template returns the text of a group with <*> for each variable, or "" when
// the group is unknown or has been forgotten.
func (m *Miner) Template(id uint64) string {
	g := m.groups[id]
	if g == nil {
		return ""
	}
	if g = g.final(); g.cluster == nil {
		return ""
	}
	return g.cluster.text(g)
}

// Count returns how many messages a group has had, those of the groups that
// became part of it included; 0 when it is unknown or has been forgotten.
func (m *Miner) Count(id uint64) uint64 {
	if g := m.groups[id]; g != nil {
		return g.final().count
	}
	return 0
}

// Len returns how many templates a scope has.
func (m *Miner) Len(scope string) int {
	if s := m.scopes[scope]; s != nil {
		return s.live
	}
	return 0
}

// IDs returns the groups that a scope has, the oldest first.
func (m *Miner) IDs(scope string) []uint64 {
	var ids []uint64
	if s := m.scopes[scope]; s != nil {
		for _, c := range s.clusters {
			for _, g := range c.groups {
				ids = append(ids, g.id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}
