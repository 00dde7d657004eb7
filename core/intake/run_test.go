package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/spool"
)

// patience is how long a test waits for what should come soon.
const patience = 30 * time.Second

func openSpool(t *testing.T, o spool.Options) *spool.Spool {
	t.Helper()
	s, err := spool.Open(filepath.Join(t.TempDir(), "spool"), o, time.Now)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// running is a Reader that runs, with what it handed over.
type running struct {
	t      *testing.T
	r      *Reader
	stop   context.CancelFunc
	ended  chan error
	taken  chan struct{} // closed when all chunks are there
	mu     sync.Mutex
	chunks []Chunk
}

func start(t *testing.T, o Options, e Env, before []Chunk) *running {
	t.Helper()
	r, err := Open(o, e)
	must(t, err)
	return startReader(t, r, before)
}

func startReader(t *testing.T, r *Reader, before []Chunk) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	run := &running{t: t, r: r, stop: stop, ended: make(chan error, 1), taken: make(chan struct{}), chunks: before}
	out := make(chan Chunk)
	go func() {
		run.ended <- r.Run(ctx, maps.Clone(cursorsAfter(t, before)), out)
		close(out)
	}()
	go func() {
		defer close(run.taken)
		for c := range out {
			run.mu.Lock()
			run.chunks = append(run.chunks, c)
			run.mu.Unlock()
		}
	}()
	t.Cleanup(func() { stop() })
	return run
}

func (r *running) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return textIn(r.chunks)
}

// until waits for something to become true.
func (r *running) until(what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s: not within %s; states %+v; text %.2000q", what, patience, r.r.States(), r.text())
		}
	}
}

func (r *running) wantText(want string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); r.text() != want && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	if diff := sameLines(want, r.text()); diff != "" {
		r.t.Fatalf("states %+v: %s", r.r.States(), diff)
	}
}

// end stops the reading and returns what was handed over.
func (r *running) end() []Chunk {
	r.t.Helper()
	r.stop()
	r.wait(context.Canceled)
	return r.chunks
}

func (r *running) wait(want error) {
	r.t.Helper()
	select {
	case err := <-r.ended:
		if !errors.Is(err, want) {
			r.t.Fatalf("Run ended with %v, want %v", err, want)
		}
		<-r.taken
	case <-time.After(patience):
		r.t.Fatal("Run did not end")
	}
}

func fast() Env {
	return Env{Poll: time.Millisecond, Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

func TestRunFollowsWhileALogIsRotated(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	s := newSite(t, filepath.Join(dir, "app.log"))
	o := Options{
		{Name: "app", Kind: KindFile, Path: s.path},
		{Name: "gone", Kind: KindFile, Path: filepath.Join(dir, "nowhere", "x.log")},
	}
	run := start(t, o, fast(), nil)
	run.until("the first look", func() bool { return run.r.states[0].handed() > 0 }) // what is rotated before is history
	for i := range 20 {
		s.write(500)
		if i%3 == 2 {
			s.rotate()
		}
		if i%7 == 6 {
			old := run.end()
			run = start(t, o, fast(), old)
			s.pack(2)
		}
	}
	run.wantText(s.want.String())
	run.until("caught up", func() bool { return run.r.States()[0].CaughtUp })
	states := run.r.States()
	if states[1].Err == "" || states[0].Err != "" || states[0].Newest.IsZero() || states[0].Behind != 0 {
		t.Errorf("states %+v", states)
	}
	run.end()
	run.until("the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestRunWaitsForWhoReceives(t *testing.T) {
	s := newSite(t, filepath.Join(t.TempDir(), "app.log"))
	s.write(200_000)
	r, err := Open(Options{{Name: "app", Kind: KindFile, Path: s.path}}, fast())
	must(t, err)
	ctx, stop := context.WithCancel(t.Context())
	out := make(chan Chunk)
	ended := make(chan error)
	go func() { ended <- r.Run(ctx, nil, out) }()
	var text strings.Builder
	for range 5 { // the first one is the mark
		c := <-out
		if len(c.Text) > 300<<10 {
			t.Errorf("a chunk of %d bytes", len(c.Text))
		}
		if c.Lines != strings.Count(c.Text, "\n") || c.Lines > 0 && !c.Behind {
			t.Errorf("a chunk of %d lines, behind %v", c.Lines, c.Behind)
		}
		text.WriteString(c.Text)
	}
	if !strings.HasPrefix(s.want.String(), text.String()) || text.Len() == 0 {
		t.Error("the chunks are not the beginning of the file")
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
}

func TestOpenWantsASpool(t *testing.T) {
	if _, err := Open(Options{{Name: "in", Kind: KindStdin}}, Env{}); err == nil {
		t.Error("no error")
	}
}

// severe is a line of the given severity.
func severe(severity, text string) string {
	return fmt.Sprintf(`{"ts":"2026-10-05T10:00:00Z","host":"gw","severity":%q,"name":%q}`, severity, text)
}

func TestStdinThroughTheSpool(t *testing.T) {
	in, w, err := os.Pipe()
	must(t, err)
	defer in.Close()
	e := fast()
	e.Spool, e.Stdin = openSpool(t, spool.DefaultOptions()), in
	run := start(t, Options{{Name: "in", Kind: KindStdin}}, e, nil)
	_, err = w.WriteString("one\ntwo")
	must(t, err)
	run.wantText("one\n")
	_, err = w.WriteString(" three\n\n" + strings.Repeat("x", MaxLine+5) + "\n" + severe("Critical", "x") + "\nlast")
	must(t, err)
	must(t, w.Close())
	run.wait(nil) // everything has ended
	all := map[string]string{}
	for _, c := range run.chunks {
		all[c.Stream] += c.Text
		if c.Source != 0 || c.Received.Nanosecond() != 0 {
			t.Errorf("chunk %+v", c)
		}
	}
	want := map[string]string{
		"spool/0": "one\ntwo three\n" + strings.Repeat("x", MaxLine) + "\nlast\n", "spool/4": severe("Critical", "x") + "\n",
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r, err := Open(Options{{Name: "in", Kind: KindStdin}}, e)
	must(t, err)
	for stream, cursor := range cursorsAfter(t, run.chunks) {
		var got strings.Builder
		must(t, r.Again(t.Context(), stream, "", cursor, func(text string) error { got.WriteString(text); return nil }))
		if got.String() != want[stream] {
			t.Errorf("Again(%s) = %.100q", stream, got.String())
		}
	}
}

func TestStdinEndsWithItsContext(t *testing.T) {
	in, w, err := os.Pipe()
	must(t, err)
	defer in.Close()
	defer w.Close()
	e := fast()
	e.Spool, e.Stdin = openSpool(t, spool.DefaultOptions()), in
	run := start(t, Options{{Name: "in", Kind: KindStdin}}, e, nil)
	_, err = w.WriteString("one\n")
	must(t, err)
	run.wantText("one\n")
	run.end()
}

func TestTheGravestComesFirst(t *testing.T) {
	e := fast()
	e.Spool = openSpool(t, spool.DefaultOptions())
	at := time.Unix(1_800_000_000, 0)
	for lane := range spool.Lanes {
		must(t, e.Spool.Append(lane, "", []spool.Record{
			{Source: "in", Received: at, Data: fmt.Append(nil, lane, "a")},
			{Source: "other", Received: at, Data: fmt.Append(nil, lane, "b")},
			{Source: "in", Received: at, Data: fmt.Append(nil, lane, "c")},
			{Source: "in", Received: at.Add(time.Second), Data: fmt.Append(nil, lane, "d")},
			{Source: "nobody", Received: at.Add(time.Second), Data: fmt.Append(nil, lane, "e")},
		}))
	}
	o := Options{{Name: "in", Kind: KindDrop, Path: t.TempDir()}, {Name: "other", Kind: KindDrop, Path: t.TempDir()}}
	run := start(t, o, e, nil)
	var want strings.Builder
	for lane := spool.Lanes - 1; lane >= 0; lane-- {
		for _, part := range "abcde" {
			fmt.Fprintf(&want, "%d%c\n", lane, part)
		}
	}
	run.wantText(strings.ReplaceAll(want.String(), " ", ""))
	chunks := run.end()
	var sources []int
	for _, c := range chunks[:4] {
		sources = append(sources, c.Source)
	}
	if diff := cmp.Diff([]int{0, 1, 0, 0}, sources); diff != "" || !chunks[3].Received.Equal(at.Add(time.Second)) {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	r, err := Open(o, e)
	must(t, err)
	for i := range chunks { // each step by itself
		c := chunks[i]
		must(t, r.Again(t.Context(), c.Stream, c.From, c.To, func(text string) error {
			if text != c.Text {
				t.Errorf("Again(%s, %s, %s) = %q, want %q", c.Stream, c.From, c.To, text, c.Text)
			}
			return nil
		}))
	}
	must(t, r.Covered(cursorsAfter(t, chunks)))
	if _, _, err := e.Spool.Read(3, spool.Position{}, 1); !errors.Is(err, spool.ErrGone) {
		t.Errorf("Read: %v; the spool still holds what is covered", err)
	}
	run = start(t, o, e, chunks)
	must(t, e.Spool.Append(2, "", []spool.Record{{Source: "in", Received: at, Data: []byte("later")}}))
	run.wantText(strings.ReplaceAll(want.String(), " ", "") + "later\n")
	run.end()
}

func TestWhatTheSpoolGaveUpIsAGap(t *testing.T) {
	e := fast()
	e.Spool = openSpool(t, spool.Options{MaxBytes: 1 << 20, MaxAge: time.Hour})
	for i := range 30 {
		must(t, e.Spool.Append(0, "", []spool.Record{{Source: "in", Received: time.Unix(int64(i), 0), Data: make([]byte, 100_000)}}))
	}
	o := Options{{Name: "in", Kind: KindDrop, Path: t.TempDir()}}
	run := start(t, o, e, nil)
	run.until("the last record", func() bool {
		run.mu.Lock()
		defer run.mu.Unlock()
		return len(run.chunks) > 2 && run.chunks[len(run.chunks)-1].Received.Unix() == 29
	})
	chunks := run.end()
	if chunks[0].Gap != GapGivenUp || chunks[0].Text != "" || chunks[1].Gap != "" {
		t.Errorf("the first chunks are %+v", chunks[:2])
	}
	r, err := Open(o, e)
	must(t, err)
	calls := 0
	must(t, r.Again(t.Context(), chunks[0].Stream, chunks[0].From, chunks[0].To, func(string) error { calls++; return nil }))
	must(t, r.Again(t.Context(), chunks[1].Stream, chunks[1].From, chunks[1].To, func(string) error { calls++; return nil }))
	if calls != 1 {
		t.Errorf("%d texts, want 1", calls)
	}
	err = r.Again(t.Context(), "spool/0", "", chunks[1].To, func(string) error { t.Error("text"); return nil })
	if !errors.Is(err, ErrGone) {
		t.Errorf("error %v, want ErrGone", err)
	}
}

func dropIn(t *testing.T, dir, name, text string) {
	t.Helper()
	tmp := filepath.Join(dir, name+".tmp")
	must(t, os.WriteFile(tmp, []byte(text), 0o600))
	must(t, os.Rename(tmp, filepath.Join(dir, name)))
}

func TestDrop(t *testing.T) {
	dir := t.TempDir()
	e := fast()
	e.Spool = openSpool(t, spool.DefaultOptions())
	o := Options{{Name: "drop", Kind: KindDrop, Path: dir, Format: "event"}}
	dropIn(t, dir, "1.json", severe("High", "a")+"\n"+severe("Low", "b")+"\n\r\n"+severe("High", "c"))
	must(t, os.WriteFile(filepath.Join(dir, "2.tmp"), []byte("not whole\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "3.part"), []byte("not whole\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, ".4"), []byte("not whole\n"), 0o600))
	run := start(t, o, e, nil)
	want := severe("High", "a") + "\n" + severe("High", "c") + "\n" + severe("Low", "b") + "\n"
	run.wantText(want)
	dropIn(t, dir, "-rf *", "dash\n")
	dropIn(t, dir, "a\nb", "newline\n")
	dropIn(t, dir, "empty", "")
	run.until("all are taken", func() bool { return len(visible(t, dir)) == 2 })
	run.until("all are there", func() bool {
		return strings.Contains(run.text(), "dash\n") && strings.Contains(run.text(), "newline\n")
	})
	chunks := run.end()
	if len(chunks) < 3 || chunks[0].Stream != "spool/3" {
		t.Errorf("the first chunk is %+v", chunks[0])
	}

	// A crash after the file was stored and before it was removed.
	dropIn(t, dir, "once", "once\n"+severe("Critical", "once")+"\n")
	d := &drop{source: o[0], env: e, status: &status{}}
	must(t, d.prepare())
	taken := filepath.Join(dir, takenName, "once")
	must(t, os.Rename(filepath.Join(dir, "once"), taken))
	f, err := os.Open(taken)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	_, err = d.store(t.Context(), f, info)
	must(t, err)
	must(t, f.Close())
	run = start(t, o, e, chunks)
	run.until("the file is removed", func() bool { _, err := os.Lstat(taken); return notThere(err) })
	dropIn(t, dir, "end", "end\n")
	run.until("the end", func() bool { return strings.Contains(run.text(), "end\n") })
	if got := run.text(); strings.Count(got, "once") != 2 {
		t.Errorf("stored twice: %q", got)
	}
	run.end()
}

func visible(t *testing.T, dir string) []string {
	t.Helper()
	names, err := namesIn(dir)
	must(t, err)
	return names
}

func TestDropRefuses(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret\n"), 0o600))
	for _, tt := range []struct {
		name, want string
		put        func(path string) error
	}{
		{"- a symbolic link", "too many levels of symbolic links", func(path string) error { return os.Symlink(secret, path) }},
		{"- a link to nowhere", "too many levels of symbolic links", func(path string) error { return os.Symlink("/nowhere", path) }},
		{"- a named pipe", "is no regular file", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		{"- a folder", "is no regular file", func(path string) error { return os.MkdirAll(filepath.Join(path, "below"), 0o700) }},
		{"- a socket", "cannot be opened", func(path string) error {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
			if err != nil {
				return err
			}
			defer syscall.Close(fd)
			return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
		}},
		{"- a huge file", "is larger than 64 MiB", func(path string) error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, MaxDrop+1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "drop") // a socket's path must be short
			must(t, err)
			defer os.RemoveAll(dir)
			e := fast()
			e.Spool = openSpool(t, spool.DefaultOptions())
			must(t, tt.put(filepath.Join(dir, "x")))
			run := start(t, Options{{Name: "drop", Kind: KindDrop, Path: dir}}, e, nil)
			run.until("it is refused", func() bool { return strings.Contains(run.r.States()[0].Err, tt.want) })
			dropIn(t, dir, "good", "good\n")
			run.wantText("good\n")
			if names := visible(t, dir); len(names) > 0 {
				t.Errorf("%q are still there", names)
			}
			must(t, os.RemoveAll(filepath.Join(dir, refusedName)))
			must(t, os.Mkdir(filepath.Join(dir, refusedName), 0o700))
			run.until("nothing is wrong any more", func() bool { return run.r.States()[0].Err == "" })
			run.end()
			if all, err := os.ReadFile(secret); err != nil || string(all) != "secret\n" {
				t.Errorf("the target of the link is %q, %v", all, err)
			}
		})
	}
}

func TestDropOfAFileThatChanges(t *testing.T) {
	dir := t.TempDir()
	e := fast()
	e.Spool = openSpool(t, spool.DefaultOptions())
	path := filepath.Join(dir, "x")
	d := &drop{source: Source{Name: "drop", Kind: KindDrop, Path: dir}, env: e, status: &status{}}
	must(t, d.prepare())
	write(t, path, "one\n")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	d.env.Now = func() time.Time { // called while it is read
		_, err := f.WriteString("two\n")
		must(t, err)
		return time.Now()
	}
	must(t, d.take(t.Context(), path))
	if d.reason == nil || !strings.Contains(d.reason.Error(), "was changed while it was read") {
		t.Errorf("reason %v", d.reason)
	}
	recs, _, err := e.Spool.Read(0, spool.Position{}, 1<<20)
	if len(recs) != 1 || err != nil {
		t.Errorf("%d records, %v; want what was there at first", len(recs), err)
	}
	if names, err := os.ReadDir(filepath.Join(dir, refusedName)); len(names) != 1 || err != nil {
		t.Errorf("the file is not kept: %v, %v", names, err)
	}
}

func TestDropWaitsForRoom(t *testing.T) {
	dir := t.TempDir()
	e := fast()
	e.Spool = openSpool(t, spool.DefaultOptions())
	must(t, e.Spool.Close())
	run := start(t, Options{{Name: "drop", Kind: KindDrop, Path: dir}}, e, nil)
	dropIn(t, dir, "x", "x\n")
	run.until("the error is shown", func() bool { return strings.Contains(run.r.States()[0].Err, "closed") })
	run.end()
	if _, err := os.Lstat(filepath.Join(dir, takenName, "x")); err != nil {
		t.Errorf("the file is lost: %v", err)
	}
}

func TestDropFolderOfSomebodyElse(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink(t.TempDir(), filepath.Join(dir, takenName)))
	d := &drop{source: Source{Name: "drop", Kind: KindDrop, Path: dir}, env: testEnv(), status: &status{}}
	if err := d.prepare(); err == nil || !strings.Contains(err.Error(), "is not ours") {
		t.Errorf("error %v", err)
	}
}

// fakeJournal makes a journalctl that prints what script does.
func fakeJournal(t *testing.T, script string) *Reader {
	t.Helper()
	r, err := Open(Options{{Name: "journal", Kind: KindJournald, Namespace: "test"}}, fast())
	must(t, err)
	r.boot = "cd"
	r.program = filepath.Join(t.TempDir(), "journalctl")
	must(t, os.WriteFile(r.program, []byte("#!/bin/sh\n"+script), 0o700))
	return r
}

func entryText(n int, message string) string {
	return fmt.Sprintf(`{"MESSAGE":%q,"__CURSOR":"s=ab;i=%x;b=cd;t=1"}`, message, n)
}

func cursorOf(n int) event.Cursor { return event.Cursor(fmt.Sprintf("s=ab;i=%x;b=cd;t=1", n)) }

func TestJournalChildThatDies(t *testing.T) {
	dir := t.TempDir()
	count := filepath.Join(dir, "count")
	args := filepath.Join(dir, "args")
	// Each child prints what was read last and one entry more, and dies but for the
	// last one. Half an entry is none.
	r := fakeJournal(t, fmt.Sprintf(`echo "$@" >> %[2]s
n=$(cat %[1]s 2>/dev/null || echo 0)
[ $n -gt 0 ] && echo '{"MESSAGE":"'$n'","__CURSOR":"s=ab;i='$n';b=cd;t=1"}'
n=$((n+1))
echo $n > %[1]s
echo '{"MESSAGE":"'$n'","__CURSOR":"s=ab;i='$n';b=cd;t=1"}'
printf '{"MESSAGE":"half'
[ $n = 4 ] && exec sleep 1000
[ $n = 1 ] && exit 0
echo "no more" >&2
exit 1
`, count, args))
	run := startReader(t, r, nil)
	var want strings.Builder
	for n := 1; n <= 4; n++ {
		want.WriteString(entryText(n, fmt.Sprint(n)) + "\n")
	}
	run.wantText(want.String())
	chunks := run.end() // also ends the child that sleeps
	if c := chunks[3]; c.To != cursorOf(4) || c.Gap != "" {
		t.Errorf("the last chunk is %+v", c)
	}
	got, err := os.ReadFile(args)
	must(t, err)
	args = "--output=json --all --quiet --no-pager --no-tail --namespace=test"
	wantArgs := args + "\n" + args + " --follow --cursor=s=ab;i=1;b=cd;t=1\n" + args + " --cursor=s=ab;i=2;b=cd;t=1\n" + args + " --cursor=s=ab;i=3;b=cd;t=1\n"
	if diff := cmp.Diff(wantArgs, string(got)); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestJournalThatWasVacuumed(t *testing.T) {
	r := fakeJournal(t, "echo '"+entryText(9, "nine")+"'; exec sleep 1000") // the entry of the cursor is not there
	run := startReader(t, r, []Chunk{{Stream: "journal", To: cursorOf(5), Text: "x\n"}})
	run.wantText("x\n" + entryText(9, "nine") + "\n")
	if c := run.end()[1]; c.Gap != GapVacuumed || c.From != cursorOf(5) || c.To != cursorOf(9) {
		t.Errorf("chunk %+v", c)
	}
}

func TestJournalComplaintIsShown(t *testing.T) {
	for _, tt := range []struct{ name, script, want string }{
		{"- it complains", "echo 'No such namespace' >&2; exit 1", "No such namespace"},
		{"- it just ends", "exit 3", "exit status 3"},
		{"- nothing yet", "exit 0", "no entry of this boot yet"},
		{"- no entry", "echo '-- hello --'; echo '{}'; exec sleep 1000", `printed what is no entry: "{}`},
		{"- strange cursor", `echo '{"__CURSOR":"--file=/etc/passwd"}'; exec sleep 1000`, "strange cursor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run := startReader(t, fakeJournal(t, tt.script), nil)
			run.until("the error is shown", func() bool { return strings.Contains(run.r.States()[0].Err, tt.want) })
			run.end()
		})
	}
	r := fakeJournal(t, "")
	r.program = "/nowhere/journalctl"
	run := startReader(t, r, nil)
	run.until("the error is shown", func() bool { return strings.Contains(run.r.States()[0].Err, "no such file") })
	run.end()
}

func TestJournalAgain(t *testing.T) {
	var all strings.Builder
	for n := 1; n <= 5; n++ {
		all.WriteString(entryText(n, strings.Repeat("m", n)) + "\n")
	}
	long := `{"MESSAGE":"` + strings.Repeat("x", MaxLine+300_000) + `","__CURSOR":"s=ab;i=6;b=cd;t=1","P":"` + strings.Repeat("y", 1000) + `"}`
	file := filepath.Join(t.TempDir(), "entries")
	must(t, os.WriteFile(file, []byte(all.String()+long+"\n"+entryText(7, "end")+"\n"), 0o600))
	r := fakeJournal(t, fmt.Sprintf(`for a in "$@"; do case $a in --cursor=*) from=${a#--cursor=};; esac; done
if [ "$from" ]; then exec sed -n "/\"$from\"/,\$p" %[1]s; fi
exec cat %[1]s`, file))
	read := func(from, to event.Cursor) (string, error) {
		var got strings.Builder
		err := r.Again(t.Context(), "journal", from, to, func(text string) error { got.WriteString(text); return nil })
		return got.String(), err
	}
	for _, step := range [][2]int{{0, 2}, {2, 3}, {3, 5}, {5, 6}, {6, 7}, {1, 4}, {0, 7}} {
		from, want := event.Cursor(""), ""
		if step[0] > 0 {
			from = cursorOf(step[0])
		}
		for n := step[0] + 1; n <= step[1]; n++ {
			switch n {
			case 6:
				want += long[:MaxLine] + "\n"
			case 7:
				want += entryText(7, "end") + "\n"
			default:
				want += entryText(n, strings.Repeat("m", n)) + "\n"
			}
		}
		if got, err := read(from, cursorOf(step[1])); got != want || err != nil {
			t.Errorf("Again(%v): %v, %d bytes, want %d", step, err, len(got), len(want))
		}
	}
	for _, step := range [][2]event.Cursor{{cursorOf(99), cursorOf(5)}, {cursorOf(3), cursorOf(99)}, {"", "x"}} {
		if got, err := read(step[0], step[1]); !errors.Is(err, ErrGone) || got != "" {
			t.Errorf("Again(%v) = %.100q, %v, want ErrGone", step, got, err)
		}
	}
	r.closeAgain()
}
