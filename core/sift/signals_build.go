package sift

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// signalsBuilder numbers the texts of all entries and makes their clauses ready.
type signalsBuilder struct {
	signals *Signals
	texts   numbering
	names   numbering
}

// numbering gives each text a number, equal ones the same.
type numbering struct {
	list    []string
	numbers map[string]uint16
}

func (n *numbering) of(texts []string) []uint16 {
	var ids []uint16
	for _, text := range texts {
		text = strings.ToLower(text)
		id, ok := n.numbers[text]
		if !ok {
			id = uint16(len(n.list))
			n.numbers[text] = id
			n.list = append(n.list, text)
		}
		ids = append(ids, id)
	}
	return ids
}

func buildSignals(entries []Signal) (*Signals, error) {
	s := &Signals{byField: map[string][]uint16{}}
	b := signalsBuilder{
		signals: s,
		texts:   numbering{numbers: map[string]uint16{}},
		names:   numbering{numbers: map[string]uint16{}},
	}
	s.hints = len(b.texts.of(instructHints()))
	for _, e := range entries {
		if !e.Disabled {
			s.entries = append(s.entries, e)
		}
	}
	for i := range s.entries {
		for k := range s.entries[i].Match {
			b.add(&s.entries[i], &s.entries[i].Match[k])
		}
	}
	literals := len(b.texts.list) + len(b.names.list)
	if literals > maxLiterals || len(s.clauses) > maxClauses {
		return nil, fmt.Errorf("signals: %d texts in %d alternatives are more than %d and %d",
			literals, len(s.clauses), maxLiterals, maxClauses)
	}
	b.finish(literals)
	return s, nil
}

func (b *signalsBuilder) add(signal *Signal, from *Clause) {
	c := clause{
		signal: signal, from: from,
		any: b.texts.of(from.Any), with: b.texts.of(from.With), all: b.texts.of(from.All),
		none: b.texts.of(from.None), except: b.texts.of(from.Except),
		name: b.names.of(from.Name), noneName: b.names.of(from.NoneName),
	}
	for _, key := range slices.Sorted(maps.Keys(from.Fields)) {
		c.fields = append(c.fields, newFieldTest(key, from.Fields[key]))
	}
	if from.Regexp != "" {
		c.pattern = regexp.MustCompile(from.Regexp) // CheckSignals compiled it before
	}
	b.signals.clauses = append(b.signals.clauses, c)
}

// finish numbers the names behind the texts and builds index and tables.
func (b *signalsBuilder) finish(literals int) {
	s := b.signals
	offset := uint16(len(b.texts.list))
	s.byText = make([][]uint16, literals)
	for i := range s.clauses {
		c := &s.clauses[i]
		for _, names := range [...][]uint16{c.name, c.noneName} {
			for k := range names {
				names[k] += offset
			}
		}
		b.index(uint16(i), c)
	}
	triggers := func(id uint16) bool { return int(id) < s.hints || len(s.byText[id]) > 0 }
	every := func(uint16) bool { return true }
	s.loud = newLiterals(b.texts.list, 0, triggers)
	s.texts = newLiterals(b.texts.list, 0, every)
	s.names = newLiterals(b.names.list, offset, every)
}

// index notes what makes the clause worth a look: its longest text of all, else
// each of any or with, whichever is rarer, else each name, else its first field,
// else the instruction hints.
func (b *signalsBuilder) index(number uint16, c *clause) {
	s := b.signals
	triggers := c.name
	switch {
	case len(c.all) > 0:
		triggers = []uint16{slices.MaxFunc(c.all, func(x, y uint16) int {
			return len(b.texts.list[x]) - len(b.texts.list[y])
		})}
	case len(c.any) > 0 && len(c.with) > 0 && b.shortest(c.with) > b.shortest(c.any):
		triggers = c.with
	case len(c.any) > 0:
		triggers = c.any
	}
	for _, id := range triggers {
		s.byText[id] = append(s.byText[id], number)
	}
	switch {
	case len(triggers) > 0:
	case c.from.Instructs:
		s.instruct = append(s.instruct, number)
	default:
		key := c.fields[0].key
		s.byField[key] = append(s.byField[key], number)
	}
}

func (b *signalsBuilder) shortest(ids []uint16) int {
	shortest := maxText
	for _, id := range ids {
		shortest = min(shortest, len(b.texts.list[id]))
	}
	return shortest
}

func newFieldTest(key string, values []string) fieldTest {
	t := fieldTest{key: key}
	for _, v := range values {
		if low, high, ok := parseRange(v); ok {
			t.ranges = append(t.ranges, [2]int{low, high})
		} else {
			t.values = append(t.values, v)
		}
	}
	return t
}

// parseRange reads 401 or 500-599.
func parseRange(text string) (low, high int, ok bool) {
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	low, err := strconv.Atoi(from)
	if err != nil {
		return 0, 0, false
	}
	high, err = strconv.Atoi(to)
	return low, high, err == nil
}
