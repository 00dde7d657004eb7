package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"penstock/core/app"
)

// agent is the other end of the protocol, as far as a test needs it.
type agent struct {
	t    *testing.T
	conn net.Conn
	logs []string
}

// newAgent listens as an agent does, starts the plugin in one of its roles, and
// returns the connection with the exit code to come.
func newAgent(t *testing.T, registering bool) (*agent, <-chan int) {
	t.Helper()

	return meet(t, func(socket string) int { return serve(socket, registering) })
}

func meet(t *testing.T, serve func(socket string) int) (*agent, <-chan int) {
	t.Helper()

	socket := filepath.Join(t.TempDir(), "agent.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	code := make(chan int, 1)
	go func() { code <- serve(socket) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &agent{t: t, conn: conn}, code
}

func (a *agent) send(text string) {
	a.t.Helper()
	if _, err := a.conn.Write(framed(frameJSON, []byte(text))); err != nil {
		a.t.Fatal(err)
	}
}

// next reads the next message that is not one for the log.
func (a *agent) next() reply {
	a.t.Helper()

	for {
		if err := a.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			a.t.Fatal(err)
		}
		var head [frameHead]byte
		if _, err := io.ReadFull(a.conn, head[:]); err != nil {
			a.t.Fatal(err)
		}
		text := make([]byte, binary.LittleEndian.Uint32(head[4:]))
		if _, err := io.ReadFull(a.conn, text); err != nil {
			a.t.Fatal(err)
		}
		var r reply
		if err := json.Unmarshal(text, &r); err != nil {
			a.t.Fatal(err)
		}
		if r.Type != typeLog {
			return r
		}
		a.logs = append(a.logs, *r.Message)
	}
}

// ask asks for an item and returns its value or error.
func (a *agent) ask(id int, key string, params ...string) (value, problem string) {
	a.t.Helper()

	text, err := json.Marshal(map[string]any{"id": id, "type": typeExport, "key": key, "parameters": params})
	if err != nil {
		a.t.Fatal(err)
	}
	a.send(string(text))
	r := a.next()
	if r.ID != uint32(id) || r.Type != typeExportResponse {
		a.t.Fatalf("got %+v for request %d", r, id)
	}
	if r.Value != nil {
		value = *r.Value
	}
	return value, r.Error
}

func (a *agent) configure(lines ...string) {
	a.t.Helper()

	text, err := json.Marshal(map[string]any{"id": 1, "type": typeConfigure, "global_options": map[string]any{"Timeout": 3}, "private_options": tree(lines...)})
	if err != nil {
		a.t.Fatal(err)
	}
	a.send(string(text))
	a.send(`{"id":2,"type":4}`)
}

// ends waits for the plugin's exit code.
func ends(t *testing.T, code <-chan int) {
	t.Helper()

	select {
	case got := <-code:
		if got != exitDone {
			t.Errorf("exit code %d", got)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the plugin does not end")
	}
}

func TestRegistrationAnswersEveryVersionAndEnds(t *testing.T) {
	t.Parallel()

	for _, version := range []string{"1.0", "6.0.13", "6.2.7", "6.4.0", "9.9.9"} {
		t.Run("+ "+version, func(t *testing.T) {
			t.Parallel()

			stayed := false
			a, code := meet(t, func(socket string) int {
				conn, err := net.Dial("unix", socket)
				if err != nil {
					return exitFailed
				}
				defer conn.Close()
				p := newPlugin(conn, time.Now)
				p.stay = func(int, []string) { stayed = true }
				return p.register(conn)
			})
			a.send(fmt.Sprintf(`{"id":1,"type":2,"version":%q}`, version))
			r := a.next()
			if r.Name != "Penstock" || r.Interfaces != 7 || r.Error != "" {
				t.Errorf("got %+v", r)
			}
			a.send(`{"id":2,"type":9,"private_options":{"Name":"Penstock","Nodes":[{"Name":"Worker","Nodes":[{"Value":"eA==","Line":1}],"Line":1}],"Line":1}}`)
			if r := a.next(); r.ID != 2 || r.Type != typeValidateResponse || r.Error != "" {
				t.Errorf("a bad configuration would keep the agent from starting: %+v", r)
			}
			a.send(`{"id":3,"type":9}`)
			a.next() // the log comes before it
			a.send(`{"id":0,"type":5}`)
			ends(t, code)
			if old := version < "6.2"; stayed != old {
				t.Errorf("stayed until the plugin works: %v", stayed)
			}
			unknown := strings.Contains(strings.Join(a.logs, "\n"), "is not known")
			if unknown != (version == "9.9.9") {
				t.Errorf("the log: %q", a.logs)
			}
		})
	}
}

// TestRegistrationEndsByItself keeps the agent of 7.0 from waiting for ever.
func TestRegistrationEndsByItself(t *testing.T) {
	t.Parallel()

	a, code := newAgent(t, true)
	a.send(`{"id":1,"type":2,"version":"6.4.0"}`)
	a.next()
	ends(t, code)
}

// TestHasWorking reads the kernel's lists of an agent's children.
func TestHasWorking(t *testing.T) {
	t.Parallel()

	proc := t.TempDir()
	args := []string{"/usr/sbin/penstock plugin", "/run/agent.sock", "true"}
	if there, err := hasWorking(proc, 7, args); there || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without lists: %v, %v", there, err)
	}
	put := func(path, text string) {
		path = filepath.Join(proc, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("7/task/7/children", "")
	put("7/task/8/children", "11 12 13 ")
	put("11/cmdline", strings.Join(append(args, ""), "\x00"))
	put("12/cmdline", "/usr/sbin/another\x00/run/agent.sock\x00false\x00")
	if there, err := hasWorking(proc, 7, args); there || err != nil {
		t.Errorf("with the one that registers: %v, %v", there, err)
	}
	put("13/cmdline", "/usr/sbin/penstock plugin\x00/run/agent.sock\x00false\x00")
	if there, err := hasWorking(proc, 7, args); !there || err != nil {
		t.Errorf("with the one that works: %v, %v", there, err)
	}
}

func TestKeysAreAsTheAgentWantsThem(t *testing.T) {
	t.Parallel()

	byKey, list := items()
	if len(list) != 2*len(byKey) || len(byKey) == 0 {
		t.Fatalf("%d keys, %d texts", len(byKey), len(list))
	}
	key, first := regexp.MustCompile(`^penstock\.[A-Za-z0-9._-]+$`), regexp.MustCompile(`^[A-Z].*\.$`)
	for i := 0; i < len(list); i += 2 {
		if !key.MatchString(list[i]) || !first.MatchString(list[i+1]) {
			t.Errorf("an agent does not start with %q: %q", list[i], list[i+1])
		}
	}
}

func TestWorkingProcessEndsWithItsAgentOnly(t *testing.T) {
	t.Parallel()

	t.Run("+ terminate", func(t *testing.T) {
		t.Parallel()

		a, code := newAgent(t, false)
		a.configure("Worker=service", "Socket=/nowhere/x.sock")
		a.send(`{"id":3,"type":5}`)
		ends(t, code)
	})
	t.Run("+ the agent is gone", func(t *testing.T) {
		t.Parallel()

		a, code := newAgent(t, false)
		a.configure("Worker=service", "Socket=/nowhere/x.sock")
		a.conn.Close()
		ends(t, code)
	})
	t.Run("- bad messages", func(t *testing.T) {
		t.Parallel()

		a, _ := newAgent(t, false)
		a.configure("Worker=service", "Socket=/nowhere/x.sock")
		for _, bad := range []string{"{", `{"id":1,"type":99}`, `{"id":1,"type":11}`, `[]`, `"x"`, `{"id":1,"type":8,"private_options":{"Nodes":[{}]}}`} {
			a.send(bad)
		}
		if _, err := a.conn.Write(framed(77, []byte("xyz"))); err != nil {
			t.Fatal(err)
		}
		if value, problem := a.ask(9, "penstock.ping"); value != "1" || problem != "" {
			t.Errorf("got %q, %q", value, problem)
		}
	})
}

func TestItemsSayWhatIsWrong(t *testing.T) {
	t.Parallel()

	a, _ := newAgent(t, false)
	a.configure("Worker=service", "Socket=/nowhere/x.sock")
	for i, tt := range []struct {
		key    string
		params []string
		want   string
	}{
		{"penstock.nothing", nil, `Cannot answer "penstock.nothing": there is no such key.`},
		{"penstock.ping", []string{"a"}, "Cannot answer penstock.ping: it has at most 0 parameters."},
		{"penstock.cases.count", []string{"High", "x"}, "Cannot answer penstock.cases.count: it has at most 1 parameters."},
		{"penstock.cases.count", []string{"Urgent"}, `Cannot count cases: "Urgent" is not a severity (Low, Medium, High, Critical).`},
		{"penstock.cases.count", []string{"None"}, `Cannot count cases: "None" is not a severity (Low, Medium, High, Critical).`},
		{"penstock.cases.count", nil, "Cannot count cases: no worker is running: nobody listens on /nowhere/x.sock."},
		{"penstock.cases", nil, "Cannot list cases: no worker is running: nobody listens on /nowhere/x.sock."},
		{"penstock.sources", nil, "Cannot tell of sources: no worker is running: nobody listens on /nowhere/x.sock."},
		{"penstock.sources.discovery", nil, "Cannot list sources: no worker is running: nobody listens on /nowhere/x.sock."},
		{"penstock.case", nil, "Cannot find a case: the parameter is missing, the number of a case."},
		{"penstock.case", []string{"a/../b"}, `Cannot find case "a/../b": this is not the number of a case.`},
		{"penstock.case", []string{"site-w1-1"}, `Cannot find case "site-w1-1": no worker is running: nobody listens on /nowhere/x.sock.`},
		{"penstock.case", []string{strings.Repeat("x", 200)}, `Cannot take parameter 1: "` + strings.Repeat("x", 125) + `..." is too long or has odd characters.`},
		{"penstock.case", []string{"a\x1b[1m"}, `Cannot take parameter 1: "a [1m" is too long or has odd characters.`},
	} {
		if _, problem := a.ask(10+i, tt.key, tt.params...); problem != tt.want {
			t.Errorf("%s%q: %s\nwant %s", tt.key, tt.params, problem, tt.want)
		}
	}
	value, problem := a.ask(99, "penstock.status", "")
	var s app.StatusItem
	if err := json.Unmarshal([]byte(value), &s); err != nil || problem != "" {
		t.Fatalf("penstock.status: %q, %v", problem, err)
	}
	if s.State != app.StateMissing || s.OK != 0 || s.Problem != "no worker is running: nobody listens on /nowhere/x.sock" || s.Keeper.Mode != "service" {
		t.Errorf("penstock.status: %s", value)
	}
}

func TestBadConfigurationIsToldPerItem(t *testing.T) {
	t.Parallel()

	a, _ := newAgent(t, false)
	a.configure("Worker=neither")
	value, _ := a.ask(5, "penstock.status")
	var s app.StatusItem
	if err := json.Unmarshal([]byte(value), &s); err != nil {
		t.Fatal(err)
	}
	if s.State != app.StateMisconfigured || s.Problem != "Plugins.Penstock.Worker=neither: neither service nor child" {
		t.Errorf("penstock.status: %s", value)
	}
	if value, _ := a.ask(6, "penstock.ping"); value != "1" {
		t.Errorf("penstock.ping: %s", value)
	}
	if _, problem := a.ask(7, "penstock.cases"); problem != "Cannot list cases: Plugins.Penstock.Worker=neither: neither service nor child." {
		t.Errorf("penstock.cases: %s", problem)
	}
}

// TestChildsEndIsWithinTheAgentsTimeout has the keeper know what the agent said.
func TestChildsEndIsWithinTheAgentsTimeout(t *testing.T) {
	t.Parallel()

	p := newPlugin(io.Discard, time.Now)
	p.handle(t.Context(), request{Type: typeConfigure, Private: tree("StateDir=/nowhere"), Global: json.RawMessage(`{"Timeout":1}`)})
	if got, want := p.keeper.within, 500*time.Millisecond; got != want {
		t.Errorf("the plugin takes %s to end, want %s", got, want)
	}
}

// TestPanicsAreRecovered puts an item into the table that panics.
func TestPanicsAreRecovered(t *testing.T) {
	t.Parallel()

	here, there := net.Pipe()
	defer here.Close()
	a := &agent{t: t, conn: there}
	p := newPlugin(here, time.Now)
	p.items["penstock.ping"] = item{key: "penstock.ping", answer: func(context.Context, *board, []string) (string, error) {
		var none *board
		return none.options.Config, nil
	}}
	done := make(chan struct{})
	go func() { defer close(done); p.work(t.Context(), here) }()
	if _, problem := a.ask(3, "penstock.ping"); problem != "Cannot answer penstock.ping: an error of the plugin; see the agent's log." {
		t.Errorf("got %q", problem)
	}
	if value, _ := a.ask(4, "penstock.version"); value != version {
		t.Errorf("afterwards: %q", value)
	}
	there.Close()
	<-done
	select {
	case r := <-p.teller.queue:
		if !strings.Contains(*r.Message, "recovered from a panic") {
			t.Errorf("the log: %s", *r.Message)
		}
	default:
		t.Error("nothing in the log")
	}
}

// TestExportsRunBesideEachOther has more items wait than may run, and answers all.
func TestExportsRunBesideEachOther(t *testing.T) {
	t.Parallel()

	here, there := net.Pipe()
	defer there.Close()
	p := newPlugin(here, time.Now)
	gate := make(chan struct{})
	var mu sync.Mutex
	running, most := 0, 0
	p.items["penstock.ping"] = item{key: "penstock.ping", answer: func(context.Context, *board, []string) (string, error) {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		<-gate
		mu.Lock()
		running--
		mu.Unlock()
		return "1", nil
	}}
	go p.work(t.Context(), here)
	const all = 2 * mostExports
	a := &agent{t: t, conn: there}
	go func() {
		for i := range all {
			_, _ = there.Write(framed(frameJSON, fmt.Appendf(nil, `{"id":%d,"type":6,"key":"penstock.ping"}`, i+1)))
		}
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		mu.Lock()
		full := running == mostExports
		mu.Unlock()
		if full {
			break
		}
		if time.Now().After(end) {
			t.Fatal("fewer items than may run are answered beside each other")
		}
	}
	close(gate)
	seen := map[uint32]bool{}
	for range all {
		seen[a.next().ID] = true
	}
	if len(seen) != all || most > mostExports {
		t.Errorf("%d answers, %d at a time at most", len(seen), most)
	}
}

func FuzzAnswerItem(f *testing.F) {
	byKey, _ := items()
	for key := range byKey {
		f.Add(key, "", 0)
		f.Add(key, "High", 1)
		f.Add(key, "site-w1-7\x00{$MACRO}", 3)
	}
	b := newBoard(options{}, errors.New("a test"), time.Now)
	f.Fuzz(func(t *testing.T, key, param string, n int) {
		params := make([]string, min(max(n, 0), 20))
		for i := range params {
			params[i] = param
		}
		value, err := answerItem(t.Context(), byKey, b, request{Key: key, Parameters: params})
		text := value
		if err != nil {
			text = err.Error()
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' }) || len(text) > 4000 {
			t.Errorf("%q is no answer", text)
		}
	})
}

func TestShorten(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"plain": "plain", "a\nb\x00c": "a b c", "\u202eabc\u2066": "abc", "\xff": "?", "0123456789abc": "0123456...", "ääääääää": "äää...", "": "",
	} {
		if got := shorten(text, 10); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTellerDropsWhatIsTooMuch(t *testing.T) {
	t.Parallel()

	now := time.Unix(1000, 0)
	to := newTeller(func() time.Time { return now })
	for range 100 {
		to.say(severityInfo, "again")
	}
	if len(to.queue) != logBurst {
		t.Errorf("%d messages, want %d", len(to.queue), logBurst)
	}
	for range logBurst {
		<-to.queue
	}
	now = now.Add(logEvery)
	to.say(severityInfo, "later")
	if r := <-to.queue; *r.Message != "later (80 messages before this one were too many)" || r.ID != 0 {
		t.Errorf("got %+v %s", r, *r.Message)
	}
}
