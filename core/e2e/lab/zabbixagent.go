package lab

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// AgentOptions say how an agent 2 is started.
type AgentOptions struct {
	Hostname     string   // "" is agent-1, agent-2 and so on
	ServerActive string   // "" is the server's trapper; another is Proxy's
	Plugins      []string // lines such as Plugins.Penstock.System.Path=/path
	Lines        []string // other lines; each takes the place of the lab's of that name
	NoWait       bool     // returns at once: the agent may be one that does not come up
}

// Agent is an agent 2 that runs as user zabbix.
type Agent struct {
	Address  string
	Hostname string
	Conf     string // path of its configuration: a test may write another before Start

	name    string
	get     string
	server  *ZabbixServer
	process process
}

// StartAgent starts an agent 2, which ends with the test. An agent of 6.0 asks for its
// active items once a minute: a test that has some creates them first, and then the
// agent starts when the server knows them.
func (s *ZabbixServer) StartAgent(t testing.TB, o AgentOptions) *Agent {
	t.Helper()

	s.mu.Lock()
	s.agents++
	name := fmt.Sprintf("agent-%d", s.agents)
	s.mu.Unlock()
	port, err := freePort()
	if err != nil {
		t.Fatalf("start an agent: %v", err)
	}
	if o.Hostname == "" {
		o.Hostname = name
	}
	if o.ServerActive == "" {
		o.ServerActive = s.Trapper
	}
	s.waitActive(t, o.Hostname, o.ServerActive)
	a := &Agent{
		Address: fmt.Sprintf("127.0.0.1:%d", port), Hostname: o.Hostname, Conf: s.path(name + ".conf"),
		name: name, get: s.program("zabbix-server-pgsql/usr/bin/zabbix_get"), server: s,
	}
	a.process = s.process(name, "zabbix", s.program("zabbix-agent2/usr/sbin/zabbix_agent2"), "-c", a.Conf, "-f")
	if err := ownFolder(s.path(name), "zabbix", 0o755); err != nil {
		t.Fatalf("make the agent's folder: %v", err)
	}
	if err := os.WriteFile(a.Conf, []byte(s.agentConf(a, o, port)), 0o644); err != nil { //nolint:gosec // for user zabbix
		t.Fatalf("write the agent's configuration: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", name, tail(a.Log()))
		}
		a.Stop(t)
	})
	if o.NoWait {
		if err := a.process.start(); err != nil {
			t.Fatalf("start %s: %v", name, err)
		}
		return a
	}
	a.Start(t)
	return a
}

// waitActive waits until a server or proxy knows the active items of a host.
func (s *ZabbixServer) waitActive(t testing.TB, host, address string) {
	t.Helper()

	var items []struct{ Key string }
	s.API(t, "item.get", map[string]any{
		"output": []string{"key_"}, "host": host, "monitored": true, "filter": map[string]any{"type": ActiveItem},
	}, &items)
	if len(items) == 0 {
		return
	}
	s.Wait(t, "the server knows the active items of "+host, func() bool {
		text, err := exchange(address, nil, map[string]any{"request": "active checks", "host": host})
		var answer struct{ Data []any }
		return err == nil && json.Unmarshal(text, &answer) == nil && len(answer.Data) >= len(items)
	})
}

// Start starts an agent that has ended, and waits until it answers.
func (a *Agent) Start(t testing.TB) {
	t.Helper()

	if err := a.process.start(); err != nil {
		t.Fatalf("start %s: %v", a.name, err)
	}
	if !within(startTime, func() bool { return listens(a.Address) || !a.Running() }) || !a.Running() {
		t.Fatalf("%s does not answer: %s", a.name, tail(a.Log()))
	}
}

// Stop ends the agent in order, if it runs, and kills what it leaves.
func (a *Agent) Stop(t testing.TB) {
	t.Helper()

	if err := a.process.end(syscall.SIGTERM); err != nil {
		t.Errorf("stop %s: %v", a.name, err)
	}
}

// Kill ends the agent at once, and nothing that it started.
func (a *Agent) Kill() {
	if a.Running() {
		_ = syscall.Kill(a.PID(), syscall.SIGKILL)
		within(patience, func() bool { return !a.Running() })
	}
}

// Running reports whether the agent runs.
func (a *Agent) Running() bool { return a.process.running() }

// PID returns the id of the agent's process, of this start or the last.
func (a *Agent) PID() int {
	a.process.mu.Lock()
	defer a.process.mu.Unlock()

	return a.process.cmd.Process.Pid
}

// Exit returns the code that the agent ended with: -1 while it runs, or after a
// signal.
func (a *Agent) Exit() int {
	if state := a.process.state(); state != nil {
		return state.ExitCode()
	}
	return -1
}

// Log returns what the agent has said so far, over all its starts.
func (a *Agent) Log() string { return a.server.Log(a.name) }

// Get asks the agent with zabbix_get. What an item says instead of a value starts
// with ZBX_NOTSUPPORTED.
func (a *Agent) Get(t testing.TB, key string) string {
	t.Helper()

	host, port, _ := strings.Cut(a.Address, ":")
	text, err := exec.Command(a.get, "-s", host, "-p", port, "-t", "30", "-k", key).CombinedOutput() //nolint:gosec // Zabbix's program
	if err != nil && !strings.HasPrefix(string(text), "ZBX_NOTSUPPORTED") {
		t.Errorf("ask %s for %s: %v: %s", a.name, key, err, text)
	}
	return strings.TrimSuffix(string(text), "\n")
}

// Ask does what Get does without another program, for many in a row.
func (a *Agent) Ask(key string) (string, error) {
	c, err := net.DialTimeout("tcp", a.Address, patience)
	if err != nil {
		return "", err
	}
	defer c.Close() //nolint:errcheck // all was read
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := c.Write(frame([]byte(key))); err != nil {
		return "", err
	}
	answer, err := readFrame(c)
	return strings.ReplaceAll(string(answer), "\x00", ": "), err
}
