package app

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"penstock/core/cases"
	"penstock/core/config"
	"penstock/core/event"
	"penstock/core/intake"
	"penstock/core/logfile"
	"penstock/core/record"
	"penstock/core/store"
)

// BenchmarkRestart starts a worker on a state directory of PENSTOCK_STATE_MB
// megabytes (32 where it is not set) and waits until it has stored a new line.
func BenchmarkRestart(b *testing.B) {
	size, err := strconv.Atoi(os.Getenv("PENSTOCK_STATE_MB"))
	if err != nil {
		size = 32
	}
	folder := b.TempDir()
	log := filepath.Join(folder, "gw1.log")
	c := config.Default()
	c.StateDir = filepath.Join(folder, "state")
	c.Store.MaxBytes = 4 << 30
	c.Sources = intake.Options{{Name: "gw1", Kind: intake.KindFile, Path: log, Trust: event.Local}}
	fillState(b, c, int64(size)<<20)
	lines := uint64(0)
	for b.Loop() {
		file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(file, "2026-03-02T08:00:00Z gw1 app: line %d\n", lines)
		if err := file.Close(); err != nil {
			b.Fatal(err)
		}
		lines++
		w, err := NewWorker(context.Background(), WorkerOptions{Config: c, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		for w.totals.of("gw1").Lines < lines {
			time.Sleep(time.Millisecond) // a benchmark waits for what it measures
		}
		b.StopTimer()
		stop()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(sizeOf(filepath.Join(c.StateDir, "*"))+sizeOf(filepath.Join(c.StateDir, "*", "*")))/(1<<20), "MiB")
}

// fillState makes a state directory with closed cases, their records and the log
// of these, of about that size.
func fillState(b *testing.B, c *config.Config, size int64) {
	b.Helper()
	ctx := context.Background()
	s, err := store.Open(ctx, c.StateDir, c.Store, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	log, err := logfile.Open(filepath.Join(c.StateDir, "log"), c.LogFile, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		var t []byte
		for range 100 {
			t = strconv.AppendUint(append(t, ' '), random.Uint64(), 36)
		}
		return string(t)
	}
	number := uint64(0)
	for used := int64(0); used < size; used, _, err = s.Size(ctx) {
		if err != nil {
			b.Fatal(err)
		}
		var batch store.Batch
		var verdicts []store.Verdict
		for range 100 {
			number++
			h := cases.HeldState{Number: number, Asset: "gw1", Kind: "peer", Value: fmt.Sprint(number), Source: "gw1"}
			h.Case = cases.Case{
				ID: fmt.Sprintf("site-w1-%d", number), Revision: 1, Status: cases.Closed, Asset: "gw1", Class: event.BruteForce, Floor: event.Medium,
				Opened: time.Now(), Updated: time.Now(), Events: 1,
			}
			r := record.Record{Version: record.Version, Case: h.Case.ID, Revision: 1, Status: "closed", Severity: event.Medium}
			for i := range 20 {
				h.Case.Lines = append(h.Case.Lines, cases.Line{Number: i + 1, Text: text()})
				h.LineGrades = append(h.LineGrades, event.Medium)
				r.Evidence = append(r.Evidence, record.Evidence{ID: fmt.Sprintf("E%d", i+1), Text: h.Case.Lines[i].Text[:400]})
			}
			batch.Cases = append(batch.Cases, h)
			verdicts = append(verdicts, store.Verdict{Case: h.Case.ID, Revision: 1, By: store.ByRules, Record: r})
		}
		batch.Book = cases.State{Counter: number}
		if err := s.SaveBatch(ctx, batch); err != nil {
			b.Fatal(err)
		}
		seqs, err := s.Commit(ctx, verdicts)
		if err != nil {
			b.Fatal(err)
		}
		records := make([]record.Record, len(verdicts))
		for i, v := range verdicts {
			records[i] = v.Record
			records[i].Seq = seqs[i]
		}
		if err := log.Write(records); err != nil {
			b.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
