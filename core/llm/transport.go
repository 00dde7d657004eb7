package llm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"penstock/core/secret"
)

var (
	errElsewhere = errors.New("prompts would go elsewhere")
	errTooMuch   = errors.New("the answer is larger than allowed")
)

// newTransport returns the way to one server. It takes no proxy from the
// environment, and looks at each address that a name resolves to.
func newTransport(scheme string, o *Options) *http.Transport {
	dialer := &net.Dialer{
		Timeout: lookTimeout,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			addr, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("read the address %s: %w", address, err)
			}
			if text := o.checkAddress(addr.Addr(), scheme); text != "" {
				return fmt.Errorf("%w: %s", errElsewhere, text)
			}
			return nil
		},
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    lookTimeout,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// wire is the way of one request. It adds the token of the configuration, follows
// no redirect, reads no more than its limit, and keeps what the api package does
// not tell: why a stream ended.
type wire struct {
	transport http.RoundTripper
	token     secret.Secret
	limit     int // bytes of the answer that may still be read

	answered bool  // the status was one of success
	err      error // why reading the answer ended before its end
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if token := w.token.Reveal(); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("User-Agent", "penstock")
	answer, err := w.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 == 3 {
		_ = answer.Body.Close() // of no interest
		return nil, fmt.Errorf("%w: status %d sends to %.200q", errElsewhere, answer.StatusCode, answer.Header.Get("Location"))
	}
	w.answered = answer.StatusCode/100 == 2
	answer.Body = &body{answer.Body, w}
	return answer, nil
}

// body is an answer being read.
type body struct {
	io.ReadCloser
	wire *wire
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.wire.limit <= 0 {
		b.wire.err = errTooMuch
		return 0, errTooMuch
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.wire.limit)])
	b.wire.limit -= n
	if err != nil && !errors.Is(err, io.EOF) {
		b.wire.err = err
	}
	return n, err
}

// refuseSigning makes sure that the api package reads no key: with this variable
// it would sign each request with one in the home directory.
func refuseSigning() error {
	if on, err := strconv.ParseBool(os.Getenv("OLLAMA_AUTH")); err == nil && !on || os.Getenv("OLLAMA_AUTH") == "" {
		return nil
	}
	return errors.New("the environment has OLLAMA_AUTH: Penstock signs no requests; unset it")
}

// readToken returns the token in a file, none without one.
func readToken(path string) (secret.Secret, error) {
	if path == "" {
		return secret.Secret{}, nil
	}
	token, err := secret.Read(path)
	var length *secret.LengthError
	notAWord := func(r rune) bool { return r <= ' ' || r > '~' }
	if errors.As(err, &length) || err == nil && strings.ContainsFunc(token.Reveal(), notAWord) {
		return secret.Secret{}, fmt.Errorf("%s: it does not hold one word of at most %d bytes", path, secret.MaxBytes)
	}
	return token, err
}
