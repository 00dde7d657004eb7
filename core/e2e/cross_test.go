//go:build cross

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCrossBuildsStaySmall looks at what `make cross` has built: a gateway with
// an SD card must be able to take it. SQLite in Go takes 6 MiB of it, HTTP with TLS
// and the client of Ollama 3, and html/template 2.5, whose escaping of what
// attackers write is worth it.
func TestCrossBuildsStaySmall(t *testing.T) {
	const most = 24 << 20 // bytes
	for _, program := range []string{"penstock", "zabbix-agent2-plugin-penstock"} {
		for _, target := range []string{"linux-amd64", "linux-arm64", "linux-armv7"} {
			path := filepath.Join(root, "dist", program+"-"+target)
			info, err := os.Stat(path)
			if err != nil {
				t.Errorf("stat %s: %v", path, err)
				continue
			}
			t.Logf("%s for %s: %.1f MiB", program, target, float64(info.Size())/(1<<20))
			if info.Size() > most {
				t.Errorf("%s for %s has %d bytes, more than %d", program, target, info.Size(), most)
			}
		}
	}
}
