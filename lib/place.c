/* SPDX-License-Identifier: BSD-2-Clause */

/* The directory, the files and the locks of a map; see place.h. */

#include "place.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

#define SUFFIX_MAX     256
#define START_SLACK_MS 1000

static int
check_dir(int fd, const char *dir, uid_t keeper, struct drac_why *why)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != keeper) {
		drac_why_set(why,
		    "%s: belongs to user %u, not to root or us (when "
		    "rpc.dracd keeps the map: server = local; else keep "
		    "it in /var/lib/drac)",
		    dir, (unsigned)st.st_uid);
		errno = EPERM;
		return -1;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		drac_why_set(why,
		    "%s: writable by group or others (mode %04o), "
		    "anybody could open the relay",
		    dir, (unsigned)(st.st_mode & 07777));
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int
open_dir(const char *dir, uid_t keeper, struct drac_why *why)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1) {
		/* A link in the last place is ENOTDIR with O_DIRECTORY. */
		struct stat st;

		if (lstat(dir, &st) == 0 && S_ISLNK(st.st_mode))
			errno = ELOOP;
		drac_why_set(why, "%s: %s", dir,
		    errno == ELOOP ? "a symbolic link, which is not followed"
				   : strerror(errno));
		return -1;
	}
	if (check_dir(fd, dir, keeper, why) == -1) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int
drac_place_open(struct drac_place *place, const char *path,
    struct drac_why *why)
{
	return drac_place_open_kept(place, path, 0, why);
}

int
drac_place_open_kept(struct drac_place *place, const char *path, uid_t keeper,
    struct drac_why *why)
{
	char *slash;

	memset(place, 0, sizeof(*place));
	place->dir = -1;
	place->path = strdup(path);
	if (place->path == NULL)
		return -1;
	slash = strrchr(place->path, '/');
	if (path[0] != '/' || slash[1] == '\0' ||
	    strlen(slash + 1) > SUFFIX_MAX - 64) {
		drac_why_set(why, "%s: not the absolute path of a file", path);
		drac_place_close(place);
		errno = EINVAL;
		return -1;
	}
	*slash = '\0';
	place->dir =
	    open_dir(slash == place->path ? "/" : place->path, keeper, why);
	*slash = '/';
	place->name = slash + 1;
	if (place->dir == -1) {
		drac_place_close(place);
		return -1;
	}
	return 0;
}

void
drac_place_close(struct drac_place *place)
{
	int saved = errno;

	if (place->dir != -1)
		(void)close(place->dir);
	free(place->path);
	place->dir = -1;
	place->path = NULL;
	errno = saved;
}

void
drac_place_start(struct drac_place *place, unsigned timeout_ms)
{
	place->deadline_ms = drac_sys_ms() + timeout_ms;
}

int
drac_place_left(const struct drac_place *place)
{
	int64_t left = place->deadline_ms - drac_sys_ms();

	return left > 0 ? (int)left : 0;
}

static void
name_of(const struct drac_place *place, const char *suffix,
    char name[SUFFIX_MAX])
{
	snprintf(name, SUFFIX_MAX, "%s%s", place->name, suffix);
}

int
drac_place_file(const struct drac_place *place, const char *suffix, int flags,
    mode_t mode, struct drac_why *why)
{
	char name[SUFFIX_MAX];
	struct stat st;
	int fd;

	name_of(place, suffix, name);
	fd = drac_sys_above_stderr(openat(place->dir, name,
	    flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode));
	if (fd == -1) {
		if (errno != ENOENT)
			drac_why_set(why, "%s%s: %s", place->path, suffix,
			    errno == ELOOP
				? "a symbolic link, which is not followed"
				: strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		drac_why_set(why, "%s%s: not a regular file", place->path,
		    suffix);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

int
drac_place_stat(const struct drac_place *place, const char *suffix,
    struct stat *st)
{
	char name[SUFFIX_MAX];

	name_of(place, suffix, name);
	return fstatat(place->dir, name, st, AT_SYMLINK_NOFOLLOW);
}

int
drac_place_rename(const struct drac_place *place, const char *from,
    const char *to)
{
	char old[SUFFIX_MAX];
	char new[SUFFIX_MAX];

	name_of(place, from, old);
	name_of(place, to, new);
	return renameat(place->dir, old, place->dir, new);
}

void
drac_place_unlink(const struct drac_place *place, const char *suffix)
{
	char name[SUFFIX_MAX];
	int saved = errno;

	name_of(place, suffix, name);
	(void)unlinkat(place->dir, name, 0);
	errno = saved;
}

int
drac_place_keep(const struct drac_place *place, const char *suffix,
    char name[64])
{
	char full[SUFFIX_MAX];
	char date[32];
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL)
		return -1;
	if (strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm) == 0)
		return -1;
	snprintf(name, 64, "%s-%s", suffix, date);
	name_of(place, name, full);
	(void)unlinkat(place->dir, full, 0);
	return linkat(place->dir, place->name, place->dir, full, 0);
}

/* Sleep a little and longer each time; false when the time is over. */
static bool
wait_more(int64_t until_ms, long *pause_us)
{
	struct timespec pause = { .tv_nsec = *pause_us * 1000 };

	if (drac_sys_ms() >= until_ms)
		return false;
	(void)nanosleep(&pause, NULL);
	if (*pause_us < 800)
		*pause_us *= 2;
	return true;
}

static int
flock_until(int fd, int operation, int64_t until_ms)
{
	long pause_us = 50;

	while (flock(fd, operation | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (!wait_more(until_ms, &pause_us)) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	return 0;
}

/*
 * Who has the writers' lock is said by a second lock, an open file
 * description lock on octets far behind the end of the file: it is there
 * exactly as long as the first one, writes nothing, and F_OFD_GETLK tells
 * where it begins and how long it is. The beginning is HOLDERS, the process
 * id and the namespaces that it is of; the length is the time.
 */
#define HOLDERS  (INT64_C(1) << 60)
#define PID_BITS 22

struct holder {
	int64_t who;   /* process id and namespaces; 0: not known */
	int64_t since; /* CLOCK_BOOTTIME in milliseconds, and 1 */
};

/* A number for the namespaces of process ids and of clocks; 0: not known. */
static int64_t
namespaces(void)
{
	struct stat pid, clock;

	if (stat("/proc/self/ns/pid", &pid) == -1)
		return 0;
	if (stat("/proc/self/ns/time", &clock) == -1)
		clock.st_ino = 0;
	return (int64_t)((pid.st_ino * 31 + clock.st_ino) & UINT32_MAX);
}

static int
lock_range(int fd, short type, int64_t start, int64_t length)
{
	struct flock lock = { .l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = length };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

/* No error counts: then nobody is taken for dead. */
static void
say_who_holds(int fd)
{
	int64_t ns = namespaces();

	if (ns != 0)
		(void)lock_range(fd, F_WRLCK,
		    HOLDERS + (ns << PID_BITS | (int64_t)getpid()),
		    (int64_t)drac_sys_boot_ms() + 1);
}

/* fd: another description than the holder's. */
static struct holder
holder_of(int fd)
{
	struct holder holder = { 0, 0 };
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = HOLDERS };

	if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK &&
	    lock.l_start > HOLDERS && lock.l_len > 0) {
		holder.who = lock.l_start - HOLDERS;
		holder.since = lock.l_len;
	}
	return holder;
}

/*
 * When a process began, milliseconds of CLOCK_BOOTTIME; 0: it is dead, and
 * perhaps not yet waited for; -1: not known. proc(5), /proc/PID/stat.
 */
static int64_t
began(pid_t pid)
{
	char path[40], text[512], state;
	const char *after;
	unsigned long long ticks;
	ssize_t got;
	long threads;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	got = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[got > 0 ? got : 0] = '\0';
	after = strrchr(text, ')');
	if (after == NULL ||
	    sscanf(after,
		") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
		"%*d %*d %ld %*d %llu",
		&state, &threads, &ticks) != 3)
		return -1;
	/* A leader that has ended may have left threads that go on. */
	if ((state == 'Z' || state == 'X') && threads <= 1)
		return 0;
	return (int64_t)(ticks * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
}

/* Its process id may be another process's by now, which began later. */
static bool
is_dead(const struct holder *holder)
{
	pid_t pid = (pid_t)(holder->who & ((1 << PID_BITS) - 1));
	int64_t at;

	if (holder->who == 0 || pid <= 0 ||
	    holder->who >> PID_BITS != namespaces())
		return false;
	if (kill(pid, 0) == -1 && errno == ESRCH)
		return true;
	at = began(pid);
	return at == 0 || at > holder->since + START_SLACK_MS;
}

bool
drac_lock_is_named(const struct drac_place *place, int fd)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 &&
	       drac_place_stat(place, DRAC_LOCK, &named) == 0 &&
	       ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

/* A lock file like the one behind `old', locked by us, not yet in its place. */
static int
new_lock(const struct drac_place *place, int old)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;
	int fd;

	drac_place_unlink(place, DRAC_LOCK DRAC_NEW);
	fd = drac_place_file(place, DRAC_LOCK DRAC_NEW,
	    O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
	if (fd == -1)
		return -1;
	if (fstat(old, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0 &&
	    flock(fd, LOCK_EX | LOCK_NB) == 0) {
		say_who_holds(fd);
		times[1] = st.st_mtim; /* the mark of the last sweep */
		if (futimens(fd, times) == 0)
			return fd;
	}
	(void)close(fd);
	drac_place_unlink(place, DRAC_LOCK DRAC_NEW);
	return -1;
}

static int
exchange(const struct drac_place *place)
{
	char named[SUFFIX_MAX], new[SUFFIX_MAX];

	name_of(place, DRAC_LOCK, named);
	name_of(place, DRAC_LOCK DRAC_NEW, new);
	return renameat2(place->dir, new, place->dir, named, RENAME_EXCHANGE);
}

/*
 * One recovers at a time. Somebody may get the old lock at the last moment:
 * he looks for the name after he has said who he is, and we look who has it
 * after the exchange of names, so one of us sees the other.
 */
static int
replace_lock(const struct drac_place *place, int old)
{
	struct holder dead = holder_of(old), now;
	long pid;
	int fd;

	if (!is_dead(&dead) || !drac_lock_is_named(place, old) ||
	    drac_lock_owned(old, &pid) != 0)
		return -1;
	fd = new_lock(place, old);
	if (fd == -1)
		return -1;
	if (exchange(place) == 0) {
		now = holder_of(old);
		if (now.who == dead.who && now.since == dead.since) {
			drac_place_unlink(place, DRAC_LOCK DRAC_NEW);
			return fd;
		}
		(void)exchange(place);
	}
	drac_place_unlink(place, DRAC_LOCK DRAC_NEW);
	(void)close(fd);
	return -1;
}

int
drac_lock_recover(const struct drac_place *place, int old)
{
	int one = drac_place_file(place, DRAC_LOCK ".recover", O_RDWR | O_CREAT,
	    0600, NULL);
	int fd = -1;

	if (one != -1 && flock(one, LOCK_EX | LOCK_NB) == 0)
		fd = replace_lock(place, old);
	if (one != -1)
		(void)close(one);
	return fd;
}

int
drac_lock_writers(const struct drac_place *place, int fd, int64_t until_ms,
    struct drac_why *why)
{
	if (flock_until(fd, LOCK_EX, until_ms) == 0) {
		say_who_holds(fd);
		return 0;
	}
	if (errno == ETIMEDOUT) {
		drac_why_set(why,
		    "%s%s: locked by another process, gave up waiting "
		    "(dracctl check names it)",
		    place->path, DRAC_LOCK);
		errno = ETIMEDOUT;
	} else {
		drac_why_set(why, "%s%s: %s", place->path, DRAC_LOCK,
		    strerror(errno));
	}
	return -1;
}

/* length 0: all of the file. */
static int
record_lock(int fd, short type, off_t length)
{
	struct flock lock = { .l_type = type,
		.l_whence = SEEK_SET,
		.l_len = length };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

void
drac_unlock_writers(int fd)
{
	int saved = errno;

	(void)lock_range(fd, F_UNLCK, HOLDERS, 0);
	(void)flock(fd, LOCK_UN);
	errno = saved;
}

int
drac_lock_own(int fd)
{
	char text[16];
	int length;

	if (record_lock(fd, F_WRLCK, 1) == -1) {
		if (errno == EAGAIN || errno == EACCES)
			errno = EBUSY;
		return -1;
	}
	/* Always as long, so that it covers what was there. */
	length = snprintf(text, sizeof(text), "%-11ld\n", (long)getpid());
	return pwrite(fd, text, (size_t)length, 0) == length ? 0 : -1;
}

int
drac_lock_owned(int fd, long *pid)
{
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_len = 1 };
	char text[16] = "";

	*pid = 0;
	if (fcntl(fd, F_OFD_GETLK, &lock) == -1)
		return -1;
	if (lock.l_type == F_UNLCK)
		return 0;
	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		*pid = strtol(text, NULL, 10);
	return 1;
}

int
drac_lock_map(int fd, bool exclusive, int wait_ms)
{
	int64_t until_ms = drac_sys_ms() + wait_ms;
	long pause_us = 50;

	if (flock_until(fd, exclusive ? LOCK_EX : LOCK_SH, until_ms) == -1)
		return -1;
	if (!exclusive)
		return 0;
	while (record_lock(fd, F_WRLCK, 0) == -1) {
		bool busy = errno == EAGAIN || errno == EACCES;

		if (!busy || !wait_more(until_ms, &pause_us)) {
			(void)flock(fd, LOCK_UN);
			errno = busy ? ETIMEDOUT : errno;
			return -1;
		}
	}
	return 0;
}

void
drac_unlock_map(int fd, bool exclusive)
{
	int saved = errno;

	if (exclusive)
		(void)record_lock(fd, F_UNLCK, 0);
	(void)flock(fd, LOCK_UN);
	errno = saved;
}
