package zabbix

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/fake"
)

// TestARedirectThatLeadsNowhereConcernsOneHost: the values of others are delivered, those
// of that host keep their order and wait, and each bad address is asked once.
func TestARedirectThatLeadsNowhereConcernsOneHost(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name   string
		fault  fake.TrapperFault
		stop   bool
		hidden bool // the options do not name it
		asked  int  // how often the other was
		unsure bool
		err    string
	}{
		{"- not in the options", fake.TrapperFault{}, false, true, 0, false, "which neither zabbix.send.to nor zabbix.send.redirects names"},
		{"- stopped", fake.TrapperFault{}, true, false, 0, false, "dial tcp"},
		{"- hangs", fake.TrapperFault{Hang: true}, false, false, 1, true, "read the answer: context deadline exceeded"},
		{"- takes them and breaks off", fake.TrapperFault{CutOff: true}, false, false, 1, true, "read the answer: EOF"},
		{"- has lost its server", fake.TrapperFault{Reset: true}, false, false, 1, false, "it has lost its server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, b := fake.NewTrapper(t), fake.NewTrapper(t)
			a.Redirect(func(host string) string { return map[string]string{"lost": b.Address, "lost too": b.Address}[host] })
			b.Set(tt.fault)
			if tt.stop {
				b.Stop()
			}
			o := SendOptions{To: []string{a.Address}, Redirects: []string{b.Address}, Timeout: 5 * time.Second}
			if tt.hidden {
				o.Redirects = nil
			}
			if tt.fault.Hang {
				o.Timeout = 2 * time.Second // all else has to be done by then
			}
			now := noon
			s := senderTo(t, func() time.Time { return now }, o)
			values := []Value{
				value("lost", "k", "1"), value("well", "k", "2"), value("lost", "k", "3"), value("lost", "k2", "4"),
				value("lost too", "k", "5"), value("well too", "k", "6"), value("well", "k", "7"),
			}
			_, err := Deliver(t.Context(), s, values)
			wantAstray(t, err, []int{0, 2, 3, 4}, a.Address, b.Address, "lost", "lost too")
			wantErrorText(t, err, tt.err)
			if isUnsure := errors.As(err, new(*UnsureError)); isUnsure != tt.unsure || len(b.Flags()) != tt.asked {
				t.Errorf("unsure %v, asked %d times, want %v and %d", isUnsure, len(b.Flags()), tt.unsure, tt.asked)
			}
			wantTaken(t, []fake.Sent{onWire("well", "k", "2"), onWire("well too", "k", "6"), onWire("well", "k", "7")}, a)

			// It is there again, and in the options.
			b.Set(fake.TrapperFault{})
			if tt.stop {
				b.Start()
			}
			b.Forget()
			s.known[b.Address] = true
			s.o.Timeout = 5 * time.Second
			now = now.Add(addressRest)
			if refused, err := Deliver(t.Context(), s, []Value{values[0], values[2], values[3], values[4]}); err != nil || len(refused) > 0 {
				t.Errorf("refused %v, error %v", refused, err)
			}
			if len(s.strays) > 0 {
				t.Errorf("still astray: %v", s.strays)
			}
		})
	}
}

// wantAstray checks that these values remain, those of the hosts, since noon.
func wantAstray(t *testing.T, err error, values []int, from, to string, hosts ...string) {
	t.Helper()
	var rest *RestError
	if !errors.As(err, &rest) || !errors.As(err, new(*AwayError)) {
		t.Fatalf("error %v", err)
	}
	if diff := cmp.Diff(values, rest.Rest); diff != "" {
		t.Errorf("rest (-want +got):\n%s", diff)
	}
	got := map[string]AwayError{}
	for host, err := range rest.Hosts {
		var away *AwayError
		if errors.As(err, &away) {
			got[host] = AwayError{Host: away.Host, Refused: away.Refused, Away: away.Away, Since: away.Since}
		}
	}
	want := map[string]AwayError{}
	for _, host := range hosts {
		want[host] = AwayError{Host: host, Refused: from, Away: to, Since: noon}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
}

// TestAMemberThatHangsWhereItWasRoutedConcernsOneHost, though it is asked first.
func TestAMemberThatHangsWhereItWasRoutedConcernsOneHost(t *testing.T) {
	t.Parallel()

	a, b := fake.NewTrapper(t), fake.NewTrapper(t)
	a.Redirect(func(host string) string {
		if host == "lost" {
			return b.Address
		}
		return ""
	})
	s := senderTo(t, func() time.Time { return noon }, SendOptions{To: []string{a.Address, b.Address}})
	wantSend(t, s, Taken{Processed: 1}, value("lost", "k", "1"))
	b.Set(fake.TrapperFault{CutOff: true})
	_, err := Deliver(t.Context(), s, []Value{value("lost", "k", "2"), value("well", "k", "3")})
	wantAstray(t, err, []int{0}, b.Address, b.Address, "lost")
	if !errors.As(err, new(*UnsureError)) {
		t.Errorf("sure: %v", err)
	}
	wantTaken(t, []fake.Sent{onWire("well", "k", "3")}, a)
}

// TestNothingOfAHeldHostIsSentBehindWhatWaits: its values would lose their order.
func TestNothingOfAHeldHostIsSentBehindWhatWaits(t *testing.T) {
	t.Parallel()

	var sent []string
	door := doorFunc(func(values []Value) (Taken, error) {
		for _, v := range values {
			sent = append(sent, v.Value)
		}
		switch len(sent) {
		case 4: // the first request: half of it, and nobody says which
			return Taken{Processed: 2, Failed: 2}, nil
		case 6: // the first half of that
			return Taken{Failed: 2}, &AwayError{Host: "x", Since: noon}
		}
		return Taken{Processed: len(values)}, nil
	})
	_, err := Deliver(t.Context(), door, []Value{value("x", "k1", "1"), value("x", "k2", "2"), value("x", "k3", "3"), value("y", "k", "4")})
	wantAstray(t, err, []int{0, 1, 2}, "", "", "x")
	if diff := cmp.Diff([]string{"1", "2", "3", "4", "1", "2", "4"}, sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// TestADoorThatNamesAHostThatWasNotSent ends all the same.
func TestADoorThatNamesAHostThatWasNotSent(t *testing.T) {
	t.Parallel()

	door := doorFunc(func(values []Value) (Taken, error) {
		return Taken{Failed: len(values)}, &AwayError{Host: "z", Since: noon}
	})
	_, err := Deliver(t.Context(), door, []Value{value("x", "k", "1"), value("y", "k", "2")})
	var rest *RestError
	if !errors.As(err, &rest) || len(rest.Rest) != 2 || len(rest.Hosts) != 2 {
		t.Errorf("error %v", err)
	}
}
