package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// startTime is the longest that a program of Zabbix may take to answer on a machine
// that has much else to do.
const startTime = 3 * time.Minute

// ZabbixServer is a real Zabbix on this machine alone: server, PostgreSQL, frontend
// and a proxy. Nothing of it is left when it is stopped, or when this process ends,
// however that comes about.
type ZabbixServer struct {
	Version      string // 6.0 or 7.0
	Frontend     string // http://127.0.0.1:PORT/
	URL          string // of the API: ends with api_jsonrpc.php
	Token        string // of Admin; the password of Admin is zabbix
	Trapper      string // address of the server's trapper port
	ProxyTrapper string // of Proxy's
	Folder       string // everyone can read it; UserFolder makes folders in it
	ExportDir    string // where the option Export has the server write; else ""
	Proxy        *Proxy

	programs string
	settings settings
	reaper   *reaper
	server   process
	db       process
	web      process

	mu     sync.Mutex
	agents int
	proxy2 *Proxy
}

// settings are what the options of Zabbix change.
type settings struct {
	own    bool
	server []string
	proxy  []string
	export string
	files  map[string][]byte
}

// Option is a way in which a test's Zabbix differs from the one that the tests of a
// binary share. A server with an option is the test's own, and ends with it.
type Option func(*settings)

// Own asks for a server that no other test uses: to stop it, or to change what is
// global.
func Own() Option { return func(s *settings) { s.own = true } }

// ServerLines adds lines to the server's configuration, such as CacheSize=64M. A line
// takes the place of one of that name; $FOLDER in it is the server's Folder.
func ServerLines(lines ...string) Option {
	return func(s *settings) { s.own, s.server = true, append(s.server, lines...) }
}

// ProxyLines does so for both proxies.
func ProxyLines(lines ...string) Option {
	return func(s *settings) { s.own, s.proxy = true, append(s.proxy, lines...) }
}

// Files puts files into Folder before anything starts, for instance certificates.
func Files(files map[string][]byte) Option {
	return func(s *settings) { s.own, s.files = true, files }
}

// Export has the server write real-time export files; types are events, history and
// trends, with commas.
func Export(types string) Option {
	return func(s *settings) { s.own, s.export = true, types }
}

// shared is what the tests of this binary have in common.
var shared struct {
	servers sync.Map     // of *once, by version
	ports   atomic.Int64 // that were given out
	names   atomic.Int64 // likewise, of hosts
}

// once starts a shared server, and keeps the reason where that went wrong.
type once struct {
	sync.Once
	server *ZabbixServer
	err    error
}

// Zabbix returns a server of that version, 6.0 or 7.0, that works. Without options
// it is one for all tests of this binary: they use names of their own and change
// nothing that is global. The first on a machine downloads and installs what is
// missing, and needs root.
func Zabbix(t testing.TB, version string, options ...Option) *ZabbixServer {
	t.Helper()

	var with settings
	for _, o := range options {
		o(&with)
	}
	if with.own {
		s, err := startZabbix(version, with)
		if err != nil {
			t.Fatalf("start Zabbix %s: %v", version, err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the end of the server's log:\n%s", tail(s.Log("server")))
			}
			if err := s.reaper.finish(); err != nil {
				t.Errorf("remove Zabbix %s: %v", version, err)
			}
		})
		return s
	}
	entry, _ := shared.servers.LoadOrStore(version, new(once))
	one := entry.(*once)
	one.Do(func() { one.server, one.err = startZabbix(version, with) })
	if one.err != nil {
		t.Fatalf("start Zabbix %s: %v", version, one.err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", tail(one.server.Log("server")))
		}
	})
	return one.server
}

// startZabbix starts a server with its proxy.
func startZabbix(version string, with settings) (*ZabbixServer, error) {
	programs, err := zabbixPrograms(version)
	if err != nil {
		return nil, err
	}
	s, err := newZabbix(version, programs, with)
	if err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.reaper.finish())
	}
	return s, nil
}

// start starts everything, with the database's first state.
func (s *ZabbixServer) start() error {
	first := filepath.Join(s.programs, firstState)
	if err := say(exec.Command("cp", "-a", "--reflink=auto", filepath.Join(first, "pg"), s.Folder)); err != nil { //nolint:gosec // two paths
		return err
	}
	token, err := os.ReadFile(filepath.Join(first, "token"))
	if err != nil {
		return err
	}
	s.Token = string(token)
	if err := s.startDatabase(); err != nil {
		return err
	}
	if err := s.startFrontend(); err != nil {
		return err
	}
	if err := s.startServer(); err != nil {
		return err
	}
	if err := s.Proxy.start(); err != nil {
		return err
	}
	var answer []any
	if !within(startTime, func() bool {
		err = s.call(context.Background(), s.Token, "host.get", map[string]any{"limit": 1}, &answer)
		return err == nil
	}) {
		return err
	}
	return nil
}

// newZabbix makes the folder of a server, its configuration and its reaper; it
// starts nothing else.
func newZabbix(version, programs string, with settings) (*ZabbixServer, error) {
	folder, err := os.MkdirTemp("", "penstock-zabbix-")
	if err != nil {
		return nil, err
	}
	s := &ZabbixServer{Version: version, Folder: folder, programs: programs, settings: with}
	if s.reaper, err = newReaper(folder); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if err := s.configure(); err != nil {
		return nil, errors.Join(err, s.reaper.finish())
	}
	return s, nil
}

// configure writes what the programs need to know.
func (s *ZabbixServer) configure() error {
	if err := os.Chmod(s.Folder, 0o755); err != nil { //nolint:gosec // three users work in it
		return err
	}
	if err := reachable(s.Folder); err != nil {
		return err
	}
	for _, name := range []string{"server", "external", "alert", "export", "frontend"} {
		if err := ownFolder(filepath.Join(s.Folder, name), "zabbix", 0o755); err != nil {
			return err
		}
	}
	if err := ownFolder(s.database(), "postgres", 0o755); err != nil {
		return err
	}
	trapper, err := freePort()
	if err != nil {
		return err
	}
	web, err := freePort()
	if err != nil {
		return err
	}
	s.Trapper = fmt.Sprintf("127.0.0.1:%d", trapper)
	s.Frontend = fmt.Sprintf("http://127.0.0.1:%d/", web)
	s.URL = s.Frontend + "api_jsonrpc.php"
	if s.settings.export != "" {
		s.ExportDir = filepath.Join(s.Folder, "export")
	}
	if s.Proxy, err = s.newProxy(firstProxy); err != nil {
		return err
	}
	s.ProxyTrapper = s.Proxy.Address
	s.server = s.process("server", "zabbix", s.program("zabbix-server-pgsql/usr/sbin/zabbix_server"), "-f", "-c", s.path("server.conf"))
	s.db = s.process("postgres", "postgres", s.postgres("postgres"), "-D", s.path("pg"), "-k", s.database(),
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "shared_buffers=64MB", "-c", "min_wal_size=8MB", "-c", "max_wal_size=64MB", "-c", "dynamic_shared_memory_type=mmap")
	s.web = s.process("frontend", "zabbix", "/usr/bin/php", "-c", s.path("php.ini"), "-S", fmt.Sprintf("127.0.0.1:%d", web),
		"-t", s.program("zabbix-frontend-php/usr/share/zabbix"))
	s.web.env = []string{"PHP_CLI_SERVER_WORKERS=4", "PHP_INI_SCAN_DIR=:"}
	files := map[string]string{
		"server.conf": s.serverConf(trapper), "php.ini": s.phpIni(), "prepend.php": s.prepend(), "zabbix.conf.php": s.frontendConf(trapper),
	}
	for name, text := range s.settings.files {
		files[name] = string(text)
	}
	for name, text := range files {
		if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil { //nolint:gosec // for user zabbix
			return err
		}
	}
	return nil
}

// process returns a program that is not started yet.
func (s *ZabbixServer) process(name, user, path string, args ...string) process {
	return process{name: name, user: user, path: path, args: args, reaper: s.reaper, out: s.path(name + ".log")}
}

func (s *ZabbixServer) path(name string) string    { return filepath.Join(s.Folder, name) }
func (s *ZabbixServer) program(name string) string { return filepath.Join(s.programs, "root", name) }
func (s *ZabbixServer) database() string           { return s.path("db") } // folder of PostgreSQL's socket
func (s *ZabbixServer) atLeast70() bool            { return s.Version != "6.0" }

// postgres returns the path of one of the newest PostgreSQL's programs.
func (s *ZabbixServer) postgres(name string) string {
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(all) == 0 {
		return "/usr/lib/postgresql/bin/" + name
	}
	return slices.Max(all)
}

func (s *ZabbixServer) startDatabase() error {
	if err := s.db.start(); err != nil {
		return err
	}
	if !within(startTime, func() bool {
		return exec.Command(s.postgres("pg_isready"), "-q", "-h", s.database()).Run() == nil || !s.db.running() //nolint:gosec // PostgreSQL's
	}) || !s.db.running() {
		return fmt.Errorf("PostgreSQL does not answer: %s", tail(s.Log("postgres")))
	}
	return nil
}

func (s *ZabbixServer) startFrontend() error {
	if err := s.web.start(); err != nil {
		return err
	}
	address := strings.TrimSuffix(strings.TrimPrefix(s.Frontend, "http://"), "/")
	if !within(startTime, func() bool { return listens(address) }) {
		return fmt.Errorf("php does not answer: %s", tail(s.Log("frontend")))
	}
	return nil
}

func (s *ZabbixServer) startServer() error {
	if err := s.server.start(); err != nil {
		return err
	}
	if !within(startTime, func() bool { return listens(s.Trapper) || !s.server.running() }) || !s.server.running() {
		return fmt.Errorf("the server does not answer: %s", tail(s.Log("server")))
	}
	return nil
}

// StopServer stops the server in order: what it took is in the database afterwards.
// The frontend goes on.
func (s *ZabbixServer) StopServer(t testing.TB) {
	t.Helper()

	if err := s.server.end(syscall.SIGTERM); err != nil {
		t.Fatalf("stop the server: %v", err)
	}
}

// KillServer ends the server at once.
func (s *ZabbixServer) KillServer(t testing.TB) {
	t.Helper()

	if err := s.server.end(syscall.SIGKILL); err != nil {
		t.Fatalf("kill the server: %v", err)
	}
}

// StartServer starts the server again, at the same address and with the same data.
func (s *ZabbixServer) StartServer(t testing.TB) {
	t.Helper()

	if err := s.startServer(); err != nil {
		t.Fatalf("start the server: %v", err)
	}
}

// StopFrontend ends the frontend, and with it the API.
func (s *ZabbixServer) StopFrontend(t testing.TB) {
	t.Helper()

	if err := s.web.end(syscall.SIGKILL); err != nil {
		t.Fatalf("stop the frontend: %v", err)
	}
}

// StartFrontend starts it again.
func (s *ZabbixServer) StartFrontend(t testing.TB) {
	t.Helper()

	if err := s.startFrontend(); err != nil {
		t.Fatalf("start the frontend: %v", err)
	}
}

// SQL runs a statement as the database's owner and returns the rows, with | between
// columns, without headings.
func (s *ZabbixServer) SQL(t testing.TB, statement string) string {
	t.Helper()

	text, err := exec.Command("psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", s.database(), "-U", "zabbix", "-c", statement, "zabbix").CombinedOutput() //nolint:gosec // of a test
	if err != nil {
		t.Fatalf("ask the database: %v: %s", err, text)
	}
	return strings.TrimSuffix(string(text), "\n")
}

// Log returns what a program has said so far: server, proxy, proxy2, frontend or
// postgres.
func (s *ZabbixServer) Log(name string) string {
	text, _ := os.ReadFile(s.path(name + ".log"))
	return string(text)
}

// UserFolder makes a folder of user zabbix below Folder, and returns its path.
func (s *ZabbixServer) UserFolder(t testing.TB) string {
	t.Helper()

	folder, err := os.MkdirTemp(s.Folder, "own-")
	if err == nil {
		err = errors.Join(ownFolder(folder, "zabbix", 0o755), os.Chmod(folder, 0o755)) //nolint:gosec // tests look into it
	}
	if err != nil {
		t.Fatalf("make a folder of user zabbix: %v", err)
	}
	return folder
}

// Program copies a program to where user zabbix can run it, and returns its path.
func (s *ZabbixServer) Program(t testing.TB, path string) string {
	t.Helper()

	to := filepath.Join(s.UserFolder(t), filepath.Base(path))
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(to, text, 0o755) //nolint:gosec // a program
	}
	if err != nil {
		t.Fatalf("copy the program: %v", err)
	}
	return to
}

// tail returns the end of a log.
func tail(text string) string { return text[max(0, len(text)-4000):] }
