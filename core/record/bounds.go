package record

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"penstock/core/cases"
	"penstock/core/event"
)

// Bounds of one object: Wazuh drops what is longer, and fields beyond 256.
const (
	MaxBytes  = 30_000
	MaxLeaves = 200
)

// Bounds of its parts: numbers of items, and bytes of texts.
const (
	maxList      = 8
	maxSteps     = 10
	maxOrders    = 12
	maxEvidence  = 12
	maxWord      = 120
	maxSentence  = 300
	maxParagraph = 800
	maxLine      = cases.MaxLineText
)

// cutter remembers which lists were cut.
type cutter struct{ names []string }

func (k *cutter) cut(name string) {
	if !slices.Contains(k.names, name) {
		k.names = append(k.names, name)
	}
}

// list turns at most longest items of all into those of the record.
func list[A, B any](k *cutter, name string, all []A, longest int, turn func(A) B) []B {
	if len(all) > longest {
		k.cut(name)
		all = all[:longest]
	}
	var out []B
	for _, a := range all {
		out = append(out, turn(a))
	}
	return out
}

// evidence returns the gravest lines, in the order of their numbers within one
// severity.
func evidence(k *cutter, lines []cases.Line) []Evidence {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b cases.Line) int { return -cmp.Compare(gravest(a), gravest(b)) })
	return list(k, "evidence", lines, maxEvidence, func(l cases.Line) Evidence {
		return Evidence{
			ID: handle(l.Number), Time: instant(l.Time), Source: text(l.Source, maxWord),
			Program: text(l.Program, maxWord), Text: text(l.Text, maxLine), Found: found(l),
		}
	})
}

func gravest(l cases.Line) event.Severity {
	worst := event.None
	for _, e := range l.Evidence {
		worst = max(worst, e.Severity)
	}
	return worst
}

// found returns the distinct kinds and signals of a line, sorted.
func found(l cases.Line) string {
	var words []string
	for _, e := range l.Evidence {
		word := e.Kind.String()
		if e.Signal != "" {
			word = e.Signal
		}
		words = append(words, word)
	}
	slices.Sort(words)
	return text(strings.Join(slices.Compact(words), ","), maxWord)
}

// fit takes items away until the object keeps its bounds, the least important
// first. Texts are bounded one by one, so that what is left then always fits.
func (r *Record) fit() {
	k := cutter{r.Cut}
	for _, s := range r.spare() {
		for !r.fits() {
			if !s.drop() {
				break
			}
			k.cut(s.name)
			r.Cut = k.names
		}
	}
}

// spare is a list that may become shorter.
type spare struct {
	name string
	drop func() bool // takes the last item away, false when it must stay
}

func shorten[T any](list *[]T, keep int) func() bool {
	return func() bool {
		if len(*list) <= keep {
			return false
		}
		*list = (*list)[:len(*list)-1]
		return true
	}
}

// spare returns what can be spared, the least important first. Orders are not
// among it: what is done never makes room for what is said.
func (r *Record) spare() []spare {
	return []spare{
		{"evidence", shorten(&r.Evidence, 4)},
		{"refusals", shorten(&r.Refusals, 3)},
		{"who.programs", shorten(&r.Who.Programs, 2)},
		{"plan.proposals", shorten(&r.Plan.Proposals, 0)},
		{"anomaly.handles", shorten(&r.Anomaly.Handles, 0)},
		{"anomaly.reasons", shorten(&r.Anomaly.Reasons, 1)},
		{"who.targets", shorten(&r.Who.Targets, 2)},
		{"who.users", shorten(&r.Who.Users, 2)},
		{"who.peers", shorten(&r.Who.Peers, 2)},
		{"assessment.reasons", shorten(&r.Assessment.Reasons, 1)},
		{"advice.avoid", shorten(&r.Advice.Avoid, 2)},
		{"advice.steps", shorten(&r.Advice.Steps, 2)},
		{"evidence", shorten(&r.Evidence, 1)},
		{"advice.call", shorten(&r.Advice.Call, 1)},
		{"assessment.techniques", shorten(&r.Assessment.Techniques, 2)},
	}
}

func (r *Record) fits() bool {
	data, err := r.Marshal()
	return err != nil || len(data) <= MaxBytes && leaves(data) <= MaxLeaves
}

// leaves counts the values of a compact JSON text that are neither object nor
// array. Every comma separates two values, every object and array is one itself.
func leaves(data []byte) int {
	n, inside := 1, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inside && c == '\\':
			i++
		case c == '"':
			inside = !inside
		case inside:
		case c == ',':
			n++
		case (c == '[' || c == '{') && i+1 < len(data) && (data[i+1] == ']' || data[i+1] == '}'):
			n--
		}
	}
	return n
}

// text returns s in valid UTF-8, in one line, without control characters and
// those that change the direction of writing, cut to longest bytes.
func text(s string, longest int) string {
	const mark = "…"
	whole := len(s) <= longest
	if !whole {
		longest -= len(mark)
		for longest > 0 && !utf8.RuneStart(s[longest]) {
			longest--
		}
		s = s[:longest]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '?'
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, s)
	if whole {
		return s
	}
	return s + mark
}

// oneLine reports whether data can stand in a line of its own.
func oneLine(data []byte) bool { return len(data) > 0 && bytes.IndexByte(data, '\n') < 0 }
