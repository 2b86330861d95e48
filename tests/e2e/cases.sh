# SPDX-License-Identifier: BSD-2-Clause
#
# What every SMTP server has to pass with Dovecot in front of it. The script
# of a server sources this after lib.sh, calls open_mail, starts its server
# and calls run_cases. The files under conf/ are used as they are; only the
# name of the site and the time-outs of a test are added.
#
#   expires_at_lookup   yes: the server compares the time itself, so a grant
#                       ends although nothing sweeps the map
#   extra_settings      a line for drac.conf, in all cases
#   second_key6         the other key that key_style makes of $listed6

map=/var/lib/drac/dracd.db
expires_at_lookup=no
extra_settings='# none'
second_key6=

# open_mail NAME PACKAGE...: a root with Dovecot, our build and the packages
# of an SMTP server, two hosts, an empty map.
open_mail()
{
	layer dovecot dovecot-pop3d dovecot-imapd db5.3-util
	layer "$@"
	open_root
	open_network
	install_build
	start_dovecot
}

install_build()
{
	make -s -C "$top" install DESTDIR="$root" >"$work/make.log" 2>&1 || {
		cat "$work/make.log"
		die "make install"
	}
	inside useradd --system --user-group --no-create-home \
	    --home-dir /var/lib/drac drac || die "useradd drac"
	pam_service dovecot
	settings 'renew = 0s'
	inside dracctl init >/dev/null || die "dracctl init"
}

# pam_service NAME: our file of that name.
pam_service()
{
	cp "$top/conf/pam.d/$1" "$root/etc/pam.d/"
}

# settings LINE...: the shipped drac.conf and these lines.
settings()
{
	{
		cat "$top/conf/drac.conf"
		printf '%s\n' "$extra_settings" "$@"
	} >"$root/etc/drac/drac.conf"
}

# Plain text logins, no certificate, and no delay after a wrong password.
start_dovecot()
{
	rm -f "$root/etc/dovecot/conf.d/10-ssl.conf"
	cp "$top/conf/dovecot/99-drac.conf" "$root/etc/dovecot/conf.d/"
	cat >"$root/etc/dovecot/local.conf" <<-'END'
		ssl = no
		disable_plaintext_auth = no
		log_path = /var/log/dovecot.log
		auth_failure_delay = 0
		service anvil {
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
	END
	start dovecot -F
	dovecot=$started
	wait_port 110
	wait_port 143
}

stop_dovecot()
{
	stop "$dovecot"
}

# server_for ADDRESS: the host's address of the same family.
server_for()
{
	case $1 in
	*:*) own_ip 6 ;;
	*) own_ip 4 ;;
	esac
}

verdict()
{
	case $1 in
	0) say accepted ;;
	4) say refused ;;
	*) say trouble ;;
	esac
}

# relay NAME EXPECTED ADDRESS: may this client send mail to the outside?
relay()
{
	reply=$(client --from "$3" smtp "$(server_for "$3")" \
	    alice@example.org someone@example.net)
	got=$(verdict $?)
	[ "$got" = "$2" ] || got="$got ($reply)"
	check "$1" "$2" "$got"
}

# login NAME EXPECTED PROTOCOL ADDRESS [PASSWORD]
login()
{
	reply=$(client --from "$4" "$3" "$(server_for "$4")" alice \
	    "${5-s3cret}")
	got=$(verdict $?)
	[ "$got" = "$2" ] || got="$got ($reply)"
	check "$1" "$2" "$got"
}

# The map, one `key value` per line.
dump_map()
{
	inside db5.3_dump -p $map >"$work/dump" || say "(no map)"
	sed '1,/^HEADER=END$/d; /^DATA=END$/d; s/^ //' "$work/dump" |
		paste -d' ' - -
}

# recorded NAME KEY...: exactly these keys are in the map.
recorded()
{
	what=$1
	shift
	check "$what" "$(printf '%s\n' "$@" | sort | xargs)" \
	    "$(dump_map | cut -d' ' -f1 | sort | xargs)"
}

# wait_for COMMAND...: until it succeeds, for five seconds at most.
wait_for()
{
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -le 50 ] || return 1
		sleep 0.1
	done
}

# logged NAME PATTERN: it stands in the system log, or soon will.
logged()
{
	wait_for grep -q -- "$2" "$root/var/log/syslog"
	check "$1" 0 $?
}

forget()
{
	inside dracctl drop --all >/dev/null || fail "dracctl drop --all" $?
}

# outlive SECONDS: until a grant of that lifetime, just given, has ended.
outlive()
{
	sleep "$1"
	sleep 1
}

run_cases()
{
	case_wrong_password
	case_login_opens_relay pop $listed4 $other4
	case_login_opens_relay imap $listed4 $other4
	case_login_opens_relay pop $listed6 $other6
	case_login_opens_relay imap $listed6 $other6
	case_map_reads_as_drac
	case_expiry
	case_loopback
	case_login_survives
}

case_wrong_password()
{
	login "wrong_password_imap" refused imap $listed6 wrong
	for stack in shipped plain_include bare auth_line; do
		pam_stack_$stack
		login "wrong_password_pop_$stack" refused pop $listed4 wrong
		recorded "wrong_password_not_recorded_$stack"
		login "right_password_$stack" accepted pop $listed4
		recorded "right_password_recorded_$stack" $listed4
		forget
	done
	relay "refused_after_wrong_password_v4" refused $listed4
	relay "refused_after_wrong_password_v6" refused $listed6
	pam_stack_shipped
}

pam_stack_shipped()
{
	pam_service dovecot
}

pam_stack_plain_include()
{
	cat >"$root/etc/pam.d/dovecot" <<-'END'
		@include common-auth
		@include common-account
		account optional pam_drac.so
	END
}

pam_stack_bare()
{
	cat >"$root/etc/pam.d/dovecot" <<-'END'
		auth required pam_unix.so
		account required pam_unix.so
		account optional pam_drac.so
	END
}

# Called in the auth phase too, which goes on after a wrong password.
pam_stack_auth_line()
{
	cat >"$root/etc/pam.d/dovecot" <<-'END'
		auth required pam_unix.so
		auth optional pam_drac.so
		account required pam_unix.so
		account optional pam_drac.so
	END
}

# case_login_opens_relay PROTOCOL ADDRESS NEIGHBOUR
case_login_opens_relay()
{
	label=$1_from_$2
	forget
	: >"$root/var/log/syslog"
	relay "refused_before_$label" refused "$2"
	login "login_$label" accepted "$1" "$2"
	relay "accepted_after_$label" accepted "$2"
	relay "other_client_refused_after_$label" refused "$3"
	logged "grant_is_logged_$label" "authorised $2 until .* for alice (dovecot)"
	inside dracctl list >"$work/list"
	grep -qF "$2" "$work/list"
	check "dracctl_list_shows_$label" 0 $?
	inside dracctl show "$2" >/dev/null
	check "dracctl_show_$label" 0 $?
	inside dracctl drop "$2" >/dev/null
	relay "refused_after_drop_$label" refused "$2"
}

# Byte for byte what DRAC wrote in 1998.
case_map_reads_as_drac()
{
	forget
	settings 'renew = 0s' 'lifetime = 30m'
	before=$(date +%s)
	login "login_pop_for_dump" accepted pop $listed4
	login "login_imap_for_dump" accepted imap $listed6
	after=$(date +%s)
	recorded "dump_has_both_addresses" $listed4 $listed6 $second_key6
	for line in format=print type=btree db_pagesize=512 HEADER=END \
	    DATA=END " $listed4" " $listed6"; do
		check "dump_has_$line" 1 "$(grep -cxF -- "$line" "$work/dump")"
	done
	dump_map | while read -r address expiry; do
		if [ "$expiry" -ge $((before + 1800)) ] &&
		    [ "$expiry" -le $((after + 1800)) ]; then
			ok "dump_value_is_expiry_of_$address"
		else
			fail "dump_value_is_expiry_of_$address" "$expiry"
		fi
	done
}

case_expiry()
{
	forget
	settings 'renew = 0s' 'lifetime = 4s'
	login "login_pop_for_4s" accepted pop $listed4
	login "login_imap_for_4s" accepted imap $listed6
	relay "accepted_within_lifetime_v4" accepted $listed4
	relay "accepted_within_lifetime_v6" accepted $listed6
	outlive 4
	inside dracctl show $listed4 >/dev/null
	check "dracctl_show_says_no_after_lifetime" 1 $?
	if [ $expires_at_lookup = yes ]; then
		relay "refused_after_lifetime_without_sweep_v4" refused $listed4
		relay "refused_after_lifetime_without_sweep_v6" refused $listed6
	fi
	inside dracctl sweep >/dev/null
	check "sweep" 0 $?
	relay "refused_after_sweep_v4" refused $listed4
	relay "refused_after_sweep_v6" refused $listed6
	recorded "sweep_leaves_nothing"
	settings 'renew = 0s'
}

case_loopback()
{
	forget
	for address in 127.0.0.1 ::1; do
		for protocol in pop imap; do
			neighbour $protocol $address alice s3cret >/dev/null
			check "login_${protocol}_from_$address" 0 $?
		done
	done
	recorded "loopback_not_recorded"
}

# Whatever is wrong with the map's directory, mail can be read, and soon.
case_login_survives()
{
	forget
	dir=$root/var/lib/drac
	mv "$dir" "$dir.away"
	login_in_time "directory_missing"
	mv "$dir.away" "$dir"
	mount --bind "$dir" "$dir" && mount -o remount,bind,ro "$dir"
	login_in_time "directory_unwritable"
	umount "$dir"
	mount -t tmpfs -o size=16k,mode=0755 full "$dir"
	cat /dev/zero >"$dir/filler" 2>/dev/null
	login_in_time "directory_full"
	umount "$dir"
	recorded "nothing_recorded_meanwhile"
	login "login_when_all_is_well_again" accepted pop $listed4
	relay "accepted_when_all_is_well_again" accepted $listed4
}

# case_map_missing ANSWER: a map that is not there authorises nobody: refused,
# or a temporary error (trouble).
case_map_missing()
{
	dir=$root/var/lib/drac
	login "login_before_map_goes_missing" accepted pop $listed4
	relay "accepted_before_map_goes_missing" accepted $listed4
	mv "$dir" "$dir.away"
	relay "map_missing_v4" "$1" $listed4
	relay "map_missing_v6" "$1" $listed6
	mv "$dir.away" "$dir"
	relay "accepted_when_map_is_back" accepted $listed4
}

login_in_time()
{
	before=$(date +%s)
	login "login_pop_$1" accepted pop $listed4
	login "login_imap_$1" accepted imap $listed6
	took=$(($(date +%s) - before))
	[ $took -gt 4 ] || took="at most 4"
	check "login_seconds_$1" "at most 4" "$took"
}
