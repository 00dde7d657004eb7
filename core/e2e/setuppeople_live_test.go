//go:build live

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/core/e2e/lab"
	"penstock/core/zabbix"
)

// shiftMember is somebody who works with the frontend and may write on our hosts.
type shiftMember struct {
	name, id, group string // group is one of persons only
	api             *zabbix.API
}

func (s *setupSite) newPerson(t *testing.T, name string) *shiftMember {
	t.Helper()

	p := &shiftMember{name: name}
	var group struct{ UsrgrpIDs []string }
	rights := map[string]string{"6.0": "rights", "7.0": "hostgroup_rights"}[s.z.Version]
	ours := s.one(t, "hostgroup.get", map[string]any{"filter": map[string]any{"name": "Penstock hosts"}})["groupid"]
	s.z.API(t, "usergroup.create", map[string]any{"name": "Shift of " + name, rights: []any{map[string]any{"id": ours, "permission": 3}}}, &group)
	p.group = group.UsrgrpIDs[0]
	email := s.one(t, "mediatype.get", map[string]any{"output": []string{"mediatypeid"}, "filter": map[string]any{"name": "Email"}})["mediatypeid"]
	const password = "fo8r-Sh1ft-Passw0rd"
	var made struct{ UserIDs []string }
	s.z.API(t, "user.create", map[string]any{
		"username": name, "passwd": password, "roleid": "1", "usrgrps": groupIDs(p.group, s.userGroup(t, "Zabbix administrators")),
		"medias": []any{map[string]any{"mediatypeid": email, "sendto": []string{name + "@example.com"}, "active": 0, "severity": 63, "period": "1-7,00:00-24:00"}},
	}, &made)
	p.id = made.UserIDs[0]
	file := t.TempDir() + "/password"
	writeFile(t, file, password+"\n")
	var err error
	if p.api, err = zabbix.OpenAPI(zabbix.APIOptions{URL: s.z.URL, User: name, PasswordFile: file, Timeout: 30 * time.Second}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *setupSite) removePerson(t *testing.T, p *shiftMember) {
	t.Helper()

	p.api.Close()
	s.z.API(t, "user.delete", []string{p.id}, nil)
	s.z.API(t, "usergroup.delete", []string{p.group}, nil)
}

func groupIDs(ids ...string) []any {
	var groups []any
	for _, id := range ids {
		groups = append(groups, map[string]any{"usrgrpid": id})
	}
	return groups
}

func (s *setupSite) userGroup(t *testing.T, name string) string {
	t.Helper()

	return s.one(t, "usergroup.get", map[string]any{"output": []string{"usrgrpid"}, "filter": map[string]any{"name": name}})["usrgrpid"].(string)
}

// say writes what a worker sends, sealed.
func (s *setupSite) say(t *testing.T, value string) {
	t.Helper()

	sealer, err := zabbix.NewSealer(s.seal)
	if err != nil {
		t.Fatal(err)
	}
	s.z.Deliver(t, s.z.Trapper, lab.Value{Host: setupPLC, Key: zabbix.KeyTransition, Value: sealer.Seal(zabbix.KeyTransition, value)})
}

// open opens a case and returns its problem as the worker sees it.
func (s *setupSite) open(t *testing.T, api *zabbix.API, id, severity string) zabbix.Problem {
	t.Helper()

	s.say(t, id+"|"+severity+"|open|0123456789abcdef|plc|ot|intrusion|Somebody logged in")
	var found []zabbix.Problem
	s.z.Wait(t, "the worker sees the problem of "+id, func() bool {
		var err error
		found, err = api.Problems(t.Context(), map[string]string{"case": id})
		return err == nil && len(found) == 1
	})
	return found[0]
}

// subjects returns what was sent to a person for an event, in order of its making,
// whether the mail went out or not: this lab has no mail server.
func (s *setupSite) subjects(t *testing.T, p *shiftMember, event string) []string {
	t.Helper()

	return strings.FieldsFunc(s.z.SQL(t, "select subject from alerts where userid="+p.id+" and (eventid="+event+" or p_eventid="+event+") order by alertid"),
		func(r rune) bool { return r == '\n' })
}

// approvers goes the way of a person who works on problems: the worker sees who it
// was only if the person is in the group that setup made for that.
func (s *setupSite) approvers(t *testing.T, maria *shiftMember) {
	t.Helper()

	worker, ctx := s.asWorker(t), t.Context()
	began := time.Now().Add(-time.Minute)
	problem := s.open(t, worker, "plant-1-2", "High")
	if err := maria.api.Say(ctx, problem.EventID, "I look at it"); err != nil {
		t.Fatal(err)
	}
	name := func() string {
		found, err := worker.Problems(ctx, map[string]string{"case": "plant-1-2"})
		if err != nil || len(found) != 1 || len(found[0].Acks) == 0 {
			t.Fatalf("problems %+v, %v, want one with a message", found, err)
		}
		return found[0].Acks[0].User
	}
	if got := name(); got != "" {
		t.Errorf("the worker sees %q, who is in no group with it: is the group still needed?", got)
	}
	wantAll(t, s.run(t, 0, s.config, "--plan"), "! user group  Penstock approvers: nobody is in it")
	s.z.API(t, "user.update", map[string]any{
		"userid": maria.id, "usrgrps": groupIDs(maria.group, s.userGroup(t, "Zabbix administrators"), s.userGroup(t, "Penstock approvers")),
	}, nil)
	if got := name(); got != maria.name {
		t.Errorf("the worker sees %q, want %s", got, maria.name)
	}
	if err := maria.api.CloseProblem(ctx, problem.EventID, "it was me"); err != nil {
		t.Fatal(err)
	}
	var closed []zabbix.Problem
	s.z.Wait(t, "the worker sees who closed the problem", func() bool {
		var err error
		closed, err = worker.Events(ctx, map[string]string{"case": "plant-1-2"}, began)
		return err == nil && len(closed) == 1 && closed[0].ClosedBy != ""
	})
	if closed[0].ClosedBy != maria.name {
		t.Errorf("closed by %q, want %s", closed[0].ClosedBy, maria.name)
	}
	if out := s.run(t, 0, s.config, "--plan"); !strings.HasSuffix(out, s.nothing()) {
		t.Errorf("with an approver in the group:\n%s", out)
	}
}

// told looks at what people are sent: of both kinds of our problems, and by Medium
// nothing more for the message that the worker writes to each.
func (s *setupSite) told(t *testing.T, maria *shiftMember) {
	t.Helper()

	worker := s.asWorker(t)
	for _, c := range []struct {
		id, severity string
		updated      bool
	}{{"plant-1-3", "High", true}, {"plant-1-4", "Medium", false}} {
		problem := s.open(t, worker, c.id, c.severity)
		sent := func(start string) bool {
			return slices.ContainsFunc(s.subjects(t, maria, problem.EventID), func(subject string) bool { return strings.HasPrefix(subject, start) })
		}
		severity := map[string]string{"High": "High: ", "Medium": "Warning: "}[c.severity]
		s.z.Wait(t, "people are told of "+c.id, func() bool { return sent(severity) })
		if err := worker.Say(t.Context(), problem.EventID, "what to do"); err != nil {
			t.Fatal(err)
		}
		if c.updated {
			s.z.Wait(t, "people are sent the worker's message", func() bool { return sent("Updated: ") })
		}
		s.say(t, c.id+"|"+c.severity+"|close|resolved")
		s.z.Wait(t, "people are told of the end of "+c.id, func() bool { return sent("Resolved: ") })
		t.Logf("%s: sent %q", c.severity, s.subjects(t, maria, problem.EventID))
		if sent("Updated: ") != c.updated {
			t.Errorf("%s: the worker's message was sent: %t, want %t", c.severity, !c.updated, c.updated)
		}
	}

	// A problem of the other kind, as the templates of the worker's state make it.
	item := s.z.CreateItem(t, s.plcID, "state.of.penstock", nil)
	var made struct{ TriggerIDs []string }
	s.z.API(t, "trigger.create", map[string]any{
		"description": "Penstock: Worker is missing", "expression": `last(/` + setupPLC + `/state.of.penstock)="missing"`, "priority": 4,
		"tags": []any{map[string]any{"tag": "penstock", "value": "status"}},
	}, &made)
	s.z.Wait(t, "people are told of a worker's state", func() bool {
		// Again and again: the server may know the item and not yet the trigger.
		s.z.Deliver(t, s.z.Trapper, lab.Value{Host: setupPLC, Key: "state.of.penstock", Value: "missing"})
		return strings.Contains(s.z.SQL(t, "select subject from alerts where userid="+maria.id), "High: Penstock: Worker is missing")
	})
	s.z.API(t, "item.delete", []string{item}, nil)
}
