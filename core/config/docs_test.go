package config

import (
	"encoding"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// allKeys returns the paths of all keys, without indexes, for instance
// site.assets.name.
func allKeys(t reflect.Type) []string {
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	var all []string
	for i := range t.NumField() {
		key := keyOf(t.Field(i))
		if key == "" {
			continue
		}
		all = append(all, key)
		for _, below := range allKeys(t.Field(i).Type) {
			all = append(all, key+"."+below)
		}
	}
	return all
}

func lastOf(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// TestEveryKeyIsDocumented looks for the full path of each key, in backquotes.
func TestEveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	keys := allKeys(reflect.TypeFor[Config]())
	if len(keys) < 50 {
		t.Fatalf("only %d keys found", len(keys))
	}
	for _, key := range keys {
		if !strings.Contains(string(doc), "`"+key+"`") {
			t.Errorf("docs/configuration.md does not explain `%s`", key)
		}
	}
}
