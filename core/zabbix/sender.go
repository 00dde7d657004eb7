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

// AwayError says that values were not taken and may be later, of what host, and who
// is in the way. Without a Host, Refused refused them while Away, which comes before
// it in the list and may be the one that takes them, cannot be reached: a server
// refuses what belongs to its proxies. With a Host, Refused redirects its values to
// Away, which does not take them: it is not in the options, cannot be reached, gives no
// complete answer (then an *UnsureError is in it), or redirects again. Values of other
// hosts are not concerned.
type AwayError struct {
	Host    string    // whose values alone are concerned; "" for all that were refused
	Refused string    // the address that refused or redirected
	Away    string    // the address that does not take them
	Since   time.Time // since when that is known, of the address or, where there is one, of the host
	Err     error     // why
}

// Error names the addresses, and the host where it is about one.
func (e *AwayError) Error() string {
	since := e.Since.Format(time.RFC3339)
	if e.Host != "" {
		return fmt.Sprintf("values of host %q have no way into zabbix since %s: %v", plain(e.Host, 128), since, e.Err)
	}
	return fmt.Sprintf("%s refused values that %s may take, which cannot be reached since %s: %v", e.Refused, e.Away, since, e.Err)
}

// Unwrap returns why the values were not taken.
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
	troubles map[string]trouble   // addresses that could not be reached
	routes   map[string]string    // where a proxy group wants the values of a host
	strays   map[string]time.Time // hosts whose redirects lead nowhere, and since when
	grouped  bool                 // some address redirects: one request, one host
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
		troubles: map[string]trouble{}, routes: map[string]string{}, strays: map[string]time.Time{},
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
// values may belong to an address that cannot be reached, or where the first host is
// redirected to one that does not take its values.
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
	return s.try(ctx, within, values, frame)
}

// try asks one address after another, within the time of within; ctx is the caller's.
func (s *TrapperSender) try(ctx, within context.Context, values []Value, frame []byte) (Taken, error) {
	host := wireText(values[0].Host)
	var failed []error
	addresses, routed := s.addresses(host)
	for i, address := range addresses {
		a, err := s.exchange(within, address, frame, len(addresses)-i)
		if err == nil && a.Redirect != nil && a.Redirect.Reset {
			err = errReset
		}
		switch {
		case err == nil && a.Redirect == nil:
			return s.answered(host, address, a, len(values))
		case err == nil:
			taken, err := s.follow(within, host, address, a.Redirect.Address, frame, len(values))
			if err != nil && ctx.Err() == nil {
				return s.stray(values, address, a.Redirect.Address, err)
			}
			return taken, err
		case ctx.Err() != nil:
			return Taken{}, err
		}
		s.trouble(address, plainTrouble(err))
		switch isUnsure := errors.As(err, new(*UnsureError)); {
		case isUnsure && routed && i == 0: // the others of its group may answer
			return s.stray(values, address, address, err)
		case isUnsure:
			return Taken{}, err
		}
		failed = append(failed, fmt.Errorf("send to %s: %w", address, err))
	}
	return Taken{}, errors.Join(failed...)
}

// answered returns what an address says of so many values.
func (s *TrapperSender) answered(host, address string, a trapperAnswer, total int) (Taken, error) {
	s.well(address)
	taken, err := a.counts(address, total)
	if err != nil {
		return taken, err
	}
	s.found(host)
	if taken.Failed > 0 {
		err = s.away(host, address)
	}
	return taken, err
}

// follow goes where a member of a proxy group sent us. It did not take anything.
func (s *TrapperSender) follow(ctx context.Context, host, from, to string, frame []byte, total int) (Taken, error) {
	s.well(from)
	to = plainAddress(to)
	if !s.known[to] {
		return Taken{}, fmt.Errorf("send to %s: it redirects to %q, which neither zabbix.send.to nor zabbix.send.redirects names", from, to)
	}
	failed := func(err error) (Taken, error) {
		return Taken{}, fmt.Errorf("send to %s, where %s redirects to: %w", to, from, err)
	}
	if err := s.avoided(to); err != nil { // so that not each host of a member that hangs takes its time
		return failed(err)
	}
	s.route(host, to)
	a, err := s.exchange(ctx, to, frame, 1)
	if err == nil && a.Redirect != nil && a.Redirect.Reset {
		err = errReset
	}
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			s.trouble(to, plainTrouble(err))
		}
		return failed(err)
	}
	s.well(to)
	if a.Redirect != nil {
		return failed(fmt.Errorf("it redirects again, to %q", a.Redirect.Address))
	}
	taken, err := a.counts(to, total)
	if err != nil {
		return failed(err)
	}
	s.found(host)
	return taken, nil
}

// plainTrouble returns what went wrong with an address, without what it means for the
// values of one request.
func plainTrouble(err error) error {
	if unsure := (*UnsureError)(nil); errors.As(err, &unsure) {
		return unsure.Err
	}
	return err
}

// stray says that the values of the first host went where nobody takes them. Nothing
// was taken, as far as anybody knows.
func (s *TrapperSender) stray(values []Value, from, to string, err error) (Taken, error) {
	host := wireText(values[0].Host)
	s.route(host, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	since, before := s.strays[host]
	if !before {
		if len(s.strays) >= mostRoutes {
			clear(s.strays)
		}
		since = s.now()
		s.strays[host] = since
	}
	return Taken{Failed: len(values)}, &AwayError{Host: values[0].Host, Refused: from, Away: plainAddress(to), Since: since, Err: err}
}

// found notes that somebody answers for a host.
func (s *TrapperSender) found(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.strays, host)
}

// avoided returns why an address is left alone at the moment, nil where it is not.
func (s *TrapperSender) avoided(address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.troubles[plainAddress(address)]; t.rests(s.now()) {
		return fmt.Errorf("it is left alone for a while: %w", t.err)
	}
	return nil
}

// rests says whether an address is to be left alone, unless the clock was set back.
func (t trouble) rests(now time.Time) bool {
	wait := t.until.Sub(now)
	return wait > 0 && wait <= addressRest
}

// addresses returns where values of that host are tried: where its group wants them,
// if it said so, then all that are well, then all that were not.
func (s *TrapperSender) addresses(host string) (list []string, isRouted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	list = make([]string, 0, len(s.o.To)+1)
	var last []string
	routed, isRouted := s.routes[host]
	if isRouted {
		list = append(list, routed)
	}
	for _, address := range s.o.To {
		if isRouted && plainAddress(address) == routed {
			continue
		}
		if s.troubles[plainAddress(address)].rests(now) {
			last = append(last, address)
			continue
		}
		list = append(list, address)
	}
	return append(list, last...), isRouted
}

// trouble leaves an address alone for a while, and forgets the routes that lead there.
func (s *TrapperSender) trouble(address string, err error) {
	s.mu.Lock()
	t, before := s.troubles[plainAddress(address)]
	now := s.now()
	if !before {
		t.since = now
	}
	t.until, t.err = now.Add(addressRest), err
	s.troubles[plainAddress(address)] = t
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
	t, before := s.troubles[plainAddress(address)]
	delete(s.troubles, plainAddress(address))
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
		if t, troubled := s.troubles[plainAddress(address)]; troubled {
			return &AwayError{Refused: answered, Away: address, Since: t.since, Err: t.err}
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
