package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/core/fake"
	"penstock/core/llm"
)

// runText runs the program and returns its exit code and what it says.
func runText(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// modelFile writes a configuration with that model section.
func modelFile(t *testing.T, format string, args ...any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "penstock.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, "site: {name: t}\nmodel: "+format+"\n", args...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestModelCheck(t *testing.T) {
	server := fake.NewOllama(t)
	answering(server, "High")
	broken := fake.NewOllama(t) // answers {}
	other := fake.NewOllama(t)
	other.Put(fake.Model, strings.Repeat("ab", 32))
	empty := fake.NewOllama(t)
	empty.Drop(fake.Model)
	moved := fake.NewProxy(t, server.URL)
	moved.Set(fake.Fault{Redirect: server.URL})
	section := func(url, more string) string {
		return modelFile(t, "{endpoints: [%q], name: %q%s}", url, fake.Model, more)
	}
	const gone = "http://127.0.0.1:1"
	for _, tt := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"+ by flags", []string{"--model", fake.Model, "--endpoint", server.URL}, exitDone, []string{
			"Ollama 0.17.4", "197K", "none is pinned", "model.digest: " + fake.Digest, "8192 tokens of 8192", "completion", "answered", "tokens a second", "2.1", "5.1", "the model can be used",
		}},
		{"+ pinned", []string{"--config", section(server.URL, ", digest: "+fake.Digest)}, exitDone, []string{"the pinned one", "yes, with 8192 tokens"}},
		{"+ one of two is gone", []string{"--config", modelFile(t, "{endpoints: [%q, %q], name: %q}", gone, server.URL, fake.Model)}, exitDone, []string{"no answer", "systemctl start ollama", "the model can be used"}},
		{"- gone", []string{"--model", fake.Model, "--endpoint", gone}, exitFailed, []string{"unreachable", "`sudo systemctl start ollama`"}},
		{"- no such model", []string{"--model", "qwen3:8b", "--endpoint", empty.URL}, exitFailed, []string{"qwen3:8b is not there", "`ollama pull qwen3:8b`", "docs/models.md"}},
		{"- replaced", []string{"--config", section(other.URL, ", digest: "+fake.Digest)}, exitFailed, []string{"NOT the pinned one", "abababab", "find out who changed it"}},
		{"- one of two is replaced", []string{"--config", modelFile(t, "{endpoints: [%q, %q], name: %q, digest: %s}", server.URL, other.URL, fake.Model, fake.Digest)}, exitFailed, []string{"answered", "NOT the pinned one"}},
		{"- redirected", []string{"--config", section(moved.URL, "")}, exitFailed, []string{"redirected", "name the server itself"}},
		{"- window too large", []string{"--config", section(server.URL, ", context_tokens: 16384")}, exitFailed, []string{"was made for 8192 tokens", "set model.context_tokens to 8192 at most"}},
		{"- prompt too small", []string{"--config", section(server.URL, ", prompt_bytes: 4000")}, exitConfig, []string{"4000 is not between"}},
		{"- no valid answer", []string{"--model", fake.Model, "--endpoint", broken.URL}, exitFailed, []string{"failed (invalid)", "take another one"}},
		{"- no model named", []string{"--endpoint", server.URL}, exitConfig, []string{"no model is named", "ollama list"}},
		{"- public address", []string{"--model", "x", "--endpoint", "http://192.0.2.1"}, exitConfig, []string{"is a public address"}},
		{"- no configuration", []string{"--config", "/no/such.yaml"}, exitConfig, []string{"no such file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(strings.Join(tt.args, " "), "--config") {
				tt.args = append(tt.args, "--config", modelFile(t, "{}"))
			}
			code, out, errs := runText(append([]string{"model", "check"}, tt.args...)...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out+errs, want) {
					t.Errorf("does not say %q", want)
				}
			}
			if t.Failed() {
				t.Log(out + errs)
			}
		})
	}
}

// What a server says of itself commands no terminal.
func TestModelCheckShowsHostileServersAsText(t *testing.T) {
	server := fake.NewOllama(t)
	server.Put("evil\x1b[2J\u202emodel", strings.Repeat("cd", 32))
	_, out, errs := runText("model", "check", "--config", modelFile(t, "{}"), "--model", "x", "--endpoint", server.URL)
	if !strings.Contains(out, `evil\x1b[2J`) || strings.ContainsAny(out+errs, "\x1b\u202e") {
		t.Errorf("%q %q", out, errs)
	}
}

// A token goes to the servers of the configuration only.
func TestChosenServerGetsNoToken(t *testing.T) {
	o := llm.DefaultOptions()
	o.Endpoints, o.Name, o.Digest, o.TokenFile = []string{"http://10.0.0.1"}, "a", fake.Digest, "/token"
	for _, tt := range []struct {
		choice        modelChoice
		token, digest string
	}{
		{modelChoice{}, "/token", fake.Digest},
		{modelChoice{name: "a", endpoint: "http://10.0.0.1"}, "/token", fake.Digest},
		{modelChoice{endpoint: "http://10.0.0.2"}, "", fake.Digest},
		{modelChoice{name: "b"}, "/token", ""},
	} {
		got, err := tt.choice.options(o)
		if err != nil || got.TokenFile != tt.token || got.Digest != tt.digest {
			t.Errorf("%+v: token %q, digest %q, %v", tt.choice, got.TokenFile, got.Digest, err)
		}
	}
}

// runJSON runs the program, which must end well, and reads what it prints.
func runJSON(t *testing.T, result any, args ...string) {
	t.Helper()
	code, out, errs := runText(args...)
	if err := json.Unmarshal([]byte(out), result); err != nil || code != exitDone {
		t.Fatalf("%s: exit code %d, %v\n%s%s", args, code, err, out, errs)
	}
}

func TestModelCheckAsJSON(t *testing.T) {
	server := fake.NewOllama(t)
	answering(server, "High")
	var got struct {
		Usable    bool
		Endpoints []struct{ Version, Digest string }
		Question  struct {
			State     string
			Questions []struct{ Valid bool }
		}
	}
	runJSON(t, &got, "model", "check", "--json", "--config", modelFile(t, "{endpoints: [%q], name: %q}", server.URL, fake.Model))
	if !got.Usable || got.Endpoints[0].Digest != fake.Digest || got.Question.State != "answered" || len(got.Question.Questions) != 4 {
		t.Errorf("%+v", got)
	}
}

func TestModelBenchMeasures(t *testing.T) {
	server := fake.NewOllama(t)
	answering(server, "High")
	var got struct {
		Stages []struct{ Count, Valid int }
		Later  struct{ Count int } `json:"later_questions"`
		Limit  string
		Hour   float64 `json:"limit_cases_per_hour"`
		Read   float64 `json:"tokens_read_per_second"`
		Write  float64 `json:"tokens_written_per_second"`
		Cases  []struct{ Seconds float64 }
	}
	runJSON(t, &got, "model", "bench", "--json", "--cases", "7", "--config", modelFile(t, "{endpoints: [%q], name: %q, calls_per_hour: 40}", server.URL, fake.Model))
	if len(got.Cases) != 7 || len(got.Stages) != 4 || got.Stages[0].Valid != 7 || got.Later.Count < 14 {
		t.Errorf("%+v", got)
	}
	if got.Limit != "calls_per_hour" || got.Hour <= 5 || got.Hour > 15 || got.Read <= 0 || got.Write <= 0 {
		t.Errorf("%+v", got)
	}
}

func TestModelBenchEnds(t *testing.T) {
	server := fake.NewOllama(t)
	config := modelFile(t, "{endpoints: [%q], name: %q}", server.URL, fake.Model)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	server.Answer(func(fake.Chat) fake.Reply {
		if len(server.Chats()) > 5 {
			stop()
			return fake.Reply{Hang: true}
		}
		return fake.Reply{Text: `{"reason":"Daily work.","evidence":["E1"],"score":3,"unusual":false}`}
	})
	o, err := modelChoice{name: fake.Model, endpoint: server.URL}.options(llm.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	b, err := benchModel(ctx, &env{stderr: &errs}, o, "en", 100)
	if err != nil || b.Stopped != "interrupted" || len(b.Cases) == 0 {
		t.Errorf("interrupted: %+v, %v", b, err)
	}
	server.Close()
	if code, _, errs := runText("model", "bench", "--config", config); code != exitFailed || !strings.Contains(errs, "systemctl start ollama") {
		t.Errorf("gone: exit code %d, %s", code, errs)
	}
	if code, _, _ := runText("model", "bench", "--config", config, "--cases", "0"); code != exitUsage {
		t.Errorf("no cases: exit code %d", code)
	}
}

// The cases differ in size, and the largest fills what a prompt may have.
func TestBuiltinCases(t *testing.T) {
	server := fake.NewOllama(t)
	answering(server, "High")
	o, err := modelChoice{name: fake.Model, endpoint: server.URL}.options(llm.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	client, err := llm.New(unhurried(o))
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range []string{"en", "de"} {
		r, err := newRehearsal(client, unhurried(o), language)
		if err != nil {
			t.Fatal(err)
		}
		least, most := 1<<20, 0
		for round := range 2 {
			for _, x := range builtinCases(round) {
				done, err := r.ask(t.Context(), x)
				if err != nil || done.State.String() != "answered" {
					t.Errorf("%s: %+v, %v", x.ID, done, err)
				}
				least, most = min(least, done.PromptBytes), max(most, done.PromptBytes)
			}
		}
		if least > 5000 || most < 13_000 {
			t.Errorf("%s: the smallest begins with %d bytes, the largest with %d", language, least, most)
		}
	}
}
