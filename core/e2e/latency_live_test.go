//go:build live

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/core/e2e/lab"
)

// BenchmarkLineToProblem measures how long it takes from log lines that are written
// until the problem of their case is visible through the API: the whole program, with
// rules alone, and a real Zabbix, direct and through its proxy. One run is seven
// attackers, one after the other; nothing is asserted.
func BenchmarkLineToProblem(b *testing.B) {
	for _, version := range []string{"6.0", "7.0"} {
		for _, way := range []string{"direct", "proxy"} {
			b.Run(version+"/"+way, func(b *testing.B) {
				z := lab.Zabbix(b, version, lab.Own())
				var o siteOptions
				if way == "proxy" {
					o = siteOptions{Proxy: "proxy", To: []string{z.ProxyTrapper}}
				}
				s := newZabbixSite(b, z, o)
				s.start(b)
				s.write(b, leases(700)...)
				s.settled(b)
				var took []time.Duration
				b.ResetTimer()
				for i := range b.N {
					took = append(took, s.attackers(b, i, 7)...)
				}
				b.StopTimer()
				s.stop(b)
				slices.Sort(took)
				b.ReportMetric(milliseconds(took[len(took)/2]), "median-ms")
				b.ReportMetric(milliseconds(took[len(took)-1]), "max-ms")
				load, _ := os.ReadFile("/proc/loadavg") // of interest, no more
				b.Logf("%d attackers, 60 lines each: %v; no model, files are looked at every 250ms, zabbix.look 10s, the API is asked every 10ms; "+
					"server and proxy as in core/e2e/lab (DataSenderFrequency=1); load %s", len(took), took, strings.TrimSpace(string(load)))
			})
		}
	}
}

// attackers lets one after the other guess passwords, and returns how long it took
// from the first of its lines until its problem was visible.
func (s *zabbixSite) attackers(b *testing.B, run, n int) (took []time.Duration) {
	b.Helper()

	for i := range n {
		peer := fmt.Sprintf("198.51.%d.%d", 100+run%100, 9+i)
		begin := time.Now()
		s.write(b, failedLogins(peer, 60)...)
		end := begin.Add(2 * time.Minute)
		for !slices.ContainsFunc(events(b, s.z), func(e zabbixEvent) bool { return strings.Contains(e.Name, peer) }) {
			if time.Now().After(end) {
				b.Fatalf("no problem names %s:\n%s", peer, strings.Join(said(events(b, s.z)), "\n"))
			}
			time.Sleep(10 * time.Millisecond)
		}
		took = append(took, time.Since(begin).Round(time.Millisecond))
		s.settled(b) // what is still done about this one is not the next one's
	}
	return took
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
