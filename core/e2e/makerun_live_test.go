//go:build live

package e2e

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMakeRun does what a newcomer does first, and holds the promise that it
// takes less than a minute.
func TestMakeRun(t *testing.T) {
	start := time.Now()
	cmd := exec.CommandContext(t.Context(), "make", "run")
	cmd.Dir = root
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make run: %v\n%s", err, text)
	}
	took := time.Since(start)
	t.Logf("make run took %v, build included", took.Round(time.Millisecond))
	if took > time.Minute {
		t.Errorf("make run took %v", took)
	}
	if !strings.Contains(string(text), "Critical") {
		t.Errorf("make run shows no Critical case:\n%s", text)
	}
}
