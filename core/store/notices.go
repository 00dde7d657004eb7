package store

import (
	"context"
	"fmt"
	"time"

	"penstock/core/event"
)

// Notice is something that a person should know about the worker itself.
type Notice struct {
	At       time.Time      `json:"at"`
	Severity event.Severity `json:"severity"`
	Kind     string         `json:"kind"`
	Text     string         `json:"text"`
}

// maxNotices is how many notices are kept.
const maxNotices = 1000

// AddNotice stores a notice; beyond 1,000 the oldest go.
func (s *Store) AddNotice(ctx context.Context, n Notice) error {
	err := s.write(ctx, "notice", func(t *tx) error { return t.addNotice(n) })
	if err != nil {
		return fmt.Errorf("store a notice of kind %s: %w", n.Kind, err)
	}
	return nil
}

func (t *tx) addNotice(n Notice) error {
	if err := t.exec(`INSERT INTO notices (at, severity, kind, text) VALUES (?, ?, ?, ?)`, millis(n.At), int(n.Severity), n.Kind, n.Text); err != nil {
		return err
	}
	return t.exec(`DELETE FROM notices WHERE id <= (SELECT max(id) FROM notices) - ?`, maxNotices)
}

// Notices returns the newest notices, at most limit, the newest first.
func (s *Store) Notices(ctx context.Context, limit int) ([]Notice, error) {
	var all []Notice
	err := s.read(ctx, func(scan func(...any) error) error {
		var n Notice
		var at int64
		err := scan(&at, &n.Severity, &n.Kind, &n.Text)
		n.At = fromMillis(at)
		all = append(all, n)
		return err
	}, `SELECT at, severity, kind, text FROM notices ORDER BY id DESC LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("read the notices: %w", err)
	}
	return all, nil
}
