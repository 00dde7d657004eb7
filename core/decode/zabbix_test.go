package decode

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/logline"
)

// exported is when the lines in testdata were recorded.
var exported = time.Date(2026, 11, 26, 10, 58, 0, 0, time.UTC)

// versions are the servers whose lines are in testdata.
var versions = []string{"6.0.14", "7.0.9"}

func exportLines(t *testing.T, what, version string) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/zabbix-" + what + "-" + version + ".ndjson")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// known is a worker that shows one case and has a host and an item of its own.
func known() *Zabbix {
	return &Zabbix{
		OwnCase: func(id, host string) bool { return id == "waterworks-w1-7" && host == "ot-gw1" },
		OwnItem: func(id string) bool { return id == "44519" },
		OwnHost: func(host string) bool { return host == "worker1" || host == "worker2" },
	}
}

// brief is what the tests here compare; lines that are left out are "".
func brief(ev *event.Event) string {
	if ev.Raw == "" {
		return ""
	}
	parts := []string{ev.Format, ev.Host, ev.HostOrigin.String(), ev.Program, ev.Severity.String(), ev.Trust.String(), ev.Raw}
	for _, f := range ev.Fields {
		if f.Origin == event.Observed {
			f.Value += "!"
		}
		parts = append(parts, f.Key+"="+f.Value)
	}
	return strings.Join(parts, " | ")
}

func briefs(o Options, lines []string) []string {
	d := New(o)
	var all []string
	for _, line := range lines {
		var ev event.Event
		d.Decode(line, exported, &ev)
		all = append(all, brief(&ev))
	}
	return all
}

func TestProblemsOfRealServers(t *testing.T) {
	t.Parallel()
	ids := map[string][2]string{"6.0.14": {"22", "23"}, "7.0.9": {"27", "28"}}
	for _, version := range versions {
		id := ids[version]
		want := []string{
			`zabbix-problem | ot-gw1 | observed | zabbix | none | authenticated | Zabbix problem (not classified): Note says "error" | problem=` + id[0] + "! | tags=penstock:case,case:plant-w1-1,component:flow,penstock:log",
			"zabbix-problem | ot-gw1 | observed | zabbix | High | authenticated | Zabbix problem (high): Flow too high (over 10, now 12.25) | problem=" + id[1] + "! | tags=scope:performance,state:12.25,component:flow,penstock:watch",
			"zabbix-problem |  | claimed | zabbix | none | authenticated | Zabbix problem " + id[1] + " is over | recovered=" + id[1] + "!",
			"", // our own
		}
		got := briefs(Options{Source: "z", Trust: event.Local, Zabbix: known()}, exportLines(t, "problems", version))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
	}
}

func TestHistoryOfRealServers(t *testing.T) {
	t.Parallel()
	items := map[string]string{"6.0.14": "44518", "7.0.9": "48373"}
	values := map[string][3]string{"6.0.14": {"3.500000", "12.250000", "2.000000"}, "7.0.9": {"3.5", "12.25", "2"}}
	for _, version := range versions {
		flow := func(i int) string {
			v := values[version][i]
			return "zabbix-history | ot-gw1 | observed | zabbix | none | authenticated | Flow = " + v + " | item=" + items[version] + "! | metric=" + v + "!"
		}
		want := map[string]bool{
			flow(0): true, flow(1): true, flow(2): true,
			"plain | ot-gw1 | observed |  | none | authenticated | first line\nsecond line with error": true,
			"syslog | ot-gw1 | observed | sshd | none | authenticated | Mar 10 08:20:05 adm01 sshd[7]: Failed password for root from 203.0.113.5 port 4000 ssh2" +
				" | line_host=adm01 | peer=203.0.113.5! | peer_port=4000! | user=root | outcome=failure!": true,
			"syslog | lab-agent | observed | sshd | none | authenticated | Nov 26 10:40:05 lab-agent sshd[77]: Failed password for invalid user bob from 203.0.113.9 port 4000 ssh2" +
				" | peer=203.0.113.9! | peer_port=4000! | user=bob | outcome=failure!": true,
			"plain | lab-agent | observed |  | none | authenticated | plain text with \"quotes\" \\ and tab\there": true,
		}
		got := map[string]bool{}
		for _, line := range briefs(Options{Source: "z", Trust: event.Local, Zabbix: known()}, exportLines(t, "history", version)) {
			if line != "" {
				got[line] = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
	}
}

func TestTimesOfAnExportAreTheServers(t *testing.T) {
	t.Parallel()
	var ev event.Event
	New(Options{Zabbix: known()}).Decode(exportLines(t, "problems", "6.0.14")[1], exported, &ev)
	if want := time.Unix(1795690613, 505950613).UTC(); !ev.Time.Equal(want) || ev.TimeFrom != event.TimeEnvelope {
		t.Errorf("time %s from %d, want %s from the envelope", ev.Time, ev.TimeFrom, want)
	}
}

// What is written into another log has the form of an export only because its author
// wanted that: it is JSON like any other, says nothing for sure, and hides nothing.
func TestFormOfAnExportIsJSONInAnotherLog(t *testing.T) {
	t.Parallel()
	lines := append(exportLines(t, "problems", "6.0.14"), exportLines(t, "history", "6.0.14")...)
	lines = append(lines, `{"clock":1795690613,"ns":1,"value":1,"eventid":9,"name":"x","severity":5,"hosts":[{"host":"db1"}]}`)
	d := New(Options{Source: "app.log", Trust: event.Local})
	for i, line := range lines {
		var ev event.Event
		d.Decode(line, exported, &ev)
		if ev.Raw != line || ev.Format != logline.JSON || ev.Program == programZabbix || ev.Severity != event.None {
			t.Errorf("line %d: %s of program %q, %s, line %q", i, ev.Format, ev.Program, ev.Severity, ev.Raw)
		}
		if ev.HostOrigin != event.Claimed {
			t.Errorf("line %d says for sure where it comes from: %s", i, line)
		}
		for _, f := range ev.Fields {
			switch f.Key {
			case event.KeyProblem, event.KeyRecovered, event.KeyItem, event.KeyMetric:
				t.Errorf("line %d has %s: %s", i, f.Key, line)
			}
			if f.Origin != event.Claimed {
				t.Errorf("line %d has %s for sure: %s", i, f.Key, line)
			}
		}
	}
}

func TestForgedTagsHideNoProblem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, host, tags string
		own              bool
	}{
		{"+ our case where it is shown", "ot-gw1", `{"tag":"penstock","value":"case"},{"tag":"case","value":"waterworks-w1-7"}`, true},
		{"+ about Penstock on a host with our templates", "worker2", `{"tag":"component","value":"worker"},{"tag":"penstock","value":"status"},{"tag":"penstock","value":"status"}`, true},
		{"+ about Penstock on the worker's host", "worker1", `{"tag":"penstock","value":"status"}`, true},
		{"- our case on another host", "db1", `{"tag":"penstock","value":"case"},{"tag":"case","value":"waterworks-w1-7"}`, false},
		{"- a case that nobody gave out", "ot-gw1", `{"tag":"penstock","value":"case"},{"tag":"case","value":"waterworks-w1-8"}`, false},
		{"- a case beside another", "ot-gw1", `{"tag":"penstock","value":"case"},{"tag":"case","value":"x"},{"tag":"case","value":"waterworks-w1-7"}`, false},
		{"- a case without the fixed tag", "ot-gw1", `{"tag":"case","value":"waterworks-w1-7"}`, false},
		{"- no case", "ot-gw1", `{"tag":"penstock","value":"case"}`, false},
		{"- about Penstock on any host", "ot-gw1", `{"tag":"penstock","value":"status"}`, false},
		{"- what items are tagged with", "ot-gw1", `{"tag":"penstock","value":"watch"},{"tag":"component","value":"penstock"}`, false},
		{"- a name like ours", "worker1", `{"tag":"component","value":"cases"}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			line := `{"clock":1795690613,"ns":1,"value":1,"eventid":9,"name":"Penstock: case waterworks-w1-7","severity":5,"hosts":[{"host":"` +
				test.host + `","name":"x"}],"groups":[],"tags":[` + test.tags + `]}`
			got := briefs(Options{Source: "z", Zabbix: known()}, []string{line})[0]
			if own := got == ""; own != test.own {
				t.Errorf("left out: %v, want %v (%s)", own, test.own, got)
			}
			if none := briefs(Options{Source: "z", Zabbix: &Zabbix{}}, []string{line})[0]; none == "" {
				t.Error("left out by a worker that gave nothing out")
			}
		})
	}
}

func TestExportLines(t *testing.T) {
	t.Parallel()
	value := func(kind, tags, value, more string) string {
		return `{"host":{"host":"db1","name":"DB"},"groups":[],"item_tags":[` + tags + `],"itemid":7,"name":"Item","clock":1795690613,"ns":1,` + more + `"value":` + value + `,"type":` + kind + `}`
	}
	const watch, log = `{"tag":"penstock","value":"watch"}`, `{"tag":"penstock","value":"log"}`
	windows := `"timestamp":1795690000,"source":"Microsoft-Windows-Security-Auditing","severity":7,"eventid":4625,`
	for _, test := range []struct{ name, line, want string }{
		{"+ number that is watched", value("3", watch, "5", ""), "zabbix-history | db1 | observed | zabbix | none | unauthenticated | Item = 5 | item=7! | metric=5!"},
		{"- number", value("3", "", "5", ""), ""},
		{"- text", value("4", "", `"x"`, ""), ""},
		{"- text that is watched is no number", value("4", watch, `"5"`, ""), ""},
		{"- number that is called a log", value("0", log, "5", ""), ""},
		{"- our own item", strings.Replace(value("2", "", `"x"`, ""), `"itemid":7`, `"itemid":44519`, 1), ""},
		{"- empty log line", value("2", "", `"  "`, ""), ""},
		{"+ characters that are log lines", value("1", log, `"pump stopped"`, ""), "plain | db1 | observed |  | none | unauthenticated | pump stopped"},
		{
			"+ Windows event log", value("2", "", `"An account failed to log on."`, windows),
			"plain | db1 | observed | Microsoft-Windows-Security-Auditing | none | unauthenticated | An account failed to log on. | event_id=4625! | outcome=failure!",
		},
		{"+ JSON within a log line", value("2", "", `"{\"msg\":\"denied\",\"user\":\"bob\"}"`, ""), `json | db1 | observed |  | none | unauthenticated | {"msg":"denied","user":"bob"} | user=bob`},
		{"- trend", `{"host":{"host":"db1","name":"DB"},"groups":[],"item_tags":[],"itemid":7,"name":"Item","clock":1795690613,"count":60,"min":1,"avg":2,"max":3,"type":0}`, "json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := briefs(Options{Source: "z", Zabbix: known()}, []string{test.line})[0]
			if test.want == "json" {
				got, _, _ = strings.Cut(got, " ")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOwnLogsOfZabbix(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, program string }{
		{" 19365:20261126:103513.639 Starting Zabbix Server. Zabbix 6.0.14 (revision 3f184b456c7).", "zabbix_server"},
		{" 19440:20261126:103516.553 server #12 started [trapper #1]", "zabbix_server"},
		{" 19466:20261126:103515.841 Starting Zabbix Proxy (active) [lab-proxy]. Zabbix 6.0.14 (revision 3f184b456c7).", "zabbix_proxy"},
		{" 19466:20261126:103515.841 proxy #0 started [main process]", "zabbix_proxy"},
		{" 19466:20261126:103515.841 Starting Zabbix Agent [x]. Zabbix 6.0.14 (revision 3f184b456c7).", "zabbix_agentd"},
		{" 19365:20261126:103613.639 Zabbix Server stopped. Zabbix 6.0.14 (revision 3f184b456c7).", "zabbix_server"},
		{" 19440:20261126:103902.553 cannot parse proxy data from active proxy at \"127.0.0.1\": proxy \"lab-proxy\" not found", "zabbix"},
		{"2026/11/26 10:35:14.343351 Starting Zabbix Agent 2 (6.0.14)", "zabbix_agent2"},
		{"2026/11/26 10:35:14.345057 using plugin 'Agent' (built-in) providing following interfaces: exporter", "zabbix_agent2"},
		{"2026/11/26 10:35:46.556360 Zabbix Agent 2 stopped. (6.0.14)", "zabbix_agent2"},
		{"2026/11/26 10:35:47.600461 Zabbix Agent2 hostname: [lab-agent]", "zabbix_agent2"},
		{"2026/11/26 10:35:47.600461 [101] no active checks on server [127.0.0.1:32611]: host [x] not found", "zabbix_agent2"},
		{"2026/11/26 10:35:47.600461 [x] some other program", ""},
		{"2026/11/26 10:35:47 [101] some other program", ""},
		{"2026/11/26 10:35:47.600461 some other program", ""},
	} {
		var ev event.Event
		New(Options{}).Decode(test.line, exported, &ev)
		if ev.Program != test.program || ev.TimeFrom != event.TimeHeader {
			t.Errorf("%q: program %q, time from %d, want %q from the header", test.line, ev.Program, ev.TimeFrom, test.program)
		}
	}
}

func FuzzExport(f *testing.F) {
	for _, version := range versions {
		for _, what := range []string{"problems", "history"} {
			data, err := os.ReadFile("testdata/zabbix-" + what + "-" + version + ".ndjson")
			if err != nil {
				f.Fatal(err)
			}
			for line := range strings.Lines(string(data)) {
				f.Add(line)
			}
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		var ev, plain event.Event
		New(Options{Trust: event.Local, Zabbix: known()}).Decode(line, exported, &ev)
		if len(ev.Fields) > MaxFields || len(ev.Message) > MaxMessage {
			t.Errorf("%d fields, %d bytes", len(ev.Fields), len(ev.Message))
		}
		if ev.Raw == "" && len(ev.Fields)+len(ev.Name)+len(ev.Message) > 0 {
			t.Errorf("what is left out says something: %+v", ev)
		}
		New(Options{Trust: event.Local}).Decode(line, exported, &plain)
		for _, key := range []string{event.KeyProblem, event.KeyRecovered, event.KeyItem, event.KeyMetric} {
			if _, ok := plain.Field(key); ok {
				t.Errorf("%s out of an ordinary log: %+v", key, plain)
			}
		}
	})
}
