package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestSilentAndSlowClientsAreLeft(t *testing.T) {
	t.Parallel()

	soon := 30 * time.Millisecond
	tests := []struct {
		name   string
		limits func(*limits)
		send   string
	}{
		{"- says nothing", func(l *limits) { l.idle = soon }, ""},
		{"- begins and stops", func(l *limits) { l.request = soon }, `{"v":1,`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			s := listen(t)
			tt.limits(&s.limits)
			serve(t, s, echo())
			conn, in := raw(t, s)
			if tt.send != "" { // a write of nothing fails once the other side has left
				if _, err := io.WriteString(conn, tt.send); err != nil {
					t.Fatalf("write: %v", err)
				}
			}
			if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("got %v, want the end of the connection", err)
			}
		})
	}
}

// TestOneByteAtATime shows that a trickle does not keep a request alive: its time
// runs from the first byte.
func TestOneByteAtATime(t *testing.T) {
	t.Parallel()

	s := listen(t)
	s.limits.request = 50 * time.Millisecond
	serve(t, s, echo())
	conn, in := raw(t, s)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := conn.Write([]byte{' '}); err != nil {
				return
			}
			time.Sleep(time.Millisecond) // the trickle itself
		}
	}()
	if _, err := in.ReadByte(); err == nil {
		t.Error("got an answer to no request")
	}
	<-ended
}

func TestWhoDoesNotTakeTheAnswerIsLeft(t *testing.T) {
	t.Parallel()

	s := listen(t)
	s.limits.answer = 30 * time.Millisecond
	asked := make(chan struct{})
	large := map[string]Handler{"large": {Need: Read, Do: func(context.Context, Peer, json.RawMessage) (any, error) {
		close(asked)
		return strings.Repeat("x", MaxAnswer/2), nil
	}}}
	end := serve(t, s, large)
	conn, _ := raw(t, s)
	if _, err := io.WriteString(conn, `{"v":1,"id":1,"cmd":"large"}`+"\n"); err != nil {
		t.Fatalf("write: %v", err)
	}
	<-asked
	waitFor(t, "the connection to be left", func() bool { return connections(s) == 0 })
	if err := end(); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestOneCallerCannotKeepItFromOthers(t *testing.T) {
	t.Parallel()

	s := listen(t)
	s.access.self = 1 // whoever runs this test is no longer the worker's own user
	s.limits.conns, s.limits.perUser = 5, 3
	for range 10 {
		s.enter(1000)
	}
	if s.all != 3 {
		t.Errorf("one user has %d connections", s.all)
	}
	for range 10 {
		s.enter(1001)
	}
	if s.all != 5 {
		t.Errorf("two users have %d connections", s.all)
	}
	if s.enter(0) {
		t.Error("a sixth connection")
	}
	for s.each[1000] > 0 {
		s.leave(1000)
	}
	if !s.enter(0) {
		t.Error("no room after connections ended")
	}
	if _, kept := s.each[1000]; kept {
		t.Error("a user without connections is remembered")
	}
}

func TestManyConnections(t *testing.T) {
	t.Parallel()

	s := listen(t)
	end := serve(t, s, echo())
	var clients []*Client
	for i := range s.limits.conns {
		c := dial(t, s)
		if err := c.Call(t.Context(), "echo", nil, nil); err != nil {
			t.Fatalf("+ connection %d: %v", i, err)
		}
		clients = append(clients, c)
	}
	extra := dial(t, s)
	for range 2 { // the reason is given again
		var got *Error
		if err := extra.Call(t.Context(), "echo", nil, nil); !errors.As(err, &got) || got.Code != CodeBusy {
			t.Errorf("- one more: got %v", err)
		}
	}
	if err := clients[0].Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	waitFor(t, "room", func() bool { return connections(s) < s.limits.conns })
	if err := dial(t, s).Call(t.Context(), "echo", nil, nil); err != nil {
		t.Errorf("+ after one ended: %v", err)
	}
	if err := end(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := clients[1].Call(t.Context(), "echo", nil, nil); err == nil {
		t.Error("- after the end: no error")
	}
	if n := connections(s); n != 0 {
		t.Errorf("%d connections outlive Serve", n)
	}
}

func TestEndLetsARunningHandlerAnswer(t *testing.T) {
	t.Parallel()

	s := listen(t)
	started := make(chan struct{})
	end := serve(t, s, map[string]Handler{"wait": {Need: Read, Do: func(ctx context.Context, _ Peer, _ json.RawMessage) (any, error) {
		close(started)
		<-ctx.Done()
		return "stopped", nil
	}}})
	c := dial(t, s)
	silent, in := raw(t, s)
	got := make(chan error, 1)
	var text string
	go func() { got <- c.Call(context.Background(), "wait", nil, &text) }()
	<-started
	waitFor(t, "both connections", func() bool { return connections(s) == 2 })
	if err := end(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := <-got; err != nil || text != "stopped" {
		t.Errorf("the running call: %q, %v", text, err)
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("a silent connection: %v", err)
	}
	_ = silent.Close()
}

func TestHandlersTimeIsBounded(t *testing.T) {
	t.Parallel()

	s := listen(t)
	s.limits.handler = 20 * time.Millisecond
	serve(t, s, map[string]Handler{"default": {Need: Read, Do: untilDone}, "own": {Need: Read, Within: time.Millisecond, Do: untilDone}})
	for _, cmd := range []string{"default", "own"} {
		var got *Error
		if err := dial(t, s).Call(t.Context(), cmd, nil, nil); !errors.As(err, &got) || got.Text != "context deadline exceeded" {
			t.Errorf("%s: got %v", cmd, err)
		}
	}
}

func untilDone(ctx context.Context, _ Peer, _ json.RawMessage) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestCallersContextEndsACall(t *testing.T) {
	t.Parallel()

	s := listen(t)
	started := make(chan struct{}, 1)
	end := serve(t, s, map[string]Handler{"wait": {Need: Read, Do: func(ctx context.Context, p Peer, args json.RawMessage) (any, error) {
		started <- struct{}{}
		return untilDone(ctx, p, args)
	}}})
	ctx, cancel := context.WithCancel(t.Context())
	c := dial(t, s)
	go func() {
		<-started
		cancel()
	}()
	if err := c.Call(ctx, "wait", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := c.Call(t.Context(), "wait", nil, nil); err == nil || !strings.Contains(err.Error(), "the connection broke") {
		t.Errorf("the next call: got %v", err)
	}
	if err := end(); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestClientDistrustsTheServer gives the client what a worker never says.
func TestClientDistrustsTheServer(t *testing.T) {
	t.Parallel()

	tests := []struct{ name, answer, want string }{
		{"+ good", `{"v":1,"id":1,"result":{}}` + "\n", ""},
		{"- other request", `{"v":1,"id":2,"result":{}}` + "\n", "the worker answered request 2, not 1"},
		{"- other version", `{"v":7,"id":1,"result":{}}` + "\n", "the worker speaks version 7, this program 1"},
		{"- no JSON", "HTTP/1.1 400 Bad Request\n", "the answer is not of this protocol"},
		{"- half an answer", `{"v":1,"id":1`, "EOF"},
		{"- endless", strings.Repeat(" ", MaxAnswer+MaxRequest+1), "the answer has more than 8454144 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			path := socketPath(t)
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatalf("listen: %v", err)
			}
			defer l.Close()
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				if _, err := conn.Read(make([]byte, 1000)); err == nil {
					_, _ = io.WriteString(conn, tt.answer)
				}
			}()
			c, err := Dial(t.Context(), path)
			if err != nil {
				t.Fatalf("dial: %v", err)
			}
			defer c.Close()
			got := fmt.Sprint(c.Call(t.Context(), "status", nil, nil))
			if tt.want == "" && got != "<nil>" || !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestClientBoundsAnswers has a caller take less than a worker may say.
func TestClientBoundsAnswers(t *testing.T) {
	t.Parallel()

	s := listen(t)
	serve(t, s, echo())
	args := map[string]string{"Text": strings.Repeat("x", 1000)}
	c := dial(t, s)
	c.MostAnswer = 2000
	if err := c.Call(t.Context(), "echo", args, nil); err != nil {
		t.Errorf("+ shorter: %v", err)
	}
	c = dial(t, s)
	c.MostAnswer = 1000
	if err := c.Call(t.Context(), "echo", args, nil); err == nil || !strings.Contains(err.Error(), "the answer has more than 1000 bytes") {
		t.Errorf("- longer: got %v", err)
	}
	waitFor(t, "the connection's end", func() bool { return connections(s) == 1 })
	if err := c.Call(t.Context(), "echo", nil, nil); err == nil || !strings.Contains(err.Error(), "the connection broke") {
		t.Errorf("- the next call: got %v", err)
	}
}

func connections(s *Server) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()

	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
