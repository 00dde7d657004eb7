package cases

import (
	"cmp"
	"slices"
	"time"

	"penstock/core/event"
)

// Change is a case that is not as it was when TakeChanges was called before.
type Change struct {
	Held HeldState
	// Due says that the case has a revision that nobody has looked at: it came
	// forward or was closed.
	Due bool
}

// Track makes the Book remember what changes, for TakeChanges.
func (b *Book) Track() { b.changed = map[*held]bool{} }

// note marks a case as changed, and as due where it is.
func (b *Book) note(h *held, due bool) {
	if b.changed != nil {
		b.changed[h] = b.changed[h] || due
	}
}

// TakeChanges returns every case that changed since it was called before, those
// that were opened first before later ones.
func (b *Book) TakeChanges() []Change {
	if len(b.changed) == 0 {
		return nil
	}
	all := make([]Change, 0, len(b.changed))
	for h, due := range b.changed {
		all = append(all, Change{Held: h.state(b.dormant[h.Place] == h), Due: due})
	}
	clear(b.changed)
	slices.SortFunc(all, func(x, y Change) int { return cmp.Compare(x.Held.Number, y.Held.Number) })
	return all
}

// Changed returns how many cases changed since TakeChanges, and whether one of
// them is due.
func (b *Book) Changed() (n int, due bool) {
	for _, is := range b.changed {
		due = due || is
	}
	return len(b.changed), due
}

// CloseQuiet closes every case that is quiet for too long at that time. Without
// it a case closes only when another event of its place, or want of room, looks
// at it.
func (b *Book) CloseQuiet(now time.Time) {
	var quiet []*held
	for _, h := range b.open {
		if b.isQuiet(h, now) {
			quiet = append(quiet, h)
		}
	}
	slices.SortFunc(quiet, func(x, y *held) int { return cmp.Compare(x.Number, y.Number) })
	for _, h := range quiet {
		b.end(h)
	}
}

// Close closes the case with that id, whatever its severity, and says whether
// it was open.
func (b *Book) Close(id string) bool {
	h := b.byID[id]
	if h == nil || h.Status == Closed {
		return false
	}
	b.end(h)
	return true
}

// Raise says that an open case was decided to be graver than its floor: what is so
// at High or above stays open until Close. It holds while the case is open, is no
// part of a State, and is no change of the case.
func (b *Book) Raise(id string, severity event.Severity) {
	if h := b.byID[id]; h != nil && h.Status != Closed {
		h.Raised = max(h.Raised, severity)
	}
}

// severity is the floor, or what Raise put the case at.
func (h *held) severity() event.Severity { return max(h.Floor, h.Raised) }

// Open returns how many cases are open, by severity.
func (b *Book) Open() (bySeverity [numGrades]int) {
	for _, h := range b.open {
		bySeverity[min(h.severity(), event.Critical)]++
	}
	return bySeverity
}

// Head returns what a State holds beside its cases.
func (b *Book) Head() State {
	return State{Counter: b.counter, Newest: b.newest, Dropped: slices.Clone(b.dropped[:])}
}
