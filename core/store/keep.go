package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Housekept says what Housekeep did.
type Housekept struct {
	// Cases, Records, Orders, Templates, Labels and Talks that were given up; Unsent
	// are records among them that a sink never took. The talks of cases that were
	// given up are not counted.
	Cases, Records, Unsent, Orders, Templates, Labels, Talks int
	Bytes                                                    int64 // of the database now
	// Over says that the database is larger than it may be with nothing left that
	// may be given up.
	Over    bool
	Reserve bool // the reserve is there
}

const (
	// keepChunk is how many of each kind go in one transaction, so that nobody waits
	// long for his turn.
	keepChunk = 300
	// longestStep bounds how far a day that the clock claims can move retention in
	// one call: a clock that jumps to another year does not empty the database.
	longestStep = 24 * time.Hour
	// leastAge is the age below which nothing is given up, however full it is.
	leastAge = time.Minute
	// vacuumChunk is how many free pages are given back at a time.
	vacuumChunk = 2048
	// largeLog is the size from which the write-ahead log is cut to nothing. Below it
	// is used again from its beginning.
	largeLog = 16 * mebibyte
)

// Housekeep gives up what is older than it is kept, and the oldest of the rest when
// the database is too large; it gives free space back and looks after the reserve.
// It is to be called every few minutes to hours. Open cases, their newest record,
// waiting work and orders in force stay whatever their age.
func (s *Store) Housekeep(ctx context.Context) (Housekept, error) {
	var done Housekept
	err := s.housekeep(ctx, &done)
	if err != nil {
		return done, fmt.Errorf("look after the store: %w", err)
	}
	return done, nil
}

func (s *Store) housekeep(ctx context.Context, done *Housekept) error {
	now, err := s.retentionClock(ctx)
	if err != nil {
		return err
	}
	age := time.Duration(s.opts.KeepDays) * 24 * time.Hour
	if err := s.giveUp(ctx, now.Add(-age), done); err != nil {
		return err
	}
	size, err := s.size(ctx)
	if err != nil {
		return err
	}
	for limit := s.opts.MaxBytes; size.used() > limit && !done.Over; {
		limit = s.opts.MaxBytes / 16 * 15
		age = age / 8 * 7
		done.Over = age < leastAge
		if err := s.giveUp(ctx, s.now().Add(-age), done); err != nil {
			return err
		}
		if size, err = s.size(ctx); err != nil {
			return err
		}
	}
	done.Over = done.Over && size.used() > s.opts.MaxBytes
	if err := s.vacuum(ctx, size); err != nil {
		return err
	}
	if size, err = s.size(ctx); err != nil {
		return err
	}
	done.Bytes = size.pages * size.page
	done.Reserve, err = s.keepReserve()
	return err
}

// retentionClock returns the wall clock, but not more than a day further than the
// last time.
func (s *Store) retentionClock(ctx context.Context) (time.Time, error) {
	now := s.now()
	value, found, err := s.Meta(ctx, metaKept)
	if err != nil {
		return now, err
	}
	var last time.Time
	if ms, err := strconv.ParseInt(value, 10, 64); found && err == nil {
		last = fromMillis(ms)
		if now.Sub(last) > longestStep {
			now = last.Add(longestStep)
		}
	}
	if d := now.Sub(last); d > -time.Hour && d < time.Hour {
		return now, nil // not worth a write
	}
	return now, s.write(ctx, "keep", func(t *tx) error {
		if now.Before(last) { // what was stored while the clock was wrong would never be old
			for _, table := range []string{"cases", "records", "talks"} {
				if err := t.exec(`UPDATE `+table+` SET saved = ?1 WHERE saved > ?1`, now.UnixMilli()); err != nil {
					return err
				}
			}
		}
		return t.setMeta(metaKept, strconv.FormatInt(now.UnixMilli(), 10))
	})
}

// giveUp removes what is older than the limit, a chunk at a time.
func (s *Store) giveUp(ctx context.Context, limit time.Time, done *Housekept) error {
	cases, records := walk{more: true}, walk{more: true}
	for more := true; more; {
		var removed Housekept
		ahead := [...]walk{cases, records}
		err := s.write(ctx, "keep", func(t *tx) error {
			c := chunk{tx: t, limit: limit.UnixMilli(), now: t.s.now()}
			for _, remove := range []func() error{
				func() error { return c.cases(&ahead[0], &removed) },
				func() error { return c.records(&ahead[1], &removed) },
				func() error { return c.orders(&removed) },
				func() error { return c.templates(&removed) },
				func() error { return c.labels(&removed) },
				func() error { return c.talks(&removed) },
			} {
				if err := remove(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		done.add(removed)
		cases, records = ahead[0], ahead[1]
		more = cases.more || records.more || max(removed.Orders, removed.Templates, removed.Labels, removed.Talks) >= keepChunk
	}
	return nil
}

func (h *Housekept) add(d Housekept) {
	h.Cases += d.Cases
	h.Records += d.Records
	h.Unsent += d.Unsent
	h.Orders += d.Orders
	h.Templates += d.Templates
	h.Labels += d.Labels
	h.Talks += d.Talks
}

// walk goes through rows in the order in which they came to be.
type walk struct {
	after int64 // the number of the last one that was looked at
	more  bool  // there may be more that is old
}

// sight is one row of a walk.
type sight struct {
	number, place, saved int64
	isKept               bool
}

// next looks at the next rows of a walk and returns those that are old and not kept.
// It ends at the first chunk that holds a young row. What seems to come from a time
// that is not yet there is neither.
func (w *walk) next(c *chunk, query string, args ...any) ([]int64, error) {
	if !w.more {
		return nil, nil
	}
	var gone []int64
	seen, young := 0, false
	err := each(c.ctx, c, func(scan func(...any) error) error {
		var row sight
		if err := scan(&row.number, &row.place, &row.saved, &row.isKept); err != nil {
			return err
		}
		seen++
		w.after = row.place
		young = young || row.saved >= c.limit && row.saved <= c.now.UnixMilli()
		if row.saved < c.limit && !row.isKept {
			gone = append(gone, row.number)
		}
		return nil
	}, query, append(args, w.after, keepChunk)...)
	w.more = seen == keepChunk && !young
	return gone, err
}

// chunk removes the first of what is older than its limit.
type chunk struct {
	*tx
	limit int64
	now   time.Time
}

// inForce is the condition of orders that may still have an effect or come to have
// one. Parameter: the time in seconds.
const inForce = `(state IN ('intended', 'sent') OR state IN ('done', 'unknown') AND decided / 1000000000 + seconds > ?)`

func (c *chunk) cases(w *walk, h *Housekept) error {
	gone, err := w.next(c, `SELECT number, ended, saved, id IN (SELECT "case" FROM work) OR
			EXISTS (SELECT 1 FROM orders WHERE "case" = cases.id AND `+inForce+`)
		FROM cases WHERE ended > 0 AND ended > ? ORDER BY ended LIMIT ?`, c.now.Unix())
	if err != nil || len(gone) == 0 {
		return err
	}
	h.Cases = len(gone)
	for _, number := range gone {
		for _, remove := range []string{
			`DELETE FROM talks WHERE "case" = (SELECT id FROM cases WHERE number = ?)`,
			`DELETE FROM cases WHERE number = ?`,
			`DELETE FROM case_bodies WHERE number = ?`,
		} {
			if err := c.exec(remove, number); err != nil {
				return err
			}
		}
	}
	return c.exec(`DELETE FROM slots WHERE "case" NOT IN (SELECT id FROM cases)`)
}

func (c *chunk) records(w *walk, h *Housekept) error {
	gone, err := w.next(c, `SELECT seq, seq, saved, EXISTS (SELECT 1 FROM cases WHERE id = r."case" AND ended = 0)
			AND seq = (SELECT max(seq) FROM records n WHERE n."case" = r."case")
		FROM records r WHERE seq > ? ORDER BY seq LIMIT ?`)
	if err != nil || len(gone) == 0 {
		return err
	}
	for _, seq := range gone {
		if err := c.exec(`DELETE FROM records WHERE seq = ?`, seq); err != nil {
			return err
		}
	}
	unsent, err := c.count(`DELETE FROM outbox WHERE seq <= ? AND seq NOT IN (SELECT seq FROM records)`, w.after)
	if err != nil {
		return err
	}
	h.Records, h.Unsent = len(gone), int(unsent)
	var before int64
	err = c.get(`SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?`, []any{metaSeq}, &before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return c.setMeta(metaSeq, strconv.FormatInt(max(before, gone[len(gone)-1]), 10))
}

// orders removes those of cases that are gone: while a case is there, how often an
// action has ended in it is part of the next order's digest.
func (c *chunk) orders(h *Housekept) error {
	n, err := c.count(`DELETE FROM orders WHERE id IN (SELECT id FROM orders WHERE decided < ? AND NOT `+inForce+`
		AND "case" NOT IN (SELECT id FROM cases) ORDER BY decided LIMIT ?)`, c.limit*int64(time.Millisecond), c.now.Unix(), keepChunk)
	h.Orders = int(n)
	return err
}

func (c *chunk) templates(h *Housekept) error {
	if err := c.exec(`DELETE FROM template_days WHERE day < ?`, c.limit/(24*60*60*1000)); err != nil {
		return err
	}
	n, err := c.count(`DELETE FROM templates WHERE id IN (SELECT id FROM templates ORDER BY id LIMIT ?) AND first < ?`, keepChunk, c.limit)
	h.Templates = int(n)
	return err
}

// labels removes those that no longer hold. One without an end holds as long as its
// case is kept.
func (c *chunk) labels(h *Housekept) error {
	n, err := c.count(`DELETE FROM labels WHERE id IN (SELECT id FROM labels WHERE at < ?1 AND
		(expires > 0 AND expires < ?1 OR expires = 0 AND "case" NOT IN (SELECT id FROM cases)) ORDER BY id LIMIT ?2)`, c.limit, keepChunk)
	h.Labels = int(n)
	return err
}

// talks removes old ones also where their case is kept.
func (c *chunk) talks(h *Housekept) error {
	n, err := c.count(`DELETE FROM talks WHERE "case" IN (SELECT "case" FROM talks WHERE saved < ? ORDER BY saved LIMIT ?)`, c.limit, keepChunk)
	h.Talks = int(n)
	return err
}

// size is the size of the database in pages.
type size struct{ pages, free, page int64 }

func (z size) used() int64 { return (z.pages - z.free) * z.page }

func (s *Store) size(ctx context.Context) (z size, err error) {
	err = s.read(ctx, func(scan func(...any) error) error { return scan(&z.pages, &z.free, &z.page) },
		`SELECT page_count, freelist_count, page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size`)
	return z, err
}

// Size returns how large the database is, in bytes, and how much of it is free.
func (s *Store) Size(ctx context.Context) (bytes, free int64, err error) {
	z, err := s.size(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read the size of the database: %w", err)
	}
	return z.pages * z.page, z.free * z.page, nil
}

// vacuum gives free pages back where there are so many that moving others into
// their place is worth its writes, and cuts a write-ahead log that grew large.
func (s *Store) vacuum(ctx context.Context, z size) error {
	const few = 1024
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	surplus := z.free - max(few, z.pages/8)
	if z.pages*z.page > s.opts.MaxBytes {
		surplus = z.free
	}
	isWorth := z.free > max(few, z.pages/4) || z.pages*z.page > s.opts.MaxBytes
	for isWorth && surplus > 0 {
		query := "PRAGMA incremental_vacuum(" + strconv.FormatInt(min(surplus, vacuumChunk), 10) + ")"
		if err := each(ctx, s.writer, func(func(...any) error) error { return nil }, query); err != nil {
			return s.explain(err)
		}
		surplus -= vacuumChunk
	}
	log, err := os.Stat(s.path() + "-wal")
	if err != nil || log.Size() < largeLog {
		return nil // without a log there is none to cut
	}
	var busy, pages, moved int
	err = s.writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
	return s.explain(err)
}

// Check reads the whole database and returns ErrBroken when something in it makes
// no sense. It takes seconds to minutes.
func (s *Store) Check(ctx context.Context) error {
	var text string
	err := s.reader.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&text)
	if err == nil && text != "ok" {
		err = fmt.Errorf("%s: %w", text, ErrBroken)
	}
	if err != nil {
		return fmt.Errorf("check the database: %w", s.explain(err))
	}
	return nil
}
