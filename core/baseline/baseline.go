// Package baseline remembers what is normal: which message templates each
// program of each host writes, how often, at which hours, and when it was last
// seen. It answers with facts and never with a verdict. Memory is bounded per
// domain, so that one source that invents names and messages forgets its own
// past and nobody else's.
package baseline

import (
	"time"
)

// Options bounds what a Baseline keeps.
type Options struct {
	MaxPerDomain int // keys kept for one domain; 0 means 4,096
	MaxDomains   int // domains kept; 0 means 1,024
	MaxTotal     int // keys kept for all domains together; 0 means 150,000
}

// Key names what is counted: a template of a program on an asset. Template 0 is
// the program itself.
type Key struct {
	Asset    string
	Program  string
	Template uint64
}

// Sight is what was known of a key before this time.
type Sight struct {
	First bool          // never seen
	Gap   time.Duration // since it was last seen; 0 when First
	Told  time.Duration // since Tell was last called; a hundred years when never
	Days  int           // distinct days on which it was seen, up to 65,535
	Hour  bool          // seen in this hour of the day before
	Burst int           // times seen in this window when that is ten times the usual and just became so; else 0
}

// window is the span over which Burst counts.
const window = 5 * time.Minute

// never is the Told of a key that was never told.
const never = 100 * 365 * 24 * time.Hour

// minBurst is the least number of events in a window that is called a burst.
const minBurst = 50

// id is Key with its names interned.
type id struct {
	asset, program uint32
	template       uint64
}

// Entry is what is kept of one key. It is exported for snapshots only.
type Entry struct {
	Count  uint64
	Last   int64 // Unix seconds
	Day    int32 // day of Last since 1970
	Days   uint16
	Hours  uint32 // bit h: seen in hour h UTC
	Window int64  // number of the current window
	InWin  uint32 // events in it
	Usual  uint32 // the most in any earlier window
	Burst  uint32 // the last burst noticed in this window
	Told   int64  // Unix seconds at which Tell was last called
}

// Baseline is not safe for use by several goroutines at the same time.
type Baseline struct {
	opts    Options
	domains map[string]*domain
	total   int     // keys of all domains
	last    *domain // the domain of the last call, most often that of the next
	name    string
}

// domain holds the keys of one source.
type domain struct {
	names   map[string]uint32
	next    uint32
	entries map[id]*Entry
	touched int64  // Unix seconds of the newest event
	days    uint16 // days on which there were events
}

// New returns an empty Baseline.
func New(o Options) *Baseline {
	if o.MaxPerDomain <= 0 {
		o.MaxPerDomain = 4096
	}
	if o.MaxDomains <= 0 {
		o.MaxDomains = 1024
	}
	if o.MaxTotal <= 0 {
		o.MaxTotal = 150_000
	}
	return &Baseline{opts: o, domains: map[string]*domain{}}
}

// See counts one event of the key at time t and returns what was known before.
// It allocates nothing for a known key.
func (b *Baseline) See(domainName string, k Key, t time.Time) Sight {
	d := b.domain(domainName)
	now := t.Unix()
	d.touch(now)
	e := d.find(k)
	known := e != nil
	if !known {
		b.makeRoom(d)
		b.total++
		e = &Entry{}
		d.entries[id{d.intern(k.Asset), d.intern(k.Program), k.Template}] = e
	}
	sight := e.sight(known, now)
	e.count(now)
	return sight
}

// Tell notes that a person was told of the key at time t. It does nothing for a
// key that was never seen.
func (b *Baseline) Tell(domainName string, k Key, t time.Time) {
	if e := b.domain(domainName).find(k); e != nil {
		e.Told = t.Unix()
	}
}

// Len returns the number of keys kept for the domain.
func (b *Baseline) Len(domainName string) int {
	if d := b.domains[domainName]; d != nil {
		return len(d.entries)
	}
	return 0
}

func (e *Entry) sight(known bool, now int64) Sight {
	if !known {
		return Sight{First: true, Told: never}
	}
	s := Sight{
		Gap:  time.Duration(max(now-e.Last, 0)) * time.Second,
		Told: never,
		Days: int(e.Days),
		Hour: e.Hours&(1<<hour(now)) != 0,
	}
	if e.Told != 0 {
		s.Told = time.Duration(max(now-e.Told, 0)) * time.Second
	}
	if w := now / int64(window/time.Second); w == e.Window {
		n := e.InWin + 1
		if n >= minBurst && n >= 10*max(e.Usual, 1) && n >= 10*max(e.Burst, 1) {
			s.Burst = int(n)
		}
	}
	return s
}

func (e *Entry) count(now int64) {
	if w := now / int64(window/time.Second); w != e.Window {
		e.Usual = max(e.Usual, e.InWin)
		e.Window, e.InWin, e.Burst = w, 0, 0
	}
	e.InWin++
	if e.InWin >= minBurst && e.InWin >= 10*max(e.Usual, 1) && e.InWin >= 10*max(e.Burst, 1) {
		e.Burst = e.InWin
	}
	if day := int32(now / 86400); e.Count == 0 || day > e.Day {
		e.Day = day
		if e.Days < 65535 {
			e.Days++
		}
	}
	e.Count++
	e.Last = max(e.Last, now)
	e.Hours |= 1 << hour(now)
}

// hour returns the hour of the day in UTC.
func hour(unix int64) uint { return uint((unix%86400 + 86400) % 86400 / 3600) }
