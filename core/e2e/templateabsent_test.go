package e2e

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"penstock/core/app"
)

// TestTemplatesKeepTheLastValuesWithoutAWorker: what only a worker knows is dropped
// before it reaches an item. A value made up there would resolve the problems that
// stand, just when nobody watches.
func TestTemplatesKeepTheLastValuesWithoutAWorker(t *testing.T) {
	known := map[string]bool{
		"penstock.state": true, "penstock.problem": true, "penstock.worker": true,
		"penstock.keeper.mode": true, "penstock.keeper.deaths": true, "penstock.keeper.death": true,
	}
	working := string(app.Items{Glance: &app.Glance{Status: app.Status{Version: "1", Sources: []app.SourceStatus{{Name: "auth"}}}}}.Status())
	eachTemplate(t, func(t *testing.T, tpl *template, _, _ string) {
		looked := 0
		for _, i := range tpl.all() {
			if i.Master.Key != "penstock.status" && i.Master.Key != `penstock-check["status"]` {
				continue
			}
			looked++
			if why := i.dropped(t, working); why != "" {
				t.Errorf("%s has no value while a worker is there: %s", i.Key, why)
			}
			for _, absent := range []app.Items{{}, {Misconfigured: true, Problem: "line 3"}} {
				switch why := i.dropped(t, string(absent.Status())); {
				case known[i.Key] && why != "":
					t.Errorf("%s is known without a worker, and has no value: %s", i.Key, why)
				case !known[i.Key] && why != "discarded":
					t.Errorf("%s without a worker: %q, want its value to be discarded", i.Key, why)
				}
			}
		}
		if looked == 0 && tpl.Name != ofCases {
			t.Error("no item depends on the status")
		}
	})
}

// dropped says what becomes of a value in an item's steps: "" where the item takes
// one, discarded, or why it becomes unsupported. Of scripts it knows only that they
// can do no more than read what is there.
func (i *templateItem) dropped(t *testing.T, text string) string {
	t.Helper()

	for _, s := range i.Steps {
		fails := false
		switch s.Type {
		case "JSONPATH":
			var value any
			if err := json.Unmarshal([]byte(text), &value); err != nil {
				t.Fatal(err)
			}
			fails = jsonPath(value, s.Parameters[0]) != nil
		case "MATCHES_REGEX":
			fails = !regexp.MustCompile(s.Parameters[0]).MatchString(text)
		}
		switch {
		case fails && s.OnError == "DISCARD_VALUE":
			return "discarded"
		case fails:
			return strings.ToLower(s.Type) + " fails"
		}
		switch s.Type {
		case "JAVASCRIPT":
			return unread(s.Parameters[0], text)
		case "JSONPATH":
			return "" // later steps have a value that was found
		}
	}
	return ""
}

var readsField = regexp.MustCompile(`\bs\.(\w+)|JSON\.parse\(value\)\.(\w+)\b`)

// unread returns which field a script reads that is not in the value.
func unread(script, text string) string {
	for _, m := range readsField.FindAllStringSubmatch(script, -1) {
		if field := m[1] + m[2]; !strings.Contains(text, `"`+field+`":`) {
			return "its script reads " + field + ", which is not there"
		}
	}
	return ""
}
