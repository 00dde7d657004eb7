package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// patience bounds what must happen soon; nothing is measured by it.
const patience = 20 * time.Second

// socketPath returns a path short enough for a socket.
func socketPath(t testing.TB) string {
	t.Helper()

	folder, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return filepath.Join(folder, "control.sock")
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func listen(t testing.TB) *Server {
	t.Helper()

	s, err := Listen(socketPath(t), Options{}, quiet())
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// serve starts the server and returns what ends it and gives Serve's error.
func serve(t testing.TB, s *Server, handlers map[string]Handler) (end func() error) {
	t.Helper()

	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, handlers) }()
	end = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = end() })
	return end
}

func echo() map[string]Handler {
	return map[string]Handler{
		"echo": {Need: Read, Do: func(_ context.Context, _ Peer, args json.RawMessage) (any, error) {
			var a struct{ Text string }
			if err := Decode(args, &a); err != nil {
				return nil, err
			}
			return a, nil
		}},
		"who":  {Need: Read, Do: func(_ context.Context, p Peer, _ json.RawMessage) (any, error) { return p, nil }},
		"fail": {Need: Command, Do: func(context.Context, Peer, json.RawMessage) (any, error) { return nil, fs.ErrExist }},
		"none": {Need: Command, Do: func(context.Context, Peer, json.RawMessage) (any, error) {
			return nil, fmt.Errorf("wrapped: %w", &Error{CodeNotFound, "no such case", "see `penstock cases`"})
		}},
		"huge":    {Need: Read, Do: func(context.Context, Peer, json.RawMessage) (any, error) { return strings.Repeat("x", MaxAnswer), nil }},
		"channel": {Need: Read, Do: func(context.Context, Peer, json.RawMessage) (any, error) { return make(chan int), nil }},
	}
}

func dial(t testing.TB, s *Server) *Client {
	t.Helper()

	c, err := Dial(t.Context(), s.path)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// raw connects without the client's manners.
func raw(t testing.TB, s *Server) (net.Conn, *bufio.Reader) {
	t.Helper()

	conn, err := net.Dial("unix", s.path)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatalf("set a deadline: %v", err)
	}
	return conn, bufio.NewReaderSize(conn, 4096)
}

func TestCall(t *testing.T) {
	t.Parallel()

	s := listen(t)
	serve(t, s, echo())
	c := dial(t, s)
	for i := range 3 {
		var got struct{ Text string }
		want := strings.Repeat("ü\n\"", i*1000)
		if err := c.Call(t.Context(), "echo", map[string]string{"text": want}, &got); err != nil {
			t.Fatalf("+ echo: %v", err)
		}
		if diff := cmp.Diff(want, got.Text); diff != "" {
			t.Errorf("+ echo (-want +got)\n%s", diff)
		}
	}
	if err := c.Call(t.Context(), "echo", nil, nil); err != nil {
		t.Errorf("+ no arguments, no result wanted: %v", err)
	}
	tests := []struct {
		name, cmd string
		args      any
		want      Error
	}{
		{"- handler's own error", "none", nil, Error{CodeNotFound, "no such case", "see `penstock cases`"}},
		{"- any other error", "fail", nil, Error{CodeFailed, "file already exists", ""}},
		{"- unknown command", "stop", nil, Error{CodeUnknown, `"stop" is not a command`, "known commands: channel, echo, fail, huge, none, who"}},
		{"- unknown argument", "echo", map[string]int{"test": 1}, Error{CodeBadRequest, `arguments: unknown field "test"`, ""}},
		{"- mistyped argument", "echo", map[string]int{"text": 1}, Error{CodeBadRequest, `arguments: "Text" cannot be a number`, ""}},
		{"- arguments no object", "echo", []int{1}, Error{CodeBadRequest, `"args" is no object`, ""}},
		{"- answer too large", "huge", nil, Error{CodeFailed, "the answer has 8388610 bytes, more than 8388608", "ask for less at a time"}},
		{"- answer no JSON", "channel", nil, Error{CodeFailed, "encode the answer: json: unsupported type: chan int", ""}},
		{"- request too large", "echo", map[string]string{"text": strings.Repeat("x", MaxRequest)}, Error{CodeBadRequest, "the request has 65583 bytes, more than 65536", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := c.Call(t.Context(), tt.cmd, tt.args, nil)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(tt.want, *got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if err := c.Call(t.Context(), "echo", nil, nil); err != nil {
		t.Errorf("+ after all these errors the connection is good: %v", err)
	}
}

func TestPeerIsWhoTheKernelSays(t *testing.T) {
	t.Parallel()

	s := listen(t)
	serve(t, s, echo())
	var got Peer
	if err := dial(t, s).Call(t.Context(), "who", map[string]any{"UID": 4711, "User": "mallory"}, &got); err != nil {
		t.Fatalf("who: %v", err)
	}
	if got.UID != uint32(os.Getuid()) {
		t.Errorf("got uid %d, want %d", got.UID, os.Getuid())
	}
	me, err := user.Current()
	if err != nil {
		t.Fatalf("look up myself: %v", err)
	}
	if got.User != me.Username {
		t.Errorf("got user %q, want %q", got.User, me.Username)
	}
	own, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Fatalf("look up my group: %v", err)
	}
	if len(got.Groups) == 0 || got.Groups[0] != own.Name {
		t.Errorf("got groups %q, want %q first", got.Groups, own.Name)
	}
}

func TestPeerWithoutName(t *testing.T) {
	t.Parallel()

	got, err := peerOf(&syscall.Ucred{Uid: 3_999_999_999, Gid: 3_999_999_998})
	if err != nil {
		t.Fatalf("peerOf: %v", err)
	}
	if diff := cmp.Diff(Peer{UID: 3_999_999_999, Groups: []string{"3999999998"}}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestOnlyWhoHasTheRightIsServed(t *testing.T) {
	t.Parallel()

	a := access{self: 990, readers: "penstock", admin: "penstock-admin"}
	tests := []struct {
		name          string
		a             access
		p             Peer
		read, command bool
	}{
		{"+ root", a, Peer{UID: 0}, true, true},
		{"+ the worker's own user", a, Peer{UID: 990}, true, true},
		{"+ reader", a, Peer{UID: 1000, Groups: []string{"users", "penstock"}}, true, false},
		{"+ admin", a, Peer{UID: 1000, Groups: []string{"penstock-admin"}}, true, true},
		{"- stranger", a, Peer{UID: 1000, Groups: []string{"users", "penstock-drop"}}, false, false},
		{"- user with the group's name", a, Peer{UID: 1000, User: "penstock-admin", Groups: []string{"users"}}, false, false},
		{"- no groups are configured", access{self: 990}, Peer{UID: 1000, Groups: []string{"", "penstock"}}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			if got := tt.a.allows(tt.p, Read); got != tt.read {
				t.Errorf("read: got %t", got)
			}
			if got := tt.a.allows(tt.p, Command); got != tt.command {
				t.Errorf("command: got %t", got)
			}
			if tt.a.allows(tt.p, 0) {
				t.Error("a right that is none is granted")
			}
		})
	}
}

func TestRefusalSaysWhoMay(t *testing.T) {
	t.Parallel()

	s := listen(t)
	s.access = access{self: 1, readers: "penstock", admin: "water-admins"}
	stranger := Peer{UID: 1000, User: "mallory"}
	reached := false
	do := func(context.Context, Peer, json.RawMessage) (any, error) { reached = true; return struct{}{}, nil }
	handlers := map[string]Handler{"status": {Need: Read, Do: do}, "pause": {Need: Command, Do: do}}
	for cmd, want := range map[string]Error{
		"status": {CodeRefused, "you may not ask the worker: status", "try it as root, or as a member of group penstock"},
		"pause":  {CodeRefused, "you may not command the worker: pause", "try it as root, or as a member of group water-admins"},
	} {
		got := s.do(t.Context(), stranger, request{ID: 3, Cmd: cmd}, handlers)
		if diff := cmp.Diff(answer{ID: 3, Error: &want}, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", cmd, diff)
		}
	}
	if reached {
		t.Error("the handler was called")
	}
}

func TestServeRefusesHandlersWithoutARight(t *testing.T) {
	t.Parallel()

	s := listen(t)
	do := func(context.Context, Peer, json.RawMessage) (any, error) { return struct{}{}, nil }
	for name, h := range map[string]Handler{"no right": {Do: do}, "no handler": {Need: Read}} {
		if err := s.Serve(t.Context(), map[string]Handler{"x": h}); err == nil || !strings.Contains(err.Error(), `command "x"`) {
			t.Errorf("- %s: got %v", name, err)
		}
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()

	s := listen(t)
	serve(t, s, echo())
	const hint = `"hint":"one line of JSON: {\"v\":1,\"id\":1,\"cmd\":\"status\",\"args\":{}}"`
	tests := []struct{ name, line, want string }{
		{"+ good", `{"v":1,"id":9,"cmd":"echo","args":{"text":"a"}}`, `{"v":1,"id":9,"result":{"Text":"a"}}`},
		{"+ no arguments", `{"v":1,"id":9,"cmd":"echo","args":null}`, `{"v":1,"id":9,"result":{"Text":""}}`},
		{"+ white space", ` { "v" : 1 , "cmd" : "echo", "args" :  {} } `, `{"v":1,"id":0,"result":{"Text":""}}`},
		{"- empty", ``, `{"v":1,"id":0,"error":{"code":"bad-request","text":"not a request: unexpected end of JSON input",` + hint + `}}`},
		{"- no JSON", `status`, `{"v":1,"id":0,"error":{"code":"bad-request","text":"not a request: invalid character 's' looking for beginning of value",` + hint + `}}`},
		{"- no object", `[1]`, `{"v":1,"id":0,"error":{"code":"bad-request","text":"not a request: \"\" cannot be a array",` + hint + `}}`},
		{"- two values", `{"v":1,"id":2,"cmd":"echo"}{"v":1}`, `{"v":1,"id":0,"error":{"code":"bad-request","text":"not a request: invalid character '{' after top-level value",` + hint + `}}`},
		{"- negative id", `{"v":1,"id":-2,"cmd":"echo"}`, `{"v":1,"id":0,"error":{"code":"bad-request","text":"not a request: \"id\" cannot be a number -2",` + hint + `}}`},
		{"- unknown key", `{"v":1,"id":2,"cmd":"echo","arg":{}}`, `{"v":1,"id":2,"error":{"code":"bad-request","text":"not a request: unknown field \"arg\"",` + hint + `}}`},
		{"- no version", `{"id":2,"cmd":"echo"}`, `{"v":1,"id":2,"error":{"code":"version","text":"the request names no version (\"v\")","hint":"known version: 1"}}`},
		{"- later version", `{"v":2,"id":2,"command":["echo"]}`, `{"v":1,"id":2,"error":{"code":"version","text":"version 2 is not spoken here","hint":"known version: 1"}}`},
		{"- no command", `{"v":1,"id":2}`, `{"v":1,"id":2,"error":{"code":"bad-request","text":"the request names no command (\"cmd\")"}}`},
		{"- long command", `{"v":1,"id":2,"cmd":"` + strings.Repeat("ü", 1000) + `"}`, `{"v":1,"id":2,"error":{"code":"unknown","text":"\"` + strings.Repeat("ü", 32) + `...\" is not a command","hint":"known commands: channel, echo, fail, huge, none, who"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			conn, in := raw(t, s)
			if _, err := io.WriteString(conn, tt.line+"\n"); err != nil {
				t.Fatalf("write: %v", err)
			}
			got, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("read: %v", err)
			}
			want := strings.NewReplacer("<", `\u003c`, ">", `\u003e`).Replace(tt.want) + "\n"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if _, err := io.WriteString(conn, `{"v":1,"id":1,"cmd":"who"}`+"\n"); err != nil {
				t.Fatalf("write again: %v", err)
			}
			if next, err := in.ReadString('\n'); err != nil || !strings.Contains(next, `"result"`) {
				t.Errorf("the next request on the same connection: %q, %v", next, err)
			}
		})
	}
}

func TestEndlessRequestEndsTheConnection(t *testing.T) {
	t.Parallel()

	s := listen(t)
	serve(t, s, echo())
	conn, in := raw(t, s)
	written := make(chan struct{})
	go func() { // stops when the server does
		defer close(written)
		for {
			if _, err := io.WriteString(conn, strings.Repeat("x", 1000)); err != nil {
				return
			}
		}
	}()
	got, err := in.ReadString('\n')
	want := `{"v":1,"id":0,"error":{"code":"bad-request","text":"the request has more than 65536 bytes"}}` + "\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	<-written
	if _, err := in.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
}

func TestLargestRequestIsServed(t *testing.T) {
	t.Parallel()

	s := listen(t)
	serve(t, s, echo())
	const around = len(`{"v":1,"id":1,"cmd":"echo","args":{"text":""}}`)
	text := strings.Repeat("x", MaxRequest-around)
	var got struct{ Text string }
	if err := dial(t, s).Call(t.Context(), "echo", map[string]string{"text": text}, &got); err != nil || got.Text != text {
		t.Errorf("got %d bytes, %v", len(got.Text), err)
	}
}
