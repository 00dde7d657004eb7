package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"penstock/core/config"
)

// configName is the configuration file of whoever names none.
const configName = "penstock.yaml"

func newInit(e *env) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a short configuration with comments to start from",
		Long: `Init writes a first configuration to FILE (penstock.yaml; - is standard output).
It looks at nothing on this machine and guesses nothing: what it cannot know is a
comment to fill in. A file that is there is not overwritten.`,
		Example: "  penstock init penstock.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return initConfig(e, fileOr(args, configName), force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite the file if it is there")
	return cmd
}

func initConfig(e *env, path string, force bool) error {
	if path == "-" {
		_, err := e.stdout.Write(config.Starter())
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o640) //nolint:gosec // the file that the user names, for its group too
	if errors.Is(err, fs.ErrExist) {
		return exitError{exitFailed, fmt.Errorf("%s is there already", path), "name another file, or overwrite it with --force"}
	}
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	_, err = f.Write(config.Starter())
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	fmt.Fprintf(e.stderr, "penstock: hint: edit it, then run `penstock check-config %s`\n", path)
	_, err = fmt.Fprintf(e.stdout, "wrote %s\n", path)
	return err
}

// fileOr returns the only argument, or what stands for none.
func fileOr(args []string, none string) string {
	if len(args) == 0 {
		return none
	}
	return args[0]
}
