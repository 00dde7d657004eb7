package app

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"penstock/core/cases"
	"penstock/core/control"
	"penstock/core/event"
	"penstock/core/policy"
	"penstock/core/store"
)

// Commands of the control socket.
const (
	CmdStatus   = "status"
	CmdCases    = "cases"
	CmdCase     = "case"
	CmdLabels   = "labels"
	CmdUnlabel  = "unlabel"
	CmdMark     = "mark"
	CmdPause    = "pause"
	CmdBackup   = "backup"
	CmdDiff     = "baseline-diff"
	CmdRollback = "baseline-rollback"
)

// handlers is the table of commands. Marks and labels are open to readers, since
// who may is asked of the policy's approvers and not of the machine's groups.
func (w *Worker) handlers() map[string]control.Handler {
	return map[string]control.Handler{
		CmdStatus: {Need: control.Read, Do: func(ctx context.Context, _ control.Peer, _ json.RawMessage) (any, error) {
			return w.Status(ctx), nil
		}},
		CmdGlance: {Need: control.Read, Do: func(ctx context.Context, _ control.Peer, _ json.RawMessage) (any, error) {
			return w.Glance(ctx)
		}},
		CmdCases:    {Need: control.Read, Do: w.oneAtATime(answer(w.cases))},
		CmdCase:     {Need: control.Read, Do: w.oneAtATime(answer(w.oneCase))},
		CmdLabels:   {Need: control.Read, Do: answer(w.listLabels)},
		CmdDiff:     {Need: control.Read, Do: w.oneAtATime(answer(w.diff))},
		CmdMark:     {Need: control.Read, Do: answer(w.mark)},
		CmdUnlabel:  {Need: control.Read, Do: answer(w.unlabel)},
		CmdPause:    {Need: control.Command, Do: answer(w.pause)},
		CmdBackup:   {Need: control.Command, Within: 10 * time.Minute, Do: answer(w.backup)},
		CmdRollback: {Need: control.Command, Within: 2 * time.Minute, Do: answer(w.rollback)},
	}
}

// doing carries out one command.
type doing = func(context.Context, control.Peer, json.RawMessage) (any, error)

// oneAtATime keeps those who ask for much from taking all memory together.
func (w *Worker) oneAtATime(do doing) doing {
	return func(ctx context.Context, p control.Peer, args json.RawMessage) (any, error) {
		select {
		case w.asked <- struct{}{}:
			defer func() { <-w.asked }()
			return do(ctx, p, args)
		case <-ctx.Done():
			return nil, &control.Error{Code: control.CodeBusy, Text: "others ask for much at this moment", Hint: "try again later"}
		}
	}
}

// answer reads the arguments of a command strictly.
func answer[Args, Result any](do func(context.Context, control.Peer, Args) (Result, error)) doing {
	return func(ctx context.Context, p control.Peer, raw json.RawMessage) (any, error) {
		var args Args
		if err := control.Decode(raw, &args); err != nil {
			return nil, err
		}
		result, err := do(ctx, p, args)
		var missing NotFoundError
		switch {
		case errors.As(err, &missing):
			return nil, &control.Error{Code: control.CodeNotFound, Text: err.Error(), Hint: "`penstock cases --all` lists them; old ones are kept for a while only"}
		case errors.Is(err, context.DeadlineExceeded):
			return nil, &control.Error{Code: control.CodeBusy, Text: "the worker is busy", Hint: "see `penstock status`; try again later"}
		case err != nil:
			return nil, err
		}
		return result, nil
	}
}

func (w *Worker) cases(ctx context.Context, _ control.Peer, q CasesQuery) (CasesAnswer, error) {
	return w.desk.Cases(ctx, q)
}

func (w *Worker) oneCase(ctx context.Context, _ control.Peer, q CaseQuery) (CaseAnswer, error) {
	return w.desk.Case(ctx, q)
}

// LabelsAnswer lists labels, the newest first.
type LabelsAnswer struct {
	Labels []store.Label `json:"labels"`
}

func (w *Worker) listLabels(ctx context.Context, _ control.Peer, _ struct{}) (LabelsAnswer, error) {
	return w.desk.Labels(ctx)
}

// Labels lists what people said of cases.
func (d *Desk) Labels(ctx context.Context) (LabelsAnswer, error) {
	all, err := d.store.Labels(ctx, time.Time{})
	return LabelsAnswer{all}, err
}

// MarkArgs are what a person says of a case.
type MarkArgs struct {
	Case  string        `json:"case"`
	Label string        `json:"label"`          // false-positive or closed
	Note  string        `json:"note,omitempty"` // why
	For   time.Duration `json:"for,omitempty"`  // how long a false positive holds; 0 is 30 days
}

// MarkAnswer says what became of it.
type MarkAnswer struct {
	Label   int64     `json:"label"`
	By      string    `json:"by"`
	Expires time.Time `json:"expires"`
	Closed  bool      `json:"closed"`
}

// mark takes what a listed approver says of a case: it is closed, and where it was
// a false positive the same again is not told until that expires.
func (w *Worker) mark(ctx context.Context, p control.Peer, args MarkArgs) (MarkAnswer, error) {
	return w.markAs(ctx, p.User, args)
}

// markAs is mark for a person by the name of an account, wherever that is.
func (w *Worker) markAs(ctx context.Context, user string, args MarkArgs) (MarkAnswer, error) {
	held, ok, err := w.store.Case(ctx, args.Case)
	if err != nil {
		return MarkAnswer{}, err
	}
	if !ok {
		return MarkAnswer{}, NotFoundError{args.Case}
	}
	c := held.Case
	w.labels.giving.Lock()
	defer w.labels.giving.Unlock()
	by, refused := w.mayMark(ctx, user, &c, args)
	if refused != nil {
		return MarkAnswer{}, refused
	}
	l := store.Label{
		Case: c.ID, Kind: args.Label, By: by, Asset: c.Asset, Class: c.Class, Note: cases.Clean(cases.MaskSecrets(args.Note), 500), At: w.now(),
	}
	if args.Label == LabelFalsePositive {
		text, err := json.Marshal(scopeOf(&c))
		if err != nil {
			return MarkAnswer{}, err
		}
		l.Scope, l.Expires = string(text), w.now().Add(orElse(args.For, labelLasts))
	}
	if l.ID, err = w.store.AddLabel(ctx, l); err != nil {
		return MarkAnswer{}, fmt.Errorf("store the label: %w", err)
	}
	if err := w.labels.load(ctx, w.store, w.now()); err != nil {
		return MarkAnswer{}, err
	}
	a := MarkAnswer{Label: l.ID, By: by, Expires: l.Expires}
	closed := false
	if err := w.do(ctx, func() error { closed = w.engine.book.Close(c.ID); return nil }); err != nil {
		return MarkAnswer{}, err
	}
	a.Closed = closed
	w.board.Tell(event.Low, NoticeLabel, fmt.Sprintf("%s marked case %s as %s", by, c.ID, args.Label))
	return a, err
}

func orElse(d, other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return d
}

// mayMark returns the approver's name, or why that person may not say this.
func (w *Worker) mayMark(ctx context.Context, user string, c *cases.Case, args MarkArgs) (string, error) {
	refuse := func(text, hint string) (string, error) {
		return "", &control.Error{Code: control.CodeRefused, Text: text, Hint: hint}
	}
	if args.Label != LabelFalsePositive && args.Label != LabelClosed {
		return "", &control.Error{Code: control.CodeBadRequest, Text: fmt.Sprintf("%q is not a label", args.Label), Hint: LabelFalsePositive + " or " + LabelClosed}
	}
	if args.For < 0 || args.For > labelMost {
		return "", &control.Error{Code: control.CodeBadRequest, Text: fmt.Sprintf("a label cannot last %s", args.For), Hint: "up to 8760h, a year"}
	}
	by, why := w.engine.policy.ApproverFor(*c, user)
	switch why {
	case policy.ApproverNotListed:
		return refuse(fmt.Sprintf("%q is not a listed approver", user), "list the person under policy.approvers, with this account under accounts")
	case policy.ApproverIsSubject:
		return refuse(fmt.Sprintf("the case is about an account of %s", by), "another approver has to judge it")
	}
	if args.Label != LabelFalsePositive {
		return by, nil
	}
	severity, err := w.severityOf(ctx, c)
	if err != nil {
		return "", err
	}
	if severity >= event.High || c.Instructs {
		return refuse(fmt.Sprintf("case %s is %s: what is High, or tries to instruct its reader, is never suppressed", c.ID, severity),
			"`penstock cases mark CASE closed` closes this one; the same again will be told")
	}
	today, err := w.store.LabelsToday(ctx, by)
	if err != nil {
		return "", err
	}
	if today >= labelsPerDay {
		return refuse(fmt.Sprintf("%s has marked %d false positives today, the most there may be", by, today),
			"many of one kind ask for another configuration: see detect and signals_file")
	}
	return by, nil
}

// severityOf returns how grave a case was decided to be: its floor, or above it.
func (w *Worker) severityOf(ctx context.Context, c *cases.Case) (event.Severity, error) {
	last, err := w.store.Records(ctx, c.ID, 1)
	if err != nil || len(last) == 0 {
		return c.Floor, err
	}
	return max(c.Floor, last[0].Severity), nil
}

// UnlabelArgs name a label to take back.
type UnlabelArgs struct {
	Label int64 `json:"label"`
}

func (w *Worker) unlabel(ctx context.Context, p control.Peer, args UnlabelArgs) (struct{}, error) {
	by, why := w.engine.policy.ApproverFor(cases.Case{}, p.User)
	if why != policy.Allowed {
		return struct{}{}, &control.Error{Code: control.CodeRefused, Text: fmt.Sprintf("%q is not a listed approver", p.User), Hint: "see policy.approvers"}
	}
	w.labels.giving.Lock()
	defer w.labels.giving.Unlock()
	ok, err := w.store.RemoveLabel(ctx, args.Label)
	if err != nil {
		return struct{}{}, err
	}
	if !ok {
		return struct{}{}, &control.Error{Code: control.CodeNotFound, Text: fmt.Sprintf("there is no label %d", args.Label), Hint: "see `penstock labels`"}
	}
	w.board.Tell(event.Low, NoticeLabel, fmt.Sprintf("%s took label %d back", by, args.Label))
	return struct{}{}, w.labels.load(ctx, w.store, w.now())
}

// PauseArgs say for how long nothing starts by itself.
type PauseArgs struct {
	For time.Duration `json:"for"` // 0 ends the pause
}

// PauseAnswer says until when.
type PauseAnswer struct {
	Until time.Time `json:"until"` // zero: not paused
}

// pauseMost is the longest pause.
const pauseMost = 7 * 24 * time.Hour

func (w *Worker) pause(ctx context.Context, p control.Peer, args PauseArgs) (PauseAnswer, error) {
	if args.For < 0 || args.For > pauseMost {
		return PauseAnswer{}, &control.Error{Code: control.CodeBadRequest, Text: fmt.Sprintf("a pause cannot last %s", args.For), Hint: "up to 168h; policy.stop_file stops without an end"}
	}
	var a PauseAnswer
	text := ""
	if args.For > 0 {
		a.Until = w.now().Add(args.For).UTC().Truncate(time.Second)
		text = a.Until.Format(time.RFC3339)
	}
	if err := w.store.SetMeta(ctx, keyPaused, text); err != nil {
		return a, err
	}
	said := "ended the pause"
	if text != "" {
		said = "paused what starts by itself until " + text
	}
	w.board.Tell(event.Medium, NoticeStopped, p.User+" "+said)
	w.lookAtStop(ctx)
	return a, nil
}

// BackupAnswer says where the backup lies.
type BackupAnswer struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// keepBackups is how many backups stay in the state directory.
const keepBackups = 2

// backup writes everything that a restore needs into one file in the state
// directory, while the worker goes on.
func (w *Worker) backup(ctx context.Context, _ control.Peer, _ struct{}) (BackupAnswer, error) {
	folder := filepath.Join(w.o.Config.StateDir, "backups")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return BackupAnswer{}, err
	}
	w.backingUp.Lock()
	defer w.backingUp.Unlock()
	torn, err := filepath.Glob(filepath.Join(folder, ".penstock-*")) // of one that was interrupted
	for i := 0; i < len(torn) && err == nil; i++ {
		err = os.Remove(torn[i])
	}
	if err != nil {
		return BackupAnswer{}, err
	}
	path := filepath.Join(folder, "penstock-"+w.now().UTC().Format("20060102-150405")+".tar")
	err = replaceFile(path, func(to io.Writer) error { return w.store.Backup(ctx, to, w.backupFiles) })
	if err != nil {
		return BackupAnswer{}, fmt.Errorf("write the backup: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return BackupAnswer{}, err
	}
	old, err := filepath.Glob(filepath.Join(folder, "penstock-*.tar")) // in the order of their times
	old = append(slices.DeleteFunc(old, func(other string) bool { return other == path }), path)
	for len(old) > keepBackups && err == nil {
		err = os.Remove(old[0])
		old = old[1:]
	}
	return BackupAnswer{path, info.Size()}, err
}

// backupFiles adds what lies beside the database.
func (w *Worker) backupFiles(tw *tar.Writer) error {
	return AddBackupFiles(tw, w.o.Config.StateDir)
}

// AddBackupFiles adds the log of records, the spool and the log of orders of a
// state directory to a backup, as far as they are written now.
func AddBackupFiles(tw *tar.Writer, folder string) error {
	for _, pattern := range []string{"log/*", "spool/*.seg", "orders.jsonl*"} {
		paths, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := addFile(tw, folder, path); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// addFile adds the file as long as it is now; what is appended meanwhile is not in it.
func addFile(tw *tar.Writer, folder, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(strings.TrimPrefix(path, folder), "/")
	if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return err
	}
	_, err = io.CopyN(tw, file, info.Size())
	return err
}

// DiffArgs ask what was learnt.
type DiffArgs struct {
	Since time.Time `json:"since"`
	Limit int       `json:"limit,omitempty"`
}

// DiffAnswer lists messages first seen since, the newest first.
type DiffAnswer struct {
	Templates []store.Template     `json:"templates"`
	Snapshots []store.SnapshotFile `json:"snapshots"` // what rollback can go back to
}

func (w *Worker) diff(ctx context.Context, _ control.Peer, args DiffArgs) (DiffAnswer, error) {
	return w.desk.Diff(ctx, args)
}

// mostTemplates is how many messages one answer lists.
const mostTemplates = 5000

// Diff lists what was learnt since a time.
func (d *Desk) Diff(ctx context.Context, args DiffArgs) (DiffAnswer, error) {
	if args.Limit <= 0 || args.Limit > mostTemplates {
		args.Limit = mostTemplates
	}
	templates, err := d.store.TemplatesSince(ctx, args.Since, args.Limit)
	if err != nil {
		return DiffAnswer{}, err
	}
	snapshots, err := d.store.Snapshots()
	return DiffAnswer{templates, snapshots}, err
}

// RollbackArgs name the snapshot to go back to.
type RollbackArgs struct {
	Snapshot string `json:"snapshot"`
}

// rollback makes sift know what it knew at a snapshot. How far sources are read,
// and cases, stay as they are.
func (w *Worker) rollback(ctx context.Context, p control.Peer, args RollbackArgs) (struct{}, error) {
	snapshots, err := w.store.Snapshots()
	if err != nil {
		return struct{}{}, err
	}
	known := false
	for _, s := range snapshots {
		known = known || s.Name == args.Snapshot
	}
	if !known {
		return struct{}{}, &control.Error{Code: control.CodeNotFound, Text: fmt.Sprintf("there is no snapshot %q", args.Snapshot), Hint: "`penstock baseline diff` lists them"}
	}
	err = w.do(ctx, func() error { return w.rollBackTo(ctx, args.Snapshot) })
	if err == nil {
		w.board.Tell(event.Medium, NoticeLabel, p.User+" went back to what was learnt up to snapshot "+args.Snapshot)
	}
	return struct{}{}, err
}

// rollBackTo loads a snapshot, on trial first: one that cannot be read, or that
// cannot be made the newest so that a crash does not undo it, changes nothing.
func (w *Worker) rollBackTo(ctx context.Context, name string) error {
	trial, err := NewEngine(w.o.Config)
	if err != nil {
		return err
	}
	path := filepath.Join(w.o.Config.StateDir, "sift", name)
	if _, err := trial.loadLearned(path); err != nil {
		return err
	}
	if err := w.save(ctx); err != nil {
		return err
	}
	sifted, err := trial.sifter.State()
	if err != nil {
		return err
	}
	err = w.saveSnapshotOf(ctx, trial)
	if errors.Is(err, store.ErrBackingUp) {
		return &control.Error{Code: control.CodeBusy, Text: err.Error(), Hint: "try again when the backup is done"}
	}
	if err != nil {
		return err
	}
	return w.engine.sifter.Load(sifted)
}
