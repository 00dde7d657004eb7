//go:build live

package e2e

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"penstock/core/e2e/lab"
	"penstock/core/fake"
)

// TestModelCommandsAgainstRealOllama runs what a person types before and after the
// model section is written, against a real server with a scripted model.
func TestModelCommandsAgainstRealOllama(t *testing.T) {
	server := lab.Ollama(t)
	digest := server.Create(t, fake.Model, lab.Scripted(lab.Answers{
		Reason: "It does not fit.", Evidence: []string{"E1"}, Score: 91, Unusual: true, Class: "malware", Severity: "High", Confidence: 80,
		What: "It happened.", Means: "It matters.", Steps: []string{"S1"},
	}))
	folder := t.TempDir()
	config, state := filepath.Join(folder, "penstock.yaml"), filepath.Join(folder, "site.state")
	// A token of the tiny models is one byte.
	writeFile(t, config, fmt.Sprintf("site: {name: live}\nmodel: {endpoints: [%q], name: %q, digest: %s, context_tokens: 32768, case_tokens: 1000000}\n", server.URL, fake.Model, digest))
	log := filepath.Join(root, "externalscripts/penstock/sample/logs/adm01-auth.log")
	for _, tt := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{"model", "check", "--config", config}, 0, []string{"Ollama 0.", "the pinned one", "32768 tokens of 32768", "completion", "2.1", "5.1", "the model can be used"}},
		{[]string{"model", "check", "--config", config, "--model", "nothing"}, 1, []string{"nothing is not there", "ollama pull nothing"}},
		{[]string{"model", "bench", "--config", config, "--cases", "5"}, 0, []string{"2 unusual", "5/5", "5 advice", "cases an hour", "because the server knows its beginning"}},
		{[]string{"analyze", "--config", config, "--state", state, "--model", fake.Model, log}, 0, []string{"was asked about", "In the model's words: It does not fit.", "3 how bad?: model"}},
		{[]string{"explain", "live-w1-1", "--config", config, "--state", state, "--model", fake.Model, "--prompts"}, 0, []string{"Question 2.1", `"score":91`, "You read cases"}},
	} {
		text, err := exec.CommandContext(t.Context(), filepath.Join(programs, "penstock"), tt.args...).CombinedOutput()
		code := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != tt.code {
			t.Errorf("%s: exit code %d, want %d", tt.args, code, tt.code)
		}
		for _, want := range tt.want {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s does not say %q", tt.args, want)
			}
		}
		if t.Failed() {
			t.Logf("penstock %s\n%s", strings.Join(tt.args, " "), text)
		}
	}
}
