package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
)

// Step says that a piece of a stream was sifted: what lies between two cursors, as
// it was received at that time.
type Step struct {
	Stream, Source string
	From, To       event.Cursor
	Received       time.Time
}

// Count is what became of a source's lines.
type Count struct {
	Lines      uint64 `json:"lines"`
	Bytes      uint64 `json:"bytes"`
	Suppressed uint64 `json:"suppressed"`
	Attached   uint64 `json:"attached"`
	Forwarded  uint64 `json:"forwarded"`
	Cut        uint64 `json:"cut"`  // lines that were too long to be kept whole
	Gaps       uint64 `json:"gaps"` // places where lines are missing
}

func (c *Count) add(d Count) {
	to, from := c.fields(), d.fields()
	for i := range to {
		*to[i] += *from[i]
	}
}

// fields is the order in which counts are stored: new ones go to the end.
func (c *Count) fields() [7]*uint64 {
	return [...]*uint64{&c.Lines, &c.Bytes, &c.Suppressed, &c.Attached, &c.Forwarded, &c.Cut, &c.Gaps}
}

// Work is a revision of a case that waits to be worked.
type Work struct {
	Case              string
	Revision          int
	Floor             event.Severity
	Source            string
	Queued, NotBefore time.Time
}

// Batch is what sifting changed since the last one.
type Batch struct {
	Steps     []Step
	Forget    []string         // streams that have come to their end, behind the steps
	Totals    map[string]Count // by source, to be added to what is stored
	Templates []Template       // seen for the first time
	Cases     []cases.HeldState
	Work      []Work
	Book      cases.State // Counter, Newest and Dropped only
}

// SaveBatch stores a batch in one transaction (T1). After an error the same batch
// is saved again before any other: if the error came after the commit, that has no
// effect. Of the first-seen templates 2,000 a source and day are kept, the rest is
// counted. It blocks until the batch is durable.
func (s *Store) SaveBatch(ctx context.Context, b Batch) error {
	whole := appendBatch(nil, &b, nil)
	sum := sha256.Sum256(whole)
	digest := sum[:16]
	short := appendBatch(nil, &b, s.known)
	known := s.known
	s.known = nil
	err := s.write(ctx, "T1", func(t *tx) error {
		if is, err := t.isRepeat(digest, &b); err != nil || is {
			return err
		}
		if err := t.step("cursors"); err != nil {
			return err
		}
		if err := t.exec(`INSERT INTO batches (saved, digest, body) VALUES (?, ?, ?)`, s.now().UnixMilli(), digest, seal(short)); err != nil {
			return err
		}
		if err := t.saveTemplates(b.Templates); err != nil {
			return err
		}
		if err := t.saveCases(b.Cases); err != nil {
			return err
		}
		return t.saveWork(b.Work)
	})
	if err != nil {
		return fmt.Errorf("save a batch: %w", err)
	}
	if known == nil {
		known = map[string]event.Cursor{}
	}
	b.move(known)
	s.known = known
	return nil
}

// move takes cursors to where the batch leaves them.
func (b *Batch) move(cursors map[string]event.Cursor) {
	for _, step := range b.Steps {
		cursors[step.Stream] = step.To
	}
	for _, stream := range b.Forget {
		delete(cursors, stream)
	}
}

// isRepeat reports whether the batch is the last one that was stored. One without
// steps may rightly come twice.
func (t *tx) isRepeat(digest []byte, b *Batch) (bool, error) {
	if len(b.Steps) == 0 {
		return false, nil
	}
	var last []byte
	err := t.get(`SELECT digest FROM batches ORDER BY id DESC LIMIT 1`, nil, &last)
	if errors.Is(err, sql.ErrNoRows) {
		err = t.get(`SELECT digest FROM base`, nil, &last)
	}
	return err == nil && bytes.Equal(last, digest), err
}

// appendBatch writes steps, ended streams, totals and the book's counter. Of a step
// that begins where known says its stream stands, the beginning is left out.
func appendBatch(dst []byte, b *Batch, known map[string]event.Cursor) []byte {
	moved := map[string]event.Cursor{}
	dst = binary.AppendUvarint(dst, uint64(len(b.Steps)))
	for _, step := range b.Steps {
		dst = appendText(appendText(dst, step.Stream), step.Source)
		at, ok := moved[step.Stream]
		if !ok && known != nil {
			at, ok = known[step.Stream]
		}
		if ok && at == step.From {
			dst = append(dst, 0)
		} else {
			dst = appendText(append(dst, 1), string(step.From))
		}
		moved[step.Stream] = step.To
		dst = appendTime(appendText(dst, string(step.To)), step.Received)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Forget)))
	for _, stream := range b.Forget {
		dst = appendText(dst, stream)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.Totals)))
	for _, source := range slices.Sorted(maps.Keys(b.Totals)) {
		count := b.Totals[source]
		fields := count.fields()
		dst = binary.AppendUvarint(appendText(dst, source), uint64(len(fields)))
		for _, n := range fields {
			dst = binary.AppendUvarint(dst, *n)
		}
	}
	dst = appendTime(binary.AppendUvarint(dst, b.Book.Counter), b.Book.Newest)
	dst = binary.AppendUvarint(dst, uint64(len(b.Book.Dropped)))
	for _, n := range b.Book.Dropped {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

// cutBatch reads what appendBatch wrote. Steps whose beginning was left out begin
// where cursors says; cursors is moved to where the batch leaves it.
func cutBatch(blob []byte, cursors map[string]event.Cursor) (Batch, error) {
	body, err := unseal(blob)
	if err != nil {
		return Batch{}, err
	}
	c := cutter{rest: body}
	var b Batch
	for range c.length() {
		step := Step{Stream: c.text(), Source: c.text()}
		if c.uint() == 1 {
			step.From = event.Cursor(c.text())
		} else {
			step.From = cursors[step.Stream]
		}
		step.To, step.Received = event.Cursor(c.text()), c.time()
		cursors[step.Stream] = step.To
		b.Steps = append(b.Steps, step)
	}
	for range c.length() {
		stream := c.text()
		delete(cursors, stream)
		b.Forget = append(b.Forget, stream)
	}
	b.Totals = map[string]Count{}
	for range c.length() {
		source := c.text()
		var count Count
		fields := count.fields()
		for i := range c.length() {
			if n := c.uint(); i < len(fields) {
				*fields[i] = n
			}
		}
		b.Totals[source] = count
	}
	b.Book.Counter, b.Book.Newest = c.uint(), c.time()
	for range c.length() {
		b.Book.Dropped = append(b.Book.Dropped, c.uint())
	}
	return b, c.err
}

// saveWork queues revisions, each in the place of an earlier one of its case.
func (t *tx) saveWork(all []Work) error {
	if err := t.step("work"); err != nil {
		return err
	}
	for _, w := range all {
		err := t.exec(`INSERT INTO work ("case", revision, floor, source, queued, not_before) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT ("case") DO UPDATE SET revision = excluded.revision, floor = excluded.floor, source = excluded.source,
				queued = excluded.queued, not_before = excluded.not_before
			WHERE excluded.revision >= work.revision`,
			w.Case, w.Revision, int(w.Floor), w.Source, millis(w.Queued), millis(w.NotBefore))
		if err != nil {
			return err
		}
	}
	return nil
}

// Work returns the revisions that wait, in no particular order.
func (s *Store) Work(ctx context.Context) ([]Work, error) {
	var all []Work
	err := s.read(ctx, func(scan func(...any) error) error {
		var w Work
		var queued, notBefore int64
		if err := scan(&w.Case, &w.Revision, &w.Floor, &w.Source, &queued, &notBefore); err != nil {
			return err
		}
		w.Queued, w.NotBefore = fromMillis(queued), fromMillis(notBefore)
		all = append(all, w)
		return nil
	}, `SELECT "case", revision, floor, source, queued, not_before FROM work`)
	if err != nil {
		return nil, fmt.Errorf("read the waiting work: %w", err)
	}
	return all, nil
}
