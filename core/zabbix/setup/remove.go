package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"penstock/core/zabbix"
)

// PlanRemoval plans to remove everything that setup makes, and nothing else: what
// others depend on stays, and the plan says for whose sake. Templates are known by
// their uuid: those that somebody imported by hand go too. While other workers or
// hosts use what workers share, only what is this worker's goes, unless the settings
// say All. It changes nothing.
func (s *Setup) PlanRemoval(ctx context.Context) (*Plan, error) {
	p, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := s.existing(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.removeToken(ctx, p); err != nil {
		return nil, err
	}
	shared, err := s.shared(ctx)
	if err != nil {
		return nil, err
	}
	if p.add("", nil, shared...); len(shared) > 0 && !s.o.All {
		return p, nil
	}
	// The order is that of need, backwards.
	if err := s.removeObjects(ctx, p, objects, kindAction, kindScript, kindUser, kindRole, kindUserGroup); err != nil {
		return nil, err
	}
	for _, f := range s.files {
		if err := s.removeTemplate(ctx, p, f); err != nil {
			return nil, err
		}
	}
	return p, s.removeObjects(ctx, p, objects, kindHostGroup)
}

func (s *Setup) removeObjects(ctx context.Context, p *Plan, objects []*object, kinds ...kind) error {
	ours := map[kind][]string{} // as they are called now
	for _, o := range objects {
		if o.have != nil && o.clash == "" {
			ours[o.kind] = append(ours[o.kind], text(o.have["name"]))
		}
	}
	for _, k := range kinds {
		for _, o := range objects {
			if o.kind != k {
				continue
			}
			if err := s.removeObject(ctx, p, o, ours); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Setup) removeObject(ctx context.Context, p *Plan, o *object, ours map[kind][]string) error {
	if o.have == nil {
		return nil
	}
	c := Change{Sign: Delete, Kind: o.kind.word, Name: o.name}
	if o.clash != "" {
		c.Sign, c.Why = Note, "stays: setup did not make it: "+o.clash
		p.add("", nil, c)
		return nil
	}
	users, err := s.usersOf(ctx, o, ours)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		c.Sign, c.Why = Note, "stays: it is used by "+strings.Join(users, ", ")
		p.add("", nil, c)
		return nil
	}
	p.add("remove "+o.kind.word+" "+o.name, func(ctx context.Context) error {
		return s.api.Call(ctx, o.kind.method+".delete", []string{o.id}, nil)
	}, c)
	return nil
}

// usersOf returns what would miss an object, other than ours.
func (s *Setup) usersOf(ctx context.Context, o *object, ours map[kind][]string) ([]string, error) {
	var queries []use
	switch o.kind {
	case kindScript:
		queries = []use{{"action", "name", row{"output": []string{"name"}, "scriptids": o.id}, ours[kindAction]}}
	case kindRole:
		queries = []use{{"user", "username", row{"output": []string{"username"}, "filter": row{"roleid": o.id}}, []string{workerName}}}
	case kindUserGroup:
		if o.name != ApproversName { // the approvers are there as setup asked for it
			queries = []use{{"user", "username", row{"output": []string{"username"}, "usrgrpids": o.id}, []string{workerName}}}
		}
		queries = append(queries,
			use{"action", "name", row{"output": []string{"name"}, "usrgrpids": o.id}, ours[kindAction]},
			use{"script", "name", row{"output": []string{"name"}, "filter": row{"usrgrpid": o.id}}, ours[kindScript]},
		)
	case kindHostGroup:
		queries = []use{
			{"script", "name", row{"output": []string{"name"}, "filter": row{"groupid": o.id}}, ours[kindScript]},
			{"maintenance", "name", row{"output": []string{"name"}, "groupids": o.id}, nil},
			{"action", "name", row{"output": []string{"name"}, "groupids": o.id}, ours[kindAction]},
		}
	}
	var users []string
	for _, q := range queries {
		found, err := q.ask(ctx, s)
		if err != nil {
			return nil, err
		}
		users = append(users, found...)
	}
	var lonely []string
	var err error
	switch {
	case o.kind == kindHostGroup:
		lonely, err = s.onlyInGroup(ctx, o.id)
	case o.name == ApproversName:
		lonely, err = s.onlyInUserGroup(ctx, o.id)
	}
	return append(users, lonely...), err
}

// use is a question who uses an object.
type use struct {
	word, name string // kind of the users, and the field of their name
	params     row
	ours       []string // names that do not count
}

func (u use) ask(ctx context.Context, s *Setup) ([]string, error) {
	rows, err := s.list(ctx, u.word+".get", u.params)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range rows {
		if name := text(r[u.name]); !slices.Contains(u.ours, name) && name != "" {
			names = append(names, u.word+" "+name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// onlyInGroup returns hosts that are in no other group: Zabbix wants one.
func (s *Setup) onlyInGroup(ctx context.Context, id string) ([]string, error) {
	groups := map[bool][2]string{true: {"selectHostGroups", "hostgroups"}, false: {"selectGroups", "groups"}}[s.version.atLeast(6, 2)]
	rows, err := s.list(ctx, "host.get", row{"output": []string{"host"}, "groupids": id, groups[0]: []string{"groupid"}})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range rows {
		if len(column(r[groups[1]], "groupid")) == 1 {
			names = append(names, "host "+text(r["host"])+", which is in no other group")
		}
	}
	slices.Sort(names)
	return names, nil
}

// onlyInUserGroup returns users who are in no other group, for the same reason.
func (s *Setup) onlyInUserGroup(ctx context.Context, id string) ([]string, error) {
	rows, err := s.list(ctx, "user.get", row{"output": []string{"username"}, "usrgrpids": id, "selectUsrgrps": []string{"usrgrpid"}})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range rows {
		if name := text(r["username"]); name != workerName && len(column(r["usrgrps"], "usrgrpid")) == 1 {
			names = append(names, "user "+name+", who is in no other group")
		}
	}
	slices.Sort(names)
	return names, nil
}

func (s *Setup) removeTemplate(ctx context.Context, p *Plan, f *file) error {
	found, err := s.list(ctx, "template.get", row{
		"output": []string{"templateid", "name"}, "filter": row{"uuid": f.uuid},
		"selectHosts": []string{"host"}, "selectTemplates": []string{"name"},
	})
	if err != nil || len(found) == 0 {
		return err
	}
	id := text(found[0]["templateid"])
	c := Change{Sign: Delete, Kind: "template", Name: text(found[0]["name"])}
	users := column(found[0]["templates"], "name")
	for i := range users {
		users[i] = "template " + users[i]
	}
	foreign, err := s.foreign(ctx, id)
	if err != nil {
		return err
	}
	if users = append(users, foreign...); len(users) > 0 {
		slices.Sort(users)
		c.Sign, c.Why = Note, "stays: it is used by "+strings.Join(users, ", ")
		p.add("", nil, c)
		return nil
	}
	on := column(found[0]["hosts"], "host")
	slices.Sort(on)
	if len(on) > 0 {
		c.Why = "with its items and their history on " + few(on)
	}
	p.add("remove template "+c.Name, func(ctx context.Context) error {
		return s.api.Call(ctx, "template.delete", []string{id}, nil)
	}, c)
	return nil
}

func few(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more hosts", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// foreign returns triggers and graphs of others that use items of a template: they
// would go with it.
func (s *Setup) foreign(ctx context.Context, template string) ([]string, error) {
	rows, err := s.list(ctx, "host.get", row{"output": []string{"hostid"}, "templateids": template})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	items, err := s.list(ctx, "item.get", row{"output": []string{"itemid"}, "hostids": template})
	if err != nil {
		return nil, err
	}
	ours := column(asAny(items), "itemid")
	var names []string
	for _, q := range []struct{ word, name string }{{"trigger", "description"}, {"graph", "name"}} {
		for some := range slices.Chunk(column(asAny(rows), "hostid"), atOnce) {
			found, err := s.list(ctx, q.word+".get", row{
				"output": []string{q.name}, "hostids": some, "inherited": false,
				"selectItems": []string{"itemid", "templateid"}, "selectHosts": []string{"host"},
			})
			if err != nil {
				return nil, err
			}
			for _, r := range found {
				if slices.ContainsFunc(column(r["items"], "templateid"), func(id string) bool { return slices.Contains(ours, id) }) {
					names = append(names, fmt.Sprintf("%s %q of host %s", q.word, text(r[q.name]), strings.Join(column(r["hosts"], "host"), ", ")))
				}
			}
		}
	}
	return names, nil
}

func (s *Setup) removeToken(ctx context.Context, p *Plan) error {
	have, err := s.readToken(ctx)
	if err != nil || have == nil {
		return err
	}
	p.add("remove token "+s.tokenName(), func(ctx context.Context) error {
		return s.api.Call(ctx, "token.delete", []string{text(have["tokenid"])}, nil)
	}, Change{Sign: Delete, Kind: "token", Name: s.tokenName()})
	if s.o.TokenFile == "" {
		return nil
	}
	file, err := readTokenFile(s.o.TokenFile)
	if err != nil || file == "" || tokenNote(file) != text(have["description"]) {
		return err
	}
	p.add("remove file "+s.o.TokenFile, func(context.Context) error { return os.Remove(s.o.TokenFile) },
		Change{Sign: Delete, Kind: "file", Name: s.o.TokenFile})
	return nil
}

// ErrStays says that Zabbix itself refused to remove something.
var ErrStays = errors.New("something stays")

// Remove carries out a plan of PlanRemoval. What Zabbix refuses to remove stays, and
// the rest goes on; the error then wraps ErrStays and has a line for each.
func (p *Plan) Remove(ctx context.Context) error {
	var refused []string
	for _, s := range p.steps {
		err := s.do(ctx)
		var said *zabbix.APIError
		switch {
		case errors.As(err, &said):
			refused = append(refused, s.what+": "+said.Error())
		case err != nil:
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("%w: %s", ErrStays, strings.Join(refused, "; "))
	}
	return nil
}
