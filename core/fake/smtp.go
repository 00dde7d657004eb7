package fake

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// SMTPOptions say how a mail relay behaves.
type SMTPOptions struct {
	NoTLS  bool
	Logins []string // that are offered over TLS, nil is PLAIN and LOGIN
	// Instead gives commands, as they arrive and in capitals, another answer: the
	// longest beginning counts. "" ends the conversation, Hang never answers.
	// The greeting is CONNECT, the end of a text ".".
	Instead map[string]string
}

// Hang is an answer that never comes.
const Hang = "hang"

// The user and password that an SMTP relay knows.
const (
	SMTPUser     = "penstock"
	SMTPPassword = "correct horse"
)

// SMTP stands in for a mail relay: Exim 4.96, as recorded. It takes mail for
// anybody, and the log-in of SMTPUser.
//
//	relay := fake.NewSMTP(t, fake.SMTPOptions{Instead: map[string]string{"RCPT TO:<BOSS@": "550 no such person"}})
//	... relay.Address, relay.CAFile ...
//	mails := relay.Mails()
//
// It may be used by several goroutines at the same time, and stops with the test.
type SMTP struct {
	Address string // 127.0.0.1 with a port
	CAFile  string // with the certificate for 127.0.0.1 and localhost

	o    SMTPOptions
	tls  *tls.Config
	gone chan struct{}

	mu       sync.Mutex
	mails    []Mail
	commands []string
}

// Mail is one mail that was taken.
type Mail struct {
	From string
	To   []string
	Text string // as it came, without the stuffing of dots
	TLS  bool
	User string // who logged in
}

// NewSMTP starts a relay.
func NewSMTP(t testing.TB, o SMTPOptions) *SMTP {
	t.Helper()
	s := &SMTP{o: o, gone: make(chan struct{})}
	if o.Logins == nil {
		s.o.Logins = []string{"PLAIN", "LOGIN"}
	}
	s.CAFile, s.tls = smtpCertificate(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen for mail: %v", err)
	}
	s.Address = listener.Addr().String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		close(s.gone)
		_ = listener.Close()
		all.Wait()
	})
	return s
}

// Mails returns what was taken.
func (s *SMTP) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Commands returns the lines of all conversations outside the texts of mails.
func (s *SMTP) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.commands...)
}

// smtpTalk is one conversation.
type smtpTalk struct {
	*SMTP
	conn  net.Conn
	in    *bufio.Reader
	isTLS bool
	user  string
	mail  Mail
}

func (s *SMTP) serve(conn net.Conn) {
	c := &smtpTalk{SMTP: s, conn: conn, in: bufio.NewReader(conn)}
	done := make(chan struct{})
	defer close(done)
	go func() { // a test that ends leaves nobody waiting
		select {
		case <-s.gone:
		case <-done:
		}
		_ = conn.Close()
	}()
	if !c.say("CONNECT", "220 localhost ESMTP Exim 4.96 Thu, 26 Nov 2026 10:42:39 +0000") {
		return
	}
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		s.commands = append(s.commands, line)
		s.mu.Unlock()
		if !c.obey(line) {
			return
		}
	}
}

// say answers a command, unless another answer is wanted, and returns whether the
// conversation goes on.
func (c *smtpTalk) say(command, answer string) bool {
	command = strings.ToUpper(command)
	longest := -1
	for start, instead := range c.o.Instead {
		if strings.HasPrefix(command, start) && len(start) > longest {
			longest, answer = len(start), instead
		}
	}
	switch answer {
	case Hang:
		<-c.gone
		return false
	case "":
		return false
	}
	_, err := fmt.Fprintf(c.conn, "%s\r\n", strings.ReplaceAll(answer, "\n", "\r\n"))
	return err == nil && !strings.HasPrefix(answer, "421")
}

func (c *smtpTalk) obey(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		return c.say(line, c.hello(rest))
	case "STARTTLS":
		return c.encrypt(line)
	case "AUTH":
		return c.login(line, rest)
	case "MAIL":
		c.mail = Mail{From: smtpAddress(rest), TLS: c.isTLS, User: c.user}
		return c.say(line, "250 OK")
	case "RCPT":
		c.mail.To = append(c.mail.To, smtpAddress(rest))
		return c.say(line, "250 Accepted")
	case "DATA":
		return c.say(line, `354 Enter message, ending with "." on a line by itself`) && c.text()
	case "QUIT":
		c.say(line, "221 localhost closing connection")
		return false
	case "RSET", "NOOP":
		return c.say(line, "250 Reset OK")
	}
	return c.say(line, "500 unrecognized command")
}

func smtpAddress(rest string) string {
	_, rest, _ = strings.Cut(rest, "<")
	rest, _, _ = strings.Cut(rest, ">")
	return rest
}

func (c *smtpTalk) hello(name string) string {
	lines := []string{"localhost Hello " + name + " [127.0.0.1]", "SIZE 52428800", "8BITMIME", "PIPELINING", "PIPECONNECT"}
	if c.isTLS && len(c.o.Logins) > 0 {
		lines = append(lines, "AUTH "+strings.Join(c.o.Logins, " "))
	}
	lines = append(lines, "CHUNKING")
	if !c.isTLS && !c.o.NoTLS {
		lines = append(lines, "STARTTLS")
	}
	lines = append(lines, "SMTPUTF8")
	return "250-" + strings.Join(lines, "\n250-") + "\n250 HELP"
}

func (c *smtpTalk) encrypt(line string) bool {
	if c.o.NoTLS {
		return c.say(line, "503 STARTTLS command used when not advertised")
	}
	if !c.say(line, "220 TLS go ahead") {
		return false
	}
	conn := tls.Server(c.conn, c.tls)
	if err := conn.Handshake(); err != nil {
		return false
	}
	c.conn, c.in, c.isTLS = conn, bufio.NewReader(conn), true
	return true
}

func (c *smtpTalk) login(line, rest string) bool {
	how, first, _ := strings.Cut(rest, " ")
	got := ""
	switch how {
	case "PLAIN":
		got = smtpDecode(first)
	case "LOGIN":
		for _, question := range []string{"Username:", "Password:"} {
			if !c.say(line, "334 "+base64.StdEncoding.EncodeToString([]byte(question))) {
				return false
			}
			answer, err := c.in.ReadString('\n')
			if err != nil {
				return false
			}
			got += "\x00" + smtpDecode(answer)
		}
	}
	if !c.isTLS || got != "\x00"+SMTPUser+"\x00"+SMTPPassword {
		return c.say(line, "535 Incorrect authentication data")
	}
	c.user = SMTPUser
	return c.say(line, "235 Authentication succeeded")
}

func smtpDecode(text string) string {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return "not base64"
	}
	return string(data)
}

// text takes the text of a mail up to the line with the dot.
func (c *smtpTalk) text() bool {
	var b strings.Builder
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	c.mail.Text = b.String()
	c.mu.Lock()
	c.mails = append(c.mails, c.mail)
	c.mu.Unlock()
	return c.say(".", "250 OK id=1xWWw4-0004NN-2z")
}

// smtpCertificate makes one that is its own authority, for this machine.
func smtpCertificate(t testing.TB) (file string, config *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatalf("make a certificate: %v", err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatalf("write the certificate: %v", err)
	}
	return file, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}
