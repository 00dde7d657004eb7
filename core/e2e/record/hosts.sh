# The hosts, the network between them and the programs on them.

# clock sets the time of day that the recorded programs see from now on.
clock() {
	printf "%+ds\n" $(($(date -ud "$day $1" +%s) - $(date +%s))) >$run/clock.new
	mv $run/clock.new $run/clock
}

# on runs a command on one of the hosts.
on() {
	local host=$1
	shift
	nsenter -t "$(cat $run/$host/pid)" -u -m -n -- "$@"
}

# host makes a host: its network, name, folders and rsyslog.
host() {
	local name=$1 address=$2 gateway=$3
	mkdir -p $run/$name
	ip netns add pr-$name
	ip netns exec pr-$name unshare --uts --mount --propagation private sleep infinity &
	echo $! >$run/$name/pid
	sleep 0.3
	on $name hostname $name
	ip link add pr-$name-0 type veth peer name pr-$name-1
	ip link set pr-$name-0 netns pr-fw01
	ip link set pr-$name-1 netns pr-$name name eth0 2>/dev/null || true
	on $name ip link set lo up
	on $name ip link set eth0 up
	on $name ip addr add "$address" dev eth0
	on fw01 ip link set pr-$name-0 name "$4"
	on fw01 ip addr add "$gateway/24" dev "$4"
	on fw01 ip link set "$4" up
	on $name ip route add default via "$gateway"
	own_folders $name
	start_rsyslog $name
}

# own_folders keeps what happens on a host away from the machine it runs on.
own_folders() {
	local name=$1
	cp -a /etc $run/$name/etc
	# What these modules want is not to be had in a namespace; they would complain at each login.
	sed -i -E '/pam_(limits|systemd|env|motd|mail)\.so/d' $run/$name/etc/pam.d/*
	mkdir -p $run/$name/{home,varlog,tmp}
	chmod 1777 $run/$name/tmp
	touch /dev/log
	on $name mount --bind $run/$name/etc /etc
	on $name mount --bind $run/$name/home /home
	on $name mount --bind $run/$name/varlog /var/log
	on $name mount --bind $run/$name/tmp /tmp
	echo "127.0.0.1 localhost $name" >$run/$name/etc/hosts
}

start_rsyslog() {
	local name=$1
	cat >$run/$name/rsyslog.conf <<-EOF
		module(load="imuxsock" SysSock.Use="off")
		input(type="imuxsock" Socket="$run/$name/log" CreatePath="on" UseSysTimeStamp="off")
		\$ActionFileDefaultTemplate RSYSLOG_FileFormat
		*.* $run/$name/syslog
	EOF
	if [ $name = fw01 ]; then
		cat >>$run/$name/rsyslog.conf <<<'module(load="imklog")'
	fi
	on $name "${fake[@]}" rsyslogd -n -i NONE -f $run/$name/rsyslog.conf >>$run/rsyslogd.log 2>&1 &
	sleep 0.5
	on $name mount --bind $run/$name/log /dev/log
}

build_network() {
	sysctl -qw net.netfilter.nf_log_all_netns=1
	mkdir -p $run/fw01
	ip netns add pr-fw01
	ip netns exec pr-fw01 unshare --uts --mount --propagation private sleep infinity &
	echo $! >$run/fw01/pid
	sleep 0.3
	on fw01 hostname fw01
	on fw01 ip link set lo up
	on fw01 sysctl -qw net.ipv4.ip_forward=1
	own_folders fw01
	start_rsyslog fw01
	# The Internet, with the documentation networks of RFC 5737.
	host inet 203.0.113.77/24 203.0.113.1 wan
	for i in $(seq 20 39); do on inet ip addr add 192.0.2.$i/32 dev lo; done
	for i in $(seq 5 60); do on inet ip addr add 198.51.100.$i/32 dev lo; done
	on fw01 ip route add 192.0.2.0/24 via 203.0.113.77
	on fw01 ip route add 198.51.100.0/24 via 203.0.113.77
	host web01 192.168.30.10/24 192.168.30.1 dmz
	host adm01 10.0.10.20/24 10.0.10.1 lan
	host db01 10.0.11.30/24 10.0.11.1 srv
	host zbx01 10.0.12.40/24 10.0.12.1 mon
	host gw-plant 10.0.50.5/24 10.0.50.1 plant
	on adm01 ip addr add 10.0.10.99/24 dev eth0 # the administrator's workstation
	on fw01 nft -f "$here/fw01.nft"
}

start_programs() {
	start_sshd
	start_nginx
	start_postgresql
	start_zabbix
}

start_sshd() {
	local etc=$run/adm01/etc
	for user in anna backup-web mkern; do on adm01 useradd -m -s /bin/bash $user; done
	echo 'anna:Tern-41-quarry-lamp' | on adm01 chpasswd
	echo 'mkern:summer2025' | on adm01 chpasswd
	on adm01 usermod -aG sudo anna
	on adm01 usermod -aG sudo mkern
	echo 'anna ALL=(ALL) NOPASSWD: ALL' >$etc/sudoers.d/anna
	on adm01 ssh-keygen -q -t ed25519 -N '' -f /tmp/key
	for user in anna backup-web; do
		on adm01 install -d -m 700 -o $user -g $user /home/$user/.ssh
		on adm01 install -m 600 -o $user -g $user /tmp/key.pub /home/$user/.ssh/authorized_keys
	done
	cat >$etc/ssh/sshd_config <<-EOF
		Port 22
		PasswordAuthentication yes
		KbdInteractiveAuthentication no
		PermitRootLogin prohibit-password
		UsePAM yes
		PidFile $run/adm01/sshd.pid
	EOF
	mkdir -p /run/sshd
	: >$run/adm01/syslog # the installation is not part of the day
	on adm01 /usr/sbin/sshd
}

start_nginx() {
	local www=$run/web01/www
	mkdir -p $www/{news,tariffs,img,uploads}
	for page in index contact news/2026-02 news/2026-03 tariffs/home tariffs/trade outages portal/login; do
		mkdir -p "$(dirname $www/$page)"
		echo "<html><title>Waterworks $page</title><p>$(seq -s ' ' 1 $((200 + RANDOM % 900)))</html>" >$www/$page.html
	done
	head -c 18000 /dev/urandom >$www/img/logo.png
	head -c 4000 /dev/urandom >$www/style.css
	chown -R www-data $www/uploads
	cp "$here/nginx.conf" $run/web01/nginx.conf
	touch $run/web01/{access,error}.log
	on web01 "${fake[@]}" nginx -c $run/web01/nginx.conf
}

start_postgresql() {
	local bin=/usr/lib/postgresql/15/bin data=$run/db01/pg
	install -d -o postgres $data $run/db01/sock
	echo tidal-7 >$run/db01/pwfile
	on db01 runuser -u postgres -- $bin/initdb -D $data -A scram-sha-256 --pwfile=$run/db01/pwfile >/dev/null
	cat >>$data/postgresql.conf <<-EOF
		listen_addresses = '10.0.11.30'
		unix_socket_directories = '$run/db01/sock'
		log_connections = on
		log_disconnections = on
		log_statement = 'ddl'
		log_line_prefix = '%m [%p] %q%u@%d '
		log_timezone = 'UTC'
		shared_buffers = 64MB
	EOF
	cat >$data/pg_hba.conf <<-EOF
		local all all scram-sha-256
		host billing billing 192.168.30.10/32 scram-sha-256
		host zabbix zabbix 10.0.12.40/32 scram-sha-256
		host billing billing 10.0.10.20/32 scram-sha-256
	EOF
	touch $run/db01/postgresql.log
	chown postgres $run/db01/postgresql.log
	postgresql_up
	export PGPASSWORD=tidal-7
	for name in billing zabbix; do
		db_local postgres -qc "create role $name login password 'ebb-9'" -c "create database $name owner $name"
	done
	export PGPASSWORD=ebb-9
	on db01 psql -q -h $run/db01/sock -U billing -d billing -c \
		"create table invoice (id int primary key, customer int, cents int); create table meter (id serial, customer int, m3 numeric)"
	for part in schema images data; do
		zcat /usr/share/zabbix-server-pgsql/$part.sql.gz | on db01 psql -q -h $run/db01/sock -U zabbix -d zabbix >/dev/null
	done
	: >$run/db01/postgresql.log # the installation is not part of the day
}

postgresql_up() {
	on db01 runuser -u postgres -- "${fake[@]}" /usr/lib/postgresql/15/bin/postgres -D $run/db01/pg >>$run/db01/postgresql.log 2>&1 &
	sleep 3
}

postgresql_down() {
	kill -INT "$(head -1 $run/db01/pg/postmaster.pid)"
	sleep 2
}

db_local() {
	on db01 psql -h $run/db01/sock -U postgres -d "$@"
}

start_zabbix() {
	install -d -o zabbix $run/zbx01/z
	cat >$run/zbx01/server.conf <<-EOF
		LogFile=$run/zbx01/z/zabbix_server.log
		PidFile=$run/zbx01/z/server.pid
		SocketDir=$run/zbx01/z
		DBHost=10.0.11.30
		DBName=zabbix
		DBUser=zabbix
		DBPassword=ebb-9
		StartPingers=0
		CacheSize=32M
	EOF
	cat >$run/zbx01/agentd.conf <<-EOF
		LogFile=$run/zbx01/z/zabbix_agentd.log
		PidFile=$run/zbx01/z/agentd.pid
		Server=127.0.0.1
		Hostname=Zabbix server
	EOF
	agent_up
	on zbx01 runuser -u zabbix -- "${fake[@]}" zabbix_server -f -c $run/zbx01/server.conf >$run/zbx01/server.out 2>&1 &
	sleep 4
}

agent_up() {
	on zbx01 runuser -u zabbix -- "${fake[@]}" zabbix_agentd -f -c $run/zbx01/agentd.conf >$run/zbx01/agentd.out 2>&1 &
	sleep 1
}

# collect copies what the programs wrote into the output folder.
collect() {
	cp $run/adm01/syslog "$out/adm01-auth.log"
	cp $run/web01/access.log "$out/web01-access.log"
	cp $run/web01/error.log "$out/web01-error.log"
	grep ' kernel: .*fw01-' $run/fw01/syslog >"$out/fw01-kern.log"
	cp $run/db01/postgresql.log "$out/db01-postgresql.log"
	cp $run/zbx01/z/zabbix_server.log "$out/zbx01-zabbix_server.log"
	cp $run/gw-plant/syslog "$out/gw-plant-syslog.log"
}

take_down() {
	set +e
	for name in inet web01 adm01 db01 zbx01 gw-plant fw01; do
		ip netns pids pr-$name | xargs -r kill 2>/dev/null
		sleep 0.2
		ip netns pids pr-$name | xargs -r kill -9 2>/dev/null
		ip netns del pr-$name
	done
	sysctl -qw net.netfilter.nf_log_all_netns=0
	[ -f /dev/log ] && rm /dev/log # the place that own_folders made for the sockets
}
