package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryModuleIsListedWithItsLicence(t *testing.T) {
	t.Parallel()

	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("read go.mod: %v", err)
	}
	var mod struct{ Require []struct{ Path string } }
	if err := json.Unmarshal(text, &mod); err != nil {
		t.Fatalf("decode go.mod: %v", err)
	}
	if len(mod.Require) == 0 {
		t.Fatal("go.mod requires nothing: the test reads it wrongly")
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "licences.md"))
	if err != nil {
		t.Fatalf("read the list of licences: %v", err)
	}
	for _, module := range mod.Require {
		if !strings.Contains(string(page), "| "+module.Path+" |") {
			t.Errorf("docs/licences.md does not list %s", module.Path)
		}
	}
}
