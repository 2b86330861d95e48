/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The map changes hands. Root touches nothing in a directory while somebody
 * else may change what is in there, so it takes the directory first. What
 * that one wrote stays out of root's logins, which trust a map in root's
 * directory: its entries go into a map of root's own.
 */

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dracctl.h"
#include "place.h"
#include "renew.h"

#define DIRECTORY_MODE 0755

/* A change on its way. */
struct change {
	const struct drac_ctl *ctl;
	const struct drac_ctl_owner *from;
	const struct drac_ctl_owner *to;
	struct drac_place place;
	struct stat dir; /* as it was */
	int lock;        /* the owner's lock, -1: not taken */
	bool changed;
	struct drac_closed closed; /* what the list held, for root's own */
	struct drac_why why;
};

static gid_t
new_group(const struct change *change, gid_t group)
{
	/* One that is not the owner's own was chosen. */
	return group == change->from->gid ? change->to->gid : group;
}

/* A file that has other names may be somebody else's all along. */
static bool
stands_alone(const struct change *change, const struct stat *st)
{
	return S_ISREG(st->st_mode) &&
	       (change->dir.st_uid == 0 || st->st_nlink == 1);
}

/*
 * The owner's lock on the map, while the directory is not ours yet: no
 * login of root's gets at the map between the two.
 */
static int
lock_map(struct change *change)
{
	const struct drac_place *place = &change->place;
	struct stat st;
	long pid;
	int owned;

	change->lock =
	    drac_place_file(place, DRAC_LOCK, O_RDWR, 0, &change->why);
	if (change->lock == -1 && errno == ENOENT)
		change->lock = drac_place_file(place, DRAC_LOCK,
		    O_RDWR | O_CREAT | O_EXCL, 0600, &change->why);
	if (change->lock == -1 || fstat(change->lock, &st) == -1)
		return -1;
	if (!stands_alone(change, &st)) {
		drac_why_set(&change->why, "%s%s is no file of its own",
		    place->path, DRAC_LOCK);
		errno = EPERM;
		return -1;
	}
	if (drac_lock_writers(place, change->lock, place->deadline_ms,
		&change->why) == -1)
		return -1;
	owned = drac_lock_owned(change->lock, &pid);
	if (owned == 1) {
		drac_why_set(&change->why,
		    "%s: kept by rpc.dracd (process %ld)", place->path, pid);
		errno = EBUSY;
	}
	if (owned != 0 || drac_lock_own(change->lock) == -1)
		return -1;
	drac_unlock_writers(change->lock);
	return 0;
}

/* From here on nobody but root changes what is in there. */
static int
take_directory(const struct change *change)
{
	int fd = change->place.dir;
	struct stat st;

	if (fchown(fd, 0, (gid_t)-1) == -1 ||
	    fchmod(fd, DIRECTORY_MODE) == -1 || fstat(fd, &st) == -1)
		return -1;
	if (st.st_uid == 0 && (st.st_mode & 07777) == DIRECTORY_MODE)
		return 0;
	errno = EPERM;
	return -1;
}

/* Is the lock that we have still the one that others would take? */
static int
check_lock(struct change *change)
{
	struct stat ours, named;

	if (fstat(change->lock, &ours) == 0 &&
	    drac_place_stat(&change->place, DRAC_LOCK, &named) == 0 &&
	    ours.st_ino == named.st_ino)
		return 0;
	drac_why_set(&change->why, "%s: somebody is at work there",
	    change->place.path);
	errno = EBUSY;
	return -1;
}

static int
renew_map(struct change *change)
{
	const struct drac_place *place = &change->place;
	const struct drac_store_opts *opts = &change->ctl->opts;
	struct drac_remap remap = { .place = place,
		.mode = opts->mode,
		.keep_owner = true,
		.sync = opts->sync };
	struct stat st;

	if (drac_place_stat(place, "", &st) == 0)
		remap.gid = new_group(change, st.st_gid);
	if (drac_renew(&remap, opts, &change->why) == -1) {
		struct drac_why inner = change->why;

		if (errno == EBADMSG)
			drac_why_set(&change->why,
			    "%.200s (dracctl sweep mends it)", inner.text);
		return -1;
	}
	drac_place_unlink(place, DRAC_NEW);
	drac_place_unlink(place, DRAC_NEW DRAC_JOURNAL);
	drac_place_unlink(place, DRAC_LOCK);
	return drac_closed_save(place, &change->closed, opts->mode & 0644,
	    &change->why);
}

/* Into root's hands. After a failure all is as it was. */
static int
take_map(struct change *change)
{
	int saved;

	if (lock_map(change) == -1 ||
	    drac_closed_load(&change->place, change->from->uid, &change->closed,
		&change->why) == -1)
		return -1;
	if (take_directory(change) == 0 && check_lock(change) == 0 &&
	    renew_map(change) == 0)
		return 0;
	saved = errno;
	if (fchown(change->place.dir, change->dir.st_uid, change->dir.st_gid) ==
	    -1)
		drac_ctl_complain("cannot give the directory back: %s",
		    strerror(errno));
	errno = saved;
	return -1;
}

static int
give_file(struct change *change, const char *name)
{
	int fd =
	    openat(change->place.dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int result;

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	result = fstat(fd, &st);
	if (result == 0 && !stands_alone(change, &st)) {
		drac_ctl_complain("warning: %s beside the map is no file of "
				  "its own, left alone",
		    name);
	} else if (result == 0 && st.st_uid != change->to->uid) {
		result = fchownat(fd, "", change->to->uid,
		    new_group(change, st.st_gid), AT_EMPTY_PATH);
		change->changed = change->changed || result == 0;
	}
	(void)close(fd);
	return result;
}

/* The map, or one of the files beside it. */
static bool
is_of_map(const struct drac_place *place, const char *name)
{
	size_t length = strlen(place->name);

	return strncmp(name, place->name, length) == 0 &&
	       (name[length] == '\0' || name[length] == '.');
}

static DIR *
list_directory(const struct drac_place *place)
{
	int fd = openat(place->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);

	if (dir == NULL && fd != -1)
		(void)close(fd);
	return dir;
}

static int
give_files(struct change *change)
{
	DIR *dir = list_directory(&change->place);
	const struct dirent *entry;
	int result = 0;

	if (dir == NULL)
		return -1;
	while (result == 0 && (entry = readdir(dir)) != NULL)
		if (is_of_map(&change->place, entry->d_name))
			result = give_file(change, entry->d_name);
	(void)closedir(dir);
	return result;
}

/* Whoever is given /etc/mail has all that is in there, and soon the host. */
static int
check_alone(struct change *change)
{
	DIR *dir = list_directory(&change->place);
	const struct dirent *entry;
	int result = 0;

	if (dir == NULL)
		return -1;
	while (result == 0 && (entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    strcmp(name, "lost+found") == 0 ||
		    is_of_map(&change->place, name))
			continue;
		drac_why_set(&change->why,
		    "%.200s: other files are in its directory (%.60s): give "
		    "it one of its own",
		    change->place.path, name);
		errno = EPERM;
		result = -1;
	}
	(void)closedir(dir);
	return result;
}

/* Is there a map in root's directory that is not root's? */
static bool
has_foreign_map(const struct change *change)
{
	struct stat st;

	return drac_place_stat(&change->place, "", &st) == 0 && st.st_uid != 0;
}

static int
give_all(struct change *change)
{
	bool foreign = change->dir.st_uid != 0;
	gid_t group = change->dir.st_gid;

	if (!foreign && change->to->uid != 0 && check_alone(change) == -1)
		return -1;
	if (change->to->uid == 0 && (foreign || has_foreign_map(change))) {
		if (take_map(change) == -1)
			return -1;
		change->changed = true;
	} else if (foreign && take_directory(change) == -1) {
		return -1;
	}
	if (give_files(change) == -1)
		return -1;
	if (change->dir.st_uid != change->to->uid) {
		change->changed = true;
		group = new_group(change, group);
	}
	return fchown(change->place.dir, change->to->uid, group);
}

static int
change_hands(struct change *change)
{
	if (fstat(change->place.dir, &change->dir) == -1)
		return -1;
	drac_place_start(&change->place, change->ctl->opts.timeout_ms);
	return give_all(change);
}

int
drac_ctl_change_hands(const struct drac_ctl *ctl,
    const struct drac_ctl_owner *from, const struct drac_ctl_owner *to)
{
	struct change change = { .ctl = ctl,
		.from = from,
		.to = to,
		.lock = -1 };
	uid_t keeper = from->uid != 0 ? from->uid : to->uid;
	int result;

	if (drac_place_open_kept(&change.place, ctl->opts.path, keeper,
		&change.why) == -1) {
		drac_ctl_failed(&change.why);
		return -1;
	}
	result = change_hands(&change);
	if (result == -1)
		drac_ctl_complain("cannot give the map to %s: %s", to->name,
		    change.why.text[0] != '\0' ? change.why.text
					       : strerror(errno));
	if (result == 0 && change.changed) {
		drac_ctl_log("gave the map %s to %s", ctl->opts.path, to->name);
		if (!ctl->quiet)
			drac_ctl_say("gave the map %s to %s\n", ctl->opts.path,
			    to->name);
	}
	if (change.lock != -1)
		(void)close(change.lock);
	drac_closed_free(&change.closed);
	drac_place_close(&change.place);
	return result;
}
