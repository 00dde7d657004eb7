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
