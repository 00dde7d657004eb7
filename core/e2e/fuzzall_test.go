//go:build fuzzall

package e2e

import (
	"context"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var each = flag.Duration("each", 10*time.Second, "how long to run each fuzz target")

// target is one fuzz function and the package it is in.
type target struct{ name, folder string }

// TestEveryFuzzTarget runs all fuzz targets of the module one after another.
func TestEveryFuzzTarget(t *testing.T) {
	for _, target := range fuzzTargets(t) {
		t.Run(target.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), *each+5*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "go", "test", "-run=^$",
				"-fuzz=^"+target.name+"$", "-fuzztime="+each.String(), ".")
			cmd.Dir = target.folder
			text, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("fuzz %s in %s: %v\n%s", target.name, target.folder, err, text)
			}
			t.Logf("%s: %s", target.folder, lastLine(text))
		})
	}
}

func fuzzTargets(t *testing.T) []target {
	t.Helper()

	declaration := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)
	var targets []target
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range declaration.FindAllSubmatch(code, -1) {
			targets = append(targets, target{string(match[1]), filepath.Dir(path)})
		}
		return nil
	})
	if err != nil {
		t.Fatalf("look for fuzz targets: %v", err)
	}
	if len(targets) == 0 {
		t.Fatal("found no fuzz target")
	}
	return targets
}

func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], "fuzz: ") {
			return lines[i]
		}
	}
	return lines[len(lines)-1]
}
