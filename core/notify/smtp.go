package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"slices"
	"strings"

	"penstock/core/secret"
)

// maxAnswers is the most bytes a relay may send in one conversation: what it says
// is kept in memory until its line ends.
const maxAnswers = 256 << 10

// session is one conversation with a relay. It ends with its context.
type session struct {
	*smtp.Client
	conn *bounded
	stop func() bool // of watching the context
}

// bounded is a connection of which only so much is read.
type bounded struct {
	net.Conn
	left int
}

var errTooMuch = errors.New("the relay says too much")

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// connect connects and reads the greeting. The smtp package knows no context:
// the connection's deadline stands for it.
func (m *mailer) connect(ctx context.Context) (*session, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", m.o.Relay)
	if err != nil {
		return nil, err
	}
	s := &session{conn: &bounded{conn, maxAnswers}}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection that takes none is closed below
	}
	s.stop = context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends whatever waits
	if s.Client, err = smtp.NewClient(s.conn, m.host); err != nil {
		s.stop()
		_ = conn.Close() // the error is told
		return nil, s.why(ctx, said(err))
	}
	return s, nil
}

func (s *session) close() {
	s.stop()
	_ = s.Close() // what matters was answered before
}

// why prefers the reason that ended the conversation to what that looked like.
func (s *session) why(ctx context.Context, err error) error {
	var timeout net.Error
	switch {
	case isReply(err):
		return err
	case errors.As(err, &timeout) && timeout.Timeout() || errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: the relay does not answer in time", context.DeadlineExceeded)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// open greets, encrypts and logs in, as far as the options want it.
func (m *mailer) open(s *session) error {
	if err := s.Hello(ownName()); err != nil {
		return fmt.Errorf("greet: %w", said(err))
	}
	offered, _ := s.Extension("STARTTLS")
	switch {
	case m.o.StartTLS == Off || m.o.StartTLS == Opportunistic && !offered:
	case !offered:
		return errors.New("it offers no STARTTLS: without encryption nothing is sent, unless notify.mail.starttls is off")
	default:
		if err := s.StartTLS(m.tls); err != nil {
			return fmt.Errorf("encrypt: %w", said(err))
		}
	}
	if m.auth == nil {
		return nil
	}
	_, isTLS := s.TLSConnectionState()
	if !isTLS || m.o.StartTLS != Required {
		return errors.New("log in: a password is sent only over an encrypted way whose other end is known")
	}
	_, offers := s.Extension("AUTH")
	return m.auth.over(s, strings.Fields(offers))
}

// ownName is what the machine calls itself in a greeting.
func ownName() string {
	name, err := os.Hostname()
	if err != nil || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != "" {
		return "localhost"
	}
	return name
}

// login is a user with a password. It implements smtp.Auth for PLAIN and LOGIN,
// of which relays have at least one.
type login struct {
	user     string
	password secret.Secret
}

func readPassword(path string) (secret.Secret, error) {
	password, err := secret.Read(path)
	if err == nil && strings.ContainsAny(password.Reveal(), "\x00\r\n") {
		return secret.Secret{}, fmt.Errorf("%s: it holds more than one line", path)
	}
	return password, err
}

func (l *login) over(s *session, offers []string) error {
	var how smtp.Auth
	switch {
	case slices.Contains(offers, "PLAIN"):
		how = plainLogin{l}
	case slices.Contains(offers, "LOGIN"):
		how = twoStepLogin{l}
	default:
		return fmt.Errorf("log in: it offers neither PLAIN nor LOGIN (%s)", clean(strings.Join(offers, " "), maxWord))
	}
	err := s.Auth(how)
	var reply *textproto.Error
	if errors.As(err, &reply) { // without its text, in which a relay might repeat what it got
		return fmt.Errorf("log in as %s: %w", l.user, &replyError{reply.Code, "refused"})
	}
	if err != nil {
		return fmt.Errorf("log in as %s: %w", l.user, err)
	}
	return nil
}

type plainLogin struct{ *login }

// Start implements smtp.Auth.
func (l plainLogin) Start(*smtp.ServerInfo) (string, []byte, error) {
	return "PLAIN", []byte("\x00" + l.user + "\x00" + l.password.Reveal()), nil
}

// Next implements smtp.Auth.
func (plainLogin) Next(_ []byte, more bool) ([]byte, error) {
	if more {
		return nil, errors.New("the relay asks for more than PLAIN has")
	}
	return nil, nil
}

type twoStepLogin struct{ *login }

// Start implements smtp.Auth.
func (twoStepLogin) Start(*smtp.ServerInfo) (string, []byte, error) { return "LOGIN", nil, nil }

// Next implements smtp.Auth: relays ask for the user, then for the password.
func (l twoStepLogin) Next(asked []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	switch question := bytes.ToLower(asked); {
	case bytes.HasPrefix(question, []byte("user")):
		return []byte(l.user), nil
	case bytes.HasPrefix(question, []byte("pass")):
		return []byte(l.password.Reveal()), nil
	}
	return nil, errors.New("the relay asks for neither user nor password")
}

// replyError is what a relay said instead of yes.
type replyError struct {
	code int
	text string
}

// Error returns code and text.
func (e *replyError) Error() string { return fmt.Sprintf("%d %s", e.code, e.text) }

// said returns an error of the smtp package in words that are fit to be shown.
func said(err error) error {
	var reply *textproto.Error
	switch {
	case errors.As(err, &reply):
		return &replyError{reply.Code, clean(reply.Msg, maxHeadline)}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the relay ended the conversation")
	}
	return err
}

// isReply says whether the relay answered, and the conversation goes on.
func isReply(err error) bool {
	var reply *textproto.Error
	var shown *replyError
	return errors.As(err, &reply) && reply.Code != 421 || errors.As(err, &shown) && shown.code != 421
}
