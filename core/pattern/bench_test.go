package pattern

import (
	"os"
	"strings"
	"testing"

	"penstock/core/logline"
)

// stream returns messages as they come from real logs: those of PENSTOCK_STREAM,
// a file of raw lines, or else a few written for this test.
func stream(tb testing.TB) []string {
	tb.Helper()
	path := os.Getenv("PENSTOCK_STREAM")
	if path == "" {
		return samples()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	lines = lines[:min(len(lines), 200_000)]
	for i, line := range lines {
		var h logline.Header
		logline.Parse(line, &h)
		lines[i] = h.Message
	}
	return lines
}

func samples() []string {
	var out []string
	for _, s := range []string{
		"Failed password for invalid user guest from 192.0.2.17 port 40022 ssh2",
		"pump 3 started, pressure 4.25 bar, valve V-101 open",
		"session opened for user operator by (uid=0)",
		"GET /status/tank/7 HTTP/1.1 status: 200 len: 512 time: 0.013",
		"Received block blk_-17 of size 6710 from /192.0.2.9",
		"Jun 14 15:16:01: link eth0 down, carrier lost after 00:12",
	} {
		out = append(out, s, strings.ReplaceAll(s, "1", "8"), strings.ReplaceAll(s, "2", "31"))
	}
	return out
}

func BenchmarkMask(b *testing.B) {
	lines := stream(b)
	var m masker
	n := 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.mask(lines[i%len(lines)])
		n += len(lines[i%len(lines)])
	}
	b.SetBytes(int64(n / max(1, b.N)))
}

func BenchmarkLearn(b *testing.B) {
	lines := stream(b)
	m := New(Options{})
	for _, line := range lines {
		m.Learn("bench", line)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Learn("bench", lines[i%len(lines)])
	}
}
