package llm

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func problems(o Options) []string {
	var all []string
	o.Check(func(path, text string) { all = append(all, path+": "+text) })
	return all
}

func TestCheck(t *testing.T) {
	with := func(change func(*Options)) Options {
		o := DefaultOptions()
		o.Endpoints, o.Name = []string{"http://127.0.0.1:11434"}, "qwen3:4b"
		change(&o)
		return o
	}
	for _, tt := range []struct {
		name string
		in   Options
		want []string
	}{
		{"+ absent", DefaultOptions(), nil},
		{"+ local", with(func(*Options) {}), nil},
		{"+ private, by name, digest", with(func(o *Options) {
			o.Endpoints = []string{"http://10.0.0.5:11434", "http://gpu.plant.example:11434/", "https://[fd00::1]:443"}
			o.Digest = "sha256:" + strings.Repeat("0a", 32)
		}), nil},
		{"+ remote where allowed", with(func(o *Options) { o.AllowRemote, o.Endpoints = true, []string{"https://198.51.100.1"} }), nil},
		{"- no name", with(func(o *Options) { o.Name = "" }), []string{"name: is missing: `ollama list` shows the names"}},
		{"- name of two words", with(func(o *Options) { o.Name = "a b" }), []string{`name: "a b" is not a model's name`}},
		{"- no scheme", with(func(o *Options) { o.Endpoints = []string{"127.0.0.1:11434"} }), []string{
			`endpoints[0]: "127.0.0.1:11434" is not an address (such as http://127.0.0.1:11434)`,
		}},
		{"- password", with(func(o *Options) { o.Endpoints = []string{"http://a:b@127.0.0.1"} }), []string{
			"endpoints[0]: a password does not belong here: use token_file",
		}},
		{"- path", with(func(o *Options) { o.Endpoints = []string{"http://127.0.0.1/api"} }), []string{
			`endpoints[0]: "http://127.0.0.1/api" has more than scheme, host and port`,
		}},
		{"- remote without https", with(func(o *Options) { o.AllowRemote, o.Endpoints = true, []string{"http://198.51.100.1"} }), []string{
			"endpoints[0]: 198.51.100.1 is a public address: only https may be used",
		}},
		{"- service of others", with(func(o *Options) { o.AllowRemote, o.Endpoints = true, []string{"https://API.ollama.com"} }), []string{
			"endpoints[0]: ollama.com is a service, not a server of yours: it wants requests signed with a key, which Penstock never does",
		}},
		{"- short digest", with(func(o *Options) { o.Digest = "0a3f" }), []string{
			`digest: "0a3f" is not a SHA-256 (64 digits 0-9 and a-f)`,
		}},
		{"- limits", with(func(o *Options) {
			o.ContextTokens, o.AnswerTokens, o.Parallel, o.PromptBytes, o.CallsPerHour = 4096, 4096, 0, 1, 0
			o.Timeout, o.KeepAlive = 0, -time.Second
			o.TokensPerHour, o.TimePerHour, o.CaseTokens, o.CaseTime = 1, time.Second, 1, time.Second
		}), []string{
			"prompt_bytes: 1 is not between 8000 and 200000",
			"parallel: 0 is not between 1 and 64",
			"calls_per_hour: 0 is not between 1 and 100000",
			"tokens_per_hour: 1 is not between 1000 and 1000000000",
			"case_tokens: 1 is not between 1000 and 10000000",
			"answer_tokens: 4096 leaves no room for a prompt in 4096 context_tokens",
			"timeout: 0s is not between 1s and 1h",
			"keep_alive: -1s is not between 0s and 7d",
			"time_per_hour: 1s is not between 1m and 64h",
			"case_time: 1s is not between 10s and 1h",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, problems(tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckNeverLetsPromptsLeaveTheSiteUnasked(t *testing.T) {
	o := DefaultOptions()
	o.Name, o.Endpoints = "m", []string{"https://198.51.100.1"}
	want := []string{"endpoints[0]: 198.51.100.1 is a public address: prompts hold log lines; set allow_remote if they may leave the site"}
	if diff := cmp.Diff(want, problems(o)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
