package intake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
	"penstock/core/spool"
)

// rotateExport does what a Zabbix server does with an export file that has reached
// ExportFileSize (seen with 6.0.14 and 7.0.9): it gets .old behind its name, in place
// of the one that had it, and a new one is begun.
func rotateExport(t *testing.T, path string) {
	t.Helper()
	must(t, os.Rename(path, path+".old"))
	write(t, path, "")
}

func TestExportFilesAreFollowedThroughTheirRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	syncer, problems := in("history-history-syncer-1.ndjson"), in("problems-task-manager-1.ndjson")
	for _, name := range []string{
		"history-main-process-0.ndjson", "problems-history-syncer-1.ndjson", "trends-history-syncer-1.ndjson", "notes.txt", "history.ndjson",
	} {
		write(t, in(name), name+"\n")
	}
	write(t, syncer, "")
	write(t, problems, "")
	b := newBench(t, Source{Name: "zabbix", Kind: KindZabbix, Path: dir})
	b.settle()
	want := []string{"history-main-process-0.ndjson", "problems-history-syncer-1.ndjson"}
	for i := range 10 {
		for j := range 50 {
			line := fmt.Sprintf("value %d.%02d", i, j)
			write(t, syncer, line+"\n")
			want = append(want, line)
		}
		if i%3 == 0 {
			b.restart()
		}
		b.step(1000)
		write(t, syncer, fmt.Sprintf("the last before rotation %d\n", i))
		rotateExport(t, syncer)
		write(t, syncer, fmt.Sprintf("the first after rotation %d\n", i))
		write(t, problems, fmt.Sprintf("problem %d\n", i))
		want = append(want, fmt.Sprintf("the last before rotation %d", i), fmt.Sprintf("the first after rotation %d", i), fmt.Sprintf("problem %d", i))
		b.settle()
	}
	slices.Sort(want)
	got := strings.Split(strings.TrimSuffix(b.text(), "\n"), "\n")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(b.gaps()) > 0 {
		t.Errorf("gaps %q", b.gaps())
	}
}

// Two rotations while nobody reads lose the first of them, which is told.
func TestExportThatIsRotatedTwiceUnreadIsAGap(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "problems-history-syncer-1.ndjson")
	write(t, path, "read\n")
	b := newBench(t, Source{Name: "zabbix", Kind: KindZabbix, Path: filepath.Dir(path)})
	b.settle()
	b.stop()
	write(t, path, "lost\n")
	rotateExport(t, path)
	write(t, path, "kept\n")
	rotateExport(t, path)
	write(t, path, "new\n")
	b.restart()
	b.settle()
	if diff := cmp.Diff("read\nkept\nnew\n", b.text()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{GapRotated}, b.gaps()); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// TestExportThatOthersCanWriteIsNotRead: what is in it would count as the server's word.
func TestExportThatOthersCanWriteIsNotRead(t *testing.T) {
	t.Parallel()
	const stranger = 54321
	asRoot := os.Geteuid() == 0
	for _, tt := range []struct {
		name string
		root bool // needs root
		do   func(t *testing.T, dir, file string)
		err  string
	}{
		{"+ as a server makes it", false, func(t *testing.T, dir, file string) { must(t, os.Chmod(dir, 0o750)); must(t, os.Chmod(file, 0o664)) }, ""},
		{"+ a group may write", false, func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o2770)) }, ""},
		{"+ files of the folder's owner", true, func(t *testing.T, dir, file string) {
			must(t, os.Chown(dir, stranger, -1))
			must(t, os.Chown(file, stranger, -1))
		}, ""},
		{"+ what else is there does not matter", false, func(t *testing.T, dir, _ string) {
			write(t, filepath.Join(dir, "notes.txt"), "x\n")
			must(t, os.Chmod(filepath.Join(dir, "notes.txt"), 0o666))
		}, ""},
		{"- everybody may write to the folder", false, func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o777)) }, "everybody can write to "},
		{"- as to /tmp", false, func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o777|os.ModeSticky)) }, "everybody can write to "},
		{"- everybody may write to a file", false, func(t *testing.T, _, file string) { must(t, os.Chmod(file, 0o666)) }, "ndjson (-rw-rw-rw-), so what is in it may be anybody's"},
		{"- everybody may write to a file that was rotated", false, func(t *testing.T, _, file string) {
			write(t, file+".old", "x\n")
			must(t, os.Chmod(file+".old", 0o666))
		}, "ndjson.old (-rw-rw-rw-), so what is in it may be anybody's"},
		{"- everybody may put another folder in its place", false, func(t *testing.T, dir, _ string) { must(t, os.Chmod(filepath.Dir(dir), 0o777)) }, "everybody can put another folder in the place of "},
		{"- somebody's folder where everybody may make one", true, func(t *testing.T, dir, file string) {
			must(t, os.Chmod(filepath.Dir(dir), 0o777|os.ModeSticky))
			must(t, os.Chown(dir, stranger, -1))
			must(t, os.Chown(file, stranger, -1))
		}, "belongs to user 54321, who is not known to be the server's"},
		{"- a file of somebody else", true, func(t *testing.T, _, file string) { must(t, os.Chown(file, stranger, -1)) }, "belongs to user 54321 and not to the owner of its folder, user 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.root && !asRoot {
				t.Skip("needs root to give files to another user")
			}
			dir := filepath.Join(t.TempDir(), "zabbix", "export")
			must(t, os.MkdirAll(dir, 0o755))
			file := filepath.Join(dir, "problems-history-syncer-1.ndjson")
			write(t, file, "problem\n")
			tt.do(t, dir, file)
			b := newBench(t, Source{Name: "zabbix", Kind: KindZabbix, Path: dir})
			for range 10 {
				err := b.f.look(t.Context())
				if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
					t.Fatalf("error %v, want %q in it", err, tt.err)
				}
				if _, err := b.f.round(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			want := "problem\n"
			if tt.err != "" {
				want = ""
			}
			if diff := cmp.Diff(want, b.text()); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

// Grave problems go before others, as lines of other sources do.
func TestPulledProblemsAreSortedByHowGraveTheyAre(t *testing.T) {
	t.Parallel()
	e := fast()
	e.Spool = openSpool(t, spool.DefaultOptions())
	line := `{"clock":1795690613,"ns":1,"value":1,"eventid":9,"name":"x","severity":5,"hosts":[{"host":"db1","name":"x"}],"groups":[],"tags":[]}`
	ctx, stop := context.WithCancel(t.Context())
	e.Pull = func(_ context.Context, _ string, put Put) error {
		defer stop()
		return put("tag", [][]byte{[]byte(line)})
	}
	p := &pulled{source: Source{Name: "problems", Kind: KindZabbix}, env: e, status: &status{}, every: time.Millisecond}
	if err := p.run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	recs, _, err := e.Spool.Read(int(event.Critical), spool.Position{}, chunkBytes)
	if err != nil || len(recs) != 1 || string(recs[0].Data) != line {
		t.Errorf("%d records in the lane of critical lines, %v", len(recs), err)
	}
}

// pulls is another system that has some batches to give.
type pulls struct {
	mu      sync.Mutex
	batches [][]string
	err     error
}

func (p *pulls) pull(_ context.Context, source string, put Put) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, batch := range p.batches {
		var lines [][]byte
		for _, line := range batch {
			lines = append(lines, []byte(line))
		}
		for range 2 { // as after a crash between the two
			if err := put(fmt.Sprintf("%s:%d", source, i), lines); err != nil {
				return err
			}
		}
	}
	p.batches = nil
	return p.err
}

func TestPulledLinesAreStoredOnce(t *testing.T) {
	t.Parallel()
	p := &pulls{batches: [][]string{{"one", `{"clock":1795690613,"ns":1,"value":1,"eventid":9,"name":"x","severity":5,"hosts":[]}`}, {"two"}}}
	e := fast()
	e.Spool, e.Pull = openSpool(t, spool.DefaultOptions()), p.pull
	run := start(t, Options{{Name: "problems", Kind: KindZabbix}}, e, nil)
	run.until("all lines", func() bool { return strings.Count(run.text(), "\n") >= 3 })
	got := strings.Fields(run.text())
	slices.Sort(got)
	if len(got) != 3 || got[0] != "one" || got[1] != "two" {
		t.Errorf("lines %q", got)
	}
	run.end()
}

func TestPullThatFailsIsShown(t *testing.T) {
	t.Parallel()
	p := &pulls{err: errors.New("no such Zabbix")}
	e := fast()
	e.Spool, e.Pull = openSpool(t, spool.DefaultOptions()), p.pull
	run := start(t, Options{{Name: "problems", Kind: KindZabbix}}, e, nil)
	run.until("the error", func() bool { return run.r.States()[0].Err == "no such Zabbix" })
	run.end()
}

func TestPullAsksAgain(t *testing.T) {
	t.Parallel()
	asked := make(chan bool, 100)
	e := fast()
	e.Spool = openSpool(t, spool.DefaultOptions())
	e.Pull = func(context.Context, string, Put) error { asked <- true; return nil }
	p := &pulled{source: Source{Name: "problems", Kind: KindZabbix}, env: e, status: &status{}, every: time.Millisecond}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.run(ctx) }()
	for range 3 {
		<-asked
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("run ended with %v", err)
	}
}

func TestProblemsWithoutFilesNeedTheAPI(t *testing.T) {
	t.Parallel()
	e := fast()
	e.Spool = openSpool(t, spool.DefaultOptions())
	_, err := Open(Options{{Name: "problems", Kind: KindZabbix}}, e)
	if want := "open source problems: a source of kind zabbix without a path needs the API (zabbix.api.url)"; err == nil || err.Error() != want {
		t.Errorf("Open() = %v, want %q", err, want)
	}
}
