//go:build live

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nfpm is the version that builds the packages, as in the Makefile.
const nfpm = "v2.45.0"

// The version of the packages, and one that they are upgraded to.
const (
	older = "1.0.0"
	newer = "1.1.0"
)

var builtPackages struct {
	sync.Mutex
	folder string
}

// packages builds the packages of all architectures once for all tests, and of
// this machine's one of a newer version too.
func packages(t *testing.T) string {
	t.Helper()

	builtPackages.Lock()
	defer builtPackages.Unlock()
	if builtPackages.folder != "" {
		return builtPackages.folder
	}
	folder := filepath.Join(programs, "packages")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatalf("make a folder for the packages: %v", err)
	}
	for _, arch := range []string{"amd64", "arm64", "armv7"} {
		buildFor(t, folder, arch, older)
	}
	pack(t, folder, older, "amd64", "arm64", "armv7")
	buildFor(t, folder, "amd64", newer)
	pack(t, folder, newer, "amd64")
	builtPackages.folder = folder
	return folder
}

func buildFor(t *testing.T, folder, arch, version string) {
	t.Helper()

	env := []string{"env", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch}
	if arch == "armv7" {
		env = []string{"env", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=7"}
	}
	for program, source := range map[string]string{"penstock": "./externalscripts/penstock", "zabbix-agent2-plugin-penstock": "./zabbix-loadable"} {
		// As `make cross` does it, so that either finds compiled what the other needs.
		args := append(env[1:len(env):len(env)], "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+version,
			"-o", filepath.Join(folder, program+"-linux-"+arch), source)
		runLong(t, 10*time.Minute, env[0], args...)
	}
}

func pack(t *testing.T, folder, version string, arch ...string) {
	t.Helper()

	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatalf("find the home directory: %v", err)
	}
	bin := filepath.Join(home, ".cache", "penstock", "nfpm-"+nfpm)
	tool := filepath.Join(bin, "nfpm")
	if _, err := os.Stat(tool); err != nil {
		download(t, 10*time.Minute, "env", "GOBIN="+bin, "go", "install", "github.com/goreleaser/nfpm/v2/cmd/nfpm@"+nfpm)
	}
	args := []string{"DEB_COMPRESSION=gzip:1", "NFPM=" + tool, "PENSTOCK=" + filepath.Join(programs, "penstock"), "deploy/packages/build.sh", folder, "v" + version}
	runLong(t, 5*time.Minute, "env", append(args, arch...)...)
}

// contents is what each package holds, but for the documents.
const contents = `drwxr-x--- root/penstock /etc/penstock
-rw-r----- root/penstock /etc/penstock/penstock.yaml
-rw-r--r-- root/root /etc/zabbix/zabbix_agent2.d/plugins.d/penstock.conf
-rwxr-xr-x root/root /usr/bin/penstock
-rw-r--r-- root/root /usr/lib/systemd/system/penstock.service
-rw-r--r-- root/root /usr/lib/systemd/system/zabbix-agent2.service.d/penstock.conf
-rw-r--r-- root/root /usr/lib/sysusers.d/penstock.conf
-rw-r--r-- root/root /usr/lib/tmpfiles.d/penstock.conf
-rwxr-xr-x root/root /usr/sbin/zabbix-agent2-plugin/zabbix-agent2-plugin-penstock
-rw-r--r-- root/root /usr/share/bash-completion/completions/penstock
-rw-r--r-- root/root /usr/share/fish/vendor_completions.d/penstock.fish`

func TestPackagesHoldWhatTheyShould(t *testing.T) {
	need(t, map[string]string{"dpkg-deb": "dpkg", "rpm": "rpm"})
	folder := packages(t)
	for _, p := range []struct{ file, arch, want string }{
		{"penstock_1.0.0_amd64.deb", "amd64", contents + "\n-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_penstock"},
		{"penstock_1.0.0_arm64.deb", "arm64", contents + "\n-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_penstock"},
		{"penstock_1.0.0_armhf.deb", "armhf", contents + "\n-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_penstock"},
		{"penstock-1.0.0-1.x86_64.rpm", "x86_64", contents + "\n-rw-r--r-- root/root /usr/share/zsh/site-functions/_penstock"},
		{"penstock-1.0.0-1.aarch64.rpm", "aarch64", contents + "\n-rw-r--r-- root/root /usr/share/zsh/site-functions/_penstock"},
		{"penstock-1.0.0-1.armv7hl.rpm", "armv7hl", contents + "\n-rw-r--r-- root/root /usr/share/zsh/site-functions/_penstock"},
	} {
		t.Run(p.file, func(t *testing.T) {
			path := filepath.Join(folder, p.file)
			var arch, list, configuration string
			if strings.HasSuffix(p.file, ".deb") {
				arch = runLong(t, time.Minute, "dpkg-deb", "-f", path, "Architecture")
				list = runLong(t, time.Minute, "dpkg-deb", "-c", path)
				configuration = runLong(t, time.Minute, "dpkg-deb", "-I", path, "conffiles")
			} else {
				arch = runLong(t, time.Minute, "rpm", "-qp", "--qf", "%{ARCH}", path)
				list = runLong(t, time.Minute, "rpm", "-qp", "--qf", `[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} 0 - - %{FILENAMES}\n]`, path)
				configuration = runLong(t, time.Minute, "rpm", "-qp", "--configfiles", path)
			}
			if got := strings.TrimSpace(arch); got != p.arch {
				t.Errorf("architecture %s, want %s", got, p.arch)
			}
			if diff := cmp.Diff(p.want, ownFiles(list)); diff != "" {
				t.Errorf("content (-want +got)\n%s", diff)
			}
			want := []string{"/etc/penstock/penstock.yaml", "/etc/zabbix/zabbix_agent2.d/plugins.d/penstock.conf"}
			if diff := cmp.Diff(want, slices.Sorted(slices.Values(strings.Fields(configuration)))); diff != "" {
				t.Errorf("configuration files (-want +got)\n%s", diff)
			}
			for _, doc := range []string{"README.md", "CHANGELOG.md", "docs/configuration.md"} {
				if !strings.Contains(list, "/usr/share/doc/penstock/"+doc) {
					t.Errorf("the package lacks %s", doc)
				}
			}
			if !strings.Contains(list, "/copyright") && !strings.Contains(list, "/usr/share/licenses/penstock/LICENSE") {
				t.Error("the package lacks its licence")
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatalf("stat: %v", err)
			}
			t.Logf("%.1f MB", float64(info.Size())/(1<<20))
		})
	}
}

// ownFiles shortens a list as tar writes it: mode, owner, path, sorted by path,
// without the documents and the folders that every system has.
func ownFiles(list string) string {
	line := regexp.MustCompile(`^(\S+) (\S+) .* \.?(/\S*?)/?$`)
	var kept []string
	for text := range strings.Lines(list) {
		match := line.FindStringSubmatch(strings.TrimSpace(text))
		if match == nil {
			kept = append(kept, text)
			continue
		}
		folder := match[1][0] == 'd' && match[3] != "/etc/penstock"
		if folder || strings.Contains(match[3], "/doc/") || strings.Contains(match[3], "/licenses/") {
			continue
		}
		kept = append(kept, match[1]+" "+match[2]+" "+match[3])
	}
	slices.SortFunc(kept, func(a, b string) int {
		return strings.Compare(a[strings.LastIndexByte(a, ' '):], b[strings.LastIndexByte(b, ' '):])
	})
	return strings.Join(kept, "\n")
}

// TestUnitsAreSound lets systemd read the unit where the package puts it, and the
// agent's with ours beside it. The control shows that a mistake would be told.
func TestUnitsAreSound(t *testing.T) {
	need(t, map[string]string{"systemd-analyze": "systemd", "dpkg-deb": "dpkg"})
	folder := copyRoot(t)
	runLong(t, time.Minute, "dpkg-deb", "-x", filepath.Join(packages(t), "penstock_1.0.0_amd64.deb"), folder)
	path := filepath.Join(folder, "usr/lib/systemd/system/penstock.service")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read the unit: %v", err)
	}
	writeFile(t, filepath.Join(folder, "usr/lib/systemd/system/zabbix-agent2.service"),
		"[Unit]\nDescription=agent\n[Service]\nExecStart=/bin/true\nRestart=on-abnormal\n[Install]\nWantedBy=multi-user.target\n")
	verify := []string{"--root=" + folder, "--man=no", "verify", "penstock.service", "zabbix-agent2.service"}
	if text, err := tryLong(t, time.Minute, "systemd-analyze", verify...); err != nil || text != "" {
		t.Errorf("systemd-analyze verify: %v\n%s", err, text)
	}
	text := runLong(t, time.Minute, "systemd-analyze", "--root="+folder, "--offline=yes", "--no-pager", "security", "penstock.service")
	exposure := regexp.MustCompile(`exposure level for penstock\.service: ([0-9]+)\.([0-9])`).FindStringSubmatch(text)
	if exposure == nil {
		t.Fatalf("systemd-analyze security says\n%s", text)
	}
	t.Logf("exposure level %s.%s of 10", exposure[1], exposure[2])
	if exposure[1] > "2" {
		t.Errorf("the service is exposed:\n%s", text)
	}

	writeFile(t, path, strings.Replace(string(good), "NoNewPrivileges=", "NoNewPriviliges=", 1))
	dropIn := filepath.Join(folder, "usr/lib/systemd/system/zabbix-agent2.service.d/penstock.conf")
	writeFile(t, dropIn, "[Service]\nOOMPolicie=continue\n")
	text, _ = tryLong(t, time.Minute, "systemd-analyze", verify...)
	if !strings.Contains(text, "NoNewPriviliges") || !strings.Contains(text, "OOMPolicie") {
		t.Errorf("systemd-analyze verify does not notice slips of the pen: %q", text)
	}
}

// TestPackagesScriptsAreSound lets shellcheck read what runs as root elsewhere.
func TestPackagesScriptsAreSound(t *testing.T) {
	need(t, map[string]string{"shellcheck": "shellcheck"})
	args := []string{"deploy/packages/build.sh"}
	for _, script := range []string{"preinst", "postinst", "prerm", "postrm"} {
		args = append(args, "deploy/packages/"+script)
	}
	if text, err := tryLong(t, time.Minute, "shellcheck", args...); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, text)
	}
}

// TestAgentFindsThePluginOfThePackage installs the deb beside Debian's agent 2, in a
// root where nothing runs, lets the agent load what is there, and wants removal to
// leave an agent that starts.
func TestAgentFindsThePluginOfThePackage(t *testing.T) {
	folder := copyOf(t, agentRoot(t))
	runLong(t, time.Minute, "cp", filepath.Join(packages(t), "penstock_1.0.0_amd64.deb"), filepath.Join(folder, "tmp"))
	inside := func(args ...string) string {
		return runLong(t, time.Minute, "chroot", append([]string{folder}, args...)...)
	}
	// answer asks the agent as its own user, as `zabbix_agent2 -t` does on a machine.
	answer := func(key string) string {
		return inside("setpriv", "--reuid", "zabbix", "--regid", "zabbix", "--init-groups",
			"zabbix_agent2", "-c", "/etc/zabbix/zabbix_agent2.conf", "-t", key)
	}
	const conf = "/etc/zabbix/zabbix_agent2.d/plugins.d/penstock.conf"
	before := filesOf(t, folder)
	inside("dpkg", "-i", "/tmp/penstock_1.0.0_amd64.deb")
	if got := inside("id", "-nG", "zabbix"); !slices.Contains(strings.Fields(got), "penstock") {
		t.Errorf("the agent's user may not ask the worker: its groups are %s", got)
	}
	if got := answer("penstock.version"); !strings.Contains(got, "[s|"+older+"]") {
		t.Errorf("penstock.version: %s", got)
	}
	if got := answer("penstock.status"); !strings.Contains(got, `"state":"missing"`) || !strings.Contains(got, `"mode":"service"`) {
		t.Errorf("penstock.status: %s", got)
	}

	inside("sh", "-c", "echo '# of this site' >>"+conf)
	inside("/var/lib/dpkg/info/penstock.prerm", "remove")
	if _, err := os.Stat(filepath.Join(folder, conf)); err == nil {
		t.Error("the plugin's configuration is there while its program goes")
	}
	inside("/var/lib/dpkg/info/penstock.postinst", "abort-remove")
	if _, err := os.Stat(filepath.Join(folder, conf)); err != nil {
		t.Errorf("a removal that is broken off leaves the agent without the plugin: %v", err)
	}
	inside("dpkg", "-r", "penstock")
	if got := answer("agent.ping"); !strings.Contains(got, "[s|1]") {
		t.Errorf("after removal the agent does not start: %s", got)
	}
	inside("dpkg", "-i", "/tmp/penstock_1.0.0_amd64.deb")
	if got := inside("cat", conf); !strings.HasSuffix(got, "# of this site\n") {
		t.Errorf("what the site had changed is lost:\n%s", got)
	}
	if got := answer("penstock.ping"); !strings.Contains(got, "[s|1]") {
		t.Errorf("penstock.ping after the package came back: %s", got)
	}
	inside("dpkg", "-P", "penstock")
	if got := inside("id", "-nG", "zabbix"); strings.TrimSpace(got) != "zabbix" {
		t.Errorf("groups of the agent's user after the purge: %s", got)
	}
	if diff := cmp.Diff(before, filesOf(t, folder)); diff != "" {
		t.Errorf("what is left (-before +after)\n%s", diff)
	}
}

// TestRPMComesAndGoes installs and removes the rpm in a root where its scripts
// find a shell and systemd-sysusers.
func TestRPMComesAndGoes(t *testing.T) {
	need(t, map[string]string{"rpm": "rpm"})
	folder := copyRoot(t)
	if err := os.MkdirAll(filepath.Join(folder, "usr/share/licenses"), 0o755); err != nil { // as on every system with rpm
		t.Fatalf("make a folder: %v", err)
	}
	rpm := func(args ...string) (string, error) {
		return tryLong(t, time.Minute, "rpm", append([]string{"--root", folder, "--dbpath", "/var/lib/rpm"}, args...)...)
	}
	inside := func(args ...string) string {
		return runLong(t, time.Minute, "chroot", append([]string{folder}, args...)...)
	}
	before := filesOf(t, folder)
	if text, err := rpm("-i", filepath.Join(packages(t), "penstock-1.0.0-1.x86_64.rpm")); err != nil {
		t.Fatalf("install: %v\n%s", err, text)
	}
	want := `/etc/penstock root:penstock 750
/etc/penstock/penstock.yaml root:penstock 640
/etc/systemd/system/multi-user.target.wants/penstock.service root:root 777
/usr/bin/penstock root:root 755
/var/spool/penstock/drop penstock:penstock-drop 1730
`
	got := inside("stat", "-c", "%n %U:%G %a", "/etc/penstock", "/etc/penstock/penstock.yaml",
		"/etc/systemd/system/multi-user.target.wants/penstock.service", "/usr/bin/penstock", "/var/spool/penstock/drop")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners and modes (-want +got)\n%s", diff)
	}
	if got := inside("id", "-nG", "penstock"); !strings.HasPrefix(got, "penstock ") || !strings.Contains(got, "adm") || !strings.Contains(got, "systemd-journal") {
		t.Errorf("the worker's groups: %s", got)
	}
	if got := inside("penstock", "version"); !strings.Contains(got, older) {
		t.Errorf("penstock version: %s", got)
	}
	if text, err := rpm("-U", filepath.Join(packages(t), "penstock-1.1.0-1.x86_64.rpm")); err != nil {
		t.Errorf("upgrade: %v\n%s", err, text)
	}
	if text, err := rpm("-U", filepath.Join(packages(t), "penstock-1.0.0-1.x86_64.rpm")); err == nil || !strings.Contains(text, "newer") {
		t.Errorf("a downgrade is not refused: %v\n%s", err, text)
	}
	if got := inside("penstock", "version"); !strings.Contains(got, newer) {
		t.Errorf("penstock version after the upgrade: %s", got)
	}
	if text, err := rpm("-e", "penstock"); err != nil {
		t.Errorf("remove: %v\n%s", err, text)
	}
	if diff := cmp.Diff(before, filesOf(t, folder)); diff != "" {
		t.Errorf("what is left (-before +after)\n%s", diff)
	}
}

// TestPackageWithoutSystemd installs the deb where nothing of systemd runs and its
// tools for accounts and folders are missing.
func TestPackageWithoutSystemd(t *testing.T) {
	folder := copyRoot(t)
	for _, tool := range []string{"systemd-sysusers", "systemd-tmpfiles"} {
		if err := os.Remove(filepath.Join(folder, "usr/bin", tool)); err != nil {
			t.Fatalf("take %s away: %v", tool, err)
		}
	}
	runLong(t, time.Minute, "cp", filepath.Join(packages(t), "penstock_1.0.0_amd64.deb"), filepath.Join(folder, "tmp"))
	inside := func(args ...string) string {
		return runLong(t, time.Minute, "chroot", append([]string{folder}, args...)...)
	}
	before := filesOf(t, folder)
	inside("dpkg", "-i", "/tmp/penstock_1.0.0_amd64.deb")
	want := `/etc/penstock/penstock.yaml root:penstock 640
/etc/systemd/system/multi-user.target.wants/penstock.service root:root 777
/var/spool/penstock root:root 755
/var/spool/penstock/drop penstock:penstock-drop 1730
`
	got := inside("stat", "-c", "%n %U:%G %a", "/etc/penstock/penstock.yaml",
		"/etc/systemd/system/multi-user.target.wants/penstock.service", "/var/spool/penstock", "/var/spool/penstock/drop")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners and modes (-want +got)\n%s", diff)
	}
	for _, group := range []string{"adm", "systemd-journal"} {
		if got := inside("id", "-nG", "penstock"); !slices.Contains(strings.Fields(got), group) {
			t.Errorf("the worker is not in group %s: %s", group, got)
		}
	}
	if got := inside("getent", "passwd", "penstock"); !strings.HasSuffix(got, ":/var/lib/penstock:/usr/sbin/nologin\n") {
		t.Errorf("the account: %s", got)
	}
	inside("dpkg", "-P", "penstock")
	if diff := cmp.Diff(before, filesOf(t, folder)); diff != "" {
		t.Errorf("what is left (-before +after)\n%s", diff)
	}
	if text, err := tryLong(t, time.Minute, "chroot", folder, "getent", "passwd", "penstock"); err == nil {
		t.Errorf("the account is left: %s", text)
	}
}

// TestPackageGoesOnWhereTheMachineIsOdd installs the deb where the service is masked,
// and then where nothing of systemd works, and purges it where nothing can be removed.
func TestPackageGoesOnWhereTheMachineIsOdd(t *testing.T) {
	folder := copyRoot(t)
	runLong(t, time.Minute, "cp", filepath.Join(packages(t), "penstock_1.0.0_amd64.deb"), filepath.Join(folder, "tmp"))
	inside := func(args ...string) string {
		return runLong(t, time.Minute, "chroot", append([]string{folder}, args...)...)
	}
	dpkg := func(args ...string) string {
		said := inside(append([]string{"dpkg"}, args...)...)
		if state := inside("dpkg", "--audit"); state != "" {
			t.Errorf("dpkg %s leaves work to do: %s", args[0], state)
		}
		return said
	}
	unit := filepath.Join(folder, "etc/systemd/system/penstock.service")
	if err := os.Symlink("/dev/null", unit); err != nil {
		t.Fatalf("mask the service: %v", err)
	}
	wantHints(t, dpkg("-i", "/tmp/penstock_1.0.0_amd64.deb"), "the service does not start with the machine")
	if to, err := os.Readlink(unit); err != nil || to != "/dev/null" {
		t.Errorf("the mask is gone: %s, %v", to, err)
	}
	dpkg("-r", "penstock")

	// Of these, systemd's only says that the agent runs.
	for program, script := range map[string]string{
		"usr/bin/systemctl":          `echo "$*" >>/tmp/said; [ "$*" = "--quiet is-active zabbix-agent2.service" ]`,
		"usr/bin/deb-systemd-invoke": "exit 1", "usr/sbin/userdel": "exit 8", "usr/sbin/groupdel": "exit 8",
	} {
		writeFile(t, filepath.Join(folder, program), "#!/bin/sh\n"+script+"\n")
		inside("chmod", "755", "/"+program)
	}
	if err := os.MkdirAll(filepath.Join(folder, "run/systemd/system"), 0o755); err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	wantHints(t, dpkg("-i", "/tmp/penstock_1.0.0_amd64.deb"), "systemctl daemon-reload", "the service does not start with the machine", "the service did not start")
	if said := inside("cat", "/tmp/said"); !strings.Contains(said, "\nrestart zabbix-agent2.service\n") {
		t.Errorf("the agent is not told of the plugin:\n%s", said)
	}
	state := filepath.Join(folder, "var/lib/penstock")
	if err := errors.Join(os.MkdirAll(state, 0o700), syscall.Mount("tmpfs", state, "tmpfs", 0, "size=1m")); err != nil {
		t.Fatalf("mount a disk (needs root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(state, syscall.MNT_DETACH) })
	wantHints(t, dpkg("-P", "penstock"), "/var/lib/penstock is left", "user penstock is left", "group penstock is left", "group penstock-drop is left")
	if text := inside("dpkg-query", "-W", "-f", "${Package}\n"); strings.Contains(text, "penstock") {
		t.Error("dpkg keeps a package that was purged")
	}
}

func wantHints(t *testing.T, said string, hints ...string) {
	t.Helper()

	for _, hint := range hints {
		if !regexp.MustCompile("(?m)^penstock: hint: .*" + regexp.QuoteMeta(hint)).MatchString(said) {
			t.Errorf("no hint that %s:\n%s", hint, said)
		}
	}
}

// TestPackageLeavesTheAgentItsFolders runs what is run after a removal, with an agent
// 2 that includes folders in which nothing is, and without one.
func TestPackageLeavesTheAgentItsFolders(t *testing.T) {
	folder := copyRoot(t)
	runLong(t, time.Minute, "cp", "deploy/packages/postrm", filepath.Join(folder, "tmp"))
	plugins, agent := filepath.Join(folder, "etc/zabbix/zabbix_agent2.d/plugins.d"), filepath.Join(folder, "usr/sbin/zabbix_agent2")
	if err := os.MkdirAll(plugins, 0o755); err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	writeFile(t, agent, "")
	runLong(t, time.Minute, "chroot", folder, "sh", "/tmp/postrm", "purge")
	if _, err := os.Stat(plugins); err != nil {
		t.Errorf("+ with an agent: %v", err)
	}
	if err := os.Remove(agent); err != nil {
		t.Fatal(err)
	}
	runLong(t, time.Minute, "chroot", folder, "sh", "/tmp/postrm", "purge")
	if _, err := os.Stat(filepath.Join(folder, "etc/zabbix")); err == nil {
		t.Error("- without an agent: a folder that nobody needs is left")
	}
}

// filesOf lists all below the folder but what rpm and dpkg keep for themselves.
func filesOf(t *testing.T, folder string) []string {
	t.Helper()

	list := runLong(t, time.Minute, "find", folder,
		"(", "-path", folder+"/var/lib/rpm", "-o", "-path", folder+"/var/lib/dpkg", ")", "-prune", "-o", "-path", folder+"/etc/*-", "-o", "-printf", "/%P\n")
	files := strings.Split(list, "\n")
	slices.Sort(files)
	return files
}

// TestArmhfBinaryRuns runs what a Raspberry Pi gets.
func TestArmhfBinaryRuns(t *testing.T) {
	need(t, map[string]string{"qemu-arm-static": "qemu-user-static"})
	binary := filepath.Join(packages(t), "penstock-linux-armv7")
	plugin := filepath.Join(packages(t), "zabbix-agent2-plugin-penstock-linux-armv7")
	if text := runLong(t, time.Minute, "qemu-arm-static", plugin, "-V"); !strings.Contains(text, older) {
		t.Errorf("the version of the plugin: %s", text)
	}
	if text := runLong(t, time.Minute, "qemu-arm-static", binary, "version"); !strings.Contains(text, older) || !strings.Contains(text, "arm") {
		t.Errorf("penstock version: %s", text)
	}
	log, err := filepath.Abs(filepath.Join(root, "externalscripts/penstock/sample/logs/adm01-auth.log"))
	if err != nil {
		t.Fatalf("find the sample: %v", err)
	}
	emulated := runLong(t, 2*time.Minute, "qemu-arm-static", binary, "analyze", "--json", log)
	native := runLong(t, time.Minute, filepath.Join(programs, "penstock"), "analyze", "--json", log)
	if diff := cmp.Diff(native, emulated); diff != "" {
		t.Errorf("what armhf says of the sample (-amd64 +armhf)\n%s", diff)
	}
}
