package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"penstock/core/action"
	"penstock/core/event"
	"penstock/core/store"
)

// Route carries an order to the host that it names.
type Route interface {
	// Name is what is stored with the order; it never changes.
	Name() string
	// Carry hands the order over and returns how it ended. An error means that
	// nobody can say whether it took effect.
	Carry(ctx context.Context, o action.Order) (action.Outcome, string, error)
	// Find says what became of an order that was handed over before a crash, and
	// false where that cannot be known.
	Find(ctx context.Context, d action.Digest) (action.Outcome, string, bool, error)
}

// carryWithin is how long one order may take.
const carryWithin = 30 * time.Second

// dispatch is the loop that carries out orders (T4). What it was at when the
// worker ended it looks up, and never sends again.
func (w *Worker) dispatch(ctx context.Context) {
	wait := w.retry
	for ctx.Err() == nil {
		err := w.dispatchAll(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.storeFails("what became of an order", err)
			sleep(ctx, wait)
			wait = min(2*wait, time.Minute)
			continue
		}
		w.storeWorks("what became of an order")
		wait = w.retry
		select {
		case <-ctx.Done():
		case <-w.orders:
		}
	}
}

// ordersAtOnce is how many orders are read from the store at a time.
const ordersAtOnce = 20

func (w *Worker) dispatchAll(ctx context.Context) error {
	if err := w.lookUpSent(ctx); err != nil {
		return err
	}
	for {
		orders, err := w.store.Intended(ctx, ordersAtOnce)
		if err != nil || len(orders) == 0 {
			return err
		}
		for _, o := range orders {
			if err := w.carry(ctx, o); err != nil {
				return err
			}
		}
	}
}

// lookUpSent ends the orders that were handed over and of which no result is
// stored: the worker ended between the two.
func (w *Worker) lookUpSent(ctx context.Context) error {
	sent, err := w.store.Sent(ctx)
	if err != nil {
		return err
	}
	for _, o := range sent {
		outcome, text, known, err := w.route.Find(ctx, o.Order.Digest)
		if err != nil || !known || o.Route != w.route.Name() {
			outcome, text = action.Unknown, "the worker ended while it was sent, and nothing tells what became of it"
			if err != nil {
				text += ": " + err.Error()
			}
			w.board.Tell(event.High, NoticeOrder, fmt.Sprintf("order %s of case %s (%s %s on %s): %s",
				o.Order.Digest.Code(), o.Order.Case, o.Order.Action, o.Order.Params.Target(), o.Order.Host, text))
		}
		if err := w.endOrder(ctx, o.Order, outcome, text); err != nil {
			return err
		}
	}
	return nil
}

// endOrder stores how an order ended and, in the same transaction, the newest
// record of its case once more with that in it, so that every sink hears of it.
func (w *Worker) endOrder(ctx context.Context, o action.Order, outcome action.Outcome, text string) error {
	w.telling.Lock() // a record that became old meanwhile would take back what a newer one said
	defer w.telling.Unlock()
	last, err := w.store.Records(ctx, o.Case, 1)
	if err != nil {
		return err
	}
	var v *store.Verdict
	if len(last) > 0 {
		v = &store.Verdict{Case: o.Case, Revision: last[0].Revision, Record: last[0].WithOrder(o, outcome), Sinks: w.sinkNames()}
	}
	if err := w.store.EndOrder(ctx, o.Digest, outcome, text, v); err != nil {
		return err
	}
	w.wakeSinks()
	return nil
}

// carry judges a stored order by the rules of this moment, commits that it is
// sent, and only then hands it over.
func (w *Worker) carry(ctx context.Context, o action.Order) error {
	facts, err := w.facts(ctx, o.Case)
	if err != nil {
		return err
	}
	if refusal, ok := w.engine.policy.StillAllowed(o, facts); !ok {
		return w.endOrder(ctx, o, action.Refused, "refused by policy: "+refusal.Reason.String())
	}
	if err := w.store.MarkSent(ctx, o.Digest, w.route.Name()); err != nil {
		return err
	}
	carrying, cancel := context.WithTimeout(ctx, carryWithin)
	defer cancel()
	outcome, text, err := w.route.Carry(carrying, o)
	if err != nil {
		outcome, text = action.Unknown, err.Error()
		w.board.Tell(event.High, NoticeOrder, fmt.Sprintf("order %s of case %s (%s %s on %s): %v",
			o.Digest.Code(), o.Case, o.Action, o.Params.Target(), o.Host, err))
	}
	// The result of what was done is stored also when the worker is told to end.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer stop()
	return w.endOrder(ctx, o, outcome, text)
}

// logRoute writes orders to a file and carries nothing out: the only route there
// is until there are others. Its file is the journal that Find looks into.
type logRoute struct {
	path string
	now  func() time.Time
}

// logged is one line of the file.
type logged struct {
	At     time.Time     `json:"at"`
	Digest action.Digest `json:"digest"`
	Case   string        `json:"case"`
	Action string        `json:"action"`
	Target string        `json:"target"`
	Host   string        `json:"host"`
}

// maxOrderLog is the size in bytes from which the file is put aside.
const maxOrderLog = 4 << 20

// logRouteText is how its orders end.
const logRouteText = "written to the log of orders: this version has no route to a host"

// Name returns log.
func (logRoute) Name() string { return "log" }

// Carry writes the order down. It fails it, since nothing took effect.
func (r logRoute) Carry(_ context.Context, o action.Order) (action.Outcome, string, error) {
	line, err := json.Marshal(logged{r.now().UTC(), o.Digest, o.Case, o.Action, o.Params.Target(), o.Host})
	if err != nil {
		return 0, "", err
	}
	if info, err := os.Stat(r.path); err == nil && info.Size() > maxOrderLog {
		if err := os.Rename(r.path, r.path+".1"); err != nil {
			return action.Failed, fmt.Sprintf("the log of orders cannot be put aside: %v", err), nil
		}
	}
	file, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return action.Failed, fmt.Sprintf("the log of orders cannot be written: %v", err), nil
	}
	_, err = file.Write(append(line, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return 0, "", fmt.Errorf("write the log of orders: %w", err)
	}
	return action.Failed, logRouteText, nil
}

// Find looks for the order's line, in the file and the one before it.
func (r logRoute) Find(_ context.Context, d action.Digest) (action.Outcome, string, bool, error) {
	for _, path := range []string{r.path, r.path + ".1"} {
		text, err := readBounded(path, 2*maxOrderLog)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return action.Unknown, "", false, err
		}
		if bytes.Contains(text, []byte(d.String())) {
			return action.Failed, logRouteText, true, nil
		}
	}
	return action.Unknown, "", false, nil
}

// newLogRoute returns the route of a state directory.
func newLogRoute(folder string, now func() time.Time) logRoute {
	return logRoute{filepath.Join(folder, "orders.jsonl"), now}
}
