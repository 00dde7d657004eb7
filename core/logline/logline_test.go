package logline

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the test needs Berlin on a machine without zone data too

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

// got is what a test compares of a header: the time as an instant.
type got struct {
	Time          string
	Host, Program string
	PID, Level    int
	Lead, Format  string
	Message       string
}

func parsed(line string) got {
	var h Header
	Parse(line, &h)
	g := got{"", h.Host, h.Program, h.PID, h.Level, h.Lead, h.Format, h.Message}
	if h.HasTime {
		t, _ := h.Stamp.Time(time.UTC, time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC))
		g.Time = t.Format("2006-01-02T15:04:05.999999999Z")
	}
	return g
}

func TestParse(t *testing.T) {
	const none = event.LevelUnknown
	for _, test := range []struct {
		name, line string
		want       got
	}{
		{"+ RFC 3164", "Mar  9 01:30:59 pump1 sshd[312]: hello", got{"2026-03-09T01:30:59Z", "pump1", "sshd", 312, none, "", Syslog, "hello"}},
		{"+ with priority", "<34>Oct 11 22:14:15 mx su: 'su root' failed", got{"2025-10-11T22:14:15Z", "mx", "su", 0, 2, "", Syslog, "'su root' failed"}},
		{"+ PAM in the tag", "Mar  9 01:30:59 pump1 sshd(pam_unix)[3]: x", got{"2026-03-09T01:30:59Z", "pump1", "sshd", 3, none, "", Syslog, "x"}},
		{"+ version in the tag", "Mar  9 01:30:59 pump1 syslogd 1.4.1: restart.", got{"2026-03-09T01:30:59Z", "pump1", "syslogd", 0, none, "", Syslog, "restart."}},
		{"+ no tag", "Mar  9 01:30:59 pump1 last message repeated 2 times", got{"2026-03-09T01:30:59Z", "pump1", "", 0, none, "", Syslog, "last message repeated 2 times"}},
		{"+ no host", "Mar  9 01:30:59 sshd[3]: x", got{"2026-03-09T01:30:59Z", "", "sshd", 3, none, "", Syslog, "x"}},
		{"+ RFC 5424", `<165>1 2026-03-09T22:14:15.003Z gw.example app 7 ID47 [a@1 k="]\"x"] text`, got{"2026-03-09T22:14:15.003Z", "gw.example", "app", 7, 5, "", RFC5424, "text"}},
		{"+ RFC 5424 without anything", `<0>1 - - - - - -`, got{"", "", "", 0, 0, "", RFC5424, ""}},
		{"+ RFC 3339 syslog", "2026-03-09T11:47:20.5+02:00 leto kernel: [8695.505196] oops", got{"2026-03-09T09:47:20.5Z", "leto", "kernel", 0, none, "", Syslog, "oops"}},
		{"+ kernel", "[12345.678901] usb 1-1: new", got{"", "", "kernel", 0, none, "", Kernel, "usb 1-1: new"}},
		{"+ log4j with dashes", "2015-07-29 17:41:44,747 - INFO  [main:Listener@493] - up", got{"2015-07-29T17:41:44.747Z", "", "", 0, 6, "", Timed, "up"}},
		{"+ thread and class", "2015-10-18 18:01:47,978 WARN [IPC 5] org.app.Master: gone", got{"2015-10-18T18:01:47.978Z", "", "org.app.Master", 0, 4, "", Timed, "gone"}},
		{"+ two-digit year", "17/06/09 20:10:40 INFO executor.Executor: run", got{"2017-06-09T20:10:40Z", "", "executor.Executor", 0, 6, "", Timed, "run"}},
		{"+ packed", "081109 203615 148 INFO dfs.Node$Part: done", got{"2008-11-09T20:36:15Z", "", "dfs.Node$Part", 148, 6, "", Timed, "done"}},
		{"+ logcat", "03-09 16:13:38.811  1702  2395 D WindowManager: draw", got{"2026-03-09T16:13:38.811Z", "", "WindowManager", 1702, 7, "", Timed, "draw"}},
		{"+ cluster columns", "- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO fixed", got{"2005-06-03T22:42:50Z", "R02-M1", "KERNEL", 0, 6, "", Columns, "fixed"}},
		{"+ cluster columns around syslog", "- 1131566461 2005.11.09 dn2 Nov 9 12:01:01 dn2/dn2 crond(pam_unix)[29]: closed", got{"2005-11-09T20:01:01Z", "dn2", "crond", 29, none, "", Columns, "closed"}},
		{"+ Unix time in the middle", "16 node-1 unit state 1077804742 1 not responding", got{"2004-02-26T14:12:22Z", "", "", 0, none, "", Columns, "not responding"}},
		{"+ bracketed weekday", "[Sun Dec 04 04:47:44 2005] [notice] up", got{"2005-12-04T04:47:44Z", "", "", 0, 5, "", Timed, "up"}},
		{"+ client stays in the message", "[Sun Dec 04 04:47:44.1 2005] [core:error] [pid 7:tid 8] [client 192.0.2.1:5] no", got{"2005-12-04T04:47:44.1Z", "", "", 7, 3, "", Timed, "[client 192.0.2.1:5] no"}},
		{"+ month and day with dots", "[03.09 16:49:06] a.exe *64 - open", got{"2026-03-09T16:49:06Z", "", "a.exe", 0, none, "", Timed, "open"}},
		{"+ program that begins with a digit", "[03.09 16:49:06] 7zip.exe - open", got{"2026-03-09T16:49:06Z", "", "7zip.exe", 0, none, "", Timed, "open"}},
		{"+ the same, with a mark", "[03.09 16:49:06] 7zip.exe *64 - open", got{"2026-03-09T16:49:06Z", "", "7zip.exe", 0, none, "", Timed, "open"}},
		{"- number before a dash", "[03.09 16:49:06] 7.5 - open", got{"2026-03-09T16:49:06Z", "", "", 0, none, "", Timed, "7.5 - open"}},
		{"- size before a dash", "[03.09 16:49:06] 7.5MB2 - open", got{"2026-03-09T16:49:06Z", "", "", 0, none, "", Timed, "7.5MB2 - open"}},
		{"- address before a dash", "[03.09 16:49:06] 192.0.2.1 - open", got{"2026-03-09T16:49:06Z", "", "", 0, none, "", Timed, "192.0.2.1 - open"}},
		{"+ access", `192.0.2.1 - joe [29/Jul/2023:10:26:06 -0700] "GET / HTTP/1.1" 200 5`, got{"2023-07-29T17:26:06Z", "", "", 0, none, "192.0.2.1", Access, `"GET / HTTP/1.1" 200 5`}},
		{"+ Zabbix", "  7:20260309:120000.123 cannot connect", got{"2026-03-09T12:00:00.123Z", "", "", 7, none, "", Zabbix, "cannot connect"}},
		{"+ Cisco", "Mar 09 2026 12:00:00 fw : %ASA-6-302013: Built", got{"2026-03-09T12:00:00Z", "fw", "ASA", 0, 6, "", Cisco, "%ASA-6-302013: Built"}},
		{"+ compose", "app   | 2026-03-09T12:00:00Z [x] WARN  o.a.Auth - no", got{"2026-03-09T12:00:00Z", "", "o.a.Auth", 0, 4, "", Timed, "no"}},
		{"+ pipes", "20260309-22:15:29:606|Step|30|go 3", got{"2026-03-09T22:15:29.606Z", "", "Step", 30, none, "", Timed, "go 3"}},
		{"+ logfmt", `time="2026-03-09T12:00:00Z" level=error msg="no" ip=192.0.2.1`, got{"2026-03-09T12:00:00Z", "", "", 0, 3, "", Pairs, `level=error msg="no" ip=192.0.2.1`}},
		{"+ date and time apart", `date=2026-03-09 time=12:00:00 level=notice x=1`, got{"2026-03-09T12:00:00Z", "", "", 0, 5, "", Pairs, "level=notice x=1"}},
		{"+ glog", "W0309 15:04:05.000001 42 a.go:7] late", got{"2026-03-09T15:04:05.000001Z", "", "", 42, 4, "", Timed, "late"}},
		{"+ AM and PM", "[app] 7  - 03/09/2026, 7:32:47 PM    WARN [Auth] no", got{"2026-03-09T19:32:47Z", "", "", 0, 4, "", Timed, "no"}},
		{"+ database", "192.0.2.9 2026-03-09 11:17:28.4 UTC [539] a@b FATAL:  no", got{"2026-03-09T11:17:28.4Z", "", "", 539, none, "192.0.2.9", Timed, "a@b FATAL:  no"}},
		{"+ only a level", "[info] o.t.Filter [a|b] GET", got{"", "", "", 0, 6, "", Timed, "o.t.Filter [a|b] GET"}},
		{"- prose with a time", "connection closed at 2026-03-09 12:00:00 by peer", got{"", "", "", 0, none, "", Plain, "connection closed at 2026-03-09 12:00:00 by peer"}},
		{"- no such month", "2026-13-09 12:00:00 x", got{"", "", "", 0, none, "", Plain, "2026-13-09 12:00:00 x"}},
		{"- nothing", "", got{"", "", "", 0, none, "", Plain, ""}},
		{"- priority out of range", "<999>x", got{"", "", "", 0, none, "", Plain, "<999>x"}},
		{"- spaces only", " \t ", got{"", "", "", 0, none, "", Plain, ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parsed(test.line)); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", test.line, diff)
			}
		})
	}
}

func TestStampTakesTheYearThatFits(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text, received, want string }{
		{"+ this year", "Jun 14 15:16:01", "2026-06-14T14:00:00Z", "2026-06-14T13:16:01Z"},
		{"+ last year's end", "Dec 31 23:59:59", "2026-01-01T00:00:10Z", "2025-12-31T22:59:59Z"},
		{"+ a clock that is ahead over new year", "Jan  1 00:00:30", "2025-12-31T22:58:00Z", "2025-12-31T23:00:30Z"},
		{"+ later in the year is last year", "Jul  1 00:00:00", "2026-06-14T14:00:00Z", "2025-06-30T22:00:00Z"},
		{"+ leap day", "Feb 29 12:00:00", "2026-06-14T14:00:00Z", "2024-02-29T11:00:00Z"},
		{"+ offset wins over the zone", "2026-06-14T15:16:01-07:00", "2026-06-14T22:20:00Z", "2026-06-14T22:16:01Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			st, ok := ParseStamp(test.text)
			received, _ := time.Parse(time.RFC3339, test.received)
			at, _ := st.Time(berlin, received)
			if diff := cmp.Diff(test.want, at.Format(time.RFC3339)); !ok || diff != "" {
				t.Errorf("%q received %s (-want +got):\n%s", test.text, test.received, diff)
			}
		})
	}
}

func TestSecondsAgreesWithTime(t *testing.T) {
	for day := range 150_000 {
		want := time.Unix(int64(day)*86400+3661, 0).UTC()
		st := Stamp{Month: int(want.Month()), Day: want.Day(), Hour: 1, Minute: 1, Second: 1}
		if got := st.seconds(want.Year()); got != want.Unix() {
			t.Fatalf("%s: %d seconds, want %d", want, got, want.Unix())
		}
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	lines := []string{
		"Mar  9 01:30:59 pump1 sshd[312]: hello", `192.0.2.1 - - [29/Jul/2023:10:26:06 -0700] "GET / HTTP/1.1" 200 5`,
		"2015-10-18 18:01:47,978 WARN [IPC 5] org.app.Master: gone", "not a header at all", `date=2026-03-09 time=12:00:00 x=1`,
	}
	var h Header
	if n := testing.AllocsPerRun(100, func() {
		for _, line := range lines {
			Parse(line, &h)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"", "<34>Oct 11 22:14:15 mx su: x", "<1>1 - - - - - [a b=\"c\"] x", "[12345.678901] x", "%ASA-6-1: x",
		"2015-07-29 17:41:44,747 - INFO  [a[b]:c] - x", "- 1117838570 2005.06.03 R R 2005-06-03-15.42.50.6 R RAS KERNEL INFO x",
		"date=2026-03-09 time=12:00:00 level=x", "a | 20260309-22:15:29:606|a|3|x", "7:20260309:120000.123 x",
		"W0309 15:04:05.000001 42 a.go:7] late", "\xff\x00[2026-01-01 00:00:00 #", "Sun, 02 Jan 2006 15:04:05 +0100 x",
		"*Mar  1 18:48:50.483: %SYS-5-C: x", "1.1.1.1 - - [29/Jul/2023:10:26:06 -0700] \"", "CEF:0|", "{", "<Event",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var h Header
		Parse(line, &h)
		if h.Start < 0 || h.Start > len(line) || !strings.HasPrefix(line[h.Start:], h.Message) {
			t.Fatalf("message %q is not at %d", h.Message, h.Start)
		}
		if h.Level < event.LevelUnknown || h.Level > 7 {
			t.Fatalf("level %d", h.Level)
		}
		if h.HasTime {
			h.Stamp.Time(time.UTC, time.Unix(1780000000, 0))
		}
		ParseStamp(line)
	})
}

func BenchmarkParseSyslog(b *testing.B) {
	line := "Jun 18 01:30:59 combo rtkit-daemon[1204]: Supervising 6 threads of 3 processes of 1 users, more text of an ordinary kind here 12"
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	var h Header
	for b.Loop() {
		Parse(line, &h)
	}
}

func BenchmarkParseClass(b *testing.B) {
	line := "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: Created MRAppMaster for application appattempt_12"
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	var h Header
	for b.Loop() {
		Parse(line, &h)
	}
}
