package zabbix

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"penstock/core/fake"
)

var recordedVersions = []string{"6.0.14", "7.0.9"}

// recorded returns what the real Zabbix of that version answered.
func recorded(t testing.TB, version, name string) json.RawMessage {
	t.Helper()

	data, err := os.ReadFile(filepath.Join("testdata", "api-"+version, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// replayed returns an API that answers as recorded, and what it was asked.
func replayed(t testing.TB, version string) (*API, *fake.ZabbixAPI) {
	t.Helper()

	server := fake.NewZabbixAPI(t, version)
	either := func(param, then, otherwise string) func(json.RawMessage) any {
		with, without := recorded(t, version, then), recorded(t, version, otherwise)
		return func(params json.RawMessage) any {
			if strings.Contains(string(params), param) {
				return with
			}
			return without
		}
	}
	server.Answer("event.get", either("selectTags", "events", "ends"))
	server.Answer("problem.get", constant(recorded(t, version, "problems")))
	server.Answer("host.get", either("maintenanceid", "inmaintenance", "hosts"))
	server.Answer("item.get", constant(recorded(t, version, "takers")))
	server.Answer("proxy.get", constant(recorded(t, version, "proxies")))
	server.Answer("maintenance.get", constant(recorded(t, version, "maintenances")))
	return openAPI(t, withToken(t, server.URL)), server
}

// paramsOf returns the parameters of the calls of a method.
func paramsOf(server *fake.ZabbixAPI, method string) []string {
	var all []string
	for _, c := range server.Calls() {
		if c.Method == method {
			all = append(all, string(c.Params))
		}
	}
	return all
}

func tagsOf(name, level string) map[string][]string {
	return map[string][]string{"case": {name}, "penstock": {"case"}, "severity": {level}}
}

// recordedProblems are the three of the recordings: raised by hand and open, closed
// by hand, closed by a value.
func recordedProblems(version string) []Problem {
	first, clock, host, triggers := 549, int64(1795690082), "10581", []string{"23153", "23154"}
	ns := []int64{135674895, 136711300, 138352304}
	ends, ended := []string{"553", "552"}, []time.Time{time.Unix(1795690090, 494296710), time.Unix(1795690087, 16898149)}
	acked := int64(1795690086)
	if version == "7.0.9" {
		first, host, triggers = 564, "10669", []string{"23968", "23969"}
		ns = []int64{842915014, 858637052, 880098215}
		ends, ended = []string{"568", "567"}, []time.Time{time.Unix(1795690090, 647704390), time.Unix(1795690087, 604542487)}
		acked++
	}
	ack := Ack{At: time.Unix(acked, 0), UserID: "1", User: "Admin"}
	seen, up, byHand := ack, ack, ack
	seen.Message, seen.Acknowledged = "seen", true
	up.Message, up.Severity, up.OldSeverity, up.NewSeverity = "up", true, 2, 4
	byHand.Message, byHand.Closed = "by hand", true
	number := func(i int) string { return fmt.Sprint(first + i) }
	return []Problem{
		{EventID: number(0), TriggerID: triggers[0], HostID: host, Host: "c-exp", Name: "Case c1", Severity: 4, At: time.Unix(clock, ns[0]), Suppressed: true, Tags: tagsOf("c1", "Medium"), Acks: []Ack{seen, up}},
		{EventID: number(1), TriggerID: triggers[1], HostID: host, Host: "c-exp", Name: "Case c2", Severity: 4, At: time.Unix(clock+1, ns[1]), Ended: ended[0], EndEvent: ends[0], ClosedBy: "Admin", Tags: tagsOf("c2", "High"), Acks: []Ack{byHand}},
		{EventID: number(2), TriggerID: triggers[1], HostID: host, Host: "c-exp", Name: "Case c3", Severity: 4, At: time.Unix(clock+2, ns[2]), Ended: ended[1], EndEvent: ends[1], Tags: tagsOf("c3", "High")},
	}
}

func TestEventsAsRecorded(t *testing.T) {
	t.Parallel()

	for _, version := range recordedVersions {
		t.Run("+ "+version, func(t *testing.T) {
			t.Parallel()

			a, server := replayed(t, version)
			got, err := a.Events(t.Context(), map[string]string{"penstock": "case", "host": `a"b`}, time.Unix(1795690000, 5))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(recordedProblems(version), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			params := paramsOf(server, "event.get")
			for _, want := range []string{`"time_from":1795690000`, `"tags":[{"tag":"host","value":"a\"b","operator":1},{"tag":"penstock","value":"case","operator":1}]`, `"value":[1]`} {
				if !strings.Contains(params[0], want) {
					t.Errorf("asks %s\nwant %s", params[0], want)
				}
			}
			acks := map[string]string{"6.0.14": `"select_acknowledges"`, "7.0.9": `"selectAcknowledges"`}
			for v, word := range acks {
				if strings.Contains(params[0], word) != (v == version) {
					t.Errorf("%s is asked with %s: %t", version, word, v != version)
				}
			}
		})
	}
}

func TestProblemsAreTheOpenOnes(t *testing.T) {
	t.Parallel()

	for _, version := range recordedVersions {
		t.Run("+ "+version, func(t *testing.T) {
			t.Parallel()

			a, server := replayed(t, version)
			// The recorded events stand for two problems that ended between the questions.
			got, err := a.Problems(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(recordedProblems(version)[:1], got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if params := paramsOf(server, "problem.get"); strings.Contains(params[0], "tags") {
				t.Errorf("asks %s, want no tags", params[0])
			}
		})
	}
}

// TestProblemsAreBounded has a server with more than are read: the newest come.
func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()

	server := fake.NewZabbixAPI(t, "7.0.9")
	server.Answer("problem.get", func(json.RawMessage) any {
		var all []map[string]any
		for i := range mostProblems + 1 {
			all = append(all, map[string]any{"eventid": fmt.Sprint(90000 - i)})
		}
		return all
	})
	server.Answer("event.get", func(params json.RawMessage) any {
		var p struct {
			EventIDs []string `json:"eventids"`
		}
		if err := json.Unmarshal(params, &p); err != nil || len(p.EventIDs) > eventPage {
			return fake.ZabbixError{Code: -32602, Data: "too many"}
		}
		var all []map[string]any
		for _, id := range p.EventIDs {
			all = append(all, map[string]any{"eventid": id, "clock": 1795690082, "ns": "0", "r_eventid": 0})
		}
		return all
	})
	got, err := openAPI(t, withToken(t, server.URL)).Problems(t.Context(), nil)
	if !errors.Is(err, ErrMore) || len(got) != mostProblems || got[0].EventID != "85001" || got[mostProblems-1].EventID != "90000" {
		t.Errorf("= %d problems from %v, %v", len(got), got[:1], err)
	}
}

// TestEventsGoOnFromPageToPage has a server that holds to limit and eventid_from.
func TestEventsGoOnFromPageToPage(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name  string
		total int
		want  int
		err   error
	}{
		{"+ none", 0, 0, nil},
		{"+ a page less one", eventPage - 1, eventPage - 1, nil},
		{"+ a page", eventPage, eventPage, nil},
		{"+ two pages and one", 2*eventPage + 1, 2*eventPage + 1, nil},
		{"- more than are read", 2 * mostProblems, mostProblems, ErrMore},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			server := fake.NewZabbixAPI(t, "6.0.14")
			server.Answer("event.get", func(params json.RawMessage) any {
				var p struct {
					From  json.Number `json:"eventid_from"`
					Limit int
				}
				_ = json.Unmarshal(params, &p)
				from, _ := p.From.Int64()
				all := []map[string]any{}
				for i := max(from, 1); i <= int64(tt.total) && len(all) < p.Limit; i++ {
					all = append(all, map[string]any{"eventid": fmt.Sprint(i), "clock": fmt.Sprint(1795690082 + i)})
				}
				return all
			})
			got, err := openAPI(t, withToken(t, server.URL)).Events(t.Context(), nil, time.Time{})
			if !errors.Is(err, tt.err) || len(got) != tt.want {
				t.Fatalf("= %d, %v, want %d, %v", len(got), err, tt.want, tt.err)
			}
			for i, p := range got {
				if p.EventID != fmt.Sprint(i+1) {
					t.Fatalf("event %d is %s", i+1, p.EventID)
				}
			}
		})
	}
}

// TestEventsOfStrangers shows that names, tags and messages, which anybody may have
// written, come bounded and without what a terminal obeys.
func TestEventsOfStrangers(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("é", 10_000)
	var tags []map[string]string
	var acks []map[string]string
	for i := range 1000 {
		tags = append(tags, map[string]string{"tag": fmt.Sprint(i), "value": long[:600]})
		acks = append(acks, map[string]string{"acknowledgeid": fmt.Sprint(i + 1), "clock": "1795690082", "message": "m", "action": "4"})
	}
	server := fake.NewZabbixAPI(t, "7.0.9")
	server.Answer("event.get", constant([]any{map[string]any{
		"eventid": 7, "clock": 1795690082, "ns": "999999999999", "name": "a\x1b[2J\r\n\u202e\u2028\x00" + long, "severity": "99", "r_eventid": nil,
		"hosts": []any{map[string]any{"hostid": "1", "host": `plc"; {HOST.CONN}`}}, "tags": tags, "acknowledges": acks, "new": map[string]any{"field": 1},
	}}))
	got, err := openAPI(t, withToken(t, server.URL)).Events(t.Context(), nil, time.Time{})
	if err != nil || len(got) != 1 {
		t.Fatalf("= %d, %v", len(got), err)
	}
	p := got[0]
	if utf8.RuneCountInString(p.Name) != mostInName || strings.ContainsAny(p.Name, "\x1b\r\n\u202e\u2028\x00") || !strings.HasPrefix(p.Name, "a [2J     é") {
		t.Errorf("name = %.40q, %d characters", p.Name, utf8.RuneCountInString(p.Name))
	}
	if p.Severity != 5 || p.Host != "" || p.HostID != "" || !p.At.IsZero() || len(p.Tags) != mostTags || len(p.Acks) != mostAcks {
		t.Errorf("severity %d, host %q, at %s, %d tags, %d acks", p.Severity, p.Host, p.At, len(p.Tags), len(p.Acks))
	}
}

func TestAnswersOfAnotherShape(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ name, result, want string }{
		{"- a word as an id", `[{"eventid":"seven"}]`, `"seven" is no id`},
		{"- a word as a number", `[{"eventid":"7","clock":"noon"}]`, `"noon" is no whole number`},
		{"- an object as a text", `[{"eventid":"7","name":{"a":1}}]`, "is neither text nor a number"},
		{"- an object for a list", `{"7":{"eventid":"7"}}`, "cannot unmarshal object"},
		{"- true", `true`, "cannot unmarshal bool"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			server := fake.NewZabbixAPI(t, "7.0.9")
			server.Answer("event.get", constant(json.RawMessage(tt.result)))
			_, err := openAPI(t, withToken(t, server.URL)).Events(t.Context(), nil, time.Time{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestClosedByWhomTheTokenMayNotSee(t *testing.T) {
	t.Parallel()

	server := fake.NewZabbixAPI(t, "7.0.9")
	var events []map[string]any
	if err := json.Unmarshal(recorded(t, "7.0.9", "events"), &events); err != nil {
		t.Fatal(err)
	}
	for _, a := range events[1]["acknowledges"].([]any) {
		delete(a.(map[string]any), "username") // as 6.0.14 and 7.0.9 do
	}
	server.Answer("event.get", func(params json.RawMessage) any {
		if strings.Contains(string(params), "selectTags") {
			return events[1:2]
		}
		return recorded(t, "7.0.9", "ends")
	})
	got, err := openAPI(t, withToken(t, server.URL)).Events(t.Context(), nil, time.Time{})
	if err != nil || len(got) != 1 || got[0].ClosedBy != "#1" || got[0].Acks[0].UserID != "1" || got[0].Acks[0].User != "" {
		t.Errorf("= %+v, %v", got, err)
	}
}

func TestHostsAsRecorded(t *testing.T) {
	t.Parallel()

	for _, version := range recordedVersions {
		t.Run("+ "+version, func(t *testing.T) {
			t.Parallel()

			a, _ := replayed(t, version)
			got, err := a.Hosts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ids := []string{"10084", "10581", "10582"}
			if version == "7.0.9" {
				ids = []string{"10084", "10669", "10670"}
			}
			want := []HostInfo{
				{ID: ids[0], Name: "Zabbix server", Visible: "Zabbix server", Monitored: true},
				{ID: ids[1], Name: "c-exp", Visible: `C visible "name"`, Monitored: true, Takes: true, Maintenance: true, NoData: true},
				{ID: ids[2], Name: "c-proxied", Visible: "c-proxied", Proxy: "lab-proxy"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHostsOfATokenWithoutProxies(t *testing.T) {
	t.Parallel()

	a, server := replayed(t, "7.0.9")
	server.Answer("proxy.get", constant(fake.ZabbixError{Code: -32500, Message: "Application error.", Data: `No permissions to call "proxy.get".`}))
	server.Answer("host.get", constant(json.RawMessage(`[{"hostid":"1","host":"a","proxyid":"3"},{"hostid":"2","host":"b","flags":"4","proxy_groupid":"4"},{"hostid":"3","host":"c\"d"}]`)))
	server.Answer("proxygroup.get", constant(json.RawMessage(`[{"proxy_groupid":"4","name":"east"}]`)))
	got, err := a.Hosts(t.Context())
	want := []HostInfo{{ID: "1", Name: "a", Monitored: true, Proxy: "#3"}, {ID: "2", Name: "b", Monitored: true, Discovered: true, Proxy: "east"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestMaintenancesAsRecorded(t *testing.T) {
	t.Parallel()

	for _, version := range recordedVersions {
		t.Run("+ "+version, func(t *testing.T) {
			t.Parallel()

			a, server := replayed(t, version)
			start := time.Unix(1795690020, 0)
			a.now = func() time.Time { return start.Add(time.Minute) }
			got, err := a.Maintenances(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := []Maintenance{{Name: "c-exp-maint", Hosts: []string{"c-exp"}, NoData: true, From: start, Till: start.Add(30 * time.Minute)}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			server.Answer("maintenance.get", constant([]any{})) // the token may not read it
			got, err = a.Maintenances(t.Context())
			want = []Maintenance{{Hosts: []string{"c-exp"}, NoData: true, From: start}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestSay(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name, event, message string
		want                 string // parameters
		err                  string
	}{
		{"+ lines", "7", "what\nhow sure\x1b[31m \n\tsteps\n", `{"action":4,"eventids":["7"],"message":"what\nhow sure [31m\n steps"}`, ""},
		{"+ cut", "7", strings.Repeat("é", 5000), `{"action":4,"eventids":["7"],"message":"` + strings.Repeat("é", MaxMessage) + `"}`, ""},
		{"- empty", "7", " \n", "", "the message is empty"},
		{"- no event", `7"`, "x", "", "is no event"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			server := fake.NewZabbixAPI(t, "7.0.9")
			server.Answer("event.acknowledge", constant(map[string]any{"eventids": []int{7}}))
			a := openAPI(t, withToken(t, server.URL))
			err := a.Say(t.Context(), tt.event, tt.message)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error = %v, want %q", err, tt.err)
			}
			if got := strings.Join(paramsOf(server, "event.acknowledge"), ""); got != tt.want {
				t.Errorf("asks %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestSayCloseProblem(t *testing.T) {
	t.Parallel()

	server := fake.NewZabbixAPI(t, "7.0.9")
	server.Answer("event.acknowledge", constant(map[string]any{"eventids": []int{7}}))
	a := openAPI(t, withToken(t, server.URL))
	for _, message := range []string{"", "foreign"} {
		if err := a.CloseProblem(t.Context(), "7", message); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{`{"action":1,"eventids":["7"]}`, `{"action":5,"eventids":["7"],"message":"foreign"}`}
	if diff := cmp.Diff(want, paramsOf(server, "event.acknowledge")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPush(t *testing.T) {
	t.Parallel()

	at := time.Unix(1795690082, 123)
	values := []Value{{"a", KeyTransition, `x"y`, at}, {"none", KeyTransition, "z\x00\xff", at}}
	// As 7.0.9 answered.
	half := json.RawMessage(`{"response":"success","data":[{"itemid":48384},{"error":"No permissions to referred object or it does not exist."}]}`)
	for _, tt := range []struct {
		name, version string
		values        []Value
		answer        any
		want          Taken
		unsure        bool
		err           string
	}{
		{"+ one refused", "7.0.9", values, half, Taken{1, 1, []int{1}}, false, ""},
		{"+ none", "7.0.9", nil, half, Taken{}, false, ""},
		{"- old", "6.0.14", values, half, Taken{}, false, "Zabbix is 6.0.14, and takes them from 7.0 on"},
		{"- too many", "7.0.9", make([]Value, MostValues+1), half, Taken{}, false, "a request has at most 250"},
		{"- fewer answers", "7.0.9", append(values, values...), half, Taken{}, true, "2 answers came for 4 values"},
		{"- another shape", "7.0.9", values, "success", Taken{}, true, "read the result"},
		{"- the server is away", "7.0.9", values, fake.ZabbixError{Code: -32500, Data: "Connection refused"}, Taken{}, true, "Connection refused"},
		{"- wrong", "7.0.9", values, fake.ZabbixError{Code: -32602, Data: `Invalid parameter "/1"`}, Taken{}, false, "Invalid parameter"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			server := fake.NewZabbixAPI(t, tt.version)
			server.Answer("history.push", constant(tt.answer))
			var door Door = NewPusher(openAPI(t, withToken(t, server.URL)))
			got, err := door.Send(t.Context(), tt.values)
			var unsure *UnsureError
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || errors.As(err, &unsure) != tt.unsure {
				t.Errorf("error = %v (unsure %t), want %q (%t)", err, unsure != nil, tt.err, tt.unsure)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			params := paramsOf(server, "history.push")
			want := `[{"host":"a","key":"penstock.case.transition","value":"x\"y","clock":1795690082,"ns":123},{"host":"none","key":"penstock.case.transition","value":"z` + "��" + `","clock":1795690082,"ns":123}`
			if len(params) > 0 && !strings.HasPrefix(params[0], want) {
				t.Errorf("asks %s\nwant %s", params[0], want)
			}
		})
	}
}

// FuzzAnswers shows that no answer of a server makes the readers panic, and that
// what they take is bounded.
func FuzzAnswers(f *testing.F) {
	for _, version := range recordedVersions {
		for _, name := range []string{"events", "ends", "hosts", "maintenances"} {
			f.Add([]byte(recorded(f, version, name)))
		}
	}
	f.Add([]byte(`[{"eventid":-1e400,"clock":"","tags":null,"acknowledges":[null]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var events []rawEvent
		if json.Unmarshal(data, &events) == nil {
			for _, e := range events {
				p := e.problem()
				p.end(e, e)
				if _, err := json.Marshal(p); err != nil {
					t.Errorf("%+v cannot be written: %v", p, err)
				}
				if utf8.RuneCountInString(p.Name) > mostInName || len(p.EventID) > 20 || p.Severity < 0 || p.Severity > 5 {
					t.Errorf("is not bounded: %+v", p)
				}
			}
			sortProblems(nil)
		}
		var raw []rawMaintenance
		if json.Unmarshal(data, &raw) == nil {
			for _, r := range raw {
				m := Maintenance{From: time.Unix(1795690020, 0)}
				m.fill(r, time.Unix(1795690080, 0))
				if !m.Till.IsZero() && m.Till.Before(time.Unix(0, 0)) {
					t.Errorf("ends at %s", m.Till)
				}
			}
		}
		var hosts []rawHost
		_ = json.Unmarshal(data, &hosts)
	})
}

// TestMaintenanceOfGroups shows what the recordings do not have: groups, data that
// is kept, tags, and a calendar that says nothing of now.
func TestMaintenanceOfGroups(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ version, field string }{{"6.0.14", "groups"}, {"6.2.9", "hostgroups"}, {"7.0.9", "hostgroups"}} {
		t.Run("+ "+tt.version, func(t *testing.T) {
			t.Parallel()

			server := fake.NewZabbixAPI(t, tt.version)
			server.Answer("item.get", constant([]any{}))
			server.Answer("host.get", constant(json.RawMessage(`[{"hostid":"1","host":"b","maintenance_status":"1","maintenance_type":"0","maintenance_from":"1795690020","maintenanceid":"2"},
				{"hostid":"3","host":"a","maintenance_status":1,"maintenance_type":0,"maintenance_from":1795690020,"maintenanceid":2}]`)))
			server.Answer("maintenance.get", constant(json.RawMessage(`[{"maintenanceid":"2","name":"patch day","active_till":"1795690200","`+tt.field+`":[{"name":"Web"},{"name":"Office"}],
				"tags":[{"tag":"service"}],"timeperiods":[{"timeperiod_type":"0","period":"60","start_date":"1"}]},{"maintenanceid":"9","name":"other"}]`)))
			a := openAPI(t, withToken(t, server.URL))
			start := time.Unix(1795690020, 0)
			a.now = func() time.Time { return start.Add(time.Second) }
			got, err := a.Maintenances(t.Context())
			want := []Maintenance{{Name: "patch day", Hosts: []string{"a", "b"}, Groups: []string{"Office", "Web"}, Limited: true, From: start, Till: start.Add(3 * time.Minute)}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			hosts, err := a.Hosts(t.Context())
			if err != nil || len(hosts) != 2 || !hosts[0].Maintenance || hosts[0].NoData {
				t.Errorf("= %+v, %v", hosts, err)
			}
		})
	}
}
