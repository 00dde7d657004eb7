package cases

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"penstock/core/event"
)

// State is everything a Book holds, in a form that encoding/gob can carry.
type State struct {
	Counter uint64
	Given   uint64
	Open    []OpenState
	Closed  []Case
}

// OpenState is one open case of a State.
type OpenState struct {
	Case               Case
	Number             uint64
	Asset, Kind, Value string
	Messages           []Message
	AtForward          int
	Hour               time.Time
	Forwards           int
	LineGrades         []event.Severity
}

// State returns a copy of everything the Book holds.
func (b *Book) State() State {
	s := State{Counter: b.counter, Given: b.given}
	for _, h := range b.open {
		o := OpenState{
			Case: h.copy(), Number: h.Number, Asset: h.Place.Asset, Kind: h.Place.Kind, Value: h.Place.Value,
			AtForward: h.AtForward, Hour: h.Hour, Forwards: h.Forwards, LineGrades: slices.Clone(h.LineGrades),
		}
		for m := range h.Messages {
			o.Messages = append(o.Messages, m)
		}
		s.Open = append(s.Open, o)
	}
	slices.SortFunc(s.Open, func(x, y OpenState) int {
		return cmp.Compare(x.Number, y.Number)
	})
	for _, c := range b.closed {
		s.Closed = append(s.Closed, c.copy())
	}
	return s
}

// Load replaces everything the Book holds.
func (b *Book) Load(s State) error {
	b.counter, b.given = s.Counter, s.Given
	b.open, b.byID, b.closed = map[place]*held{}, map[string]*held{}, nil
	for _, o := range s.Open {
		if len(o.LineGrades) != len(o.Case.Lines) || len(o.Case.Lines) > MaxLines {
			return fmt.Errorf("case %s of the snapshot: %d lines, %d grades", o.Case.ID, len(o.Case.Lines), len(o.LineGrades))
		}
		h := &held{
			Case: o.Case, Number: o.Number, Place: place{o.Asset, o.Kind, o.Value}, Messages: make(map[Message]bool, len(o.Messages)),
			AtForward: o.AtForward, Hour: o.Hour, Forwards: o.Forwards, LineGrades: o.LineGrades,
		}
		for _, m := range o.Messages {
			h.Messages[m] = true
		}
		b.open[h.Place], b.byID[h.ID] = h, h
	}
	for i := range s.Closed {
		b.closed = append(b.closed, &s.Closed[i])
	}
	return nil
}
