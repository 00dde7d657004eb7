package main

import (
	"strings"
	"testing"
)

// TestSetupZabbixFlags wants wrong usage to end before anything is read or asked.
func TestSetupZabbixFlags(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"- nothing to do", nil, "neither --plan, --apply nor --remove is given"},
		{"- plan and apply", []string{"--plan", "--apply"}, "--plan and --apply cannot be used together"},
		{"- all hosts, mistyped", []string{"--apply", "--all"}, "--all is given without --remove"},
		{"- a shared removal only planned", []string{"--plan", "--all"}, "--all is given without --remove"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var said strings.Builder
			code := run(append([]string{"setup", "zabbix", "--config", t.TempDir() + "/none"}, test.args...), strings.NewReader(""), &said, &said)
			if code != exitUsage || !strings.Contains(said.String(), test.want) {
				t.Errorf("exit code %d, want %d; said %q, want %q", code, exitUsage, said.String(), test.want)
			}
		})
	}
}
