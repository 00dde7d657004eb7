package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
)

// body is the part of a case that is large and seldom changes.
type body struct {
	Lines    []cases.Line
	Grades   []event.Severity
	Messages []cases.Message
}

// saveCases stores the cases as they stand. A case that closes takes its place
// behind those that closed before.
func (t *tx) saveCases(all []cases.HeldState) error {
	if err := t.step("cases"); err != nil {
		return err
	}
	for i := range all {
		if err := t.saveCase(&all[i]); err != nil {
			return fmt.Errorf("case %s: %w", all[i].Case.ID, err)
		}
	}
	return nil
}

func (t *tx) saveCase(h *cases.HeldState) error {
	head := *h
	b := body{Lines: h.Case.Lines, Grades: h.LineGrades, Messages: slices.Clone(h.Messages)}
	slices.SortFunc(b.Messages, func(x, y cases.Message) int { // they come out of a map
		return cmp.Or(cmp.Compare(x.Program, y.Program), cmp.Compare(x.Template, y.Template))
	})
	head.Case.Lines, head.LineGrades, head.Messages = nil, nil, nil
	headBlob, _, err := t.s.heads.pack(&t.s.blobs, &head)
	if err != nil {
		return err
	}
	bodyBlob, plain, err := t.s.bodies.pack(&t.s.blobs, &b)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(plain)
	sum := int64(binary.LittleEndian.Uint64(digest[:]))
	before, err := t.saveHead(h, headBlob, sum)
	if err != nil || before == sum {
		return err
	}
	return t.exec(`INSERT INTO case_bodies (number, body) VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET body = excluded.body`,
		int64(h.Number), bodyBlob)
}

// saveHead stores all of a case but its body and returns the sum of the body that is
// stored, 0 for none.
func (t *tx) saveHead(h *cases.HeldState, head []byte, sum int64) (before int64, err error) {
	c := &h.Case
	var id string
	var floorBefore, endedBefore int64
	err = t.get(`SELECT id, floor, ended, sum FROM cases WHERE number = ?`, []any{int64(h.Number)}, &id, &floorBefore, &endedBefore, &before)
	isNew := errors.Is(err, sql.ErrNoRows)
	if err != nil && !isNew {
		return 0, err
	}
	ended, err := t.endedOf(h, endedBefore)
	if err != nil {
		return 0, err
	}
	saved := t.s.now().UnixMilli()
	if isNew {
		return 0, t.exec(`INSERT INTO cases (number, id, revision, status, floor, confirmed, class, zone, asset, source, opened, updated,
			events, ended, saved, sum, head) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			int64(h.Number), c.ID, c.Revision, c.Status.String(), int(c.Floor), c.Confirmed, c.Class.String(), c.Zone.String(), c.Asset,
			h.Source, millis(c.Opened), millis(c.Updated), c.Events, ended, saved, sum, head)
	}
	if id != c.ID {
		return 0, fmt.Errorf("its number %d is that of case %s", h.Number, id)
	}
	err = t.exec(`UPDATE cases SET revision = ?, status = ?, confirmed = ?, class = ?, zone = ?, asset = ?, updated = ?, events = ?,
		saved = ?, sum = ?, head = ? WHERE number = ?`, c.Revision, c.Status.String(), c.Confirmed, c.Class.String(), c.Zone.String(),
		c.Asset, millis(c.Updated), c.Events, saved, sum, head, int64(h.Number))
	if err != nil || int64(c.Floor) == floorBefore && ended == endedBefore {
		return before, err
	}
	// Each has an index, whose page SQLite writes also for the same value.
	return before, t.exec(`UPDATE cases SET floor = ?, ended = ? WHERE number = ?`, int(c.Floor), ended, int64(h.Number))
}

// endedOf returns the place of the case among the closed ones, 0 while it is open.
func (t *tx) endedOf(h *cases.HeldState, before int64) (ended int64, err error) {
	switch {
	case h.Case.Status != cases.Closed:
		return 0, nil
	case before > 0:
		return before, nil
	}
	err = t.get(`SELECT coalesce(max(ended), 0) + 1 FROM cases`, nil, &ended)
	return ended, err
}

// heldColumns are what scanHeld wants.
const heldColumns = `SELECT c.id, c.head, b.body FROM cases c JOIN case_bodies b ON b.number = c.number`

// scanHeld reads one case.
func (s *Store) scanHeld(scan func(...any) error) (cases.HeldState, error) {
	var id string
	var headBlob, bodyBlob []byte
	if err := scan(&id, &headBlob, &bodyBlob); err != nil {
		return cases.HeldState{}, err
	}
	var h cases.HeldState
	var b body
	err := s.heads.unpack(&s.blobs, s.preludes, headBlob, &h)
	if err == nil {
		err = s.bodies.unpack(&s.blobs, s.preludes, bodyBlob, &b)
	}
	if err != nil {
		return h, broken("case "+id, err)
	}
	h.Case.Lines, h.LineGrades, h.Messages = b.Lines, b.Grades, b.Messages
	return h, nil
}

// Case returns the case with that id, and whether there is one.
func (s *Store) Case(ctx context.Context, id string) (h cases.HeldState, found bool, err error) {
	err = s.read(ctx, func(scan func(...any) error) error {
		found = true
		h, err = s.scanHeld(scan)
		return err
	}, heldColumns+` WHERE c.id = ?`, id)
	if err != nil {
		return h, false, fmt.Errorf("read case %s: %w", id, err)
	}
	return h, found, nil
}

// Filter chooses cases.
type Filter struct {
	OpenOnly bool
	Limit    int // 0 is 1000
	MinFloor event.Severity
}

// CaseRow is the summary of a case.
type CaseRow struct {
	ID              string
	Revision        int
	Status          cases.Status
	Floor           event.Severity
	Confirmed       bool
	Class           event.Class
	Zone            event.Zone
	Asset, Source   string
	Opened, Updated time.Time // of its first and last event
	Events          int
}

// Cases returns the summaries of stored cases, the gravest first, among those of
// one severity those that were opened last first.
func (s *Store) Cases(ctx context.Context, f Filter) ([]CaseRow, error) {
	where := `INDEXED BY cases_floor WHERE floor >= ?`
	if f.OpenOnly {
		where = `INDEXED BY cases_ended WHERE ended = 0 AND floor >= ?`
	}
	var all []CaseRow
	err := s.read(ctx, func(scan func(...any) error) error {
		row, err := scanCaseRow(scan)
		all = append(all, row)
		return err
	}, `SELECT id, revision, status, floor, confirmed, class, zone, asset, source, opened, updated, events FROM cases `+where+
		` ORDER BY floor DESC, number DESC LIMIT ?`, int(f.MinFloor), cmp.Or(f.Limit, 1000))
	if err != nil {
		return nil, fmt.Errorf("read the cases: %w", err)
	}
	return all, nil
}

func scanCaseRow(scan func(...any) error) (CaseRow, error) {
	var row CaseRow
	var status, class, zone string
	var opened, updated int64
	err := scan(&row.ID, &row.Revision, &status, &row.Floor, &row.Confirmed, &class, &zone, &row.Asset, &row.Source,
		&opened, &updated, &row.Events)
	if err != nil {
		return row, err
	}
	row.Opened, row.Updated = fromMillis(opened), fromMillis(updated)
	err = errors.Join(setWord(&row.Status, status), row.Class.UnmarshalText([]byte(class)), row.Zone.UnmarshalText([]byte(zone)))
	if err != nil {
		return row, broken("case "+row.ID, err)
	}
	return row, nil
}
