# SPDX-License-Identifier: BSD-2-Clause
# What the scripts here share: a daemon of our own as whoever we are, on a
# map, a local socket and a port of its own, and a look at what it wrote.
# Sourced from the repository root.
. tests/ctl/lib.sh

cp "$build/rpc.dracd" "$tmp/rpc.dracd" || exit 1
dracd=$tmp/rpc.dracd log=$tmp/log acks=$tmp/acks
load=$build/tests/rpc/load
me=$(id -un)
daemon='' loads='' port=''
mkdir "$run" "$lib"
trap 'stop_load; stop_daemon KILL; rm -rf "$tmp"' EXIT

# What the sanitizers keep back of freed memory would look like a leak.
export ASAN_OPTIONS="quarantine_size_mb=1:${ASAN_OPTIONS-}"

# random N   a number below N
random() {
	od -An -N4 -tu4 /dev/urandom | awk -v n="$1" '{ print $1 % n }'
}

# setup [LINE...]   drac.conf with these lines, and no map; every local user
# may report unless they say otherwise
setup() {
	port=$((10240 + $(random 20000)))
	case "$*" in
	*'allow_users ='*) ;;
	*) set -- 'allow_users = any' "$@" ;;
	esac
	configure "user = $me" "port = $port" \
		'allow_file =' "lookup = $run/lookup.sock" "$@"
	rm -rf "$lib"
	mkdir "$lib"
}

# run_daemon [OPTION...]   until it answers; status 1: it did not, or ended
run_daemon() {
	"$dracd" -f -c "$conf" "$@" >>"$log" 2>&1 </dev/null &
	daemon=$!
	waited=0
	until d status >/dev/null 2>&1; do
		waited=$((waited + 1))
		[ $waited -lt 2000 ] || kill -KILL "$daemon"
		kill -0 "$daemon" 2>/dev/null || return 1
		sleep 0.01
	done
}

# start_daemon [OPTION...]   the same; another port when somebody has ours
start_daemon() {
	tries=0
	: >"$log"
	until run_daemon "$@"; do
		wait "$daemon"
		daemon=
		tries=$((tries + 1))
		if [ $tries -ge 10 ] ||
			! grep -q 'else has this port' "$log"; then
			fail start_daemon "$(tail -n 5 "$log")"
			exit 1
		fi
		port=$((10240 + $(random 20000)))
		sed -i "s/^port = .*/port = $port/" "$conf"
	done
}

# stop_daemon [SIGNAL]   its exit status in $ended; the sanitizers' findings
stop_daemon() {
	[ -n "$daemon" ] || return 0
	kill -s "${1-TERM}" "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
	ended=$?
	daemon=
	if grep -Eq 'Sanitizer|runtime error' "$log"; then
		fail sanitizer "$(grep -E -A 9 'Sanitizer|runtime error' "$log")"
	fi
}

# start_load OPTION...   callers in the background, on all roads
start_load() {
	"$load" -u "$sock" -p "$port" "$@" >"$tmp/load" 2>&1 </dev/null &
	loads=$!
}

# stop_load   its line is in $tmp/load, its exit status in $ended
stop_load() {
	[ -n "$loads" ] || return 0
	kill "$loads" 2>/dev/null
	wait "$loads" 2>/dev/null
	ended=$?
	loads=
}

# load_said NAME   a figure of that line
load_said() {
	awk -v name="$1" '{
		for (i = 1; i < NF; i += 2) if ($i == name) print $(i + 1)
	}' "$tmp/load"
}

# wait_acks FILE...   until each of them holds something
wait_acks() {
	for file in "$@"; do
		until [ -s "$file" ]; do
			kill -0 "$loads" 2>/dev/null || return 1
			sleep 0.005
		done
	done
}

# seek LIFETIME STRANGERS FILE...   status 0: what was acknowledged is in the
# map; else what is wrong is said. A torn map may have no end.
seek() {
	timeout -k 1 20 perl tests/rpc/held.pl "$map" "$@" 2>&1
}

# held NAME LIFETIME STRANGERS FILE...
held() {
	name=$1
	shift
	if problem=$(seek "$@"); then
		ok "$name"
	else
		fail "$name" "${problem:-no end}"
	fi
}

# verify   status 0: the map is sound; else what is wrong is said
verify() {
	timeout 20 db5.3_verify -q "$map" >"$tmp/verify" 2>&1
	set -- $?
	head -n 3 "$tmp/verify"
	return "$1"
}

# sound NAME
sound() {
	if problem=$(verify); then
		ok "$1"
	else
		fail "$1" "$problem"
	fi
}

# in_map ADDRESS   its expiry, as a plain reader finds it; nothing: not there
in_map() {
	timeout 20 db5.3_dump -p "$map" | awk -v key=" $1" '
		found { print $1; exit }
		$0 == key || $0 == key "/128" { found = 1 }'
}
