package pattern

import "slices"

const (
	maxCandidates = 64 // clusters under one term that a masked text is compared with
	maxTerms      = 64 // terms of one cluster
)

// scope is the domain in which messages are compared.
type scope struct {
	name      string
	used      uint64 // the miner's clock at its last message
	live      int    // groups
	kept      int    // bytes of clusters, groups and terms, about
	clusters  []*cluster
	terms     map[string][]*cluster // by word count and first or last word
	hot, cold map[string]*shape     // masked texts seen lately, and before that
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

func (s *scope) bytes() int { return s.kept + s.hotBytes + s.coldBytes }

// known returns the group of a masked text that has been seen lately, or nil.
func (s *scope) known(masked []byte) *group {
	e := s.hot[string(masked)]
	if e == nil {
		if e = s.cold[string(masked)]; e == nil {
			return nil
		}
		delete(s.cold, e.masked)
		s.coldBytes -= shapeBytes + len(e.masked)
		s.hot[e.masked] = e
		s.hotBytes += shapeBytes + len(e.masked)
	}
	if e.group.into != nil {
		e.group = e.group.final()
	}
	return e.group
}

// remember keeps a masked text for known.
func (s *scope) remember(masked string, g *group) {
	s.hot[masked] = &shape{masked: masked, group: g}
	s.hotBytes += shapeBytes + len(masked)
}

// turn forgets the masked texts that have not been seen since the last turn.
func (s *scope) turn() {
	s.cold, s.coldBytes = s.hot, s.hotBytes
	s.hot, s.hotBytes = make(map[string]*shape), 0
}

// index makes the cluster findable by these words, which it stands for.
func (s *scope) index(c *cluster, words []string) {
	for _, end := range ends {
		i := end.at(words)
		p := &c.places[i]
		word := p.values[max(0, p.find(words[i]))]
		if p.free {
			word = anyWord
		}
		s.key(len(words), end, word)
		list := s.terms[string(s.term)]
		if len(c.terms) >= maxTerms || slices.Contains(list, c) {
			continue
		}
		key := string(s.term)
		s.terms[key] = append(list, c)
		c.terms = append(c.terms, key)
		s.kept += termBytes + len(key)
	}
}

// end is the end of a message that a term is made of.
type end byte

var ends = [2]end{'f', 'l'}

func (e end) at(words []string) int {
	if e == 'l' {
		return len(words) - 1
	}
	return 0
}

// key builds the term of a first or last word: how many words there are, and
// that word without its variables, or a star where messages were found to differ.
func (s *scope) key(count int, e end, word string) {
	s.term = append(s.term[:0], byte(count), byte(e))
	for i := range len(word) {
		if word[i] == anyCode {
			s.term = append(s.term[:2], '*')
			return
		}
		if !isCode(word[i]) {
			s.term = append(s.term, word[i])
		}
	}
}

// nearest returns the cluster most like the words, or nil when none is like
// them enough. Among equals the first found wins.
func (s *scope) nearest(words []string, clock uint64) *cluster {
	var best *cluster
	most := similar
	for _, e := range ends {
		for _, word := range [2]string{words[e.at(words)], anyWord} {
			s.key(len(words), e, word)
			list := s.terms[string(s.term)]
			for _, c := range list[max(0, len(list)-maxCandidates):] {
				if c.seen == clock {
					continue
				}
				c.seen = clock
				if l := c.likeness(words); l > most || l == most && best == nil {
					best, most = c, l
				}
			}
		}
	}
	return best
}
