package cases

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/floor"
	"penstock/core/sift"
	"penstock/core/site"
)

// Options are the limits of a Book.
type Options struct {
	// Quiet is how long after its last event a Low or Medium case closes.
	Quiet time.Duration `yaml:"quiet"`
	// ForwardsPerHour is how many revisions one case may have within an hour; a
	// higher floor is always one.
	ForwardsPerHour int `yaml:"forwards_per_hour"`
	// NoveltyPerHour is the same for cases that hold nothing but messages never
	// seen before, such as those of a restart or an update.
	NoveltyPerHour int `yaml:"novelty_per_hour"`
	// MaxOpen is how many cases may be open; beyond it the least grave give way,
	// those of the source that has the most first, but never High and above.
	MaxOpen int `yaml:"max_open"`
	// KeepClosed is how many closed cases are kept for `penstock explain`.
	KeepClosed int `yaml:"keep_closed"`
}

// DefaultOptions returns the options that the figures in docs/evaluation.md were measured with.
func DefaultOptions() Options {
	return Options{Quiet: time.Hour, ForwardsPerHour: 30, NoveltyPerHour: 5, MaxOpen: 2000, KeepClosed: 1000}
}

// Check reports every option that cannot be worked with.
func (o *Options) Check(problem func(path, text string)) {
	if o.Quiet < time.Minute || o.Quiet > 7*24*time.Hour {
		problem("quiet", "must lie between 1m and 168h")
	}
	if o.ForwardsPerHour < 1 || o.ForwardsPerHour > 1000 {
		problem("forwards_per_hour", "must lie between 1 and 1000")
	}
	if o.NoveltyPerHour < 1 || o.NoveltyPerHour > 1000 {
		problem("novelty_per_hour", "must lie between 1 and 1000")
	}
	if o.MaxOpen < 10 || o.MaxOpen > 100_000 {
		problem("max_open", "must lie between 10 and 100000")
	}
	if o.KeepClosed < 0 || o.KeepClosed > 100_000 {
		problem("keep_closed", "must lie between 0 and 100000")
	}
}

// Decision is what becomes of one event.
type Decision uint8

const (
	Suppress Decision = iota // known: counted, goes no further
	Attach                   // adds to an open case without news
	Forward                  // opens a case or changes one materially
)

// String returns suppress, attach or forward.
func (d Decision) String() string {
	return [...]string{"suppress", "attach", "forward"}[min(d, Forward)]
}

// MarshalText implements encoding.TextMarshaler.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Outcome is the decision on one event, with the case it went to.
type Outcome struct {
	Decision Decision
	Case     string         // id; "" when suppressed
	Severity event.Severity // floor of the case after this event
	Class    event.Class
	Reasons  []string // machine words: what made it a forward, then the evidence
}

// Book holds the cases of one site. It is used by one goroutine.
type Book struct {
	opts    Options
	site    *site.Site
	prefix  string
	text    func(template uint64) string
	counter uint64
	newest  time.Time // event time of the newest event
	open    map[place]*held
	joined  map[place]*held // places that an open case of another place took in
	byID    map[string]*held
	closed  []*held // oldest first
	dormant map[place]*held
	dropped [numGrades]uint64 // closed cases that are no longer kept, by floor
	changed map[*held]bool    // since TakeChanges, true where due; nil while nobody asked to Track
	// announced says whether work on an asset was announced for that time; nil
	// knows of none.
	announced func(asset string, at time.Time) bool
}

// numGrades is the number of severities.
const numGrades = int(event.Critical) + 1

// dormancy is how long a closed Medium case is opened again by more of the same,
// which sift no longer calls fresh: whoever stops for an hour is not forgotten.
const dormancy = 24 * time.Hour

// place is what events of one case have in common.
type place struct {
	Asset string
	Kind  string // peer, user, subject, or class for what has none of them; metric
	Value string
}

// overflow is the place of events that found no room: every case is High or above.
var overflow = place{Asset: "", Kind: "overflow", Value: ""}

// held is an open case with what only the book needs to know.
type held struct {
	Case
	Number     uint64 // of the case's id
	Place      place
	Joined     []place   // further places that the case took in
	Metric     time.Time // event time of the last metric evidence
	Source     string    // which bears the cost of the case: see sift.Finding
	Messages   map[Message]bool
	AtForward  int       // events when it was last forwarded
	Hour       time.Time // start of the hour that Forwards counts
	Forwards   int
	Owed       bool             // news that the bound on forwards held back
	LineGrades []event.Severity // severity of the evidence of each line
	Raised     event.Severity   // see Raise; no part of a State
}

// Message is what makes a line of a case news: a program's template.
type Message struct {
	Program  string
	Template uint64
}

// maxMessages bounds the messages that one case remembers as seen.
const maxMessages = 500

// NewBook returns a book without cases. Ids are made of site, worker and a
// counter. The function gives the text behind a template's number.
func NewBook(o Options, s *site.Site, worker string, template func(uint64) string) *Book {
	name := cmp.Or(s.Name(), "site")
	return &Book{
		opts: o, site: s, prefix: name + "-" + cmp.Or(worker, "w1") + "-", text: template,
		open: map[place]*held{}, joined: map[place]*held{}, byID: map[string]*held{}, dormant: map[place]*held{},
	}
}

// Add takes one event with what sift found in it and decides where it goes.
func (b *Book) Add(ev *event.Event, f sift.Finding) Outcome {
	b.newest = later(b.newest, ev.Time)
	if len(f.Evidence) == 0 {
		return b.touch(ev)
	}
	if hasKind(f.Evidence, sift.Recovered) {
		return b.recover(ev, f)
	}
	b.expect(ev, f.Evidence)
	p := placeOf(ev, f.Evidence)
	h := b.find(p, ev.Time)
	if h == nil {
		h = b.together(p, ev, f)
	}
	var news []string
	if h == nil {
		if f.Fresh {
			h = b.begin(p, ev, f.Source)
		} else if h = b.reopen(p, ev.Time, f.Evidence); h == nil {
			return Outcome{}
		} else {
			news = []string{"resumed"}
		}
	}
	news = append(news, b.grow(h, ev, f)...)
	if len(news) == 0 && !f.Fresh && p.Kind == "class" && grade(f.Evidence) < event.Medium {
		return Outcome{} // more of the same fault of a host: counted in its case, and no more
	}
	out := Outcome{Decision: Attach, Case: h.ID, Severity: h.Floor, Class: h.Class}
	b.note(h, false)
	if len(news) > 0 && b.mayForward(h, ev, f, news) {
		out.Decision = Forward
		h.Revision++
		h.Forwarded = ev.Time
		h.AtForward = h.Events
		h.Owed = false
		b.note(h, true)
	}
	out.Reasons = append(news, words(f.Evidence)...)
	return out
}

// touch attaches an event without evidence when its peer is the subject of an
// open case on the same asset: what an attacker does next belongs to the case.
func (b *Book) touch(ev *event.Event) Outcome {
	if len(b.open) == 0 {
		return Outcome{}
	}
	peer, ok := ev.Field(event.KeyPeer)
	if !ok {
		return Outcome{}
	}
	h := b.find(place{ev.Asset, "peer", sift.PeerGroup(peer.Value)}, ev.Time)
	if h == nil || h.Floor < event.Medium {
		return Outcome{}
	}
	h.Events++
	h.Updated = later(h.Updated, ev.Time)
	b.note(h, false)
	b.keepLine(h, ev, sift.Finding{}, event.None)
	return Outcome{Decision: Attach, Case: h.ID, Severity: h.Floor, Class: h.Class, Reasons: []string{"peer-of-case"}}
}

// placeOf says where an event belongs: to its peer, else to its user, else to the
// subject or class of its gravest evidence, each on one asset.
func placeOf(ev *event.Event, evidence []sift.Evidence) place {
	if isMetric(evidence) {
		return place{ev.Asset, "metric", ""}
	}
	if peer, ok := ev.Field(event.KeyPeer); ok {
		return place{ev.Asset, "peer", sift.PeerGroup(peer.Value)}
	}
	gravest := evidence[0]
	for _, e := range evidence[1:] {
		if e.Severity > gravest.Severity {
			gravest = e
		}
	}
	if user, ok := ev.Field(event.KeyUser); ok && gravest.Class != event.Novelty {
		return place{ev.Asset, "user", user.Value}
	}
	if gravest.Kind != sift.HostMismatch && gravest.Subject != "" && gravest.Class != event.Novelty {
		return place{ev.Asset, "subject", gravest.Subject}
	}
	return place{ev.Asset, "class", gravest.Class.String()}
}

// find returns the open case of the place, and closes it first when it has been
// quiet for too long. High and Critical are closed by a person only.
func (b *Book) find(p place, now time.Time) *held {
	h := b.open[p]
	if h == nil {
		h = b.joined[p]
	}
	if h == nil {
		return nil
	}
	if b.isQuiet(h, now) {
		b.end(h)
		return nil
	}
	return h
}

// isQuiet says whether a case closes by itself at that time.
func (b *Book) isQuiet(h *held, now time.Time) bool {
	return h.severity() < event.High && now.Sub(h.Updated) > b.opts.Quiet
}

// begin opens a case, or returns the one that takes what no room is left for.
func (b *Book) begin(p place, ev *event.Event, source string) *held {
	if len(b.open) >= b.opts.MaxOpen {
		b.makeRoom(ev.Time)
	}
	if len(b.open) >= b.opts.MaxOpen { // all of them High or above
		p = overflow
		if h := b.open[p]; h != nil {
			return h
		}
	}
	b.counter++
	p = place{strings.Clone(p.Asset), strings.Clone(p.Kind), strings.Clone(p.Value)}
	h := &held{
		Case: Case{
			ID: fmt.Sprintf("%s%d", b.prefix, b.counter), Status: Open, Asset: p.Asset, Zone: ev.Zone,
			Opened: ev.Time, Updated: ev.Time,
		},
		Number: b.counter, Place: p, Source: strings.Clone(source), Messages: map[Message]bool{},
	}
	b.open[p], b.byID[h.ID] = h, h
	return h
}

// reopen returns the Medium case of the place that closed less than dormancy ago,
// open again, where the evidence is as grave.
func (b *Book) reopen(p place, now time.Time, evidence []sift.Evidence) *held {
	h := b.dormant[p]
	if h == nil || grade(evidence) < event.Medium || now.Sub(h.Updated) > dormancy {
		return nil
	}
	if len(b.open) >= b.opts.MaxOpen {
		b.makeRoom(now)
	}
	b.closed = slices.DeleteFunc(b.closed, func(c *held) bool { return c == h })
	delete(b.dormant, p)
	h.Status = Open
	b.open[h.Place], b.byID[h.ID] = h, h
	return h
}

// end closes a case, which is a revision of it.
func (b *Book) end(h *held) {
	delete(b.open, h.Place)
	b.part(h)
	h.Status, h.Raised = Closed, event.None
	h.Revision++
	b.note(h, true)
	b.closed = append(b.closed, h)
	if h.Floor == event.Medium {
		b.dormant[h.Place] = h
	}
	for len(b.closed) > b.opts.KeepClosed {
		b.drop(b.closed[0])
		b.closed = b.closed[1:]
	}
}

// drop forgets a closed case and counts it.
func (b *Book) drop(h *held) {
	b.dropped[h.Floor]++
	delete(b.byID, h.ID)
	if b.dormant[h.Place] == h {
		delete(b.dormant, h.Place)
	}
}

// makeRoom closes what has been quiet for too long and, where that is not
// enough, a tenth of the cases: the least grave first, among those the ones of the
// source that has the most, so that one flood cannot close another's cases. High
// and Critical ones stay: a person closes them.
func (b *Book) makeRoom(now time.Time) {
	perSource := map[string]int{}
	var weak []*held
	for _, h := range b.open {
		if h.severity() < event.High {
			weak = append(weak, h)
			perSource[h.Source]++
		}
	}
	slices.SortFunc(weak, func(x, y *held) int {
		return cmp.Or(cmp.Compare(x.severity(), y.severity()), -cmp.Compare(perSource[x.Source], perSource[y.Source]),
			x.Updated.Compare(y.Updated), cmp.Compare(x.Number, y.Number))
	})
	for _, h := range weak {
		if len(b.open) > b.opts.MaxOpen*9/10 || b.isQuiet(h, now) {
			b.end(h)
		}
	}
}

// Cases returns copies of all cases, open and closed, the gravest first, and
// among those of one severity the oldest first. A case that the newest event
// leaves quiet for too long is shown as closed.
func (b *Book) Cases() []Case {
	all := make([]Case, 0, len(b.open)+len(b.closed))
	for _, h := range b.open {
		all = append(all, b.show(h))
	}
	for _, h := range b.closed {
		all = append(all, b.show(h))
	}
	slices.SortFunc(all, func(x, y Case) int {
		return cmp.Or(-cmp.Compare(x.Floor, y.Floor), x.Opened.Compare(y.Opened), cmp.Compare(len(x.ID), len(y.ID)), strings.Compare(x.ID, y.ID))
	})
	return all
}

// Find returns a copy of the case with that id, as Cases does.
func (b *Book) Find(id string) (Case, bool) {
	if h := b.byID[id]; h != nil {
		return b.show(h), true
	}
	return Case{}, false
}

func (b *Book) show(h *held) Case {
	c := h.copy()
	if b.isQuiet(h, b.newest) {
		c.Status = Closed
	}
	return c
}

// Dropped returns how many closed cases of that severity are no longer kept.
func (b *Book) Dropped(s event.Severity) int { return int(b.dropped[s]) }

func (c *Case) copy() Case {
	d := *c
	d.Lines = slices.Clone(c.Lines)
	d.Evidence = slices.Clone(c.Evidence)
	d.Techniques = slices.Clone(c.Techniques)
	d.Peers, d.Users = slices.Clone(c.Peers), slices.Clone(c.Users)
	d.Programs, d.Targets = slices.Clone(c.Programs), slices.Clone(c.Targets)
	return d
}

func (b *Book) severity(h *held, asset site.Asset) floor.Result {
	return floor.Severity(h.Evidence, asset, floor.Facts{KnownScanner: b.site.IsKnownScanner})
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
