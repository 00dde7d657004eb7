package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestSecretNeverShowsItself(t *testing.T) {
	type holder struct{ Token Secret }
	h := holder{New("hunter2")}
	inside := struct{ token Secret }{h.Token}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("start", "token", h.Token, "holder", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "token", h.Token, "holder", h)
	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"%v": fmt.Sprintf("%v", h), "%+v": fmt.Sprintf("%+v", &h), "%#v": fmt.Sprintf("%#v", h), "%s": fmt.Sprintf("%s", h.Token),
		"%q": fmt.Sprintf("%q", h.Token), "%x": fmt.Sprintf("%x", h.Token),
		"%d": fmt.Sprintf("%d", h.Token), "inside": fmt.Sprintf("%v %+v %#v", inside, inside, inside),
		"slog": log.String(), "json": string(asJSON), "yaml": string(asYAML),
	}
	for how, text := range texts {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("%s shows %s", how, text)
		}
	}
	if h.Token.Reveal() != "hunter2" {
		t.Error("Reveal does not give the text")
	}
}

func TestReadSecret(t *testing.T) {
	folder := t.TempDir()
	for _, tt := range []struct {
		name, text string
		mode       os.FileMode
		want, err  string
	}{
		{"+ with a line end", "hunter2\n", 0o600, "hunter2", ""},
		{"- for the group", "hunter2", 0o640, "", "others may read it: run chmod 600 on it"},
		{"- for everybody", "hunter2", 0o644, "", "others may read it: run chmod 600 on it"},
		{"- empty", " \n", 0o600, "", "it holds 2 bytes, want 1 to 16384"},
		{"- large", strings.Repeat("a", MaxBytes+1), 0o600, "", "it holds 16385 bytes, want 1 to 16384"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(folder, strings.ReplaceAll(tt.name, " ", ""))
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			got, err := Read(path)
			if tt.err == "" && (err != nil || got.Reveal() != tt.want) {
				t.Errorf("= %q, %v, want %q", got.Reveal(), err, tt.want)
			}
			if tt.err != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.err)) {
				t.Errorf("error = %v, want ...%s", err, tt.err)
			}
		})
	}
	if _, err := Read(filepath.Join(folder, "none")); !os.IsNotExist(err) && err == nil {
		t.Error("a file that is not there is no error")
	}
}
