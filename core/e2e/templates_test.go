package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"penstock/core/app"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/record"
	"penstock/templates"
)

var updateUUIDs = flag.Bool("template-uuids", false, "add the UUIDs of new entities to the list that no release may change")

// eachTemplate runs a test with each template, and its file and README as text.
func eachTemplate(t *testing.T, test func(t *testing.T, tpl *template, text, readme string)) {
	t.Helper()
	names, err := fs.Glob(templates.FS, "*/*.yaml")
	if err != nil || len(names) < 2 {
		t.Fatalf("list templates: %v, %v", names, err)
	}
	for _, name := range names {
		t.Run(path.Dir(name), func(t *testing.T) {
			text, err := fs.ReadFile(templates.FS, name)
			if err != nil {
				t.Fatal(err)
			}
			readme, err := os.ReadFile(filepath.Join(root, "templates", path.Dir(name), "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			var file templateFile
			if err := yaml.Unmarshal(text, &file); err != nil {
				t.Fatal(err)
			}
			if path.Base(name) != "template_"+path.Dir(name)+".yaml" || file.Export.Version != "6.0" || len(file.Export.Templates) != 1 {
				t.Fatalf("%s: version %s, %d templates", name, file.Export.Version, len(file.Export.Templates))
			}
			test(t, &file.Export.Templates[0], string(text), string(readme))
		})
	}
}

var uuidV4 = regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`)

// TestTemplateUUIDsNeverChange: they are the identity of an entity when a newer file
// is imported over an older one, and what is gone with them is its history.
func TestTemplateUUIDsNeverChange(t *testing.T) {
	const golden = "testdata/template-uuids.list"
	text, err := os.ReadFile(golden)
	if err != nil && !*updateUUIDs {
		t.Fatal(err)
	}
	fixed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		fixed[strings.TrimSpace(line)] = true
	}
	now, seen := map[string]bool{}, map[string]string{}
	eachTemplate(t, func(t *testing.T, tpl *template, text, _ string) {
		uuids := tpl.uuids()
		for what, uuid := range uuids {
			if !uuidV4.MatchString(uuid) {
				t.Errorf("%s: %q is no UUID v4", what, uuid)
			}
			if other, ok := seen[uuid]; ok {
				t.Errorf("%s has the UUID of %s", what, other)
			}
			seen[uuid] = what
			now[uuid+" "+tpl.Name+": "+what] = true
		}
		if n := strings.Count(text, "uuid: "); n != len(uuids)+1 { // and the group's
			t.Errorf("%d UUIDs stand in the file, %d are looked at", n, len(uuids)+1)
		}
	})
	if *updateUUIDs {
		maps.Copy(fixed, now)
		if err := os.WriteFile(golden, []byte(strings.Join(slices.Sorted(maps.Keys(fixed)), "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for line := range fixed {
		if !now[line] {
			t.Errorf("gone or changed: %s", line)
		}
	}
	for line := range now {
		if !fixed[line] {
			t.Errorf("new, run this test with -template-uuids: %s", line)
		}
	}
}

var macroName = regexp.MustCompile(`\{\$[A-Z_.]+`)

func TestTemplateMacrosAreDescribed(t *testing.T) {
	elsewhere := map[string]bool{"{$MACRO": true, "{$PENSTOCK.SENDERS": true} // an example, and one of cases that all tell of
	eachTemplate(t, func(t *testing.T, tpl *template, text, readme string) {
		defined := map[string]bool{}
		for _, m := range tpl.Macros {
			name := strings.TrimSuffix(m.Name, "}")
			defined[name] = true
			if m.Description == "" {
				t.Errorf("%s has no description", m.Name)
			}
			if !strings.Contains(readme, "`"+m.Name+"`") {
				t.Errorf("the README does not name %s", m.Name)
			}
			if strings.Count(text, name) < 2 {
				t.Errorf("%s is not used", m.Name)
			}
		}
		for _, used := range macroName.FindAllString(text+readme, -1) {
			if !elsewhere[used] && !defined[used] {
				t.Errorf("%s} is used and not defined", used)
			}
		}
	})
}

var (
	pluginKey = regexp.MustCompile(`(?m)^\t\t\{"(penstock\.[a-z.]+)", "`)
	checkKey  = regexp.MustCompile(`^penstock-check\["(\w+)"`)
	itemInTpl = regexp.MustCompile(`/([^/()"]+)/([a-z][a-z.]*(?:\[[^\]]*\])?)`)
)

// TestTemplateKeysExist: what an agent is asked for is in the plugin's table, what
// hangs on another item hangs on one that is there.
func TestTemplateKeysExist(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(root, "zabbix-loadable/keys.go"))
	if err != nil {
		t.Fatal(err)
	}
	plugin := map[string]bool{}
	for _, m := range pluginKey.FindAllStringSubmatch(string(source), -1) {
		plugin[m[1]] = true
	}
	if len(plugin) < 9 {
		t.Fatalf("the plugin's table was not found: %v", plugin)
	}
	eachTemplate(t, func(t *testing.T, tpl *template, _, readme string) {
		keys := tpl.keys()
		for _, i := range tpl.all() {
			if why := wrongItem(tpl, &i, plugin); why != "" {
				t.Errorf("%s: %s", i.Key, why)
			}
			if !strings.Contains(readme, i.Key) {
				t.Errorf("the README does not name %s", i.Key)
			}
		}
		for _, at := range tpl.shown(t) {
			if at.Host != tpl.Name || !keys[at.Key] {
				t.Errorf("a widget shows %+v", at)
			}
		}
	})
}

// wrongItem says what is wrong with where an item's value comes from, or with what
// is said of it.
func wrongItem(tpl *template, i *templateItem, plugin map[string]bool) string {
	bare, _, _ := strings.Cut(i.Key, "[")
	discovers := slices.ContainsFunc(tpl.Rules, func(r rule) bool { return r.Key == i.Key })
	switch {
	case i.Description == "":
		return "it has no description"
	case !discovers && !rightItemTags(tpl, i.Tags):
		return fmt.Sprintf("its tags are %v", i.Tags)
	case i.Type == "DEPENDENT" && !tpl.keys()[i.Master.Key]:
		return fmt.Sprintf("its master %q is not there", i.Master.Key)
	case i.Type == "TRAP" && i.AllowedHosts != "{$PENSTOCK.SENDERS}":
		return fmt.Sprintf("allowed hosts are %q", i.AllowedHosts)
	case i.Type == "EXTERNAL" && !checkKey.MatchString(i.Key):
		return "this is no call of penstock check"
	case i.Type == "" && !plugin[bare]:
		return "this is no key of the plugin"
	case !slices.Contains([]string{"DEPENDENT", "TRAP", "EXTERNAL", ""}, i.Type):
		return "type " + i.Type
	}
	return ""
}

const ofCases = "Penstock case by Zabbix trapper"

// rightItemTags says whether an item has a component, and says that it is about
// Penstock itself: its problems inherit that, and those of cases must not.
func rightItemTags(tpl *template, tags []templateTag) bool {
	isStatus := slices.Contains(tags, templateTag{"penstock", "status"})
	return len(tags) > 0 && tags[0].Tag == "component" && isStatus == (tpl.Name != ofCases)
}

// rightTriggerTags says whether a trigger has a scope, and the tag penstock with the
// value that tells cases from what is about Penstock itself.
func rightTriggerTags(tags []templateTag, isCase bool) bool {
	scopes := []string{"availability", "capacity", "notice", "performance", "security"}
	hasScope := slices.ContainsFunc(tags, func(tag templateTag) bool { return tag.Tag == "scope" && slices.Contains(scopes, tag.Value) })
	return hasScope && slices.Contains(tags, templateTag{"penstock", "case"}) == isCase && slices.Contains(tags, templateTag{"penstock", "status"}) != isCase
}

// caseSeverities are fixed: Medium is Warning, High is High, Critical is Disaster.
var caseSeverities = map[string]string{"Penstock: Medium case": "WARNING", "Penstock: High case": "HIGH", "Penstock: Critical case": "DISASTER"}

func TestTemplateTriggers(t *testing.T) {
	eachTemplate(t, func(t *testing.T, tpl *template, _, readme string) {
		keys, byName := tpl.keys(), map[string]templateTrigger{}
		for _, g := range tpl.triggers() {
			byName[g.Name] = g
		}
		for _, g := range tpl.triggers() {
			for _, m := range itemInTpl.FindAllStringSubmatch(g.Expression+" "+g.Recovery, -1) {
				if m[1] != tpl.Name || !keys[m[2]] {
					t.Errorf("%s looks at %s, which is not there", g.Name, m[0])
				}
			}
			for _, d := range g.Dependencies {
				if on, ok := byName[d.Name]; !ok || on.Expression != d.Expression {
					t.Errorf("%s depends on %q, which is not there", g.Name, d.Name)
				}
			}
			if why := wrongTrigger(&g); why != "" {
				t.Errorf("%s: %s", g.Name, why)
			}
			if !strings.Contains(readme, g.Name) {
				t.Errorf("the README does not name %q", g.Name)
			}
		}
	})
}

// wrongTrigger says what is wrong with a trigger by itself.
func wrongTrigger(g *templateTrigger) string {
	needsTrends := strings.Contains(g.Expression, "trend") || strings.Contains(g.Expression, "baseline")
	want, isCase := caseSeverities[g.Name]
	switch {
	case !rightTriggerTags(g.Tags, isCase):
		return fmt.Sprintf("its tags are %v", g.Tags)
	case g.Description == "" || !strings.HasPrefix(g.Name, "Penstock: "):
		return "it has no description, or another prefix"
	case isCase && (g.Priority != want || g.Type != "MULTIPLE" || g.Correlation != "case" || g.ManualClose != "YES"):
		return fmt.Sprintf("of a case: %+v", g)
	case !isCase && (g.Type != "" || g.Priority == "DISASTER"):
		return "only cases are MULTIPLE or Disaster"
	case needsTrends != (g.Status == "DISABLED"):
		return "those and only those that need weeks of trends are off at first"
	}
	return ""
}

// TestTemplateJSONPathsHit: each finds something in what the plugin answers or the
// worker sends, unless its step says what becomes of a miss.
func TestTemplateJSONPathsHit(t *testing.T) {
	status := app.Items{Glance: &app.Glance{Status: app.Status{Sources: []app.SourceStatus{{Name: "auth"}}}}, Age: time.Second}
	samples := map[string][]byte{
		"penstock.status": status.Status(), `penstock-check["status"]`: status.Status(), "penstock.case": sampleRecord(t),
	}
	looked := 0
	eachTemplate(t, func(t *testing.T, tpl *template, _, _ string) {
		for _, i := range tpl.all() {
			sample, ok := samples[i.Master.Key]
			if !ok {
				continue
			}
			for _, s := range i.Steps {
				if s.Type != "JSONPATH" {
					continue
				}
				looked++
				var value any
				if err := json.Unmarshal(sample, &value); err != nil {
					t.Fatal(err)
				}
				if err := jsonPath(value, s.Parameters[0]); err != nil {
					t.Errorf("%s: %s: %v", i.Key, s.Parameters[0], err)
				}
			}
		}
	})
	if looked < 40 {
		t.Errorf("only %d paths were looked at", looked)
	}
}

func sampleRecord(t *testing.T) []byte {
	t.Helper()
	r := record.Record{
		Version: record.Version, Seq: 1, Case: "site-w1-1", Asset: "web01", Severity: event.High, Level: 3, Problem: record.ProblemOwn, Summary: "s",
		Model: &record.Model{State: pipeline.Answers}, Advice: record.Advice{Headline: "h"},
	}
	text, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var sourceStep = regexp.MustCompile(`^\$\.sources\[\?\(@\.name == "\{#SOURCE\}"\)\]\.(\w+)\.first\(\)$`)

// jsonPath follows the paths that our templates are made of.
func jsonPath(value any, expression string) error {
	if m := sourceStep.FindStringSubmatch(expression); m != nil {
		object, _ := value.(map[string]any)
		list, _ := object["sources"].([]any)
		if len(list) == 0 {
			return fmt.Errorf("the sample has no sources")
		}
		value, expression = list[0], "$."+m[1]
	}
	rest, ok := strings.CutPrefix(expression, "$.")
	if !ok {
		return fmt.Errorf("this test cannot read it")
	}
	for name := range strings.SplitSeq(rest, ".") {
		object, _ := value.(map[string]any)
		if value, ok = object[name]; !ok {
			return fmt.Errorf("there is no %q", name)
		}
	}
	return nil
}
