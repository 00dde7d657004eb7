//go:build live

package e2e

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/e2e/lab"
)

// secondWorker sets up another worker of the site, which keeps what both use from
// being removed.
func (s *setupSite) secondWorker(t *testing.T) {
	t.Helper()

	folder := t.TempDir()
	id := s.z.CreateHost(t, "second worker", lab.HostOptions{Groups: []string{"Plant"}, Agent: "127.0.0.1:10050"})
	s.configure(t, folder+"/penstock.yaml", "second worker", folder+"/token")
	out := s.run(t, 0, folder+"/penstock.yaml", "--apply")
	wantAll(t, out, "+ token       Penstock worker on second worker", "4 to create")
	wantAll(t, s.run(t, 0, folder+"/penstock.yaml", "--plan"), s.nothing())
	out = s.run(t, 0, folder+"/penstock.yaml", "--remove")
	wantAll(t, out, "! user        Penstock worker: stays, and so do all objects that workers share: it has the tokens Penstock worker on plant worker",
		"- token       Penstock worker on second worker")
	if _, err := os.Stat(folder + "/token"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second worker's token: %v, want none", err)
	}
	s.z.API(t, "host.delete", []string{id}, nil)
}

// removal keeps what others use, and leaves no trace without them.
func (s *setupSite) removal(t *testing.T, before string, maria *shiftMember) {
	t.Helper()

	var made struct{ TriggerIDs []string }
	s.z.API(t, "trigger.create", map[string]any{"description": "mine", "expression": "last(/" + setupPLC + "/penstock.case.severity)>3"}, &made)
	group := s.one(t, "hostgroup.get", map[string]any{"filter": map[string]any{"name": "Plant"}})["groupid"]
	ours := s.one(t, "hostgroup.get", map[string]any{"filter": map[string]any{"name": "Penstock hosts"}})["groupid"]
	s.z.API(t, "hostgroup.massadd", map[string]any{"groups": []any{map[string]any{"groupid": ours}}, "hosts": []any{map[string]any{"hostid": s.plcID}}}, nil)
	s.z.API(t, "hostgroup.massremove", map[string]any{"groupids": []any{group}, "hostids": []any{s.plcID}}, nil)
	full := s.dump(t)
	out := s.run(t, 0, s.config, "--plan", "--remove")
	t.Logf("the plan of a removal:\n%s", out)
	wantAll(t, out, `! template    Penstock case by Zabbix trapper: stays: it is used by trigger "mine" of host plant plc`,
		"! host group  Penstock hosts: stays: it is used by host plant plc, which is in no other group", "- template    Penstock by Zabbix agent 2: with its items and their history on plant worker")
	if diff := cmp.Diff(full, s.dump(t)); diff != "" {
		t.Fatalf("--plan --remove changed the database (-before +after)\n%s", diff)
	}
	s.z.API(t, "trigger.delete", made.TriggerIDs, nil)
	s.z.API(t, "hostgroup.massadd", map[string]any{"groups": []any{map[string]any{"groupid": group}}, "hosts": []any{map[string]any{"hostid": s.plcID}}}, nil)

	// Another worker's token, and a person in our group, end with what they belong to.
	user := s.one(t, "user.get", map[string]any{"output": []string{"userid"}, "filter": map[string]any{"username": "Penstock worker"}})
	s.z.API(t, "token.create", map[string]any{"name": "Penstock worker on another host", "userid": user["userid"]}, nil)
	wantAll(t, s.run(t, 0, s.config, "--remove", "--all"), "! user        Penstock worker: it has the tokens Penstock worker on another host; it is removed nevertheless",
		"what has - above is removed")
	s.removePerson(t, maria)
	if diff := cmp.Diff(before, s.dump(t)); diff != "" {
		t.Errorf("--remove left traces (-before +after)\n%s", diff)
	}
	if _, err := os.Stat(s.token); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the worker's token: %v, want none", err)
	}
	wantAll(t, s.run(t, 0, s.config, "--plan", "--remove"), "nothing to do")
}

// unshared looks at what keeps what workers share from being removed: a host that
// somebody linked by hand, as a worker does that has no token of ours.
func (s *setupSite) unshared(t *testing.T) {
	t.Helper()

	id := s.z.CreateHost(t, "by hand", lab.HostOptions{Groups: []string{"Plant"}, Templates: []string{"Penstock case by Zabbix trapper"}})
	out := s.run(t, 0, s.config, "--plan", "--remove")
	wantAll(t, out, "! template    Penstock case by Zabbix trapper: stays, and so do all objects that workers share: it is linked to by hand, and not by this worker's setup",
		"- token       Penstock worker on plant worker")
	if strings.Contains(out, "- template") || strings.Contains(out, "- action") {
		t.Errorf("what is shared would be removed:\n%s", out)
	}
	out = s.run(t, 0, s.config, "--plan", "--remove", "--all")
	wantAll(t, out, "it is linked to by hand, and not by this worker's setup; it is removed nevertheless",
		"- template    Penstock case by Zabbix trapper: with its items and their history on by hand", "- action      Penstock: escalate Critical", "- user group  Penstock approvers")
	s.z.API(t, "host.delete", []string{id}, nil)
}
