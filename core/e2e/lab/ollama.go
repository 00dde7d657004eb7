// Package lab starts real servers for tests that carry the build tag live. At
// present that is Ollama with tiny models made here: their answers are known
// beforehand, hostile, or nonsense. No program of ours links it.
package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ollama/ollama/api"
)

// patience is the longest that a server may take over what the lab itself asks.
const patience = time.Minute

// Server is an Ollama server of one test. It listens on this machine alone, keeps
// its models in a folder of the test, and is gone with all its processes when the
// test ends.
type Server struct {
	URL string // http://127.0.0.1:PORT
	API *api.Client

	binary string
	env    []string
	log    string // path of the file that it writes its log to
	cmd    *exec.Cmd
}

// Ollama starts a server, and builds it first where that was never done on this
// machine. Env is added to its environment, for instance OLLAMA_MAX_QUEUE=1.
func Ollama(t testing.TB, env ...string) *Server {
	t.Helper()

	binary := ollamaBinary(t) // which may take long: an address is not free for ever
	address, folder := freeAddress(t), t.TempDir()
	s := &Server{
		URL:    "http://" + address,
		API:    client(t, "http://"+address),
		binary: binary,
		log:    filepath.Join(folder, "log"),
		// Nothing of this process's own environment: it may hold the settings of a
		// server of its user.
		env: append([]string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "OLLAMA_MODELS=" + filepath.Join(folder, "models"),
			"OLLAMA_HOST=" + address, "OLLAMA_NO_CLOUD=1", "GIN_MODE=release",
		}, env...),
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			text := s.Log()
			t.Logf("the end of Ollama's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	s.Start(t)
	return s
}

// Start starts a server again that was killed, at the same address and with the
// same models. It returns when the server answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()

	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("open Ollama's log: %v", err)
	}
	defer log.Close()                       //nolint:errcheck // the server has its own
	s.cmd = exec.Command(s.binary, "serve") //nolint:gosec // the program that the lab built
	s.cmd.Env = s.env
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// Its runners are processes too: a group of their own lets them be ended together.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start Ollama: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if _, err := s.API.Version(ctx); err == nil {
			return
		} else if ctx.Err() != nil {
			t.Fatalf("Ollama does not answer at %s: %v", s.URL, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Kill ends the server and its runners at once. A server that is gone already stays
// gone.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	group := s.cmd.Process.Pid
	_ = syscall.Kill(-group, syscall.SIGKILL)
	_ = s.cmd.Wait()
	for end := time.Now().Add(patience); len(processes(group)) > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	s.cmd = nil
}

// KillRunners ends the processes that hold the loaded models, and not the server,
// as the kernel does when memory runs out. It returns how many there were.
func (s *Server) KillRunners() int {
	killed := 0
	for _, p := range processes(s.cmd.Process.Pid) {
		if p != s.cmd.Process.Pid && syscall.Kill(p, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

// Memory returns the bytes of main memory that the server and its runners hold now.
func (s *Server) Memory() int {
	total := 0
	for _, p := range processes(s.cmd.Process.Pid) {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		for line := range strings.Lines(string(status)) {
			if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
				kib, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
				total += kib << 10
			}
		}
	}
	return total
}

// Log returns what the server has said so far, over all its starts.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

// processes returns the ids of the processes of that group: the server, which gives
// the group its id, and its runners.
func processes(group int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var ids []int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// "pid (name) state parent group ...", and a name may hold anything. Z is dead:
		// whoever inherits a runner may take its time to bury it.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 2 && fields[0] != "Z" && fields[2] == strconv.Itoa(group) {
			id, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			ids = append(ids, id)
		}
	}
	return ids
}

// Create gives the server a model, in the place of one of that name, and returns
// its SHA-256 as the server tells it, 64 digits.
func (s *Server) Create(t testing.TB, name string, m Model) (digest string) {
	t.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	file := m.gguf()
	blob := fmt.Sprintf("sha256:%x", sha256.Sum256(file))
	// The server does not read a file that it has already, and breaks the connection.
	if err := s.API.CreateBlob(ctx, blob, bytes.NewReader(file)); err != nil && !s.has(blob) {
		t.Fatalf("upload the model %s: %v", name, err)
	}
	request := &api.CreateRequest{
		Model: name,
		Files: map[string]string{"m.gguf": blob},
		// What a prompt ends with, the model goes on from.
		Template: "{{ .System }} {{ .Prompt }} ",
		// More than one thread on a busy machine of two cores takes a hundred times as long.
		Parameters: map[string]any{"num_thread": 1},
	}
	if err := s.API.Create(ctx, request, func(api.ProgressResponse) error { return nil }); err != nil {
		t.Fatalf("create the model %s: %v", name, err)
	}
	list, err := s.API.List(ctx)
	if err != nil {
		t.Fatalf("list the models: %v", err)
	}
	for _, there := range list.Models {
		if strings.TrimSuffix(there.Name, ":latest") == strings.TrimSuffix(name, ":latest") {
			return there.Digest
		}
	}
	t.Fatalf("Ollama lists no model %s after making it", name)
	return ""
}

// has reports whether the server has that file.
func (s *Server) has(blob string) bool {
	answer, err := http.Head(s.URL + "/api/blobs/" + blob)
	return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// Delete takes a model away from the server.
func (s *Server) Delete(t testing.TB, name string) {
	t.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.API.Delete(ctx, &api.DeleteRequest{Model: name}); err != nil {
		t.Fatalf("delete the model %s: %v", name, err)
	}
}

// client returns Ollama's own client for that address.
func client(t testing.TB, address string) *api.Client {
	t.Helper()

	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("read the address: %v", err)
	}
	// A connection for each request: none is left over from a server that was killed.
	return api.NewClient(u, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
}

// freeAddress returns an address of this machine that nobody listens at.
func freeAddress(t testing.TB) string {
	t.Helper()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer l.Close() //nolint:errcheck // nothing was written
	return l.Addr().String()
}
