package eval

import (
	"math"
	"slices"

	"penstock/core/event"
)

// numLevels is how many severities there are, None included.
const numLevels = int(event.Critical) + 1

// rated is one event with its label and the severity that it was given.
type rated struct {
	label event.Severity
	also  event.Severity // also acceptable; the label where nothing else is
	given event.Severity
}

// RatingScore compares severities that were given with labelled ones.
type RatingScore struct {
	Name           string    `json:"name"`
	Right          Recall    `json:"right"`   // the interval is over events
	Lenient        *Share    `json:"lenient"` // with what is also acceptable; nil where the data has no such thing
	MacroF1        *number   `json:"macro_f1"`
	Kappa          *number   `json:"kappa"`           // quadratic weights; nil where it is not defined
	Under          Recall    `json:"under_triage"`    // of High and Critical: put at Medium or lower
	CriticalMissed Share     `json:"critical_missed"` // of Critical: put at Low or none
	Over           Share     `json:"over_triage"`     // of none and Low: put at High or Critical
	Matrix         Confusing `json:"matrix"`
}

// Confusing counts events by labelled severity, then by the one given, from none
// to Critical.
type Confusing [numLevels][numLevels]int

func scoreRating(name string, all []rated) RatingScore {
	s := RatingScore{Name: name}
	var right, under []bool
	var lenient Share
	alternatives := false
	for _, r := range all {
		s.Matrix[r.label][r.given]++
		right = append(right, r.given == r.label)
		lenient.add(r.given == r.label || r.given == r.also)
		alternatives = alternatives || r.also != r.label
		if r.label >= event.High {
			under = append(under, r.given <= event.Medium)
		}
		if r.label == event.Critical {
			s.CriticalMissed.add(r.given <= event.Low)
		}
		if r.label <= event.Low {
			s.Over.add(r.given >= event.High)
		}
	}
	s.Right, s.Under = newRecall(right), newRecall(under)
	if alternatives {
		s.Lenient = &lenient
	}
	s.MacroF1, s.Kappa = rounded(s.Matrix.macroF1()), rounded(s.Matrix.kappa())
	return s
}

// macroF1 is the mean of F1 over the severities that are labelled, NaN without any.
func (c *Confusing) macroF1() float64 {
	sum, classes := 0.0, 0
	for level := range c {
		labelled, given := c.sums(level)
		if labelled == 0 {
			continue
		}
		classes++
		sum += Matched{Correct: c[level][level], Predicted: given, True: labelled}.F1()
	}
	return sum / float64(classes)
}

// kappa is Cohen's, with the square of the distance as weight: 1 is agreement, 0
// what chance would give. It is NaN where all labels and all answers are one.
func (c *Confusing) kappa() float64 {
	var observed, expected, events float64
	for label := range c {
		n, _ := c.sums(label)
		events += float64(n)
	}
	for label := range c {
		for given := range c {
			labelled, _ := c.sums(label)
			_, answered := c.sums(given)
			weight := float64((label - given) * (label - given))
			observed += weight * float64(c[label][given])
			expected += weight * float64(labelled) * float64(answered) / events
		}
	}
	if expected == 0 {
		return math.NaN()
	}
	return 1 - observed/expected
}

// sums returns how many events are labelled, and how many given, that severity.
func (c *Confusing) sums(level int) (labelled, given int) {
	for other := range c {
		labelled += c[level][other]
		given += c[other][level]
	}
	return labelled, given
}

// majority returns the most frequent label, the lower of two.
func (c *Confusing) majority() event.Severity {
	best, most := event.None, -1
	for level := event.None; level <= event.Critical; level++ {
		if n, _ := c.sums(int(level)); n > most {
			best, most = level, n
		}
	}
	return best
}

// Spread is the median of several runs and the lowest and highest of them.
type Spread struct {
	Median number `json:"median"`
	Low    number `json:"low"`
	High   number `json:"high"`
}

// newSpread returns nil where a run has no such value or there is no run.
func newSpread(values ...*number) *Spread {
	var all []float64
	for _, v := range values {
		if v == nil {
			return nil
		}
		all = append(all, float64(*v))
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return &Spread{Median: number(median(all)), Low: number(all[0]), High: number(all[len(all)-1])}
}

// RatingSpread is RatingScore over several runs.
type RatingSpread struct {
	Name           string  `json:"name"`
	Right          *Spread `json:"right"`
	Lenient        *Spread `json:"lenient"`
	MacroF1        *Spread `json:"macro_f1"`
	Kappa          *Spread `json:"kappa"`
	Under          *Spread `json:"under_triage"`
	CriticalMissed *Spread `json:"critical_missed"`
	Over           *Spread `json:"over_triage"`
}

func newRatingSpread(name string, runs []RatingScore) RatingSpread {
	over := func(value func(s RatingScore) *number) *Spread {
		var values []*number
		for _, s := range runs {
			values = append(values, value(s))
		}
		return newSpread(values...)
	}
	return RatingSpread{
		Name:  name,
		Right: over(func(s RatingScore) *number { return rounded(s.Right.Share.Rate()) }),
		Lenient: over(func(s RatingScore) *number {
			if s.Lenient == nil {
				return nil
			}
			return rounded(s.Lenient.Rate())
		}),
		MacroF1:        over(func(s RatingScore) *number { return s.MacroF1 }),
		Kappa:          over(func(s RatingScore) *number { return s.Kappa }),
		Under:          over(func(s RatingScore) *number { return rounded(s.Under.Share.Rate()) }),
		CriticalMissed: over(func(s RatingScore) *number { return rounded(s.CriticalMissed.Rate()) }),
		Over:           over(func(s RatingScore) *number { return rounded(s.Over.Rate()) }),
	}
}
