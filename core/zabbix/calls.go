package zabbix

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	mostHosts   = 20_000
	mostProxies = 5000
	mostInText  = 255  // characters of most names in Zabbix
	mostInName  = 2048 // of the names of events
	mostMaint   = 1000
)

// ErrMore says that there is more than is read at once. What was read is valid.
var ErrMore = errors.New("there is more in Zabbix than is read at once")

// HostInfo is a host that the token sees.
type HostInfo struct {
	ID          string
	Name        string // technical
	Visible     string
	Monitored   bool
	Discovered  bool   // made by a discovery rule: on 6.0 no template can be linked to it
	Takes       bool   // has an enabled item KeyTransition
	Maintenance bool   // in maintenance now; the server notes it at each full minute
	NoData      bool   // likewise, and its values are dropped though they count as processed
	Proxy       string // that monitors it, or the group of proxies; "" is the server itself
}

type rawHost struct {
	HostID      id     `json:"hostid"`
	Host        text   `json:"host"`
	Name        text   `json:"name"`
	Status      number `json:"status"`
	Flags       number `json:"flags"`
	Maintenance number `json:"maintenance_status"`
	Type        number `json:"maintenance_type"`
	From        number `json:"maintenance_from"`
	MaintID     id     `json:"maintenanceid"`
	OldProxy    id     `json:"proxy_hostid"` // before 7.0
	Proxy       id     `json:"proxyid"`
	ProxyGroup  id     `json:"proxy_groupid"`
}

// Hosts returns the hosts that the token sees, in the order of their names, at most
// 20,000. The error is ErrMore where there are more.
func (a *API) Hosts(ctx context.Context) ([]HostInfo, error) {
	version, err := a.Version(ctx)
	if err != nil {
		return nil, err
	}
	output := []string{"hostid", "host", "name", "status", "flags", "maintenance_status", "maintenance_type"}
	if version.AtLeast(7, 0) {
		output = append(output, "proxyid", "proxy_groupid")
	} else {
		output = append(output, "proxy_hostid")
	}
	var raw []rawHost
	if err := a.Call(ctx, "host.get", map[string]any{"output": output, "sortfield": "host", "limit": mostHosts + 1}, &raw); err != nil {
		return nil, err
	}
	takes, err := a.takers(ctx)
	if err != nil {
		return nil, err
	}
	proxies, err := a.proxies(ctx, version, raw)
	if err != nil {
		return nil, err
	}
	var all []HostInfo
	for _, h := range raw[:min(len(raw), mostHosts)] {
		if h.HostID == "" || !isHostName(string(h.Host)) {
			continue // values could not be sent to it
		}
		all = append(all, HostInfo{
			ID: string(h.HostID), Name: string(h.Host), Visible: h.Name.short(mostInText),
			Monitored: h.Status == 0, Discovered: h.Flags == 4, Takes: takes[h.HostID],
			Maintenance: h.Maintenance == 1, NoData: h.Maintenance == 1 && h.Type == 1,
			Proxy: proxies[proxyOf(h)],
		})
	}
	if len(raw) > mostHosts {
		return all, ErrMore
	}
	return all, nil
}

// takers are the hosts with an enabled item that takes transitions.
func (a *API) takers(ctx context.Context) (map[id]bool, error) {
	var items []struct {
		HostID id `json:"hostid"`
	}
	err := a.Call(ctx, "item.get", map[string]any{
		"output": []string{"hostid"}, "templated": false, "limit": mostHosts,
		"filter": map[string]any{"key_": KeyTransition, "status": 0},
	}, &items)
	all := map[id]bool{}
	for _, i := range items {
		all[i.HostID] = true
	}
	return all, err
}

// proxyRef is a proxy, or a group of them.
type proxyRef struct {
	group bool
	id    id
}

func proxyOf(h rawHost) proxyRef {
	switch {
	case h.ProxyGroup != "":
		return proxyRef{true, h.ProxyGroup}
	case h.Proxy != "":
		return proxyRef{false, h.Proxy}
	}
	return proxyRef{false, h.OldProxy}
}

// proxies returns the names of the proxies of the hosts. Where the role does not
// let us read them, # and the number stand for the name: that there is one decides.
func (a *API) proxies(ctx context.Context, version Version, hosts []rawHost) (map[proxyRef]string, error) {
	names := map[proxyRef]string{}
	ask := [2]bool{}
	for _, h := range hosts {
		ref := proxyOf(h)
		if ref.id == "" {
			continue
		}
		names[ref] = "#" + string(ref.id)
		if ref.group {
			ask[1] = true
		} else {
			ask[0] = true
		}
	}
	field := "host"
	if version.AtLeast(7, 0) {
		field = "name"
	}
	for i, method := range []string{"proxy.get", "proxygroup.get"} {
		if !ask[i] {
			continue
		}
		idField := []string{"proxyid", "proxy_groupid"}[i]
		var raw []map[string]text
		err := a.Call(ctx, method, map[string]any{"output": []string{idField, field}, "limit": mostProxies}, &raw)
		var said *APIError
		if err != nil && !errors.As(err, &said) {
			return nil, err
		}
		for _, p := range raw {
			ref := proxyRef{i == 1, id(p[idField])}
			if name := p[field].short(mostInText); names[ref] != "" && name != "" {
				names[ref] = name
			}
		}
	}
	return names, nil
}

// Say writes a message to a problem's event, cut to MaxMessage characters: a longer
// one is refused. It is text for people, which Message makes; what does not print
// becomes a blank. Where the error is an *UnsureError the event's Acks tell whether
// it is there: Zabbix takes the same message again.
func (a *API) Say(ctx context.Context, eventID, message string) error {
	return a.acknowledge(ctx, eventID, 4, message)
}

// CloseProblem closes a problem by hand, with a message unless that is "". The
// server carries it out within some seconds (2 to 4 measured on 6.0 and 7.0); a problem that is
// closed already is no error. Its trigger must allow it, the token needs the right
// to write to the host, and its role close_problems: refused is an *APIError.
func (a *API) CloseProblem(ctx context.Context, eventID, message string) error {
	return a.acknowledge(ctx, eventID, 1, message)
}

func (a *API) acknowledge(ctx context.Context, eventID string, action int, message string) error {
	if !isID(eventID) {
		return fmt.Errorf("ask Zabbix: %q is no event", plain(eventID, 40))
	}
	params := map[string]any{"eventids": []string{eventID}}
	if message = sayable(message); message != "" {
		action |= 4
		params["message"] = message
	} else if action == 4 {
		return fmt.Errorf("ask Zabbix: write to event %s: the message is empty", eventID)
	}
	params["action"] = action
	if err := a.Call(ctx, "event.acknowledge", params, nil); err != nil {
		return fmt.Errorf("event %s: %w", eventID, err)
	}
	return nil
}

// sayable cuts a message to what the API takes, and keeps its lines.
func sayable(message string) string {
	lines := strings.Split(message[:min(len(message), 16*MaxMessage)], "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(plain(lines[i], MaxMessage), " ")
	}
	whole := []rune(strings.TrimSpace(strings.Join(lines, "\n")))
	return strings.TrimSpace(string(whole[:min(len(whole), MaxMessage)]))
}

// Maintenance is one that is active now on at least one host that the token sees.
type Maintenance struct {
	Name   string   // "" where the token may not read it
	Hosts  []string // technical names of those that are in it now, sorted
	Groups []string // of hosts, as configured
	NoData bool     // values are dropped
	// Limited says that only problems with certain tags are suppressed.
	Limited bool
	From    time.Time
	Till    time.Time // of the period that is active; zero where it is not known
}

type rawMaintenance struct {
	ID          id         `json:"maintenanceid"`
	Name        text       `json:"name"`
	ActiveTill  number     `json:"active_till"`
	OldGroups   []named    `json:"groups"`
	NewGroups   []named    `json:"hostgroups"`
	Tags        []struct{} `json:"tags"`
	Timeperiods []struct {
		Type   number `json:"timeperiod_type"`
		Period number `json:"period"`
		Start  number `json:"start_date"`
	} `json:"timeperiods"`
}

type named struct {
	Name text `json:"name"`
}

// Maintenances returns what maintenance is active now. Which hosts are in it is what
// the server says of its hosts, so that we need not do its calendar again; it says
// one maintenance of each, and says it within a minute of its beginning.
func (a *API) Maintenances(ctx context.Context) ([]Maintenance, error) {
	version, err := a.Version(ctx)
	if err != nil {
		return nil, err
	}
	var hosts []rawHost
	err = a.Call(ctx, "host.get", map[string]any{
		"output": []string{"hostid", "host", "maintenance_status", "maintenance_type", "maintenance_from", "maintenanceid"},
		"filter": map[string]any{"maintenance_status": 1}, "limit": mostHosts,
	}, &hosts)
	if err != nil || len(hosts) == 0 {
		return nil, err
	}
	active := map[id]*Maintenance{}
	var ids []id
	for _, h := range hosts {
		if h.MaintID == "" || h.Maintenance != 1 || !isHostName(string(h.Host)) {
			continue
		}
		m := active[h.MaintID]
		if m == nil {
			m = &Maintenance{From: moment(h.From, 0), NoData: h.Type == 1}
			active[h.MaintID], ids = m, append(ids, h.MaintID)
		}
		m.Hosts = append(m.Hosts, string(h.Host))
	}
	slices.Sort(ids)
	selectGroups := "selectGroups"
	if version.AtLeast(6, 2) {
		selectGroups = "selectHostGroups"
	}
	var raw []rawMaintenance
	err = a.Call(ctx, "maintenance.get", map[string]any{
		"output": []string{"maintenanceid", "name", "active_till"}, "maintenanceids": ids[:min(len(ids), mostMaint)],
		selectGroups: []string{"name"}, "selectTimeperiods": "extend", "selectTags": "extend",
	}, &raw)
	if err != nil {
		return nil, err
	}
	for _, r := range raw {
		if m := active[r.ID]; m != nil {
			m.fill(r, a.now())
		}
	}
	var all []Maintenance
	for _, i := range ids {
		slices.Sort(active[i].Hosts)
		all = append(all, *active[i])
	}
	return all, nil
}

// fill adds what the maintenance itself says. The period that is active began at
// From: where several may have, the one that ends first counts, so that nothing is
// taken for maintenance longer than it is. Whoever asks again learns of the rest.
func (m *Maintenance) fill(r rawMaintenance, now time.Time) {
	m.Name, m.Limited = r.Name.short(mostInText), len(r.Tags) > 0
	for _, g := range append(r.OldGroups, r.NewGroups...) {
		m.Groups = append(m.Groups, g.Name.short(mostInText))
	}
	slices.Sort(m.Groups)
	for _, p := range r.Timeperiods {
		from := m.From
		if p.Type == 0 { // once
			from = moment(p.Start, 0)
		}
		till := from.Add(time.Duration(min(max(p.Period, 0), lastClock>>5)) * time.Second)
		if !from.IsZero() && !from.After(now) && till.After(now) {
			m.until(till)
		}
	}
	if end := moment(r.ActiveTill, 0); !end.IsZero() {
		m.until(end)
	}
}

func (m *Maintenance) until(till time.Time) {
	if m.Till.IsZero() || m.Till.After(till) {
		m.Till = till
	}
}
