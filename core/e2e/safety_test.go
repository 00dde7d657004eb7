package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSafetyNamesTestsThatExist keeps docs/safety.md honest.
func TestSafetyNamesTestsThatExist(t *testing.T) {
	t.Parallel()

	page, err := os.ReadFile(filepath.Join(root, "docs", "safety.md"))
	if err != nil {
		t.Fatalf("read the page: %v", err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) == 0 {
		t.Fatal("found no test names: the test reads the page wrongly")
	}
	exist := testNames(t)
	for _, match := range named {
		if !exist[match[1]] {
			t.Errorf("docs/safety.md names %s, which does not exist", match[1])
		}
	}
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()

	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, match := range declaration.FindAllSubmatch(code, -1) {
			names[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatalf("list the tests: %v", err)
	}
	return names
}
