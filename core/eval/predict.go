package eval

import (
	"slices"
	"time"
)

// predictor is a decision rule of one line. Whatever the program under test
// does, it has to beat these.
type predictor struct {
	name   string
	decide func(s *scenario) []verdict
}

// trivialPredictors returns those that every table of alerts shows.
func trivialPredictors() []predictor {
	return []predictor{
		{"flag all", func(s *scenario) []verdict { return slices.Repeat([]verdict{{forward: true}}, len(s.alerts)) }},
		{"flag none", func(s *scenario) []verdict { return make([]verdict, len(s.alerts)) }},
		{"detector + name, never", func(s *scenario) []verdict { return edge(s, s.kind, 0) }},
		{"detector + name, 1 h", func(s *scenario) []verdict { return edge(s, s.kind, time.Hour) }},
		{"detector + name + host, never", func(s *scenario) []verdict { return edge(s, s.kindAndHost, 0) }},
		{"detector + name + host, 24 h", func(s *scenario) []verdict { return edge(s, s.kindAndHost, 24*time.Hour) }},
		{"detector + name + host, 1 h", func(s *scenario) []verdict { return edge(s, s.kindAndHost, time.Hour) }},
		{"detector + name + host, 5 min", func(s *scenario) []verdict { return edge(s, s.kindAndHost, 5*time.Minute) }},
	}
}

func (s *scenario) kind(i int) any {
	return [2]string{s.alerts[i].detector, s.alerts[i].name}
}

func (s *scenario) kindAndHost(i int) any {
	a := &s.alerts[i]
	return [3]string{a.detector, a.name, a.host}
}

// edge forwards the first alert of each key, and again when the last forward of
// the key is as long ago as repeat says; 0 is never.
func edge(s *scenario, key func(i int) any, repeat time.Duration) []verdict {
	v := make([]verdict, len(s.alerts))
	last := map[any]int64{}
	for i := range s.alerts {
		k, at := key(i), s.alerts[i].at
		forwarded, ok := last[k]
		if ok && (repeat == 0 || at-forwarded < int64(repeat.Seconds())) {
			continue
		}
		v[i].forward = true
		last[k] = at
	}
	return v
}
