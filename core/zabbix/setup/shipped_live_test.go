//go:build live

package setup

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"penstock/core/e2e/lab"
	"penstock/core/zabbix"
)

// TestShippedLive asks real servers what they make of our files, which are new to
// them, and wants every value to be in shipped.txt: also those of fields that a file
// leaves out, and those that a version converts.
func TestShippedLive(t *testing.T) {
	for _, name := range []string{"6.0", "7.0"} {
		z := lab.Zabbix(t, name)
		tokenFile := t.TempDir() + "/token"
		if err := os.WriteFile(tokenFile, []byte(z.Token), 0o600); err != nil {
			t.Fatal(err)
		}
		api, err := zabbix.OpenAPI(zabbix.APIOptions{URL: z.URL, TokenFile: tokenFile, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		defer api.Close()
		s, err := New(api, Settings{Host: "none", Templates: os.DirFS("../../../templates"), Decode: decodeYAML})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.begin(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, f := range s.files {
			wantShipped(t, f.name+" on "+name, s.templateHashes(t, f))
		}
	}
}

// templateHashes are the hashes of all fields of all parts of a template as this
// version has them. A part that lacks a field that another of its kind has counts as
// shipped without it.
func (s *Setup) templateHashes(t *testing.T, f *file) []string {
	t.Helper()

	data, err := json.Marshal(withoutSecrets(f.tree))
	if err != nil {
		t.Fatal(err)
	}
	var answer any
	err = s.api.Call(context.Background(), "configuration.importcompare", row{"format": "json", "rules": s.rules(), "source": string(data)}, &answer)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string][]row{}
	var walk func(any)
	walk = func(v any) {
		parts, _ := v.(row)
		for kind, v := range parts {
			sorts, _ := v.(row)
			added, _ := sorts["added"].([]any)
			for _, v := range added {
				one := v.(row)
				kinds[kind] = append(kinds[kind], one["after"].(row))
				walk(one)
			}
		}
	}
	walk(answer)
	if len(kinds["templates"]) != 1 {
		t.Fatalf("%s is there already: this test wants a server without it", f.name)
	}
	var hashes []string
	for _, parts := range kinds {
		fields := row{}
		for _, part := range parts {
			for field := range part {
				fields[field] = nil
			}
		}
		for _, part := range parts {
			for field := range fields {
				hashes = append(hashes, hashOf(text(part["uuid"]), field, s.usual(field, part[field])))
			}
		}
	}
	macros, _ := kinds["templates"][0]["macros"].([]any)
	for _, v := range macros {
		m := v.(row)
		for _, field := range []string{"description", "type", "value"} {
			hashes = append(hashes, hashOf(f.uuid+text(m["macro"]), field, m[field]))
		}
	}
	slices.Sort(hashes)
	return slices.Compact(hashes)
}
