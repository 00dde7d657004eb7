package intake

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"penstock/core/event"
)

func testEnv() Env {
	at := time.Unix(1_800_000_000, 0)
	return Env{
		Log: slog.New(slog.DiscardHandler), Poll: time.Millisecond,
		Now: func() time.Time { at = at.Add(time.Second); return at },
	}
}

// fataler is what testing and rapid have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bench follows one source step by step, without goroutines or clocks, and keeps
// what it hands over.
type bench struct {
	t      fataler
	source Source
	f      *follower
	chunks []Chunk
}

func newBench(t fataler, s Source) *bench {
	b := &bench{t: t, source: s}
	b.restart()
	return b
}

// restart begins anew from what was handed over, as after a crash.
func (b *bench) restart() {
	b.t.Helper()
	b.stop()
	b.f = newFollower(b.source, 0, testEnv(), &status{}, func(_ context.Context, c Chunk) error {
		b.chunks = append(b.chunks, c)
		return nil
	})
	b.f.known(cursorsAfter(b.t, b.chunks))
}

func (b *bench) stop() {
	if b.f != nil {
		for _, fl := range b.f.files {
			fl.close()
		}
	}
}

// cursorsAfter returns what a store would hold, and checks that the chunks of a
// stream follow upon each other.
func cursorsAfter(t fataler, chunks []Chunk) map[string]event.Cursor {
	t.Helper()
	all := map[string]event.Cursor{}
	for _, c := range chunks {
		if c.From != all[c.Stream] {
			t.Fatalf("stream %s goes on from %q, not from %q", c.Stream, c.From, all[c.Stream])
		}
		if c.Text == "" && c.Gap == "" && !c.Done && !strings.HasPrefix(string(c.To), floorPrefix) {
			t.Fatalf("an empty chunk: %+v", c)
		}
		all[c.Stream] = c.To
		if c.Done {
			delete(all, c.Stream)
		}
	}
	return maps.Clone(all)
}

// step looks once and reads what there is, up to most pieces.
func (b *bench) step(most int) {
	b.t.Helper()
	if err := b.f.look(context.Background()); err != nil && !notThere(err) && !errors.Is(err, os.ErrPermission) {
		b.t.Fatal(err)
	}
	for range most {
		busy, err := b.f.round(context.Background())
		must(b.t, err)
		if !busy {
			return
		}
	}
}

// settle looks until everything has come to rest.
func (b *bench) settle() {
	b.t.Helper()
	for range 2*quietLooks + missingLooks {
		b.step(1000)
	}
}

func (b *bench) text() string { return textIn(b.chunks) }

func textIn(chunks []Chunk) string {
	var s strings.Builder
	for _, c := range chunks {
		s.WriteString(c.Text)
	}
	return s.String()
}

func (b *bench) gaps() []string {
	var all []string
	for _, c := range b.chunks {
		if c.Gap != "" {
			all = append(all, c.Gap)
		}
	}
	return all
}

// wantAgain reads every stream once more in random steps.
func (b *bench) wantAgain(rt *rapid.T) {
	b.t.Helper()
	r, err := Open(Options{b.source}, testEnv())
	must(b.t, err)
	defer r.closeAgain()
	byStream := map[string][]Chunk{}
	for _, c := range b.chunks {
		byStream[c.Stream] = append(byStream[c.Stream], c)
	}
	for stream, chunks := range byStream {
		for i := 0; i < len(chunks); {
			n := 1
			if rt != nil {
				n = rapid.IntRange(1, len(chunks)-i).Draw(rt, "step")
			}
			step := chunks[i : i+n]
			var got strings.Builder
			err := r.Again(context.Background(), stream, step[0].From, step[n-1].To, func(text string) error {
				got.WriteString(text)
				return nil
			})
			if err != nil {
				b.t.Fatalf("Again(%s, %q, %q): %v", stream, step[0].From, step[n-1].To, err)
			}
			if diff := cmp.Diff(textIn(step), got.String()); diff != "" {
				b.t.Fatalf("Again(%s, %q, %q) (-want +got):\n%s", stream, step[0].From, step[n-1].To, diff)
			}
			i += n
		}
	}
}

// site is a folder in which a log is written and rotated.
type site struct {
	t    fataler
	path string
	w    *os.File
	n    int
	kept int             // rotated files
	want strings.Builder // every line that was written, in order
	part string          // written of a line that has no end yet
}

func newSite(t fataler, path string) *site {
	s := &site{t: t, path: path}
	s.create()
	return s
}

func (s *site) create() {
	w, err := os.OpenFile(s.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.t, err)
	if s.w != nil {
		must(s.t, s.w.Close())
	}
	s.w = w
}

func (s *site) line() string {
	s.n++
	return fmt.Sprintf("line %06d %s", s.n, strings.Repeat("x", s.n*7919%97))
}

// write appends n lines; the first one ends what was begun.
func (s *site) write(n int) {
	s.t.Helper()
	var b strings.Builder
	for range n {
		rest := s.line()
		fmt.Fprintln(&b, rest)
		fmt.Fprintln(&s.want, s.part+rest)
		s.part = ""
	}
	_, err := s.w.WriteString(b.String())
	must(s.t, err)
}

// begin writes a line without its end.
func (s *site) begin() {
	s.t.Helper()
	text := s.line()
	_, err := s.w.WriteString(text)
	must(s.t, err)
	s.part += text
}

// cutOff notes that what was begun will never be ended.
func (s *site) cutOff() {
	if s.part != "" {
		fmt.Fprintln(&s.want, s.part)
		s.part = ""
	}
}

func (s *site) rotated(i int) string { return fmt.Sprintf("%s.%d", s.path, i) }

// shift renames all rotated files up by one.
func (s *site) shift() {
	s.kept++
	for i := s.kept; i > 0; i-- {
		for _, end := range []string{"", ".gz"} {
			if err := os.Rename(s.rotated(i)+end, s.rotated(i+1)+end); err != nil && !os.IsNotExist(err) {
				s.t.Fatal(err)
			}
		}
	}
}

// expire removes all rotated files but the newest ones.
func (s *site) expire(keep int) {
	for i := keep + 1; i <= s.kept+1; i++ {
		for _, end := range []string{"", ".gz"} {
			if err := os.Remove(s.rotated(i) + end); err != nil && !os.IsNotExist(err) {
				s.t.Fatal(err)
			}
		}
	}
}

func (s *site) rotate() {
	s.t.Helper()
	s.shift()
	must(s.t, os.Rename(s.path, s.rotated(1)))
	s.cutOff()
	s.create()
}

func (s *site) copyTruncate() {
	s.t.Helper()
	all, err := os.ReadFile(s.path)
	must(s.t, err)
	s.shift()
	must(s.t, os.WriteFile(s.rotated(1), all, 0o600))
	must(s.t, os.Truncate(s.path, 0))
	s.cutOff()
}

// pack packs one rotated file, where it is not packed yet.
func (s *site) pack(i int) {
	s.t.Helper()
	packFile(s.t, s.rotated(i))
}

func packFile(t fataler, path string) {
	t.Helper()
	in, err := os.Open(path)
	if os.IsNotExist(err) {
		return
	}
	must(t, err)
	info, err := in.Stat()
	must(t, err)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = io.Copy(z, in)
	must(t, err)
	must(t, z.Close())
	must(t, in.Close())
	must(t, os.WriteFile(path+".gz", b.Bytes(), 0o600))
	must(t, os.Chtimes(path+".gz", time.Time{}, info.ModTime()))
	must(t, os.Remove(path))
}

// TestNoLineIsLostOrDoubled writes, rotates, packs and restarts at random.
func TestNoLineIsLostOrDoubled(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		must(rt, os.Mkdir(dir, 0o700))
		path := filepath.Join(dir, "app.log")
		b := newBench(rt, Source{Name: "app", Kind: KindFile, Path: path})
		b.step(1)
		s := newSite(rt, path)
		defer func() { s.w.Close(); b.stop(); os.RemoveAll(dir) }()
		rt.Repeat(map[string]func(*rapid.T){
			"write":        func(rt *rapid.T) { s.write(rapid.IntRange(1, 40).Draw(rt, "lines")) },
			"begin":        func(*rapid.T) { s.begin() },
			"rotate":       func(*rapid.T) { s.rotate() },
			"copytruncate": func(*rapid.T) { s.copyTruncate() },
			"pack":         func(rt *rapid.T) { s.pack(rapid.IntRange(1, 4).Draw(rt, "which")) },
			"rotate, and written to on": func(rt *rapid.T) {
				s.shift()
				must(rt, os.Rename(path, s.rotated(1)))
				b.step(rapid.IntRange(0, 5).Draw(rt, "pieces"))
				s.write(rapid.IntRange(1, 40).Draw(rt, "lines"))
				b.step(rapid.IntRange(0, 5).Draw(rt, "pieces"))
				s.cutOff()
				s.create()
			},
			"step": func(rt *rapid.T) { b.step(rapid.IntRange(0, 5).Draw(rt, "pieces")) },
			"steps": func(rt *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(rt, "looks") {
					b.step(5)
				}
			},
			"crash": func(rt *rapid.T) {
				b.chunks = b.chunks[:rapid.IntRange(1, len(b.chunks)).Draw(rt, "kept")]
				b.restart()
			},
		})
		b.settle()
		want := s.want.String()
		if diff := sameLines(want, b.text()); diff != "" {
			rt.Fatalf("gaps %q: %s", b.gaps(), diff)
		}
		b.wantAgain(rt)
		s.write(1)
		b.settle() // now nothing that is removed was not read
		s.expire(rapid.IntRange(0, 5).Draw(rt, "kept files"))
		s.write(1)
		s.rotate()
		s.write(1)
		b.restart()
		b.settle()
		if diff := sameLines(s.want.String(), b.text()); diff != "" || len(b.gaps()) > 0 {
			rt.Fatalf("after the oldest were removed: gaps %q: %s", b.gaps(), diff)
		}
	})
}

// sameLines says where two texts part, briefly.
func sameLines(want, got string) string {
	if want == got {
		return ""
	}
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	seen := map[string]int{}
	for _, line := range g {
		seen[line]++
	}
	missing, twice := 0, 0
	for _, line := range w {
		if seen[line] == 0 {
			missing++
		}
	}
	for _, n := range seen {
		twice += n - 1
	}
	around := func(lines []string) string { return strings.Join(lines[min(i, len(lines)):min(i+5, len(lines))], "") }
	return fmt.Sprintf("%d lines, want %d; %d are missing, %d too many; from line %d on\n%swant\n%s",
		len(g), len(w), missing, twice, i, around(g), around(w))
}
