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
// are in force, each as often as it pays. What Zabbix refuses is returned beside.
func (p *publisher) lookAtObjects(ctx context.Context) (refused, err error) {
	if refused, err = goThrough(ctx, p.lookAtHosts, p.lookAtMaintenance, p.lookAtOwn); err != nil {
		return refused, err
	}
	now := p.now()
	if _, found := p.ownHost(); found && (p.looked.objects.IsZero() || now.Sub(p.looked.objects).Abs() >= objectsEvery) {
		if p.looked.refused, err = goThrough(ctx, p.lookAtTriggers, p.lookAtItems); err == nil {
			p.looked.objects = now
		}
	}
	return errors.Join(refused, p.looked.refused), err
}

// goThrough runs the parts of a look. One that Zabbix answers and refuses, as where a
// right is missing, keeps no other from going well; any other error ends it.
func goThrough(ctx context.Context, parts ...func(context.Context) error) (refused, err error) {
	for _, part := range parts {
		err := part(ctx)
		var answer *zabbix.APIError
		if err != nil && !errors.As(err, &answer) {
			return refused, err
		}
		refused = errors.Join(refused, err)
	}
	return refused, nil
}

// lookAtHosts reads the list of hosts.
func (p *publisher) lookAtHosts(ctx context.Context) error {
	now := p.now()
	if !p.looked.hosts.IsZero() && now.Sub(p.looked.hosts).Abs() < hostsEvery {
		return nil
	}
	all, err := p.api.Hosts(ctx)
	if err != nil && !errors.Is(err, zabbix.ErrMore) {
		return err
	}
	p.mu.Lock()
	p.hosts.learn(all)
	p.mu.Unlock()
	p.looked.hosts = now
	return nil
}

// ownHost returns the worker's own host, as far as it is known.
func (p *publisher) ownHost() (own zabbix.HostInfo, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hosts.info(p.o.Host)
}

// lookAtOwn looks at the worker's own host and at the stop switch that it has.
func (p *publisher) lookAtOwn(ctx context.Context) error {
	if p.looked.hosts.IsZero() {
		return nil
	}
	own, found := p.ownHost()
	if !p.judgeOwn(&own, found) {
		return nil
	}
	return p.lookAtStop(ctx, own.ID)
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

// lookAtTriggers tells of triggers and items that somebody disabled.
func (p *publisher) lookAtTriggers(ctx context.Context) error {
	own, _ := p.ownHost()
	ids := []string{own.ID}
	p.mu.Lock()
	for _, s := range p.shown {
		if info, ok := p.hosts.info(s.Host); ok && info.ID != own.ID {
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
