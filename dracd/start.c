/* SPDX-License-Identifier: BSD-2-Clause */

/* Becoming a daemon, and its user; see dracd.h. */

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracd.h"

#define DIRECTORY_MODE 0755
#define PID_NAME       "dracd.pid"

/* Connections, sockets, the map's files, and a few for the C library. */
#define CONNS   (DRAC_CONNS_MAX + DRAC_LOOKUPS_MAX)
#define FD_NEED (CONNS + 128u)

int
drac_start_user(const char *name, struct drac_user *user, struct drac_why *why)
{
	const struct passwd *pw;

	*user = (struct drac_user){ .name = name,
		.uid = geteuid(),
		.gid = getegid() };
	if (user->uid != 0)
		return 0;
	errno = 0;
	pw = getpwnam(name);
	if (pw == NULL && errno != 0 && errno != ENOENT) {
		drac_why_set(why, "user: %s: %s", name, strerror(errno));
		return -1;
	}
	if (pw == NULL) {
		drac_why_set(why,
		    "user: no such user: %s (useradd --system --user-group "
		    "--home-dir /var/lib/drac --shell /usr/sbin/nologin %s "
		    "makes it)",
		    name, name);
		errno = ENOENT;
		return -1;
	}
	user->uid = pw->pw_uid;
	user->gid = pw->pw_gid;
	user->switching = user->uid != 0;
	return 0;
}

/*
 * Whatever our starter left open is not ours to keep, or to be asked for by
 * a child of ours.
 *
 * With one of the first three closed the map would be opened under that number, and
 * what is printed would go into it.
 */
int
drac_start_descriptors(void)
{
	long handed = drac_handed_offered();

	if (handed <= INT_MAX - 3)
		(void)close_range(3 + (unsigned)handed, UINT_MAX, 0);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
			return -1;
	return 0;
}

/*
 * Hard limits are root's to raise. More than we need does no harm, and a
 * listener without a descriptor to spare does.
 */
void
drac_start_limits(struct drac_why *why)
{
	const struct rlimit enough = { FD_NEED, FD_NEED };
	struct rlimit limit;

	why->text[0] = '\0';
	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	if (limit.rlim_max < FD_NEED && setrlimit(RLIMIT_NOFILE, &enough) == 0)
		return;
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
			limit.rlim_cur = before;
	}
	if (limit.rlim_cur < FD_NEED)
		drac_why_set(why,
		    "%ju descriptors to be had, and %u connections need %u",
		    (uintmax_t)limit.rlim_cur, CONNS, FD_NEED);
}

/* PATH's directory with name in it; without a name the directory alone. */
static int
beside(const char *path, const char *name, char text[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	int dir = slash == NULL || slash == path ? 1 : (int)(slash - path);
	int length;

	if (name == NULL)
		length = snprintf(text, PATH_MAX, "%.*s", dir, path);
	else
		length = snprintf(text, PATH_MAX, "%.*s%s%s", dir, path,
		    dir == 1 ? "" : "/", name);
	if (length >= 0 && length < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* Whatever the umask is. Nobody but us can have put something else there. */
static int
give_away(const char *dir, const struct drac_user *user)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result = -1, saved;

	if (fd == -1)
		return -1;
	if (fchmod(fd, DIRECTORY_MODE) == 0)
		result = fchown(fd, user->uid, user->gid);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return result;
}

int
drac_start_directory(const char *socket, const struct drac_user *user,
    struct drac_why *why)
{
	char dir[PATH_MAX];

	if (geteuid() != 0)
		return 0;
	if (beside(socket, NULL, dir) == 0) {
		if (mkdir(dir, DIRECTORY_MODE) == -1) {
			if (errno == EEXIST)
				return 0;
		} else if (give_away(dir, user) == 0) {
			return 0;
		}
	}
	drac_why_set(why, "%s: cannot make the directory: %s", dir,
	    strerror(errno));
	return -1;
}

static bool
is_for_ever(const struct drac_user *user)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	return getresuid(&ruid, &euid, &suid) == 0 &&
	       getresgid(&rgid, &egid, &sgid) == 0 && ruid == user->uid &&
	       euid == user->uid && suid == user->uid && rgid == user->gid &&
	       egid == user->gid && sgid == user->gid &&
	       setresuid((uid_t)-1, 0, (uid_t)-1) == -1;
}

/*
 * Root's are gone with root; systemd may have given us some without it.
 * Where there are none, a filter may well forbid to ask for none.
 */
static int
clear_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct none[2] = { { 0 } }, now[2];

	if (syscall(SYS_capget, &header, now) == 0 &&
	    memcmp(now, none, sizeof(none)) == 0)
		return 0;
	return (int)syscall(SYS_capset, &header, none);
}

int
drac_start_drop(const struct drac_user *user, struct drac_why *why)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1) {
		drac_why_set(why, "no new privileges: %s", strerror(errno));
		return -1;
	}
	if (user->uid == 0)
		return 0;
	if ((user->switching &&
		(initgroups(user->name, user->gid) == -1 ||
		    setresgid(user->gid, user->gid, user->gid) == -1 ||
		    setresuid(user->uid, user->uid, user->uid) == -1)) ||
	    clear_capabilities() == -1) {
		drac_why_set(why, "cannot become user %s: %s", user->name,
		    strerror(errno));
		return -1;
	}
	if (user->switching && !is_for_ever(user)) {
		drac_why_set(why, "user %s can become root again", user->name);
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* The parent: until the child is ready, or has ended. */
static int
wait_for(pid_t pid, int fd)
{
	int status;
	char octet;
	ssize_t n;

	while ((n = read(fd, &octet, 1)) == -1 && errno == EINTR)
		continue;
	(void)close(fd);
	if (n == 1)
		return 0;
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) && WEXITSTATUS(status) != 0
		   ? WEXITSTATUS(status)
		   : 1;
}

static void
write_pid(const char *path, pid_t pid)
{
	if (drac_start_pid_file(path, pid) == -1)
		drac_say(LOG_WARNING, "%s: %s", path, strerror(errno));
}

int
drac_start_daemon(struct drac_child *child, struct drac_why *why)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1) {
		drac_why_set(why, "pipe: %s", strerror(errno));
		return -1;
	}
	pid = fork();
	if (pid == -1) {
		drac_why_set(why, "fork: %s", strerror(errno));
		(void)close(fds[0]);
		(void)close(fds[1]);
		return -1;
	}
	if (pid > 0) {
		(void)close(fds[1]);
		child->status = wait_for(pid, fds[0]);
		if (child->status == 0)
			write_pid(child->pid_file, pid);
		return 1;
	}
	(void)close(fds[0]);
	(void)setsid();
	child->ready_fd = fds[1];
	return 0;
}

void
drac_start_ready(int ready_fd)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int to = STDIN_FILENO; fd != -1 && to <= STDERR_FILENO; to++)
		(void)dup2(fd, to);
	if (fd > STDERR_FILENO)
		(void)close(fd);
	if (write(ready_fd, "", 1) != 1)
		drac_say(LOG_WARNING, "start: nobody waits for it: %s",
		    strerror(errno));
	(void)close(ready_fd);
}

int
drac_start_pid_path(const char *socket, char path[PATH_MAX])
{
	if (geteuid() != 0)
		return beside(socket, PID_NAME, path);
	strcpy(path, DRAC_PID_PATH);
	return 0;
}

/* What a daemon left that was killed goes first. */
int
drac_start_pid_file(const char *path, pid_t pid)
{
	char text[32];
	int length = snprintf(text, sizeof(text), "%jd\n", (intmax_t)pid);
	int fd, result = 0;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0644);
	if (fd == -1)
		return -1;
	if (fchmod(fd, 0644) == -1 || write(fd, text, (size_t)length) != length)
		result = -1;
	(void)close(fd);
	return result;
}
