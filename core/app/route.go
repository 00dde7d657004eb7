package app

import (
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/record"
	"penstock/core/store"
	"penstock/core/zabbix"
)

// refusedFor is how long a host that refused values is left out.
const refusedFor = time.Hour

// zabbixHosts is what is known of the hosts in Zabbix. The publisher's lock is held
// where it is used.
type zabbixHosts struct {
	known   bool
	byName  map[string]zabbix.HostInfo // technical and visible names in small letters
	refused map[string]time.Time       // until when
	// dropping are those whose values Zabbix counts as processed and drops. It is asked
	// for with every request, and changes rarely.
	dropping []string
}

// learn takes a new list of hosts.
func (h *zabbixHosts) learn(all []zabbix.HostInfo) {
	h.known, h.byName = true, map[string]zabbix.HostInfo{}
	for _, info := range all { // a visible name never hides a technical one
		h.byName[strings.ToLower(info.Visible)] = info
	}
	for _, info := range all {
		h.byName[strings.ToLower(info.Name)] = info
	}
	h.listDropping()
}

// refuse notes that a host did not take values, whatever the API says of it.
func (h *zabbixHosts) refuse(host string, now time.Time) {
	if h.refused == nil {
		h.refused = map[string]time.Time{}
	}
	h.refused[host] = now.Add(refusedFor)
}

// info returns what is known of a host of that technical name.
func (h *zabbixHosts) info(host string) (zabbix.HostInfo, bool) {
	info, ok := h.byName[strings.ToLower(host)]
	return info, ok && info.Name == host
}

// takes says whether Zabbix keeps values of a host, as far as is known.
func (h *zabbixHosts) takes(host string, now time.Time) bool {
	if until := h.refused[host]; now.Before(until) && until.Sub(now) <= refusedFor {
		return false
	}
	info, ok := h.info(host)
	return !h.known || ok && info.Takes && info.Monitored && !info.NoData
}

// drop takes what maintenance without data there is now.
func (h *zabbixHosts) drop(noData map[string]bool) {
	for name, info := range h.byName {
		info.NoData = noData[info.Name]
		h.byName[name] = info
	}
	h.listDropping()
}

func (h *zabbixHosts) listDropping() {
	h.dropping = nil
	for name, info := range h.byName {
		if info.NoData && strings.ToLower(info.Name) == name {
			h.dropping = append(h.dropping, info.Name)
		}
	}
}

// route returns the technical name of the host that is to carry a case: the one that
// it is about where Zabbix knows it, else the worker's own. It stays where it is
// while that host takes values. The publisher's lock is held.
func (p *publisher) route(now *store.Shown, r *record.Record) string {
	host := now.Host
	if now.Severity == event.None {
		host = p.hostOf(r.Asset)
	}
	if host == "" || !p.hosts.takes(host, p.now()) {
		return p.o.Host
	}
	return host
}

// hostOf returns the technical name of an asset's host, "" where there is none.
func (p *publisher) hostOf(asset string) string {
	if host := p.o.Hosts[asset]; host != "" {
		return host
	}
	info, ok := p.hosts.byName[strings.ToLower(asset)]
	if asset == "" || !ok {
		return ""
	}
	return info.Name
}
