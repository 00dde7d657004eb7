package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

// badFiles names each file in testdata/bad and what is said of it.
var badFiles = []struct{ file, want string }{
	{"empty", ":1: the file is empty"},
	{"only-comments", ":1: the file is empty"},
	{"two-documents", ":3: a second document starts here: a file holds one"},
	{"tab", ":2: the line is indented with a tab: YAML wants spaces"},
	{"syntax", ":2: found unexpected end of stream"},
	{"not-keys", ":1: must be keys with values, not a list"},
	{"alias", `:5: site.zones.ot[0]: 10.0.0.0/8 is there already, as zones.it[0]`},
	{"alias-of-itself", ":2: site.assets[0]: must be keys with values, not a list"},
	{"merge", ":5: site.contacts[1].<<: is not a key here (name, phone, mail, zones, from, classes)"},
	{"tag", ":2: site.name: tags such as !env are not supported"},
	{"unknown-section", ":1: sight: is not a key here (site, sources, detect, model, policy, actions, store, spool, log, control, zabbix, notify, state_dir, signals_file)"},
	{"unknown-key", ":2: site.asets: is not a key here, did you mean assets?"},
	{"unknown-key-far", ":3: policy.limits.everything: is not a key here (worker, source, target, raises)"},
	{"secret-inline", ":2: model.token: is not a key here: secrets are read from files, use token_file"},
	{"key-twice", ":4: site.name: is there twice, first in line 2"},
	{"key-not-a-word", ":2: site: a key must be a single word"},
	{"list-expected", ":2: site.assets: must be a list, not a single value"},
	{"keys-expected", ":1: site: must be keys with values, not a single value"},
	{"value-expected", ":2: site.name: must be a single value, not a list"},
	{"empty-item", ":5: site.protected.users[1]: is empty"},
	{"not-a-bool", `:2: actions.dry_run: "yes" is not true or false`},
	{"not-a-number", `:3: policy.limits.worker: "many" is not a whole number, or too large`},
	{"not-a-duration", `:2: policy.order_expiry: "15 minutes" is not a duration (such as 90s, 5m, 12h or 7d)`},
	{"site-name", `:2: site.name: "Wasserwerk Nord" may hold only letters a-z, digits, . _ and -, because it is part of case ids`},
	{"site-name-empty", ":2: site.name: is missing"},
	{"site-worker-long", `:2: site.worker: "a-name-of-more-than-thirty-two-letters" is longer than 32 characters`},
	{"site-timezone", `:2: site.timezone: "CEST" is not a time zone (such as Europe/Vienna, UTC or Local)`},
	{"site-language", `:2: site.language: "it" is not a language (en, es, de, fr)`},
	{"zone-name", ":3: site.zones.plant: is not a key here (it, dmz, ot)"},
	{"zone-network", `:3: site.zones.ot[0]: "10.20.0.300" is not a network or an address (such as 10.20.0.0/16 or 10.20.0.5)`},
	{"zone-host-bits", `:3: site.zones.ot[0]: "10.20.0.1/16" is an address inside a network: write 10.20.0.0/16 for the network or 10.20.0.1 for the address`},
	{"zone-same-network", ":4: site.zones.ot[0]: 10.20.0.0/16 is there already, as zones.it[0]"},
	{"zone-everything", `:3: site.zones.it[0]: "0.0.0.0/0" means every address: name the networks`},
	{"asset-without-name", ":3: site.assets[0].name: is missing"},
	{"asset-same-alias", `:8: site.assets[1].aliases[1]: "10.0.0.1" already belongs to asset "fw1": one name, one asset`},
	{"asset-network", `:4: site.assets[0].aliases[0]: "10.0.0.0/24" is not a name or an address: networks belong under zones`},
	{"asset-zone", `:4: site.assets[0].zone: "plant" is not a zone (unknown, it, dmz, ot)`},
	{"asset-role", `:4: site.assets[0].roles[0]: "plc" is not a role (server, gateway, nat, vpn, dns, time, directory, zabbix, wazuh, penstock, relay, scada, historian, operator-station, controller)`},
	{"asset-note", ":4: site.assets[0].note: is longer than one line of 300 bytes"},
	{"asset-critical-test", ":5: site.assets[0].test: an asset cannot be both critical and test"},
	{"protected-host", `:3: site.protected.hosts[0]: "dc1" is no asset's name: list it under assets, or its address under protected.networks`},
	{"protected-user", `:3: site.protected.users[0]: "*" is not an account name (* may stand at the end, as in svc-*)`},
	{"blockable-everything", `:2: site.blockable[0]: "::/0" means every address: name the networks`},
	{"scanner-without-address", ":3: site.known_scanners[0].address: is missing: the scanner's address or network"},
	{"contact-unreachable", ":3: site.contacts[0]: needs a phone or a mail: this contact cannot be reached"},
	{"contact-mail", `:4: site.contacts[0].mail: "maria at plant.example" is not a mail address`},
	{"contact-severity", `:5: site.contacts[0].from: "urgent" is not a severity (none, Low, Medium, High, Critical)`},
	{"source-without-name", ":2: sources[0].name: is missing"},
	{"source-kind", `:3: sources[0].kind: "tape" is not a kind of source (file, dir, journald, wazuh, drop, stdin, zabbix)`},
	{"source-without-kind", ":2: sources[0].kind: is missing (file, dir, journald, wazuh, drop, stdin, zabbix)"},
	{"source-without-path", ":2: sources[0].path: is missing: a source of kind file needs one"},
	{"source-zabbix-path", ":2: sources[0].path: is missing: without the folder that the server exports to, problems are read over the API, which zabbix.api.url names"},
	{"source-pattern", `:4: sources[0].path: "/var/log/*": only a source of kind file may use a pattern`},
	{"source-twice", `:5: sources[1].name: "auth" is sources[0] already`},
	{"source-trust", `:4: sources[0].trust: "full" is not a trust (unauthenticated, authenticated, local)`},
	{"source-namespace", ":2: sources[0].namespace: only a source of kind journald has one"},
	{"source-format", `:2: sources[0].format: "xml" is not a format (event, or nothing: it is recognised)`},
	{"store-keep", ":2: store.keep_days: must lie between 1 and 3650"},
	{"spool-size", ":2: spool.max_bytes: 1000 is not between 1048576 (1 MiB) and 1099511627776 (1 TiB)"},
	{"log-keep", ":2: log.keep_days: 0 is not between 1 and 3650"},
	{"control-group", `:2: control.group: "no group" is not the name of a group`},
	{"model-without-name", ":1: model.name: is missing: `ollama list` shows the names"},
	{"model-remote", ":5: model.endpoints[1]: 198.51.100.1 is a public address: prompts hold log lines; set allow_remote if they may leave the site"},
	{"model-digest", `:2: model.digest: "359d7dd4bcda" is not a SHA-256 (64 digits 0-9 and a-f)`},
	{"model-timeout", ":2: model.timeout: 0s is not between 1s and 1h"},
	{"model-service", ":2: model.endpoints[0]: ollama.com is a service, not a server of yours: it wants requests signed with a key, which Penstock never does"},
	{"model-budget", ":2: model.tokens_per_hour: 100 is not between 1000 and 1000000000\ntestdata/bad/model-budget.yaml:3: model.time_per_hour: 10s is not between 1m and 64h"},
	{"model-case-budget", ":2: model.case_tokens: 0 is not between 1000 and 10000000\ntestdata/bad/model-case-budget.yaml:3: model.case_time: 1s is not between 10s and 1h"},
	{"policy-approver", ":3: policy.approvers[0].name: is missing"},
	{"policy-limit", ":3: policy.limits.worker: 5000 is not a limit between 0 and 1000 orders an hour"},
	{"policy-raises", ":3: policy.limits.raises: -1 is not a limit between 0 and 1000 raises an hour"},
	{"policy-trust", `:2: policy.min_trust: "unauthenticated" would let anybody on the network choose what is blocked (authenticated, local)`},
	{"policy-containment", `:2: policy.containment[0]: "end-session" cannot be taken back: it always waits for a person`},
	{"policy-stop-file", `:2: policy.stop_file: "stop" is not an absolute path`},
	{"policy-two-persons", ":3: policy.two_persons: one approver cannot be two persons: list a second, or set two_persons: false"},
	{"policy-containment-off", `:2: policy.containment[0]: "isolate-host" is not listed under actions.enabled`},
	{"detect-forget", ":3: detect.sift.forget: must lie between 1m and 2160h"},
	{"detect-quiet", ":3: detect.cases.quiet: must lie between 1m and 168h"},
	{"action-host-never", `:7: actions.hosts[0]: "plc1" can never act: host-in-ot`},
	{"action-unknown", `:2: actions.enabled[0]: "reboot" is not an action (collect-evidence, snapshot-config, limit-address, block-address, freeze-process, end-session, disable-user, isolate-host)`},
	{"action-expiry", ":3: actions.expiry.block-address: 720h0m0s is not an expiry between 1m0s and 24h0m0s"},
	{"action-expiry-unknown", `:3: actions.expiry.blok-address: "blok-address" is not an action (collect-evidence, snapshot-config, limit-address, block-address, freeze-process, end-session, disable-user, isolate-host)`},
	{"action-host", `:2: actions.hosts[0]: "fw1" is not an asset of the site`},
	{"notify-after", ":2: notify.after: 1s is not between 1m and 24h"},
	{"notify-relay", ":2: notify.mail.relay: is missing: without it there is no mail"},
	{"zabbix-host", `:2: zabbix.host: "web/1" is not a technical name of a host in Zabbix (letters, digits, blanks, . _ -, at most 128)`},
	{"zabbix-hosts", ":2: zabbix.hosts: has no effect without zabbix.host, the worker's own host in Zabbix"},
	{"zabbix-to", `:3: zabbix.send.to[0]: "proxy" is not an address with a port, such as 127.0.0.1:10051`},
	{"zabbix-way", `:2: zabbix.send.way: "pigeon" is not a way to send (sender, push)`},
	{"zabbix-push", ":2: zabbix.send.way: push needs zabbix.api.url"},
	{"zabbix-tls", ":3: zabbix.send.tls.ca_file: is missing: without it nothing is encrypted"},
	{"zabbix-api", `:3: zabbix.api.url: "https://zabbix.example/zabbix/" is not the address of an API, such as https://zabbix.example/zabbix/api_jsonrpc.php`},
	{"zabbix-token", ":2: zabbix.api.token_file: is missing: the API wants a token (or user and password_file)"},
	{"zabbix-look", ":2: zabbix.look: 1s is not between 10s and 1h"},
}

func TestLoadRejects(t *testing.T) {
	for _, tt := range badFiles {
		t.Run("- "+tt.file, func(t *testing.T) {
			path := filepath.Join("testdata", "bad", tt.file+".yaml")
			_, err := Load(path)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error = %v, want Problems", err)
			}
			if diff := cmp.Diff(path+tt.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryBadFileIsExpected(t *testing.T) {
	files, err := os.ReadDir(filepath.Join("testdata", "bad"))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range files {
		got = append(got, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	listed := map[string]bool{}
	for _, b := range badFiles {
		listed[b.file] = true
	}
	for _, f := range got {
		if listed[f] {
			want = append(want, f)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files without an expected message (-want +got):\n%s", diff)
	}
}

func TestLoadNamesTenMistakesAtOnce(t *testing.T) {
	path := filepath.Join("testdata", "ten-mistakes.yaml")
	_, err := Load(path)
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`3: site.name: "Wasserwerk Nord" may hold only letters a-z, digits, . _ and -, because it is part of case ids`,
		`4: site.timezone: "Vienna" is not a time zone (such as Europe/Vienna, UTC or Local)`,
		`5: site.zonse: is not a key here, did you mean zones?`,
		`8: site.zones.it[0]: "10.10.0.1/16" is an address inside a network: write 10.10.0.0/16 for the network or 10.10.0.1 for the address`,
		`14: site.assets[1].aliases[0]: "10.20.0.5" already belongs to asset "plc1": one name, one asset`,
		`18: site.contacts[0].from: "urgent" is not a severity (none, Low, Medium, High, Critical)`,
		`20: sources[0].path: is missing: a source of kind file needs one`,
		`23: model.token: is not a key here: secrets are read from files, use token_file`,
		`25: policy.order_expiry: "15 minutes" is not a duration (such as 90s, 5m, 12h or 7d)`,
		`27: actions.dry_run: "maybe" is not true or false`,
	}
	for i := range want {
		want[i] = path + ":" + want[i]
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestExampleLoadsAndShowsEveryKey(t *testing.T) {
	if _, err := Parse("config.example.yaml", Example()); err != nil {
		t.Fatal(err)
	}
	text := string(Example())
	for _, key := range allKeys(reflect.TypeFor[Config]()) {
		if !strings.Contains(text, lastOf(key)+":") {
			t.Errorf("config.example.yaml does not show %s", key)
		}
	}
}

func TestStarterLoadsAndIsShort(t *testing.T) {
	c, err := Parse("penstock.yaml", Starter())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Sources) != 1 || c.Sources[0].Trust != event.Local {
		t.Errorf("sources = %+v, want one that is trusted as local", c.Sources)
	}
	if lines := strings.Count(string(Starter()), "\n"); lines > 20 {
		t.Errorf("the starter has %d lines, want 20 at most", lines)
	}
}

func TestParseBoundsAliasesOfAliases(t *testing.T) {
	text := "site:\n  protected:\n    users: &a [u" + strings.Repeat(", u", 2000) + "]\n  assets:\n"
	text += "    - &b {name: x, aliases: *a}\n" + strings.Repeat("    - *b\n", 2000)
	_, err := Parse("bomb", []byte(text))
	if err == nil || !strings.Contains(err.Error(), "aliases make the file larger than 200000 values") {
		t.Errorf("error = %.200v, want one that names the bound", err)
	}
}

func TestDefaultIsValid(t *testing.T) {
	check("", reflect.ValueOf(Default()).Elem(), func(path, text string) { t.Errorf("%s: %s", path, text) })
}

func TestDefaultNeverActsByItself(t *testing.T) {
	c := Default()
	if !c.Actions.DryRun || len(c.Actions.Hosts) > 0 || len(c.Policy.Approvers) > 0 || c.Policy.ModelMayAct ||
		len(c.Policy.Containment) > 0 || len(c.Model.Endpoints) > 0 || len(c.Site.Blockable) > 0 {
		t.Errorf("Default() = %+v, want dry run and nobody who may do anything", c)
	}
}

func TestAbsentAndZeroAreDifferent(t *testing.T) {
	c, err := Parse("a", []byte("policy:\n  limits:\n    worker: 0\n  two_persons:\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Policy.Limits; got.Worker != 0 || got.Source != Default().Policy.Limits.Source || !c.Policy.TwoPersons {
		t.Errorf("limits = %+v, two_persons = %v, want only worker 0", got, c.Policy.TwoPersons)
	}
}

func TestLoadStartsRelativePathsAtTheFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "penstock.yaml")
	text := "sources: [{name: a, kind: file, path: logs/a}, {name: b, kind: file, path: /b}]\nstate_dir: state\nmodel: {token_file: t}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Sources[0].Path, c.Sources[1].Path, c.StateDir, c.Model.TokenFile, c.SignalsFile}
	want := []string{filepath.Join(folder, "logs/a"), "/b", filepath.Join(folder, "state"), filepath.Join(folder, "t"), ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadOfNoFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v, want one that says that there is no file", err)
	}
	var problems Problems
	if errors.As(err, &problems) {
		t.Error("a file that is not there has no problems at lines")
	}
}

func TestLoadRefusesAHugeFile(t *testing.T) {
	_, err := Parse("big", make([]byte, maxFile+1))
	if err == nil || err.Error() != "big: is larger than 8388608 bytes" {
		t.Errorf("error = %v", err)
	}
}

func TestDurationTakesDays(t *testing.T) {
	c, err := Parse("a", []byte("policy: {approval_expiry: 2d}"))
	if err != nil || c.Policy.ApprovalExpiry != 48*time.Hour {
		t.Errorf("= %v, %v, want 48h", c, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Example())
	f.Add(Starter())
	for _, b := range badFiles {
		data, err := os.ReadFile(filepath.Join("testdata", "bad", b.file+".yaml"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if (c == nil) != (err != nil) {
			t.Fatalf("Parse = %v, %v", c, err)
		}
		var problems Problems
		if err != nil && (!errors.As(err, &problems) || len(problems) == 0) {
			t.Errorf("error = %v, want Problems", err)
		}
		for _, p := range problems {
			if p.Line < 0 || p.Line > strings.Count(string(data), "\n")+strings.Count(string(data), "\r")+2 {
				t.Errorf("line %d of %d: %s", p.Line, strings.Count(string(data), "\n"), p)
			}
		}
	})
}
