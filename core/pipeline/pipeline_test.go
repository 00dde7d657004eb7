package pipeline_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/action"
	"penstock/core/cases"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/sift"
	"penstock/core/site"
)

var update = flag.Bool("update", false, "write the answers of this run to testdata/*/want.json")

// fixture is case.json: a case, its evidence with the kinds in words, and the
// language of the site.
type fixture struct {
	Language string     `json:"language"`
	Case     cases.Case `json:"case"`
	Evidence []struct {
		sift.Evidence
		Kind   string `json:"kind"`
		Window string `json:"window"`
		Lines  []int  `json:"lines"`
	} `json:"evidence"`
	// Repeat makes the text of the first line that many times as long.
	Repeat int `json:"repeat"`
}

func readFixture(t testing.TB, path string) fixture {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f fixture
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, e := range f.Evidence {
		e.Evidence.Kind = kindNamed(t, e.Kind)
		if e.Window != "" {
			if e.Evidence.Window, err = time.ParseDuration(e.Window); err != nil {
				t.Fatal(err)
			}
		}
		f.Case.Evidence = append(f.Case.Evidence, e.Evidence)
		for _, n := range e.Lines {
			f.Case.Lines[n-1].Evidence = append(f.Case.Lines[n-1].Evidence, e.Evidence)
		}
	}
	if f.Repeat > 0 {
		f.Case.Lines[0].Text = strings.Repeat(f.Case.Lines[0].Text, f.Repeat)
		f.Case.Users[0].Value = f.Case.Lines[0].Text
	}
	return f
}

func kindNamed(t testing.TB, word string) sift.Kind {
	t.Helper()
	for k := sift.Kind(1); k.String() != "invalid"; k++ {
		if k.String() == word {
			return k
		}
	}
	t.Fatalf("%q is not a kind of evidence", word)
	return 0
}

// waterworks is the site of all fixtures.
func waterworks(t testing.TB, language string) *site.Site {
	t.Helper()
	o := site.DefaultOptions()
	o.Name, o.Timezone, o.Language = "waterworks", "Europe/Berlin", language
	o.Assets = []site.AssetOptions{
		{Name: "gw1", Zone: event.ZoneDMZ, Carries: []event.Zone{event.ZoneOT}, Roles: []site.Role{site.RoleVPN}},
		{Name: "web1", Zone: event.ZoneDMZ, Aliases: []string{"192.0.2.10"}},
		{Name: "file1", Zone: event.ZoneIT},
		{Name: "scada1", Zone: event.ZoneOT, Roles: []site.Role{site.RoleSCADA}},
		{Name: "plc-dosing", Zone: event.ZoneOT, Roles: []site.Role{site.RoleController}},
		{Name: "dns1", Zone: event.ZoneIT, Aliases: []string{"192.0.2.53"}, Roles: []site.Role{site.RoleDNS}},
	}
	o.Contacts = []site.Contact{
		{Name: "Process engineer on call", Phone: "+49 30 555 0101", Zones: []event.Zone{event.ZoneOT}},
		{Name: "IT on call", Phone: "+49 30 555 0102", Mail: "it@waterworks.example", From: event.Medium, Zones: []event.Zone{event.ZoneIT, event.ZoneDMZ}},
	}
	s, err := site.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newPipeline(t testing.TB, language string) *pipeline.Pipeline {
	t.Helper()
	signals := []sift.Signal{{ID: "webshell.request", Title: sift.Titles{EN: "Request to a web shell", DE: "Anfrage an eine Webshell"}}}
	p, err := pipeline.New(waterworks(t, language), action.Catalogue(), shipped(t), signals)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// compare holds a report against the one in a file, which -update writes anew.
func compare(t *testing.T, path string, report pipeline.Report) {
	t.Helper()
	got, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Errorf("report (-want +got)\n%s", diff)
	}
}

// TestRules compares the whole report of each folder in testdata. Read the
// difference before running it with -update: it is what operators will read.
func TestRules(t *testing.T) {
	paths, err := filepath.Glob("testdata/*/case.json")
	if err != nil || len(paths) == 0 {
		t.Fatal("no cases found", err)
	}
	for _, path := range paths {
		folder := filepath.Dir(path)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			f := readFixture(t, path)
			compare(t, filepath.Join(folder, "want.json"), newPipeline(t, f.Language).Rules(f.Case))
		})
	}
}

// Whatever the class, zone and language, and with nothing known but that, the
// advice is whole: a headline, a meaning, three to six steps, a warning, a call.
func TestAdviceIsUsefulForEveryClassZoneAndLanguage(t *testing.T) {
	zones := []event.Zone{event.ZoneUnknown, event.ZoneIT, event.ZoneDMZ, event.ZoneOT}
	for _, language := range site.Languages() {
		p := newPipeline(t, language)
		for _, class := range append(event.Classes(), event.ClassNone) {
			for _, zone := range zones {
				a := p.Rules(cases.Case{Asset: "gw1", Zone: zone, Class: class, Floor: event.High}).Advice
				whole := a.Headline != "" && a.What != "" && a.Means != "" && a.Sure != "" && len(a.Call) > 0 && len(a.Avoid) > 0
				if !whole || len(a.Steps) < 3 || len(a.Steps) > 6 {
					t.Errorf("%s in zone %s, %s: %+v", class, zone, language, a)
				}
				if text := fmt.Sprint(a); strings.ContainsAny(text, "{}") && !strings.HasPrefix(text, "{") {
					t.Errorf("%s in zone %s, %s: a placeholder is left in %+v", class, zone, language, a)
				}
			}
		}
	}
}

func TestAdviceInOTCallsTheProcessEngineerAndNeverSaysIsolate(t *testing.T) {
	p := newPipeline(t, "en")
	for _, class := range event.Classes() {
		a := p.Rules(cases.Case{Asset: "plc-dosing", Zone: event.ZoneOT, Class: class, Floor: event.Low}).Advice
		if !strings.Contains(a.Call[0], "Process engineer") {
			t.Errorf("%s: call %q", class, a.Call)
		}
		for _, s := range a.Steps {
			if strings.Contains(s.Text, "take plc-dosing off the network") {
				t.Errorf("%s: %q in the plant", class, s.Text)
			}
		}
		if !strings.Contains(strings.Join(a.Avoid, " "), "process engineer decides") {
			t.Errorf("%s: avoid %q", class, a.Avoid)
		}
	}
}

// A value that an attacker wrote reaches no command line, whatever it looks like.
func TestCommandsAreNeverBuiltFromFreeText(t *testing.T) {
	hostile := []string{
		"$(reboot)", "`id`", "a;b", "a|b", "-rf", "--exec=/bin/sh", "a b", "a\nb", "root'--", `x"`, "../../etc/shadow",
		"/tmp/x y", "/tmp/$(id)", "/tmp/../etc/shadow", "203.0.113.9; reboot", "fe80::1%eth0", "@x", "\u202eroot", "",
		strings.Repeat("a", 5000),
	}
	p := newPipeline(t, "en")
	for _, value := range hostile {
		for _, class := range event.Classes() {
			entity := []cases.Entity{{Value: value, Origin: event.Observed, Count: 1}}
			c := cases.Case{
				Asset: value, Zone: event.ZoneIT, Class: class, Floor: event.Medium,
				Peers: entity, Users: entity, Programs: entity, Targets: entity,
				Lines: []cases.Line{{Number: 1, Fields: []event.Field{{Key: event.KeyFile, Value: value, Origin: event.Observed}}}},
			}
			for _, s := range p.Rules(c).Advice.Steps {
				if value != "" && strings.Contains(s.Command, value) {
					t.Errorf("%s: %q in command %q", class, value, s.Command)
				}
			}
		}
	}
}

func TestAdviceNeverSaysToBlockAProtectedAddress(t *testing.T) {
	p := newPipeline(t, "en")
	c := cases.Case{
		Asset: "web1", Zone: event.ZoneDMZ, Class: event.BruteForce, Floor: event.Medium,
		Peers: []cases.Entity{{Value: "192.0.2.53", Origin: event.Observed, Count: 9}},
	}
	a := p.Rules(c).Advice
	for _, s := range a.Steps {
		if strings.Contains(s.Text, "block it") {
			t.Errorf("step %q against the site's DNS server", s.Text)
		}
	}
	if !strings.Contains(a.Means, "192.0.2.53 is protected here") {
		t.Errorf("means %q", a.Means)
	}
}

// A1: an address that only the text names gets neither a command nor an action.
func TestClaimedAddressGetsNoCommandAndNoAction(t *testing.T) {
	p := newPipeline(t, "en")
	c := cases.Case{
		Asset: "web1", Zone: event.ZoneDMZ, Class: event.BruteForce, Floor: event.Medium,
		Peers: []cases.Entity{{Value: "198.51.100.7", Count: 9}},
		Lines: []cases.Line{{Number: 1, Fields: []event.Field{{Key: event.KeyPeer, Value: "198.51.100.7"}}}},
	}
	r := p.Rules(c)
	if len(r.Plan.Proposals) > 0 {
		t.Errorf("proposals %+v", r.Plan.Proposals)
	}
	for _, s := range r.Advice.Steps {
		if strings.Contains(s.Text+s.Command, "198.51.100.7") {
			t.Errorf("step %+v names a claimed address", s)
		}
	}
	if !strings.Contains(r.Advice.What, "198.51.100.7 (as the text claims)") {
		t.Errorf("what %q", r.Advice.What)
	}
}

func TestApplicableAimsAtTheMostFrequentObservedAddress(t *testing.T) {
	line := func(n int, address string) cases.Line {
		return cases.Line{Number: n, Fields: []event.Field{{Key: event.KeyPeer, Value: address, Origin: event.Observed}}}
	}
	c := cases.Case{Class: event.ScanProbe, Lines: []cases.Line{line(1, "203.0.113.1"), line(2, "203.0.113.2"), line(3, "::ffff:203.0.113.2")}}
	var got []pipeline.Proposal
	for _, x := range newPipeline(t, "en").Applicable(c) {
		if x.Action == "block-address" {
			got = append(got, x)
		}
	}
	want := []pipeline.Proposal{
		{Action: "block-address", Handle: "E2.peer", Target: "203.0.113.2"},
		{Action: "block-address", Handle: "E1.peer", Target: "203.0.113.1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("proposals (-want +got)\n%s", diff)
	}
}

// A1: a line has one peer, the first: what follows is what its text claims, whatever
// a decoder made of it.
func TestApplicableTakesTheFirstFieldOnly(t *testing.T) {
	field := func(address string, origin event.Origin) event.Field {
		return event.Field{Key: event.KeyPeer, Value: address, Origin: origin}
	}
	for _, test := range []struct {
		name   string
		fields []event.Field
		want   []string
	}{
		{"+ observed", []event.Field{field("203.0.113.1", event.Observed)}, []string{"203.0.113.1"}},
		{"- two observed", []event.Field{field("203.0.113.1", event.Observed), field("203.0.113.2", event.Observed)}, []string{"203.0.113.1"}},
		{"- observed behind claimed", []event.Field{field("203.0.113.1", event.Claimed), field("203.0.113.2", event.Observed)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := cases.Case{Class: event.ScanProbe, Lines: []cases.Line{{Number: 1, Fields: test.fields}}}
			var got []string
			for _, x := range newPipeline(t, "en").Applicable(c) {
				if x.Action == "block-address" {
					got = append(got, x.Target)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("targets (-want +got)\n%s", diff)
			}
		})
	}
}

func TestRulesIsPure(t *testing.T) {
	f := readFixture(t, "testdata/vpn-login/case.json")
	p := newPipeline(t, "en")
	before, _ := json.Marshal(f.Case)
	first := p.Rules(f.Case)
	after, _ := json.Marshal(f.Case)
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the case changed (-before +after)\n%s", diff)
	}
	if diff := cmp.Diff(first, p.Rules(f.Case)); diff != "" {
		t.Errorf("second report (-first +second)\n%s", diff)
	}
}

// TestReasonNamesWhatWasDifferent holds that many addresses for one account do
// not read as many targets.
func TestReasonNamesWhatWasDifferent(t *testing.T) {
	tests := []struct{ language, distinct, want string }{
		{"en", "peer", "5 different addresses used for account bob within 5 minutes"},
		{"en", "user", "5 different accounts tried for account bob within 5 minutes"},
		{"en", "port", "5 different ports tried for account bob within 5 minutes"},
		{"en", "url", "5 different pages requested for account bob within 5 minutes"},
		{"en", "mailbox", "5 different values of mailbox for account bob within 5 minutes"},
		{"en", "", "5 different targets touched for account bob within 5 minutes"},
		{"es", "peer", "5 direcciones distintas usadas de la cuenta bob en 5 minutos"},
		{"de", "peer", "5 verschiedene Adressen benutzt für Konto bob innerhalb von 5 Minuten"},
		{"fr", "peer", "5 adresses différentes utilisées pour le compte bob en 5 minutes"},
	}
	for _, test := range tests {
		c := cases.Case{Users: []cases.Entity{{Value: "bob"}}, Evidence: []sift.Evidence{{
			Kind: sift.FanOut, Class: event.SuspiciousLogin, Subject: "bob", Count: 5, Window: 5 * time.Minute, Distinct: test.distinct,
		}}}
		got := newPipeline(t, test.language).Rules(c).Anomaly.Reasons
		if diff := cmp.Diff([]string{test.want}, got); diff != "" {
			t.Errorf("%s, %q (-want +got)\n%s", test.language, test.distinct, diff)
		}
	}
}

// TestFileWithoutHostIsNotCalledAHost holds that nobody is sent to the process
// engineer, and no command is made, for a file that names no host.
func TestFileWithoutHostIsNotCalledAHost(t *testing.T) {
	f := readFixture(t, "testdata/unnamed-web-log/case.json")
	for _, language := range []string{"en", "es", "de", "fr"} {
		a := newPipeline(t, language).Rules(f.Case).Advice
		text := strings.Join(append(a.Call, a.Means), " ")
		if !strings.Contains(text, "sources[].host") || !strings.Contains(text, "IT on call") || strings.Contains(text, "Process engineer") {
			t.Errorf("%s: %s", language, text)
		}
		for _, s := range a.Steps {
			if strings.Contains(s.Command, f.Case.Asset) {
				t.Errorf("%s: the file's name stands for a host in %q", language, s.Command)
			}
		}
	}
	f.Case.Lines[1].Host = "web9" // one line that names it is enough
	if means := newPipeline(t, "en").Rules(f.Case).Advice.Means; strings.Contains(means, "sources[]") {
		t.Errorf("a line names the host: %s", means)
	}
}

func TestScore(t *testing.T) {
	tests := []struct {
		name string
		in   []sift.Evidence
		want int
	}{
		{"+ nothing", nil, 0},
		{"+ new message", []sift.Evidence{{Kind: sift.NewTemplate}}, 30},
		{"+ the same twice", []sift.Evidence{{Kind: sift.NewTemplate}, {Kind: sift.NewTemplate}}, 30},
		{"+ two kinds", []sift.Evidence{{Kind: sift.NewTemplate}, {Kind: sift.Burst}}, 60},
		{"+ grave signal", []sift.Evidence{{Kind: sift.SignalMatch, Severity: event.High}}, 66},
		{"+ never above 100", []sift.Evidence{{Kind: sift.SuccessAfter, Confirmed: true}, {Kind: sift.Burst}, {Kind: sift.OddTime}}, 100},
		{"- kind that does not exist", []sift.Evidence{{Kind: 200}}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := pipeline.Score(test.in); got != test.want {
				t.Errorf("score %d, want %d", got, test.want)
			}
		})
	}
}

func TestSpan(t *testing.T) {
	tests := []struct {
		in   time.Duration
		want string
	}{
		{0, "1 second"},
		{90 * time.Second, "1 minute"},
		{4 * time.Minute, "4 minutes"},
		{time.Hour, "1 hour"},
		{90 * time.Minute, "90 minutes"},
		{5 * time.Hour, "5 hours"},
		{72 * time.Hour, "3 days"},
	}
	for _, test := range tests {
		if got := pipeline.Span(test.in, "en"); got != test.want {
			t.Errorf("%s reads %q, want %q", test.in, got, test.want)
		}
	}
}

func TestGrouped(t *testing.T) {
	tests := []struct {
		n              int
		language, want string
	}{{999, "en", "999"}, {1234, "de", "1234"}, {12345, "en", "12,345"}, {1234567, "fr", "1\u202f234\u202f567"}}
	for _, test := range tests {
		if got := pipeline.Grouped(test.n, test.language); got != test.want {
			t.Errorf("%d in %s reads %q, want %q", test.n, test.language, got, test.want)
		}
	}
}

func TestCleanDefusesText(t *testing.T) {
	tests := []struct{ in, want string }{
		{"root", "root"},
		{"a\x1b[31mb", "a [31mb"},
		{"a\u202eb\u200bc", "a b c"},
		{"a\r\n\tb", "a b"},
		{"\xff\xfe", ""},
		{strings.Repeat("x", 60), strings.Repeat("x", 48) + "…"},
	}
	for _, test := range tests {
		if got := pipeline.Clean(test.in); got != test.want {
			t.Errorf("%q reads %q, want %q", test.in, got, test.want)
		}
	}
}

func TestFillReplacesOnlyWhatItKnows(t *testing.T) {
	got := pipeline.Fill("{a} {b} {", map[string]string{"a": "{b}", "b": "2"})
	if want := "{b} 2 {"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzRules: no case, however hostile, breaks a report, leaves what is not
// printed in a sentence, or puts more than the playbook's characters in a command.
func FuzzRules(f *testing.F) {
	f.Add("gw1", "203.0.113.9", "root", "sshd", "/tmp/x", uint8(4), uint8(1))
	f.Add("$(x)", "::1\n", "\x1b]0;x\a", "a b", "-x", uint8(20), uint8(3))
	p := newPipeline(f, "de")
	f.Fuzz(func(t *testing.T, host, peer, user, program, file string, class, zone uint8) {
		entity := func(s string) []cases.Entity { return []cases.Entity{{Value: s, Origin: event.Observed, Count: 2}} }
		e := sift.Evidence{Kind: sift.Kind(class%14 + 1), Class: event.Class(class % 26), Signal: program, Subject: user, Count: int(class), Window: time.Minute}
		c := cases.Case{
			Asset: host, Zone: event.Zone(zone % 4), Class: event.Class(class % 26), Floor: event.High,
			Peers: entity(peer), Users: entity(user), Programs: entity(program), Targets: entity(host),
			Evidence: []sift.Evidence{e},
			Lines: []cases.Line{{
				Number: 1, Host: host, Program: program, Evidence: []sift.Evidence{e},
				Fields: []event.Field{{Key: event.KeyFile, Value: file}, {Key: event.KeyPeer, Value: peer, Origin: event.Observed}},
			}},
		}
		r := p.Rules(c)
		for _, s := range r.Advice.Steps {
			if strings.ContainsAny(s.Command, "`\x00\n\r{}\x1b") || len(s.Command) > 1000 {
				t.Errorf("command %q", s.Command)
			}
		}
		texts := slices.Concat(r.Anomaly.Reasons, r.Assessment.Reasons, r.Advice.Avoid,
			[]string{r.Summary.Headline, r.Advice.What, r.Advice.Means, r.Advice.Sure})
		for _, text := range texts {
			if strings.ContainsAny(text, "\x1b\x00\n\r\u202e\u200b") || len(text) > 4000 {
				t.Errorf("text %q", text)
			}
		}
	})
}

func BenchmarkRules(b *testing.B) {
	f := readFixture(b, "testdata/vpn-login/case.json")
	for n := len(f.Case.Lines); n < cases.MaxLines; n++ {
		l := f.Case.Lines[0]
		l.Number = n + 1
		f.Case.Lines = append(f.Case.Lines, l)
	}
	p := newPipeline(b, "en")
	for b.Loop() {
		p.Rules(f.Case)
	}
}
