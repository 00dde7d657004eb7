package cases

import (
	"cmp"
	"encoding"
	"fmt"
	"slices"
	"time"

	"penstock/core/event"
)

// State is everything a Book holds, in a form that encoding/gob can carry.
type State struct {
	Counter uint64
	Newest  time.Time
	Open    []HeldState
	Closed  []HeldState
	Dropped []uint64
}

// HeldState is one case of a State.
type HeldState struct {
	Case               Case
	Number             uint64
	Asset, Kind, Value string
	Source             string
	Messages           []Message
	AtForward          int
	Hour               time.Time
	Forwards           int
	Owed               bool
	LineGrades         []event.Severity
	Dormant            bool // a closed one that more of the same opens again
	Joined             []JoinedState
	Metric             time.Time
}

// JoinedState is a further place that a case took in.
type JoinedState struct{ Asset, Kind, Value string }

// State returns a copy of everything the Book holds.
func (b *Book) State() State {
	s := State{Counter: b.counter, Newest: b.newest, Dropped: slices.Clone(b.dropped[:])}
	for _, h := range b.open {
		s.Open = append(s.Open, h.state(false))
	}
	slices.SortFunc(s.Open, func(x, y HeldState) int { return cmp.Compare(x.Number, y.Number) })
	for _, h := range b.closed {
		s.Closed = append(s.Closed, h.state(b.dormant[h.Place] == h))
	}
	return s
}

func (h *held) state(dormant bool) HeldState {
	s := HeldState{
		Case: h.copy(), Number: h.Number, Asset: h.Place.Asset, Kind: h.Place.Kind, Value: h.Place.Value, Source: h.Source,
		AtForward: h.AtForward, Hour: h.Hour, Forwards: h.Forwards, Owed: h.Owed, LineGrades: slices.Clone(h.LineGrades),
		Dormant: dormant, Metric: h.Metric,
	}
	for _, p := range h.Joined {
		s.Joined = append(s.Joined, JoinedState(p))
	}
	for m := range h.Messages {
		s.Messages = append(s.Messages, m)
	}
	return s
}

// Load replaces everything the Book holds. After an error the book is of no more
// use.
func (b *Book) Load(s State) error {
	b.counter, b.newest = s.Counter, s.Newest
	b.open, b.byID, b.dormant, b.closed = map[place]*held{}, map[string]*held{}, map[place]*held{}, nil
	b.joined = map[place]*held{}
	clear(b.changed)
	copy(b.dropped[:], s.Dropped)
	for _, o := range s.Open {
		h, err := o.held()
		if err != nil {
			return err
		}
		b.open[h.Place], b.byID[h.ID] = h, h
		for _, p := range h.Joined {
			b.joined[p] = h
		}
	}
	for _, o := range s.Closed {
		h, err := o.held()
		if err != nil {
			return err
		}
		b.closed = append(b.closed, h)
		b.byID[h.ID] = h
		if o.Dormant {
			b.dormant[h.Place] = h
		}
	}
	return nil
}

func (s *HeldState) held() (*held, error) {
	if len(s.LineGrades) != len(s.Case.Lines) || len(s.Case.Lines) > MaxLines {
		return nil, fmt.Errorf("case %s of the snapshot: %d lines, %d grades", s.Case.ID, len(s.Case.Lines), len(s.LineGrades))
	}
	if err := s.Case.check(); err != nil {
		return nil, fmt.Errorf("case %s of the snapshot: %w", s.Case.ID, err)
	}
	h := &held{
		Case: s.Case, Number: s.Number, Place: place{s.Asset, s.Kind, s.Value}, Source: s.Source, Messages: make(map[Message]bool, len(s.Messages)),
		AtForward: s.AtForward, Hour: s.Hour, Forwards: s.Forwards, Owed: s.Owed, LineGrades: s.LineGrades,
	}
	h.Metric = s.Metric
	for _, p := range s.Joined[:min(len(s.Joined), maxJoined)] {
		h.Joined = append(h.Joined, place(p))
	}
	for _, m := range s.Messages {
		h.Messages[m] = true
	}
	return h, nil
}

// check refuses values that no list of words holds, which only a state file that
// was tampered with can bring.
func (c *Case) check() error {
	words := []encoding.TextMarshaler{c.Zone, c.Class, c.Floor}
	evidence := c.Evidence
	for i := range c.Lines {
		words = append(words, c.Lines[i].Trust)
		evidence = append(slices.Clip(evidence), c.Lines[i].Evidence...)
	}
	for _, e := range evidence {
		if e.Kind.String() == "invalid" {
			return fmt.Errorf("%d is not a kind of evidence", e.Kind)
		}
		words = append(words, e.Class, e.Severity, e.Origin)
	}
	for _, w := range words {
		if _, err := w.MarshalText(); err != nil {
			return err
		}
	}
	if c.Status > Closed {
		return fmt.Errorf("%d is not a status", c.Status)
	}
	return nil
}
