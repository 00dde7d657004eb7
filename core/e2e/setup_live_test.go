//go:build live

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/config"
	"penstock/core/e2e/lab"
	"penstock/core/zabbix"
	"penstock/core/zabbix/setup"
	"penstock/templates"
)

// setupSite is a Zabbix with a worker that is to be set up.
type setupSite struct {
	z                  *lab.ZabbixServer
	config             string
	token, seal, admin string // files
	workerID, plcID    string
}

const (
	setupWorker = "plant worker"
	setupPLC    = "plant plc"
)

func newSetupSite(t *testing.T, version string) *setupSite {
	t.Helper()

	z := lab.Zabbix(t, version, lab.Own())
	folder := t.TempDir()
	s := &setupSite{
		z: z, config: folder + "/penstock.yaml", token: folder + "/token", seal: folder + "/seal", admin: folder + "/admin",
		workerID: z.CreateHost(t, setupWorker, lab.HostOptions{Groups: []string{"Plant"}, Agent: "127.0.0.1:10050"}),
		plcID:    z.CreateHost(t, setupPLC, lab.HostOptions{Groups: []string{"Plant"}}),
	}
	writeFile(t, s.seal, strings.Repeat("5ea1", 16)+"\n")
	writeFile(t, s.admin, z.Token+"\n")
	s.configure(t, s.config, setupWorker, s.token)
	return s
}

func (s *setupSite) configure(t *testing.T, path, host, token string) {
	t.Helper()

	writeFile(t, path, fmt.Sprintf("site: {name: plant}\nstate_dir: %s/state\nzabbix:\n  host: %s\n  hosts: {plc: %s}\n"+
		"  send: {to: [%q]}\n  seal_file: %s\n  api: {url: %q, token_file: %s}\n",
		filepath.Dir(path), host, setupPLC, s.z.Trapper, s.seal, s.z.URL, token))
}

// run runs `penstock setup zabbix` and returns its standard output.
func (s *setupSite) run(t *testing.T, exit int, config string, args ...string) string {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(programs, "penstock"),
		append([]string{"setup", "zabbix", "--config", config, "--token-file", s.admin}, args...)...)
	var said strings.Builder
	command.Stderr = &said
	out, err := command.Output()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	if code := command.ProcessState.ExitCode(); code != exit {
		t.Fatalf("setup %v: exit code %d, want %d\n%s%s", args, code, exit, out, said.String())
	}
	for _, file := range []string{s.token, s.seal, s.admin} {
		secret, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(out)+said.String(), strings.TrimSpace(string(secret))) {
			t.Errorf("setup %v printed what stands in %s", args, file)
		}
	}
	return string(out) + said.String()
}

// volatile are tables in whose rows a server keeps what it does.
var volatile = []string{
	"ha_node", "host_rtdata", "item_rtdata", "proxy_rtdata", "globalvars", "dbversion", "token", "hosts", "items", "triggers", "interface",
	"hgset", "host_hgset", // numbers of sets of groups, made anew
}

// unstable are those of them that grow and shrink meanwhile.
var unstable = []string{
	"auditlog", "sessions", "ids", "history", "trends", "housekeeper", "event", "problem", "acknowledges", "alerts", "task", "changelog", "escalations",
}

// dump returns what stands in the database, a line per table.
func (s *setupSite) dump(t *testing.T) string {
	t.Helper()

	of := func(list []string, table string) bool {
		return slices.ContainsFunc(list, func(start string) bool { return strings.HasPrefix(table, start) })
	}
	var queries []string
	for table := range strings.FieldsSeq(s.z.SQL(t, "select tablename from pg_tables where schemaname='public' order by 1")) {
		what := "count(*) || ' ' || coalesce(md5(string_agg(x::text, ';' order by x::text)), '')"
		if of(unstable, table) {
			continue
		}
		if of(volatile, table) {
			what = "count(*)::text"
		}
		queries = append(queries, fmt.Sprintf("select '%s ' || %s from %s x", table, what, table))
	}
	return s.z.SQL(t, strings.Join(queries, " union all ")+" order by 1")
}

func (s *setupSite) one(t *testing.T, method string, params map[string]any) map[string]any {
	t.Helper()

	var rows []map[string]any
	s.z.API(t, method, params, &rows)
	if len(rows) != 1 {
		t.Fatalf("%s %v: %d rows, want 1", method, params, len(rows))
	}
	return rows[0]
}

func TestSetupZabbix(t *testing.T) {
	t.Parallel()

	for _, version := range []string{"6.0", "7.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			s := newSetupSite(t, version)
			before := s.dump(t)
			plan := s.run(t, 0, s.config, "--plan")
			t.Logf("the first plan:\n%s", plan)
			wantAll(t, plan, "+ host group  Penstock hosts", "+ role        Penstock worker", "event.acknowledge: writes what",
				"+ user group  Penstock approvers", "! user group  Penstock approvers: nobody is in it: add every approver",
				"+ host        plant plc: linked to template Penstock case by Zabbix trapper", "+ action      Penstock: escalate Critical", "nothing was changed")
			if diff := cmp.Diff(before, s.dump(t)); diff != "" {
				t.Fatalf("--plan changed the database (-before +after)\n%s", diff)
			}

			wantAll(t, s.run(t, 0, s.config, "--apply"), `add every approver to user group "Penstock approvers" in Zabbix, and list each under policy.approvers`)
			wantAll(t, s.run(t, 0, s.config, "--plan"), "nothing to do")
			applied := s.dump(t)
			wantAll(t, s.run(t, 0, s.config, "--apply"), "nothing to do")
			if diff := cmp.Diff(applied, s.dump(t)); diff != "" {
				t.Errorf("the second --apply changed the database (-before +after)\n%s", diff)
			}
			s.wantTokenFile(t)
			s.wantSeal(t)
			s.workerMay(t)
			s.workerMayNotMore(t)
			maria := s.newPerson(t, "maria")
			s.approvers(t, maria)
			s.told(t, maria)
			s.missingRights(t)
			s.edits(t, maria)
			s.upgrade(t)
			s.secondWorker(t)
			s.unshared(t)
			s.removal(t, before, maria)
		})
	}
}

func wantAll(t *testing.T, text string, parts ...string) {
	t.Helper()

	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

func (s *setupSite) wantTokenFile(t *testing.T) {
	t.Helper()

	info, err := os.Stat(s.token)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 || info.Size() != 65 {
		t.Errorf("the token's file has mode %o and %d bytes, want 600 and 65", info.Mode().Perm(), info.Size())
	}
}

func (s *setupSite) wantSeal(t *testing.T) {
	t.Helper()

	got := strings.TrimSpace(s.z.SQL(t, "select value || ' ' || type from hostmacro where macro='{$PENSTOCK.SEAL}'"))
	want := strings.Repeat("5ea1", 16) + map[string]string{"6.0": " 0", "7.0": " 1"}[s.z.Version]
	if got != want {
		t.Errorf("the seal's macro is %q, want %q", got, want)
	}
}

// nothing is how a plan ends that changes nothing: 6.0 has something to know of the seal.
func (s *setupSite) nothing() string {
	if s.z.Version == "6.0" {
		return "nothing to do, 1 to know\n"
	}
	return "nothing to do\n"
}

func (s *setupSite) asWorker(t *testing.T) *zabbix.API {
	t.Helper()

	api, err := zabbix.OpenAPI(zabbix.APIOptions{URL: s.z.URL, TokenFile: s.token, Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

// workerMay goes the worker's way with its own token: a sealed case opens a problem,
// which it finds, comments and closes.
func (s *setupSite) workerMay(t *testing.T) {
	t.Helper()

	api, ctx := s.asWorker(t), t.Context()
	missing, err := setup.Rights(ctx, api, setupWorker, setupPLC)
	if err != nil || len(missing) > 0 {
		t.Fatalf("missing rights %v, %v, want none", missing, err)
	}
	sealer, err := zabbix.NewSealer(s.seal)
	if err != nil {
		t.Fatal(err)
	}
	value := "plant-1-1|High|open|0123456789abcdef|plc|ot|intrusion|Somebody logged in"
	s.z.Deliver(t, s.z.Trapper, lab.Value{Host: setupPLC, Key: zabbix.KeyTransition, Value: sealer.Seal(zabbix.KeyTransition, value)})
	var open []zabbix.Problem
	tags := map[string]string{"case": "plant-1-1"}
	s.z.Wait(t, "the worker sees the problem", func() bool {
		open, err = api.Problems(ctx, tags)
		return err == nil && len(open) == 1
	})
	if err := api.Say(ctx, open[0].EventID, "what to do"); err != nil {
		t.Errorf("comment: %v", err)
	}
	if err := api.CloseProblem(ctx, open[0].EventID, "over"); err != nil {
		t.Errorf("close: %v", err)
	}
	s.z.Wait(t, "the problem is closed", func() bool {
		open, err = api.Problems(ctx, tags)
		return err == nil && len(open) == 0
	})
	if _, err := api.Hosts(ctx); err != nil {
		t.Errorf("hosts: %v", err)
	}
	if _, err := api.Maintenances(ctx); err != nil {
		t.Errorf("maintenances: %v", err)
	}
	if s.z.Version == "7.0" {
		var answer struct {
			Data []struct{ Error string }
		}
		push := []map[string]string{{"host": setupPLC, "key": zabbix.KeyCase, "value": sealer.Seal(zabbix.KeyCase, "{}")}}
		if err := api.Call(ctx, "history.push", push, &answer); err != nil || len(answer.Data) != 1 || answer.Data[0].Error != "" {
			t.Errorf("history.push: %v, %v", answer, err)
		}
	}
}

func (s *setupSite) workerMayNotMore(t *testing.T) {
	t.Helper()

	api := s.asWorker(t)
	for _, call := range []struct {
		method string
		params any
	}{
		{"user.create", map[string]any{"username": "intruder", "roleid": "3", "usrgrps": []any{map[string]any{"usrgrpid": "7"}}, "passwd": "sd8f7s98dfZ!"}},
		{"host.delete", []string{s.plcID}},
		{"host.update", map[string]any{"hostid": s.plcID, "status": 1}},
		{"usermacro.create", map[string]any{"hostid": s.plcID, "macro": "{$X}", "value": "1"}},
		{"script.execute", map[string]any{"scriptid": "1", "hostid": s.plcID}},
		{"token.create", map[string]any{"name": "more"}},
		{"user.get", map[string]any{}},
		{"script.get", map[string]any{}},
		{"configuration.export", map[string]any{"format": "json", "options": map[string]any{"hosts": []string{s.plcID}}}},
	} {
		var said *zabbix.APIError
		if err := api.Call(t.Context(), call.method, call.params, nil); !errors.As(err, &said) {
			t.Errorf("%s: error %v, want a refusal", call.method, err)
		}
	}
	other := s.z.CreateHost(t, "not ours", lab.HostOptions{Groups: []string{"Elsewhere"}})
	defer func() {
		s.z.API(t, "host.delete", []string{other}, nil)
		s.z.API(t, "hostgroup.delete", []string{s.one(t, "hostgroup.get", map[string]any{"filter": map[string]any{"name": "Elsewhere"}})["groupid"].(string)}, nil)
	}()
	var seen []map[string]any
	if err := api.Call(t.Context(), "host.get", map[string]any{"output": []string{"host"}, "hostids": other}, &seen); err != nil || len(seen) > 0 {
		t.Errorf("the worker sees host %v, %v, want none", seen, err)
	}
}

// missingRights takes rights away and wants each to be named.
func (s *setupSite) missingRights(t *testing.T) {
	t.Helper()

	role := s.one(t, "role.get", map[string]any{"output": []string{"roleid"}, "selectRules": "extend", "filter": map[string]any{"name": "Penstock worker"}})
	rules := role["rules"].(map[string]any)
	methods := rules["api"].([]any)
	set := func(without string) { s.setRole(t, role, without) }
	without := []string{"add_problem_comments", "close_problems"}
	for _, m := range methods {
		without = append(without, m.(string))
	}
	for _, right := range without {
		set(right)
		var names []string
		missing, err := setup.Rights(t.Context(), s.asWorker(t), setupPLC)
		for _, m := range missing {
			names = append(names, m.Right)
		}
		want := []string{right}
		if right == "event.acknowledge" && s.z.Version == "6.0" {
			want = append(want, "add_problem_comments", "close_problems") // it does not say which
		}
		if diff := cmp.Diff(want, names); diff != "" || err != nil {
			t.Errorf("without %s: %v, missing (-want +got)\n%s", right, err, diff)
		}
	}
	wantAll(t, s.run(t, 0, s.config, "--plan"), "= role        Penstock worker: rules.api: ", "nothing to do, 1 kept as changed here")
	set("")
	s.z.API(t, "host.massremove", map[string]any{"hostids": []string{s.plcID}, "groupids": []string{
		s.one(t, "hostgroup.get", map[string]any{"filter": map[string]any{"name": "Penstock hosts"}})["groupid"].(string),
	}}, nil)
	missing, err := setup.Rights(t.Context(), s.asWorker(t), setupWorker, setupPLC)
	if err != nil || len(missing) != 1 || missing[0].Right != "read-write on host "+setupPLC {
		t.Errorf("missing rights %v, %v, want read-write on %s", missing, err, setupPLC)
	}
	wantAll(t, s.run(t, 0, s.config, "--apply"), "+ host        plant plc: into host group Penstock hosts", "1 to create")
	wantAll(t, s.run(t, 0, s.config, "--plan"), s.nothing())
}

// setRole gives the role what it had, without one method or right.
func (s *setupSite) setRole(t *testing.T, role map[string]any, without string) {
	t.Helper()

	rules := role["rules"].(map[string]any)
	var api, actions []any
	for _, m := range rules["api"].([]any) {
		if m != without {
			api = append(api, m)
		}
	}
	for _, a := range rules["actions"].([]any) {
		one := a.(map[string]any)
		status := one["status"]
		if one["name"] == without {
			status = "0"
		}
		actions = append(actions, map[string]any{"name": one["name"], "status": status})
	}
	s.z.API(t, "role.update", map[string]any{"roleid": role["roleid"], "rules": map[string]any{
		"ui": rules["ui"], "ui.default_access": "0", "api.access": "1", "api.mode": "1", "api": api, "actions": actions, "actions.default_access": "0",
		"modules.default_access": "0", "services.read.mode": "0", "services.write.mode": "0",
	}}, nil)
}

// edits changes what administrators change, and wants all of it to stay.
func (s *setupSite) edits(t *testing.T, maria *shiftMember) {
	t.Helper()

	agent, cases := s.z.TemplateID(t, "Penstock by Zabbix agent 2"), s.z.TemplateID(t, "Penstock case by Zabbix trapper")
	trigger := s.one(t, "trigger.get", map[string]any{"output": []string{"triggerid"}, "templateids": cases, "inherited": false, "filter": map[string]any{"description": "Penstock: Medium case"}})
	s.z.API(t, "trigger.update", map[string]any{"triggerid": trigger["triggerid"], "priority": 3, "status": 1}, nil)
	macro := s.one(t, "usermacro.get", map[string]any{"hostids": agent, "filter": map[string]any{"macro": s.aMacro(t)}})
	s.z.API(t, "usermacro.update", map[string]any{"hostmacroid": macro["hostmacroid"], "value": "77"}, nil)
	item := s.one(t, "item.get", map[string]any{"hostids": cases, "filter": map[string]any{"key_": zabbix.KeyTransition}})
	s.z.API(t, "item.update", map[string]any{"itemid": item["itemid"], "history": "60d"}, nil)
	action := s.one(t, "action.get", map[string]any{"filter": map[string]any{"name": "Penstock: tell of Medium"}})
	s.z.API(t, "action.update", map[string]any{"actionid": action["actionid"], "name": "Tell the shift", "status": 1, "esc_period": "2h"}, nil)
	s.z.SQL(t, "update opmessage_grp set usrgrpid="+maria.group+" where operationid in (select operationid from operations where recovery=0 and actionid="+action["actionid"].(string)+")")
	script := s.one(t, "script.get", map[string]any{"output": "extend", "filter": map[string]any{"name": "Penstock: approve"}})
	s.z.API(t, "script.update", map[string]any{"scriptid": script["scriptid"], "command": "return 'ours';"}, nil)
	s.z.API(t, "host.massremove", map[string]any{"hostids": []string{s.plcID}, "templateids_clear": []string{cases}}, nil)
	edited := s.dump(t)
	for _, way := range []string{"--plan", "--apply"} {
		out := s.run(t, 0, s.config, way)
		wantAll(t, out,
			"= template    Penstock case by Zabbix trapper: Penstock: Medium case: priority: AVERAGE (ours: WARNING)",
			"= template    Penstock case by Zabbix trapper: Penstock: Medium case: status: DISABLED (ours: (none))",
			"= template    Penstock by Zabbix agent 2: "+s.aMacro(t)+" value: 77 (ours: ",
			"history: 60d (ours: 31d)",
			"= action      Penstock: tell of Medium: name: Tell the shift (ours: Penstock: tell of Medium)",
			"= action      Penstock: tell of Medium: esc_period: 2h (ours: 1h)",
			"= action      Penstock: tell of Medium: status: 1 (ours: 0)",
			"= script      Penstock: approve: command: return 'ours'; (ours: ",
			"= host        plant plc: template Penstock case by Zabbix trapper was unlinked here",
			"nothing to do, 9 kept as changed here")
		if way == "--plan" {
			t.Logf("after edits:\n%s", out)
		}
	}
	if diff := cmp.Diff(edited, s.dump(t)); diff != "" {
		t.Errorf("--apply after edits changed the database (-before +after)\n%s", diff)
	}
}

// aMacro is a threshold of the plugin's template.
func (s *setupSite) aMacro(t *testing.T) string {
	t.Helper()

	data, err := fs.ReadFile(templates.FS, "penstock_agent2/template_penstock_agent2.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "      macros:\n")
	_, rest, _ = strings.Cut(rest, "macro: '")
	name, _, _ := strings.Cut(rest, "'")
	return name
}

// upgrade imports a later release of a template over one with edits.
func (s *setupSite) upgrade(t *testing.T) {
	t.Helper()

	api, err := zabbix.OpenAPI(zabbix.APIOptions{URL: s.z.URL, TokenFile: s.admin, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	later := fstest.MapFS{}
	err = fs.WalkDir(templates.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		data, err := fs.ReadFile(templates.FS, path)
		text := strings.Replace(string(data), "name: 'Penstock: Medium case'\n", "name: 'Penstock: Medium case, later'\n", 1)
		text = strings.Replace(text, "priority: WARNING", "priority: INFO", 1)
		later[path] = &fstest.MapFile{Data: []byte(text)}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	set, err := setup.New(api, setup.Settings{Host: setupWorker, Templates: later, Decode: func(data []byte) (any, error) { return config.Tree("template", data) }})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := set.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := plan.Write(&b, func(s string) string { return s }); err != nil {
		t.Fatal(err)
	}
	wantAll(t, b.String(),
		"~ template    Penstock case by Zabbix trapper: Penstock: Medium case, later: name: Penstock: Medium case -> Penstock: Medium case, later",
		"= template    Penstock case by Zabbix trapper: Penstock: Medium case, later: priority: AVERAGE (ours: INFO)")
	if err := plan.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := s.one(t, "trigger.get", map[string]any{
		"output": []string{"priority", "status"}, "hostids": s.z.TemplateID(t, "Penstock case by Zabbix trapper"), "filter": map[string]any{"description": "Penstock: Medium case, later"},
	})
	if got["priority"] != "3" || got["status"] != "1" {
		t.Errorf("the upgrade made the trigger %v, want priority 3 and status 1 of the edit", got)
	}
	s.wantSeal(t) // that this run did not know
	wantAll(t, s.run(t, 0, s.config, "--apply", "--overwrite"), "~ action      Penstock: tell of Medium: status: 1 -> 0",
		"~ action      Penstock: tell of Medium: name: Tell the shift -> Penstock: tell of Medium", "+ host        plant plc: linked to template Penstock case")
	wantAll(t, s.run(t, 0, s.config, "--plan"), s.nothing())
	wantAll(t, s.run(t, 0, s.config, "--apply", "--operators", "Zabbix administrators"),
		"~ action      Penstock: tell of Medium: operations: to Shift of maria -> to Zabbix administrators", "1 to change")
	s.wantSeal(t)
}
