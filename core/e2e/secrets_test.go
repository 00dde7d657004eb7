package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// secrets are log texts, and the part of each that must reach no output.
var secrets = [][2]string{
	{"connect user=op password=Tr0ub4dor host=x", "Tr0ub4dor"},
	{"passwd: Tr0ub4dor", "Tr0ub4dor"},
	{`body {"user":"op","password":"Tr0ub 4dor"}`, "4dor"},
	{`outer {"line":"{\"password\":\"Tr0ub4dor\"}"}`, "Tr0ub4dor"},
	{"GET /login?user=op&pwd=Tr0ub4dor&x=1 HTTP/1.1", "Tr0ub4dor"},
	{"fetch ftp://op:Tr0ub4dor@192.0.2.1/file", "Tr0ub4dor"},
	{"open Server=db;User Id=op;Password=Tr0ub4dor;", "Tr0ub4dor"},
	{"open postgres://op:Tr0ub4dor@db:5432/plant", "Tr0ub4dor"},
	{"sent Authorization: Basic b3A6VHIwdWI0ZG9y", "b3A6VHIwdWI0ZG9y"},
	{"sent Bearer 0123456789abcdefABCDEF to peer", "0123456789abcdefABCDEF"},
	{"got Cookie: theme=dark; PHPSESSID=0123456789abcdef", "0123456789abcdef"},
	{"got Set-Cookie: zbx_session=eyJzZXNzaW9u; path=/", "eyJzZXNzaW9u"},
	{"key AKIAIOSFODNN7EXAMPLE used", "AKIAIOSFODNN7EXAMPLE"},
	{"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"},
	{"remote: ghp_0123456789abcdef0123456789abcdef0123", "ghp_0123"},
	{"with token glpat-0123456789abcdefghij", "glpat-0123"},
	{"hook xoxb-123456789012-abcdefghij", "xoxb-1234"},
	{"pay sk_live_0123456789abcdefghij", "sk_live_0123"},
	{"map AIzaSyA0123456789abcdefghijklmnopqrstuv", "AIzaSyA0123"},
	{"jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "c2lnbmF0dXJl"}, // the signature is what grants
	{"snmp-server community pl4nt-ro RO", "pl4nt-ro"},
	{"ran snmpwalk -v2c -c pl4nt-ro 192.0.2.1", "pl4nt-ro"},
	{"ran backup --user op --password Tr0ub4dor --host x", "Tr0ub4dor"},
	{"ran mysql -u root -pTr0ub4dor plant", "Tr0ub4dor"},
	{"ran sshpass -p Tr0ub4dor ssh op@192.0.2.1", "Tr0ub4dor"},
	{"ran curl -s -u op:Tr0ub4dor https://192.0.2.1/", "Tr0ub4dor"},
	{"ran ldapsearch -x -D cn=op -w Tr0ub4dor", "Tr0ub4dor"},
	{"ran net user helper Tr0ub4dor /add", "Tr0ub4dor"},
	{"set wpa_psk=Tr0ub4dorTr0ub4dor", "Tr0ub4dor"},
	{"shadow root:$6$abcdefgh$0123456789abcdefghijklmnopqrstuvwxyz:19000:0:99999:7:::", "0123456789abcdef"},
	{"hash $2b$12$0123456789abcdefghijkuABCDEFGHIJ", "0123456789"},
	{"enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0", "hx5rVt7"},
	{"radius-server host 192.0.2.1 key Tr0ub4dor", "Tr0ub4dor"},
	{"sent X-Api-Key: 0123456789abcdef", "0123456789abcdef"},
	{"CREATE USER op IDENTIFIED BY 'Tr0ub4dor'", "Tr0ub4dor"},
}

// TestNoSecretReachesAnyOutput writes each secret into a line of its own host,
// as the text and as the account of an alert, and looks for it in everything
// that penstock shows.
func TestNoSecretReachesAnyOutput(t *testing.T) {
	t.Parallel()

	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "secrets.ndjson"), secretLines(t))
	outputs := map[string]string{}
	for name, args := range map[string][]string{
		"table":     {"analyze", "secrets.ndjson"},
		"mine":      {"mine", "secrets.ndjson"},
		"json":      {"analyze", "--json", "secrets.ndjson"},
		"decisions": {"analyze", "--decisions", "secrets.ndjson"},
		"report":    {"analyze", "--quiet", "--state", "kept", "--report", "report.html", "secrets.ndjson"},
	} {
		outputs[name] = penstock(t, folder, args...)
	}
	page, err := os.ReadFile(filepath.Join(folder, "report.html"))
	if err != nil {
		t.Fatalf("read the report: %v", err)
	}
	outputs["report.html"] = string(page)
	for i := range secrets {
		name := fmt.Sprintf("site-w1-%d", i+1)
		outputs["explain "+name] = penstock(t, folder, "explain", name, "--state", "kept")
	}
	for name, text := range outputs {
		for _, s := range secrets {
			if strings.Contains(text, s[1]) {
				t.Errorf("%s holds %s of %q", name, s[1], s[0])
			}
		}
	}
	if got := strings.Count(outputs["json"], "<secret>") + strings.Count(outputs["json"], `\u003csecret\u003e`); got < len(secrets) {
		t.Errorf("the cases show %d masked secrets, want %d at least: the test looks at the wrong lines", got, len(secrets))
	}
}

func secretLines(t *testing.T) string {
	t.Helper()

	var b strings.Builder
	for i, s := range secrets {
		line, err := json.Marshal(map[string]any{
			"ts": 1773130805 + i, "host": fmt.Sprintf("host%d", i), "source": "detector", "severity": "High",
			"name": "finding " + s[0], "user": s[0],
		})
		if err != nil {
			t.Fatalf("write a line: %v", err)
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	return b.String()
}

// penstock runs the program in a folder and returns what it prints on both sides.
func penstock(t *testing.T, folder string, args ...string) string {
	t.Helper()

	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "penstock"), args...)
	cmd.Dir = folder
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("penstock %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return string(text)
}
