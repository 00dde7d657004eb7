package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func runSignals(t *testing.T, args ...string) (code int, out, problems string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := newSignals(&env{stdout: &stdout, stderr: &stderr})
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	code = tell(&stderr, c.CommandPath(), c.Execute())
	return code, stdout.String(), stderr.String()
}

func TestSignals(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own := `signals:
  - id: pump.dry
    title: {en: Pump runs dry}
    class: fault
    severity: High
    match: [{any: [dry run]}]
    examples: ["gw poller[1]: pump 4 dry run"]
`
	tests := []struct {
		name     string
		args     []string
		code     int
		out, bad string
	}{
		{"+ list", []string{"list"}, exitDone, "login.failed", ""},
		{"+ list in Spanish", []string{"list", "--language", "es"}, exitDone, "Inicio de sesión", ""},
		{"+ list with own file", []string{"list", "--file", file("own.yaml", own)}, exitDone, "Pump runs dry", ""},
		{"+ test", []string{"test"}, exitDone, " 0 failed", ""},
		{
			"- failing example",
			[]string{"test", "--file", file("fail.yaml", strings.Replace(own, "[dry run]", "[wet run]", 1))},
			exitFailed, "pump.dry does not match its example", "1 of ",
		},
		{
			"- bad entry",
			[]string{"test", "--file", file("bad.yaml", strings.Replace(own, "dry run]", "d]", 1))},
			exitConfig, "", "bad.yaml:6",
		},
		{
			"- unknown key",
			[]string{"list", "--file", file("key.yaml", strings.Replace(own, "class:", "klass:", 1))},
			exitConfig, "", "key.yaml:4",
		},
		{"- no file", []string{"test", "--file", filepath.Join(dir, "none.yaml")}, exitInput, "", "read signals file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, out, problems := runSignals(t, tt.args...)
			if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(problems, tt.bad) {
				t.Errorf("code %d, want %d\nout: %s\nerr: %s", code, tt.code, out, problems)
			}
		})
	}
}
