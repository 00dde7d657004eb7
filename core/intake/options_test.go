package intake

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   Options
		want []string
	}{
		{"+ none", nil, nil},
		{"+ all kinds", Options{
			{Name: "auth", Kind: KindFile, Path: "/var/log/auth.log*", Timezone: "Europe/Vienna"},
			{Name: "remote", Kind: KindDir, Path: "/var/log/remote"},
			{Name: "journal", Kind: KindJournald},
			{Name: "other journal", Kind: KindJournald, Namespace: "fire-wall_2.x", Format: "event"},
			{Name: "wazuh", Kind: KindWazuh, Path: "/var/ossec/logs/alerts/alerts.json"},
			{Name: "drop", Kind: KindDrop, Path: "/var/lib/penstock/drop"},
			{Name: "in", Kind: KindStdin},
			{Name: "zabbix", Kind: KindZabbix, Path: "/var/lib/zabbix/export"},
			{Name: "problems", Kind: KindZabbix},
		}, nil},
		{"- nothing stated", Options{{}}, []string{
			"[0].name: is missing", "[0].kind: is missing (file, dir, journald, wazuh, drop, stdin, zabbix)",
		}},
		{"- the same twice", Options{{Name: "a", Kind: KindFile, Path: "/a"}, {Name: "a", Kind: KindFile, Path: "/a"}}, []string{
			`[1].name: "a" is sources[0] already`, "[1].path: /a is read by sources[0] already",
		}},
		{"- paths", Options{
			{Name: "a", Kind: KindFile},
			{Name: "b", Kind: KindFile, Path: "/a["},
			{Name: "c", Kind: KindJournald, Path: "/run"},
			{Name: "d", Kind: KindDir, Path: "/var/log/*"},
		}, []string{
			"[0].path: is missing: a source of kind file needs one",
			`[1].path: "/a[" is not a pattern`,
			"[2].path: a source of kind journald has none",
			`[3].path: "/var/log/*": only a source of kind file may use a pattern`,
		}},
		{"- read twice without a path", Options{
			{Name: "a", Kind: KindJournald, Namespace: "x"}, {Name: "b", Kind: KindJournald, Namespace: "x"}, {Name: "c", Kind: KindStdin}, {Name: "d", Kind: KindStdin},
		}, []string{"[1].kind: the same is read by sources[0] already", "[3].kind: the same is read by sources[2] already"}},
		{"- words", Options{
			{Name: "spool/0", Kind: KindJournald, Namespace: "../x"},
			{Name: strings.Repeat("x", 101), Kind: KindFile, Path: "/a", Format: "json", Namespace: "x"},
			{Name: "c", Kind: KindJournald, Namespace: "--file=x"},
		}, []string{
			`[0].name: "spool/0" begins with spool/, which Penstock itself uses`,
			`[0].namespace: "../x" is not a namespace (letters, digits, -, _ and ., at most 64)`,
			"[1].name: has 101 bytes, more than 100",
			`[1].format: "json" is not a format (event, or nothing: it is recognised)`,
			"[1].namespace: only a source of kind journald has one",
			`[2].namespace: "--file=x" is not a namespace (letters, digits, -, _ and ., at most 64)`,
		}},
		{"- time zone", Options{{Name: "a", Kind: KindStdin, Timezone: "CEST"}}, []string{
			`[0].timezone: "CEST" is not a time zone (such as Europe/Vienna, UTC or Local)`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			tt.in.Check(func(path, text string) { got = append(got, path+": "+text) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestKindUnmarshalText(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     Kind
		err      string
	}{
		{"+ word", "file", KindFile, ""},
		{"+ capitals", "Journald", KindJournald, ""},
		{"- none is not a kind", "none", KindNone, `"none" is not a kind of source (file, dir, journald, wazuh, drop, stdin, zabbix)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var k Kind
			err := k.UnmarshalText([]byte(tt.in))
			if tt.err != "" && (err == nil || err.Error() != tt.err) || tt.err == "" && err != nil || k != tt.want {
				t.Errorf("= %s, %v, want %s, %s", k, err, tt.want, tt.err)
			}
		})
	}
}

func TestForFile(t *testing.T) {
	o := Options{
		{Name: "rotated", Kind: KindFile, Path: "/var/log/auth.log*"},
		{Name: "auth", Kind: KindFile, Path: "/var/log/auth.log"},
		{Name: "remote", Kind: KindDir, Path: "/var/log/remote/"},
		{Name: "in", Kind: KindStdin},
	}
	for path, want := range map[string]string{
		"/var/log/auth.log": "auth", "/var/log/./auth.log": "auth", "/var/log/auth.log.1": "rotated",
		"/var/log/remote/fw": "remote", "/var/log/remote/a/b": "", "/etc/passwd": "", "": "",
	} {
		if got, ok := o.ForFile(path); got.Name != want || ok != (want != "") {
			t.Errorf("ForFile(%q) = %q, %v, want %q", path, got.Name, ok, want)
		}
	}
}
