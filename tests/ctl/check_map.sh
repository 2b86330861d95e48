# SPDX-License-Identifier: BSD-2-Clause
# The map, who keeps it, who sweeps it, and what is in it.

dir=${map%/*}
at=${map#"$root"}

host
rm "$map"
complains map_missing map-missing "$at"
d init -q
content map_made
rm -r "$dir"
complains map_directory_missing map-missing "${at%/*}"
d init -q
content map_directory_made
for mode in 775 757; do
	chmod $mode "$dir"
	complains "map_unsafe_$mode" map-unsafe "${at%/*}"
done
chmod go-w "$dir"
chmod 664 "$map"
complains map_unsafe_file map-unsafe "$at"
chmod go-w "$map"
content map_safe
chmod 777 "$root/var"
complains map_unsafe_above map-unsafe /var
chmod 1777 "$root/var"
content map_safe_above
chmod 755 "$root/var"
mv "$map" "$map.other"
ln -s dracd.db.other "$map"
complains map_link map-unsafe "$at"
says map_link_advice 1 'name of the file that it leads to' '' c
rm "$map"
mv "$map.other" "$map"
content map_itself
printf '%0512d' 7 | dd of="$map" bs=512 seek=1 conv=notrunc status=none
complains map_damaged map-damaged "$at"
d sweep -q 2>/dev/null
content map_mended
d drop 192.0.2.66 --for 1h -q
says map_closed_is_counted 0 '^Closed: 1 ' '' c
truncate -s -1 "$map.closed"
complains map_closed map-closed "$at"
rm "$map.closed"
content map_closed_mended

if [ "$(id -u)" -eq 0 ]; then
	chown 65534 "$map"
	complains map_owner map-owner "$at"
	d init -q
	content map_given_back
	chown 65534 "$dir"
	says map_directory_owner 1 \
		"^${at%/*}: .* database = /var/lib/drac/dracd.db .*\\(map-owner\\)$" \
		'' c
else
	skip map_owner 'needs root'
	echo map-owner >>"$tmp/provoked"
fi
host 'server = local' "user = $me"
sed -i 's/^user = .*/user = nobody-of-this-name/' "$root/etc/drac/drac.conf"
says map_no_such_user 1 "^$at: There is no user.*\\(map-owner\\)$" '' c

map=$dir/dracd.map
host
has_postfix "$relay btree:${map#"$root"}, $final"
complains map_name map-name "${map#"$root"}"
map=$dir/dracd.db

# Sweeping
host
touch -d '10 minutes ago' "$map.lock"
complains sweep_late sweep "$at"
touch -d 'now + 1 hour' "$map.lock"
complains sweep_to_come_is_none sweep "$at"
has_postfix "$relay btree:$base, $final"
says sweep_late_is_loud 1 '^DANGER: .*authorised for ever' '' c
sweep
content sweep_came
put 192.0.2.9 -1000
complains sweep_left sweep "$at"
says sweep_left_says_how_many 1 ' 1 entries expired' '' c
sweep
content sweep_removed
put 192.0.2.9 -100
content sweep_to_come

# Left out for Postfix
host
put 2001:db8::7 500
put 2001:db8:1:2::7 500
content left_out_of_a_map_that_is_not_read
has_postfix "$relay btree:$base, $final"
complains left_out map-left-out 2001:db8::7
says left_out_is_counted 1 '\(1 such entries\)' '' c
d drop -q 2001:db8::7
content left_out_dropped
host 'readers = sendmail, exim'
has_postfix "$relay btree:$base, $final"
says readers_without_postfix 1 '^DANGER: .*\(postfix-readers\)$' '' c
complains readers_without_postfix_alone postfix-readers /etc/drac/drac.conf

# Own addresses
with_address() {
	alone sh -c '
		ip link set lo up && ip addr add 192.0.2.7/32 dev lo &&
		exec "$@"' sh "$@"
}
host
put 192.0.2.7 500
put 192.0.2.8 500
if with_address true 2>/dev/null; then
	content own_address_of_another_host
	echo map-own-address >>"$tmp/provoked"
	says own_address 1 '^DANGER: 192.0.2.7: .*\(map-own-address\)$' '' \
		with_address "$ctl" check --root "$root"
	is own_address_alone 1 "$(grep -c . "$tmp/out")"
	d drop -q 192.0.2.7
	says own_address_dropped 0 '^Nothing' '' \
		with_address "$ctl" check --root "$root"
else
	skip own_address 'no network namespace to be had'
	echo map-own-address >>"$tmp/provoked"
fi

# The gateway
with_gateway() {
	alone sh -c '
		ip link add wire type veth peer name end &&
		ip link set wire up && ip link set end up &&
		ip addr add 198.51.100.1/24 dev wire &&
		ip route add default via 198.51.100.9 &&
		exec "$@"' sh "$@"
}
host
sed -i '/^allow_gateway/d' "$root/etc/drac/drac.conf"
put 198.51.100.9 500
put 198.51.100.8 500
if with_gateway true 2>/dev/null; then
	content gateway_of_another_host
	echo map-gateway >>"$tmp/provoked"
	says gateway 1 '^DANGER: 198.51.100.9: .*\(map-gateway\)$' '' \
		with_gateway "$ctl" check --root "$root"
	is gateway_alone 1 "$(grep -c . "$tmp/out")"
	says gateway_explained 0 \
		"^198.51.100.9 is this host's default gateway, and allow" '' \
		with_gateway "$ctl" explain --root "$root" 198.51.100.9
	says gateway_explained_others 0 '^198.51.100.8 may be recorded' '' \
		with_gateway "$ctl" explain --root "$root" 198.51.100.8
	echo 'allow_gateway = yes' >>"$root/etc/drac/drac.conf"
	says gateway_allowed 0 '^Nothing' '' \
		with_gateway "$ctl" check --root "$root"
else
	skip gateway 'no network namespace to be had'
	echo map-gateway >>"$tmp/provoked"
fi

# Units
unit=lib/systemd/system/dovecot.service
host
file $unit '[Unit]' 'ProtectSystem=strict' '[Service]' 'ProtectSystem=full'
content unit_full
file $unit '[Service]' 'PrivateTmp=true' 'ProtectSystem=strict'
complains unit_strict unit "/$unit:3"
file etc/systemd/system/dovecot.service.d/drac.conf '[Service]' \
	'ReadWritePaths=-/var/lib/drac'
content unit_drop_in
file etc/systemd/system/dovecot.service.d/drac.conf '[Service]' \
	'ReadWritePaths=-/var/lib/dra'
complains unit_drop_in_for_another unit "/$unit:3"
file etc/systemd/system/dovecot.service.d/drac.conf '[Service]' \
	'StateDirectory=drac'
content unit_state_directory
file etc/systemd/system/dovecot.service '[Service]' 'ProtectSystem=no'
content unit_replaced
map=$root/etc/mail/dracd.db
host
file $unit '[Service]' 'ProtectSystem=full'
complains unit_below_etc unit "/$unit:2"
file etc/systemd/system/dovecot.service.d/drac.conf '[Service]' \
	'ReadWritePaths=-/etc/mail'
content unit_below_etc_allowed
map=$dir/dracd.db

# Locks that are not given back
host
for held in "$map" "$map.lock"; do
	: >>"$map.lock"
	mkfifo "$tmp/held"
	perl -MFcntl=:flock -e 'open F, "<", shift; flock F, LOCK_SH;
		open G, ">", shift; print G "\n"; close G; sleep 1000' \
		"$held" "$tmp/held" &
	holder=$!
	read -r _ <"$tmp/held"
	complains "locked ${held##*/}" map-lock "${held#"$root"}"
	is "locked ${held##*/} by" 1 \
		"$(grep -c -e "by process $holder (perl)\." -e 'by a process' "$tmp/out")"
	kill "$holder"
	wait "$holder" 2>/dev/null
	rm "$tmp/held"
done
content locked_no_more

# Where logins note that a server does not answer
host 'server = 192.0.2.25'
content breaker_is_made_at_need
mkdir "$root/run/pam_drac"
content breaker_is_there
chmod 777 "$root/run/pam_drac"
complains breaker_is_open_to_all breaker /run/pam_drac
rm -rf "$root/run/pam_drac"
ln -s /tmp "$root/run/pam_drac"
complains breaker_is_a_link breaker /run/pam_drac
host 'server = 192.0.2.25'
file $unit '[Service]' 'ProtectSystem=strict'
complains breaker_of_a_unit breaker "/$unit:2"
file etc/systemd/system/dovecot.service.d/drac.conf '[Service]' \
	'ReadWritePaths=-/run/pam_drac'
content breaker_of_a_unit_allowed
host
chmod 777 "$root/run"
mkdir -m 777 "$root/run/pam_drac"
content breaker_of_nobody

# The daemon
dracd=$build/rpc.dracd
daemon=
stop_daemon() {
	[ -z "$daemon" ] || { kill "$daemon"; wait "$daemon"; } 2>/dev/null
	daemon=
}
trap 'stop_daemon; rm -rf "$tmp"' EXIT
start_daemon() {
	"$dracd" -f -c "$conf" >"$tmp/log" 2>&1 </dev/null &
	daemon=$!
	tries=0
	until d status >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -le 1000 ] && kill -0 "$daemon" 2>/dev/null || {
			fail start_daemon "$(cat "$tmp/log")"
			break
		}
		sleep 0.01
	done
}

host 'server = local' "user = $me" "lookup = $root/run/lookup.sock"
complains daemon_silent daemon-silent /run/dracd.sock
start_daemon
content daemon_answers
is daemon_is_told 1 "$(grep -c 'kept by rpc.dracd' "$tmp/out")"
sed -i '/^server/d' "$root/etc/drac/drac.conf"
complains daemon_mixed daemon-mixed '/etc/pam.d/dovecot:[0-9]+'
sed -i 's/^account.*/& server=local/' "$root/etc/pam.d/dovecot"
content daemon_told_by_the_line
echo "allow_users = daemon" >>"$root/etc/drac/drac.conf"
chmod 660 "$root/run/dracd.sock"
complains daemon_socket daemon-socket /run/dracd.sock
chmod 666 "$root/run/dracd.sock"
content daemon_socket_open
rm "$root/etc/pam.d/dovecot"
content daemon_told_by_others
stop_daemon

# Hosts that report to others need no map, and those that are told no PAM.
host
rm -r "$dir"
echo 'server = 192.0.2.26:2526' >>"$root/etc/drac/drac.conf"
content no_map_needed
host "user = $me"
rm "$root/etc/pam.d/dovecot"
printf '%s\n' 'listen = 192.0.2.26' 'port = 2526' 'allow = 192.0.2.25' \
	>>"$root/etc/drac/drac.conf"
complains no_service_needed_but_a_daemon daemon-silent /run/dracd.sock
sed -i '/^allow/d' "$root/etc/drac/drac.conf"
complains no_service_nor_reports pam-none /etc/pam.d
