package sift

import (
	"net/netip"
	"strings"
	"time"

	"penstock/core/baseline"
	"penstock/core/event"
	"penstock/core/pattern"
	"penstock/core/site"
)

// Options are the knobs of detection. One set fits all sources: they say how
// long Penstock remembers and how soon it speaks, not what a format looks like.
type Options struct {
	// Forget is how long after the last time something known is told again.
	Forget time.Duration `yaml:"forget"`
	// LearnEvents is how many events Penstock only learns from, at least.
	LearnEvents int `yaml:"learn_events"`
	// LearnShare is the share of new messages, in percent of recent events,
	// above which Penstock goes on learning. Once it has fallen below, learning
	// has ended for good, so that a flood of novelty cannot bring it back.
	LearnShare int `yaml:"learn_share"`
	// FailuresBefore is how many failures make a following success suspicious.
	FailuresBefore int `yaml:"failures_before"`
	// FailureWindow is how long a failure counts for that.
	FailureWindow time.Duration `yaml:"failure_window"`
}

// DefaultOptions returns the options that the figures in docs/evaluation.md were measured with.
func DefaultOptions() Options {
	return Options{
		Forget:         24 * time.Hour,
		LearnEvents:    300,
		LearnShare:     20,
		FailuresBefore: 3,
		FailureWindow:  30 * time.Minute,
	}
}

// Check reports every option that cannot be worked with.
func (o *Options) Check(problem func(path, text string)) {
	if o.Forget < time.Minute || o.Forget > 90*24*time.Hour {
		problem("forget", "must lie between 1m and 2160h")
	}
	if o.LearnEvents < 0 || o.LearnEvents > 1_000_000 {
		problem("learn_events", "must lie between 0 and 1000000")
	}
	if o.LearnShare < 0 || o.LearnShare > 100 {
		problem("learn_share", "must lie between 0 and 100 (percent)")
	}
	if o.FailuresBefore < 1 || o.FailuresBefore > maxRemembered {
		problem("failures_before", "must lie between 1 and 64")
	}
	if o.FailureWindow < time.Second || o.FailureWindow > 24*time.Hour {
		problem("failure_window", "must lie between 1s and 24h")
	}
}

// learnSpan is over how many events the share of new messages is averaged.
const learnSpan = 256

// Sifter decides of one event after another. It is used by one goroutine.
type Sifter struct {
	opts    Options
	site    *site.Site
	signals *Signals
	miner   *pattern.Miner
	base    *baseline.Baseline
	values  *baseline.Values
	tallies *tallies

	events  uint64  // events seen
	recent  float64 // share of new messages among the recent ones, 0 to 1
	learned bool

	hits  []*Signal // reused from event to event
	found []Evidence
	keys  []tallyKey
}

// New returns a Sifter that knows nothing yet.
func New(o Options, s *site.Site, signals *Signals) *Sifter {
	return &Sifter{
		opts: o, site: s, signals: signals,
		miner:   pattern.New(pattern.Options{}),
		base:    baseline.New(baseline.Options{}),
		values:  baseline.NewValues(0),
		tallies: newTallies(),
		recent:  1,
	}
}

// Sift learns from the event and says what is noticeable about it. It fills in
// the event's Asset and Zone. The finding's evidence is valid until the next call.
func (s *Sifter) Sift(ev *event.Event) Finding {
	s.found = s.found[:0]
	place := s.place(ev)
	fromZabbix := ev.Program == programZabbix
	if fromZabbix && (isValue(ev) || isRecovery(ev)) {
		return s.measured(ev)
	}

	text := ev.Message
	if ev.Name != "" {
		text = ev.Name
	}
	domain := domainOf(ev)
	match := s.miner.Learn(domain, text)
	sight := s.base.See(domain, baseline.Key{Asset: place.normal, Program: ev.Program, Template: match.ID}, ev.Time)
	s.hits = s.signals.Match(ev, s.hits[:0])

	o := observation{ev: ev, domain: domain, normal: place.normal, match: match, sight: sight, peer: peerOf(ev, match.Spans)}
	f := Finding{Source: domain, Template: match.ID, New: sight.First}
	if fromZabbix && isProblem(ev) {
		f.Fresh = s.problem(&o)
		f.Fresh = s.known(&o) || f.Fresh
		f.Evidence = s.found
		return f
	}
	s.events++
	f.Fresh = s.novelty(&o) || f.Fresh
	f.Fresh = s.known(&o) || f.Fresh
	f.Fresh = s.oddities(&o, place.disputed) || f.Fresh
	f.Evidence = s.found
	return f
}

// Miner gives reports the templates behind the ids.
func (s *Sifter) Miner() *pattern.Miner { return s.miner }

// observation is one event with what was looked up about it.
type observation struct {
	ev     *event.Event
	domain string
	normal string // asset whose normal life it is compared with
	match  pattern.Match
	sight  baseline.Sight
	peer   event.Field // Value is "" when there is none
}

// add notes a piece of evidence about the event's peer, user or program. It is
// fresh, and may open a case, when it is grave or has not been told for Forget.
func (s *Sifter) add(o *observation, e Evidence) bool {
	s.found = append(s.found, e)
	return s.fresh(o, e)
}

// fresh says whether the evidence may open a case. High and above always may;
// Medium when it was not told for Forget; Low when it was not even seen.
func (s *Sifter) fresh(o *observation, e Evidence) bool {
	key := baseline.Key{Asset: o.normal, Program: e.Subject, Template: evidenceNumber(e, o.ev.Program)}
	if e.Severity >= event.Medium {
		// What is grave on one host is news on another, whatever we know of either.
		key.Asset = o.ev.Asset
		if e.Subject == "" {
			key.Template ^= o.match.ID << 8 >> 1
		}
	}
	sight := s.base.See(o.domain, key, o.ev.Time)
	fresh := sight.First || sight.Gap >= s.opts.Forget ||
		e.Severity == event.Medium && sight.Told >= s.opts.Forget || e.Severity >= event.High
	if fresh {
		s.base.Tell(o.domain, key, o.ev.Time)
	}
	return fresh
}

// evidenceNumber gives a kind of evidence about a program a number beside those
// of templates, which stay below the highest bit.
func evidenceNumber(e Evidence, program string) uint64 {
	return 1<<63 | (hash(e.Signal)^hash(program))<<8>>1 | uint64(e.Kind)
}

// standing is where an event stands.
type standing struct {
	// normal is the asset whose normal life the event is compared with. A host
	// that only the line itself names, and the site does not list, has none of
	// its own: with all such hosts of the source it shares one, so that invented
	// names are not new hosts.
	normal   string
	disputed bool // the address the line came from contradicts the host it names
}

// place fills in asset and zone. Where the address that a line came from
// contradicts the host it names (SAFETY A2), the event belongs to that address
// and to nobody's asset.
func (s *Sifter) place(ev *event.Event) standing {
	asset, known := s.resolve(ev)
	ev.Zone = asset.Zone
	switch {
	case known:
		ev.Asset = asset.Name
	case ev.Peer.IsValid() && (asset.Disputed || ev.Host == ""):
		ev.Asset = ev.Peer.String()
	case ev.Host != "":
		ev.Asset = ev.Host
	default:
		ev.Asset = ev.Source // nobody names a host: the file stands for it
	}
	at := standing{normal: ev.Asset, disputed: asset.Disputed}
	if known && ev.HostOrigin == event.Claimed && ev.Trust == event.Unauthenticated && !ev.Peer.IsValid() {
		at.normal = "claimed " + ev.Asset // anybody may have sent it: it teaches the asset's own life nothing
	}
	if !known && ev.HostOrigin == event.Claimed && !ev.Peer.IsValid() {
		at.normal = ""
	}
	return at
}

// resolve finds the event's asset by its host and peer, else by the address that
// a plain event states for the host.
func (s *Sifter) resolve(ev *event.Event) (site.Asset, bool) {
	asset, known := s.site.Resolve(ev.Host, ev.Peer)
	own, ok := ev.Field(event.KeyHostAddress)
	if known || !ok || ev.Peer.IsValid() {
		return asset, known
	}
	addr, err := netip.ParseAddr(own.Value)
	if err != nil {
		return asset, known
	}
	return s.site.Resolve("", addr)
}

// domainOf names the source that must bear the cost of what the event brings:
// the host where it is observed, else the file or transport.
func domainOf(ev *event.Event) string {
	if ev.HostOrigin == event.Observed && ev.Host != "" {
		return ev.Host
	}
	if ev.Peer.IsValid() {
		return ev.Peer.String()
	}
	return ev.Source
}

// PeerGroup returns what is counted as one peer: an IPv4 address itself, and the
// /64 network of an IPv6 address, which one host has to itself (RFC 6177).
func PeerGroup(address string) string {
	if strings.Count(address, ":") < 2 {
		return address
	}
	addr, err := netip.ParseAddr(address)
	if err != nil || !addr.Is6() || addr.Is4In6() {
		return address
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}

// peerOf returns the other side: the one a decoder recognised, else the first
// address in the text, which its author could have written.
func peerOf(ev *event.Event, spans []pattern.Span) event.Field {
	if f, ok := ev.Field(event.KeyPeer); ok {
		return f
	}
	if ev.Name != "" {
		return event.Field{}
	}
	for _, sp := range spans {
		if sp.Kind != pattern.Address {
			continue
		}
		// "Foo::E" of a program's name is an address by its letters only.
		if text := ev.Message[sp.Start:sp.End]; !strings.HasPrefix(text, "::") {
			return event.Field{Key: event.KeyPeer, Value: text, Origin: event.Claimed}
		}
	}
	return event.Field{}
}
