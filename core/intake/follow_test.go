package intake

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// played is a followed log in a folder of its own.
type played struct {
	*bench
	*site
}

func play(t *testing.T) *played {
	path := filepath.Join(t.TempDir(), "app.log")
	p := &played{site: newSite(t, path), bench: newBench(t, Source{Name: "app", Kind: KindFile, Path: path})}
	t.Cleanup(func() { p.w.Close(); p.stop() })
	return p
}

// want checks what was handed over, in order, and the gaps.
func (p *played) wantAll(t *testing.T, gaps ...string) {
	t.Helper()
	if diff := cmp.Diff(p.want.String(), p.text()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(gaps, p.gaps()); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// lose takes the newest n lines out of what is wanted.
func (p *played) lose(n int) {
	lines := strings.SplitAfter(strings.TrimSuffix(p.want.String(), "\n"), "\n")
	p.want.Reset()
	p.want.WriteString(strings.Join(lines[:len(lines)-n], ""))
}

func TestFollow(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, p *played)
		gaps []string
	}{
		{"+ a file that grows", func(_ *testing.T, p *played) {
			p.write(10)
			p.step(9)
			p.write(3)
		}, nil},
		{"+ a line without end waits and is completed", func(t *testing.T, p *played) {
			p.write(1)
			p.begin()
			p.settle()
			if strings.Contains(p.text(), "000002") {
				t.Error("half a line was handed over")
			}
			p.write(1)
		}, nil},
		{"+ a line without end ends with the rotated file", func(_ *testing.T, p *played) {
			p.write(1)
			p.begin()
			p.step(9)
			p.rotate()
			p.write(1)
		}, nil},
		{"+ a rotated file that is written to on", func(t *testing.T, p *played) {
			p.write(2)
			p.step(9)
			must(t, os.Rename(p.path, p.rotated(1)))
			p.step(9)
			p.write(2) // through the old handle
			p.step(9)
			p.create()
			p.write(1)
		}, nil},
		{"+ rotation while down", func(_ *testing.T, p *played) {
			p.write(2)
			p.step(9)
			p.write(2)
			p.rotate()
			p.write(2)
			p.restart()
		}, nil},
		{"+ two rotations while down", func(_ *testing.T, p *played) {
			p.write(2)
			p.step(9)
			p.write(2)
			p.rotate()
			p.write(2)
			p.rotate()
			p.write(2)
			p.restart()
		}, nil},
		{"+ packed while down: read to its end", func(_ *testing.T, p *played) {
			p.write(200)
			p.settle()
			p.rotate()
			p.write(2)
			p.pack(1)
			p.restart()
		}, nil},
		{"+ packed while down: read in part, and another behind it", func(_ *testing.T, p *played) {
			p.write(200)
			p.step(9)
			p.write(200)
			p.rotate()
			p.pack(1)
			p.write(20)
			p.rotate()
			p.pack(1)
			p.write(2)
			p.restart()
		}, nil},
		{"+ packed while running and before it was read to its end", func(_ *testing.T, p *played) {
			p.write(30_000)
			p.step(1)
			p.rotate()
			p.pack(1)
			p.write(1)
		}, nil},
		{"+ taken up, not read, then packed", func(_ *testing.T, p *played) {
			p.write(30_000)
			p.step(1)
			p.rotate()
			p.write(100)
			p.step(1)
			p.rotate()
			p.pack(1)
			p.write(1)
		}, nil},
		{"+ copied and emptied", func(_ *testing.T, p *played) {
			p.write(10)
			p.step(9)
			p.write(10)
			p.copyTruncate()
			p.write(1)
		}, nil},
		{"+ copied and emptied, and grown beyond where it was", func(_ *testing.T, p *played) {
			p.write(10)
			p.step(9)
			p.write(10)
			p.copyTruncate()
			p.write(100)
		}, nil},
		{"+ copied and emptied while down, grown beyond where it was", func(_ *testing.T, p *played) {
			p.write(10)
			p.step(9)
			p.write(10)
			p.copyTruncate()
			p.write(100)
			p.restart()
		}, nil},
		{"+ a copy beside the file is not read", func(t *testing.T, p *played) {
			p.write(100)
			p.step(9)
			copyFile(t, p.path, p.path+".bak")
			p.settle()
			p.write(1)
			p.settle()
			p.rotate()
			p.write(1)
		}, nil},
		{"+ a copy beside the file is not read after a restart", func(t *testing.T, p *played) {
			p.write(100)
			p.step(9)
			copyFile(t, p.path, p.path+".bak")
			p.write(1)
			p.restart()
		}, nil},
		{"+ removed while running, after it was read", func(t *testing.T, p *played) {
			p.write(10)
			p.step(0)
			must(t, os.Remove(p.path))
			p.create()
			p.write(2)
		}, nil},
		{"+ the same inode number again", func(t *testing.T, p *played) {
			p.write(100)
			p.step(9)
			p.settle()
			old := numberOf(t, p.path)
			p.rotate()
			p.write(1)
			p.settle()
			p.stop() // nobody holds it open
			must(t, os.Remove(p.rotated(1)))
			recreate(t, p.site, old)
			p.write(50)
			p.restart()
		}, nil},
		{"+ a file that begins as another one does", func(t *testing.T, p *played) {
			banner := strings.Repeat("# banner\n", 200)
			p.put(t, banner)
			p.write(1)
			p.step(9)
			p.rotate()
			p.put(t, banner)
			p.write(2)
			p.step(9)
			p.rotate()
			p.put(t, banner)
			p.restart()
			p.write(1)
		}, nil},
		{"+ bytes of nothing, as after a power cut", func(t *testing.T, p *played) {
			p.put(t, "a\x00\x00\x00\x00b\n\x00\n")
		}, nil},
		{"- gone while down", func(t *testing.T, p *played) {
			p.write(10)
			p.step(9)
			must(t, os.Remove(p.path))
			p.create()
			p.write(2)
			p.restart()
		}, []string{GapRotated}},
		{"- emptied without a copy", func(t *testing.T, p *played) {
			p.write(10)
			p.step(9)
			p.write(1)
			p.lose(1)
			must(t, os.Truncate(p.path, 0))
			p.write(2)
		}, []string{GapTruncated}},
		{"- emptied without a copy, and grown beyond where it was", func(t *testing.T, p *played) {
			p.write(10)
			p.step(9)
			must(t, os.Truncate(p.path, 0))
			p.write(40)
		}, []string{GapTruncated}},
		{"- emptied while down", func(t *testing.T, p *played) {
			p.write(10)
			p.step(9)
			must(t, os.Truncate(p.path, 0))
			p.write(4)
			p.restart()
		}, []string{GapTruncated}},
		{"- emptied after a copy that is short of what was read", func(t *testing.T, p *played) {
			p.write(100)
			p.step(9)
			copyFile(t, p.path, p.rotated(1))
			p.write(1)
			p.settle()
			must(t, os.Truncate(p.path, 0))
			p.write(3)
			p.settle()
			p.restart()
		}, []string{GapTruncated}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := play(t)
			p.step(1)
			tt.do(t, p)
			p.settle()
			p.wantAll(t, tt.gaps...)
			p.restart()
			p.settle()
			p.wantAll(t, tt.gaps...) // a restart changes nothing
		})
	}
}

// put writes text as it is, which is whole lines.
func (s *site) put(t *testing.T, text string) {
	t.Helper()
	_, err := s.w.WriteString(text)
	must(t, err)
	s.want.WriteString(text)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	all, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, all, 0o600))
}

func numberOf(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return inode(info)
}

// recreate makes the log anew until it has the inode number, as far as the file
// system ever gives it again.
func recreate(t *testing.T, s *site, number uint64) {
	t.Helper()
	for i := range 50 {
		must(t, os.Rename(s.path, fmt.Sprintf("%s.aside%d", s.path, i)))
		s.create()
		if numberOf(t, s.path) == number {
			return
		}
	}
}

func TestHistoryIsNotRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.log")
	past := time.Now().Add(-time.Hour)
	for _, name := range []string{"app.log.1", "app.log.2", "app.log-20260101"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("old\n"), 0o600))
		must(t, os.Chtimes(filepath.Join(dir, name), past, past))
	}
	packFile(t, filepath.Join(dir, "app.log.2"))
	must(t, os.WriteFile(path, []byte("new\n"), 0o600))
	b := newBench(t, Source{Name: "app", Kind: KindFile, Path: path})
	b.settle()
	b.restart()
	packFile(t, filepath.Join(dir, "app.log.1"))
	b.settle()
	if diff := cmp.Diff("new\n", b.text()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASymbolicLinkIsFollowed(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	s := newSite(t, filepath.Join(other, "service.log"))
	path := filepath.Join(dir, "app.log")
	must(t, os.Symlink(s.path, path))
	b := newBench(t, Source{Name: "app", Kind: KindFile, Path: path})
	s.write(2)
	b.step(9)
	s.write(2)
	s.rotate()
	s.write(1)
	b.restart()
	b.settle()
	if diff := cmp.Diff(s.want.String(), b.text()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALinkThatPointsElsewhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "current")
	day := func(n int) string { return filepath.Join(dir, fmt.Sprintf("day%d.log", n)) }
	must(t, os.WriteFile(day(1), []byte("a\n"), 0o600))
	must(t, os.Symlink(day(1), path))
	b := newBench(t, Source{Name: "app", Kind: KindFile, Path: path})
	b.step(9)
	must(t, os.WriteFile(day(1), []byte("a\nb\n"), 0o600))
	must(t, os.WriteFile(day(2), []byte("c\n"), 0o600))
	must(t, os.Remove(path))
	must(t, os.Symlink(day(2), path))
	b.restart()
	b.settle()
	if diff := cmp.Diff("a\nb\nc\n", b.text()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFileThatIsNotThereYet(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "app.log")
	b := newBench(t, Source{Name: "app", Kind: KindFile, Path: path})
	for range 3 {
		if err := b.f.look(t.Context()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error %v, want one that says what is not there", err)
		}
	}
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	b.step(1)
	s := newSite(t, path)
	s.write(3)
	b.settle()
	if diff := cmp.Diff(s.want.String(), b.text()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// asNobody does something without the rights of root.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do() // it has none
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, syscall.Setfsuid(65534))
	defer func() { must(t, syscall.Setfsuid(0)) }()
	do()
}

func TestAFileThatCannotBeRead(t *testing.T) {
	p := play(t)
	must(t, os.Chmod(filepath.Dir(p.path), 0o755))
	must(t, os.Chmod(filepath.Dir(filepath.Dir(p.path)), 0o755))
	settle := func() { asNobody(t, p.settle) }
	refused := func() {
		t.Helper()
		asNobody(t, func() {
			for range 2 * quietLooks {
				err := p.f.look(t.Context())
				_, readErr := p.f.round(t.Context())
				must(t, readErr)
				for _, fl := range p.f.files {
					err = errors.Join(err, fl.err)
				}
				if !errors.Is(err, os.ErrPermission) {
					t.Fatalf("error %v, want that it cannot be read", err)
				}
			}
		})
	}
	settle()
	p.write(2)
	must(t, os.Chmod(p.path, 0))
	refused()
	must(t, os.Chmod(p.path, 0o444))
	settle()
	p.wantAll(t)

	must(t, os.Chmod(p.path, 0))
	p.restart()
	p.write(2)
	refused()
	p.rotate()
	p.write(1)
	must(t, os.Chmod(p.path, 0o444))
	refused() // the one that can be read does not wait for ever
	must(t, os.Chmod(p.rotated(1), 0o444))
	settle()
	lines := strings.Split(p.want.String(), "\n")
	lines[2], lines[3], lines[4] = lines[4], lines[2], lines[3]
	if diff := cmp.Diff(lines, strings.Split(p.text(), "\n")); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestAPathThatIsNoFile(t *testing.T) {
	b := newBench(t, Source{Name: "app", Kind: KindFile, Path: t.TempDir()})
	if err := b.f.look(t.Context()); err == nil || !strings.Contains(err.Error(), "is no regular file") {
		t.Errorf("error %v", err)
	}
}

func TestAVeryLongLine(t *testing.T) {
	const size = 10 << 20
	p := play(t)
	p.step(1)
	p.write(1)
	long := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	_, err := p.w.Write(long[:size/2])
	must(t, err)
	p.settle()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	_, err = p.w.Write(append(long[size/2:], '\n'))
	must(t, err)
	p.want.Write(long[:MaxLine])
	p.want.WriteByte('\n')
	p.write(1)
	p.settle()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4*MaxLine {
		t.Errorf("%d bytes more are held", grown)
	}
	p.wantAll(t)
	cut := 0
	for _, c := range p.chunks {
		cut += c.Cut
	}
	if cut != 1 {
		t.Errorf("%d lines were cut, want 1", cut)
	}
	p.wantAgain(nil)

	// The same once more, packed before it was read, with no end of the second one.
	for range 2 {
		_, err = p.w.Write(append(long, '\n'))
		must(t, err)
		p.want.Write(long[:MaxLine])
		p.want.WriteByte('\n')
		p.write(1)
	}
	_, err = p.w.Write(long)
	must(t, err)
	p.want.Write(long[:MaxLine])
	p.want.WriteByte('\n')
	p.rotate()
	p.pack(1)
	p.write(1)
	p.restart()
	p.settle()
	p.wantAll(t)
	p.wantAgain(nil)
}

// TestLineLengths goes through the lengths at which reading changes its manner.
func TestLineLengths(t *testing.T) {
	for _, n := range []int{
		0, 1, chunkBytes - 2, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2*chunkBytes - 1, 2 * chunkBytes,
		MaxLine - 1, MaxLine, MaxLine + 1, MaxLine + 2, MaxLine + chunkBytes, MaxLine + chunkBytes + 1,
	} {
		p := play(t)
		p.step(1)
		p.write(1)
		for range 2 {
			line := strings.Repeat("z", n)
			_, err := p.w.WriteString(line + "\n")
			must(t, err)
			p.want.WriteString(line[:min(n, MaxLine)] + "\n")
			p.write(1)
		}
		p.settle()
		if p.want.String() != p.text() {
			t.Errorf("lines of %d bytes are not handed over as they are", n)
		}
		p.wantAgain(nil)
	}
}

func TestADamagedPackedFile(t *testing.T) {
	p := play(t)
	p.step(1)
	p.write(1)
	p.step(9)
	p.write(20_000)
	p.rotate()
	p.pack(1)
	all, err := os.ReadFile(p.rotated(1) + ".gz")
	must(t, err)
	copy(all[len(all)/2:], "damaged damaged damaged")
	must(t, os.WriteFile(p.rotated(1)+".gz", all, 0o600))
	p.write(1)
	p.restart()
	p.settle()
	if diff := cmp.Diff([]string{GapDamaged}, p.gaps()); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	if text := p.text(); !strings.Contains(text, "line 000300 ") || !strings.Contains(text, "line 020002 ") {
		t.Error("what could be read was not handed over")
	}
}

func TestAStreamIsForgottenWhenItsFileIsGone(t *testing.T) {
	p := play(t)
	p.step(1)
	for range 3 {
		p.write(10)
		p.step(9)
		p.rotate()
	}
	p.write(1)
	p.settle()
	for i := 1; i <= 3; i++ {
		must(t, os.Remove(p.rotated(i)))
	}
	for range forgetLooks + 2 {
		p.step(1)
	}
	if cursors := cursorsAfter(t, p.chunks); len(cursors) != 2 { // the mark and the file
		t.Errorf("%d cursors are kept, want 2: %v", len(cursors), cursors)
	}
	p.wantAll(t)
}

func TestAgainWhereTheFileIsGone(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(p *played)
	}{
		{"- removed", func(p *played) { must(t, os.Remove(p.path)) }},
		{"- emptied", func(p *played) { must(t, os.Truncate(p.path, 0)) }},
		{"- written anew", func(p *played) { must(t, os.Truncate(p.path, 0)); p.write(50) }},
		{"- shorter", func(p *played) { must(t, os.Truncate(p.path, 40)) }},
		{"- the folder is gone", func(p *played) { must(t, os.RemoveAll(filepath.Dir(p.path))) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := play(t)
			p.step(1)
			p.write(10)
			p.settle()
			tt.do(p)
			r, err := Open(Options{p.source}, testEnv())
			must(t, err)
			c := p.chunks[1]
			err = r.Again(t.Context(), c.Stream, c.From, c.To, func(string) error {
				t.Error("text was handed over")
				return nil
			})
			if !errors.Is(err, ErrGone) {
				t.Errorf("error %v, want ErrGone", err)
			}
		})
	}
}
