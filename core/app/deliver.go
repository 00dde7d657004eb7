package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/store"
	"penstock/core/zabbix"
)

// apart is how long what ends a problem waits behind what opened it, and the other
// way round: Zabbix works requests side by side, and one that comes within moments
// of another may be worked before it (seen with 6.0.14 and 7.0.9).
const apart = 3 * time.Second

// deliver hands over the next values and returns how many were taken. Of one host
// it hands over no more than one transition at a time: one that is sent again then
// is still the newest of its host, and Zabbix sees that it is a repeat.
func (p *publisher) deliver(ctx context.Context) (int, error) {
	var batch []store.Value
	for len(batch) == 0 { // what is next may all have to wait: others go then
		waiting, err := p.store.Values(ctx, valuesAtOnce, p.holds()...)
		if err != nil || len(waiting) == 0 {
			return 0, err
		}
		batch = pick(waiting, p.isTooSoon)
	}
	values := make([]zabbix.Value, len(batch))
	for i, v := range batch {
		values[i] = zabbix.Value{Host: v.Host, Key: v.Key, Value: v.Value, At: v.At}
	}
	refused, failed := zabbix.Deliver(ctx, p.door, values)
	var rest *zabbix.RestError
	if failed != nil && !errors.As(failed, &rest) {
		return 0, failed
	}
	taken, back, left := p.sort(batch, refused, rest)
	// What was taken is known to be: it is marked also when the worker is told to end.
	marking, done := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer done()
	if err := p.store.TakeValues(marking, taken); err != nil {
		return 0, err
	}
	var away *zabbix.AwayError
	if errors.As(failed, &away) { // others of the batch were taken: only these hosts wait
		failed = nil
		if back = append(back, p.keepBack(left, rest.Hosts)...); len(back) < len(refused)+len(left) {
			p.board.Stand(event.High, NoticeZabbix, "away", fmt.Sprintf("%v; the values of these hosts wait", away))
		}
	} else if failed == nil {
		p.board.Over(NoticeZabbix, "away", "all of zabbix.send.to can be reached")
	}
	return len(taken), errors.Join(failed, p.giveBack(ctx, back))
}

// sort parts a batch into the ids of what was taken, what was refused and what is left.
func (p *publisher) sort(batch []store.Value, refused []int, rest *zabbix.RestError) (taken []int64, back, left []store.Value) {
	for _, i := range refused {
		back = append(back, batch[i])
	}
	if rest != nil {
		for _, i := range rest.Rest {
			left = append(left, batch[i])
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, v := range batch {
		if slices.Contains(refused, i) || rest != nil && slices.Contains(rest.Rest, i) {
			continue
		}
		taken = append(taken, v.ID)
		if !slices.ContainsFunc(back, func(b store.Value) bool { return b.Host == v.Host }) {
			delete(p.held, v.Host)
		}
		if v.Host == p.o.Host {
			delete(p.hosts.refused, v.Host)
		}
		if v.Transition {
			p.took(&v)
		}
	}
	return taken, back, left
}

// took remembers when a transition was taken. The lock is held.
func (p *publisher) took(v *store.Value) {
	now := p.now()
	maps.DeleteFunc(p.turned, func(_ string, at time.Time) bool { return now.Sub(at).Abs() >= apart })
	p.turned[problemOf(v)] = now
	if p.api != nil { // without it nothing is compared
		p.sent[v.Case] = now
	}
}

// isTooSoon says whether a transition has to wait. Nothing behind it goes to its host
// until then, and the host is left out, so that it keeps nothing of others back.
func (p *publisher) isTooSoon(v *store.Value) bool {
	at, ok := p.turned[problemOf(v)]
	left := apart - p.now().Sub(at).Abs()
	if !ok || left <= 0 {
		return false
	}
	r := p.held[v.Host]
	r.next = p.now().Add(left)
	p.held[v.Host] = r
	return true
}

// problemOf names the problem that a transition opens or ends.
func problemOf(v *store.Value) string {
	severity, _ := readTransition(v.Value)
	return strings.Join([]string{v.Host, v.Case, severity}, "|")
}

// keepBack lets hosts wait whose values may belong to an address that is away. For
// how long that address has been away bounds it: one that never answers, as the
// standby of a cluster, makes no host wait for ever. It returns what waits no more.
func (p *publisher) keepBack(left []store.Value, why map[string]error) (over []store.Value) {
	for _, v := range left {
		var away *zabbix.AwayError
		if errors.As(why[v.Host], &away) && p.now().Sub(away.Since) >= awayPatience {
			over = append(over, v)
			continue
		}
		r := p.held[v.Host]
		r.next = p.now().Add(publishMaxWait)
		p.held[v.Host] = r
	}
	return over
}

// holds returns the hosts that get nothing now: those that refused values a moment
// ago, and those whose values Zabbix would drop.
func (p *publisher) holds() []string {
	now := p.now()
	var hosts []string
	for host, r := range p.held {
		if now.Before(r.next) && r.next.Sub(now) <= 2*refusedFor {
			hosts = append(hosts, host)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(hosts, p.hosts.dropping...)
}

// pick returns the values that may go together, in their order: no more of a host
// behind a transition of it, or from one on that has to wait.
func pick(waiting []store.Value, isTooSoon func(*store.Value) bool) []store.Value {
	done := map[string]bool{}
	var batch []store.Value
	bytes := 0
	for _, v := range waiting {
		if done[v.Host] = done[v.Host] || v.Transition && isTooSoon(&v); done[v.Host] {
			continue
		}
		if bytes += len(v.Value); len(batch) == zabbix.MostValues || bytes > bytesAtOnce && len(batch) > 0 {
			break
		}
		batch = append(batch, v)
		done[v.Host] = v.Transition
	}
	return batch
}

// giveBack does with refused values what can be done: they are tried again for a
// while, since a new host or item is not known everywhere at once. Then they go to
// the worker's own host.
func (p *publisher) giveBack(ctx context.Context, refused []store.Value) error {
	now := p.now()
	moves := map[string]bool{}
	for _, v := range refused {
		r := p.held[v.Host]
		if r.since.IsZero() || now.Before(r.since) {
			r.since = now
		}
		r.next = now.Add(p.pause)
		if now.Sub(r.since) >= p.patience {
			if v.Host != p.o.Host {
				moves[v.Host] = true
				continue
			}
			r.next = now.Add(publishMaxWait)
			p.mu.Lock()
			p.hosts.refuse(v.Host, now)
			p.mu.Unlock()
			p.board.Stand(event.High, NoticeZabbix, "own host", fmt.Sprintf(
				"Zabbix refuses values of host %s: it is not there, lacks the template, does not allow this address, or is watched by another proxy; they wait", p.o.Host))
		}
		p.held[v.Host] = r
	}
	if _, held := p.held[p.o.Host]; !held {
		p.board.Over(NoticeZabbix, "own host", "Zabbix takes values of host "+p.o.Host+" again")
	}
	for host := range moves {
		moved, err := p.move(ctx, host)
		if err != nil {
			return err
		}
		p.held[host] = refusal{now, now.Add(refusedFor)} // what ends problems there waits for it
		if moved {
			p.board.Tell(event.Medium, NoticeZabbix, fmt.Sprintf("Zabbix refuses values of host %s: its cases are shown on host %s", host, p.o.Host))
		}
	}
	return nil
}

// move shows on the worker's own host what a host refuses to show. What ends problems
// that were opened there goes on waiting for it; where Zabbix does not know the host
// any more, neither do its problems exist. It says whether there was anything to move.
func (p *publisher) move(ctx context.Context, host string) (moved bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts.refuse(host, p.now())
	waiting, err := p.store.HostValues(ctx, host)
	if err != nil {
		return false, err
	}
	_, isThere := p.hosts.info(host)
	isThere = isThere || !p.hosts.known
	s, err := p.begin(ctx)
	if err != nil {
		return false, err
	}
	unopened := map[string]bool{}
	for _, v := range waiting {
		if opens := v.Transition && opens(v.Value); opens || !v.Transition || !isThere {
			s.Drop = append(s.Drop, v.ID)
			unopened[v.Case] = unopened[v.Case] || opens
		}
	}
	for id, shown := range p.shown {
		if shown.Host != host {
			continue
		}
		if err := s.moveCase(ctx, &shown, isThere && !unopened[id]); err != nil {
			return false, err
		}
	}
	return len(s.Drop)+len(s.after) > 0, s.commit(ctx)
}

// moveCase gathers that a case is shown on another host than it is, and that its
// problem ends where there is one.
func (s *showing) moveCase(ctx context.Context, now *store.Shown, ends bool) error {
	last, err := s.p.store.Records(ctx, now.Case, 1)
	if err != nil {
		return err
	}
	if ends {
		s.end(now, zabbix.EndSuperseded, s.p.now())
	}
	s.after[now.Case] = store.Shown{Case: now.Case}
	if len(last) > 0 {
		s.add(&last[0], s.p.now())
	}
	return nil
}

// opens says whether a transition opens a problem.
func opens(transition string) bool {
	_, what := readTransition(transition)
	return what == "open"
}

// readTransition returns of which severity a problem is and what is done with it, by
// a transition that is sealed or not.
func readTransition(value string) (severity, what string) {
	if fields := strings.Split(value, "|"); len(fields) > 2 {
		return fields[1], fields[2]
	}
	return "", ""
}
