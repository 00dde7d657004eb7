package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"mime/quotedprintable"
	"net"
	"strings"
	"time"
	"unicode/utf8"
)

// mailer tells people by mail.
type mailer struct {
	o    MailOptions
	host string // of the relay
	tls  *tls.Config
	auth *login // nil: no log-in
}

func newMailer(o MailOptions) (*mailer, error) {
	host, _, err := net.SplitHostPort(o.Relay)
	if err != nil {
		return nil, fmt.Errorf("read the relay's address: %w", err)
	}
	m := &mailer{o: o, host: host}
	if m.tls, err = tlsConfig(o.CAFile, host); err != nil {
		return nil, err
	}
	m.tls.InsecureSkipVerify = o.StartTLS == Opportunistic // its meaning: better than open, and no password goes over it
	if o.User == "" {
		return m, nil
	}
	password, err := readPassword(o.PasswordFile)
	if err != nil {
		return nil, err
	}
	m.auth = &login{user: o.User, password: password}
	return m, nil
}

func (*mailer) name() string { return "mail" }

// send hands the mail to the relay. Whoever the relay refuses does not keep the
// others from getting it.
func (m *mailer) send(ctx context.Context, msg Message) (told bool, err error) {
	s, err := m.connect(ctx)
	if err != nil {
		return false, fmt.Errorf("reach the mail relay %s: %w", m.o.Relay, err)
	}
	defer s.close()
	told, err = m.converse(s, msg)
	if err != nil {
		return told, fmt.Errorf("send mail by %s: %w", m.o.Relay, s.why(ctx, err))
	}
	return told, nil
}

func (m *mailer) converse(s *session, msg Message) (told bool, err error) {
	if err := m.open(s); err != nil {
		return false, err
	}
	if err := s.Mail(m.o.From); err != nil {
		return false, fmt.Errorf("name the sender %s: %w", m.o.From, said(err))
	}
	var refused []error
	for _, to := range m.o.To {
		if err := s.Rcpt(to); err != nil {
			if !isReply(err) {
				return false, fmt.Errorf("name the recipient %s: %w", to, said(err))
			}
			refused = append(refused, fmt.Errorf("%s is refused: %w", to, said(err)))
		}
	}
	if len(refused) == len(m.o.To) {
		return false, errors.Join(refused...)
	}
	w, err := s.Data()
	if err != nil {
		return false, errors.Join(append(refused, fmt.Errorf("begin the text: %w", said(err)))...)
	}
	_, errText := w.Write(m.text(msg))
	if err := errors.Join(errText, w.Close()); err != nil { // it was taken when Close reads so
		return false, errors.Join(append(refused, fmt.Errorf("hand over the text: %w", said(err)))...)
	}
	_ = s.Quit() // the mail is taken, whatever comes now
	return true, errors.Join(refused...)
}

// text returns the mail as RFC 5322 wants it: lines of ASCII below 79 characters.
func (m *mailer) text(msg Message) []byte {
	var b bytes.Buffer
	domain := m.o.From[strings.LastIndexByte(m.o.From, '@')+1:]
	fmt.Fprintf(&b, "Date: %s\r\n", msg.At.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	fmt.Fprintf(&b, "From: %s\r\n", m.o.From)
	fmt.Fprintf(&b, "To: %s\r\n", strings.Join(m.o.To, ",\r\n "))
	fmt.Fprintf(&b, "Subject: %s\r\n", header(fmt.Sprintf("[%s] %s: %s (%s)", msg.Severity, msg.Host, msg.Headline, msg.Site)))
	fmt.Fprintf(&b, "Message-ID: <penstock.%s@%s>\r\n", digest(msg.ID), domain)
	b.WriteString("Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n")
	b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
	body := quotedprintable.NewWriter(&b)
	paragraph := func(text string) {
		_, _ = body.Write([]byte(noLinks.Replace(text) + "\r\n\r\n")) // to memory
	}
	paragraph(fmt.Sprintf("[%s] %s", msg.Severity, msg.Headline))
	for _, line := range msg.Lines {
		paragraph(line)
	}
	paragraph(strings.Join([]string{msg.Site, msg.Host, msg.Case, msg.At.Format(time.RFC3339)}, " · "))
	_ = body.Close() // to memory
	return b.Bytes()
}

// header returns text for the value of a header that is named Subject, in lines
// that are short enough. Plain text is folded at its blanks. Anything else becomes
// encoded words, and so does what looks like one and would be read as another text.
func header(text string) string {
	const lineLength = 76
	text = noLinks.Replace(text)
	if strings.Contains(text, "=?") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return encodedWords(text)
	}
	var b strings.Builder
	used := len("Subject: ")
	for i, word := range strings.Fields(text) { // one blank is as good as many
		switch {
		case len(word) > lineLength-len("Subject: "):
			return encodedWords(text)
		case i == 0:
		case used+1+len(word) > lineLength:
			b.WriteString("\r\n ")
			used = 1
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += len(word)
	}
	return b.String()
}

// encodedWords returns text in base64, in pieces that are whole characters.
func encodedWords(text string) string {
	const most = 39 // bytes: 52 of base64 and what is around them fit behind the name
	var words []string
	for text != "" {
		n := min(len(text), most)
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(text[:n]))+"?=")
		text = text[n:]
	}
	return strings.Join(words, "\r\n ")
}
