package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// evalData writes a stream of two lines, one of them an attack.
func evalData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"stream/m.labels.csv": "seq,split,label,class,instance,severity\n1,test,benign,,,none\n2,test,attack,scan-probe,i,low\n",
		"stream/m.jsonl": `{"seq":1,"ts":10,"host":"h","source":"s","line":"all is well"}` + "\n" +
			`{"seq":2,"ts":20,"host":"h","source":"s","line":"all is lost"}` + "\n",
		"good.jsonl":  `{"seq":1,"decision":"suppress"}` + "\n" + `{"seq":2,"decision":"forward","case":"c","severity":"Low"}` + "\n",
		"miss.jsonl":  `{"seq":1,"decision":"forward","case":"c","reasons":["new"]}` + "\n" + `{"seq":2,"decision":"suppress"}` + "\n",
		"short.jsonl": `{"seq":1,"decision":"suppress"}` + "\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEval(t *testing.T) {
	dir := evalData(t)
	decisions := func(name string) string { return filepath.Join(dir, name) }
	for _, test := range []struct {
		name string
		args []string
		code int
		want string // on stdout where the code is exitDone, else on stderr
	}{
		{"+ table", []string{"stream", "--data", dir, "--decisions", decisions("good.jsonl")}, exitDone, "attack instances seen                   1/1  1.000  1.000 to 1.000"},
		{"+ misses", []string{"stream", "--data", dir, "--decisions", decisions("miss.jsonl"), "--misses"}, exitDone, "all is lost"},
		{"+ help", nil, exitDone, "templates"},
		{"- no data flag", []string{"stream"}, exitUsage, `required flag(s) "data" not set`},
		{"- no data", []string{"alerts", "--data", filepath.Join(dir, "none"), "--decisions", dir}, exitInput, "docs/evaluation.md names its sources"},
		{"- no decisions", []string{"stream", "--data", dir, "--decisions", decisions("none.jsonl")}, exitInput, "none.jsonl: no such file"},
		{"- too few decisions", []string{"stream", "--data", dir, "--decisions", decisions("short.jsonl")}, exitInput, "no decision on seq 2"},
		{"- unknown task", []string{"weather"}, exitUsage, `unknown command "weather"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(append([]string{"eval"}, test.args...), strings.NewReader(""), &stdout, &stderr)
			got := stdout.String()
			if test.code != exitDone {
				got = stderr.String()
			}
			if code != test.code || !strings.Contains(got, test.want) {
				t.Errorf("exit code %d, want %d; got\n%s\nwant %s", code, test.code, got, test.want)
			}
		})
	}
}

func TestEvalJSONFromStandardInput(t *testing.T) {
	dir := evalData(t)
	saved, err := os.Open(filepath.Join(dir, "good.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	var stdout, stderr bytes.Buffer
	if code := run([]string{"eval", "stream", "--data", dir, "--decisions", "-", "--json"}, saved, &stdout, &stderr); code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	var got struct {
		Score struct {
			Instances struct{ Share struct{ Count, Of int } }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if s := got.Score.Instances.Share; s.Count != 1 || s.Of != 1 {
		t.Errorf("instances %d of %d, want 1 of 1", s.Count, s.Of)
	}
}
