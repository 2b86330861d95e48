# SPDX-License-Identifier: BSD-2-Clause
#
# rpc.dracd and rpcbind on a host of the end-to-end tests. Sourced after
# cases.sh.

# open_hosts NAME PACKAGE...: an SMTP server and a POP server, Dovecot and our
# build on both. With rpcbind as one of the packages that is there, too.
open_hosts()
{
	layer dovecot dovecot-pop3d dovecot-imapd db5.3-util
	layer "$@"
	open_network pop
	for side in pop server; do
		on $side
		open_root
		install_build
	done
}

# start_rpcbind [OPTION...]
start_rpcbind()
{
	start rpcbind -f "$@"
	rpcbind=$started
	tries=0
	until inside rpcinfo -p >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -le 100 ] || die "rpcbind does not answer"
		sleep 0.1
	done
}

# start_daemon [OPTION...]: as root, as an init script would; ready at the end.
start_daemon()
{
	inside dracctl init --daemon -q || die "dracctl init --daemon"
	start rpc.dracd -f "$@"
	daemon=$started
	tries=0
	until inside dracctl status >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 100 ] || ! kill -0 "$daemon" 2>/dev/null; then
			cat "$root/var/log/start.log"
			die "rpc.dracd does not answer"
		fi
		sleep 0.1
	done
}

stop_daemon()
{
	stop "$daemon"
	check "${1-daemon_ends_cleanly}" 0 $?
}

# The port that the kernel gave, or the one that was asked for.
daemon_port()
{
	inside sh -c 'awk "\$2 ~ /:/ && \$4 == \"0A\" { print \$2 }" \
	    /proc/net/tcp' | while IFS=: read -r _ port; do
		printf '%d\n' "0x$port"
	done | grep -vxE '25|110|111|143' | head -n 1
}

# status NAME: a number of `dracctl status`.
status()
{
	inside dracctl status --json |
	    perl -MJSON::PP -e 'print decode_json(join "", <STDIN>)->{$ARGV[0]}' \
	    "$1"
}

# reload: and wait until the daemon has read its configuration again.
reload()
{
	lines=$(grep -c 'configuration was loaded again\|configuration stays as it was' \
	    "$root/var/log/start.log")
	kill -HUP "$daemon"
	wait_for reloaded "$lines" || fail "reload" "nothing is logged"
}

reloaded()
{
	[ "$(grep -c 'configuration was loaded again\|configuration stays as it was' \
	    "$root/var/log/start.log")" -gt "$1" ]
}
