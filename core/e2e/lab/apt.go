package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// aptTime is the longest that one call of apt may take, with its wait for others.
const aptTime = 15 * time.Minute

// Install installs packages of Debian, as root.
func Install(t testing.TB, names ...string) {
	t.Helper()

	if err := install(names...); err != nil {
		t.Fatalf("install packages: %v", err)
	}
}

// install does so one caller after the other: apt waits for its lock of what is
// installed, and not for the one of its lists.
func install(names ...string) error {
	unlock, err := lock(filepath.Join(os.TempDir(), "penstock-apt.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	return Again(func() error {
		if err := apt("update"); err != nil {
			return err
		}
		return apt(append([]string{"install", "-y", "--no-install-recommends"}, names...)...)
	})
}

func apt(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), aptTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-qq", "-oDPkg::Lock::Timeout=600", "-oAcquire::Retries=3"}, args...)...) //nolint:gosec // names of tests
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	return say(cmd)
}

// Again tries what needs the network, three times at most.
func Again(try func() error) error {
	err := try()
	for range 2 {
		if err == nil {
			return nil
		}
		time.Sleep(10 * time.Second)
		err = try()
	}
	return err
}
