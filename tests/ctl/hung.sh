# SPDX-License-Identifier: BSD-2-Clause
# A daemon that starts late, has died or hangs.

fresh "user = $me" 'timeout = 300ms'
put 192.0.2.1 -10
put 192.0.2.2 1000
start_daemon
is start_sweeps_first 192.0.2.2 "$(file)"
is start_counts_it 1 "$(d status --json | perl -MJSON::PP -0777 -ne '
	print decode_json($_)->{expired}')"
stop_daemon

# Dead, but its socket takes calls, as one of systemd does: the sweep asks
# nobody, and starts nobody.
cat >"$tmp/listen.pl" <<'SCRIPT'
use IO::Socket::UNIX;
unlink $ARGV[0];
my $listener = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 5) or die;
print "ready\n";
close STDOUT;
$listener->accept;
print STDERR "called\n";
SCRIPT
mkfifo "$tmp/ready"
perl "$tmp/listen.pl" "$sock" >"$tmp/ready" 2>"$tmp/called" &
other=$!
read -r _ <"$tmp/ready"
put 192.0.2.1 -10
says sweep_of_a_dead_daemon 0 '^removed 1, kept 1$' '' d sweep
says sweep_of_a_dead_daemon_end_hung 0 '^removed 0, kept 1$' '' \
	d sweep --end-hung 1s
is sweep_asks_nobody '' "$(cat "$tmp/called")"
stop_other
rm -f "$sock"

# Killed.
start_daemon
put_expired() {
	d add "$1" --lifetime 1s -q
}
put_expired 192.0.2.3
stop_daemon KILL
swept() {
	d sweep -q --end-hung 1s && [ "$(file)" = 192.0.2.2 ]
}
until_true swept
is killed_daemon_is_swept_for 192.0.2.2 "$(file)"

# Hung.
start_daemon
put_expired 192.0.2.4
says end_hung_asks_one_that_answers 0 '^removed ' '' d sweep --end-hung 1s
is end_hung_spares_one_that_answers yes "$(alive "$daemon")"
put_expired 192.0.2.4
kill -s STOP "$daemon"
says hung_daemon_is_left_alone 3 '' 'nobody else may' d sweep
is hung_daemon_lives yes "$(alive "$daemon")"
says hung_daemon_is_ended 0 '^removed ' "process $daemon, .* was ended" \
	d sweep --end-hung 1s
wait "$daemon" 2>/dev/null
is hung_daemon_was_killed 137 $?
daemon=
until_true swept
is hung_daemon_is_swept_for 192.0.2.2 "$(file)"

# It does not answer, but goes on with its work.
start_daemon
kill -s STOP "$daemon"
d sweep --end-hung 2s >"$tmp/out" 2>"$tmp/err" &
other=$! second=1000000000
while kill -0 "$other" 2>/dev/null; do
	second=$((second + 1))
	touch -d "@$second" "$map.lock"
	sleep 0.05
done
wait "$other"
got=$? other=
judge busy_daemon_is_left_alone 3 '' 'is at work: left alone'
is busy_daemon_lives yes "$(alive "$daemon")"
stop_daemon

# What has another name is not ours to end.
cp "$dracd" "$tmp/other"
start_daemon "$tmp/other"
kill -s STOP "$daemon"
says end_hung_knows_its_own 3 '' 'could not be ended' d sweep --end-hung 1s
is end_hung_ends_no_other yes "$(alive "$daemon")"
stop_daemon

# Whoever may write to the lock file names a process of root.
end_as_the_user() {
	rm -rf "$lib" "$run"
	configure 'user = nobody' 'timeout = 300ms'
	mkdir "$lib" "$run"
	chown nobody "$lib" "$run"
	start_daemon
	cp "$(command -v sleep)" "$tmp/named/rpc.dracd"
	"$tmp/named/rpc.dracd" 600 &
	other=$!
	kill -s STOP "$daemon"
	printf '%-11d\n' "$other" | dd of="$map.lock" conv=notrunc 2>/dev/null
	says end_hung_is_not_rootly 3 '' 'could not be ended: .*permitted' \
		d sweep --end-hung 1s
	is end_hung_spares_roots_process yes "$(alive "$other")"
	stop_other
	printf '%-11d\n' "$daemon" | dd of="$map.lock" conv=notrunc 2>/dev/null
	says end_hung_ends_the_users_daemon 0 '^removed 0' 'was ended' \
		d sweep --end-hung 1s
	is map_stays_the_users nobody "$(stat -c %U "$map")"
	stop_daemon
}
mkdir "$tmp/named"
if [ "$(id -u)" -eq 0 ]; then
	end_as_the_user
else
	echo 'skip end_hung_is_not_rootly: needs root'
fi
