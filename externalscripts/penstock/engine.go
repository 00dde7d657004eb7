package main

import (
	"errors"
	"os"

	"penstock/core/app"
	"penstock/core/config"
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
	if statePath == "" {
		return engine, nil
	}
	if err := engine.Load(statePath); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, exitError{exitInput, err, "start with a new state file, or use the version of Penstock that wrote it"}
	}
	return engine, nil
}
