#!/bin/bash
# What only apt and dpkg can do for the lab's Zabbix; lab/zabbixcache.go runs it as root.
#   zabbix.sh unpack VER FOLDER  puts Debian's packages of VER (6.0, 7.0) below FOLDER; nothing of them is installed
#   zabbix.sh reap FOLDER        ends what the lab started, and removes FOLDER, once its standard input ends
set -euo pipefail

unpack() {
  local ver=$1 to=$2 want="" mirror
  mkdir -p "$to/deb" "$to/apt/lists/partial" "$to/apt/cache/archives/partial"
  cd "$to/deb"
  # An apt state of its own: the mirror that the machine uses, and its own lists stay as they are.
  mirror=$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -v security | head -1)
  mirror=${mirror:-http://deb.debian.org/debian}
  case $ver in
    6.0) echo "deb $mirror bookworm main" ;;
    7.0) echo "deb $mirror bookworm-backports main" ;;
    *) echo "no packages of Zabbix $ver are known" >&2; exit 1 ;;
  esac >"$to/apt/sources.list"
  cat >"$to/apt/apt.conf" <<E
Dir::Etc::SourceList "$to/apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "$to/apt/lists";
Dir::Cache "$to/apt/cache";
APT::Sandbox::User "root";
E
  export APT_CONFIG="$to/apt/apt.conf"
  apt-get -qq update
  want=$(apt-cache madison zabbix-agent2 | awk -v v="^1:$ver" '$3 ~ v {print $3; exit}')
  [ -n "$want" ] || { echo "the mirror $mirror has no Zabbix $ver" >&2; exit 1; }
  for p in zabbix-server-pgsql zabbix-frontend-php zabbix-agent2 zabbix-agent zabbix-proxy-sqlite3; do
    # The versions differ by their build: +b1 is not on all.
    apt-get download -qq "$p=$want" 2>/dev/null || apt-get download -qq "$p=${want%+b*}"
  done
  unset APT_CONFIG
  for d in *.deb; do dpkg -x "$d" "$to/${d%%_*}"; done
  # Debian's frontend reads one fixed path; a file that php.ini names says another.
  sed -i "s#const CONFIG_FILE_PATH = .*#const CONFIG_FILE_PATH = PENSTOCK_LAB_CONF;#" \
    "$to/zabbix-frontend-php/usr/share/zabbix/include/classes/core/CConfigFile.php"
  ln -s /usr/share/fonts "$to/zabbix-frontend-php/usr/share/fonts"
  rm -rf "$to/deb" "$to/apt"
  chmod -R a+rX "$to"
}

# living prints the processes, other than dead ones, whose session is one of $sessions.
living() {
  local p stat
  for p in /proc/[0-9]*; do
    { read -r stat <"$p/stat"; } 2>/dev/null || continue
    # shellcheck disable=SC2086 # fields: state, parent, group, session
    set -- ${stat##*) }
    case $1 in Z | X) continue ;; esac
    case "$sessions" in *" $4 "*) echo "${p#/proc/}" ;; esac
  done
}

# finish kills a process. PostgreSQL gives its shared memory back when it is asked to
# quit at once.
finish() {
  local name=
  { read -r name <"/proc/$1/comm"; } 2>/dev/null || return 0
  case $name in
    postgres) kill -QUIT "$1" ;;
    *) kill -KILL "$1" ;;
  esac 2>/dev/null || true
}

reap() {
  local folder=$1 sessions=" " line all p
  trap '' HUP INT QUIT TERM
  while read -r line; do
    case $line in
      +*) sessions="$sessions${line#+} " ;;
      -*) sessions="${sessions/ ${line#-} / }" ;;
    esac
  done
  for _ in $(seq 100); do
    all=$(living)
    [ -n "$all" ] || break
    for p in $all; do finish "$p"; done
    sleep 0.05
  done
  # What went into a session of its own still has the lab's environment.
  for p in $(grep -lzsx "PENSTOCK_LAB=$folder" /proc/[0-9]*/environ | tr -dc '0-9\n' || true); do finish "$p"; done
  for _ in 1 2 3 4 5; do rm -rf "$folder" 2>/dev/null && break; sleep 0.2; done
}

"$@"
