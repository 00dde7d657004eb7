package pipeline

import (
	"strconv"
	"unicode"
	"unicode/utf8"

	"penstock/core/cases"
)

// extract is stage 1: who, what, where, when, taken from the case as it is.
func (p *Pipeline) extract(c *cases.Case) Summary {
	s := Summary{
		Headline: p.headline(c),
		Asset:    c.Asset,
		Zone:     c.Zone,
		From:     c.Opened,
		To:       c.Updated,
		Events:   c.Events,
		Peers:    valuesOf(c.Peers),
		Users:    valuesOf(c.Users),
		Programs: valuesOf(c.Programs),
		Handles:  make([]string, len(c.Lines)),
	}
	for i := range c.Lines {
		s.Handles[i] = handle(&c.Lines[i])
	}
	return s
}

// headline returns the one line that names the case: class, host, who.
func (p *Pipeline) headline(c *cases.Case) string {
	by := ""
	switch {
	case len(c.Peers) > 0:
		first := c.Peers[max(0, firstObserved(c.Peers))]
		by = p.text(byAddress, values{"subject": p.origin(p.say(first.Value, validAddress), first.Origin, true)})
	case len(c.Users) > 0:
		by = p.text(byUser, values{"subject": p.say(c.Users[0].Value, readableUser)})
	case len(c.Programs) > 0:
		by = p.text(byOther, values{"subject": p.say(c.Programs[0].Value, validProgram)})
	}
	return p.text(headlineText, values{
		"class": capital(ClassWords(c.Class, p.language)), "host": p.host(c), "by": by,
	})
}

func valuesOf(entities []cases.Entity) []string {
	out := make([]string, len(entities))
	for i, e := range entities {
		out[i] = e.Value
	}
	return out
}

// capital returns the text with its first letter large.
func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}

func decimal(n int) string { return strconv.Itoa(n) }
