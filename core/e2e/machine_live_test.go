//go:build live

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"penstock/core/e2e/lab"
)

// debian is the release whose bare root the packages are tried on.
const debian = "bookworm"

// need installs the packages of those programs that are not there, as the
// Makefile does for the browser.
func need(t *testing.T, packageOf map[string]string) {
	t.Helper()

	var missing []string
	for program, name := range packageOf {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return
	}
	slices.Sort(missing)
	lab.Install(t, missing...)
}

// runLong runs a program in the repository's root and returns what it says.
func runLong(t *testing.T, most time.Duration, program string, args ...string) string {
	t.Helper()

	text, err := tryLong(t, most, program, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, text)
	}
	return text
}

// download is runLong where it needs the network.
func download(t *testing.T, most time.Duration, program string, args ...string) {
	t.Helper()

	if err := lab.Again(func() error {
		text, err := tryLong(t, most, program, args...)
		if err != nil {
			return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, text)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func tryLong(t *testing.T, most time.Duration, program string, args ...string) (string, error) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// bareRoot returns a folder with a bare Debian that systemd can boot. It is made
// once for all runs and never changed: copyRoot makes copies.
func bareRoot(t *testing.T) string {
	t.Helper()

	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatalf("find the home directory: %v", err)
	}
	folder := filepath.Join(home, ".cache", "penstock", "debootstrap-"+debian)
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	need(t, map[string]string{"debootstrap": "debootstrap"})
	unfinished := folder + ".new-" + strconv.Itoa(os.Getpid())
	defer os.RemoveAll(unfinished)
	if err := os.MkdirAll(unfinished, 0o755); err != nil {
		t.Fatalf("make a folder for the root: %v", err)
	}
	download(t, 10*time.Minute, "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,libpam-systemd", debian, unfinished)
	slim(t, unfinished)
	if err := os.Rename(unfinished, folder); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatalf("put the root in its place: %v", err)
	}
	return folder
}

// agentRoot is bareRoot with Debian's Zabbix agent 2, which starts with the machine.
func agentRoot(t *testing.T) string {
	t.Helper()

	bare := bareRoot(t)
	folder := bare + "-agent2"
	if _, err := os.Stat(folder); err == nil {
		return folder
	}
	unfinished := folder + ".new-" + strconv.Itoa(os.Getpid())
	defer os.RemoveAll(unfinished)
	runLong(t, 5*time.Minute, "cp", "-a", "--reflink=auto", bare, unfinished)
	// Without such a policy the agent would start here and now.
	policy := filepath.Join(unfinished, "usr/sbin/policy-rc.d")
	if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil { // it is to be run
		t.Fatalf("write the policy: %v", err)
	}
	download(t, 5*time.Minute, "chroot", unfinished, "apt-get", "update", "-qq")
	download(t, 5*time.Minute, "chroot", unfinished, "apt-get", "install", "-y", "-qq", "--no-install-recommends", "zabbix-agent2")
	slim(t, unfinished)
	if err := os.Remove(policy); err != nil {
		t.Fatalf("remove the policy: %v", err)
	}
	if err := os.Rename(unfinished, folder); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatalf("put the root in its place: %v", err)
	}
	return folder
}

// slim takes out half of a root, which no test looks at: each has a copy of its own.
func slim(t *testing.T, folder string) {
	t.Helper()

	var args []string
	for _, d := range []string{"usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists"} {
		args = append(args, filepath.Join(folder, d))
	}
	runLong(t, time.Minute, "find", append(args, "-mindepth", "1", "-delete")...)
}

func copyRoot(t *testing.T) string {
	t.Helper()
	return copyOf(t, bareRoot(t))
}

func copyOf(t *testing.T, root string) string {
	t.Helper()

	folder := filepath.Join(t.TempDir(), "root")
	runLong(t, 5*time.Minute, "cp", "-a", "--reflink=auto", root, folder)
	return folder
}

// step is one thing that is done on a booted machine, and what is to come of it.
type step struct {
	name string
	do   string // shell; the functions of prelude are there
	code int    // exit code; -1 is any but 0
	want string // regular expression that the output matches, as a whole
	not  string // regular expression that nothing in the output matches
}

// result is what came of a step.
type result struct {
	code int
	text string
}

// prelude is what the steps share.
const prelude = `
# soon runs a command again and again until it succeeds, three minutes at most.
soon() {
	n=360
	until eval "$*" >/lab/soon 2>&1; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || { echo "in vain: $*"; cat /lab/soon; return 1; }
		sleep 0.5
	done
}
# as runs a command as a user, with all groups of that user.
as() { user=$1; shift; setpriv --reuid "$user" --regid "$user" --init-groups sh -c "$*"; }
pid() { systemctl show -P MainPID penstock; }
status() { penstock status --json; }
# lines prints how many lines a source has given.
lines() { status | perl -0777 -ne '/"name":\s*"'"$1"'".*?"lines":\s*(\d+)/si or exit 1; print "$1\n"'; }
# has says whether a source has given at least so many lines.
has() { [ "$(lines "$1")" -ge "$2" ]; }
field() { status | perl -0777 -ne '/"'"$1"'":\s*"([^"]*)"/ or exit 1; print "$1\n"'; }
is() { [ "$(field "$1")" = "$2" ]; }
# ask asks Zabbix agent 2 as a server does. Head and length are 13 bytes, either way.
ask() {
	bash -c 'exec 3<>/dev/tcp/127.0.0.1/10050 && perl -e "print qq(ZBXD\1), pack(q(VV), length \$ARGV[0], 0), \$ARGV[0]" "$0" >&3 && cat <&3' "$1" | tail -c +14
	echo
}
agentpid() { systemctl show -P MainPID zabbix-agent2; }
# plugins prints the processes that run the plugin.
plugins() { find /proc -maxdepth 2 -name exe -lname '*/zabbix-agent2-plugin-penstock*' 2>/dev/null | cut -d / -f 3; }
listing() {
	find / -xdev \( -path /lab -o -path /tmp -o -path /var/tmp -o -path /var/log -o -path /var/cache \
		-o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path '/etc/*-' \) -prune -o -print | sort
}
`

// unit is the service that carries the steps out once the machine is up, and
// turns it off.
const unit = `[Unit]
After=multi-user.target
[Service]
Type=exec
ExecStart=/bin/sh /lab/run
ExecStopPost=/bin/systemctl poweroff --no-block
`

// bootAndDo boots the root, carries the steps out in their order until one ends
// with another code than it should, and returns what came of each. The machine has
// no network and is known to nobody but this test.
func bootAndDo(t *testing.T, folder string, steps []step) []result {
	t.Helper()

	need(t, map[string]string{"systemd-nspawn": "systemd-container"})
	answers := filepath.Join(folder, "lab")
	prepare(t, folder, steps)
	console, errBoot := boot(t, folder)

	var results []result
	for i, s := range steps {
		r, err := resultOf(filepath.Join(answers, fmt.Sprintf("%02d", i)))
		if err != nil {
			t.Errorf("the machine did not get behind step %q: %v, %v\n%s\nthe console:\n%s", s.name, errBoot, err, r.text, console)
			break
		}
		results = append(results, r)
	}
	if text, err := os.ReadFile(filepath.Join(answers, "journal")); err == nil && len(results) < len(steps) {
		t.Logf("the worker's journal:\n%s", text)
	}
	return results
}

// prepare puts the steps into the root, and the service that carries them out.
func prepare(t *testing.T, folder string, steps []step) {
	t.Helper()

	wants := filepath.Join(folder, "etc/systemd/system/default.target.wants")
	for _, d := range []string{filepath.Join(folder, "lab"), wants} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatalf("make %s: %v", d, err)
		}
	}
	old, err := filepath.Glob(filepath.Join(folder, "lab", "[0-9][0-9]*")) // of an earlier boot
	if err != nil {
		t.Fatalf("look for earlier results: %v", err)
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			t.Fatalf("remove an earlier result: %v", err)
		}
	}
	var script strings.Builder
	script.WriteString("trap 'journalctl -u penstock --no-pager -n 50 >/lab/journal' EXIT\n")
	for i, s := range steps {
		file := fmt.Sprintf("/lab/%02d", i)
		writeFile(t, filepath.Join(folder, file), prelude+s.do+"\n")
		well := fmt.Sprintf("-eq %d", s.code)
		if s.code == -1 {
			well = "-ne 0"
		}
		fmt.Fprintf(&script, "timeout -k 5 600 sh -u %[1]s >%[1]s.text 2>&1 </dev/null; code=$?; echo $code >%[1]s.code; [ $code %[2]s ] || exit\n", file, well)
	}
	writeFile(t, filepath.Join(folder, "lab", "run"), script.String())
	writeFile(t, filepath.Join(folder, "etc/systemd/system/lab.service"), unit)
	if err := os.Symlink("../lab.service", filepath.Join(wants, "lab.service")); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatalf("enable the steps: %v", err)
	}
}

// resultOf reads what a step has left. The text is there before the code.
func resultOf(file string) (result, error) {
	text, err := os.ReadFile(file + ".text")
	if err != nil {
		return result{}, err
	}
	r := result{text: string(text)}
	code, err := os.ReadFile(file + ".code")
	if err != nil {
		return r, err
	}
	r.code, err = strconv.Atoi(strings.TrimSpace(string(code)))
	return r, err
}

// boot runs the machine until it turns itself off and returns what its console
// showed last.
func boot(t *testing.T, folder string) (string, error) {
	t.Helper()

	const most = 20 * time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	name := "penstock-test-" + strconv.Itoa(os.Getpid())
	cmd := exec.CommandContext(ctx, "systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "--machine="+name,
		"--console=read-only", "--directory="+folder, "--boot")
	var console bytes.Buffer
	cmd.Stdout, cmd.Stderr = &console, &console
	cmd.WaitDelay = 10 * time.Second
	start := time.Now()
	err := cmd.Run()
	t.Logf("the machine was up for %v", time.Since(start).Round(time.Second))
	_ = os.Remove("/run/systemd/nspawn/propagate/" + name) // which nspawn leaves empty
	text := console.String()
	return text[max(0, len(text)-2000):], errors.Join(err, ctx.Err())
}

// check says where a step did not end as it should.
func (s step) check(t *testing.T, r result) {
	t.Helper()

	if s.code != r.code && (s.code != -1 || r.code == 0) {
		t.Errorf("exit code %d, want %d", r.code, s.code)
	}
	if !regexp.MustCompile(`^(?s:` + s.want + `)$`).MatchString(strings.TrimSpace(r.text)) {
		t.Errorf("the output does not match %s", s.want)
	}
	if s.not != "" && regexp.MustCompile(s.not).MatchString(r.text) {
		t.Errorf("the output matches %s", s.not)
	}
	if t.Failed() {
		t.Logf("the step was\n%s\nits output\n%s", s.do, r.text)
	}
}
