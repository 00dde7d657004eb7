package app

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"penstock/core/event"
	"penstock/core/record"
	"penstock/core/store"
	"penstock/core/zabbix"
)

// zabbixSink is the key of Zabbix' rows in the outbox; it never changes.
const zabbixSink = "zabbix"

// NoticeZabbix is the kind of notices about what Zabbix shows.
const NoticeZabbix = "zabbix"

// Bounds and rhythms of what is shown in Zabbix.
const (
	publishRows   = 64   // records that are turned into values at a time
	valuesWaiting = 1000 // from so many values on, records stay in the outbox
	valuesHeld    = 5000 // likewise, with those of hosts that get nothing now
	valuesAtOnce  = 300  // that are read from the store at a time
	bytesAtOnce   = 4 << 20
	// A new item is in the cache of servers and proxies after a period of theirs: up
	// to a minute by default, and the proxy's comes after the server's.
	refusedPatience = 150 * time.Second
	refusedPause    = 5 * time.Second
	publishMaxWait  = 30 * time.Second
	awayPatience    = 24 * time.Hour // how long values wait for one of several addresses
	// firstHosts is how long the first values wait for the list of hosts.
	firstHosts = 30 * time.Second
	// quietPerHour is how many records of cases that are no problem of their own go
	// to Zabbix: a flood of them fills its history for nobody. The rest is in the
	// store and the log of records.
	quietPerHour = 600
)

// publisher shows cases in Zabbix (T5). Records become values, which are stored
// together with what is shown then; values are handed over in their order, and
// leave the store once Zabbix has them.
type publisher struct {
	w      *Worker
	o      zabbix.Options
	log    *slog.Logger
	now    func() time.Time
	store  *store.Store
	board  *board
	door   zabbix.Door
	api    *zabbix.API // nil where it is not configured
	sealer *zabbix.Sealer
	wake   chan struct{} // records wait
	ready  chan struct{} // closed when the hosts are known, or are not waited for
	once   sync.Once     // closes it

	mu     sync.Mutex // held while what is shown changes
	shown  map[string]store.Shown
	unsure bool      // a change failed, and may be stored all the same
	newest time.Time // of the values that were made
	hosts  zabbixHosts
	sent   map[string]time.Time      // when the last transition of a case was taken
	acked  map[string]string         // who acknowledged the problem of a case, of those who may
	others map[string]event.Severity // what other workers show, by fingerprint
	freed  map[string]bool           // fingerprints that others show no more, or as less grave
	stop   string                    // why nothing starts by itself, by the macro in Zabbix
	quiet  window
	// How long a host that refuses values is tried again, and how long between.
	patience, pause time.Duration
	looking         sync.Mutex // held during one look
	looked          lookState  // of that look

	// Of the loop alone: hosts that get nothing now, whether all that is open was gone
	// through, and what was opened or ended a moment ago.
	held     map[string]refusal
	caughtUp bool
	turned   map[string]time.Time // when a transition of a problem was taken

	// places are the hosts of cases that are shown or were, for what still comes of
	// them. They have a lock of their own: those who ask must not wait for the store.
	placing sync.RWMutex
	places  map[string]string
}

// refusal is a host that refused values, or has to wait.
type refusal struct {
	since time.Time // zero where it only waits: for another address, or for a moment
	next  time.Time // when it may be tried again
}

// window counts within an hour.
type window struct {
	from time.Time
	n    int
}

// take says whether one more is within the most.
func (w *window) take(now time.Time, most int) bool {
	if now.Sub(w.from).Abs() >= time.Hour {
		w.from, w.n = now, 0
	}
	w.n++
	return w.n <= most
}

// newPublisher opens what the options name; it connects to nothing. It returns nil
// where nothing is to be published.
func newPublisher(w *Worker) (*publisher, error) {
	o := w.o.Config.Zabbix
	if o.Host == "" {
		return nil, nil //nolint:nilnil // none is not an error: it is not configured
	}
	p := &publisher{
		w: w, o: o, log: w.log, now: w.now, store: w.store, board: w.board, wake: make(chan struct{}, 1), ready: make(chan struct{}),
		shown: map[string]store.Shown{}, sent: map[string]time.Time{}, freed: map[string]bool{}, held: map[string]refusal{},
		turned: map[string]time.Time{}, patience: refusedPatience, pause: refusedPause,
	}
	var err error
	if o.API.URL != "" {
		if p.api, err = zabbix.OpenAPI(o.API); err != nil {
			return nil, fmt.Errorf("open the Zabbix API: %w", err)
		}
	}
	if o.Send.Way == zabbix.Push {
		p.door = zabbix.NewPusher(p.api)
	} else if p.door, err = zabbix.NewSender(o.Send, w.log); err != nil {
		return nil, fmt.Errorf("make the Zabbix sender: %w", err)
	}
	if p.sealer, err = zabbix.NewSealer(o.SealFile); err != nil {
		return nil, fmt.Errorf("read the seal of Zabbix values: %w", err)
	}
	return p, nil
}

// load brings the publisher to where it stopped.
func (p *publisher) load(ctx context.Context) error {
	err := p.readShown(ctx)
	if err != nil {
		return err
	}
	if p.stop, _, err = p.store.Meta(ctx, keyZabbixStop); err != nil {
		return err
	}
	p.newest, err = p.store.NewestValue(ctx)
	return err
}

func (p *publisher) readShown(ctx context.Context) error {
	shown, err := p.store.Shown(ctx)
	if err != nil {
		return err
	}
	clear(p.shown)
	for _, s := range shown {
		p.shown[s.Case] = s
	}
	p.place(shown)
	return nil
}

// run is the loop that turns records into values and hands these over.
func (p *publisher) run(ctx context.Context) {
	select {
	case <-p.ready:
	case <-ctx.Done():
		return
	}
	wait := time.Second
	for ctx.Err() == nil {
		made, unmade := p.fill(ctx)
		if store.IsFull(unmade) || store.IsReadOnly(unmade) { // what is taken could not be marked, and would be sent again
			sleep(ctx, publishMaxWait)
			continue
		}
		taken, err := p.deliver(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			p.board.Stand(event.High, NoticeZabbix, "send", fmt.Sprintf("values cannot be handed to Zabbix: %v; they wait", err))
			sleep(ctx, wait)
			wait = min(2*wait, publishMaxWait)
			continue
		}
		wait = time.Second
		if taken > 0 {
			p.board.Over(NoticeZabbix, "send", "Zabbix takes values again")
		}
		switch {
		case made+taken > 0:
		case unmade != nil:
			sleep(ctx, publishMaxWait)
		default:
			p.idle(ctx)
		}
	}
}

// fill turns the next records into values; where there are none, it shows what is not
// known to be shown.
func (p *publisher) fill(ctx context.Context) (made int, err error) {
	made, err = p.makeValues(ctx)
	if err == nil && made == 0 {
		err = p.catchUp(ctx, !p.caughtUp)
		p.caughtUp = p.caughtUp || err == nil
	}
	switch {
	case err == nil:
		p.board.Over(NoticeStore, "what Zabbix is to show", "what Zabbix is to show is stored again")
	case ctx.Err() == nil:
		p.board.Stand(event.High, NoticeStore, "what Zabbix is to show", fmt.Sprintf("what Zabbix is to show cannot be stored: %v; records wait", err))
	}
	return made, err
}

// idle waits for records, or until what had to wait may be tried again.
func (p *publisher) idle(ctx context.Context) {
	pause := time.Minute
	if len(p.held) > 0 {
		pause = min(p.pause, apart)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-p.wake:
	case <-timer.C:
	}
}

// makeValues turns the next records of the outbox into values and returns how many
// records that were. While many values wait it does nothing.
func (p *publisher) makeValues(ctx context.Context) (int, error) {
	if n, err := p.store.ValuesLen(ctx, p.holds()...); err != nil || n >= valuesWaiting {
		return 0, err
	}
	if n, err := p.store.ValuesLen(ctx); err != nil || n >= valuesHeld {
		return 0, err
	}
	rows, err := p.store.Outbox(ctx, zabbixSink, publishRows)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.begin(ctx)
	if err != nil {
		return 0, err
	}
	s.Sink = zabbixSink
	for i := range rows {
		s.Rows = append(s.Rows, rows[i].ID)
		s.add(&rows[i].Record, rows[i].Saved)
	}
	if err := s.commit(ctx); err != nil {
		return 0, err
	}
	return len(rows), nil
}

// showing gathers what is to change, and changes it together. It is used with the
// publisher's lock held.
type showing struct {
	store.Showing
	p     *publisher
	after map[string]store.Shown // cases that stand differently afterwards
}

// begin begins to gather. The lock is held.
func (p *publisher) begin(ctx context.Context) (*showing, error) {
	if err := p.makeSure(ctx); err != nil {
		return nil, err
	}
	return &showing{p: p, after: map[string]store.Shown{}}, nil
}

// makeSure reads what is shown again where the last change failed: it may be stored
// all the same, and would be made twice, or undone as a stranger's. The lock is held.
func (p *publisher) makeSure(ctx context.Context) error {
	if !p.unsure {
		return nil
	}
	err := p.readShown(ctx)
	p.unsure = err != nil
	return err
}

// of returns how a case stands after what was gathered.
func (s *showing) of(id string) store.Shown {
	if after, ok := s.after[id]; ok {
		return after
	}
	return s.p.shown[id]
}

// add gathers what a record changes.
func (s *showing) add(r *record.Record, saved time.Time) {
	now := s.of(r.Case)
	host := s.p.route(&now, r)
	if now.Severity == event.None && r.Problem != record.ProblemOwn && (s.p.waitsLong(host) || !s.p.quiet.take(s.p.now(), quietPerHour)) {
		return
	}
	if now.Severity != event.None && now.Host != host { // the old host takes the end when it takes values again
		s.end(&now, zabbix.EndSuperseded, saved)
		now = store.Shown{}
	}
	steps, next := zabbix.Plan(toZabbix(&now), *r, host)
	if now.Severity == event.None && s.p.others[next.FP] >= next.Severity { // another worker shows the same
		steps = slices.DeleteFunc(steps, func(step zabbix.Step) bool { return step.Transition })
		next.Severity = event.None
	}
	for _, step := range steps {
		s.value(r.Case, host, step, saved)
	}
	after := now
	after.Case, after.Host, after.Asset, after.Severity, after.FP, after.Seq = r.Case, next.Host, next.Asset, next.Severity, next.FP, next.Seq
	if after.Severity != now.Severity {
		after.Since, after.Told = s.p.newest, ""
	}
	s.after[r.Case] = after
}

// end gathers that the problem of a case ends.
func (s *showing) end(now *store.Shown, why string, at time.Time) {
	step, _ := zabbix.Close(toZabbix(now), why)
	s.value(now.Case, now.Host, step, at)
	gone := *now
	gone.Severity = event.None
	s.after[now.Case] = gone
}

// value gathers one value. Its time is that of the record, but behind all that were
// made before, since Zabbix looks at what is newest: unless these were made by a
// clock that ran ahead.
func (s *showing) value(id, host string, step zabbix.Step, at time.Time) {
	p := s.p
	if now := p.now(); p.newest.After(now.Add(time.Minute)) {
		p.newest = now
	}
	if !at.After(p.newest) {
		at = p.newest.Add(1)
	}
	p.newest = at
	s.Values = append(s.Values, store.Value{
		Case: id, Host: host, Key: step.Key, Value: p.sealer.Seal(step.Key, step.Value), At: at, Transition: step.Transition,
		Replaces: !step.Transition && p.waitsLong(host),
	})
}

// waitsLong says whether values wait for the worker's own host while Zabbix keeps none
// of it, as in a maintenance of days: of each case the newest waits then, so that no
// number of records keeps those of other hosts back. The lock is held.
func (p *publisher) waitsLong(host string) bool {
	return host == p.o.Host && !p.hosts.takes(host, p.now())
}

func (s *showing) commit(ctx context.Context) error {
	for _, after := range s.after {
		s.Shown = append(s.Shown, after)
	}
	slices.SortFunc(s.Shown, func(a, b store.Shown) int { return strings.Compare(a.Case, b.Case) })
	if err := s.p.store.Show(ctx, s.Showing); err != nil {
		s.p.unsure = true
		return err
	}
	for id, after := range s.after {
		if after.Severity == event.None {
			delete(s.p.shown, id)
			continue
		}
		s.p.shown[id] = after
	}
	s.p.place(s.Shown)
	return nil
}

// wasMost is how many cases that were shown are remembered.
const wasMost = 2000

// place remembers where cases are shown.
func (p *publisher) place(all []store.Shown) {
	p.placing.Lock()
	defer p.placing.Unlock()
	if p.places == nil || len(p.places) > wasMost {
		p.places = map[string]string{}
		for id, s := range p.shown {
			p.places[id] = s.Host
		}
	}
	for _, s := range all {
		if s.Host != "" {
			p.places[s.Case] = s.Host
		}
	}
}

func toZabbix(s *store.Shown) zabbix.Shown {
	return zabbix.Shown{Case: s.Case, Host: s.Host, Asset: s.Asset, Severity: s.Severity, FP: s.FP, Seq: s.Seq}
}
