package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ownGroup is a group that whoever runs the test can give files to.
func ownGroup(t *testing.T) *user.Group {
	t.Helper()

	g, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		t.Fatalf("look up my group: %v", err)
	}
	return g
}

func TestSocketsModeAndGroup(t *testing.T) {
	t.Parallel()

	g := ownGroup(t)
	path := socketPath(t)
	s, err := Listen(path, Options{Group: g.Name, AdminGroup: g.Name}, quiet())
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatalf("stat: %v", err)
	}
	if got, want := info.Mode(), fs.ModeSocket|0o660; got != want {
		t.Errorf("mode %s, want %s", got, want)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || strconv.Itoa(int(stat.Gid)) != g.Gid {
		t.Errorf("the group is not %s", g.Gid)
	}
	if diff := cmp.Diff([]string{g.Name, g.Name}, []string{s.access.readers, s.access.admin}); diff != "" {
		t.Errorf("groups (-want +got)\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

// TestSocketIsPrivateFromItsFirstMoment looks at it before it is given to a group.
func TestSocketIsPrivateFromItsFirstMoment(t *testing.T) {
	t.Parallel()

	path := socketPath(t)
	l, err := listenPrivately(path)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer l.Close()
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestListenRefuses(t *testing.T) {
	t.Parallel()

	good := socketPath(t)
	file := filepath.Join(filepath.Dir(good), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatalf("write: %v", err)
	}
	link := filepath.Join(filepath.Dir(good), "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatalf("link: %v", err)
	}
	tests := []struct {
		name, path string
		o          Options
		want       string
	}{
		{"- relative path", "control.sock", Options{}, "not an absolute path of at most 107 bytes"},
		{"- abstract name", "@penstock", Options{}, "not an absolute path of at most 107 bytes"},
		{"- long path", "/" + strings.Repeat("x", 107), Options{}, "not an absolute path of at most 107 bytes"},
		{"- a file is there", file, Options{}, "something that is not a socket is in its place"},
		{"- a link is there", link, Options{}, "something that is not a socket is in its place"},
		{"- no folder", "/nonexistent/control.sock", Options{}, "no such file or directory"},
		{"- no such group", good, Options{Group: "no-such-group"}, `group "no-such-group"`},
		{"- no such admin group", good, Options{AdminGroup: "no-such-group"}, `admin_group "no-such-group"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			s, err := Listen(tt.path, tt.o, quiet())
			if err == nil {
				_ = s.Close()
				t.Fatal("it listens")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
		})
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" {
		t.Errorf("the file that was in its place: %q, %v", text, err)
	}
}

func TestLiveSocketIsLeftAlone(t *testing.T) {
	t.Parallel()

	s := listen(t)
	serve(t, s, echo())
	if _, err := Listen(s.path, Options{}, quiet()); !errors.Is(err, ErrLive) {
		t.Errorf("got %v, want ErrLive", err)
	}
	if err := dial(t, s).Call(t.Context(), "echo", nil, nil); err != nil {
		t.Errorf("the first worker: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()

	path := socketPath(t)
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	if unix, ok := dead.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false)
	}
	if err := dead.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("dial a stale socket: got %v, want ErrNotRunning", err)
	}
	s, err := Listen(path, Options{}, quiet())
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	serve(t, s, echo())
	if err := dial(t, s).Call(t.Context(), "echo", nil, nil); err != nil {
		t.Errorf("call: %v", err)
	}
}

// TestCloseLeavesAnothersSocket is about a worker that ends late, after another
// has taken its place.
func TestCloseLeavesAnothersSocket(t *testing.T) {
	t.Parallel()

	s := listen(t)
	if err := os.Remove(s.path); err != nil {
		t.Fatalf("remove: %v", err)
	}
	other, err := Listen(s.path, Options{}, quiet())
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	defer other.Close()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := os.Lstat(s.path); err != nil {
		t.Errorf("the other's socket: %v", err)
	}
}

func TestDialWithoutAWorker(t *testing.T) {
	t.Parallel()

	if _, err := Dial(t.Context(), socketPath(t)); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
}

func TestOptionsCheck(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		o    Options
		want []string
	}{
		{"+ defaults", DefaultOptions(), nil},
		{"+ all", Options{"/run/penstock/control.sock", "penstock", "Domain.Admins-1"}, nil},
		{"- all", Options{"/" + strings.Repeat("x", 107), "-x", "a b"}, []string{
			"socket has 108 bytes; the path of a socket has at most 107",
			`group "-x" is not the name of a group`, `admin_group "a b" is not the name of a group`,
		}},
		{"- long group", Options{Group: strings.Repeat("g", 33)}, []string{`group "` + strings.Repeat("g", 33) + `" is not the name of a group`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			var got []string
			tt.o.Check(func(path, text string) { got = append(got, path+" "+text) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	o := Options{Socket: "a"}
	if paths := o.Paths(); len(paths) != 1 || *paths[0] != "a" {
		t.Errorf("Paths: got %d", len(paths))
	}
}
