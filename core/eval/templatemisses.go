package eval

import (
	"cmp"
	"slices"
	"strings"
)

// TemplateMiss is a true group that was not found as it is, or a template whose
// text is not the true one.
type TemplateMiss struct {
	System string `json:"system"`
	What   string `json:"what"`   // split, merged, split and merged, or text
	Lines  int    `json:"lines"`  // lines it costs
	Groups int    `json:"groups"` // mined groups that share them
	True   string `json:"true"`
	Mined  string `json:"mined"` // the first of them
}

// missedGroups returns the true groups of a system that no mined group equals.
func missedGroups(s *system, mined []Group) []TemplateMiss {
	ids := make([]string, len(mined))
	for i, g := range mined {
		ids[i] = g.ID
	}
	of := sets(ids)
	var all []TemplateMiss
	for name, lines := range sets(s.events) {
		within := map[string]bool{}
		merged := false
		for _, i := range lines {
			within[ids[i]] = true
		}
		for id := range within {
			merged = merged || slices.ContainsFunc(of[id], func(i int) bool { return s.events[i] != name })
		}
		what := missed(len(within) > 1, merged)
		if what == "" {
			continue
		}
		first := lines[0]
		all = append(all, TemplateMiss{
			System: s.name, What: what, Lines: len(lines), Groups: len(within),
			True: printable(folded(s.template[first])), Mined: printable(folded(mined[first].Template)),
		})
	}
	return all
}

func missed(split, merged bool) string {
	switch {
	case split && merged:
		return "split and merged"
	case split:
		return "split"
	case merged:
		return "merged"
	}
	return ""
}

// missedTexts returns the pairs of a mined and a true text that should be equal.
func missedTexts(s *system, mined []Group) []TemplateMiss {
	type pair struct{ mined, truth string }
	lines := map[pair]int{}
	for i, g := range mined {
		p := pair{folded(g.Template), folded(s.template[i])}
		if p.mined != p.truth {
			lines[p]++
		}
	}
	var all []TemplateMiss
	for p, n := range lines {
		all = append(all, TemplateMiss{System: s.name, What: "text", Lines: n, Groups: 1, True: printable(p.truth), Mined: printable(p.mined)})
	}
	return all
}

// costliest returns the misses that cost most lines.
func costliest(all []TemplateMiss, samples int) []TemplateMiss {
	slices.SortFunc(all, func(a, b TemplateMiss) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), strings.Compare(a.System, b.System),
			strings.Compare(a.True, b.True), strings.Compare(a.Mined, b.Mined))
	})
	return all[:min(len(all), samples)]
}
