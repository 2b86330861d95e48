# SPDX-License-Identifier: BSD-2-Clause
# The command behind a login: that it runs, and what it inherits.

fresh
logs command_runs 0 '^hello$' 'authorised 192.0.2.7' \
	l -a 192.0.2.7 -- echo hello
logs command_without_dashes 0 '^-l -a -- x$' 'authorised 192.0.2.8' \
	l -a 192.0.2.8 sh -c 'echo "$@"' sh -l -a -- x
logs command_ends_as_it_likes 7 '' 'authorised 192.0.2.9' \
	l -a 192.0.2.9 -- sh -c 'exit 7'
logs command_has_our_number 0 '^same$' ' is already ' sh -c '
	LD_PRELOAD='"$shim $login -c $conf"' -a 192.0.2.7 -- sh -c "
		echo \$\$ >'"$tmp/number"'" &
	wait $!
	[ "$(cat '"$tmp/number"')" = $! ] && echo same'
printf 'one\ntwo\n' >"$tmp/in"
l -a 192.0.2.7 -- cat <"$tmp/in" >"$tmp/out"
is command_reads_what_came "$(cat "$tmp/in")" "$(cat "$tmp/out")"
logs command_missing 3 '' '^authpriv\.err drac-login: /nonexistent/nosuch: No such' \
	l -a 192.0.2.7 -- /nonexistent/nosuch
logs command_not_executable 3 '' "err .*$conf: Permission denied\$" \
	l -a 192.0.2.7 -- "$conf"
logs command_empty 3 '' 'err drac-login: : No such file' l -a 192.0.2.7 -- ''

# odd COMMAND...   signals blocked and ignored, a umask, a directory, and
# descriptors, all unusual
odd() {
	(cd "$tmp" && perl -MPOSIX -e '
		sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGUSR2, SIGALRM));
		$SIG{$_} = "IGNORE" for qw(USR1 PIPE XFSZ HUP);
		umask 0137;
		exec { $ARGV[0] } @ARGV or exit 99' \
		env -i PATH="$PATH" IP=192.0.2.7 USER=alice EMPTY= ODD='a
b' LD_PRELOAD="$shim" DRAC_TEST_LOG="$log" ASAN_OPTIONS="$ASAN_OPTIONS" "$@")
}

# behind COMMAND...   the same with drac-login before the command
behind() {
	odd "$login" -c "$conf" -e IP -- "$@"
}

# inherits NAME COMMAND...   it prints the same on either road, be the
# address recorded or not
inherits() {
	name=$1
	shift
	odd "$@" >"$tmp/plain"
	fresh
	behind "$@" >"$tmp/recorded"
	configure 'lifetime = never'
	behind "$@" >"$tmp/broken"
	configure
	if [ ! -s "$tmp/plain" ]; then
		fail "$name" "nothing was printed"
	elif diff "$tmp/plain" "$tmp/recorded" >"$tmp/diff" &&
	    diff "$tmp/plain" "$tmp/broken" >"$tmp/diff"; then
		ok "$name"
	else
		fail "$name" "$(tr '\n' ' ' <"$tmp/diff")"
	fi
}

inherits inherits_signals grep -E '^(Sig(Blk|Ign|Cgt)|ShdPnd|SigPnd|Umask)' \
	/proc/self/status
inherits inherits_environment env
inherits inherits_directory pwd -P
inherits inherits_limits cat /proc/self/limits
inherits inherits_ids grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp):' \
	/proc/self/status

# Signals that have their usual effect keep it, too.
grep '^SigIgn' /proc/self/status >"$tmp/plain"
l -a 192.0.2.7 -- grep '^SigIgn' /proc/self/status >"$tmp/recorded"
is inherits_usual_signals "$(cat "$tmp/plain")" "$(cat "$tmp/recorded")"

# descriptors COMMAND...   Dovecot has its sockets on numbers above 2
descriptors() {
	"$@" perl -e '
		opendir(my $dir, "/proc/$$/fd") or die;
		for (sort { $a <=> $b } grep { /\d/ } readdir $dir) {
			next if $_ == fileno($dir);
			print "$_ ", readlink("/proc/$$/fd/$_"), "\n";
		}' 3<"$conf" 7>>"$tmp/seven" 9<"$tmp" 42<>"$tmp/out" \
		>"$tmp/listed" </dev/null
	cat "$tmp/listed"
}
: >"$tmp/out"
plain=$(descriptors env)
is inherits_descriptors "$plain" "$(descriptors l -a 192.0.2.7 --)"
is inherits_descriptors_of_a_failure "$plain" \
	"$(descriptors l -a 127.0.0.1 --)"
is inherits_five_at_least yes \
	"$([ "$(printf '%s\n' "$plain" | wc -l)" -ge 5 ] && echo yes)"

# What is closed stays closed, and nothing of ours is printed into the map.
closed() {
	"$@" sh -c '
		for fd in 0 1 2; do
			[ -e /proc/$$/fd/$fd ] && echo "$fd is open"
		done >'"$tmp/closed"'
		echo done >>'"$tmp/closed" <&- >&- 2>&-
	cat "$tmp/closed"
}
fresh
is inherits_closed_descriptors "$(closed env)" "$(closed l -a 192.0.2.7 --)"
map_has inherits_closed_and_recorded yes 192.0.2.7
