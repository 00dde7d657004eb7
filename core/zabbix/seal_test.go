package zabbix

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSealIsWhatThePreprocessingChecks(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "seal")
	if err := os.WriteFile(file, []byte("00112233445566778899aabbccddeeff\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := NewSealer(file)
	if err != nil {
		t.Fatal(err)
	}
	// From OpenSSL: printf 'penstock.case.transition\nc-1|Medium|close|resolved' |
	// openssl dgst -sha256 -hmac 00112233445566778899aabbccddeeff
	const mac = "075c472cd335ed5a72c6f84ffb78f5b801ae1c4d1f46b4549276078da4c1203f"
	const value = "c-1|Medium|close|resolved"
	if got := s.Seal(KeyTransition, value); got != "~"+mac+"~"+value {
		t.Errorf("got %s", got)
	}
	if s.Seal(KeyCase, value) == s.Seal(KeyTransition, value) {
		t.Error("the seal of one item is good for another")
	}
	var none *Sealer
	if got := none.Seal(KeyTransition, value); got != value {
		t.Errorf("without a secret: %s", got)
	}
}

func TestNewSealer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, secret, want string
		mode               os.FileMode
	}{
		{"- short", "0123456789", "a seal of 10 characters can be guessed, want 16 or more", 0o600},
		{"- leaves the script", "0123456789abcdef'; x", "a seal may hold only letters, digits and . _ + / = -", 0o600},
		{"- everybody reads it", strings.Repeat("a", 32), "others may read it: run chmod 600 on it", 0o644},
		{"- empty", "", "it holds 0 bytes, want 1 to 16384", 0o600},
		{"+ base64", "dGhpcyBpcyBhIHNlY3JldA==", "", 0o600},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "seal")
			if err := os.WriteFile(file, []byte(tt.secret), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := NewSealer(file)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.want)) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && tt.secret != "" && strings.Contains(err.Error(), tt.secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
	if s, err := NewSealer(""); s != nil || err != nil {
		t.Errorf("without a file: %v, %v", s, err)
	}
}
