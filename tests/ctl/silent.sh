# SPDX-License-Identifier: BSD-2-Clause
# A daemon that does not answer, has died, keeps another map, or serves
# others only.

stopped() {
	kill -s STOP "$daemon"
	"$@"
	status=$?
	kill -s CONT "$daemon"
	return $status
}

fresh "user = $me" 'timeout = 300ms'
put 192.0.2.7 1000
start_daemon
silent='^dracctl: warning: rpc.dracd does not answer'
says silent_list 0 '^192\.0\.2\.7 ' "$silent" stopped d list
says silent_list_json 0 '^\{"address":"192.0.2.7"' "$silent" \
	stopped d list --json
says silent_show 0 '^192\.0\.2\.7 is auth' "$silent" stopped d show 192.0.2.7
says silent_show_missing 1 'not in the map' "$silent" \
	stopped d show 192.0.2.8
while read -r name words; do
	# shellcheck disable=SC2086
	says "silent_$name" 3 '' \
		'^dracctl: rpc.dracd does not answer, and nobody else may' \
		stopped d $words
done <<'TABLE'
add add 192.0.2.8
add_exact add 192.0.2.8 --lifetime 1m
drop drop 192.0.2.7
drop_all drop --all
sweep sweep
init init
init_daemon init --daemon
TABLE
says silent_status 3 '' "$sock" stopped d status
says silent_no_more 0 '^192.0.2.8 is auth' '' d add 192.0.2.8

# What is not said in time is not repeated by the wrong hand.
other_conf=$tmp/other.conf other_lib=$tmp/other
printf '%s\n' "database = $other_lib/dracd.db" "user = $me" \
	"socket = $sock" >"$other_conf"
says other_map_init 0 "^made the map $other_lib" '' \
	"$ctl" -c "$other_conf" init
before=$(said added)
says other_map_add 0 '^203.0.113.1 is auth' '' \
	"$ctl" -c "$other_conf" add 203.0.113.1
says other_map_list 0 '^203.0.113.1 ' '' "$ctl" -c "$other_conf" list
says other_map_sweep 0 '^removed 0, kept 1$' '' "$ctl" -c "$other_conf" sweep
is other_map_is_not_the_daemons "$before" "$(said added)"
says other_map_not_in_ours 1 'not in the map' '' d show 203.0.113.1

# Another configuration that knows nothing of this daemon's socket.
printf '%s\n' "database = $map" "user = $me" "socket = $tmp/none.sock" \
	>"$other_conf"
says unknown_daemon_list 0 '^192.0.2.8 ' '' "$ctl" -c "$other_conf" list
for words in 'add 192.0.2.9' 'drop 192.0.2.8' 'drop --all' sweep; do
	# shellcheck disable=SC2086
	says "unknown_daemon_${words%% *}" 3 '' "^dracctl: $lib" \
		"$ctl" -c "$other_conf" $words
done
says unknown_daemon_changed_nothing 0 '^192.0.2.8 is auth' '' \
	d show 192.0.2.8

# Dead without a word: its socket is still there.
stop_daemon KILL
is killed_left_its_socket yes "$([ -S "$sock" ] && echo yes)"
says killed_status 1 '' 'no rpc.dracd at' d status
says killed_list 0 '^192.0.2.8 ' '' d list
says killed_add 0 '^192.0.2.9 is auth' '' d add 192.0.2.9
says killed_sweep 0 '^removed 0, kept 3$' '' d sweep

# Whoever sits there instead has nothing to say.
cat >"$tmp/impostor.pl" <<'SCRIPT'
use IO::Socket::UNIX;
unlink $ARGV[0];
my $listener = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 5) or die;
print "ready\n";
close STDOUT;
while (my $peer = $listener->accept) {
	sysread $peer, my $call, 1000;
	syswrite $peer, $ARGV[1];
}
SCRIPT
while read -r name reply; do
	mkfifo "$tmp/ready"
	perl "$tmp/impostor.pl" "$sock" "$(printf "%b" "$reply")" \
		>"$tmp/ready" &
	daemon=$!
	read -r _ <"$tmp/ready"
	rm "$tmp/ready"
	says "impostor_${name}_show" 0 'is auth' "$silent" d show 192.0.2.9
	says "impostor_${name}_add" 3 '' 'rpc.dracd does not answer' \
		d add 192.0.2.7
	says "impostor_${name}_status" 3 '' '^dracctl: ' d status
	stop_daemon
done <<'TABLE'
hangs_up
speaks_otherwise HTTP/1.0 400
sends_noise \0200\0001\0001\0010abcdefgh
TABLE
rm -f "$sock"
