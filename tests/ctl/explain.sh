# SPDX-License-Identifier: BSD-2-Clause
# dracctl explain: what each server is told, in its order, and why.

# e ARGUMENT...   dracctl explain on that host
e() {
	"$ctl" explain --root "$root" "$@"
}

# steps   what was looked for, of the JSON in $tmp/out
steps() {
	perl -MJSON::PP -0777 -ne '
		for my $server (@{decode_json($_)->{servers}}) {
			print map { $_->{key} . ($_->{nul} ? "0" : "") .
			    (defined $_->{value} ? "=" : "") . " " }
			    @{$server->{lookups}};
		}' "$tmp/out" 2>&1
}

# looks NAME WANTED ARGUMENT...
looks() {
	name=$1 want=$2
	shift 2
	e --json "$@" >"$tmp/out" 2>/dev/null
	is "$name" "$want " "$(steps)"
}

host
put 192.0.2.7 600
put 192.0.2.9 -60
put 2001:db8::7 600
says explain_yes 0 '^The map has it until .*Z \((10m 0|9m 5[0-9])s left\)' '' \
	e 192.0.2.7
is explain_yes_three 3 "$(grep -c ': relays\.$' "$tmp/out")"
is explain_yes_lookup 1 "$(grep -c 'would say yes\.$' "$tmp/out")"
is explain_yes_recordable 1 "$(grep -c 'may be recorded' "$tmp/out")"
says explain_missing 1 '^It is not in the map\.$' '' e 192.0.2.8
is explain_missing_none 3 "$(grep -c ': does not relay\.$' "$tmp/out")"
says explain_expired 1 'expired .* ago\), and was not swept yet' '' e 192.0.2.9
is explain_expired_postfix_alone Postfix: \
	"$(sed -n 's/ relays\.$//p' "$tmp/out")"
says explain_expired_postfix 0 'does not compare it with the clock' '' \
	e 192.0.2.9 --as postfix
for server in sendmail exim; do
	says "explain_expired_$server" 1 'it is over' '' \
		e 192.0.2.9 --as $server
done
says explain_mapped 0 '^192.0.2.7 may be' '' e ::ffff:192.0.2.7 --as exim
says explain_ipv6 0 '^2001:db8::7 may be' '' e 2001:DB8:0::7
says explain_loopback 1 '^127.0.0.1 is never recorded \(loopback\)' '' \
	e 127.0.0.1
echo 'exclude = 192.0.2.0/24' >>"$root/etc/drac/drac.conf"
says explain_excluded 0 'is excluded by 192.0.2.0/24' '' e 192.0.2.7
says explain_json 0 '"recordable":false,"ban":"excluded by' '' \
	e --json 192.0.2.7

host
put 192.0.2.7 600
put 2001:db8::7 600
looks explain_postfix_found '192.0.2.70 192.0.2.7=' --as postfix 192.0.2.7
looks explain_postfix_prefixes '192.0.2.90 192.0.2.9 192.0.20 192.0.2 192.00 192.0 1920 192' \
	--as postfix 192.0.2.9
looks explain_postfix_ipv6 '2001:db8:1::90 2001:db8:1::9 2001:db8:1:0 2001:db8:1: 2001:db8:10 2001:db8:1 2001:db80 2001:db8 20010 2001' \
	--as postfix 2001:db8:1::9
looks explain_exim 192.0.2.7= --as exim 192.0.2.7
looks explain_exim_missing 192.0.2.9 --as exim 192.0.2.9
looks explain_sendmail 192.0.2.7= --as sendmail 192.0.2.7
looks explain_sendmail_missing '192.0.2.9 192.0.2.90' --as sendmail 192.0.2.9
looks explain_sendmail_ipv6 2001:db8::7= --as sendmail 2001:db8::7
cf "$k" false '' '' "$short"
looks explain_sendmail_classic_ipv6 \
	'ipv6:2001:db8:0:0:0:0:0:7 ipv6:2001:db8:0:0:0:0:0:70' \
	--as sendmail 2001:db8::7
looks explain_sendmail_classic 192.0.2.7= --as sendmail 192.0.2.7
mkdir -p "$root/etc/mail"
ln -s ../../var/lib/drac/dracd.db "$root/etc/mail/dracd.db"
cf "Kdrac btree /etc/mail/dracd" false '' '' "$short"
says explain_sendmail_link 0 'counts until it is swept' '' \
	e --as sendmail 192.0.2.7
cf "$k" false '' '' "$short"
says explain_sendmail_short 0 'counts until it is swept' '' \
	e --as sendmail 192.0.2.7
cf "$k" true '' '' "$short"
looks explain_sendmail_compressed 'ipv6:2001:db8::7 ipv6:2001:db8::70' \
	--as sendmail 2001:db8::7
cf "${k% *} -f ${k##* }" true '' '' "$short"
looks explain_sendmail_case 'IPv6:2001:db8::7 IPv6:2001:db8::70' \
	--as sendmail 2001:db8::7

put 192.0.2.9 -60
cf 'Kdrac socket -T<TMPF> local:/run/drac/lookup.sock' true '' "$guard" "$short"
has_exim 'warn set acl_c_drac = ${readsocket{/run/drac/lookup.sock}{x}}'
for server in sendmail exim; do
	says explain_service_${server}_has_no_keys 0 '"lookups":\[\]' '' \
		e --json --as $server 192.0.2.7
	says explain_service_$server 0 'asks the lookup service' '' \
		e 192.0.2.7 --as $server
	says explain_service_expired_$server 1 'it is over' '' \
		e 192.0.2.9 --as $server
	says explain_service_missing_$server 1 'not in the map' '' \
		e 192.0.2.8 --as $server
done

file run/drac/lookup.sock ''
has_postfix "check_client_access proxy:socketmap:unix:/run/drac/lookup.sock:drac, reject"
says explain_service_postfix 0 'asks the lookup service' '' \
	e 192.0.2.7 --as postfix
says explain_service_expired_postfix 1 'it is over' '' \
	e 192.0.2.9 --as postfix
has_postfix "check_client_access btree:$base, reject"
says explain_map_expired_postfix 0 'does not compare' '' \
	e 192.0.2.9 --as postfix

# A network: whoever asks the service finds it, and Postfix in the map.
host 'prefix4 = 24' 'prefix6 = 56'
d add -q 192.0.2.7
d add -q 2001:db8::7
says explain_net_postfix 0 'stands for a whole network' '' \
	e 192.0.2.8 --as postfix
says explain_net 1 '^Its network 192.0.2.0/24 is open until' '' e 192.0.2.8
is explain_net_service 1 "$(grep -c 'would say yes' "$tmp/out")"
says explain_net_exim 1 'does not relay' '' e 192.0.2.8 --as exim
has_exim 'warn set acl_c_drac = ${readsocket{/run/drac/lookup.sock}{x}}'
says explain_net_exim_service 0 'relays' '' e 2001:db8:0:ff::8 --as exim
says explain_net_outside 1 'network 192.0.3.0/24 is not open' '' e 192.0.3.7
says explain_net_json 1 '"expires":null,"closed":null,"lookup":true' '' \
	e --json 2001:db8:0:ff::8

host 'key_style = nul'
d add -q 192.0.2.7
looks explain_nul_postfix 192.0.2.70= --as postfix 192.0.2.7
says explain_nul_postfix_relays 0 'relays' '' e --as postfix 192.0.2.7
says explain_nul_exim 1 'does not relay' '' e --as exim 192.0.2.7
has_exim "${acl}dbm{$base.db}$end"
looks explain_nul_exim_dbm 192.0.2.70= --as exim 192.0.2.7

rm "$map"
says explain_no_map 3 '' 'dracctl init makes it' e 192.0.2.7
says explain_as_nobody 2 '' 'not postfix, sendmail or exim: qmail' \
	e --as qmail 192.0.2.7
says explain_no_address 2 '' 'takes one address' e
