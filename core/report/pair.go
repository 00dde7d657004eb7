package report

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"penstock/core/event"
)

// casePair is the same case as two configurations see it; one of them is nil
// where only the other has it.
type casePair struct{ here, there *CaseView }

// caseKey is what the same case has in common under two configurations.
type caseKey struct {
	asset  string
	opened time.Time
	class  event.Class
}

// pairCases finds the same cases on both sides: by host, opening time and class,
// then without the class, and at last without the host, which the other
// configuration may know by another name. Gravest first.
func pairCases(here, there []CaseView) []casePair {
	var pairs []casePair
	left, right := pointers(here), pointers(there)
	for _, key := range []func(v *CaseView) caseKey{
		func(v *CaseView) caseKey { return caseKey{v.Case.Asset, v.Case.Opened.UTC(), v.Case.Class} },
		func(v *CaseView) caseKey { return caseKey{asset: v.Case.Asset, opened: v.Case.Opened.UTC()} },
		func(v *CaseView) caseKey { return caseKey{opened: v.Case.Opened.UTC(), class: v.Case.Class} },
	} {
		waiting := map[caseKey][]*CaseView{}
		for _, v := range right {
			waiting[key(v)] = append(waiting[key(v)], v)
		}
		var alone []*CaseView
		matched := map[*CaseView]bool{}
		for _, v := range left {
			k := key(v)
			if len(waiting[k]) == 0 {
				alone = append(alone, v)
				continue
			}
			pairs = append(pairs, casePair{v, waiting[k][0]})
			matched[waiting[k][0]] = true
			waiting[k] = waiting[k][1:]
		}
		left = alone
		right = slices.DeleteFunc(right, func(v *CaseView) bool { return matched[v] })
	}
	for _, v := range left {
		pairs = append(pairs, casePair{here: v})
	}
	for _, v := range right {
		pairs = append(pairs, casePair{there: v})
	}
	slices.SortStableFunc(pairs, func(a, b casePair) int { return int(b.worst()) - int(a.worst()) })
	return pairs
}

func pointers(all []CaseView) []*CaseView {
	out := make([]*CaseView, len(all))
	for i := range all {
		out[i] = &all[i]
	}
	return out
}

func (x casePair) worst() event.Severity {
	worst := event.None
	for _, v := range []*CaseView{x.here, x.there} {
		if v != nil {
			worst = max(worst, v.severity())
		}
	}
	return worst
}

// differs says whether a person would act otherwise on the one than on the other.
func (x casePair) differs() bool {
	if x.here == nil || x.there == nil {
		return true
	}
	a, b := x.here, x.there
	here, there := x.done("en")
	return a.severity() != b.severity() || a.Case.Class != b.Case.Class || a.Case.Asset != b.Case.Asset ||
		a.Case.Zone != b.Case.Zone || a.Decision.Mode != b.Decision.Mode || !slices.Equal(here, there)
}

// done returns what is done about the case, and what is not and why, in words.
func (x casePair) done(language string) (here, there []string) {
	words := func(v *CaseView) []string {
		if v == nil {
			return nil
		}
		var all []string
		for _, a := range v.Decision.Actions {
			all = append(all, a.words(language))
		}
		all = append(all, v.Decision.Reasons...)
		slices.Sort(all)
		return all
	}
	return words(x.here), words(x.there)
}

// both returns a name, and where the two sides differ, both.
func (x casePair) both(name func(*CaseView) string) string {
	switch {
	case x.here == nil:
		return Terminal(name(x.there))
	case x.there == nil, name(x.here) == name(x.there):
		return Terminal(name(x.here))
	}
	return Terminal(name(x.here)) + " → " + Terminal(name(x.there))
}

// padded fills text with spaces to a width in runes.
func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
