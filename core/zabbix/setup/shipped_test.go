package setup

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gopkg.in/yaml.v3"
)

// update adds hashes that shipped.txt lacks. Lines are never taken out: each is a
// value that some Zabbix out there may hold.
var update = flag.Bool("update", false, "add what shipped.txt lacks")

const howToUpdate = "run `go test -tags live -run Shipped ./core/zabbix/setup -update`"

// versions are those whose form of an object differs.
var versions = []version{{6, 0}, {7, 0}}

// objectHashes are the hashes of all fields of all objects that plain calls make.
func objectHashes() []string {
	var hashes []string
	for _, v := range versions {
		s := &Setup{version: v}
		for _, escalation := range []string{"", "second level"} {
			for _, o := range allObjects() {
				s.shape(o, defaultOperators, escalation)
				for field, value := range o.want {
					hashes = append(hashes, hashOf(o.kind.word+"/"+o.name, field, value))
				}
			}
		}
	}
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

func allObjects() []*object {
	objects := []*object{
		{kind: kindHostGroup, name: groupName},
		{kind: kindRole, name: workerName},
		{kind: kindUserGroup, name: workerName},
		{kind: kindUserGroup, name: ApproversName},
		{kind: kindUser, name: workerName},
	}
	for _, name := range scriptNames() {
		objects = append(objects, &object{kind: kindScript, name: name})
	}
	for _, name := range actionNames() {
		objects = append(objects, &object{kind: kindAction, name: name})
	}
	return objects
}

// wantShipped fails for hashes that shipped.txt lacks, or adds them.
func wantShipped(t *testing.T, what string, hashes []string) {
	t.Helper()

	have := map[string]bool{}
	data, err := os.ReadFile("shipped.txt")
	if err != nil {
		t.Fatalf("read shipped.txt: %v", err)
	}
	for line := range strings.FieldsSeq(string(data)) {
		have[line] = true
	}
	lacking := 0
	for _, h := range hashes {
		if !have[h] {
			lacking++
		}
		have[h] = true
	}
	if lacking == 0 {
		return
	}
	if !*update {
		t.Errorf("shipped.txt lacks %d values of %s: an upgrade would take them for local edits; %s", lacking, what, howToUpdate)
		return
	}
	var b strings.Builder
	for _, h := range slices.Sorted(maps.Keys(have)) {
		b.WriteString(h + "\n")
	}
	if err := os.WriteFile("shipped.txt", []byte(b.String()), 0o600); err != nil {
		t.Fatalf("write shipped.txt: %v", err)
	}
	t.Logf("added %d values of %s", lacking, what)
}

// TestShippedObjects is not parallel: with -update it writes shipped.txt.
func TestShippedObjects(t *testing.T) {
	wantShipped(t, "objects", objectHashes())
}

// TestShippedTemplates looks at the values that stand in the files themselves. What
// Zabbix makes of the others only the live test knows.
func TestShippedTemplates(t *testing.T) {
	s := &Setup{version: version{6, 0}}
	var hashes []string
	for _, f := range ourFiles(t) {
		for uuid, part := range entities(f.template) {
			for field, value := range part {
				if text(value) != "" {
					hashes = append(hashes, hashOf(uuid, field, s.usual(field, value)))
				}
			}
		}
		macros, _ := f.template["macros"].([]any)
		for _, v := range macros {
			m := v.(row)
			for _, field := range []string{"value", "description"} {
				hashes = append(hashes, hashOf(f.uuid+text(m["macro"]), field, m[field]))
			}
		}
	}
	wantShipped(t, "templates", hashes)
}

func TestShippedIsSorted(t *testing.T) {
	t.Parallel()

	lines := strings.SplitAfter(shippedText, "\n")
	lines = lines[:len(lines)-1]
	if len(lines) < 50 || !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Fatalf("shipped.txt has %d lines, want more, sorted and each once", len(lines))
	}
	for i, line := range lines {
		if len(line) != hashDigits+1 {
			t.Fatalf("line %d is %q, want %d digits", i+1, line, hashDigits)
		}
	}
}

func TestIsShipped(t *testing.T) {
	t.Parallel()

	of := kindAction.word + "/" + actionHigh
	s := &Setup{version: version{7, 0}}
	high, _ := action(actionHigh, "Night shift", "")
	more := copyTree(s.plain(high["operations"])).([]any)
	more[0].(row)["esc_step_to"] = "3"
	tests := []struct {
		name   string
		object string
		field  string
		value  any
		want   bool
	}{
		{"+ what we ship", of, "status", "0", true},
		{"+ with the site's own user group", of, "operations", s.plain(high["operations"]), true},
		{"- an action that was disabled", of, "status", "1", false},
		{"- other steps", of, "operations", any(more), false},
		{"- our value in another object", of + "x", "status", "0", false},
		{"- a field that is gone", of, "status", nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			if got := isShipped(test.object, test.field, test.value); got != test.want {
				t.Errorf("shipped is %t, want %t", got, test.want)
			}
		})
	}
}

// ourFiles are the template files of this repository.
func ourFiles(t *testing.T) []*file {
	t.Helper()

	files, err := readFiles(os.DirFS("../../../templates"), decodeYAML)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func labTemplate(t *testing.T) fstest.MapFS {
	t.Helper()

	data, err := os.ReadFile("testdata/template_lab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"lab/template_lab.yaml": {Data: data}}
}

// decodeYAML does for tests what config.Tree does for the program.
func decodeYAML(data []byte) (any, error) {
	var n yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&n); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return plainNode(&n), nil
}

func plainNode(n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return plainNode(n.Content[0])
	case yaml.AliasNode:
		return plainNode(n.Alias)
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			out = append(out, plainNode(c))
		}
		return out
	case yaml.MappingNode:
		out := row{}
		for i := 0; i < len(n.Content); i += 2 {
			out[n.Content[i].Value] = plainNode(n.Content[i+1])
		}
		return out
	}
	return n.Value
}
