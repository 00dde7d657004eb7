package fake

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// Proxy stands between a client and a server and does to what passes whatever its
// Fault says. It may stand before a real server too. A test uses it so:
//
//	proxy := fake.NewProxy(t, server.URL)
//	proxy.Set(fake.Fault{Path: "/api/chat", Hang: true})
//	... llm.Options{Endpoints: []string{proxy.URL}} ...
//	proxy.Set(fake.Fault{}) // well again
type Proxy struct {
	URL string

	target string
	server *httptest.Server
	gone   chan struct{}
	once   sync.Once

	mu    sync.Mutex
	fault Fault
	paths []string
}

// Fault is what goes wrong on the way. The zero Fault passes everything on as it
// is; of several fields the first one counts.
type Fault struct {
	Path     string        // of the requests that it strikes; "" is all of them
	Drop     bool          // the connection is closed without an answer
	Hang     bool          // the request is taken, and no answer comes
	Status   int           // the answer has this status and Text, and comes at once
	Text     string        //
	Redirect string        // the answer sends the client to this address, with 307
	Garbage  bool          // the answer is no JSON, with status 200
	Endless  bool          // the answer is one message after the other, without an end
	Slow     time.Duration // waits so long before each line of the answer: of one token each
	CutAfter int           // the connection is closed after so many bytes of the answer
	Digest   string        // every digest in the answer is replaced by this one
}

// NewProxy starts a proxy before the server at the address target.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()

	p := &Proxy{target: strings.TrimSuffix(target, "/"), gone: make(chan struct{})}
	p.server = httptest.NewServer(p)
	p.URL = p.server.URL
	t.Cleanup(p.Close)
	return p
}

// Close stops the proxy in the middle of whatever it does: from then on nobody
// answers at URL. Closing it again does nothing.
func (p *Proxy) Close() {
	p.once.Do(func() {
		close(p.gone)
		p.server.CloseClientConnections()
		p.server.Close()
	})
}

// Set says what goes wrong with the requests that come from now on.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Paths returns the paths of all requests so far.
func (p *Proxy) Paths() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.paths...)
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.paths = append(p.paths, r.URL.Path)
	fault := p.fault
	p.mu.Unlock()
	if fault.Path != "" && fault.Path != r.URL.Path {
		fault = Fault{}
	}
	switch {
	case fault.Drop:
		panic(http.ErrAbortHandler)
	case fault.Hang:
		p.wait(r, 0)
		panic(http.ErrAbortHandler) // an end in order would be an answer
	case fault.Status != 0:
		send(w, fault.Status, fault.Text)
	case fault.Redirect != "":
		http.Redirect(w, r, fault.Redirect, http.StatusTemporaryRedirect)
	case fault.Garbage:
		fmt.Fprint(w, "\x00\xff\x1b[2J<html>502 Bad Gateway {\"message\":{\"content\":\n\n]]}\n")
	case fault.Endless:
		p.endless(w, r)
	default:
		p.pass(w, r, fault)
	}
}

func (p *Proxy) endless(w http.ResponseWriter, r *http.Request) {
	message := []byte(`{"message":{"role":"assistant","content":"` + strings.Repeat("x", 4096) + `"},"done":false}` + "\n")
	_, _ = io.Copy(io.Discard, r.Body) // see wait
	for r.Context().Err() == nil {
		select {
		case <-p.gone:
			return
		default:
		}
		if _, err := w.Write(message); err != nil {
			return
		}
	}
}

// pass asks the server and hands on its answer line by line.
func (p *Proxy) pass(w http.ResponseWriter, r *http.Request, fault Fault) {
	// A whole body tells the server's from the client's going: see Request.Context.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	asked, err := http.NewRequestWithContext(r.Context(), r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	asked.Header = r.Header.Clone()
	asked.Header.Del("Accept-Encoding")
	answer, err := p.server.Client().Do(asked)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	w.WriteHeader(answer.StatusCode)

	lines, sent := bufio.NewReader(answer.Body), 0
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 && fault.Slow > 0 && p.wait(r, fault.Slow) {
			return
		}
		if fault.Digest != "" {
			line = digests.ReplaceAll(line, []byte(`"digest":"`+fault.Digest+`"`))
		}
		if fault.CutAfter > 0 && sent+len(line) >= fault.CutAfter {
			_, _ = w.Write(line[:fault.CutAfter-sent])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		n, _ := w.Write(line) // whoever left is seen at the next line
		sent += n
		_ = http.NewResponseController(w).Flush()
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			panic(http.ErrAbortHandler) // the server broke off, and so does the proxy
		}
	}
}

var digests = regexp.MustCompile(`"digest":"[^"]*"`)

// wait waits for a time, 0 without end, and says whether the client or the test
// has gone meanwhile.
func (p *Proxy) wait(r *http.Request, d time.Duration) (gone bool) {
	var passed <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		passed = timer.C
	}
	// Until its body is read the server does not see that a client goes.
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-passed:
		return false
	case <-r.Context().Done():
	case <-p.gone:
	}
	return true
}
