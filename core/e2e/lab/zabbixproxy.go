package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The names of the two proxies that the first database knows.
const (
	firstProxy  = "proxy"
	secondProxy = "proxy2"
)

// Proxy is an active proxy with SQLite.
type Proxy struct {
	Name    string // its technical name in Zabbix
	Address string // of its trapper port

	process process
}

func (s *ZabbixServer) newProxy(name string) (*Proxy, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &Proxy{Name: name, Address: fmt.Sprintf("127.0.0.1:%d", port)}
	if err := ownFolder(s.path(name), "zabbix", 0o755); err != nil {
		return nil, err
	}
	file := s.path(name + ".conf")
	if err := os.WriteFile(file, []byte(s.proxyConf(p, port)), 0o644); err != nil { //nolint:gosec // for user zabbix
		return nil, err
	}
	p.process = s.process(name, "zabbix", s.program("zabbix-proxy-sqlite3/usr/sbin/zabbix_proxy"), "-f", "-c", file)
	return p, nil
}

func (p *Proxy) start() error {
	if err := p.process.start(); err != nil {
		return err
	}
	if !within(startTime, func() bool { return listens(p.Address) || !p.process.running() }) || !p.process.running() {
		return fmt.Errorf("%s does not answer: %s", p.Name, tail(p.Log()))
	}
	return nil
}

// Log returns what the proxy has said so far, over all its starts.
func (p *Proxy) Log() string {
	text, _ := os.ReadFile(p.process.out)
	return string(text)
}

// Running reports whether the proxy runs.
func (p *Proxy) Running() bool { return p.process.running() }

// Start starts a proxy that was stopped, at the same address and with the same data.
func (p *Proxy) Start(t testing.TB) {
	t.Helper()

	if err := p.start(); err != nil {
		t.Fatalf("start the proxy: %v", err)
	}
}

// Stop stops the proxy in order.
func (p *Proxy) Stop(t testing.TB) {
	t.Helper()

	if err := p.process.end(syscall.SIGTERM); err != nil {
		t.Fatalf("stop %s: %v", p.Name, err)
	}
}

// Kill ends the proxy at once.
func (p *Proxy) Kill(t testing.TB) {
	t.Helper()

	if err := p.process.end(syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s: %v", p.Name, err)
	}
}

// StopProxy stops the first proxy.
func (s *ZabbixServer) StopProxy(t testing.TB) {
	t.Helper()

	s.Proxy.Stop(t)
}

// StartProxy starts the first proxy again.
func (s *ZabbixServer) StartProxy(t testing.TB) {
	t.Helper()

	s.Proxy.Start(t)
}

// Proxy2 returns a second proxy, proxy2, which the first call starts.
func (s *ZabbixServer) Proxy2(t testing.TB) *Proxy {
	t.Helper()

	s.mu.Lock()
	defer s.mu.Unlock()

	if s.proxy2 == nil {
		p, err := s.newProxy(secondProxy)
		if err == nil {
			err = p.start()
		}
		if err != nil {
			t.Fatalf("start a second proxy: %v", err)
		}
		s.proxy2 = p
	}
	return s.proxy2
}

// ProxyGroup puts proxies into a group of that name (7.0 and later) and returns its
// id. It returns when all of it is online; a member that is away is noticed after
// ten seconds.
func (s *ZabbixServer) ProxyGroup(t testing.TB, name string, members ...*Proxy) (id string) {
	t.Helper()

	var made struct {
		IDs []string `json:"proxy_groupids"`
	}
	s.API(t, "proxygroup.create", map[string]any{"name": name, "failover_delay": "10s", "min_online": "1"}, &made)
	id = made.IDs[0]
	for _, p := range members {
		host, port, _ := strings.Cut(p.Address, ":")
		s.API(t, "proxy.update", map[string]any{
			"proxyid": s.proxyID(t, p.Name), "proxy_groupid": id, "local_address": host, "local_port": port,
		}, nil)
	}
	s.Wait(t, "the proxy group is online, and all its members are", func() bool {
		var groups []struct{ State string }
		s.API(t, "proxygroup.get", map[string]any{"proxy_groupids": []string{id}, "output": []string{"state"}}, &groups)
		var online []json.RawMessage
		s.API(t, "proxy.get", map[string]any{"proxy_groupids": []string{id}, "output": []string{"proxyid"}, "filter": map[string]any{"state": memberOnline}}, &online)
		return len(groups) == 1 && groups[0].State == strconv.Itoa(proxyGroupOnline) && len(online) == len(members)
	})
	return id
}

// proxyGroupOnline is the state of a group with enough members, and memberOnline of
// a member that the server hears of.
const (
	proxyGroupOnline = 3
	memberOnline     = 2
)

func (s *ZabbixServer) proxyID(t testing.TB, name string) string {
	t.Helper()

	field := "host"
	if s.atLeast70() {
		field = "name"
	}
	var proxies []struct{ ProxyID string }
	s.API(t, "proxy.get", map[string]any{"output": []string{"proxyid"}, "filter": map[string]any{field: name}}, &proxies)
	if len(proxies) != 1 {
		t.Fatalf("Zabbix knows %d proxies %q", len(proxies), name)
	}
	return proxies[0].ProxyID
}
