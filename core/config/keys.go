package config

import (
	"fmt"
	"reflect"
	"strings"
)

// keyOf returns the key under which a field stands in YAML, "" for none: only
// fields with a yaml tag can be configured.
func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if key == "-" || !f.IsExported() {
		return ""
	}
	return key
}

// unknownKey says that there is no such key, and what may have been meant.
func unknownKey(key string, t reflect.Type) string {
	var known []string
	for field := range t.Fields() {
		if k := keyOf(field); k != "" {
			known = append(known, k)
		}
	}
	nearest, best := "", 3
	for _, k := range known {
		if k == key+"_file" {
			return fmt.Sprintf("is not a key here: secrets are read from files, use %s", k)
		}
		if d := distance(strings.ToLower(key), k); d < best && d < len(k) {
			nearest, best = k, d
		}
	}
	if nearest != "" {
		return fmt.Sprintf("is not a key here, did you mean %s?", nearest)
	}
	return fmt.Sprintf("is not a key here (%s)", strings.Join(known, ", "))
}

// distance counts the letters to insert, remove or change to get from a to b;
// for words that are far too different it just says so.
func distance(a, b string) int {
	if len(a) > 40 || len(b) > 40 {
		return 80
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
