package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/config"
	"penstock/core/logfile"
	"penstock/core/report"
	"penstock/core/store"
)

func newBackup(e *env) *cobra.Command {
	var f workerFlags
	var to string
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Write everything that a restore needs into one file, while the worker goes on",
		Long: `Backup has the worker write its cases, records, what it has learnt and what waits in
the spool into one file in backups/ of the state directory, where the two newest stay.
Where no worker runs it writes the file itself, into this folder or to --to; run it as
the worker's user then. Configuration and sources are not in it.`,
		Example: "  penstock backup\n  penstock backup --to /mnt/usb/penstock.tar",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.load()
			if err != nil {
				return err
			}
			if _, err := os.Lstat(to); to != "" && err == nil {
				return exitError{exitFailed, fmt.Errorf("%s exists already", to), "name a file that does not exist yet"}
			}
			var a app.BackupAnswer
			err = ask(cmd.Context(), c, app.CmdBackup, nil, &a)
			if errors.Is(err, errNoWorker) {
				return backupAlone(cmd.Context(), e, c, to)
			}
			if err == nil && to != "" {
				err = copyFile(a.Path, to)
				a.Path = to
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "%s (%d bytes)\n", a.Path, a.Bytes)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "copy it to this `file`, which must not exist yet")
	return cmd
}

// backupAlone backs up a state directory that no worker uses.
func backupAlone(ctx context.Context, e *env, c *config.Config, to string) error {
	if to == "" {
		to = "penstock-" + time.Now().UTC().Format("20060102-150405") + ".tar"
	}
	info, err := os.Stat(c.StateDir)
	if err != nil {
		return exitError{exitInput, fmt.Errorf("no worker is running, and there is no state: %w", err), "name the worker's --config"}
	}
	if owner(info) != uint32(os.Geteuid()) {
		return exitError{exitFailed, fmt.Errorf("no worker is running, and %s belongs to another user", c.StateDir), "run this as that user: `sudo -u penstock penstock backup --to FILE`"}
	}
	s, err := store.Open(ctx, c.StateDir, c.Store, time.Now)
	if err != nil {
		return workerError(err, c)
	}
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(fmt.Errorf("write the backup: %w", err), s.Close())
	}
	err = s.Backup(ctx, file, func(tw *tar.Writer) error { return app.AddBackupFiles(tw, c.StateDir) })
	if err = errors.Join(err, file.Sync(), file.Close(), s.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the backup: %w", err), os.Remove(to))
	}
	fmt.Fprintln(e.stdout, to)
	return nil
}

// copyFile copies a file to one that does not exist yet, readable by its owner only.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(to)) // half a backup is none
	}
	return nil
}

func newRestore(e *env) *cobra.Command {
	var f workerFlags
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a state directory out of a backup",
		Long: `Restore fills the state directory of the configuration, which must be empty or not
exist, from a backup. The worker that goes on from there has a new id, so that no two
cases have one; it sends nothing again, and orders that were under way are void: what
they did is for people to look at.

After a damaged state: stop the worker, move the state directory aside, restore, start.`,
		Example: "  sudo install -o penstock -m 600 /mnt/usb/penstock.tar /tmp/penstock.tar\n  sudo -u penstock penstock restore /tmp/penstock.tar",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.load()
			if err != nil {
				return err
			}
			file, err := os.Open(args[0])
			if err != nil {
				return exitError{exitInput, fmt.Errorf("read the backup: %w", err), ""}
			}
			defer func() { _ = file.Close() }() // it was only read
			if err := store.Restore(cmd.Context(), c.StateDir, file, time.Now); err != nil {
				return exitError{exitInput, fmt.Errorf("restore %s: %w", args[0], err), "the state directory must be empty: move the old one aside, never delete it first"}
			}
			fmt.Fprintf(e.stdout, "restored into %s\n", c.StateDir)
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func newVerifyLog(e *env) *cobra.Command {
	var f workerFlags
	var against string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify-log [FOLDER]",
		Short: "Follow the chain of the log of records, and find what was changed or cut",
		Long: `Verify-log reads the hash-chained log of records. It finds lines that were changed,
moved, added or taken out. Given a head that was noted before (penstock status shows it),
it also finds out whether the end was cut off.`,
		Example: "  penstock verify-log\n  penstock verify-log --against 1204:5f0c...e1 /mnt/usb/log",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder := ""
			if len(args) == 1 {
				folder = args[0]
			} else {
				c, err := f.load()
				if err != nil {
					return err
				}
				folder = filepath.Join(c.StateDir, "log")
			}
			found, err := logfile.Verify(folder, against)
			if err != nil {
				return exitError{exitInput, err, "what stands before that place is as it was written; compare with a backup"}
			}
			if asJSON {
				return writeJSON(e.stdout, found)
			}
			fmt.Fprintf(e.stdout, "%d records in %d files are as they were written, number %d to %d; head %s\n",
				found.Records, found.Segments, found.First, found.Last, found.Head)
			if found.Torn > 0 {
				fmt.Fprintln(e.stderr, "penstock: note: the last line is not whole: a write was interrupted, and the worker writes it again")
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&against, "against", "", "a `head` noted before, number:hash")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func newBaseline(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "See what was learnt, and go back to what was known before",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBaselineDiff(e), newBaselineRollback(e))
	return cmd
}

func newBaselineDiff(e *env) *cobra.Command {
	var f workerFlags
	var since time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "diff",
		Short:   "List the messages that were seen for the first time",
		Example: "  penstock baseline diff --since 168h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			args := app.DiffArgs{Since: time.Now().Add(-since)}
			var a app.DiffAnswer
			err := withDesk(cmd.Context(), e, &f, app.CmdDiff, args, &a, func(d *app.Desk) (err error) {
				a, err = d.Diff(cmd.Context(), args)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(e.stdout, a)
			}
			for _, t := range a.Templates {
				fmt.Fprintf(e.stdout, "%s\t%s\t%s\t%s\t%s\n", t.First.UTC().Format(time.RFC3339), report.Terminal(t.Source), report.Terminal(t.Host),
					report.Terminal(t.Program), report.Terminal(t.Text))
			}
			fmt.Fprintf(e.stderr, "penstock: %d messages were new; snapshots to go back to:\n", len(a.Templates))
			for _, s := range a.Snapshots {
				fmt.Fprintf(e.stderr, "  %s of %s\n", s.Name, s.Time.UTC().Format(time.RFC3339))
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}

func newBaselineRollback(e *env) *cobra.Command {
	var f workerFlags
	cmd := &cobra.Command{
		Use:   "rollback SNAPSHOT",
		Short: "Forget what was learnt after a snapshot",
		Long: `Rollback makes the worker know what it knew at a snapshot: what came later is new
again. How far sources are read, cases and records stay as they are.`,
		Example: "  penstock baseline rollback 0000000042.snap",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.load()
			if err != nil {
				return err
			}
			if err := ask(cmd.Context(), c, app.CmdRollback, app.RollbackArgs{Snapshot: args[0]}, &struct{}{}); err != nil {
				return needsWorker(err)
			}
			fmt.Fprintf(e.stdout, "what was learnt after %s is forgotten\n", args[0])
			return nil
		},
	}
	f.add(cmd)
	return cmd
}
