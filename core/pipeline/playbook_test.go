package pipeline_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/action"
	"penstock/core/config"
	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/sift"
)

func shipped(t testing.TB) *pipeline.Playbook {
	t.Helper()
	book, err := config.LoadPlaybook("playbook.yaml", pipeline.ShippedPlaybook())
	if err != nil {
		t.Fatal(err)
	}
	return book
}

func TestShippedPlaybookIsComplete(t *testing.T) {
	shipped(t).Check(func(path, text string) { t.Errorf("playbook.%s: %s", path, text) })
}

// A language that lacks a text, or names other values than English, would show
// the operator half a sentence.
func TestEveryTextIsThereInEveryLanguage(t *testing.T) {
	for name, text := range pipeline.Texts() {
		text.Check(func(path, problem string) { t.Errorf("%s %q, %s: %s", name, text.EN, path, problem) })
	}
}

func TestEveryWordOfTheClosedListsHasItsText(t *testing.T) {
	for _, language := range []string{"en", "es", "de", "fr"} {
		for _, c := range event.Classes() {
			if pipeline.ClassWords(c, language) == "" {
				t.Errorf("class %s in %s", c, language)
			}
		}
		for _, d := range action.Catalogue() {
			if pipeline.ActionWords(d.ID, language) == d.ID {
				t.Errorf("action %s in %s", d.ID, language)
			}
		}
	}
	kinds := 1
	for sift.Kind(kinds).String() != "invalid" {
		kinds++
	}
	if pipeline.KindScores != kinds || pipeline.ReasonKinds != kinds {
		t.Errorf("%d kinds of evidence, %d scores, %d reasons", kinds-1, pipeline.KindScores-1, pipeline.ReasonKinds-1)
	}
}

// Steps and warnings that nothing names are texts that nobody can read.
func TestPlaybookHasNoUnusedTexts(t *testing.T) {
	book := shipped(t)
	steps, avoid := map[string]bool{}, map[string]bool{}
	use := func(stepIDs, avoidIDs []string) {
		for _, id := range stepIDs {
			steps[id] = true
		}
		for _, id := range avoidIDs {
			avoid[id] = true
		}
	}
	for _, e := range book.Entries {
		use(e.Steps, e.Avoid)
	}
	for _, z := range book.Zones {
		use(z.Steps, z.Avoid)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(book.Steps)), slices.Sorted(maps.Keys(steps))); diff != "" {
		t.Errorf("steps (-defined +named)\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(book.Avoid)), slices.Sorted(maps.Keys(avoid))); diff != "" {
		t.Errorf("avoid (-defined +named)\n%s", diff)
	}
}

// What the playbook gives people to type looks and changes nothing.
func TestPlaybookCommandsOnlyRead(t *testing.T) {
	readers := []string{
		"df", "find", "free", "getent", "grep", "ip", "journalctl", "last", "mailq", "ping", "ps",
		"sha256sum", "ss", "stat", "systemctl", "tail", "uptime", "who",
		"arp", "Get-CimInstance", "Get-LocalGroupMember", "Get-NetTCPConnection", "Get-PhysicalDisk", "Get-ScheduledTask",
		"Get-Service", "Get-Volume", "net", "quser", "Select-Object", "Sort-Object", "wevtutil", "Where-Object",
	}
	for id, s := range shipped(t).Steps {
		for _, part := range strings.FieldsFunc(s.Command+";"+s.Windows, func(r rune) bool { return r == '|' || r == '&' || r == ';' }) {
			words := strings.Fields(part)
			if !slices.Contains(readers, words[0]) {
				t.Errorf("%s: %q may change something", id, part)
			}
			for _, word := range []string{"-delete", "-exec", "restart", "stop", "start", ">", "/add", "/delete", "cl"} {
				if slices.Contains(words, word) {
					t.Errorf("%s: %q in %q", id, word, part)
				}
			}
		}
	}
}

func TestPlaybookCheckNamesWhatIsWrong(t *testing.T) {
	full := pipeline.Text{EN: "a", ES: "b", DE: "c", FR: "d"}
	book := pipeline.Playbook{
		Steps: map[string]pipeline.PlaybookStep{
			"half":  {EN: "see {address}", ES: "vea {user}", DE: "siehe {address}"},
			"other": {EN: "a", ES: "b", DE: "c", FR: "d", Command: "stat {file}"},
			"typo":  {EN: "{adress}", ES: "{adress}", DE: "{adress}", FR: "{adress}"},
		},
		Avoid: map[string]pipeline.Text{"user": {EN: "{user}", ES: "{user}", DE: "{user}", FR: "{user}"}},
		Zones: []pipeline.ZoneNote{{Zone: event.ZoneOT, Means: full, Steps: []string{"gone"}}},
		Entries: []pipeline.PlaybookEntry{
			{Class: event.Novelty, What: full, Means: full, Steps: []string{"half"}},
			{Class: event.Novelty, What: full, Means: full, Steps: []string{"other", "other", "other"}, Avoid: []string{"user"}},
		},
	}
	var got []string
	book.Check(func(path, text string) { got = append(got, path+": "+text) })
	got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "has no entry without zones") })
	want := []string{
		`steps.half.es: the text names {user}, the English one {address}`,
		`steps.half.fr: the text is missing`,
		`steps.other.command: {file} is in the command but not in the text`,
		`steps.typo.en: {adress} is not a parameter (address, file, host, program, user)`,
		`avoid.user.en: only {host} always has a value`,
		`entries[0].steps: 1 steps, 0 of them without parameters: at most 8, and at least 3 without`,
		`entries[0].avoid: an entry says what not to do`,
		`entries[1].class: novelty has two entries without zones`,
		`zones[0].steps[0]: "gone" is not a step`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got)\n%s", diff)
	}
}
