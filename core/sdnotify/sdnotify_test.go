package sdnotify

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// manager listens as a service manager does and returns what it hears.
func manager(t *testing.T, name string) func() string {
	t.Helper()

	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return func() string {
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatalf("set a deadline: %v", err)
		}
		message := make([]byte, 4096)
		n, err := conn.Read(message)
		if err != nil {
			t.Fatalf("hear from the worker: %v", err)
		}
		return string(message[:n])
	}
}

func environment(values map[string]string) func(string) string {
	return func(key string) string { return values[key] }
}

func TestMessages(t *testing.T) {
	t.Parallel()

	folder, err := os.MkdirTemp("", "sd")
	if err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	for name, address := range map[string]string{
		"+ path":          filepath.Join(folder, "notify"),
		"+ abstract name": fmt.Sprintf("@penstock-test-%d", os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			heard := manager(t, address)
			s, err := Open(environment(map[string]string{"NOTIFY_SOCKET": address}))
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			defer s.Close()
			steps := []struct {
				do   func() error
				want string
			}{
				{s.Ready, "READY=1"},
				{s.Watchdog, "WATCHDOG=1"},
				{func() error { return s.Status("3 open cases, worst High") }, "STATUS=3 open cases, worst High"},
				{func() error { return s.Status("a\nREADY=1\x00\x7f\r") }, "STATUS=a READY=1   "},
				{func() error { return s.Status(strings.Repeat("x", maxStatus-1) + "ü") }, "STATUS=" + strings.Repeat("x", maxStatus-1)},
				{s.Stopping, "STOPPING=1"},
			}
			for _, step := range steps {
				if err := step.do(); err != nil {
					t.Fatalf("send %q: %v", step.want, err)
				}
				if diff := cmp.Diff(step.want, heard()); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			}
		})
	}
}

func TestWithoutAManagerNothingHappens(t *testing.T) {
	t.Parallel()

	s, err := Open(environment(nil))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	for name, do := range map[string]func() error{"ready": s.Ready, "watchdog": s.Watchdog, "stopping": s.Stopping, "close": s.Close} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManagerThatIsGone(t *testing.T) {
	t.Parallel()

	for name, address := range map[string]string{"- no such socket": "/nonexistent/notify", "- neither path nor name": "vsock:2:1234"} {
		if _, err := Open(environment(map[string]string{"NOTIFY_SOCKET": address})); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWatchdogInterval(t *testing.T) {
	t.Parallel()

	const pid = 77
	tests := []struct {
		name, usec, pid string
		want            time.Duration
		wantErr         string
	}{
		{"+ set", "60000000", "77", time.Minute, ""},
		{"+ for any process", "1", "", time.Microsecond, ""},
		{"+ for another process", "60000000", "78", 0, ""},
		{"+ not set", "", "", 0, ""},
		{"- no number", "1m", "77", 0, `WATCHDOG_USEC "1m": strconv.ParseInt: parsing "1m": invalid syntax`},
		{"- zero", "0", "77", 0, `WATCHDOG_USEC "0": not between 1 and a day's microseconds`},
		{"- negative", "-5", "77", 0, `WATCHDOG_USEC "-5": not between 1 and a day's microseconds`},
		{"- too long", "86400000001", "77", 0, `WATCHDOG_USEC "86400000001": not between 1 and a day's microseconds`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()

			got, err := WatchdogInterval(environment(map[string]string{"WATCHDOG_USEC": tt.usec, "WATCHDOG_PID": tt.pid}), pid)
			gotErr := ""
			if err != nil {
				gotErr = err.Error()
			}
			if diff := cmp.Diff([]string{tt.want.String(), tt.wantErr}, []string{got.String(), gotErr}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
