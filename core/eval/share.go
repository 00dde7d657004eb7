package eval

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
)

// resamples is how often a bootstrap draws. Its seed is fixed, so that the same
// decisions have the same interval.
const resamples = 2000

// Share is a rate that never stands without its counts.
type Share struct {
	Count, Of int
}

// Rate returns the share from 0 to 1, or NaN when there is nothing to share.
func (s Share) Rate() float64 { return float64(s.Count) / float64(s.Of) }

// MarshalJSON writes count, of and rate; the rate of nothing is null.
func (s Share) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Count int     `json:"count"`
		Of    int     `json:"of"`
		Rate  *number `json:"rate"`
	}{s.Count, s.Of, rounded(s.Rate())})
}

func (s *Share) add(hit bool) {
	s.Of++
	if hit {
		s.Count++
	}
}

func (s Share) plus(o Share) Share { return Share{s.Count + o.Count, s.Of + o.Of} }

// Interval is the middle 95 % of a bootstrap over attack instances. Where all
// or none were seen it has no width: read the counts.
type Interval struct {
	Low  number `json:"low"`
	High number `json:"high"`
}

// Recall is the share of the attack instances that were seen.
type Recall struct {
	Share    Share    `json:"share"`
	Interval Interval `json:"interval95"`
}

func newRecall(hits []bool) Recall {
	var s Share
	for _, hit := range hits {
		s.add(hit)
	}
	return Recall{Share: s, Interval: bootstrap(hits)}
}

func bootstrap(hits []bool) Interval {
	if len(hits) == 0 {
		return Interval{}
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // G404: an interval must be the same each time, not secret
	rates := make([]float64, resamples)
	for i := range rates {
		var s Share
		for range hits {
			s.add(hits[random.IntN(len(hits))])
		}
		rates[i] = s.Rate()
	}
	slices.Sort(rates)
	return Interval{Low: number(rates[resamples/40]), High: number(rates[resamples-1-resamples/40])}
}

// Confusion counts decisions against labels.
type Confusion struct {
	TP, FP, FN, TN int
}

func (c *Confusion) add(flagged, attack bool) {
	switch {
	case flagged && attack:
		c.TP++
	case flagged:
		c.FP++
	case attack:
		c.FN++
	default:
		c.TN++
	}
}

func (c Confusion) plus(o Confusion) Confusion {
	return Confusion{c.TP + o.TP, c.FP + o.FP, c.FN + o.FN, c.TN + o.TN}
}

// Precision returns the share of the flagged that were attacks, NaN without flags.
func (c Confusion) Precision() float64 { return Share{c.TP, c.TP + c.FP}.Rate() }

// Recall returns the share of the attacks that were flagged, NaN without attacks.
func (c Confusion) Recall() float64 { return Share{c.TP, c.TP + c.FN}.Rate() }

// F1 returns the harmonic mean of precision and recall, 0 without true positives.
func (c Confusion) F1() float64 { return Matched{c.TP, c.TP + c.FP, c.TP + c.FN}.F1() }

// MarshalJSON writes the four counts and the rates.
func (c Confusion) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		TP        int     `json:"tp"`
		FP        int     `json:"fp"`
		FN        int     `json:"fn"`
		TN        int     `json:"tn"`
		Precision *number `json:"precision"`
		Recall    *number `json:"recall"`
		F1        *number `json:"f1"`
	}{c.TP, c.FP, c.FN, c.TN, rounded(c.Precision()), rounded(c.Recall()), rounded(c.F1())})
}

// Matched compares two sets: how many of the predicted are among the true.
type Matched struct {
	Correct, Predicted, True int
}

// F1 returns the harmonic mean of correct/predicted and correct/true, NaN when both sets are empty.
func (m Matched) F1() float64 { return 2 * float64(m.Correct) / float64(m.Predicted+m.True) }

// MarshalJSON writes the three counts and F1.
func (m Matched) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Correct   int     `json:"correct"`
		Predicted int     `json:"predicted"`
		True      int     `json:"true"`
		F1        *number `json:"f1"`
	}{m.Correct, m.Predicted, m.True, rounded(m.F1())})
}

// Delay says how long attack instances went on before they were seen, over
// those that were seen at all.
type Delay struct {
	Seen   int    `json:"seen"`
	Median number `json:"median"`
	Worst  number `json:"worst"`
}

func newDelay(values []float64) Delay {
	if len(values) == 0 {
		return Delay{}
	}
	slices.Sort(values)
	return Delay{
		Seen:   len(values),
		Median: number(median(values)),
		Worst:  number(values[len(values)-1]),
	}
}

// median returns the middle of sorted values, of which there is at least one.
func median(sorted []float64) float64 {
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// number is written to JSON with at most six decimals.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	return json.Marshal(math.Round(float64(n)*1e6) / 1e6)
}

func rounded(f float64) *number {
	if math.IsNaN(f) {
		return nil
	}
	n := number(f)
	return &n
}
