package pattern

// maxCandidates bounds the clusters that a new masked text is compared with.
const maxCandidates = 64

// scope is the domain in which messages are compared.
type scope struct {
	name      string
	used      uint64
	live      int // groups
	clusters  []*cluster
	terms     map[string][]*cluster // by word count and first or last word
	hot, cold map[string]*shape     // masked texts seen lately
	hotBytes  int
	coldBytes int
	term      []byte
}

// shape is a masked text and its group.
type shape struct {
	masked string
	group  *group
}

func newScope(name string) *scope {
	return &scope{name: name, terms: map[string][]*cluster{}, hot: map[string]*shape{}, cold: map[string]*shape{}}
}

// known returns the group of a masked text that has been seen lately, or nil.
func (s *scope) known(masked []byte) *group {
	if e := s.hot[string(masked)]; e != nil {
		if e.group.into != nil {
			e.group = e.group.final()
		}
		if e.group.cluster != nil {
			return e.group
		}
		return nil
	}
	if len(s.cold) == 0 {
		return nil
	}
	e := s.cold[string(masked)]
	if e == nil {
		return nil
	}
	e.group = e.group.final()
	if e.group.cluster == nil {
		return nil
	}
	s.hot[e.masked] = e
	s.hotBytes += shapeBytes(e)
	return e.group
}

// shapeBytes estimates what a remembered masked text takes.
func shapeBytes(e *shape) int { return len(e.masked) + 96 }

// remember keeps a masked text for known. The texts not seen since the last
// turn are forgotten when it is the next one's.
func (s *scope) remember(masked string, g *group) {
	e := &shape{masked: masked, group: g}
	s.hot[masked] = e
	s.hotBytes += shapeBytes(e)
}

// turn forgets the masked texts that have not been seen since the last turn.
func (s *scope) turn() {
	s.cold, s.coldBytes = s.hot, s.hotBytes
	s.hot, s.hotBytes = make(map[string]*shape), 0
}

// index makes the cluster findable by these words.
func (s *scope) index(c *cluster, words []string) {
	for _, last := range []bool{false, true} {
		s.key(words, last)
		list := s.terms[string(s.term)]
		if !has(list, c) {
			key := string(s.term)
			s.terms[key] = append(list, c)
			c.terms = append(c.terms, key)
		}
	}
}

func has(list []*cluster, c *cluster) bool {
	for _, x := range list {
		if x == c {
			return true
		}
	}
	return false
}

// key builds the term of the first or last word: how many words there are, and
// that word without its variables.
func (s *scope) key(words []string, last bool) {
	word, end := words[0], byte('f')
	if last {
		word, end = words[len(words)-1], 'l'
	}
	s.term = append(s.term[:0], byte(len(words)), end)
	for i := range len(word) {
		if !isCode(word[i]) {
			s.term = append(s.term, word[i])
		}
	}
}

// nearest returns the cluster most like the words, or nil when none is like
// them enough. Among equals the oldest wins.
func (s *scope) nearest(words []string) *cluster {
	var best *cluster
	most := similar
	for _, last := range []bool{false, true} {
		s.key(words, last)
		list := s.terms[string(s.term)]
		for _, c := range list[max(0, len(list)-maxCandidates):] {
			if l := c.likeness(words); l > most || l == most && best == nil {
				best, most = c, l
			}
		}
	}
	return best
}
