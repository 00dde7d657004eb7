package setup

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"penstock/core/zabbix"
)

// method is one method of the API that the worker calls, and why.
type method struct {
	name string
	from version // that has it
	why  string
}

// methods are all that the worker's role allows.
var methods = []method{
	{"event.acknowledge", version{6, 0}, "writes what was found on a problem, closes problems of ended cases"},
	{"event.get", version{6, 0}, "reads who acknowledged or closed a problem of ours, and other problems of the hosts"},
	{"history.get", version{6, 0}, "reads metrics of the hosts, to compare them with the logs"},
	{"history.push", version{7, 0}, "sends cases through the API, where zabbix.send.way is push"},
	{"host.get", version{6, 0}, "finds out which hosts show cases"},
	{"item.get", version{6, 0}, "finds out which hosts take cases, and names metrics"},
	{"maintenance.get", version{6, 0}, "knows when a host is worked on"},
	{"problem.get", version{6, 0}, "compares open problems with open cases"},
	{"proxy.get", version{6, 0}, "knows which proxy takes values for a host"},
	{"proxygroup.get", version{7, 0}, "knows which group of proxies takes values for a host"},
	{"trigger.get", version{6, 0}, "notices when triggers of ours are disabled"},
	{"usermacro.get", version{6, 0}, "reads the macro that stops actions"},
}

// right is one of a role's rights in the frontend's sense that the worker needs.
type right struct {
	name   string
	action int // bit of event.acknowledge
	why    string
}

var rights = []right{
	{"add_problem_comments", 4, "writes what was found on a problem"},
	{"close_problems", 1, "closes problems of ended cases"},
}

// usual are elements of the frontend and rights that a role of type User has in
// 6.0; later versions have more.
var usual = map[string][]string{
	"ui": {
		"inventory.hosts", "inventory.overview", "monitoring.dashboard", "monitoring.hosts", "monitoring.latest_data",
		"monitoring.maps", "monitoring.problems", "reports.availability_report", "reports.top_triggers",
		"services.services", "services.sla_report",
	},
	"actions": {
		"acknowledge_problems", "add_problem_comments", "change_severity", "close_problems",
		"edit_dashboards", "edit_maps", "execute_scripts", "manage_api_tokens",
	},
}

// roleFields returns the fields of the worker's role.
func roleFields(v version) row {
	var api, actions []any
	for _, m := range methods {
		if v.atLeast(m.from.major, m.from.minor) {
			api = append(api, m.name)
		}
	}
	for _, r := range rights {
		actions = append(actions, r.name)
	}
	return row{
		"name": workerName, "type": "1",
		// A role must have one element of the frontend; the user group has no access to it.
		rulePrefix + "ui": []any{"monitoring.problems"}, rulePrefix + "ui.default_access": "0",
		rulePrefix + "services.read.mode": "0", rulePrefix + "services.write.mode": "0",
		rulePrefix + "modules.default_access": "0",
		rulePrefix + "api.access":             "1", rulePrefix + "api.mode": "1", rulePrefix + "api": api,
		rulePrefix + "actions": actions, rulePrefix + "actions.default_access": "0",
	}
}

func (s *Setup) rightsInWords() []string {
	parts := []string{"type User, may do only this:"}
	for _, m := range methods {
		if s.version.atLeast(m.from.major, m.from.minor) {
			parts = append(parts, "  "+m.name+": "+m.why)
		}
	}
	for _, r := range rights {
		parts = append(parts, "  "+r.name+": "+r.why)
	}
	return parts
}

// roleForm brings a role into the form of roleFields.
func (s *Setup) roleForm(r row) (row, string) {
	have := pick(r, "name", "type")
	rules, _ := r["rules"].(row)
	for name := range roleFields(s.version) {
		rule := name[min(len(name), len(rulePrefix)):]
		switch name {
		case "name", "type":
		case rulePrefix + "ui", rulePrefix + "actions":
			have[name] = enabled(rules[rule])
		case rulePrefix + "api":
			list, _ := rules[rule].([]any)
			slices.SortFunc(list, func(a, b any) int { return cmp.Compare(text(a), text(b)) })
			have[name] = list
		default:
			have[name] = rules[rule]
		}
	}
	if text(rules["api.mode"]) != "1" {
		return have, "it does not list the methods that it allows"
	}
	return have, ""
}

// enabled returns the sorted names that have status 1.
func enabled(v any) []any {
	list, _ := v.([]any)
	var names []any
	for _, one := range list {
		if r, _ := one.(row); text(r["status"]) == "1" {
			names = append(names, r["name"])
		}
	}
	slices.SortFunc(names, func(a, b any) int { return cmp.Compare(text(a), text(b)) })
	return names
}

// statuses is the reverse of enabled. Zabbix takes what is not named for enabled,
// whatever the default access says (measured on 6.0.14 and 7.0.9), so all that it
// knows are named.
func statuses(v any, known []string) []any {
	list, _ := v.([]any)
	var out []any
	for _, name := range list {
		out = append(out, row{"name": name, "status": "1"})
	}
	for _, name := range known {
		if !slices.Contains(list, any(name)) {
			out = append(out, row{"name": name, "status": "0"})
		}
	}
	return out
}

// readKnown reads what a role of type User can be allowed here.
func (s *Setup) readKnown(ctx context.Context) error {
	roles, err := s.list(ctx, "role.get", row{"output": []string{"roleid"}, "selectRules": []string{"ui", "actions"}, "filter": row{"type": "1"}})
	if err != nil {
		return err
	}
	s.known = map[string][]string{}
	for section, names := range usual {
		names = slices.Clone(names)
		for _, r := range roles {
			rules, _ := r["rules"].(row)
			names = append(names, column(rules[section], "name")...)
		}
		slices.Sort(names)
		s.known[section] = slices.Compact(names)
	}
	return nil
}

// Missing is a right that the worker needs and does not have.
type Missing struct {
	Right string // a method of the API, a right of a role, or read-write on a host
	Why   string // what does not work without it
}

// noEvent is the id of an event that does not exist: the largest there can be. Zabbix
// counts from 1.
const noEvent = "9223372036854775807"

// Rights asks as the worker which of its rights are missing, in a fixed order. api
// is that of the worker's token, hosts are technical names of hosts that show cases.
// It changes nothing: what would change something is asked of an event that does not
// exist. The error is that of a Zabbix that does not answer.
func Rights(ctx context.Context, api Caller, hosts ...string) ([]Missing, error) {
	s := &Setup{api: api}
	var err error
	if s.version, _, err = s.readVersion(ctx); err != nil {
		return nil, err
	}
	var missing []Missing
	for _, m := range methods {
		if !s.version.atLeast(m.from.major, m.from.minor) {
			continue
		}
		allowed, err := s.allows(ctx, m.name)
		if err != nil {
			return nil, err
		}
		if !allowed {
			missing = append(missing, Missing{m.name, m.why})
		}
	}
	for _, r := range rights {
		params := row{"eventids": []string{noEvent}, "action": r.action}
		if r.action == 4 {
			params["message"] = "penstock"
		}
		// The right is asked for before the event is looked for.
		code, err := s.code(ctx, "event.acknowledge", params)
		if err != nil {
			return nil, err
		}
		if code == zabbix.CodeParams {
			missing = append(missing, Missing{r.name, r.why})
		}
	}
	return s.missingHosts(ctx, missing, hosts)
}

// allows reports whether a method may be called. A refusal has no code of its own:
// 6.0 gives that of wrong parameters, 7.0 that of the application.
func (s *Setup) allows(ctx context.Context, name string) (bool, error) {
	switch {
	case name != "event.acknowledge" && name != "history.push":
		code, err := s.code(ctx, name, row{"output": []string{}, "limit": 1})
		return code == 0, err
	case s.version.atLeast(6, 4):
		code, err := s.code(ctx, name, row{"penstock": "not a parameter"})
		return code != zabbix.CodeApplication, err
	}
	// Nothing tells a refused method from refused rights here: only if all of them
	// are refused the method is.
	for _, r := range rights {
		params := row{"eventids": []string{noEvent}, "action": r.action}
		if r.action == 4 {
			params["message"] = "penstock"
		}
		if code, err := s.code(ctx, name, params); err != nil || code != zabbix.CodeParams {
			return true, err
		}
	}
	return false, nil
}

// code calls and returns the code of the API's error, 0 where there is none.
func (s *Setup) code(ctx context.Context, name string, params row) (int, error) {
	err := s.api.Call(ctx, name, params, nil)
	var said *zabbix.APIError
	if errors.As(err, &said) {
		return said.Code, nil
	}
	return 0, err
}

func (s *Setup) missingHosts(ctx context.Context, missing []Missing, hosts []string) ([]Missing, error) {
	for _, m := range missing {
		if m.Right == "host.get" {
			return missing, nil
		}
	}
	if len(hosts) == 0 {
		return missing, nil
	}
	rows, err := s.list(ctx, "host.get", row{"output": []string{"host"}, "filter": row{"host": hosts}, "editable": true})
	if err != nil {
		return nil, err
	}
	for _, name := range hosts {
		if !slices.ContainsFunc(rows, func(r row) bool { return text(r["host"]) == name }) {
			missing = append(missing, Missing{"read-write on host " + name, "closes and comments its problems"})
		}
	}
	return missing, nil
}
