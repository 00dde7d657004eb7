package zabbix

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/fake"
)

func writeFile(t testing.TB, text string) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func withToken(t testing.TB, url string) APIOptions {
	t.Helper()

	o := DefaultOptions().API
	o.URL, o.TokenFile = url, writeFile(t, fake.ZabbixToken+"\n")
	return o
}

func withLogin(t testing.TB, url, password string) APIOptions {
	t.Helper()

	o := DefaultOptions().API
	o.URL, o.User, o.PasswordFile = url, fake.ZabbixUser, writeFile(t, password+"\n")
	return o
}

func openAPI(t testing.TB, o APIOptions) *API {
	t.Helper()

	a, err := OpenAPI(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func constant(result any) func(json.RawMessage) any {
	return func(json.RawMessage) any { return result }
}

// asked says what a server was asked, and where the secret stood.
func asked(server *fake.ZabbixAPI) []string {
	var all []string
	for _, c := range server.Calls() {
		place := "nobody"
		switch {
		case c.Auth != "" && c.Bearer != "":
			place = "both"
		case c.Auth != "":
			place = "body"
		case c.Bearer != "":
			place = "header"
		}
		all = append(all, c.Method+" "+place)
	}
	return all
}

func TestCallCarriesTheSecretAsTheVersionWants(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name, version string
		login         bool
		want          []string
	}{
		{"+ token 6.0", "6.0.14", false, []string{"apiinfo.version nobody", "host.get body", "host.get body"}},
		{"+ token 6.4", "6.4.21", false, []string{"apiinfo.version nobody", "host.get header", "host.get header"}},
		{"+ token 7.0", "7.0.9", false, []string{"apiinfo.version nobody", "host.get header", "host.get header"}},
		{"+ token 7.4", "7.4.0rc1", false, []string{"apiinfo.version nobody", "host.get header", "host.get header"}},
		{"+ login 6.0", "6.0.14", true, []string{"apiinfo.version nobody", "user.login nobody", "host.get body", "host.get body", "user.logout body"}},
		{"+ login 7.2", "7.2.1", true, []string{"apiinfo.version nobody", "user.login nobody", "host.get header", "host.get header", "user.logout header"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			server := fake.NewZabbixAPI(t, tt.version)
			server.Answer("host.get", constant([]any{map[string]string{"host": "plc-7"}}))
			o := withToken(t, server.URL)
			if tt.login {
				o = withLogin(t, server.URL, fake.ZabbixPassword)
			}
			a := openAPI(t, o)
			for range 2 {
				var hosts []struct{ Host string }
				if err := a.Call(t.Context(), "host.get", map[string]any{"output": []string{"host"}}, &hosts); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]struct{ Host string }{{"plc-7"}}, hosts); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			a.Close()
			if diff := cmp.Diff(tt.want, asked(server)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := server.Sessions(); n != 0 {
				t.Errorf("%d sessions are left behind", n)
			}
		})
	}
}

func TestCallLogsInAgainWhereTheSessionEnded(t *testing.T) {
	t.Parallel()

	server := fake.NewZabbixAPI(t, "7.0.9")
	server.Answer("host.get", constant([]any{}))
	server.Answer("host.create", constant(fake.ZabbixError{Code: -32602, Message: "Invalid params.", Data: `Invalid parameter "/1": the parameter "groups" is missing.`}))
	a := openAPI(t, withLogin(t, server.URL, fake.ZabbixPassword))
	call := func(method string) error { return a.Call(t.Context(), method, nil, nil) }
	if err := call("host.get"); err != nil {
		t.Fatal(err)
	}
	server.EndSessions()
	if err := call("host.get"); err != nil {
		t.Errorf("after the session ended: %v", err)
	}
	var said *APIError
	if err := call("host.create"); !errors.As(err, &said) || said.Code != CodeParams {
		t.Errorf("error = %v, want that of the parameters", err)
	}
	want := []string{
		"apiinfo.version nobody", "user.login nobody", "host.get header",
		"host.get header", "user.checkAuthentication nobody", "user.login nobody", "host.get header",
		"host.create header", "user.checkAuthentication nobody", // the session is fine: no login, no second try
	}
	if diff := cmp.Diff(want, asked(server)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusedLoginRests(t *testing.T) {
	t.Parallel()

	server := fake.NewZabbixAPI(t, "6.0.14")
	a := openAPI(t, withLogin(t, server.URL, "a wrong password"))
	now := time.Now()
	var mu sync.Mutex
	a.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	logins := func() int { return strings.Count(strings.Join(asked(server), "\n"), "user.login") }
	for range 5 {
		var said *APIError
		if err := a.Call(t.Context(), "host.get", nil, nil); !errors.As(err, &said) || said.Method != "user.login" || said.Code != CodeApplication {
			t.Fatalf("error = %v, want that of the login", err)
		}
	}
	if logins() != 1 {
		t.Errorf("logged in %d times at once: that blocks the account", logins())
	}
	mu.Lock()
	now = now.Add(loginRest + time.Second)
	mu.Unlock()
	_ = a.Call(t.Context(), "host.get", nil, nil)
	if logins() != 2 {
		t.Errorf("logged in %d times after the rest, want 2", logins())
	}
}

func TestManyCallsShareOneLogin(t *testing.T) {
	t.Parallel()

	server := fake.NewZabbixAPI(t, "7.0.9")
	server.Answer("host.get", constant([]any{}))
	a := openAPI(t, withLogin(t, server.URL, fake.ZabbixPassword))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := a.Call(t.Context(), "host.get", nil, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := server.Sessions(); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}

func TestCallFollowsAnUpgrade(t *testing.T) {
	t.Parallel()

	server := fake.NewZabbixAPI(t, "6.0.14")
	server.Answer("host.get", constant([]any{}))
	a := openAPI(t, withToken(t, server.URL))
	now := time.Now()
	a.now = func() time.Time { return now }
	if err := a.Call(t.Context(), "host.get", nil, nil); err != nil {
		t.Fatal(err)
	}
	server.Upgrade("7.2.0")
	if err := a.Call(t.Context(), "host.get", nil, nil); err == nil {
		t.Error("7.2 took a token in the body: the fake is wrong")
	}
	now = now.Add(versionAge)
	if err := a.Call(t.Context(), "host.get", nil, nil); err != nil {
		t.Errorf("after the version was asked again: %v", err)
	}
}

// TestFaultsOfTheWay shows that whatever answers, a call ends with an error that
// says what it was, and whether the call may have been carried out.
func TestFaultsOfTheWay(t *testing.T) {
	t.Parallel()

	other := fake.NewZabbixAPI(t, "7.0.9")
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
		unsure bool
	}{
		{"- redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"?token="+fake.ZabbixToken, http.StatusTemporaryRedirect)
		}, "it sends us elsewhere, which is never followed: status 307 to \"" + other.URL + `"`, false},
		{"- page of HTML", say(200, "<!DOCTYPE html><html><body>"+fake.ZabbixToken), "not the API of Zabbix: a page of HTML came; the address of the API ends with api_jsonrpc.php", true},
		{"- not found", say(404, "<html>"), "not the API of Zabbix: status 404 Not Found", false},
		{"- refused by the web server", say(403, fake.ZabbixToken), "status 403 Forbidden", false},
		{"- bad gateway", say(502, "<html>"), "status 502 Bad Gateway", true},
		{"- nothing", say(200, ""), "0 bytes came that are no JSON object", true},
		{"- null", say(200, "null"), "4 bytes came that are no JSON object", true},
		{"- a list", say(200, `[{"result":1}]`), "14 bytes came that are no JSON object", true},
		{"- cut off", say(200, `{"jsonrpc":"2.0","result":[{"host`), "33 bytes came that are no JSON object", true},
		{"- neither result nor error", say(200, `{"jsonrpc":"2.0","id":1}`), "neither a result nor an error came", true},
		{"- an error of another form", say(200, `{"error":"`+fake.ZabbixToken+`","id":1}`), "not the API of Zabbix: Error decoding JSON response body", true},
		{"- more than the limit", func(w http.ResponseWriter, _ *http.Request) {
			for range maxAnswer>>18 + 1 {
				if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<18)); err != nil {
					return
				}
			}
		}, "the answer is larger than allowed (16 MiB)", true},
		{"- connection that ends", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF", true},
		{"- silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "context deadline exceeded", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			zabbix := fake.NewZabbixAPI(t, "7.0.9")
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "" {
					zabbix.ServeHTTP(w, r)
					return
				}
				// The body has to be read, else the server does not notice that the client left.
				_, _ = new(bytes.Buffer).ReadFrom(r.Body)
				tt.answer(w, r)
			}))
			t.Cleanup(server.Close)
			a := openAPI(t, withToken(t, server.URL+"/api_jsonrpc.php"))
			a.o.Timeout = time.Minute
			if strings.HasSuffix(tt.name, "silence") {
				if _, err := a.Version(t.Context()); err != nil {
					t.Fatal(err)
				}
				a.o.Timeout = 2 * time.Second // the question has to be out by then
			}
			err := a.Call(t.Context(), "event.acknowledge", nil, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error = %v, want %q", err, tt.want)
			}
			var unsure *UnsureError
			if errors.As(err, &unsure) != tt.unsure {
				t.Errorf("unsure = %t, want %t: %v", !tt.unsure, tt.unsure, err)
			}
			showsNothing(t, err)
		})
	}
	if calls := other.Calls(); len(calls) > 0 {
		t.Errorf("the redirect was followed: %v", calls)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()

	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	a := openAPI(t, withToken(t, server.URL+"/api_jsonrpc.php"))
	a.version, a.versionAt = Version{7, 0, 9}, time.Now()
	err := a.Call(t.Context(), "event.acknowledge", nil, nil)
	var unsure *UnsureError
	if err == nil || errors.As(err, &unsure) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error = %v, want that nothing was sent", err)
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	t.Parallel()

	server := fake.NewZabbixAPI(t, "7.0.9")
	ctx, cancel := context.WithCancel(t.Context())
	server.Answer("host.get", func(json.RawMessage) any { cancel(); return []any{} })
	a := openAPI(t, withToken(t, server.URL))
	_ = a.Call(ctx, "host.get", nil, nil) // may have got its answer
	if err := a.Call(ctx, "host.get", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want that of the context", err)
	}
}

// showsNothing fails where an error, printed or logged in any way, shows a secret.
func showsNothing(t *testing.T, err error) {
	t.Helper()

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "err", err)
	texts := []string{log.String()}
	for e := err; e != nil; e = errors.Unwrap(e) {
		texts = append(texts, e.Error(), fmt.Sprintf("%v %+v %#v", e, e, e))
	}
	for _, text := range texts {
		for _, s := range []string{fake.ZabbixToken, fake.ZabbixPassword, "abcdef01"} {
			if strings.Contains(text, s) {
				t.Errorf("shows a secret: %s", text)
			}
		}
	}
}

// TestErrorsShowNoSecrets has a server that says what it was sent.
func TestErrorsShowNoSecrets(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name string
		said string
	}{
		{"- token", fake.ZabbixToken},
		{"- password", fake.ZabbixPassword},
		{"- session", fmt.Sprintf("%032x", 0xabcdef01)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			server := fake.NewZabbixAPI(t, "7.0.9")
			server.Answer("host.get", constant(fake.ZabbixError{
				Code: -32500, Message: "Application error." + tt.said,
				Data: "\x1b[31m\u202e" + tt.said + "\n" + strings.Repeat("x", 1<<20),
			}))
			o := withLogin(t, server.URL, fake.ZabbixPassword)
			if tt.said == fake.ZabbixToken {
				o = withToken(t, server.URL)
			}
			a := openAPI(t, o)
			err := a.Call(t.Context(), "host.get", nil, nil)
			var said *APIError
			if !errors.As(err, &said) || !strings.Contains(said.Data, "<secret>") {
				t.Fatalf("error = %.200v, want one with <secret>", err)
			}
			if len(err.Error()) > 2*maxErrorText || strings.ContainsAny(err.Error(), "\x1b\n\u202e") {
				t.Errorf("the text of the server is not tamed: %.200q, %d bytes", err, len(err.Error()))
			}
			showsNothing(t, err)
			showsNothing(t, fmt.Errorf("%+v %#v", a.token, a.o))
		})
	}
}

func TestOpenAPIRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*APIOptions)
		debug  string
		want   string
	}{
		{"+ http to this machine", func(*APIOptions) {}, "0", ""},
		{"+ http elsewhere, allowed", func(o *APIOptions) { o.URL, o.AllowHTTP = "http://zabbix.example/api_jsonrpc.php", true }, "", ""},
		{"+ https elsewhere", func(o *APIOptions) { o.URL = "https://zabbix.example/zabbix/api_jsonrpc.php" }, "", ""},
		{"- http elsewhere", func(o *APIOptions) { o.URL = "http://zabbix.example/api_jsonrpc.php" }, "", "url: http to zabbix.example shows the token to everybody on the way: use https, or set allow_http"},
		{"- http to an address elsewhere", func(o *APIOptions) { o.URL = "http://192.0.2.7/api_jsonrpc.php" }, "", "use https, or set allow_http"},
		{"- password in the address", func(o *APIOptions) { o.URL = "https://a:" + fake.ZabbixPassword + "@b/api_jsonrpc.php" }, "", "url: a password does not belong here"},
		{"- more behind the address", func(o *APIOptions) { o.URL += "?x=1" }, "", "is not the address of an API"},
		{"- no address", func(o *APIOptions) { *o = DefaultOptions().API }, "", "url: is missing"},
		{"- token of two words", func(o *APIOptions) { o.TokenFile = writeFile(t, "ab\ncd") }, "", "a token is one word"},
		{"- no file", func(o *APIOptions) { o.TokenFile = "/nowhere" }, "", "open /nowhere"},
		{"- certificates that are none", func(o *APIOptions) { o.CAFile = writeFile(t, "x") }, "", "holds none (want PEM)"},
		{"- go-zabbix prints", func(*APIOptions) {}, "1", "the environment has ZBX_DEBUG"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("ZBX_DEBUG", tt.debug)
			o := withToken(t, "http://127.0.0.1:8080/api_jsonrpc.php")
			tt.change(&o)
			_, err := OpenAPI(o)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
			if err != nil {
				showsNothing(t, err)
			}
		})
	}
}

// TestTransportLooksAtAddresses shows that a name that resolves to another machine
// does not help: the check of the options cannot ask a name server.
func TestTransportLooksAtAddresses(t *testing.T) {
	t.Parallel()

	transport, err := newTransport(&APIOptions{URL: "http://192.0.2.1/api_jsonrpc.php", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if transport.Proxy != nil {
		t.Error("it takes a proxy from the environment")
	}
	_, err = transport.DialContext(t.Context(), "tcp", "192.0.2.1:80")
	if err == nil || !strings.Contains(err.Error(), "192.0.2.1 is another machine") {
		t.Errorf("error = %v, want that it is refused", err)
	}
}

func TestTLSTrustsTheFileAlone(t *testing.T) {
	t.Parallel()

	zabbix := fake.NewZabbixAPI(t, "7.0.9")
	server := httptest.NewTLSServer(zabbix)
	t.Cleanup(server.Close)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	o := withToken(t, server.URL+"/api_jsonrpc.php")
	if _, err := openAPI(t, o).Version(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("error = %v, want that the certificate is unknown", err)
	}
	o.CAFile = writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	if v, err := openAPI(t, o).Version(t.Context()); err != nil || v != (Version{7, 0, 9}) {
		t.Errorf("= %s, %v", v, err)
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name, text string
		want       Version
		err        string
	}{
		{"+ 6.0", "6.0.14", Version{6, 0, 14}, ""},
		{"+ candidate", "7.4.0rc1", Version{7, 4, 0}, ""},
		{"+ two parts", "7.0", Version{7, 0, 0}, ""},
		{"- old", "5.4.12", Version{}, "older than 6.0"},
		{"- no number", "latest", Version{}, "is not a version"},
		{"- one part", "7", Version{}, "is not a version"},
		{"- long", "7." + strings.Repeat("0", 400), Version{}, "is not a version"},
		{"- empty", "", Version{}, "is not a version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := parseVersion(tt.text)
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("= %v, %v, want %v, %q", got, err, tt.want, tt.err)
			}
		})
	}
	if v := (Version{7, 0, 0}); !v.AtLeast(6, 4) || !v.AtLeast(7, 0) || v.AtLeast(7, 2) {
		t.Error("AtLeast compares wrongly")
	}
}
