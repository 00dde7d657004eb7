//go:build live

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/core/e2e/lab"
)

const (
	checkTemplate = "Penstock by external check"
	checkFile     = root + "/templates/penstock_check/template_penstock_check.yaml"
)

// checkedWorker is a worker whose values Zabbix takes by an external check.
type checkedWorker struct {
	z      *lab.ZabbixServer
	config string
	cmd    *exec.Cmd
}

// newCheckedWorker makes the folder of a worker that has a case of Medium to find,
// and puts the program where the Zabbix server and its proxy look for checks.
func newCheckedWorker(t *testing.T, z *lab.ZabbixServer) *checkedWorker {
	t.Helper()

	folder := z.UserFolder(t)
	var log strings.Builder
	for i := range 60 {
		fmt.Fprintf(&log, "%s gw1 sshd[%d]: Failed password for root from 203.0.113.9 port %d ssh2\n",
			time.Now().UTC().Add(time.Duration(i-61)*time.Second).Format(time.RFC3339), i+1, 50000+i)
	}
	writeFile(t, filepath.Join(folder, "gw1.log"), log.String())
	w := &checkedWorker{z: z, config: filepath.Join(folder, "penstock.yaml")}
	socket := filepath.Join(folder, "control.sock")
	writeFile(t, w.config, fmt.Sprintf("site: {name: checked}\nstate_dir: %s/state\ncontrol: {socket: %s, group: zabbix}\nsources:\n"+
		"  - {name: gw1, kind: file, trust: local, path: %s/gw1.log}\n", folder, socket, folder))
	script := fmt.Sprintf("#!/bin/sh\nexec %s check --socket %s -- \"$@\"\n", z.Program(t, filepath.Join(programs, "penstock")), socket)
	if err := os.WriteFile(filepath.Join(z.Folder, "external", "penstock-check"), []byte(script), 0o755); err != nil { // user zabbix runs it
		t.Fatalf("write the external check: %v", err)
	}
	return w
}

func (w *checkedWorker) start(t *testing.T) {
	t.Helper()

	w.cmd = exec.Command(filepath.Join(programs, "penstock"), "work", "--config", w.config)
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	w.cmd.Stderr = t.Output()
	if err := w.cmd.Start(); err != nil {
		t.Fatalf("start the worker: %v", err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill() })
}

func (w *checkedWorker) stop(t *testing.T) {
	t.Helper()

	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stop the worker: %v", err)
	}
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("the worker ended with %v", err)
	}
}

// checkedItem is an item as the API shows it.
type checkedItem struct {
	ItemID    string `json:"itemid"`
	Key       string `json:"key_"`
	State     string `json:"state"` // 1: not supported
	Error     string `json:"error"`
	LastValue string `json:"lastvalue"`
	LastClock string `json:"lastclock"`
}

// checkedItems returns the items of a host by key.
func checkedItems(t *testing.T, z *lab.ZabbixServer, hostID string) map[string]checkedItem {
	t.Helper()

	var all []checkedItem
	z.API(t, "item.get", map[string]any{"output": []string{"itemid", "key_", "state", "error", "lastvalue", "lastclock"}, "hostids": []string{hostID}}, &all)
	byKey := map[string]checkedItem{}
	for _, i := range all {
		byKey[i.Key] = i
	}
	return byKey
}

// wantItems waits until the items of a host have these values.
func wantItems(t *testing.T, z *lab.ZabbixServer, hostID string, want map[string]string) {
	t.Helper()

	missing := ""
	z.Wait(t, "values of the external check", func() bool {
		missing = ""
		items := checkedItems(t, z, hostID)
		for key, value := range want {
			if items[key].LastValue != value {
				missing += fmt.Sprintf("%s is %q, not %q (%s)\n", key, items[key].LastValue, value, items[key].Error)
			}
		}
		if missing != "" && time.Now().Second()%20 == 0 {
			t.Log(missing)
		}
		return missing == ""
	})
}

func TestExternalCheckLive(t *testing.T) {
	for _, version := range []string{"6.0", "7.0"} {
		t.Run(version, func(t *testing.T) {
			z := lab.Zabbix(t, version)
			template, err := os.ReadFile(checkFile)
			if err != nil {
				t.Fatal(err)
			}
			z.Import(t, string(template))
			z.Import(t, string(template)) // as whoever upgrades does
			w := newCheckedWorker(t, z)
			w.start(t)
			// 6.0 wants an interface for external checks, and never uses it.
			options := lab.HostOptions{Templates: []string{checkTemplate}, Agent: "127.0.0.1:10050", Macros: map[string]string{
				"{$PENSTOCK.INTERVAL}": "2s", "{$PENSTOCK.NODATA.TIME}": "30s", "{$PENSTOCK.CASES.SEVERITY}": "Medium",
			}}
			direct := z.CreateHost(t, "checked", options)
			options.Proxy = "proxy"
			proxied := z.CreateHost(t, "checked behind the proxy", options)
			odd := z.CreateItem(t, direct, `penstock-check["case","{$NO.SUCH} $(id) 'x'"]`, map[string]any{"type": lab.ExternalItem, "delay": "2s"})

			works := map[string]string{
				"penstock.state": "0", "penstock.worker": "working", "penstock.open.medium": "1", "penstock.worst": "2",
				"penstock.cases.count[{$PENSTOCK.CASES.SEVERITY}]": "1", "penstock.problem": "nothing", "penstock.id": "checked, w1",
				"penstock.source.lag[gw1]": "0", "penstock.source.silent[gw1]": "0", "penstock.source.error[gw1]": "-",
			}
			wantItems(t, z, direct, works)
			wantItems(t, z, proxied, works)
			z.WaitValue(t, odd, `Cannot check: there is no case "($NO.SUCH) $(id) 'x'"`)
			wantCasesItem(t, z, direct)

			w.stop(t)
			checkCasesNow(t, z, direct)
			// What nobody can know now stays as it was: a case is not over because the worker is.
			gone := map[string]string{"penstock.state": "3", "penstock.open.medium": "1"}
			wantItems(t, z, direct, gone)
			wantItems(t, z, proxied, gone)
			for _, hostID := range []string{direct, proxied} {
				items := checkedItems(t, z, hostID)
				if i, ok := items["penstock.source.lag[gw1]"]; !ok || i.LastClock == "0" {
					t.Error("a source is gone because its worker is")
				}
				if !strings.HasPrefix(items["penstock.worker"].LastValue, "missing: connect to ") {
					t.Errorf("worker: %q", items["penstock.worker"].LastValue)
				}
				for key, i := range items {
					if i.State != "0" {
						t.Errorf("%s is not supported: %s", key, i.Error)
					}
				}
			}
			w.start(t)
			wantItems(t, z, direct, works)
		})
	}
}

// checkCasesNow asks for the list of cases at once, which is due once a minute.
func checkCasesNow(t *testing.T, z *lab.ZabbixServer, hostID string) {
	t.Helper()

	z.ExecuteNow(t, checkedItems(t, z, hostID)[`penstock-check["cases"]`].ItemID)
}

func wantCasesItem(t *testing.T, z *lab.ZabbixServer, hostID string) {
	t.Helper()

	checkCasesNow(t, z, hostID)
	z.Wait(t, "the list of open cases", func() bool {
		return strings.HasPrefix(checkedItems(t, z, hostID)["penstock.cases.list"].LastValue, "Medium  gw1 (unknown)  ")
	})
}
