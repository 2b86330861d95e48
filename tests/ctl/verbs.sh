# SPDX-License-Identifier: BSD-2-Clause
# What each verb does to a map that is well.

configure
says init_makes_the_directory 0 "^made the directory $tmp/lib$" '' d init
is init_directory_mode 755 "$(stat -c %a "$lib")"
says init_again 0 "^the map $map is there already$" '' d init
rm -rf "$lib"
mkdir "$lib"
says init_makes_the_map 0 "^made the map $map$" '' d init
d add 192.0.2.7 -q
says init_again_quiet 0 '' '' d init -q
says init_keeps_entries 0 '^192.0.2.7 is authorised' '' d show 192.0.2.7

# An odd umask is not the map's mode, nor the directory's.
for mask in 077 000 027; do
	for mode in 0644 0600 0640; do
		configure "mode = $mode"
		rm -rf "$lib"
		(umask $mask && d init -q && d add 192.0.2.7 -q)
		is "init_mode_${mode}_umask_$mask" "755 ${mode#0}" \
			"$(stat -c %a "$lib" "$map" | xargs)"
	done
done

fresh
says list_empty 0 '^ADDRESS {34}EXPIRES {15}REMAINING$' '' d list
is list_empty_one_line 1 "$(wc -l <"$tmp/out")"
says list_json_empty 0 '^\[$' '' d list --json
is list_json_empty_valid 0 "$(count "$tmp/out")"
put 192.0.2.7 1770
put 192.0.2.8 -12
put 2001:db8::7 90061
says list_row 0 "^192\\.0\\.2\\.7 {32}$utc  29m (30|29|28)s$" '' d list
says list_row_expired 0 \
	"^192\\.0\\.2\\.8 {32}$utc  expired 1[2-9]s ago$" '' d list
says list_row_of_days 0 "^2001:db8::7 {30}$utc  1d 1h$" '' d list
is list_lines 4 "$(wc -l <"$tmp/out")"
is list_aligned '1 42 64' "$(awk '{ print index($0, $1), index($0, $2),
	index($0, NR > 1 ? substr($0, 64) : $3) }' "$tmp/out" | sort -u)"
d list --json >"$tmp/out"
is list_json_valid 3 "$(count "$tmp/out")"
is list_json_one_object_a_line 3 "$(grep -c '^{.*},\?$' "$tmp/out")"
is list_json_remaining '-' "$(perl -MJSON::PP -0777 -ne '
	for (@{decode_json($_)}) {
		my $off = $_->{expires} - $_->{remaining} - time;
		die "off by $off" if abs($off) > 2;
		print "-" if $_->{remaining} < 0 && $_->{address} eq "192.0.2.8";
	}' "$tmp/out" 2>&1)"

says show_yes 0 "^192\\.0\\.2\\.7 is authorised until $utc \\(29m" '' \
	d show 192.0.2.7
says show_mapped_is_ipv4 0 '^192\.0\.2\.7 is auth' '' d show ::ffff:192.0.2.7
says show_other_spelling 0 '^2001:db8::7 is auth' '' \
	d show 2001:0DB8:0:0:0:0:0:7
says show_expired 1 "^192\\.0\\.2\\.8 is not authorised: expired $utc" '' \
	d show 192.0.2.8
says show_missing 1 '^192\.0\.2\.9 is not authorised: not in the map$' '' \
	d show 192.0.2.9
says show_json_yes 0 '^\{"address":"192.0.2.7","expires":[0-9]+,"rem' '' \
	d show 192.0.2.7 --json
says show_json_first 0 '^\{"address":"192.0.2.7"' '' d show --json 192.0.2.7
says show_json_expired 1 '"remaining":-[0-9]+,"closed":null\}$' '' d show 192.0.2.8 --json
says show_json_missing 1 '"expires":null,"remaining":null,"closed":null\}$' '' \
	d show 192.0.2.9 --json
is show_json_valid ok "$(perl -MJSON::PP -0777 -ne \
	'decode_json($_); print "ok"' "$tmp/out" 2>&1)"

fresh 'lifetime = 20m' 'exclude = 198.51.100.0/24'
says add_for_the_lifetime 0 \
	"^192.0.2.7 is authorised until $utc \\(20m 0s\\)$" '' d add 192.0.2.7
says add_is_seen 0 '\((20m 0|19m 5[89])s left\)$' '' d show 192.0.2.7
says add_lifetime_longer 0 '\(2h 0m\)$' '' d add 192.0.2.7 --lifetime 2h
says add_never_shortens 0 'is authorised already until .*\((2h 0|1h 59)m\)$' \
	'' d add 192.0.2.7
says add_kept_the_longer 0 '\((2h 0|1h 59)m left\)$' '' d show 192.0.2.7
says add_lifetime_shortens 0 '\(1m 0s\)$' '' d add --lifetime=60 192.0.2.7
says add_shortened 0 '\((1m 0|5[89])s left\)$' '' d show 192.0.2.7
says add_ipv6 0 '^2001:db8::7 is auth' '' d add 2001:db8::7
says show_left_out 0 '^but not for a Postfix that reads the file' '' \
	d show 2001:db8::7
d add -q 2001:db8:1:2::7
d show 2001:db8:1:2::7 >"$tmp/shown"
is show_not_left_out 0 "$(grep -c Postfix "$tmp/shown")"
d drop -q 2001:db8:1:2::7
says add_quiet 0 '' '' d add -q 192.0.2.8
says add_excluded_warns 0 '^198.51.100.7 is auth' \
	'^dracctl: warning: 198.51.100.7 is excluded' d add 198.51.100.7
says add_excluded_is_seen 0 'is auth' '' d show 198.51.100.7
while read -r text word; do
	says "add_refuses_${word}_$text" 1 '' "$text is never recorded \\($word\\)" \
		d add "$text"
	says "add_refused_${word}_$text" 1 'not in the map' '' d show "$text"
done <<'TABLE'
127.0.0.1 loopback
::1 loopback
0.0.0.0 unspecified
:: unspecified
169.254.0.1 link-local
fe80::1 link-local
224.0.0.1 multicast
ff02::1 multicast
255.255.255.255 reserved
TABLE
says add_after_dashes 0 '^192.0.2.9 is auth' '' d add -- 192.0.2.9

says drop_one 0 '^removed 192\.0\.2\.7$' '' d drop 192.0.2.7
says drop_is_seen 1 'not in the map' '' d show 192.0.2.7
says drop_not_there 1 '^192\.0\.2\.7 was not in the map$' '' d drop 192.0.2.7
says drop_quiet 0 '' '' d drop 192.0.2.8 --quiet
says drop_quiet_not_there 1 '' '' d drop 192.0.2.8 --quiet
says drop_keeps_others 0 '^2001:db8::7 is auth' '' d show 2001:db8::7
says drop_all 0 '^removed every entry$' '' d drop --all
d list --json >"$tmp/out"
is drop_all_left_nothing 0 "$(count "$tmp/out")"
says drop_all_again 0 '^removed every entry$' '' d drop --all
says drop_all_quiet 0 '' '' d drop --all -q

fresh
says sweep_empty 0 '^removed 0, kept 0$' '' d sweep
for last in 1 2 3 4 5; do
	put "192.0.2.$last" -5
	put "203.0.113.$last" 500
done
says sweep_limited 0 '^removed 2, kept [0-5], more to remove$' '' \
	d sweep --limit 2
d list --json >"$tmp/out"
is sweep_limited_left 8 "$(count "$tmp/out")"
says sweep_rest 0 '^removed 3, kept 5$' '' d sweep
d list --json >"$tmp/out"
is sweep_left 5 "$(count "$tmp/out")"
is sweep_left_no_expired 0 "$(grep -c '"remaining":-' "$tmp/out")"

# The clock was a day ahead while two logged in.
fresh 'lifetime = 30m'
ahead=$(($(date +%s) + 86400))
printf '192.0.2.%d '$((ahead + 1800))'\n' 7 8 | "$fill" "$map" $ahead
put 192.0.2.9 500
says step_back_sweep 0 '^removed 0, kept 3$' \
	'the clock went back by 86[34][0-9][0-9] s: 2 entries shortened$' d sweep
d list --json >"$tmp/out"
is step_back_shortened '3 0' "$(count "$tmp/out") $(
	grep -Ec '"remaining":([0-9]{5}|(19|[2-9][0-9])[0-9]{2}[,}])' "$tmp/out")"
says step_back_is_over 0 '^removed 0, kept 3$' '' d sweep

fresh
put 192.0.2.1 -5
says sweep_quiet 0 '' '' d sweep -q
says sweep_quiet_swept 1 'not in the map' '' d show 192.0.2.1
