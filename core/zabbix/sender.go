package zabbix

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// MostValues is the most values of one request, as Zabbix's own sender has it.
const MostValues = 250

const (
	mostAnswer   = 1 << 20 // bytes of an answer, which has some hundred
	addressRest  = 10 * time.Second
	mostRoutes   = 10_000 // hosts of which a proxy group said where they are
	trapperPort  = "10051"
	mostShownRaw = 100 // bytes of an answer that an error shows
)

var errReset = errors.New("it has lost its server, and sends away who comes")

// AwayError says that values were refused, and by whom: while an address that comes
// before it in the list cannot be reached, and may be the one that takes them. A
// server refuses what belongs to its proxies.
type AwayError struct {
	Refused string    // the address that refused
	Away    string    // the address that cannot be reached
	Since   time.Time // since when that is known
	Err     error     // why
}

// Error names both addresses.
func (e *AwayError) Error() string {
	return fmt.Sprintf("%s refused values that %s may take, which cannot be reached since %s: %v",
		e.Refused, e.Away, e.Since.Format(time.RFC3339), e.Err)
}

// Unwrap returns why the address cannot be reached.
func (e *AwayError) Unwrap() error { return e.Err }

// TrapperSender hands values over by the sender protocol, compressed, each request
// with its own connection. It is a Door, and may be used by several goroutines at
// the same time.
type TrapperSender struct {
	o       SendOptions
	log     *slog.Logger
	now     func() time.Time
	tls     *tls.Config     // nil for none
	known   map[string]bool // addresses that a redirect may name
	packers sync.Pool

	mu       sync.Mutex
	troubles map[string]trouble // addresses that could not be reached
	routes   map[string]string  // where a proxy group wants the values of a host
	grouped  bool               // some address redirects: one request, one host
}

// trouble is an address that could not be reached, and is not tried for a while.
type trouble struct {
	since, until time.Time
	err          error
}

// NewSender reads the TLS files of the options, and connects to nothing.
func NewSender(o SendOptions, log *slog.Logger) (*TrapperSender, error) {
	config, err := trapperTLS(o.TLS)
	if err != nil {
		return nil, err
	}
	s := &TrapperSender{
		o: o, log: log, now: time.Now, tls: config, known: map[string]bool{},
		troubles: map[string]trouble{}, routes: map[string]string{},
	}
	s.packers.New = func() any { return newPacker() }
	for _, list := range [][]string{o.To, o.Redirects} {
		for _, address := range list {
			s.known[plainAddress(address)] = true
		}
	}
	return s, nil
}

// OneHost says that a request is for the values of one host only: an address was
// seen to belong to a proxy group. Zabbix looks at the first host of a request when
// it redirects, and refuses the values of those that other members watch.
func (s *TrapperSender) OneHost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.grouped
}

// Send hands over at most MostValues values in one request, within the timeout of
// the options. It tries the addresses in their order until one can be reached, and
// leaves those alone for a while that could not. A redirect is followed once, to
// an address of the options. The error is an *UnsureError once something went out
// and no answer came that counts all values; sent again, they have to be the same,
// with the same time. It is an *AwayError, beside what was taken, where refused
// values may belong to an address that cannot be reached.
//
// Text that is not UTF-8 is mended, and so are characters with the number 0, at
// which Zabbix would cut a text off. Of two values of one item with the same time
// Zabbix keeps the first.
func (s *TrapperSender) Send(ctx context.Context, values []Value) (Taken, error) {
	if len(values) == 0 {
		return Taken{}, nil
	}
	if len(values) > MostValues {
		return Taken{}, fmt.Errorf("send %d values: a request has at most %d", len(values), MostValues)
	}
	body, err := sendBody(values)
	if err != nil {
		return Taken{}, err
	}
	p := s.packers.Get().(*packer)
	defer s.packers.Put(p)
	frame, err := p.pack(body)
	if err != nil {
		return Taken{}, err
	}
	within, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()

	host := wireText(values[0].Host)
	var failed []error
	addresses := s.addresses(host)
	for i, address := range addresses {
		a, err := s.exchange(within, address, frame, len(addresses)-i)
		if err == nil && a.Redirect != nil && !a.Redirect.Reset {
			return s.follow(within, host, address, a.Redirect.Address, frame, len(values))
		}
		if err == nil && a.Redirect != nil {
			err = errReset
		}
		var unsure *UnsureError
		switch {
		case ctx.Err() != nil && err != nil:
			return Taken{}, err
		case errors.As(err, &unsure):
			s.trouble(address, unsure.Err)
			return Taken{}, err
		case err != nil:
			s.trouble(address, err)
			failed = append(failed, fmt.Errorf("send to %s: %w", address, err))
			continue
		}
		s.well(address)
		taken, err := a.counts(address, len(values))
		if err == nil && taken.Failed > 0 {
			err = s.away(host, address)
		}
		return taken, err
	}
	return Taken{}, errors.Join(failed...)
}

// follow goes where a member of a proxy group sent us. It did not take anything.
func (s *TrapperSender) follow(ctx context.Context, host, from, to string, frame []byte, total int) (Taken, error) {
	s.well(from)
	to = plainAddress(to)
	if !s.known[to] {
		return Taken{}, fmt.Errorf("send to %s: it redirects to %q, which neither zabbix.send.to nor zabbix.send.redirects names", from, to)
	}
	s.route(host, to)
	a, err := s.exchange(ctx, to, frame, 1)
	switch {
	case err != nil:
		s.route(host, "")
		return Taken{}, fmt.Errorf("send to %s, where %s redirects to: %w", to, from, err)
	case a.Redirect != nil && a.Redirect.Reset:
		s.route(host, "")
		return Taken{}, fmt.Errorf("send to %s, where %s redirects to: %w", to, from, errReset)
	case a.Redirect != nil:
		s.route(host, "")
		return Taken{}, fmt.Errorf("send to %s, where %s redirects to: it redirects again, to %q", to, from, a.Redirect.Address)
	}
	return a.counts(to, total)
}

// addresses returns where values of that host are tried: where its group wants them,
// then all that are well, then all that were not.
func (s *TrapperSender) addresses(host string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	list, last := make([]string, 0, len(s.o.To)+1), make([]string, 0, len(s.o.To))
	routed, isRouted := s.routes[host]
	if isRouted {
		list = append(list, routed)
	}
	for _, address := range s.o.To {
		if isRouted && plainAddress(address) == routed {
			continue
		}
		t, troubled := s.troubles[address]
		if wait := t.until.Sub(now); troubled && wait > 0 && wait <= addressRest { // unless the clock was set back
			last = append(last, address)
			continue
		}
		list = append(list, address)
	}
	return append(list, last...)
}

// trouble leaves an address alone for a while, and forgets the routes that lead there.
func (s *TrapperSender) trouble(address string, err error) {
	s.mu.Lock()
	t, before := s.troubles[address]
	now := s.now()
	if !before {
		t.since = now
	}
	t.until, t.err = now.Add(addressRest), err
	s.troubles[address] = t
	for host, to := range s.routes {
		if to == plainAddress(address) {
			delete(s.routes, host)
		}
	}
	s.mu.Unlock()
	if !before {
		s.log.Warn("values do not reach zabbix", "address", address, "err", err)
	}
}

func (s *TrapperSender) well(address string) {
	s.mu.Lock()
	t, before := s.troubles[address]
	delete(s.troubles, address)
	s.mu.Unlock()
	if before {
		s.log.Info("values reach zabbix again", "address", address, "took", s.now().Sub(t.since).Round(time.Second))
	}
}

// route remembers where the values of a host go; "" forgets it.
func (s *TrapperSender) route(host, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grouped = true
	if to == "" {
		delete(s.routes, host)
		return
	}
	if len(s.routes) >= mostRoutes {
		clear(s.routes)
	}
	s.routes[host] = to
}

// away returns an *AwayError where an address before this one cannot be reached,
// unless a proxy group said that this is the one.
func (s *TrapperSender) away(host, answered string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.routes[host] == plainAddress(answered) {
		return nil
	}
	for _, address := range s.o.To {
		if address == answered {
			break
		}
		if t, troubled := s.troubles[address]; troubled {
			return &AwayError{answered, address, t.since, t.err}
		}
	}
	return nil
}

// exchange connects, sends the frame and returns the answer. Of the time that is
// left, connecting may take its share among so many addresses. An error that is no
// *UnsureError says that nothing went out.
func (s *TrapperSender) exchange(ctx context.Context, address string, frame []byte, share int) (trapperAnswer, error) {
	conn, err := s.dial(ctx, address, share)
	if err != nil {
		return trapperAnswer{}, err
	}
	defer func() { _ = conn.Close() }() // the answer is there, or is not
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write(frame); err != nil {
		return trapperAnswer{}, notSure(ctx, address, "write", err)
	}
	body, err := readFrame(conn, mostAnswer)
	if err != nil {
		// In TLS 1.3 a server judges the client's certificate after the client is
		// through: it read nothing then.
		if remote := (*net.OpError)(nil); errors.As(err, &remote) && remote.Op == "remote error" {
			return trapperAnswer{}, fmt.Errorf("agree on encryption: %w", err)
		}
		return trapperAnswer{}, notSure(ctx, address, "read the answer", err)
	}
	return parseAnswer(address, body)
}

func (s *TrapperSender) dial(ctx context.Context, address string, share int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(share))
		defer cancel()
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil || s.tls == nil {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	encrypted := tls.Client(conn, tlsFor(s.tls, host, s.o.TLS.ServerName))
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("agree on encryption: it closed the connection; its log says why, such as a certificate of ours that it wants, or one that is not RSA: %w", err)
		}
		return nil, fmt.Errorf("agree on encryption: %w", err)
	}
	return encrypted, nil
}

// notSure says why no answer came. When time is up, the deadline is what was
// in the way, not the connection.
func notSure(ctx context.Context, address, what string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return &UnsureError{Address: address, Err: fmt.Errorf("%s: %w", what, err)}
}

// plainAddress writes an address as it is compared: in lower case, with a port.
func plainAddress(address string) string {
	host, port, err := net.SplitHostPort(strings.ToLower(strings.TrimSpace(address)))
	if err != nil {
		return net.JoinHostPort(strings.Trim(strings.ToLower(strings.TrimSpace(address)), "[]"), trapperPort)
	}
	return net.JoinHostPort(host, port)
}
