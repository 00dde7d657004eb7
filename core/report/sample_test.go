package report_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/config"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/report"
	"penstock/core/sift"
	"penstock/core/site"
)

var night = time.Date(2026, 3, 7, 1, 11, 2, 0, time.UTC)

// sample is a night at a waterworks: noise from outside, a guessed password on
// the gateway, a written set point in the plant.
func sample(t testing.TB, language string) report.Input {
	t.Helper()
	place, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	in := report.Input{
		Site: "Wasserwerk Nord", Language: language, Location: place, Version: "0.1.0", Generated: night.Add(6 * time.Hour),
		Totals: report.Totals{
			Events: 128311, Suppressed: 127640, Attached: 648, Forwarded: 23, Templates: 412,
			From: night.Add(-5 * time.Hour), To: night.Add(3 * time.Hour), Took: 2100 * time.Millisecond,
		},
		Timeline: sampleTimeline(),
		Sources: []report.Source{
			{Name: "/var/log/auth.log", Format: "syslog", Trust: event.Local, Events: 8211, Handed: 402, From: night.Add(-5 * time.Hour), To: night.Add(3 * time.Hour)},
			{Name: "/var/log/nginx/access.log", Format: "access", Trust: event.Local, Events: 91040, Handed: 251, From: night.Add(-5 * time.Hour), To: night.Add(3 * time.Hour)},
			{Name: "plant-gateway", Format: "syslog", Trust: event.Authenticated, Events: 29060, Handed: 18, From: night.Add(-5 * time.Hour), To: night.Add(3 * time.Hour)},
		},
		Hosts: []report.Host{
			{Name: "gw1", Zone: event.ZoneDMZ, Events: 8211, Cases: 2, Worst: event.High},
			{Name: "plc-dosing", Zone: event.ZoneOT, Events: 3110, Cases: 1, Worst: event.Critical},
			{Name: "web1", Zone: event.ZoneDMZ, Events: 91040, Cases: 1, Worst: event.Medium},
			{Name: "scada1", Zone: event.ZoneOT, Events: 25950},
		},
		Templates: []report.Template{
			{Text: `<ip> - - "GET /api/levels HTTP/1.1" 200 <num>`, Program: "nginx", Host: "web1", Events: 70210},
			{Text: "telemetry station <num> level <num> cm pressure <num> kPa", Program: "telemetry", Events: 24110},
			{Text: "Failed password for <user> from <ip> port <num> ssh2", Program: "sshd", Host: "gw1", Events: 391},
			{Text: "write register <num> (chlorine set point) <num> -> <num> by <ip>", Program: "modbus-gw", Host: "plc-dosing", Events: 1, New: true},
		},
	}
	p := samplePipeline(t, language)
	for _, c := range sampleCases() {
		v := report.CaseView{Case: c, Report: p.Rules(c), Decision: report.Decision{Mode: "log"}}
		switch c.Floor {
		case event.Medium:
			v.Decision = report.Decision{Mode: "act", DryRun: true, Actions: []report.Action{{Name: "limit-address", Target: "198.51.100.4", Host: "fw1"}}}
		case event.High:
			v.Decision.Mode = "review"
		case event.Critical:
			v.Decision = report.Decision{Mode: "escalate", Reasons: []string{"zone ot: advice only"}}
		}
		in.Cases = append(in.Cases, v)
	}
	return in
}

func samplePipeline(t testing.TB, language string) *pipeline.Pipeline {
	t.Helper()
	book, err := config.LoadPlaybook("playbook.yaml", pipeline.ShippedPlaybook())
	if err != nil {
		t.Fatal(err)
	}
	o := site.DefaultOptions()
	o.Timezone, o.Language = "Europe/Berlin", language
	o.Assets = []site.AssetOptions{
		{Name: "gw1", Zone: event.ZoneDMZ, Carries: []event.Zone{event.ZoneOT}, Roles: []site.Role{site.RoleVPN}},
		{Name: "web1", Zone: event.ZoneDMZ},
		{Name: "plc-dosing", Zone: event.ZoneOT, Roles: []site.Role{site.RoleController}},
	}
	o.Contacts = []site.Contact{
		{Name: "Verfahrenstechnik, Bereitschaft", Phone: "+49 30 555 0101", Zones: []event.Zone{event.ZoneOT}},
		{Name: "IT-Bereitschaft", Phone: "+49 30 555 0102", Mail: "it@wasserwerk.example", From: event.Medium},
	}
	s, err := site.New(o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(s, action.Catalogue(), book, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sampleTimeline() *report.Timeline {
	var line report.Timeline
	random := rand.New(rand.NewPCG(1, 2))
	for s := -5 * 3600; s < 3*3600; s++ {
		at := night.Add(time.Duration(s) * time.Second)
		for range 3 + random.IntN(3) {
			line.Suppressed(at)
		}
		if random.IntN(400) == 0 {
			line.Handed(at, event.Low)
		}
		if s > -3000 && s < 300 && random.IntN(9) == 0 {
			line.Handed(at, event.Medium)
		}
		if s >= 0 && s < 280 && random.IntN(20) == 0 {
			line.Handed(at, event.High)
		}
	}
	line.Handed(night.Add(9*time.Minute), event.Critical)
	return &line
}

func sampleCases() []cases.Case {
	peer := func(address string) event.Field {
		return event.Field{Key: event.KeyPeer, Value: address, Origin: event.Observed}
	}
	gw := cases.Case{
		ID: "nord-w1-7", Revision: 2, Asset: "gw1", Zone: event.ZoneDMZ, Class: event.SuspiciousLogin, Floor: event.High,
		Opened: night, Updated: night.Add(278 * time.Second), Events: 14, Techniques: []string{"T1078", "T1110"},
		Peers:    []cases.Entity{{Value: "203.0.113.9", Origin: event.Observed, Count: 14}},
		Users:    []cases.Entity{{Value: "maint", Count: 14}},
		Programs: []cases.Entity{{Value: "sshd", Origin: event.Observed, Count: 14}},
		Evidence: []sift.Evidence{
			{Kind: sift.SuccessAfter, Class: event.SuspiciousLogin, Severity: event.High, Subject: "203.0.113.9", Origin: event.Observed, Count: 12, Window: 10 * time.Minute},
			{Kind: sift.Repeated, Class: event.BruteForce, Severity: event.Medium, Subject: "203.0.113.9", Origin: event.Observed, Count: 12, Window: 4 * time.Minute},
		},
	}
	for i := range 12 {
		gw.Lines = append(gw.Lines, cases.Line{
			Number: i + 1, Time: night.Add(time.Duration(i*20) * time.Second), Host: "gw1", Program: "sshd", Trust: event.Local,
			Text: fmt.Sprintf("Failed password for maint from 203.0.113.9 port %d ssh2", 40000+i*17), Evidence: gw.Evidence[1:],
			Fields: []event.Field{peer("203.0.113.9"), {Key: event.KeyUser, Value: "maint"}},
		})
	}
	gw.Lines = append(gw.Lines, cases.Line{
		Number: 13, Time: night.Add(278 * time.Second), Host: "gw1", Program: "sshd", Trust: event.Local, Evidence: gw.Evidence[:1],
		Text: "Accepted password for maint from 203.0.113.9 port 40988 ssh2", Fields: []event.Field{peer("203.0.113.9"), {Key: event.KeyUser, Value: "maint"}},
	})
	plc := cases.Case{
		ID: "nord-w1-9", Revision: 1, Asset: "plc-dosing", Zone: event.ZoneOT, Class: event.ProcessControl, Floor: event.Critical, Confirmed: true,
		Opened: night.Add(9 * time.Minute), Updated: night.Add(9 * time.Minute), Events: 1, Techniques: []string{"T0836"},
		Peers:    []cases.Entity{{Value: "10.9.0.14", Origin: event.Observed, Count: 1}},
		Programs: []cases.Entity{{Value: "modbus-gw", Origin: event.Observed, Count: 1}},
		Evidence: []sift.Evidence{
			{Kind: sift.SignalMatch, Class: event.ProcessControl, Severity: event.Critical, Confirmed: true, Signal: "ot.setpoint", Subject: "10.9.0.14", Origin: event.Observed},
			{Kind: sift.NewTemplate, Class: event.Novelty, Severity: event.Low, Subject: "modbus-gw"},
		},
	}
	plc.Lines = []cases.Line{{
		Number: 1, Time: plc.Opened, Host: "plc-dosing", Program: "modbus-gw", Trust: event.Authenticated, Evidence: plc.Evidence,
		Text: "write register 40012 (chlorine set point) 0.4 -> 2.0 by 10.9.0.14", Fields: []event.Field{peer("10.9.0.14")},
	}}
	web := cases.Case{
		ID: "nord-w1-4", Revision: 3, Asset: "web1", Zone: event.ZoneDMZ, Class: event.WebAttack, Floor: event.Medium,
		Opened: night.Add(-50 * time.Minute), Updated: night.Add(5 * time.Minute), Events: 251, Techniques: []string{"T1190"},
		Peers:    []cases.Entity{{Value: "198.51.100.4", Origin: event.Observed, Count: 250}, {Value: "192.0.2.1", Count: 1}},
		Programs: []cases.Entity{{Value: "nginx", Origin: event.Observed, Count: 251}},
		Evidence: []sift.Evidence{{Kind: sift.SignalMatch, Class: event.WebAttack, Severity: event.Medium, Signal: "web.traversal", Subject: "198.51.100.4", Origin: event.Observed}},
	}
	web.Lines = []cases.Line{{
		Number: 1, Time: web.Opened, Host: "web1", Program: "nginx", Trust: event.Local, Evidence: web.Evidence,
		Text:   `198.51.100.4 - - "GET /?q=<script>document.title='owned'</script>&f=../../../../etc/passwd HTTP/1.1" 404 153 "-" "` + "\x1b[31m\u202ecurl" + `"`,
		Fields: []event.Field{peer("198.51.100.4"), {Key: event.KeyURL, Value: "/?q=<script>document.title='owned'</script>"}, {Key: event.KeyForwarded, Value: "192.0.2.1"}},
	}}
	disk := cases.Case{
		ID: "nord-w1-2", Revision: 1, Asset: "file1", Class: event.Fault, Floor: event.Low,
		Opened: night.Add(-4 * time.Hour), Updated: night.Add(-3 * time.Hour), Events: 9,
		Programs: []cases.Entity{{Value: "kernel", Origin: event.Observed, Count: 9}},
		Evidence: []sift.Evidence{{Kind: sift.NewTemplate, Class: event.Novelty, Severity: event.Low, Subject: "kernel"}},
	}
	disk.Lines = []cases.Line{{Number: 1, Time: disk.Opened, Host: "file1", Program: "kernel", Text: "sd 0:0:0:0: [sda] Unrecovered read error", Evidence: disk.Evidence}}
	return []cases.Case{plc, gw, web, disk}
}
