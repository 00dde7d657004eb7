package eval

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"penstock/core/event"
)

// shownText is how many characters of a line are shown, and shownExamples how
// many lines of a group.
const (
	shownText     = 160
	shownExamples = 3
)

// Miss is an attack that was not seen.
type Miss struct {
	Instance string         `json:"instance"`
	Class    string         `json:"class,omitempty"`
	Severity event.Severity `json:"severity"`
	Lines    int            `json:"lines"`
	First    Example        `json:"first"`
}

// Noise is a group of false alarms that look alike: same host, source, class
// and reasons, digits aside.
type Noise struct {
	Count    int       `json:"count"`
	Class    string    `json:"class,omitempty"`
	Reasons  string    `json:"reasons,omitempty"`
	Examples []Example `json:"examples"`
}

// Example is one line of the data. Its text is cut, and what a terminal would
// not print is replaced.
type Example struct {
	Seq    uint64 `json:"seq"`
	Host   string `json:"host"`
	Source string `json:"source"`
	Text   string `json:"text"`
}

// explain fills in what was missed and what was flagged wrongly.
func (r *StreamResult) explain(d *streamData, v []verdict, samples int) {
	example := func(i int) Example {
		l := &d.lines[i]
		return Example{d.seqs[i], printable(l.host), printable(l.source), printable(l.text)}
	}
	for _, one := range instances(d, v, seenLines(d, v)) {
		if !one.seen {
			r.Missed = append(r.Missed, Miss{one.name, one.class, one.severity, one.lines, example(one.first)})
		}
	}
	slices.SortStableFunc(r.Missed, func(a, b Miss) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Class, b.Class))
	})
	benign := func(i int) bool { return d.lines[i].scored() && !d.lines[i].attack }
	r.FalseForwards = noise(v, samples, example, func(i int) bool { return v[i].forward && benign(i) })
	r.FalseAttaches = noise(v, samples, example, func(i int) bool { return v[i].attach && benign(i) })
}

// noise groups the events that wrong picks, most frequent groups first.
func noise(v []verdict, samples int, example func(i int) Example, wrong func(i int) bool) []Noise {
	groups := map[string]*Noise{}
	for i := range v {
		if !wrong(i) {
			continue
		}
		e := example(i)
		reasons := printable(v[i].reasons)
		key := strings.Join([]string{e.Host, e.Source, v[i].class, withoutDigits(reasons)}, "\x00")
		group := groups[key]
		if group == nil {
			group = &Noise{Class: printable(v[i].class), Reasons: reasons}
			groups[key] = group
		}
		group.Count++
		if len(group.Examples) < shownExamples {
			group.Examples = append(group.Examples, e)
		}
	}
	all := make([]Noise, 0, len(groups))
	for _, group := range groups {
		all = append(all, *group)
	}
	slices.SortFunc(all, func(a, b Noise) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Examples[0].Seq, b.Examples[0].Seq))
	})
	return all[:min(len(all), samples)]
}

// withoutDigits replaces runs of digits, so that counts do not tell groups apart.
func withoutDigits(s string) string {
	var b strings.Builder
	digits := false
	for _, r := range s {
		if unicode.IsDigit(r) {
			if !digits {
				b.WriteByte('#')
			}
			digits = true
			continue
		}
		digits = false
		b.WriteRune(r)
	}
	return b.String()
}

// printable returns at most shownText characters of s in which everything that
// could move a cursor or turn text around is a question mark.
func printable(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > shownText {
			b.WriteString("...")
			break
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
