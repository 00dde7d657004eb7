package control

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Handler carries out one command.
type Handler struct {
	Need Right
	// Within is how long Do may take; 0 is 30 s.
	Within time.Duration
	// Do gets the arguments as a JSON object, or nil; Decode reads them. What it
	// returns is encoded as the result. It is called by several goroutines at the
	// same time, and ctx ends with its time or with the server.
	Do func(ctx context.Context, p Peer, args json.RawMessage) (any, error)
}

// Serve answers until ctx ends or Close is called, then ends the context of the
// handlers that run, sends their answers, waits for every connection and returns.
// It is called once. Requests of one connection are answered one after another.
func (s *Server) Serve(ctx context.Context, handlers map[string]Handler) error {
	for cmd, h := range handlers {
		if h.Do == nil || h.Need != Read && h.Need != Command {
			return fmt.Errorf("command %q: no handler, or no right that it needs", cmd)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	defer conns.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if err := s.Close(); err != nil {
			s.log.Warn("close the control socket", "err", err)
		}
	})()
	for {
		conn, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return s.Close() // waits for the one that runs
		}
		if err != nil { // out of descriptors, most likely: it passes
			s.log.Warn("accept on the control socket", "err", err)
			pause(ctx, 100*time.Millisecond)
			continue
		}
		conns.Go(func() { s.welcome(ctx, conn, handlers) })
	}
}

// pause returns early when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// welcome sees who connected, and talks with them while there is room.
func (s *Server) welcome(ctx context.Context, conn *net.UnixConn, handlers map[string]Handler) {
	defer func() { _ = conn.Close() }()

	cred, err := credentials(conn)
	if err != nil {
		s.log.Warn("a connection to the control socket is dropped", "err", err)
		return
	}
	if !s.enter(cred.Uid) {
		s.send(conn, answer{Error: &Error{CodeBusy, "too many connections", "close some, or try again later"}})
		return
	}
	defer s.leave(cred.Uid)
	peer, err := peerOf(cred)
	if err != nil {
		s.send(conn, answer{Error: asError(err)})
		return
	}
	// When the worker ends, a silent connection is over at once, and one that
	// waits for a handler still gets its answer.
	defer context.AfterFunc(ctx, func() { _ = conn.CloseRead() })()
	s.talk(ctx, conn, peer, handlers)
}

func (s *Server) enter(uid uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	privileged := uid == 0 || uid == s.access.self
	if s.all >= s.limits.conns || !privileged && s.each[uid] >= s.limits.perUser {
		return false
	}
	s.all++
	s.each[uid]++
	return true
}

func (s *Server) leave(uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.all--
	if s.each[uid]--; s.each[uid] == 0 {
		delete(s.each, uid)
	}
}

// talk answers one request after another until the other end is silent for too
// long, leaves, or sends what cannot be a request.
func (s *Server) talk(ctx context.Context, conn *net.UnixConn, p Peer, handlers map[string]Handler) {
	in := bufio.NewReaderSize(conn, MaxRequest+1)
	for ctx.Err() == nil {
		line, err := s.receive(conn, in)
		if errors.Is(err, bufio.ErrBufferFull) {
			long := &Error{Code: CodeBadRequest, Text: fmt.Sprintf("the request has more than %d bytes", MaxRequest)}
			s.send(conn, answer{Error: long})
			return
		}
		if err != nil {
			return // it left, or was too slow: there is nobody to tell
		}
		r, bad := parse(line)
		a := answer{ID: r.ID, Error: bad}
		if bad == nil {
			a = s.do(ctx, p, r, handlers)
		}
		if !s.send(conn, a) {
			return
		}
	}
}

// receive waits for a request and reads it. The line is good until the next call.
func (s *Server) receive(conn *net.UnixConn, in *bufio.Reader) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Now().Add(s.limits.idle)); err != nil {
		return nil, err
	}
	if _, err := in.Peek(1); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Now().Add(s.limits.request)); err != nil {
		return nil, err
	}
	return in.ReadSlice('\n')
}

// send reports whether the other end took the answer.
func (s *Server) send(conn *net.UnixConn, a answer) bool {
	if err := conn.SetWriteDeadline(time.Now().Add(s.limits.answer)); err != nil {
		return false
	}
	_, err := conn.Write(encode(a))
	return err == nil
}

// do carries out one request.
func (s *Server) do(ctx context.Context, p Peer, r request, handlers map[string]Handler) answer {
	h, known := handlers[r.Cmd]
	if !known {
		return answer{ID: r.ID, Error: unknown(r.Cmd, handlers)}
	}
	if !s.access.allows(p, h.Need) {
		s.log.Warn("a request was refused", "command", r.Cmd, "user", p.User, "uid", p.UID)
		return answer{ID: r.ID, Error: s.access.refuse(r.Cmd, h.Need)}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(h.Within, s.limits.handler))
	defer cancel()
	result, err := h.Do(ctx, p, r.Args)
	if h.Need == Command {
		s.log.Info("a command was carried out", "command", r.Cmd, "user", p.User, "uid", p.UID, "err", err)
	}
	if err != nil {
		return answer{ID: r.ID, Error: asError(err)}
	}
	text, err := json.Marshal(result)
	if err != nil {
		return answer{ID: r.ID, Error: asError(fmt.Errorf("encode the answer: %w", err))}
	}
	return answer{ID: r.ID, Result: text}
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeFailed, Text: err.Error()}
}
