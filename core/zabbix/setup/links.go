package setup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// host is one host of Zabbix that shows cases, or shall.
type host struct {
	id, name   string
	discovered bool
	templates  []string // ids of those linked to it
	groups     []string // ids
	groupNames []string
}

const (
	discovered = "4" // flags of a host that a discovery rule made
	atOnce     = 200 // hosts that one call changes
)

// hosts are those of the settings and those that were linked before.
type hosts struct {
	worker *host
	wanted []*host // with the worker's
	absent []string
}

func (s *Setup) readHosts(ctx context.Context) (*hosts, error) {
	found := map[string]*host{}
	ask := func(params row) error {
		groups := map[bool]string{true: "selectHostGroups", false: "selectGroups"}[s.version.atLeast(6, 2)]
		params["output"] = []string{"hostid", "host", "flags"}
		params["selectParentTemplates"] = []string{"templateid"}
		params[groups] = []string{"groupid", "name"}
		rows, err := s.list(ctx, "host.get", params)
		if err != nil {
			return err
		}
		for _, r := range rows {
			h := &host{id: text(r["hostid"]), name: text(r["host"]), discovered: text(r["flags"]) == discovered}
			h.templates = column(r["parentTemplates"], "templateid")
			both := r[map[bool]string{true: "hostgroups", false: "groups"}[s.version.atLeast(6, 2)]]
			h.groups, h.groupNames = column(both, "groupid"), column(both, "name")
			slices.Sort(h.groupNames)
			found[h.name] = h
		}
		return nil
	}
	names := append([]string{s.o.Host}, s.o.Hosts...)
	if err := ask(row{"filter": row{"host": names}}); err != nil {
		return nil, err
	}
	all := &hosts{worker: found[s.o.Host]}
	for _, name := range names {
		if found[name] == nil {
			all.absent = append(all.absent, name)
		}
	}
	if s.o.AllHosts {
		if err := ask(row{"monitored_hosts": true}); err != nil {
			return nil, err
		}
	}
	if len(s.o.Groups) > 0 {
		groups, err := s.list(ctx, "hostgroup.get", row{"output": []string{"groupid", "name"}, "filter": row{"name": s.o.Groups}})
		if err != nil {
			return nil, err
		}
		for _, name := range s.o.Groups {
			if !slices.ContainsFunc(groups, func(r row) bool { return text(r["name"]) == name }) {
				return nil, fmt.Errorf("host group %q does not exist in Zabbix", name)
			}
		}
		if err := ask(row{"groupids": column(asAny(groups), "groupid")}); err != nil {
			return nil, err
		}
	}
	for _, h := range found {
		all.wanted = append(all.wanted, h)
	}
	slices.SortFunc(all.wanted, func(a, b *host) int { return cmp.Compare(a.name, b.name) })
	return all, nil
}

func asAny(rows []row) []any {
	out := make([]any, len(rows))
	for i := range rows {
		out[i] = rows[i]
	}
	return out
}

func column(v any, name string) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, one := range list {
		r, _ := one.(row)
		out = append(out, text(r[name]))
	}
	return out
}

// planLinks links the plugin's template to the worker's host and that of cases to
// every host that shows them, and puts these into our group, on which the worker has
// its rights. A host in the group without the template was unlinked by somebody.
func (s *Setup) planLinks(ctx context.Context, p *Plan, all *hosts) error {
	for _, name := range all.absent {
		if name != s.o.Host {
			p.add("", nil, Change{Sign: Note, Kind: "host", Name: name, Why: "is not in Zabbix: its cases go to the worker's host"})
			continue
		}
		why := "the worker's own host is not in Zabbix: create it there first, with an interface for its agent"
		p.add("", nil, Change{Sign: Note, Kind: "host", Name: name, Why: why})
		p.steps = append([]step{{"find host " + name, func(context.Context) error {
			return fmt.Errorf("the worker's own host %q is not in Zabbix: create it there first, with an interface for its agent", name)
		}}}, p.steps...)
	}
	s.planGroup(p, all)
	for _, f := range s.files {
		if f.worker || f.cases {
			s.planLink(p, all, f)
		}
	}
	return s.planDiscovered(ctx, p, all)
}

// planGroup puts hosts into our group, which Zabbix refuses for discovered ones.
func (s *Setup) planGroup(p *Plan, all *hosts) {
	var out []*host
	for _, h := range all.wanted {
		if !h.discovered && !s.inGroup(h) {
			out = append(out, h)
			p.add("", nil, Change{Sign: Create, Kind: "host", Name: h.name, Why: "into host group " + groupName})
		}
	}
	for some := range slices.Chunk(out, atOnce) {
		p.add(fmt.Sprintf("put %s into host group %s", count(len(some), "host", "hosts"), groupName), func(ctx context.Context) error {
			id, err := s.idOf(kindHostGroup.ref(groupName))
			if err != nil {
				return err
			}
			return s.api.Call(ctx, "hostgroup.massadd", row{"groups": []any{row{"groupid": id}}, "hosts": hostIDs(some)}, nil)
		})
	}
}

func (s *Setup) inGroup(h *host) bool {
	id := s.refs[kindHostGroup.ref(groupName)]
	return id != "" && slices.Contains(h.groups, id)
}

func hostIDs(list []*host) []any {
	ids := make([]any, len(list))
	for i, h := range list {
		ids[i] = row{"hostid": h.id}
	}
	return ids
}

func (s *Setup) planLink(p *Plan, all *hosts, f *file) {
	var out []*host
	template := s.refs[templateRef(f.name)]
	for _, h := range all.wanted {
		c := Change{Sign: Create, Kind: "host", Name: h.name, Why: "linked to template " + f.name}
		switch {
		case f.worker && h != all.worker, template != "" && slices.Contains(h.templates, template):
			continue
		case h.discovered && !s.version.atLeast(7, 0):
			c.Sign, c.Why = Note, "was made by a discovery rule, which would unlink template "+f.name+" again: its cases go to the worker's host"
			if h == all.worker {
				c.Why = "was made by a discovery rule, which would unlink template " + f.name + " again: the worker's own host has to be made by hand"
			}
		case template != "" && s.inGroup(h) && !s.o.Overwrite:
			c.Sign, c.Why = Keep, "template "+f.name+" was unlinked here; link it there, or use --overwrite"
		default:
			out = append(out, h)
		}
		p.add("", nil, c)
	}
	for some := range slices.Chunk(out, atOnce) {
		p.add(fmt.Sprintf("link template %s to %s", f.name, count(len(some), "host", "hosts")), func(ctx context.Context) error {
			id, err := s.idOf(templateRef(f.name))
			if err != nil {
				return err
			}
			return s.api.Call(ctx, "host.massadd", row{"templates": []any{row{"templateid": id}}, "hosts": hostIDs(some)}, nil)
		})
	}
}

// planDiscovered names the discovered hosts whose problems the worker may not close:
// they cannot be put into our group.
func (s *Setup) planDiscovered(ctx context.Context, p *Plan, all *hosts) error {
	if s.o.TokenFile == "" || !s.version.atLeast(7, 0) ||
		!slices.ContainsFunc(all.wanted, func(h *host) bool { return h.discovered }) {
		return nil
	}
	var writable []string
	if id := s.refs[kindUserGroup.ref(workerName)]; id != "" {
		groups, err := s.list(ctx, "usergroup.get", row{"output": []string{"usrgrpid"}, "usrgrpids": id, s.selectRights(): "extend"})
		if err != nil {
			return err
		}
		for _, g := range groups {
			rights, _ := g["hostgroup_rights"].([]any)
			for _, v := range rights {
				if r, _ := v.(row); text(r["permission"]) == "3" {
					writable = append(writable, text(r["id"]))
				}
			}
		}
	}
	for _, h := range all.wanted {
		if !h.discovered || slices.ContainsFunc(h.groups, func(id string) bool { return slices.Contains(writable, id) }) {
			continue
		}
		p.add("", nil, Change{Sign: Note, Kind: "host", Name: h.name, Why: fmt.Sprintf(
			"was made by a discovery rule, whose groups setup cannot change: give user group %s read-write on one of %s",
			workerName, strings.Join(h.groupNames, ", "))})
	}
	return nil
}
