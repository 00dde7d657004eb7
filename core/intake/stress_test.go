package intake

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestKilledWhileALogIsRotated kills the reader again and again, with what it has
// handed over last not yet stored, while a log is written and rotated far faster
// than any real one. Only the order of lines from different files may change then.
func TestKilledWhileALogIsRotated(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rotate func(s *site)
	}{
		{"+ by renaming", (*site).rotate},
		{"+ by copying and emptying, too", func(s *site) {
			if rand.IntN(2) == 0 {
				s.copyTruncate()
				return
			}
			s.rotate()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "app.log")
			o := Options{{Name: "app", Kind: KindFile, Path: path}}
			e := fast()
			e.Poll = 2 * time.Millisecond
			run := start(t, o, e, nil)
			run.until("the first look", func() bool { return run.r.states[0].handed() > 0 })
			s := newSite(t, path)
			written := make(chan struct{})
			go func() {
				defer close(written)
				writeForAWhile(s, tt.rotate)
			}()
			for over := false; !over; {
				select {
				case <-written:
					over = true
				case <-time.After(time.Duration(rand.IntN(60)) * time.Millisecond):
				}
				chunks := run.end()
				kept := max(1, len(chunks)-rand.IntN(3))
				run = start(t, o, e, chunks[:kept:kept])
			}
			s.write(1)
			want := sorted(s.want.String())
			run.until("all lines", func() bool { return len(run.text()) >= len(want) })
			run.end()
			if diff := sameLines(want, sorted(run.text())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func writeForAWhile(s *site, rotate func(*site)) {
	for range 150 {
		for range rand.IntN(4) {
			s.write(rand.IntN(300))
		}
		switch rand.IntN(12) {
		case 0, 1:
			rotate(s)
		case 2, 3:
			s.pack(2 + rand.IntN(3))
		case 4:
			s.begin()
		}
		time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond) // a writer's pace
	}
}

func sorted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}
