package setup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestChangeString(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name   string
		change Change
		want   string
	}{
		{"+ create", Change{Sign: Create, Kind: "role", Name: "Penstock worker"}, "+ role        Penstock worker"},
		{"+ change", Change{Sign: Alter, Kind: "action", Name: "A", Field: "esc_period", Old: "1h", New: "2h"}, "~ action      A: esc_period: 1h -> 2h"},
		{"+ from nothing", Change{Sign: Alter, Kind: "action", Name: "A", Field: "x", New: "2h"}, "~ action      A: x: (none) -> 2h"},
		{"+ kept", Change{Sign: Keep, Kind: "script", Name: "S", Field: "command", Old: "a\nb", New: "c"}, "= script      S: command: a b (ours: c)"},
		{"+ kept as a whole", Change{Sign: Keep, Kind: "token", Name: "T", Why: "it expires"}, "= token       T: it expires"},
		{"+ a long value", Change{Sign: Alter, Kind: "role", Name: "R", Field: "f", Old: strings.Repeat("é", 500), New: "x"}, "~ role        R: f: " + strings.Repeat("é", mostShown) + "... -> x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			if got := test.change.String(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestPlanObjectNeverOverwritesWhatAnAdministratorChanged looks at one action, in
// all the ways in which it can differ.
func TestPlanObjectNeverOverwritesWhatAnAdministratorChanged(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name      string
		edit      func(have row)
		operators string
		overwrite bool
		want      []string
		steps     int
	}{
		{"+ nothing", func(row) {}, defaultOperators, false, nil, 0},
		{
			"- disabled", func(have row) { have["status"] = "1" }, defaultOperators, false,
			[]string{"= action      Penstock: tell of Medium: status: 1 (ours: 0)"},
			0,
		},
		{
			"+ disabled, and to be put back", func(have row) { have["status"] = "1" }, defaultOperators, true,
			[]string{"~ action      Penstock: tell of Medium: status: 1 -> 0"},
			1,
		},
		{
			"+ a value of another action of ours is not one of this", func(have row) { have["esc_period"] = "5m" }, defaultOperators, false,
			[]string{"= action      Penstock: tell of Medium: esc_period: 5m (ours: 1h)"},
			0,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			s := &Setup{version: version{7, 0}, o: Settings{Overwrite: test.overwrite}, refs: map[string]string{}}
			o := &object{kind: kindAction, name: actionMedium, id: "7"}
			s.shape(o, test.operators, "")
			o.have = copyTree(o.want).(row)
			test.edit(o.have)
			p := &Plan{}
			s.planObject(p, o)
			var got []string
			for _, c := range p.Changes {
				got = append(got, c.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" || len(p.steps) != test.steps {
				t.Errorf("%d steps, want %d; plan (-want +got)\n%s", len(p.steps), test.steps, diff)
			}
		})
	}
}

func TestPlanObjectSendsNoticesToAnotherGroup(t *testing.T) {
	t.Parallel()

	s := &Setup{version: version{7, 0}, refs: map[string]string{}}
	before, after := &object{kind: kindAction, name: actionHigh}, &object{kind: kindAction, name: actionHigh, id: "7"}
	s.shape(before, defaultOperators, "")
	s.shape(after, "Night shift", "")
	after.have = before.want
	p := &Plan{}
	s.planObject(p, after)
	if len(p.Changes) != 1 || p.Changes[0].Sign != Alter || !strings.Contains(p.Changes[0].New, "Night shift") {
		t.Errorf("plan %v, want one change to Night shift", p.Changes)
	}
}

// TestPlanObjectRefusesAStranger wants nothing at all to be done where a name is taken.
func TestPlanObjectRefusesAStranger(t *testing.T) {
	t.Parallel()

	s := &Setup{version: version{7, 0}, refs: map[string]string{}}
	p := &Plan{}
	s.planObject(p, &object{kind: kindRole, name: workerName})
	s.planObject(p, &object{kind: kindAction, name: actionHigh, have: row{}, clash: "none of its conditions is the tag penstock"})
	err := p.Apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "one of that name is there, and setup did not make it") {
		t.Errorf("error %v, want a refusal before anything else", err)
	}
	if p.Count(Note) != 1 || p.Count(Create) != 1 {
		t.Errorf("plan %v, want a note and a creation", p.Changes)
	}
}

// TestObjectsAreNamedAfterUs keeps administrators from wondering whose they are.
func TestObjectsAreNamedAfterUs(t *testing.T) {
	t.Parallel()

	for _, o := range allObjects() {
		if !strings.HasPrefix(o.name, "Penstock") {
			t.Errorf("%s %q does not begin with Penstock", o.kind.word, o.name)
		}
	}
	for _, f := range ourFiles(t) {
		if !strings.HasPrefix(f.name, "Penstock") {
			t.Errorf("template %q does not begin with Penstock", f.name)
		}
	}
}

// TestScriptsGetNothingButTheEvent keeps words out of logs from a command line.
func TestScriptsGetNothingButTheEvent(t *testing.T) {
	t.Parallel()

	for _, name := range scriptNames() {
		script := eventScript(name, defaultOperators)
		if script["type"] != "5" || script["scope"] != "4" {
			t.Errorf("%s: type %v and scope %v, want a webhook in the menu of a problem", name, script["type"], script["scope"])
		}
		if diff := cmp.Diff([]any{row{"name": "event", "value": "{EVENT.ID}"}}, script["parameters"]); diff != "" {
			t.Errorf("%s: parameters (-want +got)\n%s", name, diff)
		}
		for _, field := range []string{"command", "confirmation"} {
			if strings.Contains(text(script[field]), "{$") || strings.Contains(text(script[field]), "{EVENT") || strings.Contains(text(script[field]), "HttpRequest") {
				t.Errorf("%s: %s holds a macro, or calls somebody:\n%s", name, field, script[field])
			}
		}
	}
}

func TestCriticalIsToldUntilSomebodyAcknowledges(t *testing.T) {
	t.Parallel()

	critical, _ := action(actionCritical, "Night shift", "Managers")
	if critical["pause_suppressed"] != "0" {
		t.Error("a maintenance silences a Critical")
	}
	for _, v := range critical["operations"].([]any) {
		op := v.(row)
		if op["esc_step_to"] != "0" {
			t.Errorf("an operation ends at step %v, want none", op["esc_step_to"])
		}
		if diff := cmp.Diff([]any{row{"conditiontype": "14", "operator": "0", "value": "0"}}, op["opconditions"]); diff != "" {
			t.Errorf("conditions of an operation (-want +got)\n%s", diff)
		}
	}
}

// recorded returns what importcompare answered, recorded from the lab's template
// after changes by hand: a trigger's priority and status, an item's history and
// status, a macro, a prototype's status.
func recorded(t *testing.T, version string) any {
	t.Helper()

	data, err := os.ReadFile(filepath.Join("testdata", "importcompare-"+version+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var answer any
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestGatherFindsEveryEdit(t *testing.T) {
	t.Parallel()

	want := []string{
		"~ template    T: Lab: Critical verdict: priority: INFO -> DISASTER",
		"~ template    T: Lab: Critical verdict: status: DISABLED -> (none)",
		"~ template    T: Source [{#SRC}]: Score: status: DISABLED -> (none)",
		"~ template    T: Verdict: Get data: history: 2d -> 1h",
		"~ template    T: Verdict: Get data: status: DISABLED -> (none)",
		"~ template    T: {$LAB.ECHO} value: other -> hello",
	}
	for _, v := range versions {
		name := map[version]string{{6, 0}: "6.0", {7, 0}: "7.0"}[v]
		t.Run("+ "+name, func(t *testing.T) {
			t.Parallel()

			s := &Setup{version: v}
			var found []difference
			s.gather(recorded(t, name), &found)
			var got []Change
			for _, d := range found {
				if d.name == "Penstock lab template" {
					d.name = "T"
				}
				got = append(got, d.change(Alter, "T"))
			}
			sortNames(got)
			var lines []string
			for _, c := range got {
				lines = append(lines, c.String())
			}
			slices.Sort(lines)
			slices.Sort(want)
			if diff := cmp.Diff(want, lines); diff != "" {
				t.Errorf("differences (-want +got)\n%s", diff)
			}
		})
	}
}

func TestSetMacros(t *testing.T) {
	t.Parallel()

	const yaml = `zabbix_export:
  templates:
    - uuid: 230d38a65b10472581438da5908b05e8
      name: T
      macros:
        - {macro: '{$PENSTOCK.SENDERS}', value: 127.0.0.1}
        - {macro: '{$PENSTOCK.SEAL}', type: SECRET_TEXT, value: '', description: Seal.}
`
	set := " Set by penstock setup, fingerprint " + fingerprint("s3cret") + "."
	now := []row{{"macros": []any{
		row{"macro": sendMacro, "value": "10.0.0.5", "type": "0"},
		row{"macro": sealMacro, "value": "s3cret", "type": "0", "description": "Seal." + set},
	}}}
	tests := []struct {
		name  string
		v     version
		o     Settings
		found []row
		want  []any
	}{
		{"+ at first", version{7, 0}, Settings{}, nil, []any{
			row{"macro": sendMacro, "value": "127.0.0.1"},
			row{"macro": sealMacro, "type": "SECRET_TEXT", "description": "Seal."},
		}},
		{"+ as it is", version{6, 0}, Settings{}, now, []any{
			row{"macro": sendMacro, "value": "10.0.0.5"},
			row{"macro": sealMacro, "value": "s3cret", "description": "Seal." + set},
		}},
		{"+ chosen, on 7.0", version{7, 0}, Settings{Seal: "s3cret", Senders: "10.0.0.9"}, now, []any{
			row{"macro": sendMacro, "value": "10.0.0.9"},
			row{"macro": sealMacro, "type": "SECRET_TEXT", "value": "s3cret", "description": "Seal." + set},
		}},
		{"+ chosen, on 6.0", version{6, 0}, Settings{Seal: "s3cret"}, nil, []any{
			row{"macro": sendMacro, "value": "127.0.0.1"},
			row{"macro": sealMacro, "value": "s3cret", "description": "Seal." + set},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			files, err := readFiles(fstest.MapFS{"t/template_t.yaml": {Data: []byte(yaml)}}, decodeYAML)
			if err != nil {
				t.Fatal(err)
			}
			s := &Setup{version: test.v, o: test.o}
			s.setMacros(files[0], test.found)
			if diff := cmp.Diff(test.want, files[0].template["macros"]); diff != "" {
				t.Errorf("macros (-want +got)\n%s", diff)
			}
			if data, err := json.Marshal(withoutSecrets(files[0].tree)); err != nil || strings.Contains(string(data), "s3cret") {
				t.Errorf("what is compared holds the seal: %s, %v", data, err)
			}
		})
	}
}

func TestReadFiles(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"+ the lab's", labTemplate(t), ""},
		{"- none", fstest.MapFS{"x/README.md": {}}, "list the templates: there is none"},
		{"- no YAML", fstest.MapFS{"x/template_x.yaml": {Data: []byte("\t")}}, "read template x/template_x.yaml: "},
		{"- two templates", fstest.MapFS{"x/template_x.yaml": {Data: []byte("zabbix_export: {templates: [{name: a}, {name: b}]}")}}, "holds 2 templates, want 1"},
		{"- without a uuid", fstest.MapFS{"x/template_x.yaml": {Data: []byte("zabbix_export: {templates: [{name: a}]}")}}, "has no name, or no uuid"},
		{"- a list", fstest.MapFS{"x/template_x.yaml": {Data: []byte("[1]")}}, "holds 0 templates, want 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			_, err := New(nil, Settings{Host: "h", Templates: test.files, Decode: decodeYAML})
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// TestEachTemplateGoesToItsHosts guards what tells the files apart.
func TestEachTemplateGoesToItsHosts(t *testing.T) {
	t.Parallel()

	for _, f := range ourFiles(t) {
		want := [2]bool{strings.Contains(f.path, "agent2"), strings.Contains(f.path, "case")}
		if got := [2]bool{f.worker, f.cases}; got != want {
			t.Errorf("%s: for the worker's host and for cases %v, want %v", f.path, got, want)
		}
	}
}

func TestPlanLink(t *testing.T) {
	t.Parallel()

	const agent, cases = "Penstock by Zabbix agent 2", "Penstock case by Zabbix trapper"
	worker := &host{id: "1", name: "worker"}
	tests := []struct {
		name  string
		v     version
		hosts []*host
		want  []string
		steps int
	}{
		{"+ new ones", version{6, 0}, []*host{{id: "2", name: "plc"}, worker}, []string{
			"+ host        plc: linked to template " + cases, "+ host        worker: linked to template " + cases,
		}, 1},
		{"+ linked", version{6, 0}, []*host{{id: "2", name: "plc", templates: []string{"20"}, groups: []string{"9"}}}, nil, 0},
		{"- unlinked by hand", version{6, 0}, []*host{{id: "2", name: "plc", groups: []string{"9"}}}, []string{
			"= host        plc: template " + cases + " was unlinked here; link it there, or use --overwrite",
		}, 0},
		{"- discovered, on 6.0", version{6, 0}, []*host{{id: "2", name: "vm", discovered: true}}, []string{
			"! host        vm: was made by a discovery rule, which would unlink template " + cases + " again: its cases go to the worker's host",
		}, 0},
		{"+ discovered, on 7.0", version{7, 0}, []*host{{id: "2", name: "vm", discovered: true}}, []string{"+ host        vm: linked to template " + cases}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			s := &Setup{version: test.v, refs: map[string]string{kindHostGroup.ref(groupName): "9", templateRef(agent): "10", templateRef(cases): "20"}}
			p := &Plan{}
			s.planLink(p, &hosts{worker: worker, wanted: test.hosts}, &file{name: cases, cases: true})
			var got []string
			for _, c := range p.Changes {
				got = append(got, c.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" || len(p.steps) != test.steps {
				t.Errorf("%d steps, want %d; plan (-want +got)\n%s", len(p.steps), test.steps, diff)
			}
		})
	}
}

func TestStatusesNameEverything(t *testing.T) {
	t.Parallel()

	got := statuses([]any{"b"}, []string{"a", "b", "c"})
	want := []any{row{"name": "b", "status": "1"}, row{"name": "a", "status": "0"}, row{"name": "c", "status": "0"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]any{"b"}, enabled(any(got))); diff != "" {
		t.Errorf("enabled (-want +got)\n%s", diff)
	}
}
