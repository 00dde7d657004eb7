#!/usr/bin/env bash
# Records the bundled sample: real programs on six hosts of a small water
# utility, each a network namespace with its own host name, behind a real
# packet filter. Run as root on a Debian 12 machine that may be thrown away:
#
#   apt-get install rsyslog openssh-server sshpass nginx sudo nftables postgresql \
#       zabbix-server-pgsql zabbix-agent hydra nmap curl iproute2 libfaketime
#   core/e2e/record/record.sh OUTPUT_FOLDER
#
# It takes about ten minutes. What the programs write is not edited. Their clock
# is libfaketime's: within a scene it runs as it should, between scenes it jumps
# forward, so that a working day fits into minutes.
set -euo pipefail

out=$(realpath -m "${1:?usage: record.sh OUTPUT_FOLDER}")
here=$(cd "$(dirname "$0")" && pwd)
run=/run/penstock-record
day=2026-03-10
RANDOM=20260310
fake_lib=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1
fake=(env TZ=UTC LD_PRELOAD=$fake_lib FAKETIME_TIMESTAMP_FILE=$run/clock FAKETIME_NO_CACHE=1
	FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1)

. "$here/hosts.sh"
. "$here/life.sh"
. "$here/attack.sh"

rm -rf $run "$out"
mkdir -p $run "$out"
chmod 755 $run
clock 02:00:00
trap take_down EXIT
trap 'exit 1' INT TERM
build_network
start_programs

for hour in 02 03 04 05 06 07 08 09 10 11; do
	for minute in 00 10 20 30 40 50; do life $hour $minute; done
done
attack
for hour in 13 14 15; do
	for minute in 00 10 20 30 40 50; do life $hour $minute; done
done
collect
