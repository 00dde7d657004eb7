package logline

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is one system of the public template samples.
type sample struct {
	lines, contents []string
}

// samples reads the template samples under PENSTOCK_DATA, by system.
func samples(tb testing.TB) map[string]sample {
	tb.Helper()
	dir := os.Getenv("PENSTOCK_DATA")
	if dir == "" {
		tb.Skip("PENSTOCK_DATA names no folder with templates/")
	}
	logs, err := filepath.Glob(filepath.Join(dir, "templates", "*_2k.log.gz"))
	if err != nil || len(logs) == 0 {
		tb.Fatalf("no samples in %s: %v", dir, err)
	}
	all := make(map[string]sample)
	for _, path := range logs {
		var s sample
		scan := bufio.NewScanner(unzip(tb, path))
		for scan.Scan() {
			s.lines = append(s.lines, scan.Text())
		}
		rows, err := csv.NewReader(unzip(tb, strings.TrimSuffix(path, ".log.gz")+".labels.csv.gz")).ReadAll()
		if err != nil {
			tb.Fatal(err)
		}
		for _, row := range rows[1:] {
			s.contents = append(s.contents, row[1])
		}
		name, _, _ := strings.Cut(filepath.Base(path), "_")
		all[name] = s
	}
	return all
}

func unzip(tb testing.TB, path string) *gzip.Reader {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

// TestMessageEqualsContent reports, per system, how often the message is the
// content that the samples' authors cut out.
func TestMessageEqualsContent(t *testing.T) {
	for name, s := range samples(t) {
		t.Run("+ "+name, func(t *testing.T) {
			var h Header
			equal, shown := 0, 0
			for i, line := range s.lines {
				Parse(line, &h)
				if h.Message == strings.TrimSpace(s.contents[i]) {
					equal++
				} else if shown < 8 && testing.Verbose() {
					shown++
					t.Logf("line %q\n want %q\n  got %q", line, s.contents[i], h.Message)
				}
			}
			share := float64(equal) / float64(len(s.lines))
			t.Logf("message equals content: %d of %d", equal, len(s.lines))
			if share < 0.9 {
				t.Errorf("message equals content in %.3f of the lines, want at least 0.9", share)
			}
		})
	}
}

// BenchmarkSamples parses the samples' lines in turn.
func BenchmarkSamples(b *testing.B) {
	var lines []string
	for _, s := range samples(b) {
		lines = append(lines, s.lines...)
	}
	bytes := 0
	for _, line := range lines {
		bytes += len(line)
	}
	b.ReportAllocs()
	b.SetBytes(int64(bytes / len(lines)))
	var h Header
	i := 0
	for b.Loop() {
		Parse(lines[i], &h)
		if i++; i == len(lines) {
			i = 0
		}
	}
}
