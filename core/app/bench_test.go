package app

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"penstock/core/config"
	"penstock/core/event"
	"penstock/core/fake"
	"penstock/core/intake"
)

// BenchmarkWorker follows a file of ordinary lines with a few attacks to its end:
// tailed, decoded, sifted and counted durably. A line is an operation. PENSTOCK_LOG
// names another file.
func BenchmarkWorker(b *testing.B) { benchmarkWorker(b, func(*config.Config) {}) }

// BenchmarkWorkerWithModel is BenchmarkWorker with a model that is no help.
func BenchmarkWorkerWithModel(b *testing.B) {
	for name, url := range uselessModels(b) {
		b.Run(name, func(b *testing.B) {
			benchmarkWorker(b, func(c *config.Config) {
				c.Model.Endpoints, c.Model.Name, c.Model.Timeout, c.Model.CaseTime = []string{url}, fake.Model, time.Hour, time.Hour
			})
		})
	}
}

// uselessModels are the addresses of one that hangs and one that is gone.
func uselessModels(b *testing.B) map[string]string {
	hanging, gone := fake.NewOllama(b), fake.NewOllama(b)
	hanging.Answer(hangs)
	gone.Close()
	return map[string]string{"hangs": hanging.URL, "gone": gone.URL}
}

// BenchmarkRulesVerdict is the time from a line to the stored verdict of rules on the
// case that it opens, of which the tail's look every 5 ms is a part.
func BenchmarkRulesVerdict(b *testing.B) {
	models := uselessModels(b)
	models["without"] = ""
	for name, url := range models {
		b.Run(name, func(b *testing.B) {
			s := newSite(b)
			if url != "" {
				s.withModel(url)
				s.config.Model.Timeout, s.config.Model.CaseTime = time.Hour, time.Hour
			}
			w := s.start()
			line := 0
			for b.Loop() {
				line++
				s.write(fmt.Sprintf("%s gw1 nginx: 203.0.%d.%d - - \"GET /.env HTTP/1.1\" 404 12 \"-\" \"sqlmap\"\n", time.Now().UTC().Format(time.RFC3339), 113+line/250, line%250))
				for {
					last, err := w.store.Records(b.Context(), fmt.Sprint("site-w1-", line), 1)
					if err != nil {
						b.Fatal(err)
					}
					if len(last) > 0 {
						break
					}
					time.Sleep(100 * time.Microsecond)
				}
			}
			must(b, w.end())
		})
	}
}

func benchmarkWorker(b *testing.B, change func(*config.Config)) {
	b.Helper()
	folder := b.TempDir()
	path := os.Getenv("PENSTOCK_LOG")
	if path == "" {
		path = filepath.Join(folder, "bench.log")
		writeLines(b, path, b.N)
	}
	c := config.Default()
	c.StateDir = filepath.Join(folder, "state")
	c.Sources = intake.Options{{Name: "bench", Kind: intake.KindFile, Path: path, Trust: event.Local}}
	change(c)
	w, err := NewWorker(context.Background(), WorkerOptions{Config: c, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	w.every, w.pulse = 250*time.Millisecond, 10*time.Millisecond // so that the end is not waited for
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	b.ReportAllocs()
	b.ResetTimer()
	go func() { ended <- w.Run(ctx) }()
	for w.totals.of("bench").Lines < uint64(b.N) {
		time.Sleep(time.Millisecond) // a benchmark waits for what it measures
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

func writeLines(b *testing.B, path string, n int) {
	b.Helper()
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriterSize(file, 1<<20)
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range n {
		at = at.Add(2 * time.Millisecond)
		stamp := at.Format("2006-01-02T15:04:05.000Z07:00")
		switch {
		case i%1000 == 7:
			fmt.Fprintf(out, "%s web1 sshd[%d]: Failed password for invalid user u%d from 203.0.113.%d port %d ssh2\n", stamp, i%30000, i%40, i%250, 1024+i%60000)
		case i%10 < 3:
			fmt.Fprintf(out, "%s gw1 dhcpd: DHCPACK on 10.10.%d.%d to 52:54:00:12:%02x:%02x via eth0\n", stamp, i%4, i%200, i%250, i/250%250)
		case i%10 < 6:
			fmt.Fprintf(out, "%s gw1 kernel: [UFW BLOCK] IN=eth0 OUT= SRC=10.10.0.%d DST=10.10.0.1 LEN=60 PROTO=TCP SPT=%d DPT=%d\n", stamp, i%200, i%60000, 8000+i%8)
		default:
			fmt.Fprintf(out, "%s web1 app[77]: request %d of user %d handled in %d ms with status 200\n", stamp, i, i%100000, i%90)
		}
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFlood is a flood of attackers, each of whom makes a case that the rules work
// and a Zabbix server would be shown. A case is an operation.
func BenchmarkFlood(b *testing.B) {
	s, trapper := newSite(b), fake.NewTrapper(b)
	s.config.Zabbix.Host = "proxy 1"
	s.config.Zabbix.Send.To = []string{trapper.Address}
	for i := range b.N {
		for try := range 4 {
			s.write(fmt.Sprintf("%s gw1 sshd[%d]: Failed password for invalid user admin from 172.%d.%d.%d port %d ssh2\n",
				time.Now().UTC().Format(time.RFC3339), 1000+i%9000, 16+i/62500, i/250%250, i%250+1, 20000+try))
		}
	}
	b.ResetTimer()
	w := s.start()
	w.settled(4 * uint64(b.N))
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "cases/s")
	must(b, w.end())
}
