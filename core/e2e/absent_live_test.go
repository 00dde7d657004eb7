//go:build live

package e2e

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"penstock/core/e2e/lab"
	"penstock/templates"
)

// problemsOf returns the names of triggers of a host that are problems now, and how
// often each has become one.
func problemsOf(t *testing.T, z *lab.ZabbixServer, hostID string) (open map[string]bool, times map[string]int) {
	t.Helper()

	var triggers []struct {
		TriggerID, Description, Value string
	}
	z.API(t, "trigger.get", map[string]any{"output": []string{"description", "value"}, "hostids": []string{hostID}}, &triggers)
	open, times = map[string]bool{}, map[string]int{}
	names := map[string]string{}
	for _, g := range triggers {
		open[g.Description] = g.Value == "1"
		names[g.TriggerID] = g.Description
	}
	var events []struct{ ObjectID, Value string }
	z.API(t, "event.get", map[string]any{"output": []string{"objectid", "value"}, "hostids": []string{hostID}, "value": []int{1}}, &events)
	for _, e := range events {
		times[names[e.ObjectID]]++
	}
	return open, times
}

// TestProblemsStayWhenTheWorkerIsGone lets a worker with a problem die for good: the
// problem stays, the items keep what was true last, and the missing worker is told.
func TestProblemsStayWhenTheWorkerIsGone(t *testing.T) {
	t.Parallel()

	for _, version := range zabbixVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			z := lab.Zabbix(t, version)
			importTemplate(t, z, "penstock_agent2")
			c := startChild(t, z, lab.AgentOptions{})
			host := z.CreateHost(t, "absent", lab.HostOptions{Agent: c.agent.Address, Templates: []string{agentTemplate}, Macros: map[string]string{
				"{$PENSTOCK.INTERVAL}": "1s", "{$PENSTOCK.STATE.TIME}": "10s", "{$PENSTOCK.LOAD.TIME}": "5s", "{$PENSTOCK.MEMORY.MAX.WARN}": "1",
			}})
			const memory, missing = "Penstock: Worker uses much memory", "Penstock: Worker is missing"
			z.Wait(t, "a problem of a worker that is there", func() bool {
				open, _ := problemsOf(t, z, host)
				return open[memory]
			})
			if err := os.Rename(c.state, c.state+".away"); err != nil {
				t.Fatal(err)
			}
			writeFile(t, c.state, "a file where the state should be\n")
			signalWorker(t, c, syscall.SIGKILL)
			z.Wait(t, "the problem of a missing worker", func() bool {
				open, _ := problemsOf(t, z, host)
				return open[missing]
			})
			if open, times := problemsOf(t, z, host); !open[memory] || times[memory] != 1 {
				t.Errorf("%q is a problem: %t, and became one %d times", memory, open[memory], times[memory])
			}
			var items []struct {
				Key       string `json:"key_"`
				State     string
				Error     string
				LastValue string `json:"lastvalue"`
			}
			z.API(t, "item.get", map[string]any{"output": []string{"key_", "state", "error", "lastvalue"}, "hostids": []string{host}, "filter": map[string]any{"type": lab.DependentItem}}, &items)
			last := map[string]string{}
			for _, i := range items {
				last[i.Key] = i.LastValue
				if i.State != "0" && !strings.Contains(i.Key, "cases") {
					t.Errorf("%s is not supported: %s", i.Key, i.Error)
				}
			}
			if last["penstock.state"] != "3" || last["penstock.dryrun"] != "1" || last["penstock.memory"] == "0" || last["penstock.disk.free"] == "0" {
				t.Errorf("the items have %v", last)
			}
			if len(items) < 30 {
				t.Errorf("only %d items depend on the status", len(items))
			}
		})
	}
}

// TestStatusTriggersOnValues gives triggers of the templates values of days that are
// hard to tell apart.
func TestStatusTriggersOnValues(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, trigger, key string
		ago                time.Duration // between two values
		values             []string      // the last one makes the problem, and none before
	}{
		{"+ deaths after an agent that was started again", "Penstock: Worker died", "penstock.keeper.deaths", time.Minute, []string{"3", "3", "0", "0", "1"}},
		{"+ missing and late by turns", "Penstock: Worker is missing", "penstock.state", 30 * time.Second, []string{"0", "2", "2", "2", "2", "2", "2", "2", "3"}},
		{"+ dying soon after each start", "Penstock: Worker is started again and again", "penstock.uptime", time.Minute, []string{"9000", "5", "35", "6", "20", "3", "50", "11"}},
	}
	for _, version := range zabbixVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			z := lab.Zabbix(t, version)
			text, err := fs.ReadFile(templates.FS, "penstock_agent2/template_penstock_agent2.yaml")
			if err != nil {
				t.Fatal(err)
			}
			var file templateFile
			if err := yaml.Unmarshal(text, &file); err != nil {
				t.Fatal(err)
			}
			tpl, macros := &file.Export.Templates[0], map[string]string{}
			for _, m := range tpl.Macros {
				macros[m.Name] = m.Value
			}
			host := z.CreateHost(t, "triggers", lab.HostOptions{Macros: macros})
			items := map[string]string{}
			for _, tt := range tests {
				items[tt.key] = z.CreateItem(t, host, tt.key, map[string]any{"value_type": lab.UnsignedValue})
				for _, g := range tpl.triggers() {
					if g.Name == tt.trigger {
						z.API(t, "trigger.create", map[string]any{"description": g.Name, "expression": strings.ReplaceAll(g.Expression, tpl.Name, "triggers")}, nil)
					}
				}
			}
			z.Settle(t)
			for _, tt := range tests {
				start := time.Now().Add(-time.Duration(len(tt.values)) * tt.ago)
				for n, value := range tt.values {
					z.Deliver(t, z.Trapper, lab.Value{Host: "triggers", Key: tt.key, Value: value, Clock: start.Add(time.Duration(n) * tt.ago).Unix(), NS: 1})
					z.Wait(t, tt.name+": a value in the history", func() bool { return len(z.History(t, items[tt.key])) > n }) // as far apart as in life
				}
				z.Wait(t, tt.name, func() bool {
					open, _ := problemsOf(t, z, host)
					return open[tt.trigger]
				})
				if _, times := problemsOf(t, z, host); times[tt.trigger] != 1 {
					t.Errorf("%s: %d problems", tt.name, times[tt.trigger])
				}
			}
		})
	}
}
