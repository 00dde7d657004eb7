package setup

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Sign is what becomes of an object or a field.
type Sign string

const (
	Create Sign = "+" // made anew
	Alter  Sign = "~" // set to another value
	Keep   Sign = "=" // changed by an administrator: stays as it is
	Delete Sign = "-" // removed
	Note   Sign = "!" // not done, and why
)

// Change is one line of a plan.
type Change struct {
	Sign  Sign   `json:"sign"`
	Kind  string `json:"kind"` // of the object, in words
	Name  string `json:"name"`
	Field string `json:"field,omitempty"` // "" is the whole object
	Old   string `json:"old,omitempty"`
	New   string `json:"new,omitempty"`
	Why   string `json:"why,omitempty"`
	// Parts are what the object consists of, for a reader.
	Parts []string `json:"parts,omitempty"`
}

// Plan is what setup would do, in the order in which it does it.
type Plan struct {
	Version string   `json:"version"` // of Zabbix
	Changes []Change `json:"changes"`

	steps []step
}

// step carries out a part of a plan.
type step struct {
	what string
	do   func(context.Context) error
}

// Empty reports whether applying the plan changes nothing.
func (p *Plan) Empty() bool { return len(p.steps) == 0 }

// Apply carries the plan out and stops at the first error. What was done until then
// is found by the next plan, which goes on from there.
func (p *Plan) Apply(ctx context.Context) error {
	for _, s := range p.steps {
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

// Count returns how many lines of the plan have a sign.
func (p *Plan) Count(sign Sign) int {
	n := 0
	for _, c := range p.Changes {
		if c.Sign == sign {
			n++
		}
	}
	return n
}

// Summary returns the plan in one line.
func (p *Plan) Summary() string {
	var parts []string
	for _, w := range []struct {
		sign Sign
		word string
	}{
		{Create, "to create"},
		{Alter, "to change"},
		{Delete, "to remove"},
		{Keep, "kept as changed here"},
		{Note, "to know"},
	} {
		if n := p.Count(w.sign); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, w.word))
		}
	}
	if p.Empty() {
		parts = append([]string{"nothing to do"}, parts...)
	}
	return strings.Join(parts, ", ")
}

// Write prints the plan, one change a line, encoded by clean, which keeps names in
// Zabbix from commanding a terminal.
func (p *Plan) Write(w io.Writer, clean func(string) string) error {
	for _, c := range p.Changes {
		if _, err := fmt.Fprintln(w, clean(c.String())); err != nil {
			return err
		}
		for _, part := range c.Parts {
			if _, err := fmt.Fprintln(w, clean("      "+part)); err != nil {
				return err
			}
		}
	}
	return nil
}

// widestKind is the longest word for a kind, so that names stand below each other.
const widestKind = len("user group")

// String returns the change as one line without its parts.
func (c Change) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-*s  %s", c.Sign, widestKind, c.Kind, c.Name)
	if c.Field != "" {
		b.WriteString(": " + c.Field)
	}
	switch {
	case c.Sign == Keep && c.Field != "":
		fmt.Fprintf(&b, ": %s (ours: %s)", shownValue(c.Old), shownValue(c.New))
	case c.Sign == Alter && (c.Old != "" || c.New != ""):
		fmt.Fprintf(&b, ": %s -> %s", shownValue(c.Old), shownValue(c.New))
	}
	if c.Why != "" {
		b.WriteString(": " + c.Why)
	}
	return b.String()
}

const mostShown = 160 // characters of a value in a plan

func shownValue(text string) string {
	if text == "" {
		return "(none)"
	}
	text = strings.ReplaceAll(text, "\n", " ")
	if r := []rune(text); len(r) > mostShown {
		return string(r[:mostShown]) + "..."
	}
	return text
}

// sortNames puts lines of one object or of one kind into an order that does not
// depend on the order in which Zabbix answers.
func sortNames(changes []Change) {
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Old, b.Old))
	})
}
