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

// Noise is a group of false alarms that look alike: of the same source, class
// and reasons, digits aside, and in the stream of the same host, among alerts of
// the same name.
type Noise struct {
	Count    int       `json:"count"`
	Class    string    `json:"class,omitempty"`
	Reasons  string    `json:"reasons,omitempty"`
	Examples []Example `json:"examples"`
}

// Example is one line of the data. Its text is cut, and what a terminal would
// not print is replaced.
type Example struct {
	Scenario string `json:"scenario,omitempty"`
	Seq      uint64 `json:"seq"`
	Host     string `json:"host"`
	Source   string `json:"source"`
	Text     string `json:"text"`
}

// explain fills in what was missed and what was flagged wrongly.
func (r *StreamResult) explain(d *streamData, v []verdict, samples int) {
	example := func(i int) Example {
		l := &d.lines[i]
		return Example{Seq: d.seqs[i], Host: printable(l.host), Source: printable(l.source), Text: printable(l.text)}
	}
	for _, one := range instances(d, v, seenLines(d, v)) {
		if !one.seen {
			r.Missed = append(r.Missed, Miss{one.name, one.class, one.severity, one.lines, example(one.first)})
		}
	}
	slices.SortStableFunc(r.Missed, func(a, b Miss) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Class, b.Class))
	})
	forwards, attaches := noise{}, noise{}
	for i := range d.lines {
		if l := &d.lines[i]; l.scored() && !l.attack {
			forwards.add(v[i].forward, l.host, v[i], example(i))
			attaches.add(v[i].attach, l.host, v[i], example(i))
		}
	}
	r.FalseForwards, r.FalseAttaches = forwards.top(samples), attaches.top(samples)
}

// noise gathers false alarms by what they have in common.
type noise map[string]*Noise

// add counts an event if it is a false alarm; common is what the events of a
// group share beside source, class and reasons.
func (n noise) add(wrong bool, common string, v verdict, e Example) {
	if !wrong {
		return
	}
	reasons := printable(v.reasons)
	key := strings.Join([]string{common, e.Source, v.class, withoutDigits(reasons)}, "\x00")
	group := n[key]
	if group == nil {
		group = &Noise{Class: printable(v.class), Reasons: reasons}
		n[key] = group
	}
	group.Count++
	if len(group.Examples) < shownExamples {
		group.Examples = append(group.Examples, e)
	}
}

// top returns the most frequent groups.
func (n noise) top(samples int) []Noise {
	all := make([]Noise, 0, len(n))
	for _, group := range n {
		all = append(all, *group)
	}
	slices.SortFunc(all, func(a, b Noise) int {
		x, y := a.Examples[0], b.Examples[0]
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(x.Scenario, y.Scenario), cmp.Compare(x.Seq, y.Seq))
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
