/* SPDX-License-Identifier: BSD-2-Clause */

/* The directory, the files and the locks of a map; see place.h. */

#include "place.h"

#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

#define SUFFIX_MAX 256

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

int
drac_lock_writers(const struct drac_place *place, int fd, struct drac_why *why)
{
	if (flock_until(fd, LOCK_EX, place->deadline_ms) == 0)
		return 0;
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
