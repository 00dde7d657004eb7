//go:build live

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"penstock/core/app"
	"penstock/core/e2e/lab"
)

// Versions of Zabbix that the plugin is tried with.
var zabbixVersions = []string{"6.0", "7.0"}

var builtPlugin struct {
	sync.Once
	err error
}

// plugin returns the plugin in a folder that user zabbix may enter, built so that a
// test can bring its child to an end that nothing recovers from.
func plugin(t *testing.T) string {
	t.Helper()

	folder := filepath.Join(programs, "plugin")
	path := filepath.Join(folder, "zabbix-agent2-plugin-penstock")
	builtPlugin.Do(func() {
		build := exec.Command("go", "build", "-tags", "trouble", "-o", path, "./zabbix-loadable")
		build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		text, err := build.CombinedOutput()
		if err != nil {
			builtPlugin.err = fmt.Errorf("%w: %s", err, text)
			return
		}
		builtPlugin.err = errors.Join(os.Chmod(programs, 0o711), os.Chmod(folder, 0o755))
	})
	if builtPlugin.err != nil {
		t.Fatalf("build the plugin: %v", builtPlugin.err)
	}
	return path
}

// agentFolder makes a folder of user zabbix.
func agentFolder(t *testing.T) string {
	t.Helper()

	folder, err := os.MkdirTemp("", "penstock-agent-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	giveToAgent(t, folder)
	return folder
}

func giveToAgent(t *testing.T, path string) {
	t.Helper()

	u, err := user.Lookup("zabbix")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// child is an agent whose plugin keeps a worker.
type child struct {
	agent              *lab.Agent
	folder, state, log string
	config             string
}

// startChild starts an agent with a plugin that follows one log file.
func startChild(t *testing.T, s *lab.ZabbixServer, o lab.AgentOptions, more ...string) *child {
	t.Helper()

	folder := agentFolder(t)
	c := &child{folder: folder, state: filepath.Join(folder, "state"), log: filepath.Join(folder, "web1.log"), config: filepath.Join(folder, "penstock.yaml")}
	c.write(t, c.log, "")
	c.configure(t, "")
	o.Plugins = append([]string{
		"Plugins.Penstock.System.Path=" + plugin(t), "Plugins.Penstock.Config=" + c.config, "Plugins.Penstock.StateDir=" + c.state,
	}, more...)
	c.agent = s.StartAgent(t, o)
	return c
}

func (c *child) configure(t *testing.T, more string) {
	t.Helper()
	c.write(t, c.config, fmt.Sprintf("sources:\n  - {name: web1, kind: file, path: %s, trust: local}\n%s", c.log, more))
}

// write writes a file that user zabbix may read and write.
func (c *child) write(t *testing.T, path, text string) {
	t.Helper()
	writeFile(t, path, text)
	giveToAgent(t, path)
}

// status asks for penstock.status, and wants the agent to answer.
func (c *child) status(t *testing.T) app.StatusItem {
	t.Helper()

	if got := c.agent.Get(t, "agent.ping"); got != "1" {
		t.Fatalf("the agent does not answer: %s", got)
	}
	var text string
	var err error
	for range 3 { // of a slow machine the agent says that the item was too slow
		var s app.StatusItem
		text = c.agent.Get(t, "penstock.status")
		if err = json.Unmarshal([]byte(text), &s); err == nil {
			return s
		}
	}
	t.Fatalf("penstock.status is %q: %v", text, err)
	return app.StatusItem{}
}

// until waits for a status.
func (c *child) until(t *testing.T, what string, is func(app.StatusItem) bool) app.StatusItem {
	t.Helper()

	var s app.StatusItem
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if s = c.status(t); is(s) {
			return s
		}
	}
	t.Fatalf("%s does not come about; the status is %+v", what, s)
	return s
}

// pid returns the process of the worker, 0 where none runs.
func (c *child) pid() int {
	text, _ := exec.Command("pgrep", "-f", "--", "--worker --config "+c.config).Output()
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// plugins lists the agent's processes that register (true) or work (false).
func (c *child) plugins(registers string) string {
	text, _ := exec.Command("pgrep", "-P", strconv.Itoa(c.agent.PID()), "-f", "--", registers+"$").Output()
	return strings.TrimSpace(string(text))
}

// face returns the process that speaks with the agent.
func (c *child) face(t *testing.T) int {
	t.Helper()

	text := c.plugins("false")
	pid, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("find the plugin's process: %q", text)
	}
	return pid
}

func works(s app.StatusItem) bool { return s.State == app.StateWorking && s.OK == 1 }

// TestPluginServesItems has a server, and another through its proxy, ask for items
// passively and take them actively.
func TestPluginServesItems(t *testing.T) {
	t.Parallel()

	for _, version := range zabbixVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			s := lab.Zabbix(t, version)
			for _, way := range []struct{ name, active, proxy string }{{"direct", s.Trapper, ""}, {"proxy", s.ProxyTrapper, s.Proxy.Name}} {
				t.Run(way.name, func(t *testing.T) {
					host := "plugin-" + way.name
					c := startChild(t, s, lab.AgentOptions{Hostname: host + "-passive", ServerActive: way.active})
					id := s.CreateHost(t, host+"-passive", lab.HostOptions{Agent: c.agent.Address, Proxy: way.proxy})
					ping := s.CreateItem(t, id, "penstock.ping", map[string]any{"type": lab.PassiveItem})
					count := s.CreateItem(t, id, "penstock.cases.count[High]", map[string]any{"type": lab.PassiveItem})
					word := s.CreateItem(t, id, "penstock.worker", map[string]any{"type": lab.PassiveItem})

					active := s.CreateHost(t, host+"-active", lab.HostOptions{Proxy: way.proxy})
					status := s.CreateItem(t, active, "penstock.status", map[string]any{"type": lab.ActiveItem})
					found := s.CreateItem(t, active, "penstock.sources.discovery", map[string]any{"type": lab.ActiveItem})
					startChild(t, s, lab.AgentOptions{Hostname: host + "-active", ServerActive: way.active})

					s.WaitValue(t, ping, "1")
					s.WaitValue(t, word, app.StateWorking)
					s.WaitValue(t, count, "0")
					s.WaitValue(t, found, `[{"{#SOURCE}":"web1","{#KIND}":"file"}]`)
					s.Wait(t, "penstock.status says that the worker works", func() bool {
						all := s.History(t, status)
						return len(all) > 0 && strings.Contains(all[len(all)-1].Value, `"state":"working"`)
					})
				})
			}
		})
	}
}

// TestOldAgentSurvivesTheRegistration asks at moments around those at which an agent
// of 6.0 waits for the end of the process that registered: that one stays until
// another works, which it does from the first question on.
func TestOldAgentSurvivesTheRegistration(t *testing.T) {
	t.Parallel()

	s := lab.Zabbix(t, "6.0")
	for i := range 12 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()

			c := startChild(t, s, lab.AgentOptions{})
			time.Sleep(time.Duration(i) * 300 * time.Millisecond) // the moment is what differs, and no check waits for it
			if c.plugins("true") == "" {
				t.Error("the process that registered is gone before another works")
			}
			c.status(t)
			eventually(t, "the end of the process that registered", func() bool { return c.plugins("true") == "" })
			c.status(t)
		})
	}
}

// TestPluginShowsCases writes an attack into the followed file and reads it back.
func TestPluginShowsCases(t *testing.T) {
	t.Parallel()

	c := startChild(t, lab.Zabbix(t, "7.0"), lab.AgentOptions{})
	c.until(t, "a worker", works)
	(&paper{path: c.log}).write(t, guessing("203.0.113.9", 60)+time.Now().UTC().Format(time.RFC3339Nano)+" web1 sshd[9]: Accepted password for root from 203.0.113.9 port 4711 ssh2\n")
	s := c.until(t, "an open case", func(s app.StatusItem) bool { return s.Open["High"]+s.Open["Critical"] > 0 && s.Lines == 61 })
	if s.DryRun != 1 || s.Keeper.Mode != "child" || s.Keeper.Running != 1 || s.Worst < 3 {
		t.Errorf("the status is %+v", s)
	}
	var list struct{ Cases []app.GlanceCase }
	eventually(t, "a case in penstock.cases", func() bool {
		return json.Unmarshal([]byte(c.agent.Get(t, "penstock.cases")), &list) == nil && len(list.Cases) > 0
	})
	id := list.Cases[0].Case
	if text := c.agent.Get(t, "penstock.case["+id+"]"); !strings.Contains(text, `"penstock":{`) || !strings.Contains(text, id) {
		t.Errorf("penstock.case[%s]: %s", id, text)
	}
	if text := c.agent.Get(t, "penstock.cases.count[High]"); text == "0" {
		t.Errorf("penstock.cases.count[High]: %s", text)
	}
	if text := c.agent.Get(t, "penstock.case[site-w9-999]"); !strings.HasPrefix(text, "ZBX_NOTSUPPORTED: Cannot find case") {
		t.Errorf("a case that is not there: %s", text)
	}
}

// deaths are ways in which a worker ends, and what the item says of it.
var deaths = []struct {
	name string
	do   func(t *testing.T, c *child)
	want string
}{
	{"killed", func(t *testing.T, c *child) { signalWorker(t, c, syscall.SIGKILL) }, "killed by signal 9"},
	{"aborted", func(t *testing.T, c *child) { signalWorker(t, c, syscall.SIGABRT) }, "SIGABRT"},
	{"a concurrent map write", func(t *testing.T, c *child) { c.write(t, filepath.Join(c.state, "trouble"), "map") }, "concurrent map"},
	{"out of memory", func(t *testing.T, c *child) { c.write(t, filepath.Join(c.state, "trouble"), "memory") }, "out of memory"},
	{"a panic", func(t *testing.T, c *child) { c.write(t, filepath.Join(c.state, "trouble"), "panic") }, "a test asked for this"},
	{"SIGTERM", func(t *testing.T, c *child) { signalWorker(t, c, syscall.SIGTERM) }, "exit code 0"},
	{"hung", func(t *testing.T, c *child) { signalWorker(t, c, syscall.SIGSTOP) }, "it hung"},
}

func signalWorker(t *testing.T, c *child, signal syscall.Signal) {
	t.Helper()

	pid := c.pid()
	if pid == 0 {
		t.Fatal("no worker runs")
	}
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}

// TestWorkersDeathLeavesTheAgentUp ends the worker in every way there is. The agent
// answers all the time, the item says what happened, and another worker comes.
func TestWorkersDeathLeavesTheAgentUp(t *testing.T) {
	t.Parallel()

	for _, version := range zabbixVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			c := startChild(t, lab.Zabbix(t, version), lab.AgentOptions{}, "Plugins.Penstock.MemoryLimit=128M")
			c.until(t, "a worker", works)
			face := c.face(t)
			for _, d := range deaths {
				before := c.status(t).Keeper.Deaths
				d.do(t, c)
				s := c.until(t, d.name, func(s app.StatusItem) bool { return s.Keeper.Deaths > before })
				if !strings.Contains(s.Keeper.LastDeath, d.want) {
					t.Errorf("%s: the item says %q, want %q", d.name, s.Keeper.LastDeath, d.want)
				}
				// One that has given no sign of life yet may take minutes to start.
				c.until(t, "another worker after "+d.name, func(s app.StatusItem) bool { return works(s) && s.Uptime >= 3 })
			}
			for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGUSR1} {
				if err := syscall.Kill(face, signal); err != nil {
					t.Fatal(err)
				}
			}
			c.until(t, "items after signals", works)
			if got := c.face(t); got != face {
				t.Errorf("the plugin has another process: %d, was %d", got, face)
			}
			worker := c.pid()
			c.agent.Kill()
			eventually(t, "the end of plugin and worker after their agent", func() bool {
				return syscall.Kill(face, 0) != nil && syscall.Kill(worker, 0) != nil
			})
		})
	}
}

// TestPluginSaysWhatIsWrong starts agents with what a site may get wrong.
func TestPluginSaysWhatIsWrong(t *testing.T) {
	t.Parallel()

	for _, version := range zabbixVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			s := lab.Zabbix(t, version)
			t.Run("bad options", func(t *testing.T) {
				t.Parallel()

				c := startChild(t, s, lab.AgentOptions{}, "Plugins.Penstock.Worker=both", "Plugins.Penstock.Nonsense=1")
				got := c.status(t)
				if got.State != app.StateMisconfigured || !strings.Contains(got.Problem, "Worker=both") {
					t.Errorf("the status is %+v", got)
				}
				if !strings.Contains(c.agent.Log(), "Plugins.Penstock.Nonsense is not an option") {
					t.Error("the agent's log does not tell of an unknown option")
				}
			})
			t.Run("bad YAML, mended", func(t *testing.T) {
				t.Parallel()

				c := startChild(t, s, lab.AgentOptions{})
				c.until(t, "a worker", works)
				c.write(t, c.config, "sources: [\n")
				signalWorker(t, c, syscall.SIGKILL)
				c.until(t, "a bad configuration", func(s app.StatusItem) bool {
					return s.State == app.StateMisconfigured && strings.Contains(s.Problem, "penstock.yaml")
				})
				c.configure(t, "")
				c.until(t, "a worker with the mended configuration", works)
			})
			t.Run("no configuration", func(t *testing.T) {
				t.Parallel()

				c := startChild(t, s, lab.AgentOptions{}, "Plugins.Penstock.Config=/nowhere/penstock.yaml")
				c.until(t, "what is missing", func(s app.StatusItem) bool {
					return s.State == app.StateMisconfigured && strings.Contains(s.Problem, "/nowhere/penstock.yaml")
				})
			})
			t.Run("unreadable state", func(t *testing.T) {
				t.Parallel()

				c := startChild(t, s, lab.AgentOptions{}, "Plugins.Penstock.StateDir=/proc/penstock")
				c.until(t, "the missing worker", func(s app.StatusItem) bool {
					return s.State == app.StateMissing && strings.Contains(s.Problem, "/proc/penstock")
				})
			})
			t.Run("no service", func(t *testing.T) {
				t.Parallel()

				c := startChild(t, s, lab.AgentOptions{}, "Plugins.Penstock.Worker=service", "Plugins.Penstock.Socket=/nowhere/control.sock")
				c.until(t, "the missing worker", func(s app.StatusItem) bool {
					return s.State == app.StateMissing && strings.Contains(s.Problem, "nobody listens on /nowhere/control.sock")
				})
				if pid := c.pid(); pid != 0 {
					t.Error("a worker was started")
				}
			})
			t.Run("no Ollama", func(t *testing.T) {
				t.Parallel()

				c := startChild(t, s, lab.AgentOptions{})
				c.configure(t, "model: {name: none, endpoints: ['http://127.0.0.1:9']}\n")
				signalIfThere(c)
				c.until(t, "a worker with a model", func(s app.StatusItem) bool { return s.Model.State != "none" })
				(&paper{path: c.log}).write(t, guessing("203.0.113.9", 60))
				c.until(t, "a model that fails, and a case without it", func(s app.StatusItem) bool {
					return s.Model.State == "fails" && s.Open["High"]+s.Open["Medium"]+s.Open["Low"] > 0
				})
			})
		})
	}
}

// TestLogTakesTextAsItIs has the agent log what would be a format: some agents format
// what a plugin says, and those that do not must not show more than was said.
func TestLogTakesTextAsItIs(t *testing.T) {
	t.Parallel()

	for _, version := range zabbixVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			c := startChild(t, lab.Zabbix(t, version), lab.AgentOptions{}, "Plugins.Penstock.Worker=a%20b%s%d%%c")
			if got := c.status(t); got.State != app.StateMisconfigured {
				t.Errorf("the status is %+v", got)
			}
			const want = "Plugins.Penstock.Worker=a%20b%s%d%%c: neither"
			eventually(t, "a text with signs of percent in the agent's log", func() bool { return strings.Contains(c.agent.Log(), "items say so") })
			for line := range strings.Lines(c.agent.Log()) {
				if strings.Contains(line, "the configuration cannot be used") && !strings.Contains(line, want) {
					t.Errorf("the agent's log says %q, want %s in it", line, want)
				}
			}
		})
	}
}

// signalIfThere ends a worker that may not have started yet.
func signalIfThere(c *child) {
	if pid := c.pid(); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestPluginOnAFullDisk fills the disk of the child's state.
func TestPluginOnAFullDisk(t *testing.T) {
	folder := agentFolder(t)
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=24m,mode=0755"); err != nil {
		t.Fatalf("mount a small disk (needs root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	giveToAgent(t, folder)
	c := startChild(t, lab.Zabbix(t, "7.0"), lab.AgentOptions{}, "Plugins.Penstock.StateDir="+filepath.Join(folder, "state"))
	c.configure(t, "store: {reserve_bytes: 2097152}\n")
	signalIfThere(c)
	c.until(t, "a worker", works)
	log, peer := &paper{path: c.log}, 1
	c.until(t, "a full disk", func(s app.StatusItem) bool {
		fill(t, filepath.Join(folder, "filler"))
		peer++
		log.write(t, guessing(fmt.Sprintf("198.51.100.%d", peer), 100))
		return s.State == app.StateTroubled && strings.Contains(s.Problem, "the disk is full")
	})
	if err := os.Remove(filepath.Join(folder, "filler")); err != nil {
		t.Fatal(err)
	}
	if s := c.until(t, "a worker with room again", works); s.Keeper.Deaths > 1 {
		t.Errorf("the worker died of a full disk: %s", s.Keeper.LastDeath)
	}
}

// TestPluginAnswersTenThousandItems asks for items in a row. How long that takes is
// logged; that the plugin's memory stays where it is, is wanted.
func TestPluginAnswersTenThousandItems(t *testing.T) {
	c := startChild(t, lab.Zabbix(t, "7.0"), lab.AgentOptions{})
	c.until(t, "a worker", works)
	face := c.face(t)
	const most = 24 << 20 // bytes
	for _, key := range []string{"penstock.status", "penstock.cases"} {
		var took []time.Duration
		for range 10_000 {
			start := time.Now()
			if text, err := c.agent.Ask(key); err != nil || !strings.HasPrefix(text, "{") {
				t.Fatalf("%s: %s, %v", key, text, err)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		rss := residentOf(t, face)
		t.Logf("%s: median %s, p99 %s, longest %s; the plugin has %.1f MiB, and had %.1f MiB at most", key,
			took[len(took)/2], took[len(took)*99/100], took[len(took)-1], float64(rss)/(1<<20), float64(peakOf(t, face))/(1<<20))
		if peak := peakOf(t, face); peak > most {
			t.Errorf("the plugin has taken %d bytes, more than %d", peak, most)
		}
	}
}
