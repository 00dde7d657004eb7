package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/store"
)

// Bounds of labels (SAFETY C3).
const (
	labelsPerDay = 20                  // by one person
	labelLasts   = 30 * 24 * time.Hour // unless told otherwise
	labelMost    = 365 * 24 * time.Hour
)

// What people say of cases.
const (
	LabelFalsePositive = "false-positive" // harmless, and so is the same again until it expires
	LabelClosed        = "closed"         // looked at and done with
)

// scope is what a false positive holds for: the same host and class, with no
// other evidence and no other messages than the case had that was called so.
type scope struct {
	Evidence  []string `json:"evidence"`
	Templates []string `json:"templates"`
}

func scopeOf(c *cases.Case) scope {
	var s scope
	for _, e := range c.Evidence {
		s.Evidence = append(s.Evidence, e.Kind.String()+":"+e.Signal)
	}
	for i := range c.Lines {
		s.Templates = append(s.Templates, c.Lines[i].Program+": "+c.Lines[i].Template)
	}
	for _, list := range []*[]string{&s.Evidence, &s.Templates} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return s
}

// holds says whether everything in the other is in this one.
func (s scope) holds(other scope) bool {
	within := func(all, some []string) bool {
		return !slices.ContainsFunc(some, func(x string) bool { _, ok := slices.BinarySearch(all, x); return !ok })
	}
	return within(s.Evidence, other.Evidence) && within(s.Templates, other.Templates)
}

// label is a stored one with its scope.
type label struct {
	store.Label
	scope scope
}

// text says who called it harmless until when.
func (l label) text() string {
	return fmt.Sprintf("called a false positive by %s (label %d) until %s", l.By, l.ID, l.Expires.UTC().Format("2006-01-02"))
}

// labels are the false positives that have not expired. They may be used by
// several goroutines at the same time.
type labels struct {
	// giving is held while a label is given or taken back, so that the number a day
	// holds for those who ask at the same time, and the newest are what is loaded.
	giving sync.Mutex

	mu  sync.Mutex
	all []label
}

// load reads them from the store.
func (ls *labels) load(ctx context.Context, s *store.Store, now time.Time) error {
	stored, err := s.Labels(ctx, now)
	if err != nil {
		return err
	}
	var all []label
	for _, l := range stored {
		if l.Kind != LabelFalsePositive {
			continue
		}
		made := label{Label: l}
		if err := json.Unmarshal([]byte(l.Scope), &made.scope); err != nil {
			return fmt.Errorf("label %d: %w", l.ID, err)
		}
		all = append(all, made)
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.all = all
	return nil
}

// match returns the label that calls a case harmless which was decided to be so grave
// before. Nothing calls High so, and nothing what tries to instruct its reader, or has
// more messages than lines that show them.
func (ls *labels) match(h *cases.HeldState, before event.Severity, now time.Time) (label, bool) {
	c := &h.Case
	if max(c.Floor, before) >= event.High || c.Instructs {
		return label{}, false
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if !slices.ContainsFunc(ls.all, func(l label) bool { return l.Asset == c.Asset && l.Class == c.Class }) {
		return label{}, false
	}
	own := scopeOf(c)
	if len(h.Messages) > len(own.Templates) {
		return label{}, false
	}
	for _, l := range ls.all {
		if now.Before(l.Expires) && l.Asset == c.Asset && l.Class == c.Class && l.scope.holds(own) {
			return l, true
		}
	}
	return label{}, false
}
