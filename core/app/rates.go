package app

import (
	"slices"
	"sync"
	"time"
)

// SourceRate is how much a source said lately.
type SourceRate struct {
	Rate  int `json:"rate"`  // lines a second, over the last minute
	Score int `json:"score"` // deviating ones of 1,000 lines, over the last 5 minutes
}

// How often and how long Rates remembers counts.
const (
	rateStep  = 5 * time.Second
	rateShort = time.Minute
	rateLong  = 5 * time.Minute
)

// Rates makes rates of the counts that a worker gives of its sources. Its zero
// value knows nothing yet. It may be used by several goroutines at the same time.
type Rates struct {
	mu  sync.Mutex
	all map[string][]rateSample // by source, the oldest first
}

// rateSample is what was counted at one time.
type rateSample struct {
	at               time.Time
	lines, deviating uint64
}

// Look takes in counts at a time, which must not go back. Sources that are not
// among them are forgotten.
func (r *Rates) Look(at time.Time, sources []SourceStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := make(map[string][]rateSample, len(sources))
	for _, src := range sources {
		next[src.Name] = looked(r.all[src.Name], rateSample{at, src.Count.Lines, src.Count.Forwarded + src.Count.Attached})
	}
	r.all = next
}

// looked adds a sample: the newest always stands, those before it are rateStep
// apart and reach back one step beyond rateLong.
func looked(all []rateSample, s rateSample) []rateSample {
	if n := len(all); n > 0 && (s.lines < all[n-1].lines || s.deviating < all[n-1].deviating || s.at.Before(all[n-1].at)) {
		all = nil // another state directory, or a clock that was set back
	}
	if n := len(all); n > 1 && all[n-1].at.Sub(all[n-2].at) < rateStep {
		all = all[:n-1]
	}
	for len(all) > 1 && s.at.Sub(all[1].at) >= rateLong {
		all = all[1:]
	}
	return append(slices.Clone(all), s)
}

// All returns the rates of all sources, counted over as long as is known.
func (r *Rates) All() map[string]SourceRate {
	r.mu.Lock()
	defer r.mu.Unlock()
	rates := make(map[string]SourceRate, len(r.all))
	for name, samples := range r.all {
		rates[name] = rateOf(samples)
	}
	return rates
}

func rateOf(samples []rateSample) (r SourceRate) {
	last := samples[len(samples)-1]
	from := samples[0]
	for _, s := range samples {
		if last.at.Sub(s.at) < rateShort {
			break
		}
		from = s
	}
	if took := last.at.Sub(from.at); took > 0 {
		r.Rate = int(float64(last.lines-from.lines)/took.Seconds() + 0.5)
	}
	if lines := last.lines - samples[0].lines; lines > 0 {
		r.Score = int(min(1000, (last.deviating-samples[0].deviating)*1000/lines))
	}
	return r
}
