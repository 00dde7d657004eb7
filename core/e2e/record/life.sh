# What an ordinary ten minutes look like. `life HH MM` plays them in a few seconds.

agents=(
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36"
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15"
	"Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0"
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
)
pages=(/ /index /contact /news/2026-02 /news/2026-03 /tariffs/home /tariffs/trade /outages /portal/login /style.css /img/logo.png)

life() {
	local hour=$1 minute=$2
	clock $hour:$minute:$(printf %02d $((RANDOM % 50)))
	visitors $((3 + RANDOM % 4))
	gateway_polls
	billing
	background_noise
	case $minute in
	00) admin_session ;;
	10) backup_session ;;
	30) operator_at_panel $hour ;;
	40) [ $((RANDOM % 3)) -eq 0 ] && mistyped_password || true ;;
	50) on db01 env PGPASSWORD=tidal-7 psql -q -h $run/db01/sock -U postgres -d postgres -c checkpoint ;;
	esac
	sleep 1
}

# visitors reads a few pages from each of some addresses, with the usual 304 and 404.
visitors() {
	local i n from page agent
	for i in $(seq 1 "$1"); do
		from=192.0.2.$((20 + RANDOM % 20))
		agent=${agents[RANDOM % 4]}
		for n in 1 2 3; do
			page=${pages[RANDOM % ${#pages[@]}]}
			web $from "$agent" $page
		done
		case $((RANDOM % 6)) in
		0) web $from "$agent" /favicon.ico ;;
		1) web $from "$agent" /robots.txt ;;
		2) web $from "$agent" /portal/login -d "customer=$((10000 + RANDOM))&pin=x" ;;
		esac
	done
	on zbx01 curl -s -o /dev/null -A Zabbix http://192.168.30.10/health
}

web() {
	local from=$1 agent=$2 path=$3
	shift 3
	on inet curl -s -o /dev/null -m 5 --path-as-is --interface $from -A "$agent" "$@" "http://203.0.113.1$path" || true
}

# say writes a line to the gateway's syslog: program, priority, text.
say() { on gw-plant logger -t "$1" --id="$2" -p "$3" -- "$4"; }

gateway_polls() {
	local unit
	for unit in 1 2 3 4; do
		say rtu-poller 812 local0.info "plc-$unit poll ok fc=3 addr=40001 count=12 rtt=$((18 + RANDOM % 30))ms"
	done
	if [ $((RANDOM % 5)) -eq 0 ]; then
		say rtu-poller 812 local0.warning "plc-$((1 + RANDOM % 4)) poll timeout after 1000ms, retry 1 of 3"
	fi
	say scada-gw 640 local0.info "tank T1 level 3.$((10 + RANDOM % 80)) m, tank T2 level 2.$((10 + RANDOM % 80)) m"
	say scada-gw 640 local0.info "outlet pressure 3.$((10 + RANDOM % 30)) bar, flow $((380 + RANDOM % 90)) m3/h, chlorine 0.$((30 + RANDOM % 9)) mg/l"
	say tlm-link 655 local0.info "link to zbx01 up, $((40 + RANDOM % 20)) values sent, 0 queued"
}

# operator_at_panel is routine: an acknowledged alarm, twice a day a set point from the panel.
operator_at_panel() {
	local alarm=$((1180 + RANDOM % 20))
	say scada-gw 640 local0.notice "alarm $alarm LEVEL LOW tank T2 raised"
	say scada-gw 640 local0.notice "alarm $alarm acknowledged by mruiz at panel HMI-1"
	case $1 in
	06 | 14) say scada-gw 640 local0.notice "setpoint P2.PRESSURE changed from 3.2 to 3.$((1 + RANDOM % 3)) bar by mruiz at panel HMI-1" ;;
	esac
}

billing() {
	local i id
	for i in 1 2; do
		id=$((RANDOM * 32768 + RANDOM))
		on web01 env PGPASSWORD=ebb-9 psql -q -h 10.0.11.30 -U billing -d billing \
			-c "insert into invoice values ($id, $RANDOM, $RANDOM)" -c "select count(*) from invoice" >/dev/null
	done
}

# background_noise is what any address on the Internet sees all day.
background_noise() {
	local i port ports=(23 445 3389 8080 5060 6379 2323 22222)
	for i in $(seq 1 $((1 + RANDOM % 3))); do
		port=${ports[RANDOM % 8]}
		on inet nc -z -w 1 -s 198.51.100.$((5 + RANDOM % 56)) 203.0.113.1 $port &
	done
	wait_short
}

wait_short() { sleep 1; }

ssh_by_key() {
	local user=$1
	shift
	on adm01 ssh -q -i /tmp/key -b 10.0.10.99 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null $user@10.0.10.20 "$@" >/dev/null 2>&1 || true
}

admin_session() {
	ssh_by_key anna 'sudo /usr/sbin/nginx -v; sudo /usr/bin/tail -n 20 /var/log/dpkg.log'
	[ $((RANDOM % 2)) -eq 0 ] && ssh_by_key anna 'sudo /usr/bin/apt-get --version' || true
}

backup_session() { ssh_by_key backup-web 'tar -cf - /etc/hostname'; }

mistyped_password() {
	by_password 10.0.10.99 anna Tern-41-quarry-lanp true
	by_password 10.0.10.99 anna Tern-41-quarry-lamp 'sudo /usr/bin/id'
}

by_password() {
	local from=$1 user=$2 password=$3
	shift 3
	on adm01 sshpass -p "$password" ssh -q -b $from -o PubkeyAuthentication=no -o NumberOfPasswordPrompts=1 \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null $user@10.0.10.20 "$@" >/dev/null 2>&1 || true
}
