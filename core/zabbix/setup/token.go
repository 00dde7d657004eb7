package setup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Each worker has a token of its own, all of the same user.
func (s *Setup) tokenName() string {
	name := workerName + " on " + s.o.Host
	if len(name) <= mostTokenName {
		return name
	}
	sum := sha256.Sum256([]byte(s.o.Host))
	return name[:mostTokenName-9] + " " + hex.EncodeToString(sum[:4])
}

const mostTokenName = 64 // characters

// tokenNote is the description of a token: with what tells whether a file holds it.
// A token is random, so that a hash gives nothing away.
func tokenNote(token string) string {
	sum := sha256.Sum256([]byte(token))
	return mark + " Fingerprint " + hex.EncodeToString(sum[:8]) + "."
}

func (s *Setup) readToken(ctx context.Context) (row, error) {
	user := s.refs[kindUser.ref(workerName)]
	if user == "" {
		return nil, nil
	}
	rows, err := s.list(ctx, "token.get", row{"output": []string{"tokenid", "name", "description", "status", "expires_at"}, "userids": user, "filter": row{"name": s.tokenName()}})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

func (s *Setup) planToken(ctx context.Context, p *Plan) error {
	have, err := s.readToken(ctx)
	if err != nil {
		return err
	}
	name := s.tokenName()
	file, err := readTokenFile(s.o.TokenFile)
	switch {
	case err != nil:
		return err
	case have == nil:
		p.add("make a token", func(ctx context.Context) error { return s.makeToken(ctx, "") },
			Change{Sign: Create, Kind: "token", Name: name, Why: "into " + s.o.TokenFile + ", readable by its owner only"})
	case file == "" || tokenNote(file) != text(have["description"]):
		why := "is not the one in " + s.o.TokenFile
		if file == "" {
			why = s.o.TokenFile + " is not there"
		}
		p.add("make a new token", func(ctx context.Context) error { return s.makeToken(ctx, text(have["tokenid"])) },
			Change{Sign: Alter, Kind: "token", Name: name, Why: why + ": a new one is made, and the old one ends"})
	case text(have["status"]) != "0":
		p.add("", nil, Change{Sign: Keep, Kind: "token", Name: name, Why: "it is disabled: the worker cannot use the API until it is enabled"})
	case text(have["expires_at"]) != "0":
		p.add("", nil, Change{Sign: Keep, Kind: "token", Name: name, Why: "it expires"})
	}
	return nil
}

// readTokenFile returns what the file holds, "" where there is none.
func readTokenFile(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look at the worker's token: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	const most = 4096
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return "", fmt.Errorf("look at the worker's token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// makeToken makes a token, or a new one under the same name, and writes it. The file
// is made first: a token that cannot be kept is not made.
func (s *Setup) makeToken(ctx context.Context, id string) error {
	f, err := os.CreateTemp(filepath.Dir(s.o.TokenFile), ".penstock-token-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the worker's token: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // there only where something failed
	defer func() { _ = f.Close() }()
	if s.o.Owner != nil {
		if err := f.Chown(s.o.Owner.UID, s.o.Owner.GID); err != nil {
			return fmt.Errorf("write the worker's token: %w", err)
		}
	}
	if id == "" {
		user, err := s.idOf(kindUser.ref(workerName))
		if err != nil {
			return err
		}
		var made struct{ TokenIDs []string }
		if err := s.api.Call(ctx, "token.create", row{"name": s.tokenName(), "userid": user, "description": mark}, &made); err != nil {
			return err
		}
		if len(made.TokenIDs) != 1 {
			return fmt.Errorf("token.create answered %d ids, want 1", len(made.TokenIDs))
		}
		id = made.TokenIDs[0]
	}
	var tokens []struct{ Token string }
	if err := s.api.Call(ctx, "token.generate", []string{id}, &tokens); err != nil {
		return err
	}
	if len(tokens) != 1 || tokens[0].Token == "" {
		return errors.New("token.generate answered no token")
	}
	if _, err := f.WriteString(tokens[0].Token + "\n"); err != nil {
		return fmt.Errorf("write the worker's token: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(f.Name(), s.o.TokenFile)); err != nil {
		return fmt.Errorf("write the worker's token: %w", err)
	}
	return s.api.Call(ctx, "token.update", row{"tokenid": id, "description": tokenNote(tokens[0].Token)}, nil)
}
