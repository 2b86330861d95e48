# SPDX-License-Identifier: BSD-2-Clause
# drop --for, with each program that records logins, with a daemon and
# without: dropped, and closed until the time is over.

login=$tmp/drac-login shim=$build/tests/ctl/syslog.so
cp "$build/drac-login" "$login" || exit 1
export DRAC_TEST_LOG="$tmp/logins"

# l ARGUMENT...   drac-login, as a post-login hook runs it
l() {
	LD_PRELOAD=$shim ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" \
		"$login" -c "$conf" "$@"
}

# logged NAME STATUS ERE COMMAND...   what a login logs; status 1: by policy
logged() {
	name=$1 status=$2 wanted=$3
	shift 3
	: >"$DRAC_TEST_LOG"
	"$@" >"$tmp/out" 2>&1 </dev/null
	got=$?
	if [ "$got" -ne "$status" ]; then
		fail "$name" "exit status $got: $(cat "$tmp/out" "$DRAC_TEST_LOG")"
	elif grep -Eq -e "$wanted" "$DRAC_TEST_LOG"; then
		ok "$name"
	else
		fail "$name" "the log is not /$wanted/: $(cat "$DRAC_TEST_LOG")"
	fi
}

# renewed NAME   what drac-renew does: a list of the sessions that are open
renewed() {
	printf '192.0.2.7 alice imap\n192.0.2.8 bob imap\n' >"$tmp/sessions"
	: >"$DRAC_TEST_LOG"
	l -l <"$tmp/sessions"
	is "$1" 1 "$(grep -c \
		'list: 1 authorised, 1 not to be recorded, 0 failed' \
		"$DRAC_TEST_LOG")"
}

clock='[0-9]{2}:[0-9]{2}:[0-9]{2}Z'
closed='not recorded for alice \(imap\): (local: )?192.0.2.7 is closed until'
for road in direct daemon; do
	fresh "user = $me" 'strict' \
		"$([ $road = daemon ] && echo 'server = local')"
	[ $road = direct ] || start_daemon
	logged "${road}_login" 0 '^authpriv.info .*: authorised 192.0.2.7 until' \
		l -a 192.0.2.7 -u alice -s imap
	says "${road}_drop" 0 '^removed 192.0.2.7$' '' d drop 192.0.2.7
	logged "${road}_dropped_comes_back" 0 'authorised 192.0.2.7' \
		l -a 192.0.2.7 -u alice -s imap
	says "${road}_drop_for" 0 '^192.0.2.7 is closed until .*\(2d 0h\)$' '' \
		d drop 192.0.2.7 --for 2d
	is "${road}_says_removed" 1 "$(grep -c '^removed 192.0.2.7$' "$tmp/out")"
	# Strict: a refusal by policy fails no login.
	logged "${road}_closed" 1 \
		"^authpriv.info .*: $closed [0-9]{4}-[0-9-]{5} $clock\$" \
		l -a 192.0.2.7 -u alice -s imap
	d drop 192.0.2.7 --for 1h -q
	logged "${road}_closed_by_the_clock" 1 "$closed $clock\$" \
		l -a 192.0.2.7 -u alice -s imap
	renewed "${road}_renewal"
	says "${road}_show" 1 "^192.0.2.7 is closed until $utc" '' \
		d show 192.0.2.7
	is "${road}_list_has_the_other" '192.0.2.8' \
		"$(d list | awk 'NR > 1 { print $1 }')"
	says "${road}_explain" 1 "^192.0.2.7 is closed until $utc: no login" '' \
		d explain 192.0.2.7 --as postfix
	d explain 192.0.2.7 --json >"$tmp/out"
	is "${road}_explain_json" 1 "$(grep -Ec \
		'"recordable":false,.*"closed":[0-9]+,"lookup":false' "$tmp/out")"
	# No key that a mail server could find.
	is "${road}_no_key" 0 "$(db5.3_dump -p "$map" | grep -c '192\.0\.2\.7')"
	if [ $road = daemon ]; then
		is daemon_logs_it 1 "$(grep -c \
			'closed 192.0.2.7 until .* for user' "$tmp/log" |
			awk '{ print ($1 > 0) }')"
		stop_daemon
		start_daemon
		logged daemon_started_again 1 "$closed" \
			l -a 192.0.2.7 -u alice -s imap
	fi
	says "${road}_add_opens" 0 "^192.0.2.7 is open again; it was closed" '' \
		d add 192.0.2.7
	is "${road}_added" 0 "$(d show 192.0.2.7 >/dev/null; echo $?)"
	d drop 192.0.2.7 --for 2s -q
	logged "${road}_closed_for_a_moment" 1 "$closed" \
		l -a 192.0.2.7 -u alice -s imap
	tries=0
	until [ "$(d list --closed | wc -l)" -eq 1 ] || [ $tries -ge 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	logged "${road}_time_is_over" 0 'authorised 192.0.2.7' \
		l -a 192.0.2.7 -u alice -s imap
	stop_daemon
	says "${road}_sweep" 0 '' '' d sweep -q
	is "${road}_list_is_gone" no \
		"$([ -e "$map.closed" ] && echo yes || echo no)"
done
