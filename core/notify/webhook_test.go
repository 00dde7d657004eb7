package notify

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/fake"
)

// hooked returns options that call the server.
func hooked(address string) Options {
	o := DefaultOptions()
	o.Webhook.URL = address
	return o
}

func TestWebhookIsCalled(t *testing.T) {
	t.Parallel()
	var heads []http.Header
	var body string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heads = append(heads, r.Header)
		data, _ := io.ReadAll(r.Body)
		body = string(data)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	o := hooked(server.URL + "/hook?a=b")
	o.Webhook.TokenFile = secretFile(t, "t0ken\n")
	o.Webhook.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(o.Webhook.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := newOf(t, o).Send(t.Context(), oneMessage()); err != nil {
		t.Fatal(err)
	}
	want := `{"id":"valley-w1-7/critical","severity":"Critical","case":"valley-w1-7","site":"valley","host":"plc3",` +
		`"headline":"Set point of pump 2 changed by an unknown peer","lines":["Nobody has acknowledged this for 15 minutes.","Überprüfe die Steuerung."],"at":"2026-03-01T12:00:00Z"}`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("body (-want +got)\n%s", diff)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Authorization": "Bearer t0ken", "Idempotency-Key": "valley-w1-7/critical", "User-Agent": "penstock",
	} {
		if got := heads[0].Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestWebhookFails(t *testing.T) {
	t.Parallel()
	elsewhere := atomic.Int32{}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"- a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "status 307: "},
		{"- an error", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no\x1b[2J", http.StatusInternalServerError)
		}, `status 500: no\x1b[2J`},
		{"- an endless error", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(strings.Repeat("x", 1<<16)))
			}
		}, "status 502: " + strings.Repeat("x", maxHeadline-1) + "…"},
		{"- no answer", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, "context deadline exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			o := hooked(server.URL + "/hook/s3cretpath")
			o.Timeout = time.Minute
			if tt.name == "- no answer" {
				o.Timeout = time.Second
			}
			err := newOf(t, o).Send(t.Context(), oneMessage())
			want := "call the webhook at " + strings.TrimPrefix(server.URL, "http://") + ": " + strings.TrimSpace(tt.want)
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error = %v, want %s", err, want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cretpath") {
				t.Errorf("the error shows the address: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.Load(); n > 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
	})
}

func TestWebhookIgnoresProxyOfEnvironment(t *testing.T) {
	called := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	if err := newOf(t, hooked(server.URL)).Send(t.Context(), oneMessage()); err != nil {
		t.Fatal(err)
	}
	if called > 0 {
		t.Error("it went through the proxy")
	}
	err := newOf(t, hooked("http://penstock-no-such-host.invalid/")).Send(t.Context(), oneMessage())
	if err == nil || called > 0 {
		t.Errorf("error = %v, %d calls of the proxy", err, called)
	}
}

func TestMayReach(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address, scheme string
		may             bool
	}{
		{"127.0.0.1", "http", true},
		{"::1", "http", true},
		{"10.1.2.3", "http", true},
		{"fd00::1", "http", true},
		{"::ffff:192.168.0.1", "http", true},
		{"203.0.113.9", "http", false},
		{"2001:db8::1", "http", false},
		{"169.254.169.254", "http", false},
		{"0.0.0.0", "http", false},
		{"203.0.113.9", "https", true},
	} {
		if err := mayReach(netip.MustParseAddr(tt.address), tt.scheme); (err == nil) != tt.may {
			t.Errorf("mayReach(%s, %s) = %v", tt.address, tt.scheme, err)
		}
	}
}

func TestHostileTextInWebhook(t *testing.T) {
	t.Parallel()
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got call
			key := ""
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				key = r.Header.Get("Idempotency-Key")
				if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
				}
			}))
			defer server.Close()
			m := oneMessage()
			m.ID, m.Headline, m.Lines = text, text, []string{text}
			if err := newOf(t, hooked(server.URL)).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if key == "" || key != got.ID || len(key) > maxID {
				t.Errorf("key %q, id %q", key, got.ID)
			}
			if len([]rune(got.Headline)) > maxHeadline || strings.ContainsAny(got.Headline, "\r\n\x00\x1b\u202e") {
				t.Errorf("headline %q", got.Headline)
			}
		})
	}
}

func TestEveryWayIsTried(t *testing.T) {
	t.Parallel()
	calls := atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	relay := fake.NewSMTP(t, fake.SMTPOptions{Instead: map[string]string{"CONNECT": "554 no"}})
	o := toRelay(relay)
	o.Webhook.URL = server.URL
	err := newOf(t, o).Send(t.Context(), oneMessage())
	var e *Error
	if !errors.As(err, &e) || !e.Told || calls.Load() != 1 {
		t.Errorf("error = %v, %d calls; want one that says that somebody was told", err, calls.Load())
	}
	server.Close()
	err = newOf(t, o).Send(t.Context(), oneMessage())
	if !errors.As(err, &e) || e.Told || !strings.Contains(err.Error(), "554 no") || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error = %v, want one line with both reasons", err)
	}
}

func TestNoWayIsNoError(t *testing.T) {
	t.Parallel()
	n := newOf(t, DefaultOptions())
	if err := n.Send(t.Context(), oneMessage()); n.Enabled() || err != nil {
		t.Errorf("enabled %v, error %v", n.Enabled(), err)
	}
	if o := hooked("http://127.0.0.1/"); !newOf(t, o).Enabled() {
		t.Error("a webhook is no way")
	}
}

func TestNewReadsFiles(t *testing.T) {
	t.Parallel()
	empty := secretFile(t, "no certificate")
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"- no password", func(o *Options) { o.Mail.User, o.Mail.PasswordFile = "a", "/nowhere/p" }, "prepare notify.mail: read secret: open /nowhere/p: no such file or directory"},
		{"- two lines", func(o *Options) { o.Mail.User, o.Mail.PasswordFile = "a", secretFile(t, "a\nb") }, "it holds more than one line"},
		{"- no authority", func(o *Options) { o.Mail.CAFile = empty }, "it holds none in PEM"},
		{"- no token", func(o *Options) { o.Webhook.TokenFile = "/nowhere/t" }, "prepare notify.webhook: read secret: open /nowhere/t: no such file or directory"},
		{"- a token of two words", func(o *Options) { o.Webhook.TokenFile = secretFile(t, "a b") }, "it does not hold one word"},
		{"- no authority of the webhook", func(o *Options) { o.Webhook.CAFile = empty }, "it holds none in PEM"},
	}
	for _, tt := range tests {
		o := DefaultOptions()
		o.Mail = MailOptions{Relay: "127.0.0.1:25", From: "a@b", To: []string{"c@d"}}
		o.Webhook.URL = "https://127.0.0.1/"
		tt.change(&o)
		if _, err := New(o, silent()); err == nil || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: error = %v, want ...%s", tt.name, err, tt.want)
		}
	}
}
