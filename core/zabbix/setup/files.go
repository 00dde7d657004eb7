package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// file is one template file. Its tree is made of maps, lists and strings, in the
// form of version 6.0 of the export format, which every later Zabbix reads.
type file struct {
	path     string
	tree     row
	template row // the only one in it
	name     string
	uuid     string
	parts    []string // for a reader
	worker   bool     // is for the worker's own host
	cases    bool     // is for every host that shows cases
}

// Keys that tell what a template is for.
const (
	keyStatus = "penstock.status"
	sealMacro = "{$PENSTOCK.SEAL}"
	sendMacro = "{$PENSTOCK.SENDERS}"
)

// readFiles reads all template files, in the order of their paths.
func readFiles(templates fs.FS, decode func([]byte) (any, error)) ([]*file, error) {
	paths, err := fs.Glob(templates, "*/template_*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the templates: %w", err)
	}
	if len(paths) == 0 {
		return nil, errors.New("list the templates: there is none")
	}
	slices.Sort(paths)
	var files []*file
	for _, path := range paths {
		data, err := fs.ReadFile(templates, path)
		if err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
		tree, err := decode(data)
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", path, err)
		}
		f, err := newFile(path, tree)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func newFile(path string, tree any) (*file, error) {
	f := &file{path: path}
	f.tree, _ = tree.(row)
	export, _ := f.tree["zabbix_export"].(row)
	templates, _ := export["templates"].([]any)
	if len(templates) != 1 {
		return nil, fmt.Errorf("read template %s: it holds %d templates, want 1", path, len(templates))
	}
	f.template, _ = templates[0].(row)
	f.name, f.uuid = text(f.template["name"]), text(f.template["uuid"])
	if f.name == "" || len(f.uuid) != 32 {
		return nil, fmt.Errorf("read template %s: it has no name, or no uuid", path)
	}
	items, _ := f.template["items"].([]any)
	for _, v := range items {
		item, _ := v.(row)
		switch key := text(item["key"]); {
		// An external check may have a key of that beginning too, in brackets.
		case key == keyStatus && text(item["type"]) != "EXTERNAL":
			f.worker = true
		case key == keyTransition:
			f.cases = true
		}
	}
	f.parts = []string{count(len(items), "item", "items")}
	for _, c := range []struct{ field, one, many string }{
		{"discovery_rules", "discovery rule", "discovery rules"},
		{"macros", "macro", "macros"},
		{"dashboards", "dashboard", "dashboards"},
		{"valuemaps", "value map", "value maps"},
	} {
		if list, _ := f.template[c.field].([]any); len(list) > 0 {
			f.parts = append(f.parts, count(len(list), c.one, c.many))
		}
	}
	return f, nil
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// entities returns every map of the tree that has a uuid, by it.
func entities(v any) map[string]row {
	found := map[string]row{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case row:
			if uuid := text(v["uuid"]); uuid != "" {
				found[uuid] = v
			}
			for _, one := range v {
				walk(one)
			}
		}
	}
	walk(v)
	return found
}

// macro returns one macro of the template, nil where it has none of that name.
func (f *file) macro(name string) row {
	return macroOf(f.template["macros"], name)
}

func macroOf(list any, name string) row {
	macros, _ := list.([]any)
	for _, v := range macros {
		if m, _ := v.(row); text(m["macro"]) == name {
			return m
		}
	}
	return nil
}

// copyTree returns a copy that shares nothing with the original.
func copyTree(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = copyTree(v[i])
		}
		return out
	case row:
		out := row{}
		for name, value := range v {
			out[name] = copyTree(value)
		}
		return out
	}
	return v
}
