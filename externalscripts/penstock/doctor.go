package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"penstock/core/app"
	"penstock/core/config"
	"penstock/core/intake"
	"penstock/core/llm"
	"penstock/core/report"
)

func newDoctor(e *env) *cobra.Command {
	var f workerFlags
	var asUser string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find missing rights and wrong modes, with the command that mends each",
		Long: `Doctor looks at configuration, state directory, sources, drop folders, the servers of the
model, Zabbix, socket, disk and clock with the eyes of the worker's user, and names what is wrong with the command that
mends it. It changes nothing. Run it as root, so that it may look everywhere.`,
		Example: "  sudo penstock doctor\n  penstock doctor --config penstock.yaml --user $(id -un)",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.load()
			if err != nil {
				return err
			}
			d := &doctor{e: e, config: c, path: f.config}
			if err := d.become(asUser); err != nil {
				return err
			}
			d.examine(cmd.Context())
			if d.found == 0 {
				fmt.Fprintln(e.stdout, "nothing is wrong")
				return nil
			}
			return exitError{exitFailed, fmt.Errorf("%d things are not as they should be", d.found), "run the commands above, then `penstock doctor` again"}
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&asUser, "user", "", "the worker's `user` (default penstock where there is one, else whoever runs this)")
	return cmd
}

// doctor looks at a worker's surroundings.
type doctor struct {
	e      *env
	config *config.Config
	path   string // of the configuration; "" is the built-in one
	name   string // the worker's user
	uid    uint32
	gids   map[uint32]bool
	found  int
}

// become takes the eyes of a user.
func (d *doctor) become(name string) error {
	var u *user.User
	var err error
	switch {
	case name != "":
		u, err = user.Lookup(name)
	default:
		if u, err = user.Lookup("penstock"); err != nil {
			u, err = user.Current()
		}
	}
	if err != nil {
		return exitError{exitInput, fmt.Errorf("look up the worker's user: %w", err), "--user names it"}
	}
	d.name, d.gids = u.Username, map[uint32]bool{}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return fmt.Errorf("user %s: %w", u.Username, err)
	}
	d.uid = uint32(uid)
	groups, err := u.GroupIds()
	if err != nil {
		groups = []string{u.Gid}
	}
	for _, g := range append(groups, u.Gid) {
		if gid, err := strconv.ParseUint(g, 10, 32); err == nil {
			d.gids[uint32(gid)] = true
		}
	}
	return nil
}

// shellWord is a path, or another word, as a shell takes it for one word: whoever may
// name a file must not have a command run by whom we tell to mend it.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+@%:", r)
	}
	if word != "" && word[0] != '-' && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// tell names one thing that is wrong and what mends it: a command in which each %s
// stands for the next word.
func (d *doctor) tell(problem, mend string, words ...string) {
	d.found++
	parts := strings.Split(mend, "%s")
	for i, word := range words {
		parts[i] += shellWord(word)
	}
	mend = strings.Join(parts, "")
	fmt.Fprintf(d.e.stdout, "wrong: %s\n", report.Terminal(problem))
	if mend != "" {
		fmt.Fprintf(d.e.stdout, "  mend: %s\n", report.Terminal(mend))
	}
}

func (d *doctor) examine(ctx context.Context) {
	d.configuration()
	d.stateDir()
	for _, s := range d.config.Sources {
		d.source(ctx, s)
	}
	d.clock()
	d.model(ctx)
	d.zabbix(ctx)
	d.worker(ctx)
}

func (d *doctor) configuration() {
	if d.path == "" {
		return
	}
	info, err := os.Stat(d.path)
	if err != nil {
		d.tell(fmt.Sprintf("the configuration cannot be read: %v", err), "")
		return
	}
	if !d.may(d.path, info, 4) {
		d.tell(fmt.Sprintf("%s cannot read %s", d.name, d.path), "sudo chown root:%s %s && sudo chmod 640 %s", d.name, d.path, d.path)
	}
	if info.Mode().Perm()&0o022 != 0 {
		d.tell(fmt.Sprintf("others than its owner may write %s, and with it decide what the worker does", d.path), "sudo chmod go-w %s", d.path)
	}
}

func (d *doctor) stateDir() {
	folder := d.config.StateDir
	info, err := os.Stat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		d.tell(fmt.Sprintf("the state directory %s does not exist", folder), "sudo install -d -o %s -m 700 %s", d.name, folder)
		return
	}
	if err != nil {
		d.tell(fmt.Sprintf("the state directory cannot be looked at: %v", err), "run doctor as root")
		return
	}
	if info.Mode().Perm()&0o077 != 0 {
		d.tell(fmt.Sprintf("others may look into the state directory %s (mode %04o)", folder, info.Mode().Perm()), "sudo chmod 700 %s", folder)
	}
	if !d.may(folder, info, 7) {
		d.tell(fmt.Sprintf("%s cannot use the state directory %s", d.name, folder), "sudo chown -R %s: %s", d.name, folder)
	}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || entry.Type()&fs.ModeSocket != 0 || path == folder {
			return nil //nolint:nilerr // what has vanished meanwhile is not wrong
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			d.tell(fmt.Sprintf("%s is a link: the worker makes none there", path), "look at it, and remove it")
			return nil
		}
		if info.Mode().Perm()&0o077 != 0 {
			d.tell(fmt.Sprintf("others may read %s (mode %04o)", path, info.Mode().Perm()), "sudo chmod go-rwx %s", path)
		}
		if owner(info) != d.uid {
			d.tell(fmt.Sprintf("%s does not belong to %s", path, d.name), "sudo chown %s: %s", d.name, path)
		}
		return nil
	})
	if err != nil {
		d.tell(fmt.Sprintf("the state directory cannot be read: %v", err), "run doctor as root")
	}
	d.disk(folder)
}

// leastFree is how much room a state directory should have, in bytes.
const leastFree = 200 << 20

func (d *doctor) disk(folder string) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		d.tell(fmt.Sprintf("the disk of %s cannot be looked at: %v", folder, err), "")
		return
	}
	if free := int64(stat.Bavail) * int64(stat.Bsize); free < leastFree {
		d.tell(fmt.Sprintf("only %d MiB are free on the disk of %s", free>>20, folder), "make room, or give it a larger one; see docs/operations.md for what takes how much")
	}
	const readOnly = 1 // ST_RDONLY of statvfs(3)
	if stat.Flags&readOnly != 0 {
		d.tell(folder+" lies on a disk that is mounted read-only", "sudo mount -o remount,rw %s; a card that does this again is worn out", folder)
	}
}

func (d *doctor) source(ctx context.Context, s intake.Source) {
	switch s.Kind {
	case intake.KindJournald:
		d.journal(ctx, s)
	case intake.KindDrop:
		d.drop(s)
	case intake.KindFile:
		paths, err := filepath.Glob(s.Path)
		if err != nil || len(paths) == 0 {
			d.tell(fmt.Sprintf("source %s: there is no file %s", s.Name, s.Path), "check its path in the configuration; a file that comes later is fine")
		}
		for _, p := range paths {
			d.readable(s, p)
		}
	case intake.KindDir, intake.KindWazuh:
		d.readable(s, s.Path)
	}
}

// readable looks whether the worker may read a file and get to it.
func (d *doctor) readable(s intake.Source, path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.tell(fmt.Sprintf("source %s: %s does not exist", s.Name, path), "check its path in the configuration")
		return
	case err != nil:
		d.tell(fmt.Sprintf("source %s: %v", s.Name, err), "run doctor as root")
		return
	}
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		if at, err := os.Stat(folder); err == nil && !d.may(folder, at, 1) {
			d.tell(fmt.Sprintf("source %s: %s cannot enter %s", s.Name, d.name, folder), "sudo setfacl -m u:%s:rx %s", d.name, folder)
			return
		}
		if folder == filepath.Dir(folder) {
			break
		}
	}
	want := uint32(4)
	if info.IsDir() {
		want = 5
	}
	if !d.may(path, info, want) {
		mend, words := "sudo setfacl -m u:%s:r %s", []string{d.name, path}
		if g, err := user.LookupGroupId(strconv.FormatUint(uint64(group(info)), 10)); err == nil && uint32(info.Mode().Perm())>>3&want == want && g.Gid != "0" {
			mend, words = "sudo usermod -aG %s %s && sudo systemctl restart penstock", []string{g.Name, d.name}
		}
		d.tell(fmt.Sprintf("source %s: %s cannot read %s", s.Name, d.name, path), mend, words...)
	}
}

func (d *doctor) journal(ctx context.Context, s intake.Source) {
	if _, err := exec.LookPath("journalctl"); err != nil {
		d.tell(fmt.Sprintf("source %s: there is no journalctl on this machine", s.Name), "remove the source, or use one of kind file")
		return
	}
	if d.uid == 0 {
		return
	}
	for _, name := range []string{"systemd-journal", "adm"} {
		if g, err := user.LookupGroup(name); err == nil {
			if gid, err := strconv.ParseUint(g.Gid, 10, 32); err == nil && d.gids[uint32(gid)] {
				return
			}
		}
	}
	if d.serviceHas(ctx, "systemd-journal") {
		return
	}
	d.tell(fmt.Sprintf("source %s: %s is not in group systemd-journal and sees its own messages only", s.Name, d.name),
		"sudo usermod -aG systemd-journal %s && sudo systemctl restart penstock", d.name)
}

// serviceHas says whether the service gives the worker a group.
func (d *doctor) serviceHas(ctx context.Context, group string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	text, err := exec.CommandContext(ctx, "systemctl", "show", "--property=SupplementaryGroups", "penstock.service").Output()
	if err != nil {
		return false
	}
	_, list, _ := strings.Cut(strings.TrimSpace(string(text)), "=")
	for name := range strings.FieldsSeq(list) {
		if name == group {
			return true
		}
	}
	return false
}

func (d *doctor) drop(s intake.Source) {
	info, err := os.Stat(s.Path)
	if err != nil {
		d.tell(fmt.Sprintf("source %s: %v", s.Name, err), "sudo install -d -o %s -g penstock-drop -m 1730 %s", d.name, s.Path)
		return
	}
	if !d.may(s.Path, info, 7) {
		d.tell(fmt.Sprintf("source %s: %s cannot take files out of %s", s.Name, d.name, s.Path), "sudo chown %s %s && sudo chmod u+rwx %s", d.name, s.Path, s.Path)
	}
	if info.Mode().Perm()&0o044 != 0 {
		d.tell(fmt.Sprintf("source %s: others may list %s and read what is dropped there", s.Name, s.Path), "sudo chmod go-r %s", s.Path)
	}
	if info.Mode().Perm()&0o002 != 0 {
		d.tell(fmt.Sprintf("source %s: everybody may drop files into %s", s.Name, s.Path), "sudo chmod o-w %s", s.Path)
	}
}

// clockFrom is before any time that this program was there.
const clockFrom = 2025

func (d *doctor) clock() {
	if now := time.Now(); now.Year() < clockFrom {
		d.tell(fmt.Sprintf("the clock says %s", now.Format(time.RFC3339)), "sudo timedatectl set-ntp true; a Raspberry Pi has no clock of its own")
	}
}

// model looks whether each server of the model could be asked. Without one rules
// decide alone, and the worker tells nobody before it has a case.
func (d *doctor) model(ctx context.Context) {
	o := d.config.Model
	if len(o.Endpoints) == 0 {
		return
	}
	if info, err := os.Stat(o.TokenFile); err == nil && !d.may(o.TokenFile, info, 4) {
		d.tell(fmt.Sprintf("%s cannot read %s", d.name, o.TokenFile), "sudo chown %s %s && sudo chmod 600 %s", d.name, o.TokenFile, o.TokenFile)
	}
	client, err := llm.New(o)
	if err != nil {
		d.tell(err.Error(), "")
		return
	}
	for _, seen := range client.Inspect(ctx) {
		if seen.Err != nil {
			d.tell(seen.Err.Error()+"; until then rules decide alone", modelHint(llm.FaultOf(seen.Err), o.Name))
		}
	}
}

func (d *doctor) worker(ctx context.Context) {
	var s app.Status
	err := ask(ctx, d.config, app.CmdStatus, nil, &s)
	if err != nil {
		d.tell(fmt.Sprintf("the worker does not answer: %v", err), "sudo systemctl start penstock; `journalctl -u penstock` tells why it ended")
		return
	}
	for _, n := range s.Standing {
		d.tell(fmt.Sprintf("the worker says, since %s: %s", n.At.UTC().Format(time.RFC3339), n.Text), "")
	}
}

// may says whether the worker's user has rights (4 read, 2 write, 1 enter) on a
// path, by its mode; where that says no, the kernel is asked if it is us, since
// there may be an access list.
func (d *doctor) may(path string, info fs.FileInfo, want uint32) bool {
	mode := uint32(info.Mode().Perm())
	switch {
	case d.uid == 0:
		return true
	case owner(info) == d.uid:
		mode >>= 6
	case d.gids[group(info)]:
		mode >>= 3
	}
	if mode&want == want {
		return true
	}
	return d.uid == uint32(os.Geteuid()) && syscall.Access(path, want) == nil
}

func owner(info fs.FileInfo) uint32 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Uid
	}
	return 0
}

func group(info fs.FileInfo) uint32 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Gid
	}
	return 0
}
