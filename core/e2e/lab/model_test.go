package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrintableHasOneCharacterForEveryByte(t *testing.T) {
	t.Parallel()

	seen := map[string]int{}
	for b := range 256 {
		seen[printable(string([]byte{byte(b)}))]++
	}
	for text, times := range seen {
		if times != 1 || len([]rune(text)) != 1 {
			t.Errorf("%q stands for %d bytes", text, times)
		}
	}
	if diff := cmp.Diff("aĠÃ¤Ċ", printable("a ä\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestScriptedTriesTheWholeListFirst(t *testing.T) {
	t.Parallel()

	got := Scripted(Answers{Choose: []string{"isolate-host E2", "block-address E3.peer"}}).Phrases
	want := []string{
		`"reason":""`, `"what":""`, `"means":""`, `"score":0`, `"unusual":false`, `"class":""`, `"severity":""`, `"confidence":0`,
		`"evidence":[]`,
		`"choose":["isolate-host E2","block-address E3.peer"]`, `"choose":["isolate-host E2"]`, `"choose":["block-address E3.peer"]`, `"choose":[]`,
		`"steps":[]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
