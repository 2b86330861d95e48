# SPDX-License-Identifier: BSD-2-Clause
# What the scripts here share: a configuration, a map, and ways to judge.

set -u
build=$(realpath "${DRAC_BUILD-build}") || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$tmp"
umask 022
unset POSIXLY_CORRECT

# A copy, because the other user may have no way into the build directory.
cp "$build/dracctl.bin" "$tmp/dracctl" || exit 1
ctl=$tmp/dracctl conf=$tmp/drac.conf lib=$tmp/lib map=$tmp/lib/dracd.db
run=$tmp/run sock=$tmp/run/dracd.sock
fill=$build/tests/ctl/fill
failures=0
utc='[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}Z'

ok() {
	printf 'ok %s\n' "$1"
}

fail() {
	printf 'FAIL %s: %s\n' "$1" "$2"
	failures=$((failures + 1))
}

# holds FILE ERE   an empty ERE: the file is empty
holds() {
	if [ -z "$2" ]; then
		[ ! -s "$1" ]
	else
		grep -Eq -e "$2" "$1"
	fi
}

# judge NAME STATUS OUT ERR   the run that left $got, $tmp/out, $tmp/err
judge() {
	if [ "$got" -ne "$2" ]; then
		fail "$1" "exit status $got, not $2: $(cat "$tmp/err")"
	elif ! holds "$tmp/out" "$3"; then
		fail "$1" "stdout is not /$3/: $(head -c 300 "$tmp/out")"
	elif ! holds "$tmp/err" "$4"; then
		fail "$1" "stderr is not /$4/: $(head -c 300 "$tmp/err")"
	elif grep -qv '^dracctl: ' "$tmp/err"; then
		fail "$1" "not one sentence each: $(head -c 300 "$tmp/err")"
	else
		ok "$1"
	fi
}

# says NAME STATUS OUT ERR COMMAND...
says() {
	name=$1 want=$2 out=$3 err=$4
	shift 4
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	got=$?
	judge "$name" "$want" "$out" "$err"
}

# is NAME WANTED GOT
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		fail "$1" "'$3', not '$2'"
	fi
}

# configure [LINE...]   drac.conf with this map and these lines
configure() {
	printf 'database = %s\n' "$map" >"$conf"
	[ $# -eq 0 ] || printf '%s\n' "$@" >>"$conf"
	# And whatever addresses the machine has that this runs on.
	printf 'socket = %s\nlookup =\nallow_gateway = yes\n' "$sock" >>"$conf"
}

# fresh [LINE...]   the same, and an empty map
fresh() {
	configure "$@"
	rm -rf "$lib"
	"$ctl" -c "$conf" init -q || fail fresh "no map"
}

# put ADDRESS SECONDS   an entry that expires so many seconds from now
put() {
	printf '%s %s\n' "$1" $(($(date +%s) + $2)) | "$fill" "$map" ||
		fail put "$1"
}

# d ARGUMENT...   dracctl with our configuration
d() {
	"$ctl" -c "$conf" "$@"
}

# other COMMAND...     as a user who does not own what we made
# private COMMAND...   with mounts that nobody else sees
# alone COMMAND...     with a network that nobody else sees
if [ "$(id -u)" -eq 0 ]; then
	other() {
		setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	}
	private() {
		unshare --mount --propagation private "$@"
	}
	alone() {
		unshare --net "$@"
	}
else
	other() {
		chmod a-w "$lib" "$lib"/*
		"$@"
		status=$?
		chmod u+w "$lib" "$lib"/*
		return $status
	}
	private() {
		unshare --map-root-user --mount "$@"
	}
	alone() {
		unshare --map-root-user --net "$@"
	}
fi

# skip NAME REASON
skip() {
	printf 'skip %s: %s\n' "$1" "$2"
}

# can_trace NAME   or NAME is skipped
can_trace() {
	if ! command -v strace >/dev/null; then
		skip "$1" 'not installed: strace'
		return 1
	fi
	strace -o "$tmp/trace" true 2>/dev/null ||
		! skip "$1" 'strace may not trace here'
}

# can_mount NAME   or NAME is skipped
can_mount() {
	private mount -t tmpfs none /run 2>/dev/null ||
		! skip "$1" 'no mount namespace to be had'
}

# count JSON-FILE   the number of objects; nothing when it is not valid
count() {
	perl -MJSON::PP -0777 -ne '
		my $list = decode_json($_);
		for my $entry (@$list) {
			$entry->{address} =~ /^[0-9a-f:.]+$/ or die;
			$entry->{expires} =~ /^[0-9]+$/ or die;
			$entry->{remaining} =~ /^-?[0-9]+$/ or die;
		}
		print scalar(@$list);' "$1" 2>&1
}
