package e2e

import (
	"testing"

	"gopkg.in/yaml.v3"
)

// templateFile is what the tests look at in an exported template.
type templateFile struct {
	Export struct {
		Version string `yaml:"version"`
		Groups  []struct {
			UUID string `yaml:"uuid"`
			Name string `yaml:"name"`
		} `yaml:"groups"`
		Templates []template `yaml:"templates"`
	} `yaml:"zabbix_export"`
}

type template struct {
	UUID        string         `yaml:"uuid"`
	Name        string         `yaml:"template"`
	Description string         `yaml:"description"`
	Items       []templateItem `yaml:"items"`
	Rules       []rule         `yaml:"discovery_rules"`
	Macros      []struct {
		Name        string `yaml:"macro"`
		Value       string `yaml:"value"`
		Type        string `yaml:"type"`
		Description string `yaml:"description"`
	} `yaml:"macros"`
	Tags       []templateTag `yaml:"tags"`
	Dashboards []struct {
		UUID  string `yaml:"uuid"`
		Name  string `yaml:"name"`
		Pages []struct {
			Widgets []struct {
				Fields []struct {
					Value yaml.Node `yaml:"value"`
				} `yaml:"fields"`
			} `yaml:"widgets"`
		} `yaml:"pages"`
	} `yaml:"dashboards"`
	ValueMaps []struct {
		UUID string `yaml:"uuid"`
		Name string `yaml:"name"`
	} `yaml:"valuemaps"`
}

type rule struct {
	templateItem `yaml:",inline"`
	Prototypes   []templateItem `yaml:"item_prototypes"`
}

type templateItem struct {
	UUID         string `yaml:"uuid"`
	Name         string `yaml:"name"`
	Type         string `yaml:"type"`
	Key          string `yaml:"key"`
	Description  string `yaml:"description"`
	AllowedHosts string `yaml:"allowed_hosts"`
	Master       struct {
		Key string `yaml:"key"`
	} `yaml:"master_item"`
	ValueMap struct {
		Name string `yaml:"name"`
	} `yaml:"valuemap"`
	Steps []struct {
		Type       string   `yaml:"type"`
		Parameters []string `yaml:"parameters"`
		OnError    string   `yaml:"error_handler"`
	} `yaml:"preprocessing"`
	Tags       []templateTag     `yaml:"tags"`
	Triggers   []templateTrigger `yaml:"triggers"`
	Prototypes []templateTrigger `yaml:"trigger_prototypes"`
}

type templateTag struct {
	Tag   string `yaml:"tag"`
	Value string `yaml:"value"`
}

type templateTrigger struct {
	UUID         string        `yaml:"uuid"`
	Name         string        `yaml:"name"`
	Expression   string        `yaml:"expression"`
	Recovery     string        `yaml:"recovery_expression"`
	EventName    string        `yaml:"event_name"`
	Status       string        `yaml:"status"`
	Priority     string        `yaml:"priority"`
	Description  string        `yaml:"description"`
	Type         string        `yaml:"type"`
	ManualClose  string        `yaml:"manual_close"`
	Correlation  string        `yaml:"correlation_tag"`
	Tags         []templateTag `yaml:"tags"`
	Dependencies []struct {
		Name       string `yaml:"name"`
		Expression string `yaml:"expression"`
	} `yaml:"dependencies"`
}

// all returns the items and prototypes of a template, and those that discover.
func (tpl *template) all() (items []templateItem) {
	items = append(items, tpl.Items...)
	for _, r := range tpl.Rules {
		items = append(append(items, r.templateItem), r.Prototypes...)
	}
	return items
}

func (tpl *template) triggers() (all []templateTrigger) {
	for _, i := range tpl.all() {
		all = append(append(all, i.Triggers...), i.Prototypes...)
	}
	return all
}

// keys returns the keys of a template's items.
func (tpl *template) keys() map[string]bool {
	keys := map[string]bool{}
	for _, i := range tpl.all() {
		keys[i.Key] = true
	}
	return keys
}

// uuids returns the identities of a template by what they stand for.
func (tpl *template) uuids() map[string]string {
	all := map[string]string{"template": tpl.UUID}
	for _, i := range tpl.all() {
		all["item "+i.Key] = i.UUID
	}
	for _, g := range tpl.triggers() {
		all["trigger "+g.Name] = g.UUID
	}
	for _, d := range tpl.Dashboards {
		all["dashboard "+d.Name] = d.UUID
	}
	for _, v := range tpl.ValueMaps {
		all["value map "+v.Name] = v.UUID
	}
	return all
}

// itemRef is an item as a widget names it.
type itemRef struct{ Host, Key string }

// shown returns the items that the dashboards of a template show.
func (tpl *template) shown(t *testing.T) (all []itemRef) {
	t.Helper()

	for _, d := range tpl.Dashboards {
		for _, p := range d.Pages {
			for _, w := range p.Widgets {
				for _, f := range w.Fields {
					if f.Value.Kind != yaml.MappingNode {
						continue
					}
					var at itemRef
					if err := f.Value.Decode(&at); err != nil {
						t.Fatal(err)
					}
					all = append(all, at)
				}
			}
		}
	}
	return all
}
