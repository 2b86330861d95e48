# SPDX-License-Identifier: BSD-2-Clause
# Whose the files are. As root: nobody is the daemon's user here, and 65533
# anybody.

# The leak sanitizer cannot look into a process that has changed its user.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

user=nobody
uid=$(id -u $user)
stranger() {
	setpriv --reuid=65533 --regid=65533 --clear-groups "$@"
}

# owners FILE...   who owns them, each once
owners() {
	stat -c %u "$@" | sort -u | xargs
}

# Giving and taking.
configure "user = $user" 'mode = 0644'
rm -rf "$lib" "$run"
says owner_daemon_makes_all 0 "^made the directory $run$" '' d init --daemon
is owner_daemon_said "$(printf '%s\n' "made the directory $lib" \
	"gave the map $map to $user" "made the directory $run" \
	"made the map $map")" "$(cat "$tmp/out")"
is owner_daemon_has_all "$uid" "$(owners "$lib" "$lib"/* "$run")"
is owner_daemon_modes 755 "$(stat -c %a "$lib" "$run" | sort -u)"
says owner_daemon_again 0 "^the map $map is there already$" '' \
	d init --daemon
is owner_daemon_again_says_no_more 1 "$(wc -l <"$tmp/out")"
d add 192.0.2.7 -q
d drop 192.0.2.66 --for 1h -q
is owner_closed_is_the_users "$uid" "$(owners "$map.closed")"
ln "$map.closed" "$tmp/linked"
says owner_taken_back 0 "^gave the map $map to root$" '' d init
is owner_root_has_all 0 "$(owners "$lib" "$lib"/*)"
is owner_kept_the_entries 0 "$(d show 192.0.2.7 >/dev/null; echo $?)"
says owner_kept_the_closings 0 '^192.0.2.66 ' '' d list --closed
is owner_closed_is_a_new_file "$uid" "$(owners "$tmp/linked")"
rm "$tmp/linked"
configure "user = $user" 'mode = 0644' 'server = local'
says owner_server_local_is_enough 0 "^gave the map $map to $user$" '' d init
is owner_server_local_has_all "$uid" "$(owners "$lib" "$lib"/*)"
says owner_closings_again 0 '^192.0.2.66 ' '' d list --closed
# What root would have to believe is read with care.
echo nonsense >>"$map.closed"
configure "user = $user" 'mode = 0644'
says owner_damaged_closings 3 '' 'closed: line 3 is damaged' d init
is owner_damaged_closings_stay "$uid" "$(owners "$lib" "$lib"/*)"
configure "user = $user" 'mode = 0644' 'server = local'
rm "$map.closed"
says owner_quiet 0 '' '' d init -q

# The group that was chosen for a reader stays.
configure "user = $user" 'mode = 0644'
d init -q
chgrp 12345 "$map"
says owner_group 0 '^gave' '' d init --daemon
is owner_group_stays "$uid 12345" "$(stat -c '%u %g' "$map")"
chgrp "$(id -g $user)" "$map"

# Root works there as the user, which is what the sweep timer does when the
# daemon is dead.
setpriv --reuid="$uid" --regid="$(id -g $user)" --clear-groups \
	"$fill" "$map" <<ENTRIES
192.0.2.1 $(($(date +%s) - 5))
192.0.2.2 $(($(date +%s) + 500))
ENTRIES
rm -f "$map.lock" "$map.journal"
# The capabilities of drac-sweep.service.
says owner_sweep 0 '^removed 1, kept 2$' 'taken over from another program' \
	setpriv --bounding-set=-all,+chown,+setuid,+setgid \
	"$ctl" -c "$conf" sweep
says owner_add 0 '^192.0.2.9 is auth' '' d add 192.0.2.9
says owner_list 0 '^192.0.2.9 ' '' d list
says owner_show 0 '^192.0.2.9 is auth' '' d show 192.0.2.9
says owner_drop 0 '^removed 192.0.2.9' '' d drop 192.0.2.9
says owner_drop_all 0 '^removed every' '' d drop --all
is owner_new_files_are_the_users "$uid" "$(owners "$lib"/*)"
d add 192.0.2.7 -q

# Nothing in there reaches what is root's.
secret=$tmp/secret
echo secret >"$secret"
chmod 600 "$secret"
rm -f "$map.lock"
ln -s "$secret" "$map.lock"
says owner_link_is_not_followed 3 '' "$map.lock" d add 192.0.2.8
rm "$map.lock"
mv "$map" "$tmp/aside"
ln "$secret" "$map"
says owner_hard_link_is_not_read 3 '' "$map.*denied" d list
rm "$map"
mv "$tmp/aside" "$map"
ln "$secret" "$map.corrupt-1"
ln -s "$secret" "$map.new"
mkfifo "$map.fifo"
says owner_links_are_left_alone 0 '^gave' \
	'^dracctl: warning: dracd.db.corrupt-1 beside the map' d init
is owner_each_is_told 2 "$(wc -l <"$tmp/err")"
chown "$user" "$lib" "$map"
says owner_links_are_not_given_away 0 '^the map' \
	'warning: dracd.db.corrupt-1 beside the map' d init --daemon
is owner_secret_is_roots '0 600' "$(stat -c '%u %a' "$secret")"
is owner_secret_whole secret "$(cat "$secret")"
rm -f "$map.corrupt-1" "$map.fifo" "$map.new"
touch "$lib/dracd.dbx" "$lib/other"
d init -q
says owner_not_with_other_files 3 '' 'other files are in its directory' \
	d init --daemon
is owner_directory_stays 0 "$(owners "$lib")"
is owner_others_files_are_not_ours 0 "$(owners "$lib/dracd.dbx" "$lib/other")"
rm "$lib/dracd.dbx" "$lib/other"
d init --daemon -q

# Root's logins trust what is in root's directory: it is not what the user
# wrote. Entries pass, those too that a reader keeps out of the map.
inodes() {
	stat -c %i "$map" "$map.journal" "$map.lock" | xargs
}
# behind_reader ARGUMENT...   dracctl while a reader does not let go
behind_reader() {
	flock --shared --no-fork "$map" sleep 60 >/dev/null 2>&1 &
	reader=$!
	while flock --exclusive --nonblock "$map" true; do
		kill -0 $reader || break
	done
	d "$@"
	status=$?
	kill $reader
	wait $reader 2>/dev/null
	return $status
}
# The first one costs a new file, which may happen once a minute.
behind_reader add 192.0.2.9 -q 2>/dev/null
says hands_waits_in_the_journal 0 '^192.0.2.10 is auth' 'warning: .*a process holds a lock' \
	behind_reader add 192.0.2.10
says hands_not_in_the_map_yet 1 'not in the map' '' d show 192.0.2.10
# Held open, so that no new file gets the number of an old one.
exec 9<"$map" 8<"$map.journal" 7<"$map.lock"
before=$(inodes)
says hands_to_root 0 '^gave .* to root$' '' d init
after=$(inodes)
exec 9<&- 8<&- 7<&-
for old in $before; do
	is hands_file_is_new '' "$(echo "$after" | grep -ow "$old")"
done
says hands_kept_the_entries 0 '^192.0.2.9 is auth' '' d show 192.0.2.9
says hands_kept_what_waited 0 '^192.0.2.10 is auth' '' d show 192.0.2.10
d drop 192.0.2.9 -q
d drop 192.0.2.10 -q
before=$(inodes)
says hands_once 0 '^the map' '' d init
is hands_once_is_enough "$before" "$(inodes)"
chown "$user" "$map"
exec 9<"$map"
says hands_users_map_in_roots_directory 0 '^gave .* to root$' '' d init
exec 9<&-
is hands_users_map_is_new '' "$(inodes | grep -ow "${before%% *}")"
d init --daemon -q

# A map that cannot be read stays the user's until it is mended.
cp -p "$map" "$tmp/aside"
perl -e 'print "x" x 5000' |
	dd of="$map" bs=512 seek=1 conv=notrunc status=none
says hands_damaged 3 '' "give the map .*dracctl sweep mends it" d init
is hands_damaged_is_the_users "$uid" "$(owners "$lib" "$map" "$map.journal")"
says hands_damaged_is_mended 0 '^removed' 'damaged|taken over' d sweep
says hands_mended 0 '^gave .* to root$' '' d init
rm -f "$map".corrupt-*
d init --daemon -q
d add 192.0.2.7 -q

# halt SYSCALL ARGUMENT...   dracctl, stopped behind its first SYSCALL; its
# id in $halted
halt() {
	call=$1
	shift
	strace -o "$tmp/trace" -e "trace=$call" \
		-e "inject=$call:signal=STOP:when=1" \
		"$ctl" -c "$conf" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
	tracer=$!
	until grep -q 'stopped by' "$tmp/trace" 2>/dev/null; do
		kill -0 $tracer || break
	done
	halted=$(cat "/proc/$tracer/task/$tracer/children")
}

# go_on NAME STATUS OUT ERR
go_on() {
	kill -s CONT $halted
	wait $tracer
	got=$?
	rm -f "$tmp/trace"
	judge "$@"
}

as_user() {
	setpriv --reuid="$uid" --regid="$(id -g $user)" --clear-groups "$@"
}

if can_trace keeper_for_good; then
	halt flock list
	is keeper_for_good "$uid $uid $uid $uid" \
		"$(awk '/^Uid/ { print $2, $3, $4, $5 }' "/proc/${halted% }/status")"
	go_on keeper_list 0 '^192.0.2.7 ' ''
	# The user opens the directory just before it becomes root's.
	halt flock init
	as_user chmod 777 "$lib"
	go_on hands_mode 0 '^gave .* to root$' ''
	is hands_mode_is_ours 755 "$(stat -c %a "$lib")"
	d init --daemon -q
	halt flock init
	as_user mv "$map.lock" "$map.away"
	as_user touch "$map.lock"
	go_on hands_lock_replaced 3 '' \
		'somebody is at work'
	is hands_lock_replaced_is_the_users "$uid" "$(owners "$lib" "$map")"
	rm -f "$map.away"
	# Killed behind one of its renames, and begun again.
	for rename in 1 2; do
		strace -qq -o "$tmp/trace" -e trace=/renameat \
			-e "inject=/renameat:signal=KILL:when=$rename" \
			"$ctl" -c "$conf" init >/dev/null 2>&1
		is "hands_killed_$rename" 137 $?
		says "hands_killed_${rename}_reader" 0 'is auth' '' \
			stranger "$ctl" -c "$conf" show 192.0.2.7
		says "hands_killed_${rename}_again" 0 'there already$' '' d init
		is "hands_killed_${rename}_is_roots" 0 \
			"$(owners "$lib" "$lib"/dracd.db*)"
		says "hands_killed_${rename}_kept" 0 'is auth' '' \
			d show 192.0.2.7
		d init --daemon -q
	done
fi

# Others read what is readable, and that is all.
says stranger_list 0 '^192.0.2.7 ' '' stranger "$ctl" -c "$conf" list
says stranger_show 0 '^192.0.2.7 is' '' \
	stranger "$ctl" -c "$conf" show 192.0.2.7
for words in 'add 192.0.2.8' 'drop 192.0.2.7' 'drop --all' sweep; do
	# shellcheck disable=SC2086
	says "stranger_may_not_${words%% *}" 3 '' "$lib.*denied" \
		stranger "$ctl" -c "$conf" $words
done
says stranger_may_not_init_daemon 3 '' 'only root can give the map' \
	stranger "$ctl" -c "$conf" init --daemon
is stranger_changed_nothing "$uid" "$(owners "$lib" "$lib"/*)"

# While a daemon keeps it, whoever it serves goes through it.
start_daemon
says kept_by_the_user 0 '^192.0.2.8 is auth' '' d add 192.0.2.8
is kept_through_the_daemon 1 "$(said added)"
says kept_stays_the_users 3 '' 'a running rpc.dracd keeps the map .*to root' \
	d init
says kept_init_daemon 0 'is there already' '' d init --daemon
says kept_refuses_status 3 '' '^dracctl: ' stranger "$ctl" -c "$conf" status
says kept_refused_list 0 '^192.0.2.8 ' '' stranger "$ctl" -c "$conf" list
says kept_refused_show 0 '^192.0.2.8 is' '' \
	stranger "$ctl" -c "$conf" show 192.0.2.8
says kept_refused_show_missing 1 'not in the map' '' \
	stranger "$ctl" -c "$conf" show 192.0.2.10
for words in 'add 192.0.2.9' 'drop 192.0.2.8' 'drop --all' sweep; do
	# shellcheck disable=SC2086
	says "kept_refused_${words%% *}" 3 '' "$lib" \
		stranger "$ctl" -c "$conf" $words
done
says kept_by_its_own_user 0 '^removed 192.0.2.8' '' other "$ctl" -c "$conf" \
	drop 192.0.2.8
is kept_files_are_the_users "$uid" "$(owners "$lib" "$lib"/*)"
sed -i "s|^socket.*|socket = $tmp/none.sock|" "$conf"
says kept_out_of_sight 3 '' 'kept by rpc.dracd \(process' d init
is kept_out_of_sight_stays_the_users "$uid" "$(owners "$lib" "$lib"/*)"
sed -i "s|^socket.*|socket = $sock|" "$conf"
stop_daemon KILL
says kept_no_more 0 '^removed 0, kept 1$' '' d sweep
is kept_no_more_files "$uid" "$(owners "$lib"/*)"
says kept_no_more_init 0 '^gave .* to root$' '' d init

# A user that does not exist, and one that has nothing to do with it.
configure 'user = no-such-user'
says unknown_user_init_daemon 3 '' 'there is no user no-such-user' \
	d init --daemon
says unknown_user_init 0 'is there already' '' d init
chown 65533 "$lib"
for words in init list 'show 192.0.2.7' 'add 192.0.2.8' sweep; do
	# shellcheck disable=SC2086
	says "third_owner_unknown_user_${words%% *}" 3 '' \
		"^dracctl: $lib: belongs to user 65533" d $words
done
configure "user = $user" 'mode = 0644'
for words in init list 'add 192.0.2.8' 'drop --all' sweep; do
	# shellcheck disable=SC2086
	says "third_owner_${words%% *}" 3 '' \
		"^dracctl: $lib: belongs to user 65533" d $words
done
says third_owner_init_daemon 3 '' "^dracctl: $lib: belongs to user 65533" \
	d init --daemon
is third_owner_keeps_it 65533 "$(owners "$lib")"
chown "$user" "$lib"
chmod 775 "$lib"
says writable_by_group 3 '' "^dracctl: $lib: writable" d init
is writable_by_group_is_not_given "$uid" "$(owners "$lib")"
chmod 755 "$lib"
