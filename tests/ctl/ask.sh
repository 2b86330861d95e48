# SPDX-License-Identifier: BSD-2-Clause
# What a mail server would be told.

# free_port   one that nobody has now, for UDP and TCP
free_port() {
	perl -MIO::Socket::INET -e '
		for (1 .. 50) {
			my $udp = IO::Socket::INET->new(Proto => "udp",
			    LocalAddr => "127.0.0.1") or next;
			my $port = $udp->sockport;
			IO::Socket::INET->new(Proto => "tcp",
			    LocalAddr => "127.0.0.1",
			    LocalPort => $port) or next;
			print $port;
			exit 0;
		}
		exit 1;'
}
done='authorised 192\.0\.2\.7 \([0-9]+ ms\)$'
port=$(free_port)

configure
says ask_nobody 3 '' '^dracctl: local: ' d ask local 192.0.2.7
says ask_closed_port 3 '' "^dracctl: 127.0.0.1:$port: " \
	d ask "127.0.0.1:$port" 192.0.2.7
says ask_closed_port_tcp 3 '' "^dracctl: 127.0.0.1:$port: " \
	d ask --tcp "127.0.0.1:$port" 192.0.2.7
says ask_never_recorded 1 '' '127.0.0.1 is never recorded \(loopback\)' \
	d ask local 127.0.0.1
says ask_unknown_name 3 '' \
	'neither an address nor in /etc/hosts$|/etc/hosts: No such file' \
	d ask "nobody.invalid:$port" 192.0.2.7

fresh "user = $me" 'listen = loopback' "port = $port" 'allow_users = any' \
	'exclude = 192.0.2.99'
start_daemon
says ask_excluded 1 '' '^dracctl: local: 192.0.2.99 is never recorded' \
	d ask local 192.0.2.99
says ask_local 0 "^local $done" '' d ask local 192.0.2.7
says ask_was_heard 0 '^192.0.2.7 is auth' '' d show 192.0.2.7
d drop --all -q
says ask_udp 0 "^127\\.0\\.0\\.1:$port $done" '' \
	d ask "127.0.0.1:$port" 192.0.2.7
says ask_udp_was_heard 0 '^192.0.2.7 is auth' '' d show 192.0.2.7
is ask_udp_was_udp 1 "$(said calls-udp)"
says ask_tcp 0 "^127\\.0\\.0\\.1:$port authorised 2001:db8::7 " '' \
	d ask --tcp "127.0.0.1:$port" 2001:db8::7
is ask_tcp_was_tcp 1 "$(said calls-tcp)"
says ask_tcp_was_heard 0 '^2001:db8::7 is auth' '' d show 2001:db8::7
if grep -q '[[:space:]]localhost' /etc/hosts 2>/dev/null; then
	says ask_name 0 "^localhost:$port $done" '' \
		d ask "localhost:$port" 192.0.2.7
else
	skip ask_name 'no localhost in /etc/hosts'
fi
if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
	says ask_ipv6 0 "^\\[::1\\]:$port $done" '' \
		d ask "[::1]:$port" 192.0.2.7
else
	skip ask_ipv6 'no ::1 here'
fi
kill -s STOP "$daemon"
says ask_silent 3 '' '^dracctl: local: ' d ask local 192.0.2.7
kill -s CONT "$daemon"
stop_daemon

# Any local user can have an unreserved port, so the daemon refuses it.
fresh "user = $me" 'listen = loopback' "port = $port"
start_daemon
ask="ask 127.0.0.1:$port 192.0.2.7"
if is_root; then
	# shellcheck disable=SC2086
	says ask_reserved_port 0 "^127\\.0\\.0\\.1:$port $done" '' d $ask
	d drop --all -q
	# shellcheck disable=SC2086
	says ask_refused 1 '' "^dracctl: 127.0.0.1:$port: " \
		other "$ctl" -c "$conf" $ask
	says ask_local_refused 1 '' '^dracctl: local: ' \
		other "$ctl" -c "$conf" ask local 192.0.2.7
else
	# shellcheck disable=SC2086
	says ask_refused 1 '' "^dracctl: 127.0.0.1:$port: " d $ask
fi
says ask_refused_was_not_heard 1 'not in the map' '' d show 192.0.2.7
stop_daemon
