//go:build live

package zabbix

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/e2e/lab"
)

// onEach runs a test against a real 6.0 and a real 7.0.
func onEach(t *testing.T, test func(t *testing.T, version string)) {
	for _, version := range []string{"6.0", "7.0"} {
		t.Run(version, func(t *testing.T) { test(t, version) })
	}
}

// lately is a time of now, as the values of a test have it.
func lately() time.Time { return time.Now().Add(-time.Minute).Truncate(time.Second) }

// deliverAll delivers until everything was taken, as the publisher does: a new host
// is known after a moment.
func deliverAll(t testing.TB, door Door, values []Value) {
	t.Helper()

	var last any
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		refused, err := Deliver(t.Context(), door, values)
		if err == nil && len(refused) == 0 {
			return
		}
		var rest *RestError
		if err != nil && !errors.As(err, &rest) {
			t.Fatal(err)
		}
		again := refused
		if rest != nil {
			again = append(again, rest.Rest...)
		}
		last = fmt.Sprintf("%d refused, %v", len(refused), err)
		var left []Value
		for i, v := range values {
			for _, n := range again {
				if n == i {
					left = append(left, v)
				}
			}
		}
		values = left
	}
	t.Fatalf("not all values are taken: %v", last)
}

// wantHistory waits until an item has these values, and no others.
func wantHistory(t *testing.T, z *lab.ZabbixServer, item string, want ...Value) {
	t.Helper()

	samples := make([]lab.Sample, len(want))
	for i, v := range want {
		samples[i] = lab.Sample{Clock: int(v.At.Unix()), NS: v.At.Nanosecond(), Value: v.Value}
	}
	var got []lab.Sample
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if got = z.History(t, item); len(got) >= len(want) {
			break
		}
	}
	if diff := cmp.Diff(samples, got); diff != "" {
		t.Errorf("history of item %s (-want +got):\n%.3000s", item, diff)
	}
}

func TestLiveSenderFindsWhatIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, version string) {
		z := lab.Zabbix(t, version)
		item := z.CreateItem(t, z.CreateHost(t, "sender plain", lab.HostOptions{}), "text", nil)
		s := senderTo(t, nil, SendOptions{To: []string{z.Trapper}})
		at := lately()
		deliverAll(t, s, []Value{{Host: "sender plain", Key: "text", Value: "0", At: at}})
		values := []Value{
			{Host: "sender plain", Key: "text", Value: "1", At: at.Add(1)},
			{Host: "no such host", Key: "text", Value: "2", At: at.Add(2)},
			{Host: "sender plain", Key: "none", Value: "3", At: at.Add(3)},
			{Host: "sender plain", Key: "text", Value: "4", At: at.Add(4)},
			{Host: "", Key: "text", Value: "5", At: at},
			{Host: "sender plain", Key: "text", Value: "6", At: at.Add(6)},
			{Host: strings.Repeat("long", 500), Key: "text", Value: "7", At: at},
			{Host: "sender plain", Key: `text["`, Value: "8", At: at},
		}
		refused, err := Deliver(t.Context(), s, values)
		if diff := cmp.Diff([]int{1, 2, 4, 6, 7}, refused); diff != "" || err != nil {
			t.Errorf("error %v, refused (-want +got):\n%s", err, diff)
		}
		wantHistory(t, z, item, Value{Value: "0", At: at}, values[0], values[3], values[5])
	})
}

// TestLiveTextArrivesWhole: what Zabbix would cut off or refuse was mended before.
func TestLiveTextArrivesWhole(t *testing.T) {
	onEach(t, func(t *testing.T, version string) {
		z := lab.Zabbix(t, version)
		item := z.CreateItem(t, z.CreateHost(t, "sender text", lab.HostOptions{}), "text", nil)
		s := senderTo(t, nil, SendOptions{To: []string{z.Trapper}})
		at := lately()
		texts := []string{"a\x00b", "raw\xff\xfe.", `"quotes" \ {$MACRO} {HOST.HOST} <b>`, "lines\nand\ttabs", "\x01\x1b\x7f\ufffe\U0010ffff😀", strings.Repeat("é", 3<<20)}
		want := []string{"a\ufffdb", "raw\ufffd.", texts[2], texts[3], texts[4], strings.Repeat("é", 65535)}
		var sent, stored []Value
		for i := range texts {
			v := Value{Host: "sender text", Key: "text", Value: texts[i], At: at.Add(time.Duration(i))}
			sent = append(sent, v)
			v.Value = want[i]
			stored = append(stored, v)
		}
		deliverAll(t, s, sent)
		wantHistory(t, z, item, stored...)
	})
}

// relay stands before a trapper and drops the answers to the first requests, when
// those were carried out.
func relay(t *testing.T, target string, drops int) (address string) {
	t.Helper()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	all.Go(func() {
		for n := 0; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				to, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer to.Close()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				_ = to.SetDeadline(time.Now().Add(20 * time.Second))
				go func() { _, _ = io.Copy(to, conn) }()
				answer, _ := io.ReadAll(to)
				if n >= drops {
					_, _ = conn.Write(answer)
				}
			})
		}
	})
	return listener.Addr().String()
}

// TestLiveAnswerIsCutOffAfterProcessing: nobody is sure, the same is sent again, and
// the history has it once.
func TestLiveAnswerIsCutOffAfterProcessing(t *testing.T) {
	onEach(t, func(t *testing.T, version string) {
		z := lab.Zabbix(t, version)
		item := z.CreateItem(t, z.CreateHost(t, "sender cut", lab.HostOptions{}), "text", nil)
		at := lately()
		values := []Value{{Host: "sender cut", Key: "text", Value: "0", At: at}, {Host: "sender cut", Key: "text", Value: "1", At: at.Add(1)}}
		deliverAll(t, senderTo(t, nil, SendOptions{To: []string{z.Trapper}}), values[:1])

		s := senderTo(t, nil, SendOptions{To: []string{relay(t, z.Trapper, 2)}})
		for range 2 {
			_, err := Deliver(t.Context(), s, values[1:])
			if !errors.As(err, new(*UnsureError)) {
				t.Fatalf("error %v, want an UnsureError", err)
			}
			wantHistory(t, z, item, values...)
		}
		if refused, err := Deliver(t.Context(), s, values[1:]); err != nil || len(refused) > 0 {
			t.Fatalf("%v, %v", refused, err)
		}
		values = append(values, Value{Host: "sender cut", Key: "text", Value: "2", At: at.Add(2)})
		deliverAll(t, s, values[2:])
		wantHistory(t, z, item, values...)
	})
}

// TestLiveServerRefusesWhatItsProxyWatches, so a refusal is not the last word while
// the proxy is away.
func TestLiveServerRefusesWhatItsProxyWatches(t *testing.T) {
	onEach(t, func(t *testing.T, version string) {
		z := lab.Zabbix(t, version, lab.Own())
		behind := z.CreateItem(t, z.CreateHost(t, "behind", lab.HostOptions{Proxy: z.Proxy.Name}), "text", nil)
		at := lately()
		v := func(n int) Value {
			return Value{Host: "behind", Key: "text", Value: fmt.Sprint(n), At: at.Add(time.Duration(n))}
		}
		s := senderTo(t, nil, SendOptions{To: []string{z.ProxyTrapper, z.Trapper}})
		deliverAll(t, s, []Value{v(0)})
		z.StopProxy(t)
		refused, err := Deliver(t.Context(), s, []Value{v(1), v(2)})
		var away *AwayError
		if !errors.As(err, &away) || len(refused) > 0 || away.Away != z.ProxyTrapper {
			t.Fatalf("refused %v, error %v, want an AwayError", refused, err)
		}
		z.StartProxy(t)
		deliverAll(t, s, []Value{v(1), v(2)})
		wantHistory(t, z, behind, v(0), v(1), v(2))
	})
}

// TestLiveSenderOverTLS: a host that wants certificates refuses what comes without,
// and the server judges the client's.
func TestLiveSenderOverTLS(t *testing.T) {
	onEach(t, func(t *testing.T, version string) {
		dir, err := os.MkdirTemp("/tmp", "penstock-tls-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		ours, foreign := newAuthority(t, dir, "ours", rsaKey), newAuthority(t, dir, "foreign", rsaKey)
		soon := time.Now().Add(time.Hour)
		serverCert, serverKey := ours.sign(t, "Zabbix server", soon)
		cert, key := ours.sign(t, "client", soon)
		foreignCert, foreignKey := foreign.sign(t, "foreign client", soon)
		for _, path := range []string{dir, ours.file, serverCert, serverKey} { // the server reads them as user zabbix
			if err := os.Chmod(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		z := lab.Zabbix(t, version, lab.ServerLines("TLSCAFile="+ours.file, "TLSCertFile="+serverCert, "TLSKeyFile="+serverKey))
		host := z.CreateHost(t, "encrypted", lab.HostOptions{})
		item := z.CreateItem(t, host, "text", nil)
		z.API(t, "host.update", map[string]any{"hostid": host, "tls_accept": 4}, nil)

		at := lately()
		v := []Value{{Host: "encrypted", Key: "text", Value: "1", At: at}}
		good := TLSOptions{CAFile: ours.file, CertFile: cert, KeyFile: key, ServerName: "Zabbix server"}
		deliverAll(t, senderTo(t, nil, SendOptions{To: []string{z.Trapper}, TLS: good}), v)
		wantHistory(t, z, item, v...)

		refused, err := Deliver(t.Context(), senderTo(t, nil, SendOptions{To: []string{z.Trapper}}), v)
		if len(refused) != 1 || err != nil {
			t.Errorf("in the clear: refused %v, %v", refused, err)
		}
		for _, tt := range []struct {
			name string
			tls  TLSOptions
			err  string
		}{
			{"- another name", TLSOptions{CAFile: ours.file, CertFile: cert, KeyFile: key}, `its name is not "127.0.0.1"`},
			{"- foreign authority", TLSOptions{CAFile: foreign.file, CertFile: cert, KeyFile: key, ServerName: "Zabbix server"}, "unknown authority"},
			{"- no client certificate", TLSOptions{CAFile: ours.file, ServerName: "Zabbix server"}, "agree on encryption"},
			{"- foreign client certificate", TLSOptions{CAFile: ours.file, CertFile: foreignCert, KeyFile: foreignKey, ServerName: "Zabbix server"}, "agree on encryption"},
		} {
			_, err := senderTo(t, nil, SendOptions{To: []string{z.Trapper}, TLS: tt.tls}).Send(t.Context(), v)
			t.Logf("%s: %v", tt.name, err)
			if errors.As(err, new(*UnsureError)) {
				t.Errorf("%s: nobody is sure", tt.name)
			}
			wantErrorText(t, err, tt.err)
		}
	})
}

// TestLiveProxyGroup is about what 7.0.9 says of hosts that a proxy group watches:
//
//   - The member that watches the host counts, as any trapper does.
//   - Any other member, and the server too, takes nothing and says
//     {"redirect":{"revision":1,"address":"127.0.0.1:32205"},"response":"failed"}.
//     The address is the member's local_address and local_port, with the port always;
//     the revision grows when hosts move.
//   - It looks at the first host of the request only: values of other members' hosts
//     behind it are counted as failed, and one request can have both.
//   - A host that nobody knows is counted as failed by every member.
//   - A member that was stopped is named for the time of the group's failover_delay
//     and up to five seconds (10 s: 11 and 15 s from the stop to the first value that
//     was taken); then the other says that it watches the host, and the server names it.
//   - A member that has lost its server goes on taking the values of its hosts. Once in
//     each failover_delay, though, it takes nothing for up to a second and says
//     {"redirect":{"reset":true},"response":"failed"}. The others go on naming it.
func TestLiveProxyGroup(t *testing.T) {
	z := lab.Zabbix(t, "7.0", lab.Own())
	other := z.Proxy2(t)
	group := z.ProxyGroup(t, "sender pair", z.Proxy, other)
	const hosts = 6
	var items []string
	var want [hosts][]Value
	at := lately()
	round := func(n int) (values []Value) {
		for k := range 3 {
			for h := range hosts {
				v := Value{Host: fmt.Sprint("member ", h), Key: "text", Value: fmt.Sprint(n, " ", k), At: at.Add(time.Duration(10*n + k))}
				values, want[h] = append(values, v), append(want[h], v)
			}
		}
		return values
	}
	for h := range hosts {
		items = append(items, z.CreateItem(t, z.CreateHost(t, fmt.Sprint("member ", h), lab.HostOptions{ProxyGroup: group}), "text", nil))
	}
	z.Settle(t) // a proxy may know a host before the server, which drops what it then gets
	s := senderTo(t, nil, SendOptions{To: []string{z.Proxy.Address}, Redirects: []string{other.Address}})
	deliverAll(t, s, round(0))
	if !s.OneHost() {
		t.Error("all hosts are with one member: the test shows nothing")
	}
	deliverAll(t, senderTo(t, nil, SendOptions{To: []string{z.Trapper}, Redirects: []string{z.Proxy.Address, other.Address}}), round(1)) // the server sends there too
	if refused, err := Deliver(t.Context(), s, []Value{{Host: "no such host", Key: "text", At: at}}); len(refused) != 1 || err != nil {
		t.Errorf("a host that nobody knows: refused %v, %v", refused, err)
	}

	strict := senderTo(t, nil, SendOptions{To: []string{z.Proxy.Address}})
	refused, err := Deliver(t.Context(), strict, round(2))
	var rest *RestError
	if !errors.As(err, &rest) || len(refused) > 0 {
		t.Fatalf("an address that is not configured: refused %v, error %v", refused, err)
	}
	wantErrorText(t, err, fmt.Sprintf("it redirects to %q, which neither zabbix.send.to nor zabbix.send.redirects names", other.Address))
	var left []Value
	for _, n := range rest.Rest {
		left = append(left, want[n%hosts][6+n/hosts])
	}
	deliverAll(t, s, left)

	for h := range hosts {
		wantHistory(t, z, items[h], want[h]...) // a proxy that is stopped keeps what it had not handed on
	}
	other.Stop(t)
	stopped := time.Now()
	deliverAll(t, s, round(3))
	t.Logf("%s after a member was stopped its hosts were the other's", time.Since(stopped).Round(100*time.Millisecond))
	for h := range hosts {
		wantHistory(t, z, items[h], want[h]...)
	}
}

// BenchmarkLiveDeliver drains a backlog of 10,000 values through a real server: of
// many hosts, of one, and, as a measure, by Zabbix's own sender, which sends 250
// values at a time and does not care whose they are.
func BenchmarkLiveDeliver(b *testing.B) {
	for _, version := range []string{"6.0", "7.0"} {
		z := lab.Zabbix(b, version)
		const n, hosts = 10_000, 50
		for h := range hosts {
			host := z.CreateHost(b, fmt.Sprint("h", h), lab.HostOptions{})
			z.CreateItem(b, host, KeyCase, nil)
			z.CreateItem(b, host, KeyTransition, nil)
		}
		s := senderTo(b, nil, SendOptions{To: []string{z.Trapper}, Timeout: 20 * time.Second})
		deliverAll(b, s, backlog(2*hosts, hosts))
		serial := time.Now().Unix()
		for _, tt := range []struct {
			name  string
			hosts int
		}{{"hosts=50", 50}, {"hosts=1", 1}} {
			b.Run(version+"/"+tt.name, func(b *testing.B) {
				for b.Loop() {
					serial++
					values := backlog(n, tt.hosts)
					for i := range values {
						values[i].At = time.Unix(serial, int64(i))
					}
					if refused, err := Deliver(b.Context(), s, values); err != nil || len(refused) > 0 {
						b.Fatal(len(refused), err)
					}
				}
				b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "values/s")
			})
		}
		b.Run(version+"/zabbix_sender", func(b *testing.B) {
			host, port, err := net.SplitHostPort(z.Trapper)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				serial++
				b.StopTimer()
				var lines strings.Builder
				for i, v := range backlog(n, hosts) {
					fmt.Fprintf(&lines, "%q %q %d %d %q\n", v.Host, v.Key, serial, i, v.Value)
				}
				file := filepath.Join(b.TempDir(), "values")
				if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				text, err := exec.CommandContext(b.Context(), ownSender(b), "-z", host, "-p", port, "-T", "-N", "-i", file).CombinedOutput()
				if err != nil || !strings.Contains(string(text), fmt.Sprintf("sent: %d; skipped: 0; total: %d", n, n)) {
					b.Fatalf("%v: %s", err, text)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "values/s")
		})
	}
}

// ownSender returns the path of Zabbix's sender, which Debian has beside the agent of 6.0.
func ownSender(b *testing.B) string {
	cache := os.Getenv("PENSTOCK_CACHE")
	if cache == "" {
		cache = "/var/cache/penstock"
	}
	path := filepath.Join(cache, "zabbix-6.0", "root", "zabbix-agent", "usr", "bin", "zabbix_sender")
	if _, err := os.Stat(path); err != nil {
		b.Fatal(err)
	}
	return path
}
