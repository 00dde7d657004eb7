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
	hosts map[string]bool // in small letters
}

func newOwn(host string) *own {
	o := &own{hosts: map[string]bool{}}
	if host != "" {
		o.hosts[strings.ToLower(host)] = true
	}
	return o
}

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
	return o.hosts[strings.ToLower(host)]
}
