//go:build live

package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/e2e/lab"
	"penstock/core/event"
	"penstock/core/record"
	"penstock/core/zabbix"
	"penstock/templates"
)

// The templates of these tests.
const (
	caseTemplate  = "Penstock case by Zabbix trapper"
	agentTemplate = "Penstock by Zabbix agent 2"
)

// importTemplate imports one of our templates, by its folder.
func importTemplate(t *testing.T, z *lab.ZabbixServer, folder string) {
	t.Helper()

	text, err := fs.ReadFile(templates.FS, folder+"/template_"+folder+".yaml")
	if err != nil {
		t.Fatal(err)
	}
	z.Import(t, string(text))
}

var exportDate = regexp.MustCompile(`date: '?[0-9TZ:-]+'?\n`)

// TestTemplatesImportAndTheSecondImportChangesNothing: neither what is exported
// afterwards, nor the number of any row.
func TestTemplatesImportAndTheSecondImportChangesNothing(t *testing.T) {
	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		folders, err := fs.Glob(templates.FS, "*")
		if err != nil {
			t.Fatal(err)
		}
		state := func() (string, string) {
			var ids []string
			for _, name := range []string{agentTemplate, caseTemplate, "Penstock by external check"} {
				ids = append(ids, z.TemplateID(t, name))
			}
			var text string
			z.API(t, "configuration.export", map[string]any{"format": "yaml", "options": map[string]any{"templates": ids}}, &text)
			rows := z.SQL(t, `select 'item', itemid, key_ from items join hosts using (hostid) where host like 'Penstock%'
				union select 'trigger', triggerid, description from triggers where description like 'Penstock%'
				union select 'dashboard', dashboardid, name from dashboard where name like 'Penstock%'
				union select 'macro', hostmacroid, macro from hostmacro union select 'map', valuemapid, name from valuemap where name like 'Penstock%' order by 1, 2`)
			return exportDate.ReplaceAllString(text, ""), rows
		}
		for _, folder := range folders {
			importTemplate(t, z, folder)
		}
		text, rows := state()
		for _, folder := range folders {
			importTemplate(t, z, folder)
		}
		textAgain, rowsAgain := state()
		if diff := cmp.Diff(text, textAgain); diff != "" {
			t.Errorf("export (-first +second)\n%s", diff)
		}
		if diff := cmp.Diff(rows, rowsAgain); diff != "" || len(rows) < 1000 {
			t.Errorf("%d bytes of rows (-first +second)\n%s", len(rows), diff)
		}
		if log, err := os.ReadFile(filepath.Join(z.Folder, "frontend/php.log")); err == nil && strings.Contains(string(log), "templates") {
			t.Errorf("the frontend complains:\n%s", log)
		}
	})
}

// caseOf is a record of a case as these tests send it.
func caseOf(id, asset string, severity event.Severity, headline string) record.Record {
	return record.Record{
		Version: record.Version, Case: id, Status: "open", Asset: asset, Zone: event.ZoneDMZ, Class: event.BruteForce, Severity: severity, Level: int(severity),
		Problem: record.ProblemOwn, Summary: "40 failed logins of root", Advice: record.Advice{
			Headline: headline, What: "Somebody tries passwords.", Steps: []record.Step{{Text: "Look who is logged in.", Command: "who -a"}, {Text: "Block the address."}},
		},
		Who: record.Who{Peers: []string{"203.0.113.77"}, Users: []string{"root"}}, Anomaly: record.Anomaly{Score: 91},
		Assessment: record.Assessment{Confidence: 85, Techniques: []string{"T1110"}, Reasons: []string{"Forty failures in a minute."}},
	}
}

// shower sends what Plan says, as the worker does.
type shower struct {
	z      *lab.ZabbixServer
	to     string // address
	sealer *zabbix.Sealer
	shown  map[string]zabbix.Shown
	at     time.Time // of the last value
	first  time.Time // before those of the first record
}

func newShower(z *lab.ZabbixServer, to string) *shower {
	return &shower{z: z, to: to, shown: map[string]zabbix.Shown{}, at: time.Now().Add(-time.Minute)}
}

func (s *shower) show(t *testing.T, host string, r record.Record) {
	t.Helper()

	steps, next := zabbix.Plan(s.shown[r.Case], r, host)
	s.shown[r.Case] = next
	s.send(t, host, steps...)
}

func (s *shower) send(t *testing.T, host string, steps ...zabbix.Step) {
	t.Helper()

	var values []lab.Value
	for _, step := range steps {
		s.at = s.at.Add(time.Millisecond)
		values = append(values, lab.Value{Host: host, Key: step.Key, Value: s.sealer.Seal(step.Key, step.Value), Clock: s.at.Unix(), NS: s.at.Nanosecond()})
	}
	s.z.Deliver(t, s.to, values...)
}

// settle waits until new hosts take values and their triggers are known too.
func (s *shower) settle(t *testing.T, hosts ...string) {
	t.Helper()

	s.z.Settle(t)
	for _, host := range hosts {
		s.send(t, host, zabbix.Step{Key: zabbix.KeyTransition, Value: "nothing"})
	}
}

// wantProblems waits until the problems of a host are those, and stay so.
func wantProblems(t *testing.T, z *lab.ZabbixServer, host string, want ...string) {
	t.Helper()

	now := func() (lines []string) {
		for _, line := range said(events(t, z)) {
			if rest, ok := strings.CutPrefix(line, host+" "); ok {
				lines = append(lines, rest)
			}
		}
		return lines
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && !slices.Equal(now(), want); {
		time.Sleep(200 * time.Millisecond)
	}
	time.Sleep(2 * time.Second)
	if diff := cmp.Diff(want, now()); diff != "" {
		t.Fatalf("problems of %s (-want +got)\n%s\n%s", host, diff, z.SQL(t, "select clock, ns, value from history_text join items using (itemid) where key_ = 'penstock.case.transition' order by itemid, clock, ns"))
	}
}

// TestTransitionsOpenOneProblemForEachCaseAndSeverity, directly and through a proxy,
// also when a value comes again after server or proxy were started again.
func TestTransitionsOpenOneProblemForEachCaseAndSeverity(t *testing.T) {
	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		importTemplate(t, z, "penstock_case")
		z.CreateHost(t, "direct", lab.HostOptions{Templates: []string{caseTemplate}})
		z.CreateHost(t, "behind", lab.HostOptions{Templates: []string{caseTemplate}, Proxy: z.Proxy.Name})
		both := map[string]*shower{"direct": newShower(z, z.Trapper), "behind": newShower(z, z.ProxyTrapper)}
		again := func(host, id string) { // the open value once more, as it was and as of a later second
			steps, _ := zabbix.Plan(zabbix.Shown{}, caseOf(id, host, event.Medium, "Many failed logins"), host)
			s := both[host]
			now := s.at
			s.at = s.first
			s.send(t, host, steps...)
			s.at = now.Add(2 * time.Second)
			s.send(t, host, steps...)
		}
		for host, s := range both {
			s.settle(t, host)
			s.first = s.at
			s.show(t, host, caseOf("v-w1-1", host, event.Medium, "Many failed logins"))
			again(host, "v-w1-1")
			wantProblems(t, z, host, "v-w1-1 Medium 2 open")
		}
		z.StopServer(t)
		z.StopProxy(t)
		z.StartServer(t)
		z.StartProxy(t)
		for host, s := range both {
			again(host, "v-w1-1")
			s.show(t, host, caseOf("v-w1-2", host, event.High, "Another one"))
			wantProblems(t, z, host, "v-w1-1 Medium 2 open", "v-w1-2 High 4 open")

			r := caseOf("v-w1-1", host, event.Critical, `It got in: {$PENSTOCK.SENDERS} {HOST.CONN} | "quoted" <script>`)
			s.show(t, host, r)
			wantProblems(t, z, host, "v-w1-1 Medium 2 ended", "v-w1-2 High 4 open", "v-w1-1 Critical 5 open")
			r = caseOf("v-w1-2", host, event.High, "Another one")
			r.Status = "closed"
			s.show(t, host, r)
			wantProblems(t, z, host, "v-w1-1 Medium 2 ended", "v-w1-2 High 4 ended", "v-w1-1 Critical 5 open")
		}
		for _, e := range events(t, z) {
			switch {
			case e.tag("severity") == "Critical":
				if e.Name != `Penstock: It got in: ($PENSTOCK.SENDERS) (HOST.CONN) ¦ "quoted" <script>` || e.OpData != e.Hosts[0].Host+" (dmz), brute-force, case v-w1-1" {
					t.Errorf("%q, %q", e.Name, e.OpData)
				}
				if len(e.tag("fp")) != 16 || e.tag("zone") != "dmz" || e.tag("class") != "brute-force" || e.tag("host") != e.Hosts[0].Host || e.tag("end") != "" {
					t.Errorf("tags %v", e.Tags)
				}
			case e.tag("severity") == "Medium":
				wantEnd(t, z, e.ID, "superseded")
			default:
				wantEnd(t, z, e.ID, "closed")
			}
		}
	})
}

// TestItemsOfACase shows what is made of a record.
func TestItemsOfACase(t *testing.T) {
	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		importTemplate(t, z, "penstock_case")
		host := z.CreateHost(t, "items", lab.HostOptions{Templates: []string{caseTemplate}})
		newShower(z, z.Trapper).show(t, "items", caseOf("v-w1-1", "items", event.High, "Many failed logins"))
		want := map[string]string{
			"penstock.case.id": "v-w1-1", "penstock.case.severity": "3", "penstock.case.status": "open", "penstock.case.headline": "Many failed logins",
			"penstock.case.summary": "40 failed logins of root", "penstock.case.asset": "items", "penstock.case.zone": "dmz", "penstock.case.class": "brute-force",
			"penstock.case.who": "Addresses: 203.0.113.77\nAccounts: root", "penstock.case.events": "0", "penstock.case.score": "91", "penstock.case.confidence": "85",
			"penstock.case.reason": "Forty failures in a minute.", "penstock.case.technique": "T1110", "penstock.case.model": "none", "penstock.case.advice": "Somebody tries passwords.",
			"penstock.case.steps": "1. Look who is logged in.\n    who -a\n2. Block the address.", "penstock.case.action": "none", "penstock.case.mode": "log",
		}
		wantItems(t, z, host, want)
	})
}

// TestSealedValues: what has no seal of ours changes nothing where a secret is set.
func TestSealedValues(t *testing.T) {
	const secret = "00112233445566778899aabbccddeeff"
	file := filepath.Join(t.TempDir(), "seal")
	writeFile(t, file, secret)
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		sealer, err := zabbix.NewSealer(file)
		if err != nil {
			t.Fatal(err)
		}
		importTemplate(t, z, "penstock_case")
		for host, proxy := range map[string]string{"direct": "", "behind": z.Proxy.Name} {
			id := z.CreateHost(t, host, lab.HostOptions{Templates: []string{caseTemplate}, Proxy: proxy})
			kind := 0 // 6.0 hands six stars to preprocessing in the place of a secret macro
			if z.Version != "6.0" {
				kind = 1
			}
			z.API(t, "usermacro.create", map[string]any{"hostid": id, "macro": "{$PENSTOCK.SEAL}", "value": secret, "type": kind}, nil)
		}
		for host, to := range map[string]string{"direct": z.Trapper, "behind": z.ProxyTrapper} {
			s := newShower(z, to)
			s.sealer = sealer
			s.settle(t, host)
			s.show(t, host, caseOf("v-w1-1", host, event.High, "Größe 漢字: a forged close must not end this"))
			wantProblems(t, z, host, "v-w1-1 High 4 open")

			end, _ := zabbix.Close(s.shown["v-w1-1"], zabbix.EndClosed)
			for _, forged := range []*zabbix.Sealer{nil, wrongSealer(t)} {
				s.sealer = forged
				s.send(t, host, end)
				s.show(t, host, caseOf("v-w1-9", host, event.Critical, "forged"))
			}
			wantProblems(t, z, host, "v-w1-1 High 4 open")
			s.sealer = sealer
			s.send(t, host, end)
			wantProblems(t, z, host, "v-w1-1 High 4 ended")
		}
		n := z.Send(t, net.IPv4(127, 0, 0, 2), lab.Value{Host: "direct", Key: zabbix.KeyTransition, Value: "x|High|close|closed"})
		if n.Failed != 1 {
			t.Errorf("from an address that may not send: %+v", n)
		}
	})
}

func wrongSealer(t *testing.T) *zabbix.Sealer {
	t.Helper()

	file := filepath.Join(t.TempDir(), "wrong")
	writeFile(t, file, strings.Repeat("0123456789abcdef", 2))
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := zabbix.NewSealer(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// statusOfASite is what a plugin answers at a site where something is open.
const statusOfASite = `{"state":"troubled","ok":0,"problem":"the model does not answer: connection refused","version":"1","site":"valley","worker":"w1","age_seconds":1,
"uptime_seconds":93312,"events_per_second":42,"lines":8123456,"forwarded":812,"attached":40321,"suppressed":8082323,"open":{"Critical":1,"High":2,"Medium":5,"Low":11},"worst":4,
"queue":{"waiting":3,"oldest_seconds":2},"outbox":0,"model":{"state":"fails","latency_ms":4200,"failures":7,"waiting":3},"stopped":0,"stopped_why":"","dry_run":1,
"disk_free_bytes":7123456789,"state_bytes":312345678,"memory_bytes":123456789,"log_head":"8123:0b1c2d","standing":1,
"keeper":{"mode":"service","running":1,"deaths":0,"last_death":"","last_death_seconds":0},"sources":[
{"name":"auth","kind":"file","lag_bytes":0,"caught_up":1,"lines":9,"rate":3,"score":12,"silent":0,"newest_seconds":1,"gaps":0,"error":""},
{"name":"firewall","kind":"syslog","lag_bytes":2048,"caught_up":1,"lines":9,"rate":31,"score":4,"silent":1,"newest_seconds":900,"gaps":0,"error":""}]}`

const casesOfASite = `{"cases":[{"case":"v-w1-1","host":"plc-dosing","zone":"ot","class":"process-control","severity":"Critical","headline":"The set point of the chlorine dosing was changed from an office address"},
{"case":"v-w1-2","host":"web01","zone":"dmz","class":"web-attack","severity":"High","headline":"<script>document.title='pwned-by'+'-log'</script> {$MACRO} in an address"}],"more":6}`

// siteAgent starts an agent that answers as our plugin does at that site.
func siteAgent(t *testing.T, z *lab.ZabbixServer) *lab.Agent {
	t.Helper()

	folder := z.UserFolder(t)
	var lines []string
	for key, text := range map[string]string{
		"penstock.ping": "1", "penstock.version": "1.2.3", "penstock.worker": "troubled: the model does not answer", "penstock.status": compact(t, statusOfASite),
		"penstock.sources.discovery": `[{"{#SOURCE}":"auth","{#KIND}":"file"},{"{#SOURCE}":"firewall","{#KIND}":"syslog"}]`, "penstock.cases": compact(t, casesOfASite),
	} {
		file := filepath.Join(folder, key)
		writeFile(t, file, text)
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("UserParameter=%s,cat %s", key, file))
	}
	return z.StartAgent(t, lab.AgentOptions{Lines: append(lines, "UserParameter=penstock.cases.count[*],echo 8")})
}

func compact(t *testing.T, text string) string {
	t.Helper()

	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// askNow has Zabbix ask for the items or run the rules at once.
func askNow(t *testing.T, z *lab.ZabbixServer, method, host string) {
	t.Helper()

	var found []struct {
		ID string `json:"itemid"`
	}
	z.API(t, method, map[string]any{"hostids": []string{host}, "filter": map[string]any{"type": 0}, "output": []string{"itemid"}}, &found)
	for _, i := range found {
		z.ExecuteNow(t, i.ID)
	}
}

// TestDashboardsInABrowser shows a person what is alive, open, how bad and where.
func TestDashboardsInABrowser(t *testing.T) {
	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		importTemplate(t, z, "penstock_agent2")
		importTemplate(t, z, "penstock_case")
		host := z.CreateHost(t, "edge1", lab.HostOptions{Templates: []string{agentTemplate, caseTemplate}, Agent: siteAgent(t, z).Address})
		web := z.CreateHost(t, "web01", lab.HostOptions{Templates: []string{caseTemplate}})
		s := newShower(z, z.Trapper)
		s.settle(t, "edge1", "web01")
		s.at = time.Now()
		s.show(t, "edge1", caseOf("v-w1-1", "plc-dosing", event.Critical, "The set point of the chlorine dosing was changed from an office address"))
		s.show(t, "web01", caseOf("v-w1-2", "web01", event.High, "<script>document.title='pwned-by'+'-log'</script> {$MACRO} in an address"))
		s.show(t, "web01", caseOf("v-w1-3", "web01", event.Medium, "Many failed logins of root"))
		z.Wait(t, "all items of the site", func() bool {
			askNow(t, z, "discoveryrule.get", host)
			askNow(t, z, "item.get", host)
			time.Sleep(3 * time.Second)
			return z.SQL(t, "select count(distinct itemid) from history_uint where itemid in (select itemid from items where key_ like 'penstock.source.score[%' or key_ = 'penstock.worst')") == "3" &&
				len(events(t, z)) == 3
		})
		wantItems(t, z, host, map[string]string{
			"penstock.state": "1", "penstock.worst": "4", "penstock.open.high": "2", "penstock.model.latency": "4.2", "penstock.model.state": "2", "penstock.dryrun": "1",
			"penstock.id": "valley, w1", "penstock.source.lag[firewall]": "2048", "penstock.source.error[auth]": "-", "penstock.stopped.why": "-",
			"penstock.cases.list": "Critical  plc-dosing (ot)  The set point of the chlorine dosing was changed from an office address  [process-control, v-w1-1]\n" +
				"High  web01 (dmz)  <script>document.title='pwned-by'+'-log'</script> {$MACRO} in an address  [web-attack, v-w1-2]\nand 6 more",
		})

		page := frontend(t, z)
		for name, want := range map[string][]string{
			"edge1": {"Troubled", "Critical", "What is open and where", "chlorine dosing", "and 6 more", "connection refused", "Events a second"},
			"web01": {"Medium", "What to do", "Look who is logged in.", "Who takes part", "203.0.113.77", "85"},
			"problems": {
				"Penstock: The set point of the chlorine dosing", "Disaster", "plc-dosing (dmz), brute-force, case v-w1-1", "Penstock: Many failed logins of root", "Warning",
				"($MACRO) in an address", "Penstock: Worker is troubled (the model does not answer: connection refused)",
			},
		} {
			url := page + "zabbix.php?action=problem.view&show=3&show_opdata=1&show_tags=3&tag_priority=case,severity,zone&filter_set=1"
			if name != "problems" {
				id, template := host, agentTemplate
				if name == "web01" {
					id, template = web, caseTemplate
				}
				url = fmt.Sprintf("%szabbix.php?action=host.dashboard.view&hostid=%s&dashboardid=%s", page, id, dashboardOf(t, z, template))
			}
			wantPage(t, "zabbix-"+z.Version+"-"+name, url, want)
		}
	})
}

func dashboardOf(t *testing.T, z *lab.ZabbixServer, template string) string {
	t.Helper()

	var found []struct {
		ID string `json:"dashboardid"`
	}
	z.API(t, "templatedashboard.get", map[string]any{"output": []string{"dashboardid"}, "templateids": []string{z.TemplateID(t, template)}}, &found)
	if len(found) != 1 {
		t.Fatalf("%s has %d dashboards", template, len(found))
	}
	return found[0].ID
}
