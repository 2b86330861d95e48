# SPDX-License-Identifier: BSD-2-Clause
# The servers in front and behind.

# Dovecot
has_dovecot() {
	host
	program usr/bin/doveconf \
		"echo \"\$*\" >$root/asked; cat $root/etc/dovecot/said"
	file etc/dovecot/said
}
passdb() {
	printf 'passdb {\n  args = %s\n  driver = pam\n}\n' "$1"
}

has_dovecot <<END
# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf
$(passdb dovecot)
END
content dovecot
is dovecot_is_told 1 "$(grep -c '^Dovecot: asks PAM for dovecot' "$tmp/out")"
has_dovecot <<END
$(passdb mail)
END
complains dovecot_service dovecot-service /etc/pam.d/mail
cp "$root/etc/pam.d/dovecot" "$root/etc/pam.d/mail"
content dovecot_service_mended
has_dovecot <<END
protocols = " imap"
$(passdb %s)
END
complains dovecot_protocols dovecot-service /etc/pam.d/imap
cp "$root/etc/pam.d/dovecot" "$root/etc/pam.d/imap"
content dovecot_protocols_mended
has_dovecot <<END
# 2.4.0 (1234567890): /etc/dovecot/dovecot.conf
passdb pam {
  service_name = mail
}
END
complains dovecot_2_4 dovecot-service /etc/pam.d/mail
has_dovecot <<END
auth_cache_size = 10 M
$(passdb 'cache_key=%u dovecot')
END
complains dovecot_cache dovecot-cache /etc/dovecot/dovecot.conf
is dovecot_cache_is_shown 1 "$(grep -c '^-nP ' "$root/asked")"
says dovecot_cache_other 1 'not even from another address' '' c
has_dovecot <<END
auth_cache_size = 10 M
$(passdb 'cache_key=%u%r dovecot')
END
complains dovecot_cache_ttl dovecot-cache /etc/dovecot/dovecot.conf
has_dovecot <<END
auth_cache_size = 10 M
auth_cache_ttl = 10 mins
$(passdb 'cache_key=%u%r dovecot')
END
content dovecot_cache_mended
has_dovecot <<END
auth_cache_size = 10 M
$(passdb dovecot)
END
content dovecot_cache_without_key
has_dovecot <<END
$(passdb dovecot)
service auth-worker {
  unix_listener auth-worker {
    user = other
  }
  user = dovenull
}
END
complains dovecot_worker dovecot-worker /etc/dovecot/dovecot.conf

# What refuses after PAM has accepted
hook='service imap-postlogin {
  executable = script-login /etc/dovecot/drac-postlogin imap
}'
fields() {
	passdb dovecot | sed "\$i\\  $1"
}
for field in 'override_fields = allow_nets=192.0.2.0/24' \
	'default_fields = x=y nologin' 'override_fields = host=192.0.2.1 proxy=y' \
	'result_success = continue-ok'; do
	has_dovecot <<-END
		$(fields "$field")
	END
	complains "dovecot_refuses: $field" dovecot-refuses \
		/etc/dovecot/dovecot.conf
done
has_dovecot <<END
# 2.4.0 (1234567890): /etc/dovecot/dovecot.conf
passdb pam {
  fields {
    allow_nets = 192.0.2.0/24
  }
}
END
complains dovecot_refuses_2_4 dovecot-refuses /etc/dovecot/dovecot.conf
for field in 'override_fields = user=%Lu' 'result_success = return-ok' \
	'override_fields ='; do
	has_dovecot <<-END
		$(fields "$field")
		passdb {
		  deny = yes
		  driver = passwd-file
		  override_fields = nologin
		}
	END
	content "dovecot_does_not_refuse: $field"
done
has_dovecot <<END
auth_cache_size = 10 M
$(fields 'override_fields = allow_nets=192.0.2.0/24')
$hook
END
complains dovecot_refuses_and_hook dovecot-refuses /etc/dovecot/dovecot.conf
rm "$root/etc/pam.d/dovecot"
content dovecot_hook_alone
is dovecot_hook_is_told 1 "$(grep -c '^Dovecot: records by its post' "$tmp/out")"
sed -i '/^service/,$d' "$root/etc/dovecot/said"
says dovecot_no_hook_and_no_line 1 '\(dovecot-service\)$' '' c
has_dovecot <<END
$(passdb 'session=yes dovecot')
END
file etc/pam.d/dovecot '@include common-session' 'session optional pam_drac.so'
content dovecot_session
program usr/bin/doveconf 'exit 1'
says dovecot_that_fails 1 '\(pam-session\)$' '' c
host
for way in 'exec sleep 100' 'exec sleep 100 >&- 2>&-'; do
	program usr/bin/doveconf "$way"
	begun=$(date +%s)
	content "dovecot_that_hangs: $way"
	is "dovecot_hangs_for_seconds: $way" yes \
		"$([ $(($(date +%s) - begun)) -lt 60 ] && echo yes)"
done

# Postfix
relay='permit_mynetworks, permit_auth_destination, check_client_access'
final='reject_unauth_destination'
base=/var/lib/drac/dracd
has_postfix() {
	program usr/sbin/postconf "case \$* in
	*-M*) cat $root/etc/postfix/master ;;
	*) cat $root/etc/postfix/said ;;
	esac"
	file etc/postfix/master 'smtp       inet  n  -  y  -  -  smtpd'
	file etc/postfix/said "smtpd_relay_restrictions = $1" \
		"smtpd_recipient_restrictions = ${2-}" \
		'smtpd_client_restrictions =' \
		'queue_directory = /var/spool/postfix'
}

host
has_postfix "$(sed -n '/^smtpd_relay/,$p' conf/postfix/main.cf.drac |
	tr -d '\n' | sed 's/^[^=]*= //')"
content postfix
is postfix_is_told 1 "$(grep -c '^Postfix: asks our map' "$tmp/out")"
has_postfix "$relay proxy:btree:$base, $final"
complains postfix_proxy map-unreadable "$base.db"
host 'mode = 0644'
has_postfix "$relay proxy:btree:$base, $final"
content postfix_proxy_mode_as_advised
has_postfix "$relay pipemap:{btree:$base, regexp:{{/^[0-9]+$/ OK}}}, $final"
content postfix_pipemap
has_postfix "permit_mynetworks, before_smtp, $final"
complains postfix_class_of_nobody postfix-none /etc/postfix/main.cf
printf '%s\n' 'smtpd_restriction_classes = before_smtp' \
	"before_smtp = check_client_access btree:$base" \
	>>"$root/etc/postfix/said"
content postfix_class
has_postfix '' "$relay btree:$base, $final"
content postfix_recipient
has_postfix "permit_mynetworks, $final"
complains postfix_none postfix-none /etc/postfix/main.cf
says postfix_none_says_what 1 "check_client_access btree:$base" '' c
has_postfix "permit_mynetworks, $final, $relay btree:$base"
complains postfix_order postfix-order /etc/postfix/main.cf
has_postfix "permit_mynetworks, $final" "$relay btree:$base"
complains postfix_order_of_lists postfix-order /etc/postfix/main.cf
has_postfix "$relay btree:$base, $final" "permit_mynetworks, $final"
complains postfix_order_later postfix-order /etc/postfix/main.cf
has_postfix "$relay hash:$base, $final"
complains postfix_hash postfix-type /etc/postfix/main.cf
has_postfix "$relay btree:$base.db, $final"
complains postfix_suffix postfix-name /etc/postfix/main.cf
for style in cidr sendmail; do
	host "key_style = $style"
	has_postfix "$relay btree:$base, $final"
	complains "postfix_keys_$style" postfix-keys /etc/drac/drac.conf
done
for style in plain nul both; do
	host "key_style = $style"
	has_postfix "$relay btree:$base, $final"
	content "postfix_keys_$style"
done
host
has_postfix "$relay socketmap:unix:drac/lookup:drac, $final"
complains postfix_socket postfix-socket /var/spool/postfix/drac/lookup
file var/spool/postfix/drac/lookup ''
content postfix_socket_mended
has_postfix "$relay proxy:socketmap:unix:/run/drac/lookup.sock:drac, $final"
complains postfix_socket_proxy postfix-socket /run/drac/lookup.sock
file run/drac/lookup.sock ''
content postfix_socket_proxy_mended
has_postfix "permit_mynetworks, check_policy_service
	{ unix:/run/drac/lookup.sock, default_action=DUNNO }, $final"
tr -d '\n' <"$root/etc/postfix/said" | sed 's/smtpd_/\n&/g' >"$tmp/said"
cp "$tmp/said" "$root/etc/postfix/said"
complains postfix_policy_chroot postfix-socket /var/spool/postfix/run/drac/lookup.sock
file etc/postfix/master 'smtp       inet  n  -  n  -  -  smtpd'
content postfix_policy

# sendmail
cf() {
	file etc/mail/sendmail.cf <<-END
		O UseCompressedIPv6Addresses=$2
		$1
		Karith arith
		SLocal_check_rcpt
		R\$*	\$: \$&{client_addr}
		$3
		R\$+	\$: \$(drac \$1 \$: ? \$)
		$4
		R?	\$@ ?
		$5
		Sother
	END
}
k="Kdrac btree $base"
strip='RIPv6 : $+	$: $1'
short='R$+	$@ $#OK'
long='R$+	$: $(arith l $@ $&{time} $@ $1 $)
RTRUE	$@ $#OK'
guard='R$* <TMPF>	$#error $@ 4.7.1 $: "451 unavailable"'

host
cf "$k" true "$strip" '' "$long"
content sendmail
is sendmail_is_told 1 "$(grep -c '^sendmail: asks our map' "$tmp/out")"
file etc/mail/sendmail.cf 'O MaxHopCount=25'
complains sendmail_none sendmail-none /etc/mail/sendmail.cf
cf "Kdrac hash $base" true "$strip" '' "$long"
complains sendmail_hash sendmail-type /etc/mail/sendmail.cf:2
cf "Kdrac btree -T<TMPF> $base" true "$strip" '' "$short"
complains sendmail_open_relay sendmail-open-relay /etc/mail/sendmail.cf:2
says sendmail_open_relay_is_loud 1 '^DANGER: ' '' c
cf "Kdrac btree -T<TMPF> $base" true "$strip" "$guard" "$short"
content sendmail_guarded
cf "Kdrac btree -T<TMPF> $base" true "$strip" '' "$long"
content sendmail_compares
cf "$k" true "$strip" '' "$short"
content sendmail_no_tag
cf 'Kdrac socket -T<TMPF> local:/run/drac/lookup.sock' true "$strip" '' "$short"
complains sendmail_socket_open sendmail-open-relay /etc/mail/sendmail.cf:2
cf 'Kdrac socket -T<TMPF> local:/run/drac/lookup.sock' true '' "$guard" "$short"
content sendmail_socket
while read -r style compressed strips want; do
	host "key_style = $style"
	[ "$strips" = keeps ] && rule= || rule=$strip
	cf "$k" "$compressed" "$rule" '' "$long"
	if [ "$want" = good ]; then
		content "sendmail_${style}_${compressed}_$strips"
	else
		complains "sendmail_${style}_${compressed}_$strips" \
			sendmail-keys '/etc/mail/sendmail.cf:[0-9]+'
	fi
done <<'TABLE'
plain true strips good
plain false strips bad
plain false keeps bad
plain true keeps bad
sendmail false keeps good
sendmail true strips bad
both false keeps good
both true strips good
cidr true strips bad
TABLE

# Exim, which reads the map as its own user
has_exim() {
	program usr/sbin/exim4 'exit 0'
	file var/lib/exim4/config.autogenerated '# /var/lib/drac/dracd' "$@"
}
acl='accept condition = ${if >{${lookup{$sender_host_address}'
end='{$value}{0}}}{$tod_epoch}}'

host 'mode = 0644'
has_exim "${acl}dbmnz{$base.db}$end"
content exim
is exim_is_told 1 "$(grep -c '^Exim: asks our map.*:2\.' "$tmp/out")"
file etc/mail/sendmail.cf 'O MaxHopCount=25'
content exim_and_what_is_left_of_sendmail
has_exim 'accept hosts = :'
complains exim_none exim-none /var/lib/exim4/config.autogenerated
has_exim "${acl}dbmnz{$base}$end"
complains exim_name exim-name /var/lib/exim4/config.autogenerated:2
has_exim "${acl}dbm{$base.db}$end"
complains exim_dbm exim-keys /var/lib/exim4/config.autogenerated:2
has_exim "MAIN_RELAY_NETS=net-dbmnz;;$base.db"
complains exim_net exim-keys /var/lib/exim4/config.autogenerated:2
has_exim 'warn set acl_c_drac = ${readsocket{/run/drac/lookup.sock}{x}}'
content exim_socket
host 'key_style = nul' 'mode = 0644'
has_exim "${acl}dbmnz{$base.db}$end"
complains exim_nul exim-keys /var/lib/exim4/config.autogenerated:2
has_exim "${acl}dbm{$base.db}$end"
content exim_nul_dbm
host
has_exim "${acl}dbmnz{$base.db}$end"
complains exim_unreadable map-unreadable "$base.db"
host 'mode = 0644'
has_exim "${acl}dbmnz{$base.db}$end"
content exim_readable

# A configuration of one's own that includes our file.
has_exim '.include /etc/exim4/drac.acl'
complains exim_included_nothing exim-none /var/lib/exim4/config.autogenerated
file etc/exim4/drac.acl "${acl}dbmnz{$base.db}$end"
content exim_included
is exim_included_is_told 1 "$(grep -c '^Exim: asks our map.*:2\.' "$tmp/out")"

# The map by another name: a link that leads to it is as good.
linked=/etc/mail/dracd
link_map() {
	host 'mode = 0644'
	mkdir -p "$root/etc/mail"
	ln -s "../../var/lib/drac/${1-dracd.db}" "$root$linked.db"
}
for leads in dracd.db nothing; do
	link_map $leads
	has_postfix "permit_mynetworks, check_client_access btree:$linked, $final"
	if [ $leads = nothing ]; then
		complains postfix_other_link postfix-none /etc/postfix/main.cf
	else
		content postfix_link
	fi
	link_map $leads
	cf "Kdrac btree $linked" true "$strip" '' "$long"
	if [ $leads = nothing ]; then
		complains sendmail_other_link sendmail-none /etc/mail/sendmail.cf
	else
		content sendmail_link
	fi
	link_map $leads
	has_exim "DRAC_FILE = $linked.db" "${acl}dbmnz{$linked.db}$end"
	if [ $leads = nothing ]; then
		complains exim_other_link exim-none /var/lib/exim4/config.autogenerated
	else
		content exim_link
	fi
done
link_map
has_postfix "permit_mynetworks, check_client_access hash:$linked, $final"
complains postfix_link_hash postfix-type /etc/postfix/main.cf
has_postfix "permit_mynetworks, check_client_access btree:$linked.db, $final"
complains postfix_link_suffix postfix-name /etc/postfix/main.cf
link_map
cf "Kdrac btree -T<TMPF> $linked.db" true "$strip" '' "$short"
complains sendmail_link_open_relay sendmail-open-relay /etc/mail/sendmail.cf:2
link_map
has_exim "${acl}dbm{$linked.db}$end"
complains exim_link_dbm exim-keys /var/lib/exim4/config.autogenerated:2
has_exim "${acl}dbmnz{$linked}$end"
complains exim_link_name exim-name /var/lib/exim4/config.autogenerated:2

# Networks, which not every server finds.
relay='permit_mynetworks, permit_auth_destination'
for prefix in 'prefix4 = 24' 'prefix6 = 64'; do
	host "$prefix" 'mode = 0644'
	has_exim "${acl}dbmnz{$base.db}$end"
	complains "exim_$prefix" exim-keys \
		/var/lib/exim4/config.autogenerated:2
	has_exim 'warn set acl_c_drac = ${readsocket{/run/drac/lookup.sock}{x}}'
	content "exim_service_$prefix"
	host "$prefix"
	cf "$k" true "$strip" '' "$long"
	complains "sendmail_$prefix" sendmail-keys /etc/mail/sendmail.cf:7
	host "$prefix"
	has_postfix "$relay, check_client_access btree:$base, reject"
	content "postfix_$prefix"
done
host 'prefix6 = 56'
has_postfix "$relay, check_client_access btree:$base, reject"
complains postfix_prefix_56 postfix-keys /etc/drac/drac.conf
file run/drac/lookup.sock ''
has_postfix "$relay, check_client_access proxy:socketmap:unix:/run/drac/lookup.sock:drac, reject"
content postfix_service_prefix_56
