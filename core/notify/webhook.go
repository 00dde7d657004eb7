package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"penstock/core/event"
	"penstock/core/secret"
)

// webhook tells a program, which tells people.
type webhook struct {
	url    string
	host   string // for errors: the whole address may hold a secret
	token  secret.Secret
	client *http.Client
}

// maxHead is how much of the headers of an answer is read; of its body, only so much
// as an error shows.
const maxHead = 64 << 10

func newWebhook(o WebhookOptions) (*webhook, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.New("read the address: it is none")
	}
	w := &webhook{url: o.URL, host: u.Host}
	if w.token, err = readWord(o.TokenFile); err != nil {
		return nil, err
	}
	config, err := tlsConfig(o.CAFile, "")
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("read the address %s: %w", address, err)
		}
		return mayReach(to.Addr(), u.Scheme)
	}}
	w.client = &http.Client{
		Transport: &http.Transport{ // without a proxy of the environment
			DialContext: dialer.DialContext, TLSClientConfig: config, DisableKeepAlives: true, DisableCompression: true,
			MaxResponseHeaderBytes: maxHead,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return w, nil
}

func (*webhook) name() string { return "webhook" }

// call is what the webhook gets.
type call struct {
	ID       string         `json:"id"`
	Severity event.Severity `json:"severity"`
	Case     string         `json:"case"`
	Site     string         `json:"site"`
	Host     string         `json:"host"`
	Headline string         `json:"headline"`
	Lines    []string       `json:"lines"`
	At       string         `json:"at"`
}

func (w *webhook) send(ctx context.Context, m Message) (told bool, err error) {
	if err := w.post(ctx, m); err != nil {
		return false, fmt.Errorf("call the webhook at %s: %w", w.host, err)
	}
	return true, nil
}

func (w *webhook) post(ctx context.Context, m Message) error {
	body, err := json.Marshal(call{m.ID, m.Severity, m.Case, m.Site, m.Host, m.Headline, m.Lines, m.At.Format(time.RFC3339)})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return withoutURL(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "penstock")
	r.Header.Set("Idempotency-Key", m.ID)
	if token := w.token.Reveal(); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return withoutURL(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	if answer.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4*maxHeadline)) // the status is the error
		return fmt.Errorf("status %d: %s", answer.StatusCode, clean(string(text), maxHeadline))
	}
	return nil // what else it says is not read
}

// withoutURL drops the address that net/http puts in front: its path and query are
// what many webhooks use for a password.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
