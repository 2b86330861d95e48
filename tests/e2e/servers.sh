# SPDX-License-Identifier: BSD-2-Clause
#
# How each SMTP server is installed and started with our files: example.org
# is local, everything else would be relayed. Sourced after cases.sh.

open_postfix()
{
	open_mail postfix postfix
}

# start_postfix [FILE]: with these lines of conf/postfix at the end of main.cf.
start_postfix()
{
	cat - "$top/conf/postfix/${1-main.cf.drac}" >"$root/etc/postfix/main.cf" <<-'END'
		compatibility_level = 3.6
		myhostname = mail.example.org
		mydestination = example.org, localhost
		mynetworks = 127.0.0.0/8 [::1]/128
		alias_maps =
		alias_database =
		maillog_file = /var/log/mail.log
		in_flow_delay = 0
	END
	inside /usr/lib/postfix/configure-instance.sh
	start postfix start-fg
	postfix=$started
	wait_port 25
}

# What start started is no more than the parent of the server.
stop_postfix()
{
	inside postfix stop >/dev/null 2>&1 || fail "postfix stop" $?
	wait "$postfix" 2>/dev/null
}

open_sendmail()
{
	open_mail sendmail sendmail-bin sendmail-cf m4
}

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

# As itself, which is not root, Exim reads the map.
open_exim()
{
	extra_settings='mode = 0644'
	open_mail exim exim4-daemon-light
}

# start_exim [FILE]: with Debian's own configuration and these lines.
start_exim()
{
	cat - "$top/conf/exim/${1-update-exim4.conf.conf.drac}" \
	    >"$root/etc/exim4/update-exim4.conf.conf" <<-'END'
		dc_eximconfig_configtype='internet'
		dc_other_hostnames='example.org'
		dc_local_interfaces=''
		dc_readhost=''
		dc_relay_domains=''
		dc_minimaldns='false'
		dc_smarthost=''
		CFILEMODE='644'
		dc_use_split_config='false'
		dc_hide_mailname=''
		dc_mailname_in_oh='true'
		dc_localdelivery='mail_spool'
	END
	inside update-exim4.conf || die "update-exim4.conf"
	start exim4 -bdf
	exim=$started
	wait_port 25
}

# start_small_exim [FILE]: with a configuration of a few lines and this one.
start_small_exim()
{
	cp "$top/conf/exim/${1-drac.acl}" "$root/etc/exim4/drac.acl"
	cat >"$root/etc/exim4/small.conf" <<-'END'
		primary_hostname = mail.example.org
		domainlist local_domains = example.org
		keep_environment =
		host_lookup =
		acl_smtp_rcpt = rcpt
		begin acl
		rcpt:
		  accept domains = +local_domains
		.include /etc/exim4/drac.acl
		  deny message = relay not permitted
		begin routers
		all:
		  driver = redirect
		  data = :blackhole:
	END
	start exim4 -C /etc/exim4/small.conf -bdf
	exim=$started
	wait_port 25
}
