/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What is remembered of servers that do not answer; see breaker.h. A file
 * holds one line, how many failures in a row and when the pause ends. An
 * empty one, or one that makes no sense, is as good as none.
 */
#include "breaker.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

/* A longer name, each octet of which may become three, is not remembered. */
#define FILE_NAME_MAX 240

/* Each line has the same length, so that one pwrite(2) replaces it. */
#define LINE      "%10u %20lld\n"
#define LINE_SIZE 32

struct state {
	unsigned failures;
	long long until; /* CLOCK_BOOTTIME seconds */
};

/* What a host name is made of stands for itself; no file is hidden. */
static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static int
spell_file(const char *name, char file[FILE_NAME_MAX])
{
	size_t length = 0;

	for (; *name != '\0'; name++) {
		if (length + 4 > FILE_NAME_MAX)
			return -1;
		if (is_plain(*name) || (*name == '.' && length > 0))
			file[length++] = *name;
		else
			length += (size_t)snprintf(file + length, 4, "%%%02x",
			    (unsigned)(unsigned char)*name);
	}
	file[length] = '\0';
	return length == 0 ? -1 : 0;
}

static int
close_unless(bool good, int fd)
{
	int saved = errno;

	if (good)
		return fd;
	if (fd != -1)
		(void)close(fd);
	errno = saved;
	return -1;
}

static int
open_dir(const char *dir, bool make)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	bool made = make && mkdir(dir, 0755) == 0;
	int fd = drac_sys_above_stderr(open(dir, flags));
	struct stat st;
	bool good;

	/* Whatever the umask says. */
	if (fd != -1 && made)
		(void)fchmod(fd, 0755);
	good = fd != -1 && fstat(fd, &st) == 0 &&
	       (st.st_uid == 0 || st.st_uid == geteuid()) &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
	if (fd != -1 && !good)
		errno = EPERM;
	return close_unless(good, fd);
}

/* -1: nothing is remembered, or it cannot be. */
static int
open_file(const char *dir, const char *name, bool make)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	char file[FILE_NAME_MAX];
	struct stat st;
	int dir_fd, fd, saved;

	if (spell_file(name, file) == -1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	dir_fd = open_dir(dir, make);
	if (dir_fd == -1)
		return -1;
	fd = drac_sys_above_stderr(
	    openat(dir_fd, file, flags | (make ? O_CREAT : 0), 0600));
	saved = errno;
	(void)close(dir_fd);
	if (fd == -1) {
		errno = saved;
		return -1;
	}
	errno = EPERM;
	return close_unless(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
				st.st_nlink == 1 &&
				(st.st_uid == 0 || st.st_uid == geteuid()),
	    fd);
}

/* Once more, but no login waits for a file that stays locked. */
static bool
lock_soon(int fd)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	(void)nanosleep(&pause, NULL);
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/*
 * An end of the pause that no failure can have set is none: ask. Half of an
 * old line and half of a new one costs a call too many, or a pause.
 */
static void
read_state(int fd, time_t now, struct state *state)
{
	char line[LINE_SIZE + 1] = "";
	ssize_t got = pread(fd, line, LINE_SIZE, 0);

	if (got != LINE_SIZE ||
	    sscanf(line, "%10u %20lld", &state->failures, &state->until) != 2)
		*state = (struct state){ 0 };
	if (state->until > now + DRAC_BREAKER_PAUSE_S)
		state->until = now;
}

static bool
write_state(int fd, const struct state *state)
{
	char line[LINE_SIZE + 1];

	snprintf(line, sizeof(line), LINE, state->failures, state->until);
	return pwrite(fd, line, LINE_SIZE, 0) == LINE_SIZE;
}

static bool
is_pausing(const struct state *state)
{
	return state->failures >= DRAC_BREAKER_FAILURES;
}

/* Seconds to wait, at least 1; 0: go on. */
static unsigned
pause_left(int fd, time_t now, struct state *state)
{
	read_state(fd, now, state);
	if (!is_pausing(state) || now >= state->until)
		return 0;
	return (unsigned)(state->until - now);
}

/* When the pause is over: whoever has the lock moves its end on. */
static unsigned
wait_or_try(int fd, time_t now)
{
	struct state state;
	unsigned wait_s = pause_left(fd, now, &state);

	if (wait_s > 0 || !is_pausing(&state) ||
	    flock(fd, LOCK_EX | LOCK_NB) == -1)
		return wait_s;
	/* Another one may have been faster. */
	wait_s = pause_left(fd, now, &state);
	if (wait_s == 0 && is_pausing(&state)) {
		state.until = (long long)now + DRAC_BREAKER_PAUSE_S;
		(void)write_state(fd, &state);
	}
	return wait_s;
}

bool
drac_breaker_may_ask(const char *dir, const char *name, time_t now,
    unsigned *wait_s)
{
	int saved = errno;
	int fd = open_file(dir, name, false);

	*wait_s = fd == -1 ? 0 : wait_or_try(fd, now);
	if (fd != -1)
		(void)close(fd);
	errno = saved;
	return *wait_s == 0;
}

static void
forget_failures(int fd, bool *closed)
{
	const struct state none = { 0 };
	struct state state;

	read_state(fd, 0, &state);
	if (state.failures == 0 || !lock_soon(fd))
		return;
	read_state(fd, 0, &state);
	*closed = write_state(fd, &none) && is_pausing(&state);
}

void
drac_breaker_answered(const char *dir, const char *name, bool *closed)
{
	int saved = errno;
	int fd = open_file(dir, name, false);

	*closed = false;
	if (fd != -1) {
		forget_failures(fd, closed);
		(void)close(fd);
	}
	errno = saved;
}

/* errno as a word; the text of EPERM would not lead anybody to the place. */
static const char *
problem(int error)
{
	const char *text = strerrordesc_np(error);

	if (error == EPERM)
		return "not root's, or writable by others";
	return text != NULL ? text : "unknown error";
}

/* A file that another process has locked is no problem. */
static const char *
count_failure(int fd, time_t now, bool *tripped)
{
	struct state state;

	if (!lock_soon(fd))
		return NULL;
	read_state(fd, now, &state);
	if (state.failures < DRAC_BREAKER_FAILURES) {
		state.failures++;
		*tripped = is_pausing(&state);
	}
	state.until = (long long)now + DRAC_BREAKER_PAUSE_S;
	if (write_state(fd, &state))
		return NULL;
	*tripped = false;
	return problem(errno);
}

const char *
drac_breaker_failed(const char *dir, const char *name, time_t now,
    bool *tripped)
{
	const char *result;
	int saved = errno;
	int fd = open_file(dir, name, true);

	*tripped = false;
	if (fd == -1) {
		result = problem(errno);
	} else {
		result = count_failure(fd, now, tripped);
		(void)close(fd);
	}
	errno = saved;
	return result;
}

/* The parent stands for a directory that is still to be made. */
static int
may_write(const char *dir)
{
	int fd = open_dir(dir, false), result;
	char *parent;

	if (fd != -1) {
		result = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS);
		(void)close(fd);
		return result;
	}
	if (errno != ENOENT || (parent = strdup(dir)) == NULL)
		return -1;
	*strrchr(parent, '/') = '\0';
	result = faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS);
	free(parent);
	return result;
}

const char *
drac_breaker_problem(const char *dir)
{
	int saved = errno;
	const char *result = may_write(dir) == -1 ? problem(errno) : NULL;

	errno = saved;
	return result;
}
