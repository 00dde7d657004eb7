package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/policy"
	"penstock/core/record"
	"penstock/core/store"
)

// comparable leaves out of kept what depends on how revisions of a case happen to
// be worked together.
func (k kept) comparable() kept {
	k.Records, k.Logged = 0, 0
	return k
}

// whole checks what has to fit together in everything that is kept.
func (k kept) whole(t testing.TB, lines uint64) {
	t.Helper()
	if k.Lines != lines || k.Suppressed+k.Attached+k.Forwarded != lines || k.Gaps != 0 {
		t.Errorf("%d lines (%d suppressed, %d attached, %d forwarded) and %d gaps, want each of %d once", k.Lines, k.Suppressed, k.Attached, k.Forwarded, k.Gaps, lines)
	}
	if k.Records != k.Logged {
		t.Errorf("%d records in the store, %d in the log; cases %v", k.Records, k.Logged, k.Cases)
	}
}

// TestClockJumps sets the clock an hour back and a day forward between lines.
func TestClockJumps(t *testing.T) {
	s := actingSite(t)
	c := clockAt(attackEnds())
	s.now = c.now
	s.write(attackDay())
	w := s.start()
	w.settled(lineCount(attackDay()))
	medium := casesOf(t, w)[0].Case
	lines := lineCount(attackDay())
	more := func(text string) {
		t.Helper()
		lines += lineCount(text)
		w.more(s, text)
	}
	c.jump(-time.Hour)
	more(guesses(c.now(), "203.0.113.40", 8))
	if got := s.lastOf(casesNamed(t, w, "203.0.113.40")); got.Severity != "Medium" || got.Problem != record.ProblemOwn {
		t.Errorf("an hour back: %+v, want a problem of Medium", got)
	}
	more(strings.ReplaceAll(guesses(c.now(), "203.0.113.41", 8), "for root", "for operator") + c.now().Format(time.RFC3339) +
		" gw1 sshd[9]: Accepted password for operator from 203.0.113.41 port 4000 ssh2\n")
	grave := casesNamed(t, w, "203.0.113.41")
	c.jump(25 * time.Hour)
	eventually(t, "the end of what is quiet", func() bool { return s.lastOf(medium).Status == "closed" })
	more(guesses(c.now(), "203.0.113.42", 8))
	if got := s.lastOf(grave); got.Status != "open" || got.Severity != "High" {
		t.Errorf("a day forward: %+v, want the grave case open", got)
	}
	if got := s.lastOf(casesNamed(t, w, "203.0.113.42")); got.Severity != "Medium" || got.Problem != record.ProblemOwn {
		t.Errorf("a day forward: %+v, want a problem of Medium", got)
	}
	c.jump(-24 * time.Hour)
	more(guesses(c.now(), "203.0.113.43", 8))
	casesNamed(t, w, "203.0.113.43")
	must(t, w.end())
	k := s.kept()
	k.whole(t, lines)
	w = s.start()
	w.settled(lines)
	must(t, w.end())
	if diff := cmp.Diff(k, s.kept()); diff != "" {
		t.Errorf("a second start (-before +after):\n%s", diff)
	}
}

// TestSourceVanishesAndComesBack takes the file away, puts something in its place
// that cannot be read, and brings a file back.
func TestSourceVanishesAndComesBack(t *testing.T) {
	s, c := judgedSite(t)
	text := guesses(c.now(), "203.0.113.1", 20)
	s.write(text)
	w := s.start()
	w.settled(20)
	must(t, os.Remove(s.log))
	must(t, os.Mkdir(s.log, 0o700))
	eventually(t, "the error of the source", func() bool { return w.reader.States()[0].Err != "" })
	w.lookAtSources()
	if text := w.standing(NoticeIntake); !strings.Contains(text, "gw1 cannot be read") {
		t.Errorf("it stands %q", text)
	}
	if st := w.Status(t.Context()); st.State != StateTroubled || !strings.Contains(st.Text(), "error:") {
		t.Errorf("status:\n%s", st.Text())
	}
	must(t, os.Remove(s.log))
	w.more(s, guesses(c.now().Add(time.Minute), "203.0.113.2", 30))
	eventually(t, "the end of the error", func() bool { return w.reader.States()[0].Err == "" })
	w.lookAtSources()
	if text := w.standing(NoticeIntake); text != "" {
		t.Errorf("it still stands %q", text)
	}
	must(t, w.end())
	k := s.kept()
	k.whole(t, 50)
}

// files returns a hash of each file below a folder but the lock.
func files(t testing.TB, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" || d.Name() == "control.sock" {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = fmt.Sprintf("%d bytes, %x", len(content), sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDamagedDatabaseIsRefused wants a clear error and everything left as it was.
func TestDamagedDatabaseIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		damage func(content []byte) []byte
	}{
		{"- another file", func([]byte) []byte { return []byte(strings.Repeat("this is no database\n", 1000)) }},
		{"- empty", func([]byte) []byte { return nil }},
		{"- its beginning is gone", func(b []byte) []byte { return append(make([]byte, 512), b[512:]...) }},
		{"- its end is gone", func(b []byte) []byte { return b[:len(b)/2] }},
		{"- zeros in its middle", func(b []byte) []byte {
			for i := 4096; i < len(b); i++ {
				b[i] = 0
			}
			return b
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := actingSite(t)
			runTo(s, attackDay())
			path := filepath.Join(s.config.StateDir, "penstock.db")
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			must(t, os.WriteFile(path, test.damage(content), 0o600))
			before := files(t, s.config.StateDir)
			_, err = NewWorker(t.Context(), WorkerOptions{Config: s.config, Log: slog.New(slog.DiscardHandler), Now: s.now})
			if !errors.Is(err, store.ErrBroken) || !strings.Contains(err.Error(), "restore a backup") {
				t.Errorf("error %v, want %v", err, store.ErrBroken)
			}
			if diff := cmp.Diff(before, files(t, s.config.StateDir)); diff != "" {
				t.Errorf("the damaged state was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestTornFilesAtStart is a start after a power cut that left half a block in the
// spool and half a line in the log of records.
func TestTornFilesAtStart(t *testing.T) {
	s, c := judgedSite(t)
	drop := filepath.Join(filepath.Dir(s.log), "drop")
	must(t, os.Mkdir(drop, 0o700))
	s.config.Sources = intake.Options{{Name: "gw1", Kind: intake.KindDrop, Path: drop, Trust: event.Local}}
	put := func(name, text string) {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(drop, "."+name), []byte(text), 0o600))
		must(t, os.Rename(filepath.Join(drop, "."+name), filepath.Join(drop, name)))
	}
	put("a.log", guesses(c.now(), "203.0.113.1", 40))
	s.fault = func(step string) error { // what waits in the spool is there until a snapshot knows it
		if step == "snapshot.file" {
			return errDied
		}
		return nil
	}
	w := s.start()
	w.settled(40)
	must(t, w.end())
	for _, pattern := range []string{"spool/*.seg", "log/records-*"} {
		paths, err := filepath.Glob(filepath.Join(s.config.StateDir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		var path string
		var content []byte
		for _, one := range paths { // the last one with something in it
			text, err := os.ReadFile(one)
			if err != nil {
				t.Fatal(err)
			}
			if len(text) > 0 {
				path, content = one, text
			}
		}
		if path == "" {
			t.Fatalf("nothing in %v", paths)
		}
		must(t, os.WriteFile(path, append(content, content[:min(50, len(content)/2)]...), 0o600))
	}
	s.fault = nil
	put("b.log", guesses(c.now().Add(time.Minute), "203.0.113.2", 40))
	w = s.start()
	w.settled(80)
	must(t, w.end())
	k := s.kept()
	k.whole(t, 80)
	if len(k.Cases) != 2 {
		t.Errorf("cases %v, want one of each peer", k.Cases)
	}
}

// TestDamagedSnapshotIsToldAndDoneWithout damages what was learnt: an earlier
// snapshot takes its place, or none, and nothing is counted twice.
func TestDamagedSnapshotIsToldAndDoneWithout(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage int // so many of the newest
		want   string
	}{
		{"- the newest", 1, "what was learnt since snapshot"},
		{"- all", 100, "what was learnt is lost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := actingSite(t)
			runTo(s, attackDay())
			w := s.start()
			w.more(s, guesses(s.now(), "203.0.113.7", 5))
			must(t, w.end())
			paths, err := filepath.Glob(filepath.Join(s.config.StateDir, "sift", "*.snap"))
			if err != nil || len(paths) < 2 {
				t.Fatalf("snapshots %v, %v, want two", paths, err)
			}
			slices.Reverse(paths)
			for _, path := range paths[:min(test.damage, len(paths))] {
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				content[len(content)/2] ^= 1
				must(t, os.WriteFile(path, content, 0o600))
			}
			before := s.kept()
			w = s.start()
			recent, _ := w.board.Recent()
			if !slices.ContainsFunc(recent, func(n store.Notice) bool { return n.Severity == event.High && strings.Contains(n.Text, test.want) }) {
				t.Errorf("nothing tells %q: %v", test.want, recent)
			}
			w.more(s, guesses(s.now(), "203.0.113.8", 10))
			must(t, w.end())
			k := s.kept()
			k.whole(t, before.Lines+10)
			if len(k.Cases) <= len(before.Cases) {
				t.Errorf("cases %v, want one more than before", k.Cases)
			}
			w = s.start() // the next start has a good one
			recent, _ = w.board.Recent()
			if slices.ContainsFunc(recent, func(n store.Notice) bool { return n.Severity == event.High }) {
				t.Errorf("told again: %v", recent)
			}
			must(t, w.end())
		})
	}
}

// TestASinkThatFailsForAWhile holds nobody else up and gets everything once, in
// order, when it takes records again; also when it took some and said it had not.
func TestASinkThatFailsForAWhile(t *testing.T) {
	s := actingSite(t)
	open := make(chan struct{})
	sick := &keeping{fails: func(int) error {
		select {
		case <-open:
			return nil
		default:
			return errors.New("nobody answers")
		}
	}}
	s.sinks = []Sink{sick}
	s.write(attackDay())
	w := s.start()
	eventually(t, "records in the log", func() bool {
		n, err := w.store.OutboxLen(t.Context(), "log")
		return err == nil && n == 0 && w.logfile.LastSeq() >= 2
	})
	eventually(t, "the notice", func() bool { return strings.Contains(w.standing(NoticeStore), "cannot be handed to keeping") })
	if len(sick.seqs()) != 0 {
		t.Errorf("it has taken %v", sick.seqs())
	}
	s.write(guesses(s.now(), "203.0.113.3", 20))
	eventually(t, "further records in the log", func() bool { return w.logfile.LastSeq() >= 3 })
	close(open)
	w.settled(lineCount(attackDay()) + 20)
	eventually(t, "the end of the notice", func() bool { return w.standing(NoticeStore) == "" })
	must(t, w.end())
	var want []uint64
	for _, r := range s.logged() {
		want = append(want, r.Seq)
	}
	if diff := cmp.Diff(want, sick.seqs()); diff != "" {
		t.Errorf("records of the log and of the sink that failed (-log +sink):\n%s", diff)
	}
}

// TestStopAtRandomMoments ends the worker again and again while lines come.
func TestStopAtRandomMoments(t *testing.T) {
	text := attackDay()
	for i := range 12 {
		text += guesses(attackEnds(), fmt.Sprintf("203.0.113.%d", i), 9)
	}
	calm, s := actingSite(t), actingSite(t)
	for _, site := range []*place{calm, s} {
		// Revisions that are worked one by one may have an order each: no limit may decide
		// which of these are seen.
		site.config.Policy.Limits = policy.Limits{Worker: 1000, Source: 1000, Target: 1000, Raises: 1000}
	}
	runTo(calm, text)
	want := calm.kept()

	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 2))
	t.Logf("seed %d", seed)
	for rest := []byte(text); len(rest) > 0; {
		w := s.start()
		for range random.IntN(4) {
			n := min(random.IntN(12000), len(rest)) // also in the middle of a line
			s.write(string(rest[:n]))
			rest = rest[n:]
			time.Sleep(time.Duration(random.IntN(6)) * time.Millisecond) // the moment of the end is what is random
		}
		must(t, w.end())
	}
	w := s.start()
	w.settled(lineCount(text))
	must(t, w.end())
	got := s.kept()
	got.whole(t, lineCount(text))
	got.Told, want.Told = nil, nil // a record each, likewise
	for _, k := range []*kept{&got, &want} {
		slices.Sort(k.Orders)
		k.Orders = slices.Compact(k.Orders)
	}
	if diff := cmp.Diff(want.comparable(), got.comparable()); diff != "" {
		t.Errorf("(-calm +stopped)\n%s", diff)
	}
}

// TestStoppedWhileNothingCanBeStored ends a worker whose last batch was stored
// without its knowing, with more lines behind it.
func TestStoppedWhileNothingCanBeStored(t *testing.T) {
	s := actingSite(t)
	failing := make(chan struct{})
	stuck := make(chan struct{}, 100)
	s.fault = func(step string) error {
		if step != "T1.after" {
			return nil
		}
		select {
		case <-failing:
			return nil
		default:
			stuck <- struct{}{}
			return errDied
		}
	}
	s.write(attackDay())
	w := s.start()
	<-stuck
	s.write(guesses(s.now(), "203.0.113.3", 400)) // which waits behind the batch
	<-stuck
	w.stop()
	close(failing)
	must(t, <-w.ended)
	w = s.start()
	w.settled(lineCount(attackDay()) + 400)
	must(t, w.end())
	k := s.kept()
	k.whole(t, lineCount(attackDay())+400)
}

// TestATroubleIsOverWhenThatIsStored lets verdicts fail while everything else is
// stored: the notices of cases end with their cause.
func TestATroubleIsOverWhenThatIsStored(t *testing.T) {
	s, c := judgedSite(t)
	c.jump(16 * time.Hour)
	full := make(chan struct{})
	s.fault = func(step string) error {
		select {
		case <-full:
			return nil
		default:
			if step == "T2.record" {
				return errDied
			}
			return nil
		}
	}
	s.write(day())
	w := s.start()
	eventually(t, "the notice of the grave case, from memory", func() bool {
		_, all := w.board.Recent()
		return slices.ContainsFunc(all, func(n store.Notice) bool {
			return strings.Contains(n.Text, "cannot be stored: ") && strings.HasPrefix(n.Text, "case ")
		})
	})
	close(full)
	w.settled(lineCount(day()))
	eventually(t, "the end of all trouble", func() bool { return w.Status(t.Context()).State == StateWorking })
	must(t, w.end())
}

// A8: a flood of cases gives 50 problems, one that stands for the rest, and at most
// twelve records of a case and hour; also of the one that stands for the rest.
func TestAFloodOfCasesIsBoundedBeforePeople(t *testing.T) {
	s, c := judgedSite(t)
	const cases = 600
	var text bytes.Buffer
	text.WriteString(attackDay())
	for i := range cases {
		line := guesses(c.now(), fmt.Sprintf("172.%d.%d.9", 16+i/250, i%250), 4)
		text.WriteString(strings.ReplaceAll(line, " gw1 ", fmt.Sprintf(" host%d ", i%200)))
	}
	s.write(text.String())
	w := s.start()
	w.settled(lineCount(text.String()))
	eventually(t, "what is told of the rest", func() bool {
		told, err := w.store.Records(t.Context(), w.sharedCase(), 1)
		return err == nil && len(told) == 1 && w.rests()
	})
	must(t, w.end())
	checkFlood(t, s, cases)

	// A restart knows how many share a problem, and tells when they are over.
	after, err := NewWorker(t.Context(), WorkerOptions{Config: s.config, Log: slog.New(slog.DiscardHandler), Now: s.now})
	must(t, err)
	if len(after.slots.shared) != len(w.slots.shared) || after.slots.told != w.slots.told {
		t.Errorf("after a restart %d cases share a problem and %+v is told, before %d and %+v",
			len(after.slots.shared), after.slots.told, len(w.slots.shared), w.slots.told)
	}
	must(t, after.Close())
	w = s.start()
	c.jump(2 * time.Hour)
	eventually(t, "the end of every case", func() bool {
		open, err := w.store.Cases(t.Context(), store.Filter{OpenOnly: true, Limit: 1})
		work, err2 := w.store.Work(t.Context())
		return err == nil && err2 == nil && len(open)+len(work) == 0 && w.rests()
	})
	c.jump(time.Hour / recordsPerHour) // before which it is not told again
	eventually(t, "the end of what is told of the rest", func() bool {
		last, err := w.store.Records(t.Context(), w.sharedCase(), 1)
		return err == nil && len(last) == 1 && last[0].Status == "closed"
	})
	must(t, w.end())
}

// checkFlood looks at what was told within the hour of so many cases.
func checkFlood(t *testing.T, s *place, cases int) {
	t.Helper()
	own, records := map[string]bool{}, map[string]int{}
	for _, r := range s.logged() {
		records[r.Case]++
		if r.Problem == record.ProblemOwn {
			own[r.Case] = true
		}
	}
	if len(records) < cases || len(own) > problemsPerSite+1 {
		t.Errorf("%d cases, %d of them with a problem of their own, want at most 51", len(records), len(own))
	}
	for id, n := range records {
		if n > recordsPerHour {
			t.Errorf("case %s has %d records in an hour", id, n)
		}
	}
}

// TestStdinRunDoesNotWaitForWhatIsHeldBack ends with its input, also when a case has
// had its records of the hour.
func TestStdinRunDoesNotWaitForWhatIsHeldBack(t *testing.T) {
	s, c := judgedSite(t)
	w := s.start()
	w.queue.Add(store.Work{Case: "site-w1-1", Revision: 1, Floor: event.Low, NotBefore: c.now().Add(5 * time.Minute)})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w.drain(ctx)
	if ctx.Err() != nil {
		t.Error("it waits")
	}
	must(t, w.end())
}
