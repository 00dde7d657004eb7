//go:build live

package e2e

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMakeRun does what a newcomer does first. How long it takes is logged only:
// a busy machine says nothing about the program.
func TestMakeRun(t *testing.T) {
	start := time.Now()
	cmd := exec.CommandContext(t.Context(), "make", "run")
	cmd.Dir = root
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make run: %v\n%s", err, text)
	}
	t.Logf("make run took %v, build included", time.Since(start).Round(time.Millisecond))
	if !strings.Contains(string(text), "Critical") {
		t.Errorf("make run shows no Critical case:\n%s", text)
	}
}
