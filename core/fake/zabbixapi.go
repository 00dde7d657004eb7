package fake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Who may ask a ZabbixAPI.
const (
	ZabbixUser     = "penstock"
	ZabbixPassword = "correct horse battery"
	ZabbixToken    = "5f0c1d3e7a9b2c4d6e8f00112233445566778899aabbccddeeff001122334455" //nolint:gosec // a fake's token
)

// ZabbixError is what the API answers instead of a result.
type ZabbixError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    string `json:"data"`
}

// Errors of Zabbix 6.0.14 and 7.0.9, word for word.
var (
	zabbixLogin   = ZabbixError{-32500, "Application error.", "Incorrect user name or password or account is temporarily blocked."}
	zabbixEnded   = ZabbixError{-32602, "Invalid params.", "Session terminated, re-login, please."}
	zabbixNobody  = ZabbixError{-32602, "Invalid params.", "Not authorized."}
	zabbixBare    = ZabbixError{-32602, "Invalid params.", `The "%s" method must be called without the "auth" parameter.`}
	zabbixMethod  = ZabbixError{-32601, "Method not found.", `Incorrect API "%s".`}
	zabbixParse   = ZabbixError{-32700, "Parse error", "Invalid JSON. An error occurred on the server while parsing the JSON text."}
	zabbixNoField = ZabbixError{-32602, "Invalid params.", `Invalid parameter "/": unexpected parameter "auth".`} // 7.2, documented
)

// ZabbixCall is one request that a ZabbixAPI got.
type ZabbixCall struct {
	Method string
	Params json.RawMessage
	Auth   string // of the body
	Bearer string // of the header
}

// ZabbixAPI stands in for the API of a Zabbix frontend, as 6.0.14 and 7.0.9 answer:
// who may ask is as there, what it answers is up to the test:
//
//	server := fake.NewZabbixAPI(t, "7.0.9")
//	server.Answer("host.get", func(params json.RawMessage) any { return json.RawMessage(recorded) }) // or a ZabbixError
//	... zabbix.APIOptions{URL: server.URL, ...} ...
//	calls := server.Calls()
//
// Versions from 7.2 on, which could not be recorded, refuse a token in the body, as
// their documentation says. Faults of the way between are for Proxy. It may be used
// by several goroutines at the same time, and stops with the test.
type ZabbixAPI struct {
	URL string

	version string
	mu      sync.Mutex
	answers map[string]func(json.RawMessage) any
	calls   []ZabbixCall
	live    []string // sessions
	logins  int
}

// NewZabbixAPI starts an API that knows ZabbixUser and ZabbixToken, and no method
// beyond those that a login needs.
func NewZabbixAPI(t testing.TB, version string) *ZabbixAPI {
	t.Helper()

	z := &ZabbixAPI{version: version, answers: map[string]func(json.RawMessage) any{}}
	server := httptest.NewServer(z)
	t.Cleanup(server.Close)
	z.URL = server.URL + "/zabbix/api_jsonrpc.php"
	return z
}

// Answer makes the method answer what f returns: a ZabbixError, or a result.
func (z *ZabbixAPI) Answer(method string, f func(params json.RawMessage) any) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.answers[method] = f
}

// Answered returns what a method answers now, nil where it answers nothing.
func (z *ZabbixAPI) Answered(method string) func(params json.RawMessage) any {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.answers[method]
}

// Calls returns the requests so far, the oldest first.
func (z *ZabbixAPI) Calls() []ZabbixCall {
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Clone(z.calls)
}

// Upgrade makes it another version.
func (z *ZabbixAPI) Upgrade(version string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.version = version
}

// EndSessions ends all sessions, as time does.
func (z *ZabbixAPI) EndSessions() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.live = nil
}

// Sessions returns how many sessions are live.
func (z *ZabbixAPI) Sessions() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return len(z.live)
}

// ServeHTTP implements http.Handler.
func (z *ZabbixAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != "application/json-rpc" || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	var request struct {
		Method string
		Params json.RawMessage
		Auth   string
		ID     json.RawMessage
	}
	answer := map[string]any{"jsonrpc": "2.0", "id": nil}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&request); err != nil {
		answer["error"] = zabbixParse
	} else {
		answer["id"] = request.ID
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		result := z.result(ZabbixCall{request.Method, request.Params, request.Auth, bearer})
		if e, failed := result.(ZabbixError); failed {
			answer["error"] = e
		} else {
			answer["result"] = result
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client may have gone
}

func (z *ZabbixAPI) result(c ZabbixCall) any {
	z.mu.Lock()
	z.calls = append(z.calls, c)
	bare := z.bare(c)
	who := z.who(c)
	f := z.answers[c.Method]
	z.mu.Unlock()
	switch {
	case bare != nil:
		return bare
	case who != nil:
		return who
	case f != nil:
		return f(c.Params)
	case c.Method == "user.logout":
		z.mu.Lock()
		defer z.mu.Unlock()
		z.live = slices.DeleteFunc(z.live, func(s string) bool { return s == c.Auth+c.Bearer })
		return true
	}
	api, _, _ := strings.Cut(c.Method, ".")
	return told(zabbixMethod, api)
}

// bare answers the methods that want no token, nil for others.
func (z *ZabbixAPI) bare(c ZabbixCall) any {
	var params struct{ Username, Password, Sessionid string }
	switch c.Method {
	case "apiinfo.version", "user.login", "user.checkAuthentication":
		_ = json.Unmarshal(c.Params, &params) // the version wants none
	default:
		return nil
	}
	switch {
	case c.Auth != "" || c.Bearer != "" && z.version >= "6.4":
		return told(zabbixBare, c.Method)
	case c.Method == "apiinfo.version":
		return z.version
	case c.Method == "user.checkAuthentication" && slices.Contains(z.live, params.Sessionid):
		return map[string]any{"userid": "5", "username": ZabbixUser, "sessionid": params.Sessionid}
	case c.Method == "user.checkAuthentication":
		return zabbixEnded
	case params.Username != ZabbixUser || params.Password != ZabbixPassword:
		return zabbixLogin
	}
	z.logins++
	session := fmt.Sprintf("%032x", 0xabcdef00+z.logins)
	z.live = append(z.live, session)
	return session
}

// who says why who asks may not, or nil.
func (z *ZabbixAPI) who(c ZabbixCall) any {
	token := c.Auth
	switch {
	case c.Auth != "" && z.version >= "7.2":
		return zabbixNoField
	case z.version >= "6.4" && c.Bearer != "":
		token = c.Bearer
	}
	switch {
	case token == ZabbixToken || slices.Contains(z.live, token):
		return nil
	case len(token) == 32:
		return zabbixEnded
	}
	return zabbixNobody
}

func told(e ZabbixError, name string) ZabbixError {
	e.Data = fmt.Sprintf(e.Data, name)
	return e
}
