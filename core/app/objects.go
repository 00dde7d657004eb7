package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/policy"
	"penstock/core/zabbix"
)

// lookAtObjects reads the hosts, the stop switch in Zabbix and whether our objects
// are in force, each as often as it pays.
func (p *publisher) lookAtObjects(ctx context.Context) error {
	now := p.now()
	if p.looked.hosts.IsZero() || now.Sub(p.looked.hosts).Abs() >= hostsEvery {
		all, err := p.api.Hosts(ctx)
		if err != nil && !errors.Is(err, zabbix.ErrMore) {
			return err
		}
		p.mu.Lock()
		p.hosts.learn(all)
		p.mu.Unlock()
		p.looked.hosts = now
	}
	parts, isDue := []func(context.Context) error{p.lookAtMaintenance}, false
	p.mu.Lock()
	own, found := p.hosts.info(p.o.Host)
	p.mu.Unlock()
	if p.judgeOwn(&own, found) {
		parts = append(parts, func(ctx context.Context) error { return p.lookAtStop(ctx, own.ID) })
		if isDue = p.looked.objects.IsZero() || now.Sub(p.looked.objects).Abs() >= objectsEvery; isDue {
			parts = append(parts, func(ctx context.Context) error { return p.lookAtTriggers(ctx, own.ID) }, p.lookAtItems)
		}
	}
	var refused error
	for _, part := range parts {
		err := part(ctx)
		if err != nil && !isRefused(err) {
			return err
		}
		refused = errors.Join(refused, err)
	}
	if isDue && refused == nil {
		p.looked.objects = now
	}
	return refused
}

// isRefused says whether Zabbix answered and did not want to, as where a right is
// missing: what else is asked for may go well.
func isRefused(err error) bool {
	var answer *zabbix.APIError
	return errors.As(err, &answer)
}

// lookAtItems reads which items are the worker's own.
func (p *publisher) lookAtItems(ctx context.Context) error {
	items, hosts, err := p.api.OwnItems(ctx)
	if err != nil {
		return err
	}
	p.w.setOwnItems(items)
	p.w.setOwnHosts(hosts)
	return nil
}

// keyZabbixStop is under what the store keeps that the stop switch in Zabbix is on:
// it stays on over a restart until Zabbix says that it is off.
const keyZabbixStop = "zabbix.stop"

// lookAtStop reads the stop switch in Zabbix. A value that may not be read is one.
func (p *publisher) lookAtStop(ctx context.Context, hostID string) error {
	value, isSet, err := p.api.HostMacro(ctx, hostID, zabbix.MacroStop)
	if err != nil {
		return err
	}
	why := ""
	if value = strings.TrimSpace(value); isSet && value != "0" {
		why = fmt.Sprintf("the macro %s of host %s in Zabbix is set", zabbix.MacroStop, p.o.Host)
	}
	p.mu.Lock()
	changed := p.stop != why
	p.stop = why
	p.mu.Unlock()
	if !changed {
		return nil
	}
	return p.store.SetMeta(ctx, keyZabbixStop, why)
}

// lookAtMaintenance reads on which hosts work was announced.
func (p *publisher) lookAtMaintenance(ctx context.Context) error {
	all, err := p.api.Maintenances(ctx)
	if err != nil {
		return err
	}
	var hosts []Maintained
	noData := map[string]bool{}
	for _, m := range all {
		for _, host := range m.Hosts {
			noData[host] = noData[host] || m.NoData
			if !m.Limited {
				hosts = append(hosts, Maintained{Host: host, From: m.From, Till: m.Till})
			}
		}
	}
	p.mu.Lock()
	p.hosts.drop(noData)
	p.mu.Unlock()
	if over := p.w.setMaintenance(hosts); over > 0 {
		p.board.Stand(event.Medium, NoticeZabbix, "maintenance", fmt.Sprintf("%d hosts are in maintenance and not known to be", over))
	} else {
		p.board.Over(NoticeZabbix, "maintenance", "all hosts in maintenance are known")
	}
	return nil
}

// isShown says whether this worker shows, or showed not long ago, the case on the host.
func (p *publisher) isShown(id, host string) bool {
	p.placing.RLock()
	defer p.placing.RUnlock()
	return host != "" && p.places[id] == host
}

// judgeOwn tells what is wrong with the worker's own host, and says whether it is there.
func (p *publisher) judgeOwn(own *zabbix.HostInfo, found bool) bool {
	why := ""
	switch {
	case !found:
		why = "is not there, or the worker's token may not see it"
	case !own.Monitored:
		why = "is disabled"
	case !own.Takes:
		why = "lacks the template Penstock case by Zabbix trapper, or its item is disabled"
	case own.NoData:
		why = "is in maintenance without data: what is sent would be dropped, and waits"
	}
	if why != "" {
		p.board.Stand(event.High, NoticeZabbix, "host", "host "+p.o.Host+" "+why)
	} else {
		p.board.Over(NoticeZabbix, "host", "host "+p.o.Host+" is as it should be")
	}
	return found
}

// lookAtTriggers tells of triggers that somebody disabled.
func (p *publisher) lookAtTriggers(ctx context.Context, ownID string) error {
	ids := []string{ownID}
	p.mu.Lock()
	for _, s := range p.shown {
		if info, ok := p.hosts.info(s.Host); ok && info.ID != ownID {
			ids = append(ids, info.ID)
		}
	}
	p.mu.Unlock()
	silenced, err := p.api.Silenced(ctx, ids)
	switch {
	case err != nil:
		return err
	case len(silenced) > 0:
		p.board.Stand(event.High, NoticeZabbix, "triggers", "cases would not be seen: "+strings.Join(silenced[:min(5, len(silenced))], "; "))
	default:
		p.board.Over(NoticeZabbix, "triggers", "the triggers of cases are enabled again")
	}
	return nil
}

// noteAcks remembers which problems were acknowledged by a person who may.
func (p *publisher) noteAcks(ctx context.Context, open map[string]zabbix.Problem) error {
	acked := map[string]string{}
	for id, problem := range open {
		for _, ack := range problem.Acks {
			if !ack.Acknowledged {
				continue
			}
			var c cases.Case
			held, ok, err := p.store.Case(ctx, id)
			if err != nil {
				return err
			}
			if ok {
				c = held.Case
			}
			if by, why := p.w.engine.policy.ApproverFor(c, ack.User); why == policy.Allowed {
				acked[id] = by
			}
		}
	}
	p.mu.Lock()
	p.acked = acked
	p.mu.Unlock()
	return nil
}

// acknowledgedBy returns who of those who may has acknowledged the problem of a case.
func (p *publisher) acknowledgedBy(id string) string {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked[id]
}

// stopped returns why nothing starts by itself, by the macro in Zabbix.
func (p *publisher) stopped() string {
	if p == nil {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop
}
