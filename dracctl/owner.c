/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Whose the map is: root's, or that of the user as whom the daemon runs.
 * In a directory of the user, root works as the user.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracctl.h"

#define DIRECTORY_MODE 0755

static const struct drac_ctl_owner root = { .name = "root" };

/* The user of the configuration. 1 found, 0 there is none, -1. */
static int
find_user(const struct drac_conf *conf, struct drac_ctl_owner *user)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(conf->user);
	if (entry == NULL)
		return errno == 0 || errno == ENOENT || errno == ESRCH ? 0 : -1;
	*user = (struct drac_ctl_owner){ .name = conf->user,
		.uid = entry->pw_uid,
		.gid = entry->pw_gid };
	return 1;
}

/* For good: what is read there may be made to take the program over. */
static int
become(const struct drac_ctl_owner *user)
{
	if (initgroups(user->name, user->gid) == 0 &&
	    setresgid(user->gid, user->gid, user->gid) == 0 &&
	    setresuid(user->uid, user->uid, user->uid) == 0)
		return 0;
	drac_ctl_complain("cannot become user %s: %s", user->name,
	    strerror(errno));
	return -1;
}

/* The directory of a file; the caller's to free. NULL: no memory. */
static char *
directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? strdup("/")
			     : strndup(path, (size_t)(slash - path));
}

/* One who has no more rights than the user needs not become the user. */
int
drac_ctl_become_keeper(struct drac_ctl *ctl)
{
	struct drac_ctl_owner user;
	struct stat st;
	char *dir = directory_of(ctl->opts.path);
	bool there = dir != NULL && lstat(dir, &st) == 0;

	free(dir);
	if (!there || st.st_uid == 0 || st.st_uid == geteuid())
		return 0;
	if (find_user(&ctl->conf, &user) != 1 || user.uid != st.st_uid)
		return 0; /* the store refuses it */
	if (geteuid() == 0)
		return become(&user);
	ctl->opts.keeper = user.uid;
	return 0;
}

/* Whatever the umask is: others must be able to search it. */
static int
finish_directory(const char *dir, const struct drac_ctl_owner *owner)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result, saved;

	if (fd == -1)
		return -1;
	result = fchmod(fd, DIRECTORY_MODE);
	if (result == 0 && owner->uid != geteuid())
		result = fchown(fd, owner->uid, owner->gid);
	saved = errno;
	(void)close(fd);
	errno = saved;
	return result;
}

/* The last component only: a missing parent is more likely a typing error. */
static int
make_directory(const struct drac_ctl *ctl, const char *dir,
    const struct drac_ctl_owner *owner)
{
	if (mkdir(dir, DIRECTORY_MODE) == -1) {
		if (errno == EEXIST)
			return 0;
	} else if (finish_directory(dir, owner) == 0) {
		if (!ctl->quiet)
			drac_ctl_say("made the directory %s\n", dir);
		return 0;
	}
	drac_ctl_complain("%s: cannot make the directory: %s", dir,
	    strerror(errno));
	return -1;
}

static int
make_directory_of(const struct drac_ctl *ctl, const char *path,
    const struct drac_ctl_owner *owner)
{
	char *dir = directory_of(path);
	int result;

	if (dir == NULL) {
		drac_ctl_complain("out of memory");
		return -1;
	}
	result = make_directory(ctl, dir, owner);
	free(dir);
	return result;
}

/* Does the directory of the map belong to this user already? */
static bool
belongs_to(const struct drac_ctl *ctl, const struct drac_ctl_owner *owner)
{
	char *dir = directory_of(ctl->opts.path);
	struct stat st;
	bool does =
	    dir != NULL && lstat(dir, &st) == 0 && st.st_uid == owner->uid;

	free(dir);
	return does;
}

/* Only root can give; anybody else makes what is needed for itself. */
static int
settle(struct drac_ctl *ctl, const struct drac_ctl_owner *from,
    const struct drac_ctl_owner *to, bool kept)
{
	struct drac_ctl_owner me = { .uid = geteuid(), .gid = getegid() };

	if (kept && !belongs_to(ctl, to)) {
		drac_ctl_complain("a running rpc.dracd keeps the map %s: stop "
				  "it before the map is given to %s",
		    ctl->opts.path, to->name);
		return -1;
	}
	if (make_directory_of(ctl, ctl->opts.path, &me) == -1)
		return -1;
	return kept || me.uid != 0 ? 0 : drac_ctl_change_hands(ctl, from, to);
}

int
drac_ctl_settle(struct drac_ctl *ctl, bool kept)
{
	bool for_daemon = ctl->daemon || drac_conf_tells_local(&ctl->conf);
	struct drac_ctl_owner user = root;
	struct drac_ctl_owner me = { .name = "this user", .uid = geteuid() };
	int found = find_user(&ctl->conf, &user);

	if (!for_daemon)
		return settle(ctl, &user, me.uid == 0 ? &root : &me, kept);
	if (found != 1) {
		drac_ctl_complain(
		    "there is no user %s, which the key user names (useradd "
		    "--system --user-group --home-dir /var/lib/drac --shell "
		    "/usr/sbin/nologin %s makes it)",
		    ctl->conf.user, ctl->conf.user);
		return -1;
	}
	if (me.uid != 0 && me.uid != user.uid) {
		drac_ctl_complain("only root can give the map to %s",
		    user.name);
		return -1;
	}
	if (settle(ctl, &root, &user, kept) == -1)
		return -1;
	return make_directory_of(ctl, ctl->conf.socket, &user);
}
