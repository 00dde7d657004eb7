package decode

import (
	"strings"

	"penstock/core/event"
)

// Values of event.KeyOutcome.
const (
	success = "success"
	failure = "failure"
)

// recogniser takes fields out of the message of a program it knows. It says no
// where the message is none of those it knows, so that the general one looks.
type recogniser func(ev *event.Event, m string) bool

// recognisers by program, in lower case, without what follows a slash.
var recognisers = map[string]recogniser{
	"sshd": whole(sshd), "sshd-session": whole(sshd), "sshd-auth": whole(sshd), "dropbear": whole(dropbear),
	"sudo": sudo, "su": su, "su-l": su, "login": pam, "systemd-logind": logind,
	"cron": cron, "crond": cron, "anacron": cron, "gdm-password": pam, "polkitd": pam,
	"postfix": postfix, "dovecot": whole(dovecot), "exim": exim, "exim4": exim,
	"named": named, "bind": named, "kernel": netfilter, "iptables": netfilter, "ufw": netfilter,
	"filterlog": filterlog, "asa": cisco, "ftd": cisco, "pix": cisco, "fwsm": cisco,
	"mysqld": whole(mysql), "mariadbd": whole(mysql), "mysql": whole(mysql), "mariadb": whole(mysql), "postgres": postgres, "postgresql": postgres,
	"vsftpd": whole(vsftpd), "proftpd": proftpd, "pure-ftpd": pureftpd, "ftpd": ftpd,
	"zabbix_server": zabbix, "zabbix_agentd": zabbix, "zabbix_agent2": zabbix, "zabbix_proxy": zabbix, "zabbix": zabbix,
	"useradd": account, "usermod": account, "userdel": account, "passwd": account, "groupadd": account,
	"nginx": webError, "apache": webError, "apache2": webError, "httpd": webError,
}

// maxWhole is the length from which a message may have been cut: sshd cuts at
// 1024 bytes, syslog daemons at that or more.
const maxWhole = 900

// whole guards a recogniser that takes the peer from the end of the message. A
// name long enough to push the true end out of the line would put its own there,
// so that in a long message the peer is only a claim.
func whole(r recogniser) recogniser {
	return func(ev *event.Event, m string) bool {
		before := len(ev.Fields)
		ok := r(ev, m)
		if len(m) < maxWhole {
			return ok
		}
		claim(ev.Fields[before:])
		return ok
	}
}

// claim makes all fields claims.
func claim(fields []event.Field) {
	for i := range fields {
		fields[i].Origin = event.Claimed
	}
}

// recognise looks into message m for who, from where and with what outcome.
func (d *Decoder) recognise(ev *event.Event, m string) {
	if r := byProgram(ev.Program); r != nil {
		if r(ev, m) {
			return
		}
	} else if ev.Program == "" && m != "" && byShape(ev, m) {
		return
	}
	generic(ev, m)
}

func byProgram(program string) recogniser {
	if program == "" || len(program) > 40 {
		return nil
	}
	if slash := strings.IndexByte(program, '/'); slash > 0 {
		program = program[:slash]
	}
	if r, ok := recognisers[program]; ok {
		return r
	}
	var buf [40]byte
	changed := false
	for i := range len(program) {
		buf[i] = program[i]
		if c := program[i]; c >= 'A' && c <= 'Z' {
			buf[i] = c | 0x20
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return recognisers[string(buf[:len(program)])]
}

// byShape recognises messages whose file holds one program only, so that no
// line names it. What such a file holds anyone may have written who can write
// to it, which for these formats is the server alone.
func byShape(ev *event.Event, m string) bool {
	switch {
	case strings.HasPrefix(m, "[client "), m[0] == '*' && strings.Contains(m, ", client: "):
		return webError(ev, m)
	case strings.HasPrefix(m, "client @0x"), strings.HasPrefix(m, "client ") && strings.Contains(m, "#"):
		return named(ev, m)
	case strings.HasPrefix(m, "Access denied for user '"):
		return whole(mysql)(ev, m)
	case strings.Contains(m, "FATAL:  "):
		return postgres(ev, m)
	case strings.Contains(m, " LOGIN: Client \""):
		return whole(vsftpd)(ev, m)
	case strings.Contains(m, " authenticator failed for "):
		return exim(ev, m)
	}
	return false
}

// setPeer stores an address that is known to be the other side's.
func setPeer(ev *event.Event, word, port string, origin event.Origin) bool {
	addr, own, ok := address(word)
	if !ok {
		return false
	}
	if port == "" {
		port = own
	}
	ev.Set(event.KeyPeer, addr, origin)
	if allDigits(port) {
		ev.Set(event.KeyPeerPort, port, origin)
	}
	return true
}
