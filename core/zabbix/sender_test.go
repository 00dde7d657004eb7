package zabbix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/fake"
)

var noon = time.Unix(1_800_000_000, 123_456_789)

// senderTo makes a sender with a clock of its own.
func senderTo(t testing.TB, now func() time.Time, o SendOptions) *TrapperSender {
	t.Helper()

	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	s, err := NewSender(o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if now != nil {
		s.now = now
	}
	return s
}

func value(host, key, text string) Value {
	return Value{Host: host, Key: key, Value: text, At: noon}
}

func onWire(host, key, text string) fake.Sent {
	return fake.Sent{Host: host, Key: key, Value: text, Clock: noon.Unix(), NS: noon.Nanosecond()}
}

func wantTaken(t *testing.T, want []fake.Sent, trapper *fake.Trapper) {
	t.Helper()
	if diff := cmp.Diff(want, trapper.Values()); diff != "" {
		t.Errorf("the trapper took (-want +got):\n%s", diff)
	}
}

func wantSend(t *testing.T, s *TrapperSender, want Taken, values ...Value) {
	t.Helper()
	got, err := s.Send(t.Context(), values)
	if err != nil {
		t.Fatalf("send: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func wantErrorText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q in it", err, want)
	}
}

func TestSendCompressesAndCounts(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name  string
		fault fake.TrapperFault
	}{{"+ compressed", fake.TrapperFault{}}, {"+ plain answer", fake.TrapperFault{Plain: true}}, {"+ large answer", fake.TrapperFault{Large: true}}} {
		t.Run(tt.name, func(t *testing.T) {
			trapper := fake.NewTrapper(t)
			trapper.Set(tt.fault)
			trapper.Refuse(func(v fake.Sent) bool { return v.Host == "unknown" })
			s := senderTo(t, nil, SendOptions{To: []string{trapper.Address}})
			wantSend(t, s, Taken{Processed: 2, Failed: 1}, value("web", "k", "<1> & \"2\"\n"), value("unknown", "k", "2"), value("web", "k", ""))
			wantTaken(t, []fake.Sent{onWire("web", "k", "<1> & \"2\"\n"), onWire("web", "k", "")}, trapper)
			if diff := cmp.Diff([]byte{flagProtocol | flagZlib}, trapper.Flags()); diff != "" {
				t.Errorf("flags (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSendNothingAndTooMuch(t *testing.T) {
	t.Parallel()

	s := senderTo(t, nil, SendOptions{To: []string{"127.0.0.1:1"}})
	wantSend(t, s, Taken{})
	_, err := s.Send(t.Context(), make([]Value, MostValues+1))
	wantErrorText(t, err, "send 251 values: a request has at most 250")
}

// TestTextCannotBreakARequest sends what Zabbix cuts off or refuses otherwise.
func TestTextCannotBreakARequest(t *testing.T) {
	t.Parallel()

	trapper := fake.NewTrapper(t)
	s := senderTo(t, nil, SendOptions{To: []string{trapper.Address}, Timeout: 5 * time.Minute}) // a slow machine with the race detector
	large := strings.Repeat("é\xff\x00", 1<<20)
	odd := []Value{
		value("web", "k", "a\xff\xfeb\x00c\xed\xa0\x80"), value("we\x00b\xff", "k\xff", "1"), value("web", "large", large),
		{Host: "web", Key: "k", Value: "zero time"},
		{Host: "web", Key: "k", Value: "future", At: time.Unix(1<<33, 5)},
		value("web", "k", `","host":"other`),
	}
	wantSend(t, s, Taken{Processed: len(odd)}, odd...)
	wantTaken(t, []fake.Sent{
		onWire("web", "k", "a\ufffdb\ufffdc\ufffd"), onWire("we\ufffdb\ufffd", "k\ufffd", "1"),
		onWire("web", "large", strings.Repeat("é\ufffd\ufffd", 1<<20)),
		{Host: "web", Key: "k", Value: "zero time"},
		{Host: "web", Key: "k", Value: "future", Clock: 1<<31 - 1},
		onWire("web", "k", `","host":"other`),
	}, trapper)
}

// TestNobodyIsSureWithoutACompleteAnswer: the values may be there, so it is an
// UnsureError, and sent again they are the same.
func TestNobodyIsSureWithoutACompleteAnswer(t *testing.T) {
	t.Parallel()

	good := `{"response":"success","info":"processed: %d; failed: 0; total: %d; seconds spent: 0.000116"}`
	for _, tt := range []struct {
		name  string
		fault fake.TrapperFault
		err   string
	}{
		{"- cut off", fake.TrapperFault{CutOff: true}, "read the answer: EOF"},
		{"- half a header", fake.TrapperFault{Half: 7}, "unexpected EOF"},
		{"- half an answer", fake.TrapperFault{Half: 40}, "unexpected EOF"},
		{"- hangs", fake.TrapperFault{Hang: true}, "read the answer: context deadline exceeded"},
		{"- garbage", fake.TrapperFault{Raw: []byte("HTTP/1.0 400 Bad Request\r\n\r\n")}, "not a frame of Zabbix"},
		{"- huge", fake.TrapperFault{Raw: frameOf(1, 1<<31, 0, []byte("{"))}, "2147483648 bytes, 0 unpacked, at most 1048576"},
		{"- a bomb", fake.TrapperFault{Raw: frameOf(3, 2000, 1<<32-1, make([]byte, 2000))}, "4294967295 unpacked, at most 1048576"},
		{"- no JSON", fake.TrapperFault{Answer: "OK"}, `read the answer "OK": invalid character`},
		{"- no counts", fake.TrapperFault{Answer: `{"response":"success"}`}, `the answer "" counts nothing`},
		{"- counts of others", fake.TrapperFault{Answer: fmt.Sprintf(good, 2, 2)}, "it counted 2 processed, 0 failed, 2 in all, of 1"},
		{"- counts that do not add up", fake.TrapperFault{Answer: fmt.Sprintf(good, 0, 1)}, "it counted 0 processed, 0 failed, 1 in all, of 1"},
		{"- failed", fake.TrapperFault{Stopped: true}, `it answered "failed": "Zabbix server shutdown in progress"`},
		{"- redirect to nowhere", fake.TrapperFault{Answer: `{"response":"failed","redirect":{}}`}, `it answered "failed"`},
		{"- redirect with success", fake.TrapperFault{Answer: `{"response":"success","redirect":{"address":"127.0.0.1:1"}}`}, "counts nothing"},
		{"- long text", fake.TrapperFault{Answer: strings.Repeat("x", 1000)}, strings.Repeat("x", 100) + `"...`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			trapper := fake.NewTrapper(t)
			trapper.Set(tt.fault)
			o := SendOptions{To: []string{trapper.Address, "127.0.0.1:1"}, Timeout: 5 * time.Second}
			if tt.fault.Hang {
				o.Timeout = 4 * time.Second // a half of it is for the connection
			}
			s := senderTo(t, nil, o)
			_, err := s.Send(t.Context(), []Value{value("web", "k", "1")})
			var unsure *UnsureError
			if !errors.As(err, &unsure) || unsure.Address != trapper.Address {
				t.Fatalf("error %v, want an UnsureError of %s", err, trapper.Address)
			}
			wantErrorText(t, err, tt.err)
			trapper.Set(fake.TrapperFault{})
			s.o.Timeout = 5 * time.Second
			wantSend(t, s, Taken{Processed: 1}, value("web", "k", "1"))
			wantTaken(t, []fake.Sent{onWire("web", "k", "1"), onWire("web", "k", "1")}, trapper)
		})
	}
}

func TestSendTriesTheNextAddressAndComesBack(t *testing.T) {
	t.Parallel()

	first, second := fake.NewTrapper(t), fake.NewTrapper(t)
	first.Stop()
	now := noon
	var log bytes.Buffer
	s := senderTo(t, func() time.Time { return now }, SendOptions{To: []string{first.Address, second.Address}})
	s.log = slog.New(slog.NewTextHandler(&log, nil))
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "1"))
	first.Start()
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "2")) // it is left alone
	now = now.Add(addressRest)
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "3"))
	wantTaken(t, []fake.Sent{onWire("web", "k", "1"), onWire("web", "k", "2")}, second)
	wantTaken(t, []fake.Sent{onWire("web", "k", "3")}, first)

	// The one that worked is gone, and the other is left alone: it is tried all the same.
	first.Stop()
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "4"))
	first.Start()
	second.Stop()
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "5"))
	wantTaken(t, []fake.Sent{onWire("web", "k", "3"), onWire("web", "k", "5")}, first)

	first.Stop()
	_, err := s.Send(t.Context(), []Value{value("web", "k", "6")})
	wantErrorText(t, err, "send to "+first.Address+": dial tcp")
	wantErrorText(t, err, "send to "+second.Address+": dial tcp")
	if errors.As(err, new(*UnsureError)) {
		t.Errorf("nothing went out, and it is not sure: %v", err)
	}
	if n := strings.Count(log.String(), "values do not reach zabbix"); n != 4 || strings.Count(log.String(), "values reach zabbix again") != 2 {
		t.Errorf("the log says %d times that values do not arrive, want 4:\n%s", n, log.String())
	}
}

// TestAHangingAddressIsLeftAlone: after the UnsureError the next one is asked.
func TestAHangingAddressIsLeftAlone(t *testing.T) {
	t.Parallel()

	first, second := fake.NewTrapper(t), fake.NewTrapper(t)
	first.Set(fake.TrapperFault{CutOff: true})
	s := senderTo(t, nil, SendOptions{To: []string{first.Address, second.Address}})
	if _, err := s.Send(t.Context(), []Value{value("web", "k", "1")}); !errors.As(err, new(*UnsureError)) {
		t.Fatalf("error %v", err)
	}
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "1"))
	wantTaken(t, []fake.Sent{onWire("web", "k", "1")}, second)
}

// TestAnAddressThatSwallowsDoesNotTakeAllTheTime: nobody accepts there, and the next
// address has its share of the time.
func TestAnAddressThatSwallowsDoesNotTakeAllTheTime(t *testing.T) {
	t.Parallel()

	second := fake.NewTrapper(t)
	s := senderTo(t, nil, SendOptions{To: []string{"192.0.2.1:10051", second.Address}, Timeout: time.Second})
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "1"))
}

func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()

	trapper, other := fake.NewTrapper(t), fake.NewTrapper(t)
	trapper.Set(fake.TrapperFault{Hang: true})
	s := senderTo(t, nil, SendOptions{To: []string{trapper.Address, other.Address}, Timeout: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(trapper.Flags()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel() // the values are out
	}()
	_, err := s.Send(ctx, []Value{value("web", "k", "1")})
	if !errors.Is(err, context.Canceled) || !errors.As(err, new(*UnsureError)) {
		t.Errorf("error %v, want an UnsureError that was canceled", err)
	}
	if _, err = s.Send(ctx, []Value{value("web", "k", "1")}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was canceled", err)
	}
	if len(s.troubles) > 0 || len(other.Values()) > 0 {
		t.Errorf("the end of the context was taken for trouble of an address: %v", s.troubles)
	}
}

// TestRefusalIsNotTheLastWordWhileTheRightProxyIsAway: a server refuses what its
// proxies watch.
func TestRefusalIsNotTheLastWordWhileTheRightProxyIsAway(t *testing.T) {
	t.Parallel()

	proxy, server := fake.NewTrapper(t), fake.NewTrapper(t)
	server.Refuse(func(v fake.Sent) bool { return v.Host == "behind" })
	proxy.Stop()
	now := noon
	s := senderTo(t, func() time.Time { return now }, SendOptions{To: []string{proxy.Address, server.Address}})
	values := []Value{value("web", "k", "1"), value("behind", "k", "2"), value("behind", "k", "3"), value("web", "k", "4")}
	refused, err := Deliver(t.Context(), s, values)
	var away *AwayError
	var rest *RestError
	if !errors.As(err, &away) || !errors.As(err, &rest) || len(refused) > 0 {
		t.Fatalf("refused %v, error %v, want an AwayError", refused, err)
	}
	if away.Refused != server.Address || away.Away != proxy.Address || !away.Since.Equal(noon) {
		t.Errorf("%+v", away)
	}
	wantErrorText(t, err, "deliver values: 2 of them remain: "+server.Address+" refused values that "+proxy.Address+" may take, which cannot be reached since")
	if diff := cmp.Diff([]int{1, 2}, rest.Rest); diff != "" {
		t.Errorf("rest (-want +got):\n%s", diff)
	}

	proxy.Start()
	now = now.Add(addressRest)
	if refused, err = Deliver(t.Context(), s, values[1:3]); err != nil || len(refused) > 0 {
		t.Fatalf("refused %v, error %v", refused, err)
	}
	wantTaken(t, []fake.Sent{onWire("behind", "k", "2"), onWire("behind", "k", "3")}, proxy)
	if _, err := Deliver(t.Context(), s, []Value{value("web", "k", "5")}); err != nil {
		t.Errorf("refused for good: error %v", err)
	}
}

func TestSendFollowsARedirectOnceAndOnlyToKnownAddresses(t *testing.T) {
	t.Parallel()

	a, b, c := fake.NewTrapper(t), fake.NewTrapper(t), fake.NewTrapper(t)
	to := func(where string) func(string) string {
		return func(host string) string {
			if host == "web" {
				return where
			}
			return ""
		}
	}
	a.Redirect(to(b.Address))
	now := noon
	later := func() time.Time { now = now.Add(addressRest); return now } // no address is left alone
	s := senderTo(t, later, SendOptions{To: []string{a.Address}, Redirects: []string{b.Address}})
	if s.OneHost() {
		t.Error("a proxy group before anybody redirected")
	}
	for range 3 { // the host's place is remembered
		wantSend(t, s, Taken{Processed: 1}, value("web", "k", "1"))
	}
	if len(a.Flags()) != 1 || len(b.Values()) != 3 || !s.OneHost() {
		t.Errorf("the first was asked %d times, want once; the second took %d, want 3", len(a.Flags()), len(b.Values()))
	}

	// The group gave the host to another, which is not known.
	b.Redirect(to(c.Address))
	a.Redirect(to(c.Address))
	_, err := s.Send(t.Context(), []Value{value("web", "k", "2")})
	wantErrorText(t, err, fmt.Sprintf("it redirects to %q, which neither zabbix.send.to nor zabbix.send.redirects names", c.Address))
	if errors.As(err, new(*UnsureError)) || len(c.Flags()) > 0 {
		t.Errorf("an address that is not known was asked, or nobody is sure: %v", err)
	}
	var away *AwayError
	if !errors.As(err, &away) || away.Host != "web" || away.Away != c.Address {
		t.Fatalf("error %v, want an AwayError of host web", err)
	}
	since := away.Since

	// Two that send to each other.
	a.Redirect(to(b.Address))
	b.Redirect(to(a.Address))
	_, err = s.Send(t.Context(), []Value{value("web", "k", "2")})
	wantErrorText(t, err, "it redirects again, to")
	if !errors.As(err, &away) || !away.Since.Equal(since) {
		t.Errorf("error %v, want it since %s", err, since)
	}

	// The other has lost its server.
	b.Set(fake.TrapperFault{Reset: true, For: 1})
	_, err = s.Send(t.Context(), []Value{value("web", "k", "2")})
	wantErrorText(t, err, "send to "+b.Address+", where "+a.Address+" redirects to: it has lost its server")

	// The other is not there.
	b.Stop()
	_, err = s.Send(t.Context(), []Value{value("web", "k", "2")})
	wantErrorText(t, err, "send to "+b.Address+", where "+a.Address+" redirects to: dial tcp")
	if errors.As(err, new(*UnsureError)) {
		t.Errorf("a redirect took nothing, and nobody is sure: %v", err)
	}

	// The other was given up.
	a.Redirect(to(""))
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "2"))
	wantTaken(t, []fake.Sent{onWire("web", "k", "2")}, a)
}

// TestAProxyWithoutItsServerIsLeftAlone: it sends away who comes, and says where to
// nobody.
func TestAProxyWithoutItsServerIsLeftAlone(t *testing.T) {
	t.Parallel()

	a, b := fake.NewTrapper(t), fake.NewTrapper(t)
	a.Set(fake.TrapperFault{Reset: true})
	s := senderTo(t, nil, SendOptions{To: []string{a.Address, b.Address}})
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "1"))
	wantSend(t, s, Taken{Processed: 1}, value("web", "k", "2"))
	wantTaken(t, []fake.Sent{onWire("web", "k", "1"), onWire("web", "k", "2")}, b)
	if len(a.Flags()) != 1 {
		t.Errorf("asked %d times, want once", len(a.Flags()))
	}
}

func TestSendersMayRunAtTheSameTime(t *testing.T) {
	t.Parallel()

	a, b := fake.NewTrapper(t), fake.NewTrapper(t)
	a.Redirect(func(host string) string {
		if host < "host5" {
			return b.Address
		}
		return ""
	})
	s := senderTo(t, nil, SendOptions{To: []string{a.Address, b.Address}})
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			for range 20 {
				if taken, err := s.Send(t.Context(), []Value{value(fmt.Sprint("host", i), "k", "1")}); err != nil || taken.Processed != 1 {
					t.Errorf("%+v, %v", taken, err)
				}
			}
		})
	}
	all.Wait()
	if len(a.Values()) != 100 || len(b.Values()) != 100 {
		t.Errorf("%d and %d values, want 100 each", len(a.Values()), len(b.Values()))
	}
}

func TestPlainAddress(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ name, address, want string }{
		{"+ as it is", "10.0.0.1:10051", "10.0.0.1:10051"},
		{"+ capitals and blanks", " Proxy.Example:10051 ", "proxy.example:10051"},
		{"+ no port", "proxy.example", "proxy.example:10051"},
		{"+ IPv6", "[2001:DB8::1]:10051", "[2001:db8::1]:10051"},
		{"+ IPv6 without a port", "2001:db8::1", "[2001:db8::1]:10051"},
		{"+ IPv6 in brackets without a port", "[2001:db8::1]", "[2001:db8::1]:10051"},
		{"- nothing", "", ":10051"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := plainAddress(tt.address); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestASenderConnectsToNothingBeforeItSends keeps a wrong address from stopping the worker.
func TestASenderConnectsToNothingBeforeItSends(t *testing.T) {
	t.Parallel()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	senderTo(t, nil, SendOptions{To: []string{listener.Addr().String()}})
	_ = listener.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := listener.Accept(); err == nil {
		t.Error("it connected")
	}
}
