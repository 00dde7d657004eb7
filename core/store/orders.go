package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"penstock/core/action"
)

// OrderRow is an order with what became of it.
type OrderRow struct {
	Order action.Order
	State action.Outcome
	Route string    // "" before it is sent
	At    time.Time // when it was sent
	Ended time.Time // when its result was stored
	Text  string    // what the route said
}

// SentOrder is an order that was handed to a route and has no result.
type SentOrder struct {
	Order action.Order
	Route string
	At    time.Time
}

// saveOrder stores an intended order. One with this digest that is there stays as
// it is.
func (t *tx) saveOrder(o action.Order) error {
	address := ""
	if o.Params.Address.IsValid() {
		address = o.Params.Address.String()
	}
	return t.exec(`INSERT INTO orders (digest, "case", action, generation, host, source, address, user, process, seconds, decided, state)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING`,
		o.Digest.String(), o.Case, o.Action, o.Generation, o.Host, o.Source, address, string(o.Params.User), o.Params.Process.String(),
		int64(o.Params.For/time.Second), nanos(o.Decided), action.Intended.String())
}

// nanos returns Unix nanoseconds, 0 for the zero time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

const orderColumns = `SELECT digest, "case", action, generation, host, source, address, user, process, seconds, decided, state, route,
	sent, ended, text FROM orders `

func scanOrder(scan func(...any) error) (OrderRow, error) {
	var row OrderRow
	var digest, address, user, process, state string
	var seconds, decided, sent, ended int64
	o := &row.Order
	err := scan(&digest, &o.Case, &o.Action, &o.Generation, &o.Host, &o.Source, &address, &user, &process, &seconds, &decided,
		&state, &row.Route, &sent, &ended, &row.Text)
	if err != nil {
		return row, err
	}
	o.Params.User, o.Params.For = action.User(user), time.Duration(seconds)*time.Second
	if decided != 0 {
		o.Decided = time.Unix(0, decided).UTC()
	}
	row.At, row.Ended = fromMillis(sent), fromMillis(ended)
	err = errors.Join(o.Digest.UnmarshalText([]byte(digest)), row.State.UnmarshalText([]byte(state)))
	if address != "" && err == nil {
		o.Params.Address, err = netip.ParseAddr(address)
	}
	if process != "" && err == nil {
		o.Params.Process, err = action.ParseProcess(process)
	}
	if err != nil {
		return row, broken("order "+digest, err)
	}
	return row, nil
}

func (s *Store) orders(ctx context.Context, where string, args ...any) ([]OrderRow, error) {
	var all []OrderRow
	err := s.read(ctx, func(scan func(...any) error) error {
		row, err := scanOrder(scan)
		all = append(all, row)
		return err
	}, orderColumns+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	return all, nil
}

// Orders returns the newest orders, at most limit, the newest first.
func (s *Store) Orders(ctx context.Context, limit int) ([]OrderRow, error) {
	return s.orders(ctx, `ORDER BY id DESC LIMIT ?`, limit)
}

// Intended returns the orders that wait to be sent, at most limit, the oldest first.
func (s *Store) Intended(ctx context.Context, limit int) ([]action.Order, error) {
	rows, err := s.orders(ctx, `WHERE state = ? ORDER BY id LIMIT ?`, action.Intended.String(), limit)
	var all []action.Order
	for _, row := range rows {
		all = append(all, row.Order)
	}
	return all, err
}

// Sent returns the orders that were sent and have no result, the oldest first.
func (s *Store) Sent(ctx context.Context) ([]SentOrder, error) {
	rows, err := s.orders(ctx, `WHERE state = ? ORDER BY id`, action.Sent.String())
	var all []SentOrder
	for _, row := range rows {
		all = append(all, SentOrder{Order: row.Order, Route: row.Route, At: row.At})
	}
	return all, err
}

// MarkSent says, before an order is handed to a route, that it is (T4). Only an
// intended one can be; else the error is ErrOrderState, and the order must not be
// sent. That is so after an error as well of which nobody knows whether it came
// before or after the commit: what became of it then has to be looked up.
func (s *Store) MarkSent(ctx context.Context, d action.Digest, route string) error {
	err := s.write(ctx, "T4", func(t *tx) error {
		if err := t.step("sent"); err != nil {
			return err
		}
		n, err := t.count(`UPDATE orders SET state = ?, route = ?, sent = ? WHERE digest = ? AND state = ?`,
			action.Sent.String(), route, t.s.now().UnixMilli(), d.String(), action.Intended.String())
		if err == nil && n == 0 {
			err = ErrOrderState
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("mark order %s as sent: %w", d.Code(), err)
	}
	return nil
}

// ends holds from which states an order comes to a result. An effect that was there
// can still be taken back, and what nobody knew can be found out.
var ends = map[action.Outcome][]action.Outcome{
	action.Done:    {action.Intended, action.Sent, action.Unknown},
	action.Undone:  {action.Intended, action.Sent, action.Unknown, action.Done},
	action.Refused: {action.Intended, action.Sent, action.Unknown},
	action.Failed:  {action.Intended, action.Sent, action.Unknown},
	action.Unknown: {action.Intended, action.Sent},
}

// EndOrder stores the result of an order (T4), with a record of it in the same
// transaction where v is not nil; a verdict without By gets one that names order and
// result. A result that is stored already is no error; one that cannot follow from
// the state of the order is ErrOrderState.
func (s *Store) EndOrder(ctx context.Context, d action.Digest, o action.Outcome, text string, v *Verdict) error {
	err := s.write(ctx, "T4", func(t *tx) error {
		if err := t.step("ended"); err != nil {
			return err
		}
		if err := t.endOrder(d, o, text); err != nil || v == nil {
			return err
		}
		w := *v
		w.By = cmp.Or(w.By, "order "+d.Code()+" "+o.String())
		_, err := t.saveVerdict(&w)
		return err
	})
	if err != nil {
		return fmt.Errorf("store that order %s is %s: %w", d.Code(), o, err)
	}
	return nil
}

func (t *tx) endOrder(d action.Digest, o action.Outcome, text string) error {
	var word string
	var state action.Outcome
	err := t.get(`SELECT state FROM orders WHERE digest = ?`, []any{d.String()}, &word)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("there is no such order: %w", ErrOrderState)
	}
	if err == nil {
		err = state.UnmarshalText([]byte(word))
	}
	switch {
	case err != nil:
		return err
	case state == o:
		return nil
	case !slices.Contains(ends[o], state):
		return fmt.Errorf("it is %s: %w", state, ErrOrderState)
	}
	return t.exec(`UPDATE orders SET state = ?, ended = ?, text = ? WHERE digest = ?`, o.String(), t.s.now().UnixMilli(), text, d.String())
}

// Facts is what a decision needs to know of earlier orders.
type Facts struct {
	// Worker, Sources and Targets count the orders of other cases, without those that
	// were refused or failed: all, by source of the evidence, and by target (address,
	// account or process; the host where that is the target).
	Worker           int
	Sources, Targets map[string]int
	Running          map[action.Digest]bool // orders of this case that have not ended
	Ended            map[string]int         // orders of this case that have, by action
}

// OrderFacts returns the facts for a decision on a case. Orders of other cases count
// when they were decided since that time.
func (s *Store) OrderFacts(ctx context.Context, caseID string, since time.Time) (Facts, error) {
	f := Facts{Sources: map[string]int{}, Targets: map[string]int{}, Running: map[action.Digest]bool{}, Ended: map[string]int{}}
	own, err := s.orders(ctx, `WHERE "case" = ?`, caseID)
	if err != nil {
		return f, err
	}
	for _, row := range own {
		if row.State.Ended() {
			f.Ended[row.Order.Action]++
		} else {
			f.Running[row.Order.Digest] = true
		}
	}
	others, err := s.orders(ctx, `WHERE decided >= ? AND "case" <> ? AND state NOT IN (?, ?)`, nanos(since), caseID,
		action.Refused.String(), action.Failed.String())
	if err != nil {
		return f, err
	}
	for _, row := range others {
		f.Worker++
		f.Sources[row.Order.Source]++
		f.Targets[cmp.Or(row.Order.Params.Target(), row.Order.Host)]++
	}
	return f, nil
}
