//go:build live

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// life is what happens to the service on a machine from the first installation to
// its being turned off. Each step builds on those before it.
var life = []step{
	{name: "nothing is there", do: `listing >/lab/before; getent passwd penstock`, code: 2},
	{name: "install", do: `dpkg -i /lab/penstock_1.0.0_amd64.deb`, want: `.*Setting up penstock \(1\.0\.0\).*`, not: `(?i)error|warning|hint`},
	{
		name: "it runs and starts with the machine", do: `soon systemctl is-active penstock && systemctl is-enabled penstock && systemctl show -P SubState penstock`,
		want: "enabled\nrunning",
	},
	{
		name: "it is a user of its own, without any privilege",
		do: `stat -c %U:%G /proc/$(pid); id -nG penstock | tr ' ' '\n' | sort | xargs
			grep -E '^(CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/$(pid)/status
			awk '$5 == "/" { print $6 }' /proc/$(pid)/mountinfo`,
		want: "penstock:penstock\nadm penstock systemd-journal\n" +
			"CapEff:\t0{16}\nCapBnd:\t0{16}\nCapAmb:\t0{16}\nNoNewPrivs:\t1\nSeccomp:\t2\nro(,.*)?",
	},
	{
		name: "owners and modes",
		do: `stat -c '%n %U:%G %a %F' /etc/penstock /etc/penstock/penstock.yaml /run/penstock /run/penstock/control.sock \
				/usr/bin/penstock /var/lib/penstock /var/spool/penstock /var/spool/penstock/drop
			find /var/lib/penstock \( ! -user penstock -o -perm /077 \) -printf 'wrong: %p %u %m\n'`,
		want: `/etc/penstock root:penstock 750 directory
/etc/penstock/penstock\.yaml root:penstock 640 regular file
/run/penstock penstock:penstock 755 directory
/run/penstock/control\.sock penstock:penstock 660 socket
/usr/bin/penstock root:root 755 regular file
/var/lib/penstock penstock:penstock 700 directory
/var/spool/penstock root:root 755 directory
/var/spool/penstock/drop penstock:penstock-drop 1730 directory`,
	},
	{name: "the configuration is sound", do: `penstock check-config /etc/penstock/penstock.yaml`, want: `.*`},
	{
		name: "people",
		do:   `useradd -G penstock reader && useradd stranger && useradd -G penstock-drop dropper1 && useradd -G penstock-drop dropper2`,
	},
	{name: "a member of group penstock may ask", do: `as reader penstock status`, want: `.*` + older + `.*`},
	{name: "but not command", do: `as reader penstock pause`, code: 5, want: `.*error: you may not command the worker.*`},
	{name: "a stranger may do neither", do: `as stranger penstock status`, code: 1, want: `.*permission denied.*`},
	{name: "root may command", do: `penstock pause --for 1m && penstock pause --off`, want: `.*`},
	{
		name: "the journal is followed",
		do: `soon has journal 10; have=$(lines journal)
			for n in 1 2 3 4 5; do logger -t sshd "Failed password for root from 203.0.113.9 port 471$n ssh2"; done
			soon has journal $((have + 5)) && penstock status | grep ' journal '`,
		want: `journal \(journald\): .*`, not: `error`,
	},
	{
		name: "a file is followed",
		do: `install -m 640 -g adm /dev/null /var/log/auth.log
			printf '  - {name: auth, kind: file, path: /var/log/auth.log, trust: local}\n' >>/etc/penstock/penstock.yaml
			systemctl restart penstock
			for n in 1 2 3; do
				echo "Jan  5 10:00:0$n host sshd[7]: Failed password for root from 203.0.113.9 port 4711 ssh2" >>/var/log/auth.log
			done
			soon has auth 3 && lines auth`,
		want: `3`,
	},
	{
		name: "members of penstock-drop put files in and nothing else",
		do: `drop=/var/spool/penstock/drop
			echo '<13>Jan  5 10:00:00 host app: kept' >/lab/kept
			as dropper1 "umask 022; cp /lab/kept $drop/.kept" || exit 2
			as dropper1 "ls $drop" && exit 3
			as dropper2 "rm -f $drop/.kept" && exit 4
			as stranger "touch $drop/x" && exit 5
			as reader "cat $drop/.kept" && exit 6
			as dropper1 "mv $drop/.kept $drop/kept" || exit 7
			soon has drop 1 && soon test ! -e $drop/kept && lines drop`,
		want: `.*\n1`,
	},
	{
		name: "a hung worker is started again",
		do: `mkdir -p /run/systemd/system/penstock.service.d
			printf '[Service]\nWatchdogSec=15\nRestartSec=1\n' >/run/systemd/system/penstock.service.d/lab.conf
			systemctl daemon-reload; systemctl restart penstock; soon systemctl is-active penstock
			hung=$(pid); [ "$hung" -gt 1 ] && kill -STOP "$hung" || exit 2
			soon '[ "$(pid)" != "$hung" ] && [ "$(pid)" != 0 ]' && soon is state working && systemctl show -P NRestarts penstock
			journalctl -u penstock --no-pager | grep -o 'Watchdog timeout' | head -n 1
			rm -r /run/systemd/system/penstock.service.d; systemctl daemon-reload; systemctl restart penstock`,
		want: "1\nWatchdog timeout",
	},
	{name: "and has counted nothing twice", do: `soon has auth 3 && lines auth; lines drop`, want: "3\n1"},
	{name: "nothing is wrong", do: `soon is state working; penstock doctor`, want: `nothing is wrong`},
}

// laterLife goes on when the machine is turned on again, to the last trace.
var laterLife = []step{
	{
		name: "after a boot it goes on where it was", do: `soon is state working && lines auth && lines drop
			echo "Jan  5 10:00:04 host sshd[7]: Failed password for root from 203.0.113.9 port 4711 ssh2" >>/var/log/auth.log; soon has auth 4 && lines auth`,
		want: "3\n1\n4",
	},
	{
		name: "upgrade", do: `field born >/lab/born; dpkg -i /lab/penstock_1.1.0_amd64.deb && soon is version 1.1.0 && is born "$(cat /lab/born)" && lines auth`,
		want: `.*Setting up penstock \(1\.1\.0\).*\n4`, not: `(?i)error|warning|hint`,
	},
	{
		name: "a downgrade is refused", do: `dpkg -i /lab/penstock_1.0.0_amd64.deb`, code: -1,
		want: `.*penstock: error: version 1\.1\.0 is installed, and 1\.0\.0 is older.*penstock: hint: .*`,
	},
	{
		name: "and leaves all as it was", do: `dpkg-query -W -f '${Status} ${Version}\n' penstock; systemctl is-active penstock; field version`,
		want: "install ok installed 1\\.1\\.0\nactive\n1\\.1\\.0",
	},
	{
		name: "who switched it off finds it so after an upgrade",
		do:   `systemctl --quiet disable --now penstock; dpkg -i /lab/penstock_1.1.0_amd64.deb >/dev/null; systemctl is-enabled penstock; systemctl is-active penstock`,
		code: 3, want: "disabled\ninactive",
	},
	{
		name: "remove", do: `systemctl --quiet enable --now penstock; soon systemctl is-active penstock; dpkg -r penstock
			find /proc -maxdepth 1 -user penstock; systemctl show -P LoadState penstock; listing >/lab/removed`,
		want: `.*Removing penstock \(1\.1\.0\).*not-found`, not: `(?i)error|/proc`,
	},
	{
		name: "install again", do: `dpkg -i /lab/penstock_1.1.0_amd64.deb && soon is born "$(cat /lab/born)" && systemctl is-enabled penstock && lines auth`,
		want: ".*\nenabled\n4",
	},
	{
		name: "purge", do: `dpkg -P penstock; listing >/lab/purged; getent passwd penstock; getent group penstock penstock-drop adm`,
		code: 2, want: `.*Purging configuration files for penstock.*adm:x:4:`, not: `(?i)error`,
	},
}

// pluginSettings are what is left of the agent's configuration after removal, under a
// name that the agent does not read.
const pluginSettings = "/etc/zabbix/zabbix_agent2.d/plugins.d/penstock.conf.removed"

// TestServiceOnABootedMachine installs the package on a bare Debian that systemd
// has booted, and looks at everything that a site relies on.
func TestServiceOnABootedMachine(t *testing.T) {
	folder := copyRoot(t)
	lab := filepath.Join(folder, "lab")
	if err := os.Mkdir(lab, 0o755); err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	for _, version := range []string{older, newer} {
		runLong(t, time.Minute, "cp", filepath.Join(packages(t), "penstock_"+version+"_amd64.deb"), lab)
	}
	for _, steps := range [][]step{life, laterLife} {
		results := bootAndDo(t, folder, steps)
		for i, r := range results {
			t.Run(steps[i].name, func(t *testing.T) { steps[i].check(t, r) })
		}
		if len(results) < len(steps) {
			return // there is nothing to build on
		}
	}

	before := listing(t, lab, "before")
	t.Run("removal leaves the state only", func(t *testing.T) {
		isState := func(path string) bool {
			return path == "/etc/penstock" || strings.HasPrefix(path, "/etc/penstock/") ||
				path == "/var/lib/penstock" || strings.HasPrefix(path, "/var/lib/penstock/") ||
				strings.HasPrefix(path, "/etc/zabbix") && strings.HasPrefix(pluginSettings+"/", path+"/") // and the folders around them
		}
		removed := listing(t, lab, "removed")
		if !slices.Contains(removed, "/var/lib/penstock/penstock.db") {
			t.Error("removal takes the state away")
		}
		if diff := cmp.Diff(before, slices.DeleteFunc(removed, isState)); diff != "" {
			t.Errorf("(-before +after)\n%s", diff)
		}
	})
	t.Run("purge leaves nothing", func(t *testing.T) {
		if diff := cmp.Diff(before, listing(t, lab, "purged")); diff != "" {
			t.Errorf("(-before +after)\n%s", diff)
		}
	})
}

// agentLife is what happens beside an agent 2 that was there before.
var agentLife = []step{
	{name: "the agent runs", do: `soon systemctl is-active zabbix-agent2 && systemctl show -P Restart zabbix-agent2; soon '[ "$(ask agent.ping)" = 1 ]'`, want: "on-abnormal"},
	{
		name: "install", do: `agentpid >/lab/agent; dpkg -i /lab/penstock_1.0.0_amd64.deb`,
		want: `.*Setting up penstock \(1\.0\.0\).*`, not: `(?i)error|warning|hint`,
	},
	{
		name: "the agent has read what came, and starts again whatever it ends with",
		do:   `[ "$(agentpid)" != "$(cat /lab/agent)" ] && systemctl show -P Restart zabbix-agent2 && systemctl show -P OOMPolicy zabbix-agent2`,
		want: "always\ncontinue",
	},
	{
		name: "a server is told what the worker says",
		do: `soon 'ask penstock.status | grep -q "\"state\":\"working\""' && ask penstock.status
			ask penstock.ping; ask penstock.version; ask penstock.worker; ask penstock.sources.discovery`,
		want: `\{.*"state":"working".*\}\n1\n1\.0\.0\nworking\n\[.*"journal".*"drop".*\]`,
	},
	{
		name: "so is who asks the agent by hand",
		do:   `agentpid >/lab/agentnow; as zabbix 'zabbix_agent2 -c /etc/zabbix/zabbix_agent2.conf -t penstock.status'`,
		want: `penstock\.status +\[s\|\{.*"state":"working".*\}\]`,
	},
	{name: "which does the running agent no harm", do: `soon '[ "$(ask penstock.ping)" = 1 ]'; [ "$(agentpid)" = "$(cat /lab/agentnow)" ]`},
	{
		name: "the agent comes up whenever it is started", // 6.0 dies when the registration process ends at the wrong moment
		do: `for n in 1 2 3 4 5 6 7 8; do systemctl restart zabbix-agent2; sleep 0.$n; soon '[ "$(ask penstock.ping)" = 1 ]'; done
			systemctl show -P NRestarts zabbix-agent2`,
		want: `0`,
	},
	{
		name: "a plugin that is killed costs seconds",
		do: `agentpid >/lab/agent; kill -KILL $(plugins) && soon '[ "$(agentpid)" != "$(cat /lab/agent)" ]' &&
			soon '[ "$(ask penstock.ping)" = 1 ]' && systemctl show -P NRestarts zabbix-agent2`,
		want: `1`,
	},
	{
		name: "a worker that is stopped is told", do: `systemctl stop penstock; soon '[ "$(ask penstock.worker)" != working ]'; ask penstock.worker; ask agent.ping
			systemctl start penstock; soon '[ "$(ask penstock.worker)" = working ]'; ask penstock.worker`,
		want: `missing.*\n1\nworking`,
	},
	{
		name: "upgrade", do: `dpkg -i /lab/penstock_1.1.0_amd64.deb && soon '[ "$(ask penstock.version)" = 1.1.0 ]' && ask agent.ping`,
		want: `.*Setting up penstock \(1\.1\.0\).*\n1`, not: `(?i)error|warning|hint`,
	},
	{
		name: "remove", do: `dpkg -r penstock && soon '[ "$(ask agent.ping)" = 1 ]' && ask penstock.ping | tr '\0' ' ' && echo && plugins
			systemctl show -P Restart zabbix-agent2`,
		want: `.*Removing penstock \(1\.1\.0\).*\nZBX_NOTSUPPORTED Unknown metric penstock\.ping\s+on-abnormal`, not: `(?i)error|hint`,
	},
}

// TestAgentOnABootedMachine installs the package beside Debian's agent 2 and lets a
// server's questions be answered through all that the agent does with the plugin.
func TestAgentOnABootedMachine(t *testing.T) {
	folder := copyOf(t, agentRoot(t))
	lab := filepath.Join(folder, "lab")
	if err := os.Mkdir(lab, 0o755); err != nil {
		t.Fatalf("make a folder: %v", err)
	}
	for _, version := range []string{older, newer} {
		runLong(t, time.Minute, "cp", filepath.Join(packages(t), "penstock_"+version+"_amd64.deb"), lab)
	}
	for i, r := range bootAndDo(t, folder, agentLife) {
		t.Run(agentLife[i].name, func(t *testing.T) { agentLife[i].check(t, r) })
	}
}

// listing reads the paths that a step has listed.
func listing(t *testing.T, lab, name string) []string {
	t.Helper()

	text, err := os.ReadFile(filepath.Join(lab, name))
	if err != nil {
		t.Fatalf("read the list: %v", err)
	}
	return strings.Fields(string(text))
}
