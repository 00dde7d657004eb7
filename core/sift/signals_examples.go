package sift

import "penstock/core/event"

// ExampleFailure is an example that did not do what its entry says.
type ExampleFailure struct {
	Signal  string
	Text    string
	Counter bool     // it matched, and must not; else it did not match, and must
	Matched []string // ids of what it did match
}

// TestExamples runs the examples of every entry. Decode turns a line into an
// event, which need not stay valid beyond the next call. It returns how many
// examples were run, and those that failed.
func (s *Signals) TestExamples(decode func(line string) *event.Event) (run int, failures []ExampleFailure) {
	var hits []*Signal
	for i := range s.entries {
		e := &s.entries[i]
		for k, examples := range [2][]Example{e.Examples, e.Counter} {
			for _, example := range examples {
				run++
				hits = s.matchAll(example.event(decode), hits[:0])
				if matched := ids(hits); hasID(hits, e.ID) != (k == 0) {
					failures = append(failures, ExampleFailure{Signal: e.ID, Text: example.Text(), Counter: k == 1, Matched: matched})
				}
			}
		}
	}
	return run, failures
}

func (e *Example) event(decode func(line string) *event.Event) *event.Event {
	ev := &event.Event{Level: event.LevelUnknown}
	if e.Line != "" {
		ev = decode(e.Line)
	}
	if e.Name != "" {
		ev.Name = e.Name
	}
	if e.Program != "" {
		ev.Program = e.Program
	}
	for key, value := range e.Fields {
		ev.Set(key, value, event.Claimed)
	}
	return ev
}

func ids(hits []*Signal) []string {
	list := make([]string, len(hits))
	for i, h := range hits {
		list[i] = h.ID
	}
	return list
}

func hasID(hits []*Signal, id string) bool {
	for _, h := range hits {
		if h.ID == id {
			return true
		}
	}
	return false
}
