package config

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// maxSecret is the most bytes of a secret: a token, a password or a key.
const maxSecret = 16 << 10

const hidden = "<secret>"

// Secret is a token or a password. Printing, logging or marshalling it in any
// way gives "<secret>"; Reveal gives the text. It is kept behind a pointer,
// because fmt looks into fields that are not exported without asking methods.
type Secret struct{ text *string }

// NewSecret returns the secret of that text.
func NewSecret(text string) Secret { return Secret{&text} }

// ReadSecret reads a secret from a file, without the white space around it. It
// refuses a file that is empty, larger than 16 kB, or that others than its owner
// and group can read.
func ReadSecret(path string) (Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return Secret{}, fmt.Errorf("read secret %s: everybody may read it: run chmod 600 on it", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	text := strings.TrimSpace(string(data))
	if text == "" || len(data) > maxSecret {
		return Secret{}, fmt.Errorf("read secret %s: it holds %d bytes, want 1 to %d", path, len(data), maxSecret)
	}
	return NewSecret(text), nil
}

// Reveal returns the text of the secret, "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Format prints "<secret>", whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// String returns "<secret>".
func (Secret) String() string { return hidden }

// GoString returns "<secret>".
func (Secret) GoString() string { return hidden }

// MarshalText returns "<secret>".
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalYAML returns "<secret>".
func (Secret) MarshalYAML() (any, error) { return hidden, nil }

// LogValue returns "<secret>".
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
