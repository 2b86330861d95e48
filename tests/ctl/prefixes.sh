# SPDX-License-Identifier: BSD-2-Clause
# prefix4 and prefix6: an address stands for its network, in the file and with
# a daemon.

# nets ROAD   the same on each road
nets() {
	says "$1_add" 0 '^192.0.2.7 is auth' '' d add 192.0.2.7
	d add -q 192.0.2.9
	d add -q 2001:db8:77::7
	says "$1_neighbour" 0 '^192.0.2.8 is authorised until' '' \
		d show 192.0.2.8
	says "$1_neighbour_v6" 0 '^2001:db8:77::1:8 is auth' '' \
		d show 2001:db8:77:0:0:0:1:8
	says "$1_outside" 1 '^192.0.3.7 is not authorised' '' d show 192.0.3.7
	says "$1_outside_v6" 1 'is not authorised' '' d show 2001:db8:77:1::7
	d list --json >"$tmp/out"
	is "$1_list_has_who_logged_in" 3 "$(count "$tmp/out")"
	says "$1_drop" 0 '^removed 192.0.2.9$' '' d drop 192.0.2.8
	is "$1_drop_takes_all_that_open_it" '192.0.2.7 192.0.2.9' \
		"$(sed -n 's/^removed //p' "$tmp/out" | sort | xargs)"
	says "$1_dropped" 1 'is not authorised' '' d show 192.0.2.8
	says "$1_dropped_own" 1 'is not authorised' '' d show 192.0.2.7
	says "$1_drop_nothing" 1 '^192.0.2.8 was not in the map$' '' \
		d drop 192.0.2.8
	says "$1_other_net_stays" 0 'is auth' '' d show 2001:db8:77::8
	says "$1_excluded_net" 0 '^203.0.113.7 is auth' '' d add 203.0.113.7
	says "$1_excluded_net_is_closed" 1 'is not authorised' '' \
		d show 203.0.113.8
	says "$1_excluded_itself" 1 'is not authorised' '' d show 203.0.113.25
}

# keys WANTED...   what is in the file, addresses and networks
keys() {
	is "$1" "$2" "$(db5.3_dump -p "$map" | sed '1,/^HEADER=END$/d' |
		awk 'NR % 2 == 1 && $1 != "DATA=END" { print $1 }' | sort |
		xargs)"
}

bits='prefix4 = 24'
bits6='prefix6 = 64'
proxy='exclude = 203.0.113.25'
fresh "$lines" "$bits" "$bits6" "$proxy"
nets nets_direct
keys nets_direct_keys \
	'2001:db8:77: 2001:db8:77:0 2001:db8:77::7/128 203.0.113.7'
fresh "$lines" "$bits" "$bits6" "$proxy"
start_daemon
nets nets_daemon
keys nets_daemon_keys \
	'2001:db8:77: 2001:db8:77:0 2001:db8:77::7/128 203.0.113.7'
stop_daemon
configure "$lines"
start_daemon
keys nets_of_before_are_closed_at_the_start '2001:db8:77::7/128 203.0.113.7'
says nets_without_prefix 1 'is not authorised' '' d show 2001:db8:77::8
stop_daemon
