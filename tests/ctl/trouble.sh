# SPDX-License-Identifier: BSD-2-Clause
# What goes wrong outside: configuration, permissions, space, readers.

verbs() {
	cat <<'TABLE'
list list
list_json list --json
show show 192.0.2.7
add add 192.0.2.8
add_exact add 192.0.2.8 --lifetime 1m
drop drop 192.0.2.7
drop_all drop --all
sweep sweep
init init
TABLE
}

# Configuration.
says conf_must_exist 3 '' "$tmp/none: No such file" "$ctl" -c "$tmp/none" list
says conf_is_a_directory 3 '' "$tmp" "$ctl" -c "$tmp" list
configure 'lifetime = 30x' 'colour = blue' 'timeout = 1s'
says conf_broken 3 '' "$conf:2: lifetime: .*30x" d list
is conf_every_error 2 "$(wc -l <"$tmp/err")"
says conf_broken_third_line 3 '' "$conf:3: colour: " d list
chmod 666 "$conf"
says conf_writable_by_others 3 '' "$conf" d list
chmod 644 "$conf"
verbs >"$tmp/verbs"
while read -r name words; do
	# shellcheck disable=SC2086
	says "conf_broken_$name" 3 '' lifetime d $words
done <"$tmp/verbs"

# No map, no directory, no parent.
configure
rm -rf "$lib"
mkdir "$lib"
verbs | grep -v init >"$tmp/verbs"
while read -r name words; do
	# shellcheck disable=SC2086
	says "no_map_$name" 3 '' \
		"$tmp/lib.*\\(dracctl init makes it\\)" d $words
done <"$tmp/verbs"
rmdir "$lib"
says no_directory_list 3 '' "$tmp/lib.*dracctl init" d list
says no_directory_add 3 '' "$tmp/lib.*dracctl init" d add 192.0.2.7
map=$tmp/none/lib/dracd.db configure
says no_parent_init 3 '' "^dracctl: $tmp/none/lib: cannot make the dir" d init
configure
touch "$lib"
says directory_is_a_file 3 '' "$lib" d init
rm "$lib"
mkdir "$lib"
chmod 777 "$lib"
says directory_writable_by_all 3 '' "$lib" d init
rmdir "$lib"
mkdir "$lib" "$map"
says map_is_a_directory 3 '' "$map" d init

# Permissions.
fresh
put 192.0.2.7 1000
put 192.0.2.8 -10
says reader_list 0 '^192.0.2.7 ' '' other "$ctl" -c "$conf" list
says reader_list_json 0 '^\{"address":"192.0.2.7"' '' \
	other "$ctl" -c "$conf" list --json
says reader_show 0 'is auth' '' other "$ctl" -c "$conf" show 192.0.2.7
says reader_show_expired 1 'expired' '' other "$ctl" -c "$conf" show 192.0.2.8
verbs | grep -Ev '^(list|show)' >"$tmp/verbs"
while read -r name words; do
	# shellcheck disable=SC2086
	says "reader_may_not_$name" 3 '' "$tmp/lib.*(denied|permitted|ours)" \
		other "$ctl" -c "$conf" $words
done <"$tmp/verbs"
says reader_changed_nothing 0 '^192.0.2.7 is auth' '' d show 192.0.2.7
chmod 000 "$map"
verbs | grep -E '^(list|show)' >"$tmp/verbs"
while read -r name words; do
	# shellcheck disable=SC2086
	says "unreadable_$name" 3 '' "$map.*denied" \
		other "$ctl" -c "$conf" $words
done <"$tmp/verbs"
chmod 644 "$map"
rm -rf "$lib"
if [ "$(id -u)" -eq 0 ]; then
	says stranger_may_not_init 3 '' "$tmp/lib.*denied" \
		other "$ctl" -c "$conf" init
fi

# Nobody listens, or cannot.
fresh
put 192.0.2.7 1000
to_full() {
	"$@" >/dev/full
}
to_closed() {
	"$@" >&-
}
to_nothing() {
	"$@" <&- >&- 2>&-
}
for to in to_full to_closed; do
	verbs | sed /drop_all/d >"$tmp/verbs"
while read -r name words; do
		# shellcheck disable=SC2086
		says "${to}_$name" 3 '' '^dracctl: standard output: ' \
			$to d $words
		d add 192.0.2.7 -q
	done
	says "${to}_help" 3 '' 'standard output' $to "$ctl" --help
	says "${to}_but_quiet" 0 '' '' $to d add 192.0.2.7 -q
done <"$tmp/verbs"
says to_nothing 3 '' '' to_nothing d add 192.0.2.10
says to_nothing_did_it 0 '^192.0.2.10 is auth' '' d show 192.0.2.10
d list --json >"$tmp/out"
is to_nothing_map_whole 3 "$(count "$tmp/out")"

# hold FILE SECONDS FLAG...   another process has its lock; its id in $holder
hold() {
	file=$1 seconds=$2
	shift 2
	flock "$@" --no-fork "$file" sleep "$seconds" >/dev/null 2>&1 &
	holder=$!
	while flock --exclusive --nonblock "$file" true; do
		kill -0 $holder || break
	done
}
release() {
	kill $holder
	wait $holder 2>/dev/null
}

# A reader that holds its lock for ever does not stop the admin.
fresh 'timeout = 100ms'
hold "$map" 60 --shared
says held_map_add 0 '^192.0.2.7 is auth' \
	'^dracctl: warning: .*a process holds a lock on the map .*check names it' \
	d add 192.0.2.7
says held_map_show 0 '^192.0.2.7 is auth' '' d show 192.0.2.7
release

# A writer that does is waited for: as long as a login would, or longer.
hold "$map.lock" 60
says held_writer_add 3 '' 'locked by another process' d add 192.0.2.8
says held_writer_drop 3 '' 'locked by another process' d drop 192.0.2.7
says held_writer_show 0 '^192.0.2.7 is auth' '' d show 192.0.2.7
release
for words in init sweep 'drop --all'; do
	hold "$map.lock" 0.3
	# shellcheck disable=SC2086
	says "patient_${words%% *}" 0 '.' '' d $words
	wait $holder 2>/dev/null
done

# A damaged map is told from an empty one, and made anew by who may write.
damage() {
	fresh
	put 192.0.2.7 1000
	printf 'not a map' | dd of="$map" conv=notrunc status=none
}
damage
says damaged_list 3 '' '^dracctl: ' d list
says damaged_list_json 3 '' '^dracctl: ' d list --json
says damaged_show 3 '' '^dracctl: ' d show 192.0.2.7
for verb in init sweep 'add 192.0.2.8'; do
	damage
	# shellcheck disable=SC2086
	says "damaged_${verb%% *}" 0 '.' '^dracctl: warning: .*damaged' d $verb
	says "damaged_${verb%% *}_repaired" 0 '^ADDRESS' '' d list
done
fresh
put 192.0.2.7 1000
configure 'mode = 0640'
says new_mode 0 '^192.0.2.9 is auth' '' d add 192.0.2.9
is new_mode_is_given_by_any_change 640 "$(stat -c %a "$map")"
says new_mode_readable 0 '^192.0.2.7 is auth' '' d show 192.0.2.7
says new_mode_writable 0 '^192.0.2.8 is auth' '' d add 192.0.2.8

# No space: what cannot be made is not left half made.
cat >"$tmp/full.sh" <<'SCRIPT'
ctl=$1 conf=$2 lib=$3
mkdir -p "$lib"
mount -t tmpfs -o size=8m,mode=755 none "$lib" || exit 99
head -c 16m /dev/zero >"$lib/ballast" 2>/dev/null
"$ctl" -c "$conf" init 2>&1
[ $? -eq 3 ] || exit 98
"$ctl" -c "$conf" list 2>&1
[ $? -eq 3 ] || exit 97
rm "$lib/ballast"
"$ctl" -c "$conf" init -q || exit 96
"$ctl" -c "$conf" add 192.0.2.7 -q || exit 95
head -c 16m /dev/zero >"$lib/ballast" 2>/dev/null
"$ctl" -c "$conf" add 192.0.2.8 -q 2>&1
case $? in
0) "$ctl" -c "$conf" show 192.0.2.8 || exit 94 ;;
3) ;;
*) exit 93 ;;
esac
"$ctl" -c "$conf" show 192.0.2.7 || exit 92
"$ctl" -c "$conf" drop 192.0.2.7 -q 2>&1
rm "$lib/ballast"
"$ctl" -c "$conf" sweep -q && "$ctl" -c "$conf" list --json
SCRIPT
configure
rm -rf "$lib"
if can_mount full_disk; then
	says full_disk 0 '^192.0.2.7 is authorised' '' \
		private sh "$tmp/full.sh" "$ctl" "$conf" "$lib"
	is full_disk_says_so 1 "$(grep -c '^dracctl: .*No space' "$tmp/out")"
fi

# No configuration at all: the defaults.
cat >"$tmp/defaults.sh" <<'SCRIPT'
mount -t tmpfs -o mode=755 none /var/lib || exit 99
[ ! -d /etc/drac ] || mount -t tmpfs none /etc/drac || exit 98
"$1" init && "$1" add 192.0.2.7 && stat -c 'mode %a' /var/lib/drac/*.db
SCRIPT
if can_mount defaults; then
	says defaults 0 '^mode 600$' '' private sh "$tmp/defaults.sh" "$ctl"
	is defaults_say_so 'made the directory /var/lib/drac' \
		"$(head -1 "$tmp/out")"
fi
