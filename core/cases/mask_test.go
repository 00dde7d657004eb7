package cases_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"penstock/core/cases"
)

// hidden are texts in which the word in the second column must not stay.
var hidden = []struct{ name, text, secret string }{
	{"+ assignment", "connect user=op password=Tr0ub4dor host=x", "Tr0ub4dor"},
	{"+ colon", "passwd: Tr0ub4dor", "Tr0ub4dor"},
	{"+ JSON", `{"user":"op","password":"Tr0ub 4dor"}`, "4dor"},
	{"+ JSON in JSON", `{"line":"{\"password\":\"Tr0ub4dor\"}"}`, "Tr0ub4dor"},
	{"+ query of a URL", "GET /login?user=op&pwd=Tr0ub4dor&x=1 HTTP/1.1", "Tr0ub4dor"},
	{"+ URL with user", "ftp://op:Tr0ub4dor@192.0.2.1/file", "Tr0ub4dor"},
	{"+ connection string", "Server=db;User Id=op;Password=Tr0ub4dor;", "Tr0ub4dor"},
	{"+ database address", "postgres://op:Tr0ub4dor@db:5432/plant", "Tr0ub4dor"},
	{"+ basic header", "Authorization: Basic b3A6VHIwdWI0ZG9y", "b3A6VHIwdWI0ZG9y"},
	{"+ bearer header", `"authorization":"Bearer 0123456789abcdefABCDEF"`, "0123456789abcdefABCDEF"},
	{"+ bearer alone", "sent Bearer 0123456789abcdefABCDEF to peer", "0123456789abcdefABCDEF"},
	{"+ cookie header", "Cookie: theme=dark; PHPSESSID=0123456789abcdef", "0123456789abcdef"},
	{"+ set-cookie", "Set-Cookie: zbx_session=eyJzZXNzaW9u; path=/", "eyJzZXNzaW9u"},
	{"+ session id", "sessionid=8af3bc9917 user=op", "8af3bc9917"},
	{"+ AWS key id", "key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"},
	{"+ AWS secret", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"},
	{"+ GitHub token", "remote: ghp_0123456789abcdef0123456789abcdef0123", "ghp_0123"},
	{"+ GitLab token", "token glpat-0123456789abcdefghij", "glpat-0123"},
	{"+ Slack token", "xoxb-123456789012-abcdefghij", "xoxb-1234"},
	{"+ Stripe key", "sk_live_0123456789abcdefghij", "sk_live_0123"},
	{"+ Google key", "AIzaSyA0123456789abcdefghijklmnopqrstuv", "AIzaSyA0123"},
	{"+ model key", "sk-0123456789abcdefghijklmnop", "sk-0123"},
	{"+ JWT", "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJzdWIiOiIxIn0"},
	{"+ private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc"},
	{"+ SNMP community of a device", "snmp-server community pl4nt-ro RO", "pl4nt-ro"},
	{"+ SNMP tool", "snmpwalk -v2c -c pl4nt-ro 192.0.2.1", "pl4nt-ro"},
	{"+ community field", "community=pl4nt-ro agent=192.0.2.1", "pl4nt-ro"},
	{"+ long option", "backup --user op --password Tr0ub4dor --host x", "Tr0ub4dor"},
	{"+ long option with =", "backup --db-password=Tr0ub4dor", "Tr0ub4dor"},
	{"+ mysql -p", "COMMAND=/usr/bin/mysql -u root -pTr0ub4dor plant", "Tr0ub4dor"},
	{"+ sshpass", "sshpass -p Tr0ub4dor ssh op@192.0.2.1", "Tr0ub4dor"},
	{"+ curl -u", "curl -s -u op:Tr0ub4dor https://192.0.2.1/", "Tr0ub4dor"},
	{"+ ldapsearch", "ldapsearch -x -D cn=op -w Tr0ub4dor", "Tr0ub4dor"},
	{"+ net use", `net use y: \\192.0.2.1\c /user:op Tr0ub4dor`, "Tr0ub4dor"},
	{"+ net user", "net user helper Tr0ub4dor /add", "Tr0ub4dor"},
	{"+ Wi-Fi PSK", "wpa_psk=Tr0ub4dorTr0ub4dor", "Tr0ub4dor"},
	{"+ Zabbix PSK", "tls_psk: af8ced32dfe8714e548694e2d29e1a14ba6fa13f216cb35c19d0feb1084b0429", "af8ced32"},
	{"+ Zabbix token", `{"auth_token":"af8ced32dfe8714e548694e2d29e1a14"}`, "af8ced32"},
	{"+ shadow", "root:$6$abcdefgh$0123456789abcdefghijklmnopqrstuvwxyz:19000:0:99999:7:::", "0123456789abcdef"},
	{"+ bcrypt", "hash $2b$12$0123456789abcdefghijkuABCDEFGHIJ", "0123456789"},
	{"+ LDAP hash", "userPassword: {SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3", "DkMTwBl"},
	{"+ Cisco enable", "enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0", "hx5rVt7"},
	{"+ Cisco enable, plain", "enable password Tr0ub4dor", "Tr0ub4dor"},
	{"+ RADIUS key", "radius-server host 192.0.2.1 key Tr0ub4dor", "Tr0ub4dor"},
	{"+ API key header", "X-Api-Key: 0123456789abcdef", "0123456789abcdef"},
	{"+ client secret", "client_secret=Tr0ub4dor&grant_type=password", "Tr0ub4dor"},
	{"+ honeypot", "authentication for user \"op\" with password \"Tr0ub4dor\" accepted", "Tr0ub4dor"},
	{"+ SQL", "CREATE USER op IDENTIFIED BY 'Tr0ub4dor'", "Tr0ub4dor"},
	{"+ account key", "AccountName=x;AccountKey=0123456789abcdef==;", "0123456789abcdef"},
	{"+ vault token", "hvs.CAESIJ0123456789abcdefghij", "CAESIJ0123"},
	{"+ JSON, cut", `{"user":"op","password":"Tr0ub4dor`, "Tr0ub4dor"},
	{"+ JSON, backslash", `{"user":"op","password":"Tr0ub\\4dor"}`, "4dor"},
	{"+ JSON, escaped quote", `{"user":"op","password":"Tr0ub\"4dor"}`, "4dor"},
	{"+ JSON in JSON, escaped quote", `{"line":"{\"password\":\"Tr0ub\\\"4dor\"}"}`, "4dor"},
	{"+ after an escaped line end", `{"line":"a\nghp_0123456789abcdef0123456789abcdef0123"}`, "ghp_0123"},
	{"+ name after name", "password: token=Tr0ub4dor", "Tr0ub4dor"},
	{"+ bearer after name", "token: Bearer 0123456789abcdefABCDEF", "0123456789abcdefABCDEF"},
	{"+ mysql -p, quoted", "mysql -u root -p'Tr0ub 4dor' plant", "4dor"},
	{"+ sshpass, quoted", `sshpass -p "Tr0ub 4dor" ssh op@192.0.2.1`, "4dor"},
	{"+ curl for a proxy", "curl -x proxy:3128 -U op:Tr0ub4dor https://192.0.2.1/", "Tr0ub4dor"},
	{"+ SNMP, at the end of a text that masking made longer", "snmpget -A ;0 -A 0", "0"},
	{"+ SNMP, ends of commands that are secrets", "snmpget" + strings.Repeat(" -A ;0", 20) + " -A 9", "9"},
	{"+ SNMP, second option", "snmpget -v3 -a SHA -A first1234 -x AES -X Tr0ub4dor 192.0.2.1", "Tr0ub4dor"},
	{
		"+ private key with headers",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc",
	},
	{"+ private key, cut", `{"line":"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz","rule":1}`, "b3BlbnNz"},
	{"+ private key behind a token", "hvs.CAESIJ0123456789abcdefghij-----BEGIN RSA PRIVATE KEY-----\nMIIEabc", "MIIEabc"},
}

func TestMaskSecretsHides(t *testing.T) {
	for _, tt := range hidden {
		t.Run(tt.name, func(t *testing.T) {
			got := cases.MaskSecrets(tt.text)
			if strings.Contains(got, tt.secret) || !strings.Contains(got, cases.Secret) {
				t.Errorf("%q became %q", tt.text, got)
			}
			if again := cases.MaskSecrets(got); again != got {
				t.Errorf("a second time %q became %q", got, again)
			}
		})
	}
}

func TestMaskSecretsLeavesLookAlikes(t *testing.T) {
	for _, text := range []string{
		"Failed password for root from 192.0.2.1 port 22 ssh2",
		"password authentication failed for user \"op\"",
		"Password: incorrect",
		"password changed for op",
		"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1 user=root",
		"Access denied for user 'op'@'192.0.2.1' (using password: YES)",
		"sudo: op : TTY=pts/0 ; PWD=/home/op ; USER=root ; COMMAND=/bin/ls",
		"token expired",
		"Invalid token: expired",
		"session opened for user op by (uid=0)",
		"https://example.org:8443/a@b",
		"SHA256:1M4RzhMyWuFS86uPYce2prhdVTHW7iD2RhpquOZA",
		"basic authentication required",
		"the community of users grows",
		"key exchange failed",
		"mysql -u root plant",
		"net user op",
		"CWD=/tmp PWD=/root",
		"PWD=/home/operator/projects/station-4 ; USER=root",
		`{"line":"enter password:","rule":{"id":"5"}}`,
		`{"password":{"min":8},"token":true}`,
		"ssh -p 2222 op@192.0.2.1 | snmpget -v3 -a SHA",
		"process-id: 77, session opened, cookies: 4",
		"the -----BEGIN CERTIFICATE----- MIIB",
		"",
	} {
		if diff := cmp.Diff(text, cases.MaskSecrets(text)); diff != "" {
			t.Errorf("changed (-want +got):\n%s", diff)
		}
	}
}

func TestMaskSecretsIsLinear(t *testing.T) {
	for _, part := range []string{
		"password=", "://a:", "-----BEGIN RSA PRIVATE KEY-----", "mysql -u ", "a_", "eyJ", `\"`, "curl -s ", "Cookie: ",
		"password=a", "eyJaaaaaaaaa.-", `-----BEGIN RSA PRIVATE KEY-----"`, "$6$aaaaaaaa", "username a ", "login attempt [", `token="`,
		`token=\"`, "net user a ", "snmpget -c a", "\\", "--password ", "SG.aaaaaaaaaaaaaaaaaaaa.",
	} {
		// A search that is not linear runs into the time limit of the test run.
		text := strings.Repeat(part, (64<<10)/len(part))
		if masked := cases.MaskSecrets(text); len(masked) > 12*len(text) {
			t.Errorf("64 KiB of %q became %d bytes", part, len(masked))
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct {
		name, text string
		limit      int
		want       string
	}{
		{"+ plain", "pump 4 on", 100, "pump 4 on"},
		{"+ terminal codes", "a\x1b[31mred", 100, "a␛[31mred"},
		{"+ newline", "a\nb\x00", 100, "a␊b␀"},
		{"+ direction", "cod\u202efdp.scr", 100, "codfdp.scr"},
		{"+ zero width", "a\u200bb", 100, "ab"},
		{"+ invalid UTF-8", "a\xffb", 100, "a\ufffdb"},
		{"+ C1", "a\u009bb", 100, "a\ufffdb"},
		{"+ other scripts", "Füllstand 水位", 100, "Füllstand 水位"},
		{"+ cut", "0123456789", 8, "01234…"},
		{"+ cut on a character", "ääääää", 8, "ää…"},
		{"+ just fits", "01234567", 8, "01234567"},
		{"+ no room", "0123", 2, ""},
		{"+ negative", "0123", -1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, cases.Clean(tt.text, tt.limit)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzMaskSecrets(f *testing.F) {
	for _, tt := range hidden {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := cases.MaskSecrets(text)
		if twice := cases.MaskSecrets(once); twice != once {
			t.Errorf("%q, masked %q, masked again %q", text, once, twice)
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31m\u202e", 4)
	f.Add("ääää\xff", 7)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		got := cases.Clean(text, limit)
		if len(got) > max(limit, 0) || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\n\u202e\u200b") {
			t.Errorf("Clean(%q, %d) is %q", text, limit, got)
		}
		if limit >= len(got) && cases.Clean(got, limit) != got {
			t.Errorf("Clean(%q, %d) changes it again", got, limit)
		}
	})
}
