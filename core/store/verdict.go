package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"penstock/core/action"
	"penstock/core/record"
)

// Who gives verdicts; what else makes a record of a revision has a word of its own.
const (
	ByRules = "rules"
	ByModel = "model"
)

// What a verdict does with its case's place among the problems of a host.
const (
	SlotGrant   = "grant"
	SlotRelease = "release"
)

// Verdict is what was decided on one revision of a case.
type Verdict struct {
	Case     string
	Revision int
	By       string // ByRules, ByModel, or what else made the record
	Record   record.Record
	Orders   []action.Order // intended ones
	Sinks    []string       // that get the record
	// EndsWork takes the revision out of the waiting work.
	EndsWork bool
	// Delay, when it is not zero, puts the verdict off: nothing is stored but that the
	// work does not go on before this time.
	Delay time.Time
	// Slot is SlotGrant, SlotRelease or "". Host is whose problem is granted.
	Slot, Host string
	// Talk, when there is one, is what was said with a model, in whatever form: the
	// newest of each case is kept.
	Talk []byte
}

// Commit stores verdicts in one transaction (T2, T3) and returns the sequence
// numbers of their records, 0 for one that was put off. A verdict that is there
// already is not stored again and gets its old number. ErrStale means that a
// model's verdict is not on the newest revision of its case: then none is stored.
// It blocks until they are durable.
func (s *Store) Commit(ctx context.Context, verdicts []Verdict) ([]uint64, error) {
	name := "T2"
	if len(verdicts) > 0 && verdicts[0].By == ByModel {
		name = "T3"
	}
	numbers := make([]uint64, len(verdicts))
	err := s.write(ctx, name, func(t *tx) error {
		for i := range verdicts {
			v := &verdicts[i]
			seq, err := t.saveVerdict(v)
			if err != nil {
				return fmt.Errorf("case %s, revision %d, by %s: %w", v.Case, v.Revision, v.By, err)
			}
			numbers[i] = seq
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store verdicts: %w", err)
	}
	return numbers, nil
}

func (t *tx) saveVerdict(v *Verdict) (uint64, error) {
	if !v.Delay.IsZero() {
		if err := t.step("work"); err != nil {
			return 0, err
		}
		return 0, t.exec(`UPDATE work SET not_before = ? WHERE "case" = ? AND revision = ?`, millis(v.Delay), v.Case, v.Revision)
	}
	var seq uint64
	err := t.get(`SELECT seq FROM records WHERE "case" = ? AND revision = ? AND by = ?`, []any{v.Case, v.Revision, v.By}, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		seq, err = t.newVerdict(v)
	}
	if err != nil || !v.EndsWork {
		return seq, err
	}
	if err := t.step("work"); err != nil {
		return 0, err
	}
	return seq, t.exec(`DELETE FROM work WHERE "case" = ? AND revision = ?`, v.Case, v.Revision)
}

// newVerdict stores one that is not there yet.
func (t *tx) newVerdict(v *Verdict) (uint64, error) {
	if v.By == ByModel {
		if err := t.wantNewest(v); err != nil {
			return 0, err
		}
	}
	if err := t.step("record"); err != nil {
		return 0, err
	}
	seq, err := t.saveRecord(v)
	if err != nil {
		return 0, err
	}
	if err := t.step("outbox"); err != nil {
		return 0, err
	}
	for _, sink := range v.Sinks {
		if err := t.exec(`INSERT INTO outbox (sink, seq) VALUES (?, ?) ON CONFLICT DO NOTHING`, sink, int64(seq)); err != nil {
			return 0, err
		}
	}
	if err := t.step("orders"); err != nil {
		return 0, err
	}
	for _, o := range v.Orders {
		if err := t.saveOrder(o); err != nil {
			return 0, err
		}
	}
	if err := t.saveSlot(v); err != nil {
		return 0, err
	}
	return seq, t.saveTalk(v)
}

// wantNewest refuses a verdict on another revision than the newest of its case.
func (t *tx) wantNewest(v *Verdict) error {
	var revision int
	err := t.get(`SELECT revision FROM cases WHERE id = ?`, []any{v.Case}, &revision)
	if errors.Is(err, sql.ErrNoRows) || err == nil && revision != v.Revision {
		return ErrStale
	}
	return err
}

// saveRecord gives the record the next number. Numbers are never used again, also
// when every record is gone.
func (t *tx) saveRecord(v *Verdict) (uint64, error) {
	var seq uint64
	err := t.get(`SELECT 1 + max(coalesce((SELECT max(seq) FROM records), 0),
		coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?), 0))`, []any{metaSeq}, &seq)
	if err != nil {
		return 0, err
	}
	text, err := v.Record.Numbered(seq).Marshal()
	if err != nil {
		return 0, err
	}
	blob, err := t.s.blobs.pack(text)
	if err != nil {
		return 0, err
	}
	return seq, t.exec(`INSERT INTO records (seq, "case", revision, by, saved, body) VALUES (?, ?, ?, ?, ?, ?)`,
		int64(seq), v.Case, v.Revision, v.By, t.s.now().UnixMilli(), blob)
}

func (t *tx) saveSlot(v *Verdict) error {
	switch v.Slot {
	case "":
		return nil
	case SlotGrant:
		return t.exec(`INSERT INTO slots ("case", host) VALUES (?, ?) ON CONFLICT ("case") DO UPDATE SET host = excluded.host`, v.Case, v.Host)
	case SlotRelease:
		return t.exec(`DELETE FROM slots WHERE "case" = ?`, v.Case)
	}
	return fmt.Errorf("%q is not what can be done with a slot", v.Slot)
}

// Slots returns the cases that have a place among the problems of a host, by host.
func (s *Store) Slots(ctx context.Context) (map[string][]string, error) {
	slots := map[string][]string{}
	err := s.read(ctx, func(scan func(...any) error) error {
		var host, id string
		if err := scan(&host, &id); err != nil {
			return err
		}
		slots[host] = append(slots[host], id)
		return nil
	}, `SELECT host, "case" FROM slots ORDER BY "case"`)
	if err != nil {
		return nil, fmt.Errorf("read the slots: %w", err)
	}
	return slots, nil
}

// Records returns the newest records of a case, at most limit, the newest first.
func (s *Store) Records(ctx context.Context, caseID string, limit int) ([]record.Record, error) {
	var all []record.Record
	err := s.read(ctx, func(scan func(...any) error) error {
		var seq uint64
		var blob []byte
		if err := scan(&seq, &blob); err != nil {
			return err
		}
		r, _, err := s.openRecord(seq, blob)
		all = append(all, r)
		return err
	}, `SELECT seq, body FROM records WHERE "case" = ? ORDER BY seq DESC LIMIT ?`, caseID, limit)
	if err != nil {
		return nil, fmt.Errorf("read the records of case %s: %w", caseID, err)
	}
	return all, nil
}

func (s *Store) openRecord(seq uint64, blob []byte) (r record.Record, text []byte, err error) {
	if text, err = s.blobs.unpack(blob); err == nil {
		r, err = parseRecord(text)
	}
	if err != nil {
		return r, nil, broken(fmt.Sprintf("record %d", seq), err)
	}
	return r, text, nil
}

// RecordsSince returns how many records of a case were stored since that time.
func (s *Store) RecordsSince(ctx context.Context, caseID string, since time.Time) (n int, err error) {
	err = s.read(ctx, func(scan func(...any) error) error { return scan(&n) },
		`SELECT count(*) FROM records WHERE "case" = ? AND saved >= ?`, caseID, millis(since))
	if err != nil {
		return 0, fmt.Errorf("count the records of case %s: %w", caseID, err)
	}
	return n, nil
}
