package spool

// maxTags is how many tags are remembered.
const maxTags = 10_000

// tags are the newest tags. The zero value is ready for use.
type tags struct {
	known map[string]int // how often it is in order
	order []string       // a ring once it is full
	next  int            // what is overwritten next
}

func (t *tags) has(tag string) bool { return t.known[tag] > 0 }

func (t *tags) add(tag string) {
	if t.known == nil {
		t.known = make(map[string]int)
	}
	t.known[tag]++
	if len(t.order) < maxTags {
		t.order = append(t.order, tag)
		return
	}
	old := t.order[t.next]
	if t.known[old]--; t.known[old] == 0 {
		delete(t.known, old)
	}
	t.order[t.next] = tag
	t.next = (t.next + 1) % maxTags
}
