// Package sdnotify tells the service manager that started the worker how it is:
// ready, alive, ending, and one line of status. Without such a manager it does
// nothing. It reads nothing from the manager and never decides whether the
// worker is well.
package sdnotify

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// maxStatus is how many bytes of a status line are sent.
const maxStatus = 256

// patience is how long a message may wait for a manager that is busy.
const patience = time.Second

// Socket is a way to the service manager. It is safe for concurrent use. All
// its methods return nil at once where there is no manager, and wait a second at
// most where there is one.
type Socket struct {
	conn *net.UnixConn // nil where nobody listens
}

// Open connects to the socket that the environment names in NOTIFY_SOCKET: a
// path, or after @ a name in the abstract namespace. The variable stays set:
// children that should not have it are started without it.
func Open(getenv func(string) string) (*Socket, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return &Socket{}, nil
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET %q: neither a path nor an abstract name", name)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("connect to the service manager: %w", err)
	}
	return &Socket{conn: conn}, nil
}

// Ready says that the worker has started.
func (s *Socket) Ready() error { return s.send("READY=1") }

// Watchdog says that the worker is alive. It is due at least once in the interval
// that WatchdogInterval returns; half of it is usual.
func (s *Socket) Watchdog() error { return s.send("WATCHDOG=1") }

// Stopping says that the worker is ending on its own.
func (s *Socket) Stopping() error { return s.send("STOPPING=1") }

// Status gives people one line about the worker. Line ends and other control
// characters become spaces, and all behind 256 bytes is dropped, so that text
// from outside cannot say anything else to the manager.
func (s *Socket) Status(text string) error {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxStatus {
		text = text[:maxStatus]
	}
	return s.send("STATUS=" + strings.ToValidUTF8(text, ""))
}

// Close ends the connection.
func (s *Socket) Close() error {
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}

func (s *Socket) send(message string) error {
	if s.conn == nil {
		return nil
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("tell the service manager %s: %w", message, err)
	}
	if _, err := s.conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("tell the service manager %s: %w", message, err)
	}
	return nil
}

// WatchdogInterval returns how often the manager wants to hear from the process
// with this id, from WATCHDOG_USEC and WATCHDOG_PID, or 0 where it does not wait
// for it. A value that cannot be one is an error: to take it for none would be a
// restart every minute.
func WatchdogInterval(getenv func(string) string, pid int) (time.Duration, error) {
	text, forPID := getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID")
	if text == "" || forPID != "" && forPID != strconv.Itoa(pid) {
		return 0, nil
	}
	const most = int64(24 * time.Hour / time.Microsecond)
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && (n < 1 || n > most) {
		err = errors.New("not between 1 and a day's microseconds")
	}
	if err != nil {
		return 0, fmt.Errorf("WATCHDOG_USEC %q: %w", text, err)
	}
	return time.Duration(n) * time.Microsecond, nil
}
