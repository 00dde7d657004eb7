package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestExitCodesAreDocumented holds that scripts can rely on what is written.
func TestExitCodesAreDocumented(t *testing.T) {
	want := fmt.Sprintf("Exit codes: %d done, %d failed, %d wrong usage, %d bad configuration, %d bad input, %d refused by policy.",
		exitDone, exitFailed, exitUsage, exitConfig, exitInput, exitRefused)
	var help strings.Builder
	if code := run([]string{"help"}, strings.NewReader(""), &help, &help); code != exitDone {
		t.Fatalf("help: exit code %d", code)
	}
	texts := map[string]string{"penstock help": strings.Join(strings.Fields(help.String()), " ")}
	for _, path := range []string{"../../README.md", "../../docs/configuration.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = strings.Replace(string(text), "Exit codes of every command:", "Exit codes:", 1)
	}
	for name, text := range texts {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not say %q", name, want)
		}
	}
}
