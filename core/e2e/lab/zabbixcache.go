package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
)

//go:embed zabbix.sh
var script string

// firstState names the folder of a database as the lab makes it. Another number
// where that changes.
const firstState = "first-2"

// zabbixPrograms returns a folder with Debian's packages of that version, unpacked,
// and the database's first state. The first test on a machine makes it, and every
// other waits for that one.
func zabbixPrograms(version string) (folder string, err error) {
	if os.Getuid() != 0 {
		return "", errors.New("a real Zabbix needs root: its programs run as their own users")
	}
	// Users zabbix and postgres must get there: root's home is closed to them.
	cache := os.Getenv("PENSTOCK_CACHE")
	if cache == "" {
		cache = "/var/cache/penstock"
	}
	folder = filepath.Join(cache, "zabbix-"+version)
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // programs for the users they run as
		return "", err
	}
	if err := reachable(folder); err != nil {
		return "", err
	}
	// The packages that are installed are the machine's: one lock for all versions.
	unlock, err := lock(filepath.Join(cache, "zabbix.lock"))
	if err != nil {
		return "", fmt.Errorf("wait for another's Zabbix: %w", err)
	}
	defer unlock()
	if err := zabbixNeeds(); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(folder, "root")); err != nil {
		half := filepath.Join(folder, "half")
		if err := Again(func() error { return errors.Join(os.RemoveAll(half), runScript("unpack", version, half)) }); err != nil {
			return "", err
		}
		if err := os.Rename(half, filepath.Join(folder, "root")); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(folder, firstState)); err != nil {
		if err := makeFirstState(version, folder); err != nil {
			return "", fmt.Errorf("make the first database of Zabbix %s: %w", version, err)
		}
	}
	return folder, nil
}

// libraries are what the programs of Zabbix need, and the programs beside them.
const libraries = `curl procps postgresql fonts-dejavu-core fping
	php-cli php-pgsql php-gd php-bcmath php-mbstring php-xml php-ldap php-curl
	libsnmp40 libopenipmi0 libodbc2 libmodbus5 libssh2-1 libcurl3-gnutls libxml2 libpcre2-8-0 libsqlite3-0
	libevent-2.1-7 libevent-core-2.1-7 libevent-extra-2.1-7 libevent-pthreads-2.1-7`

// zabbixNeeds installs what is missing of them, and adds user zabbix.
func zabbixNeeds() error {
	var missing []string
	for name := range strings.FieldsSeq(libraries) {
		text, err := exec.Command("dpkg-query", "-W", "-f", "${db:Status-Status}", name).Output() //nolint:gosec // a name of the list
		if err != nil || string(text) != "installed" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		if err := install(missing...); err != nil {
			return err
		}
	}
	if _, err := user.Lookup("zabbix"); err == nil {
		return nil
	}
	return say(exec.Command("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "zabbix"))
}

// reachable reports a folder on the way that is closed to others.
func reachable(folder string) error {
	for path := folder; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Mode()&0o001 == 0 {
			return fmt.Errorf("users zabbix and postgres do not get through %s: set PENSTOCK_CACHE and TMPDIR to folders open to them", path)
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}

// runScript runs a part of zabbix.sh.
func runScript(args ...string) error {
	return say(exec.Command("bash", append([]string{"-c", script, "zabbix.sh"}, args...)...)) //nolint:gosec // our script
}

// say runs a program and puts what it says into the error.
func say(cmd *exec.Cmd) error {
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w\n%s", cmd.Path, err, text[max(0, len(text)-4000):])
	}
	return nil
}

// makeFirstState makes a database with what every test needs: a token of Admin and
// two proxies. Zabbix's host of itself, which only asks an agent that is not there,
// is switched off.
func makeFirstState(version, folder string) (err error) {
	s, err := newZabbix(version, folder, settings{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.reaper.finish()) }()

	data := filepath.Join(s.Folder, "pg")
	if err := ownFolder(data, "postgres", 0o700); err != nil {
		return err
	}
	who, err := credential("postgres")
	if err != nil {
		return err
	}
	asPostgres := func(name string, args ...string) error {
		cmd := exec.Command(s.postgres(name), append([]string{"-D", data}, args...)...) //nolint:gosec // PostgreSQL's
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		return say(cmd)
	}
	if err := asPostgres("initdb", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "--wal-segsize=4"); err != nil {
		return err
	}
	if err := s.startDatabase(); err != nil {
		return err
	}
	const create = `psql -q -h "$1" -U postgres -c "create role zabbix login" -c "create database zabbix owner zabbix" &&
cd "$2" && zcat schema.sql.gz images.sql.gz data.sql.gz | psql -q -v ON_ERROR_STOP=1 -h "$1" -U zabbix zabbix >/dev/null &&
psql -q -h "$1" -U postgres zabbix -c "vacuum analyze" -c checkpoint`
	if err := say(exec.Command("bash", "-o", "pipefail", "-c", create, "create", //nolint:gosec // the text above
		s.database(), s.program("zabbix-server-pgsql/usr/share/zabbix-server-pgsql"))); err != nil {
		return err
	}
	if err := s.startFrontend(); err != nil {
		return err
	}
	token, err := s.furnish()
	if err != nil {
		return err
	}
	if err := s.db.end(syscall.SIGINT); err != nil { // PostgreSQL's fast way to stop in order
		return err
	}
	// Its log of the import is twice as large as the data, and every test would copy it.
	if err := asPostgres("pg_resetwal"); err != nil {
		return err
	}
	half := filepath.Join(folder, "half-"+firstState)
	if err := errors.Join(os.RemoveAll(half), os.Mkdir(half, 0o755)); err != nil { //nolint:gosec // the data's own folder is closed
		return err
	}
	if err := say(exec.Command("cp", "-a", data, half)); err != nil { //nolint:gosec // two paths
		return err
	}
	if err := os.WriteFile(filepath.Join(half, "token"), []byte(token), 0o600); err != nil {
		return err
	}
	return os.Rename(half, filepath.Join(folder, firstState))
}

// furnish puts the first objects into an empty Zabbix and returns Admin's token.
func (s *ZabbixServer) furnish() (token string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	var session string
	login := map[string]string{"username": "Admin", "password": "zabbix"}
	if !within(startTime, func() bool { err = s.call(ctx, "", "user.login", login, &session); return err == nil }) {
		return "", err
	}
	var made struct{ TokenIDs []string }
	if err := s.call(ctx, session, "token.create", map[string]string{"name": "lab", "userid": "1"}, &made); err != nil {
		return "", err
	}
	var tokens []struct{ Token string }
	if err := s.call(ctx, session, "token.generate", made.TokenIDs, &tokens); err != nil {
		return "", err
	}
	for _, name := range []string{firstProxy, secondProxy} {
		proxy := map[string]any{"host": name, "status": 5}
		if s.atLeast70() {
			proxy = map[string]any{"name": name, "operating_mode": 0}
		}
		if err := s.call(ctx, session, "proxy.create", proxy, nil); err != nil {
			return "", err
		}
	}
	var hosts []struct{ HostID string }
	if err := s.call(ctx, session, "host.get", map[string]any{"output": []string{"hostid"}}, &hosts); err != nil {
		return "", err
	}
	for _, h := range hosts {
		if err := s.call(ctx, session, "host.update", map[string]any{"hostid": h.HostID, "status": 1}, nil); err != nil {
			return "", err
		}
	}
	if len(tokens) != 1 || strings.TrimSpace(tokens[0].Token) == "" {
		return "", errors.New("token.generate gave no token")
	}
	return tokens[0].Token, s.call(ctx, session, "user.logout", []string{}, nil)
}
