/* SPDX-License-Identifier: BSD-2-Clause */

/* UNIX sockets and their files; see unix.h. */

#include "unix.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODE_ROOT 0660
#define MODE_OWN  0600

mode_t
drac_unix_closed(void)
{
	return geteuid() == 0 && getegid() == 0 ? MODE_ROOT : MODE_OWN;
}

static bool
find_user(const char *user, uid_t *uid)
{
	struct passwd entry, *found = NULL;
	char buffer[4096];

	if (user == NULL ||
	    getpwnam_r(user, &entry, buffer, sizeof buffer, &found) != 0 ||
	    found == NULL)
		return false;
	*uid = entry.pw_uid;
	return true;
}

static bool
is_daemons(uid_t uid, const char *user)
{
	uid_t theirs;

	if (uid == 0 || uid == geteuid())
		return true;
	return find_user(user, &theirs) && theirs == uid;
}

/* Where others may write, they could put a socket of their own. */
static int
check_directory(const char *dir, const char *user, struct drac_why *why)
{
	struct stat st;

	if (stat(dir, &st) == -1) {
		drac_why_set(why, "%s: %s", dir, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode)) {
		drac_why_set(why, "%s: not a directory", dir);
		errno = ENOTDIR;
		return -1;
	}
	if (!is_daemons(st.st_uid, user)) {
		drac_why_set(why,
		    "%s: belongs to user %u, not to root or the daemon", dir,
		    (unsigned)st.st_uid);
		errno = EPERM;
		return -1;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		drac_why_set(why, "%s: writable by group or others (mode %04o)",
		    dir, (unsigned)(st.st_mode & 07777));
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int
check_directory_of(const struct drac_unix_opts *opts, struct drac_why *why)
{
	struct sockaddr_un sun;
	char dir[sizeof sun.sun_path];
	char *slash;

	if (strlen(opts->path) >= sizeof dir) {
		drac_why_set(why, "%s: path too long for a socket", opts->path);
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(dir, opts->path);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash[1] == '\0') {
		drac_why_set(why, "%s: not the path of a file", opts->path);
		errno = EINVAL;
		return -1;
	}
	slash[slash == dir] = '\0';
	return check_directory(dir, opts->user, why);
}

/* 0: somebody listens there; else an error number. */
static int
try_connect(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd == -1)
		return errno;
	if (connect(fd, (const struct sockaddr *)sun, sizeof *sun) == -1 &&
	    errno != EAGAIN)
		error = errno;
	close(fd);
	return error;
}

/* Only what nobody listens on any more may be replaced. */
static int
check_stale(const struct sockaddr_un *sun, struct drac_why *why)
{
	struct stat st;
	int error;

	if (lstat(sun->sun_path, &st) == -1) {
		if (errno == ENOENT)
			return 0;
		drac_why_set(why, "%s: %s", sun->sun_path, strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(st.st_mode)) {
		drac_why_set(why, "%s: is there and is not a socket",
		    sun->sun_path);
		errno = EEXIST;
		return -1;
	}
	error = try_connect(sun);
	if (error == ECONNREFUSED || error == ENOENT)
		return 0;
	drac_why_set(why, "%s: %s", sun->sun_path,
	    error == 0 ? "another daemon answers there" : strerror(error));
	errno = error == 0 ? EADDRINUSE : error;
	return -1;
}

/*
 * The same path but for its last character: it can be no longer than a
 * socket's path may be.
 */
static void
temporary(const struct sockaddr_un *sun, struct sockaddr_un *aside)
{
	char *last;

	*aside = *sun;
	last = aside->sun_path + strlen(aside->sun_path) - 1;
	*last = *last == '~' ? '+' : '~';
}

static void
remove_socket(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
}

/* Bound with its mode, not changed by name: that could follow a link. */
static int
bind_aside(int fd, const struct sockaddr_un *aside, mode_t mode)
{
	mode_t before = umask(0777 & ~mode);
	int result;

	remove_socket(aside->sun_path);
	result = bind(fd, (const struct sockaddr *)aside, sizeof *aside);
	(void)umask(before);
	return result;
}

/*
 * The directory may be the user's, who could put a link in the place: what
 * is given away is the very file that is looked at, and a socket of ours.
 */
static int
give_away(int file, const struct drac_unix_opts *opts)
{
	uid_t uid;

	if (geteuid() != 0 || !find_user(opts->user, &uid) || uid == 0)
		return 0;
	return fchownat(file, "", uid, 0, AT_EMPTY_PATH);
}

/* Whose it is, and which file it is, of the socket just bound. */
static int
settle(struct drac_unix *made, const struct drac_unix_opts *opts,
    const struct sockaddr_un *aside)
{
	int file = open(aside->sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int result = -1, saved;
	struct stat st;

	if (file == -1)
		return -1;
	if (fstat(file, &st) == 0) {
		errno = EPERM;
		if (S_ISSOCK(st.st_mode) && st.st_uid == geteuid())
			result = give_away(file, opts);
		made->dev = st.st_dev;
		made->ino = st.st_ino;
	}
	saved = errno;
	close(file);
	errno = saved;
	return result;
}

static int
put_in_place(struct drac_unix *made, const struct drac_unix_opts *opts)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX }, aside;
	int saved;

	strcpy(sun.sun_path, opts->path);
	temporary(&sun, &aside);
	if (bind_aside(made->fd, &aside, opts->mode) == -1)
		return -1;
	if (listen(made->fd, SOMAXCONN) == 0 &&
	    settle(made, opts, &aside) == 0 &&
	    rename(aside.sun_path, sun.sun_path) == 0)
		return 0;
	saved = errno;
	(void)unlink(aside.sun_path);
	errno = saved;
	return -1;
}

static int
open_at(struct drac_unix *made, const struct drac_unix_opts *opts)
{
	int saved;

	made->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (made->fd == -1)
		return -1;
	if (put_in_place(made, opts) == 0)
		return 0;
	saved = errno;
	close(made->fd);
	errno = saved;
	return -1;
}

int
drac_unix_open(struct drac_unix *made, const struct drac_unix_opts *opts,
    struct drac_why *why)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int saved;

	*made = (struct drac_unix){ .fd = -1 };
	if (check_directory_of(opts, why) == -1)
		return -1;
	strcpy(sun.sun_path, opts->path);
	if (check_stale(&sun, why) == -1)
		return -1;
	made->path = strdup(opts->path);
	if (made->path != NULL && open_at(made, opts) == 0)
		return 0;
	saved = errno;
	drac_why_set(why, "%s: %s", opts->path, strerror(errno));
	free(made->path);
	*made = (struct drac_unix){ .fd = -1 };
	errno = saved;
	return -1;
}

/* Still the file that was made here? */
static bool
is_ours(const struct drac_unix *made)
{
	struct stat st;

	return made->path != NULL && lstat(made->path, &st) == 0 &&
	       st.st_dev == made->dev && st.st_ino == made->ino;
}

int
drac_unix_admit(const struct drac_unix *made, mode_t mode, struct drac_why *why)
{
	if (!is_ours(made) || fchmodat(AT_FDCWD, made->path, mode, 0) == 0)
		return 0;
	drac_why_set(why, "%s: mode: %s", made->path, strerror(errno));
	return -1;
}

void
drac_unix_remove(struct drac_unix *made)
{
	if (is_ours(made))
		(void)unlink(made->path);
	free(made->path);
	made->path = NULL;
}
