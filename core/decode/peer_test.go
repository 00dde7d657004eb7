package decode

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"penstock/core/event"
)

// observed returns the peers that may become a target, which is one at most.
func observed(line string) string {
	var ev event.Event
	New(Options{}).Decode(line, time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), &ev)
	var peers []string
	for _, f := range ev.Fields {
		if f.Key == event.KeyPeer && f.Origin == event.Observed {
			peers = append(peers, f.Value)
		}
	}
	return strings.Join(peers, " and ")
}

// The true peer is always 6.6.6.6, an innocent one 1.2.3.4: lines in the manner
// of those that made fail2ban block the wrong address. What no line can prove
// has no observed peer at all.
const (
	ssh     = "May  1 11:59:00 gw sshd[71]: "
	smtp    = "May  1 11:59:00 gw postfix/smtpd[71]: "
	imap    = "May  1 11:59:00 gw dovecot: "
	clf     = "6.6.6.6 - - [01/May/2026:11:59:00 +0000] "
	nginx   = "2026/05/01 11:59:00 [error] 7#7: *1 "
	apache  = "[Fri May 01 11:59:00.1 2026] [core:error] [pid 7:tid 8] "
	truly   = "6.6.6.6"
	notSure = ""
)

func TestOnlyTheTruePeerIsObserved(t *testing.T) {
	for _, test := range []struct{ name, line, want string }{
		{"+ plain failure", ssh + "Failed password for root from 6.6.6.6 port 22 ssh2", truly},
		{"- user is an address", ssh + "Failed password for invalid user 1.2.3.4 from 6.6.6.6 port 22 ssh2", truly},
		{"- user holds from ADDR", ssh + "Failed password for invalid user x from 1.2.3.4 from 6.6.6.6 port 22 ssh2", truly},
		{"- user holds a whole ending", ssh + "Failed password for invalid user x from 1.2.3.4 port 99 ssh2 from 6.6.6.6 port 22 ssh2", truly},
		{"- user holds a newline's place", ssh + "Failed password for invalid user x#012sshd: Failed password for root from 1.2.3.4 port 1 ssh2 from 6.6.6.6 port 22 ssh2", truly},
		{"- user is from", ssh + "Failed password for invalid user from from 6.6.6.6 port 22 ssh2", truly},
		{"- empty user", ssh + "Failed password for invalid user  from 6.6.6.6 port 22 ssh2", truly},
		{"- keyboard-interactive", ssh + "Failed keyboard-interactive/pam for invalid user a from 1.2.3.4 port 5 from 6.6.6.6 port 22 ssh2", truly},
		{"- none with user text", ssh + "Failed none for invalid user rhost=1.2.3.4 from 6.6.6.6 port 22 ssh2", truly},
		{"- publickey with key", ssh + "Failed publickey for invalid user x from 1.2.3.4 port 2 ssh2 from 6.6.6.6 port 22 ssh2: RSA SHA256:abc", truly},
		{"- ending cut off by the user", ssh + "Failed password for invalid user x from 1.2.3.4 port 22 ssh2 ", "1.2.3.4"}, // indistinguishable: sshd never writes this
		{"- invalid user", ssh + "Invalid user x from 1.2.3.4 from 6.6.6.6 port 5", truly},
		{"- invalid user, old form", ssh + "Invalid user x from 1.2.3.4 from 6.6.6.6", truly},
		{"- invalid user, port in the name", ssh + "Invalid user x port 22 from 6.6.6.6 port 5", truly},
		{"- illegal user", ssh + "Illegal user from 1.2.3.4 from 6.6.6.6", truly},
		{"- maximum attempts", ssh + "error: maximum authentication attempts exceeded for invalid user z from 1.2.3.4 port 1 ssh2 from 6.6.6.6 port 22 ssh2 [preauth]", truly},
		{"- closed by invalid user", ssh + "Connection closed by invalid user x 1.2.3.4 port 5 6.6.6.6 port 22 [preauth]", truly},
		{"- reset by authenticating user", ssh + "Connection reset by authenticating user 1.2.3.4 6.6.6.6 port 22 [preauth]", truly},
		{"- closed by user that is an address with port", ssh + "Connection closed by authenticating user 1.2.3.4 port 1 6.6.6.6 port 22 [preauth]", truly},
		{"- disconnected from user", ssh + "Disconnected from invalid user from 1.2.3.4 port 9 6.6.6.6 port 22 [preauth]", truly},
		{"- disconnecting user", ssh + "Disconnecting invalid user 1.2.3.4 port 9 6.6.6.6 port 22: Too many authentication failures [preauth]", truly},
		{"- client's parting words", ssh + "Received disconnect from 6.6.6.6 port 22:11: Bye from 1.2.3.4 port 5 ssh2", truly},
		{"- client's parting words, old form", ssh + "Received disconnect from 6.6.6.6: 11: disconnected by 1.2.3.4", truly},
		{"- version text", ssh + "Bad protocol version identification 'SSH from 1.2.3.4 port 1' from 6.6.6.6 port 22", truly},
		{"- no common method", ssh + "Unable to negotiate with 6.6.6.6 port 22: no matching host key type found. Their offer: from 1.2.3.4 port 2 [preauth]", truly},
		{"- name server's lie", ssh + "reverse mapping checking getaddrinfo for 1.2.3.4 [6.6.6.6] failed - POSSIBLE BREAK-IN ATTEMPT!", truly},
		{"- maps back", ssh + "Address 6.6.6.6 maps to 1.2.3.4, but this does not map back to the address", truly},
		{"- not allowed", ssh + "User x from 1.2.3.4 from 6.6.6.6 not allowed because not listed in AllowUsers", truly},
		{"- PAM failure for user", ssh + "error: PAM: Authentication failure for illegal user x from 1.2.3.4 from 6.6.6.6", truly},
		{"- rhost", ssh + "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=6.6.6.6  user=rhost=1.2.3.4", truly},
		{"- ruser holds rhost", "May  1 11:59:00 gw rlogin[3]: pam_unix(rlogin:auth): authentication failure; logname= uid=0 euid=0 tty=x ruser=a rhost=1.2.3.4 rhost=6.6.6.6", notSure},
		{"- input_userauth_request", ssh + "input_userauth_request: invalid user from 1.2.3.4 port 22 ssh2 [preauth]", notSure},
		{"- a name that pushes the end out of the line", ssh + "Failed password for invalid user " + strings.Repeat("x", 950) + " from 1.2.3.4 port 22 ssh2", notSure},
		{"- reason quotes a user", ssh + "Disconnecting authenticating user root 6.6.6.6 port 22: Change of username or service not allowed: (a,ssh-connection) -> (x 1.2.3.4 port 22,ssh-connection) [preauth]", notSure},
		{"- reason quotes a user, no address", ssh + "Disconnecting: Change of username or service not allowed: (a,b) -> (x 1.2.3.4 port 22,b) [preauth]", notSure},
		{"- user with a reason", ssh + "Disconnecting invalid user 1.2.3.4 port 9: x 6.6.6.6 port 22: Change of username or service not allowed: (a,b) -> (c,d)", notSure},
		{"+ reason that quotes no address", ssh + "Disconnecting authenticating user root 6.6.6.6 port 22: Change of username or service not allowed: (a,b) -> (c,d) [preauth]", truly},
		{"- id of a certificate", ssh + "Failed publickey for root from 6.6.6.6 port 1 ssh2: RSA-CERT SHA256:abc ID x from 1.2.3.4 port 22 ssh2: (serial 0) CA RSA SHA256:xyz", notSure},
		{"- id of a certificate, other end", ssh + "Failed publickey for root from 6.6.6.6 port 1 ssh2: RSA-CERT SHA256:abc ID x from 1.2.3.4 port 22 ssh2", notSure},
		{"- id of an accepted certificate", ssh + "Accepted certificate ID \"x for root from 1.2.3.4 port 22 ssh2\" (serial 0) signed by RSA CA SHA256:a via /b", notSure},
		{"- banner", ssh + "banner exchange: Connection from 6.6.6.6 port 33: invalid format from 1.2.3.4 port 3", truly},
		{"+ banner", ssh + "banner exchange: Connection from 6.6.6.6 port 33: invalid format", truly},
		{"+ drop", ssh + "drop connection #10 from [6.6.6.6]:5 on [10.0.0.1]:22 past MaxStartups", truly},
		{"- ruser holds a second ruser", "May  1 11:59:00 gw login[3]: pam_unix(x:auth): authentication failure; logname= uid=0 euid=0 tty=x ruser=a rhost=1.2.3.4 rhost=6.6.6.6  user=b ruser= rhost=", notSure},
		{"+ accepted", ssh + "Accepted publickey for ops from 6.6.6.6 port 22 ssh2: RSA SHA256:x from 1.2.3.4", truly},
		{"- dropbear", "May  1 11:59:00 gw dropbear[3]: Bad password attempt for 'x' from 1.2.3.4:22' from 6.6.6.6:22", truly},

		{"- access: forwarded for", clf + `"GET / HTTP/1.1" 200 5 "-" "curl" "1.2.3.4"`, truly},
		{"- access: address in the URL", clf + `"GET /?ip=1.2.3.4&from=1.2.3.4 HTTP/1.1" 200 5 "-" "curl"`, truly},
		{"- access: a line within the URL", clf + `"GET /\"1.2.3.4 - - [01/May/2026:11:59:00 +0000] \"GET / HTTP/1.1" 404 5 "-" "-"`, truly},
		{"- access: agent", clf + `"GET / HTTP/1.1" 200 5 "1.2.3.4" "1.2.3.4"`, truly},
		{"- access: user name", `6.6.6.6 - 1.2.3.4 [01/May/2026:11:59:00 +0000] "GET / HTTP/1.1" 401 5`, truly},
		{"- access: user name with a time", `6.6.6.6 - 1.2.3.4 - - [01/May/2020:00:00:00 +0000] "GET / HTTP/1.1" 200 1 [01/May/2026:11:59:00 +0000] "GET / HTTP/1.1" 401 5`, notSure},
		{"- access: list of a forwarding header", `1.2.3.4, 6.6.6.6 - - [01/May/2026:11:59:00 +0000] "GET / HTTP/1.1" 200 5`, notSure},
		{"- access: forwarding header first", `1.2.3.4 6.6.6.6 - - [01/May/2026:11:59:00 +0000] "GET / HTTP/1.1" 200 5`, notSure},
		{"- access: forwarding header and a name", `1.2.3.4 host.example - - [01/May/2026:11:59:00 +0000] "GET / HTTP/1.1" 200 5`, notSure},
		{"- access: forwarding header with a dash", `x 1.2.3.4 - 6.6.6.6 - - [01/May/2026:11:59:00 +0000] "GET / HTTP/1.1" 200 5`, notSure},
		{"- access: text in a forwarding header", `x, 1.2.3.4 - - [01/May/2026:11:59:00 +0000] "GET / HTTP/1.1" 200 5`, notSure},
		{"+ access: site first", `www.example:80 6.6.6.6 - - [01/May/2026:11:59:00 +0000] "GET / HTTP/1.1" 200 5`, truly},
		{"+ access: user name with a space", `6.6.6.6 - a b [01/May/2026:11:59:00 +0000] "GET / HTTP/1.1" 401 5`, truly},
		{"- access: no request", clf + `"-" 408 0 "1.2.3.4" "-"`, truly},
		{"- access within a plain event", `{"ts":1777636740,"host":"w","line":"6.6.6.6 - - [01/May/2026:11:59:00 +0000] \"GET /1.2.3.4 HTTP/1.1\" 200 5"}`, truly},
		{"- access within an alert", `{"rule":{"level":5,"id":"1"},"agent":{"id":"1","name":"1.2.3.4"},"location":"/x","full_log":"6.6.6.6 - - [01/May/2026:11:59:00 +0000] \"GET / HTTP/1.1\" 200 5"}`, truly},
		{"- apache error", apache + "[client 6.6.6.6:5] File does not exist: /[client 1.2.3.4]", truly},
		{"- apache error without client", apache + "AH00094: Command line: '[client 1.2.3.4] x'", notSure},
		{"+ nginx error", nginx + `open() "/x" failed, client: 6.6.6.6, server: _, request: "GET /x HTTP/1.1"`, truly},
		{"- nginx error: client in the path", nginx + `open() "/x, client: 1.2.3.4, server: y" failed, client: 6.6.6.6, server: _, request: "GET /"`, notSure},
		{"- nginx error: cut before the client", nginx + `open() "/x, client: 1.2.3.4, ` + strings.Repeat("A", 1950), notSure},
		{"- nginx error: cut by syslog", "May  1 11:59:00 gw nginx: " + `2026/05/01 11:59:00 [error] 7#7: *1 open() "/x, client: 1.2.3.4, ` + strings.Repeat("A", 950), notSure},
		{"- nginx error: client in the request", nginx + `failed, client: 6.6.6.6, server: _, request: "GET /, client: 1.2.3.4, server: _"`, notSure},

		{"- postfix: HELO", smtp + "NOQUEUE: reject: RCPT from unknown[6.6.6.6]: 504 <x[1.2.3.4]>: Helo command rejected; from=<a@b> helo=<from x[1.2.3.4]>", truly},
		{"- postfix: sender", smtp + "NOQUEUE: reject: RCPT from unknown[6.6.6.6]: 554; from=<\"from y[1.2.3.4]\"@z>", truly},
		{"- postfix: SASL text", smtp + "warning: unknown[6.6.6.6]: SASL LOGIN authentication failed: from a[1.2.3.4], sasl_username=b[1.2.3.4]", truly},
		{"- postfix: non-SMTP command", smtp + "warning: non-SMTP command from unknown[6.6.6.6]: GET / from x[1.2.3.4]", truly},
		{"- postfix: pipelining", smtp + "improper command pipelining after EHLO from unknown[6.6.6.6]: from x[1.2.3.4]", truly},
		{"- postfix: name server", smtp + "warning: hostname a-1.2.3.4.example does not resolve to address 6.6.6.6: Name or service not known", truly},
		{"- postfix: subject", "May  1 11:59:00 gw postfix/cleanup[3]: 4ABC: reject: header Subject: hello from bank[1.2.3.4] from unknown[6.6.6.6]; from=<a@b> to=<c@d> proto=ESMTP helo=<x>: 5.7.1 no", truly},
		{"- postfix: subject with an envelope", "May  1 11:59:00 gw postfix/cleanup[3]: 4ABC: reject: header Subject: hello from bank[1.2.3.4]; from=<x> from unknown[6.6.6.6]; from=<a@b> to=<c@d>: no", notSure},
		{"- postfix: message id", "May  1 11:59:00 gw postfix/cleanup[3]: 4ABC: message-id=<a from b[1.2.3.4]>", notSure},
		{"- postfix: other server's words", "May  1 11:59:00 gw postfix/smtp[3]: 4ABC: to=<x@y>, relay=mx.x[6.6.6.6]:25, delay=1, status=bounced (host mx.x[6.6.6.6] said: 550 mail from gw[1.2.3.4] refused)", notSure},
		{"- postfix: client's certificate", smtp + "unknown[6.6.6.6]: subject_CN=a from b[1.2.3.4], issuer=c", notSure},
		{"+ postfix: postscreen", "May  1 11:59:00 gw postfix/postscreen[3]: NOQUEUE: reject: RCPT from [6.6.6.6]:55: 550 5.7.1 from x[1.2.3.4]", truly},
		{"- dovecot: user", imap + "imap-login: Disconnected (auth failed, 1 attempts): user=<x>, rip=1.2.3.4, lip=1.1.1.1>, method=PLAIN, rip=6.6.6.6, lip=10.0.0.1, session=<a>", notSure},
		{"- dovecot: name of the client's program", imap + "imap-login: Disconnected: Inactivity: user=<>, rip=6.6.6.6, lip=10.0.0.1, TLS: Disconnected, name=x, rip=1.2.3.4, foo", notSure},
		{"+ dovecot", imap + "imap-login: Disconnected (auth failed, 1 attempts): user=<x>, method=PLAIN, rip=6.6.6.6, lip=10.0.0.1, session=<a>", truly},
		{"- dovecot: auth worker", imap + "auth-worker(14): pam(a,1.2.3.4,b,6.6.6.6): unknown user", notSure},
		{"- exim: HELO", "2026-05-01 11:59:00 dovecot_login authenticator failed for ([1.2.3.4]) [6.6.6.6]:55: 535 Incorrect authentication data (set_id=a)", truly},
		{"- exim: user", "2026-05-01 11:59:00 dovecot_login authenticator failed for (h) [6.6.6.6]:55: 535 Incorrect authentication data (set_id=a [1.2.3.4]: 535)", truly},
		{"- exim: sender", "May  1 11:59:00 gw exim[3]: 1abc <= \"a H= [1.2.3.4] \"@x.example H=host [6.6.6.6] P=esmtp", notSure},
		{"- exim: sender, local", "May  1 11:59:00 gw exim[3]: 1abc <= \"a H=x [1.2.3.4] \"@x.example U=bob P=local", notSure},
		{"- exim: recipient", "May  1 11:59:00 gw exim[3]: H=host [6.6.6.6] F=<a@b> rejected RCPT <x H=y [1.2.3.4]>: no", truly},
		{"- exim: mechanism in the text", "May  1 11:59:00 gw exim[3]: H=host [6.6.6.6] rejected EHLO: x authenticator failed for y [1.2.3.4]: 535", truly},
		{"+ exim", "May  1 11:59:00 gw exim[3]: 1abc <= a@x.example H=host [6.6.6.6] P=esmtp", truly},
		{"- named: query name", "May  1 11:59:00 gw named[4]: client @0x7f 6.6.6.6#53 (1.2.3.4): query (cache) '1.2.3.4/ANY/IN' denied", truly},
		{"- kernel: second SRC", "May  1 11:59:00 gw kernel: [UFW BLOCK] IN=eth0 OUT= SRC=6.6.6.6 DST=10.0.0.1 PROTO=ICMP TYPE=3 [SRC=1.2.3.4 DST=6.6.6.6 ]", truly},
		{"- mysql: user", "2026-05-01 11:59:00 8 [Warning] Access denied for user 'a'@'1.2.3.4' (using password: NO) b'@'6.6.6.6' (using password: YES)", truly},
		{"- mysql: database", "2026-05-01 11:59:00 8 [Warning] Access denied for user 'a'@'6.6.6.6' to database 'b'@'1.2.3.4'", notSure},
		{"- vsftpd: user", "Fri May  1 11:59:00 2026 [pid 2] [x] FAIL LOGIN: Client \"1.2.3.4\"] FAIL LOGIN: Client \"6.6.6.6\"", notSure},
		{"+ vsftpd", "Fri May  1 11:59:00 2026 [pid 2] [x] FAIL LOGIN: Client \"6.6.6.6\"", truly},
		{"- vsftpd: password", "May  1 11:59:00 gw vsftpd[3]: [ftp] OK LOGIN: Client \"6.6.6.6\", anon password \"a: Client \"1.2.3.4\"", notSure},
		{"- vsftpd: file name", "May  1 11:59:00 gw vsftpd[3]: [bob] OK UPLOAD: Client \"6.6.6.6\", \"/up/x: Client \"1.2.3.4\", 10 bytes, 1.0Kbyte/sec", notSure},
		{"- proftpd: user", "May  1 11:59:00 gw proftpd[4]: gw (6.6.6.6[6.6.6.6]): USER x[1.2.3.4]): no such user found from 6.6.6.6", truly},
		{"- proftpd: user, other mark", "May  1 11:59:00 gw proftpd[4]: 127.0.0.1 (6.6.6.6[6.6.6.6]) - USER x (y[1.2.3.4]): no such user found from 6.6.6.6 [6.6.6.6] to 10.0.0.1:21", truly},
		{"- postgres: user in the prefix", "2026-05-01 11:59:00.123 UTC [99] FATAL:  no pg_hba.conf entry for host \"1.2.3.4\", user \"@db FATAL:  password authentication failed for user \"x\"", notSure},
		{"- postgres: user in the prefix of another level", "2026-05-01 11:59:00.123 UTC [99] FATAL:  no pg_hba.conf entry for host \"1.2.3.4\", user \"@db LOG:  could not receive data from client", notSure},
		{"+ postgres", "2026-05-01 11:59:00.123 UTC [99] x@db FATAL:  no pg_hba.conf entry for host \"6.6.6.6\", user \"x\", database \"db\", no encryption", truly},
		{"- pure-ftpd: user", "May  1 11:59:00 gw pure-ftpd: (?@6.6.6.6) [WARNING] Authentication failed for user [x@1.2.3.4) ]", truly},
		{"- zabbix: host name", "  12:20260501:115900.123 cannot send list of active checks to \"6.6.6.6\": host [to \"1.2.3.4\"] not found", truly},
		{"- zabbix: invalid host name", "  1234:20260501:115900.123 cannot send list of active checks to \"6.6.6.6\": invalid host name [x connection from \"1.2.3.4\"]: invalid character", truly},
		{"- zabbix: host name first", "  1234:20260501:115900.123 cannot find host [x connection from \"1.2.3.4\"]", notSure},
		{"+ zabbix: agent", "  1234:20260501:115900.123 failed to accept an incoming connection: connection from \"6.6.6.6\" rejected, allowed hosts: \"1.2.3.4\"", truly},
		{"- unknown program", "May  1 11:59:00 gw webapp[4]: login failed from 1.2.3.4", notSure},
		{"- logger", "May  1 11:59:00 gw mallory: sshd[4]: Failed password for root from 1.2.3.4 port 22 ssh2", notSure},
		{"- asa: user before the address", "%ASA-6-113015: AAA user authentication Rejected : reason = Invalid password : local database : user = a : user IP = 1.2.3.4 : user IP = 6.6.6.6", truly},
		{"- asa: user before the address, quoted", "May  1 11:59:00 fw %ASA-6-109006: Authentication failed for user 'a from 1.2.3.4/22 b' from 6.6.6.6/1 to 10.1.1.1/2 on interface outside", truly},
		{"- asa: user of a message that is not in the table", "%ASA-6-716038: Group <g> User <u from 1.2.3.4 > IP <6.6.6.6> Authentication: rejected, Session Type: WebVPN.", notSure},
		{"- asa: URL", "May  1 11:59:00 fw %ASA-5-304001: 10.0.0.1 Accessed URL 6.6.6.6:http://x/?a= from 1.2.3.4/1 ", notSure},
		{"- asa: user behind the address", "%ASA-6-605004: Login denied from 6.6.6.6/1 to inside:10.0.0.2/ssh for user \"x from 1.2.3.4/22 y\"", truly},
		{"+ asa: deny", "%ASA-4-106023: Deny tcp src outside:6.6.6.6/5 dst inside:1.2.3.4/22 by access-group \"x\"", truly},
		{"- JSON of an unknown logger", `{"level":"warn","msg":"login failed","ip":"1.2.3.4"}`, notSure},
		{"- JSON behind a syslog tag", `May  1 11:59:00 gw x: {"event_type":"alert","src_ip":"1.2.3.4","alert":{"signature":"x"}}`, notSure},
		{"+ Suricata", `{"timestamp":"2026-05-01T11:59:00.1+0000","event_type":"alert","src_ip":"6.6.6.6","dest_ip":"1.2.3.4","alert":{"signature":"x","severity":1}}`, truly},
		{"+ Caddy", `{"level":"info","msg":"handled request","request":{"remote_ip":"6.6.6.6","client_ip":"1.2.3.4","headers":{"X-Forwarded-For":["1.2.3.4"]}},"status":200}`, truly},
		{"- Suricata: other keys", `{"timestamp":"2026-05-01T11:59:00.1+0000","http":{"client_ip":"1.2.3.4"},"event_type":"http","src_ip":"6.6.6.6"}`, truly},
		{"- Suricata: no address of its own", `{"event_type":"http","src_ip":"","http":{"client_ip":"1.2.3.4"}}`, notSure},
		{"- Caddy: header behind", `{"logger":"http.log.access","request":{"remote_ip":"6.6.6.6","headers":{"Src-Ip":["1.2.3.4"]}},"status":200}`, truly},
		{"- Caddy: header first", `{"logger":"http.log.access","request":{"headers":{"Src-Ip":["1.2.3.4"]},"remote_ip":"6.6.6.6"},"status":200}`, truly},
		{"- Caddy: client's object in another log", `{"logger":"api","msg":"bad request","request":{"remote_ip":"1.2.3.4"}}`, notSure},
		{"+ Traefik", `{"ClientAddr":"6.6.6.6:5","ClientHost":"6.6.6.6","DownstreamStatus":200,"request_Src-Ip":"1.2.3.4"}`, truly},
		{"- Traefik: forwarding header", `{"ClientAddr":"10.0.0.1:5","ClientHost":"1.2.3.4","DownstreamStatus":200}`, notSure},
		{"- CloudTrail: parameters", `{"eventVersion":"1.08","requestParameters":{"srcip":"1.2.3.4"},"sourceIPAddress":"6.6.6.6"}`, truly},
		{"- CloudTrail: a service", `{"eventVersion":"1.08","requestParameters":{"srcip":"1.2.3.4"},"sourceIPAddress":"config.amazonaws.com"}`, notSure},
		{"- JSON: message like a server's", `{"level":"info","msg":"client 1.2.3.4#5 (x): no"}`, notSure},
		{"- JSON: program and message within", `{"body":{"program":"sshd","message":"Failed password for root from 1.2.3.4 port 22 ssh2"},"msg":"x"}`, notSure},
		{"- JSON: message within", `{"program":"sshd","body":{"message":"Failed password for root from 1.2.3.4 port 22 ssh2"}}`, notSure},
		{"+ FortiGate", `date=2026-05-01 time=11:59:00 devname="fw" devid="F" logid="1" user="a" srcip=6.6.6.6`, truly},
		{"- FortiGate: user", `date=2026-05-01 time=11:59:00 devname="fw" devid="F" logid="1" user="a srcip=1.2.3.4" srcip=6.6.6.6`, notSure},
		{"- FortiGate: other key", `date=2026-05-01 time=11:59:00 devname="fw" devid="F" logid="1" user="a\" remip=1.2.3.4 b=\"" srcip=6.6.6.6`, notSure},
		{"- FortiGate: other spelling", `date=2026-05-01 time=11:59:00 devname="fw" devid="F" logid="1" Src_Ip=1.2.3.4`, notSure},
		{"- Wazuh: other key of a detector", `{"rule":{"level":3,"id":"86601"},"agent":{"id":"1","name":"gw"},"location":"/var/log/suricata/eve.json","data":{"http":{"client_ip":"1.2.3.4"},"event_type":"alert","src_ip":"6.6.6.6","alert":{"severity":"1"}}}`, truly},
		{"+ Wazuh: Windows", `{"rule":{"level":5,"id":"60122"},"agent":{"id":"1","name":"gw"},"location":"EventChannel","data":{"win":{"system":{"eventID":"4625"},"eventdata":{"ipAddress":"6.6.6.6"}}}}`, truly},
		{"- Wazuh: what its decoder took from the line", `{"rule":{"level":5,"id":"1"},"agent":{"id":"1","name":"gw"},"location":"/var/log/x","full_log":"May  1 11:59:00 gw webapp: failed","data":{"srcip":"1.2.3.4"}}`, notSure},
		{"+ Wazuh: our recogniser of the line", `{"rule":{"level":5,"id":"5716"},"agent":{"id":"1","name":"gw"},"location":"/var/log/auth.log","full_log":"` + ssh + `Failed password for invalid user x from 1.2.3.4 from 6.6.6.6 port 22 ssh2","data":{"srcip":"1.2.3.4"}}`, truly},
		{"- Wazuh: Suricata's form from an ordinary log", `{"rule":{"level":3,"id":"86601"},"agent":{"id":"1","name":"gw"},"location":"/var/log/syslog","data":{"event_type":"alert","src_ip":"1.2.3.4","alert":{"severity":"1"}}}`, notSure},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, observed(test.line)); diff != "" {
				t.Errorf("observed peer of %q (-want +got):\n%s", test.line, diff)
			}
		})
	}
}
