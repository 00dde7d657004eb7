package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkAppend appends records of 400 bytes with an fsync for each batch, and
// in the same loop, so that both meet the same disk, its peer: the same lines
// written to a plain file with an fsync for each batch, which is the least a
// durable hand-over can cost. ratio is the spool's time by that of the peer.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{160, 640, 2560, 10_240} {
		b.Run(fmt.Sprintf("batch-%d", n), func(b *testing.B) { benchmarkAppend(b, n) })
	}
}

func benchmarkAppend(b *testing.B, n int) {
	dir := b.TempDir()
	s := mustOpen(b, dir, Options{MaxBytes: 64 << 20, MaxAge: mostAge}, time.Now)
	plain, err := os.Create(filepath.Join(b.TempDir(), "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close()
	batch := records("a", n, 400)
	var lines []byte
	var ours, peers time.Duration
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		if err := s.Append(2, "", batch); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(began)

		began = time.Now()
		lines = lines[:0]
		for i := range batch {
			lines = append(append(lines, batch[i].Data...), '\n')
		}
		if _, err := plain.Write(lines); err != nil {
			b.Fatal(err)
		}
		if err := plain.Sync(); err != nil {
			b.Fatal(err)
		}
		peers += time.Since(began)
	}
	total := float64(n) * float64(b.N)
	b.ReportMetric(total/ours.Seconds(), "records/s")
	b.ReportMetric(total/peers.Seconds(), "peer-records/s")
	b.ReportMetric(ours.Seconds()/peers.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op") // of both together, which says nothing
}

// BenchmarkRead reads 256 KiB at a time of what is in the page cache.
func BenchmarkRead(b *testing.B) {
	s := mustOpen(b, b.TempDir(), DefaultOptions(), time.Now)
	batch := records("a", 640, 400)
	for range 100 {
		mustAppend(b, s, 2, "", batch)
	}
	var from Position
	read := 0
	b.ReportAllocs()
	for b.Loop() {
		recs, next, err := s.Read(2, from, 256<<10)
		if err != nil {
			b.Fatal(err)
		}
		if read += len(recs); len(recs) == 0 {
			next = Position{}
		}
		from = next
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkOpen opens a spool that is full of small batches, the slowest case.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := mustOpen(b, dir, DefaultOptions(), time.Now)
	for range 2000 {
		mustAppend(b, s, 2, "tag", records("a", 10, 400))
	}
	b.SetBytes(s.Stats().Bytes)
	for b.Loop() {
		s, err := Open(dir, DefaultOptions(), time.Now)
		if err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}
