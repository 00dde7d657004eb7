package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// OllamaVersion is the version of Ollama that the tests run against.
const OllamaVersion = "v0.17.4"

// buildTime is the longest that a build, or the wait for another's, may take: seven
// minutes on two busy cores are usual.
const buildTime = 40 * time.Minute

// ollamaBinary returns the server's program. The first test on a machine builds it,
// outside the repository, and every other waits for that one.
func ollamaBinary(t testing.TB) string {
	t.Helper()

	folder, err := cacheFolder("ollama-" + OllamaVersion)
	if err != nil {
		t.Fatalf("find the cache: %v", err)
	}
	binary := filepath.Join(folder, "ollama")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	unlock, err := lock(filepath.Join(folder, "lock"))
	if err != nil {
		t.Fatalf("wait for another build of Ollama: %v", err)
	}
	defer unlock()
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	start := time.Now()
	if err := buildOllama(folder, binary); err != nil {
		t.Fatalf("build Ollama %s: %v", OllamaVersion, err)
	}
	t.Logf("built Ollama %s in %s", OllamaVersion, time.Since(start).Round(time.Second))
	return binary
}

// cacheFolder makes and returns a folder below $PENSTOCK_CACHE, or else
// ~/.cache/penstock.
func cacheFolder(name string) (string, error) {
	cache := os.Getenv("PENSTOCK_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the home directory: %w", err)
		}
		cache = filepath.Join(home, ".cache", "penstock")
	}
	folder := filepath.Join(cache, name)
	return folder, os.MkdirAll(folder, 0o755) //nolint:gosec // programs for whoever may read the cache
}

// lock waits until no other process holds the file's lock. The kernel drops it when
// this process ends, however it does.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(buildTime); ; time.Sleep(200 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
	}
}

// buildOllama builds the server from its Go module. That lacks three headers of
// other projects; they come with two other modules.
func buildOllama(folder, binary string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()

	work, err := os.MkdirTemp(folder, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a folder of the cache
	for _, from := range []struct{ module, file, header string }{
		{"github.com/ollama/ollama@v0.6.8", "llama/llama.cpp/common/json.hpp", "nlohmann/json.hpp"},
		{"github.com/ollama/ollama@v0.6.8", "llama/llama.cpp/common/stb_image.h", "stb/stb_image.h"},
		{"github.com/gen2brain/malgo@v0.11.24", "miniaudio.h", "miniaudio/miniaudio.h"},
	} {
		var module string
		if err := Again(func() (err error) { module, err = download(ctx, work, from.module); return err }); err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(module, from.file))
		if err != nil {
			return err
		}
		if err := writeHeader(work, from.header, text); err != nil {
			return err
		}
	}
	if err := writeHeader(work, "nlohmann/json_fwd.hpp", []byte("#include <nlohmann/json.hpp>\n")); err != nil {
		return err
	}
	ldflags := "-s -w -X github.com/ollama/ollama/version.Version=" + strings.TrimPrefix(OllamaVersion, "v")
	if err := Again(func() error {
		install := command(ctx, work, "install", "-trimpath", "-ldflags", ldflags, "github.com/ollama/ollama@"+OllamaVersion)
		install.Env = append(install.Env, "CPLUS_INCLUDE_PATH="+work, "GOBIN="+work)
		text, err := install.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", install, err, text)
		}
		return nil
	}); err != nil {
		return err
	}
	return os.Rename(filepath.Join(work, "ollama"), binary)
}

// download fetches a module and returns its folder.
func download(ctx context.Context, work, module string) (string, error) {
	cmd := command(ctx, work, "mod", "download", "-json", module)
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, text)
	}
	var m struct{ Dir string }
	if err := json.Unmarshal(text, &m); err != nil {
		return "", fmt.Errorf("%s: %w", cmd, err)
	}
	return m.Dir, nil
}

// command runs go outside every module, with cgo: the Makefile turns that off.
func command(ctx context.Context, work string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=", "GOWORK=off")
	return cmd
}

func writeHeader(work, name string, text []byte) error {
	path := filepath.Join(work, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // removed after the build
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
