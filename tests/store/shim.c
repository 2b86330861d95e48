/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * LD_PRELOAD: counts the write-type calls on the files of one directory
 * and lets one of them go wrong. What lies within 512 aligned octets is
 * never torn by a kill: the kernel copies it at once. So it is with the
 * pages of the map, the journal's header and the checksums.
 *
 * It also keeps account of what was not synced, in memory that all children
 * share, so that it outlives those that are killed.
 */
#include "shim.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE 512

#define EXPORT __attribute__((visibility("default")))

/* The real one, asked for once. */
#define REAL(name)                                      \
	static __typeof__(&name) real;                  \
	if (real == NULL) {                             \
		void *found_ = dlsym(RTLD_NEXT, #name); \
		memcpy(&real, &found_, sizeof(real));   \
	}

#define DIRTY_MAX 64u

static char watched[256];
static enum drac_fault fault;

static struct sync_state {
	char directory[256];
	ino_t dirty[DIRTY_MAX]; /* files with octets that were not synced */
	size_t count;
	bool names; /* a file got a name since the directory was synced */
	unsigned unsynced; /* enum drac_unsynced */
} *syncs;
static long fault_at;
static long calls;

EXPORT drac_fault_arm_fn drac_fault_arm;

EXPORT long
drac_fault_arm(const char *directory, enum drac_fault what, long at)
{
	long counted = calls;

	snprintf(watched, sizeof(watched), "%s",
	    directory == NULL ? "" : directory);
	fault = what;
	fault_at = at;
	calls = 0;
	return counted;
}

/* Is fd the directory or a file in it? in_map: it is the map itself. */
static bool
is_below(int fd, const char *directory, bool *in_map)
{
	char link[64];
	char target[512];
	size_t length = strlen(directory);
	ssize_t got;
	int saved = errno;

	if (length == 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	got = readlink(link, target, sizeof(target) - 1);
	errno = saved;
	if (got < (ssize_t)length)
		return false;
	target[got] = '\0';
	*in_map = got > 3 && strcmp(target + got - 3, ".db") == 0;
	return strncmp(target, directory, length) == 0 &&
	       (target[length] == '\0' || target[length] == '/');
}

static bool
ours(int fd, bool *in_map)
{
	return is_below(fd, watched, in_map);
}

/* What was not synced. */

EXPORT drac_sync_watch_fn drac_sync_watch;
EXPORT drac_sync_check_fn drac_sync_check;

EXPORT void
drac_sync_watch(const char *directory)
{
	if (syncs == NULL)
		syncs = mmap(NULL, sizeof(*syncs), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(syncs, 0, sizeof(*syncs));
	snprintf(syncs->directory, sizeof(syncs->directory), "%s", directory);
}

EXPORT unsigned
drac_sync_check(void)
{
	return syncs->unsynced | (syncs->names ? DRAC_UNSYNCED_NAME : 0);
}

static bool
sync_watched(int fd)
{
	bool in_map;

	return syncs != NULL && is_below(fd, syncs->directory, &in_map);
}

/* Where the file stands in the table; at its end when it is clean. */
static size_t
find_dirty(ino_t ino)
{
	size_t i = 0;

	while (i < syncs->count && syncs->dirty[i] != ino)
		i++;
	return i;
}

static void
note_write(int fd)
{
	struct stat st;

	if (!sync_watched(fd) || fstat(fd, &st) == -1 ||
	    find_dirty(st.st_ino) < syncs->count)
		return;
	if (syncs->count == DIRTY_MAX)
		syncs->unsynced |= DRAC_UNSYNCED_MANY;
	else
		syncs->dirty[syncs->count++] = st.st_ino;
}

static void
note_sync(int fd)
{
	struct stat st;
	size_t at;

	if (!sync_watched(fd) || fstat(fd, &st) == -1)
		return;
	if (S_ISDIR(st.st_mode)) {
		syncs->names = false;
		return;
	}
	at = find_dirty(st.st_ino);
	if (at < syncs->count)
		syncs->dirty[at] = syncs->dirty[--syncs->count];
}

static void
note_rename(int dir, const char *to)
{
	struct stat st;

	if (!sync_watched(dir))
		return;
	syncs->names = true;
	if (fstatat(dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    find_dirty(st.st_ino) < syncs->count)
		syncs->unsynced |= DRAC_UNSYNCED_FILE;
}

static void
die(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause();
}

/* What is to happen to this call; length 0: it is not a write. */
static enum drac_fault
judge(int fd, size_t length, size_t *half)
{
	bool in_map = false;
	enum drac_fault now = DRAC_FAULT_NONE;

	*half = length;
	if (!ours(fd, &in_map))
		return DRAC_FAULT_NONE;
	calls++;
	if (calls == fault_at)
		now = fault;
	else if (calls > fault_at && fault == DRAC_FAULT_ENOSPC)
		now = DRAC_FAULT_ENOSPC;
	else if (calls == fault_at + 1 && fault == DRAC_FAULT_TORN)
		now = DRAC_FAULT_EIO;
	if (now == DRAC_FAULT_KILL ||
	    (now == DRAC_FAULT_TEAR && (length <= AT_ONCE || in_map)))
		die();
	if (now == DRAC_FAULT_TORN && length < 2)
		now = DRAC_FAULT_EIO;
	if (now == DRAC_FAULT_TEAR || now == DRAC_FAULT_SHORT ||
	    now == DRAC_FAULT_TORN)
		*half = length < 2 ? length : length / 2;
	if (now == DRAC_FAULT_EIO)
		errno = EIO;
	if (now == DRAC_FAULT_ENOSPC)
		errno = ENOSPC;
	return now;
}

static bool
fails(enum drac_fault now)
{
	return now == DRAC_FAULT_EIO || now == DRAC_FAULT_ENOSPC;
}

EXPORT ssize_t
pwrite(int fd, const void *data, size_t length, off_t offset)
{
	size_t half;
	enum drac_fault now = judge(fd, length, &half);
	ssize_t put;

	REAL(pwrite);
	if (fails(now))
		return -1;
	note_write(fd);
	put = real(fd, data, half, offset);
	if (now == DRAC_FAULT_TEAR)
		die();
	return put;
}

EXPORT ssize_t
pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
	return pwrite(fd, data, length, offset);
}

/* A write and a sync in one: two calls to go wrong. One piece is written. */
EXPORT ssize_t
pwritev2(int fd, const struct iovec *io, int count, off_t offset, int flags)
{
	struct iovec piece = io[0];
	enum drac_fault now = judge(fd, piece.iov_len, &piece.iov_len);
	size_t half;
	ssize_t put;

	REAL(pwritev2);
	if (fails(now))
		return -1;
	if ((flags & RWF_DSYNC) == 0)
		note_write(fd);
	put = real(fd, &piece, count > 1 ? 1 : count, offset, flags);
	if (now == DRAC_FAULT_TEAR)
		die();
	if ((flags & RWF_DSYNC) != 0 && fails(judge(fd, 0, &half)))
		return -1;
	return put;
}

EXPORT ssize_t
pwritev64v2(int fd, const struct iovec *io, int count, off64_t offset,
    int flags)
{
	return pwritev2(fd, io, count, offset, flags);
}

EXPORT ssize_t
write(int fd, const void *data, size_t length)
{
	size_t half;
	enum drac_fault now = judge(fd, length, &half);
	ssize_t put;

	REAL(write);
	if (fails(now))
		return -1;
	note_write(fd);
	put = real(fd, data, half);
	if (now == DRAC_FAULT_TEAR)
		die();
	return put;
}

EXPORT int
fsync(int fd)
{
	size_t half;

	REAL(fsync);
	if (fails(judge(fd, 0, &half)) || real(fd) == -1)
		return -1;
	note_sync(fd);
	return 0;
}

EXPORT int
fdatasync(int fd)
{
	size_t half;

	REAL(fdatasync);
	if (fails(judge(fd, 0, &half)) || real(fd) == -1)
		return -1;
	note_sync(fd);
	return 0;
}

EXPORT int
ftruncate(int fd, off_t length)
{
	size_t half;

	REAL(ftruncate);
	note_write(fd);
	return fails(judge(fd, 0, &half)) ? -1 : real(fd, length);
}

EXPORT int
futimens(int fd, const struct timespec times[2])
{
	size_t half;

	REAL(futimens);
	return fails(judge(fd, 0, &half)) ? -1 : real(fd, times);
}

EXPORT int
fchmod(int fd, mode_t mode)
{
	size_t half;

	REAL(fchmod);
	return fails(judge(fd, 0, &half)) ? -1 : real(fd, mode);
}

EXPORT int
fchown(int fd, uid_t uid, gid_t gid)
{
	size_t half;

	REAL(fchown);
	return fails(judge(fd, 0, &half)) ? -1 : real(fd, uid, gid);
}

EXPORT int
renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	size_t half;

	REAL(renameat);
	if (fails(judge(from_dir, 0, &half)) ||
	    real(from_dir, from, to_dir, to) == -1)
		return -1;
	note_rename(to_dir, to);
	return 0;
}

EXPORT int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	size_t half;

	REAL(linkat);
	if (fails(judge(from_dir, 0, &half)))
		return -1;
	return real(from_dir, from, to_dir, to, flags);
}

EXPORT int
unlinkat(int dir, const char *name, int flags)
{
	size_t half;
	enum drac_fault now = judge(dir, 0, &half);

	REAL(unlinkat);
	/* A full disk does not keep anybody from removing a file. */
	return now == DRAC_FAULT_EIO ? -1 : real(dir, name, flags);
}

static int
open_real(int dir, const char *name, int flags, mode_t mode)
{
	size_t half;

	REAL(openat);
	if ((flags & O_CREAT) != 0 && fails(judge(dir, 0, &half)))
		return -1;
	return real(dir, name, flags, mode);
}

EXPORT int
openat(int dir, const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return open_real(dir, name, flags, mode);
}

EXPORT int
openat64(int dir, const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return open_real(dir, name, flags, mode);
}
