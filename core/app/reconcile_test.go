package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/policy"
	"penstock/core/store"
)

// zabbixServer is as much of a Zabbix server as opens and ends problems by
// transitions, behind the wire-level API.
type zabbixServer struct {
	api     *fake.ZabbixAPI
	trapper *fake.Trapper

	mu     sync.Mutex
	events []*zabbixEvent
	read   int // values that were made events
	macro  string
	hidden bool   // problems are not shown, and neither are their events
	deaf   bool   // what ends problems does not arrive
	kept   string // host whose problems nobody may close
}

type zabbixEvent struct {
	id            int
	at            int64
	ns            int
	host, endedBy string // endedBy: "", "value" or a user
	fields        []string
	messages      []string
	acked         []string
	severity      int
	suppressed    bool
}

// newZabbixServer makes one that monitors the worker's host and gw1.
func newZabbixServer(t *testing.T) *zabbixServer {
	t.Helper()

	z := &zabbixServer{api: fake.NewZabbixAPI(t, "7.0.9"), trapper: fake.NewTrapper(t)}
	answer := func(method string, f func(p map[string]any) any) {
		z.api.Answer(method, func(params json.RawMessage) any {
			var p map[string]any
			if err := json.Unmarshal(params, &p); err != nil {
				return fake.ZabbixError{Code: -32602, Message: "Invalid params.", Data: err.Error()}
			}
			z.mu.Lock()
			defer z.mu.Unlock()
			z.work()
			return f(p)
		})
	}
	hosts := []map[string]any{
		{"hostid": "1", "host": "proxy 1", "name": "proxy 1", "status": "0", "flags": "0"},
		{"hostid": "2", "host": "gw1", "name": "gw1", "status": "0", "flags": "0"},
	}
	answer("host.get", func(p map[string]any) any {
		if _, maintained := p["filter"]; maintained {
			return []any{}
		}
		return hosts
	})
	answer("item.get", func(map[string]any) any {
		return []map[string]any{{"itemid": "11", "hostid": "1"}, {"itemid": "12", "hostid": "2"}}
	})
	answer("trigger.get", func(map[string]any) any { return []any{} })
	answer("maintenance.get", func(map[string]any) any { return []any{} })
	answer("usermacro.get", func(map[string]any) any {
		return []map[string]string{{"macro": "{$PENSTOCK.STOP}", "value": z.macro}}
	})
	answer("problem.get", func(map[string]any) any {
		ids := []map[string]string{}
		for _, e := range z.events {
			if e.endedBy == "" && !z.hidden {
				ids = append(ids, map[string]string{"eventid": fmt.Sprint(e.id)})
			}
		}
		return ids
	})
	answer("event.get", z.eventGet)
	answer("event.acknowledge", func(p map[string]any) any {
		for _, e := range z.events {
			if fmt.Sprint(p["eventids"]) != fmt.Sprintf("[%d]", e.id) {
				continue
			}
			if int(p["action"].(float64))&1 != 0 {
				if e.host == z.kept {
					return fake.ZabbixError{Code: -32500, Message: "Application error.", Data: "Cannot close problem: trigger does not allow manual closing."}
				}
				e.endedBy = "penstock"
			}
			e.messages = append(e.messages, fmt.Sprint(p["message"]))
		}
		return map[string]any{"eventids": p["eventids"]}
	})
	return z
}

// work makes problems of the values that came. A value of a time that was there
// already is the same one again.
func (z *zabbixServer) work() {
	all := z.trapper.Values()
	seen := map[string]bool{}
	for i, v := range all {
		key := fmt.Sprint(v.Host, v.Clock, v.NS)
		fields := strings.Split(v.Value, "|")
		if v.Key != "penstock.case.transition" || seen[key] || i < z.read {
			seen[key] = true
			continue
		}
		seen[key] = true
		if fields[2] == "open" {
			z.events = append(z.events, &zabbixEvent{
				id: 100 + len(z.events), at: v.Clock, ns: v.NS, host: v.Host, fields: fields, severity: map[string]int{"Medium": 2, "High": 4, "Critical": 5}[fields[1]],
			})
			continue
		}
		for _, e := range z.events {
			if !z.deaf && e.host == v.Host && e.fields[0] == fields[0] && e.fields[1] == fields[1] && e.endedBy == "" {
				e.endedBy = "value"
			}
		}
	}
	z.read = len(all)
}

func (z *zabbixServer) eventGet(p map[string]any) any {
	found := []map[string]any{}
	wanted := fmt.Sprint(p["eventids"])
	for _, e := range z.events {
		end := "0"
		if e.endedBy != "" {
			end = fmt.Sprint(1000 + e.id)
		}
		if strings.Contains(wanted, fmt.Sprint(1000+e.id)) && e.endedBy != "" { // its end
			user := "0"
			if e.endedBy != "value" {
				user = "7"
			}
			found = append(found, map[string]any{"eventid": end, "clock": fmt.Sprint(e.at + 1), "userid": user})
			continue
		}
		isNamed := p["eventids"] == nil || strings.Contains(wanted, fmt.Sprint(e.id))
		if !isNamed || z.hidden || p["tags"] != nil && !strings.Contains(fmt.Sprint(p["tags"]), "value:"+e.fields[0]) {
			continue
		}
		suppressed := "0"
		if e.suppressed {
			suppressed = "1"
		}
		found = append(found, map[string]any{
			"eventid": fmt.Sprint(e.id), "objectid": "5", "clock": fmt.Sprint(e.at), "ns": fmt.Sprint(e.ns), "name": "x", "severity": fmt.Sprint(e.severity), "r_eventid": end,
			"userid": "0", "suppressed": suppressed, "hosts": []map[string]string{{"hostid": "2", "host": e.host}}, "acknowledges": e.acks(),
			"tags": e.tags(),
		})
	}
	return found
}

func (e *zabbixEvent) tags() []map[string]string {
	tags := []map[string]string{{"tag": "penstock", "value": "case"}, {"tag": "case", "value": e.fields[0]}, {"tag": "severity", "value": e.fields[1]}}
	if len(e.fields) > 3 {
		tags = append(tags, map[string]string{"tag": "fp", "value": e.fields[3]})
	}
	return tags
}

// acks are what people and the worker did to a problem.
func (e *zabbixEvent) acks() []map[string]any {
	acks := []map[string]any{}
	for _, m := range e.messages {
		acks = append(acks, map[string]any{"acknowledgeid": "1", "userid": "3", "username": "penstock", "clock": fmt.Sprint(e.at), "message": m, "action": "4"})
	}
	for _, user := range e.acked {
		acks = append(acks, map[string]any{"acknowledgeid": "2", "userid": "7", "username": user, "clock": fmt.Sprint(e.at), "message": "", "action": "2"})
	}
	if e.endedBy != "" && e.endedBy != "value" {
		acks = append(acks, map[string]any{"acknowledgeid": "3", "userid": "7", "username": e.endedBy, "clock": fmt.Sprint(e.at), "message": "", "action": "1"})
	}
	return acks
}

// open are the problems that are open, as CASE SEVERITY.
func (z *zabbixServer) open() (all []string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.work()
	for _, e := range z.events {
		if e.endedBy == "" {
			all = append(all, e.host+" "+e.fields[0]+" "+e.fields[1])
		}
	}
	return all
}

// comparedSite is a site whose cases are compared with a Zabbix, with one of Medium.
func comparedSite(t *testing.T) (*place, *clock, *zabbixServer, *running) {
	t.Helper()
	return comparedSiteWith(t, func(*place, *zabbixServer) {})
}

// comparedSiteWith is one with something that was there before.
func comparedSiteWith(t *testing.T, before func(*place, *zabbixServer)) (*place, *clock, *zabbixServer, *running) {
	t.Helper()

	s, c, z := newSite(t), clockAt(attackEnds()), newZabbixServer(t)
	s.now = c.now
	s.config.Zabbix.Host = "proxy 1"
	s.config.Zabbix.Send.To = []string{z.trapper.Address}
	s.config.Zabbix.API.URL = z.api.URL
	s.config.Zabbix.API.TokenFile = filepath.Join(t.TempDir(), "token")
	s.config.Zabbix.Look = time.Hour // looks are the test's
	s.config.Policy.Approvers = []policy.Approver{{Name: "maria"}}
	must(t, os.WriteFile(s.config.Zabbix.API.TokenFile, []byte(fake.ZabbixToken), 0o600))
	s.write(attackDay())
	before(s, z)
	w := s.start()
	w.settled(lineCount(attackDay()))
	eventually(t, "the first look", func() bool {
		select {
		case <-w.publisher.ready:
			return true
		default:
			return false
		}
	})
	eventually(t, "a problem", func() bool { return len(z.open()) == 1 })
	return s, c, z, w
}

// looks lets time go by and looks, twice: a difference counts when it stays.
func looks(t *testing.T, w *running, c *clock) {
	t.Helper()

	for range 2 {
		c.jump(time.Minute)
		if refused, err := w.publisher.lookOnce(t.Context()); refused != nil || err != nil {
			t.Fatalf("look: %v, %v", refused, err)
		}
	}
	eventually(t, "a worker that rests", w.rests)
}

// noticed says whether a notice of that severity has the words.
func noticed(w *running, severity event.Severity, words string) bool {
	recent, _ := w.board.Recent()
	return slices.ContainsFunc(recent, func(n store.Notice) bool { return n.Severity == severity && strings.Contains(n.Text, words) })
}

// compared is a site whose cases are compared, and what is wanted of it.
type compared struct {
	*testing.T

	s *place
	c *clock
	z *zabbixServer
	w *running
}

// comparedCase is the case of a compared site.
const comparedCase = "site-w1-1"

func (t *compared) looks() {
	t.Helper()
	looks(t.T, t.w, t.c)
}

func (t *compared) wantOpen(name string, open ...string) {
	t.Helper()

	got := t.z.open()
	slices.Sort(got)
	if !slices.Equal(open, got) {
		t.Fatalf("%s: open %q, want %q", name, got, open)
	}
}

func (t *compared) wantNotice(severity event.Severity, words string) {
	t.Helper()

	if !noticed(t.w, severity, words) {
		t.Errorf("- nothing of %s is told that says %q", severity, words)
	}
}

// with changes the case's open problem.
func (t *compared) with(change func(e *zabbixEvent)) {
	t.Helper()

	t.z.mu.Lock()
	defer t.z.mu.Unlock()
	t.z.work()
	i := slices.IndexFunc(t.z.events, func(e *zabbixEvent) bool { return e.fields[0] == comparedCase && e.endedBy == "" })
	if i < 0 {
		t.Fatal("the case has no open problem")
	}
	change(t.z.events[i])
}

// forge adds a problem that the worker did not open.
func (t *compared) forge(host, id, severity string) {
	t.z.mu.Lock()
	defer t.z.mu.Unlock()
	t.z.events = append(t.z.events, &zabbixEvent{id: 100 + len(t.z.events), at: t.c.now().Unix(), host: host, fields: []string{id, severity}, severity: 5})
}

// SAFETY B2 and C5, where Zabbix is looked at.
func TestWhatZabbixShowsIsKeptAsItShouldBe(t *testing.T) {
	t.Parallel()

	s, c, z, w := comparedSite(t)
	site := &compared{t, s, c, z, w}
	site.looks()
	site.with(func(e *zabbixEvent) {
		if len(e.messages) != 1 || !strings.Contains(e.messages[0], "penstock explain "+comparedCase) {
			t.Errorf("+ the worker's message: %q", e.messages)
		}
	})
	must(t, w.publisher.change(t.Context(), comparedCase, func(s *store.Shown) { s.Told = "" })) // as if its answer was lost
	site.looks()
	site.with(func(e *zabbixEvent) {
		if len(e.messages) != 1 {
			t.Errorf("- it is written again: %q", e.messages)
		}
	})
	own := "gw1 " + comparedCase + " Medium"
	site.wantOpen("+ nothing happened", own)

	site.with(func(e *zabbixEvent) { e.endedBy = "value" })
	site.looks()
	site.wantOpen("- a foreign end is undone", own)
	site.wantNotice(event.High, "was ended by a value that this worker did not send")

	site.with(func(e *zabbixEvent) { e.endedBy = "mallory" })
	site.looks()
	site.wantOpen("- a stranger's close is undone", own)
	site.wantNotice(event.High, "mallory closed the problem")
	if text := w.Status(t.Context()).Text(); !strings.Contains(text, "told in the last day") || !strings.Contains(text, "(zabbix): mallory closed the problem") {
		t.Errorf("- what was told once is not in the status:\n%s", text)
	}

	site.forge("gw1", "site-w1-99", "Critical")
	site.forge("proxy 1", "other-w1-1", "High")
	site.forge("gw1", "elsewhere-w1-5", "High")
	site.looks()
	site.wantOpen("- forged problems are closed, another site's are not", "gw1 elsewhere-w1-5 High", own)
	site.wantNotice(event.High, "site-w1-99")
	site.wantNotice(event.High, "other-w1-1")
	site.wantNotice(event.Medium, "elsewhere-w1-5")
	must(t, w.end())
}

// SAFETY C5: what makes a problem less visible is told, and who may has the last word.
func TestWhatPeopleDoToAProblemIsSeen(t *testing.T) {
	t.Parallel()

	s, c, z, w := comparedSite(t)
	site := &compared{t, s, c, z, w}
	site.with(func(e *zabbixEvent) { e.severity, e.suppressed = 0, true })
	site.looks()
	site.wantNotice(event.High, "lowered the problem of case "+comparedCase)
	site.wantNotice(event.Medium, "is suppressed in Zabbix")
	site.with(func(e *zabbixEvent) { e.severity, e.suppressed, e.acked = 2, false, []string{"mallory"} })
	site.looks()
	if _, standing := w.board.Recent(); len(standing) > 0 {
		t.Errorf("+ notices that are over: %+v", standing)
	}
	if by := w.publisher.acknowledgedBy(comparedCase); by != "" {
		t.Errorf("- acknowledged by %s", by)
	}
	site.with(func(e *zabbixEvent) {
		e.acked = []string{"maria"}
		z.macro = "1"
	})
	site.looks()
	if by := w.publisher.acknowledgedBy(comparedCase); by != "maria" {
		t.Errorf("+ acknowledged by %q", by)
	}
	is, why, err := w.isStopped(t.Context())
	if !is || !strings.Contains(why, "{$PENSTOCK.STOP}") || err != nil {
		t.Errorf("+ stopped: %t, %s, %v", is, why, err)
	}
	must(t, w.end())
	site.w = s.start() // the switch stays on until Zabbix says otherwise
	if is, _, _ := site.w.isStopped(t.Context()); !is {
		t.Error("- a restart forgets that it is stopped")
	}
	site.with(func(e *zabbixEvent) { e.endedBy = "maria" })
	site.looks()
	eventually(t, "the end of the case", func() bool {
		held, ok, err := site.w.store.Case(t.Context(), comparedCase)
		return err == nil && ok && held.Case.Status == cases.Closed
	})
	site.looks()
	site.wantOpen("+ an approver closed it")
	must(t, site.w.end())
}

// dueObjects has the next look read everything, as one in a while does.
func dueObjects(w *running) {
	w.publisher.looking.Lock()
	defer w.publisher.looking.Unlock()
	w.publisher.looked.hosts, w.publisher.looked.objects = time.Time{}, time.Time{}
}

// SAFETY C5: what is disabled hides cases.
func TestWhatIsDisabledIsTold(t *testing.T) {
	t.Parallel()

	host := []map[string]string{{"host": "gw1"}}
	tests := []struct {
		name, method string
		asked        string // is in the parameters
		answer       any
		want         string
	}{
		{"- a trigger", "trigger.get", `"status":"1"`, []map[string]any{{"description": "Penstock: {ITEM.VALUE}", "hosts": host}}, "of host gw1 is disabled"},
		{"- an item that refuses", "item.get", "selectHosts", []map[string]any{{"key_": "penstock.case.transition", "status": "0", "state": "1", "error": "no seal", "hosts": host}}, "refuses values: no seal"},
		{"- an item", "item.get", "selectHosts", []map[string]any{{"key_": "penstock.case", "status": "1", "state": "0", "hosts": host}}, "item penstock.case of host gw1 is disabled"},
		{"- the host", "host.get", "", []map[string]any{{"hostid": "1", "host": "proxy 1", "name": "proxy 1", "status": "1", "flags": "0"}}, "host proxy 1 is disabled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			s, c, z, w := comparedSite(t)
			site := &compared{t, s, c, z, w}
			was := z.api.Answered(tt.method)
			z.api.Answer(tt.method, func(params json.RawMessage) any {
				if strings.Contains(string(params), tt.asked) {
					return tt.answer
				}
				return was(params)
			})
			dueObjects(w)
			site.looks()
			site.wantNotice(event.High, tt.want)
			z.api.Answer(tt.method, was)
			dueObjects(w)
			site.looks()
			if _, standing := w.board.Recent(); len(standing) > 0 {
				t.Errorf("+ notices that are over: %+v", standing)
			}
			must(t, w.end())
		})
	}
}

func TestWhatZabbixRefusesKeepsNothingElseFromBeingCompared(t *testing.T) {
	t.Parallel()

	s, c, z, w := comparedSite(t)
	site := &compared{t, s, c, z, w}
	refused := []string{"usermacro.get", "trigger.get"}
	for _, method := range refused {
		z.api.Answer(method, func(json.RawMessage) any {
			return fake.ZabbixError{Code: -32500, Message: "Application error.", Data: fmt.Sprintf("No permissions to call %q.", method)}
		})
	}
	dueObjects(w)
	site.forge("gw1", "site-w1-99", "Critical")
	for range 2 {
		c.jump(time.Minute)
		got, err := w.publisher.lookOnce(t.Context())
		must(t, err)
		for _, method := range refused {
			if got == nil || !strings.Contains(got.Error(), fmt.Sprintf("No permissions to call %q", method)) {
				t.Errorf("look: %v, want %s", got, method)
			}
		}
	}
	eventually(t, "a worker that rests", w.rests)
	site.wantOpen("- forged problems are closed", "gw1 "+comparedCase+" Medium")
	must(t, w.end())
}

func TestWhatIsLateIsNotOpenedTwice(t *testing.T) {
	t.Parallel()

	_, c, z, w := comparedSite(t)
	z.mu.Lock()
	z.hidden = true // as if a proxy still held it
	z.mu.Unlock()
	looks(t, w, c)
	looks(t, w, c)
	if n := len(transitions(z.trapper.Values())); n != 1 {
		t.Errorf("%d transitions while it may be late", n)
	}
	c.jump(lateAfter)
	looks(t, w, c)
	if n := len(transitions(z.trapper.Values())); n != 3 { // an end, and the problem once more
		t.Errorf("%d transitions after it was given up", n)
	}
	must(t, w.end())
}

func TestNamesOfWorkersInCases(t *testing.T) {
	t.Parallel()

	s := newSite(t)
	s.config.Site.Name = "valley"
	engine, err := NewEngine(s.config)
	must(t, err)
	for _, tt := range []struct {
		worker, id               string
		site, isWorker, isActual bool
	}{
		{"w1", "valley-w1-7", true, true, true},
		{"w1", "valley-w1-more", true, true, true},
		{"w1", "valley-w2-7", true, false, false},
		{"w1", "valley-north-w1-7", false, false, false},
		{"w1", "hill-w1-7", false, false, false},
		{"w1", "", false, false, false},
		{"w1.2", "valley-w1.2-7", true, true, true},
		{"w1.2", "valley-w1-7", true, true, false},
		{"north-w1", "valley-north-w1-7", true, true, true},
	} {
		p := &publisher{w: &Worker{engine: engine, id: tt.worker}}
		site, worker, actual := p.nameIn(tt.id)
		if site != tt.site || worker != tt.isWorker || actual != tt.isActual {
			t.Errorf("%s of %s: site %t, worker %t, actual %t", tt.id, tt.worker, site, worker, actual)
		}
	}
}
