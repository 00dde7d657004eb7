package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/core/config"
	"penstock/core/fake"
	"penstock/core/zabbix"
)

// doctored is a Zabbix in which nothing is wrong, and a configuration for it.
type doctored struct {
	api     *fake.ZabbixAPI
	trapper *fake.Trapper
	config  *config.Config
	hosts   []map[string]any
}

func newDoctored(t *testing.T, version string) *doctored {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	writeText(t, token, fake.ZabbixToken)
	z := &doctored{api: fake.NewZabbixAPI(t, version), trapper: fake.NewTrapper(t), config: config.Default()}
	o := &z.config.Zabbix
	o.Host, o.Hosts, o.Send.To = "edge 1", map[string]string{"plc": "PLC hall 2"}, []string{z.trapper.Address}
	o.API.URL, o.API.TokenFile = z.api.URL, token
	z.hosts = []map[string]any{
		{"hostid": "1", "host": "edge 1", "name": "Edge", "status": "0"}, {"hostid": "2", "host": "PLC hall 2", "name": "PLC", "status": "0"},
	}
	for _, method := range []string{"event.get", "history.get", "maintenance.get", "problem.get", "proxy.get", "proxygroup.get", "trigger.get", "usermacro.get"} {
		z.answer(method, []any{})
	}
	z.api.Answer("host.get", func(json.RawMessage) any { return z.hosts })
	z.answer("item.get", []any{map[string]any{"hostid": "1"}, map[string]any{"hostid": "2"}})
	// What follows is asked of an event that does not exist.
	z.api.Answer("event.acknowledge", func(params json.RawMessage) any {
		if strings.Contains(string(params), "not a parameter") {
			return fake.ZabbixError{Code: zabbix.CodeParams, Message: "Invalid params.", Data: `Invalid parameter "/": unexpected parameter "penstock".`}
		}
		return fake.ZabbixError{Code: zabbix.CodeApplication, Message: "Application error.", Data: "No permissions to referred object or it does not exist!"}
	})
	z.answer("history.push", fake.ZabbixError{Code: zabbix.CodeApplication, Message: "Application error.", Data: `No permissions to call "history.push".`})
	return z
}

func (z *doctored) answer(method string, what any) {
	z.api.Answer(method, func(json.RawMessage) any { return what })
}

// examine returns what doctor says of Zabbix.
func (z *doctored) examine(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	d := &doctor{e: &env{stdout: &out, stderr: &out, getenv: os.Getenv}, config: z.config}
	if err := d.become("root"); err != nil {
		t.Fatal(err)
	}
	d.zabbix(t.Context())
	return out.String()
}

func TestDoctorLooksAtZabbix(t *testing.T) {
	t.Parallel()
	refused := fake.ZabbixError{Code: zabbix.CodeApplication, Message: "Application error.", Data: "No permissions to call it."}
	tests := []struct {
		name   string
		change func(z *doctored)
		want   []string // none: nothing is wrong
	}{
		{"+ sound", func(*doctored) {}, nil},
		{"+ not configured", func(z *doctored) { z.config.Zabbix = zabbix.DefaultOptions() }, nil},
		{"+ push without a trapper", func(z *doctored) {
			z.config.Zabbix.Send.Way = zabbix.Push
			z.answer("history.push", fake.ZabbixError{Code: zabbix.CodeParams, Message: "Invalid params."})
			z.trapper.Stop()
		}, nil},
		{"- nobody listens", func(z *doctored) { z.trapper.Stop() }, []string{"wrong: zabbix.send.to 127.0.0.1:", "connection refused", "mend: see whether a Zabbix server or proxy listens"}},
		{"- no API", func(z *doctored) { z.config.Zabbix.API.URL = "http://127.0.0.1:1/api_jsonrpc.php" }, []string{"for its version", "mend: check zabbix.api.url"}},
		{"- an old API", func(z *doctored) { z.api.Upgrade("5.4.9") }, []string{"it is 5.4.9, which is older than 6.0"}},
		{"- no token", func(z *doctored) { z.config.Zabbix.API.TokenFile = "/nowhere/token" }, []string{"a file that the section zabbix names cannot be looked at", "open the Zabbix API"}},
		{"- another token", func(z *doctored) { writeText(t, z.config.Zabbix.API.TokenFile, strings.Repeat("a", 64)) }, []string{"Zabbix lets the worker do nothing: host.get: Invalid params. Not authorized."}},
		{"- rights are missing", func(z *doctored) {
			z.answer("problem.get", refused)
			z.answer("maintenance.get", refused)
		}, []string{"does not allow the worker problem.get: it compares open problems", "does not allow the worker maintenance.get: it knows when", "mend: sudo penstock setup zabbix --plan"}},
		{"- host.get is missing", func(z *doctored) { z.answer("host.get", refused) }, []string{"does not allow the worker host.get: it finds out"}},
		{"- push without its right", func(z *doctored) { z.config.Zabbix.Send.Way = zabbix.Push }, []string{"does not allow the worker history.push"}},
		{"- hosts are missing", func(z *doctored) { z.hosts = nil }, []string{`Zabbix has no host with the technical name "edge 1"`, `technical name "PLC hall 2"`}},
		{"- a host takes no cases", func(z *doctored) { z.answer("item.get", []any{map[string]any{"hostid": "1"}}) }, []string{`host "PLC hall 2" in Zabbix has no enabled item penstock.case.transition`}},
		{"- a host is disabled", func(z *doctored) { z.hosts[0]["status"] = "1" }, []string{`host "edge 1" is disabled`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			z := newDoctored(t, "7.0.9")
			tt.change(z)
			got := z.examine(t)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not said", want)
				}
			}
			if n := strings.Count(got, "wrong: "); n != wrongIn(tt.want) {
				t.Errorf("%d things are wrong, want %d", n, wrongIn(tt.want))
			}
			if t.Failed() {
				t.Logf("it says:\n%s", got)
			}
		})
	}
}

// wrongIn counts the wanted sentences that are no hints nor parts of one before.
func wrongIn(want []string) (n int) {
	for _, w := range want {
		if !strings.HasPrefix(w, "mend: ") && w != "connection refused" {
			n++
		}
	}
	return n
}

// On 6.0 a right cannot be told from a method by its code alone, and push is not there.
func TestDoctorLooksAtAnOldZabbix(t *testing.T) {
	t.Parallel()
	z := newDoctored(t, "6.0.14")
	if got := z.examine(t); got != "" {
		t.Errorf("of a sound one it says:\n%s", got)
	}
	z.answer("event.acknowledge", fake.ZabbixError{Code: zabbix.CodeParams, Message: "Invalid params."})
	z.config.Zabbix.Send.Way = zabbix.Push
	got := z.examine(t)
	for _, want := range []string{"add_problem_comments: it writes", "close_problems: it closes", "zabbix.send.way is push, which Zabbix 6.0.14 does not know"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not said in:\n%s", want, got)
		}
	}
}

// A Zabbix that hangs does not hold the doctor for longer than its deadline.
func TestDoctorDoesNotWaitForZabbix(t *testing.T) {
	t.Parallel()
	z := newDoctored(t, "7.0.9")
	z.config.Zabbix.API.Timeout = time.Second
	z.api.Answer("problem.get", func(json.RawMessage) any {
		time.Sleep(1500 * time.Millisecond) // longer than the deadline, and bounded
		return []any{}
	})
	if got := z.examine(t); !strings.Contains(got, "problem.get") || !strings.Contains(got, "deadline") {
		t.Errorf("it says:\n%s", got)
	}
}
