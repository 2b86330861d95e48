# SPDX-License-Identifier: BSD-2-Clause
#
# Dovecot as a front of Postfix, with settings that change. Sourced after
# matrix.sh.

services=dovecot
protocols='pop imap'

# open_dovecot: with users whom PAM does not know: carol, one with a blank and
# one with a mark in the name. bob is in both files.
open_dovecot()
{
	open_front dovecot-front dovecot-pop3d dovecot-imapd
	conf_d=$root/etc/dovecot/conf.d
	local_conf=$root/etc/dovecot/local.conf
	printf '%s:s3cret:1001:1001::/home/alice::\n' bob carol \
	    '203.0.113.9 x' "o!brien" >"$root/etc/dovecot/users"
	start_dovecot
	cp "$local_conf" "$work/plain"
}

# more_users: those are users of Dovecot, too.
more_users()
{
	cat <<-'END'
		auth_username_chars =
		passdb {
		  driver = passwd-file
		  args = scheme=PLAIN username_format=%u /etc/dovecot/users
		}
		userdb {
		  driver = passwd-file
		  args = username_format=%u /etc/dovecot/users
		}
	END
}

# restart_dovecot COMMAND...: with the settings that it prints on top.
restart_dovecot()
{
	stop_dovecot
	"$@" | cat "$work/plain" - >"$local_conf"
	start dovecot -F
	dovecot=$started
	wait_port 110
	wait_port 143
}

trusting()
{
	"$1"
	echo "login_trusted_networks = $listed4"
}

# case_client_cannot_choose SETTINGS: only who is in login_trusted_networks may
# say that it is somebody else.
case_client_cannot_choose()
{
	forget
	client --from $listed4 talk $server4 110 \
	    'XCLIENT ADDR=203.0.113.9 PORT=5' 'USER alice' 'PASS s3cret' \
	    QUIT >"$work/reply"
	client --from $listed4 talk $server4 143 \
	    'a ID ("x-originating-ip" "203.0.113.9")' \
	    'b LOGIN alice s3cret' 'c LOGOUT' >"$work/reply"
	check "login_after_ID" "b OK" "$(grep -o '^b OK' "$work/reply")"
	recorded "client_cannot_choose_its_address" $listed4
	forget
	restart_dovecot trusting "$1"
	client --from $listed4 talk $server4 143 \
	    'a ID ("x-originating-ip" "203.0.113.9")' \
	    'b LOGIN alice s3cret' 'c LOGOUT' >"$work/reply"
	recorded "trusted_proxy_names_the_client" 203.0.113.9
	restart_dovecot "$1"
}
