/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who holds a lock on a file. The kernel's list has the locks of everybody
 * on the host, as many as any user wants, and each read of it costs the more
 * the longer it is: so a bounded piece of it is read, once, by the
 * administrator's program alone.
 */

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define LIST_BYTES 65536 /* some 1,200 locks */
#define TRIES      20
#define PAUSE_NS   50000000 /* between two of them */

/* Until the end of the list or of the room. */
static void
read_list(char list[LIST_BYTES + 1], bool *cut)
{
	int fd = open("/proc/locks", O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got = 0;

	while (fd != -1 && length < LIST_BYTES &&
	       (got = read(fd, list + length, LIST_BYTES - length)) > 0)
		length += (size_t)got;
	if (fd != -1)
		(void)close(fd);
	list[length] = '\0';
	*cut = got > 0;
}

/* proc(5), /proc/locks: `1: FLOCK ADVISORY READ 712 08:01:131 0 EOF`. */
static int
holder_in(const char *line, const struct stat *st)
{
	unsigned major_nr, minor_nr;
	unsigned long long ino;
	int pid;

	if (sscanf(line, "%*s %*s %*s %*s %d %x:%x:%llu", &pid, &major_nr,
		&minor_nr, &ino) != 4 ||
	    ino != st->st_ino || major_nr != major(st->st_dev) ||
	    minor_nr != minor(st->st_dev) || pid == getpid())
		return 0;
	return pid > 0 ? pid : 0;
}

static void
name_process(int pid, char name[DRAC_CHECK_HOLDER])
{
	char path[40];
	char comm[20];
	ssize_t got = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		got = read(fd, comm, sizeof(comm) - 1);
		(void)close(fd);
	}
	comm[got > 0 ? got : 0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	drac_why_make_harmless(comm);
	snprintf(name, DRAC_CHECK_HOLDER, "process %d%s%s%s", pid,
	    comm[0] != '\0' ? " (" : "", comm, comm[0] != '\0' ? ")" : "");
}

static void
name_holder(int fd, char name[DRAC_CHECK_HOLDER])
{
	static char list[LIST_BYTES + 1];
	struct stat st;
	bool cut;
	int pid = 0;

	if (fstat(fd, &st) == -1)
		return;
	read_list(list, &cut);
	for (char *line = list, *end; pid == 0; line = end + 1) {
		end = strchr(line, '\n');
		if (end == NULL)
			break;
		*end = '\0';
		pid = holder_in(line, &st);
	}
	if (pid != 0)
		name_process(pid, name);
	else
		snprintf(name, DRAC_CHECK_HOLDER, "a process%s",
		    cut ? " that the first 64 KiB of /proc/locks do not name"
			: "");
}

/* Now? pid: of who holds a record lock, else 0. */
static bool
is_locked(int fd, bool records, int *pid)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	*pid = 0;
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK;
	(void)flock(fd, LOCK_UN);
	if (!records || fcntl(fd, F_OFD_GETLK, &lock) == -1 ||
	    lock.l_type == F_UNLCK)
		return false;
	*pid = lock.l_pid > 0 ? lock.l_pid : 0;
	return true;
}

bool
drac_check_is_held(int fd, bool records, char name[DRAC_CHECK_HOLDER])
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int pid = 0;

	for (unsigned i = 0; i < TRIES; i++) {
		if (!is_locked(fd, records, &pid))
			return false;
		(void)nanosleep(&pause, NULL);
	}
	if (pid != 0)
		name_process(pid, name);
	else
		name_holder(fd, name);
	return true;
}
