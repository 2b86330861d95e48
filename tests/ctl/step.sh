# SPDX-License-Identifier: BSD-2-Clause
# A clock that is set forward or back by an hour, in direct mode and with the
# daemon. It is the clock of these programs alone.

rm -rf "$run"
export DRAC_TEST_CLOCK="$tmp/clock"
shim=$(realpath "$build/tests/ctl/clock.so")

# clock SECONDS   how far it is off
clock() {
	echo "$1" >"$tmp/clock.new"
	mv "$tmp/clock.new" "$DRAC_TEST_CLOCK"
}

clock 0
LD_PRELOAD=$shim
export LD_PRELOAD

fresh 'lifetime = 30m'
d add -q 192.0.2.1
clock 3600
says forward_direct 0 '^removed 1, kept 0$' '' d sweep
is forward_direct_file '' "$(file)"

# Twenty minutes of its time are over when it goes back.
d add -q 192.0.2.1
clock 4800
d sweep -q
clock 1200
says back_direct 0 '^removed 0, kept 1$' 'the clock went back by 3[56]' d sweep
about back_direct_keeps_the_rest 600 "$(remaining 192.0.2.1)"
clock 1900
says back_direct_then_over 0 '^removed 1, kept 0$' '' d sweep

# By less than the lifetime, a minute after anybody looked at the clock: one
# was over for a moment, and stays for no longer than that minute.
d add -q 192.0.2.1
clock 3650
d add -q 192.0.2.2
clock 3120
d sweep -q 2>/dev/null
about back_a_little_keeps_the_rest 1800 "$(remaining 192.0.2.2)"
about back_a_little_by_a_minute 60 "$(remaining 192.0.2.1)"

clock 0
fresh "user = $me" 'lifetime = 30m' 'sweep_interval = 1h'
start_daemon
timer() {
	grep -l '^settime flags: 03' /proc/"$daemon"/fdinfo/* | wc -l
}
is daemon_is_woken_by_a_step 1 "$(timer)"
d add -q 192.0.2.1
clock 3600
d status >/dev/null
until_true gone
is forward_daemon '' "$(file)"
says forward_daemon_tells 0 'the clock was set forward by 3[56]' '' \
	cat "$tmp/log"

d add -q 192.0.2.1
clock 4800
d sweep -q
clock 1200
d status >/dev/null
about back_daemon_keeps_the_rest 600 "$(remaining 192.0.2.1)"
says back_daemon_tells 0 'the clock was set back by 3[56]' '' cat "$tmp/log"
says back_daemon_shortens 0 'went back by .* 1 entries' '' cat "$tmp/log"
clock 1900
d status >/dev/null
until_true gone
is back_daemon_then_over '' "$(file)"
stop_daemon
unset LD_PRELOAD
