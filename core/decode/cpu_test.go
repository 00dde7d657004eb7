package decode

import (
	"encoding/json"
	"syscall"
	"testing"
	"time"
)

// cpu returns the processor time that this process has used: on a shared machine
// the only figure that can be compared.
func cpu() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func reportCPU(b *testing.B, start time.Duration) {
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkEncodingJSON reads the same alerts with the standard library, for the
// ratio.
func BenchmarkEncodingJSON(b *testing.B) {
	lines := alerts(b)
	start, i := cpu(), 0
	for b.Loop() {
		var v struct {
			Rule  struct{ Level int }
			Agent struct{ Name string }
			Log   string `json:"full_log"`
		}
		if err := json.Unmarshal([]byte(lines[i]), &v); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(lines) {
			i = 0
		}
	}
	reportCPU(b, start)
}
