# SPDX-License-Identifier: BSD-2-Clause
# Whatever happens to the recording, the command runs; unless strict.

# bears NAME LOG STATUS OUT   recording fails with this in the log: the
# command runs; not where the configuration is strict, and for an address
# that policy refuses as STATUS and OUT tell
bears() {
	logs "$1" 0 '^ran$' "$2" l -a 192.0.2.7 -- echo ran
	logs "$1_alone" 3 '' "$2" l -a 192.0.2.7
	echo 'strict = yes' >>"$conf"
	logs "$1_strict" 3 '' "$2" l -a 192.0.2.7 -- echo ran
	logs "$1_strict_policy" "$3" "$4" . l -a 127.0.0.1 -- echo ran
}

broken='err .*: the configuration is broken$'
configure 'lifetime = never'
bears broken_conf "$broken" 3 ''
logs broken_conf_says_where 0 '^ran$' "err .*$conf:2: lifetime: not a dur" \
	sh -c 'sed -i /^strict/d "$3"; LD_PRELOAD=$1 exec "$2" -c "$3" -a 192.0.2.7 echo ran' \
	sh "$shim" "$login" "$conf"
rm "$conf"
logs missing_conf 0 '^ran$' "err .*: $conf: No such file" \
	l -a 192.0.2.7 -- echo ran
logs missing_conf_alone 3 '' "$broken" l -a 192.0.2.7
: >"$conf"
chmod 666 "$conf"
logs unsafe_conf 0 '^ran$' "err .*: $conf: " l -a 192.0.2.7 -- echo ran
rm "$conf"
mkfifo "$conf"
logs conf_is_a_fifo 0 '^ran$' "$broken" l -a 192.0.2.7 -- echo ran
rm "$conf"

fresh
chmod 777 "$lib"
bears unsafe_map 'err .*: not recorded for - \(login\): .*; client 192\.0\.2\.7$' \
	0 '^ran$'
chmod 755 "$lib"
fresh 'strict = yes'
logs strict_and_well 0 '^ran$' 'authorised 192.0.2.7' \
	l -a 192.0.2.7 -- echo ran
logs strict_and_no_address 0 '^ran$' 'is not an address' \
	l -a nonsense -- echo ran
logs strict_and_no_variable 0 '^ran$' 'no remote host in IP' \
	l -e IP -- echo ran

# No room: writing beyond the limit would kill, were the signal let in. The
# log that is caught would be a file, too.
fresh
configure
rm -rf "$lib"
(unset DRAC_TEST_LOG && ulimit -f 0 && l -a 192.0.2.7 -- sh -c 'exit 7') >"$tmp/out" 2>&1
is no_room_and_the_command_runs 7 $?
(ulimit -n 4 && l -a 192.0.2.7 -- sh -c 'exit 7') >"$tmp/out" 2>&1 3<&- 4<&-
is no_descriptor_and_the_command_runs 7 $?

# A lock that somebody holds, and a daemon that takes calls and never answers.
fresh 'timeout = 200ms'
l -a 192.0.2.1
exec 8<"$map.lock"
flock 8
begin=$(date +%s)
logs held_lock 0 '^ran$' 'warning .*: not recorded for .*client 192.0.2.7$' \
	l -a 192.0.2.7 -- echo ran
awk 'BEGIN { for (i = 0; i < 2000; i++) print "2001:db8::" i % 10 ":" i % 9 }' \
	>"$tmp/in"
list held_lock_list 3 \
	'warning .*: 0 authorised, 0 not .*, 2000 failed, 0 malformed'
is held_lock_list_gives_up 1 "$(grep -c \
	'no answer in time to 3 in a row: the rest is not tried' "$log")"
is held_lock_is_bounded yes "$([ $(($(date +%s) - begin)) -lt 30 ] && echo yes)"
exec 8<&-
map_has held_lock_recorded_nothing no 192.0.2.7

# What is remembered of servers is in /run: one of our own.
apart() {
	# shellcheck disable=SC2016
	options=$1
	shift
	private sh -c 'mount -t tmpfs -o "$1" none /run && shift && exec "$@"' \
		sh "$options" "$@"
}
hung() {
	LD_PRELOAD=$shim apart "$1" "$login" -c "$conf" -a 192.0.2.7 -- echo ran
}
hung_list() {
	LD_PRELOAD=$shim apart "$1" "$login" -c "$conf" -l <"$tmp/in"
}
mkdir "$tmp/sockets"
sock=$tmp/sockets/hung
configure 'server = local' 'timeout = 200ms'
rm -rf "$lib"
perl -MIO::Socket::UNIX -e '
	my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 64) or die;
	$SIG{TERM} = sub { exit };
	sleep' "$sock" &
peer=$!
tries=0
until [ -S "$sock" ] || [ $tries -gt 1000 ]; do
	tries=$((tries + 1))
	sleep 0.01
done
if can_mount hung_daemon; then
	begin=$(date +%s)
	logs hung_daemon 0 '^ran$' \
		'warning .*: local: no answer within 200 ms; client 192.0.2.7$' \
		hung mode=755
	awk 'BEGIN { for (i = 0; i < 250; i++) print "192.0.2." i + 1 }' \
		>"$tmp/in"
	: >"$log"
	hung_list mode=755
	is hung_daemon_list_status 3 $?
	is hung_daemon_is_left_alone 1 "$(grep -c \
		'local has not answered 3 logins in a row' "$log")"
	is hung_daemon_list 1 "$(tail -n 1 "$log" | grep -c ' 250 failed, ')"
	: >"$log"
	hung_list ro
	is hung_daemon_unremembered_status 3 $?
	is hung_daemon_unremembered 1 "$(grep -c 'the rest is not tried' "$log")"
	is hung_daemon_is_bounded yes \
		"$([ $(($(date +%s) - begin)) -lt 30 ] && echo yes)"
	echo 'strict = yes' >>"$conf"
	logs hung_daemon_strict 3 '' 'no answer within 200 ms' hung mode=755
fi
kill "$peer"
wait "$peer" 2>/dev/null

# Somebody else's rights are not for this.
fresh
cp "$login" "$tmp/setuid"
if [ "$(id -u)" -ne 0 ]; then
	echo 'skip setuid: needs root'
elif findmnt -T "$tmp" -no OPTIONS | grep -q nosuid; then
	echo 'skip setuid: the file system has nosuid'
elif ldd "$login" | grep -q asan; then
	echo 'skip setuid: the sanitizer is in the way'
else
	for kind in 4755:65533:0 2755:0:65533; do
		chown "${kind#*:}" "$tmp/setuid"
		chmod "${kind%%:*}" "$tmp/setuid"
		: >"$log"
		"$tmp/setuid" -c "$conf" -a 192.0.2.7 -- \
			echo ran >"$tmp/out" 2>"$tmp/err"
		is "setuid_${kind%%:*}_status" 3 $?
		is "setuid_${kind%%:*}" 'drac-login: does not run setuid or setgid' \
			"$(cat "$tmp/out" "$tmp/err")"
		map_has "setuid_${kind%%:*}_recorded_nothing" no 192.0.2.7
	done
fi
