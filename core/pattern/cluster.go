package pattern

import "strings"

const (
	enough      = 6  // different words at a place that make it a variable
	enoughUpper = 12 // when the last is written in capitals, as names of states are
	enoughFirst = 24 // the same for the first word, which tells most about a message
	maxAliases  = 64 // merged groups that one group still answers for
	maxGroups   = 48 // groups of one cluster before its busiest place becomes a variable
	similar     = 0.5
)

// cluster is what a scope compares messages with: messages of as many words
// that have at least half of their constant words in common. A place where its
// messages differ splits it into groups, until the place proves to be a variable.
type cluster struct {
	places []place
	groups []*group
	terms  []string // under which the scope finds it
	seen   uint64   // the miner's clock when a message was last compared with it
}

// place is what a cluster knows of one word: the different words it has had
// there, those that are values of one variable as one word with a variable.
type place struct {
	values []string
	free   bool // a variable: one value, which stands for whatever comes
}

// group is one template: the messages of a cluster with the same words at each
// place that is not free.
type group struct {
	id      uint64
	count   uint64
	used    uint64   // the miner's clock at its last message
	choice  []uint8  // which value, for each place
	cluster *cluster // nil when it has been merged into another or forgotten
	into    *group   // what it was merged into
	aliases []uint64 // groups that were merged into it
}

// final follows merges to the group that lives on.
func (g *group) final() *group {
	for g.into != nil {
		if g.into.into != nil {
			g.into = g.into.into
		}
		g = g.into
	}
	return g
}

func newCluster(words []string) *cluster {
	c := &cluster{places: make([]place, len(words))}
	for i, w := range words {
		c.places[i] = place{values: []string{strings.Clone(w)}}
	}
	return c
}

// Estimates of what things take in memory, over what their texts take.
const (
	groupBytes = 160
	placeBytes = 56
	valueBytes = 24
	termBytes  = 96
	shapeBytes = 96
)

// bytes estimates what the cluster takes, without its groups and terms.
func (c *cluster) bytes() int {
	n := 0
	for i := range c.places {
		n += placeBytes
		for _, v := range c.places[i].values {
			n += valueBytes + len(v)
		}
	}
	return n
}

// likeness compares constant words: 1 when all are the same, 0 when none is.
func (c *cluster) likeness(words []string) float64 {
	same, other := 0.0, 0.0
	for i, w := range words {
		p := &c.places[i]
		switch k := p.find(w); {
		case k >= 0:
			if spoken(p.values[k]) {
				same++
			}
		case p.free || p.kin(before(words, i), w, i == 0) >= 0:
			other += 0.5
		default:
			other++
		}
	}
	if same+other == 0 {
		return 1
	}
	return same / (same + other)
}

func before(words []string, i int) string {
	if i == 0 {
		return ""
	}
	return words[i-1]
}

// find returns which value stands for the word, or -1.
func (p *place) find(word string) int {
	for k, v := range p.values {
		if covers(v, word) {
			return k
		}
	}
	return -1
}

// kin returns which value looks like another value of the variable that the
// word is a value of, or -1.
func (p *place) kin(before, word string, first bool) int {
	for k, v := range p.values {
		if variable(before, v, word, first) {
			return k
		}
	}
	return -1
}

// absorb makes the cluster stand for these words too and says whether a
// template reads otherwise since.
func (c *cluster) absorb(words []string) (changed bool) {
	for i, w := range words {
		p := &c.places[i]
		if p.find(w) >= 0 {
			continue
		}
		k := p.kin(before(words, i), w, i == 0)
		if p.free {
			k = 0
		}
		if k >= 0 {
			p.values[k] = generalise(p.values[k], w)
			c.unite(i, k)
			changed = true
			continue
		}
		p.values = append(p.values, strings.Clone(w))
		if len(p.values) >= limit(i, w) {
			c.release(i)
			changed = true
		}
	}
	return changed
}

// limit returns how many words make a place a variable.
func limit(i int, word string) int {
	switch {
	case i == 0:
		return enoughFirst
	case word == strings.ToUpper(word):
		return enoughUpper
	}
	return enough
}

// unite drops the values of a place that value k has come to stand for.
func (c *cluster) unite(i, k int) {
	p := &c.places[i]
	for j := len(p.values) - 1; j >= 0; j-- {
		if j == k || !covers(p.values[k], p.values[j]) {
			continue
		}
		p.values = append(p.values[:j], p.values[j+1:]...)
		now := k
		if j < k {
			now--
		}
		for _, g := range c.groups {
			switch was := int(g.choice[i]); {
			case was == j:
				g.choice[i] = uint8(now)
			case was > j:
				g.choice[i]--
			}
		}
		k = now
	}
}

// release makes a place a variable.
func (c *cluster) release(i int) {
	p := &c.places[i]
	for _, v := range p.values[1:] {
		p.values[0] = generalise(p.values[0], v)
	}
	p.free, p.values = true, p.values[:1:1]
	for _, g := range c.groups {
		g.choice[i] = 0
	}
}

// choose says which values the words are.
func (c *cluster) choose(dst []uint8, words []string) []uint8 {
	for i, w := range words {
		dst = append(dst, uint8(max(0, c.places[i].find(w))))
	}
	return dst
}

func (c *cluster) groupOf(choice []uint8) *group {
	for _, g := range c.groups {
		if string(g.choice) == string(choice) {
			return g
		}
	}
	return nil
}

// merge joins groups that no longer differ, the older one lives on, and returns
// those that went.
func (c *cluster) merge() (gone []*group) {
	kept := c.groups[:0]
	for _, g := range c.groups {
		older := (&cluster{groups: kept}).groupOf(g.choice)
		if older == nil {
			kept = append(kept, g)
			continue
		}
		older.count += g.count
		older.used = max(older.used, g.used)
		g.into, g.cluster, g.choice = older, nil, nil
		gone = append(gone, g)
	}
	clear(c.groups[len(kept):])
	c.groups = kept
	return gone
}

// busiest returns the place with the most values.
func (c *cluster) busiest() int {
	best := 0
	for i := range c.places {
		if len(c.places[i].values) > len(c.places[best].values) {
			best = i
		}
	}
	return best
}

// text writes the template of a group.
func (c *cluster) text(g *group) string {
	var dst []byte
	for i := range c.places {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, c.places[i].values[g.choice[i]]...)
	}
	return tidy(string(render(nil, dst)))
}

// tidy writes variables that only a dot or nothing parts as one.
func tidy(text string) string {
	for _, twice := range []string{"<*>.<*>", "<*><*>"} {
		for strings.Contains(text, twice) {
			text = strings.ReplaceAll(text, twice, "<*>")
		}
	}
	return text
}
