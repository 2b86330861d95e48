# SPDX-License-Identifier: BSD-2-Clause
# The command line. None of this needs a map.

configure
for flag in -h --help; do
	says "help_$flag" 0 '^usage: dracctl ' '' "$ctl" "$flag"
	says "help_of_a_verb_$flag" 0 '^usage: dracctl ' '' d list "$flag"
done
for flag in -V --version; do
	says "version_$flag" 0 '^dracctl [0-9]' '' "$ctl" "$flag"
done
for verb in init list show add drop sweep status ask check explain; do
	says "help_tells_$verb" 0 "^  $verb " '' "$ctl" --help
done

says usage_no_verb 2 '' 'no verb' "$ctl"
says usage_no_verb_after_conf 2 '' 'no verb' d
says usage_unknown_verb 2 '' 'unknown verb: explode' "$ctl" explode
says usage_verb_is_whole 2 '' 'unknown verb: lis ' "$ctl" lis
says usage_conf_without_file 2 '' "requires an argument" "$ctl" -c
says usage_unknown_letter 2 '' "invalid option -- 'z'" "$ctl" -z list
says usage_unknown_word 2 '' "unrecognized option '--foo'" "$ctl" --foo
says usage_help_behind_a_verb 0 '^usage: ' '' d show -h
says usage_help_behind_dashes_is_no_address 2 '' 'not an address: -h' \
	d show -- -h
says usage_unknown_letter_of_verb 2 '' "invalid option -- 'z'" d list -z
says usage_unknown_word_of_verb 2 '' "'--foo'" d show 192.0.2.7 --foo

says usage_all_in_full 2 '' "written in full: --al" d drop --al

# Each option only where it means something.
while read -r name words; do
	# shellcheck disable=SC2086
	says "usage_refuses_$name" 2 '' "takes no --" d $words
done <<'TABLE'
list_all list --all
list_quiet list -q
list_lifetime list --lifetime 1m
show_all show --all
add_json add 192.0.2.7 --json
add_all add --all
drop_json drop 192.0.2.7 --json
drop_lifetime drop 192.0.2.7 --lifetime 1m
sweep_json sweep --json
sweep_all sweep --all
init_limit init --limit 1
list_daemon list --daemon
status_quiet status -q
ask_json ask local 192.0.2.7 --json
add_tcp add 192.0.2.7 --tcp
check_as check --as exim
check_quiet check -q
explain_pam explain --pam dovecot 192.0.2.7
list_root list --root /
TABLE

while read -r name words; do
	# shellcheck disable=SC2086
	says "usage_refuses_$name" 2 '' \
		"takes (no operand|one address|a server and an address)$" \
		d $words
done <<'TABLE'
init_operand init 192.0.2.7
list_operand list 192.0.2.7
sweep_operand sweep 192.0.2.7
show_nothing show
show_two show 192.0.2.7 192.0.2.8
add_nothing add
add_two add 192.0.2.7 192.0.2.8
drop_nothing drop
drop_two drop 192.0.2.7 192.0.2.8
drop_all_and_one drop --all 192.0.2.7
drop_one_and_all drop 192.0.2.7 --all
status_operand status local
check_operand check 192.0.2.7
explain_nothing explain
explain_two explain 192.0.2.7 192.0.2.8
ask_nothing ask
ask_one ask local
ask_three ask local 192.0.2.7 192.0.2.8
TABLE

for text in 127.1 010.0.0.1 192.0.2 192.0.2.256 192.0.2.0/24 192.0.2.7:25 \
	'[2001:db8::7]' fe80::1%eth0 2001:db8::7::1 mail.example.org ' ' ''; do
	says "usage_refuses_address_'$text'" 2 '' 'not an address' d show "$text"
done
for text in 0 0s 1500ms 366d 99999999999999s; do
	says "usage_refuses_lifetime_$text" 2 '' "lifetime: not (1s|whole).*$text" \
		d add 192.0.2.7 --lifetime "$text"
done
for text in '' -1 30x 1.5h 'm' '1 m' 99999999999999999999s; do
	says "usage_refuses_lifetime_'$text'" 2 '' '--lifetime: not a dur' \
		d add 192.0.2.7 --lifetime "$text"
done
for text in '' 0 -1 x 1x ' 1' +1 99999999999999999999999; do
	says "usage_refuses_limit_'$text'" 2 '' '--limit: not a number' \
		d sweep --limit "$text"
done
for text in '' qmail Postfix; do
	says "usage_refuses_as_'$text'" 2 '' '--as: not postfix, sendmail or' \
		d explain 192.0.2.7 --as "$text"
done
for text in '' /etc/pam.d/dovecot a/b; do
	says "usage_refuses_pam_'$text'" 2 '' '--pam: not the name of a serv' \
		d check --pam "$text"
done
for text in '' here ../there; do
	says "usage_refuses_root_'$text'" 2 '' '--root: not a full path' \
		d check --root "$text"
done
for text in '' 127.1 010.0.0.1 192.0.2.1:0 192.0.2.1:65536 local:700 \
	'[192.0.2.1]:700' '2001:db8::1:' a/b 'local,mail.example.org' \
	'/run/drac/dracd.sock'; do
	says "usage_refuses_server_'$text'" 2 '' '^dracctl: server: ' \
		d ask "$text" 192.0.2.7
done
says usage_refuses_tcp_to_local 2 '' 'local takes no --tcp' \
	d ask --tcp local 192.0.2.7
