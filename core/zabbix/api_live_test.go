//go:build live

package zabbix

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/core/e2e/lab"
)

// createCaseTrigger makes a trigger as those of cases are, of one severity.
func createCaseTrigger(t *testing.T, z *lab.ZabbixServer, host, level string, priority int) {
	t.Helper()

	part := func(n int) string { return fmt.Sprintf(`{{ITEM.VALUE}.regsub("^([^|]*)[|]([^|]*)[|]","\%d")}`, n) }
	z.API(t, "trigger.create", map[string]any{
		"description": level + " case", "event_name": "Case " + part(1),
		"expression":          fmt.Sprintf(`find(/%s/%s,,"regexp","^[^|]+[|]%s[|]open")=1`, host, KeyTransition, level),
		"recovery_mode":       1,
		"recovery_expression": fmt.Sprintf(`find(/%s/%s,,"regexp","^[^|]+[|]%s[|]close")=1`, host, KeyTransition, level),
		"correlation_mode":    1, "correlation_tag": "case", "type": 1, "priority": priority, "manual_close": 1,
		"tags": []map[string]string{{"tag": "case", "value": part(1)}, {"tag": "lab", "value": host}},
	}, nil)
}

// serviceUser makes a user of least privilege, a token and a password for it. It
// sees the host group of host, and shares no user group with anybody.
func serviceUser(t *testing.T, z *lab.ZabbixServer, name, host string, methods []string, actions ...string) (token, password string) {
	t.Helper()

	get := func(method string, params map[string]any, field string) string {
		var all []map[string]any
		z.API(t, method, params, &all)
		if len(all) == 0 {
			t.Fatalf("%s found nothing", method)
		}
		return fmt.Sprint(all[0][field])
	}
	create := func(method string, params any, field string) string {
		var made map[string][]json.RawMessage
		z.API(t, method, params, &made)
		return strings.Trim(string(made[field][0]), `"`)
	}
	// What a role does not list it allows, whatever its actions.default_access says.
	var listed []map[string]string
	for _, a := range []string{"add_problem_comments", "acknowledge_problems", "change_severity", "close_problems", "execute_scripts", "manage_api_tokens"} {
		status := "0"
		if slices.Contains(actions, a) {
			status = "1"
		}
		listed = append(listed, map[string]string{"name": a, "status": status})
	}
	rules := map[string]any{
		"ui.default_access": "0", "ui": []map[string]string{{"name": "monitoring.problems", "status": "1"}},
		"api.access": "1", "api.mode": "1", "api": methods, "actions.default_access": "0", "actions": listed,
	}
	role := create("role.create", map[string]any{"name": name, "type": "1", "rules": rules}, "roleids")
	group := get("hostgroup.get", map[string]any{"hostids": []string{get("host.get", map[string]any{"filter": map[string]any{"host": host}}, "hostid")}}, "groupid")
	rights := "rights"
	if z.Version != "6.0" {
		rights = "hostgroup_rights"
	}
	users := create("usergroup.create", map[string]any{"name": name, rights: []map[string]any{{"id": group, "permission": 3}}}, "usrgrpids")
	password = "Correct-horse-9"
	user := create("user.create", map[string]any{"username": name, "passwd": password, "roleid": role, "usrgrps": []map[string]string{{"usrgrpid": users}}}, "userids")
	id := create("token.create", []map[string]any{{"name": name, "userid": user}}, "tokenids")
	var tokens []struct{ Token string }
	z.API(t, "token.generate", []string{id}, &tokens)
	return tokens[0].Token, password
}

// caseHost makes a host that takes transitions and has the triggers of cases.
func caseHost(t *testing.T, z *lab.ZabbixServer, name string) (hostID string) {
	t.Helper()

	id := z.CreateHost(t, name, lab.HostOptions{Visible: name + ` "{HOST.HOST}"`, Groups: []string{name + " group"}})
	z.CreateItem(t, id, KeyTransition, map[string]any{})
	createCaseTrigger(t, z, name, "Medium", 2)
	createCaseTrigger(t, z, name, "High", 4)
	return id
}

// TestLiveAPIProblems shows on both versions, by token and by login, how problems are
// read: open, raised, closed by a value, by a person and by us, and suppressed.
func TestLiveAPIProblems(t *testing.T) {
	onEach(t, func(t *testing.T, version string) {
		z := lab.Zabbix(t, version)
		host := "api-problems"
		hostID := caseHost(t, z, host)
		methods := []string{"host.get", "item.get", "event.get", "problem.get", "event.acknowledge", "maintenance.get", "proxy.get"}
		token, password := serviceUser(t, z, "api-service", host, methods, "add_problem_comments", "close_problems")

		o := DefaultOptions().API
		o.URL, o.TokenFile = z.URL, writeFile(t, token)
		byToken := openAPI(t, o)
		o.TokenFile, o.User, o.PasswordFile = "", "api-service", writeFile(t, password)
		byLogin := openAPI(t, o)
		tags := map[string]string{"lab": host}

		start := time.Now().Add(-time.Second)
		z.Settle(t)
		for i, value := range []string{"c1|Medium|open|x", "c2|High|open|x", "c3|High|open|x", "c4|Medium|open|x"} {
			z.Deliver(t, z.Trapper, lab.Value{Host: host, Key: KeyTransition, Value: value})
			z.Wait(t, "problem "+value, func() bool { return len(openProblems(t, byToken, tags)) == i+1 })
		}
		open := openProblems(t, byLogin, tags)
		wantOpen(t, open, host, hostID, start)
		if len(openProblems(t, byToken, map[string]string{"lab": host, "case": "c"})) != 0 {
			t.Error("a part of a tag's value is taken for the whole")
		}

		touchProblems(t, z, byToken, byLogin, open)
		z.Deliver(t, z.Trapper, lab.Value{Host: host, Key: KeyTransition, Value: "c3|High|close|resolved"})
		z.Wait(t, "three problems to end", func() bool { return len(openProblems(t, byToken, tags)) == 1 })
		all := got(t, func() ([]Problem, error) { return byLogin.Events(t.Context(), tags, start.Add(-time.Minute)) })
		wantClosed(t, all)
		wantAcks(t, all[0].Acks)
		if all[0].Severity != 4 || len(all[3].Acks) != 1 || !all[3].Acks[0].Closed {
			t.Errorf("raised: %+v, closed by us: %+v", all[0].Severity, all[3].Acks)
		}
		if err := byToken.CloseProblem(t.Context(), all[1].EventID, ""); err != nil {
			t.Errorf("close again: %v", err)
		}
		testLiveMaintenance(t, z, byToken, hostID, host)
	})
}

// wantOpen wants the four problems of TestLiveAPIProblems, open and untouched.
func wantOpen(t *testing.T, open []Problem, host, hostID string, start time.Time) {
	t.Helper()

	if len(open) != 4 {
		t.Fatalf("open: %+v", open)
	}
	p := open[0]
	if p.Name != "Case c1" || !slices.Equal(p.Tags["case"], []string{"c1"}) || p.Host != host || p.HostID != hostID ||
		p.Severity != 2 || open[1].Severity != 4 || p.At.Before(start.Add(-time.Minute)) || p.EndEvent != "" || !p.Ended.IsZero() {
		t.Fatalf("open: %+v", open)
	}
}

// touchProblems lets a person raise the first problem and close the second, and us
// write to the first and close the fourth.
func touchProblems(t *testing.T, z *lab.ZabbixServer, byToken, byLogin *API, open []Problem) {
	t.Helper()

	z.API(t, "event.acknowledge", map[string]any{"eventids": []string{open[0].EventID}, "action": 2 | 4 | 8, "message": "seen\nit", "severity": 4}, nil)
	if err := byToken.Say(t.Context(), open[0].EventID, strings.Repeat("é", 3000)); err != nil {
		t.Error(err)
	}
	z.API(t, "event.acknowledge", map[string]any{"eventids": []string{open[1].EventID}, "action": 1}, nil)
	if err := byLogin.CloseProblem(t.Context(), open[3].EventID, "foreign"); err != nil {
		t.Error(err)
	}
}

// wantClosed wants all four problems, the first open and the others closed.
func wantClosed(t *testing.T, all []Problem) {
	t.Helper()

	if len(all) != 4 {
		t.Fatalf("all: %+v", all)
	}
	// The service's user shares no group with Admin: it sees a number.
	for i, want := range []string{"", "#1", "", "api-service"} {
		if all[i].ClosedBy != want || (all[i].EndEvent == "") != (i == 0) || all[i].Ended.IsZero() != (i == 0) {
			t.Errorf("%s: closed by %q, want %q; end %s at %s", all[i].Name, all[i].ClosedBy, want, all[i].EndEvent, all[i].Ended)
		}
	}
}

// wantAcks wants what a person said, raising the severity, and then what we said.
func wantAcks(t *testing.T, acks []Ack) {
	t.Helper()

	if len(acks) != 2 || !acks[0].Acknowledged || !acks[0].Severity || acks[0].OldSeverity != 2 || acks[0].NewSeverity != 4 || acks[0].Message != "seen\nit" ||
		acks[0].UserID != "1" || acks[0].User != "" || acks[1].Message != strings.Repeat("é", MaxMessage) || acks[1].User != "api-service" {
		t.Errorf("acknowledgements: %+v", acks)
	}
}

// testLiveMaintenance shows how a host in maintenance without data, and a problem
// that it suppresses, look.
func testLiveMaintenance(t *testing.T, z *lab.ZabbixServer, a *API, hostID, host string) {
	t.Helper()

	maintenances := func() ([]Maintenance, error) { return a.Maintenances(t.Context()) }
	if before := got(t, maintenances); len(before) != 0 {
		t.Errorf("maintenance before: %+v", before)
	}
	now := time.Now().Truncate(time.Second)
	z.API(t, "maintenance.create", map[string]any{
		"name": host + " maintenance", "active_since": now.Add(-time.Minute).Unix(), "active_till": now.Add(time.Hour).Unix(), "maintenance_type": 1,
		"hosts":       []map[string]string{{"hostid": hostID}},
		"timeperiods": []map[string]any{{"timeperiod_type": 0, "start_date": now.Add(-time.Minute).Unix(), "period": 1800}},
	}, nil)
	var hosts []HostInfo
	z.Wait(t, "maintenance", func() bool {
		hosts = got(t, func() ([]HostInfo, error) { return a.Hosts(t.Context()) })
		return len(hosts) == 1 && hosts[0].Maintenance
	})
	wantHost(t, hosts[0], hostID, host)
	wantMaintenance(t, got(t, maintenances), host)
	z.Wait(t, "a suppressed problem", func() bool {
		open := openProblems(t, a, map[string]string{"lab": host})
		return len(open) == 1 && open[0].Suppressed
	})
}

// wantHost wants a host that takes values and is in maintenance without data.
func wantHost(t *testing.T, h HostInfo, id, name string) {
	t.Helper()

	if h.ID != id || h.Name != name || h.Visible != name+` "{HOST.HOST}"` || !h.Monitored || !h.Takes || !h.NoData || h.Proxy != "" || h.Discovered {
		t.Errorf("host: %+v", h)
	}
}

// wantMaintenance wants the half hour without data of that host alone.
func wantMaintenance(t *testing.T, active []Maintenance, host string) {
	t.Helper()

	if len(active) != 1 || active[0].Name != host+" maintenance" || !slices.Equal(active[0].Hosts, []string{host}) || !active[0].NoData || active[0].Limited ||
		active[0].Till.Sub(active[0].From) != 30*time.Minute {
		t.Errorf("maintenance: %+v", active)
	}
}

// got returns what a call gave; an error ends the test.
func got[T any](t *testing.T, ask func() (T, error)) T {
	t.Helper()

	result, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func openProblems(t *testing.T, a *API, tags map[string]string) []Problem {
	t.Helper()

	return got(t, func() ([]Problem, error) { return a.Problems(t.Context(), tags) })
}

// TestLiveAPIRights shows what a call says that the role does not allow, and what
// becomes of a token that is disabled and of a session that ends.
func TestLiveAPIRights(t *testing.T) {
	onEach(t, func(t *testing.T, version string) {
		z := lab.Zabbix(t, version)
		host := "api-rights"
		caseHost(t, z, host)
		token, password := serviceUser(t, z, "api-reader", host, []string{"host.get", "event.acknowledge", "event.get", "problem.get", "user.logout"}, "add_problem_comments")
		o := DefaultOptions().API
		o.URL, o.TokenFile = z.URL, writeFile(t, token)
		a := openAPI(t, o)

		var said *APIError
		testLiveRefused(t, a)
		z.Settle(t)
		z.Deliver(t, z.Trapper, lab.Value{Host: host, Key: KeyTransition, Value: "r1|High|open|x"})
		var open []Problem
		z.Wait(t, "a problem", func() (done bool) {
			open, _ = a.Problems(t.Context(), map[string]string{"lab": host})
			return len(open) == 1
		})
		if err := a.CloseProblem(t.Context(), open[0].EventID, "x"); !errors.As(err, &said) {
			t.Errorf("closed without the right: %v", err)
		}

		o.TokenFile, o.User, o.PasswordFile = "", "api-reader", writeFile(t, password)
		b := openAPI(t, o)
		testLiveSession(t, z, b)
		o.PasswordFile = writeFile(t, "wrong")
		if _, err := openAPI(t, o).Hosts(t.Context()); !errors.As(err, &said) || said.Method != "user.login" || said.Code != CodeApplication {
			t.Errorf("wrong password: %v", err)
		}
		z.SQL(t, "update token set status=1 where name='api-reader'")
		if err := a.Call(t.Context(), "host.get", nil, nil); !errors.As(err, &said) {
			t.Errorf("disabled token: %v", err)
		}
	})
}

// testLiveRefused shows what a call says of a method that the role does not have, of
// one that there is not, and of an event that there is not.
func testLiveRefused(t *testing.T, a *API) {
	t.Helper()

	var said *APIError
	// 6.0 says -32602, 7.0 says -32500.
	if err := a.Call(t.Context(), "trigger.get", nil, nil); !errors.As(err, &said) || !strings.Contains(said.Data, "trigger.get") {
		t.Errorf("method that the role does not have: %v", err)
	}
	if err := a.Call(t.Context(), "nothing.get", nil, nil); !errors.As(err, &said) || said.Code != CodeMethod {
		t.Errorf("method that there is not: %v", err)
	}
	if err := a.Say(t.Context(), "999999", "x"); !errors.As(err, &said) || said.Code != CodeApplication {
		t.Errorf("event that there is not: %v", err)
	}
}

// testLiveSession shows that a session that ended is made anew, and that none is left
// behind.
func testLiveSession(t *testing.T, z *lab.ZabbixServer, b *API) {
	t.Helper()

	hosts := func() (n int, err error) {
		var all []any
		err = b.Call(t.Context(), "host.get", map[string]any{"output": []string{"host"}}, &all)
		return len(all), err
	}
	if n, err := hosts(); err != nil || n != 1 {
		t.Fatalf("= %d, %v", n, err)
	}
	z.SQL(t, "delete from sessions where userid=(select userid from users where username='api-reader')")
	if n, err := hosts(); err != nil || n != 1 {
		t.Errorf("after the session ended: %d, %v", n, err)
	}
	b.Close()
	if rest := strings.TrimSpace(z.SQL(t, "select count(*) from sessions where status=0 and userid=(select userid from users where username='api-reader')")); rest != "0" {
		t.Errorf("%s sessions are left behind", rest)
	}
}

// TestLiveAPIPush shows history.push of 7.0, what is refused, and that 6.0 has none.
func TestLiveAPIPush(t *testing.T) {
	onEach(t, func(t *testing.T, version string) {
		z := lab.Zabbix(t, version)
		host := "api-push"
		id := z.CreateHost(t, host, lab.HostOptions{Groups: []string{"api-push group"}})
		item := z.CreateItem(t, id, KeyCase, map[string]any{})
		o := DefaultOptions().API
		o.URL, o.TokenFile = z.URL, writeFile(t, z.Token)
		p := NewPusher(openAPI(t, o))
		at := time.Now().Truncate(time.Second).Add(123456789)
		values := []Value{{"nobody", KeyCase, "x", at}, {host, KeyCase, `{"a":"é ` + "\U0001f6b0" + `"}`, at}, {host, "nothing", "x", at}}
		if version == "6.0" {
			if _, err := p.Send(t.Context(), values); err == nil || !strings.Contains(err.Error(), "from 7.0 on") {
				t.Errorf("error = %v", err)
			}
			return
		}
		var taken Taken
		z.Wait(t, "a value to be taken", func() bool {
			taken = got(t, func() (Taken, error) { return p.Send(t.Context(), values) })
			return taken.Processed == 1
		})
		if taken.Failed != 2 || !slices.Equal(taken.Which, []int{0, 2}) {
			t.Errorf("= %+v", taken)
		}
		z.WaitValue(t, item, values[1].Value)
		if last := z.History(t, item); len(last) == 0 || last[len(last)-1].NS != 123456789 {
			t.Errorf("history: %+v", last)
		}
		start := time.Now()
		many := make([]Value, MostValues)
		for range 4 {
			for i := range many {
				many[i] = Value{host, KeyCase, fmt.Sprint(i), at.Add(time.Duration(i))}
			}
			if taken, err := p.Send(t.Context(), many); err != nil || taken.Processed != len(many) {
				t.Fatalf("= %+v, %v", taken, err)
			}
		}
		t.Logf("1,000 values in %s", time.Since(start))
	})
}
