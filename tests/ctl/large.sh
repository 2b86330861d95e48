# SPDX-License-Identifier: BSD-2-Clause
# A hundred thousand entries pass through little memory.

entries=100000
fresh 'sync = no'
awk -v n=$entries -v now="$(date +%s)" 'BEGIN {
	for (i = 0; i < n; i++)
		printf "203.%d.%d.%d %d\n", i / 65536, i / 256 % 256,
			i % 256, now + (i % 2 ? 1000 : -1000)
}' | "$fill" "$map" || fail large_fill "exit status $?"

# The sanitizers reserve terabytes of addresses, so no limit for them.
case $build in
*-san) little= ;;
*) little='prlimit --as=16777216' ;;
esac
$little "$ctl" -c "$conf" list >"$tmp/list" 2>"$tmp/err"
is large_list_status '0 ' "$? $(cat "$tmp/err")"
is large_list $((entries + 1)) "$(wc -l <"$tmp/list")"
is large_list_once $entries "$(sed 1d "$tmp/list" | cut -d' ' -f1 |
	sort -u | wc -l)"
$little "$ctl" -c "$conf" list --json >"$tmp/list" 2>"$tmp/err"
is large_json_status '0 ' "$? $(cat "$tmp/err")"
is large_json $entries "$(count "$tmp/list")"

# A reader that has seen enough is no error.
for form in plain json; do
	[ $form = json ] && flag=--json first='[' || flag='' first=ADDRESS
	# shellcheck disable=SC2086
	is "head_of_${form}_list" "$first" "$({
		d list $flag 2>"$tmp/err"
		echo $? >"$tmp/status"
	} | head -1 | cut -d' ' -f1)"
	is "head_of_${form}_list_status" '0 ' \
		"$(cat "$tmp/status") $(cat "$tmp/err")"
done
says large_sweep 0 "^removed $((entries / 2)), kept $((entries / 2))" '' \
	d sweep
says large_clear 0 '^removed every entry$' '' d drop --all
says large_nothing_left 0 '^removed 0, kept 0' '' d sweep
