// Package zabbix speaks with a Zabbix server or proxy: it hands over values by the
// sender protocol or history.push, asks the API, turns records into the values of
// our templates and back, and compares what Zabbix shows with what it should. It
// decides nothing about cases, keeps no state beyond caches, and never hands text
// of a log to Zabbix that was not encoded by Text.
package zabbix

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options is the section zabbix of penstock.yaml.
type Options struct {
	// Host is the technical name of the worker's own host in Zabbix, which carries
	// cases of hosts that Zabbix does not know; "" publishes nothing.
	Host string `yaml:"host"`
	// Hosts gives assets the technical name of their host in Zabbix, where it is
	// another than the asset's own. Without the API only these and Host get values.
	Hosts map[string]string `yaml:"hosts"`
	Send  SendOptions       `yaml:"send"`
	API   APIOptions        `yaml:"api"`
	// Look is how often problems are compared with cases, where the API is set.
	Look time.Duration `yaml:"look"`
	// Others names other workers, as SITE-WORKER: problems of their cases are left alone.
	Others []string `yaml:"others"`
	// SealFile holds the secret that values are sealed with: the macro
	// {$PENSTOCK.SEAL} in Zabbix; "" seals nothing.
	SealFile string `yaml:"seal_file"`
}

// SendOptions say where values are handed over, and how.
type SendOptions struct {
	// To lists servers or proxies, tried in this order: the local proxy first.
	To []string `yaml:"to"`
	// Redirects lists further members of a proxy group that a redirect may name.
	Redirects []string      `yaml:"redirects"`
	Way       Way           `yaml:"way"`
	Timeout   time.Duration `yaml:"timeout"`
	TLS       TLSOptions    `yaml:"tls"`
}

// TLSOptions name the files of an encrypted connection; without CAFile there is none.
type TLSOptions struct {
	CAFile     string `yaml:"ca_file"`
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
	ServerName string `yaml:"server_name"` // in the certificate of the other end; "" is the address
}

// APIOptions name the frontend's API; without URL it is not used.
type APIOptions struct {
	URL          string `yaml:"url"` // ends with api_jsonrpc.php
	TokenFile    string `yaml:"token_file"`
	User         string `yaml:"user"` // logs in with PasswordFile, where there is no token
	PasswordFile string `yaml:"password_file"`
	CAFile       string `yaml:"ca_file"` // "" trusts what the machine trusts
	// AllowHTTP permits http to another machine: the token can then be read on the way.
	AllowHTTP bool          `yaml:"allow_http"`
	Timeout   time.Duration `yaml:"timeout"`
}

// Way is how values reach Zabbix.
type Way uint8

const (
	Sender Way = iota // the sender protocol, any version
	Push              // history.push of the API, 7.0 and later
)

var wayNames = [...]string{"sender", "push"}

// String returns sender or push.
func (w Way) String() string {
	if int(w) < len(wayNames) {
		return wayNames[w]
	}
	return "invalid"
}

// MarshalText implements encoding.TextMarshaler.
func (w Way) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText accepts the words of String.
func (w *Way) UnmarshalText(text []byte) error {
	i := slices.Index(wayNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is not a way to send (%s)", text, strings.Join(wayNames[:], ", "))
	}
	*w = Way(i)
	return nil
}

// DefaultOptions publish nothing until Host is set.
func DefaultOptions() Options {
	return Options{
		Send: SendOptions{To: []string{"127.0.0.1:10051"}, Timeout: 5 * time.Second},
		API:  APIOptions{Timeout: 10 * time.Second},
		Look: time.Minute,
	}
}

// Paths returns the options that name files.
func (o *Options) Paths() []*string {
	return []*string{
		&o.SealFile, &o.Send.TLS.CAFile, &o.Send.TLS.CertFile, &o.Send.TLS.KeyFile,
		&o.API.TokenFile, &o.API.PasswordFile, &o.API.CAFile,
	}
}

const maxHostName = 128 // characters of a technical name in Zabbix

// Check reports everything that is wrong, each with its path below the section.
// It opens nothing.
func (o *Options) Check(problem func(path, text string)) {
	if o.Host != "" && !isHostName(o.Host) {
		problem("host", fmt.Sprintf("%q is not a technical name of a host in Zabbix (letters, digits, blanks, . _ -, at most %d)", o.Host, maxHostName))
	}
	if o.Host == "" && len(o.Hosts) > 0 {
		problem("hosts", "has no effect without zabbix.host, the worker's own host in Zabbix")
	}
	for _, asset := range slices.Sorted(maps.Keys(o.Hosts)) {
		if !isHostName(o.Hosts[asset]) {
			problem("hosts."+asset, fmt.Sprintf("%q is not a technical name of a host in Zabbix", o.Hosts[asset]))
		}
	}
	if o.Look < 10*time.Second || o.Look > time.Hour {
		problem("look", fmt.Sprintf("%s is not between 10s and 1h", o.Look))
	}
	o.Send.check(func(path, text string) { problem("send."+path, text) })
	o.API.check(func(path, text string) { problem("api."+path, text) })
	if o.Send.Way == Push && o.API.URL == "" {
		problem("send.way", "push needs zabbix.api.url")
	}
}

func (s *SendOptions) check(problem func(path, text string)) {
	if len(s.To) == 0 {
		problem("to", "names no server or proxy")
	}
	for i, address := range s.To {
		if !isAddress(address) {
			problem(fmt.Sprintf("to[%d]", i), fmt.Sprintf("%q is not an address with a port, such as 127.0.0.1:10051", address))
		}
	}
	for i, address := range s.Redirects {
		if !isAddress(address) {
			problem(fmt.Sprintf("redirects[%d]", i), fmt.Sprintf("%q is not an address with a port, such as 127.0.0.1:10051", address))
		}
	}
	if s.Timeout < time.Second || s.Timeout > time.Minute {
		problem("timeout", fmt.Sprintf("%s is not between 1s and 1m", s.Timeout))
	}
	switch t := s.TLS; {
	case (t.CertFile == "") != (t.KeyFile == ""):
		problem("tls", "cert_file and key_file go together")
	case t.CAFile == "" && (t.CertFile != "" || t.ServerName != ""):
		problem("tls.ca_file", "is missing: without it nothing is encrypted")
	}
}

func (a *APIOptions) check(problem func(path, text string)) {
	if a.Timeout < time.Second || a.Timeout > time.Minute {
		problem("timeout", fmt.Sprintf("%s is not between 1s and 1m", a.Timeout))
	}
	if a.URL == "" {
		if a.TokenFile != "" || a.User != "" || a.PasswordFile != "" {
			problem("url", "is missing: without it the API is not used")
		}
		return
	}
	if text := a.checkURL(); text != "" {
		problem("url", text)
	}
	switch {
	case a.TokenFile != "" && a.User != "":
		problem("token_file", "and user exclude each other: a token needs no login")
	case a.TokenFile == "" && a.User == "":
		problem("token_file", "is missing: the API wants a token (or user and password_file)")
	case (a.User == "") != (a.PasswordFile == ""):
		problem("password_file", "and user go together")
	}
}

// checkURL judges what can be judged without asking a name server: the transport
// looks at the resolved address again.
func (a *APIOptions) checkURL() string {
	u, err := url.Parse(a.URL)
	switch {
	case strings.Contains(a.URL, "@"):
		return "a password does not belong here: use password_file"
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https",
		!strings.HasSuffix(u.Path, "/api_jsonrpc.php"), u.RawQuery != "" || u.Fragment != "":
		return fmt.Sprintf("%q is not the address of an API, such as https://zabbix.example/zabbix/api_jsonrpc.php", a.URL)
	case u.Scheme == "http" && !a.AllowHTTP && !isLoopback(u.Hostname()):
		return fmt.Sprintf("http to %s shows the token to everybody on the way: use https, or set allow_http", u.Hostname())
	}
	return ""
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") || err == nil && addr.Unmap().IsLoopback()
}

func isHostName(name string) bool {
	if name == "" || len(name) > maxHostName {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) && (r < '0' || '9' < r) && !strings.ContainsRune(" ._-", r)
	}) < 0
}

func isAddress(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}
