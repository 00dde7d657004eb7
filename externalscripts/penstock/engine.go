package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"penstock/core/app"
	"penstock/core/config"
	"penstock/core/report"
)

// loadConfig reads the configuration, or the built-in defaults where path is "".
func loadConfig(path string) (*config.Config, error) {
	if path == "" {
		return config.Default(), nil
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, exitError{exitConfig, err, "see `penstock check-config --help` and docs/configuration.md"}
	}
	return c, nil
}

// loadEngine makes an engine from a configuration file and a state file, either
// of which may be "". A state file that does not exist yet is an empty one.
func loadEngine(configPath, statePath string) (*app.Engine, error) {
	c, err := loadConfig(configPath)
	if err != nil {
		return nil, err
	}
	engine, err := app.NewEngine(c)
	if err != nil {
		return nil, exitError{exitConfig, err, "see docs/configuration.md"}
	}
	if engine.Origin, err = originOf(configPath); err != nil {
		return nil, exitError{exitConfig, err, ""}
	}
	if statePath == "" {
		return engine, nil
	}
	if err := engine.Load(statePath); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, exitError{exitInput, err, "start with a new state file, or use the version of Penstock that wrote it"}
	}
	return engine, nil
}

// originOf returns where a configuration came from.
func originOf(path string) (app.Origin, error) {
	if path == "" {
		return app.Origin{}, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return app.Origin{}, err
	}
	sum := sha256.Sum256(content)
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return app.Origin{Path: path, Digest: hex.EncodeToString(sum[:])}, nil
}

// noteOrigin tells a person when the state was written with another
// configuration: zones, severities, words and times may differ.
func noteOrigin(e *env, engine *app.Engine) {
	saved, ok := engine.StateOrigin()
	path := report.Terminal(saved.Path)
	switch {
	case !ok || saved.Digest == engine.Origin.Digest:
	case engine.Origin.Path == "":
		fmt.Fprintln(e.stderr, "penstock: note: the state was written with a configuration; without it severities, zones and words may differ")
		fmt.Fprintf(e.stderr, "penstock: hint: --config %s\n", path)
	case saved.Path == "":
		fmt.Fprintln(e.stderr, "penstock: note: the state was written without a configuration: what it holds was judged without one")
	case saved.Path == engine.Origin.Path:
		fmt.Fprintf(e.stderr, "penstock: note: %s has changed since the state was written\n", path)
	default:
		fmt.Fprintf(e.stderr, "penstock: note: the state was written with another configuration, %s\n", path)
	}
}
