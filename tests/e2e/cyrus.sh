# SPDX-License-Identifier: BSD-2-Clause
#
# Cyrus' POP3 and IMAP servers with saslauthd, as a front of Postfix. Sourced
# after matrix.sh.

services='pop imap'
protocols='pop imap'

open_cyrus()
{
	open_front cyrus cyrus-pop3d cyrus-imapd sasl2-bin systemd netbase
	start_saslauthd
	cyrus_files
}

# Debian's files with passwords from saslauthd, and no pauses.
cyrus_files()
{
	sed -i -E '/^(sasl_pwcheck_method|autocreate_quota|popminpoll|allowanonymouslogin):/d' \
	    "$root/etc/imapd.conf"
	cat >>"$root/etc/imapd.conf" <<-'END'
		sasl_pwcheck_method: saslauthd
		sasl_mech_list: PLAIN LOGIN
		autocreate_quota: -1
		popminpoll: 0
		failedloginpause: 0
		allowanonymouslogin: yes
	END
	sed -i -E 's/^\s+(nntp|http|sieve|lmtpunix)\s/#&/' \
	    "$root/etc/cyrus.conf"
}

start_cyrus()
{
	inside systemd-tmpfiles --create --prefix=/run/cyrus
	start cyrmaster -l 32 -C /etc/imapd.conf -M /etc/cyrus.conf
	cyrmaster=$started
	wait_port 110
	wait_port 143
}

# start_saslauthd [OPTION...]
start_saslauthd()
{
	mkdir -p "$root/run/saslauthd"
	start saslauthd -d -a pam -m /var/run/saslauthd -n 5 "$@"
	saslauthd=$started
	wait_for test -S "$root/run/saslauthd/mux" || die "no saslauthd"
	workers=$(inside pidof saslauthd)
}

case_workers_live()
{
	check "$row: saslauthd has its five processes" 5 \
	    "$(say "$workers" | wc -w)"
	check "$row: the same ones as before" "$workers" \
	    "$(inside pidof saslauthd)"
}
