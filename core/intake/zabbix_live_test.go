//go:build live

package intake

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/core/e2e/lab"
	"penstock/core/event"
)

// TestLiveExportIsReadThroughItsRotation lets a real server write three times what one
// of its export files holds, and expects every value once.
func TestLiveExportIsReadThroughItsRotation(t *testing.T) {
	const values, size = 60, 50_000
	for _, version := range []string{"6.0", "7.0"} {
		t.Run(version, func(t *testing.T) {
			z := lab.Zabbix(t, version, lab.Export("events,history"), lab.ServerLines("ExportFileSize=1M"))
			makeTextHost(t, z)
			run := start(t, Options{{Name: "zabbix", Kind: KindZabbix, Path: z.ExportDir, Trust: event.Local}}, Env{Poll: 250 * time.Millisecond}, nil)
			run.until("the first look", func() bool { return run.r.states[0].handed() > 0 })
			var want, got []string
			for i := range values {
				name := fmt.Sprintf("value-%03d", i)
				sendText(t, z.Trapper, name+" "+strings.Repeat("x", size))
				want = append(want, name)
				if len(want)%10 != 0 {
					continue
				}
				// The server keeps one file beside the newest: of three that it fills
				// within a second, nobody sees the first.
				run.until("the values so far", func() bool {
					got = got[:0]
					for line := range strings.Lines(run.text()) {
						if at := strings.Index(line, "value-"); at >= 0 && len(line) > size {
							got = append(got, line[at:at+len("value-000")])
						}
					}
					return len(got) >= len(want)
				})
			}
			slices.Sort(got)
			if !slices.Equal(want, got) {
				t.Errorf("read %q", got)
			}
			streams := map[string]bool{}
			for _, c := range run.end() {
				if c.Gap != "" {
					t.Errorf("a gap: %s", c.Gap)
				}
				if len(c.Text) > size {
					streams[c.Stream] = true
				}
			}
			if len(streams) < 3 {
				t.Errorf("read from %d files: the server did not rotate", len(streams))
			}
		})
	}
}

func makeTextHost(t *testing.T, z *lab.ZabbixServer) {
	t.Helper()
	create := func(method string, params map[string]any, field string) string {
		var made map[string][]json.RawMessage
		z.API(t, method, params, &made)
		return strings.Trim(string(made[field][0]), `"`)
	}
	group := create("hostgroup.create", map[string]any{"name": "export"}, "groupids")
	id := create("host.create", map[string]any{"host": "export", "groups": []map[string]string{{"groupid": group}}}, "hostids")
	create("item.create", map[string]any{"hostid": id, "name": "text", "key_": "text", "type": 2, "value_type": 4}, "itemids")
}

// sendText hands one value over, until the server knows the item.
func sendText(t *testing.T, address, value string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"request": "sender data", "data": []map[string]string{{"host": "export", "key": "text", "value": value}}})
	must(t, err)
	head := append([]byte("ZBXD\x01"), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(head[5:], uint32(len(body)))
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		conn, err := net.DialTimeout("tcp", address, 5*time.Second)
		must(t, err)
		must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = conn.Write(append(head, body...))
		must(t, err)
		answer := make([]byte, 1000)
		n, _ := conn.Read(answer)
		for n < 20 { // the head may come alone
			more, err := conn.Read(answer[n:])
			must(t, err)
			n += more
		}
		must(t, conn.Close())
		if strings.Contains(string(answer[:n]), "failed: 0") {
			return
		}
	}
	t.Fatal("the server does not take the value")
}
