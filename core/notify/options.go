// Package notify tells people by mail or webhook where nothing else does: when a
// Critical case stays unacknowledged, or when the store or Zabbix cannot be
// reached. It needs neither of them, keeps nothing, decides nothing about cases,
// and never lets the text of a log become more than text.
package notify

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options is the section notify of penstock.yaml. Without mail and webhook nobody
// is told.
type Options struct {
	// After is how long an own Critical problem may stay unacknowledged.
	After time.Duration `yaml:"after"`
	// Repeat is how long after that it is told again; 0 is never.
	Repeat  time.Duration  `yaml:"repeat"`
	Timeout time.Duration  `yaml:"timeout"` // of one mail or one call of the webhook
	Mail    MailOptions    `yaml:"mail"`
	Webhook WebhookOptions `yaml:"webhook"`
}

// MailOptions name the relay that takes mail; without Relay there is none.
type MailOptions struct {
	Relay        string   `yaml:"relay"` // host:port
	From         string   `yaml:"from"`
	To           []string `yaml:"to"`
	StartTLS     StartTLS `yaml:"starttls"`
	User         string   `yaml:"user"` // logs in with PasswordFile
	PasswordFile string   `yaml:"password_file"`
	CAFile       string   `yaml:"ca_file"` // "" trusts what the machine trusts
}

// WebhookOptions name the address that takes JSON by POST; without URL there is none.
type WebhookOptions struct {
	URL       string `yaml:"url"`        // http only to this machine and private addresses
	TokenFile string `yaml:"token_file"` // bearer token
	CAFile    string `yaml:"ca_file"`    // "" trusts what the machine trusts
}

// StartTLS says whether the way to the relay is encrypted.
type StartTLS uint8

const (
	Required      StartTLS = iota // with a certificate that is trusted, or no mail
	Opportunistic                 // where the relay offers it, whatever its certificate
	Off                           // never
)

var startTLSNames = [...]string{"required", "opportunistic", "off"}

// String returns required, opportunistic or off.
func (s StartTLS) String() string {
	if int(s) < len(startTLSNames) {
		return startTLSNames[s]
	}
	return "invalid"
}

// MarshalText implements encoding.TextMarshaler.
func (s StartTLS) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts the words of String.
func (s *StartTLS) UnmarshalText(text []byte) error {
	i := slices.Index(startTLSNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is not a way to encrypt mail (%s)", text, strings.Join(startTLSNames[:], ", "))
	}
	*s = StartTLS(i)
	return nil
}

// DefaultOptions returns the options of an absent section: nobody is told.
func DefaultOptions() Options {
	return Options{After: 15 * time.Minute, Repeat: time.Hour, Timeout: 20 * time.Second}
}

// Paths returns the options that name files.
func (o *Options) Paths() []*string {
	return []*string{&o.Mail.PasswordFile, &o.Mail.CAFile, &o.Webhook.TokenFile, &o.Webhook.CAFile}
}

// mostRecipients is how many people one mail goes to.
const mostRecipients = 50

// Check reports everything that is wrong with the options, each with its path
// below the section. It connects to nothing.
func (o *Options) Check(problem func(path, text string)) {
	if o.After < time.Minute || o.After > 24*time.Hour {
		problem("after", fmt.Sprintf("%s is not between 1m and 24h", o.After))
	}
	if o.Repeat != 0 && (o.Repeat < 5*time.Minute || o.Repeat > 7*24*time.Hour) {
		problem("repeat", fmt.Sprintf("%s is neither 0 (never again) nor between 5m and 168h", o.Repeat))
	}
	if o.Timeout < time.Second || o.Timeout > time.Minute {
		problem("timeout", fmt.Sprintf("%s is not between 1s and 1m", o.Timeout))
	}
	o.Mail.check(func(path, text string) { problem("mail."+path, text) })
	o.Webhook.check(func(path, text string) { problem("webhook."+path, text) })
}

func (m *MailOptions) check(problem func(path, text string)) {
	if m.Relay == "" {
		if m.From != "" || len(m.To) > 0 || m.User != "" {
			problem("relay", "is missing: without it there is no mail")
		}
		return
	}
	if text := checkRelay(m.Relay); text != "" {
		problem("relay", text)
	}
	if !isMailAddress(m.From) {
		problem("from", fmt.Sprintf("%.200q is not a mail address, such as penstock@example.org", m.From))
	}
	if len(m.To) == 0 || len(m.To) > mostRecipients {
		problem("to", fmt.Sprintf("lists %d people, not 1 to %d", len(m.To), mostRecipients))
	}
	for i, to := range m.To {
		if !isMailAddress(to) {
			problem(fmt.Sprintf("to[%d]", i), fmt.Sprintf("%.200q is not a mail address, such as duty@example.org", to))
		}
	}
	m.checkSecrecy(problem)
}

func checkRelay(relay string) string {
	host, port, err := net.SplitHostPort(relay)
	n, errPort := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || host == "" || errPort != nil || n == 0 || strings.ContainsFunc(host, notAWord):
		return fmt.Sprintf("%.200q is not a host with a port, such as mail.example:587", relay)
	case n == 465:
		return "port 465 wants TLS from the first byte, which is not spoken here: relays take STARTTLS at 587"
	}
	return ""
}

func (m *MailOptions) checkSecrecy(problem func(path, text string)) {
	switch {
	case (m.User == "") != (m.PasswordFile == ""):
		problem("password_file", "and user go together")
	case m.User != "" && m.StartTLS != Required:
		problem("starttls", fmt.Sprintf("is %s: a password is sent only where it is required", m.StartTLS))
	}
	if m.CAFile != "" && m.StartTLS != Required {
		problem("ca_file", "has no effect: certificates are looked at where starttls is required")
	}
}

func (w *WebhookOptions) check(problem func(path, text string)) {
	if w.URL == "" {
		if w.TokenFile != "" || w.CAFile != "" {
			problem("url", "is missing: without it there is no webhook")
		}
		return
	}
	u, err := url.Parse(w.URL)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		problem("url", "is not an address, such as https://duty.example/penstock")
		return
	case u.User != nil:
		problem("url", "holds a password: use token_file")
	case u.Fragment != "":
		problem("url", "has a fragment, which no server gets")
	}
	if w.CAFile != "" && u.Scheme != "https" {
		problem("ca_file", "has no effect without https")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		if err := mayReach(addr, u.Scheme); err != nil {
			problem("url", err.Error())
		}
	}
}

// mayReach judges an address that the webhook's server has: what is told of a case
// does not travel open beyond the site.
func mayReach(addr netip.Addr, scheme string) error {
	addr = addr.Unmap()
	if scheme == "https" || addr.IsLoopback() || addr.IsPrivate() {
		return nil
	}
	return fmt.Errorf("%s is not a private address: only https may be used", addr)
}

// isMailAddress says whether text is an address and no more: no name beside it, no
// quotes, nothing but printed ASCII, so that it can stand in a command of SMTP.
func isMailAddress(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text && len(text) <= 254 && !strings.ContainsFunc(text, notAWord) && !strings.ContainsAny(text, `"<>\`)
}

func notAWord(r rune) bool { return r <= ' ' || r > '~' }
