//go:build live

package notify

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"penstock/core/e2e/lab"
	"penstock/core/fake"
)

// exim is a real relay: one port wants TLS and a log-in, the other neither.
type exim struct {
	folder          string
	closed, open    string // addresses
	caFile, mailDir string
}

const eximConfig = `primary_hostname = localhost
local_interfaces = 127.0.0.1
daemon_smtp_ports = CLOSED : OPEN
spool_directory = FOLDER/spool
log_file_path = FOLDER/spool/%slog
pid_file_path = FOLDER/spool/pid
tls_advertise_hosts = ${if eq{$received_port}{CLOSED}{*}{}}
tls_certificate = FOLDER/cert.pem
tls_privatekey = FOLDER/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
acl_smtp_rcpt = rcpt
acl_smtp_data = data
keep_environment =
begin acl
rcpt:
  deny message = TLS and a login are wanted here
       condition = ${if eq{$received_port}{CLOSED}}
       !authenticated = *
  accept local_parts = duty : boss
  deny message = no such person
data:
  accept
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  directory = FOLDER/mail
  user = Debian-exim
  create_directory = false
begin authenticators
plain:
  driver = plaintext
  public_name = HOW
  server_prompts = PROMPTS
  server_condition = ${if and{{eq{$authUSER}{penstock}}{eq{$authPASS}{correct horse}}}}
  server_set_id = $authUSER
`

// startExim installs Exim where it is missing and starts one with that log-in.
func startExim(t *testing.T, how string) *exim {
	t.Helper()
	for program, name := range map[string]string{"exim4": "exim4-daemon-light", "openssl": "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			lab.Install(t, name)
		}
	}
	folder, err := os.MkdirTemp("", "penstock-exim-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	x := &exim{folder: folder, closed: freeAddress(t), open: freeAddress(t), caFile: filepath.Join(folder, "cert.pem"), mailDir: filepath.Join(folder, "mail")}
	run(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", filepath.Join(folder, "key.pem"), "-out", x.caFile,
		"-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
	who, err := user.Lookup("Debian-exim")
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.Atoi(who.Uid)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"spool", "mail"} {
		if err := os.Mkdir(filepath.Join(folder, path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"", "spool", "mail", "key.pem", "cert.pem"} {
		if err := os.Chown(filepath.Join(folder, path), id, -1); err != nil {
			t.Fatal(err)
		}
	}
	words := []string{"FOLDER", folder, "CLOSED", port(x.closed), "OPEN", port(x.open), "HOW", how}
	if how == "PLAIN" {
		words = append(words, "PROMPTS", ":", "USER", "2", "PASS", "3")
	} else {
		words = append(words, "PROMPTS", "Username:: : Password::", "USER", "1", "PASS", "2")
	}
	config := filepath.Join(folder, "exim.conf")
	if err := os.WriteFile(config, []byte(strings.NewReplacer(words...).Replace(eximConfig)), 0o644); err != nil { // Exim reads it as its own user
		t.Fatal(err)
	}
	cmd := exec.Command("exim4", "-C", config, "-bdf")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start exim: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for range 2400 {
		if conn, err := net.Dial("tcp", x.open); err == nil {
			_ = conn.Close()
			return x
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("exim does not listen")
	return nil
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, text)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// delivered waits for so many mails and returns their texts.
func (x *exim) delivered(t *testing.T, want int) []string {
	t.Helper()
	var texts []string
	for range 2400 {
		paths, err := filepath.Glob(filepath.Join(x.mailDir, "q*"))
		if err != nil {
			t.Fatal(err)
		}
		texts = nil
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		if len(texts) >= want {
			return texts
		}
		time.Sleep(50 * time.Millisecond)
	}
	log, _ := os.ReadFile(filepath.Join(x.folder, "spool", "mainlog"))
	t.Fatalf("%d mails were delivered, want %d\n%s", len(texts), want, log)
	return nil
}

func TestEximTakesMailLive(t *testing.T) {
	for _, how := range []string{"PLAIN", "LOGIN"} {
		t.Run(how, func(t *testing.T) {
			x := startExim(t, how)
			o := DefaultOptions()
			o.Mail = MailOptions{Relay: x.closed, From: "penstock@localhost", To: []string{"duty@localhost"}, CAFile: x.caFile}

			err := newOf(t, o).Send(t.Context(), oneMessage())
			if err == nil || !strings.HasSuffix(err.Error(), "duty@localhost is refused: 550 TLS and a login are wanted here") {
				t.Errorf("without a log-in: %v", err)
			}
			o.Mail.User, o.Mail.PasswordFile = "penstock", secretFile(t, "wrong")
			if err := newOf(t, o).Send(t.Context(), oneMessage()); err == nil || !strings.HasSuffix(err.Error(), "log in as penstock: 535 refused") {
				t.Errorf("with a wrong password: %v", err)
			}
			o.Mail.PasswordFile = secretFile(t, fake.SMTPPassword)
			o.Mail.CAFile = ""
			if err := newOf(t, o).Send(t.Context(), oneMessage()); err == nil || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
				t.Errorf("with an unknown certificate: %v", err)
			}
			o.Mail.CAFile = x.caFile
			if err := newOf(t, o).Send(t.Context(), oneMessage()); err != nil {
				t.Fatalf("with a log-in: %v", err)
			}
			texts := x.delivered(t, 1)
			if len(texts) != 1 || !strings.Contains(texts[0], "esmtpsa") {
				t.Errorf("delivered: %q", texts)
			}
		})
	}
}

func TestEximTakesHostileTextLive(t *testing.T) {
	x := startExim(t, "PLAIN")
	o := DefaultOptions()
	o.Mail = MailOptions{Relay: x.open, From: "penstock@localhost", To: []string{"duty@localhost", "nobody@localhost"}, StartTLS: Off}
	n := newOf(t, o)
	for name, text := range hostile() {
		err := n.Send(t.Context(), Message{ID: name, Case: text, Site: text, Host: text, Headline: text, Lines: []string{text, "\n.\n"}, At: time.Now()})
		var e *Error
		if !errors.As(err, &e) || !e.Told || !strings.HasSuffix(err.Error(), "nobody@localhost is refused: 550 no such person") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range x.delivered(t, len(hostile())) {
		_, own, found := strings.Cut(text, "Date: ") // Exim puts Received in front
		if !found {
			t.Fatalf("no date in\n%s", text)
		}
		wantHarmless(t, "Date: "+strings.ReplaceAll(strings.ReplaceAll(own, "\r\n", "\n"), "\n", "\r\n"))
	}
}
