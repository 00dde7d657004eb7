package eval

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
)

// window is the width of the windows of the window view.
const window = time.Minute

// StreamResult is how the decisions on the mixed stream score.
type StreamResult struct {
	Lines         int           `json:"test_lines"` // with context lines
	Score         StreamScore   `json:"score"`
	Trivial       []NamedStream `json:"trivial"`
	Missed        []Miss        `json:"missed,omitempty"`
	FalseForwards []Noise       `json:"false_forward_samples,omitempty"`
	FalseAttaches []Noise       `json:"false_attach_samples,omitempty"`
}

// NamedStream is the score of a predictor that needs no program.
type NamedStream struct {
	Name  string      `json:"name"`
	Score StreamScore `json:"score"`
}

// StreamScore holds the metrics of the mixed stream. Rates are per line; what
// is called per 1,000 elsewhere is a rate times 1,000.
type StreamScore struct {
	Instances    Recall        `json:"instances"`
	BySeverity   []NamedRecall `json:"by_severity"`
	ByClass      []NamedRecall `json:"by_class"`
	Forwards     Share         `json:"forwards"`       // of all test lines, context too: the chains for the model
	FalseForward Share         `json:"false_forwards"` // of benign lines
	FalseAttach  Share         `json:"false_attaches"` // of benign lines, into whatever case
	HardForward  Share         `json:"hard_negative_forwards"`
	HardAttach   Share         `json:"hard_negative_attaches"`
	OtherForward Share         `json:"other_benign_forwards"`
	Flags        Confusion     `json:"lines"`      // a flag is a forward
	Seen         Confusion     `json:"lines_seen"` // a forward or an attach that counts
	WindowFlags  Confusion     `json:"windows"`
	WindowSeen   Confusion     `json:"windows_seen"`
	Delay        Delay         `json:"delay_lines"` // lines of the instance before the first one seen
	Given        []Given       `json:"severity_given"`
}

// NamedRecall is the recall of one severity, class or scenario.
type NamedRecall struct {
	Name   string `json:"name"`
	Recall Recall `json:"recall"`
}

// Given counts, for the instances of one labelled severity, the highest severity
// that was given to a line of theirs that was seen.
type Given struct {
	Label    event.Severity `json:"label"`
	None     int            `json:"none"`
	Low      int            `json:"low"`
	Medium   int            `json:"medium"`
	High     int            `json:"high"`
	Critical int            `json:"critical"`
	Missed   int            `json:"missed"`
}

// Stream scores decide on the mixed stream under o.Dir. A *DataError says that
// the data is not what it should be, a *DecideError that there is nothing to score.
func Stream(ctx context.Context, o Options, decide Decide) (*StreamResult, error) {
	d, err := loadStream(filepath.Join(o.Dir, "stream"))
	if err != nil {
		return nil, err
	}
	events, err := open(d.path)
	if err != nil {
		return nil, err
	}
	defer events.close()
	v, err := decided(ctx, "stream", d.seqs, events, decide)
	if err != nil {
		return nil, err
	}

	r := &StreamResult{Score: scoreStream(d, v)}
	for _, l := range d.lines {
		if !l.warmup {
			r.Lines++
		}
	}
	r.Trivial = []NamedStream{
		{"flag all", scoreStream(d, slices.Repeat([]verdict{{forward: true}}, len(d.lines)))},
		{"flag none", scoreStream(d, make([]verdict, len(d.lines)))},
	}
	if o.Samples > 0 {
		r.explain(d, v, o.Samples)
	}
	return r, nil
}

// instance is one attack in the stream.
type instance struct {
	name     string
	class    string
	severity event.Severity
	first    int // index of its first line
	lines    int
	before   int // lines before the first one seen
	seen     bool
	given    event.Severity
}

// scoreStream goes through the stream once.
func scoreStream(d *streamData, v []verdict) StreamScore {
	var s StreamScore
	seen := seenLines(d, v)
	for i := range d.lines {
		l := &d.lines[i]
		if l.warmup {
			continue
		}
		s.Forwards.add(v[i].forward)
		if l.context {
			continue
		}
		s.Flags.add(v[i].forward, l.attack)
		s.Seen.add(seen[i], l.attack)
		if !l.attack {
			s.benign(l, v[i])
		}
	}
	s.WindowFlags = windows(d, func(i int) bool { return v[i].forward })
	s.WindowSeen = windows(d, func(i int) bool { return seen[i] })
	s.instances(instances(d, v, seen))
	return s
}

func (s *StreamScore) benign(l *streamLine, v verdict) {
	s.FalseForward.add(v.forward)
	s.FalseAttach.add(v.attach)
	if l.hard {
		s.HardForward.add(v.forward)
		s.HardAttach.add(v.attach)
	} else {
		s.OtherForward.add(v.forward)
	}
}

// seenLines says of each line whether it was forwarded, or attached within an
// hour of stream time after the last forward of its case. The warmup part is
// gone through as well: cases live on.
func seenLines(d *streamData, v []verdict) []bool {
	seen := make([]bool, len(v))
	last := map[string]time.Time{}
	for i, one := range v {
		at := d.lines[i].at
		if one.forward {
			seen[i] = true
			last[one.caseID] = at
		}
		if one.attach {
			forwarded, ok := last[one.caseID]
			seen[i] = ok && at.Sub(forwarded) <= attachSeen
		}
	}
	return seen
}

// instances gathers the attacks in the order of their first lines.
func instances(d *streamData, v []verdict, seen []bool) []*instance {
	var all []*instance
	byName := map[string]*instance{}
	for i := range d.lines {
		l := &d.lines[i]
		if !l.attack {
			continue
		}
		one, ok := byName[l.instance]
		if !ok {
			one = &instance{name: l.instance, class: l.class, first: i}
			byName[l.instance] = one
			all = append(all, one)
		}
		one.lines++
		one.severity = max(one.severity, l.severity)
		switch {
		case seen[i]:
			one.seen = true
			one.given = max(one.given, v[i].severity)
		case !one.seen:
			one.before++
		}
	}
	return all
}

func (s *StreamScore) instances(all []*instance) {
	hits := map[event.Severity][]bool{}
	classes := map[string][]bool{}
	var every []bool
	var before []float64
	given := map[event.Severity]*Given{}
	for _, one := range all {
		every = append(every, one.seen)
		hits[one.severity] = append(hits[one.severity], one.seen)
		classes[one.class] = append(classes[one.class], one.seen)
		if given[one.severity] == nil {
			given[one.severity] = &Given{Label: one.severity}
		}
		given[one.severity].add(one)
		if one.seen {
			before = append(before, float64(one.before))
		}
	}
	s.Instances = newRecall(every)
	s.Delay = newDelay(before)
	s.BySeverity = bySeverity(hits)
	for _, level := range levels {
		if given[level] != nil {
			s.Given = append(s.Given, *given[level])
		}
	}
	s.ByClass = byName(classes)
}

func (g *Given) add(one *instance) {
	if !one.seen {
		g.Missed++
		return
	}
	switch one.given {
	case event.None:
		g.None++
	case event.Low:
		g.Low++
	case event.Medium:
		g.Medium++
	case event.High:
		g.High++
	case event.Critical:
		g.Critical++
	}
}

// levels are the severities from the worst down.
var levels = [...]event.Severity{event.Critical, event.High, event.Medium, event.Low, event.None}

// bySeverity returns the recall of each severity that occurs, the worst first.
func bySeverity(hits map[event.Severity][]bool) []NamedRecall {
	var all []NamedRecall
	for _, level := range levels {
		if h := hits[level]; len(h) > 0 {
			all = append(all, NamedRecall{level.String(), newRecall(h)})
		}
	}
	return all
}

// byName returns the recall of each name, in the order of the names.
func byName(hits map[string][]bool) []NamedRecall {
	var all []NamedRecall
	for name, h := range hits {
		all = append(all, NamedRecall{name, newRecall(h)})
	}
	slices.SortFunc(all, func(a, b NamedRecall) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// windows compares tumbling windows: one is positive if it holds an attack line,
// and flagged if it holds a flagged line. Only windows with scored lines count.
func windows(d *streamData, flagged func(i int) bool) Confusion {
	type state struct{ attack, flagged bool }
	all := map[int64]state{}
	for i := range d.lines {
		l := &d.lines[i]
		if !l.scored() {
			continue
		}
		key := l.at.Unix() / int64(window.Seconds())
		w := all[key]
		all[key] = state{w.attack || l.attack, w.flagged || flagged(i)}
	}
	var c Confusion
	for _, w := range all {
		c.add(w.flagged, w.attack)
	}
	return c
}
