//go:build live

package zabbix

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/e2e/lab"
)

// exportForm is what a line of an export and ours have in common.
type exportForm struct {
	Clock, NS, Value int64
	ID               int64 `json:"eventid"`
	Problem          int64 `json:"p_eventid"`
	Name             string
	Severity         int
	Hosts            []exportedHost
	Tags             []exportedTag
}

func TestLiveProblemsOverTheAPIAreThoseOfTheExport(t *testing.T) {
	for _, version := range []string{"6.0", "7.0"} {
		t.Run(version, func(t *testing.T) {
			z := lab.Zabbix(t, version)
			host := fmt.Sprintf("problems-%d", time.Now().UnixNano())
			makeProblemHost(t, z, host)
			z.Settle(t)
			o := DefaultOptions().API
			o.URL, o.TokenFile = z.URL, writeFile(t, z.Token)
			api := openAPI(t, o)
			_, at, _, err := api.ProblemLines(t.Context(), ProblemCursor{}, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"penstock.case.transition", "flow"} {
				sendUntilTaken(t, z.Trapper, []Value{{Host: host, Key: key, Value: "12", At: time.Now()}})
			}
			var found []exportForm
			for deadline := time.Now().Add(2 * time.Minute); len(found) < 2 && time.Now().Before(deadline); time.Sleep(time.Second) {
				lines, next, _, err := api.ProblemLines(t.Context(), at, 100)
				if err != nil {
					t.Fatal(err)
				}
				at = next
				for _, line := range lines {
					if form := read(t, line); form.Value == 0 || form.Hosts[0].Host == host {
						found = append(found, form)
					}
				}
				if len(found) == 1 {
					sendUntilTaken(t, z.Trapper, []Value{{Host: host, Key: "flow", Value: "2", At: time.Now()}})
				}
			}
			if len(found) != 2 || found[1].Value != 0 || found[1].Problem != found[0].ID {
				t.Fatalf("problems %+v, want one and its end", found)
			}
			want := exportForm{
				Clock: found[0].Clock, NS: found[0].NS, Value: 1, ID: found[0].ID, Name: "Flow too high (now 12)", Severity: 4,
				Hosts: []exportedHost{{Host: host, Name: host}}, Tags: []exportedTag{{Tag: "scope", Value: "performance"}},
			}
			if diff := cmp.Diff(want, found[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func read(t *testing.T, line []byte) (form exportForm) {
	t.Helper()
	if err := json.Unmarshal(line, &form); err != nil {
		t.Fatal(err)
	}
	return form
}

// makeProblemHost makes a host with an item of somebody else's and one of ours, each
// with a trigger.
func makeProblemHost(t *testing.T, z *lab.ZabbixServer, host string) {
	t.Helper()
	create := func(method string, params map[string]any, field string) string {
		var made map[string][]json.RawMessage
		z.API(t, method, params, &made)
		return strings.Trim(string(made[field][0]), `"`)
	}
	group := create("hostgroup.create", map[string]any{"name": host}, "groupids")
	id := create("host.create", map[string]any{"host": host, "groups": []map[string]string{{"groupid": group}}}, "hostids")
	for _, key := range []string{"flow", "penstock.case.transition"} {
		create("item.create", map[string]any{"hostid": id, "name": key, "key_": key, "type": 2, "value_type": 3}, "itemids")
		create("trigger.create", map[string]any{
			"description": key, "event_name": "Flow too high (now {ITEM.LASTVALUE1})", "expression": fmt.Sprintf("last(/%s/%s)>10", host, key),
			"priority": 4, "tags": []map[string]string{{"tag": "scope", "value": "performance"}},
		}, "triggerids")
	}
}

// sendUntilTaken hands values over until the server knows their items.
func sendUntilTaken(t *testing.T, address string, values []Value) {
	t.Helper()
	o := DefaultOptions().Send
	o.To = []string{address}
	s, err := NewSender(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		if taken, err := s.Send(t.Context(), values); err == nil && taken.Failed == 0 {
			return
		}
	}
	t.Fatalf("%+v was not taken", values)
}
