package pipeline

import (
	"slices"
	"strings"
)

// Text is one text in each language that people of a site read. Placeholders
// are names in braces, the same in each language.
type Text struct {
	EN string `yaml:"en"`
	ES string `yaml:"es"`
	DE string `yaml:"de"`
	FR string `yaml:"fr"`
}

// In returns the text in that language: en, es, de or fr. Anything else reads as en.
func (t Text) In(language string) string {
	switch language {
	case "es":
		return t.ES
	case "de":
		return t.DE
	case "fr":
		return t.FR
	}
	return t.EN
}

// Counted is a text that depends on a number: One is for 1, Many for all others.
// Both name the number as {count}.
type Counted struct {
	One, Many Text
}

// In returns the text for n in that language, with the number in place.
func (c Counted) In(language string, n int) string {
	text := c.Many
	if n == 1 {
		text = c.One
	}
	return fill(text.In(language), values{"count": Number(n, language)})
}

// Check reports each language that is missing and each whose placeholders
// differ from the English ones.
func (t Text) Check(problem func(path, text string)) {
	want := placeholders(t.EN)
	for _, l := range []struct{ name, text string }{{"en", t.EN}, {"es", t.ES}, {"de", t.DE}, {"fr", t.FR}} {
		if l.text == "" {
			problem(l.name, "the text is missing")
			continue
		}
		if got := placeholders(l.text); !slices.Equal(want, got) {
			problem(l.name, "the text names {"+strings.Join(got, "} {")+"}, the English one {"+strings.Join(want, "} {")+"}")
		}
	}
}

// values are the values of placeholders, by name.
type values map[string]string

// fill replaces each {name} by its value; a name without one stays as it is.
func fill(text string, v values) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		value, known := v[name]
		if !closed || !known {
			b.WriteByte('{')
			text = rest
			continue
		}
		b.WriteString(value)
		text = after
	}
}

// placeholders returns the names in braces, sorted, each once.
func placeholders(text string) []string {
	var names []string
	for {
		_, rest, found := strings.Cut(text, "{")
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			break
		}
		names = append(names, name)
		text = after
	}
	slices.Sort(names)
	return slices.Compact(names)
}
