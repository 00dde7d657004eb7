package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"syscall"
	"time"
)

// ErrNotRunning is met where nobody listens on the socket.
var ErrNotRunning = errors.New("no worker is running")

// Client is a connection to a worker. It is safe for concurrent use; calls wait
// for each other.
type Client struct {
	// MostAnswer bounds an answer's line in bytes, for a caller that does not trust the
	// worker with its memory. It is set before the first call; 0 lets all through that
	// a worker may say.
	MostAnswer int

	conn net.Conn
	in   *bufio.Reader

	mu     sync.Mutex
	id     uint64
	broken error // why the connection is of no use any more
}

// Dial connects to the worker that listens at path. The error is ErrNotRunning,
// beside what the system said, where none does, and fs.ErrPermission where the
// caller may not connect.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("connect to %s: %w: %w", path, ErrNotRunning, err)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	return &Client{conn: conn, in: bufio.NewReader(conn)}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Call asks for cmd and reads the result into result, or drops it where that is
// nil. args is encoded as the arguments, nil is none. It blocks until the answer
// is there or ctx ends, at most a minute where ctx sets no deadline. The error is
// an *Error where the worker answered with one. After any other error the
// connection is of no use any more, and the request may or may not have been
// carried out. A worker ends connections that are silent for five minutes.
func (c *Client) Call(ctx context.Context, cmd string, args, result any) error {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.broken != nil {
		return fmt.Errorf("ask the worker for %s: the connection broke: %w", cmd, c.broken)
	}
	line, err := c.request(cmd, args)
	if err != nil {
		return fmt.Errorf("ask the worker for %s: %w", cmd, err)
	}
	a, err := c.exchange(ctx, line)
	if err != nil {
		c.broken = err
		return fmt.Errorf("ask the worker for %s: %w", cmd, err)
	}
	if a.Error != nil {
		return a.Error
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(a.Result, result); err != nil {
		return fmt.Errorf("read the worker's answer to %s: %w", cmd, err)
	}
	return nil
}

// request encodes the next request.
func (c *Client) request(cmd string, args any) ([]byte, error) {
	r := request{V: Version, ID: c.id + 1, Cmd: cmd, Args: json.RawMessage("{}")}
	if args != nil {
		text, err := json.Marshal(args)
		if err != nil {
			return nil, fmt.Errorf("encode the arguments: %w", err)
		}
		r.Args = text
	}
	line, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	if len(line) > MaxRequest {
		return nil, &Error{Code: CodeBadRequest, Text: fmt.Sprintf("the request has %d bytes, more than %d", len(line), MaxRequest)}
	}
	c.id++
	return append(line, '\n'), nil
}

// exchange sends a request and reads its answer.
func (c *Client) exchange(ctx context.Context, line []byte) (answer, error) {
	const patience = time.Minute // of a caller that states none
	if _, stated := ctx.Deadline(); !stated {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() { // the deadline is set, or will be at any moment
			c.broken = ctx.Err()
		}
	}()

	// A worker that turns the connection away does not read: its reason is worth
	// more than the failure to write.
	_, errWrite := c.conn.Write(line)
	a, err := c.answer()
	switch {
	case ctx.Err() != nil:
		return answer{}, ctx.Err()
	case err != nil:
		return answer{}, errors.Join(errWrite, err)
	case a.V != Version:
		return answer{}, fmt.Errorf("the worker speaks version %d, this program %d", a.V, Version)
	case a.Error != nil && a.ID == 0: // said to the connection, not to a request
		c.broken = a.Error
	case a.ID != c.id:
		return answer{}, fmt.Errorf("the worker answered request %d, not %d", a.ID, c.id)
	}
	return a, nil
}

// answer reads one line. One that is too long ends the connection: the rest of it is
// still to come.
func (c *Client) answer() (answer, error) {
	most := c.MostAnswer
	if most <= 0 {
		most = MaxAnswer + MaxRequest // with what is around the result
	}
	var a answer
	var line []byte
	for {
		part, err := c.in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > most {
			_ = c.conn.Close() // what is wrong is told already
			return a, fmt.Errorf("the answer has more than %d bytes", most)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return a, err
		}
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, fmt.Errorf("the answer is not of this protocol: %w", err)
	}
	return a, nil
}
