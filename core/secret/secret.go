// Package secret reads tokens and passwords from the files that the configuration
// names, and keeps them from being shown: whatever prints, logs or marshals one
// gives "<secret>". It never writes one anywhere.
package secret

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// MaxBytes is the most bytes of a secret: a token, a password or a key.
const MaxBytes = 16 << 10

const hidden = "<secret>"

// Secret is a token or a password. Printing, logging or marshalling it in any
// way gives "<secret>"; Reveal gives the text. It is kept behind a pointer,
// because fmt looks into fields that are not exported without asking methods.
type Secret struct{ text *string }

// New returns the secret of that text.
func New(text string) Secret { return Secret{&text} }

// LengthError says that a file holds nothing, or more than a secret has.
type LengthError struct {
	Path  string
	Bytes int // that were read: MaxBytes and one more where it is larger
}

// Error names the file and how long a secret may be.
func (e *LengthError) Error() string {
	return fmt.Sprintf("read secret %s: it holds %d bytes, want 1 to %d", e.Path, e.Bytes, MaxBytes)
}

// Read reads a secret from a file, without the white space around it. It
// refuses a file that is empty, larger than 16 kB, or that others than its owner can
// read: user zabbix may be in the worker's group, and shows what it can read to whoever
// makes an item. The error is a *LengthError in the first two cases.
func Read(path string) (Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Secret{}, fmt.Errorf("read secret %s: others may read it: run chmod 600 on it", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return Secret{}, fmt.Errorf("read secret: %w", err)
	}
	text := strings.TrimSpace(string(data))
	if text == "" || len(data) > MaxBytes {
		return Secret{}, &LengthError{path, len(data)}
	}
	return New(text), nil
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
