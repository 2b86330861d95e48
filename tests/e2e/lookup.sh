# SPDX-License-Identifier: BSD-2-Clause
#
# What every SMTP server has to pass that asks the lookup service of rpc.dracd
# instead of reading the map. The script of a server sources this after
# cases.sh, servers.sh and daemon.sh, opens its root, starts the daemon with
# start_lookups and its server, and calls run_lookup_cases.

# gives_up: yes: the server itself ends its wait for an answer within seconds
lookup_setting='# lookup is the default'
gives_up=no

# lookup_settings LINE...
lookup_settings()
{
	settings 'renew = 0s' 'server = local' "$lookup_setting" "$@"
}

start_lookups()
{
	lookup_settings
	start_daemon
}

# deferred NAME ADDRESS: mail to the outside gets a temporary error.
deferred()
{
	reply=$(client --from "$2" smtp "$(server_for "$2")" \
	    alice@example.org someone@example.net)
	case $reply in
	4*) ok "$1" ;;
	*) fail "$1" "$reply" ;;
	esac
}

# local_mail NAME ADDRESS
local_mail()
{
	reply=$(client --from "$2" smtp "$(server_for "$2")" \
	    alice@example.org bob@example.org)
	check "$1" 250 "${reply%% *}"
}

run_lookup_cases()
{
	forget
	case_wrong_password
	case_login_opens_relay pop $listed4 $other4
	case_login_opens_relay imap $listed4 $other4
	case_login_opens_relay pop $listed6 $other6
	case_login_opens_relay imap $listed6 $other6
	case_loopback
	case_exact $listed4
	case_exact $listed6
	case_missing_map
	case_stopped TERM
	case_stopped KILL
	case_hung
	case_restarts
}

# case_check SERVER: dracctl finds nothing wrong with this host, and explains
# what the server does.
case_check()
{
	forget
	inside dracctl check >"$work/said" 2>&1
	check "check_is_content" 0 $?
	check "check_knows_of_the_service" 1 \
	    "$(grep -ci "^$1: asks the lookup service" "$work/said")"
	login "login_to_be_explained" accepted pop $listed4
	for row in "$listed4 accepted 0" "$other4 refused 1" \
	    "$listed6 refused 1"; do
		# shellcheck disable=SC2086 # three words
		set -- "$1" $row
		relay "to_be_explained_$2" "$3" "$2"
		inside dracctl explain "$2" --as "$1" >"$work/said"
		check "explained_as_it_is_$2" "$4" $?
		grep -q 'asks the lookup service' "$work/said"
		check "explained_by_the_service_$2" 0 $?
	done
}

# The daemon cannot change the file: a reader does not let go of it, and no
# copy can take its place.
hold_map()
{
	: >"$work/held"
	perl -MFcntl=:flock -e '
		open(my $map, "<", $ARGV[0]) or die "$ARGV[0]: $!\n";
		flock($map, LOCK_SH) or die "flock: $!\n";
		print "held\n";
		close STDOUT;
		sleep 60;
	' "$root$map" >"$work/held" 2>&1 &
	holder=$!
	wait_for test -s "$work/held" || fail "hold_map" "not locked"
	inside chown root /var/lib/drac
}

release_map()
{
	inside chown drac /var/lib/drac
	kill "$holder"
	wait "$holder" 2>/dev/null
}

# case_exact ADDRESS: accepted up to the second of the expiry and refused from
# then on, while the file has the entry all the time.
case_exact()
{
	forget
	lookup_settings 'lifetime = 4s'
	reload
	login "login_exact_$1" accepted pop "$1"
	expiry=$(dump_map | sed -n "s/^$1 //p")
	hold_map
	: >"$work/exact"
	while [ "$(date +%s)" -le "${expiry:-0}" ]; do
		began=$(date +%s)
		reply=$(client --from "$1" smtp "$(server_for "$1")" \
		    alice@example.org someone@example.net)
		case $(verdict $?) in
		accepted) say "accepted $([ "$began" -lt "$expiry" ] &&
			say in time || say late)" ;;
		refused) say "refused $([ "$(date +%s)" -ge "$expiry" ] &&
			say in time || say early)" ;;
		*) say "$reply" ;;
		esac >>"$work/exact"
	done
	check "exact_to_the_second_$1" "accepted in time, refused in time" \
	    "$(uniq "$work/exact" | paste -sd, | sed 's/,/, /g')"
	recorded "the_file_still_has_$1" "$1"
	release_map
	lookup_settings
	reload
}

# The file is of no interest to a server that asks the daemon.
case_missing_map()
{
	forget
	login "login_before_map_goes_missing" accepted pop $listed4
	mv "$root/var/lib/drac" "$root/var/lib/drac.away"
	relay "accepted_without_the_file" accepted $listed4
	relay "other_refused_without_the_file" refused $other4
	mv "$root/var/lib/drac.away" "$root/var/lib/drac"
}

# case_stopped SIGNAL: nobody relays while there is no daemon, though the file
# has the entry, and the server need not be told when it is back.
case_stopped()
{
	forget
	login "login_before_$1" accepted pop $listed4
	login "login_v6_before_$1" accepted pop $listed6
	relay "accepted_before_$1" accepted $listed4
	kill "-$1" "$daemon"
	wait "$daemon" 2>/dev/null
	recorded "file_has_them_after_$1" $listed4 $listed6
	deferred "deferred_after_$1" $listed4
	deferred "deferred_v6_after_$1" $listed6
	deferred "stranger_deferred_after_$1" $other4
	local_mail "local_mail_after_$1" $other4
	rm -rf "$root/run/pam_drac"
	start_daemon
	relay "accepted_again_after_$1" accepted $listed4
	relay "accepted_again_v6_after_$1" accepted $listed6
	relay "stranger_refused_again_after_$1" refused $other4
}

# A daemon that hangs keeps the client waiting, until the server gives up or
# the sweep that runs each minute ends it; then the client is told to come
# again.
case_hung()
{
	forget
	login "login_before_hang" accepted pop $listed4
	kill -STOP "$daemon"
	local_mail "local_mail_while_daemon_hangs" $other4
	client --from $listed4 smtp $server4 alice@example.org \
	    someone@example.net >"$work/hung" &
	waiting=$!
	[ $gives_up = yes ] && wait $waiting
	inside dracctl sweep --end-hung 2s >/dev/null 2>&1
	wait $waiting
	check "waited_for_a_hung_daemon_and_deferred" 4 \
	    "$(head -c 1 "$work/hung")"
	wait "$daemon" 2>/dev/null
	check "hung_daemon_was_ended" 137 $?
	rm -rf "$root/run/pam_drac"
	start_daemon
	relay "accepted_after_hang" accepted $listed4
}

# Sessions go on while the daemon is killed and comes back, over and over. Each
# is short, for some servers refuse whoever had many errors.
case_restarts()
{
	forget
	login "login_before_restarts" accepted pop $listed4
	: >"$work/go"
	client --from $listed4 hammer $server4 alice@example.org \
	    someone@example.net 5 250 "$work/go" >"$work/listed" &
	listed=$!
	client --from $other4 hammer $server4 alice@example.org \
	    someone@example.net 5 55 "$work/go" >"$work/other" &
	other=$!
	for signal in TERM KILL TERM KILL; do
		sleep 0.5
		kill -$signal "$daemon"
		wait "$daemon" 2>/dev/null
		sleep 0.2
		start_daemon
	done
	rm "$work/go"
	wait $listed $other
	check "nobody_refused_but_for_now" "" \
	    "$(grep '^at [0-9.]* 5' "$work/listed" | head -n 3)"
	check "stranger_never_relayed" "" \
	    "$(grep '^at [0-9.]* 250' "$work/other" | head -n 3)"
	say "# $script: listed: $(tail -n 1 "$work/listed");" \
	    "stranger: $(tail -n 1 "$work/other")"
	rm -rf "$root/run/pam_drac"
	relay "accepted_after_restarts" accepted $listed4
	relay "stranger_refused_after_restarts" refused $other4
}
