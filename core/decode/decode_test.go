package decode

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// short is what a test compares of an event.
type short struct {
	Time, From             string
	Host, Program, Name    string
	Level                  int
	Severity               event.Severity
	Format, Message        string
	Fields                 []string // key=value, with ! where observed
	HostOrigin, TimeSource event.Origin
}

func decoded(o Options, line string) (event.Event, short) {
	var ev event.Event
	New(o).Decode(line, noon, &ev)
	s := short{
		Time: ev.Time.Format("2006-01-02T15:04:05.999999999Z07:00"),
		From: [...]string{"received", "header", "envelope"}[ev.TimeFrom],
		Host: ev.Host, HostOrigin: ev.HostOrigin, Program: ev.Program, Name: ev.Name, Level: ev.Level,
		Severity: ev.Severity, Format: ev.Format, Message: ev.Message,
	}
	for _, f := range ev.Fields {
		mark := ""
		if f.Origin == event.Observed {
			mark = "!"
		}
		s.Fields = append(s.Fields, f.Key+"="+f.Value+mark)
	}
	return ev, s
}

func TestDecode(t *testing.T) {
	const none = event.LevelUnknown
	const ts, header, envelope = "2026-05-01T11:59:00Z", "header", "envelope"
	for _, test := range []struct {
		name, line string
		want       short
	}{
		{"+ plain text", "something happened", short{Time: "2026-05-01T12:00:00Z", From: "received", Level: none, Format: "plain", Message: "something happened"}},
		{"+ syslog", "May  1 11:59:00 gw sshd[7]: Accepted password for ops from 192.0.2.1 port 5 ssh2", short{
			Time: ts, From: header, Host: "gw", Program: "sshd", Level: none, Format: "syslog", Message: "Accepted password for ops from 192.0.2.1 port 5 ssh2",
			Fields: []string{"peer=192.0.2.1!", "peer_port=5!", "user=ops!", "outcome=success!"},
		}},
		{"+ sudo", "May  1 11:59:00 gw sudo:     ops : TTY=pts/4 ; PWD=/home/x ; USER=root ; COMMAND=/bin/ls -l", short{
			Time: ts, From: header, Host: "gw", Program: "sudo", Level: none, Format: "syslog", Message: "ops : TTY=pts/4 ; PWD=/home/x ; USER=root ; COMMAND=/bin/ls -l",
			Fields: []string{"by_user=ops!", "user=root", "command=/bin/ls -l"},
		}},
		{"+ su", "May  1 11:59:00 gw su: BAD SU bob to root on /dev/ttyp1", short{
			Time: ts, From: header, Host: "gw", Program: "su", Level: none, Format: "syslog", Message: "BAD SU bob to root on /dev/ttyp1",
			Fields: []string{"user=root!", "by_user=bob!", "outcome=failure!"},
		}},
		{"+ sudo refused", "May  1 11:59:00 gw sudo:     bob : user NOT in sudoers ; TTY=pts/4 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", short{
			Time: ts, From: header, Host: "gw", Program: "sudo", Level: none, Format: "syslog", Message: "bob : user NOT in sudoers ; TTY=pts/4 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
			Fields: []string{"by_user=bob!", "outcome=failure!", "user=root", "command=/bin/sh"},
		}},
		{"+ dovecot", "May  1 11:59:00 gw dovecot: imap-login: Login: user=<bob>, method=PLAIN, rip=192.0.2.1, lip=10.0.0.1, session=<a>", short{
			Time: ts, From: header, Host: "gw", Program: "dovecot", Level: none, Format: "syslog", Message: "imap-login: Login: user=<bob>, method=PLAIN, rip=192.0.2.1, lip=10.0.0.1, session=<a>",
			Fields: []string{"outcome=success!", "peer=192.0.2.1!", "target=10.0.0.1!", "user=bob"},
		}},
		{"+ postfix", "May  1 11:59:00 gw postfix/smtpd[3]: warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: x, sasl_username=bob", short{
			Time: ts, From: header, Host: "gw", Program: "postfix/smtpd", Level: none, Format: "syslog", Message: "warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: x, sasl_username=bob",
			Fields: []string{"peer=192.0.2.1!", "outcome=failure!", "user=bob"},
		}},
		{"+ MariaDB", "2026-05-01 11:59:00 8 [Warning] Access denied for user 'bob'@'192.0.2.1' (using password: YES)", short{
			Time: ts, From: header, Level: 4, Format: "timed", Message: "Access denied for user 'bob'@'192.0.2.1' (using password: YES)",
			Fields: []string{"outcome=failure!", "peer=192.0.2.1!", "user=bob"},
		}},
		{"+ PostgreSQL", "192.0.2.1 2026-05-01 11:59:00.0 UTC [7] bob@db FATAL:  password authentication failed for user \"bob\"", short{
			Time: ts, From: header, Level: none, Format: "timed", Message: "bob@db FATAL:  password authentication failed for user \"bob\"",
			Fields: []string{"peer=192.0.2.1", "outcome=failure!", "user=bob"},
		}},
		{"+ nginx error", `2026/05/01 11:59:00 [error] 7#7: *1 open() "/x" failed (2: No such file), client: 192.0.2.1, server: _, request: "GET /x HTTP/1.1", host: "h"`, short{
			Time: ts, From: header, Level: 3, Format: "timed", Message: `*1 open() "/x" failed (2: No such file), client: 192.0.2.1, server: _, request: "GET /x HTTP/1.1", host: "h"`,
			Fields: []string{"peer=192.0.2.1!", "method=GET", "url=/x"},
		}},
		{"+ cron", "May  1 11:59:00 gw CRON[7]: (root) CMD (run x)", short{
			Time: ts, From: header, Host: "gw", Program: "CRON", Level: none, Format: "syslog", Message: "(root) CMD (run x)",
			Fields: []string{"user=root!", "command=run x!"},
		}},
		{"+ access", `192.0.2.1 - - [01/May/2026:11:59:00 +0000] "GET /a?b=1 HTTP/1.1" 404 5 "-" "curl/8" "198.51.100.7, 10.0.0.1"`, short{
			Time: ts, From: header, Level: none, Format: "access", Message: `"GET /a?b=1 HTTP/1.1" 404 5 "-" "curl/8" "198.51.100.7, 10.0.0.1"`,
			Fields: []string{"peer=192.0.2.1!", "method=GET", "url=/a?b=1", "status=404!", "agent=curl/8", "forwarded=198.51.100.7"},
		}},
		{"+ UFW", "May  1 11:59:00 gw kernel: [12.345678] [UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.1 DST=10.0.0.1 LEN=40 PROTO=TCP SPT=5 DPT=22", short{
			Time: ts, From: header, Host: "gw", Program: "kernel", Level: none, Format: "syslog",
			Message: "[UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.1 DST=10.0.0.1 LEN=40 PROTO=TCP SPT=5 DPT=22",
			Fields:  []string{"peer=192.0.2.1!", "peer_port=5!", "target=10.0.0.1!", "port=22!", "method=TCP!", "outcome=failure!"},
		}},
		{"+ filterlog", "May  1 11:59:00 fw filterlog: 53,,,100,em0,match,block,in,4,0x0,,64,892,0,none,6,tcp,44,192.0.2.1,10.0.0.1,5,22,0,S", short{
			Time: ts, From: header, Host: "fw", Program: "filterlog", Level: none, Format: "syslog",
			Message: "53,,,100,em0,match,block,in,4,0x0,,64,892,0,none,6,tcp,44,192.0.2.1,10.0.0.1,5,22,0,S",
			Fields:  []string{"peer=192.0.2.1!", "peer_port=5!", "target=10.0.0.1!", "port=22!", "outcome=failure!"},
		}},
		{"+ ASA", "%ASA-4-106023: Deny tcp src outside:192.0.2.1/5 dst inside:10.0.0.1/22 by access-group \"x\"", short{
			Time: "2026-05-01T12:00:00Z", From: "received", Program: "ASA", Level: 4, Format: "cisco",
			Message: "%ASA-4-106023: Deny tcp src outside:192.0.2.1/5 dst inside:10.0.0.1/22 by access-group \"x\"",
			Fields:  []string{"peer=192.0.2.1!", "peer_port=5!", "target=10.0.0.1!", "port=22!", "outcome=failure!"},
		}},
		{"+ logfmt", `time="2026-05-01T11:59:00Z" level=error msg="Login failed" user=bob remote_ip=192.0.2.1 path=/x`, short{
			Time: ts, From: header, Level: 3, Format: "pairs", Message: `level=error msg="Login failed" user=bob remote_ip=192.0.2.1 path=/x`,
			Fields: []string{"outcome=failure", "user=bob", "peer=192.0.2.1", "url=/x"},
		}},
		{"+ FortiGate", `date=2026-05-01 time=11:59:00 devname=FG1 devid=F logid=01 level=alert srcip=192.0.2.1 dstip=10.0.0.1 dstport=22 action=deny`, short{
			Time: ts, From: header, Host: "FG1", Level: 1, Format: "pairs",
			Message: "devname=FG1 devid=F logid=01 level=alert srcip=192.0.2.1 dstip=10.0.0.1 dstport=22 action=deny",
			Fields:  []string{"rule=01", "peer=192.0.2.1!", "target=10.0.0.1!", "port=22!"},
		}},
		{"+ CEF", `CEF:0|V|Product|1|42|Bad thing|8|src=192.0.2.1 spt=5 suser=bob msg=a = b act=blocked request=http://x/y`, short{
			Time: "2026-05-01T12:00:00Z", From: "received", Program: "Product", Name: "Bad thing", Level: none, Severity: event.High, Format: "cef",
			Message: `CEF:0|V|Product|1|42|Bad thing|8|src=192.0.2.1 spt=5 suser=bob msg=a = b act=blocked request=http://x/y`,
			Fields:  []string{"rule=42!", "peer=192.0.2.1", "peer_port=5", "by_user=bob", "url=http://x/y"},
		}},
		{"+ LEEF", "LEEF:1.0|V|Product|1|42|src=192.0.2.1\tusrName=x\tdst=10.0.0.1", short{
			Time: "2026-05-01T12:00:00Z", From: "received", Program: "Product", Name: "42", Level: none, Format: "leef",
			Message: "LEEF:1.0|V|Product|1|42|src=192.0.2.1\tusrName=x\tdst=10.0.0.1",
			Fields:  []string{"rule=42!", "peer=192.0.2.1", "target=10.0.0.1"},
		}},
		{"+ Zabbix server", `  7:20260501:115900.000 cannot send list of active checks to "192.0.2.1": host [x] not found`, short{
			Time: ts, From: header, Program: "zabbix", Level: none, Format: "zabbix", Message: `cannot send list of active checks to "192.0.2.1": host [x] not found`,
			Fields: []string{"peer=192.0.2.1!"},
		}},
		{"+ JSON", `{"ts":1777636740.25,"level":"warn","logger":"auth","msg":"login failed","user":"bob","remote_ip":"192.0.2.1:99","took":5}`, short{
			Time: "2026-05-01T11:59:00.25Z", From: header, Program: "auth", Level: 4, Format: "json",
			Message: "login failed logger=auth user=bob remote_ip=192.0.2.1:99 took=5",
			Fields:  []string{"user=bob", "peer=192.0.2.1", "peer_port=99", "outcome=failure"},
		}},
		{"+ JSON escapes", `{"message":"a \"b\" \u00e9\ud83d\ude00\n","k":"v"}`, short{
			Time: "2026-05-01T12:00:00Z", From: "received", Level: none, Format: "json", Message: "a \"b\" é😀\n k=v",
		}},
		{"+ ECS names the same", `{"@timestamp":"2026-05-01T11:59:00Z","source":{"ip":"192.0.2.1","port":5},"user":{"name":"bob"},"event":{"outcome":"failure"},"http":{"request":{"method":"GET"}},"url":{"path":"/x"}}`, short{
			Time: ts, From: header, Level: none, Format: "json",
			Message: "source.ip=192.0.2.1 source.port=5 user.name=bob event.outcome=failure request.method=GET url.path=/x",
			Fields:  []string{"peer=192.0.2.1", "peer_port=5", "user=bob", "outcome=failure", "method=GET", "url=/x"},
		}},
		{"+ Docker's json-file", `{"log":"May  1 11:58:00 web app[3]: hi\n","stream":"stdout","time":"2026-05-01T11:59:00Z"}`, short{
			Time: ts, From: envelope, Host: "web", Program: "app", Level: none, Format: "syslog", Message: "hi",
		}},
		{"+ journal", `{"__REALTIME_TIMESTAMP":"1777636740000000","_HOSTNAME":"gw","SYSLOG_IDENTIFIER":"sshd","_PID":"7","PRIORITY":"6","MESSAGE":"Invalid user x from 192.0.2.1 port 5"}`, short{
			Time: ts, From: envelope, Host: "gw", HostOrigin: event.Observed, Program: "sshd", Level: 6, Format: "journal", Message: "Invalid user x from 192.0.2.1 port 5",
			Fields: []string{"peer=192.0.2.1!", "peer_port=5!", "user=x", "outcome=failure!"},
		}},
		{"+ plain event with a line", `{"ts":1777636740,"host":"gw","source":"syslog","line":"Apr 30 01:00:00 plc7 sshd[7]: Invalid user x from 192.0.2.1 port 5"}`, short{
			Time: ts, From: envelope, Host: "gw", HostOrigin: event.Observed, Program: "sshd", Level: none, Format: "syslog", Message: "Invalid user x from 192.0.2.1 port 5",
			Fields: []string{"line_host=plc7", "peer=192.0.2.1!", "peer_port=5!", "user=x", "outcome=failure!"},
		}},
		{"+ plain event with a name", `{"seq":7,"ts":"2026-05-01T11:59:00Z","host":"gw","source":"suricata","name":"ET SCAN","ip":"10.0.0.5","peer":"192.0.2.1","user":"bob","severity":"high"}`, short{
			Time: ts, From: envelope, Host: "gw", HostOrigin: event.Observed, Program: "suricata", Name: "ET SCAN", Level: none, Severity: event.High, Format: "event", Message: "ET SCAN",
			Fields: []string{"host_ip=10.0.0.5!", "peer=192.0.2.1!", "user=bob"},
		}},
		{"+ Wazuh", `{"timestamp":"2026-05-01T11:59:00.000+0000","rule":{"level":10,"description":"sshd: brute force","id":"5712","mitre":{"id":["T1110","T1021"]},"groups":["sshd","auth"]},"agent":{"id":"003","name":"gw"},"manager":{"name":"m"},"full_log":"May  1 11:58:00 other sshd[7]: Invalid user x from 192.0.2.1 port 5","predecoder":{"program_name":"sshd","hostname":"other"},"decoder":{"name":"sshd"},"data":{"srcip":"192.0.2.1","srcuser":"x"},"location":"/var/log/auth.log"}`, short{
			Time: ts, From: envelope, Host: "gw", HostOrigin: event.Observed, Program: "sshd", Name: "sshd: brute force", Level: none, Severity: event.Medium,
			Format: "wazuh", Message: "Invalid user x from 192.0.2.1 port 5",
			Fields: []string{
				"rule=5712!", "technique=T1110,T1021!", "groups=sshd,auth!", "line_host=other", "peer=192.0.2.1!",
				"peer_port=5!", "user=x", "outcome=failure!", "by_user=x", "location=/var/log/auth.log!",
			},
		}},
		{"+ Wazuh with Suricata", `{"timestamp":"2026-05-01T11:59:00.000+0000","rule":{"level":3,"description":"Suricata: Alert - X","id":"86601","groups":["ids"]},"agent":{"id":"006","name":"ids"},"decoder":{"name":"json"},"data":{"timestamp":"2024-05-14T08:37:03.9+0000","event_type":"alert","src_ip":"192.0.2.1","dest_ip":"10.0.0.1","dest_port":"502","alert":{"signature":"X","severity":"1","signature_id":"9"}},"location":"/var/log/suricata/eve.json"}`, short{
			Time: ts, From: envelope, Host: "ids", HostOrigin: event.Observed, Program: "suricata", Name: "Suricata: Alert - X", Level: none, Severity: event.High, Format: "wazuh",
			Message: "event_type=alert src_ip=192.0.2.1 dest_ip=10.0.0.1 dest_port=502 alert.signature=X alert.severity=1 alert.signature_id=9",
			Fields:  []string{"rule=86601!", "groups=ids!", "peer=192.0.2.1!", "target=10.0.0.1!", "port=502!", "rule=9!", "location=/var/log/suricata/eve.json!"},
		}},
		{"+ Windows XML", `<Event xmlns="x"><System><Provider Name="Microsoft-Windows-Security-Auditing" Guid="{1}"/><EventID>4625</EventID><Level>0</Level><TimeCreated SystemTime="2026-05-01T11:59:00.0Z"/><Computer>hmi1</Computer></System><EventData><Data Name="TargetUserName">bob</Data><Data Name="IpAddress">192.0.2.1</Data></EventData></Event>`, short{
			Time: ts, From: header, Host: "hmi1", Program: "Microsoft-Windows-Security-Auditing", Level: 6, Format: "windows",
			Message: "Microsoft-Windows-Security-Auditing EventID=4625 TargetUserName=bob IpAddress=192.0.2.1",
			Fields:  []string{"event_id=4625!", "user=bob", "peer=192.0.2.1!", "outcome=failure!"},
		}},
		{"- broken JSON is a plain line", `{"a":`, short{Time: "2026-05-01T12:00:00Z", From: "received", Level: none, Format: "json", Message: `{"a":`}},
		{"- empty", "", short{Time: "2026-05-01T12:00:00Z", From: "received", Level: none, Format: "plain"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := decoded(Options{}, test.line)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A2: what the transport knows goes before what the line says.
func TestLineCannotNameItsHost(t *testing.T) {
	d := New(Options{Source: "net", Trust: event.Unauthenticated})
	var ev event.Event
	peer := netip.MustParseAddr("192.0.2.7")
	d.DecodeFrom(Transport{Peer: peer, Host: "office3"}, "May  1 11:59:00 plc7 x: y", noon, &ev)
	if ev.Host != "office3" || ev.HostOrigin != event.Observed || ev.Peer != peer {
		t.Errorf("host %q (%v), peer %v", ev.Host, ev.HostOrigin, ev.Peer)
	}
	if f, _ := ev.Field(KeyLineHost); f.Value != "plc7" || f.Origin != event.Claimed {
		t.Errorf("line_host %+v", f)
	}
	d.Decode("May  1 11:59:00 plc7 x: y", noon, &ev)
	if ev.Host != "plc7" || ev.HostOrigin != event.Claimed {
		t.Errorf("without a transport: host %q (%v)", ev.Host, ev.HostOrigin)
	}
}

// A2, A7 and A10: what somebody sent in JSON is no time, host, program or level of
// the line, wherever it stands.
func TestOnlyTheTopSaysWhatTheLineIs(t *testing.T) {
	const inner = `{"date":"1995-01-01T00:00:00Z","host":"plc1","hostname":"plc1","app":"kernel","level":"debug","pid":7,"signature":"x"}`
	const top = `"time":"2026-05-01T11:59:00Z","hostname":"web1","level":"error","app":"shop","pid":5`
	want := short{Time: "2026-05-01T11:59:00Z", From: "header", Host: "web1", Program: "shop", Level: 3, Format: "json"}
	bare := short{Time: "2026-05-01T12:00:00Z", From: "received", Level: event.LevelUnknown, Format: "json"}
	ecs := want
	ecs.Program = "auth"
	windows := short{Time: "2026-05-01T11:59:00Z", From: "header", Host: "hmi1", Level: event.LevelUnknown, Format: "json"}
	for _, test := range []struct {
		name, line string
		want       short
	}{
		{"+ top", `{` + top + `}`, want},
		{"- body first", `{"body":` + inner + `,` + top + `}`, want},
		{"- body last", `{` + top + `,"body":` + inner + `}`, want},
		{"- body alone", `{"body":` + inner + `}`, bare},
		{"- in a list", `{"items":[` + inner + `]}`, bare},
		{"- deep", `{"body":{"host":{"name":"plc1"},"process":{"name":"kernel"},"log":{"level":"debug"}}}`, bare},
		{"- deep, dotted", `{"body":{"host.name":"plc1","process.name":"kernel","log.level":"debug"}}`, bare},
		{"- pairs before the top", `{"host":{"name":"plc1"},"process":{"name":"kernel"},"log":{"level":"debug"},` + top + `}`, want},
		{"+ ECS", `{"@timestamp":"2026-05-01T11:59:00Z","host":{"name":"web1"},"process":{"name":"auth"},"log":{"level":"error"}}`, ecs},
		{"+ ECS, dotted", `{"@timestamp":"2026-05-01T11:59:00Z","host.name":"web1","process.name":"auth","log.level":"error"}`, ecs},
		{"+ Kubernetes", `{"time":"2026-05-01T11:59:00Z","level":"error","app":"shop","kubernetes":{"host":"web1"}}`, want},
		{"+ GELF", `{"timestamp":1777636740,"host":"web1","level":3,"_app":"shop","short_message":""}`, want},
		{"+ Windows", `{"System":{"Computer":"hmi1","TimeCreated":{"SystemTime":"2026-05-01T11:59:00Z"}}}`, windows},
		{"+ Windows, whole", `{"Event":{"System":{"Computer":"hmi1","TimeCreated":{"SystemTime":"2026-05-01T11:59:00Z"}}}}`, windows},
		{"- Windows in a body", `{"body":{"System":{"Computer":"hmi1","TimeCreated":{"SystemTime":"1995-05-01T11:59:00Z"}}}}`, bare},
		{"- time alone in a body", `{"body":{"TimeCreated":{"SystemTime":"1995-05-01T11:59:00Z"}}}`, bare},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := decoded(Options{}, test.line)
			got.Message = ""
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A line of a firewall is looked through once for each key, not once for each pair.
func TestRepeatedKeysCostLittle(t *testing.T) {
	for _, test := range []struct{ name, line string }{
		{"- repeated", "devid=x logid=1 " + strings.Repeat("srcip=1.2.3.4 ", 70_000)},
		{"- many spellings", "devid=x logid=1 " + strings.Repeat("Srcip=1.2.3.4 sRcip=1.2.3.4 ", 100) + strings.Repeat("srcip ", 160_000)},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ev event.Event
			// One look for each pair would run into the time limit of the test run.
			for range 10 {
				New(Options{}).Decode(test.line, noon, &ev)
			}
			check(t, &ev)
		})
	}
}

// A10: lines dated where they cannot be.
func TestImpossibleTimesAreClamped(t *testing.T) {
	for _, test := range []struct {
		name, line, want string
		replay, clamped  bool
	}{
		{"+ a little ahead", "2026-05-01T12:04:00Z x", "2026-05-01T12:04:00Z", false, false},
		{"+ six days behind", "2026-04-25T12:00:00Z x", "2026-04-25T12:00:00Z", false, false},
		{"- ahead", "2026-05-01T12:06:00Z x", "2026-05-01T12:00:00Z", false, true},
		{"- 2099", "2099-01-01T00:00:00Z x", "2026-05-01T12:00:00Z", false, true},
		{"- 1970", "1970-01-01T00:00:00Z x", "2026-05-01T12:00:00Z", false, true},
		{"- eight days behind the newest", "2026-04-23T11:00:00Z x", "2026-05-01T12:00:00Z", false, true},
		{"- 2099 in an envelope", `{"ts":4070908800,"host":"a","line":"x"}`, "2026-05-01T12:00:00Z", false, true},
		{"- 2099 in JSON", `{"ts":4070908800,"msg":"x"}`, "2026-05-01T12:00:00Z", false, true},
		{"+ replay: years behind", "2005-06-09T06:06:17Z x", "2005-06-09T06:06:17Z", true, false},
		{"- replay: 2099 takes the last good time", "2099-01-01T00:00:00Z x", "2026-05-01T11:59:00Z", true, true},
		{"- replay: 1970", "1970-01-01T00:00:00Z x", "2026-05-01T11:59:00Z", true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := New(Options{Replay: test.replay})
			var ev event.Event
			d.Decode("2026-05-01T11:59:00Z first", noon, &ev)
			d.Decode(test.line, noon, &ev)
			if diff := cmp.Diff(test.want, ev.Time.Format(time.RFC3339)); diff != "" || ev.Clamped != test.clamped {
				t.Errorf("clamped %v, want %v; time (-want +got):\n%s", ev.Clamped, test.clamped, diff)
			}
			d.Decode("2026-05-01T11:59:30Z next", noon, &ev)
			if ev.Clamped {
				t.Error("an impossible time spoiled the next line")
			}
		})
	}
}

func TestZoneRules(t *testing.T) {
	zone := time.FixedZone("x", 2*3600)
	for _, test := range []struct {
		name, line, want string
		rule             event.ZoneRule
	}{
		{"+ explicit", "2026-05-01T11:59:00Z x", "2026-05-01T11:59:00Z", event.ZoneExplicit},
		{"+ of the source", "2026-05-01 13:59:00 INFO x", "2026-05-01T11:59:00Z", event.ZoneSource},
		{"+ of the source, with the year", "May  1 13:59:00 gw x: y", "2026-05-01T11:59:00Z", event.ZoneYear},
		{"+ Unix", `{"ts":1777636740,"host":"a","line":"x"}`, "2026-05-01T11:59:00Z", event.ZoneExplicit},
	} {
		t.Run(test.name, func(t *testing.T) {
			ev, got := decoded(Options{Location: zone}, test.line)
			if diff := cmp.Diff(test.want, got.Time); diff != "" || ev.ZoneRule != test.rule {
				t.Errorf("rule %v, want %v; time (-want +got):\n%s", ev.ZoneRule, test.rule, diff)
			}
		})
	}
}

func TestSecondsAreExact(t *testing.T) {
	for _, test := range []struct {
		text string
		want time.Time
	}{
		{"1777636740.123456789", time.Unix(1777636740, 123456789)},
		{"1777636740", time.Unix(1777636740, 0)},
		{"9007199254.740993", time.Unix(9007199254, 740993000)},
	} {
		got, ok := unixSeconds(test.text)
		if !ok || !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", test.text, got, test.want)
		}
	}
	for _, text := range []string{"", "-1", "1e9", "1.2.3", "123456789012", "x"} {
		if got, ok := unixSeconds(text); ok {
			t.Errorf("%q: %v, want none", text, got)
		}
	}
}

// What somebody sent hides no field of the logger's own either.
func TestTopGoesFirst(t *testing.T) {
	_, got := decoded(Options{}, `{"body":{"src_ip":"192.0.2.9","user":"eve","path":"/y"},"remote_addr":"192.0.2.1","user":"bob"}`)
	want := []string{"peer=192.0.2.1", "user=bob", "url=/y"}
	if diff := cmp.Diff(want, got.Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHugeAndHostileLines(t *testing.T) {
	huge := strings.Repeat("a=b \x00\xff[1.2.3.4] user=x from ", 10<<20/27)
	for name, line := range map[string]string{
		"text":        "May  1 11:59:00 gw x: " + huge,
		"JSON string": `{"msg":"` + strings.Repeat("x", 10<<20) + `"}`,
		"JSON values": `{"a":[` + strings.Repeat(`{"ip":"1.2.3.4"},`, 500_000) + `1]}`,
		"JSON depth":  strings.Repeat(`{"a":`, 1_000_000),
		"quotes":      strings.Repeat(`"\`, 1_000_000),
		"CEF":         "CEF:0|a|b|c|d|e|f|" + strings.Repeat("a=b ", 1_000_000),
		"XML":         "<Event>" + strings.Repeat(`<Data Name="x">`, 300_000),
		"access":      `1.2.3.4 - - [01/May/2026:11:59:00 +0000] "` + strings.Repeat(`\"`, 3_000_000),
		"pairs":       strings.Repeat("srcip=1.2.3.4 ", 500_000),
		"sudo":        "May  1 11:59:00 gw sudo: a : " + strings.Repeat(" ; USER=b ; COMMAND=c", 300_000),
	} {
		t.Run("- "+name, func(t *testing.T) {
			var ev event.Event
			New(Options{}).Decode(line, noon, &ev)
			check(t, &ev)
		})
	}
}

// check holds what every event must be, whatever its line held.
func check(t *testing.T, ev *event.Event) {
	t.Helper()
	if len(ev.Fields) > MaxFields || len(ev.Message) > MaxMessage {
		t.Fatalf("%d fields, %d bytes of message", len(ev.Fields), len(ev.Message))
	}
	for _, f := range ev.Fields {
		if len(f.Value) > MaxValue || f.Value == "" {
			t.Fatalf("field %s has %d bytes", f.Key, len(f.Value))
		}
		switch f.Key {
		case event.KeyPeer, event.KeyTarget, event.KeyForwarded:
			// Our own check lets leading zeros through, as programs write them.
			if _, err := netip.ParseAddr(f.Value); err != nil && !isIPv4(f.Value) {
				t.Fatalf("field %s is no address: %q", f.Key, f.Value)
			}
		}
	}
	if ev.Time.IsZero() || ev.Format == "" || ev.Level < event.LevelUnknown || ev.Level > 7 {
		t.Fatalf("time %v, format %q, level %d", ev.Time, ev.Format, ev.Level)
	}
	if ev.Time.After(ev.Received.Add(maxAhead)) {
		t.Fatalf("time %v is after %v", ev.Time, ev.Received)
	}
}

func TestOrdinaryLineDoesNotAllocate(t *testing.T) {
	d := New(Options{})
	var ev event.Event
	for _, line := range []string{
		"May  1 11:59:00 gw rtkit-daemon[1204]: Supervising 6 threads of 3 processes of 1 users",
		"May  1 11:59:00 gw sshd[7]: Failed password for invalid user x from 192.0.2.1 port 5 ssh2",
		`192.0.2.1 - - [01/May/2026:11:59:00 +0000] "GET /a HTTP/1.1" 404 5 "-" "curl/8"`,
		"2026-05-01 11:59:00,978 WARN [IPC 5] org.app.Master: gone",
	} {
		d.Decode(line, noon, &ev)
		if n := testing.AllocsPerRun(100, func() { d.Decode(line, noon, &ev) }); n != 0 {
			t.Errorf("%v allocations for %q, want 0", n, line)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, line := range []string{
		"", "May  1 11:59:00 gw sshd[7]: Failed password for x from 1.2.3.4 port 5 ssh2",
		`{"ts":1,"line":"{\"ts\":2}"}`, `{"rule":{"level":3},"agent":{"name":"a"},"full_log":"May  1 11:59:00 gw x: {\"a\":1}","data":{"srcip":"1.2.3.4"}}`,
		"CEF:0|a|b|c|d|e|5|src=1.2.3.4 x=y", "LEEF:2.0|a|b|c|d|^|src=1.2.3.4^x=y", `<Event><System><Provider Name="a"/></System><Data Name="IpAddress">::1</Data>`,
		"%ASA-6-113015: user = a : user IP = 1.2.3.4", "date=2026-05-01 time=11:59:00 devid=x logid=1 srcip=::1",
		"May  1 11:59:00 gw filterlog: ,,,,,,,,6,,,,,,,::1,::2,1,2", "1.2.3.4 - a [01/May/2026:11:59:00 +0000] \"", "[client ::1:5] x", "\x00\xff[[[",
		`{"log":"x","stream":"y","time":"2026"}`, `{"__REALTIME_TIMESTAMP":"1","MESSAGE":"x"}`, `{"message":"x","agent":{}}`, "(to root) a", "x H=([1.2.3.4]) [::1]:5",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var ev event.Event
		d := New(Options{})
		for range 2 { // the second time with what the first left behind
			d.Decode(line, noon, &ev)
			check(t, &ev)
		}
	})
}

func FuzzMessages(f *testing.F) {
	programs := make([]string, 0, len(recognisers))
	for program := range recognisers {
		programs = append(programs, program)
	}
	f.Add("Failed password for x from 1.2.3.4 port 5 ssh2")
	f.Add("a : TTY=x ; PWD=y ; USER=z ; COMMAND=c")
	f.Add("(x@1.2.3.4) [W] Authentication failed for user [a]")
	f.Add("warning: a[1.2.3.4]: SASL x authentication failed")
	f.Add("auth: pam(a,b): x): (c,d): ")
	f.Add("Access denied for user 'a'@'b' (using password: YES)")
	f.Fuzz(func(t *testing.T, m string) {
		var ev event.Event
		d := New(Options{})
		for _, program := range programs {
			ev.Reset()
			ev.Program, ev.Received, ev.Format = program, noon, "x"
			if m != "" {
				d.recognise(&ev, m)
			}
			d.finish(&ev)
			check(t, &ev)
		}
	})
}

func FuzzTape(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,{"b":"\u0041"}],"c":null}`, `{"a":"\\"}`, `{"a":1,}`, `{"\"":""}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var tape tape
		ok := tape.scan(s)
		for i := range tape.nodes {
			if !ok {
				break
			}
			if tape.end(i) <= i || tape.end(i) > len(tape.nodes) {
				t.Fatalf("node %d ends at %d of %d", i, tape.end(i), len(tape.nodes))
			}
			if text := tape.text(i); utf8.ValidString(s) && !utf8.ValidString(text) {
				t.Fatalf("text %q", text)
			}
			tape.joined(i)
		}
	})
}

func TestCut(t *testing.T) {
	tests := []struct {
		name, text string
		n          int
		want       string
	}{
		{"+ short enough", "abc", 5, "abc"},
		{"+ between runes", "abcdef", 4, "abcd"},
		{"+ within a rune", "ab€cdef", 4, "ab"},
		{"- bytes that start no rune", strings.Repeat("\xa8", 50), 20, strings.Repeat("\xa8", 20)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, cut(test.text, test.n)); diff != "" {
				t.Errorf("cut() (-want +got):\n%s", diff)
			}
		})
	}
}
