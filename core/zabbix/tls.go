package zabbix

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"penstock/core/secret"
)

// trapperTLS reads the files of an encrypted connection to a server or proxy. It
// returns nil where the options ask for none.
func trapperTLS(o TLSOptions) (*tls.Config, error) {
	if o.CAFile == "" {
		return nil, nil //nolint:nilnil // none is not an error: it is not configured
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the authorities of zabbix.send.tls: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the authorities of zabbix.send.tls: %s holds no certificate", o.CAFile)
	}
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if o.CertFile == "" {
		return config, nil
	}
	key, err := secret.Read(o.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the key of zabbix.send.tls: %w", err)
	}
	pem, err = os.ReadFile(o.CertFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate of zabbix.send.tls: %w", err)
	}
	pair, err := tls.X509KeyPair(pem, []byte(key.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("read the certificate %s of zabbix.send.tls: %w", o.CertFile, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// tlsFor returns the configuration of a connection to that host. name is the
// server_name of the options.
func tlsFor(config *tls.Config, host, name string) *tls.Config {
	c := config.Clone()
	c.ServerName = host
	c.InsecureSkipVerify = true // VerifyConnection does it all: certificates made by Zabbix's manual have a name that Go does not look at
	roots := config.RootCAs
	c.VerifyConnection = func(state tls.ConnectionState) error {
		return verifyTrapper(state.PeerCertificates, roots, host, name)
	}
	return c
}

// verifyTrapper checks the chain, and the name. Certificates for Zabbix are often
// made as its manual shows: with a common name such as "Zabbix server", and
// without the names that others are known by. So server_name may be the common
// name, and the host may be it where the certificate has no other name.
func verifyTrapper(chain []*x509.Certificate, roots *x509.CertPool, host, name string) error {
	if len(chain) == 0 {
		return errors.New("the other end has no certificate")
	}
	leaf, between := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return fmt.Errorf("check the certificate of the other end: %w", err)
	}
	nameless := len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.EmailAddresses)+len(leaf.URIs) == 0
	want := name
	if want == "" {
		want = host
	}
	if (name != "" || nameless) && strings.EqualFold(leaf.Subject.CommonName, want) {
		return nil
	}
	if err := leaf.VerifyHostname(want); err != nil {
		return fmt.Errorf("check the certificate of the other end (common name %q): its name is not %q: set zabbix.send.tls.server_name to the name that you trust",
			leaf.Subject.CommonName, want)
	}
	return nil
}
