package intake

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

func TestRotatedFrom(t *testing.T) {
	bases := []string{"app.log", "syslog", "switch", "10.0.0.1", "a"}
	for name, want := range map[string]string{
		"app.log": "", "app.log.1": "app.log", "app.log.12.gz": "app.log", "app.log.gz": "app.log",
		"app.log-20261001": "app.log", "app.log-20261001.gz": "app.log", "app.log-20261001-1759276800.gz": "app.log",
		"app.log.2026-10-01": "app.log", "app.log.2026-10-01.1.gz": "app.log", "app.log-2026-W40": "app.log",
		"app.log.old": "app.log", "app.log.0": "app.log", "app.log_20261001T101500": "app.log",
		"app-20261001.log": "app.log", "app-20261001.log.gz": "app.log", "app.1.log": "app.log", "app.1.log.gz": "app.log",
		"app.log.json": "", "app.log.bz2": "", "app-other.log": "", "app.log.1.bz2": "", "app.log.1~": "", "app.logs.1": "",
		"syslog.1": "syslog", "syslog.7.gz": "syslog", "syslog.txt": "",
		"switch-2": "", "switch-10": "", "switch-20261001": "switch", "switch.2": "switch",
		"10.0.0.2": "", "10.0.0.1.1": "10.0.0.1", "a.1": "a", "b.1": "", "": "", ".": "", ".1": "",
	} {
		got, ok := rotatedFrom(name, func(base string) bool { return slices.Contains(bases, base) })
		if got.base != want || ok != (want != "") {
			t.Errorf("rotatedFrom(%q) = %q, %v, want %q", name, got.base, ok, want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	_, err = f.WriteString(text)
	must(t, err)
	must(t, f.Close())
}

// linesOf returns what was handed over, one line an item, sorted.
func linesOf(b *bench) []string {
	lines := strings.Fields(b.text())
	slices.Sort(lines)
	return lines
}

func TestDir(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	past := time.Now().Add(-time.Hour)
	for _, name := range []string{"10.0.0.1", "10.0.0.2", "switch", "switch-2", "fw.log"} {
		write(t, in(name), name+":1\n")
	}
	for _, name := range []string{"fw.log.1", "switch.1"} {
		write(t, in(name), name+":old\n")
		must(t, os.Chtimes(in(name), past, past))
	}
	write(t, in(".hidden"), "hidden\n")
	must(t, os.Mkdir(in("folder"), 0o700))
	must(t, os.Symlink("/etc/hostname", in("link")))

	b := newBench(t, Source{Name: "remote", Kind: KindDir, Path: dir})
	b.settle()
	want := []string{"10.0.0.1:1", "10.0.0.2:1", "fw.log:1", "switch-2:1", "switch:1"}
	if diff := cmp.Diff(want, linesOf(b)); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	write(t, in("new"), "new:1\n")
	write(t, in("fw.log"), "fw.log:2\n")
	must(t, os.Rename(in("fw.log"), in("fw.log.2")))
	write(t, in("fw.log"), "fw.log:3\n")
	must(t, os.Remove(in("10.0.0.1")))
	b.settle()
	must(t, os.Rename(in("switch"), in("renamed-switch")))
	b.restart()
	write(t, in("renamed-switch"), "switch:2\n")
	b.settle()
	want = append(want, "new:1", "fw.log:2", "fw.log:3", "switch:2")
	slices.Sort(want)
	if diff := cmp.Diff(want, linesOf(b)); diff != "" {
		t.Errorf("later (-want +got):\n%s", diff)
	}
	if len(b.gaps()) > 0 {
		t.Errorf("gaps %q", b.gaps())
	}
	for range 2 {
		b.restart()
		b.settle()
	}
	if diff := cmp.Diff(want, linesOf(b)); diff != "" {
		t.Errorf("after restarts (-want +got):\n%s", diff)
	}
}

func TestPattern(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	b := newBench(t, Source{Name: "web", Kind: KindFile, Path: in("*/access*.log*")})
	b.step(1)
	for _, sub := range []string{"a", "b"} {
		must(t, os.Mkdir(in(sub), 0o700))
		write(t, in(sub+"/access.log"), sub+":1\n")
		write(t, in(sub+"/error.log"), "error\n")
	}
	b.settle()
	write(t, in("a/access.log"), "a:2\n")
	must(t, os.Rename(in("a/access.log"), in("a/access.log.1")))
	packFile(t, in("a/access.log.1"))
	b.restart()
	write(t, in("b/access-ssl.log"), "ssl:1\n")
	write(t, in("a/access.log"), "a:3\n")
	b.settle()
	if diff := cmp.Diff([]string{"a:1", "a:2", "a:3", "b:1", "ssl:1"}, linesOf(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(b.gaps()) > 0 {
		t.Errorf("gaps %q", b.gaps())
	}
}

func TestMoreFilesThanAreFollowed(t *testing.T) {
	dir := t.TempDir()
	b := newBench(t, Source{Name: "many", Kind: KindDir, Path: dir})
	b.step(1)
	want := 0
	put := func(from, to int) {
		for i := from; i < to; i++ {
			write(t, filepath.Join(dir, fmt.Sprintf("host%05d", i)), fmt.Sprintf("%05d\n", i))
			at := time.Now().Add(time.Duration(i-10_000) * time.Second)
			must(t, os.Chtimes(filepath.Join(dir, fmt.Sprintf("host%05d", i)), at, at))
			want++
		}
	}
	put(0, maxFiles)
	for range quietLooks + 2 {
		b.step(2)
	}
	put(maxFiles, maxFiles+50)
	b.step(2)
	if n := len(b.f.files); n != maxFiles {
		t.Errorf("%d files are followed, want %d", n, maxFiles)
	}
	b.restart()
	for range quietLooks {
		b.step(2)
	}
	if got := linesOf(b); len(got) != want || len(slices.Compact(got)) != want {
		t.Errorf("%d lines, want %d", len(got), want)
	}
}

// manager is a Wazuh manager as far as its alerts go.
type manager struct {
	t   *testing.T
	dir string
	n   int
	w   []string
}

func (m *manager) day(day string) string {
	return filepath.Join(m.dir, "2026", "Oct", "ossec-alerts-"+day+".json")
}

// begin begins a day, or a part of one, as the manager does.
func (m *manager) begin(day string) {
	m.t.Helper()
	must(m.t, os.MkdirAll(filepath.Dir(m.day(day)), 0o700))
	write(m.t, m.day(day), "")
	_ = os.Remove(filepath.Join(m.dir, "alerts.json"))
	must(m.t, os.Link(m.day(day), filepath.Join(m.dir, "alerts.json")))
}

func (m *manager) alerts(n int) {
	m.t.Helper()
	for range n {
		m.n++
		m.w = append(m.w, fmt.Sprintf(`{"id":"%04d"}`, m.n))
		write(m.t, filepath.Join(m.dir, "alerts.json"), m.w[len(m.w)-1]+"\n")
	}
}

// pack packs a day, which gives the packed file the time of the packing.
func (m *manager) pack(day string) {
	m.t.Helper()
	packFile(m.t, m.day(day))
	must(m.t, os.Chtimes(m.day(day)+".gz", time.Time{}, time.Now()))
}

func TestWazuh(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(m *manager, b *bench)
	}{
		{"+ the next day", func(m *manager, b *bench) {
			b.step(9)
			m.alerts(2)
			m.begin("05")
			m.alerts(2)
			m.pack("04")
		}},
		{"+ two days while down, all packed", func(m *manager, b *bench) {
			b.step(9)
			m.alerts(2)
			m.begin("05")
			m.alerts(2)
			m.begin("06")
			m.alerts(2)
			m.pack("05")
			m.pack("04")
			b.restart()
		}},
		{"+ two rotations by size while lagging", func(m *manager, b *bench) {
			b.step(0)
			m.alerts(2)
			m.begin("04-001")
			m.alerts(3)
			b.step(0)
			m.begin("04-002")
			m.alerts(3)
			m.begin("05")
			m.alerts(1)
			b.step(0)
			m.pack("04")
			m.pack("04-001")
			m.pack("04-002")
		}},
		{"+ history that is packed later", func(m *manager, b *bench) {
			b.step(9)
			m.pack("03")
			b.step(9)
			b.restart()
			m.alerts(1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &manager{t: t, dir: t.TempDir()}
			m.begin("03")
			m.alerts(3)
			m.w = nil // history
			m.begin("04")
			m.alerts(1)
			b := newBench(t, Source{Name: "wazuh", Kind: KindWazuh, Path: filepath.Join(m.dir, "alerts.json")})
			tt.do(m, b)
			for range 2 {
				b.settle()
				if diff := cmp.Diff(m.w, strings.Fields(b.text())); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if len(b.gaps()) > 0 {
					t.Errorf("gaps %q", b.gaps())
				}
				b.wantAgain(nil)
				b.restart()
			}
		})
	}
}

func TestMarks(t *testing.T) {
	for _, m := range []mark{
		{}, {ino: 1<<64 - 1, offset: 1 << 60, head: 1<<64 - 1, tail: 7, crc: 1<<32 - 1, read: 1 << 40, breaks: []int64{1, 2, 3, 4}},
	} {
		got, err := parseMark(m.cursor())
		if diff := cmp.Diff(m, got, cmp.AllowUnexported(mark{})); diff != "" || err != nil {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
		if len(m.cursor()) > 256 {
			t.Errorf("a cursor has %d bytes", len(m.cursor()))
		}
	}
	for _, f := range []floor{{}, {mtime: 1 << 60, all: 5}, {mtime: 3, day: "2026-10-01-000001"}} {
		if got, err := parseFloor(f.cursor()); got != f || err != nil {
			t.Errorf("parseFloor(%q) = %+v, %v, want %+v", f.cursor(), got, err, f)
		}
	}
}

func FuzzParseCursors(f *testing.F) {
	f.Add(string(mark{breaks: []int64{5}}.cursor()))
	f.Add(string(floor{day: "2026-10-01-000000"}.cursor()))
	f.Add("s1 7:4096 7:1")
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := parseMark(event.Cursor(text)); err == nil && text != "" {
			if again, err := parseMark(m.cursor()); err != nil || !cmp.Equal(m, again, cmp.AllowUnexported(mark{})) {
				t.Errorf("parseMark(%q) = %+v, then %+v, %v", text, m, again, err)
			}
			if m.offset < 0 {
				t.Errorf("parseMark(%q): offset %d", text, m.offset)
			}
		}
		if m, err := parseFloor(event.Cursor(text)); err == nil {
			if again, err := parseFloor(m.cursor()); err != nil || again != m {
				t.Errorf("parseFloor(%q) = %+v, then %+v, %v", text, m, again, err)
			}
		}
		_, _, _ = parseLane(event.Cursor(text))
	})
}
