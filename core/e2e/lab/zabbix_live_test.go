//go:build live

package lab

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// eachZabbix runs a test against both versions at the same time.
func eachZabbix(t *testing.T, test func(t *testing.T, version string)) {
	t.Helper()

	for _, version := range []string{"6.0", "7.0"} {
		t.Run("+ "+version, func(t *testing.T) {
			t.Parallel()

			test(t, version)
		})
	}
}

func TestZabbixTakesValues(t *testing.T) {
	eachZabbix(t, func(t *testing.T, version string) {
		start := time.Now()
		z := Zabbix(t, version)
		t.Logf("Zabbix %s works after %s", version, time.Since(start).Round(time.Millisecond))
		host := z.CreateHost(t, "plain", HostOptions{Tags: map[string]string{"a": "b"}, Macros: map[string]string{"{$M}": "x"}})
		open := z.CreateItem(t, host, "open", nil)
		closed := z.CreateItem(t, host, "closed", map[string]any{"trapper_hosts": "127.0.0.1"})
		behind := z.CreateHost(t, "behind", HostOptions{Proxy: z.Proxy.Name})
		remote := z.CreateItem(t, behind, "remote", nil)

		before := time.Now().Unix() - 60 // 7.0 drops what is older than the item's history is kept
		z.Deliver(t, z.Trapper,
			Value{Host: "plain", Key: "open", Value: "second", Clock: before, NS: 2},
			Value{Host: "plain", Key: "closed", Value: "from here"})
		z.Send(t, nil, Value{Host: "plain", Key: "open", Value: "first", Clock: before, NS: 1})
		z.Deliver(t, z.ProxyTrapper, Value{Host: "behind", Key: "remote", Value: "by proxy"})

		forger := net.IPv4(127, 0, 0, 2)
		got := z.Send(t, forger, Value{Host: "plain", Key: "closed", Value: "forged"}, Value{Host: "plain", Key: "open", Value: "third"})
		if diff := cmp.Diff(Counts{Processed: 1, Failed: 1, Total: 2}, got); diff != "" {
			t.Errorf("values from another address (-want +got):\n%s", diff)
		}
		if got := z.Send(t, nil, Value{Host: "behind", Key: "remote", Value: "past the proxy"}); got.Failed != 1 {
			t.Errorf("a value past the proxy: %+v", got)
		}
		z.WaitValue(t, remote, "by proxy")
		z.WaitValue(t, closed, "from here")
		z.WaitValue(t, open, "third")
		var values []string
		for _, sample := range z.History(t, open) {
			values = append(values, sample.Value)
		}
		// A value sent again by Deliver is there again.
		if text := strings.Join(values, " "); !strings.HasPrefix(text, "first second") || !strings.HasSuffix(text, "second third") {
			t.Errorf("history %q is not in order", text)
		}
	})
}

func TestZabbixAsksAgents(t *testing.T) {
	eachZabbix(t, func(t *testing.T, version string) {
		z := Zabbix(t, version)
		const name = "asked"
		host := z.CreateHost(t, name+" actively", HostOptions{})
		active := z.CreateItem(t, host, "agent.hostname", map[string]any{"type": ActiveItem})
		agent := z.StartAgent(t, AgentOptions{Hostname: name + " actively", Lines: []string{"UserParameter=who,id -un", "Timeout=2"}})

		asked := z.CreateHost(t, name, HostOptions{Agent: agent.Address})
		ping := z.CreateItem(t, asked, "agent.ping", map[string]any{"type": PassiveItem, "value_type": UnsignedValue})
		program := "#!/bin/sh\necho \"$1\"\n"
		if err := os.WriteFile(filepath.Join(z.Folder, "external", "say.sh"), []byte(program), 0o755); err != nil {
			t.Fatalf("write an external script: %v", err)
		}
		external := z.CreateItem(t, asked, `say.sh["a b"]`, map[string]any{"type": ExternalItem})

		for key, want := range map[string]string{"agent.ping": "1", "who": "zabbix"} {
			if got := agent.Get(t, key); got != want {
				t.Errorf("zabbix_get says %s is %q, want %q", key, got, want)
			}
			if got, err := agent.Ask(key); got != want || err != nil {
				t.Errorf("%s is %q, want %q: %v", key, got, want, err)
			}
		}
		if got := agent.Get(t, "no.such"); !strings.HasPrefix(got, "ZBX_NOTSUPPORTED") {
			t.Errorf("an unknown key gives %q", got)
		}
		z.WaitValue(t, ping, "1")
		z.WaitValue(t, external, "a b")
		z.WaitValue(t, active, name+" actively")

		agent.Kill()
		if agent.Running() || agent.Exit() != -1 {
			t.Errorf("a killed agent runs: %v, code %d", agent.Running(), agent.Exit())
		}
		agent.Start(t)
		agent.Stop(t)
		if agent.Running() || agent.Exit() != 0 {
			t.Errorf("a stopped agent runs: %v, code %d", agent.Running(), agent.Exit())
		}
		missing := z.StartAgent(t, AgentOptions{Plugins: []string{"Plugins.Penstock.System.Path=/no/such"}, NoWait: true})
		z.Wait(t, "an agent without its plugin ends", func() bool { return !missing.Running() })
		if missing.Exit() <= 0 || !strings.Contains(missing.Log(), "/no/such") {
			t.Errorf("an agent without its plugin ends with %d: %s", missing.Exit(), missing.Log())
		}
	})
}

func TestZabbixKeepsItsDataOverAStop(t *testing.T) {
	eachZabbix(t, func(t *testing.T, version string) {
		z := Zabbix(t, version, Export("history"), ServerLines("StartTrappers=2", "Include=$FOLDER/more.conf"),
			Files(map[string][]byte{"more.conf": []byte("StartPollers=3\n")}))
		host := z.CreateHost(t, "kept", HostOptions{})
		item := z.CreateItem(t, host, "kept", nil)
		behind := z.CreateHost(t, "behind", HostOptions{Proxy: z.Proxy.Name})
		remote := z.CreateItem(t, behind, "remote", nil)
		z.Deliver(t, z.Trapper, Value{Host: "kept", Key: "kept", Value: "before"})
		z.Deliver(t, z.ProxyTrapper, Value{Host: "behind", Key: "remote", Value: "before"})
		z.WaitValue(t, remote, "before")

		z.StopServer(t)
		if _, err := send(z.Trapper, nil, []Value{{Host: "kept", Key: "kept", Value: "lost"}}); err == nil {
			t.Error("a stopped server takes a value")
		}
		z.WaitValue(t, item, "before") // the API answers without the server
		z.SendTo(t, z.ProxyTrapper, nil, Value{Host: "behind", Key: "remote", Value: "meanwhile"})
		z.StopProxy(t)
		z.StartServer(t)
		z.StartProxy(t)
		z.WaitValue(t, remote, "meanwhile")
		z.Deliver(t, z.Trapper, Value{Host: "kept", Key: "kept", Value: "after"})
		z.WaitValue(t, item, "after")
		z.KillServer(t)
		z.Proxy.Kill(t)
		z.StartServer(t)
		z.StartProxy(t)
		z.Deliver(t, z.ProxyTrapper, Value{Host: "behind", Key: "remote", Value: "after"})
		z.WaitValue(t, remote, "after")
		if got := z.SQL(t, "select count(*) from history_text where value = 'before'"); got != "2" {
			t.Errorf("%s values of before the stop, want 2", got)
		}

		z.Wait(t, "values are exported", func() bool {
			files, _ := filepath.Glob(filepath.Join(z.ExportDir, "history-*.ndjson"))
			var all []byte
			for _, path := range files {
				text, _ := os.ReadFile(path)
				all = append(all, text...)
			}
			return bytes.Contains(all, []byte(`"value":"after"`))
		})
		for name, want := range map[string]bool{"[trapper #2]": true, "[trapper #3]": false, "[poller #3]": true} {
			if got := strings.Contains(z.Log("server"), name); got != want {
				t.Errorf("the server has %s: %v, want %v", name, got, want)
			}
		}
		z.StopFrontend(t)
		if err := z.TryAPI("apiinfo.version", []string{}, nil); err == nil {
			t.Error("a stopped frontend answers")
		}
		z.StartFrontend(t)
		var hosts []map[string]string
		z.API(t, "host.get", map[string]any{"output": []string{"host"}, "filter": map[string]any{"host": "kept"}}, &hosts)
		if len(hosts) != 1 {
			t.Errorf("hosts %v", hosts)
		}
	})
}

func TestZabbixProxyGroupMovesToTheOtherMember(t *testing.T) {
	z := Zabbix(t, "7.0", Own())
	other := z.Proxy2(t)
	group := z.ProxyGroup(t, "pair", z.Proxy, other)
	host := z.CreateHost(t, "moved", HostOptions{ProxyGroup: group})
	item := z.CreateItem(t, host, "text", nil)
	z.Settle(t)
	// Whoever does not have the host refers to the member that has it.
	takes := func(p *Proxy, value string) bool {
		n, err := send(p.Address, nil, []Value{{Host: "moved", Key: "text", Value: value}})
		return err == nil && n.Processed == 1
	}
	var has *Proxy
	z.Wait(t, "one member has the host", func() bool {
		for _, p := range []*Proxy{z.Proxy, other} {
			if takes(p, "before") {
				has = p
				return true
			}
		}
		return false
	})
	z.WaitValue(t, item, "before")
	left := z.Proxy
	if has == z.Proxy {
		left = other
	}
	z.Wait(t, "the other member refers to that one", func() bool {
		_, err := send(left.Address, nil, []Value{{Host: "moved", Key: "text", Value: "wrong"}})
		return err != nil && strings.Contains(err.Error(), has.Address)
	})
	has.Stop(t)
	z.Wait(t, "the other member has the host", func() bool { return takes(left, "after") })
	z.WaitValue(t, item, "after")
}

func TestZabbixImportsAndShowsPages(t *testing.T) {
	eachZabbix(t, func(t *testing.T, version string) {
		z := Zabbix(t, version)
		const file = `zabbix_export:
  version: '6.0'
  date: '2026-01-01T00:00:00Z'
  groups:
    - uuid: a571c0d144b14fd4a87a9d9b2aa9fcd6
      name: Templates/Applications
  templates:
    - uuid: 5f1f6a4fd1d94a6f8c6f3f6a0f6d1b11
      template: Lab import
      name: Lab import
      groups:
        - name: Templates/Applications
      items:
        - uuid: 0d3c5e0c9e3e4d0a8a5d9a3c3e1f7b22
          name: One
          type: TRAP
          key: one
          delay: '0'
`
		z.Import(t, file)
		z.Import(t, file)
		if err := z.TryImport(strings.Replace(file, "TRAP", "TRIP", 1)); err == nil {
			t.Error("a bad file was imported")
		}
		host := z.CreateHost(t, "imported", HostOptions{Templates: []string{"Lab import"}, Groups: []string{"lab/one", "lab/two"}})
		var items []struct {
			Key string `json:"key_"`
		}
		z.API(t, "item.get", map[string]any{"output": []string{"key_"}, "hostids": []string{host}}, &items)
		if len(items) != 1 || items[0].Key != "one" {
			t.Errorf("items of the imported template: %v", items)
		}

		for path, want := range map[string]string{"": "Zabbix", "jsLoader.php": "function", "assets/styles/blue-theme.css": "body"} {
			response, err := http.Get(z.Frontend + path)
			if err != nil {
				t.Fatalf("ask the frontend: %v", err)
			}
			text, err := io.ReadAll(response.Body)
			response.Body.Close()
			if err != nil || response.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(want)) {
				t.Errorf("page %q: %v, %s, without %s", path, err, response.Status, want)
			}
		}
	})
}

// TestZabbixForTheNext is run by the next test, in a process that it ends; by itself
// it does nothing.
func TestZabbixForTheNext(t *testing.T) {
	how := os.Getenv("PENSTOCK_LAB_END")
	if how == "" {
		return
	}
	z := Zabbix(t, "7.0")
	z.StartAgent(t, AgentOptions{Lines: []string{"AllowKey=system.run[*]"}}).Get(t, "system.run[setsid sleep 3600,nowait]")
	fmt.Printf("\nfolder %s\n", z.Folder)
	switch how {
	case "panic":
		panic("a panic of the test")
	case "killed":
		time.Sleep(time.Hour)
	}
}

func TestNothingIsLeftOfZabbix(t *testing.T) {
	for _, how := range []string{"ends", "panic", "killed"} {
		t.Run("+ "+how, func(t *testing.T) {
			t.Parallel()

			cmd := exec.Command(os.Args[0], "-test.run", "^TestZabbixForTheNext$", "-test.v")
			cmd.Env = append(os.Environ(), "PENSTOCK_LAB_END="+how)
			log := filepath.Join(t.TempDir(), "log")
			out, err := os.Create(log)
			if err != nil {
				t.Fatalf("make a log: %v", err)
			}
			defer out.Close()
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				t.Fatalf("start the other process: %v", err)
			}
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			var folder string
			if !within(5*time.Minute, func() bool {
				text, _ := os.ReadFile(log)
				_, rest, _ := strings.Cut(string(text), "\nfolder ")
				var found bool
				folder, _, found = strings.Cut(rest, "\n")
				return found
			}) {
				text, _ := os.ReadFile(log)
				t.Fatalf("the other process starts no Zabbix: %s", text)
			}
			if how == "killed" {
				if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatalf("kill the other process: %v", err)
				}
			}
			<-done
			var left []string
			if !within(patience, func() bool {
				left = leftOf(folder)
				return len(left) == 0
			}) {
				t.Errorf("left of %s:\n%s", folder, strings.Join(left, "\n"))
			}
		})
	}
}

// leftOf returns the folder, if it is there, and the processes that have to do with it.
func leftOf(folder string) (left []string) {
	if _, err := os.Stat(folder); err == nil {
		left = append(left, folder)
	}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range all {
		line, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		env, _ := os.ReadFile(filepath.Join(p, "environ"))
		if bytes.Contains(line, []byte(folder)) || bytes.Contains(env, []byte(folder)) {
			left = append(left, p+" "+string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return left
}
