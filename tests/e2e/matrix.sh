# SPDX-License-Identifier: BSD-2-Clause
#
# One POP or IMAP server in front of Postfix, tried with everything that a
# login can be; the outcome is a row of the table in pam_drac-services(7).
# Sourced after cases.sh and servers.sh. A script calls open_front, starts its
# server, and for each way to run it calls run_row.
#
#   protocols   pop imap: those that the server has
#   families    4 6: those that it listens on
#   services    its PAM files, ours at first
#   late        yes: it is recorded some time after the client was answered
#   settle      late=yes: a command after which a refused login has had its time
#   keeper      daemon: rpc.dracd keeps the map all the time
#   refresh     a command before each login, for a server that counts them

protocols=pop
families='4 6'
services=
late=no
settle=:
keeper=module
refresh=:

# open_front NAME PACKAGE...: a root with Postfix, inetd, our build and the
# packages of a server, two hosts, an empty map. dave's account is expired.
open_front()
{
	layer behind postfix openbsd-inetd db5.3-util
	[ $# -lt 2 ] || layer "$@"
	open_root
	open_network
	install_build
	cp -r "$root/home/alice" "$root/home/dave"
	chroot "$root" useradd -M -s /bin/sh -e 1970-01-02 -p \
	    "$(perl -e 'print crypt("s3cret", q($6$pepper))')" dave ||
		die "cannot add user dave"
	chroot "$root" chown -R dave:dave /home/dave
	cp "$top/${DRAC_BUILD:-build}/tests/pam/set_rhost.so" \
	    "$root$(module_dir)/" || die "no set_rhost.so"
	start_postfix
}

module_dir()
{
	dirname "$(cd "$root" && find usr/lib lib -name pam_drac.so | head -n 1)" |
	    sed 's|^|/|'
}

# start_inetd LINE...: of inetd.conf(5).
start_inetd()
{
	printf '%s\n' "$@" >"$root/etc/inetd.conf"
	start inetd -i
	inetd=$started
}

# use_services: our files, as they are.
use_services()
{
	for service in $services; do
		pam_service "$service"
	done
}

# with_rhost [NAME]: the server's PAM_RHOST is NAME now, or is not there.
with_rhost()
{
	for service in $services; do
		sed "s/^account optional pam_drac.so/account optional set_rhost.so ${1-}\\
&/" "$top/conf/pam.d/$service" >"$root/etc/pam.d/$service"
	done
}

# address_of FAMILY [other]
address_of()
{
	case $1${2-} in
	4) say $listed4 ;;
	6) say $listed6 ;;
	4other) say $other4 ;;
	6other) say $other6 ;;
	esac
}

# outcome PROTOCOL FAMILY USER PASSWORD: the verdict about the login and what
# came of it: `yes`, exactly this address is in the map and may relay; `no`,
# nothing is and it may not.
outcome()
{
	address=$(address_of "$2")
	forget
	$refresh
	client --from "$address" "$1" "$(server_for "$address")" "$3" "$4" \
	    >"$work/reply"
	answer=$(verdict $?)
	case $late/$answer in
	yes/accepted) wait_for has_entries ;;
	yes/*) $settle ;;
	esac
	found=$(dump_map | cut -d' ' -f1 | xargs)
	case $found/$(may_relay "$address")/$(may_relay \
	    "$(address_of "$2" other)") in
	"$address"/accepted/refused) say "$answer yes" ;;
	/refused/refused) say "$answer no" ;;
	*) say "$answer map: $found, relay: $(may_relay "$address")" ;;
	esac
}

has_entries()
{
	[ -n "$(dump_map)" ]
}

may_relay()
{
	client --from "$1" smtp "$(server_for "$1")" alice@example.org \
	    someone@example.net >"$work/relay"
	verdict $?
}

# merge SO_FAR NEW: one word for a column.
merge()
{
	case $1 in
	-) say "$2" ;;
	"$2") say "$2" ;;
	*) say "$1+$2" ;;
	esac
}

# Right password: every protocol over every family.
try_right()
{
	pop=- imap=- v4=- v6=-
	for protocol in $protocols; do
		for family in $families; do
			got=$(outcome "$protocol" "$family" alice s3cret)
			check "$row: right_password_${protocol}_v$family" \
			    accepted "${got%% *}"
			got=${got#* }
			case $protocol in
			pop) pop=$(merge "$pop" "$got") ;;
			imap) imap=$(merge "$imap" "$got") ;;
			esac
			case $family in
			4) v4=$(merge "$v4" "$got") ;;
			6) v6=$(merge "$v6" "$got") ;;
			esac
		done
	done
}

# try_bad NAME USER PASSWORD: sets $cell.
try_bad()
{
	cell=-
	for protocol in $protocols; do
		got=$(outcome "$protocol" 4 "$2" "$3")
		check "$row: $1_$protocol" "refused no" "$got"
		cell=$(merge "$cell" "${got#* }")
	done
}

# try_hidden WHAT: sets $cell. PAM_RHOST tells nothing now.
try_hidden()
{
	got=$(outcome "${protocols%% *}" 4 alice s3cret)
	check "$row: login_with_rhost_$1" accepted "${got%% *}"
	cell=${got#* }
}

settings_of_keeper()
{
	if [ $keeper = module ]; then
		settings 'renew = 0s'
		return
	fi
	settings 'renew = 0s' 'server = local' 'timeout = 1s'
	start_daemon
}

# run_row NAME: the row of that name in the manual.
run_row()
{
	row=$1
	use_services
	settings_of_keeper
	try_right
	try_bad wrong_password alice guess
	wrong=$cell
	try_bad unknown_user nobody-here s3cret
	unknown=$cell
	try_bad expired_account dave s3cret
	expired=$cell
	with_rhost client.example.net
	try_hidden name
	name=$cell
	with_rhost
	try_hidden none
	none=$cell
	use_services
	case_daemon_in_trouble
	cells="$pop $imap $v4 $v6 $wrong $unknown $expired $name $none"
	keep_row
	check "$row: the manual tells the same" "$(manual_row)" "$cells"
}

# For the table that tests/e2e/table prints.
keep_row()
{
	mkdir -p "$top/build/rows"
	printf '%s: %s\n' "$row" "$cells" \
	    >"$top/build/rows/$(printf %s "$row" | tr -c 'A-Za-z0-9' -)"
}

manual_row()
{
	sed -n "s/^\.It \"*$row\"* Ta //p" "$top/docs/pam_drac-services.7" |
	    sed 's/ Ta / /g'
}

# A daemon that hangs or is gone costs the login no more than the time-out.
case_daemon_in_trouble()
{
	[ $keeper = module ] || stop "$daemon"
	settings 'renew = 0s' 'server = local' 'timeout = 1s'
	rm -rf "$root/run/pam_drac"
	start_daemon
	got=$(outcome "${protocols%% *}" 4 alice s3cret)
	check "$row: recorded by the daemon" "accepted $v4" "$got"
	kill -STOP "$daemon"
	login_goes_on "the daemon hangs"
	kill -KILL "$daemon"
	wait "$daemon" 2>/dev/null
	login_goes_on "the daemon was killed"
	settings 'renew = 0s'
	inside dracctl init -q || fail "$row: dracctl init" $?
}

# login_goes_on WHEN
login_goes_on()
{
	before=$(date +%s)
	for protocol in $protocols; do
		$refresh
		client --from $listed4 "$protocol" "$(own_ip 4)" alice s3cret \
		    >"$work/reply"
		check "$row: $protocol login while $1" accepted \
		    "$(verdict $?)"
	done
	took=$(($(date +%s) - before))
	[ $took -gt 8 ] || took="at most 8"
	check "$row: seconds while $1" "at most 8" "$took"
}
