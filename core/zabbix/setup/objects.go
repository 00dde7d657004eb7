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
	// ApproversName is the user group of the worker's user and of all whose names it
	// has to see: Zabbix hides names of users who are in no group with the reader.
	ApproversName = "Penstock approvers"
	mark          = "Made by penstock setup." // in descriptions
	menuPath      = "Penstock"

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
		s.keepPeople(o)
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
		if o.name == ApproversName {
			o.want = row{"name": ApproversName, "gui_access": "0", "users_status": "0", "rights": []any{}}
			o.parts = []string{"no rights: Zabbix shows the worker only the names of users who are in a group with it"}
			return
		}
		o.want = row{
			"name": workerName, "gui_access": "3", "users_status": "0",
			"rights": []any{row{"id": kindHostGroup.ref(groupName), "permission": "3"}},
		}
		o.parts = []string{"read-write on host group " + groupName + ": whoever closes a problem needs it", "no access to the frontend"}
	case kindUser:
		o.want = row{
			"username": workerName, "name": "Penstock", "surname": mark,
			"roleid":  kindRole.ref(workerName),
			"usrgrps": []any{row{"usrgrpid": kindUserGroup.ref(ApproversName)}, row{"usrgrpid": kindUserGroup.ref(workerName)}},
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
		// isMarked reports whether a row is the object of that name, whatever it is
		// called now; nil is a kind that is known by nothing but key.
		isMarked func(r row, name string) bool
	}{
		{kindHostGroup, "uuid", []string{groupUUID}, row{}, func(r row) (row, string) { return pick(r, "name"), "" }, nil},
		{kindRole, "name", []string{workerName}, row{"selectRules": "extend"}, s.roleForm, nil},
		{kindUserGroup, "name", []string{workerName, ApproversName}, row{s.selectRights(): "extend", "selectUsers": []string{"username"}}, s.userGroupForm, nil},
		{kindUser, "username", []string{workerName}, row{"selectUsrgrps": []string{"usrgrpid"}}, s.userForm, nil},
		{kindScript, "name", scriptNames(), row{}, s.scriptForm, isMarkedScript},
		{kindAction, "name", actionNames(), row{
			"selectFilter": "extend", "selectOperations": "extend", "selectRecoveryOperations": "extend", "selectUpdateOperations": "extend",
		}, s.actionForm, isMarkedAction},
	} {
		q.query["output"] = "extend"
		if q.isMarked == nil {
			q.query["filter"] = row{q.key: q.names}
		}
		rows, err := s.list(ctx, q.kind.method+".get", q.query)
		if err != nil {
			return nil, err
		}
		for _, name := range q.names {
			o := &object{kind: q.kind, name: name}
			if q.kind == kindHostGroup {
				o.name = groupName
			}
			if r := find(rows, q.kind.id, q.key, name, q.isMarked); r != nil {
				o.id = text(r[q.kind.id])
				o.have, o.clash = q.form(r)
				s.refs[q.kind.ref(o.name)] = o.id
			}
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// find returns the object of a name, nil where it is not there. A mark counts for
// more than the name, since an administrator may rename our object, and a copy of it
// has the mark too: the one with the name is ours then, else the oldest.
func find(rows []row, id, key, name string, isMarked func(row, string) bool) row {
	rank := func(r row) int {
		rank := 0
		if isMarked != nil && isMarked(r, name) {
			rank = 2
		}
		if text(r[key]) == name {
			rank++
		}
		return rank
	}
	age := func(r row) string { return fmt.Sprintf("%20s", text(r[id])) }
	var best row
	for _, r := range rows {
		if n := rank(r); n > 0 && (best == nil || n > rank(best) || n == rank(best) && age(r) < age(best)) {
			best = r
		}
	}
	return best
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
	switch {
	case len(rights) == 0:
	case text(r["name"]) != ApproversName:
		clash = "it has rights, but none on " + groupName
	case !slices.Contains(column(r["users"], "username"), workerName):
		clash = "it has rights, which the worker's user would get"
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
	if slices.ContainsFunc(actionNames(), func(name string) bool { return isMarkedAction(r, name) }) {
		return have, ""
	}
	return have, "none of its conditions is the tag " + ourTag
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
