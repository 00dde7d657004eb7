package zabbix

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	zbx "github.com/fabiang/go-zabbix"

	"penstock/core/secret"
)

const (
	maxAnswer = 16 << 20 // bytes of one answer of the API
	maxHeader = 64 << 10
)

// newTransport returns the way to the frontend. It takes no proxy from the
// environment, and never carries a secret in the clear to another machine unless
// the options say so, whatever a name resolves to.
func newTransport(o *APIOptions) (*http.Transport, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("read the address of the API: %w", err)
	}
	open := u.Scheme != "https" && !o.AllowHTTP
	dialer := &net.Dialer{
		Timeout: o.Timeout,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			addr, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("read the address %s: %w", address, err)
			}
			if open && !addr.Addr().IsLoopback() {
				return fmt.Errorf("%s is another machine: over http everybody on the way could read the token; use https, or set allow_http", addr.Addr())
			}
			return nil
		},
	}
	t := &http.Transport{
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: o.Timeout,
		// Shorter than web servers wait, so that none closes under a request.
		IdleConnTimeout:        4 * time.Second,
		MaxIdleConnsPerHost:    4,
		MaxConnsPerHost:        16,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if o.CAFile == "" {
		return t, nil
	}
	file, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificates of the API: %w", err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(file) {
		return nil, fmt.Errorf("read the certificates of the API: %s holds none (want PEM)", o.CAFile)
	}
	return t, nil
}

// refusePrinting makes sure that go-zabbix does not print: with this variable it
// writes every body to standard error, with passwords, tokens and text of logs.
func refusePrinting() error {
	if on, err := strconv.ParseBool(os.Getenv("ZBX_DEBUG")); err != nil || !on {
		return nil
	}
	return errors.New("the environment has ZBX_DEBUG: it prints tokens and passwords; unset it")
}

// credential is what makes a request ours; the zero one makes it nobody's.
type credential struct {
	secret secret.Secret
	bearer bool // in a header, else in the body
}

// exchange sends one request through go-zabbix, which knows neither contexts nor
// limits nor the header: it gets no secret and only sees answers that are whole.
// The error is a *wireError where the API did not answer. Beside a nil error the
// answer may hold an error of the API.
func (a *API) exchange(ctx context.Context, who credential, method string, params any) (*zbx.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.Timeout)
	defer cancel()
	session := stub{url: a.o.URL}
	client, err := zbx.CreateClient(a.o.URL).WithCache(session).WithHTTPClient(&http.Client{
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return a.carry(ctx, who, r) }),
	}).Connect()
	if err != nil {
		return nil, &wireError{err: err}
	}
	request := zbx.NewRequest(method, params)
	if params == nil {
		request.Params = []any{}
	}
	answer, err := client.Do(request)
	var wire *wireError
	switch {
	case errors.As(err, &wire):
		return nil, wire // without what net/http says around it
	case answer == nil && err != nil:
		return nil, &wireError{sent: true, err: fmt.Errorf("%w: %s", errNoAPI, shown(err.Error(), 200))}
	case answer.Error.Code == 0 && len(answer.Body) == 0:
		return nil, &wireError{sent: true, err: fmt.Errorf("%w: neither a result nor an error came", errNoAPI)}
	}
	return answer, nil
}

// roundTrip is a function as a http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// carry adds the secret to a request, sends it, and reads the whole answer.
func (a *API) carry(ctx context.Context, who credential, r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, &wireError{err: err}
	}
	var sent atomic.Bool
	r = r.Clone(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	}))
	r.Header.Set("User-Agent", "penstock")
	if token := who.secret.Reveal(); token != "" && who.bearer {
		r.Header.Set("Authorization", "Bearer "+token)
	} else if token != "" {
		if body, err = withAuth(body, token); err != nil {
			return nil, &wireError{err: err}
		}
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	answer, err := a.transport.RoundTrip(r)
	if err != nil {
		return nil, &wireError{sent.Load(), late(ctx, err)}
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	data, refused := a.answerOf(answer)
	if refused != nil {
		// What a web server refuses in its own name did not reach the API; what
		// fails behind it may have.
		return nil, &wireError{sent: answer.StatusCode/100 == 2 || answer.StatusCode/100 == 5, err: late(ctx, refused)}
	}
	answer.Body = io.NopCloser(bytes.NewReader(data))
	return answer, nil
}

// withAuth puts the token into the body, as the API before 6.4 wants it.
func withAuth(body []byte, token string) ([]byte, error) {
	quoted, err := json.Marshal(token)
	if err != nil || len(body) < 2 || body[len(body)-1] != '}' {
		return nil, errors.New("the request is no object")
	}
	return append(append(append(body[:len(body)-1:len(body)-1], `,"auth":`...), quoted...), '}'), nil
}

// late says that a deadline passed rather than what broke because of it.
func late(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

// answerOf reads an answer, and refuses what is none of the API: go-zabbix looks at
// neither the status nor the size, and does not survive every JSON.
func (a *API) answerOf(answer *http.Response) ([]byte, error) {
	if answer.StatusCode/100 == 3 {
		return nil, fmt.Errorf("%w: status %d to %s", errRedirected, answer.StatusCode, a.placeOf(answer))
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("%w (%d MiB): ask for less", errTooLarge, maxAnswer>>20)
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	data = bytes.TrimSpace(data)
	isJSON := len(data) > 1 && data[0] == '{' && json.Valid(data)
	switch {
	case answer.StatusCode/100 == 2 && isJSON:
		return data, nil
	case answer.StatusCode/100 != 2:
		return nil, fmt.Errorf("%w: status %d %s", errNoAPI, answer.StatusCode, http.StatusText(answer.StatusCode))
	case len(data) > 0 && data[0] == '<':
		return nil, fmt.Errorf("%w: a page of HTML came; the address of the API ends with api_jsonrpc.php", errNoAPI)
	}
	return nil, fmt.Errorf("%w: %d bytes came that are no JSON object", errNoAPI, len(data))
}

// placeOf says where a redirect points, without what may hold a secret.
func (a *API) placeOf(answer *http.Response) string {
	to, err := url.Parse(answer.Header.Get("Location"))
	if err != nil {
		return "an unreadable address"
	}
	place := (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
	return strconv.Quote(shown(place, 200, a.secrets()...))
}

// stub stands in for a cache of go-zabbix: the one door it has to a session that
// does not log in by itself.
type stub struct{ url string }

func (stub) SetSessionLifetime(time.Duration)    {}
func (stub) SaveSession(*zbx.Session) error      { return nil }
func (stub) HasSession() bool                    { return true }
func (stub) Flush() error                        { return nil }
func (s stub) GetSession() (*zbx.Session, error) { return &zbx.Session{URL: s.url}, nil }

// readToken returns a token of a file: one word, fit for a header.
func readToken(path string) (secret.Secret, error) {
	token, err := secret.Read(path)
	if err == nil && strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Secret{}, fmt.Errorf("read secret %s: a token is one word", path)
	}
	return token, err
}
