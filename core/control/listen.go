package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// ErrLive is met where another worker listens on the socket.
var ErrLive = errors.New("another worker listens there")

// limits are how much and how long a caller may.
type limits struct {
	conns   int           // connections at the same time
	perUser int           // of these, for one user who is neither root nor the worker's own
	idle    time.Duration // between two requests
	request time.Duration // from the first byte of a request to its end
	answer  time.Duration // for a caller to take an answer
	handler time.Duration // of a handler that states none
}

func defaultLimits() limits {
	return limits{
		conns: 32, perUser: 16,
		idle: 5 * time.Minute, request: 10 * time.Second, answer: 30 * time.Second, handler: 30 * time.Second,
	}
}

// Server is a socket that is listened on.
type Server struct {
	path     string
	file     fs.FileInfo // of the socket that this server made
	listener *net.UnixListener
	access   access
	limits   limits
	log      *slog.Logger
	close    sync.Once

	mu   sync.Mutex
	all  int            // connections
	each map[uint32]int // connections by user
}

// Listen makes the socket at the absolute path: mode 0660 and the group of the
// options, or 0600 where there is no group to give it to. A socket that a dead
// worker left is replaced; one that is listened on is ErrLive; anything else in
// its place is an error and stays. The caller holds the lock of the state
// directory, so that no two listen at once. End the server with Close, or by
// ending the context of Serve.
func Listen(path string, o Options, log *slog.Logger) (*Server, error) {
	if !filepath.IsAbs(path) || len(path) > maxPath {
		return nil, fmt.Errorf("listen on %s: not an absolute path of at most %d bytes", path, maxPath)
	}
	a, gid, err := owner(o)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := clearStale(path); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	l, err := listenPrivately(path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	s := &Server{path: path, listener: l, access: a, limits: defaultLimits(), log: log, each: map[uint32]int{}}
	s.file, err = os.Lstat(path)
	if err == nil && gid >= 0 {
		err = s.admit(gid, o)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", path, err), s.Close())
	}
	return s, nil
}

// clearStale removes the socket of a worker that is gone.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("something that is not a socket is in its place: move it away")
	}
	const patience = time.Second // a socket of this machine answers at once or never
	conn, err := net.DialTimeout("unix", path, patience)
	if err == nil {
		return errors.Join(ErrLive, conn.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("see whether somebody listens: %w", err)
	}
	return os.Remove(path)
}

// listenPrivately makes the socket with mode 0600 from its first moment: the
// mode that the descriptor has when it is bound becomes the file's.
func listenPrivately(path string) (*net.UnixListener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var errMode error
		err := c.Control(func(fd uintptr) { errMode = syscall.Fchmod(int(fd), 0o600) })
		return errors.Join(err, errMode)
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	unix, isUnix := l.(*net.UnixListener)
	if !isUnix {
		return nil, errors.Join(fmt.Errorf("got a %T", l), l.Close())
	}
	unix.SetUnlinkOnClose(false) // by then it may be another worker's
	return unix, nil
}

// admit lets the group in. Where the group was not asked for and cannot be given,
// as when somebody tries the worker out on a machine that has the package too,
// the socket stays the owner's.
func (s *Server) admit(gid int, o Options) error {
	if stat, ok := s.file.Sys().(*syscall.Stat_t); !ok || int(stat.Gid) != gid {
		err := os.Chown(s.path, -1, gid)
		if errors.Is(err, fs.ErrPermission) && o.Group == "" {
			s.log.Warn("the control socket stays with its owner", "group", s.access.readers, "err", err)
			s.access.readers = ""
			return nil
		}
		if err != nil {
			return fmt.Errorf("give it to group %q: %w", s.access.readers, err)
		}
	}
	return os.Chmod(s.path, 0o660) //nolint:gosec // for the group: that is its purpose
}

// Close stops listening and removes the socket if it is still this server's. It
// may be called more than once, and at the same time as Serve, which then ends.
func (s *Server) Close() error {
	var err error
	s.close.Do(func() {
		err = s.listener.Close()
		if info, errStat := os.Lstat(s.path); errStat == nil && os.SameFile(info, s.file) {
			err = errors.Join(err, os.Remove(s.path))
		}
	})
	return err
}
