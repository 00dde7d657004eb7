package spool

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestWhatWasAcknowledgedIsReadOnceAndInOrder runs appends, reads, releases,
// crashes with a torn tail, and restarts in any order against a model.
func TestWhatWasAcknowledgedIsReadOnceAndInOrder(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		o := Options{MaxBytes: 16 << 20, MaxAge: mostAge} // segments of 2 MiB
		s := mustOpen(t, dir, o, newClock().now)
		var want [Lanes][]Record
		var at [Lanes]Position
		var tags []string
		serial := 0
		lanes := rapid.IntRange(0, Lanes-1)
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				lane := lanes.Draw(rt, "lane")
				n, size := rapid.IntRange(1, 50).Draw(rt, "n"), rapid.SampledFrom([]int{1, 40, 400, 30_000}).Draw(rt, "size")
				serial++
				batch, tag := records(fmt.Sprint(serial), n, size), fmt.Sprint("tag", serial)
				if err := s.Append(lane, tag, batch); errors.Is(err, ErrFull) {
					return
				} else if err != nil {
					rt.Fatal(err)
				}
				want[lane], tags = append(want[lane], batch...), append(tags, tag)
			},
			"read": func(rt *rapid.T) {
				lane := lanes.Draw(rt, "lane")
				recs, next, err := s.Read(lane, at[lane], rapid.IntRange(0, 100_000).Draw(rt, "most"))
				if err != nil || len(recs) == 0 && len(want[lane]) > 0 || len(recs) > len(want[lane]) {
					rt.Fatalf("%d records, %v, %d wait", len(recs), err, len(want[lane]))
				}
				if text := diff(want[lane][:len(recs)], recs); text != "" {
					rt.Fatalf("(-want +got):\n%s", text)
				}
				want[lane], at[lane] = want[lane][len(recs):], next
			},
			"release": func(rt *rapid.T) {
				lane := lanes.Draw(rt, "lane")
				if err := s.Release(lane, at[lane]); err != nil {
					rt.Fatal(err)
				}
				tags = nil // some may be gone after a restart
			},
			"restart": func(rt *rapid.T) {
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				s = mustOpen(t, dir, o, newClock().now)
			},
			"crash": func(rt *rapid.T) {
				s.tear(rt, lanes.Draw(rt, "lane"))
				_ = s.Close()
				s = mustOpen(t, dir, o, newClock().now)
			},
			"": func(rt *rapid.T) {
				for _, tag := range tags {
					if !s.HasTag(tag) {
						rt.Fatalf("%s is not known", tag)
					}
				}
				for lane := range want {
					stats := s.Stats()
					if stats.GivenUp[lane]+stats.Damaged[lane] > 0 {
						rt.Fatalf("lane %d: %+v", lane, stats)
					}
				}
			},
		})
		_ = s.Close()
		_ = os.RemoveAll(dir)
	})
}

// tear leaves behind what an append that was interrupted can leave.
func (s *Spool) tear(rt *rapid.T, lane int) {
	l := &s.lanes[lane]
	if l.file == nil {
		return
	}
	seg := l.segments[len(l.segments)-1]
	k := l.key
	var tail []byte
	if seg.size == 0 {
		tail = appendKey(nil, k)
	}
	batch := records("torn", 600, 1000)
	h := header{lane: lane, begins: true, tag: "torn", first: seg.end, at: 1}
	for len(batch) > 0 {
		var n int
		tail, n = appendBlock(tail, h, k, batch)
		batch, h.first, h.begins = batch[n:], h.first+uint64(n), false
	}
	tail = tail[:rapid.IntRange(0, len(tail)-1).Draw(rt, "cut")]
	if hole := rapid.IntRange(0, 1000).Draw(rt, "hole") * 1000; hole+4096 < len(tail) {
		clear(tail[hole : hole+4096])
	}
	if _, err := l.file.WriteAt(tail, seg.size); err != nil {
		rt.Fatal(err)
	}
}

// TestAppendAndReadAtTheSameTime has writers in all lanes, a reader for each, which
// also releases, and somebody who looks at the numbers.
func TestAppendAndReadAtTheSameTime(t *testing.T) {
	t.Parallel()

	s := mustOpen(t, t.TempDir(), small(), newClock().now)
	const batches, perBatch = 150, 20
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for lane := range Lanes {
		writers.Go(func() {
			for i := 0; i < batches; {
				err := s.Append(lane, fmt.Sprint(lane, i), records(fmt.Sprint(i), perBatch, 500))
				if errors.Is(err, ErrFull) {
					continue // until a reader has released something
				}
				if err != nil {
					t.Error(err)
					return
				}
				i++
			}
		})
		readers.Go(func() {
			got, lost, err := follow(s, lane, done)
			if err != nil || got+lost != batches*perBatch {
				t.Errorf("lane %d: %d read, %d lost, %v", lane, got, lost, err)
			}
			if lane == Lanes-1 && lost > s.Stats().GivenUp[lane] {
				t.Errorf("lane %d: %d lost, %+v", lane, lost, s.Stats())
			}
		})
	}
	readers.Go(func() {
		for open := true; open; {
			select {
			case <-done:
				open = false
			case <-s.Appended():
			}
			if got := s.Stats().Bytes; got > 1<<20 {
				t.Errorf("%d bytes", got)
			}
			s.HasTag("0 1")
		}
	})
	writers.Wait()
	close(done)
	readers.Wait()
}

// follow reads a lane to its end and on until done. Records come in order.
func follow(s *Spool, lane int, done <-chan struct{}) (got, lost uint64, err error) {
	var from Position
	last, serial := -1, -1
	for {
		ended := false
		select {
		case <-done:
			ended = true
		default:
		}
		recs, next, err := s.Read(lane, from, 20_000)
		var gone *LostError
		if errors.As(err, &gone) && errors.Is(err, ErrGone) {
			lost += gone.Lost
		} else if err != nil {
			return got, lost, err
		}
		for _, r := range recs {
			var batch, i int
			if _, err := fmt.Sscanf(string(r.Data), "%d-%d ", &batch, &i); err != nil {
				return got, lost, err
			}
			if batch < last || batch == last && i <= serial {
				return got, lost, fmt.Errorf("%d-%d after %d-%d", batch, i, last, serial)
			}
			last, serial = batch, i
		}
		got += uint64(len(recs))
		if ended && len(recs) == 0 && err == nil {
			return got, lost, nil
		}
		from = next
		if err := s.Release(lane, from); err != nil {
			return got, lost, err
		}
	}
}
