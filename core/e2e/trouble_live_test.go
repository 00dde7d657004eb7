//go:build live

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"penstock/core/app"
	"penstock/core/config"
	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/logfile"
	"penstock/core/store"
)

// troubleSections are those of a worker that would act, with small limits.
func troubleSections(log string) string {
	return fmt.Sprintf(`sources:
  - {name: web1, kind: file, path: %s, trust: local}
site:
  assets:
    - {name: web1, zone: it}
actions:
  dry_run: false
  hosts: [web1]
store: {reserve_bytes: 2097152}
`, log)
}

// guessing are failed logins of one peer, enough for an order by the rules.
func guessing(peer string, n int) string {
	var b strings.Builder
	for i := range n {
		at := time.Now().Add(time.Duration(i-n) * 100 * time.Millisecond).UTC().Format(time.RFC3339Nano)
		fmt.Fprintf(&b, "%s web1 sshd[%d]: Failed password for root from %s port %d ssh2\n", at, 1000+i, peer, 30000+i)
	}
	return b.String()
}

func ordinary(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s web1 dhcpd: DHCPACK on 10.10.0.%d to 52:54:00:12:34:%02x via eth0\n", time.Now().UTC().Format(time.RFC3339Nano), i%200, i%200)
	}
	return b.String()
}

// paper is a log that a test writes to, and how many lines it has.
type paper struct {
	path  string
	lines uint64
}

func (p *paper) write(t *testing.T, text string) {
	t.Helper()
	file, err := os.OpenFile(p.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	p.lines += uint64(strings.Count(text, "\n"))
}

// fill leaves no room on a disk.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // what was written does not matter
	for _, n := range []int{1 << 20, 4096} {
		for err = nil; err == nil; {
			_, err = file.Write(make([]byte, n))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

// troubled says whether the worker tells of something that must not be, in words
// and by the exit code of status.
func (w *worker) troubled(words string) bool {
	text, err := w.run("status")
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 1 && strings.Contains(text, words)
}

// checkWhole ends the worker and looks at everything it keeps.
func (w *worker) checkWhole(t *testing.T, lines uint64) store.Start {
	t.Helper()
	w.stop(t)
	s, err := store.OpenReadOnly(t.Context(), w.state, store.DefaultOptions(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start, err := s.Start(t.Context(), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	if c := start.Totals["web1"]; c.Lines != lines || c.Suppressed+c.Attached+c.Forwarded != lines || c.Gaps != 0 {
		t.Errorf("counted %+v, want each of %d lines once and no gap", c, lines)
	}
	report, err := logfile.Verify(filepath.Join(w.state, "log"), "")
	if err != nil {
		t.Errorf("the log of records: %v", err)
	}
	if n, err := s.RecordCount(t.Context()); err != nil || uint64(n) != report.Records {
		t.Errorf("%d records in the store (%v), %d in the log", n, err, report.Records)
	}
	return start
}

// orders returns how many orders the worker has.
func (w *worker) orders(t *testing.T) int {
	t.Helper()
	s, err := store.OpenReadOnly(t.Context(), w.state, store.DefaultOptions(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := s.Orders(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestFullDiskIsWaitedFor fills the disk of the state directory while lines come.
func TestFullDiskIsWaitedFor(t *testing.T) {
	log := &paper{path: filepath.Join(t.TempDir(), "web1.log")}
	w := newWorker(t, troubleSections(log.path))
	if err := os.Mkdir(w.state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", w.state, "tmpfs", 0, "size=24m,mode=0700"); err != nil {
		t.Fatalf("mount a small disk (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(w.state, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	log.write(t, ordinary(2000)+guessing("198.51.100.1", 200))
	w.start(t)
	w.await(t, "web1", log.lines)
	before := w.orders(t)
	if before == 0 {
		t.Fatal("the worker orders nothing: this test shows nothing")
	}

	filler := filepath.Join(w.state, "filler")
	peer := 1
	eventually(t, "trouble", func() bool { // the reserve and what the database has left are used first
		fill(t, filler)
		peer++
		log.write(t, guessing(fmt.Sprintf("198.51.100.%d", peer), 100))
		return w.troubled("the disk is full")
	})
	eventually(t, "a disk that is full to the last", func() bool {
		fill(t, filler)
		return w.troubled("what was read cannot be stored")
	})
	before = w.orders(t)
	log.write(t, guessing("203.0.113.1", 200))
	for range 20 {
		if err := w.cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Fatalf("the worker has ended: %v", err)
		}
		if !w.troubled("the disk is full") {
			t.Fatal("the trouble is over with nothing made better")
		}
	}
	if n := w.orders(t); n != before {
		t.Errorf("%d orders while nothing can be stored", n-before)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	w.await(t, "web1", log.lines)
	eventually(t, "the end of the trouble", func() bool { _, err := w.run("status"); return err == nil })
	if n := w.orders(t); n <= before {
		t.Error("nothing is ordered after there is room")
	}
	start := w.checkWhole(t, log.lines)
	peers := map[string]int{}
	for _, h := range append(start.Book.Open, start.Book.Closed...) {
		peers[h.Value]++
	}
	for i := 1; i <= peer; i++ {
		if name := fmt.Sprintf("198.51.100.%d", i); peers[name] != 1 {
			t.Errorf("%d cases of %s, want 1", peers[name], name)
		}
	}
	if peers["203.0.113.1"] != 1 {
		t.Errorf("%d cases of who came while the disk was full, want 1", peers["203.0.113.1"])
	}
}

// TestReadOnlyDiskIsWaitedFor has an ext4 below the state directory turn read-only
// after an error, as a worn SD card does, and come back repaired.
func TestReadOnlyDiskIsWaitedFor(t *testing.T) {
	folder := t.TempDir()
	log := &paper{path: filepath.Join(folder, "web1.log")}
	w := newWorker(t, troubleSections(log.path))
	image := filepath.Join(folder, "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 128<<20); err != nil {
		t.Fatal(err)
	}
	must := func(name string, args ...string) string {
		t.Helper()
		text, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, text)
		}
		return strings.TrimSpace(string(text))
	}
	disk := filepath.Join(folder, "mounted")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	must("mkfs.ext4", "-q", image)
	mount := func() { must("mount", "-o", "loop,errors=remount-ro", image, disk) }
	mount()
	t.Cleanup(func() { _ = exec.Command("umount", "--lazy", disk).Run() }) // it may be unmounted
	w.state = filepath.Join(disk, "state")
	writeFile(t, w.config, "state_dir: "+w.state+"\n"+troubleSections(log.path))

	log.write(t, ordinary(2000)+guessing("198.51.100.1", 200))
	w.start(t)
	w.await(t, "web1", log.lines)
	device := filepath.Base(must("findmnt", "-n", "-o", "SOURCE", disk))
	if err := os.WriteFile(filepath.Join("/sys/fs/ext4", device, "trigger_fs_error"), []byte("a test"), 0o200); err != nil {
		t.Fatal(err)
	}
	log.write(t, guessing("198.51.100.2", 200))
	eventually(t, "trouble", func() bool { return w.troubled("read-only") })
	log.write(t, guessing("198.51.100.3", 200))
	for range 10 {
		if err := w.cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Fatalf("the worker has ended: %v", err)
		}
		if !w.troubled("read-only") {
			t.Fatal("the trouble is over with nothing made better")
		}
	}
	w.stop(t)
	must("umount", disk)
	_ = exec.Command("e2fsck", "-fy", image).Run() // it says 1: errors were corrected
	mount()
	w.start(t)
	w.await(t, "web1", log.lines)
	if _, err := w.run("status"); err != nil {
		t.Errorf("status after the repair: %v", err)
	}
	start := w.checkWhole(t, log.lines)
	if n := len(start.Book.Open); n < 3 {
		t.Errorf("%d open cases, want one of each of three peers", n)
	}
}

// peakOf returns the most memory that a process ever had, in bytes.
func peakOf(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("the kernel does not tell the most memory")
	return 0
}

// TestAMillionTemplatesBesideAnAttack floods one source with messages that were
// never seen before while somebody breaks in at another.
func TestAMillionTemplatesBesideAnAttack(t *testing.T) {
	folder := t.TempDir()
	flood, quiet := filepath.Join(folder, "flood.log"), &paper{path: filepath.Join(folder, "web1.log")}
	w := newWorker(t, fmt.Sprintf("sources:\n  - {name: flood, kind: file, path: %s, trust: local}\n  - {name: web1, kind: file, path: %s, trust: local}\n", flood, quiet.path))
	quiet.write(t, ordinary(2000))
	w.start(t)
	w.await(t, "web1", quiet.lines)
	const lines = 1_000_000
	if err := writeFlood(flood, lines); err != nil {
		t.Fatal(err)
	}
	counted := func() (n uint64) {
		s, _ := w.status()
		for _, src := range s.Sources {
			if src.Name == "flood" {
				n = src.Count.Lines
			}
		}
		return n
	}
	eventually(t, "the flood", func() bool { return counted() > lines/20 })
	quiet.write(t, guessing("203.0.113.66", 60)+time.Now().UTC().Format(time.RFC3339Nano)+" web1 sshd[9]: Accepted password for root from 203.0.113.66 port 4711 ssh2\n")
	eventually(t, "the case of the attack", func() bool {
		text, err := w.run("cases", "--from", "High")
		return err == nil && strings.Contains(text, "203.0.113.66")
	})
	if n := counted(); n >= lines {
		t.Error("the attack was told after the flood only")
	} else {
		t.Logf("the attack is told at line %d of the flood", n)
	}
	w.await(t, "flood", lines)
	peak := peakOf(t, w.cmd.Process.Pid)
	t.Logf("the worker had %.1f MiB at most", float64(peak)/(1<<20))
	if peak > 256<<20 {
		t.Errorf("%d bytes of memory", peak)
	}
	// What the other source has is still known: nothing of it is new.
	before, _ := w.status()
	quiet.write(t, ordinary(1000))
	w.await(t, "web1", quiet.lines)
	after, _ := w.status()
	of := func(s app.Status) uint64 {
		i := slices.IndexFunc(s.Sources, func(x app.SourceStatus) bool { return x.Name == "web1" })
		return s.Sources[i].Count.Forwarded + s.Sources[i].Count.Attached
	}
	if n := of(after) - of(before); n != 0 {
		t.Errorf("%d of 1000 ordinary lines are news after the flood", n)
	}
	w.stop(t)
}

// writeFlood writes messages that have next to nothing in common.
func writeFlood(path string, n int) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	words := func(i int) string {
		var b strings.Builder
		for x := i*2654435761 + 12345; b.Len() < 40; x = x*1103515245 + 12345 {
			b.WriteByte(byte('a' + (x>>16)&15))
			if x>>20&3 == 0 {
				b.WriteByte(' ')
			}
		}
		return b.String()
	}
	for i := range n {
		fmt.Fprintf(out, "%s dev%d prog%d: %s\n", time.Now().UTC().Format(time.RFC3339Nano), i%50, i%977, words(i))
	}
	return errors.Join(out.Flush(), file.Close())
}

// TestAYearStaysWithinItsLimits lets a year go by on an injected clock: a few
// hundred lines a day, attacks, a rotation at midnight, small limits.
func TestAYearStaysWithinItsLimits(t *testing.T) {
	folder := t.TempDir()
	log := &paper{path: filepath.Join(folder, "web1.log")}
	c := config.Default()
	c.StateDir = filepath.Join(folder, "state")
	c.Store.MaxBytes, c.Store.ReserveBytes, c.Store.KeepDays = 16<<20, 1<<20, 30
	c.Spool.MaxBytes = 1 << 20
	c.LogFile = logfile.Options{SegmentBytes: 1 << 20, KeepBytes: 4 << 20, KeepDays: 365}
	c.Sources = intake.Options{{Name: "web1", Kind: intake.KindFile, Path: log.path, Trust: event.Local}}
	var now atomic.Int64
	now.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	clock := func() time.Time { return time.Unix(0, now.Load()).UTC() }
	// What snapshots take is bounded by their number: two, and one a day for a week.
	const snapshots, most = 9, 16<<20 + 16<<20/4 + 1<<20 + 1<<20 + 4<<20 + 2<<20

	var largest, learnt int64
	for day := range 365 {
		ctx, stop := context.WithCancel(t.Context())
		w, err := app.NewWorker(ctx, app.WorkerOptions{
			Config: c, Version: "test", Log: slog.New(slog.DiscardHandler), Now: clock, Poll: 5 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }() // which looks after retention when it begins
		text := dayLines(clock(), day)
		log.write(t, text)
		eventually(t, fmt.Sprintf("day %d", day), func() bool {
			now.Add(int64(time.Second)) // so that what waits for a time comes
			s := w.Status(ctx)
			return s.Sources[0].Count.Lines == log.lines && s.Queue.Waiting == 0 && s.Outbox["log"] == 0
		})
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		all, snaps := sizes(t, c.StateDir)
		largest, learnt = max(largest, all-snaps), max(learnt, snaps)
		if all-snaps > most {
			t.Fatalf("day %d: the state directory takes %d bytes beside its snapshots, want at most %d", day, all-snaps, most)
		}
		rotateDaily(t, log.path)
		now.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day+1).UnixNano())
	}
	left, err := filepath.Glob(filepath.Join(c.StateDir, "sift", "*"))
	if err != nil || len(left) > snapshots {
		t.Errorf("%d snapshots are kept, %v", len(left), err)
	}
	if _, err := logfile.Verify(filepath.Join(c.StateDir, "log"), ""); err != nil {
		t.Error(err)
	}
	t.Logf("%d lines in a year; the state directory took %.1f MiB at most, and %.1f MiB of snapshots", log.lines, float64(largest)/(1<<20), float64(learnt)/(1<<20))
}

// dayLines are the lines of one day: ordinary ones, new ones, and attackers.
func dayLines(day time.Time, n int) string {
	var b strings.Builder
	say := func(i int, format string, args ...any) {
		fmt.Fprintf(&b, "%s web1 "+format+"\n", append([]any{day.Add(time.Duration(i) * time.Second).Format(time.RFC3339)}, args...)...)
	}
	for i := range 300 {
		say(i, "dhcpd: DHCPACK on 10.10.0.%d to 52:54:00:12:34:%02x via eth0", i%200, i%200)
	}
	for i := range 40 {
		for k := range 6 {
			say(300+i, "sshd[%d]: Failed password for root from 10.%d.%d.%d port %d ssh2", k, n/250, n%250, i, 1024+k)
		}
	}
	say(400, "sshd[9]: Accepted password for root from 10.%d.%d.1 port 4711 ssh2", n/250, n%250)
	say(401, "app%d: module%d reports what nobody has seen before %d", n%40, n, n)
	return b.String()
}

// rotateDaily moves the log to .1, and what was there away.
func rotateDaily(t *testing.T, path string) {
	t.Helper()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
}

// sizes returns the bytes below a state directory and how many of them are snapshots.
func sizes(t *testing.T, folder string) (all, snapshots int64) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all += info.Size()
		if strings.HasSuffix(path, ".snap") {
			snapshots += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, snapshots
}
