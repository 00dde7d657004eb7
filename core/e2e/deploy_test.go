package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"penstock/core/config"
	"penstock/core/intake"
)

// TestPackagedConfigurationIsSound keeps the file that a package installs one
// with which the service starts on a machine that has a journal and no log files.
func TestPackagedConfigurationIsSound(t *testing.T) {
	t.Parallel()

	c, err := config.Load(filepath.Join(root, "deploy", "penstock.yaml"))
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	var kinds []intake.Kind
	for _, s := range c.Sources {
		kinds = append(kinds, s.Kind)
	}
	if diff := cmp.Diff([]intake.Kind{intake.KindJournald, intake.KindDrop}, kinds); diff != "" {
		t.Errorf("sources (-want +got)\n%s", diff)
	}
	if c.StateDir != "/var/lib/penstock" || !c.Actions.DryRun {
		t.Errorf("state in %s, dry run %t", c.StateDir, c.Actions.DryRun)
	}
}

// TestPreinstMakesTheAccountsOfSysusers keeps the two lists of accounts the same:
// the script runs before the file is there.
func TestPreinstMakesTheAccountsOfSysusers(t *testing.T) {
	t.Parallel()

	script := deployed(t, "packages/preinst")
	inside := regexp.MustCompile(`(?s)<<'END'\n(.*?)END\n`).FindStringSubmatch(script)
	if inside == nil {
		t.Fatal("preinst hands nothing to systemd-sysusers")
	}
	comments := regexp.MustCompile(`(?m)^#.*\n`)
	if diff := cmp.Diff(comments.ReplaceAllString(deployed(t, "systemd/penstock.sysusers"), ""), inside[1]); diff != "" {
		t.Errorf("(-penstock.sysusers +preinst)\n%s", diff)
	}
	for _, name := range regexp.MustCompile(`(?m)^[gum] (\S+)`).FindAllStringSubmatch(inside[1], -1) {
		if !strings.Contains(script, name[1]) {
			t.Errorf("without systemd-sysusers there is no %s", name[1])
		}
	}
}

// TestDropInKeepsTheAgentUp holds what facts about agent 2 ask for: an agent whose
// plugin died ends with code 0 (6.0) or 2 (7.0), and no unit of a distribution starts
// it again then.
func TestDropInKeepsTheAgentUp(t *testing.T) {
	t.Parallel()

	text := deployed(t, "systemd/zabbix-agent2-penstock.conf")
	for _, line := range []string{"Restart=always", "OOMPolicy=continue", "StartLimitIntervalSec=0"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the drop-in lacks %s", line)
		}
	}
}

func deployed(t *testing.T, name string) string {
	t.Helper()

	text, err := os.ReadFile(filepath.Join(root, "deploy", name))
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(text)
}
