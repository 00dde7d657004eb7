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
	signals  *Signals
	literals []string
	numbers  map[string]uint16
}

func (b *signalsBuilder) build(entries []Signal) (*Signals, error) {
	s := b.signals
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
	s.hints = b.number(instructHints())
	if len(b.literals) > maxLiterals || len(s.clauses) > maxClauses {
		return nil, fmt.Errorf("signals: %d texts in %d alternatives are more than %d and %d",
			len(b.literals), len(s.clauses), maxLiterals, maxClauses)
	}
	s.machine = newAutomaton(b.literals)
	s.byText = make([][]uint16, maxLiterals)
	for i := range s.clauses {
		b.index(uint16(i), &s.clauses[i])
	}
	return s, nil
}

func (b *signalsBuilder) add(signal *Signal, from *Clause) {
	c := clause{
		signal: signal, from: from,
		any: b.number(from.Any), with: b.number(from.With), all: b.number(from.All),
		none: b.number(from.None), name: b.number(from.Name),
	}
	for _, key := range slices.Sorted(maps.Keys(from.Fields)) {
		c.fields = append(c.fields, newFieldTest(key, from.Fields[key]))
	}
	if from.Regexp != "" {
		c.pattern = regexp.MustCompile(from.Regexp) // CheckSignals compiled it before
	}
	b.signals.clauses = append(b.signals.clauses, c)
}

func (b *signalsBuilder) number(texts []string) []uint16 {
	var ids []uint16
	for _, text := range texts {
		text = strings.ToLower(text)
		id, ok := b.numbers[text]
		if !ok {
			id = uint16(len(b.literals))
			b.numbers[text] = id
			b.literals = append(b.literals, text)
		}
		ids = append(ids, id)
	}
	return ids
}

// index notes what makes the clause worth a look: its longest text of all, else
// each of any, else each name, else its first field, else the instruction hints.
func (b *signalsBuilder) index(number uint16, c *clause) {
	s := b.signals
	triggers := c.name
	switch {
	case len(c.all) > 0:
		triggers = []uint16{slices.MaxFunc(c.all, func(x, y uint16) int {
			return len(b.literals[x]) - len(b.literals[y])
		})}
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
