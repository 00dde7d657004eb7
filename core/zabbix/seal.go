package zabbix

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"penstock/core/secret"
)

// leastSeal is how many characters the secret of seals has at least.
const leastSeal = 16

// sealLetters are what it may consist of.
const sealLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+/=-"

// Sealer marks values as ours, so that Zabbix can refuse those of others: the
// preprocessing of our items checks the mark and takes it off. A value that somebody
// overheard can be sent once more; what that does is found and undone by comparing.
// The nil Sealer marks nothing.
type Sealer struct{ key secret.Secret }

// NewSealer reads the secret that Zabbix has in the macro {$PENSTOCK.SEAL}. It
// returns nil for "". The secret stands in a script there, so that it may hold only
// letters, digits and . _ + / = -.
func NewSealer(secretFile string) (*Sealer, error) {
	if secretFile == "" {
		return nil, nil //nolint:nilnil // a nil Sealer is one that marks nothing
	}
	key, err := secret.Read(secretFile)
	if err != nil {
		return nil, err
	}
	text := key.Reveal()
	if len(text) < leastSeal {
		return nil, fmt.Errorf("read secret %s: a seal of %d characters can be guessed, want %d or more", secretFile, len(text), leastSeal)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(sealLetters, r) }) {
		return nil, fmt.Errorf("read secret %s: a seal may hold only letters, digits and . _ + / = -", secretFile)
	}
	return &Sealer{key}, nil
}

// Seal returns the value of an item with our mark before it. It is safe for
// concurrent use.
func (s *Sealer) Seal(key, value string) string {
	if s == nil {
		return value
	}
	mac := hmac.New(sha256.New, []byte(s.key.Reveal()))
	mac.Write([]byte(key + "\n" + value))
	return "~" + hex.EncodeToString(mac.Sum(nil)) + "~" + value
}
