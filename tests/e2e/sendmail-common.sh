# SPDX-License-Identifier: BSD-2-Clause
#
# What the two sendmail scripts share.

# start_sendmail MC: with this .mc as /etc/mail/sendmail.mc.
start_sendmail()
{
	cp "$top/conf/sendmail/$1" "$root/etc/mail/sendmail.mc"
	inside sh -c 'cd /etc/mail && m4 sendmail.mc >sendmail.cf' ||
		die "m4 $1"
	printf '%s\n' example.org mail.example.org \
	    >"$root/etc/mail/local-host-names"
	echo 'hosts files' >"$root/etc/mail/service.switch"
	start /usr/sbin/sendmail -bD
	wait_port 25
}
