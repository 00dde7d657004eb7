package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/fake"
)

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func oneMessage() Message {
	return Message{
		ID: "valley-w1-7/critical", Severity: event.Critical, Case: "valley-w1-7", Site: "valley", Host: "plc3",
		Headline: "Set point of pump 2 changed by an unknown peer", At: time.Date(2026, 3, 1, 12, 0, 0, 7, time.UTC),
		Lines: []string{"Nobody has acknowledged this for 15 minutes.", "Überprüfe die Steuerung."},
	}
}

// toRelay returns options that send by the relay.
func toRelay(relay *fake.SMTP) Options {
	o := DefaultOptions()
	o.Mail = MailOptions{Relay: relay.Address, From: "penstock@example.org", To: []string{"duty@example.org", "boss@example.org"}, CAFile: relay.CAFile}
	return o
}

func secretFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newOf makes a notifier of options that have to be right.
func newOf(t testing.TB, o Options) *Notifier {
	t.Helper()
	o.Check(func(path, text string) { t.Fatalf("%s %s", path, text) })
	n, err := New(o, silent())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMailArrives(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		relay  fake.SMTPOptions
		change func(*testing.T, *Options)
		tls    bool
		user   string
	}{
		{"+ encrypted", fake.SMTPOptions{}, nil, true, ""},
		{"+ with PLAIN", fake.SMTPOptions{}, withLogin, true, fake.SMTPUser},
		{"+ with LOGIN", fake.SMTPOptions{Logins: []string{"XOAUTH2", "LOGIN"}}, withLogin, true, fake.SMTPUser},
		{"+ opportunistic, offered, unknown certificate", fake.SMTPOptions{}, with(Opportunistic), true, ""},
		{"+ opportunistic, not offered", fake.SMTPOptions{NoTLS: true}, with(Opportunistic), false, ""},
		{"+ off", fake.SMTPOptions{}, with(Off), false, ""},
		{"+ taken, then cut off", fake.SMTPOptions{Instead: map[string]string{"QUIT": ""}}, nil, true, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			relay := fake.NewSMTP(t, tt.relay)
			o := toRelay(relay)
			if tt.change != nil {
				tt.change(t, &o)
			}
			if err := newOf(t, o).Send(t.Context(), oneMessage()); err != nil {
				t.Fatal(err)
			}
			mails := relay.Mails()
			if len(mails) != 1 {
				t.Fatalf("%d mails, want 1", len(mails))
			}
			want := fake.Mail{From: o.Mail.From, To: o.Mail.To, TLS: tt.tls, User: tt.user, Text: mails[0].Text}
			if diff := cmp.Diff(want, mails[0]); diff != "" {
				t.Errorf("mail (-want +got)\n%s", diff)
			}
			wantMail(t, mails[0].Text, "[Critical] plc3: Set point of pump 2 changed by an unknown peer (valley)",
				"[Critical] Set point of pump 2 changed by an unknown peer\n\nNobody has acknowledged this for 15 minutes.\n\nÜberprüfe die Steuerung.\n\n"+
					"valley · plc3 · valley-w1-7 · 2026-03-01T12:00:00Z\n\n")
		})
	}
}

func withLogin(t *testing.T, o *Options) {
	t.Helper()
	o.Mail.User, o.Mail.PasswordFile = fake.SMTPUser, secretFile(t, fake.SMTPPassword+"\n")
}

func with(s StartTLS) func(*testing.T, *Options) {
	return func(_ *testing.T, o *Options) { o.Mail.StartTLS, o.Mail.CAFile = s, "" }
}

// wantMail reads a mail as a program of a reader does.
func wantMail(t testing.TB, text, subject, body string) *mail.Message {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatalf("read the mail: %v\n%s", err, text)
	}
	got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(subject, got); diff != "" {
		t.Errorf("subject (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(body, strings.ReplaceAll(string(data), "\r\n", "\n")); diff != "" {
		t.Errorf("body (-want +got)\n%s", diff)
	}
	return m
}

func TestMailFails(t *testing.T) {
	t.Parallel()
	answer := func(command, instead string) fake.SMTPOptions {
		return fake.SMTPOptions{Instead: map[string]string{command: instead}}
	}
	tests := []struct {
		name   string
		relay  fake.SMTPOptions
		change func(*testing.T, *Options)
		told   bool
		want   string
	}{
		{"- no encryption", fake.SMTPOptions{NoTLS: true}, nil, false, "it offers no STARTTLS: without encryption nothing is sent, unless notify.mail.starttls is off"},
		{"- unknown certificate", fake.SMTPOptions{}, func(_ *testing.T, o *Options) { o.Mail.CAFile = "" }, false, "encrypt: tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"- wrong password", fake.SMTPOptions{}, func(t *testing.T, o *Options) { withLogin(t, o); o.Mail.PasswordFile = secretFile(t, "wrong") }, false, "log in as penstock: 535 refused"},
		{"- a relay that repeats the password", answer("AUTH", "535 "+fake.SMTPPassword), withLogin, false, "log in as penstock: 535 refused"},
		{"- no log-in that is known", fake.SMTPOptions{Logins: []string{"CRAM-MD5"}}, withLogin, false, "log in: it offers neither PLAIN nor LOGIN (CRAM-MD5)"},
		{"- a greeting that refuses", answer("CONNECT", "554 go away\x1b[2J"), nil, false, `554 go away\x1b[2J`},
		{"- no greeting", answer("CONNECT", ""), nil, false, "the relay ended the conversation"},
		{"- nonsense", answer("CONNECT", "hello"), nil, false, "short response: \"hello\""},
		{"- endless talk", answer("EHLO", "250-"+strings.Repeat("x", maxAnswers)), nil, false, "the relay says too much"},
		{"- sender refused", answer("MAIL", "550 unknown sender"), nil, false, "name the sender penstock@example.org: 550 unknown sender"},
		{"- one person refused", answer("RCPT TO:<BOSS@", "550 no such person"), nil, true, "boss@example.org is refused: 550 no such person"},
		{"- all refused", answer("RCPT", "550 no such person"), nil, false, "duty@example.org is refused: 550 no such person boss@example.org is refused: 550 no such person"},
		{"- closed among people", answer("RCPT TO:<BOSS@", "421 shutting down"), nil, false, "name the recipient boss@example.org: 421 shutting down"},
		{"- text refused", answer("DATA", "451 later"), nil, false, "begin the text: 451 later"},
		{"- spam", answer(".", "554 spam"), nil, false, "hand over the text: 554 spam"},
		{"- cut off at the end", answer(".", ""), nil, false, "hand over the text: the relay ended the conversation"},
		{"- no answer", answer("MAIL", fake.Hang), nil, false, "context deadline exceeded: the relay does not answer in time"},
		{"- no answer to the greeting", answer("CONNECT", fake.Hang), nil, false, "context deadline exceeded: the relay does not answer in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			relay := fake.NewSMTP(t, tt.relay)
			o := toRelay(relay)
			o.Timeout = time.Minute
			if strings.HasSuffix(tt.want, "in time") {
				o.Timeout = 4 * time.Second // TLS is agreed on by then
			}
			if tt.change != nil {
				tt.change(t, &o)
			}
			err := newOf(t, o).Send(t.Context(), oneMessage())
			var e *Error
			if !errors.As(err, &e) || e.Told != tt.told || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("error = %v, want %v and ...%s", err, tt.told, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), fake.SMTPPassword) {
				t.Errorf("the error shows the password: %v", err)
			}
			if tt.told != (len(relay.Mails()) == 1) && !strings.HasPrefix(tt.want, "hand over") {
				t.Errorf("%d mails", len(relay.Mails()))
			}
		})
	}
}

// A password never travels open, whatever the relay offers.
func TestPasswordOnlyOverTLS(t *testing.T) {
	t.Parallel()
	relay := fake.NewSMTP(t, fake.SMTPOptions{NoTLS: true, Instead: map[string]string{"EHLO": "250-localhost\n250 AUTH PLAIN LOGIN"}})
	for _, s := range []StartTLS{Required, Opportunistic, Off} {
		o := toRelay(relay)
		withLogin(t, &o)
		o.Mail.StartTLS = s
		n, err := New(o, silent()) // Check would refuse two of them
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Send(t.Context(), oneMessage()); err == nil {
			t.Errorf("%s: it was sent", s)
		}
	}
	if said := strings.Join(relay.Commands(), "\n"); strings.Contains(said, "AUTH") {
		t.Errorf("a log-in was tried:\n%s", said)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	relay := fake.NewSMTP(t, fake.SMTPOptions{Instead: map[string]string{"DATA": fake.Hang}})
	n := newOf(t, toRelay(relay))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- n.Send(ctx, oneMessage()) }()
	for !strings.Contains(strings.Join(relay.Commands(), "\n"), "DATA") {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want canceled", err)
	}
}

// hostile are texts that try to be more than text.
func hostile() map[string]string {
	return map[string]string{
		"header":        "x\r\nBcc: victim@example.org\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>",
		"lone feeds":    "x\nBcc: a@b\rTo: c@d\x00\x0b\x0c\u0085\u2028\u2029",
		"end of text":   "x\r\n.\r\nMAIL FROM:<a@b>\r\n",
		"dots":          ".\r\n..\r\n.",
		"encoded words": "=?utf-8?b?QmNjOiBhQGI=?= =?utf-8?q?=0D=0ABcc:_a=40b?=",
		"bidi":          "\u202egnp.exe \u2066a\u2069 \u200f",
		"terminal":      "\x1b[2J\x1b]0;title\x07",
		"not UTF-8":     "\xff\xfe\xc3\x28 " + strings.Repeat("\xe2", 300),
		"marks":         "a" + strings.Repeat("\u0301", 500),
		"a link":        "https://evil.example/ www.evil.example mailto:a@b",
		"a megabyte":    strings.Repeat("A", 1<<20),
		"wide megabyte": strings.Repeat("€ ", 1<<18),
		"one long word": strings.Repeat("a", 150),
		"quotes":        `"';{}$(id) {HOST.CONN} {$SECRET}`,
		"empty":         "",
	}
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	for name, text := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			relay := fake.NewSMTP(t, fake.SMTPOptions{})
			m := Message{ID: text, Severity: event.High, Case: text, Site: text, Host: text, Headline: text, At: time.Now()}
			for range 500 {
				m.Lines = append(m.Lines, text)
			}
			if err := newOf(t, toRelay(relay)).Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			mails := relay.Mails()
			if len(mails) != 1 {
				t.Fatalf("%d mails, want 1", len(mails))
			}
			wantHarmless(t, mails[0].Text)
		})
	}
}

// wantHarmless wants a mail of nothing but our headers and readable text.
func wantHarmless(t testing.TB, text string) {
	t.Helper()
	wantPlainLines(t, text)
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"} {
		if len(m.Header[name]) != 1 {
			names = append(names, name)
		}
	}
	if len(m.Header) != 9 || len(names) > 0 {
		t.Errorf("headers %v; not once: %v", m.Header, names)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	wantReadable(t, subject)
	wantReadable(t, strings.ReplaceAll(string(body), "\r\n", ""))
}

// wantPlainLines wants lines that every relay takes.
func wantPlainLines(t testing.TB, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\r\n")
		if len(line) > 78 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("a line is too long or not plain: %q", line)
		}
	}
	if len(text) > 500_000 {
		t.Errorf("the mail has %d bytes", len(text))
	}
}

// wantReadable wants text in which nothing hides and nothing can be clicked on.
func wantReadable(t testing.TB, text string) {
	t.Helper()
	hides := func(r rune) bool { return !unicode.IsPrint(r) && r != '\u00a0' && r != '\u202f' }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, hides) {
		t.Errorf("shows what is not printed: %.300q", text)
	}
	if strings.Contains(text, "://") || strings.Contains(text, "mailto:") {
		t.Errorf("holds a link: %.300q", text)
	}
}

func FuzzMailIsHarmless(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text[:min(len(text), 1000)], "plain")
	}
	f.Add("0000000000000000000000    0", "000\x860") // blanks where a line is full
	m := &mailer{o: MailOptions{From: "penstock@example.org", To: []string{"duty@example.org"}}}
	f.Fuzz(func(t *testing.T, a, b string) {
		text := m.text(Message{ID: a, Severity: event.Low, Case: b, Site: a, Host: b, Headline: a, Lines: []string{a, b}}.cleaned())
		wantHarmless(t, string(text))
	})
}

func TestMessageIDFollowsTheID(t *testing.T) {
	t.Parallel()
	m := &mailer{o: MailOptions{From: "penstock@example.org", To: []string{"a@b"}}}
	id := func(text string) string {
		got, err := mail.ReadMessage(strings.NewReader(string(m.text(Message{ID: text}.cleaned()))))
		if err != nil {
			t.Fatal(err)
		}
		return got.Header.Get("Message-Id")
	}
	first, again, other := id("a"), id("a"), id("b")
	if first != again || first == other {
		t.Errorf("ids %s, %s, %s", first, again, other)
	}
	if want := fmt.Sprintf("<penstock.%s@example.org>", digest("a")); id("a") != want {
		t.Errorf("id %s, want %s", id("a"), want)
	}
}
