/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Whose the map is: root's, or that of the user as whom the daemon runs.
 * Root touches nothing in a directory while somebody else may change what
 * is in there: it works as that user, or takes the directory first.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dracctl.h"
#include "place.h"

#define DIRECTORY_MODE 0755

struct owner {
	const char *name;
	uid_t uid;
	gid_t gid;
};

static const struct owner root = { .name = "root" };

/* The user of the configuration. 1 found, 0 there is none, -1. */
static int
find_user(const struct drac_conf *conf, struct owner *user)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(conf->user);
	if (entry == NULL)
		return errno == 0 || errno == ENOENT || errno == ESRCH ? 0 : -1;
	*user = (struct owner){ .name = conf->user,
		.uid = entry->pw_uid,
		.gid = entry->pw_gid };
	return 1;
}

static int
become(const struct owner *user)
{
	if (initgroups(user->name, user->gid) == 0 && setegid(user->gid) == 0 &&
	    seteuid(user->uid) == 0)
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
	struct owner user;
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

/* A change of hands on its way. */
struct change {
	const struct drac_ctl *ctl;
	struct owner from;
	struct owner to;
	struct drac_place place;
	bool foreign; /* the directory was not root's */
	bool changed;
};

/*
 * A file of another user's directory may have been somebody else's all
 * along, by a hard link. A group that is neither owner's own was chosen.
 */
static int
give_file(struct change *change, const char *name)
{
	const struct drac_place *place = &change->place;
	int fd = openat(place->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int result;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	result = fstat(fd, &st);
	if (result == 0 &&
	    (!S_ISREG(st.st_mode) || (change->foreign && st.st_nlink != 1))) {
		drac_ctl_complain("warning: %s beside the map is no file of "
				  "its own, left alone",
		    name);
	} else if (result == 0 && st.st_uid != change->to.uid) {
		gid_t gid =
		    st.st_gid == change->from.gid ? change->to.gid : (gid_t)-1;

		result = fchownat(fd, "", change->to.uid, gid, AT_EMPTY_PATH);
		change->changed = change->changed || result == 0;
	}
	(void)close(fd);
	return result;
}

static int
give_files(struct change *change)
{
	const struct drac_place *place = &change->place;
	size_t length = strlen(place->name);
	int fd = openat(place->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int result = 0;

	if (dir == NULL) {
		if (fd != -1)
			(void)close(fd);
		return -1;
	}
	while (result == 0 && (entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, place->name, length) == 0 &&
		    (entry->d_name[length] == '\0' ||
			entry->d_name[length] == '.'))
			result = give_file(change, entry->d_name);
	(void)closedir(dir);
	return result;
}

/* While the files change hands, the directory is root's. */
static int
give_all(struct change *change)
{
	struct stat st;

	if (fstat(change->place.dir, &st) == -1)
		return -1;
	change->foreign = st.st_uid != 0;
	if (change->foreign && fchown(change->place.dir, 0, (gid_t)-1) == -1)
		return -1;
	if (give_files(change) == -1)
		return -1;
	if (st.st_uid != change->to.uid) {
		change->changed = true;
		if (st.st_gid == change->from.gid)
			st.st_gid = change->to.gid;
	}
	return fchown(change->place.dir, change->to.uid, st.st_gid);
}

static int
change_hands(struct change *change)
{
	const struct drac_ctl *ctl = change->ctl;
	uid_t keeper =
	    change->from.uid != 0 ? change->from.uid : change->to.uid;
	struct drac_why why = { "" };
	int result;

	if (drac_place_open_kept(&change->place, ctl->opts.path, keeper,
		&why) == -1) {
		drac_ctl_failed(&why);
		return -1;
	}
	result = give_all(change);
	if (result == -1)
		drac_ctl_complain("cannot give the map to %s: %s",
		    change->to.name, strerror(errno));
	else if (change->changed && !ctl->quiet)
		drac_ctl_say("gave the map %s to %s\n", ctl->opts.path,
		    change->to.name);
	drac_place_close(&change->place);
	return result;
}

/* Whatever the umask is: others must be able to search it. */
static int
finish_directory(const char *dir, const struct owner *owner)
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
    const struct owner *owner)
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
    const struct owner *owner)
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

static bool
names_local_server(const struct drac_conf *conf)
{
	for (size_t i = 0; i < conf->server_count; i++)
		if (conf->servers[i].host == NULL)
			return true;
	return false;
}

/* Does the directory of the map belong to this user already? */
static bool
belongs_to(const struct drac_ctl *ctl, const struct owner *owner)
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
settle(struct drac_ctl *ctl, const struct owner *from, const struct owner *to,
    bool kept)
{
	struct change change = { .ctl = ctl, .from = *from, .to = *to };
	struct owner me = { .uid = geteuid(), .gid = getegid() };

	if (kept && !belongs_to(ctl, to)) {
		drac_ctl_complain("a running rpc.dracd keeps the map %s: stop "
				  "it before the map is given to %s",
		    ctl->opts.path, to->name);
		return -1;
	}
	if (make_directory_of(ctl, ctl->opts.path, &me) == -1)
		return -1;
	return kept || me.uid != 0 ? 0 : change_hands(&change);
}

int
drac_ctl_settle(struct drac_ctl *ctl, bool kept)
{
	bool for_daemon = ctl->daemon || names_local_server(&ctl->conf);
	struct owner user = root;
	struct owner me = { .name = "this user", .uid = geteuid() };
	int found = find_user(&ctl->conf, &user);

	if (!for_daemon)
		return settle(ctl, &user, me.uid == 0 ? &root : &me, kept);
	if (found != 1) {
		drac_ctl_complain("there is no user %s (the key user of the "
				  "configuration)",
		    ctl->conf.user);
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
