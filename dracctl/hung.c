/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The road of a sweep. Whoever keeps the map is asked, and nobody else, so
 * that a sweep neither waits for a daemon that is not there nor has systemd
 * start one. A daemon that keeps the map and does not answer removes nothing
 * either: with --end-hung it is ended, unless it went on with its work
 * meanwhile, which the lock file's time stamp tells. We are the map's keeper
 * by then, so no text in the keeper's directory can make root end another's
 * process.
 */

#include <sys/pidfd.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dracctl.h"
#include "place.h"
#include "sys.h"

#define NAME   "rpc.dracd"
#define END_MS 5000 /* for the process to end, and the lock to be free */

struct keeper {
	long pid;      /* 0: not known */
	time_t worked; /* when it looked after the map last */
};

/* Who keeps the map: 1, 0 nobody, -1 it cannot be told. */
static int
find_keeper(const struct drac_ctl *ctl, struct keeper *keeper)
{
	struct stat st;
	struct drac_why why;
	struct drac_place place;
	int fd, owned;

	if (drac_place_open_kept(&place, ctl->opts.path, ctl->opts.keeper,
		&why) == -1)
		return -1;
	fd = drac_place_file(&place, DRAC_LOCK, O_RDONLY, 0, &why);
	drac_place_close(&place);
	if (fd == -1)
		return -1;
	owned = fstat(fd, &st) == 0 ? drac_lock_owned(fd, &keeper->pid) : -1;
	(void)close(fd);
	keeper->worked = owned == -1 ? 0 : st.st_mtime;
	return owned;
}

static bool
is_daemon(long pid)
{
	char path[40], comm[sizeof(NAME) + 1];
	ssize_t got = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	got = read(fd, comm, sizeof(comm));
	(void)close(fd);
	return got == sizeof(NAME) &&
	       memcmp(comm, NAME "\n", sizeof(NAME)) == 0;
}

/* The process is held by pidfd: is it the one that keeps the map still? */
static bool
keeps_still(const struct drac_ctl *ctl, long pid)
{
	struct keeper keeper;

	return is_daemon(pid) && find_keeper(ctl, &keeper) == 1 &&
	       keeper.pid == pid;
}

/* Its lock goes with it, or a moment later with a child of its. */
static int
wait_for_end(const struct drac_ctl *ctl, int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	const struct timespec pause = { .tv_nsec = 10000000 };
	int64_t until_ms = drac_sys_ms() + END_MS;
	struct keeper keeper;

	(void)poll(&ended, 1, END_MS);
	while (find_keeper(ctl, &keeper) != 0) {
		if (drac_sys_ms() >= until_ms) {
			errno = ETIMEDOUT;
			return -1;
		}
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

static int
end_process(const struct drac_ctl *ctl, long pid)
{
	int pidfd = pid > 1 ? pidfd_open((pid_t)pid, 0) : -1;
	int result = -1;

	if (pid <= 1)
		errno = ESRCH;
	if (pidfd == -1)
		return -1;
	if (!keeps_still(ctl, pid))
		errno = ESRCH;
	else if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0)
		result = wait_for_end(ctl, pidfd);
	(void)close(pidfd);
	return result;
}

/* 0: there is no keeper any more. */
static int
end_hung(const struct drac_ctl *ctl, const struct keeper *before,
    const struct keeper *keeper, const struct drac_why *why)
{
	if (keeper->pid != before->pid || keeper->worked != before->worked) {
		drac_ctl_complain("rpc.dracd, process %ld, does not answer but "
				  "is at work: left alone",
		    keeper->pid);
		return -1;
	}
	if (end_process(ctl, keeper->pid) == -1) {
		drac_ctl_complain("rpc.dracd, process %ld, does not answer and "
				  "could not be ended: %s",
		    keeper->pid, strerror(errno));
		return -1;
	}
	drac_ctl_complain("rpc.dracd, process %ld, kept the map and did not "
			  "answer: it was ended (%s)",
	    keeper->pid, why->text);
	drac_ctl_log("ended rpc.dracd, process %ld, which did not answer,",
	    keeper->pid);
	return 0;
}

/* 0 also when it ended, or had to be ended. */
static int
ask_keeper(struct drac_ctl *ctl, const struct keeper *before)
{
	struct keeper keeper = { 0 };
	struct drac_why why;
	int error;

	if (ctl->end_hung_ms != 0)
		ctl->conf.timeout_ms = ctl->end_hung_ms;
	if (drac_ctl_find_daemon(ctl, &why) == 0)
		return 0;
	error = errno;
	if (find_keeper(ctl, &keeper) == 0)
		return 0;
	if (error == ETIMEDOUT && ctl->end_hung_ms != 0)
		return end_hung(ctl, before, &keeper, &why);
	drac_ctl_complain_of_silence(&why);
	return -1;
}

int
drac_ctl_open_to_sweep(struct drac_ctl *ctl)
{
	struct keeper keeper = { 0 };

	if (drac_ctl_become_keeper(ctl) == -1)
		return -1;
	if (find_keeper(ctl, &keeper) != 0 && ask_keeper(ctl, &keeper) == -1)
		return -1;
	return ctl->link != NULL ? 0 : drac_ctl_open_map(ctl);
}
