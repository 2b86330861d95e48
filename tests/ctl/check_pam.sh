# SPDX-License-Identifier: BSD-2-Clause
# drac.conf and the PAM services.

dovecot() {
	file etc/pam.d/dovecot "$@"
}

host
content well
is well_says_what_it_saw 0 "$(for what in Configuration PAM Dovecot Postfix \
	sendmail Exim 'The map' Sweep Entries; do
	grep -q "^$what: " "$tmp/out" || echo "no $what"
done | wc -l)"
says well_json 0 '^\]$' '' c --json
is well_json_is_empty 0 "$(perl -MJSON::PP -0777 -ne \
	'print scalar @{decode_json($_)}' "$tmp/out" 2>&1)"

# What we ship for Debian, one after the other.
for service in conf/pam.d/[a-z]*; do
	host
	rm "$root/etc/pam.d/dovecot"
	cp "$service" "$root/etc/pam.d/"
	content "shipped_${service##*/}"
done
host

# Configuration
file etc/drac/drac.conf 'lifetime = 30x' 'nonsense = 1'
echo conf >>"$tmp/provoked"
says conf_error 1 '^/etc/drac/drac.conf:1: .*lifetime.*\(conf\)$' '' c
says conf_errors_are_all_told 1 '^/etc/drac/drac.conf:2: .*nonsense.*\(conf\)$' \
	'' c
says conf_errors_json 1 '^\{"id":"conf","where":"/etc/drac/drac.conf:1","text":' \
	'' c --json
is conf_errors_json_two 'conf conf' "$(perl -MJSON::PP -0777 -ne '
	print join " ", map { die unless $_->{text} && $_->{advice};
		$_->{id} } @{decode_json($_)}' "$tmp/out" 2>&1)"
rm "$root/etc/drac/drac.conf"
content conf_is_not_needed
says conf_that_was_named_is 1 'There is no such file' '' \
	"$ctl" -c "$root/nowhere.conf" check --root "$root"

# Old programs of this host report, and PAM has no part in it.
host 'listen = loopback'
dovecot '@include common-account'
says old_programs_report 1 '\(daemon-silent\)$' '' c
is old_programs_need_no_line 0 "$(grep -c '(pam-none)$' "$tmp/out")"
host

# Where the line is
dovecot '@include common-account'
complains no_line pam-none /etc/pam.d
complains no_line_in_this_one pam-no-line /etc/pam.d/dovecot --pam dovecot
complains no_such_service pam-no-service /etc/pam.d/other --pam popper
dovecot '@include common-account' "$ours"
content line_is_there --pam dovecot
content line_of_two --pam dovecot --pam dovecot
echo "$ours" >>"$root/etc/pam.d/common-account"
dovecot '@include common-account'
says shared 1 '^DANGER: /etc/pam.d/common-account:4: .*\(pam-shared\)$' '' c
echo pam-shared >>"$tmp/provoked"
host
file etc/pam.d/other "$ours"
complains shared_other pam-shared /etc/pam.d/other:1

# What others left there is nobody's service.
host
cp "$root/etc/pam.d/dovecot" "$root/etc/pam.d/dovecot.dpkg-old"
echo 'auth optional pam_drac.so' >>"$root/etc/pam.d/dovecot.dpkg-old"
content left_behind

# What the line says
mv "$root/usr/lib/any-linux/security/pam_drac.so" "$root/usr/lib/"
complains module pam-module '/etc/pam.d/dovecot:[0-9]+'
dovecot '@include common-account' \
	'account optional /usr/lib/pam_drac.so'
content module_with_its_path
dovecot '@include common-account' 'account optional /lib/pam_drac.so'
complains module_with_a_wrong_path pam-module /etc/pam.d/dovecot:2
host
dovecot '@include common-account' "$ours lifetme=1h lifetime=x"
complains argument pam-argument /etc/pam.d/dovecot:2
dovecot '@include common-account' "$ours lifetime=1h"
content argument_mended
dovecot '@include common-account' "$ours conf=/etc/drac/other.conf"
complains argument_no_file pam-argument /etc/pam.d/dovecot:2
file etc/drac/other.conf 'lifetime = 1h'
content argument_file
dovecot '@include common-account' "$ours services=pop3,imap"
complains services pam-services /etc/pam.d/dovecot:2
dovecot '@include common-account' "$ours services=pop3,DoveCot"
content services_mended
for control in required requisite sufficient '[success=ok default=die]'; do
	dovecot '@include common-account' "account $control pam_drac.so"
	complains "control_$control" pam-control /etc/pam.d/dovecot:2
done
dovecot '@include common-account' 'account required pam_drac.so strict'
content control_of_strict
dovecot '@include common-account' '-account optional pam_drac.so'
content control_quiet
dovecot '@include common-account' "$ours" 'auth include nowhere'
complains broken pam-broken /etc/pam.d/dovecot:3
dovecot '@include common-account' "$ours" '@include dovecot'
complains broken_loop pam-broken /etc/pam.d/dovecot:3

dovecot '@include common-account' 'account include ../pam.d/dovecot' "$ours"
says broken_loop_of_names 1 'include' '' c
i=0
while [ $i -lt 40 ]; do
	file etc/pam.d/many$i "@include many$((i + 1))" "@include many$((i + 1))"
	i=$((i + 1))
done
says broken_many 1 '^/etc/pam.d/many0: .*not looked at.*\(pam-broken\)$' '' c
rm "$root"/etc/pam.d/many*
mkfifo "$root/etc/pam.d/fifo"
ln -s fifo "$root/etc/pam.d/link"
ln -s loop "$root/etc/pam.d/loop"
ln -s /dev/zero "$root/etc/pam.d/zero"
mkdir "$root/etc/pam.d/dir"
head -c 3000000 /dev/zero | tr '\0' x >"$root/etc/pam.d/huge"
head -c 5000000 /dev/zero | tr '\0' '\n' >"$root/etc/pam.d/larger"
dovecot '@include common-account' "$ours"
content what_is_no_service_is_passed_by
(cd "$root/etc/pam.d" && rm -r fifo link loop zero dir huge larger)
cp conf/pam.d/dovecot "$root/etc/pam.d/"

# Which group, and who comes by
dovecot '@include common-auth' 'auth optional pam_drac.so'
complains auth pam-auth /etc/pam.d/dovecot:2
dovecot '@include common-session' 'session optional pam_drac.so'
complains session pam-session /etc/pam.d/dovecot:2
dovecot 'auth required pam_unix.so' \
	'auth optional pam_drac.so after_requisite'
complains wrong_password pam-wrong-password /etc/pam.d/dovecot:2
says wrong_password_is_first 1 '^DANGER: .*without any password' '' c
dovecot 'auth optional pam_drac.so after_requisite' '@include common-auth'
complains wrong_password_before pam-wrong-password /etc/pam.d/dovecot:1
dovecot 'auth requisite pam_unix.so' \
	'auth optional pam_drac.so after_requisite'
content after_requisite
dovecot '@include common-auth' 'auth optional pam_drac.so after_requisite'
content after_common_auth
dovecot 'account required pam_unix.so' "$ours"
complains refused pam-refused-account /etc/pam.d/dovecot:2
dovecot 'account requisite pam_unix.so' "$ours"
content refused_by_requisite
dovecot "$ours" '@include common-account'
complains refused_later pam-refused-account /etc/pam.d/dovecot:1
file etc/pam.d/password-auth 'account requisite pam_unix.so' \
	'account sufficient pam_localuser.so' 'account requisite pam_permit.so'
dovecot 'account include password-auth' "$ours"
complains not_reached pam-not-reached /etc/pam.d/dovecot:2
says not_reached_by_whom 1 'password-auth:2 \(sufficient pam_localuser.so\)' \
	'' c
dovecot 'account substack password-auth' "$ours"
complains reached_substack pam-refused-account /etc/pam.d/dovecot:2
dovecot "$ours" 'account include password-auth'
complains reached_before pam-refused-account /etc/pam.d/dovecot:1
dovecot 'account requisite pam_unix.so' "$ours" 'account include password-auth'
content reached_between
dovecot 'account [success=2 default=ignore] pam_unix.so' \
	'account requisite pam_deny.so' "$ours" 'account required pam_permit.so'
complains not_reached_jump pam-not-reached /etc/pam.d/dovecot:3
