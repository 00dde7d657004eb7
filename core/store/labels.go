package store

import (
	"context"
	"fmt"
	"time"

	"penstock/core/event"
)

// Label is what a person said of a case.
type Label struct {
	ID      int64       `json:"id"`
	Case    string      `json:"case"`
	Kind    string      `json:"kind"` // for instance false-positive or closed
	By      string      `json:"by"`
	Asset   string      `json:"asset"`
	Class   event.Class `json:"class"`
	Scope   string      `json:"scope"` // what else it holds for, opaque to the Store
	Note    string      `json:"note"`
	At      time.Time   `json:"at"`
	Expires time.Time   `json:"expires"` // may be zero: never
}

// AddLabel stores a label and returns its number.
func (s *Store) AddLabel(ctx context.Context, l Label) (id int64, err error) {
	err = s.write(ctx, "label", func(t *tx) error {
		result, err := t.ExecContext(t.ctx, `INSERT INTO labels ("case", kind, by, asset, class, scope, note, at, expires)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			l.Case, l.Kind, l.By, l.Asset, l.Class.String(), l.Scope, l.Note, millis(l.At), millis(l.Expires))
		if err != nil {
			return err
		}
		id, err = result.LastInsertId()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("store a label on case %s: %w", l.Case, err)
	}
	return id, nil
}

// Labels returns the labels that hold at that time, the oldest first; for the zero
// time all that are kept.
func (s *Store) Labels(ctx context.Context, activeAt time.Time) ([]Label, error) {
	var all []Label
	err := s.read(ctx, func(scan func(...any) error) error {
		var l Label
		var class string
		var at, expires int64
		if err := scan(&l.ID, &l.Case, &l.Kind, &l.By, &l.Asset, &class, &l.Scope, &l.Note, &at, &expires); err != nil {
			return err
		}
		l.At, l.Expires = fromMillis(at), fromMillis(expires)
		if err := l.Class.UnmarshalText([]byte(class)); err != nil {
			return broken(fmt.Sprintf("label %d", l.ID), err)
		}
		all = append(all, l)
		return nil
	}, `SELECT id, "case", kind, by, asset, class, scope, note, at, expires FROM labels WHERE ?1 = 0 OR expires = 0 OR expires > ?1 ORDER BY id`,
		millis(activeAt))
	if err != nil {
		return nil, fmt.Errorf("read the labels: %w", err)
	}
	return all, nil
}

// RemoveLabel takes a label away and reports whether it was there.
func (s *Store) RemoveLabel(ctx context.Context, id int64) (found bool, err error) {
	err = s.write(ctx, "label", func(t *tx) error {
		n, err := t.count(`DELETE FROM labels WHERE id = ?`, id)
		found = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("remove label %d: %w", id, err)
	}
	return found, nil
}

// LabelsToday returns how many labels a person has given on this UTC day.
func (s *Store) LabelsToday(ctx context.Context, by string) (n int, err error) {
	day := s.now().UTC().Truncate(24 * time.Hour)
	err = s.read(ctx, func(scan func(...any) error) error { return scan(&n) },
		`SELECT count(*) FROM labels WHERE by = ? AND at >= ?`, by, day.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("count the labels of %s: %w", by, err)
	}
	return n, nil
}
