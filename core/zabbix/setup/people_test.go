package setup

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// site returns all objects as an earlier setup left them, with who is notified
// changed by edit, and the plan of another one.
func site(t *testing.T, o Settings, edit func(have map[string]*object)) (string, error) {
	t.Helper()

	s := &Setup{version: version{7, 0}, o: o, refs: map[string]string{}}
	for i, name := range []string{"Zabbix administrators", "Day shift", "Night shift", "Managers"} {
		s.refs[kindUserGroup.ref(name)] = string(rune('1' + i))
	}
	before := map[string]*object{}
	objects := allObjects()
	for _, o := range objects {
		s.shape(o, defaultOperators, "Managers")
		o.have, o.id, o.want = copyTree(o.want).(row), "9", nil
		before[o.name] = o
	}
	edit(before)
	operators, escalation, err := s.groups(objects)
	if err != nil {
		return "", err
	}
	p := &Plan{}
	for _, o := range objects {
		s.shape(o, operators, escalation)
		s.keepPeople(o)
		s.planObject(p, o)
	}
	var lines []string
	for _, c := range p.Changes {
		lines = append(lines, c.String())
	}
	return strings.Join(lines, "\n"), nil
}

func group(name string) []any { return []any{row{"usrgrpid": kindUserGroup.ref(name)}} }

// operation returns the operation of an action that begins at a step.
func operation(o *object, step string) row {
	for _, op := range operations(o.have) {
		if op["esc_step_from"] == step {
			return op
		}
	}
	return nil
}

// TestOnlyAFlagChangesWhoIsNotified edits recipients in the ways an administrator
// does, and runs setup again.
func TestOnlyAFlagChangesWhoIsNotified(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		o    Settings
		edit func(have map[string]*object)
		want []string // what each line of the plan holds, in order
	}{
		{"+ as shipped", Settings{}, func(map[string]*object) {}, nil},
		{"+ another group for Medium", Settings{}, func(have map[string]*object) {
			operation(have[actionMedium], "1")["opmessage_grp"] = group("Day shift")
		}, nil},
		{"+ another group for the reminders of High only", Settings{}, func(have map[string]*object) {
			operation(have[actionHigh], "2")["opmessage_grp"] = group("Managers")
		}, nil},
		{"+ two groups", Settings{}, func(have map[string]*object) {
			operation(have[actionHigh], "1")["opmessage_grp"] = append(group("Day shift"), group("Night shift")...)
		}, nil},
		{"+ one person in place of a group, also for the escalation", Settings{}, func(have map[string]*object) {
			for _, step := range []string{"1", "4"} {
				op := operation(have[actionCritical], step)
				delete(op, "opmessage_grp")
				op["opmessage_usr"] = []any{row{"userid": "5"}}
			}
		}, nil},
		{"+ the escalation to the same group", Settings{}, func(have map[string]*object) {
			operation(have[actionCritical], "4")["opmessage_grp"] = group(defaultOperators)
		}, nil},
		{"+ no escalation", Settings{}, func(have map[string]*object) {
			have[actionCritical].have["operations"] = []any{operation(have[actionCritical], "1")}
		}, nil},
		{"+ the scripts to another group", Settings{}, func(have map[string]*object) {
			have[scriptApprove].have["usrgrpid"] = kindUserGroup.ref("Day shift")
		}, nil},
		{"+ also where the rest is put back", Settings{Overwrite: true}, func(have map[string]*object) {
			operation(have[actionMedium], "1")["opmessage_grp"] = group("Day shift")
			have[actionMedium].have["status"] = "1"
		}, []string{"~ action      Penstock: tell of Medium: status: 1 -> 0"}},
		{"+ an action is gone, and the others have another group", Settings{}, func(have map[string]*object) {
			operation(have[actionHigh], "1")["opmessage_grp"] = group("Day shift")
			have[actionCritical].have = nil
		}, []string{"+ action      Penstock: escalate Critical"}},
		{"+ a flag", Settings{Operators: "Night shift"}, func(have map[string]*object) {
			operation(have[actionMedium], "1")["opmessage_grp"] = append(group("Day shift"), group("Managers")...)
			have[scriptApprove].have["usrgrpid"] = kindUserGroup.ref(ApproversName)
		}, []string{
			"~ script      Penstock: approve: usrgrpid: Penstock approvers -> Night shift",
			"~ script      Penstock: reject: usrgrpid: Zabbix administrators -> Night shift",
			"~ action      Penstock: tell of Medium: operations: to Day shift and Managers -> to Night shift",
			"~ action      Penstock: tell of High and remind: operations: to Zabbix administrators, then to Zabbix administrators -> to Night shift, then to Night shift",
			"~ action      Penstock: escalate Critical: operations: to Zabbix administrators, then to Managers -> to Night shift, then to Managers",
		}},
		{"+ a flag for the escalation only", Settings{Escalation: "Night shift"}, func(have map[string]*object) {
			operation(have[actionCritical], "1")["opmessage_grp"] = group("Day shift")
		}, []string{"~ action      Penstock: escalate Critical: operations: to Day shift, then to Managers -> to Day shift, then to Night shift"}},
		{"- other steps, and another group", Settings{}, func(have map[string]*object) {
			op := operation(have[actionHigh], "2")
			op["esc_step_to"], op["opmessage_grp"] = "3", group("Day shift")
		}, []string{"= action      Penstock: tell of High and remind: operations: "}},
		{"- worker's user in another group", Settings{}, func(have map[string]*object) {
			have[workerName].have["usrgrps"] = []any{group("Day shift")[0], group(workerName)[0]}
		}, []string{"= user        Penstock worker: usrgrps: {usrgrpid=Day shift}, {usrgrpid=Penstock worker} (ours: "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			got, err := site(t, test.o, test.edit)
			if err != nil {
				t.Fatal(err)
			}
			lines := slices.DeleteFunc(strings.Split(got, "\n"), func(line string) bool { return line == "" })
			if len(lines) != len(test.want) {
				t.Fatalf("plan\n%s\nwant lines with %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("line %d is %q, want %q", i, lines[i], want)
				}
			}
		})
	}
}

// TestAReleaseChangesTheTextAndNotThePeople has a later release with another text.
func TestAReleaseChangesTheTextAndNotThePeople(t *testing.T) {
	t.Parallel()

	s := &Setup{version: version{7, 0}, refs: map[string]string{}}
	o := &object{kind: kindAction, name: actionCritical}
	s.shape(o, "Day shift", "Managers")
	o.have = copyTree(o.want).(row)
	s.shape(o, defaultOperators, defaultOperators)
	for _, op := range operations(o.want) {
		op["opmessage"] = message("Later", "later")
	}
	s.keepPeople(o)
	for i, want := range []string{"Day shift", "Managers"} {
		op := operations(o.want)[i]
		if diff := cmp.Diff(group(want), op["opmessage_grp"]); diff != "" || op["opmessage"].(row)["subject"] != "Later" {
			t.Errorf("operation %d has the text %v and who gets it (-want +got)\n%s", i, op["opmessage"], diff)
		}
	}
}

func TestGroupsMustBeThere(t *testing.T) {
	t.Parallel()

	nothing := func(map[string]*object) {}
	tests := []struct {
		name string
		o    Settings
		edit func(map[string]*object)
		want string
	}{
		{"+ there", Settings{Operators: "Day shift", Escalation: "Managers"}, nothing, ""},
		{"+ that which setup makes", Settings{Operators: ApproversName, TokenFile: "token"}, nothing, ""},
		{"- that which it does not make without a token", Settings{Operators: ApproversName}, nothing, `user group "Penstock approvers" does not exist`},
		{"- operators", Settings{Operators: "Nobody"}, nothing, `user group "Nobody" does not exist`},
		{"- escalation", Settings{Escalation: "Nobody"}, nothing, `user group "Nobody" does not exist`},
		{"- a new action for a group that is gone", Settings{}, func(have map[string]*object) {
			operation(have[actionCritical], "1")["opmessage_grp"] = group("Gone")
			have[actionMedium].have = nil
		}, `user group "Gone" does not exist`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			_, err := site(t, test.o, test.edit)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// TestFind looks for an action among those of a site.
func TestFind(t *testing.T) {
	t.Parallel()

	is := func(id, name, marked string) row {
		one, _ := action(cmpName(marked), defaultOperators, "")
		filter, _ := one["filter"].(row)
		if marked == "" {
			filter = row{"conditions": []any{row{"conditiontype": conditionTag, "value": ourTag}}}
		}
		return row{"actionid": id, "name": name, "filter": filter}
	}
	tests := []struct {
		name string
		rows []row
		want string
	}{
		{"- none", nil, ""},
		{"- other actions only", []row{is("1", "Mine", ""), is("2", actionHigh, actionHigh)}, ""},
		{"+ by its name", []row{is("1", "Mine", ""), is("2", actionMedium, "")}, "2"},
		{"+ renamed", []row{is("2", "Tell the day shift", actionMedium), is("3", actionHigh, actionHigh)}, "2"},
		{"+ renamed, and one of a person's has the name", []row{is("2", actionMedium, ""), is("3", "Old", actionMedium)}, "3"},
		{"+ with a copy", []row{is("12", "Copy", actionMedium), is("20", actionMedium, actionMedium)}, "20"},
		{"+ renamed, with a copy", []row{is("12", "Copy", actionMedium), is("9", "Renamed", actionMedium)}, "9"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			if got := text(find(test.rows, "actionid", "name", actionMedium, isMarkedAction)["actionid"]); got != test.want {
				t.Errorf("action %q, want %q", got, test.want)
			}
		})
	}
	script := row{"scriptid": "4", "name": "Approve it", "description": scriptNote(scriptApprove)}
	for name, want := range map[string]string{scriptApprove: "4", scriptReject: ""} {
		if got := text(find([]row{script}, "scriptid", "name", name, isMarkedScript)["scriptid"]); got != want {
			t.Errorf("script %s is %q, want %q", name, got, want)
		}
	}
}

func cmpName(marked string) string {
	if marked == "" {
		return actionMedium
	}
	return marked
}

// TestEveryProblemOfOursIsTold compares the actions' conditions with the triggers of
// all templates: those of cases and those of the state of a worker.
func TestEveryProblemOfOursIsTold(t *testing.T) {
	t.Parallel()

	for _, f := range ourFiles(t) {
		triggers := 0
		for uuid, part := range entities(f.template) {
			if part["expression"] == nil {
				continue
			}
			triggers++
			tags, _ := part["tags"].([]any)
			if !slices.Contains(column(tags, "tag"), ourTag) {
				t.Errorf("%s: trigger %s %q lacks the tag %s: no action tells of it", f.path, uuid, part["name"], ourTag)
			}
		}
		if triggers == 0 {
			t.Errorf("%s has no trigger", f.path)
		}
	}
	from := map[string][2]string{actionMedium: {"2", "2"}, actionHigh: {"3", "4"}, actionCritical: {"5", "5"}}
	for _, name := range actionNames() {
		one, _ := action(name, defaultOperators, "")
		want := row{"evaltype": "1", "conditions": []any{
			row{"conditiontype": "25", "operator": "0", "value": "penstock"},
			row{"conditiontype": "26", "operator": "1", "value": actionMarks[name], "value2": "penstock"},
			row{"conditiontype": "4", "operator": "5", "value": from[name][0]},
			row{"conditiontype": "4", "operator": "6", "value": from[name][1]},
		}}
		if diff := cmp.Diff(want, one["filter"]); diff != "" {
			t.Errorf("%s: conditions (-want +got)\n%s", name, diff)
		}
		if updates := !isNothing(one["update_operations"]); updates != (name != actionMedium) {
			t.Errorf("%s: tells of what is written to a problem: %t", name, updates)
		}
	}
}

func TestUserGroupForm(t *testing.T) {
	t.Parallel()

	rights := func(id string) []any { return []any{row{"id": id, "permission": "3"}} }
	in := []any{row{"username": workerName}, row{"username": "eva"}}
	tests := []struct {
		name string
		row  row
		want string
	}{
		{"+ the worker's", row{"name": workerName, "hostgroup_rights": rights("9")}, ""},
		{"- rights, but none on our group", row{"name": workerName, "hostgroup_rights": rights("8")}, "it has rights, but none on " + groupName},
		{"+ the approvers'", row{"name": ApproversName, "users": in}, ""},
		{"+ somebody's without rights", row{"name": ApproversName}, ""},
		{"+ rights were added later", row{"name": ApproversName, "users": in, "hostgroup_rights": rights("8")}, ""},
		{"- somebody's with rights", row{"name": ApproversName, "users": in[1:], "hostgroup_rights": rights("8")}, "it has rights, which the worker's user would get"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			s := &Setup{version: version{7, 0}, refs: map[string]string{kindHostGroup.ref(groupName): "9"}}
			if _, clash := s.userGroupForm(test.row); clash != test.want {
				t.Errorf("clash %q, want %q", clash, test.want)
			}
		})
	}
}

func TestStrangeHosts(t *testing.T) {
	t.Parallel()

	known := []string{"worker", "plc", "other worker"}
	s := &Setup{o: Settings{Host: "worker"}}
	tests := []struct {
		name  string
		file  *file
		hosts []string
		want  []string
	}{
		{"+ cases on hosts of setup", &file{cases: true}, []string{"plc", "worker"}, nil},
		{"- cases on another host", &file{cases: true}, []string{"web", "plc", "db"}, []string{"db", "web"}},
		{"+ the plugin on this worker's host", &file{worker: true}, []string{"worker"}, nil},
		{"- the plugin on the host of a worker without a token", &file{worker: true}, []string{"worker", "other worker"}, []string{"other worker"}},
		{"- the check on another host", &file{}, []string{"plc"}, []string{"plc"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			if diff := cmp.Diff(test.want, s.strange(test.file, test.hosts, known)); diff != "" {
				t.Errorf("hosts (-want +got)\n%s", diff)
			}
		})
	}
}
