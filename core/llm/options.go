// Package llm asks a local language model, served by Ollama, for an answer that
// fits a JSON schema, in time, or says why there is none. It keeps to a budget and
// leaves alone what fails. It never decides what to ask nor what to make of an
// answer, and connects to nothing but the servers of its configuration.
package llm

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Options is the section model of penstock.yaml. Without endpoints there is no
// model, and rules answer alone.
type Options struct {
	Endpoints   []string `yaml:"endpoints"`    // addresses of Ollama servers, tried in this order
	Name        string   `yaml:"name"`         // as `ollama list` shows it
	Digest      string   `yaml:"digest"`       // SHA-256 that the model of that name must have, "" accepts any
	AllowRemote bool     `yaml:"allow_remote"` // permits endpoints with public addresses
	TokenFile   string   `yaml:"token_file"`   // file with the bearer token of a proxy in front of the model

	Timeout       time.Duration `yaml:"timeout"`         // of one request
	KeepAlive     time.Duration `yaml:"keep_alive"`      // how long the server keeps the model loaded
	ContextTokens int           `yaml:"context_tokens"`  // size of the model's window, prompt and answer together
	AnswerTokens  int           `yaml:"answer_tokens"`   // most tokens of one answer
	PromptBytes   int           `yaml:"prompt_bytes"`    // most bytes of one prompt
	Parallel      int           `yaml:"parallel"`        // most requests at the same time, all endpoints together
	CallsPerHour  int           `yaml:"calls_per_hour"`  // most requests within an hour; beyond, rules answer
	TokensPerHour int           `yaml:"tokens_per_hour"` // most tokens within an hour, read and written
	TimePerHour   time.Duration `yaml:"time_per_hour"`   // longest time at work within an hour, all requests together
	CaseTokens    int           `yaml:"case_tokens"`     // most tokens over one revision of a case
	CaseTime      time.Duration `yaml:"case_time"`       // longest time over one revision of a case
}

// DefaultOptions returns the options of an absent section: no model, and limits
// that suit a small one on a machine without a GPU.
func DefaultOptions() Options {
	return Options{
		Timeout:       2 * time.Minute,
		KeepAlive:     30 * time.Minute,
		ContextTokens: 8192,
		AnswerTokens:  1024,
		PromptBytes:   18_000,
		Parallel:      1,
		CallsPerHour:  240,
		TokensPerHour: 1_000_000,
		TimePerHour:   time.Hour,
		CaseTokens:    60_000,
		CaseTime:      5 * time.Minute,
	}
}

// TokenBytes is how many bytes of a prompt are counted as one token: languages of
// people take more, addresses and digests fewer.
const TokenBytes = 3

// leastPrompt is the least bytes of a prompt with room for a case.
const leastPrompt = 8000

// Paths returns the options that name files.
func (o *Options) Paths() []*string { return []*string{&o.TokenFile} }

// Check reports everything that is wrong with the options. It connects to nothing.
func (o *Options) Check(problem func(path, text string)) {
	for i, endpoint := range o.Endpoints {
		if text := o.checkEndpoint(endpoint); text != "" {
			problem(fmt.Sprintf("endpoints[%d]", i), text)
		}
	}
	switch {
	case len(o.Endpoints) > 0 && o.Name == "":
		problem("name", "is missing: `ollama list` shows the names")
	case strings.ContainsAny(o.Name, " \t\r\n"):
		problem("name", fmt.Sprintf("%q is not a model's name", o.Name))
	}
	if text := checkDigest(o.Digest); text != "" {
		problem("digest", text)
	}
	within := func(path string, value, least, most int) {
		if value < least || value > most {
			problem(path, fmt.Sprintf("%d is not between %d and %d", value, least, most))
		}
	}
	within("context_tokens", o.ContextTokens, 4096, 131_072)
	within("answer_tokens", o.AnswerTokens, 64, 8192)
	within("prompt_bytes", o.PromptBytes, leastPrompt, 200_000)
	within("parallel", o.Parallel, 1, 64)
	within("calls_per_hour", o.CallsPerHour, 1, 100_000)
	within("tokens_per_hour", o.TokensPerHour, 1000, 1_000_000_000)
	within("case_tokens", o.CaseTokens, 1000, 10_000_000)
	if (o.ContextTokens-o.AnswerTokens)*TokenBytes < leastPrompt {
		problem("answer_tokens", fmt.Sprintf("%d leaves no room for a prompt in %d context_tokens", o.AnswerTokens, o.ContextTokens))
	}
	o.checkTimes(problem)
}

func (o *Options) checkTimes(problem func(path, text string)) {
	for _, t := range []struct {
		path        string
		value       time.Duration
		least, most time.Duration
		text        string // the bounds as a person writes them
	}{
		{"timeout", o.Timeout, time.Second, time.Hour, "1s and 1h"},
		{"keep_alive", o.KeepAlive, 0, 7 * 24 * time.Hour, "0s and 7d"},
		{"time_per_hour", o.TimePerHour, time.Minute, 64 * time.Hour, "1m and 64h"},
		{"case_time", o.CaseTime, 10 * time.Second, time.Hour, "10s and 1h"},
	} {
		if t.value < t.least || t.value > t.most {
			problem(t.path, fmt.Sprintf("%s is not between %s", t.value, t.text))
		}
	}
}

// checkEndpoint judges what can be judged without asking a name server: the
// transport looks at each resolved address again.
func (o *Options) checkEndpoint(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Sprintf("%q is not an address (such as http://127.0.0.1:11434)", text)
	}
	if u.User != nil {
		return "a password does not belong here: use token_file"
	}
	if u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return fmt.Sprintf("%q has more than scheme, host and port", text)
	}
	if host := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")); host == "ollama.com" || strings.HasSuffix(host, ".ollama.com") {
		return "ollama.com is a service, not a server of yours: it wants requests signed with a key, which Penstock never does"
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return ""
	}
	return o.checkAddress(addr, u.Scheme)
}

// checkAddress judges an address that a server of that scheme has.
func (o *Options) checkAddress(addr netip.Addr, scheme string) string {
	switch {
	case addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast():
		return ""
	case !o.AllowRemote:
		return fmt.Sprintf("%s is a public address: prompts hold log lines; set allow_remote if they may leave the site", addr)
	case scheme != "https":
		return fmt.Sprintf("%s is a public address: only https may be used", addr)
	}
	return ""
}

func checkDigest(digest string) string {
	if digest == "" {
		return ""
	}
	sum, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	if err != nil || len(sum) != 32 {
		return fmt.Sprintf("%.80q is not a SHA-256 (64 digits 0-9 and a-f)", digest)
	}
	return ""
}
