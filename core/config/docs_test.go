package config

import (
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
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
	for field := range t.Fields() {
		key := keyOf(field)
		if key == "" {
			continue
		}
		all = append(all, key)
		for _, below := range allKeys(field.Type) {
			all = append(all, key+"."+below)
		}
	}
	return all
}

func lastOf(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// defaults returns the default of every key that has a single value, as people
// write it; keys of lists have none.
func defaults(path string, v reflect.Value, found map[string]string) {
	for i := range v.NumField() {
		key := keyOf(v.Type().Field(i))
		if key == "" {
			continue
		}
		here, field := join(path, key), v.Field(i)
		switch value := field.Interface().(type) {
		case time.Duration:
			found[here] = strings.NewReplacer("m0s", "m", "h0m0s", "h").Replace(value.String())
		case string, bool, int, fmt.Stringer:
			found[here] = fmt.Sprint(value)
		default:
			if field.Kind() == reflect.Struct {
				defaults(here, field, found)
			}
		}
	}
}

func TestDocumentedDefaultsAreTheRealOnes(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	defaults("", reflect.ValueOf(Default()).Elem(), found)
	if len(found) < 30 {
		t.Fatalf("only %d defaults found", len(found))
	}
	for key, value := range found {
		if value != "" && !strings.Contains(string(doc), "| `"+key+"` | `"+value+"` |") {
			t.Errorf("docs/configuration.md does not say that %s is %s by default", key, value)
		}
	}
}

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
