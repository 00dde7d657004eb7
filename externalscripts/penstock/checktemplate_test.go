package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"penstock/core/app"
)

const checkTemplate = "../../templates/penstock_check/"

// checkedTemplate is what the tests look at of the template for the external check.
type checkedTemplate struct {
	Export struct {
		Version   string `yaml:"version"`
		Templates []struct {
			Items     []checkedItem `yaml:"items"`
			Discovery []struct {
				checkedItem `yaml:",inline"`
				Prototypes  []checkedItem `yaml:"item_prototypes"`
			} `yaml:"discovery_rules"`
			Macros []struct {
				Macro       string `yaml:"macro"`
				Description string `yaml:"description"`
			} `yaml:"macros"`
		} `yaml:"templates"`
	} `yaml:"zabbix_export"`
}

type checkedItem struct {
	Name          string `yaml:"name"`
	Type          string `yaml:"type"`
	Key           string `yaml:"key"`
	Preprocessing []struct {
		Type       string   `yaml:"type"`
		Parameters []string `yaml:"parameters"`
	} `yaml:"preprocessing"`
	Triggers   []struct{ Name string } `yaml:"triggers"`
	Prototypes []struct{ Name string } `yaml:"trigger_prototypes"`
}

// readCheckTemplate returns the template and the text of its README.
func readCheckTemplate(t *testing.T) (file checkedTemplate, readme string) {
	t.Helper()
	text, err := os.ReadFile(checkTemplate + "template_penstock_check.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(checkTemplate + "README.md"); err != nil {
		t.Fatal(err)
	}
	if file.Export.Version != "6.0" || len(file.Export.Templates) != 1 {
		t.Fatalf("version %q, %d templates", file.Export.Version, len(file.Export.Templates))
	}
	return file, string(text)
}

// The template asks only for values that check prints, and looks up only fields that
// they have.
func TestTemplateOfCheckFits(t *testing.T) {
	t.Parallel()
	file, _ := readCheckTemplate(t)
	external := 0
	for _, i := range file.items() {
		if i.Type == "EXTERNAL" {
			external++
			wantCheckKey(t, i.Key)
		}
		for _, step := range i.Preprocessing {
			if step.Type == "JSONPATH" {
				wantStatusField(t, i.Key, step.Parameters[0])
			}
		}
	}
	if external != 2 {
		t.Errorf("%d external checks, want 2: each starts a program", external)
	}
}

func TestReadmeOfCheckNamesEverything(t *testing.T) {
	t.Parallel()
	file, readme := readCheckTemplate(t)
	var names []string
	for _, i := range file.items() {
		names = append(names, i.Name)
		for _, trigger := range append(i.Triggers, i.Prototypes...) {
			names = append(names, trigger.Name)
		}
	}
	for _, m := range file.Export.Templates[0].Macros {
		names = append(names, "`"+m.Macro+"`")
		if m.Description == "" {
			t.Errorf("%s has no description", m.Macro)
		}
	}
	for _, name := range names {
		if !strings.Contains(readme, "| "+name+" |") && !strings.Contains(readme, `"`+name+`"`) {
			t.Errorf("the README does not name %s", name)
		}
	}
}

// items returns all items, rules and prototypes.
func (f *checkedTemplate) items() []checkedItem {
	items := f.Export.Templates[0].Items
	for _, rule := range f.Export.Templates[0].Discovery {
		items = append(append(items, rule.checkedItem), rule.Prototypes...)
	}
	return items
}

// wantCheckKey wants a key whose parameters penstock takes.
func wantCheckKey(t *testing.T, key string) {
	t.Helper()
	params, ok := strings.CutPrefix(key, `penstock-check[`)
	if !ok {
		t.Errorf("key %s calls another program", key)
		return
	}
	var args []string
	if err := json.Unmarshal([]byte("["+params), &args); err != nil { // "status"]
		t.Errorf("key %s: %v", key, err)
	}
	if _, _, err := checkArgs(args); err != nil {
		t.Errorf("key %s: %v", key, err)
	}
}

// wantStatusField wants a path that leads somewhere in a status.
func wantStatusField(t *testing.T, key, path string) {
	t.Helper()
	items := app.Items{Glance: &app.Glance{Status: app.Status{Sources: []app.SourceStatus{{Name: "gw1"}}}}}
	var value any
	if err := json.Unmarshal(items.Status(), &value); err != nil {
		t.Fatal(err)
	}
	path = regexp.MustCompile(`\[\?\(@\.name == "\{#SOURCE\}"\)\](.*)\.first\(\)$`).ReplaceAllString(path, ".0$1")
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "$."), ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			value = v[0]
		}
		if value == nil {
			t.Errorf("%s looks up %s, which no status has", key, path)
			return
		}
	}
}
