package app

import (
	"strings"
	"sync"

	"penstock/core/decode"
)

// own knows what of a Zabbix is Penstock's own, so that it never comes back as input.
// The loops that speak with Zabbix tell it, the decoders ask it; it may be used by
// several goroutines at the same time.
type own struct {
	mu    sync.RWMutex
	cases func(id, host string) bool // nil knows none
	items map[string]bool
	host  string // the worker's own, in small letters; "" for none
	hosts map[string]bool
}

func newOwn(host string) *own { return &own{host: strings.ToLower(host)} }

// setOwnCases gives the function that says whether the worker shows the case with that
// id on the host with that technical name. It must not block.
func (w *Worker) setOwnCases(shown func(id, host string) bool) {
	w.engine.own.mu.Lock()
	defer w.engine.own.mu.Unlock()
	w.engine.own.cases = shown
}

// setOwnItems gives the numbers of the items that hang on our templates.
func (w *Worker) setOwnItems(ids []string) {
	items := make(map[string]bool, len(ids))
	for _, id := range ids {
		items[id] = true
	}
	w.engine.own.mu.Lock()
	defer w.engine.own.mu.Unlock()
	w.engine.own.items = items
}

// setOwnHosts gives the technical names of the hosts that carry one of our templates:
// what these say of Penstock itself, of whichever worker, is no input. The worker's own
// host is one of them without being named.
func (w *Worker) setOwnHosts(names []string) {
	hosts := make(map[string]bool, len(names))
	for _, name := range names {
		hosts[strings.ToLower(name)] = true
	}
	w.engine.own.mu.Lock()
	defer w.engine.own.mu.Unlock()
	w.engine.own.hosts = hosts
}

// zabbix returns what decoders ask.
func (o *own) zabbix() *decode.Zabbix {
	return &decode.Zabbix{OwnCase: o.ownCase, OwnItem: o.ownItem, OwnHost: o.ownHost}
}

func (o *own) ownCase(id, host string) bool {
	o.mu.RLock()
	shown := o.cases
	o.mu.RUnlock()
	return shown != nil && shown(id, host)
}

func (o *own) ownItem(id string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return o.items[id]
}

func (o *own) ownHost(host string) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	host = strings.ToLower(host)
	return host != "" && (host == o.host || o.hosts[host])
}
