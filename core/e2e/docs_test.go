package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestCommandsInDocumentsWork runs every block of the documents that is marked
// `sh`, in the order of the document, in a copy of the repository's folder made
// of links. Blocks that cannot run anywhere are marked `console` or `text`. A
// call of make is checked with -n here; TestMakeRun makes the important one.
func TestCommandsInDocumentsWork(t *testing.T) {
	t.Parallel()

	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatalf("list the documents: %v", err)
	}
	ran := 0
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatalf("read %s: %v", page, err)
		}
		blocks := shellBlocks(string(text))
		ran += len(blocks)
		if len(blocks) == 0 {
			continue
		}
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()

			folder := linkedCopy(t)
			for _, block := range blocks {
				runBlock(t, folder, block)
			}
		})
	}
	if ran == 0 {
		t.Error("found no commands in the documents: the test reads them wrongly")
	}
}

func TestShellBlocks(t *testing.T) {
	t.Parallel()

	text := "a\n```sh\nmake run\nls\n```\nb\n```console\nno\n```\n  ```sh\necho\n  ```\n"
	got := shellBlocks(text)
	if len(got) != 2 || got[0] != "make -n run\nls" || got[1] != "echo" {
		t.Errorf("shellBlocks: got %q", got)
	}
}

// shellBlocks returns the fenced blocks marked sh, with each make made harmless.
func shellBlocks(text string) []string {
	fence := regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$")
	harmless := regexp.MustCompile(`(?m)^( *)make `)
	var blocks []string
	for _, match := range fence.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, strings.TrimSpace(harmless.ReplaceAllString(match[1], "${1}make -n ")))
	}
	return blocks
}

// linkedCopy makes a folder that looks like the repository after `make build`,
// in which commands can leave files behind.
func linkedCopy(t *testing.T) string {
	t.Helper()

	folder := t.TempDir()
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatalf("find the repository: %v", err)
	}
	entries, err := os.ReadDir(absolute)
	if err != nil {
		t.Fatalf("list the repository: %v", err)
	}
	for _, e := range entries {
		if e.Name() == "bin" || e.Name() == "dist" || e.Name() == ".git" {
			continue
		}
		if err := os.Symlink(filepath.Join(absolute, e.Name()), filepath.Join(folder, e.Name())); err != nil {
			t.Fatalf("link %s: %v", e.Name(), err)
		}
	}
	if err := os.Symlink(programs, filepath.Join(folder, "bin")); err != nil {
		t.Fatalf("link the programs: %v", err)
	}
	return folder
}

func runBlock(t *testing.T, folder, block string) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", block)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the documents say\n%s\nwhich fails: %v\n%s", block, err, text)
	}
}
