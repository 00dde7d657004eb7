package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/core/event"
	"penstock/core/pipeline"
	"penstock/core/sift"
)

func TestShippedFilesLoad(t *testing.T) {
	signals, err := LoadSignals("signals.yaml", sift.DefaultSignals())
	if err != nil || len(signals) == 0 {
		t.Errorf("%d signals, error %v", len(signals), err)
	}
	book, err := LoadPlaybook("playbook.yaml", pipeline.ShippedPlaybook())
	if err != nil || book == nil {
		t.Errorf("playbook %v, error %v", book, err)
	}
}

func TestLoadSignalsNamesTheLine(t *testing.T) {
	text := "signals:\n  - id: x.y\n    title: {en: X}\n    class: fire\n    match: [{any: [x]}]\n    examples: [x]\n"
	_, err := LoadSignals("own.yaml", []byte(text))
	want := `own.yaml:4: signals[0].class: `
	if err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
		t.Errorf("error = %v, want %s...", err, want)
	}
}

func TestSignalsOfTheSiteLieOverTheShippedOnes(t *testing.T) {
	shipped, err := LoadSignals("signals.yaml", sift.DefaultSignals())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(path, []byte("signals:\n  - id: "+shipped[0].ID+"\n    severity: Critical\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.SignalsFile = path
	got, err := c.AllSignals()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(shipped) || got[0].Severity != event.Critical {
		t.Errorf("%d signals, first %s, want %d, first Critical", len(got), got[0].Severity, len(shipped))
	}
}

func TestOwnSignalsAreCheckedAsTheyCombine(t *testing.T) {
	shipped, err := LoadSignals("signals.yaml", sift.DefaultSignals())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "own.yaml")
	text := "signals:\n  - id: own.one\n    severity: High\n  - id: " + shipped[0].ID + "\n  - id: own.one\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.SignalsFile = path
	_, err = c.AllSignals()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{":2: signals[0].match: ", `:5: signals[2].id: "own.one" is signals[0] already`} {
		if !strings.Contains(err.Error(), path+want) {
			t.Errorf("error =\n%v\nwant one with %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "signals[1]") {
		t.Errorf("a shipped entry is called wrong:\n%v", err)
	}
}

func FuzzLoadSignals(f *testing.F) {
	f.Add([]byte("signals: [{id: a.b, title: {en: A}, class: fault, match: [{any: [x]}], examples: [x, {line: x, name: y}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := LoadSignals("f", data); err != nil && err.Error() == "" {
			t.Error("an error without text")
		}
	})
}
