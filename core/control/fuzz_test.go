package control

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzParse gives the parser any line: it takes what has the right form, says
// what is wrong with the rest, and its answer is always one line that a client
// can read.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		``, `{}`, `null`, `{"v":1,"id":1,"cmd":"status","args":{}}`, `{"v":2}`, `{"v":1,"id":18446744073709551615,"cmd":"x","args":{"a":[1]}}`,
		`{"v":1,"cmd":"x","args":[]}`, `{"V":1,"Cmd":"x"}`, `{"v":1e0,"cmd":"\ud800"}`, "{\"v\":1,\"cmd\":\"\xff\"}", `{"v":1,"cmd":"x"} {}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, bad := parse(line)
		if bad == nil {
			checkTaken(t, r)
			bad = unknown(r.Cmd, nil)
		}
		if bad.Code == "" || bad.Text == "" {
			t.Errorf("an error without words: %+v", bad)
		}
		text := encode(answer{ID: r.ID, Error: bad})
		if end := bytes.IndexByte(text, '\n'); end != len(text)-1 {
			t.Fatalf("the answer is not one line: %q", text)
		}
		var a answer
		if err := json.Unmarshal(text, &a); err != nil || a.Error == nil || a.ID != r.ID || a.V != Version {
			t.Errorf("the answer %q: %v", text, err)
		}
	})
}

func checkTaken(t *testing.T, r request) {
	t.Helper()

	if r.V != Version || r.Cmd == "" {
		t.Errorf("taken: %+v", r)
	}
	if len(r.Args) > 0 && (!json.Valid(r.Args) || r.Args[0] != '{') {
		t.Errorf("arguments that are no object: %q", r.Args)
	}
}
