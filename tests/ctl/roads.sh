# SPDX-License-Identifier: BSD-2-Clause
# The same words, the same output, the same exit status, with a daemon and
# without.

# Instants and spans differ from run to run.
level() {
	sed -E -e 's/[0-9]{4}-[0-9-]+ [0-9:]+Z/INSTANT/' \
		-e 's/[0-9]+[dhms] [0-9]+[dhms]/SPAN/; s/[0-9]+s\b/SPAN/' \
		-e 's/"(expires|remaining|until|closed)":-?[0-9]+/"\1":N/g' "$1"
}

# take ROAD   each line of the table down this road
take() {
	while read -r name words; do
		# shellcheck disable=SC2086
		d $words >"$tmp/out" 2>"$tmp/err" </dev/null
		got=$?
		{
			echo "status $got"
			level "$tmp/out"
			level "$tmp/err"
		} >"$tmp/$1.$name"
	done <"$tmp/table"
}

cat >"$tmp/table" <<'TABLE'
list_empty list
list_json_empty list --json
show_missing show 192.0.2.7
show_json_missing show 192.0.2.7 --json
add add 192.0.2.7
add_quiet add -q 192.0.2.8
add_ipv6 add 2001:db8::7
add_mapped add ::ffff:192.0.2.9
add_longer add 192.0.2.7 --lifetime 2h
add_already add 192.0.2.7
add_shorter add 192.0.2.7 --lifetime 5m
add_excluded add 198.51.100.7
add_excluded_exact add 198.51.100.8 --lifetime 1h
add_loopback add 127.0.0.1
add_loopback_exact add ::1 --lifetime 1h
show show 192.0.2.7
show_excluded show 198.51.100.7
show_json show 2001:db8::7 --json
list list
list_json list --json
drop drop 192.0.2.8
drop_again drop 192.0.2.8
drop_quiet drop -q 192.0.2.9
drop_quiet_again drop -q 192.0.2.9
drop_ipv6 drop 2001:DB8::7
sweep sweep
sweep_quiet sweep -q
init init
init_quiet init -q
list_rest list
drop_all drop --all
drop_all_quiet drop --all -q
list_nothing list
closed_nothing list --closed
closed_nothing_json list --closed --json
close_missing drop 192.0.2.7 --for 2h
close_quiet drop -q 2001:db8::8 --for 90s
closed_show show 192.0.2.7
closed_show_json show 192.0.2.7 --json
closed_list list --closed
closed_list_json list --closed --json
closed_add add 192.0.2.7
close_there drop 192.0.2.7 --for 1h
closed_add_exact add 192.0.2.7 --lifetime 5m
closed_all drop --all --for 1d
closed_all_add add 192.0.2.7
closed_all_list list --closed
closed_all_over drop --all --for 0s -q
closed_for_nothing drop 2001:db8::8 --for 0s
closed_list_rest list --closed
close_negative drop 192.0.2.7 --for -1s
close_too_long drop 192.0.2.7 --for 366d
close_half_seconds drop 192.0.2.7 --for 500ms
close_nobody drop --for 1h
close_add add 192.0.2.7 --for 1h
usage drop
TABLE

lines="user = $me"
fresh "$lines" 'exclude = 198.51.100.0/24'
take direct
says status_without_daemon 1 '' \
	"^dracctl: no rpc.dracd at $sock$" d status
fresh "$lines" 'exclude = 198.51.100.0/24'
mkdir "$run"
start_daemon
take daemon
while read -r name words; do
	if diff "$tmp/direct.$name" "$tmp/daemon.$name" >"$tmp/diff"; then
		ok "same_on_both_roads_$name"
	else
		fail "same_on_both_roads_$name" "$(cat "$tmp/diff")"
	fi
done <"$tmp/table"

# It was the daemon that did it: nobody else may, and it has counted.
is daemon_counted_drops 8 "$(said dropped)"
before=$(said calls-local)
d list >"$tmp/out"
d show 192.0.2.7 >"$tmp/out"
is daemon_counted_calls $((before + 6)) "$(said calls-local)"

# An admin means it, also where the daemon would not write.
says add_twice 0 '^192.0.2.7 is authorised until' '' d add 192.0.2.7
says add_with_lifetime_and_less 0 '\(1m 0s\)$' '' \
	d add 192.0.2.7 --lifetime 1m
says add_again_is_longer 0 '^192.0.2.7 is authorised until .*\((30m [01]s)\)$' \
	'' d add 192.0.2.7
says sweep_limit_is_not_for_the_daemon 0 '^removed 0, kept 1$' \
	'^dracctl: warning: rpc.dracd sweeps without --limit$' \
	d sweep --limit 1
says init_daemon_changes_nothing 0 "^the map $map is there already$" '' \
	d init --daemon

# Status for people and for programs.
says status 0 '^version +[0-9.]+$' '' d status
for row in 'pid +[0-9]+' "database +$map" 'lifetime +30m 0s' \
	"started +$utc" 'uptime +([0-9]+[hms] ?)+' 'entries +1' \
	'refused-user +0'; do
	is "status_row_${row%% *}" 1 "$(grep -Ec "^$row$" "$tmp/out")"
done
is status_aligned 1 "$(grep -v '^caller ' "$tmp/out" |
	awk '{ print index($0, $2) }' | sort -u | wc -l)"
d status --json >"$tmp/out"
is status_json ok "$(map=$map perl -MJSON::PP -0777 -ne '
	my $status = decode_json($_);
	print $status->{entries} == 1 && $status->{lifetime} == 1800 &&
	    $status->{database} eq $ENV{map} &&
	    ref $status->{callers} eq "ARRAY" ? "ok" : $_;' "$tmp/out" 2>&1)"
is status_json_numbers 0 "$(grep -Ec '"(pid|added|uptime)":"' "$tmp/out")"
stop_daemon
says status_of_a_daemon_that_ended 1 '' 'no rpc.dracd at' d status
says status_json_without_daemon 1 '' 'no rpc.dracd at' d status --json
says direct_after_the_daemon 0 '^192.0.2.7 is auth' '' d show 192.0.2.7

# Many pages of LIST.
fresh "$lines"
awk -v now="$(date +%s)" 'BEGIN {
	for (i = 0; i < 3500; i++)
		printf "203.0.%d.%d %d\n", i / 256, i % 256, now + 1000
	for (i = 0; i < 1000; i++)
		printf "2001:db8::%x:7 %d\n", i + 1, now + 1000
}' | "$fill" "$map" || fail pages_fill "exit status $?"
d list >"$tmp/direct"
start_daemon
d list --json >"$tmp/out"
is pages_json 4500 "$(count "$tmp/out")"
d list >"$tmp/daemon"
is pages_same "$(level "$tmp/direct" | cksum)" "$(level "$tmp/daemon" | cksum)"
says pages_head 0 '^1$' '' sh -c "'$ctl' -c '$conf' list | head -1 | wc -l"
stop_daemon
