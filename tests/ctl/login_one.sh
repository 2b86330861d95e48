# SPDX-License-Identifier: BSD-2-Clause
# The command line, and one login without a command.

configure
for flag in -h --help; do
	logs "help_$flag" 0 '^usage: drac-login ' '' "$login" "$flag"
done
for flag in -V --version; do
	logs "version_$flag" 0 '^drac-login [0-9]' '' "$login" "$flag"
done

# Each is refused with one sentence before anything is done.
while IFS='|' read -r name sentence words; do
	: >"$log"
	# shellcheck disable=SC2086
	l $words >"$tmp/out" 2>"$tmp/err" </dev/null
	is "usage_refuses_${name}_status" 2 $?
	is "usage_refuses_$name" "1 0" \
		"$(grep -c "^drac-login: .*$sentence" "$tmp/err") $(
		cat "$log" "$tmp/out" | wc -c)"
done <<'TABLE'
nothing|one of -a, -e and -l|
command_alone|one of -a, -e and -l|-- true
a_and_e|exclude each other|-a 192.0.2.7 -e IP
l_and_a|-l takes no -a|-l -a 192.0.2.7
l_and_e|-l takes no -a|-l -e IP
l_and_u|-l takes no -a|-l -u alice
l_and_command|-l takes no command|-l -- true
name_with_equals|not the name of a variable|-e IP=192.0.2.7
unknown_letter|invalid option -- 'z'|-a 192.0.2.7 -z
unknown_word|unrecognized option '--foo'|-a 192.0.2.7 --foo
a_without_address|requires an argument|-a
TABLE
is usage_did_nothing no "$([ -e "$lib" ] && echo yes || echo no)"

fresh 'exclude = 198.51.100.0/24'
logs one_is_recorded 0 '' \
	"^authpriv\\.info drac-login: authorised 192\\.0\\.2\\.7 until $clock for alice \\(imap\\)\$" \
	l -a 192.0.2.7 -u alice -s imap
map_has one_is_in_the_map yes 192.0.2.7
logs one_again_names_the_user 0 '' \
	"^authpriv\\.info .*: 192\\.0\\.2\\.7 is already authorised until $clock, for bob \\(pop3\\) too\$" \
	l -a 192.0.2.7 -u bob -s pop3
logs one_of_nobody 0 '' "authorised 192.0.2.8 until $clock for - \\(login\\)\$" \
	l -a 192.0.2.8
logs one_of_user 0 '' "for bob \\(login\\)\$" \
	env USER=bob LD_PRELOAD="$shim" "$login" -c "$conf" -a 192.0.2.9
logs one_of_user_or_u 0 '' "for carol \\(login\\)\$" \
	env USER=bob LD_PRELOAD="$shim" "$login" -c "$conf" -u carol \
	-a 192.0.2.10
logs one_odd_user 0 '' 'for a\\x0ab\\x22 \(c\\x20d\)$' \
	l -a 192.0.2.11 -u 'a
b"' -s 'c d'
logs one_ipv6 0 '' 'authorised 2001:db8::7 until' l -a 2001:DB8:0::7
logs one_mapped_is_ipv4 0 '' 'authorised 192\.0\.2\.12 until' \
	l -a ::ffff:192.0.2.12
logs one_from_environment 0 '' 'authorised 192\.0\.2\.13 until' \
	env TCPREMOTEIP=192.0.2.13 LD_PRELOAD="$shim" "$login" -c "$conf" \
	-e TCPREMOTEIP

before=$(entries)
while read -r text word; do
	logs "one_refuses_$word" 1 '' \
		"^authpriv\\.info .*: not recorded for - \\(login\\): $text is never recorded: $word\$" \
		l -a "$text"
done <<'TABLE'
127.0.0.1 loopback
:: unspecified
fe80::1 link-local
224.0.0.1 multicast
255.255.255.255 reserved
TABLE
logs one_refuses_excluded 1 '' \
	'info .*198.51.100.7 is in 198.51.100.0/24, which is excluded$' \
	l -a 198.51.100.7
for text in mail.example.org 127.1 010.0.0.1 192.0.2.7:25 '[2001:db8::7]' \
	fe80::1%eth0 192.0.2.0/24 ' 192.0.2.7'; do
	logs "one_refuses_'$text'" 1 '' \
		'^authpriv\.warning .*remote host ".*" is not an address$' \
		l -a "$text"
done
logs one_refuses_variable 1 '' 'warning .*: IP="x\\x20y" is not an address$' \
	env IP='x y' LD_PRELOAD="$shim" "$login" -c "$conf" -e IP
logs one_without_variable 1 '' 'info .*: no remote host in IP$' l -e IP
logs one_empty 1 '' 'info .*: no remote host$' l -a ''
is one_refused_is_not_in_the_map "$before" "$(entries)"

fresh 'services = imap pop3'
logs services_counts 0 '' 'authorised 192.0.2.7' l -a 192.0.2.7 -s IMAP
logs services_refuses 1 '' \
	'info .*\(smtp\): the service is not among services=$' \
	l -a 192.0.2.8 -s smtp
map_has services_refused_is_not_in_the_map no 192.0.2.8

# on_terminal NAME ERE ARGUMENT...   what a person sees
on_terminal() {
	name=$1 wanted=$2
	shift 2
	printf '#!/bin/sh\nLD_PRELOAD=%s exec %s -c %s %s\n' "$shim" "$login" \
		"$conf" "$*" >"$tmp/typed"
	chmod +x "$tmp/typed"
	: >"$log"
	script -qec "$tmp/typed" /dev/null >"$tmp/out" 2>&1 </dev/null
	if tr -d '\r' <"$tmp/out" | grep -Eq "$wanted"; then
		ok "$name"
	else
		fail "$name" "not /$wanted/: $(cat "$tmp/out")"
	fi
}
fresh
on_terminal terminal_recorded '^drac-login: authorised 192.0.2.7' -a 192.0.2.7
on_terminal terminal_again '^drac-login: 192.0.2.7 is already' -a 192.0.2.7
on_terminal terminal_refused 'drac-login: not recorded .*: loopback' -a ::1
on_terminal terminal_leaves_the_command_alone '^hello$' \
	-a 192.0.2.8 -- echo hello
is terminal_of_the_command_is_quiet 1 "$(wc -l <"$tmp/out")"
