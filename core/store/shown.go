package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"penstock/core/event"
)

// Shown is how a case stands in another system, as far as values for that were made.
type Shown struct {
	Case, Host, Asset string
	Severity          event.Severity // of the problem that is open
	FP                string
	Seq               uint64    // of the newest record in it
	Since             time.Time // when the problem was to be opened
	Told              string    // the problem there that has our message
}

// Value is a value that waits to be sent. ID gives the order.
type Value struct {
	ID                     int64
	Case, Host, Key, Value string
	At                     time.Time // with nanoseconds
	Transition             bool      // it opens or closes a problem
	// Replaces says that it takes the place of those of its case, host and key that
	// wait, but for transitions. It is not stored.
	Replaces bool
}

// CaseOnHost is a case as one host shows it.
type CaseOnHost struct{ Case, Host string }

// Showing is what one Show changes.
type Showing struct {
	Sink   string
	Rows   []int64 // of the sink's outbox, which are done with
	Shown  []Shown // how cases stand now; without a severity: no longer
	Values []Value // to be sent, behind those that wait; IDs are given
	// Drop are values that are not to be sent any more.
	Drop []int64
}

// Show stores in one transaction what is to be shown of cases elsewhere (T5).
func (s *Store) Show(ctx context.Context, show Showing) error {
	err := s.write(ctx, "T5", func(t *tx) error {
		if err := t.takeRows(show.Sink, show.Rows); err != nil {
			return err
		}
		if err := t.step("shown"); err != nil {
			return err
		}
		for i := range show.Shown {
			if err := t.saveShown(&show.Shown[i]); err != nil {
				return err
			}
		}
		for _, v := range show.Values {
			if v.Replaces {
				if err := t.exec(`DELETE FROM "values" WHERE "case" = ? AND host = ? AND key = ? AND NOT transition`, v.Case, v.Host, v.Key); err != nil {
					return err
				}
			}
			err := t.exec(`INSERT INTO "values" ("case", host, key, value, at, transition) VALUES (?, ?, ?, ?, ?, ?)`,
				v.Case, v.Host, v.Key, v.Value, v.At.UnixNano(), v.Transition)
			if err != nil {
				return err
			}
		}
		return t.dropValues(show.Drop)
	})
	if err != nil {
		return fmt.Errorf("store what is shown of cases: %w", err)
	}
	return nil
}

func (t *tx) saveShown(s *Shown) error {
	if s.Severity == event.None {
		return t.exec(`DELETE FROM shown WHERE "case" = ?`, s.Case)
	}
	return t.exec(`INSERT OR REPLACE INTO shown ("case", host, asset, severity, fp, seq, since, told) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		s.Case, s.Host, s.Asset, int(s.Severity), s.FP, int64(s.Seq), millis(s.Since), s.Told)
}

func (t *tx) dropValues(ids []int64) error {
	for _, id := range ids {
		if err := t.exec(`DELETE FROM "values" WHERE id = ?`, id); err != nil {
			return err
		}
	}
	return nil
}

// Shown returns the cases that have a problem elsewhere.
func (s *Store) Shown(ctx context.Context) ([]Shown, error) {
	var all []Shown
	err := s.read(ctx, func(scan func(...any) error) error {
		var one Shown
		var seq, since int64
		var severity int
		err := scan(&one.Case, &one.Host, &one.Asset, &severity, &one.FP, &seq, &since, &one.Told)
		one.Severity, one.Seq, one.Since = event.Severity(severity), uint64(seq), fromMillis(since)
		all = append(all, one)
		return err
	}, `SELECT "case", host, asset, severity, fp, seq, since, told FROM shown ORDER BY "case"`)
	if err != nil {
		return nil, fmt.Errorf("read what is shown of cases: %w", err)
	}
	return all, nil
}

// Values returns the first values that wait, at most limit, in their order, but for
// those of the hosts that are left out.
func (s *Store) Values(ctx context.Context, limit int, without ...string) ([]Value, error) {
	hosts, err := json.Marshal(append([]string{}, without...))
	if err != nil {
		return nil, err
	}
	all, err := s.values(ctx, `SELECT id, "case", host, key, value, at, transition FROM "values"
		WHERE host NOT IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?`, string(hosts), limit)
	if err != nil {
		return nil, fmt.Errorf("read the values that wait: %w", err)
	}
	return all, nil
}

func (s *Store) values(ctx context.Context, query string, args ...any) (all []Value, err error) {
	err = s.read(ctx, func(scan func(...any) error) error {
		var v Value
		var at int64
		err := scan(&v.ID, &v.Case, &v.Host, &v.Key, &v.Value, &at, &v.Transition)
		v.At = time.Unix(0, at)
		all = append(all, v)
		return err
	}, query, args...)
	return all, err
}

// TakeValues removes values that were taken, in one transaction (T5).
func (s *Store) TakeValues(ctx context.Context, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	err := s.write(ctx, "T5", func(t *tx) error { return t.dropValues(ids) })
	if err != nil {
		return fmt.Errorf("mark the values that were taken: %w", err)
	}
	return nil
}

// ValuesLen returns how many values wait, but for those of the hosts that are left out.
func (s *Store) ValuesLen(ctx context.Context, without ...string) (n int, err error) {
	hosts, err := json.Marshal(append([]string{}, without...))
	if err != nil {
		return 0, err
	}
	err = s.read(ctx, func(scan func(...any) error) error { return scan(&n) },
		`SELECT count(*) FROM "values" WHERE host NOT IN (SELECT value FROM json_each(?))`, string(hosts))
	if err != nil {
		return 0, fmt.Errorf("count the values that wait: %w", err)
	}
	return n, nil
}

// NewestValue returns the time of the newest value that waits, or is to be shown; the
// zero time where there is none.
func (s *Store) NewestValue(ctx context.Context) (newest time.Time, err error) {
	var values, shown int64
	err = s.read(ctx, func(scan func(...any) error) error { return scan(&values, &shown) },
		`SELECT coalesce((SELECT max(at) FROM "values"), 0), coalesce((SELECT max(since) FROM shown), 0)`)
	if err != nil {
		return newest, fmt.Errorf("read the time of the newest value: %w", err)
	}
	if values > 0 {
		newest = time.Unix(0, values)
	}
	if t := fromMillis(shown); t.After(newest) {
		newest = t
	}
	return newest, nil
}

// HostValues returns the values of one host that wait, in their order, those that are
// no transitions without their value, which may be large.
func (s *Store) HostValues(ctx context.Context, host string) ([]Value, error) {
	all, err := s.values(ctx, `SELECT id, "case", host, key, iif(transition, value, ''), at, transition FROM "values" WHERE host = ? ORDER BY id`, host)
	if err != nil {
		return nil, fmt.Errorf("read the values of host %s that wait: %w", host, err)
	}
	return all, nil
}

// ValuesOf returns which cases have values that wait, and for which host.
func (s *Store) ValuesOf(ctx context.Context) (map[CaseOnHost]bool, error) {
	waiting := map[CaseOnHost]bool{}
	err := s.read(ctx, func(scan func(...any) error) error {
		var one CaseOnHost
		err := scan(&one.Case, &one.Host)
		waiting[one] = true
		return err
	}, `SELECT DISTINCT "case", host FROM "values"`)
	if err != nil {
		return nil, fmt.Errorf("read which cases have values that wait: %w", err)
	}
	return waiting, nil
}
