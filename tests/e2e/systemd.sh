# SPDX-License-Identifier: BSD-2-Clause
#
# A systemd that has booted in a root of the end-to-end tests. Sourced after
# lib.sh and cases.sh.

# systemd as process 1 of the root, with a /sys of its own and only as many
# devices as it needs. Its journal takes /dev/log. One at a time: two of them
# are in each other's way with their control groups.
boot()
{
	mkdir -p "$top/build/e2e"
	exec 9>"$top/build/e2e/systemd.lock"
	flock 9
	ln -s pts/ptmx "$root/dev/ptmx"
	rm -f "$root/dev/log"
	mkdir -p "$root/sys"
	mount -t tmpfs -o mode=0755 drac-e2e "$root/sys"
	mkdir -p "$root/sys/fs/cgroup"
	unshare --pid --mount --cgroup --fork --kill-child \
	    nsenter --net="/run/netns/$host" sh -c '
		mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup" &&
		mount -t proc proc "$1/proc" && cd "$1" &&
		pivot_root . mnt && umount -l mnt &&
		exec env -i container=test PATH=/usr/sbin:/usr/bin chroot . \
		    /lib/systemd/systemd --system --unit=basic.target' \
	    boot "$root" >"$work/boot.log" 2>&1 &
	outer=$!
	wait_for booted systemctl is-system-running && return
	cat "$work/boot.log"
	say "skip $script: this kernel does not let systemd run in a container"
	exit 0
}

booted()
{
	first=$(ps -o pid= --ppid "$outer" | tr -d ' ')
	[ -n "$first" ] && nsenter --target "$first" --mount --pid --net \
	    --root --wd "$@"
}

# does NAME COMMAND...
does()
{
	name=$1
	shift
	said=$(booted "$@" 2>&1) && ok "$name" || fail "$name" "$said"
}
