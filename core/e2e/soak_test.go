//go:build soak

package e2e

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	soakLines = flag.Uint64("lines", 50_000_000, "lines at full speed")
	soakSlow  = flag.Duration("paced", time.Minute, "how long 10,000 lines a second come")
	soakOut   = flag.String("out", "", "folder for the pictures; none is drawn without one")
)

// moment is how the worker was at one moment.
type moment struct {
	at     time.Duration
	lines  uint64
	memory int64 // resident, bytes
	disk   int64 // of the state directory, bytes
}

// TestMemoryAndDiskStayFlat follows the worker through a quiet minute, 10,000
// lines a second, and fifty million lines as fast as it takes them. It is run by
// `make soak`, whose pictures stand in docs/operations.md.
func TestMemoryAndDiskStayFlat(t *testing.T) {
	folder := t.TempDir()
	log := filepath.Join(folder, "soak.log")
	w := newWorker(t, fmt.Sprintf("sources:\n  - {name: soak, kind: file, path: %s, trust: local}\n", log))
	w.start(t)
	begin := time.Now()
	var all []moment
	take := func() moment {
		s := moment{at: time.Since(begin), memory: residentOf(t, w.cmd.Process.Pid), disk: diskOf(t, w.state)}
		if st, ok := w.status(); ok && len(st.Sources) > 0 {
			s.lines = st.Sources[0].Count.Lines
		}
		all = append(all, s)
		return s
	}
	eventually(t, "the worker's answer", func() bool { _, ok := w.status(); return ok })
	for range 15 {
		take()
		time.Sleep(time.Second) // a quiet time is what is measured
	}
	idle := peak(all)
	from := len(all)
	file, out := create(t, log)
	written := uint64(0)
	line := soakLine()
	for end := time.Now().Add(*soakSlow); time.Now().Before(end); {
		second := time.Now()
		for range 10 {
			for range 1000 {
				fmt.Fprintln(out, line(written))
				written++
			}
			if err := out.Flush(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(90 * time.Millisecond) // the pace of the writer
		}
		time.Sleep(time.Until(second.Add(time.Second)))
		take()
	}
	paced := peak(all[from:])
	from = len(all)
	fast, done := time.Now(), written
	for target := written + *soakLines; written < target; {
		for range 500_000 {
			fmt.Fprintln(out, line(written))
			written++
		}
		file, out = soakRotate(t, log, file, out)
		for take().lines+1_000_000 < written {
			time.Sleep(200 * time.Millisecond) // the worker is behind
		}
	}
	w.await(t, "soak", written)
	took := time.Since(fast)
	last := take()
	w.stop(t)
	flood := all[from:]
	t.Logf("idle at most %.1f MiB, at 10,000 lines/s %.1f MiB, at full speed %.1f MiB; %.0f lines/s with the writer on the same two cores; state %.1f MiB",
		mebi(idle), mebi(paced), mebi(peak(flood)), float64(written-done)/took.Seconds(), mebi(last.disk))
	first, second := peak(flood[:len(flood)/2]), peak(flood[len(flood)/2:])
	if float64(second) > 1.15*float64(first) {
		t.Errorf("memory grows: at most %.1f MiB in the first half, %.1f MiB in the second", mebi(first), mebi(second))
	}
	if *soakOut != "" {
		draw(t, filepath.Join(*soakOut, "worker-memory.svg"), "Memory of the worker, MiB resident", all, func(s moment) float64 { return mebi(s.memory) })
		draw(t, filepath.Join(*soakOut, "worker-disk.svg"), "State directory, MiB", all, func(s moment) float64 { return mebi(s.disk) })
	}
}

// soakRotate moves the file away, keeps four of them, and opens a new one.
func soakRotate(t *testing.T, log string, file *os.File, out *bufio.Writer) (*os.File, *bufio.Writer) {
	t.Helper()
	if err := errors.Join(out.Flush(), file.Close()); err != nil {
		t.Fatal(err)
	}
	for n := 3; n >= 1; n-- {
		_ = os.Rename(fmt.Sprintf("%s.%d", log, n), fmt.Sprintf("%s.%d", log, n+1)) // where there is one
	}
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	return create(t, log)
}

// soakLine makes lines of ordinary life with a few attacks; the same each time.
func soakLine() func(i uint64) string {
	random := rand.New(rand.NewPCG(7, 7))
	return func(i uint64) string {
		at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 2 * time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00")
		n := random.IntN(1000)
		switch {
		case n == 0:
			return fmt.Sprintf("%s web1 sshd[%d]: Failed password for invalid user u%d from 203.0.113.%d port %d ssh2", at, n, i%40, random.IntN(250), 1024+random.IntN(60000))
		case n == 1:
			return fmt.Sprintf(`%s web1 app[9]: unexpected token %x in reply of module%d`, at, random.Uint32(), random.IntN(5000))
		case n < 300:
			return fmt.Sprintf("%s gw1 dhcpd: DHCPACK on 10.10.%d.%d to 52:54:00:12:%02x:%02x via eth0", at, n%4, n%200, n%250, random.IntN(250))
		case n < 600:
			return fmt.Sprintf("%s gw1 kernel: [UFW BLOCK] IN=eth0 OUT= SRC=10.10.0.%d DST=10.10.0.1 LEN=60 PROTO=TCP SPT=%d DPT=%d", at, n%200, random.IntN(60000), 8000+n%8)
		}
		return fmt.Sprintf("%s web1 app[77]: request %d of user %d handled in %d ms with status 200", at, i, random.IntN(100000), n%90)
	}
}

func create(t *testing.T, path string) (*os.File, *bufio.Writer) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return file, bufio.NewWriterSize(file, 1<<20)
}

func diskOf(t *testing.T, folder string) (sum int64) {
	t.Helper()
	err := filepath.Walk(folder, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return nil // files come and go
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func peak(all []moment) (most int64) {
	for _, s := range all {
		most = max(most, s.memory)
	}
	return most
}

func mebi(n int64) float64 { return float64(n) / (1 << 20) }

// draw writes one curve over the lines that were worked.
func draw(t *testing.T, path, title string, all []moment, value func(moment) float64) {
	t.Helper()
	const width, height, left, bottom = 760, 260, 60, 40
	end, top := all[len(all)-1].at.Seconds(), 1.0
	for _, s := range all {
		top = max(top, 1.1*value(s))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/><text x="%d" y="18" font-size="14">%s</text>`+"\n", width, height, left, title)
	x := func(s float64) float64 { return left + s/end*(width-left-20) }
	y := func(v float64) float64 { return height - bottom - v/top*(height-bottom-30) }
	for i := range 5 {
		v, s := top*float64(i)/4, end*float64(i)/4
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.0f</text>`+"\n", left, y(v), width-20, y(v), left-6, y(v)+4, v)
		lines := uint64(0)
		for _, one := range all {
			if one.at.Seconds() <= s {
				lines = one.lines
			}
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%.0f s, %.1f M lines</text>`+"\n", min(x(s)+30, width-60), height-bottom+20, s, float64(lines)/1e6)
	}
	b.WriteString(`<polyline fill="none" stroke="#0a5" stroke-width="2" points="`)
	for _, s := range all {
		fmt.Fprintf(&b, "%.1f,%.1f ", x(s.at.Seconds()), y(value(s)))
	}
	b.WriteString(`"/></svg>` + "\n")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
