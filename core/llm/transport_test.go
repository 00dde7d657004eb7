package llm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"penstock/core/fake"
	"penstock/core/secret"
)

func secretFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRedirectNeverTakesAPromptElsewhere: SAFETY D1.
func TestRedirectNeverTakesAPromptElsewhere(t *testing.T) {
	for _, path := range []string{"/api/tags", "/api/chat"} {
		t.Run("- "+path, func(t *testing.T) {
			server, other := fake.NewOllama(t), fake.NewOllama(t)
			proxy := fake.NewProxy(t, server.URL)
			proxy.Set(fake.Fault{Path: path, Redirect: other.URL + path})
			o := optionsFor(proxy.URL)
			o.TokenFile = secretFile(t, "s3cret", 0o600)
			_, err := clientWith(t, o, time.Now).Ask(t.Context(), question)
			if FaultOf(err) != Redirected {
				t.Errorf("error = %v, want redirected", err)
			}
			if len(other.Paths()) > 0 {
				t.Errorf("the other host was asked for %q", other.Paths())
			}
		})
	}
}

// TestProxyOfTheEnvironmentGetsNoPrompt: SAFETY D1. Go reads these variables once,
// so a process of its own asks; and at an address that no network has, because Go
// uses such a proxy for everything but its own machine.
func TestProxyOfTheEnvironmentGetsNoPrompt(t *testing.T) {
	const child = "PENSTOCK_TEST_ASKS"
	if os.Getenv(child) != "" {
		for _, address := range []string{"http://10.255.255.1:9", "https://10.255.255.1:9"} {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			_, _ = clientOf(t, address).Ask(ctx, question)
			cancel()
		}
		return
	}
	var asked atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer proxy.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		cmd.Env = append(cmd.Env, name+"="+proxy.URL)
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ask in a process of its own: %v\n%s", err, text)
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the proxy got %d requests", n)
	}
}

// TestNameThatLeadsOutOfTheSiteGetsNoPrompt: SAFETY D1. What a name resolves to is
// seen only while connecting.
func TestNameThatLeadsOutOfTheSiteGetsNoPrompt(t *testing.T) {
	for _, tt := range []struct {
		name, scheme, address string
		remote                bool
		want                  string
	}{
		{"- public", "http", "198.51.100.1:9", false, "198.51.100.1 is a public address"},
		{"- public, of version 6", "https", "[2001:db8::1]:9", false, "2001:db8::1 is a public address"},
		{"- public, in the other's clothes", "http", "[::ffff:198.51.100.1]:9", false, "198.51.100.1 is a public address"},
		{"- allowed, but open to read", "http", "198.51.100.1:9", true, "only https"},
		{"- every address", "http", "0.0.0.0:9", false, "0.0.0.0 is a public address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clientOf(t, tt.scheme+"://gpu.plant.example")
			c.o.AllowRemote = tt.remote
			e := c.endpoints[0]
			e.transport = newTransport(tt.scheme, &c.o)
			e.base.Host = tt.address
			_, err := c.Ask(t.Context(), question)
			if FaultOf(err) != Redirected || !errors.Is(err, errElsewhere) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want redirected: %s", err, tt.want)
			}
		})
	}
}

func TestNewSignsNothing(t *testing.T) {
	t.Setenv("OLLAMA_AUTH", "0")
	clientOf(t, "http://127.0.0.1:1")
	t.Setenv("OLLAMA_AUTH", "1")
	if _, err := New(optionsFor("http://127.0.0.1:1")); err == nil || !strings.Contains(err.Error(), "OLLAMA_AUTH") {
		t.Errorf("error = %v, want one about OLLAMA_AUTH", err)
	}
}

func TestNewReadsTheToken(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want       string // in the error
	}{
		{"+ one word", " s3cret \n", 0o600, ""},
		{"- for everybody", "s3cret", 0o644, "others may read it"},
		{"- empty", "\n", 0o600, "does not hold one word"},
		{"- two lines", "a\nb", 0o600, "does not hold one word"},
		{"- huge", strings.Repeat("a", secret.MaxBytes+1), 0o600, "does not hold one word"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := optionsFor("http://127.0.0.1:1")
			o.TokenFile = secretFile(t, tt.text, tt.mode)
			_, err := New(o)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error = %v, want %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), "s3cret"):
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestNewNamesEveryProblem(t *testing.T) {
	o := DefaultOptions()
	o.Parallel, o.Digest = 0, "0a"
	_, err := New(o)
	for _, want := range []string{"endpoints", "parallel", "digest"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want one about %s", err, want)
		}
	}
}

// served answers every request for /api/chat with those bytes.
type served []byte

func (s served) RoundTrip(r *http.Request) (*http.Response, error) {
	text := []byte(`{"models":[{"name":"tiny:latest","digest":"` + fake.Digest + `"}]}`)
	if r.URL.Path == "/api/chat" {
		text = s
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(text)), Request: r}, nil
}

func TestAskTakesNoMoreTextThanTheTokensCanBe(t *testing.T) {
	const end = `{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}`
	for _, tt := range []struct {
		name  string
		bytes int
		want  Fault
	}{
		{"+ as much as can be", 10 * textBytes, NoFault},
		{"- one byte more", 10*textBytes + 1, Cut},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := clientOf(t, "http://127.0.0.1:1")
			c.endpoints[0].transport = served(`{"message":{"content":"` + strings.Repeat("x", tt.bytes) + `"}}` + "\n" + end)
			r := question
			r.Tokens = 10
			if _, err := c.Ask(t.Context(), r); FaultOf(err) != tt.want {
				t.Errorf("error = %v, want fault %q", err, tt.want)
			}
		})
	}
}

// FuzzStream feeds bytes of a server to the client: it never takes half an answer
// for a whole one, nor more than is allowed.
func FuzzStream(f *testing.F) {
	whole := `{"model":"tiny","created_at":"2026-11-26T06:08:16.6Z","message":{"role":"assistant","content":"{}"},"done":false}` + "\n" +
		`{"model":"tiny","created_at":"2026-11-26T06:08:16.7Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":22,"eval_count":35}` + "\n"
	f.Add([]byte(whole))
	f.Add([]byte(whole[:150]))
	f.Add([]byte(strings.Replace(whole, `"stop"`, `"length"`, 1)))
	f.Add([]byte(`{"error":"an error was encountered while running the model: unexpected EOF"}`))
	f.Add([]byte("\x00\xff<html>\n\n[[[["))
	f.Add([]byte(`{"message":{"content":5},"done":"yes"}`))
	f.Add([]byte(strings.Replace(whole, "22", "-22", 1)))
	f.Add([]byte(strings.Replace(whole, "35", "-35", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := newClient(optionsFor("http://127.0.0.1:1"), time.Now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		c.endpoints[0].transport = served(data)
		answer, err := c.Ask(t.Context(), question)
		switch {
		case err != nil && (FaultOf(err) == NoFault || len(err.Error()) > 4000):
			t.Errorf("error = %v", err)
		case err == nil && (!bytes.Contains(data, []byte("done")) || !bytes.Contains(data, []byte("stop"))):
			t.Errorf("took %q for a whole answer", data)
		case answer.PromptTokens < 0 || answer.AnswerTokens < 0 || answer.LoadTook < 0:
			t.Errorf("answer = %+v", answer)
		case len(answer.Text) > c.o.AnswerTokens*textBytes:
			t.Errorf("the answer has %d bytes", len(answer.Text))
		}
	})
}
