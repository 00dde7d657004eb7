package zabbix

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"penstock/core/fake"
)

// authority signs certificates of a test.
type authority struct {
	dir, file string
	cert      *x509.Certificate
	key       crypto.Signer
	newKey    func(testing.TB) crypto.Signer
}

func newAuthority(t testing.TB, dir, name string, newKey func(testing.TB) crypto.Signer) *authority {
	t.Helper()

	a := &authority{dir: dir, newKey: newKey}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.file = writePEM(t, filepath.Join(dir, name+".pem"), "CERTIFICATE", der)
	return a
}

// sign makes a certificate with its key, and returns their files. As in Zabbix's
// manual, it has no names but the common name, unless there are addresses.
func (a *authority) sign(t testing.TB, name string, ends time.Time, addresses ...net.IP) (certFile, keyFile string) {
	t.Helper()

	key := a.newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: addresses,
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: ends, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(a.dir, strings.ReplaceAll(name, " ", "-"))
	return writePEM(t, file+".pem", "CERTIFICATE", der), writePEM(t, file+".key", "PRIVATE KEY", private)
}

func ecdsaKey(t testing.TB) crypto.Signer {
	t.Helper()

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// rsaKey is what a Zabbix with Debian's GnuTLS wants: of ECDSA it says "No supported
// cipher suites have been found", unless its TLSCipherCert is set.
func rsaKey(t testing.TB) crypto.Signer {
	t.Helper()

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t testing.TB, path, kind string, der []byte) string {
	t.Helper()

	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSendOverTLS(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	ours, foreign := newAuthority(t, dir, "ours", ecdsaKey), newAuthority(t, dir, "foreign", ecdsaKey)
	soon, ended := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	cert, key := ours.sign(t, "client", soon)
	foreignCert, foreignKey := foreign.sign(t, "foreign client", soon)
	local := net.IPv4(127, 0, 0, 1)
	client := TLSOptions{CAFile: ours.file, CertFile: cert, KeyFile: key}
	named := client
	named.ServerName = "zabbix SERVER"
	for _, tt := range []struct {
		name   string
		server func() (cert, key string)
		client TLSOptions
		err    string
	}{
		{"+ common name that is set", func() (string, string) { return ours.sign(t, "Zabbix server", soon) }, named, ""},
		{"+ common name that is set, beside others", func() (string, string) { return ours.sign(t, "Zabbix server", soon, net.IPv4(10, 0, 0, 1)) }, named, ""},
		{"+ common name is the address", func() (string, string) { return ours.sign(t, "127.0.0.1", soon) }, client, ""},
		{"+ address in the certificate", func() (string, string) { return ours.sign(t, "any", soon, local) }, client, ""},
		{
			"- another name", func() (string, string) { return ours.sign(t, "Other", soon) }, named,
			`(common name "Other"): its name is not "zabbix SERVER": set zabbix.send.tls.server_name`,
		},
		{"- another address", func() (string, string) { return ours.sign(t, "127.0.0.1", soon, net.IPv4(10, 0, 0, 1)) }, client, `its name is not "127.0.0.1"`},
		{"- foreign authority", func() (string, string) { return foreign.sign(t, "Zabbix server", soon) }, named, "certificate signed by unknown authority"},
		{"- ended", func() (string, string) { return ours.sign(t, "Zabbix server", ended) }, named, "certificate has expired"},
		{"- no client certificate", func() (string, string) { return ours.sign(t, "any", soon, local) }, TLSOptions{CAFile: ours.file}, "remote error: tls: certificate required"},
		{
			"- foreign client certificate", func() (string, string) { return ours.sign(t, "any", soon, local) },
			TLSOptions{CAFile: ours.file, CertFile: foreignCert, KeyFile: foreignKey},
			"remote error: tls: certificate required",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			certFile, keyFile := tt.server()
			pair, err := tls.LoadX509KeyPair(certFile, keyFile)
			if err != nil {
				t.Fatal(err)
			}
			clients := x509.NewCertPool()
			clients.AddCert(ours.cert)
			trapper := fake.NewTLSTrapper(t, &tls.Config{
				MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
			})
			s := senderTo(t, nil, SendOptions{To: []string{trapper.Address}, TLS: tt.client})
			_, err = s.Send(t.Context(), []Value{value("web", "k", "1")})
			if tt.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				wantTaken(t, []fake.Sent{onWire("web", "k", "1")}, trapper)
				if n := trapper.Certificates(); len(n) != 1 || n[0] != 1 {
					t.Errorf("certificates shown: %v, want one", n)
				}
				return
			}
			wantErrorText(t, err, tt.err)
			if errors.As(err, new(*UnsureError)) || len(trapper.Values()) > 0 {
				t.Errorf("they did not agree on encryption, and nobody is sure: %v", err)
			}
		})
	}
}

// TestATLSSenderSendsNothingInTheClear to one that speaks no TLS, and the other way
// around nobody waits.
func TestATLSSenderSendsNothingInTheClear(t *testing.T) {
	t.Parallel()

	ours := newAuthority(t, t.TempDir(), "ours", ecdsaKey)
	trapper := fake.NewTrapper(t)
	s := senderTo(t, nil, SendOptions{To: []string{trapper.Address}, TLS: TLSOptions{CAFile: ours.file}})
	if _, err := s.Send(t.Context(), []Value{value("web", "k", "1")}); err == nil || len(trapper.Flags()) > 0 {
		t.Errorf("error %v, %d requests were read", err, len(trapper.Flags()))
	}
}

func TestTrapperTLSNamesTheFileThatIsWrong(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	ours := newAuthority(t, dir, "ours", rsaKey)
	cert, key := ours.sign(t, "client", time.Now().Add(time.Hour))
	_, otherKey := ours.sign(t, "other", time.Now().Add(time.Hour))
	open := filepath.Join(dir, "open.key")
	data, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open, data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		o    TLSOptions
		err  string
	}{
		{"+ none", TLSOptions{}, ""},
		{"+ without a certificate", TLSOptions{CAFile: ours.file}, ""},
		{"+ with a certificate", TLSOptions{CAFile: ours.file, CertFile: cert, KeyFile: key}, ""},
		{"- no authorities", TLSOptions{CAFile: filepath.Join(dir, "none")}, "read the authorities of zabbix.send.tls: open " + filepath.Join(dir, "none")},
		{"- a key for authorities", TLSOptions{CAFile: key}, key + " holds no certificate"},
		{"- no certificate", TLSOptions{CAFile: ours.file, CertFile: filepath.Join(dir, "none"), KeyFile: key}, "read the certificate of zabbix.send.tls: open"},
		{"- no key", TLSOptions{CAFile: ours.file, CertFile: cert, KeyFile: filepath.Join(dir, "none")}, "read the key of zabbix.send.tls: read secret: open"},
		{"- a key that everybody reads", TLSOptions{CAFile: ours.file, CertFile: cert, KeyFile: open}, "others may read it: run chmod 600 on it"},
		{"- a key of another", TLSOptions{CAFile: ours.file, CertFile: cert, KeyFile: otherKey}, "private key does not match public key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := trapperTLS(tt.o)
			if tt.err != "" {
				wantErrorText(t, err, tt.err)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}
