package notify

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"penstock/core/event"
	"penstock/core/secret"
)

// Message is what people are told. Its texts may hold what an attacker wrote.
type Message struct {
	// ID is the same when the same is told again: receivers can tell by it.
	ID       string
	Severity event.Severity
	Case     string
	Site     string
	Host     string
	Headline string
	Lines    []string // what there is to read, one paragraph each
	At       time.Time
}

// Bounds of a message.
const (
	maxHeadline = 200 // characters
	maxWord     = 128
	maxLine     = 1000
	maxLines    = 40
)

// way is one way to tell people.
type way interface {
	// name is for the log.
	name() string
	// send returns whether anybody was told, and what went wrong: both where some
	// were and some were not.
	send(ctx context.Context, m Message) (told bool, err error)
}

// Notifier tells people. It is safe for concurrent use.
type Notifier struct {
	ways    []way
	timeout time.Duration
	log     *slog.Logger
}

// Error says what went wrong when people were told.
type Error struct {
	Told bool // somebody was: no reason to try again at once
	Err  error
}

// Error names each way that did not work, in one line.
func (e *Error) Error() string { return clean(e.Err.Error(), maxLine) }

// Unwrap returns what is behind it.
func (e *Error) Unwrap() error { return e.Err }

// New returns the notifier of options that Check finds nothing wrong with. It reads
// the files they name and connects to nothing.
func New(o Options, log *slog.Logger) (*Notifier, error) {
	n := &Notifier{timeout: o.Timeout, log: log}
	if o.Mail.Relay != "" {
		m, err := newMailer(o.Mail)
		if err != nil {
			return nil, fmt.Errorf("prepare notify.mail: %w", err)
		}
		n.ways = append(n.ways, m)
	}
	if o.Webhook.URL != "" {
		w, err := newWebhook(o.Webhook)
		if err != nil {
			return nil, fmt.Errorf("prepare notify.webhook: %w", err)
		}
		n.ways = append(n.ways, w)
	}
	return n, nil
}

// Enabled says whether there is any way to tell people.
func (n *Notifier) Enabled() bool { return len(n.ways) > 0 }

// Send tells people by every way there is, and blocks until each has worked, failed
// or used up its time. The error is an *Error; there is none where there is no way
// at all.
func (n *Notifier) Send(ctx context.Context, m Message) error {
	m = m.cleaned()
	told := false
	var all []error
	for _, w := range n.ways {
		ctx, cancel := context.WithTimeout(ctx, n.timeout)
		reached, err := w.send(ctx, m)
		cancel()
		told = told || reached
		if err != nil {
			all = append(all, err)
		}
		if reached {
			n.log.Info("told people", "way", w.name(), "case", m.Case, "severity", m.Severity)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &Error{told, errors.Join(all...)}
}

// cleaned bounds the message and takes out whatever a reader could not see, or that
// would change how the rest is read.
func (m Message) cleaned() Message {
	m.Case, m.Site, m.Host = clean(m.Case, maxWord), clean(m.Site, maxWord), clean(m.Host, maxWord)
	m.Headline = clean(m.Headline, maxHeadline)
	lines := make([]string, 0, min(len(m.Lines), maxLines))
	for _, line := range m.Lines[:min(len(m.Lines), maxLines)] {
		lines = append(lines, clean(line, maxLine))
	}
	m.Lines = lines
	m.ID = plainID(m.ID)
	m.At = m.At.UTC().Truncate(time.Second)
	return m
}

// maxID is the longest id that is sent as it is.
const maxID = 100

// plainID returns the id where it can stand in a header, else a digest of it.
func plainID(id string) string {
	if id != "" && len(id) <= maxID && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:") == "" {
		return id
	}
	return digest(id)
}

func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// roots returns the certificates in a file, nil without one: those of the machine.
func roots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("read certificates %s: it holds none in PEM", path)
	}
	return pool, nil
}

func tlsConfig(caFile, server string) (*tls.Config, error) {
	pool, err := roots(caFile)
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: pool, ServerName: server, MinVersion: tls.VersionTLS12}, nil
}

// readWord returns the secret in a file, none without one; a token has to be a word.
func readWord(path string) (secret.Secret, error) {
	if path == "" {
		return secret.Secret{}, nil
	}
	s, err := secret.Read(path)
	if err == nil && strings.ContainsFunc(s.Reveal(), notAWord) {
		return secret.Secret{}, fmt.Errorf("%s: it does not hold one word", path)
	}
	return s, err
}
