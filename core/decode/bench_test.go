package decode

import (
	"bufio"
	"os"
	"path/filepath"
	"testing"
	"time"

	"penstock/core/event"
)

func benchmark(b *testing.B, lines ...string) {
	b.Helper()
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	b.SetBytes(int64(size / len(lines)))
	b.ReportAllocs()
	received := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	d := New(Options{Replay: true})
	var ev event.Event
	start, i := cpu(), 0
	for b.Loop() {
		d.Decode(lines[i], received, &ev)
		if i++; i == len(lines) {
			i = 0
		}
	}
	reportCPU(b, start)
}

func BenchmarkOrdinarySyslog(b *testing.B) {
	benchmark(b, "Jun 18 01:30:59 combo rtkit-daemon[1204]: Supervising 6 threads of 3 processes of 1 users, more text of an ordinary kind here")
}

func BenchmarkSshd(b *testing.B) {
	benchmark(b, "Dec 10 07:28:51 LabSZ sshd[24285]: Failed password for root from 112.95.230.3 port 53584 ssh2")
}

func BenchmarkAccess(b *testing.B) {
	benchmark(b, `192.0.2.7 - - [29/Sep/2021:12:37:05 +0000] "GET /a/b.php?x=1 HTTP/1.1" 404 196 "-" "Mozilla/5.0 (X11; Linux x86_64)"`)
}

func BenchmarkJSONLog(b *testing.B) {
	benchmark(b, `{"level":"error","ts":1711741827.9626286,"logger":"http.log","msg":"handled request","request":{"remote_ip":"192.0.2.7","method":"GET","host":"a.example","uri":"/x"},"status":404}`)
}

// BenchmarkWazuh decodes the alerts of all *.jsonl files in the folder that
// PENSTOCK_ALERTS names.
func BenchmarkWazuh(b *testing.B) { benchmark(b, alerts(b)...) }

func alerts(b *testing.B) []string {
	b.Helper()
	dir := os.Getenv("PENSTOCK_ALERTS")
	if dir == "" {
		b.Skip("PENSTOCK_ALERTS names no folder with *.jsonl")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	var lines []string
	for _, path := range paths {
		if filepath.Base(path) == "labelled_logs.jsonl" {
			continue // raw lines, not alerts
		}
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		scan := bufio.NewScanner(f)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			lines = append(lines, scan.Text())
		}
		f.Close()
	}
	return lines
}
