# SPDX-License-Identifier: BSD-2-Clause
# Many logins from standard input.

# list NAME STATUS LOG [ARGUMENT...]   of the lines in $tmp/in; the last line
# of the log is not to be any other
list() {
	name=$1 want=$2 wanted=$3
	shift 3
	: >"$log"
	l "$@" -l <"$tmp/in" >"$tmp/out" 2>"$tmp/err"
	is "${name}_status" "$want $(: | wc -c)" "$? $(cat "$tmp/out" "$tmp/err" |
		wc -c)"
	if tail -n 1 "$log" | grep -Eq "^authpriv\\.$wanted\$"; then
		ok "$name"
	else
		fail "$name" "not /$wanted/: $(cat "$log")"
	fi
}

# thousand   addresses for lines
thousand() {
	awk 'BEGIN {
		for (i = 0; i < 1000; i++)
			printf "2001:db8::%x:%x user%d imap\n", i / 16 + 1, i % 16, i
	}'
}

fresh
thousand >"$tmp/in"
list list_thousand 0 'info drac-login: list: 1000 authorised, 0 not to be recorded, 0 failed, 0 malformed'
is list_thousand_in_the_map 1000 "$(entries)"
is list_thousand_grants_are_logged 1000 \
	"$(grep -Ec "authorised 2001:db8::.* until $clock for user[0-9]* \\(imap\\)" \
	"$log")"
list list_again 0 'info .*: 1000 authorised, .*, 0 malformed'
is list_again_in_one_line 1 "$(wc -l <"$log")"

# How often the map is opened for them.
if can_trace list_opens_the_map_for_groups; then
	fresh
	: >"$log"
	strace -E LD_PRELOAD="$shim" -o "$tmp/trace" -e trace=openat \
		"$login" -c "$conf" -l <"$tmp/in" 2>/dev/null
	opened=$(grep -c 'dracd.db"' "$tmp/trace")
	is list_opens_the_map_for_groups yes \
		"$([ "$opened" -ge 1 ] && [ "$opened" -le 40 ] && echo yes ||
		echo "$opened times")"
fi

fresh debug
printf '%s\n' '# nobody' '' '  ' '192.0.2.1' '192.0.2.2 bob' \
	'	192.0.2.3	carol	pop3  # her scanner' \
	'192.0.2.4#5' '::ffff:192.0.2.5 dave' >"$tmp/in"
printf '192.0.2.6 erin imap' >>"$tmp/in"
list list_words 0 'info .*: 5 authorised, 0 not .*, 0 failed, 1 malformed' \
	-s list
while read -r from who; do
	is "list_words_of_$from" 1 \
		"$(grep -Ec "authorised $from until $clock for $who\$" "$log")"
done <<'TABLE'
192.0.2.1 - \(list\)
192.0.2.2 bob \(list\)
192.0.2.3 carol \(pop3\)
192.0.2.5 dave \(list\)
192.0.2.6 erin \(imap\)
TABLE
is list_words_wrong 1 "$(grep -c \
	'warning .*: line 7: does not begin with an address: "192.0.2.4#5"' "$log")"

# What makes no sense is skipped, whatever it is.
fresh
{
	printf '192.0.2.1 ok\n'
	printf 'alice 192.0.2.2\n'
	printf '192.0.2.3 a b c\n'
	printf '192.0.2.4 a\000b\n'
	printf '192.0.2.5 %0600d\n' 1
	printf '192.0.2.6\r\n'
	printf '192.0.2.300\n'
	head -c 100000 /dev/zero | tr '\0' x
	printf '\n192.0.2.9 ok\n'
} >"$tmp/in"
list list_malformed 0 'info .*: 2 authorised, 0 not .*, 0 failed, 7 malformed'
is list_malformed_lines 7 "$(grep -c 'warning .*: line [2-8]: ' "$log")"
is list_malformed_short yes \
	"$([ "$(wc -c <"$log")" -lt 2000 ] && echo yes)"
is list_malformed_in_the_map 2 "$(entries)"

# A person reads twenty of them.
awk 'BEGIN { for (i = 0; i < 70; i++) print "x" i; print "192.0.2.1" }' \
	>"$tmp/in"
list list_repeats 0 'info .*: 1 authorised, .*, 70 malformed'
is list_repeats_said 20 "$(grep -c 'line [0-9]*: ' "$log")"
is list_repeats_counted 1 \
	"$(grep -c 'warning .*: 50 more sentences of this kind' "$log")"

fresh 'exclude = 198.51.100.0/24' 'services = imap'
printf '%s imap\n' '192.0.2.1 a' '127.0.0.1 b' '198.51.100.1 c' >"$tmp/in"
printf '192.0.2.2 d pop3\n' >>"$tmp/in"
list list_policy 0 'info .*: 1 authorised, 3 not .*, 0 failed, 0 malformed'
is list_policy_is_not_logged 1 "$(grep -c 'authorised 192.0.2.1 ' "$log")"
is list_policy_in_two_lines 2 "$(wc -l <"$log")"

fresh
thousand >"$tmp/in"
chmod 777 "$lib"
list list_fails 3 'warning .*: 0 authorised, 0 not .*, 1000 failed, 0 malformed'
is list_fails_said 20 "$(grep -c 'err .*: not recorded for user[0-9]* ' "$log")"
chmod 755 "$lib"
: >"$tmp/in"
list list_empty 0 'info .*: 0 authorised, .*, 0 failed, 0 malformed'

logs list_of_a_directory 3 '' 'err .*: standard input: Is a directory' \
	sh -c 'LD_PRELOAD=$1 exec "$2" -c "$3" -l <"$4"' sh \
	"$shim" "$login" "$conf" "$tmp"
configure 'lifetime = never'
thousand >"$tmp/in"
list list_broken_conf 3 \
	'err .*: not recorded for - \(login\): the configuration is broken'

# Who has arrived does not wait for those who have not.
fresh
mkfifo "$tmp/fifo"
l -l <"$tmp/fifo" &
pid=$!
exec 8>"$tmp/fifo"
echo '192.0.2.1 early' >&8
tries=0
until is_in_map 192.0.2.1 || [ $tries -gt 1000 ]; do
	tries=$((tries + 1))
	sleep 0.01
done
map_has list_does_not_wait yes 192.0.2.1
echo '192.0.2.2 late' >&8
exec 8>&-
wait "$pid"
is list_ends_with_its_input 0 $?
map_has list_takes_the_rest yes 192.0.2.2
