package app

import (
	"net/netip"
	"strings"
	"sync"
	"time"

	"penstock/core/site"
)

// maxMaintained bounds the hosts that are in maintenance at a time.
const maxMaintained = 20_000

// Maintained is a host on which work was announced, from and till then. A zero Till
// has no end.
type Maintained struct {
	Host       string // technical or visible name in Zabbix
	From, Till time.Time
}

// maintenance knows on which assets work was announced. The loop that speaks with
// Zabbix tells it, the sift loop asks it; it may be used by several goroutines at the
// same time. It softens probing and outages by one step and nothing else: see floor.
type maintenance struct {
	site *site.Site

	mu  sync.RWMutex
	all map[string][]Maintained // by asset, or by the host's name in small letters
}

func newMaintenance(s *site.Site) *maintenance { return &maintenance{site: s} }

// setMaintenance replaces what is known of announced work by what Zabbix says now,
// and returns how many hosts found no room. What it said before and no longer says is
// over.
func (w *Worker) setMaintenance(now []Maintained) (over int) { return w.engine.maintenance.set(now) }

func (m *maintenance) set(now []Maintained) (over int) {
	all := make(map[string][]Maintained, min(len(now), maxMaintained))
	for i, h := range now {
		if i >= maxMaintained {
			over = len(now) - i
			break
		}
		name := m.asset(h.Host)
		all[name] = append(all[name], h)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = all
	return over
}

// asset is the key of a host: the site's name of it where it lists the host.
func (m *maintenance) asset(host string) string {
	if a, known := m.site.Resolve(host, netip.Addr{}); known {
		host = a.Name
	}
	return strings.ToLower(host)
}

// announced says whether work on the asset was announced for that time.
func (m *maintenance) announced(asset string, at time.Time) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.all) == 0 {
		return false
	}
	for _, h := range m.all[m.asset(asset)] {
		if !at.Before(h.From) && (h.Till.IsZero() || at.Before(h.Till)) {
			return true
		}
	}
	return false
}
