package store

import (
	"context"
	"fmt"
	"time"
)

// Template is a message that a program had never sent before.
type Template struct {
	Source  string    `json:"source"`
	Host    string    `json:"host"`
	Program string    `json:"program"`
	Text    string    `json:"text"`
	First   time.Time `json:"first"`
}

// Bounds of the first-seen templates that are kept.
const (
	maxTemplatesADay = 2000 // a source
	maxTemplates     = 50_000
)

// daySource counts what a source brought within a batch.
type daySource struct{ kept, over int64 }

// saveTemplates keeps first-seen templates within the bounds of their sources, so
// that one that floods pushes out nothing of another's day. The day is that of the
// wall clock: the times of events are their authors'.
func (t *tx) saveTemplates(all []Template) error {
	if err := t.step("templates"); err != nil || len(all) == 0 {
		return err
	}
	day := t.s.now().Unix() / (24 * 60 * 60)
	sources := map[string]*daySource{}
	insert, err := t.PrepareContext(t.ctx, `INSERT INTO templates (first, source, host, program, text) VALUES (?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	for _, m := range all {
		n := sources[m.Source]
		if n == nil {
			n = &daySource{}
			sources[m.Source] = n
			if err := t.get(`SELECT coalesce(sum(kept), 0), coalesce(sum(over), 0) FROM template_days WHERE day = ? AND source = ?`,
				[]any{day, m.Source}, &n.kept, &n.over); err != nil {
				return err
			}
		}
		if n.kept >= maxTemplatesADay {
			n.over++
			continue
		}
		n.kept++
		if _, err := insert.ExecContext(t.ctx, millis(m.First), m.Source, m.Host, m.Program, m.Text); err != nil {
			return err
		}
	}
	for source, n := range sources {
		if err := t.exec(`INSERT INTO template_days (day, source, kept, over) VALUES (?, ?, ?, ?)
			ON CONFLICT (day, source) DO UPDATE SET kept = excluded.kept, over = excluded.over`, day, source, n.kept, n.over); err != nil {
			return err
		}
	}
	return t.exec(`DELETE FROM templates WHERE id <= (SELECT max(id) FROM templates) - ?`, maxTemplates)
}

// TemplatesSince returns at most limit first-seen templates since t, those that
// were stored last first.
func (s *Store) TemplatesSince(ctx context.Context, t time.Time, limit int) ([]Template, error) {
	var all []Template
	err := s.read(ctx, func(scan func(...any) error) error {
		var m Template
		var first int64
		if err := scan(&first, &m.Source, &m.Host, &m.Program, &m.Text); err != nil {
			return err
		}
		m.First = fromMillis(first)
		all = append(all, m)
		return nil
	}, `SELECT first, source, host, program, text FROM templates WHERE first >= ? ORDER BY id DESC LIMIT ?`, millis(t), limit)
	if err != nil {
		return nil, fmt.Errorf("read the first-seen templates: %w", err)
	}
	return all, nil
}

// TemplatesOver returns how many first-seen templates of each source were counted
// only since t, which is taken to the beginning of its UTC day.
func (s *Store) TemplatesOver(ctx context.Context, t time.Time) (map[string]int, error) {
	over := map[string]int{}
	err := s.read(ctx, func(scan func(...any) error) error {
		var source string
		var n int
		if err := scan(&source, &n); err != nil {
			return err
		}
		over[source] = n
		return nil
	}, `SELECT source, sum(over) FROM template_days WHERE day >= ? AND over > 0 GROUP BY source`, t.Unix()/(24*60*60))
	if err != nil {
		return nil, fmt.Errorf("read the counts of templates: %w", err)
	}
	return over, nil
}
