package setup

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
)

// What the objects are called. Every name begins with Penstock.
const (
	groupName  = "Penstock hosts"
	groupUUID  = "2f0c8a5d6b1e4c7f9d3a7be1504c96d8" // never changes
	workerName = "Penstock worker"                  // role, user group and user
	mark       = "Made by penstock setup."          // in descriptions
	menuPath   = "Penstock"

	defaultOperators = "Zabbix administrators" // every Zabbix comes with it
	ourTag           = "penstock"              // every problem of our templates has it
)

const rulePrefix = "rules."

// objects returns what setup makes with plain calls, as it should be and as it is.
func (s *Setup) objects(ctx context.Context) ([]*object, error) {
	objects, err := s.existing(ctx)
	if err != nil {
		return nil, err
	}
	operators, escalation, err := s.groups(objects)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		s.shape(o, operators, escalation)
	}
	return objects, nil
}

// shape fills in how an object should be.
func (s *Setup) shape(o *object, operators, escalation string) {
	switch o.kind {
	case kindHostGroup:
		o.want, o.once = row{"name": groupName}, row{"uuid": groupUUID}
	case kindRole:
		o.want, o.parts = roleFields(s.version), s.rightsInWords()
	case kindUserGroup:
		o.want = row{
			"name": workerName, "gui_access": "3", "users_status": "0",
			"rights": []any{row{"id": kindHostGroup.ref(groupName), "permission": "3"}},
		}
		o.parts = []string{"read-write on host group " + groupName + ": whoever closes a problem needs it", "no access to the frontend"}
	case kindUser:
		o.want = row{
			"username": workerName, "name": "Penstock", "surname": mark,
			"roleid": kindRole.ref(workerName), "usrgrps": []any{row{"usrgrpid": kindUserGroup.ref(workerName)}},
		}
		o.once = row{"passwd": rand.Text() + rand.Text() + "aA1!"} // that nobody knows: only its tokens count
		o.parts = []string{"only for the API: nobody knows its password"}
	case kindScript:
		o.want = eventScript(o.name, operators)
		o.parts = []string{"in the menu of a problem, for user group " + operators + "; gets {EVENT.ID} and starts nothing"}
	case kindAction:
		o.want, o.parts = action(o.name, operators, escalation)
		for _, field := range []string{"filter", "operations", "recovery_operations", "update_operations"} {
			o.want[field] = s.plain(o.want[field])
		}
	}
}

// existing returns all objects with how they are.
func (s *Setup) existing(ctx context.Context) ([]*object, error) {
	var objects []*object
	for _, q := range []struct {
		kind  kind
		key   string // the field that holds the name
		names []string
		query row
		form  func(row) (have row, clash string)
	}{
		{kindHostGroup, "uuid", []string{groupUUID}, row{}, func(r row) (row, string) { return pick(r, "name"), "" }},
		{kindRole, "name", []string{workerName}, row{"selectRules": "extend"}, s.roleForm},
		{kindUserGroup, "name", []string{workerName}, row{s.selectRights(): "extend"}, s.userGroupForm},
		{kindUser, "username", []string{workerName}, row{"selectUsrgrps": []string{"usrgrpid"}}, s.userForm},
		{kindScript, "name", scriptNames(), row{}, s.scriptForm},
		{kindAction, "name", actionNames(), row{
			"selectFilter": "extend", "selectOperations": "extend", "selectRecoveryOperations": "extend", "selectUpdateOperations": "extend",
		}, s.actionForm},
	} {
		q.query["output"] = "extend"
		q.query["filter"] = row{q.key: q.names}
		rows, err := s.list(ctx, q.kind.method+".get", q.query)
		if err != nil {
			return nil, err
		}
		for _, name := range q.names {
			o := &object{kind: q.kind, name: name}
			if q.kind == kindHostGroup {
				o.name = groupName
			}
			if i := slices.IndexFunc(rows, func(r row) bool { return text(r[q.key]) == name }); i >= 0 {
				o.id = text(rows[i][q.kind.id])
				o.have, o.clash = q.form(rows[i])
				s.refs[q.kind.ref(o.name)] = o.id
			}
			objects = append(objects, o)
		}
	}
	return objects, nil
}

func pick(r row, names ...string) row {
	out := row{}
	for _, name := range names {
		out[name] = r[name]
	}
	return out
}

func (s *Setup) selectRights() string {
	if s.version.atLeast(6, 2) {
		return "selectHostGroupRights"
	}
	return "selectRights"
}

func (s *Setup) userGroupForm(r row) (row, string) {
	have := pick(r, "name", "gui_access", "users_status")
	rights, _ := r[map[bool]string{true: "hostgroup_rights", false: "rights"}[s.version.atLeast(6, 2)]].([]any)
	var refs []any
	ours := s.refs[kindHostGroup.ref(groupName)]
	clash := ""
	if len(rights) > 0 {
		clash = "it has rights, but none on " + groupName
	}
	for _, v := range rights {
		one, _ := v.(row)
		id := text(one["id"])
		if id == ours {
			clash = ""
		}
		refs = append(refs, row{"id": s.named(kindHostGroup, id), "permission": text(one["permission"])})
	}
	slices.SortFunc(refs, func(a, b any) int { return cmp.Compare(canonical(a), canonical(b)) })
	have["rights"] = refs
	return have, clash
}

func (s *Setup) userForm(r row) (row, string) {
	have := pick(r, "username", "name", "surname")
	have["roleid"] = s.named(kindRole, text(r["roleid"]))
	var groups []any
	list, _ := r["usrgrps"].([]any)
	for _, v := range list {
		one, _ := v.(row)
		groups = append(groups, row{"usrgrpid": s.named(kindUserGroup, text(one["usrgrpid"]))})
	}
	slices.SortFunc(groups, func(a, b any) int { return cmp.Compare(canonical(a), canonical(b)) })
	have["usrgrps"] = groups
	if !strings.Contains(text(r["surname"]), mark) {
		return have, fmt.Sprintf("its surname is not %q", mark)
	}
	return have, ""
}

func (s *Setup) scriptForm(r row) (row, string) {
	have := pick(r, "name", "type", "scope", "command", "timeout", "menu_path", "host_access", "confirmation", "description", "parameters")
	have["usrgrpid"] = s.named(kindUserGroup, text(r["usrgrpid"]))
	have["groupid"] = s.named(kindHostGroup, text(r["groupid"]))
	if !strings.Contains(text(r["description"]), mark) {
		return have, fmt.Sprintf("its description lacks %q", mark)
	}
	return have, ""
}

func (s *Setup) actionForm(r row) (row, string) {
	have := pick(r, "name", "eventsource", "status", "esc_period", "pause_suppressed")
	filter, _ := r["filter"].(row)
	have["filter"] = s.plain(filter)
	for _, name := range []string{"operations", "recovery_operations", "update_operations"} {
		have[name] = s.plain(r[name])
	}
	conditions, _ := filter["conditions"].([]any)
	for _, v := range conditions {
		if one, _ := v.(row); text(one["conditiontype"]) == conditionTag && text(one["value"]) == ourTag {
			return have, ""
		}
	}
	return have, "none of its conditions is the tag " + ourTag
}

// groups returns the user groups for notices: those that are given, else those that
// are there, else the default.
func (s *Setup) groups(objects []*object) (operators, escalation string, err error) {
	operators, escalation = s.o.Operators, s.o.Escalation
	for _, o := range objects {
		if o.kind != kindAction || o.have == nil || o.name != actionCritical {
			continue
		}
		list, _ := o.have["operations"].([]any)
		for _, v := range list {
			op, _ := v.(row)
			group := firstGroup(op)
			if text(op["esc_step_from"]) == "1" {
				operators = cmp.Or(operators, group)
			} else {
				escalation = cmp.Or(escalation, group)
			}
		}
	}
	operators = cmp.Or(operators, defaultOperators)
	for _, name := range []string{operators, escalation} {
		if name != "" && s.refs[kindUserGroup.ref(name)] == "" {
			return "", "", fmt.Errorf("user group %q does not exist in Zabbix: name one that gets notices", name)
		}
	}
	if escalation == operators {
		escalation = ""
	}
	return operators, escalation, nil
}

func firstGroup(op row) string {
	list, _ := op["opmessage_grp"].([]any)
	if len(list) == 0 {
		return ""
	}
	one, _ := list[0].(row)
	_, name, _ := strings.Cut(text(one["usrgrpid"]), "/")
	return name
}

// plain drops ids and defaults from what the API gives, names the user groups and
// sorts what has no order.
func (s *Setup) plain(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, one := range v {
			out = append(out, s.plain(one))
		}
		slices.SortFunc(out, func(a, b any) int { return cmp.Compare(canonical(a), canonical(b)) })
		return out
	case row:
		out := row{}
		for name, value := range v {
			switch name {
			case "operationid", "actionid", "opconditionid", "formulaid", "eval_formula":
				continue
			case "usrgrpid":
				if strings.HasPrefix(text(value), "@") {
					break // ours, as it should be
				}
				out[name] = s.named(kindUserGroup, text(value))
				continue
			case "evaltype", "esc_period", "mediatypeid":
				if text(value) == "0" {
					continue
				}
			}
			if value = s.plain(value); !isNothing(value) {
				out[name] = value
			}
		}
		return out
	}
	return v
}
