//go:build live

package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/cases"
	"penstock/core/logfile"
	"penstock/core/store"
)

// Sizes of the tests that kill the worker.
const (
	killLines = 100_000
	kills     = 200
	killPeers = 40 // attackers, each of whom makes one case
)

// killLine is line i of what the paced writer sends: ordinary life, and a few
// attackers who guess passwords.
func killLine(i int) string {
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(i) * 20 * time.Millisecond).Format(time.RFC3339Nano)
	switch {
	case i > 5000 && i%50 == 7:
		peer := i / 50 % killPeers
		return fmt.Sprintf("%s web1 sshd[%d]: Failed password for invalid user oper%d from 203.0.113.%d port %d ssh2", at, 1000+i, i%5, peer+1, 30000+i%9000)
	case i%3 == 0:
		return fmt.Sprintf("%s web1 dhcpd: DHCPACK on 10.10.0.%d to 52:54:00:12:34:%02x via eth0", at, i%200, i%200)
	}
	return fmt.Sprintf("%s web1 app[77]: request %d handled in %d ms", at, i, i%90)
}

// TestKilledWorkerLosesAndDoublesNothing kills the worker at random moments while
// a paced writer sends lines through a file that is rotated every few seconds.
func TestKilledWorkerLosesAndDoublesNothing(t *testing.T) {
	folder := t.TempDir()
	log := filepath.Join(folder, "web1.log")
	w := newWorker(t, fmt.Sprintf("sources:\n  - {name: web1, kind: file, path: %s, trust: local}\n", log))
	// A file that was moved away is looked at for a second before the next is read.
	killWhile(t, w, 1600*time.Millisecond, func(ctx context.Context, pace func()) error { return writeRotated(ctx, log, pace) })
	checkKilled(t, w, "web1")

	calm := newWorker(t, fmt.Sprintf("sources:\n  - {name: web1, kind: file, path: %s, trust: local}\n", filepath.Join(folder, "calm.log")))
	if err := os.WriteFile(filepath.Join(folder, "calm.log"), killText(0, killLines), 0o600); err != nil {
		t.Fatal(err)
	}
	calm.start(t)
	calm.await(t, "web1", killLines)
	calm.stop(t)
	if diff := cmp.Diff(calm.caseLines(t), w.caseLines(t)); diff != "" {
		t.Errorf("cases of a worker that nobody kills (-calm +killed):\n%s", diff)
	}
}

// TestKilledWorkerTakesEachDroppedFileOnce is the same with files that are dropped.
func TestKilledWorkerTakesEachDroppedFileOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "drop")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorker(t, fmt.Sprintf("sources:\n  - {name: web1, kind: drop, path: %s, trust: local}\n", folder))
	killWhile(t, w, 400*time.Millisecond, func(ctx context.Context, pace func()) error {
		for from := 0; from < killLines; from += 50 {
			hidden := filepath.Join(folder, fmt.Sprintf(".%06d", from))
			if err := os.WriteFile(hidden, killText(from, from+50), 0o600); err != nil {
				return err
			}
			if err := os.Rename(hidden, filepath.Join(folder, fmt.Sprintf("%06d.log", from))); err != nil {
				return err
			}
			for range 50 {
				pace()
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return nil
	})
	checkKilled(t, w, "web1")
}

// TestKilledWorkerTakesEachJournalEntryOnce is the same with a journal of its own,
// which is rotated while the writer is at it, and vacuumed of what was read.
func TestKilledWorkerTakesEachJournalEntryOnce(t *testing.T) {
	j := startJournal(t)
	w := newWorker(t, fmt.Sprintf("sources:\n  - {name: web1, kind: journald, namespace: %s, trust: local}\n", j.name))
	conn, err := net.Dial("unixgram", j.socket())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send := func(i int) error {
		_, message, _ := strings.Cut(killLine(i), " web1 ")
		_, err := conn.Write([]byte("<13>" + message))
		return err
	}
	killWhile(t, w, 1600*time.Millisecond, func(ctx context.Context, pace func()) error {
		for i := range killLines {
			if err := send(i); err != nil {
				return err
			}
			if i%10_000 == 9999 {
				if err := j.ctl("--rotate"); err != nil {
					return err
				}
			}
			pace()
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		return nil
	})
	checkJournal(t, w, j)
	kept := attacks(w.caseLines(t))
	if err := j.ctl("--vacuum-files=2"); err != nil {
		t.Fatal(err)
	}
	w.start(t)
	w.await(t, "web1", killLines)
	w.stop(t)
	if diff := cmp.Diff(kept, attacks(w.caseLines(t))); diff != "" {
		t.Errorf("cases after the journal was vacuumed (-before +after):\n%s", diff)
	}
	if count := w.totals(t)["web1"]; count.Gaps != 0 || count.Lines > killLines+1000 {
		t.Errorf("after the journal was vacuumed: %+v", count)
	}
}

// attacks leaves out the cases of what is only new, such as the daemon's last words.
func attacks(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, " novelty ") })
}

// checkJournal lets the worker come to the end of the journal. The daemon has a few
// lines of its own to say, the last when it ends because nothing more comes.
func checkJournal(t *testing.T, w *worker, j *journal) {
	t.Helper()
	w.start(t)
	w.await(t, "web1", killLines+j.ownEntries(t, killLines))
	before := j.ownEntries(t, killLines)
	w.await(t, "web1", killLines+before)
	w.stop(t)
	after := j.ownEntries(t, killLines)
	counted := w.totals(t)["web1"].Lines
	if counted < killLines+before || counted > killLines+after {
		t.Errorf("counted %d lines, want %d and the daemon's own: %d before the worker was stopped, %d after", counted, killLines, before, after)
	}
	checkStored(t, w, "web1", counted)
}

func killText(from, to int) []byte {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		b.WriteString(killLine(i))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// writeRotated writes all lines to a file that is moved away and begun anew every
// few thousand lines, its older ones packed with gzip.
func writeRotated(ctx context.Context, path string, pace func()) error {
	const each = 4000
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for i := range killLines {
		if i > 0 && i%each == 0 {
			if err := file.Close(); err != nil {
				return err
			}
			if file, err = rotate(path); err != nil {
				return err
			}
		}
		line := killLine(i) + "\n"
		if i%1000 == 500 { // a line that is there in two pieces
			if _, err := file.WriteString(line[:30]); err != nil {
				return err
			}
			pace()
			line = line[30:]
		}
		if _, err := file.WriteString(line); err != nil {
			return err
		}
		pace()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return file.Close()
}

// rotate moves the file to .1, .1 to .2.gz and so on, as logrotate does with
// delaycompress, and opens a new one.
func rotate(path string) (*os.File, error) {
	for n := killLines / 1000; n >= 2; n-- { // none goes, however far the worker lags behind
		if err := os.Rename(fmt.Sprintf("%s.%d.gz", path, n), fmt.Sprintf("%s.%d.gz", path, n+1)); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	if content, err := os.ReadFile(path + ".1"); err == nil {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(content); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		info, err := os.Stat(path + ".1")
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(path+".2.gz", packed.Bytes(), 0o600); err != nil {
			return nil, err
		}
		if err := os.Chtimes(path+".2.gz", info.ModTime(), info.ModTime()); err != nil {
			return nil, err
		}
	}
	if err := os.Rename(path, path+".1"); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
}

// killWhile runs the writer and kills the worker while it is at it, as often as
// the writer's pace makes room for, after lives of up to longest.
func killWhile(t *testing.T, w *worker, longest time.Duration, write func(ctx context.Context, pace func()) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)

	steps := make(chan struct{}, killLines/kills) // the writer is let go on from kill to kill
	written := make(chan error, 1)
	go func() { written <- write(ctx, func() { <-steps }) }()
	for i := range kills {
		w.start(t)
		life := time.Duration(random.Int64N(int64(longest)))
		ends := time.Now().Add(life)
		for range killLines / kills {
			steps <- struct{}{}
		}
		time.Sleep(time.Until(ends)) // the moment of the kill is what is random, and no check waits for it
		w.kill(t)
		if i%20 == 19 {
			t.Logf("after %d kills: %s", i+1, w.counted(t))
		}
	}
	go func() {
		for ctx.Err() == nil {
			select {
			case steps <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}()
	if err := <-written; err != nil {
		t.Fatalf("the writer: %v", err)
	}
}

// counted says how far a worker that does not run has come.
func (w *worker) counted(t *testing.T) string {
	t.Helper()
	s, err := store.OpenReadOnly(t.Context(), w.state, store.DefaultOptions(), time.Now)
	if err != nil {
		return err.Error() // it was killed before there was one
	}
	defer s.Close()
	start, err := s.Start(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%+v, %d steps since snapshot %q", start.Totals, len(start.Steps), start.Snapshot)
}

// totals returns what a worker that does not run has counted.
func (w *worker) totals(t *testing.T) map[string]store.Count {
	t.Helper()
	s, err := store.OpenReadOnly(t.Context(), w.state, store.DefaultOptions(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start, err := s.Start(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return start.Totals
}

// checkKilled lets the worker come to the end and looks at everything it keeps.
func checkKilled(t *testing.T, w *worker, source string) {
	t.Helper()
	w.start(t)
	w.await(t, source, killLines)
	w.stop(t)
	checkStored(t, w, source, killLines)
}

// checkStored looks at everything that a worker keeps which does not run.
func checkStored(t *testing.T, w *worker, source string, lines uint64) {
	t.Helper()
	s, err := store.OpenReadOnly(t.Context(), w.state, store.DefaultOptions(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start, err := s.Start(t.Context(), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	count := start.Totals[source]
	if count.Lines != lines || count.Suppressed+count.Attached+count.Forwarded != lines || count.Gaps != 0 {
		t.Errorf("counted %+v, want %d lines and no gap", count, lines)
	}
	checkAttackers(t, append(start.Book.Open, start.Book.Closed...))
	report, err := logfile.Verify(filepath.Join(w.state, "log"), "")
	if err != nil {
		t.Errorf("the log of records: %v", err)
	}
	n, err := s.RecordCount(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.Records != uint64(n) || n == 0 {
		t.Errorf("%d records in the log, %d in the store", report.Records, n)
	}
}

// checkAttackers wants one case of each attacker.
func checkAttackers(t *testing.T, all []cases.HeldState) {
	t.Helper()
	peers := map[string]int{}
	for _, h := range all {
		if h.Kind == "peer" && strings.HasPrefix(h.Value, "203.0.113.") {
			peers[h.Value]++
		}
	}
	for peer, n := range peers {
		if n != 1 {
			t.Errorf("%d cases of %s, want 1", n, peer)
		}
	}
	if len(peers) != killPeers {
		t.Errorf("cases of %d attackers, want %d", len(peers), killPeers)
	}
}
