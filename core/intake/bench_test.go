package intake

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// logOf writes a log of about size bytes, in lines of about 100.
func logOf(b *testing.B, size int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "app.log")
	line := "Oct  5 10:00:00 gw sshd[4711]: Failed password for invalid user admin from 192.0.2.17 port 40022 ssh2\n"
	must(b, os.WriteFile(path, []byte(strings.Repeat(line, size/len(line))), 0o600))
	return path
}

// BenchmarkFollow reads a whole file as Run does. Its peer is bufio.Scanner over
// the same file, which keeps no cursor.
func BenchmarkFollow(b *testing.B) {
	const size = 256 << 20
	path := logOf(b, size)
	b.Run("follower", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			lines := 0
			f := newFollower(Source{Name: "app", Kind: KindFile, Path: path}, 0, testEnv(), &status{}, func(_ context.Context, c Chunk) error {
				lines += c.Lines
				return nil
			})
			must(b, f.look(b.Context()))
			for busy := true; busy; {
				var err error
				busy, err = f.round(b.Context())
				must(b, err)
			}
			f.files[0].close()
			if lines < size/200 {
				b.Fatalf("%d lines", lines)
			}
		}
	})
	b.Run("peer: bufio.Scanner", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			f, err := os.Open(path)
			must(b, err)
			s := bufio.NewScanner(f)
			s.Buffer(make([]byte, chunkBytes), MaxLine)
			lines := 0
			for s.Scan() {
				lines += min(1, len(s.Text()))
			}
			f.Close()
			if lines < size/200 {
				b.Fatalf("%d lines", lines)
			}
		}
	})
}

// BenchmarkIdle is one look and round at a folder of 100 files that do not grow.
func BenchmarkIdle(b *testing.B) {
	dir := b.TempDir()
	for i := range 100 {
		must(b, os.WriteFile(filepath.Join(dir, "host"+strings.Repeat("x", i)), []byte("line\n"), 0o600))
	}
	f := newFollower(Source{Name: "dir", Kind: KindDir, Path: dir}, 0, testEnv(), &status{}, func(context.Context, Chunk) error { return nil })
	for range 10 {
		must(b, f.look(b.Context()))
		_, err := f.round(b.Context())
		must(b, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		must(b, f.look(b.Context()))
		_, err := f.round(b.Context())
		must(b, err)
	}
}

// BenchmarkPacked reads a packed file to its end.
func BenchmarkPacked(b *testing.B) {
	const size = 64 << 20
	path := logOf(b, size)
	packFile(b, path)
	b.SetBytes(size)
	for b.Loop() {
		c, err := openContent(path + ".gz")
		must(b, err)
		t := newTail(c, pos{})
		var buf []byte
		for {
			p, err := t.next(&buf, true)
			must(b, err)
			if p.text == "" {
				break
			}
			t.take(p)
		}
		must(b, c.Close())
	}
}
