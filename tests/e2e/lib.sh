# SPDX-License-Identifier: BSD-2-Clause
#
# The workshop of the end-to-end tests: real mail servers in a root of their
# own, on hosts of their own. A script says `. lib.sh; enter "$@"` and goes on
# in mount, process and host-name namespaces that nobody else sees, so that
# nothing can leak: whatever way it ends, the kernel ends its processes and
# takes its mounts and networks away.
#
#   layer NAME PACKAGE...   install packages, kept for the next script
#   open_root               the root: layers below, a scratch layer on top
#   open_network [pop]      hosts `server`, `client` and perhaps `pop`
#   on HOST                 from here on the host is `server` or `pop`, each
#                           with a root of its own
#   inside COMMAND...       run in the root on the host
#   start COMMAND...        the same in the background; its pid in $started
#   client VERB...          client.pl on the client host
#   ok, fail, check, skip   report
#
# It needs root, namespaces, and an overlay file system over /. Where one of
# them is not to be had, as in most containers, the script is one `skip`.

server4=198.51.100.1
server6=2001:db8:77:7::1
pop4=198.51.100.2
pop6=2001:db8:77:7::2
listed4=198.51.100.77
listed6=2001:db8:77:7::4d
other4=198.51.100.78
other6=2001:db8:77:7::4e

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
script=$(basename "$0")
failures=0

say()
{
	printf '%s\n' "$*"
}

ok()
{
	say "ok $script: $1"
}

fail()
{
	say "FAIL $script: $1: ${2-}"
	failures=$((failures + 1))
}

# check NAME EXPECTED ACTUAL
check()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		fail "$1" "expected '$2', got '$3'"
	fi
}

# skip REASON: what the place cannot do, no test can show.
skip()
{
	say "skip $script: $*"
	exit 0
}

die()
{
	fail "set-up" "$*"
	exit 1
}

finish()
{
	[ "$failures" -eq 0 ]
	exit
}

# Leave the caller's namespaces. The outer half waits, passes a signal on as
# the end of the inner half, and removes the mount point.
enter()
{
	if [ -n "${DRAC_E2E-}" ]; then
		begin
		return
	fi
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	unshare --mount --pid --uts --ipc --net --fork true 2>/dev/null ||
		skip "no namespaces to be had"
	DRAC_E2E=$(mktemp -d "${TMPDIR:-/tmp}/pam_drac.XXXXXX") || exit 1
	export DRAC_E2E
	unshare --mount --pid --uts --ipc --fork --kill-child --mount-proc \
	    --propagation private -- "$0" "$@" &
	inner=$!
	trap 'kill -KILL "$inner"' HUP INT TERM
	wait "$inner"
	status=$?
	trap - HUP INT TERM
	rmdir "$DRAC_E2E"
	exit "$status"
}

begin()
{
	trap 'exit 1' HUP INT TERM
	umask 022
	unset LANG LANGUAGE MAKEFLAGS MAKELEVEL
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	export PATH LC_ALL=C
	work=$DRAC_E2E
	on server
	base=/ layers=
	key=$(cat /var/lib/dpkg/status /etc/passwd /etc/group | sha256sum)
	hostname mail.example.org
	mount -t tmpfs -o mode=0755 drac-e2e "$work" ||
		skip "nothing can be mounted"
	mkdir "$work/layer"
	can_stack || skip "no overlay file system over / to be had"
}

can_stack()
{
	mkdir "$work/try" "$work/try.upper" "$work/try.overlay" &&
	mount -t overlay -o "lowerdir=/,upperdir=$work/try.upper" \
	    -o "workdir=$work/try.overlay" drac-e2e "$work/try" 2>/dev/null &&
	umount "$work/try"
}

on()
{
	host=$1
	root=$work/root.$1
}

# mount_root UPPER: the layers so far, with UPPER on top, at $root.
mount_root()
{
	mkdir -p "$1" "$root" "$root.overlay"
	mount -t overlay -o \
	    "lowerdir=$layers$base,upperdir=$1,workdir=$root.overlay" \
	    drac-e2e "$root" || die "no overlay over $base"
	mount -t proc proc "$root/proc"
	mount_dev
	mount -t tmpfs -o mode=0755 drac-e2e "$root/run"
	mount -t tmpfs -o mode=1777 drac-e2e "$root/tmp"
	mkdir -m 1777 "$root/run/lock"
}

# A /dev without the host's syslog socket.
mount_dev()
{
	mount -t tmpfs -o mode=0755 drac-e2e "$root/dev"
	for node in null:3 zero:5 full:7 random:8 urandom:9; do
		mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"
	done
	mknod -m 666 "$root/dev/tty" c 5 0
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s fd/0 "$root/dev/stdin"
	ln -s fd/1 "$root/dev/stdout"
	ln -s fd/2 "$root/dev/stderr"
	mkdir -m 1777 "$root/dev/shm"
}

unmount_root()
{
	umount -R "$root"
	rm -rf "$root.overlay"
}

# layer NAME PACKAGE...: install on top of the layers so far. What it took is
# kept in build/e2e and used again while the host's packages are the same.
layer()
{
	name=$1
	shift
	upper=$work/layer/$name
	key=$(printf '%s %s\n' "$key" "$*" | sha256sum | cut -c1-16)
	kept=$top/build/e2e/$name-$key.tar
	mkdir "$upper"
	if [ ! -f "$kept" ]; then
		install_packages "$@"
		keep_layer
	elif ! tar -C "$upper" --xattrs --xattrs-include='trusted.*' \
	    -xf "$kept"; then
		die "cannot unpack $kept"
	fi
	layers=$upper:$layers
}

install_packages()
{
	mount_root "$upper"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	cp --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"
	printf '%s mail.example.org mail\n' $server4 >>"$root/etc/hosts"
	{
		if [ -z "$(find "$root/var/lib/apt/lists/partial" \
		    -maxdepth 0 -mtime -1 2>/dev/null)" ]; then
			apt_get update
		fi
		apt_get -o Dpkg::Options::=--force-unsafe-io \
		    -o Dpkg::Options::=--force-confnew \
		    install --no-install-recommends "$@"
	} >"$work/apt.log" 2>&1 || {
		tail -n 20 "$work/apt.log"
		die "cannot install $*"
	}
	unmount_root
}

# As process 1 of its own: sendmail's package sends a signal to process 1.
apt_get()
{
	DEBIAN_FRONTEND=noninteractive unshare --pid --fork --kill-child \
	    --mount-proc --root="$root" -- apt-get -q -y "$@"
}

# Only root may read it: it holds a copy of the host's shadow file.
keep_layer()
{
	mkdir -p "$top/build/e2e"
	rm -f "$top/build/e2e/$name-"????????????????.tar
	(umask 077 && tar -C "$upper" --xattrs \
	    --xattrs-include='trusted.overlay.opaque' \
	    --exclude=./var/cache/apt \
	    -cf "$kept.$$" .) && mv "$kept.$$" "$kept"
}

# The scratch root, with two users, names for our hosts and no DNS.
open_root()
{
	mount_root "$root.upper"
	cat >"$root/etc/hosts" <<-END
		127.0.0.1 localhost
		::1 localhost
		$server4 mail.example.org example.org
		$server6 mail.example.org example.org
		$pop4 pop.example.org
		$pop6 pop.example.org
	END
	echo mail.example.org >"$root/etc/hostname"
	echo example.org >"$root/etc/mailname"
	rm -f "$root/etc/resolv.conf"
	echo 'nameserver 127.0.0.1' >"$root/etc/resolv.conf"
	sed -i 's/^hosts:.*/hosts: files/' "$root/etc/nsswitch.conf"
	mkdir -p "$root/var/log"
	perl "$here/syslog.pl" "$root/dev/log" "$root/var/log/syslog" \
	    >"$root.ready" &
	until [ -s "$root.ready" ]; do
		sleep 0.02
	done
	for user in alice bob; do
		chroot "$root" useradd -m -s /bin/sh -p \
		    "$(perl -e 'print crypt("s3cret", q($6$pepper))')" $user ||
			die "cannot add user $user"
	done
}

# The mail server, a client with two addresses of each kind, and a POP server
# where one is asked for, on one wire. Nobody looks for duplicate addresses
# here, so they are usable at once.
open_network()
{
	mkdir -p /run/netns
	mount -t tmpfs -o mode=0755 drac-e2e /run/netns
	ip netns add wire &&
	ip -n wire link add name hub up type bridge ||
		die "no network namespaces"
	for end in server client "$@"; do
		ip netns add "$end" &&
		ip link add wire netns "$end" type veth \
		    peer name "$end" netns wire || die "no wire to $end"
		ip -n wire link set "$end" master hub up
		ip -n "$end" link set lo up
		ip -n "$end" link set wire up
	done
	own_address server $server4 $server6
	own_address client $listed4 $listed6
	own_address client $other4 $other6
	for end in "$@"; do
		own_address "$end" $pop4 $pop6
	done
}

# own_address HOST IPV4 IPV6
own_address()
{
	ip -n "$1" address add "$2/24" dev wire
	ip -n "$1" address add "$3/64" dev wire nodad
}

# more_addresses NET6 ADDRESS...: of the client, in another network
more_addresses()
{
	ip -n server -6 route add "$1" dev wire
	shift
	for address in "$@"; do
		ip -n client address add "$address/64" dev wire nodad
	done
}

inside()
{
	nsenter --net="/run/netns/$host" chroot "$root" "$@"
}

start()
{
	nsenter --net="/run/netns/$host" chroot "$root" "$@" \
	    >>"$root/var/log/start.log" 2>&1 </dev/null &
	started=$!
}

# stop PID: a process that start started.
stop()
{
	kill -TERM "$1" 2>/dev/null
	wait "$1"
}

client()
{
	nsenter --net=/run/netns/client perl "$here/client.pl" "$@" </dev/null
}

# The same on the host itself.
neighbour()
{
	nsenter --net="/run/netns/$host" perl "$here/client.pl" "$@" </dev/null
}

# own_ip 4|6: the address of the host.
own_ip()
{
	case $host$1 in
	server4) say $server4 ;;
	server6) say $server6 ;;
	pop4) say $pop4 ;;
	pop6) say $pop6 ;;
	esac
}

# wait_port PORT: until both families answer.
wait_port()
{
	client wait "$(own_ip 4)" "$1" 30 && client wait "$(own_ip 6)" "$1" 30 || {
		cat "$root/var/log/start.log"
		die "nobody listens on port $1"
	}
}
